// What is read from counts of values: count_by, mode, top_k and entropy.
//
// Entropy is that of the shares c / n of the counts: with R = n^n / (the product of all c^c), it is ln R / n.
// The product is taken bit by bit over all counts at once, so there is one logarithm. Relative errors add up
// as the exponents do: with p bits, those of n^n and of the product are each below 5 n 2^-p (a square doubles
// an error, a factor or a square adds at most 2^-p, and the factors at bit b count 2^b times), so that of the
// result is below 2^(8 - p), ln R being at most n ln n and n below 2^56. R is rational and not 1, its
// logarithm therefore transcendental, never halfway between two doubles: more bits settle every rounding.

#include <mpfr.h>

#include "engine/base/json_text.h"
#include "engine/base/list.h"
#include "engine/parts.h"
#include "engine/tally.h"

#define FIRST_BITS  128
#define LAST_BITS   4096
#define LOST_BITS   8
#define DOUBLE_BITS 53
#define ENTROPY_END (UINT64_C(1) << 56)

static bool keep(struct ss_buffer *bytes, struct ss_arena *arena, struct ss_value *value)
{
    const char *copy = bytes->failed ? NULL : ss_arena_copy(arena, bytes->data, bytes->size);
    *value = (struct ss_value){.present = true, .text = {copy, bytes->size}};
    ss_buffer_release(bytes);
    return copy != NULL;
}

bool ss_count_by_value(const void *member, const struct ss_group_kind *kind,
                       const struct ss_aggregate *aggregate, struct ss_arena *arena, struct ss_value *value)
{
    const struct ss_tally *tally = ss_counts_tally(member, aggregate);
    struct ss_buffer text = {0}, name = {0};
    if (!tally) return true;
    for (uint32_t i = 0; i < tally->count; i++) {
        ss_buffer_clear(&name);
        ss_value_format(kind->type, ss_tally_value(tally, kind->type, i), &name);
        text.failed |= name.failed;
        ss_buffer_byte(&text, i == 0 ? '{' : ',');
        ss_json_string((struct ss_bytes){(const char *)name.data, name.size}, &text);
        ss_buffer_format(&text, ":%llu", (unsigned long long)tally->counts[i]);
    }
    ss_buffer_byte(&text, '}');
    ss_buffer_release(&name);
    return keep(&text, arena, value);
}

bool ss_mode_value(const void *member, const struct ss_group_kind *kind, const struct ss_aggregate *aggregate,
                   struct ss_arena *arena, struct ss_value *value)
{
    const struct ss_tally *tally = ss_counts_tally(member, aggregate);
    uint32_t best = 0;
    (void)arena;
    if (!tally) return true;
    for (uint32_t i = 1; i < tally->count; i++)
        if (tally->counts[i] > tally->counts[best]) best = i;
    *value = ss_tally_value(tally, kind->type, best);
    return true;
}

// The indices of the k greatest counts into `top`, the greatest first, of equal ones the least value. How
// many there are.
static uint32_t select_top(const struct ss_tally *tally, uint32_t k, uint32_t *top)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < tally->count; i++) {
        if (count == k && tally->counts[top[k - 1]] >= tally->counts[i]) continue;
        uint32_t low = 0, high = count;
        while (low < high) {
            const uint32_t middle = (low + high) / 2;
            if (tally->counts[top[middle]] >= tally->counts[i])
                low = middle + 1;
            else
                high = middle;
        }
        count += count < k;
        memmove(top + low + 1, top + low, (count - low - 1) * sizeof *top);
        top[low] = i;
    }
    return count;
}

bool ss_top_k_value(const void *member, const struct ss_group_kind *kind,
                    const struct ss_aggregate *aggregate, struct ss_arena *arena, struct ss_value *value)
{
    const struct ss_tally *tally = ss_counts_tally(member, aggregate);
    struct ss_buffer packed = {0};
    if (!tally) return true;
    uint32_t *top = ss_arena_array(arena, (size_t)aggregate->k, sizeof *top);
    if (!top) return false;
    const uint32_t count = select_top(tally, (uint32_t)aggregate->k, top);
    for (uint32_t i = 0; i < count; i++)
        ss_list_append(kind->type, ss_tally_value(tally, kind->type, top[i]), &packed);
    return keep(&packed, arena, value);
}

// ---- Entropy

// The product of all c^c. Every c is at least 1 and below 2^56, as is their sum.
static void power_product(mpfr_ptr product, const uint64_t *counts, uint32_t count)
{
    uint64_t greatest = 0;
    for (uint32_t i = 0; i < count; i++) greatest |= counts[i];
    mpfr_set_ui(product, 1, MPFR_RNDN);
    for (int bit = 63 - __builtin_clzll(greatest); bit >= 0; bit--) {
        uint64_t factor = 1, more;
        mpfr_sqr(product, product, MPFR_RNDN);
        for (uint32_t i = 0; i < count; i++) {
            if (!(counts[i] >> bit & 1)) continue;
            if (__builtin_mul_overflow(factor, counts[i], &more)) {
                mpfr_mul_ui(product, product, factor, MPFR_RNDN);
                more = counts[i];
            }
            factor = more;
        }
        mpfr_mul_ui(product, product, factor, MPFR_RNDN);
    }
}

// With so many bits; false: they do not settle the rounding.
static bool entropy_with(mpfr_prec_t bits, const struct ss_tally *tally, uint64_t total, double *entropy)
{
    mpfr_t ratio, product;
    mpfr_inits2(bits, ratio, product, (mpfr_ptr)NULL);
    power_product(ratio, &total, 1);
    power_product(product, tally->counts, tally->count);
    mpfr_div(ratio, ratio, product, MPFR_RNDN);
    mpfr_log(ratio, ratio, MPFR_RNDN);
    mpfr_div_ui(ratio, ratio, total, MPFR_RNDN);
    const mpfr_exp_t known = mpfr_regular_p(ratio) ? mpfr_get_exp(ratio) + bits - LOST_BITS : 0;
    const bool settled =
        known > DOUBLE_BITS && mpfr_can_round(ratio, known, MPFR_RNDN, MPFR_RNDN, DOUBLE_BITS);
    *entropy = mpfr_get_d(ratio, MPFR_RNDN);
    mpfr_clears(ratio, product, (mpfr_ptr)NULL);
    return settled;
}

bool ss_entropy_value(const void *member, const struct ss_group_kind *kind,
                      const struct ss_aggregate *aggregate, struct ss_arena *arena, struct ss_value *value)
{
    const struct ss_tally *tally = ss_counts_tally(member, aggregate);
    const uint64_t total = tally ? ss_tally_total(tally) : 0;
    (void)kind, (void)arena;
    if (!tally || total >= ENTROPY_END) return true; // so many only in damaged bytes
    value->present = true;
    if (tally->count == 1) return true;
    const mpfr_exp_t emin = mpfr_get_emin(), emax = mpfr_get_emax();
    mpfr_set_emin(mpfr_get_emin_min());
    mpfr_set_emax(mpfr_get_emax_max());
    mpfr_prec_t bits = FIRST_BITS;
    for (; !entropy_with(bits, tally, total, &value->f64); bits *= 2) SS_ASSERT(bits < LAST_BITS);
    mpfr_set_emin(emin);
    mpfr_set_emax(emax);
    mpfr_free_cache();
    return true;
}
