// A sketch of a multiset of doubles by their logarithm, roughly: counts per bucket, no floating point.
//
// The bucket of a double at level L is its ordered key (scalar.h) shifted right by 45 + L bits: at level 0 an
// octave has 128 buckets, and each level halves their number. The level is the least at which the multiset
// has at most SS_SKETCH_BUCKETS different ones. It can only rise when values join, and buckets of a higher
// level are unions of those below: so the sketch is a function of the multiset, in whatever order and parts
// it was made. A value is known to half a bucket: one part in 2^(8 - L).
#ifndef SS_ENGINE_QUANTILE_SKETCH_H
#define SS_ENGINE_QUANTILE_SKETCH_H

#include "engine/scalar.h"

#define SS_SKETCH_BUCKETS 256
#define SS_SKETCH_SHIFT   45

struct ss_sketch {
    uint8_t level;
    uint16_t count;
    int32_t buckets[SS_SKETCH_BUCKETS]; // ascending
    uint64_t counts[SS_SKETCH_BUCKETS]; // none is 0
};

static inline int32_t ss_sketch_bucket(int64_t key, unsigned level)
{
    return (int32_t)(key >> SS_SKETCH_SHIFT >> level);
}

void ss_sketch_clear(struct ss_sketch *sketch);
// *sum = both, at the least level that does; may be none of the two.
void ss_sketch_unite(const struct ss_sketch *a, const struct ss_sketch *b, struct ss_sketch *sum);
// False: it needs another level, so ss_sketch_unite.
bool ss_sketch_add(struct ss_sketch *sketch, int64_t key);
// False: what would be left cannot be known (or the key was never added); the sketch is as it was.
bool ss_sketch_remove(struct ss_sketch *sketch, int64_t key);
// The middle of the bucket that holds the value of that rank (from 0), 0.0 for the bucket of zero. Infinite
// where the middle is above the greatest double.
double ss_sketch_value(const struct ss_sketch *sketch, uint64_t rank);

void ss_sketch_encode(const struct ss_sketch *sketch, struct ss_buffer *buffer);
// *n: how many values it holds. Damage sets reader->failed.
void ss_sketch_decode(struct ss_sketch *sketch, struct ss_reader *reader, uint64_t *n);

#endif
