// The state of one group. See group.h.
//
// Two forms: raw (at most SS_GROUP_RAW keys, sorted) and wide (sums, bounds, distinct set). A state that
// keeps values raw is raw while n <= SS_GROUP_RAW; `promote` turns it wide; only an emptied or refolded state
// becomes raw again, because what left a wide state cannot be found in it. Counts alone have neither form.

#include "engine/group.h"

#include "engine/base/planted.h"
#include "engine/finalise.h"
#include "engine/group_members.h"

static inline bool keeps_raw(const struct ss_group_kind *kind, uint32_t parts)
{
    return kind->has_argument && !ss_type_is_text(kind->type) && (parts & SS_GROUP_VALUE_PARTS) != 0;
}

static inline bool counts(const struct ss_group_kind *kind, const struct ss_value *value)
{
    return !kind->has_argument || value->present;
}

bool ss_group_takes(const struct ss_group_kind *kind, const struct ss_value *value)
{
    return counts(kind, value) || (kind->parts & SS_PART_LAST);
}

static bool ensure(struct ss_group_state *state, uint32_t parts, struct ss_arena *arena)
{
    if ((parts & SS_GROUP_SUM_PARTS) && !state->sums)
        state->sums = ss_arena_alloc(arena, sizeof *state->sums);
    if ((parts & SS_PART_DISTINCT) && !state->distinct)
        state->distinct = ss_arena_alloc(arena, sizeof *state->distinct);
    return (!(parts & SS_GROUP_SUM_PARTS) || state->sums) && (!(parts & SS_PART_DISTINCT) || state->distinct);
}

bool ss_group_ensure_ends(struct ss_group_state *state, struct ss_arena *arena)
{
    if (!state->ends) state->ends = ss_arena_alloc(arena, sizeof *state->ends);
    return state->ends != NULL;
}

bool ss_group_ensure_members(struct ss_group_state *state, uint32_t parts, struct ss_arena *arena)
{
    if (!state->members) state->members = ss_arena_array(arena, SS_MEMBER_COUNT, sizeof *state->members);
    if (!state->members) return false;
    for (int i = 0; i < SS_MEMBER_COUNT; i++) {
        if (!(parts & SS_MEMBER_PART(i)) || state->members[i]) continue;
        state->members[i] = ss_arena_alloc(arena, ss_members[i]->size);
        if (!state->members[i]) return false;
    }
    return true;
}

#ifdef SS_PLANTED_BUGS
static bool add_plain_double(struct ss_exact *sum, double term, bool subtract, struct ss_arena *arena)
{
    double plain = 0;
    if (!ss_finalise_double(sum, &plain)) return ss_exact_add_double(sum, term, subtract, arena);
    plain = subtract ? plain - term : plain + term;
    ss_exact_clear(sum);
    return plain - plain != 0 || ss_exact_add_double(sum, plain, false, arena);
}
#else
#define add_plain_double ss_exact_add_double
#endif

static bool sum_key(struct ss_group_sums *sums, enum ss_type_id type, uint32_t parts, int64_t key,
                    bool subtract, struct ss_arena *arena)
{
    if (type == SS_FLOAT64) {
        const double term = ss_key_to_double(key);
        const bool plain = SS_PLANTED(float_sum);
        return (!(parts & SS_PART_S1) ||
                (plain ? add_plain_double : ss_exact_add_double)(&sums->s1, term, subtract, arena)) &&
               (!(parts & SS_PART_S2) || ss_exact_add_double_squared(&sums->s2, term, subtract, arena));
    }
    return (!(parts & SS_PART_S1) || ss_exact_add_int64(&sums->s1, key, subtract, arena)) &&
           (!(parts & SS_PART_S2) || ss_exact_add_int64_squared(&sums->s2, key, subtract, arena));
}

static void bound_key(struct ss_group_sums *sums, bool first, int64_t key)
{
    if (first || key < sums->min.key) sums->min.key = key;
    if (first || key > sums->max.key) sums->max.key = key;
}

static bool push_key(struct ss_group_state *state, enum ss_type_id type, uint32_t parts, bool first,
                     int64_t key, struct ss_arena *arena)
{
    if (parts & SS_GROUP_SUM_PARTS) {
        bound_key(state->sums, first, key);
        if (!sum_key(state->sums, type, parts, key, false, arena)) return false;
    }
    return !(parts & SS_PART_DISTINCT) || ss_distinct_add_key(state->distinct, type, key, arena);
}

