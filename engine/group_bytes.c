// The state of a group as bytes (docs/FORMAT.md "Group"): encoded, and merged straight from bytes.
//
//   n | n keys, ascending                        while the group keeps values raw and n <= SS_GROUP_RAW
//     | S1? S2? min? max? distinct?              else, by parts
//   first?  if n > 0: time - origin, seq, value
//   last?   0: none, 1: value is null, 2: value follows; then time - origin, seq, value
//           3, 4: the same of the event that the first last of the tile has; then value
//   members if n > 0, in the order of their bits

#include "engine/group_members.h"
#include "engine/read_inline.h"

enum last_mark { LAST_NONE, LAST_NULL, LAST_VALUE, LAST_SAME_NULL, LAST_SAME_VALUE };

static inline bool is_text(const struct ss_group_kind *kind)
{
    return ss_type_is_text(kind->type);
}

static inline bool is_raw(const struct ss_group_kind *kind, uint64_t n)
{
    return n <= SS_GROUP_RAW && !is_text(kind);
}

static void encode_text(struct ss_bytes text, struct ss_buffer *buffer)
{
    ss_buffer_varint(buffer, text.size);
    ss_buffer_append(buffer, text.data, text.size);
}

static struct ss_bytes decode_text(struct ss_reader *reader)
{
    const uint64_t size = ss_read_varint_inline(reader);
    const uint8_t *span = ss_read_span_inline(reader, size);
    return span ? (struct ss_bytes){(const char *)span, size} : (struct ss_bytes){"", 0};
}

static void encode_bound(const struct ss_group_kind *kind, union ss_group_bound bound,
                         struct ss_buffer *buffer)
{
    if (is_text(kind))
        encode_text(bound.text, buffer);
    else
        ss_scalar_encode(kind->type.id, bound.key, buffer);
}

static void encode_values(const struct ss_group_state *state, const struct ss_group_kind *kind,
                          struct ss_buffer *buffer)
{
    if (is_raw(kind, state->n)) {
        for (uint64_t i = 0; i < state->n; i++) ss_scalar_encode(kind->type.id, state->raw[i], buffer);
        return;
    }
    const uint32_t parts = kind->parts;
    if (parts & SS_PART_S1) ss_exact_encode(&state->sums->s1, 0, buffer);
    if (parts & SS_PART_S2) {
        const int32_t base = parts & SS_PART_S1 ? 2 * ss_exact_exponent(&state->sums->s1) : 0;
        ss_exact_encode(&state->sums->s2, base, buffer);
    }
    if (parts & SS_PART_MIN) encode_bound(kind, state->sums->min, buffer);
    if (parts & SS_PART_MAX) encode_bound(kind, state->sums->max, buffer);
    if (parts & SS_PART_DISTINCT) ss_distinct_encode(state->distinct, kind->type.id, buffer);
}

static void encode_value(const struct ss_value *value, const struct ss_group_kind *kind,
                         struct ss_buffer *buffer)
{
    if (!value->present) return;
    if (is_text(kind))
        encode_text(value->text, buffer);
    else
        ss_scalar_encode(kind->type.id, ss_scalar_key(kind->type.id, value), buffer);
}

static void encode_end(const struct ss_group_end *end, const struct ss_group_kind *kind,
                       struct ss_buffer *buffer)
{
    ss_buffer_zigzag(buffer, end->event_time_us - kind->origin_us);
    ss_buffer_varint(buffer, end->seq);
    encode_value(&end->value, kind, buffer);
}

static void note_newest(const struct ss_group_kind *kind, const struct ss_group_end *last)
{
    if (kind->newest && !kind->newest->there)
        *kind->newest = (struct ss_group_newest){true, last->event_time_us, last->seq};
}

static void encode_last(const struct ss_group_state *state, const struct ss_group_kind *kind,
                        struct ss_buffer *buffer)
{
    const struct ss_group_newest *newest = kind->newest;
    if (!state->ends || !state->ends->last.there) {
        ss_buffer_byte(buffer, LAST_NONE);
        return;
    }
    const struct ss_group_end *last = &state->ends->last;
    if (newest && newest->there && newest->event_time_us == last->event_time_us && newest->seq == last->seq) {
        ss_buffer_byte(buffer, last->value.present ? LAST_SAME_VALUE : LAST_SAME_NULL);
        encode_value(&last->value, kind, buffer);
        return;
    }
    note_newest(kind, last);
    ss_buffer_byte(buffer, last->value.present ? LAST_VALUE : LAST_NULL);
    encode_end(last, kind, buffer);
}

