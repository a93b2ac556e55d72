// Lookup.
//
// Pin: t first, then the snapshot. A commit that began before t was given out made the clock stand, so t is
// not past its arrival_time; one that began later arrives at t or later. If the snapshot turns out to hold a
// commit that arrived at t or later (it was published in between), t becomes 1 µs past it: arrival_times of
// live commits rise strictly, so no commit that it lacks is earlier.
//
// Then view by view: rows are found some at a time and read one by one, straight from their bytes where the
// view is of lasts, else as a state; the programs run over all rows at once.

#include "materializer/lookup.h"

#include "engine/base/planted.h"
#include "engine/key.h"
#include "engine/lasts.h"

#include <string.h>

#define STATE_BYTES_KEPT (256 << 10)

static enum ss_status follow_definitions(struct ss_materializer *materializer,
                                         const struct ss_applied *applied, struct ss_error *error)
{
    struct ss_definitions *loaded = NULL;
    if (!applied->has_live) return SS_OK;
    if (materializer->definitions &&
        (SS_PLANTED(wrong_fingerprint) ||
         memcmp(&materializer->definitions->fingerprint, &applied->live, sizeof applied->live) == 0))
        return SS_OK;
    SS_TRY(ss_catalog_load(materializer->store->history, &applied->live, &loaded, error));
    ss_definitions_destroy(materializer->definitions);
    materializer->definitions = loaded;
    return SS_OK;
}

static enum ss_status choose_time(const struct ss_store *store, bool has_at, int64_t at_us, int64_t clock_us,
                                  struct ss_pinned *pinned, struct ss_error *error)
{
    char at[SS_TIME_TEXT_SIZE], now[SS_TIME_TEXT_SIZE];
    const int64_t newest_us = pinned->applied.arrival_us;
    const int64_t least_us = clock_us > newest_us ? clock_us : newest_us + 1;
    pinned->t_us = has_at ? at_us : least_us;
    pinned->is_preview = pinned->t_us > least_us;
    if (pinned->t_us >= least_us) return SS_OK;
    return ss_fail(error, SS_INVALID,
                   "store '%s': %s is before the store's clock (%s), and the past is not kept online; "
                   "use 'selfsame train' for values of the past",
                   store->directory, ss_time_format(at_us, at), ss_time_format(least_us, now));
}

enum ss_status ss_pin(struct ss_materializer *materializer, bool has_at, int64_t at_us,
                      struct ss_pinned *pinned, struct ss_error *error)
{
    enum ss_status status;
    struct ss_store *store = materializer->store;
    struct ss_pinned taken = {0};
    const int64_t pinned_us = has_at ? ss_clock_now(store->clock) : ss_clock_pin(store->clock);
    SS_TRY(ss_online_read(store->online, &taken.txn, error));
    SS_TRY_GOTO(ss_online_applied(taken.txn, &taken.applied, error), out);
    SS_TRY_GOTO(choose_time(store, has_at, at_us, pinned_us, &taken, error), out);
    SS_TRY_GOTO(follow_definitions(materializer, &taken.applied, error), out);
    *pinned = taken;
    return SS_OK;
out:
    ss_online_end(taken.txn);
    return status;
}

void ss_unpin(struct ss_pinned *pinned)
{
    ss_online_end(pinned->txn);
    *pinned = (struct ss_pinned){0};
}

// One view's part of a lookup.
struct view_lookup {
    const struct ss_view *view;
    const struct ss_column *keys[SS_MAX_KEYS];
    struct ss_view_at_hand at_hand;
    struct ss_lasts lasts;     // where the view is of lasts
    struct ss_state *state;    // of the row before: its memory serves the next
    struct ss_arena row_arena; // of it
    struct ss_readings readings;
    struct ss_column *features;
    uint8_t **marks;
    bool *damaged;      // [row], or NULL
    int64_t *newest_us; // likewise
};

// Some rows of a view: all are found before the first is read, while the memory they lie in is on its way.
struct found_rows {
    struct ss_key encoded[SS_ONLINE_FIND_MOST];
    struct ss_bytes keys[SS_ONLINE_FIND_MOST]; // of `encoded`; empty: a null part
    struct ss_bytes rows[SS_ONLINE_FIND_MOST]; // data NULL: there is none
};

