// Cells of a scenario as the engine's values, and back.
#ifndef SS_TESTS_PROPERTY_CELL_VALUE_H
#define SS_TESTS_PROPERTY_CELL_VALUE_H

#include "engine/base/column.h"
#include "scenario.h"

struct ss_type type_of_kind(struct kind kind);
struct ss_value value_of_cell(struct kind kind, struct cell cell);                        // text is borrowed
struct cell cell_of_value(struct pool *pool, struct ss_type type, struct ss_value value); // text is copied

#endif
