// selfsame: one binary, a file per subcommand.

#include <stdlib.h>
#include <string.h>

#include "engine/base/float_environment.h"
#include "engine/diagnostics.h"
#include "tools/cli.h"

#ifndef SS_VERSION_TEXT
#error "the build gives SS_VERSION_TEXT"
#endif

static void print_help(FILE *out)
{
    size_t count;
    const struct ss_command *commands = ss_commands(&count);
    fputs(
        "selfsame: a feature store. Features are written once; training and serving see the selfsame "
        "bits.\n\n"
        "usage: selfsame [--dir DIR] [--json] [--now TIME] COMMAND ...\n\n"
        "  --dir DIR    the store (default $SELFSAME_DIR, else ./selfsame-store)\n"
        "  --json       results as JSON\n"
        "  --now TIME   move a replay clock forward to TIME first\n"
        "  --version    what this is\n\n"
        "commands:\n",
        out);
    for (size_t i = 0; i < count; i++) fprintf(out, "  %-11s %s\n", commands[i].name, commands[i].summary);
    fputs(
        "\n'selfsame COMMAND --help' tells about one. A first session:\n\n"
        "  selfsame init --clock replay\n"
        "  selfsame apply features.yaml --yes\n"
        "  selfsame ingest payments payments.csv\n"
        "  selfsame train fraud_v1 --spine labels.csv --time at -o train.csv\n"
        "  selfsame get fraud_v1 user_id=u1 merchant_id=7\n"
        "  selfsame skew fraud_v1 --probe all\n",
        out);
}

static const struct ss_command *find_command(const char *name)
{
    size_t count;
    const struct ss_command *commands = ss_commands(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

// Of the agreed command line, but made later.
static bool is_later(const char *name)
{
    static const char *const later[] = {"--server", "--log", "explain", "rebuild-table"};
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (strcmp(name, later[i]) == 0) return true;
    return false;
}

static int unknown_command(const char *name)
{
    const char *names[64];
    size_t count;
    const struct ss_command *commands = ss_commands(&count);
    for (size_t i = 0; i < count; i++) names[i] = commands[i].name;
    const char *nearest = ss_nearest_name(ss_bytes_of(name), names, count);
    if (is_later(name))
        fprintf(stderr, "selfsame: '%s' is not there yet", name);
    else
        fprintf(stderr, "selfsame: '%s' is no %s", name, name[0] == '-' ? "option" : "command");
    if (nearest && !is_later(name)) fprintf(stderr, "; did you mean '%s'?", nearest);
    fputs("\n'selfsame --help' lists what there is\n", stderr);
    return SS_EXIT_ERROR;
}

static bool parse_now(struct ss_cli *cli, const char *text)
{
    cli->has_now = ss_time_parse(ss_bytes_of(text), SS_UNIT_TEXT, NULL, &cli->now_us);
    if (!cli->has_now)
        fprintf(stderr,
                "selfsame: --now: '%s' is no time; write 2026-01-31T10:00:00Z or 2026-01-31 10:00:00\n",
                text);
    return cli->has_now;
}

// Takes the global options out of argv, wherever they stand before "--". Returns the new argc, or -1 after
// printing an error.
static int take_globals(struct ss_cli *cli, int argc, char **argv)
{
    int kept = 1;
    for (int i = 1; i < argc; i++) {
        const bool takes_value = strcmp(argv[i], "--dir") == 0 || strcmp(argv[i], "--now") == 0;
        if (strcmp(argv[i], "--") == 0) {
            while (i < argc) argv[kept++] = argv[i++];
            break;
        }
        if (takes_value && i + 1 == argc) {
            fprintf(stderr, "selfsame: %s needs a value\n", argv[i]);
            return -1;
        }
        if (strcmp(argv[i], "--json") == 0)
            cli->json = true;
        else if (strcmp(argv[i], "--dir") == 0)
            cli->directory = argv[++i], cli->has_directory = true;
        else if (strncmp(argv[i], "--dir=", 6) == 0)
            cli->directory = argv[i] + 6, cli->has_directory = true;
        else if (takes_value || strncmp(argv[i], "--now=", 6) == 0) {
            if (!parse_now(cli, takes_value ? argv[++i] : argv[i] + 6)) return -1;
        } else
            argv[kept++] = argv[i];
    }
    argv[kept] = NULL;
    return kept;
}

int main(int argc, char **argv)
{
    const char *from_environment = getenv("SELFSAME_DIR");
    struct ss_cli cli = {.directory =
                             from_environment && *from_environment ? from_environment : "selfsame-store"};
    cli.has_directory = from_environment && *from_environment;
    struct ss_error error;
    if (ss_float_environment_check(&error) != SS_OK) {
        fprintf(stderr, "selfsame: %s\n", error.message);
        return SS_EXIT_ERROR;
    }
    argc = take_globals(&cli, argc, argv);
    if (argc < 0) return SS_EXIT_ERROR;
    if (argc < 2) {
        print_help(stderr);
        return SS_EXIT_ERROR;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return SS_EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("selfsame " SS_VERSION_TEXT);
        return SS_EXIT_OK;
    }
    cli.command = find_command(argv[1]);
    if (!cli.command) return unknown_command(argv[1]);
    if (ss_cli_help(&cli, argc - 1, argv + 1)) return SS_EXIT_OK;
    const int status = cli.command->run(&cli, argc - 1, argv + 1);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("selfsame: standard output could not be written\n", stderr);
        return SS_EXIT_ERROR;
    }
    return status;
}
