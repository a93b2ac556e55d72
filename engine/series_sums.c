// Sums of a series' rows. See series_sums.h.
//
// A term is an integer of 2^exponent, the exponent being the least of the group's values (0 where they are
// integers). Where it has at most TERM_BITS bits, the sum of SS_SUMS_ROWS of them has less than 127 and that
// of their squares less than 190; so all are exact, and a difference of two is too.

#include "engine/series_sums.h"

#include "engine/base/planted.h"
#include "engine/exact_term.h"
#include "engine/series_internal.h"

#define TERM_BITS   84
#define MOST_SHIFT  (TERM_BITS - 53) // twice of it is less than 64
#define PARTS       (SS_PART_N | SS_PART_S1 | SS_PART_S2 | SS_PART_MIN | SS_PART_MAX)
#define LEVEL_LEAST (4 * SS_SUMS_FANOUT) // keys; fewer are gone through one by one

__extension__ typedef unsigned __int128 uint128;

const struct ss_series_total ss_series_no_rows = {.bounds = {INT64_MAX, INT64_MIN}};

struct term { // (-1)^negative * mantissa * 2^shift
    uint64_t mantissa;
    unsigned shift;
    bool negative;
};

static bool serves(const struct ss_series *series, int group)
{
    const struct ss_group *of = &series->view->groups[group];
    const struct ss_series_group *plan = &series->plan->groups[group];
    uint32_t parts = 0;
    if (of->argument < 0 || of->has_second || SS_PLANTED(float_sum)) return false;
    if (of->type.id != SS_FLOAT64 && of->type.id != SS_INT64 && of->type.id != SS_DECIMAL) return false;
    for (int w = 0; w < series->plan->window_count; w++) parts |= plan->steps[w].parts;
    return (parts & PARTS & ~(uint32_t)SS_PART_N) && !(parts & ~(uint32_t)PARTS);
}

// ---- Making

static inline uint32_t biased_of(int64_t bits)
{
    return (uint32_t)(bits >> 52) & 0x7ff;
}

// The least and greatest exponent of the doubles that count; false: they lie too far apart.
static bool find_exponent(const struct ss_series *series, const int64_t *words, const uint8_t *marks,
                          int32_t *exponent)
{
    uint32_t lowest = 0x7ff, highest = 1;
    for (int32_t row = 0; row < series->length; row++) {
        if (marks[row] != SS_SERIES_COUNTS || words[row] == 0) continue;
        const uint32_t biased = biased_of(words[row]);
        lowest = biased < lowest ? biased : lowest;
        highest = biased > highest ? biased : highest;
    }
    if (lowest == 0) lowest = 1; // of subnormal ones
    if (lowest == 0x7ff) lowest = highest;
    *exponent = (int32_t)lowest - 1075;
    return highest - lowest <= MOST_SHIFT;
}

static inline struct term term_of(bool is_double, int64_t word, int32_t least)
{
    if (!is_double) return (struct term){word < 0 ? 0 - (uint64_t)word : (uint64_t)word, 0, word < 0};
    struct term term;
    int32_t exponent;
    double value;
    memcpy(&value, &word, sizeof value);
    term.mantissa = ss_take_apart(value, &exponent, &term.negative);
    term.shift = term.mantissa ? (unsigned)(exponent - least) : 0;
    return term;
}

static inline void add_limbs(uint64_t to[3], const uint64_t limbs[3])
{
    const uint128 low = ((uint128)to[1] << 64 | to[0]) + ((uint128)limbs[1] << 64 | limbs[0]);
    const bool carry = low < ((uint128)limbs[1] << 64 | limbs[0]);
    to[0] = (uint64_t)low;
    to[1] = (uint64_t)(low >> 64);
    to[2] += limbs[2] + carry;
}

// What of a limb goes to the next when it is moved up by less than 64 bits.
static inline uint64_t carried(uint64_t limb, unsigned shift)
{
    return (limb >> 1) >> (63 - shift);
}

static inline void add_term(struct ss_series_sum *sum, struct term term)
{
    const unsigned shift = term.shift, twice = 2 * shift;
    const ss_int128 magnitude =
        (ss_int128)((uint128)carried(term.mantissa, shift) << 64 | term.mantissa << shift);
    const uint128 square = (uint128)term.mantissa * term.mantissa;
    const uint64_t low = (uint64_t)square, high = (uint64_t)(square >> 64);
    const uint64_t limbs[3] = {low << twice, high << twice | carried(low, twice), carried(high, twice)};
    sum->sum += term.negative ? -magnitude : magnitude;
    add_limbs(sum->squares, limbs);
    sum->n++;
}

