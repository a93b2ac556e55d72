// Columns of requests: what lookups, batches, spines and pushers have in common. A set of them shares a
// number of rows and the first error.
#ifndef SS_CLIENT_COLUMN_H
#define SS_CLIENT_COLUMN_H

#include "client/proto_write.h"
#include "client/selfsame.h"

// What all columns of one request share.
struct ss_client_rows {
    size_t count;
    struct selfsame_error error; // the first of a setter; code OK: none
    bool lasts;                  // it is of a column that could not be made: new rows do not heal it
};

// New rows, all null: `count` of them. The columns are cleared by the caller.
void ss_client_rows_begin(struct ss_client_rows *rows, size_t count);

struct ss_client_columns {
    struct ss_client_rows *rows;
    struct selfsame_column **list;
    size_t count;
};

void ss_client_columns_release(struct ss_client_columns *columns);

// The column of that name, made when there is none. NULL: no memory, or it is there with another type:
// rows->error.
struct selfsame_column *ss_client_column(struct ss_client_columns *columns, const char *name,
                                         enum selfsame_type type);

// All cells are null from here on, rows->count of them.
void ss_client_columns_clear(struct ss_client_columns *columns);

// Appends the rows of `from`, whose columns are the same in the same order; rows->count is not touched: it
// has to be `start` before and is the caller's to raise. False: no memory, or vectors of another length.
bool ss_client_columns_append(struct ss_client_columns *columns, size_t start,
                              const struct ss_client_columns *from);

// Writes each as a Column in field `field`.
void ss_client_columns_write(const struct ss_client_columns *columns, uint32_t field,
                             struct ss_client_writer *writer);

// About how many bytes that takes.
size_t ss_client_columns_size(const struct ss_client_columns *columns);

// Keeps the first error.
void ss_client_rows_fail(struct ss_client_rows *rows, enum selfsame_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
