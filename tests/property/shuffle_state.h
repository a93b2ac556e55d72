// Shuffles: the events of a case folded in another order, in parts, with noise that comes and goes, saved and
// restored. Each has a state for an entity (tiles, recent events) and one for single groups (merge trees).
#ifndef SS_TESTS_PROPERTY_SHUFFLE_STATE_H
#define SS_TESTS_PROPERTY_SHUFFLE_STATE_H

#include "aggregate_case.h"

// What all of them must give.
struct folded {
    struct ss_buffer bytes;
    size_t aggregate_count;
    struct ss_value *values; // CASE_TIMES times aggregate_count; in the arena
    struct ss_arena arena;
};

// Each returns SS_OK, or the status of what failed (out of memory, under an allocation sweep).
enum ss_status fold_straight(const struct aggregate_case *made, struct folded *folded);
enum ss_status fold_shuffled(const struct aggregate_case *made, struct random *random, struct folded *folded);
void folded_release(struct folded *folded);
bool folded_equal(const struct ss_view *view, const struct folded *a, const struct folded *b);

// The bytes of all groups but the first, from parts merged in a random tree; straight: from one part.
enum ss_status fold_groups(const struct aggregate_case *made, struct random *random, bool straight,
                           struct ss_buffer *bytes);

#endif
