// Point-in-time join.
//
// 1. Per view of the service: spine rows in order of (key, s, t). One sweep per (key, s) gives the state at
//    each t; the readings of up to SS_BATCH_ROWS rows go through the view's read program; the features that
//    the service reads are kept, 8 bytes and a mark per cell, at the row's place in the spine.
// 2. In spine order: the service's program over SS_BATCH_ROWS rows at a time, handed to the sink.
//
// A row with a null key part reads an empty state. What differs from a lookup is only where the state comes
// from.

#include "materializer/point_in_time.h"

#include "engine/key.h"
#include "materializer/sweep.h"

#include <stdlib.h>
#include <string.h>

#define PRESENT 0x80 // in a cell's marks: the value is there

// One feature that the service reads, for every row of the spine.
struct kept {
    struct ss_type type;
    uint8_t *marks;   // SS_MARK_… and PRESENT
    uint64_t *values; // bits of the value; strings: index into `texts`
    struct ss_bytes *texts;
};

struct visit {           // a spine row on its way through one view
    struct ss_bytes key; // encoded; empty: a part is null
    uint64_t s;
    int64_t t_us;
    int64_t row;
};

struct join {
    struct ss_history *history;
    const struct ss_service *service;
    const struct ss_spine *spine;
    const struct ss_point_in_time_sink *sink;
    struct ss_events_at_hand at_hand;
    struct ss_arena arena; // what lives as long as the join
    struct ss_arena batch; // of one run of up to SS_BATCH_ROWS rows
    struct kept *kept;     // read_count
    int64_t done, total;
};

static int64_t row_time(const struct ss_spine *spine, int64_t row)
{
    return spine->t_us[row] + (spine->inclusive ? 1 : 0);
}

static enum ss_status keep_reads(struct join *join, struct ss_error *error)
{
    const size_t rows = (size_t)join->spine->length + 1;
    const struct ss_service *service = join->service;
    join->kept = ss_arena_array(&join->arena, service->read_count + 1, sizeof *join->kept);
    if (!join->kept) return ss_fail_memory(error, "a training table");
    for (size_t r = 0; r < service->read_count; r++) {
        struct kept *kept = &join->kept[r];
        kept->type = service->views[service->reads[r].view]->features[service->reads[r].feature].type;
        kept->marks = ss_arena_array(&join->arena, rows, sizeof *kept->marks);
        if (ss_type_is_text(kept->type))
            kept->texts = ss_arena_array(&join->arena, rows, sizeof *kept->texts);
        else
            kept->values = ss_arena_array(&join->arena, rows, sizeof *kept->values);
        if (!kept->marks || (!kept->values && !kept->texts)) return ss_fail_memory(error, "a training table");
    }
    return SS_OK;
}

static bool keep_cell(struct join *join, struct kept *kept, int64_t row, struct ss_value value, uint8_t marks)
{
    kept->marks[row] = marks;
    if (!value.present) return true;
    kept->marks[row] |= PRESENT;
    if (!ss_type_is_text(kept->type)) {
        if (kept->type.id == SS_BOOL)
            kept->values[row] = value.boolean;
        else
            memcpy(&kept->values[row], &value.i64, sizeof value.i64);
        return true;
    }
    kept->texts[row] = value.text;
    kept->texts[row].data = ss_arena_copy(&join->arena, value.text.data, value.text.size);
    return kept->texts[row].data != NULL;
}

static struct ss_value kept_value(const struct kept *kept, int64_t row)
{
    struct ss_value value = {.present = (kept->marks[row] & PRESENT) != 0};
    if (!value.present) return value;
    if (ss_type_is_text(kept->type))
        value.text = kept->texts[row];
    else if (kept->type.id == SS_BOOL)
        value.boolean = kept->values[row] != 0;
    else
        memcpy(&value.i64, &kept->values[row], sizeof value.i64);
    return value;
}

