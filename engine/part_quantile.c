// Quantiles: the multiset of values up to 64 of them, beyond that a sketch of it (quantile_sketch.h). Which
// of the two it is depends on their number alone.
//
//   varint n (1..64), n keys ascending: of float64 scalars, else the first as scalar, then differences
//   varint 65, sketch
//
// The multiset keeps the type's own keys; the sketch knows doubles, the nearest one to each value. A value is
// taken back where that leaves what the others would have made: from a multiset always, from a sketch at
// level 0 that stays one.

#include "engine/base/number.h"
#include "engine/bytecode.h"
#include "engine/parts.h"
#include "engine/quantile_sketch.h"
#include "engine/read_inline.h"

#define MOST_EXACT            64
#define SKETCH_MARK           (MOST_EXACT + 1)
#define GREATEST_EXACT_DOUBLE (INT64_C(1) << 53)

struct quantile {
    uint64_t n;
    int64_t *keys; // ascending, while n <= MOST_EXACT
    uint8_t capacity;
    struct ss_sketch *sketch; // else
    struct ss_sketch *spare;  // scratch
};

static double nearest_double(struct ss_type type, int64_t key)
{
    if (type.id == SS_FLOAT64) return ss_key_to_double(key);
    const int64_t unit = type.id == SS_DECIMAL ? ss_power_of_ten(type.scale) : 1;
    if (unit == 1 || key == 0) return (double)key;
    if (key <= GREATEST_EXACT_DOUBLE && key >= -GREATEST_EXACT_DOUBLE)
        return (double)key / (double)unit; // both exact, as every power of ten up to 10^22 is
    return ss_round_ratio(key < 0, (ss_uint128)(key < 0 ? 0 - (uint64_t)key : (uint64_t)key),
                          (ss_uint128)unit);
}

static int64_t double_key(struct ss_type type, int64_t key)
{
    return type.id == SS_FLOAT64 ? key : ss_double_to_key(nearest_double(type, key));
}

// A sketch of keys that are sorted; at most MOST_EXACT.
static void sketch_keys(struct ss_type type, const int64_t *keys, size_t count, struct ss_sketch *sketch)
{
    ss_sketch_clear(sketch);
    for (size_t i = 0; i < count; i++) {
        const int32_t bucket = ss_sketch_bucket(double_key(type, keys[i]), 0);
        if (sketch->count == 0 || sketch->buckets[sketch->count - 1] != bucket) {
            sketch->buckets[sketch->count] = bucket;
            sketch->counts[sketch->count++] = 0;
        }
        sketch->counts[sketch->count - 1]++;
    }
}

static bool ensure_keys(struct quantile *quantile, size_t count, struct ss_arena *arena)
{
    if (count <= quantile->capacity) return true;
    size_t capacity = 4;
    while (capacity < count) capacity *= 2;
    int64_t *keys = ss_arena_array(arena, capacity, sizeof *keys);
    if (!keys) return false;
    if (quantile->n) memcpy(keys, quantile->keys, quantile->n * sizeof *keys);
    quantile->keys = keys;
    quantile->capacity = (uint8_t)capacity;
    return true;
}

static bool ensure_sketches(struct quantile *quantile, struct ss_arena *arena)
{
    if (!quantile->sketch) quantile->sketch = ss_arena_alloc(arena, sizeof *quantile->sketch);
    if (!quantile->spare) quantile->spare = ss_arena_alloc(arena, sizeof *quantile->spare);
    return quantile->sketch && quantile->spare;
}