static bool make_levels(const int64_t *keys, uint32_t count, struct ss_arena *arena,
                        struct ss_series_sums *sums)
{
    const struct ss_series_bounds *below = NULL;
    for (int level = 0; count >= LEVEL_LEAST && level < SS_SUMS_LEVELS; level++) {
        const uint32_t blocks = count / SS_SUMS_FANOUT;
        struct ss_series_bounds *made = ss_arena_raw_array(arena, blocks, sizeof *made);
        if (!made) return false;
        for (uint32_t i = 0; i < blocks * SS_SUMS_FANOUT; i++) {
            struct ss_series_bounds *block = &made[i / SS_SUMS_FANOUT];
            const struct ss_series_bounds of = below ? below[i] : (struct ss_series_bounds){keys[i], keys[i]};
            if (i % SS_SUMS_FANOUT == 0) *block = of;
            block->least = of.least < block->least ? of.least : block->least;
            block->most = of.most > block->most ? of.most : block->most;
        }
        sums->levels[level] = below = made;
        count = blocks;
    }
    return true;
}

static bool make_sums(const struct ss_series *series, int group, struct ss_arena *arena,
                      struct ss_series_sums *sums)
{
    const bool is_double = series->view->groups[group].type.id == SS_FLOAT64;
    const int64_t *words = series->values[series->plan->groups[group].argument].words;
    const uint8_t *marks = series->marks[group];
    const size_t length = (size_t)series->length;
    if (is_double && !find_exponent(series, words, marks, &sums->exponent)) return true;
    struct ss_series_sum *before = ss_arena_raw_array(arena, length + 1, sizeof *before), sum = {0};
    int64_t *keys = ss_arena_raw_array(arena, length + 1, sizeof *keys);
    if (!before || !keys) return false;
    for (size_t row = 0; row < length; row++) {
        before[row] = sum;
        if (marks[row] != SS_SERIES_COUNTS) continue;
        keys[sum.n] = is_double && words[row] < 0 ? words[row] ^ INT64_MAX : words[row];
        add_term(&sum, term_of(is_double, words[row], sums->exponent));
    }
    before[length] = sum;
    sums->before = before;
    sums->keys = keys;
    return make_levels(keys, sum.n, arena, sums);
}

static bool make_known(struct ss_series *series)
{
    const size_t length = (size_t)series->length;
    series->known_by_us = ss_arena_raw_array(&series->trees, length, sizeof *series->known_by_us);
    series->seq_by = ss_arena_raw_array(&series->trees, length, sizeof *series->seq_by);
    if (!series->known_by_us || !series->seq_by) return false;
    for (int l = 0; l < SS_SERIES_LANES; l++) {
        int64_t known_us = INT64_MIN;
        uint64_t seq = 0;
        for (int32_t row = series->lanes[l].begin; row < series->lanes[l].end; row++) {
            known_us = series->known_us[row] > known_us ? series->known_us[row] : known_us;
            seq = series->seq[row] > seq ? series->seq[row] : seq;
            series->known_by_us[row] = known_us;
            series->seq_by[row] = seq;
        }
    }
    return true;
}

bool ss_series_sum_up(struct ss_series *series)
{
    const struct ss_series_plan *plan = series->plan;
    bool any = false;
    for (int r = 0; r < plan->read_count; r++) any = any || serves(series, plan->reads[r]);
    if (!any) return true;
    series->sums = ss_arena_array(&series->trees, (size_t)plan->group_count, sizeof *series->sums);
    if (!series->sums || !make_known(series)) return false;
    for (int r = 0; r < plan->read_count; r++) {
        const int group = plan->reads[r];
        if (serves(series, group) && !make_sums(series, group, &series->trees, &series->sums[group]))
            return false;
    }
    return true;
}

// ---- Reading

static inline void take_keys(const int64_t *keys, uint32_t low, uint32_t high,
                             struct ss_series_bounds *bounds)
{
    for (; low < high; low++) {
        bounds->least = keys[low] < bounds->least ? keys[low] : bounds->least;
        bounds->most = keys[low] > bounds->most ? keys[low] : bounds->most;
    }
}

static inline void take_blocks(const struct ss_series_bounds *blocks, uint32_t low, uint32_t high,
                               struct ss_series_bounds *bounds)
{
    for (; low < high; low++) {
        bounds->least = blocks[low].least < bounds->least ? blocks[low].least : bounds->least;
        bounds->most = blocks[low].most > bounds->most ? blocks[low].most : bounds->most;
    }
}

