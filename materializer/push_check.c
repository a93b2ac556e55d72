// The door of the store: every rule that decides whether a row is an event stands here, checked once.
//
// Hard rules (an event_time, an event_id where the source has one, an operation, an arrival_time not before
// the event_time and not in the future, a key that fits) make a row a violation whatever the source says.
// What `expect` asks for follows the source's on_violation. A delete carries an identity only, so `expect` is
// not asked of it.
//
// Most rows keep every rule. They are told by their columns (push_screen.c); only the others are looked at
// one by one, here.

#include "materializer/push_check.h"

#include "materializer/push_screen.h"

#include "engine/key.h"

#include <stdlib.h>
#include <string.h>

struct check {
    const struct ss_push *push;
    const struct ss_definitions *definitions;
    int64_t clock_us;
    bool is_wall;
    struct ss_arena *arena;
    struct ss_checked *out;
    const bool *suspect; // rows that are not known to keep every rule
};

static bool note(struct check *check, int32_t row, int column, bool hard, const char *reason)
{
    struct ss_checked *out = check->out;
    if (out->violation_count == out->violation_capacity) {
        const size_t capacity = out->violation_capacity ? out->violation_capacity * 2 : 16;
        struct ss_violation *grown = ss_arena_array(check->arena, capacity, sizeof *grown);
        if (!grown) return false;
        if (out->violation_count) memcpy(grown, out->violations, out->violation_count * sizeof *grown);
        out->violations = grown;
        out->violation_capacity = capacity;
    }
    out->violations[out->violation_count++] = (struct ss_violation){row, column, reason, hard};
    if (row >= 0 && (hard || check->push->source->on_violation != SS_WARN)) out->refused[row] = true;
    return true;
}

static struct ss_value cell(const struct check *check, int column, int32_t row)
{
    return ss_column_get(&check->push->columns[column], row);
}

// Each check_… returns false only when memory ran out.

static bool check_identity(struct check *check, int32_t row)
{
    const struct ss_source *source = check->push->source;
    const struct ss_value time = cell(check, source->event_time_column, row);
    if (!time.present) return note(check, row, source->event_time_column, true, "event_time is null");
    check->out->event_time_us[row] = time.i64;
    if (source->event_id_column >= 0 && !cell(check, source->event_id_column, row).present)
        return note(check, row, source->event_id_column, true, "event_id is null");
    if (source->op_column < 0) return true;
    const struct ss_value op = cell(check, source->op_column, row);
    check->out->is_delete[row] = op.present && ss_bytes_equal(op.text, ss_bytes_of("delete"));
    if (check->out->is_delete[row] || (op.present && ss_bytes_equal(op.text, ss_bytes_of("insert"))))
        return true;
    return note(check, row, source->op_column, true, "op is neither 'insert' nor 'delete'");
}

static bool check_live_time(struct check *check, int32_t row)
{
    struct ss_checked *out = check->out;
    out->arrives_live[row] = true;
    if (out->event_time_us[row] > check->clock_us + SS_AHEAD_US)
        return note(check, row, check->push->source->event_time_column, true,
                    check->is_wall
                        ? "future: event_time is more than 1 s ahead of the store's clock"
                        : "future: event_time is more than 1 s ahead of the store's replay clock, which "
                          "--now moves; history is loaded without --live");
    return true;
}

static bool check_declared_time(struct check *check, int32_t row)
{
    const struct ss_source *source = check->push->source;
    struct ss_checked *out = check->out;
    int64_t arrival_us = out->event_time_us[row] + source->arrival_offset_us;
    if (source->arrival == SS_ARRIVAL_COLUMN) {
        const struct ss_value declared = cell(check, source->arrival_column, row);
        if (!declared.present) return note(check, row, source->arrival_column, true, "arrival_time is null");
        arrival_us = declared.i64;
    }
    const int column =
        source->arrival == SS_ARRIVAL_COLUMN ? source->arrival_column : source->event_time_column;
    out->arrival_us[row] = arrival_us;
    if (arrival_us < out->event_time_us[row])
        return note(check, row, column, true, "arrival_time is before event_time");
    if (arrival_us > SS_TIME_MAX_US || (check->is_wall && arrival_us >= check->clock_us))
        return note(check, row, column, true,
                    "future: the declared arrival_time is not before the store's clock");
    return true;
}

