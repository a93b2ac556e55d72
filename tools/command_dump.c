// dump: the online rows of a view as they lie there: counts and tiles. Reads no history; --history does
// (dump_history.h).

#include <getopt.h>
#include <string.h>

#include "engine/key.h"
#include "engine/state.h"
#include "materializer/lookup.h"
#include "tools/cli.h"
#include "tools/dump_history.h"

struct dump {
    const struct ss_view *view;
    struct ss_arena arena;
    struct ss_error *error;
    uint64_t rows;
};

static enum ss_status print_row(void *context, struct ss_bytes key, struct ss_bytes bytes)
{
    struct dump *dump = context;
    const struct ss_entity *entity = dump->view->entity;
    struct ss_value parts[SS_MAX_KEYS];
    struct ss_buffer text = {0};
    struct ss_state *state;
    ss_arena_reset(&dump->arena);
    const enum ss_key_read read =
        ss_key_decode(entity->key_types, entity->key_count, key, &dump->arena, parts);
    if (read == SS_KEY_NO_MEMORY) return ss_fail_memory(dump->error, "a key");
    if (read == SS_KEY_BAD)
        return ss_fail(dump->error, SS_DAMAGED, "view '%s': a key of %zu bytes is no key of entity '%s'",
                       dump->view->name, key.size, entity->name);
    ss_key_format(entity->key_names, entity->key_types, parts, entity->key_count, &text);
    if (entity->key_count == 0) ss_buffer_text(&text, "(one row, no key)");
    printf("%.*s  %zu bytes\n", (int)text.size, text.data ? (const char *)text.data : "", bytes.size);
    ss_buffer_clear(&text);
    enum ss_status status = ss_state_decode(dump->view, bytes, &dump->arena, &state, dump->error);
    if (status == SS_OK) status = ss_state_print(state, &text, dump->error);
    if (status == SS_OK) fwrite(text.data, 1, text.size, stdout);
    ss_buffer_release(&text);
    dump->rows++;
    return status;
}

static enum ss_status parse_key(const struct ss_entity *entity, char **pairs, int count,
                                struct ss_arena *arena, struct ss_key *key, struct ss_error *error)
{
    struct ss_value parts[SS_MAX_KEYS] = {{0}};
    for (int p = 0; p < count; p++) {
        const char *name, *text, *reason;
        size_t k = 0;
        if (!ss_cli_pair(pairs[p], arena, &name, &text))
            return ss_fail(error, SS_INVALID, "expected KEY=VALUE, got '%s'", pairs[p]);
        while (k < entity->key_count && strcmp(entity->key_names[k], name) != 0) k++;
        if (k == entity->key_count)
            return ss_fail(error, SS_INVALID, "entity '%s' has no key '%s'", entity->name, name);
        if (ss_value_parse(entity->key_types[k], ss_bytes_of(text), SS_UNIT_TEXT, NULL, arena, &parts[k],
                           &reason))
            continue;
        return !reason ? ss_fail_memory(error, "a key")
                       : ss_fail(error, SS_INVALID, "key '%s': %s: '%.60s'", name, reason, text);
    }
    for (size_t k = 0; k < entity->key_count; k++)
        if (!parts[k].present)
            return ss_fail(error, SS_INVALID, "entity '%s': key '%s' is missing; add %s=VALUE", entity->name,
                           entity->key_names[k], entity->key_names[k]);
    if (ss_key_encode(entity->key_types, parts, entity->key_count, key) == SS_KEY_OK) return SS_OK;
    return ss_fail(error, SS_INVALID, "entity '%s': the key is longer than %d bytes when encoded",
                   entity->name, SS_KEY_MAX);
}

static enum ss_status dump_one(struct dump *dump, struct ss_online_txn *txn, char **pairs, int count)
{
    struct ss_bytes state;
    struct ss_key key;
    SS_TRY(parse_key(dump->view->entity, pairs, count, &dump->arena, &key, dump->error));
    const struct ss_bytes bytes = {(const char *)key.bytes, key.size};
    SS_TRY(ss_online_get(txn, &dump->view->fingerprint, bytes, &state, dump->error));
    if (!state.data)
        return ss_fail(dump->error, SS_NOT_FOUND, "view '%s': no row of that key", dump->view->name);
    return print_row(dump, bytes, state);
}

static int dump_view(struct ss_cli *cli, const char *view, char **pairs, int count)
{
    struct ss_error error = {0};
    struct ss_materializer *materializer = NULL;
    struct dump dump = {.error = &error};
    struct ss_pinned pinned = {0};
    enum ss_status status = ss_cli_open(cli, SS_STORE_READ, &materializer, &error);
    if (status == SS_OK) status = ss_pin(materializer, false, 0, &pinned, &error);
    if (status == SS_OK) status = ss_require_view(materializer, view, &dump.view, &error);
    if (status == SS_OK && count > 0)
        status = dump_one(&dump, pinned.txn, pairs, count);
    else if (status == SS_OK)
        status = ss_online_scan(pinned.txn, &dump.view->fingerprint, print_row, &dump, &error);
    ss_unpin(&pinned);
    ss_arena_release(&dump.arena);
    ss_materializer_close(materializer);
    return status == SS_OK ? SS_EXIT_OK : ss_cli_fail(&error);
}

int ss_command_dump(struct ss_cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"history", required_argument, NULL, 'h'}, {0}};
    const char *source = NULL;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'h') return ss_cli_usage(cli, "unknown option");
        source = optarg;
    }
    if (source && optind < argc) return ss_cli_usage(cli, "unexpected '%s'", argv[optind]);
    if (source) return ss_dump_history(cli, source);
    if (optind == argc) return ss_cli_usage(cli, "which view?");
    return dump_view(cli, argv[optind], argv + optind + 1, argc - optind - 1);
}
