// What the fuzz targets of requests share: definitions of every type (wire.yaml), and what has to hold of
// columns that were read.
#ifndef SS_TESTS_FUZZ_WIRE_H
#define SS_TESTS_FUZZ_WIRE_H

#include "wire/get_features.h"

#define WIRE_MEMORY (256u << 20) // of an arena: more than any input of a fuzzer asks for
static const struct ss_wire_limits wire_limits = {.max_entities = 4096, .max_columns = 64};

// Compiled on first use; aborts when there are errors. Run in the root of the project.
const struct ss_definitions *wire_definitions(void);

// An error names its subject; the text of its message is UTF-8 when it goes out.
void wire_check_error(enum ss_status status, const struct ss_error *error);
// `rows` values of the type, each of which it allows; written out and read again they are the same.
void wire_check_column(const struct ss_column *column, struct ss_type type, int32_t rows,
                       struct ss_arena *arena);
// The same, of columns that may be left out (length 0).
void wire_check_event(const struct ss_events_at_hand *events, int32_t rows, struct ss_arena *arena);

#endif
