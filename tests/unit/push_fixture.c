#include "tests/unit/push_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "materializer/compare.h"
#include "materializer/lookup.h"
#include "store/history_log.h"

// clang-format off
#define SOURCE(name, rule, more)                                                          \
    "  " name ":\n"                                                                       \
    "    columns: {id: int64, user: int64, op: string, amount: int64, at: timestamp" more "}\n" \
    "    event_time: at\n"                                                                \
    "    event_id: id\n"                                                                  \
    "    op: op\n"                                                                        \
    "    expect: {amount: {between: [0, 100]}}\n"                                         \
    "    on_violation: " rule "\n"
#define VIEW(name, entity, source, more)                                                  \
    "  " name ":\n"                                                                       \
    "    entity: " entity "\n"                                                            \
    "    source: " source "\n"                                                            \
    "    features:\n"                                                                     \
    "      events: count() over all\n"                                                    \
    "      total: sum(amount) over 30d\n"                                                 \
    "      least: min(amount) over 7d hop exact\n" more

const char push_yaml[] =
    "entities:\n"
    "  user: {user: int64}\n"
    "sources:\n"
    SOURCE("clicks", "quarantine", "")
    SOURCE("orders", "reject", "")
    "views:\n"
    VIEW("clicks", "user", "clicks", "      newest: last(amount) within 90d\n")
    VIEW("orders", "user", "orders", "      newest: last(amount) within 90d\n")
    VIEW("kept", "user", "clicks", "")
    "services:\n"
    "  s: {features: [clicks.total, orders.events, orders.newest]}\n";

const char next_push_yaml[] =
    "entities:\n"
    "  user: {user: int64}\n"
    "  shop: {shop: int64}\n"
    "  world: {}\n"
    "sources:\n"
    SOURCE("clicks", "quarantine", ", shop: int64")
    SOURCE("orders", "reject", "")
    "views:\n"
    VIEW("clicks", "user", "clicks", "      first: first(shop) over all\n")
    VIEW("shops", "shop", "clicks", "      newest: last(amount) within 90d\n")
    VIEW("all_clicks", "world", "clicks", "")
    VIEW("kept", "user", "clicks", "")
    "services:\n"
    "  s: {features: [clicks.total, clicks.first, kept.events]}\n";
// clang-format on

#define MUST(expression)                                                                    \
    do {                                                                                    \
        if ((expression) == SS_OK) break;                                                   \
        fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #expression, error.message); \
        abort();                                                                            \
    } while (0)

struct ss_materializer *open_push_store(const char *directory, const struct ss_store_options *options,
                                        bool create)
{
    struct ss_error error = {0};
    struct ss_materializer *materializer = NULL;
    if (create) return open_new_store(directory, SS_CLOCK_REPLAY, options, push_yaml);
    MUST(ss_materializer_open(directory, SS_STORE_WRITE, options, &materializer, &error));
    return materializer;
}

void make_push(struct made_push *made, const struct ss_definitions *definitions, const char *source,
               const struct push_row *rows, int32_t count)
{
    memset(made, 0, sizeof *made);
    made->push = (struct ss_push){
        .source = ss_find_source(definitions, source), .length = count, .columns = made->columns};
    const size_t columns = made->push.source->column_count;
    for (size_t c = 0; c < columns; c++)
        if (!ss_column_init(&made->columns[c], made->push.source->columns[c].type, count + 1, &made->arena))
            abort();
    for (int32_t i = 0; i < count; i++) {
        const struct ss_value values[PUSH_COLUMNS] = {
            {.present = true, .i64 = rows[i].id},
            {.present = true, .i64 = rows[i].user},
            {.present = true, .text = ss_bytes_of(rows[i].is_delete ? "delete" : "insert")},
            {.present = true, .i64 = rows[i].amount},
            {.present = true, .i64 = rows[i].at_us},
            {.present = rows[i].shop != 0, .i64 = rows[i].shop}};
        for (size_t c = 0; c < columns; c++)
            if (!ss_column_append(&made->columns[c], values[c], &made->arena)) abort();
    }
}

