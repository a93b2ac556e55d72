// The sketch of quantiles. See quantile_sketch.h.

#include "engine/quantile_sketch.h"

#include "engine/read_inline.h"

#define GREATEST_LEVEL 11 // at which every double has one of 256 buckets

void ss_sketch_clear(struct ss_sketch *sketch)
{
    sketch->level = 0;
    sketch->count = 0;
}

// ---- Uniting

struct buckets { // of two sketches
    unsigned count;
    int32_t buckets[2 * SS_SKETCH_BUCKETS];
    uint64_t counts[2 * SS_SKETCH_BUCKETS];
};

// So many levels up, in place. How many buckets there are then.
static unsigned rise(int32_t *buckets, uint64_t *counts, unsigned count, unsigned levels)
{
    unsigned to = 0;
    for (unsigned from = 0; from < count; from++) {
        const int32_t bucket = buckets[from] >> levels;
        if (to > 0 && buckets[to - 1] == bucket) {
            counts[to - 1] += counts[from];
        } else {
            buckets[to] = bucket;
            counts[to++] = counts[from];
        }
    }
    return to;
}

// Of one level. Which of two buckets is less is a coin toss: no branches on it.
static void merge(const struct ss_sketch *a, const struct ss_sketch *b, struct buckets *both)
{
    unsigned i = 0, j = 0, to = 0;
    while (i < a->count && j < b->count) {
        const int32_t x = a->buckets[i], y = b->buckets[j];
        const bool take_x = x <= y, take_y = y <= x;
        both->buckets[to] = take_x ? x : y;
        both->counts[to++] = (a->counts[i] & -(uint64_t)take_x) + (b->counts[j] & -(uint64_t)take_y);
        i += take_x;
        j += take_y;
    }
    const struct ss_sketch *rest = i < a->count ? a : b;
    const unsigned from = i < a->count ? i : j, left = rest->count - from;
    memcpy(both->buckets + to, rest->buckets + from, left * sizeof *both->buckets);
    memcpy(both->counts + to, rest->counts + from, left * sizeof *both->counts);
    both->count = to + left;
}

void ss_sketch_unite(const struct ss_sketch *a, const struct ss_sketch *b, struct ss_sketch *sum)
{
    struct ss_sketch risen;
    struct buckets both;
    const struct ss_sketch *high = a->level > b->level ? a : b, *low = high == a ? b : a;
    unsigned level = high->level;
    if (low->level < level) {
        risen = *low;
        risen.count = (uint16_t)rise(risen.buckets, risen.counts, risen.count, level - low->level);
        low = &risen;
    }
    merge(high, low, &both);
    for (; both.count > SS_SKETCH_BUCKETS; level++)
        both.count = rise(both.buckets, both.counts, both.count, 1);
    sum->level = (uint8_t)level;
    sum->count = (uint16_t)both.count;
    memcpy(sum->buckets, both.buckets, both.count * sizeof *both.buckets);
    memcpy(sum->counts, both.counts, both.count * sizeof *both.counts);
}

// ---- One value

static unsigned search(const struct ss_sketch *sketch, int32_t bucket)
{
    unsigned low = 0, high = sketch->count;
    while (low < high) {
        const unsigned middle = (low + high) / 2;
        if (sketch->buckets[middle] < bucket)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool ss_sketch_add(struct ss_sketch *sketch, int64_t key)
{
    const int32_t bucket = ss_sketch_bucket(key, sketch->level);
    const unsigned at = search(sketch, bucket), after = sketch->count - at;
    if (after && sketch->buckets[at] == bucket) {
        sketch->counts[at]++;
        return true;
    }
    if (sketch->count == SS_SKETCH_BUCKETS) return false;
    memmove(sketch->buckets + at + 1, sketch->buckets + at, after * sizeof *sketch->buckets);
    memmove(sketch->counts + at + 1, sketch->counts + at, after * sizeof *sketch->counts);
    sketch->buckets[at] = bucket;
    sketch->counts[at] = 1;
    sketch->count++;
    return true;
}

bool ss_sketch_remove(struct ss_sketch *sketch, int64_t key)
{
    const int32_t bucket = ss_sketch_bucket(key, 0);
    const unsigned at = search(sketch, bucket);
    // At a higher level the buckets below are not known: one of them may be gone, and the level too high.
    if (sketch->level > 0 || at == sketch->count || sketch->buckets[at] != bucket) return false;
    if (--sketch->counts[at] > 0) return true;
    const unsigned after = --sketch->count - at;
    memmove(sketch->buckets + at, sketch->buckets + at + 1, after * sizeof *sketch->buckets);
    memmove(sketch->counts + at, sketch->counts + at + 1, after * sizeof *sketch->counts);
    return true;
}

double ss_sketch_value(const struct ss_sketch *sketch, uint64_t rank)
{
    unsigned at = 0;
    for (; at + 1u < sketch->count && rank >= sketch->counts[at]; at++) rank -= sketch->counts[at];
    if (sketch->buckets[at] == 0) return 0.0;
    const int64_t width = INT64_C(1) << (SS_SKETCH_SHIFT + sketch->level);
    return ss_key_to_double(sketch->buckets[at] * width + width / 2);
}

// ---- Bytes

void ss_sketch_encode(const struct ss_sketch *sketch, struct ss_buffer *buffer)
{
    ss_buffer_byte(buffer, sketch->level);
    ss_buffer_varint(buffer, sketch->count);
    for (unsigned i = 0; i < sketch->count; i++) {
        if (i == 0)
            ss_buffer_zigzag(buffer, sketch->buckets[0]);
        else
            ss_buffer_varint(buffer, (uint64_t)(sketch->buckets[i] - sketch->buckets[i - 1] - 1));
        ss_buffer_varint(buffer, sketch->counts[i]);
    }
}

// Is it what a multiset of n values can have come to? A level halves the buckets at most.
static bool plausible(const struct ss_sketch *sketch, uint64_t n)
{
    if (sketch->level == 0) return true;
    return 2u * sketch->count > SS_SKETCH_BUCKETS && n > SS_SKETCH_BUCKETS;
}

void ss_sketch_decode(struct ss_sketch *sketch, struct ss_reader *reader, uint64_t *n)
{
    const uint8_t level = ss_read_byte(reader);
    const uint64_t count = ss_read_varint_inline(reader);
    ss_sketch_clear(sketch);
    *n = 0;
    if (level > GREATEST_LEVEL || count == 0 || count > SS_SKETCH_BUCKETS) reader->failed = true;
    if (reader->failed) return;
    const int64_t end = INT64_C(1) << (63 - SS_SKETCH_SHIFT - level);
    int64_t bucket = 0;
    for (unsigned i = 0; i < count; i++) {
        const uint64_t gap = i == 0 ? 0 : ss_read_varint_inline(reader);
        if (i == 0) bucket = ss_read_zigzag_inline(reader);
        if (bucket < -end || bucket >= end || gap >= (uint64_t)(end - bucket)) reader->failed = true;
        if (reader->failed) return;
        bucket += (int64_t)gap + (i > 0);
        sketch->buckets[i] = (int32_t)bucket;
        sketch->counts[i] = ss_read_varint_inline(reader);
        if (sketch->counts[i] == 0 || sketch->counts[i] > SS_TILE_EVENTS_MAX - *n || bucket >= end)
            reader->failed = true;
        *n += sketch->counts[i];
    }
    sketch->level = level;
    sketch->count = (uint16_t)count;
    if (!plausible(sketch, *n)) reader->failed = true;
}
