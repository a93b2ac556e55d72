// Merging a tile from its bytes inline against the general path: what it takes gives the same bits, what it
// refuses is untouched, damage is never taken.

#include "engine/fold_inline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "member_harness.h"

#define TILES 8

static const struct ss_type types[] = {{SS_INT64, 0}, {SS_DECIMAL, 2}, {SS_FLOAT64, 0}, {SS_BOOL, 0}};

static struct ss_value random_value(struct samples *samples, enum ss_type_id type, int kind)
{
    struct ss_value value = {.present = true};
    const unsigned shift = (unsigned)(kind % 7) * 10 + (unsigned)samples_below(samples, 4);
    if (type == SS_FLOAT64) {
        value.f64 = samples_double(samples, (enum samples_kind)(kind % SAMPLES_KINDS)) + 0.0;
    } else if (type == SS_BOOL) {
        value.boolean = samples_below(samples, 2);
    } else {
        value.i64 = (int64_t)samples_bits(samples) >> shift;
        if (samples_below(samples, 60) == 0) value.i64 = samples_below(samples, 2) ? INT64_MIN : INT64_MAX;
    }
    return value;
}

static void fill(struct ss_group_state *state, const struct ss_group_kind *kind, struct samples *samples,
                 int of, struct ss_arena *arena)
{
    const uint64_t n = samples_below(samples, 4) ? 4 + samples_below(samples, 30) : samples_below(samples, 5);
    for (uint64_t i = 0; i < n; i++) {
        const struct ss_group_event event = {0, i + 1, random_value(samples, kind->type.id, of), {0}};
        assert_true(ss_group_add(state, kind, &event, arena));
    }
}

// Takes one tile into both totals. Returns whether the inline path took it.
static bool merge_both(struct ss_group_state *straight, struct ss_group_state *inlined,
                       const struct ss_group_kind *kept, const struct ss_group_kind *read,
                       const struct ss_buffer *bytes, struct ss_arena *arena, bool *damaged)
{
    uint8_t room[SS_FOLD_SPAN + 4096] = {0};
    struct ss_reader reader = {bytes->data, bytes->data + bytes->size, false};
    assert_true(bytes->size < 4096);
    memcpy(room, bytes->data, bytes->size);
    const uint8_t *after = kept->type.id == SS_FLOAT64
                               ? ss_fold_wide(inlined, true, kept->parts, read->parts, room)
                               : ss_fold_wide(inlined, false, kept->parts, read->parts, room);
    if (after && after > room + bytes->size) after = NULL, *damaged = true; // as the caller sees it
    if (*damaged) return false;
    assert_true(ss_group_merge_bytes(straight, kept, read->parts, &reader, arena));
    *damaged = reader.failed || reader.at != reader.end;
    if (after) {
        assert_false(reader.failed);
        assert_ptr_equal(bytes->data + (after - room), reader.at);
        return true;
    }
    if (*damaged) return false;
    reader = (struct ss_reader){bytes->data, bytes->data + bytes->size, false};
    assert_true(ss_group_merge_bytes(inlined, kept, read->parts, &reader, arena));
    return false;
}

static uint32_t some_parts(struct samples *samples, uint32_t of)
{
    return SS_PART_N | (of & (uint32_t)samples_bits(samples) & SS_GROUP_SUM_PARTS);
}

static void tiles_merged_inline_give_the_bits_of_the_general_path(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("fold", 31);
    int taken = 0, refused = 0;
    for (int trial = 0; trial < 4000; trial++) {
        struct ss_arena arena = {0};
        struct ss_group_state straight = {0}, inlined = {0};
        struct ss_group_kind kept = {.type = types[trial % 4], .has_argument = true}, read;
        kept.parts = some_parts(&samples, UINT32_MAX) | (trial % 2 ? SS_GROUP_SUM_PARTS : SS_PART_S1);
        read = kept;
        read.parts = samples_below(&samples, 3) ? kept.parts : some_parts(&samples, kept.parts) | SS_PART_S1;
        for (int i = 0; i < TILES; i++) {
            struct ss_buffer bytes = {0};
            struct ss_group_state tile = {0};
            bool damaged = false;
            fill(&tile, &kept, &samples, trial / 4, &arena);
            ss_group_encode(&tile, &kept, &bytes);
            const bool inline_took = merge_both(&straight, &inlined, &kept, &read, &bytes, &arena, &damaged);
            assert_false(damaged);
            taken += inline_took;
            refused += !inline_took;
            assert_same_bytes(&straight, &inlined, &read);
            ss_buffer_release(&bytes);
        }
        ss_arena_release(&arena);
    }
    print_message("%d tiles taken inline, %d refused\n", taken, refused);
    assert_true(taken > 4000 * TILES / 4 && refused > 1000);
}

