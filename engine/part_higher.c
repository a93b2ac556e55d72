// Exact sums of third and fourth powers. See parts.h; bytes: docs/FORMAT.md "Higher powers".
//
//   higher := S3 (base 0), S4 (base 4 (E / 3), E the exponent of S3, truncating)
//
// A term m 2^e has the cube m^3 2^(3 e), of up to 192 bits, and the fourth power m^4 2^(4 e), of up to 256.

#include "engine/parts.h"

#include "engine/exact_term.h"
#include "engine/finalise_moments.h"

#include <gmp.h>

struct higher {
    struct ss_exact s3, s4;
};

static bool tally(struct higher *higher, const struct ss_group_kind *kind, const struct ss_group_event *event,
                  bool subtract, struct ss_arena *arena)
{
    const struct ss_exact_term term = ss_exact_term_of(kind->type.id, &event->value);
    mp_limb_t square[2], power[4];
    if (term.mantissa == 0) return true;
    mpn_sqr(square, &term.mantissa, 1);
    power[2] = mpn_mul_1(power, square, 2, term.mantissa);
    if (!ss_exact_add_limbs(&higher->s3, power, 3, 3 * term.exponent, subtract != term.negative, arena))
        return false;
    mpn_sqr(power, square, 2);
    return ss_exact_add_limbs(&higher->s4, power, 4, 4 * term.exponent, subtract, arena);
}

static bool add(void *member, const struct ss_group_kind *kind, const struct ss_group_event *event,
                struct ss_arena *arena)
{
    return tally(member, kind, event, false, arena);
}

static bool take_back(void *member, const struct ss_group_kind *kind, const struct ss_group_event *event,
                      enum ss_group_removal *removal, struct ss_arena *arena)
{
    *removal = SS_GROUP_REMOVED;
    return tally(member, kind, event, true, arena);
}

static bool merge(void *member, const struct ss_group_kind *kind, const void *other, struct ss_arena *arena)
{
    struct higher *higher = member;
    const struct higher *from = other;
    (void)kind;
    return ss_exact_merge(&higher->s3, &from->s3, arena) && ss_exact_merge(&higher->s4, &from->s4, arena);
}

static void clear(void *member)
{
    struct higher *higher = member;
    ss_exact_clear(&higher->s3);
    ss_exact_clear(&higher->s4);
}

static void encode(const void *member, const struct ss_group_kind *kind, struct ss_buffer *buffer)
{
    const struct higher *higher = member;
    (void)kind;
    ss_exact_encode(&higher->s3, 0, buffer);
    ss_exact_encode(&higher->s4, ss_exact_exponent(&higher->s3) / 3 * 4, buffer);
}

static bool merge_bytes(void *member, const struct ss_group_kind *kind, struct ss_reader *reader,
                        struct ss_arena *arena)
{
    struct higher *higher = member;
    int32_t exponent;
    (void)kind;
    return ss_exact_merge_bytes(higher ? &higher->s3 : NULL, 0, reader, &exponent, arena) &&
           ss_exact_merge_bytes(higher ? &higher->s4 : NULL, exponent / 3 * 4, reader, &exponent, arena);
}

const struct ss_member ss_member_higher = {
    "higher powers", sizeof(struct higher), add, take_back, merge, clear, encode, merge_bytes};

struct ss_value ss_higher_value(const struct ss_group_state *state, enum ss_aggregate_fn fn)
{
    const struct higher *higher = ss_member_of(state, SS_PART_HIGHER);
    const struct ss_exact *const sums[4] = {&state->sums->s1, &state->sums->s2, &higher->s3, &higher->s4};
    struct ss_value value = {0};
    value.present = fn == SS_AGG_SKEW ? ss_finalise_skew(sums, state->n, &value.f64)
                                      : ss_finalise_kurtosis(sums, state->n, &value.f64);
    return value.present ? value : (struct ss_value){0};
}
