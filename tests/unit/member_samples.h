// Values for tests of members: of any type, many or few different ones, short and awkward texts.
#ifndef SS_TESTS_MEMBER_SAMPLES_H
#define SS_TESTS_MEMBER_SAMPLES_H

#include "member_harness.h"

#define SAMPLE_NUMBERS 8192
#define SAMPLE_TYPES   9

extern const struct ss_type sample_types[SAMPLE_TYPES]; // scalars first: SAMPLE_SCALARS of them
#define SAMPLE_SCALARS 7

// The value of a number below SAMPLE_NUMBERS; different numbers are different values (but of a bool). It
// borrows nothing that goes away.
struct ss_value sample_value(struct ss_type type, uint64_t number);
// Naive order: negative, 0, positive.
int sample_compare(struct ss_type type, const struct ss_value *a, const struct ss_value *b);

// Events at few times, so that seq decides, their seq in no order, values of `different` numbers.
void sample_events(struct samples *samples, const struct ss_group_kind *kind, uint64_t different,
                   struct ss_group_event *events, size_t count);
void sample_sort(struct ss_group_event *events, size_t count); // by (event_time, seq)

struct ss_group_state sample_state(const struct ss_group_kind *kind, const struct ss_group_event *events,
                                   size_t count, struct ss_arena *arena);
struct ss_value sample_read(struct ss_group_state *state, const struct ss_group_kind *kind,
                            const struct ss_aggregate *aggregate, struct ss_arena *arena);
// Fails where `list` does not hold just these values.
void assert_list(struct ss_type element, const struct ss_value *list, const struct ss_value *values,
                 size_t count);
void assert_value(struct ss_type type, const struct ss_value *got, const struct ss_value *want);

#endif
