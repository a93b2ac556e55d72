// token: who may call a served store. Works beside a running server, which sees the change within a second.

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/tokens.h"
#include "tools/cli.h"

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * SS_SECOND_US; // whole seconds are enough
}

// ---- create

struct creation {
    struct ss_token_right *rights; // as many as argv has
    struct ss_token_request request;
};

static bool parse_expiry(const char *text, int64_t created_us, int64_t *expires_us)
{
    int64_t duration_us;
    if (!ss_duration_parse(ss_bytes_of(text), &duration_us))
        return ss_time_parse(ss_bytes_of(text), SS_UNIT_TEXT, NULL, expires_us);
    *expires_us = duration_us < SS_TIME_MAX_US - created_us ? created_us + duration_us : SS_TIME_MAX_US;
    return true;
}

// SS_EXIT_OK, or the status after a message.
static int read_creation(const struct ss_cli *cli, int argc, char **argv, struct creation *creation)
{
    static const struct option options[] = {
        {"allow", required_argument, NULL, 'a'}, {"expires", required_argument, NULL, 'e'}, {0}};
    struct ss_token_request *request = &creation->request;
    struct ss_error error;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'a') {
            if (ss_token_right_parse(optarg, &creation->rights[request->right_count], &error) != SS_OK)
                return ss_cli_fail(&error);
            request->right_count++;
        } else if (option == 'e') {
            if (!parse_expiry(optarg, request->created_us, &request->expires_us))
                return ss_cli_usage(
                    cli, "--expires: '%s' is neither a duration (90d) nor a time (2026-12-31)", optarg);
        } else {
            return ss_cli_usage(cli, "unknown option");
        }
    }
    if (optind + 1 != argc) return ss_cli_usage(cli, "expected one NAME");
    request->name = argv[optind];
    request->rights = creation->rights;
    return SS_EXIT_OK;
}

static struct json_object *json_rights(const struct ss_token_right *rights, size_t count)
{
    struct json_object *list = json_object_new_array();
    for (size_t i = 0; i < count; i++) {
        struct ss_buffer text = {0};
        ss_token_right_print(&rights[i], &text);
        json_object_array_add(list, json_object_new_string_len((const char *)text.data, (int)text.size));
        ss_buffer_release(&text);
    }
    return list;
}

static struct json_object *json_expiry(int64_t expires_us)
{
    return expires_us == SS_TOKEN_NEVER ? NULL : ss_cli_json_time(expires_us);
}

static void print_created(const struct ss_cli *cli, const struct ss_token_request *request, const char *text)
{
    if (!cli->json) {
        puts(text);
        fprintf(stderr, "token '%s' was made; this is the only time it is shown\n", request->name);
        return;
    }
    struct json_object *root = json_object_new_object();
    json_object_object_add(root, "name", json_object_new_string(request->name));
    json_object_object_add(root, "id", json_object_new_string_len(text + 4, SS_TOKEN_ID_CHARS));
    json_object_object_add(root, "token", json_object_new_string(text));
    json_object_object_add(root, "rights", json_rights(request->rights, request->right_count));
    json_object_object_add(root, "created", ss_cli_json_time(request->created_us));
    json_object_object_add(root, "expires", json_expiry(request->expires_us));
    ss_cli_print_json(root);
}

static int create(const struct ss_cli *cli, int argc, char **argv)
{
    char text[SS_TOKEN_TEXT_SIZE];
    struct ss_error error = {0};
    struct creation creation = {.rights = calloc((size_t)argc, sizeof *creation.rights),
                                .request = {.created_us = now_us(), .expires_us = SS_TOKEN_NEVER}};
    if (!creation.rights) {
        ss_fail_memory(&error, "rights");
        return ss_cli_fail(&error);
    }
    int exit = read_creation(cli, argc, argv, &creation);
    if (exit == SS_EXIT_OK) {
        if (ss_token_create(cli->directory, &creation.request, text, &error) == SS_OK)
            print_created(cli, &creation.request, text);
        else
            exit = ss_cli_fail(&error);
    }
    free(creation.rights);
    return exit;
}