static bool check_keys(struct check *check, int32_t row)
{
    const struct ss_definitions *definitions = check->definitions;
    for (size_t v = 0; v < definitions->view_count; v++) {
        const struct ss_view *view = &definitions->views[v];
        struct ss_value parts[SS_MAX_KEYS];
        struct ss_key key;
        if (view->source != check->push->source) continue;
        for (size_t i = 0; i < view->entity->key_count; i++)
            parts[i] = cell(check, view->key_columns[i], row);
        if (ss_key_encode(view->entity->key_types, parts, view->entity->key_count, &key) == SS_KEY_TOO_LONG)
            return note(check, row, view->key_columns[0], true, "key is longer than 480 bytes");
    }
    return true;
}

static bool check_expectations(struct check *check, int32_t row)
{
    const struct ss_source *source = check->push->source;
    for (size_t i = 0; i < source->column_count; i++) {
        const struct ss_source_column *column = &source->columns[i];
        const struct ss_value value = cell(check, (int)i, row);
        if (!value.present) {
            if (column->not_null && !note(check, row, (int)i, false, "null, and the source expects not_null"))
                return false;
            continue;
        }
        if (column->has_between && !ss_is_between(column, value) &&
            !note(check, row, (int)i, false, "not between what the source expects"))
            return false;
        if (column->one_of_count && !ss_is_one_of(column, value) &&
            !note(check, row, (int)i, false, "not one of what the source expects"))
            return false;
        if (column->has_parses_as && !ss_parses_as(column, value) &&
            !note(check, row, (int)i, false, "does not parse as the source expects"))
            return false;
    }
    return true;
}

static bool arrives_live(const struct check *check, int32_t row)
{
    return check->push->live || check->out->is_delete[row];
}

static bool check_declared_row(struct check *check, int32_t row)
{
    if (!check_declared_time(check, row) || !check_keys(check, row)) return false;
    return check_expectations(check, row);
}

static bool check_live_row(struct check *check, int32_t row)
{
    if (!check_live_time(check, row)) return false;
    if (check->out->is_delete[row]) return true;
    return check_keys(check, row) && check_expectations(check, row);
}

// Where a replay clock stands for this commit: past what its rows declare too, since deletes arrive with
// them.
static void settle_clock(struct check *check)
{
    const struct ss_checked *out = check->out;
    if (check->is_wall || check->push->live) return;
    for (int32_t row = 0; row < check->push->length; row++) {
        if (out->refused[row] || out->is_delete[row]) continue;
        if (out->arrival_us[row] >= check->clock_us) check->clock_us = out->arrival_us[row] + 1;
    }
}

static bool check_rows(struct check *check)
{
    const int32_t length = check->push->length;
    const bool *refused = check->out->refused, *suspect = check->suspect;
    for (int32_t row = 0; row < length; row++) {
        if (!suspect[row]) continue;
        if (!check_identity(check, row)) return false;
        if (!refused[row] && !arrives_live(check, row) && !check_declared_row(check, row)) return false;
    }
    settle_clock(check);
    for (int32_t row = 0; row < length; row++)
        if (suspect[row] && !refused[row] && arrives_live(check, row) && !check_live_row(check, row))
            return false;
    return true;
}

