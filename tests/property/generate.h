// What the files that make random plans share: nodes of expressions, and aggregates.
#ifndef SS_TESTS_PROPERTY_GENERATE_H
#define SS_TESTS_PROPERTY_GENERATE_H

#include "scenario.h"

struct maker {
    struct random *random;
    struct pool *pool;
    struct plan *plan;
    struct view *view; // being made
    int names;         // features named so far
};

static const struct kind bool_kind = {KIND_BOOL, 0}, int64_kind = {KIND_INT64, 0},
                         float64_kind = {KIND_FLOAT64, 0}, string_kind = {KIND_STRING, 0},
                         timestamp_kind = {KIND_TIMESTAMP, 0}, bytes_kind = {KIND_BYTES, 0};

static inline uint64_t below(struct maker *maker, uint64_t bound)
{
    return random_below(maker->random, bound);
}

static inline bool chance(struct maker *maker, unsigned percent)
{
    return random_chance(maker->random, percent);
}

struct expression *make_node(struct maker *maker, enum operation op, struct kind kind);
const struct expression *make_leaf(struct maker *maker, enum operation op, struct kind kind, int index);
const struct expression *make_unary(struct maker *maker, enum operation op, struct kind kind,
                                    const struct expression *a);
const struct expression *make_binary(struct maker *maker, enum operation op, struct kind kind,
                                     const struct expression *a, const struct expression *b);
const struct expression *make_ternary(struct maker *maker, enum operation op, struct kind kind,
                                      const struct expression *a, const struct expression *b,
                                      const struct expression *c);
const struct expression *make_literal(struct maker *maker, struct kind kind); // of no list or vector
const struct expression *make_whole(struct maker *maker, int64_t value);
const struct expression *make_arithmetic(struct maker *maker, const struct expression *a,
                                         const struct expression *b); // of numbers
const struct expression *make_comparison(struct maker *maker, const struct expression *a,
                                         const struct expression *b);
// Over a row of the view's source:
const struct expression *any_column(struct maker *maker);
const struct expression *scalar_column(struct maker *maker); // no bytes, list or vector
bool has_column(const struct maker *maker, enum kind_id id);
const struct expression *column_of(struct maker *maker, struct kind kind); // a literal where there is none
const struct expression *make_condition(struct maker *maker);

// Of the view being made, as an expression that reads it. When the view is full, its last aggregate does once
// more.
const struct expression *add_aggregate(struct maker *maker, const struct aggregate *aggregate);
const struct expression *any_aggregate(struct maker *maker);
const struct expression *number_aggregate(struct maker *maker);
int64_t any_window(struct maker *maker);
int64_t any_half_life(struct maker *maker, int64_t window);
void choose_parameters(struct maker *maker, struct aggregate *aggregate); // k, cap and p, where it takes them
struct kind aggregate_kind(const struct aggregate *aggregate);            // of its result

#endif
