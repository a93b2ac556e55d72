// How a column of a request lies in memory; for the files that fill, copy and write it.
#ifndef SS_CLIENT_COLUMN_LAYOUT_H
#define SS_CLIENT_COLUMN_LAYOUT_H

#include "client/column.h"

struct ss_client_text { // in the column's heap
    uint32_t start, size;
};

struct selfsame_column {
    struct ss_client_rows *rows;
    char *name;
    enum selfsame_type type;
    uint32_t scale, length; // length: floats per row, 0 until the first is set
    size_t capacity;        // rows that there is memory for
    uint8_t *status;        // [row]: enum selfsame_status; what is not present has the value 0
    union {
        uint8_t *bools;
        uint64_t *words; // int64, float64, decimal, timestamp
        struct ss_client_text *texts;
        float *floats; // capacity x length
        void *any;
    } values;
    struct ss_client_writer heap; // texts
    size_t dead;                  // bytes of the heap that no cell has any more
};

// Memory for `count` rows; new ones are null. False: no memory, which is noted.
bool ss_client_column_reserve(struct selfsame_column *column, size_t count);
bool ss_client_column_put_text(struct selfsame_column *column, size_t row, const void *data, size_t size);
bool ss_client_column_put_floats(struct selfsame_column *column, size_t row, const float *values,
                                 size_t length);

#endif