void push_rows(struct ss_materializer *materializer, const char *source, bool live,
               const struct push_row *rows, int32_t count)
{
    struct ss_error error = {0};
    struct ss_push_result result;
    struct made_push made;
    make_push(&made, materializer->definitions, source, rows, count);
    made.push.live = live;
    MUST(ss_push(materializer, &made.push, &result, &error));
    release_push(&made);
}

void release_push(struct made_push *made)
{
    ss_arena_release(&made->arena);
}

// ---- All that a store holds

static void add(struct ss_buffer *all, const void *bytes, size_t size)
{
    ss_buffer_append(all, bytes, size);
    if (all->failed) abort();
}

static void add_log(struct ss_materializer *materializer, const char *source, struct ss_buffer *all)
{
    struct ss_error error = {0};
    struct ss_log *log = NULL;
    const struct ss_log_batch *batch;
    MUST(ss_log_open(materializer->store->history, source, 1, UINT64_MAX >> 1, NULL, &log, &error));
    const struct ss_log_source *as = ss_log_source(log);
    for (;;) {
        MUST(ss_log_next(log, &batch, &error));
        if (!batch) break;
        for (int32_t row = 0; row < batch->length; row++) {
            add(all, &batch->seq[row], sizeof batch->seq[row]);
            add(all, &batch->event_time_us[row], sizeof batch->event_time_us[row]);
            add(all, &batch->deleted_seq[row], sizeof batch->deleted_seq[row]);
            for (size_t c = 0; c < as->column_count; c++) {
                const struct ss_value value = ss_column_get(&batch->columns[c], row);
                if (!value.present) continue; // as in a column that was added later
                add(all, as->column_names[c], strlen(as->column_names[c]));
                ss_value_format(as->column_types[c], value, all);
            }
        }
    }
    ss_log_close(log);
}

static enum ss_status add_quarantined(void *context, const struct ss_quarantine_row *row)
{
    add(context, row->source, strlen(row->source));
    add(context, &row->line, sizeof row->line);
    add(context, row->column, strlen(row->column));
    add(context, row->value.data, row->value.size);
    add(context, row->reason, strlen(row->reason));
    return SS_OK;
}

static void add_digests(struct ss_materializer *materializer, struct ss_buffer *all)
{
    struct ss_error error = {0};
    struct ss_pinned pinned;
    MUST(ss_pin(materializer, false, 0, &pinned, &error));
    for (size_t v = 0; v < materializer->definitions->view_count; v++) {
        const struct ss_view *view = &materializer->definitions->views[v];
        const struct ss_read_point point = {.t_us = pinned.t_us, .s = pinned.applied.seq};
        struct ss_digest online, offline;
        MUST(ss_digest_online(pinned.txn, view, pinned.t_us, pinned.applied.seq, &online, &error));
        MUST(ss_digest_offline(materializer->store->history, view, point, &offline, &error));
        if (memcmp(&online.hash, &offline.hash, sizeof online.hash) != 0) {
            fprintf(stderr, "view %s: online is not what history says\n", view->name);
            abort();
        }
        add(all, &online.hash, sizeof online.hash);
    }
    add(all, &pinned.applied.seq, sizeof pinned.applied.seq);
    ss_unpin(&pinned);
}

struct ss_sha256 hash_of_store(struct ss_materializer *materializer)
{
    struct ss_error error = {0};
    struct ss_buffer all = {0};
    for (size_t i = 0; i < materializer->definitions->source_count; i++)
        add_log(materializer, materializer->definitions->sources[i].name, &all);
    MUST(ss_history_each_quarantined(materializer->store->history, NULL, add_quarantined, &all, &error));
    add_digests(materializer, &all);
    const struct ss_sha256 hash = ss_sha256_of(all.data, all.size);
    ss_buffer_release(&all);
    return hash;
}
