// Training tables: SQLite as a file format for spines that come in and for outputs that go out, in the user's
// own files.
//
// An output is written in one transaction with its line in the table `selfsame_manifest` beside it, so a
// table that says what made it is there whole or not at all. A table that is already there is replaced only
// if the manifest knows it.
#ifndef SS_STORE_TRAINING_TABLE_H
#define SS_STORE_TRAINING_TABLE_H

#include "engine/base/arena.h"
#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/base/hash.h"

// "FILE.db:TABLE" apart. Both are views into the text.
struct ss_table_place {
    struct ss_bytes path, table;
};
// False when the text names no table: no ':', or nothing or a '/' behind the last one.
bool ss_table_place_parse(const char *text, struct ss_table_place *place);

enum ss_cell_kind {
    SS_CELL_KIND_NULL,
    SS_CELL_KIND_INTEGER,
    SS_CELL_KIND_REAL,
    SS_CELL_KIND_TEXT,
    SS_CELL_KIND_BLOB
};

// A cell as SQLite has it. text: of SS_CELL_KIND_TEXT and SS_CELL_KIND_BLOB.
struct ss_cell {
    enum ss_cell_kind kind;
    union {
        int64_t integer;
        double real;
        struct ss_bytes text;
    };
};

struct ss_table_column {
    const char *name;
    const char *type; // as declared, "INTEGER"; "" none
};

// ---- Reading: every column of a table, in rowid order.

struct ss_table_reader;

enum ss_status ss_table_reader_open(const char *place, struct ss_table_reader **reader,
                                    struct ss_error *error);
void ss_table_reader_close(struct ss_table_reader *reader); // NULL is fine
size_t ss_table_reader_columns(const struct ss_table_reader *reader, const struct ss_table_column **columns);
// *has_row false: at the end.
enum ss_status ss_table_reader_next(struct ss_table_reader *reader, bool *has_row, struct ss_error *error);
// A cell of the row; valid until the next call of ss_table_reader_next.
struct ss_cell ss_table_reader_cell(struct ss_table_reader *reader, size_t column);

// ---- Writing.

struct ss_named_text {
    const char *name;
    struct ss_bytes text;
};

struct ss_manifest {
    const char *service;
    struct ss_sha256 definitions_fingerprint, service_fingerprint;
    const struct ss_named_text *files; // of the definitions
    size_t file_count;
    const struct ss_named_text *views; // name and fingerprint in hex
    size_t view_count;
    const char *spine; // as it was given
    const char *time_column, *time_unit;
    const char *maps; // "key=column", one a line
    struct ss_sha256 spine_hash;
    const char *mode; // "as-known", "as-of-event-time"
    bool inclusive, with_status;
    uint64_t newest_seq;
    int64_t row_count;
    struct ss_sha256 digest; // of the rows
    const char *version;     // of selfsame
    int64_t read_at_us;      // the store's clock when newest_seq was read
};

// What the manifest beside a table says of it, but for the views; all of it is in the arena. The table itself
// need not be there. SS_NOT_FOUND: no file, or no line; SS_DAMAGED: a line that cannot have been written
// here.
enum ss_status ss_manifest_read(const char *place, struct ss_arena *arena, struct ss_manifest *manifest,
                                struct ss_error *error);

struct ss_table_writer;

// Opens the database (creating it) and makes the table within a transaction. SS_CONFLICT: a table, view or
// index of this name is there and no manifest line says that it was made here.
enum ss_status ss_table_writer_open(const char *place, const struct ss_table_column *columns,
                                    size_t column_count, struct ss_table_writer **writer,
                                    struct ss_error *error);
// What the manifest says of the table before this transaction, as ss_manifest_read gives it.
enum ss_status ss_table_writer_manifest(struct ss_table_writer *writer, struct ss_arena *arena,
                                        struct ss_manifest *manifest, struct ss_error *error);
// Rows, one behind the other, each of as many cells as columns.
enum ss_status ss_table_writer_rows(struct ss_table_writer *writer, const struct ss_cell *cells,
                                    size_t row_count, struct ss_error *error);
// Writes the manifest line and commits. After a failure only ss_table_writer_close is left to do.
enum ss_status ss_table_writer_finish(struct ss_table_writer *writer, const struct ss_manifest *manifest,
                                      struct ss_error *error);
// Without a finish before, nothing stays: the table that was replaced is there again, a new file is gone.
// NULL is fine.
void ss_table_writer_close(struct ss_table_writer *writer);

#endif