// Makes the wide form of a raw state's keys beside them.
static bool promote(struct ss_group_state *state, enum ss_type_id type, uint32_t parts,
                    struct ss_arena *arena)
{
    if (!ensure(state, parts, arena)) return false;
    if (state->sums) {
        ss_exact_clear(&state->sums->s1);
        ss_exact_clear(&state->sums->s2);
    }
    if (state->distinct) ss_distinct_clear(state->distinct);
    for (uint64_t i = 0; i < state->n; i++)
        if (!push_key(state, type, parts, i == 0, state->raw[i], arena)) return false;
    return true;
}

// Takes a key into a state that keeps values raw, in either form.
bool ss_group_absorb_key(struct ss_group_state *state, enum ss_type_id type, uint32_t parts, int64_t key,
                         struct ss_arena *arena)
{
    if (state->n < SS_GROUP_RAW) {
        uint64_t at = state->n++;
        for (; at > 0 && state->raw[at - 1] > key; at--) state->raw[at] = state->raw[at - 1];
        state->raw[at] = key;
        return true;
    }
    if (state->n == SS_GROUP_RAW && !promote(state, type, parts, arena)) return false;
    state->n++;
    return push_key(state, type, parts, false, key, arena);
}

static bool sum_keys(struct ss_group_sums *sums, enum ss_type_id type, uint32_t parts, const int64_t *keys,
                     uint32_t count, struct ss_arena *arena)
{
    double terms[SS_EXACT_TERMS];
    struct ss_exact *sum = parts & SS_PART_S1 ? &sums->s1 : NULL;
    struct ss_exact *squares = parts & SS_PART_S2 ? &sums->s2 : NULL;
    if (!sum && !squares) return true;
    if (type != SS_FLOAT64) return ss_exact_add_int64s(sum, squares, keys, count, arena);
    for (uint32_t i = 0; i < count; i++) terms[i] = ss_key_to_double(keys[i]);
    return ss_exact_add_doubles(sum, squares, terms, count, arena);
}

bool ss_group_absorb_keys(struct ss_group_state *state, enum ss_type_id type, uint32_t parts,
                          const int64_t *keys, uint32_t count, struct ss_arena *arena)
{
    const bool one_by_one = parts & SS_PART_DISTINCT || SS_PLANTED(float_sum);
    const bool first = state->n == 0;
    for (; count && (one_by_one || state->n + count <= SS_GROUP_RAW); keys++, count--)
        if (!ss_group_absorb_key(state, type, parts, *keys, arena)) return false;
    if (count == 0) return true;
    if (state->n <= SS_GROUP_RAW && !promote(state, type, parts, arena)) return false;
    int64_t least = keys[0], most = keys[0];
    for (uint32_t i = 1; i < count; i++) {
        least = keys[i] < least ? keys[i] : least;
        most = keys[i] > most ? keys[i] : most;
    }
    bound_key(state->sums, first, least);
    bound_key(state->sums, false, most);
    state->n += count;
    return sum_keys(state->sums, type, parts, keys, count, arena);
}

static bool copy_text(struct ss_bytes *text, struct ss_arena *arena)
{
    char *copy = ss_arena_copy(arena, text->data, text->size);
    text->data = copy;
    return copy != NULL;
}

static bool absorb_text(struct ss_group_state *state, uint32_t parts, struct ss_bytes text,
                        struct ss_arena *arena)
{
    if (!ensure(state, parts, arena)) return false;
    const bool first = state->n++ == 0;
    if ((parts & SS_PART_DISTINCT) && !ss_distinct_add_text(state->distinct, text, arena)) return false;
    if (!(parts & SS_GROUP_SUM_PARTS)) return true;
    const bool least = (parts & SS_PART_MIN) && (first || ss_bytes_compare(text, state->sums->min.text) < 0);
    const bool most = (parts & SS_PART_MAX) && (first || ss_bytes_compare(text, state->sums->max.text) > 0);
    if (!least && !most) return true;
    if (!copy_text(&text, arena)) return false;
    if (least) state->sums->min.text = text;
    if (most) state->sums->max.text = text;
    return true;
}