static size_t search(const struct quantile *quantile, int64_t key)
{
    size_t low = 0, high = quantile->n;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (quantile->keys[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void unite(struct quantile *quantile, const struct ss_sketch *other)
{
    struct ss_sketch *sum = quantile->spare;
    ss_sketch_unite(quantile->sketch, other, sum);
    quantile->spare = quantile->sketch;
    quantile->sketch = sum;
}

static bool add(void *member, const struct ss_group_kind *kind, const struct ss_group_event *event,
                struct ss_arena *arena)
{
    struct quantile *quantile = member;
    const int64_t key = ss_scalar_key(kind->type.id, &event->value);
    if (quantile->n < MOST_EXACT) {
        if (!ensure_keys(quantile, quantile->n + 1, arena)) return false;
        int64_t *at = quantile->keys + search(quantile, key);
        memmove(at + 1, at, (size_t)(quantile->keys + quantile->n - at) * sizeof *at);
        *at = key;
    } else {
        if (!ensure_sketches(quantile, arena)) return false;
        if (quantile->n == MOST_EXACT) sketch_keys(kind->type, quantile->keys, MOST_EXACT, quantile->sketch);
        const int64_t as_double = double_key(kind->type, key);
        if (!ss_sketch_add(quantile->sketch, as_double)) {
            struct ss_sketch one;
            ss_sketch_clear(&one);
            ss_sketch_add(&one, as_double);
            unite(quantile, &one);
        }
    }
    quantile->n++;
    return true;
}

static bool take_back(void *member, const struct ss_group_kind *kind, const struct ss_group_event *event,
                      enum ss_group_removal *removal, struct ss_arena *arena)
{
    struct quantile *quantile = member;
    const int64_t key = ss_scalar_key(kind->type.id, &event->value);
    bool gone;
    (void)arena;
    if (quantile->n <= MOST_EXACT) {
        const size_t at = search(quantile, key);
        gone = at < quantile->n && quantile->keys[at] == key;
        if (gone)
            memmove(quantile->keys + at, quantile->keys + at + 1,
                    (quantile->n - at - 1) * sizeof *quantile->keys);
    } else {
        gone =
            quantile->n > MOST_EXACT + 1 && ss_sketch_remove(quantile->sketch, double_key(kind->type, key));
    }
    quantile->n -= gone;
    *removal = gone ? SS_GROUP_REMOVED : SS_GROUP_NEEDS_REFOLD;
    return true;
}

// Both are multisets, and so is their union.
static bool merge_keys(struct quantile *quantile, const struct quantile *other, struct ss_arena *arena)
{
    if (!ensure_keys(quantile, quantile->n + other->n, arena)) return false;
    int64_t *keys = quantile->keys;
    for (size_t i = quantile->n, j = other->n; j > 0;) {
        const bool mine = i > 0 && keys[i - 1] > other->keys[j - 1];
        keys[i + j - 1] = mine ? keys[i - 1] : other->keys[j - 1];
        i -= mine;
        j -= !mine;
    }
    quantile->n += other->n;
    return true;
}

static bool merge(void *member, const struct ss_group_kind *kind, const void *from, struct ss_arena *arena)
{
    struct quantile *quantile = member;
    const struct quantile *other = from;
    if (quantile->n <= MOST_EXACT && other->n <= MOST_EXACT - quantile->n)
        return merge_keys(quantile, other, arena);
    struct ss_sketch keys;
    if (!ensure_sketches(quantile, arena)) return false;
    if (quantile->n <= MOST_EXACT) sketch_keys(kind->type, quantile->keys, quantile->n, quantile->sketch);
    if (other->n <= MOST_EXACT) sketch_keys(kind->type, other->keys, other->n, &keys);
    unite(quantile, other->n <= MOST_EXACT ? &keys : other->sketch);
    quantile->n += other->n;
    return true;
}

static void clear(void *member)
{
    ((struct quantile *)member)->n = 0;
}

// ---- Bytes

static void encode(const void *member, const struct ss_group_kind *kind, struct ss_buffer *buffer)
{
    const struct quantile *quantile = member;
    if (quantile->n > MOST_EXACT) {
        ss_buffer_varint(buffer, SKETCH_MARK);
        ss_sketch_encode(quantile->sketch, buffer);
        return;
    }
    ss_buffer_varint(buffer, quantile->n);
    for (size_t i = 0; i < quantile->n; i++) {
        const int64_t key = quantile->keys[i];
        if (i == 0 || kind->type.id == SS_FLOAT64)
            ss_scalar_encode(kind->type.id, key, buffer);
        else
            ss_buffer_varint(buffer, (uint64_t)key - (uint64_t)quantile->keys[i - 1]);
    }
}

static void decode_keys(struct ss_type type, uint64_t n, struct ss_reader *reader, int64_t *keys)
{
    for (uint64_t i = 0; i < n && !reader->failed; i++) {
        if (i == 0 || type.id == SS_FLOAT64) {
            keys[i] = ss_scalar_decode(type.id, reader);
            if (i > 0 && keys[i] < keys[i - 1]) reader->failed = true;
        } else {
            const uint64_t more = ss_read_varint_inline(reader);
            if (more > (uint64_t)INT64_MAX - (uint64_t)keys[i - 1]) reader->failed = true;
            keys[i] = (int64_t)((uint64_t)keys[i - 1] + more);
        }
    }
}

static bool merge_bytes(void *member, const struct ss_group_kind *kind, struct ss_reader *reader,
                        struct ss_arena *arena)
{
    int64_t keys[MOST_EXACT];
    struct ss_sketch sketch;
    struct quantile read = {.n = ss_read_varint_inline(reader), .keys = keys, .sketch = &sketch};
    if (read.n == 0 || read.n > SKETCH_MARK) reader->failed = true;
    if (reader->failed) return true;
    if (read.n == SKETCH_MARK) {
        ss_sketch_decode(&sketch, reader, &read.n);
        if (read.n <= MOST_EXACT) reader->failed = true;
    } else {
        decode_keys(kind->type, read.n, reader, keys);
    }
    return !member || reader->failed || merge(member, kind, &read, arena);
}

const struct ss_member ss_member_quantile = {
    "quantile", sizeof(struct quantile), add, take_back, merge, clear, encode, merge_bytes};

bool ss_quantile_value(const void *member, const struct ss_group_kind *kind,
                       const struct ss_aggregate *aggregate, struct ss_arena *arena, struct ss_value *value)
{
    const struct quantile *quantile = member;
    (void)arena;
    if (quantile->n == 0) return true;
    const ss_uint128 unit = (ss_uint128)ss_power_of_ten(aggregate->probability_scale);
    const uint64_t rank = (uint64_t)((ss_uint128)aggregate->probability * (quantile->n - 1) / unit);
    value->f64 = quantile->n <= MOST_EXACT ? nearest_double(kind->type, quantile->keys[rank])
                                           : ss_sketch_value(quantile->sketch, rank);
    value->present = ss_float64_normalise(&value->f64);
    if (!value->present) *value = (struct ss_value){0};
    return true;
}