// What of [low, high) fills no whole blocks of the level above; *low and *high are then counted in those.
static inline void part_from_blocks(uint32_t *low, uint32_t *high, uint32_t *head_end, uint32_t *tail)
{
    const uint32_t up = (*low + SS_SUMS_FANOUT - 1) / SS_SUMS_FANOUT, down = *high / SS_SUMS_FANOUT;
    *head_end = up < down ? up * SS_SUMS_FANOUT : *high;
    *tail = up < down ? down * SS_SUMS_FANOUT : *high;
    *low = up;
    *high = up < down ? down : up;
}

static void bound_keys(const struct ss_series_sums *sums, uint32_t low, uint32_t high,
                       struct ss_series_bounds *bounds)
{
    uint32_t first = low, end = high, head_end, tail;
    if (!sums->levels[0] || high - low <= SS_SUMS_FANOUT) {
        take_keys(sums->keys, low, high, bounds);
        return;
    }
    part_from_blocks(&low, &high, &head_end, &tail);
    take_keys(sums->keys, first, head_end, bounds);
    take_keys(sums->keys, tail, end, bounds);
    for (int level = 0; low < high; level++) {
        const struct ss_series_bounds *blocks = sums->levels[level];
        if (level + 1 == SS_SUMS_LEVELS || !sums->levels[level + 1]) {
            take_blocks(blocks, low, high, bounds);
            return;
        }
        first = low;
        end = high;
        part_from_blocks(&low, &high, &head_end, &tail);
        take_blocks(blocks, first, head_end, bounds);
        take_blocks(blocks, tail, end, bounds);
    }
}

void ss_series_sums_add(const struct ss_series_sums *sums, int32_t from, int32_t to,
                        struct ss_series_total *total)
{
    const struct ss_series_sum *low = &sums->before[from], *high = &sums->before[to];
    if (low->n == high->n) return;
    const uint128 b = (uint128)low->squares[1] << 64 | low->squares[0];
    const uint128 a = (uint128)high->squares[1] << 64 | high->squares[0], below = a - b;
    const uint64_t limbs[3] = {(uint64_t)below, (uint64_t)(below >> 64),
                               high->squares[2] - low->squares[2] - (a < b)};
    total->n += high->n - low->n;
    total->sum += high->sum - low->sum;
    add_limbs(total->squares, limbs);
    bound_keys(sums, low->n, high->n, &total->bounds);
}

// An integer of three limbs, of which the highest has bits of sign to spare, in units of 2^exponent.
static inline void take_exact(uint64_t low, uint64_t middle, uint64_t high, int32_t exponent,
                              struct ss_exact *number)
{
    const uint32_t position = (uint32_t)(exponent + 64 * 128);
    const unsigned shift = position & 63;
    number->low = (int32_t)(position >> 6) - 128;
    number->count = SS_EXACT_INLINE_LIMBS;
    number->wide = NULL;
    number->small[0] = low << shift;
    number->small[1] = middle << shift | (low >> 1) >> (63 - shift);
    number->small[2] = high << shift | (middle >> 1) >> (63 - shift);
    number->small[3] = (uint64_t)((int64_t)high >> (63 - shift) >> 1);
}

void ss_series_sums_take(const struct ss_series_sums *sums, const struct ss_series_total *total,
                         struct ss_group_sums *taken)
{
    take_exact((uint64_t)total->sum, (uint64_t)(total->sum >> 64), total->sum < 0 ? UINT64_MAX : 0,
               sums->exponent, &taken->s1);
    take_exact(total->squares[0], total->squares[1], total->squares[2], 2 * sums->exponent, &taken->s2);
    taken->min.key = total->bounds.least;
    taken->max.key = total->bounds.most;
}

bool ss_series_sums_take_value(enum ss_type_id type, const struct ss_value *value,
                               struct ss_group_sums *taken, struct ss_arena *arena)
{
    const int64_t key = ss_scalar_key(type, value);
    if (key < taken->min.key) taken->min.key = key;
    if (key > taken->max.key) taken->max.key = key;
    if (type == SS_FLOAT64)
        return ss_exact_add_double(&taken->s1, value->f64, false, arena) &&
               ss_exact_add_double_squared(&taken->s2, value->f64, false, arena);
    return ss_exact_add_int64(&taken->s1, value->i64, false, arena) &&
           ss_exact_add_int64_squared(&taken->s2, value->i64, false, arena);
}