static int order(const struct ss_group_end *end, int64_t event_time_us, uint64_t seq)
{
    if (end->event_time_us != event_time_us) return end->event_time_us < event_time_us ? -1 : 1;
    if (SS_PLANTED(tie_by_arrival)) return 0;
    return (end->seq > seq) - (end->seq < seq);
}

// Should an event take the place of the first (`last` false) or last one?
static bool displaces(const struct ss_group_end *end, bool last, int64_t event_time_us, uint64_t seq)
{
    if (!end->there) return true;
    const int against = order(end, event_time_us, seq);
    return last ? against < 0 : against > 0;
}

static bool add_end(struct ss_group_end *end, bool last, const struct ss_group_kind *kind,
                    const struct ss_group_event *event, struct ss_arena *arena)
{
    if (!displaces(end, last, event->event_time_us, event->seq)) return true;
    struct ss_value value = event->value;
    if (ss_type_is_text(kind->type) && value.present && !copy_text(&value.text, arena)) return false;
    *end = (struct ss_group_end){true, event->event_time_us, event->seq, value};
    return true;
}

static bool add_to_members(struct ss_group_state *state, const struct ss_group_kind *kind,
                           const struct ss_group_event *event, struct ss_arena *arena)
{
    if (!ss_group_ensure_members(state, kind->parts, arena)) return false;
    for (int i = 0; i < SS_MEMBER_COUNT; i++) {
        if (!(kind->parts & SS_MEMBER_PART(i))) continue;
        if (!ss_members[i]->add(state->members[i], kind, event, arena)) return false;
    }
    return true;
}

bool ss_group_add(struct ss_group_state *state, const struct ss_group_kind *kind,
                  const struct ss_group_event *event, struct ss_arena *arena)
{
    const uint32_t parts = kind->parts;
    const bool counted = counts(kind, &event->value);
    if ((parts & SS_GROUP_END_PARTS) && !ss_group_ensure_ends(state, arena)) return false;
    if ((parts & SS_PART_LAST) && !add_end(&state->ends->last, true, kind, event, arena)) return false;
    if (!counted) return true;
    if ((parts & SS_PART_FIRST) && !add_end(&state->ends->first, false, kind, event, arena)) return false;
    if ((parts & SS_GROUP_MEMBERS) && !add_to_members(state, kind, event, arena)) return false;
    if (keeps_raw(kind, parts))
        return ss_group_absorb_key(state, kind->type.id, parts, ss_scalar_key(kind->type.id, &event->value),
                                   arena);
    if (kind->has_argument && ss_type_is_text(kind->type) && (parts & SS_GROUP_VALUE_PARTS))
        return absorb_text(state, parts, event->value.text, arena);
    state->n++;
    return true;
}

static bool remove_raw(struct ss_group_state *state, int64_t key)
{
    uint64_t at = 0;
    while (at < state->n && state->raw[at] != key) at++;
    if (at == state->n) return false;
    for (state->n--; at < state->n; at++) state->raw[at] = state->raw[at + 1];
    return true;
}

// Removes from a wide state with n > SS_GROUP_RAW + 1. False: needs a refold.
static bool can_subtract(const struct ss_group_state *state, uint32_t parts, int64_t key)
{
    if (parts & SS_PART_DISTINCT) return false;
    if ((parts & SS_PART_MIN) && key <= state->sums->min.key) return false;
    return !(parts & SS_PART_MAX) || key < state->sums->max.key;
}

static bool can_remove_text(const struct ss_group_state *state, uint32_t parts, struct ss_bytes text)
{
    if (parts & SS_PART_DISTINCT) return false;
    if ((parts & SS_PART_MIN) && ss_bytes_compare(text, state->sums->min.text) <= 0) return false;
    return !(parts & SS_PART_MAX) || ss_bytes_compare(text, state->sums->max.text) < 0;
}

