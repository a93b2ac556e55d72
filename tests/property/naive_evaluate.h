// Expressions by the table of the definitions: each operation on its own, over exact numbers.
#ifndef SS_TESTS_PROPERTY_NAIVE_EVALUATE_H
#define SS_TESTS_PROPERTY_NAIVE_EVALUATE_H

#include "scenario.h"

// What the leaves of an expression stand for.
struct scope {
    struct pool *pool;
    const struct cell *columns; // of the event
    int64_t event_time;
    const struct cell *aggregates;
    struct cell (*feature)(void *context, int view, int index);
    void *context;
    const struct cell *request;
    const struct cell *keys;
    int64_t t;
};

// A condition: null is not true, none is.
bool naive_is_true(const struct expression *condition, const struct scope *scope);
struct cell naive_evaluate(const struct expression *expression, const struct scope *scope);

#endif