static enum ss_status encode_key(const struct view_lookup *part, int32_t row, struct ss_key *key,
                                 struct ss_error *error)
{
    const struct ss_entity *entity = part->view->entity;
    struct ss_value parts[SS_MAX_KEYS];
    for (size_t i = 0; i < entity->key_count; i++) parts[i] = ss_column_get(part->keys[i], row);
    if (ss_key_encode(entity->key_types, parts, entity->key_count, key) != SS_KEY_TOO_LONG) return SS_OK;
    return ss_fail(error, SS_INVALID, "entity '%s': the key of row %d is longer than %d bytes when encoded",
                   entity->name, (int)row + 1, SS_KEY_MAX);
}

static enum ss_status find_rows(const struct ss_pinned *pinned, const struct view_lookup *part, int32_t first,
                                int32_t count, struct found_rows *found, struct ss_error *error)
{
    for (int32_t i = 0; i < count; i++) {
        struct ss_key *key = &found->encoded[i];
        SS_TRY(encode_key(part, first + i, key, error));
        found->keys[i] = (struct ss_bytes){(const char *)key->bytes, key->size};
    }
    return ss_online_find(pinned->txn, &part->view->fingerprint, found->keys, (size_t)count, found->rows,
                          error);
}

// stored.data NULL: an empty state.
static enum ss_status open_state(struct view_lookup *part, struct ss_bytes stored, struct ss_error *error)
{
    if (!part->state || part->row_arena.used_bytes > STATE_BYTES_KEPT) {
        ss_arena_reset(&part->row_arena);
        part->state = ss_state_create(part->view, &part->row_arena);
    }
    return part->state ? ss_state_decode_again(part->state, stored, error)
                       : ss_fail_memory(error, "an entity's state");
}

static void note_newest(struct view_lookup *part, int32_t row)
{
    uint64_t seq;
    if (part->newest_us && !ss_state_newest(part->state, &part->newest_us[row], &seq))
        part->newest_us[row] = INT64_MIN;
}

static enum ss_status read_state(const struct ss_pinned *pinned, struct view_lookup *part, int32_t row,
                                 struct ss_bytes stored, struct ss_arena *arena, struct ss_error *error)
{
    struct ss_event event;
    SS_TRY(open_state(part, stored, error));
    struct ss_state *state = part->state;
    note_newest(part, row);
    if (ss_view_at_hand_event(&part->at_hand, row, pinned->t_us, &event)) {
        part->state = NULL; // what has an event of its own serves once
        SS_TRY(ss_state_add(state, &event, pinned->t_us, error));
    }
    SS_PLANTED_SET_ONLINE(true);
    const enum ss_status status = ss_readings_add(&part->readings, state, pinned->t_us, arena, error);
    SS_PLANTED_SET_ONLINE(false);
    return status;
}

// Straight from the bytes, without a state. False: this row needs one.
static bool read_lasts(const struct ss_pinned *pinned, struct view_lookup *part, int32_t row,
                       struct ss_bytes stored)
{
    struct ss_readings *readings = &part->readings;
    const size_t count = part->view->aggregate_count;
    int64_t newest_us = INT64_MIN;
    bool read = true;
    if (!part->view->is_of_lasts || part->at_hand.view) return false;
    SS_PLANTED_SET_ONLINE(true);
    if (stored.data) {
        read =
            ss_lasts_read(&part->lasts, stored, pinned->t_us, readings->values, readings->flags, &newest_us);
    } else {
        memset(readings->values, 0, count * sizeof *readings->values);
        memset(readings->flags, 0, count * sizeof *readings->flags);
    }
    SS_PLANTED_SET_ONLINE(false);
    if (read && part->newest_us) part->newest_us[row] = newest_us;
    return read;
}

