// Log-linear histograms: 16 buckets of equal width to each power of two.
//
//   bucket 0      [0, 64)
//   bucket 1+i    [64 + 4i, 64 + 4(i+1))       i < 16, and so on: doubled width for each power of two
//   bucket 497    [2^37, ..)
//
// The middle of a bucket is at most half its width, 1/32 of its start, away from what is in it.

#include "server/metrics.h"

#define FIRST_POWER 6
#define LAST_POWER  37
#define STEPS       16

_Static_assert(SS_HISTOGRAM_BUCKETS == 2 + (LAST_POWER - FIRST_POWER) * STEPS, "the buckets of the head");

size_t ss_histogram_bucket(uint64_t value_ns)
{
    if (value_ns < (1u << FIRST_POWER)) return 0;
    const unsigned power = 63 - (unsigned)__builtin_clzll(value_ns);
    if (power >= LAST_POWER) return SS_HISTOGRAM_BUCKETS - 1;
    return 1 + (power - FIRST_POWER) * STEPS + ((value_ns >> (power - 4)) & (STEPS - 1));
}

uint64_t ss_histogram_bucket_end(size_t bucket)
{
    if (bucket == SS_HISTOGRAM_BUCKETS - 1) return UINT64_MAX;
    // The end of a bucket is the start of the next.
    const uint64_t power = FIRST_POWER + bucket / STEPS, step = bucket % STEPS;
    return (STEPS + step) << (power - 4);
}

void ss_histogram_add(struct ss_histogram *histogram, uint64_t value_ns)
{
    histogram->counts[ss_histogram_bucket(value_ns)]++;
    histogram->count++;
    histogram->sum_ns += value_ns;
    if (value_ns > histogram->max_ns) histogram->max_ns = value_ns;
}

static uint64_t middle_of(size_t bucket, uint64_t max_ns)
{
    const uint64_t start = bucket ? ss_histogram_bucket_end(bucket - 1) : 0;
    if (bucket == SS_HISTOGRAM_BUCKETS - 1) return max_ns;
    const uint64_t middle = start + (ss_histogram_bucket_end(bucket) - start) / 2;
    return middle < max_ns ? middle : max_ns;
}

uint64_t ss_histogram_quantile(const struct ss_histogram *histogram, double q)
{
    uint64_t seen = 0;
    if (!histogram->count) return 0;
    if (q >= 1) return histogram->max_ns;
    uint64_t rank = q <= 0 ? 0 : (uint64_t)(q * (double)histogram->count);
    if (rank >= histogram->count) rank = histogram->count - 1;
    for (size_t i = 0; i < SS_HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen > rank) return middle_of(i, histogram->max_ns);
    }
    return histogram->max_ns;
}
