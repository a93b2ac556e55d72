// Exact sums of weights that halve. See parts.h; weights: decay_weight.h; bytes: docs/FORMAT.md "Decay".
//
//   decay := [sum of x g 2^(q - o)] if there is an argument, sum of g 2^(q - o); both exact numbers (base 0),
//            o = q(start of the tile)
//
// In memory the sums are kept relative to a reference: q of the first event that came. It says where the
// binary point is and nothing of the value, so the bytes do not depend on it; what comes with another
// reference is shifted by the bits between.
//
// The events of a window lie within two windows of at most 64 half-lives. Only a damaged state has some that
// lie further apart than the exact numbers reach: then the sums are lost and the value is null.

#include "engine/parts.h"

#include "engine/decay_weight.h"
#include "engine/exact_term.h"
#include "engine/finalise_moments.h"

__extension__ typedef unsigned __int128 uint128;

#define REACH 1024 // half-lives between a reference and what is added

struct decay {
    bool has_reference, is_lost;
    int64_t reference;
    struct ss_exact sum, weights;
};

// How far `halves` lies from the reference, which it becomes if there is none. False: too far.
static bool distance_of(struct decay *decay, int64_t halves, int32_t *distance)
{
    int64_t difference;
    *distance = 0;
    if (!decay->has_reference) {
        decay->has_reference = true;
        decay->reference = halves;
    }
    if (__builtin_sub_overflow(halves, decay->reference, &difference) || difference < -REACH ||
        difference > REACH)
        decay->is_lost = true;
    else
        *distance = (int32_t)difference;
    return !decay->is_lost;
}

static bool tally(struct decay *decay, const struct ss_group_kind *kind, const struct ss_group_event *event,
                  bool subtract, struct ss_arena *arena)
{
    const struct ss_decay_weight weight = ss_decay_weight(event->event_time_us, kind->group->half_life_us);
    int32_t distance;
    if (!distance_of(decay, weight.halves, &distance)) return true;
    if (kind->has_argument) {
        const struct ss_exact_term x = ss_exact_term_of(kind->type.id, &event->value);
        const uint128 product = (uint128)x.mantissa * weight.power;
        const uint64_t limbs[2] = {(uint64_t)product, (uint64_t)(product >> 64)};
        if (product &&
            !ss_exact_add_limbs(&decay->sum, limbs, 2, x.exponent + distance, subtract != x.negative, arena))
            return false;
    }
    return ss_exact_add_limbs(&decay->weights, &weight.power, 1, distance, subtract, arena);
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

// Adds `from` times 2^distance.
static bool merge_shifted(struct decay *decay, struct ss_exact *sum, const struct ss_exact *from,
                          int32_t distance, struct ss_arena *arena)
{
    uint64_t limbs[SS_EXACT_MAX_LIMBS];
    size_t count;
    int32_t low;
    if (distance == 0) return ss_exact_merge(sum, from, arena);
    ss_exact_magnitude(from, limbs, &count, &low);
    if (count == 0) return true;
    const int32_t end = 64 * (low + (int32_t)count) + distance;
    if (ss_exact_exponent(from) + distance < SS_EXACT_LOWEST_EXPONENT || end > SS_EXACT_HIGHEST_EXPONENT)
        decay->is_lost = true;
    return decay->is_lost ||
           ss_exact_add_limbs(sum, limbs, count, 64 * low + distance, ss_exact_sign(from) < 0, arena);
}

static bool merge(void *member, const struct ss_group_kind *kind, const void *other, struct ss_arena *arena)
{
    struct decay *decay = member;
    const struct decay *from = other;
    int32_t distance;
    (void)kind;
    if (from->is_lost) decay->is_lost = true;
    if (!from->has_reference || !distance_of(decay, from->reference, &distance)) return true;
    return merge_shifted(decay, &decay->sum, &from->sum, distance, arena) &&
           merge_shifted(decay, &decay->weights, &from->weights, distance, arena);
}

static void clear(void *member)
{
    struct decay *decay = member;
    decay->has_reference = decay->is_lost = false;
    ss_exact_clear(&decay->sum);
    ss_exact_clear(&decay->weights);
}

static int64_t origin_of(const struct ss_group_kind *kind)
{
    return ss_decay_weight(kind->origin_us, kind->group->half_life_us).halves;
}

static void encode(const void *member, const struct ss_group_kind *kind, struct ss_buffer *buffer)
{
    static const struct ss_exact zero = {0};
    const struct decay *decay = member;
    struct decay from_origin = {.has_reference = decay->has_reference, .reference = decay->reference};
    int32_t distance = 0;
    const bool is_lost = decay->is_lost || !distance_of(&from_origin, origin_of(kind), &distance);
    if (kind->has_argument) ss_exact_encode(is_lost ? &zero : &decay->sum, distance, buffer);
    ss_exact_encode(is_lost ? &zero : &decay->weights, distance, buffer);
}

static bool merge_bytes(void *member, const struct ss_group_kind *kind, struct ss_reader *reader,
                        struct ss_arena *arena)
{
    struct decay *decay = member;
    int32_t distance = 0, exponent;
    if (decay && !distance_of(decay, origin_of(kind), &distance)) decay = NULL;
    if (kind->has_argument &&
        !ss_exact_merge_bytes(decay ? &decay->sum : NULL, distance, reader, &exponent, arena))
        return false;
    return ss_exact_merge_bytes(decay ? &decay->weights : NULL, distance, reader, &exponent, arena);
}

const struct ss_member ss_member_decay = {"decayed sums", sizeof(struct decay), add, take_back, merge, clear,
                                          encode,         merge_bytes};

// q of the event's weight and of the read's: a binary exponent, brought within what any double could need.
static int64_t exponent_at(const struct decay *decay, const struct ss_decay_weight *read)
{
    const int64_t far = INT64_C(1) << 32;
    int64_t exponent;
    if (__builtin_add_overflow(decay->reference, read->halves, &exponent)) exponent = read->halves;
    exponent = exponent > far ? far : exponent < -far ? -far : exponent;
    return exponent - 2 * 63;
}

struct ss_value ss_decay_value(const struct ss_group_state *state, const struct ss_group_kind *kind,
                               enum ss_aggregate_fn fn, int64_t t_us)
{
    const struct decay *decay = ss_member_of(state, SS_PART_DECAY);
    const unsigned scale = kind->type.id == SS_DECIMAL ? kind->type.scale : 0;
    const struct ss_decay_weight read =
        ss_decay_weight(t_us == INT64_MIN ? INT64_MAX : -t_us, kind->group->half_life_us);
    const int64_t exponent = exponent_at(decay, &read);
    struct ss_value value = {0};
    if (decay->is_lost) return value;
    if (fn == SS_AGG_DECAYED_MEAN)
        value.present = ss_finalise_ratio(&decay->sum, &decay->weights, scale, &value.f64);
    else if (fn == SS_AGG_DECAYED_SUM)
        value.present = ss_finalise_scaled(&decay->sum, read.power, exponent, scale, &value.f64);
    else
        value.present = ss_finalise_scaled(&decay->weights, read.power, exponent, 0, &value.f64);
    return value.present ? value : (struct ss_value){0};
}
