// STOP-GAP, for the tests of branch `train` alone: drop this file when merging; the columnar history scans by
// itself. All of a source by entity, as ss_history_read_entity gives it, with spans.

#include "store/history_internal.h"

#include "engine/key.h"

#include <stdlib.h>

struct scan_reader {
    struct ss_event_reader reader;
    struct ss_event_reader *inner;
    const struct ss_view *view;
    struct ss_bytes low, high;
    struct ss_arena arena;
    struct ss_event_batch batch;
    bool ended;
};

static enum ss_status make_spans(struct scan_reader *scan, struct ss_error *error)
{
    const struct ss_entity *entity = scan->view->entity;
    struct ss_event_batch *batch = &scan->batch;
    struct ss_entity_span *spans = ss_arena_array(&scan->arena, (size_t)batch->length + 1, sizeof *spans);
    if (!spans) return ss_fail_memory(error, "the spans of a scan");
    batch->spans = spans;
    batch->span_count = 0;
    for (int32_t row = 0; row < batch->length; row++) {
        struct ss_value parts[SS_MAX_KEYS];
        struct ss_key key;
        for (size_t i = 0; i < entity->key_count; i++)
            parts[i] = ss_column_get(&batch->columns[scan->view->key_columns[i]], row);
        if (ss_key_encode(entity->key_types, parts, entity->key_count, &key) != SS_KEY_OK) continue;
        const struct ss_bytes bytes = {(const char *)key.bytes, key.size};
        if (scan->low.size && ss_bytes_compare(bytes, scan->low) < 0) continue;
        if (scan->high.size && ss_bytes_compare(bytes, scan->high) > 0) {
            scan->ended = true;
            break;
        }
        struct ss_entity_span *last = batch->span_count ? &spans[batch->span_count - 1] : NULL;
        if (last && last->end == row && ss_bytes_equal(last->key, bytes)) {
            last->end++;
            continue;
        }
        const char *copy = ss_arena_copy(&scan->arena, bytes.data, bytes.size);
        if (!copy) return ss_fail_memory(error, "the spans of a scan");
        spans[batch->span_count++] = (struct ss_entity_span){{copy, bytes.size}, row, row + 1};
    }
    return SS_OK;
}

static enum ss_status next_scanned(struct ss_event_reader *base, const struct ss_event_batch **batch,
                                   struct ss_error *error)
{
    struct scan_reader *scan = (struct scan_reader *)base;
    const struct ss_event_batch *inner = NULL;
    ss_arena_reset(&scan->arena);
    if (!scan->ended) SS_TRY(scan->inner->next(scan->inner, &inner, error));
    *batch = NULL;
    if (!inner) return SS_OK;
    scan->batch = *inner;
    SS_TRY(make_spans(scan, error));
    *batch = &scan->batch;
    return SS_OK;
}

static void close_scan(struct ss_event_reader *base)
{
    struct scan_reader *scan = (struct scan_reader *)base;
    scan->inner->close(scan->inner);
    ss_arena_release(&scan->arena);
    free(scan);
}

enum ss_status ss_history_scan(struct ss_history *history, const struct ss_entity_scan *scan,
                               struct ss_event_reader **reader, struct ss_error *error)
{
    const struct ss_entity *entity = scan->view->entity;
    struct ss_value parts[SS_MAX_KEYS];
    enum ss_status status = SS_OK;
    bool one = scan->low.size && ss_bytes_equal(scan->low, scan->high);
    struct scan_reader *made = calloc(1, sizeof *made);
    struct ss_view *wide = calloc(1, sizeof *wide); // the view, reading all columns that are asked for
    if (!made || !wide) status = ss_fail_memory(error, "a scan of history");
    if (status == SS_OK) {
        made->reader = (struct ss_event_reader){next_scanned, close_scan};
        made->view = scan->view;
        made->low = scan->low;
        made->high = scan->high;
        *wide = *scan->view;
        wide->row_inputs = scan->columns;
        if (one)
            SS_ASSERT(ss_key_decode(entity->key_types, entity->key_count, scan->low, &made->arena, parts) ==
                      SS_KEY_READ);
        status = ss_history_read_entity(history, wide, one ? parts : NULL, scan->from_us, scan->to_us,
                                        scan->s, &made->inner, error);
    }
    if (status == SS_OK) {
        // The reader borrows the view for its entity and key columns: give it the caller's again.
        ss_history_reader_set_view(made->inner, scan->view);
        *reader = &made->reader;
    } else if (made) {
        ss_arena_release(&made->arena);
        free(made);
    }
    free(wide);
    return status;
}
