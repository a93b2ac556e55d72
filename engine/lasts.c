// `last`s from bytes (docs/FORMAT.md "Entity state"). See lasts.h.
//
// Numbers are loaded eight bytes at a time, which is allowed up to SPAN bytes before the end; the groups
// behind that are read from a copy. What needs care is refused, and the general path reads it again: both
// give the same.

#include "engine/lasts.h"

#include "engine/base/planted.h"
#include "engine/read_inline.h"
#include "engine/scalar.h"
#include "engine/state_internal.h"
#include "engine/window_value.h"

#define SPAN 48 // the most of a group without text, and eight bytes from its last number on

enum last_mark { NONE, ITS_NULL, ITS_VALUE, SAME_NULL, SAME_VALUE }; // of group_bytes.c

struct bytes_left { // of the tile
    const uint8_t *at, *end;
    bool fits;           // false: not of the common case
    const uint8_t *tail; // where the copy was made of; NULL: there is none yet
    uint8_t copy[2 * SPAN];
};

static inline double load_double(struct bytes_left *left)
{
    double value;
    const uint64_t code = ss_load_varint(&left->at, &left->fits);
    if ((code & 7) != SS_SCALAR_RAW) return ss_scalar_short(code);
    const uint64_t bits = ss_load_word(left->at);
    left->at += sizeof bits;
    left->fits &= ss_scalar_raw_allowed(code, bits);
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline struct ss_bytes load_text(struct bytes_left *left)
{
    const uint64_t size = ss_load_varint(&left->at, &left->fits);
    if (left->at > left->end || size > (uint64_t)(left->end - left->at)) {
        left->fits = false;
        return (struct ss_bytes){"", 0};
    }
    const uint8_t *text = left->tail ? left->tail + (left->at - left->copy) : left->at;
    left->at += size;
    return (struct ss_bytes){(const char *)text, size};
}

// Member by member: a struct that is put together and then copied waits for itself.
static inline void load_value(struct ss_type type, struct bytes_left *left, struct ss_value *value)
{
    value->present = true;
    if (type.id == SS_FLOAT64)
        value->f64 = load_double(left);
    else if (ss_type_is_text(type))
        value->text = load_text(left);
    else if (type.id == SS_BOOL)
        value->boolean = ss_load_varint(&left->at, &left->fits) != 0;
    else
        value->i64 = ss_unzigzag(ss_load_varint(&left->at, &left->fits));
}

// Of group 0: it has no value, and is there unless the state is empty.
static inline void load_newest(struct bytes_left *left, struct ss_group_end *newest)
{
    const uint64_t n = ss_load_varint(&left->at, &left->fits);
    const uint8_t mark = *left->at++;
    left->fits &= mark == ITS_NULL && n > 0 && n <= SS_TILE_EVENTS_MAX;
    newest->event_time_us = ss_unzigzag(ss_load_varint(&left->at, &left->fits));
    newest->seq = ss_load_varint(&left->at, &left->fits);
}

static inline void load_end(const struct ss_group *group, const struct ss_group_end *newest,
                            struct bytes_left *left, struct ss_group_end *end)
{
    const uint64_t n = ss_load_varint(&left->at, &left->fits);
    const uint8_t mark = *left->at++;
    const bool has_value = mark == ITS_VALUE || mark == SAME_VALUE;
    end->there = mark != NONE;
    left->fits &= mark <= SAME_VALUE && (end->there || n == 0) && n <= SS_TILE_EVENTS_MAX &&
                  (!has_value || group->argument >= 0);
    end->event_time_us = newest->event_time_us;
    if (mark == ITS_NULL || mark == ITS_VALUE) {
        end->event_time_us = ss_unzigzag(ss_load_varint(&left->at, &left->fits));
        ss_load_varint(&left->at, &left->fits);
    }
    if (has_value)
        load_value(group->type, left, &end->value);
    else
        end->value = (struct ss_value){0};
}

// The head: one level of one tile, the size of which is the rest.
static bool load_head(struct ss_bytes bytes, struct bytes_left *left)
{
    const uint8_t *data = (const uint8_t *)bytes.data;
    if (bytes.size < 16 || data[0] != SS_STATE_FORMAT || data[1] != 1 || data[2] != 0) return false;
    left->at = data + 3;
    left->end = data + bytes.size;
    left->fits = true;
    left->tail = NULL;
    const uint64_t head = ss_load_varint(&left->at, &left->fits);
    return left->fits && !(head & 1) && head >> 1 == (uint64_t)(left->end - left->at);
}

static void copy_tail(struct bytes_left *left)
{
    const size_t rest = (size_t)(left->end - left->at);
    memcpy(left->copy, left->at, rest);
    memset(left->copy + rest, 0, sizeof left->copy - rest);
    left->tail = left->at;
    left->at = left->copy;
    left->end = left->copy + rest;
}

static bool load_ends(const struct ss_lasts *lasts, struct bytes_left *left)
{
    struct ss_group_end *ends = lasts->ends;
    for (size_t g = 0; g < lasts->view->group_count; g++) {
        if (left->end - left->at < SPAN && !left->tail) copy_tail(left);
        if (g == 0)
            load_newest(left, &ends[0]);
        else
            load_end(&lasts->view->groups[g], &ends[0], left, &ends[g]);
        if (!left->fits || left->at > left->end) return false;
    }
    return left->at == left->end;
}

bool ss_lasts_read(const struct ss_lasts *lasts, struct ss_bytes bytes, int64_t t_us, struct ss_value *values,
                   bool *expired, int64_t *newest_us)
{
    const struct ss_view *view = lasts->view;
    struct bytes_left left;
    if (!load_head(bytes, &left) || !load_ends(lasts, &left)) return false;
    for (size_t a = 0; a < view->aggregate_count; a++) {
        const struct ss_aggregate *aggregate = &view->aggregates[a];
        const struct ss_group_end *end = &lasts->ends[aggregate->group];
        expired[a] = end->there && ss_window_is_expired(aggregate, end->event_time_us, t_us) &&
                     !SS_PLANTED_ONLINE(ttl_ignored_online);
        values[a] = end->value;
        if (values[a].present && ss_window_has_bounds(aggregate->type) &&
            !ss_value_valid(aggregate->type, values[a]))
            return false;
        if (expired[a]) values[a] = (struct ss_value){0};
    }
    *newest_us = lasts->ends[0].event_time_us;
    return true;
}