// ---- list

static void print_list(const struct ss_tokens *tokens, int64_t at_us)
{
    char created[SS_TIME_TEXT_SIZE], expires[SS_TIME_TEXT_SIZE];
    struct ss_table table;
    ss_table_init(&table, 5, (const char *const[]){"name", "id", "created", "expires", "rights"});
    for (size_t i = 0; i < ss_tokens_count(tokens); i++) {
        const struct ss_token *token = ss_tokens_at(tokens, i);
        struct ss_buffer rights = {0};
        for (size_t r = 0; r < token->right_count; r++) {
            if (r) ss_buffer_byte(&rights, ' ');
            ss_token_right_print(&token->rights[r], &rights);
        }
        ss_table_cell(&table, "%s", token->name);
        ss_table_cell(&table, "%s", token->id);
        ss_table_cell(&table, "%.19sZ", ss_time_format(token->created_us, created));
        ss_table_cell(&table, "%s%s",
                      token->expires_us == SS_TOKEN_NEVER ? "never"
                                                          : ss_time_format(token->expires_us, expires),
                      token->expires_us <= at_us ? " (expired)" : "");
        ss_table_text(&table, (struct ss_bytes){(const char *)rights.data, rights.size});
        ss_buffer_release(&rights);
    }
    ss_table_print(&table, stdout);
}

static void print_json(const struct ss_tokens *tokens, int64_t at_us)
{
    struct json_object *list = json_object_new_array();
    for (size_t i = 0; i < ss_tokens_count(tokens); i++) {
        const struct ss_token *token = ss_tokens_at(tokens, i);
        struct json_object *item = json_object_new_object();
        json_object_object_add(item, "name", json_object_new_string(token->name));
        json_object_object_add(item, "id", json_object_new_string(token->id));
        json_object_object_add(item, "rights", json_rights(token->rights, token->right_count));
        json_object_object_add(item, "created", ss_cli_json_time(token->created_us));
        json_object_object_add(item, "expires", json_expiry(token->expires_us));
        json_object_object_add(item, "expired", json_object_new_boolean(token->expires_us <= at_us));
        json_object_array_add(list, item);
    }
    ss_cli_print_json(list);
}

static int list(const struct ss_cli *cli, int argc, char **argv)
{
    struct ss_error error = {0};
    struct ss_tokens *tokens = NULL;
    if (argc != 1) return ss_cli_usage(cli, "unexpected '%s'", argv[1]);
    if (ss_tokens_load_from_store(cli->directory, &tokens, &error) != SS_OK) return ss_cli_fail(&error);
    if (cli->json)
        print_json(tokens, now_us());
    else if (ss_tokens_count(tokens))
        print_list(tokens, now_us());
    else
        puts(ss_tokens_exist(tokens) ? "no tokens; all were revoked" : "no tokens; none was ever made");
    ss_tokens_release(tokens);
    return SS_EXIT_OK;
}

// ---- revoke

static int revoke(const struct ss_cli *cli, int argc, char **argv)
{
    struct ss_error error = {0};
    if (argc != 2) return ss_cli_usage(cli, "expected one NAME");
    if (ss_token_revoke(cli->directory, argv[1], &error) != SS_OK) return ss_cli_fail(&error);
    fprintf(stderr, "token '%s' was revoked\n", argv[1]);
    return SS_EXIT_OK;
}

int ss_command_token(struct ss_cli *cli, int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "create") == 0) return create(cli, argc - 1, argv + 1);
    if (strcmp(what, "list") == 0) return list(cli, argc - 1, argv + 1);
    if (strcmp(what, "revoke") == 0) return revoke(cli, argc - 1, argv + 1);
    return ss_cli_usage(cli, "expected create, list or revoke");
}