static void damaged_tiles_are_never_taken_where_the_general_path_refuses(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("fold damage", 32);
    int taken = 0, refused = 0;
    for (int trial = 0; trial < 20000; trial++) {
        struct ss_arena arena = {0};
        struct ss_group_state straight = {0}, inlined = {0}, tile = {0};
        struct ss_group_kind kept = {.type = types[trial % 3], .has_argument = true};
        struct ss_buffer bytes = {0};
        bool damaged = false;
        kept.parts = SS_PART_N | SS_GROUP_SUM_PARTS;
        for (int i = 0; i < 5; i++) {
            const struct ss_group_event event = {0, 1, random_value(&samples, kept.type.id, trial / 3), {0}};
            assert_true(ss_group_add(&straight, &kept, &event, &arena));
            assert_true(ss_group_add(&inlined, &kept, &event, &arena));
        }
        fill(&tile, &kept, &samples, trial / 3, &arena);
        ss_group_encode(&tile, &kept, &bytes);
        for (uint64_t flips = 1 + samples_below(&samples, 3); flips > 0; flips--)
            bytes.data[samples_below(&samples, bytes.size)] ^= (uint8_t)(1u << samples_below(&samples, 8));
        taken += merge_both(&straight, &inlined, &kept, &kept, &bytes, &arena, &damaged);
        refused += damaged;
        if (!damaged) assert_same_bytes(&straight, &inlined, &kept);
        ss_buffer_release(&bytes);
        ss_arena_release(&arena);
    }
    print_message("%d damaged tiles read, %d refused\n", taken, refused);
    assert_true(taken > 1000 && refused > 1000);
}

// Sums of nothing but zeros have no window yet: whatever a damaged tile says must not place it out of reach.
static void exponents_out_of_reach_are_refused(void **unused)
{
    (void)unused;
    struct samples samples = samples_begin("fold exponents", 33);
    for (int trial = 0; trial < 4000; trial++) {
        struct ss_arena arena = {0};
        struct ss_group_state straight = {0}, inlined = {0}, good = {0};
        const struct ss_group_kind kept = {
            .type = {SS_FLOAT64}, .has_argument = true, .parts = SS_PART_N | SS_PART_S1 | SS_PART_S2};
        struct ss_buffer bytes = {0}, ones = {0};
        bool damaged = false;
        for (int i = 0; i < 4; i++) {
            const struct ss_group_event zero = {0, 1, {.present = true}, {0}};
            const struct ss_group_event one = {0, 1, {.present = true, .f64 = 1}, {0}};
            assert_true(ss_group_add(&straight, &kept, &zero, &arena));
            assert_true(ss_group_add(&inlined, &kept, &zero, &arena));
            assert_true(ss_group_add(&good, &kept, &one, &arena));
        }
        ss_buffer_varint(&bytes, 4);
        for (int i = 0; i < 2; i++) { // two sums of one byte each, their exponents anywhere
            ss_buffer_varint(&bytes, 2);
            ss_buffer_zigzag(&bytes, (int64_t)samples_below(&samples, 16384) - 8192);
            ss_buffer_byte(&bytes, 1);
        }
        ss_group_encode(&good, &kept, &ones);
        merge_both(&straight, &inlined, &kept, &kept, &bytes, &arena, &damaged);
        if (!damaged) {
            merge_both(&straight, &inlined, &kept, &kept, &ones, &arena, &damaged);
            assert_false(damaged);
            assert_same_bytes(&straight, &inlined, &kept);
        }
        ss_buffer_release(&bytes);
        ss_buffer_release(&ones);
        ss_arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_merged_inline_give_the_bits_of_the_general_path),
        cmocka_unit_test(damaged_tiles_are_never_taken_where_the_general_path_refuses),
        cmocka_unit_test(exponents_out_of_reach_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