static enum ss_status read_row(const struct ss_pinned *pinned, struct view_lookup *part, int32_t row,
                               struct ss_bytes key, struct ss_bytes found, struct ss_arena *arena,
                               struct ss_error *error)
{
    struct ss_bytes stored = {0};
    if (found.data)
        SS_TRY(ss_online_open_row(pinned->txn, &part->view->fingerprint, key, found, &stored, error));
    if (read_lasts(pinned, part, row, stored))
        return ss_readings_take(&part->readings, stored.data != NULL, arena, error);
    return read_state(pinned, part, row, stored, arena, error);
}

static enum ss_status read_empty(const struct ss_pinned *pinned, struct view_lookup *part, int32_t row,
                                 struct ss_arena *arena, struct ss_error *error)
{
    SS_TRY(open_state(part, (struct ss_bytes){0}, error));
    note_newest(part, row);
    return ss_readings_add(&part->readings, part->state, pinned->t_us, arena, error);
}

static enum ss_status read_rows(const struct ss_pinned *pinned, struct view_lookup *part, int32_t length,
                                struct ss_arena *arena, struct ss_error *error)
{
    struct found_rows found;
    for (int32_t first = 0; first < length; first += SS_ONLINE_FIND_MOST) {
        const int32_t left = length - first, count = left < SS_ONLINE_FIND_MOST ? left : SS_ONLINE_FIND_MOST;
        SS_TRY(find_rows(pinned, part, first, count, &found, error));
        for (int32_t i = 0; i < count; i++) {
            enum ss_status status =
                read_row(pinned, part, first + i, found.keys[i], found.rows[i], arena, error);
            if (status == SS_DAMAGED && part->damaged) {
                part->damaged[first + i] = true;
                status = read_empty(pinned, part, first + i, arena, error);
            }
            SS_TRY(status);
        }
    }
    return SS_OK;
}

static enum ss_status look_up_view(const struct ss_pinned *pinned, struct view_lookup *part,
                                   const struct ss_lookup *lookup, const struct ss_events_at_hand *events,
                                   const struct ss_column *t, struct ss_arena *arena, struct ss_error *error)
{
    const struct ss_view *view = part->view;
    ss_arena_init_within(&part->row_arena, arena);
    part->lasts.view = view;
    if (view->is_of_lasts)
        part->lasts.ends = ss_arena_array(arena, view->group_count, sizeof *part->lasts.ends);
    if (!ss_readings_init(&part->readings, view, lookup->length, arena) ||
        (view->is_of_lasts && !part->lasts.ends))
        return ss_fail_memory(error, "a lookup");
    SS_TRY(ss_view_at_hand_make(view, events, NULL, lookup->length, part->keys, t, arena, &part->at_hand,
                                error));
    SS_TRY(read_rows(pinned, part, lookup->length, arena, error));
    return ss_readings_evaluate(&part->readings, part->keys, t, arena, &part->features, &part->marks, error);
}

// A view that nobody asks for: nulls without a reason.
static bool pass_over(struct view_lookup *part, int32_t length, struct ss_arena *arena)
{
    const struct ss_view *view = part->view;
    uint8_t *unmarked = ss_arena_alloc(arena, (size_t)length + 1);
    part->features = ss_arena_array(arena, view->feature_count + 1, sizeof *part->features);
    part->marks = ss_arena_array(arena, view->feature_count + 1, sizeof *part->marks);
    if (!unmarked || !part->features || !part->marks) return false;
    for (size_t f = 0; f < view->feature_count; f++) {
        part->marks[f] = unmarked;
        if (!ss_column_repeat(view->features[f].type, (struct ss_value){0}, length, arena,
                              &part->features[f]))
            return false;
    }
    for (int32_t row = 0; part->newest_us && row < length; row++) part->newest_us[row] = INT64_MIN;
    return true;
}

// Which views do the features that are asked for read? NULL: out of memory.
static bool *wanted_views(const struct ss_service *service, const bool *wanted, struct ss_arena *arena)
{
    const size_t words = (service->read_count + 63) / 64;
    uint64_t *reads = ss_arena_array(arena, words + 1, sizeof *reads);
    bool *views = ss_arena_array(arena, service->view_count + 1, sizeof *views);
    if (!reads || !views) return NULL;
    for (size_t v = 0; v < service->view_count; v++) views[v] = !wanted;
    for (size_t f = 0; wanted && f < service->feature_count; f++)
        for (size_t w = 0; wanted[f] && w < words; w++) reads[w] |= service->features[f].reads[w];
    for (size_t r = 0; r < service->read_count; r++)
        if (reads[r / 64] >> (r % 64) & 1) views[service->reads[r].view] = true;
    return views;
}

