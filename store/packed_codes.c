// Codes of one frame to integers, and their bounds: what every read of history does for every value. Where
// the processor has AVX2, eight codes at a time. Codes of `width` bits come again at the same bits of a byte
// after eight of them, so one pair of shuffles and shifts serves a whole run.

#include "store/packed_internal.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

static void read_codes(struct ss_packed_frame frame, int32_t first, int32_t count, int64_t *values)
{
    const uint64_t mask = ss_codes_mask(frame.width);
    size_t bit = (size_t)first * frame.width;
    for (int32_t i = 0; i < count; i++, bit += frame.width) {
        const uint64_t code = ss_packed_load(frame.bits + bit / 8) >> (bit % 8) & mask;
        values[i] = (int64_t)(frame.base + code);
    }
}

static void read_wide_codes(struct ss_packed_frame frame, int32_t first, int32_t count, int64_t *values)
{
    const uint64_t mask = ss_codes_mask(frame.width);
    size_t bit = (size_t)first * frame.width;
    for (int32_t i = 0; i < count; i++, bit += frame.width) {
        const uint8_t *at = frame.bits + bit / 8;
        const unsigned shift = bit % 8;
        const uint64_t code = ss_packed_load(at) >> shift | (uint64_t)at[8] << 1 << (63 - shift);
        values[i] = (int64_t)(frame.base + (code & mask));
    }
}

static void take_bounds(const int64_t *values, int32_t count, int64_t *least, int64_t *most)
{
    for (int32_t i = 0; i < count; i++) {
        *least = values[i] < *least ? values[i] : *least;
        *most = values[i] > *most ? values[i] : *most;
    }
}

#ifdef __x86_64__

// Two pairs of codes: each pair within the 16 bytes that begin with its first code's.
struct four_codes {
    size_t at[2];        // of the pairs' 16 bytes
    __m256i bytes, bits; // where the codes begin in them; how far they are shifted
};

// The four from a bit on.
__attribute__((target("avx2"))) static inline struct four_codes four_codes_from(size_t bit, unsigned width)
{
    const size_t second = bit + width, third = second + width, fourth = third + width;
    const int64_t eights = INT64_C(0x0101010101010101), bytes = INT64_C(0x0706050403020100);
    const int64_t to_second = eights * (int64_t)(second / 8 - bit / 8);
    const int64_t to_fourth = eights * (int64_t)(fourth / 8 - third / 8);
    return (struct four_codes){
        .at = {bit / 8, third / 8},
        .bytes = _mm256_setr_epi64x(bytes, bytes + to_second, bytes, bytes + to_fourth),
        .bits = _mm256_setr_epi64x(bit % 8, second % 8, third % 8, fourth % 8),
    };
}

__attribute__((target("avx2"))) static inline __m256i load_four(const uint8_t *from,
                                                                const struct four_codes *four)
{
    const __m128i low = _mm_loadu_si128((const __m128i *)(const void *)(from + four->at[0]));
    const __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(from + four->at[1]));
    const __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
    return _mm256_srlv_epi64(_mm256_shuffle_epi8(both, four->bytes), four->bits);
}

// As many whole eights as can be read within what a read may pass. How many codes that were.
__attribute__((target("avx2"))) static int32_t read_eights(struct ss_packed_frame frame, int32_t first,
                                                           int32_t count, int64_t *values)
{
    const size_t bit = (size_t)first * frame.width;
    const uint8_t *from = frame.bits + bit / 8;
    const uint8_t *end = frame.bits + (bit + (size_t)count * frame.width + 7) / 8 + sizeof(uint64_t);
    const struct four_codes low = four_codes_from(bit % 8, frame.width);
    const struct four_codes high = four_codes_from(bit % 8 + 4 * (size_t)frame.width, frame.width);
    const __m256i mask = _mm256_set1_epi64x((int64_t)ss_codes_mask(frame.width));
    const __m256i base = _mm256_set1_epi64x((int64_t)frame.base);
    int32_t i = 0;
    for (; count - i >= 8 && (size_t)(end - from) >= high.at[1] + 16; i += 8, from += frame.width) {
        const __m256i a = _mm256_and_si256(load_four(from, &low), mask);
        const __m256i b = _mm256_and_si256(load_four(from, &high), mask);
        _mm256_storeu_si256((__m256i *)(void *)(values + i), _mm256_add_epi64(a, base));
        _mm256_storeu_si256((__m256i *)(void *)(values + i + 4), _mm256_add_epi64(b, base));
    }
    return i;
}

struct four_bounds {
    __m256i low, high;
};

__attribute__((target("avx2"))) static inline void take_four(const int64_t *values,
                                                             struct four_bounds *bounds)
{
    const __m256i four = _mm256_loadu_si256((const __m256i *)(const void *)values);
    bounds->low = _mm256_blendv_epi8(bounds->low, four, _mm256_cmpgt_epi64(bounds->low, four));
    bounds->high = _mm256_blendv_epi8(bounds->high, four, _mm256_cmpgt_epi64(four, bounds->high));
}

// Three fours beside each other, as one waits for its comparison. How many values that were.
__attribute__((target("avx2"))) static int32_t take_bounds_of_twelves(const int64_t *values, int32_t count,
                                                                      int64_t *least, int64_t *most)
{
    const struct four_bounds none = {_mm256_set1_epi64x(INT64_MAX), _mm256_set1_epi64x(INT64_MIN)};
    struct four_bounds a = none, b = none, c = none;
    int64_t bounds[24]; // the least, then the greatest
    int32_t i = 0;
    for (; count - i >= 12; i += 12) {
        take_four(values + i, &a);
        take_four(values + i + 4, &b);
        take_four(values + i + 8, &c);
    }
    const __m256i all[] = {a.low, b.low, c.low, a.high, b.high, c.high};
    memcpy(bounds, all, sizeof bounds);
    if (i) take_bounds(bounds, 12, least, most);
    if (i) take_bounds(bounds + 12, 12, least, most);
    return i;
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

#else

static bool has_avx2(void)
{
    return false;
}

static int32_t read_eights(struct ss_packed_frame frame, int32_t first, int32_t count, int64_t *values)
{
    (void)frame, (void)first, (void)count, (void)values;
    return 0;
}

static int32_t take_bounds_of_twelves(const int64_t *values, int32_t count, int64_t *least, int64_t *most)
{
    (void)values, (void)count, (void)least, (void)most;
    return 0;
}

#endif

void ss_codes_read(struct ss_packed_frame frame, int32_t first, int32_t count, int64_t *values)
{
    int32_t read = 0;
    if (frame.width > PACKED_ONE_LOAD_WIDTH) {
        read_wide_codes(frame, first, count, values);
    } else if (frame.width > 0) {
        if (count >= 16 && has_avx2()) read = read_eights(frame, first, count, values);
        read_codes(frame, first + read, count - read, values + read);
    } else {
        for (int32_t i = 0; i < count; i++) values[i] = (int64_t)frame.base;
    }
}

void ss_integers_bounds(const int64_t *values, int32_t count, int64_t *least, int64_t *most)
{
    int32_t taken = 0;
    if (count >= 16 && has_avx2()) taken = take_bounds_of_twelves(values, count, least, most);
    take_bounds(values + taken, count - taken, least, most);
}
