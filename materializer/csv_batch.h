// The rows of a CSV file as typed columns of a source, and those that do not parse as quarantine rows.
#ifndef SS_MATERIALIZER_CSV_BATCH_H
#define SS_MATERIALIZER_CSV_BATCH_H

#include "materializer/csv_reader.h"
#include "store/history.h"

struct ss_csv_batch {
    const struct ss_source *source;
    const char *file;        // its name, for quarantine
    const size_t *positions; // of each column of the source in the file
    int32_t capacity;        // rows
    int32_t length;          // rows of `columns`
    struct ss_column *columns;
    uint64_t *lines;
    struct ss_quarantine_row *unparsed;
    size_t unparsed_count, unparsed_capacity;
    size_t text_bytes;        // of all rows taken
    struct ss_hasher *hasher; // of the text of all rows added but quickly; NULL: none was
    struct ss_arena arena;    // of the columns
    struct ss_arena texts;    // of the unparsed rows: reset by clear
    struct ss_arena row;      // of values of the row at hand that are made from text
};

// Which rows to take. A row that does not parse goes with the inserts.
enum ss_csv_take { SS_CSV_TAKE_ALL, SS_CSV_TAKE_INSERTS, SS_CSV_TAKE_DELETES };

// For up to `capacity` rows. `positions` and `file` are borrowed. On failure nothing is held.
enum ss_status ss_csv_batch_init(struct ss_csv_batch *batch, const struct ss_source *source, const char *file,
                                 const size_t *positions, int32_t capacity, struct ss_error *error);
void ss_csv_batch_release(struct ss_csv_batch *batch); // a no-op on a zeroed struct
void ss_csv_batch_clear(struct ss_csv_batch *batch);

// Adds a row, unless `take` passes it over. *is_delete: the row parses and is a delete (taken or not).
enum ss_status ss_csv_batch_add(struct ss_csv_batch *batch, const struct ss_csv_row *row,
                                enum ss_csv_take take, bool *is_delete, struct ss_error *error);
// Adds a row without its text going into the hash.
enum ss_status ss_csv_batch_add_quickly(struct ss_csv_batch *batch, const struct ss_csv_row *row,
                                        struct ss_error *error);
int32_t ss_csv_batch_rows(const struct ss_csv_batch *batch);   // taken: parsed and not
uint64_t ss_csv_batch_bytes(const struct ss_csv_batch *batch); // of its columns, and of what does not parse
// The hash of the text of the rows taken since the last clear; ends the hashing.
struct ss_sha256 ss_csv_batch_hash(struct ss_csv_batch *batch);

#endif