static int by_hash(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint64_t value_hash(struct ss_type type, struct ss_value value)
{
    if (ss_type_is_text(type)) return ss_hash64(value.text.data, value.text.size);
    if (type.id == SS_BOOL) return value.boolean;
    return ss_hash64(&value.i64, sizeof value.i64);
}

// Of the rows let in: distinct values / rows. Whole batches only, so it refuses or warns, never quarantines.
static bool check_unique_ratio(struct check *check, int index)
{
    const struct ss_source_column *column = &check->push->source->columns[index];
    uint64_t *hashes = ss_arena_array(check->arena, (size_t)check->push->length + 1, sizeof *hashes);
    size_t count = 0, distinct = 0;
    if (!hashes) return false;
    for (int32_t row = 0; row < check->push->length; row++) {
        const struct ss_value value = cell(check, index, row);
        if (!check->out->refused[row] && !check->out->is_delete[row] && value.present)
            hashes[count++] = value_hash(column->type, value);
    }
    qsort(hashes, count, sizeof *hashes, by_hash);
    for (size_t i = 0; i < count; i++) distinct += i == 0 || hashes[i] != hashes[i - 1];
    if (count == 0 || (double)distinct >= column->unique_ratio_min * (double)count) return true;
    return note(check, -1, index, false, "fewer distinct values than the source's unique_ratio expects");
}

static enum ss_status settle_arrival(struct check *check, struct ss_error *error)
{
    struct ss_checked *out = check->out;
    out->arrival_time = check->clock_us;
    for (int32_t row = 0; row < check->push->length; row++) {
        if (out->refused[row]) continue;
        out->accepted++;
        out->any_live = out->any_live || out->arrives_live[row];
        if (out->arrives_live[row] && out->event_time_us[row] > out->arrival_time)
            out->arrival_time = out->event_time_us[row];
    }
    for (int32_t row = 0; row < check->push->length; row++)
        if (out->arrives_live[row]) out->arrival_us[row] = out->arrival_time;
    if (!out->any_live || out->arrival_time <= SS_TIME_MAX_US) return SS_OK;
    return ss_fail(
        error, SS_LIMIT,
        "source '%s': the store's clock stands past the year 9999, so nothing can arrive any more; "
        "was an event stamped 9999-12-31?",
        check->push->source->name);
}

// `suspect`: rows that have to be looked at.
static enum ss_status check_suspects(struct check *check, struct ss_error *error)
{
    const struct ss_source *source = check->push->source;
    if (!check_rows(check)) return ss_fail_memory(error, "the violations of a batch");
    for (size_t i = 0; i < source->column_count; i++)
        if (source->columns[i].has_unique_ratio && !check_unique_ratio(check, (int)i))
            return ss_fail_memory(error, "the violations of a batch");
    return settle_arrival(check, error);
}

static bool make_checked(size_t rows, struct ss_arena *arena, struct ss_checked *checked)
{
    *checked = (struct ss_checked){
        .event_time_us = ss_arena_array(arena, rows, sizeof(int64_t)),
        .arrival_us = ss_arena_array(arena, rows, sizeof(int64_t)),
        .is_delete = ss_arena_array(arena, rows, sizeof(bool)),
        .arrives_live = ss_arena_array(arena, rows, sizeof(bool)),
        .refused = ss_arena_array(arena, rows, sizeof(bool)),
    };
    return checked->event_time_us && checked->arrival_us && checked->is_delete && checked->arrives_live &&
           checked->refused;
}

enum ss_status ss_check_push(const struct ss_push *push, const struct ss_definitions *definitions,
                             int64_t clock_us, bool is_wall, struct ss_arena *arena,
                             struct ss_checked *checked, struct ss_error *error)
{
    const size_t rows = (size_t)push->length + 1;
    bool *suspect = ss_arena_array(arena, rows, sizeof *suspect);
    struct check check = {push, definitions, clock_us, is_wall, arena, checked, suspect};
    if (!suspect || !make_checked(rows, arena, checked) ||
        !ss_screen_push(push, definitions, clock_us, is_wall, arena, checked, suspect))
        return ss_fail_memory(error, "the checks of a batch");
    return check_suspects(&check, error);
}

enum ss_status ss_check_push_row_by_row(const struct ss_push *push, const struct ss_definitions *definitions,
                                        int64_t clock_us, bool is_wall, struct ss_arena *arena,
                                        struct ss_checked *checked, struct ss_error *error)
{
    const size_t rows = (size_t)push->length + 1;
    bool *suspect = ss_arena_array(arena, rows, sizeof *suspect);
    struct check check = {push, definitions, clock_us, is_wall, arena, checked, suspect};
    if (!suspect || !make_checked(rows, arena, checked))
        return ss_fail_memory(error, "the checks of a batch");
    memset(suspect, true, rows);
    return check_suspects(&check, error);
}