void ss_group_encode(const struct ss_group_state *state, const struct ss_group_kind *kind,
                     struct ss_buffer *buffer)
{
    ss_buffer_varint(buffer, state->n);
    if (state->n && kind->has_argument && (kind->parts & SS_GROUP_VALUE_PARTS))
        encode_values(state, kind, buffer);
    if (state->n && (kind->parts & SS_PART_FIRST)) encode_end(&state->ends->first, kind, buffer);
    if (kind->parts & SS_PART_LAST) encode_last(state, kind, buffer);
    for (int i = 0; state->n && (kind->parts & SS_GROUP_MEMBERS) && i < SS_MEMBER_COUNT; i++)
        if (kind->parts & SS_MEMBER_PART(i)) ss_members[i]->encode(state->members[i], kind, buffer);
}

static bool merge_raw(struct ss_group_state *state, const struct ss_group_kind *kind, uint32_t parts,
                      uint64_t n, struct ss_reader *reader, struct ss_arena *arena)
{
    int64_t keys[SS_GROUP_RAW];
    for (uint64_t i = 0; i < n; i++) {
        keys[i] = ss_scalar_decode(kind->type.id, reader);
        if (i > 0 && keys[i] < keys[i - 1]) reader->failed = true;
    }
    if (!state || reader->failed) return true;
    if (!(parts & SS_GROUP_VALUE_PARTS)) {
        state->n += n;
        return true;
    }
    for (uint64_t i = 0; i < n; i++)
        if (!ss_group_absorb_key(state, kind->type.id, parts, keys[i], arena)) return false;
    return true;
}

static bool merge_sums(struct ss_group_state *state, const struct ss_group_kind *kind, uint32_t parts,
                       struct ss_reader *reader, struct ss_arena *arena)
{
    struct ss_group_sums *sums = state ? state->sums : NULL;
    int32_t exponent = 0;
    if ((kind->parts & SS_PART_S1) &&
        !ss_exact_merge_bytes(parts & SS_PART_S1 ? &sums->s1 : NULL, 0, reader, &exponent, arena))
        return false;
    return !(kind->parts & SS_PART_S2) || ss_exact_merge_bytes(parts & SS_PART_S2 ? &sums->s2 : NULL,
                                                               2 * exponent, reader, &exponent, arena);
}

static void merge_bounds(struct ss_group_state *state, const struct ss_group_kind *kind, uint32_t parts,
                         struct ss_reader *reader)
{
    for (int i = 0; i < 2; i++) {
        const uint32_t part = i ? SS_PART_MAX : SS_PART_MIN;
        if (!(kind->parts & part)) continue;
        const struct ss_bytes text = is_text(kind) ? decode_text(reader) : (struct ss_bytes){0};
        const int64_t key = is_text(kind) ? 0 : ss_scalar_decode(kind->type.id, reader);
        if (!(parts & part)) continue;
        union ss_group_bound *bound = i ? &state->sums->max : &state->sums->min;
        if (is_text(kind)) {
            const int against = state->n ? ss_bytes_compare(text, bound->text) : 0;
            if (state->n == 0 || (i ? against > 0 : against < 0)) bound->text = text;
        } else if (state->n == 0 || (i ? key > bound->key : key < bound->key)) {
            bound->key = key;
        }
    }
}

static bool merge_wide(struct ss_group_state *state, const struct ss_group_kind *kind, uint32_t parts,
                       uint64_t n, struct ss_reader *reader, struct ss_arena *arena)
{
    if ((parts & SS_GROUP_VALUE_PARTS) && !ss_group_widen(state, kind, parts, arena)) return false;
    if ((kind->parts & (SS_PART_S1 | SS_PART_S2)) && !merge_sums(state, kind, parts, reader, arena))
        return false;
    if (kind->parts & (SS_PART_MIN | SS_PART_MAX)) merge_bounds(state, kind, parts, reader);
    if ((kind->parts & SS_PART_DISTINCT) &&
        !ss_distinct_merge_bytes(parts & SS_PART_DISTINCT ? state->distinct : NULL, kind->type.id, reader,
                                 arena))
        return false;
    if (state) state->n += n;
    return true;
}