static int by_key_s_t(const void *a, const void *b)
{
    const struct visit *x = a, *y = b;
    const int keys = ss_bytes_compare(x->key, y->key);
    if (keys) return keys;
    if (x->s != y->s) return x->s < y->s ? -1 : 1;
    if (x->t_us != y->t_us) return x->t_us < y->t_us ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static enum ss_status visit_key(struct join *join, size_t view_index, int64_t row, struct ss_bytes *encoded,
                                struct ss_error *error)
{
    const struct ss_service *service = join->service;
    const struct ss_entity *entity = service->views[view_index]->entity;
    struct ss_value parts[SS_MAX_KEYS];
    struct ss_key key;
    for (size_t i = 0; i < entity->key_count; i++)
        parts[i] = ss_column_get(&join->spine->keys[service->view_keys[view_index][i]], (int32_t)row);
    if (ss_key_encode(entity->key_types, parts, entity->key_count, &key) == SS_KEY_TOO_LONG)
        return ss_fail(error, SS_INVALID,
                       "spine row %lld: the key of entity '%s' is longer than %d bytes when encoded",
                       (long long)row + 1, entity->name, SS_KEY_MAX);
    *encoded = (struct ss_bytes){ss_arena_copy(&join->arena, key.bytes, key.size), key.size};
    return encoded->data ? SS_OK : ss_fail_memory(error, "the keys of a spine");
}

static enum ss_status order_visits(struct join *join, size_t view_index, struct visit *visits,
                                   struct ss_error *error)
{
    const struct ss_spine *spine = join->spine;
    for (int64_t row = 0; row < spine->length; row++) {
        visits[row] = (struct visit){
            .s = spine->s ? spine->s[row] : spine->newest_s, .t_us = row_time(spine, row), .row = row};
        SS_TRY(visit_key(join, view_index, row, &visits[row].key, error));
    }
    qsort(visits, (size_t)spine->length, sizeof *visits, by_key_s_t);
    return SS_OK;
}

// Columns of the view's keys and of t for the rows of a run.
static enum ss_status run_columns(struct join *join, size_t view_index, const struct visit *visits,
                                  int32_t length, const struct ss_column **keys, struct ss_column *t,
                                  struct ss_error *error)
{
    const struct ss_service *service = join->service;
    const struct ss_entity *entity = service->views[view_index]->entity;
    struct ss_column *columns = ss_arena_array(&join->batch, entity->key_count + 1, sizeof *columns);
    bool ok = columns && ss_column_init(t, (struct ss_type){SS_TIMESTAMP, 0}, length, &join->batch);
    for (size_t i = 0; ok && i < entity->key_count; i++) {
        ok = ss_column_init(&columns[i], entity->key_types[i], length, &join->batch);
        keys[i] = &columns[i];
    }
    for (int32_t row = 0; ok && row < length; row++) {
        ok = ss_column_append(t, (struct ss_value){.present = true, .i64 = visits[row].t_us}, &join->batch);
        for (size_t i = 0; ok && i < entity->key_count; i++)
            ok = ss_column_append(&columns[i],
                                  ss_column_get(&join->spine->keys[service->view_keys[view_index][i]],
                                                (int32_t)visits[row].row),
                                  &join->batch);
    }
    return ok ? SS_OK : ss_fail_memory(error, "the rows of a training table");
}

static enum ss_status finish_run(struct join *join, size_t view_index, struct ss_readings *readings,
                                 const struct visit *visits, const struct ss_column *const *keys,
                                 const struct ss_column *t, struct ss_error *error)
{
    const struct ss_service *service = join->service;
    struct ss_column *features;
    uint8_t **marks;
    SS_TRY(ss_readings_evaluate(readings, keys, t, &join->batch, &features, &marks, error));
    for (size_t r = 0; r < service->read_count; r++) {
        const int feature = service->reads[r].feature;
        if (service->reads[r].view != (int)view_index) continue;
        for (int32_t row = 0; row < readings->length; row++)
            if (!keep_cell(join, &join->kept[r], visits[row].row, ss_column_get(&features[feature], row),
                           marks[feature][row]))
                return ss_fail_memory(error, "a training table");
    }
    join->done += readings->length;
    if (join->sink->progress) join->sink->progress(join->sink->context, join->done, join->total);
    return SS_OK;
}

// The last visit of the same key and s.
static int64_t sweep_end(const struct visit *visits, int64_t first, int64_t length)
{
    int64_t last = first;
    while (last + 1 < length && visits[last + 1].s == visits[first].s &&
           ss_bytes_equal(visits[last + 1].key, visits[first].key))
        last++;
    return last;
}

struct view_join { // one view's walk over the visits
    struct join *join;
    size_t view_index;
    const struct visit *visits;
    struct ss_sweep *sweep;
    struct ss_arena empty_arena, copy_arena;
    struct ss_state *empty;           // the state of a null key
    struct ss_value key[SS_MAX_KEYS]; // of the running sweep
    struct ss_arena key_arena;
    int64_t swept_until; // last visit of the running sweep; -1: none
};

static enum ss_status state_at(struct view_join *walk, int64_t visit, struct ss_state **state,
                               struct ss_error *error)
{
    const struct visit *at = &walk->visits[visit];
    const struct ss_spine *spine = walk->join->spine;
    if (at->key.size == 0) {
        *state = walk->empty;
        return SS_OK;
    }
    if (visit > walk->swept_until) {
        const struct ss_entity *entity = walk->join->service->views[walk->view_index]->entity;
        walk->swept_until = sweep_end(walk->visits, visit, spine->length);
        ss_arena_reset(&walk->key_arena);
        const enum ss_key_read read =
            ss_key_decode(entity->key_types, entity->key_count, at->key, &walk->key_arena, walk->key);
        SS_ASSERT(read != SS_KEY_BAD);
        if (read == SS_KEY_NO_MEMORY) return ss_fail_memory(error, "a key");
        SS_TRY(ss_sweep_begin(walk->sweep, walk->key, walk->visits[walk->swept_until].t_us, at->s,
                              spine->as_of_event_time, error));
    }
    return ss_sweep_at(walk->sweep, at->t_us, state, error);
}

// The state that the visit reads: with the event at hand, a copy.
static enum ss_status read_visit(struct view_join *walk, int64_t visit, struct ss_view_at_hand *at_hand,
                                 int32_t row, struct ss_readings *readings, struct ss_error *error)
{
    const int64_t t_us = walk->visits[visit].t_us;
    struct ss_state *state;
    struct ss_event event;
    SS_TRY(state_at(walk, visit, &state, error));
    if (ss_view_at_hand_event(at_hand, row, t_us, &event)) {
        ss_arena_reset(&walk->copy_arena);
        SS_TRY(ss_state_move(state, &walk->copy_arena, &state, error));
        SS_TRY(ss_state_add(state, &event, t_us, error));
    }
    return ss_readings_add(readings, state, t_us, &walk->join->batch, error);
}

// Up to SS_BATCH_ROWS visits from `first` on.
static enum ss_status walk_run(struct view_join *walk, int64_t first, int32_t length, struct ss_error *error)
{
    struct join *join = walk->join;
    const struct ss_view *view = join->service->views[walk->view_index];
    const struct visit *visits = &walk->visits[first];
    const struct ss_column *keys[SS_MAX_KEYS];
    struct ss_column t;
    struct ss_readings readings;
    struct ss_view_at_hand at_hand;
    int64_t *rows = ss_arena_array(&join->batch, (size_t)length, sizeof *rows);
    if (!rows || !ss_readings_init(&readings, view, length, &join->batch))
        return ss_fail_memory(error, "the rows of a training table");
    for (int32_t row = 0; row < length; row++) rows[row] = visits[row].row;
    SS_TRY(run_columns(join, walk->view_index, visits, length, keys, &t, error));
    SS_TRY(ss_view_at_hand_make(view, &join->at_hand, rows, length, keys, &t, &join->batch, &at_hand, error));
    for (int32_t row = 0; row < length; row++)
        SS_TRY(read_visit(walk, first + row, &at_hand, row, &readings, error));
    return finish_run(join, walk->view_index, &readings, visits, keys, &t, error);
}

static enum ss_status walk_visits(struct view_join *walk, struct ss_error *error)
{
    struct join *join = walk->join;
    const int64_t length = join->spine->length;
    for (int64_t first = 0; first < length; first += SS_BATCH_ROWS) {
        const int64_t end = first + SS_BATCH_ROWS < length ? first + SS_BATCH_ROWS : length;
        ss_arena_reset(&join->batch);
        SS_TRY(walk_run(walk, first, (int32_t)(end - first), error));
    }
    return SS_OK;
}

static enum ss_status join_view(struct join *join, size_t view_index, struct visit *visits,
                                struct ss_error *error)
{
    enum ss_status status;
    const struct ss_view *view = join->service->views[view_index];
    struct view_join walk = {.join = join, .view_index = view_index, .visits = visits, .swept_until = -1};
    SS_TRY_GOTO(order_visits(join, view_index, visits, error), out);
    SS_TRY_GOTO(ss_sweep_create(join->history, view, &walk.sweep, error), out);
    walk.empty = ss_state_create(view, &walk.empty_arena);
    status = walk.empty ? walk_visits(&walk, error) : ss_fail_memory(error, "an entity's state");
out:
    ss_sweep_destroy(walk.sweep);
    ss_arena_release(&walk.empty_arena);
    ss_arena_release(&walk.copy_arena);
    ss_arena_release(&walk.key_arena);
    return status;
}

static bool slice_reads(struct join *join, int64_t first, int32_t length, struct ss_column *reads,
                        uint8_t **marks)
{
    for (size_t r = 0; r < join->service->read_count; r++) {
        const struct kept *kept = &join->kept[r];
        marks[r] = &kept->marks[first];
        if (!ss_column_init(&reads[r], kept->type, length, &join->batch)) return false;
        for (int32_t row = 0; row < length; row++)
            if (!ss_column_append(&reads[r], kept_value(kept, first + row), &join->batch)) return false;
    }
    return true;
}

static bool slice_spine(struct join *join, int64_t first, int32_t length, struct ss_column *request,
                        struct ss_column *keys, struct ss_column *t)
{
    const struct ss_service *service = join->service;
    const struct ss_spine *spine = join->spine;
    for (size_t i = 0; i < service->key_count; i++)
        if (!ss_column_slice(&spine->keys[i], first, length, &join->batch, &keys[i])) return false;
    for (size_t i = 0; i < service->request_count; i++) {
        const struct ss_type type = service->request[i].type;
        if (!(spine->request
                  ? ss_column_slice(&spine->request[i], first, length, &join->batch, &request[i])
                  : ss_column_repeat(type, (struct ss_value){0}, length, &join->batch, &request[i])))
            return false;
    }
    if (!ss_column_init(t, (struct ss_type){SS_TIMESTAMP, 0}, length, &join->batch)) return false;
    for (int32_t row = 0; row < length; row++)
        if (!ss_column_append(t, (struct ss_value){.present = true, .i64 = row_time(spine, first + row)},
                              &join->batch))
            return false;
    return true;
}

static const struct ss_column **pointers_to(struct ss_column *columns, size_t count, struct ss_arena *arena)
{
    const struct ss_column **pointers = ss_arena_array(arena, count + 1, sizeof *pointers);
    for (size_t i = 0; pointers && i < count; i++) pointers[i] = &columns[i];
    return pointers;
}

static enum ss_status emit_rows(struct join *join, int64_t first, int32_t length, struct ss_error *error)
{
    const struct ss_service *service = join->service;
    struct ss_column *reads = ss_arena_array(&join->batch, service->read_count + 1, sizeof *reads);
    struct ss_column *request = ss_arena_array(&join->batch, service->request_count + 1, sizeof *request);
    struct ss_column *keys = ss_arena_array(&join->batch, service->key_count + 1, sizeof *keys);
    uint8_t **marks = ss_arena_array(&join->batch, service->read_count + 1, sizeof *marks);
    struct ss_column t;
    struct ss_answer answer;
    if (!reads || !request || !keys || !marks || !slice_reads(join, first, length, reads, marks) ||
        !slice_spine(join, first, length, request, keys, &t))
        return ss_fail_memory(error, "the rows of a training table");
    const struct ss_service_inputs inputs = {
        .length = length,
        .reads = pointers_to(reads, service->read_count, &join->batch),
        .marks = (const uint8_t *const *)marks,
        .request = pointers_to(request, service->request_count, &join->batch),
        .keys = pointers_to(keys, service->key_count, &join->batch),
        .t = &t,
    };
    if (!inputs.reads || !inputs.request || !inputs.keys)
        return ss_fail_memory(error, "the rows of a training table");
    SS_TRY(ss_answer_evaluate(service, &inputs, &join->batch, &answer, error));
    return join->sink->emit(join->sink->context, first, &answer, error);
}

static enum ss_status join_all(struct join *join, struct visit *visits, struct ss_error *error)
{
    if (!ss_at_hand_complete(join->service, join->spine->keys, &join->spine->at_hand, &join->arena,
                             &join->at_hand))
        return ss_fail_memory(error, "a training table");
    SS_TRY(keep_reads(join, error));
    for (size_t v = 0; v < join->service->view_count; v++) SS_TRY(join_view(join, v, visits, error));
    for (int64_t first = 0; first < join->spine->length; first += SS_BATCH_ROWS) {
        const int64_t left = join->spine->length - first;
        ss_arena_reset(&join->batch);
        SS_TRY(emit_rows(join, first, (int32_t)(left < SS_BATCH_ROWS ? left : SS_BATCH_ROWS), error));
    }
    return SS_OK;
}

enum ss_status ss_point_in_time(struct ss_history *history, const struct ss_service *service,
                                const struct ss_spine *spine, const struct ss_point_in_time_sink *sink,
                                struct ss_error *error)
{
    struct join join = {.history = history, .service = service, .spine = spine, .sink = sink};
    struct visit *visits = calloc((size_t)spine->length + 1, sizeof *visits);
    join.total = spine->length * (int64_t)service->view_count;
    const enum ss_status status =
        visits ? join_all(&join, visits, error) : ss_fail_memory(error, "the rows of a training table");
    free(visits);
    ss_arena_release(&join.arena);
    ss_arena_release(&join.batch);
    return status;
}
