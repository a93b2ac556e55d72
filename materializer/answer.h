// Answers: values of a service's features with their statuses, and the last step that lookups and training
// rows share.
#ifndef SS_MATERIALIZER_ANSWER_H
#define SS_MATERIALIZER_ANSWER_H

#include "engine/definitions.h"
#include "engine/state.h"

enum ss_cell_status { SS_CELL_PRESENT, SS_CELL_NULL, SS_CELL_NOT_FOUND, SS_CELL_EXPIRED };
const char *ss_cell_status_name(enum ss_cell_status status); // "present", "null", "not_found", "expired"

// Up to SS_BATCH_ROWS rows of a service's features.
struct ss_answer {
    int32_t length;
    struct ss_column *columns; // feature_count, lengths all `length`
    uint8_t **statuses;        // [feature][row]: enum ss_cell_status
};

// What one view gave for one row: the evaluator fills it, from an online row or from history.
struct ss_view_reading {
    const struct ss_value *aggregates; // aggregate_count
    const bool *expired;               // aggregate_count
    bool found;                        // the view has a visible event of this key
};

#endif