static struct ss_group_end read_event(const struct ss_group_kind *kind, struct ss_reader *reader)
{
    struct ss_group_end end = {.there = true};
    if (__builtin_add_overflow(ss_read_zigzag_inline(reader), kind->origin_us, &end.event_time_us))
        reader->failed = true;
    end.seq = ss_read_varint_inline(reader);
    return end;
}

static struct ss_value read_value(const struct ss_group_kind *kind, struct ss_reader *reader)
{
    if (is_text(kind)) return (struct ss_value){.present = true, .text = decode_text(reader)};
    return ss_scalar_value(kind->type.id, ss_scalar_decode(kind->type.id, reader));
}

static void merge_first(struct ss_group_end *first, const struct ss_group_kind *kind,
                        struct ss_reader *reader)
{
    struct ss_group_end read = read_event(kind, reader);
    if (kind->has_argument) read.value = read_value(kind, reader);
    if (first && !reader->failed) ss_group_merge_end(first, false, &read);
}

static void merge_last(struct ss_group_end *last, const struct ss_group_kind *kind, uint64_t n,
                       struct ss_reader *reader)
{
    const uint64_t mark = ss_read_varint_inline(reader);
    const bool same = mark == LAST_SAME_NULL || mark == LAST_SAME_VALUE;
    const bool has_value = mark == LAST_VALUE || mark == LAST_SAME_VALUE;
    if (mark > LAST_SAME_VALUE || (mark == LAST_NONE && n) || (has_value && !kind->has_argument) ||
        (same && !(kind->newest && kind->newest->there)))
        reader->failed = true;
    if (mark == LAST_NONE || reader->failed) return;
    struct ss_group_end read =
        same ? (struct ss_group_end){true, kind->newest->event_time_us, kind->newest->seq, {0}}
             : read_event(kind, reader);
    note_newest(kind, &read);
    if (has_value) read.value = read_value(kind, reader);
    if (last && !reader->failed) ss_group_merge_end(last, true, &read);
}

static bool merge_ends(struct ss_group_state *state, const struct ss_group_kind *kind, uint32_t parts,
                       uint64_t n, struct ss_reader *reader, struct ss_arena *arena)
{
    if ((parts & SS_GROUP_END_PARTS) && !ss_group_ensure_ends(state, arena)) return false;
    if ((kind->parts & SS_PART_FIRST) && n)
        merge_first(parts & SS_PART_FIRST ? &state->ends->first : NULL, kind, reader);
    if (kind->parts & SS_PART_LAST)
        merge_last(parts & SS_PART_LAST ? &state->ends->last : NULL, kind, n, reader);
    return true;
}

static bool merge_members(struct ss_group_state *state, const struct ss_group_kind *kind, uint32_t parts,
                          struct ss_reader *reader, struct ss_arena *arena)
{
    if ((parts & SS_GROUP_MEMBERS) && !ss_group_ensure_members(state, parts, arena)) return false;
    for (int i = 0; i < SS_MEMBER_COUNT && !reader->failed; i++) {
        if (!(kind->parts & SS_MEMBER_PART(i))) continue;
        void *member = parts & SS_MEMBER_PART(i) ? state->members[i] : NULL;
        if (!ss_members[i]->merge_bytes(member, kind, reader, arena)) return false;
    }
    return true;
}

bool ss_group_merge_bytes(struct ss_group_state *state, const struct ss_group_kind *kind, uint32_t parts,
                          struct ss_reader *reader, struct ss_arena *arena)
{
    if (!state) parts = 0;
    const uint64_t n = ss_read_varint_inline(reader);
    if (n > SS_TILE_EVENTS_MAX) reader->failed = true;
    if (n && kind->has_argument && (kind->parts & SS_GROUP_VALUE_PARTS)) {
        const bool merged = is_raw(kind, n) ? merge_raw(state, kind, parts, n, reader, arena)
                                            : merge_wide(state, kind, parts, n, reader, arena);
        if (!merged) return false;
    } else if (state) {
        state->n += n;
    }
    if ((kind->parts & SS_GROUP_END_PARTS) && !merge_ends(state, kind, parts, n, reader, arena)) return false;
    return !n || !(kind->parts & SS_GROUP_MEMBERS) || merge_members(state, kind, parts, reader, arena);
}
