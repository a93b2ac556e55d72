// Exact sums over pairs. See parts.h; bytes: docs/FORMAT.md "Pairs".
//
//   pair := Sy (base 0), Syy (base 2 E), Sxy (base E), E the exponent of Sy
//
// Each side is a double, an integer, the scaled integer of a decimal or, as y, a timestamp's microseconds.
// Scales are divided out when a value is read.

#include "engine/parts.h"

#include "engine/exact_term.h"
#include "engine/finalise_moments.h"

__extension__ typedef unsigned __int128 uint128;

struct pair {
    struct ss_exact y, yy, xy;
};

static bool add_product(struct ss_exact *sum, const struct ss_exact_term *a, const struct ss_exact_term *b,
                        bool subtract, struct ss_arena *arena)
{
    const uint128 product = (uint128)a->mantissa * b->mantissa;
    const uint64_t limbs[2] = {(uint64_t)product, (uint64_t)(product >> 64)};
    if (product == 0) return true;
    return ss_exact_add_limbs(sum, limbs, 2, a->exponent + b->exponent,
                              subtract != (a->negative != b->negative), arena);
}

static bool tally(struct pair *pair, const struct ss_group_kind *kind, const struct ss_group_event *event,
                  bool subtract, struct ss_arena *arena)
{
    static const struct ss_exact_term one = {.mantissa = 1};
    const struct ss_exact_term x = ss_exact_term_of(kind->type.id, &event->value);
    const struct ss_exact_term y = ss_exact_term_of(kind->group->second_type.id, &event->second);
    return add_product(&pair->y, &y, &one, subtract, arena) &&
           add_product(&pair->yy, &y, &y, subtract, arena) && add_product(&pair->xy, &x, &y, subtract, arena);
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
    struct pair *pair = member;
    const struct pair *from = other;
    (void)kind;
    return ss_exact_merge(&pair->y, &from->y, arena) && ss_exact_merge(&pair->yy, &from->yy, arena) &&
           ss_exact_merge(&pair->xy, &from->xy, arena);
}

static void clear(void *member)
{
    struct pair *pair = member;
    ss_exact_clear(&pair->y);
    ss_exact_clear(&pair->yy);
    ss_exact_clear(&pair->xy);
}

static void encode(const void *member, const struct ss_group_kind *kind, struct ss_buffer *buffer)
{
    const struct pair *pair = member;
    const int32_t exponent = ss_exact_exponent(&pair->y);
    (void)kind;
    ss_exact_encode(&pair->y, 0, buffer);
    ss_exact_encode(&pair->yy, 2 * exponent, buffer);
    ss_exact_encode(&pair->xy, exponent, buffer);
}

static bool merge_bytes(void *member, const struct ss_group_kind *kind, struct ss_reader *reader,
                        struct ss_arena *arena)
{
    struct pair *pair = member;
    int32_t exponent, ignored;
    (void)kind;
    return ss_exact_merge_bytes(pair ? &pair->y : NULL, 0, reader, &exponent, arena) &&
           ss_exact_merge_bytes(pair ? &pair->yy : NULL, 2 * exponent, reader, &ignored, arena) &&
           ss_exact_merge_bytes(pair ? &pair->xy : NULL, exponent, reader, &ignored, arena);
}

const struct ss_member ss_member_pair = {"pairs", sizeof(struct pair), add, take_back, merge, clear,
                                         encode,  merge_bytes};

static unsigned scale_of(struct ss_type type)
{
    return type.id == SS_DECIMAL ? type.scale : 0;
}

struct ss_value ss_pair_value(const struct ss_group_state *state, const struct ss_group_kind *kind,
                              enum ss_aggregate_fn fn)
{
    const struct pair *pair = ss_member_of(state, SS_PART_PAIR);
    const struct ss_pair_sums sums = {&state->sums->s1,
                                      &state->sums->s2,
                                      &pair->y,
                                      &pair->yy,
                                      &pair->xy,
                                      state->n,
                                      scale_of(kind->type),
                                      scale_of(kind->group->second_type)};
    struct ss_value value = {0};
    if (fn == SS_AGG_CORR)
        value.present = ss_finalise_correlation(&sums, &value.f64);
    else if (fn == SS_AGG_SLOPE)
        value.present = ss_finalise_slope(&sums, &value.f64);
    else
        value.present = ss_finalise_covariance(&sums, fn == SS_AGG_COVAR_POP, &value.f64);
    return value.present ? value : (struct ss_value){0};
}