static bool remove_value(struct ss_group_state *state, const struct ss_group_kind *kind,
                         const struct ss_value *value, enum ss_group_removal *removal, struct ss_arena *arena)
{
    const enum ss_type_id type = kind->type.id;
    bool exact = true;
    *removal = SS_GROUP_NEEDS_REFOLD;
    if (keeps_raw(kind, kind->parts)) {
        const int64_t key = ss_scalar_key(type, value);
        if (state->n <= SS_GROUP_RAW) {
            *removal = remove_raw(state, key) ? SS_GROUP_REMOVED : SS_GROUP_NEEDS_REFOLD;
            return true;
        }
        exact = state->n > SS_GROUP_RAW + 1 && can_subtract(state, kind->parts, key);
        if (exact && (kind->parts & SS_GROUP_SUM_PARTS) &&
            !sum_key(state->sums, type, kind->parts, key, true, arena))
            return false;
    } else if (ss_id_is_text(type) && kind->has_argument && (kind->parts & SS_GROUP_VALUE_PARTS)) {
        exact = state->n == 1 || can_remove_text(state, kind->parts, value->text);
        if (state->n == 1 && state->distinct) ss_distinct_clear(state->distinct);
    }
    if (!exact) return true;
    state->n--;
    *removal = SS_GROUP_REMOVED;
    return true;
}

// Did the event leave its place free? An end whose only event leaves is cleared; another that leaves is lost.
static bool end_survives(struct ss_group_end *end, bool last, bool alone, const struct ss_group_event *event)
{
    if (alone) {
        *end = (struct ss_group_end){0};
        return true;
    }
    const int against = end->there ? order(end, event->event_time_us, event->seq) : 0;
    return last ? against > 0 : against < 0;
}

static bool remove_from_members(struct ss_group_state *state, const struct ss_group_kind *kind,
                                const struct ss_group_event *event, enum ss_group_removal *removal,
                                struct ss_arena *arena)
{
    *removal = state->members ? SS_GROUP_REMOVED : SS_GROUP_NEEDS_REFOLD;
    for (int i = 0; i < SS_MEMBER_COUNT && *removal == SS_GROUP_REMOVED; i++) {
        if (!(kind->parts & SS_MEMBER_PART(i))) continue;
        if (!ss_members[i]->remove(state->members[i], kind, event, removal, arena)) return false;
    }
    return true;
}

bool ss_group_remove(struct ss_group_state *state, const struct ss_group_kind *kind,
                     const struct ss_group_event *event, enum ss_group_removal *removal,
                     struct ss_arena *arena)
{
    const bool counted = counts(kind, &event->value);
    *removal = SS_GROUP_NEEDS_REFOLD;
    if (counted && state->n == 0) return true;
    if ((kind->parts & SS_GROUP_END_PARTS) && !state->ends) return true;
    const bool alone = counted && state->n == 1;
    if ((kind->parts & SS_PART_LAST) &&
        !end_survives(&state->ends->last, true, alone && !kind->has_argument, event))
        return true;
    if ((kind->parts & SS_PART_FIRST) && counted && !end_survives(&state->ends->first, false, alone, event))
        return true;
    if (counted && (kind->parts & SS_GROUP_MEMBERS)) {
        if (!remove_from_members(state, kind, event, removal, arena)) return false;
        if (*removal == SS_GROUP_NEEDS_REFOLD) return true;
    }
    if (counted) return remove_value(state, kind, &event->value, removal, arena);
    *removal = SS_GROUP_REMOVED;
    return true;
}

// Makes the wide form ready for another wide state. The state's n is as before.
bool ss_group_widen(struct ss_group_state *state, const struct ss_group_kind *kind, uint32_t parts,
                    struct ss_arena *arena)
{
    if (keeps_raw(kind, parts) && state->n <= SS_GROUP_RAW)
        return promote(state, kind->type.id, parts, arena);
    if (!ensure(state, parts, arena)) return false;
    if (state->n == 0 && state->distinct) ss_distinct_clear(state->distinct);
    return true;
}

void ss_group_merge_end(struct ss_group_end *end, bool last, const struct ss_group_end *other)
{
    if (other->there && displaces(end, last, other->event_time_us, other->seq)) *end = *other;
}

// Only the bounds that the kind keeps are known on the other side.
static void merge_bounds(struct ss_group_state *state, const struct ss_group_kind *kind,
                         const struct ss_group_sums *other)
{
    const bool text = ss_type_is_text(kind->type), first = state->n == 0;
    struct ss_group_sums *sums = state->sums;
    if (kind->parts & SS_PART_MIN) {
        if (first ||
            (text ? ss_bytes_compare(other->min.text, sums->min.text) < 0 : other->min.key < sums->min.key))
            sums->min = other->min;
    }
    if (kind->parts & SS_PART_MAX) {
        if (first ||
            (text ? ss_bytes_compare(other->max.text, sums->max.text) > 0 : other->max.key > sums->max.key))
            sums->max = other->max;
    }
}