// Request inputs by position; where the caller gave none, all null.
static const struct ss_column **request_columns(const struct ss_service *service,
                                                const struct ss_lookup *lookup, struct ss_arena *arena)
{
    const struct ss_column **columns = ss_arena_array(arena, service->request_count + 1, sizeof *columns);
    for (size_t i = 0; columns && i < service->request_count; i++) {
        if (lookup->request) {
            columns[i] = &lookup->request[i];
            continue;
        }
        struct ss_column *nulls = ss_arena_array(arena, 1, sizeof *nulls);
        if (!nulls ||
            !ss_column_repeat(service->request[i].type, (struct ss_value){0}, lookup->length, arena, nulls))
            return NULL;
        columns[i] = nulls;
    }
    return columns;
}

static enum ss_status look_up_views(const struct ss_pinned *pinned, const struct ss_service *service,
                                    const struct ss_lookup *lookup, const struct ss_column *t,
                                    struct view_lookup *parts, struct ss_arena *arena, struct ss_error *error)
{
    struct ss_events_at_hand events;
    const bool *is_wanted = wanted_views(service, lookup->wanted, arena);
    if (!is_wanted || !ss_at_hand_complete(service, lookup->keys, &lookup->at_hand, arena, &events))
        return ss_fail_memory(error, "a lookup");
    for (size_t v = 0; v < service->view_count; v++) {
        parts[v].view = service->views[v];
        if (lookup->damaged) parts[v].damaged = &lookup->damaged[v * (size_t)lookup->length];
        if (lookup->newest_us) parts[v].newest_us = &lookup->newest_us[v * (size_t)lookup->length];
        if (!is_wanted[v]) {
            if (!pass_over(&parts[v], lookup->length, arena)) return ss_fail_memory(error, "a lookup");
            continue;
        }
        for (size_t i = 0; i < parts[v].view->entity->key_count; i++)
            parts[v].keys[i] = &lookup->keys[service->view_keys[v][i]];
        SS_TRY(look_up_view(pinned, &parts[v], lookup, &events, t, arena, error));
    }
    return SS_OK;
}

enum ss_status ss_lookup(const struct ss_pinned *pinned, const struct ss_service *service,
                         const struct ss_lookup *lookup, struct ss_arena *arena, struct ss_answer *answer,
                         struct ss_error *error)
{
    struct ss_column t;
    struct view_lookup *parts = ss_arena_array(arena, service->view_count + 1, sizeof *parts);
    const struct ss_column **reads = ss_arena_array(arena, service->read_count + 1, sizeof *reads);
    const uint8_t **marks = ss_arena_array(arena, service->read_count + 1, sizeof *marks);
    const struct ss_column **keys = ss_arena_array(arena, service->key_count + 1, sizeof *keys);
    const struct ss_column **request = request_columns(service, lookup, arena);
    const struct ss_value now = {.present = true, .i64 = pinned->t_us};
    SS_ASSERT(lookup->length <= SS_BATCH_ROWS);
    if (!parts || !reads || !marks || !keys || !request ||
        !ss_column_repeat((struct ss_type){SS_TIMESTAMP, 0}, now, lookup->length, arena, &t))
        return ss_fail_memory(error, "a lookup");
    SS_TRY(look_up_views(pinned, service, lookup, &t, parts, arena, error));
    for (size_t i = 0; i < service->read_count; i++) {
        const struct view_lookup *part = &parts[service->reads[i].view];
        reads[i] = &part->features[service->reads[i].feature];
        marks[i] = part->marks[service->reads[i].feature];
    }
    for (size_t i = 0; i < service->key_count; i++) keys[i] = &lookup->keys[i];
    const struct ss_service_inputs inputs = {lookup->length, reads, marks, request, keys, &t};
    return ss_answer_evaluate(service, &inputs, arena, answer, error);
}
