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
        "usage: selfsame [--dir DIR | --server ADDR] [--json] [--now TIME] COMMAND ...\n\n"
        "  --dir DIR           the store (default $SELFSAME_DIR, else ./selfsame-store)\n"
        "  --server ADDR       ask this server instead (default $SELFSAME_SERVER): HOST:PORT, tls:HOST:PORT, "
        "unix:/PATH\n"
        "  --token-file FILE   the token for it, in the first line (default: $SELFSAME_TOKEN is the token)\n"
        "  --ca FILE           of tls:, who signed the server's certificate; default: the system's "
        "authorities\n"
        "  --cert FILE --key FILE   of tls:, the client's own certificate and its key\n"
        "  --json              results as JSON\n"
        "  --now TIME          move a replay clock forward to TIME first\n"
        "  --version           what this is\n\n"
        "commands:\n",
        out);
    for (size_t i = 0; i < count; i++) fprintf(out, "  %-13s %s\n", commands[i].name, commands[i].summary);
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
    static const char *const later[] = {"--log", "explain"};
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

// Of --NAME VALUE and --NAME=VALUE; NULL: it is not that option. *taken: how many of argv it is.
static const char *option_value(char **argv, int left, const char *name, int *taken)
{
    const size_t size = strlen(name);
    if (strncmp(argv[0], name, size) != 0) return NULL;
    *taken = argv[0][size] == '=' ? 1 : 2;
    if (argv[0][size] == '=') return argv[0] + size + 1;
    return argv[0][size] == 0 && left > 1 ? argv[1] : NULL;
}

// Takes one global option, if that is what argv begins with. Returns how many of argv it is, or -1 after
// printing an error. Options about a server are left to a command that has its own.
static int take_global(struct ss_cli *cli, char **argv, int left, bool has_own)
{
    const char *now = NULL;
    struct {
        const char *name, **value;
    } const texts[] = {{"--dir", &cli->directory}, {"--now", &now},
                       {"--server", &cli->server}, {"--token-file", &cli->token_file},
                       {"--ca", &cli->ca_file},    {"--cert", &cli->cert_file},
                       {"--key", &cli->key_file}};
    const size_t count = has_own ? 2 : sizeof texts / sizeof *texts;
    if (strcmp(argv[0], "--json") == 0) {
        cli->json = true;
        return 1;
    }
    for (size_t i = 0; i < count; i++) {
        int taken;
        const char *value = option_value(argv, left, texts[i].name, &taken);
        if (!value && strcmp(argv[0], texts[i].name) != 0) continue;
        if (!value) fprintf(stderr, "selfsame: %s needs a value\n", argv[0]);
        *texts[i].value = value;
        return !value || (now && !parse_now(cli, now)) ? -1 : taken;
    }
    return 0;
}

// Takes the global options out of argv, wherever they stand before "--". Returns the new argc, or -1 after
// printing an error.
static int take_globals(struct ss_cli *cli, int argc, char **argv)
{
    int kept = 1;
    for (int i = 1; i < argc;) {
        if (strcmp(argv[i], "--") == 0) {
            while (i < argc) argv[kept++] = argv[i++];
            break;
        }
        const struct ss_command *command = kept > 1 ? find_command(argv[1]) : NULL;
        const int taken = take_global(cli, argv + i, argc - i, command && command->store == SS_ON_NONE);
        if (taken < 0) return -1;
        if (taken == 0) argv[kept++] = argv[i];
        i += taken ? taken : 1;
    }
    argv[kept] = NULL;
    return kept;
}

static const char *environment(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

// What the command works on: what the command line says, else the environment. Returns 0, or the exit status
// after printing what is wrong.
static int choose_store(struct ss_cli *cli)
{
    const bool is_given = cli->server != NULL;
    const bool is_any = cli->command->store == SS_ON_NONE;
    if (!is_any && is_given && cli->directory) return ss_cli_usage(cli, "--dir or --server, not both");
    if (!is_any && !cli->directory && !is_given) cli->server = environment("SELFSAME_SERVER", NULL);
    if (cli->server && !*cli->server)
        return ss_cli_usage(cli, "--server: expected HOST:PORT, tls:HOST:PORT or unix:/PATH");
    if (cli->server && cli->command->store == SS_ON_FOLDER)
        return ss_cli_usage(cli, "works on a store's folder only, not on server '%s'; %s", cli->server,
                            is_given ? "leave --server out, on the machine that has the folder"
                                     : "add --dir DIR (it is $SELFSAME_SERVER that names the server)");
    if (!cli->directory) cli->directory = environment("SELFSAME_DIR", NULL);
    cli->has_directory = cli->directory != NULL;
    if (!cli->directory) cli->directory = "selfsame-store";
    return 0;
}

int main(int argc, char **argv)
{
    struct ss_cli cli = {0};
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
    const int misused = choose_store(&cli);
    if (misused) return misused;
    const int status = cli.command->run(&cli, argc - 1, argv + 1);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("selfsame: standard output could not be written\n", stderr);
        return SS_EXIT_ERROR;
    }
    return status;
}
