// Columns of a message (Column in feature_store.proto) as columns of the engine: checked here, once, at the
// door.
#ifndef SS_WIRE_COLUMN_READ_H
#define SS_WIRE_COLUMN_READ_H

#include "engine/base/column.h"
#include "engine/base/error.h"
#include "wire/message.h"

// A column as it came; borrows from the message.
struct ss_wire_column {
    struct ss_bytes name;
    uint64_t type, scale, element, length; // as sent
    struct ss_bytes status;
    struct ss_bytes body;     // all of its fields
    struct ss_bytes elements; // of a list
    uint32_t values;          // bit n: field n, which holds values, is there
};

// "column 'amount': ..." for messages: the request's word for it ("key", "input", "column") and its name.
enum ss_status ss_wire_column_open(const char *what, struct ss_bytes body, struct ss_wire_column *column,
                                   struct ss_error *error);
// How many rows it has.
enum ss_status ss_wire_column_rows(const char *what, const struct ss_wire_column *column, int64_t *rows,
                                   struct ss_error *error);

// A value that is none of its type. `row` counts from 0.
struct ss_wire_refusal {
    int32_t row;
    uint64_t line;      // 0: unknown; the caller's to fill in
    const char *column; // of the arena
    struct ss_bytes value;
    const char *reason; // static
};
struct ss_wire_refusals {
    struct ss_wire_refusal *list; // in the arena
    size_t count, capacity;
    bool *refused; // [row]
};

// Its `rows` values as a column of type `want`, in the arena. What is no value of the type is an error of the
// request, or, with `refusals`, null and noted there. A column of other shape (another type, another number
// of rows) is always an error.
enum ss_status ss_wire_column_read(const char *what, const struct ss_wire_column *column, struct ss_type want,
                                   int32_t rows, struct ss_wire_refusals *refusals, struct ss_arena *arena,
                                   struct ss_column *read, struct ss_error *error);

// A feature of an answer: its values, and of each row why it has none (statuses[row]: enum ss_cell_status).
enum ss_status ss_wire_feature_read(const struct ss_wire_column *column, struct ss_type want, int32_t rows,
                                    struct ss_arena *arena, struct ss_column *read, uint8_t **statuses,
                                    struct ss_error *error);

// The columns of a message in fields `number`, opened, in the arena.
enum ss_status ss_wire_columns_open(const char *what, struct ss_bytes message, uint32_t number, size_t most,
                                    struct ss_arena *arena, struct ss_wire_column **columns, size_t *count,
                                    struct ss_error *error);
// The one of that name; NULL: none. Two of one name: SS_INVALID.
enum ss_status ss_wire_column_find(const char *what, const struct ss_wire_column *columns, size_t count,
                                   const char *name, const struct ss_wire_column **found,
                                   struct ss_error *error);

// SS_INVALID "the message is no ...: it is malformed".
enum ss_status ss_wire_malformed(const char *message, struct ss_error *error);

#endif