static bool merge_members(struct ss_group_state *state, const struct ss_group_kind *kind,
                          const struct ss_group_state *other, struct ss_arena *arena)
{
    if (!ss_group_ensure_members(state, kind->parts, arena)) return false;
    for (int i = 0; i < SS_MEMBER_COUNT; i++) {
        if (!(kind->parts & SS_MEMBER_PART(i))) continue;
        if (!ss_members[i]->merge(state->members[i], kind, other->members[i], arena)) return false;
    }
    return true;
}

// Sums and bounds of scalars, both wide.
static inline bool merge_sums(struct ss_group_state *state, uint32_t parts,
                              const struct ss_group_state *other, struct ss_arena *arena)
{
    struct ss_group_sums *const sums = state->sums;
    const struct ss_group_sums *const more = other->sums;
    state->n += other->n;
    if ((parts & SS_PART_MIN) && more->min.key < sums->min.key) sums->min.key = more->min.key;
    if ((parts & SS_PART_MAX) && more->max.key > sums->max.key) sums->max.key = more->max.key;
    return (!(parts & SS_PART_S1) || ss_exact_merge(&sums->s1, &more->s1, arena)) &&
           (!(parts & SS_PART_S2) || ss_exact_merge(&sums->s2, &more->s2, arena));
}

bool ss_group_merge(struct ss_group_state *state, const struct ss_group_kind *kind,
                    const struct ss_group_state *other, struct ss_arena *arena)
{
    const uint32_t parts = kind->parts;
    if (!(parts & ~(SS_PART_N | (uint32_t)SS_GROUP_SUM_PARTS)) && keeps_raw(kind, parts) &&
        state->n > SS_GROUP_RAW && other->n > SS_GROUP_RAW)
        return merge_sums(state, parts, other, arena);
    if ((parts & SS_GROUP_END_PARTS) && other->ends) {
        if (!ss_group_ensure_ends(state, arena)) return false;
        if (parts & SS_PART_FIRST) ss_group_merge_end(&state->ends->first, false, &other->ends->first);
        if (parts & SS_PART_LAST) ss_group_merge_end(&state->ends->last, true, &other->ends->last);
    }
    if (other->n == 0) return true;
    if ((parts & SS_GROUP_MEMBERS) && !merge_members(state, kind, other, arena)) return false;
    if (keeps_raw(kind, parts) && other->n <= SS_GROUP_RAW) {
        for (uint64_t i = 0; i < other->n; i++)
            if (!ss_group_absorb_key(state, kind->type.id, parts, other->raw[i], arena)) return false;
        return true;
    }
    if (kind->has_argument && (parts & SS_GROUP_VALUE_PARTS)) {
        if (!ss_group_widen(state, kind, parts, arena)) return false;
        if ((parts & SS_PART_S1) && !ss_exact_merge(&state->sums->s1, &other->sums->s1, arena)) return false;
        if ((parts & SS_PART_S2) && !ss_exact_merge(&state->sums->s2, &other->sums->s2, arena)) return false;
        merge_bounds(state, kind, other->sums);
        if ((parts & SS_PART_DISTINCT) &&
            !ss_distinct_merge(state->distinct, kind->type.id, other->distinct, arena))
            return false;
    }
    state->n += other->n;
    return true;
}

void ss_group_clear(struct ss_group_state *state)
{
    state->n = 0;
    if (state->sums) {
        ss_exact_clear(&state->sums->s1);
        ss_exact_clear(&state->sums->s2);
    }
    if (state->ends) *state->ends = (struct ss_group_ends){0};
    if (state->distinct) ss_distinct_clear(state->distinct);
    for (int i = 0; state->members && i < SS_MEMBER_COUNT; i++)
        if (state->members[i]) ss_members[i]->clear(state->members[i]);
}

bool ss_group_empty(const struct ss_group_state *state)
{
    return state->n == 0 && !(state->ends && state->ends->last.there);
}

const struct ss_group_sums *ss_group_sums(struct ss_group_state *state, const struct ss_group_kind *kind,
                                          struct ss_arena *arena)
{
    if (keeps_raw(kind, kind->parts) && state->n <= SS_GROUP_RAW) {
        const uint32_t parts = kind->parts & SS_GROUP_SUM_PARTS;
        if (!promote(state, kind->type.id, parts, arena)) return NULL;
    }
    return state->sums;
}
