// Spines: the rows a training table is wanted for, from a CSV file or a SQLite table.
//
// A spine row has the service's keys, its request inputs and a time, each in a column of its name or of the
// one it is mapped to; an event at hand in columns called SOURCE.COLUMN, where any of them is not null. Every
// cell is also kept as it was, for the output. What does not parse exactly as its
// type is an error of the whole spine, naming file, line and column (DESIGN C13). A file of another system's
// values is a spine with these beside it.
#ifndef SS_MATERIALIZER_SPINE_H
#define SS_MATERIALIZER_SPINE_H

#include "materializer/point_in_time.h"
#include "materializer/spine_text.h"

struct ss_spine_map {   // --map KEY=COLUMN
    const char *name;   // of a key, a request input or, as SOURCE.COLUMN, of the event at hand
    const char *column; // of the spine
};

struct ss_spine_source {
    const char *place; // FILE.csv or FILE.db:TABLE
    const char *time_column;
    enum ss_time_unit time_unit;
    const struct ss_spine_map *maps;
    size_t map_count;
    const char *with_event; // the source of which rows carry an event; NULL: none
    bool with_hash;         // ss_spine_rows.hash is wanted
    bool with_features;     // columns called as features of the service hold values of another system
};

struct ss_spine_rows {
    struct ss_arena arena;
    struct ss_spine spine; // keys, request, t_us and length; the rest is the caller's
    size_t column_count;
    const struct ss_table_column *columns; // type "TEXT" for all of a CSV file, of a table by its cells
    struct ss_sha256 hash;     // `with_hash`: of the columns' names and all cells (docs/FORMAT.md)
    struct ss_spine_text text; // the cells as they were
    bool *is_read;             // [column]: the service asks for it
    // `with_features`: [feature of the service], typed as it; those that has_feature does not name have no
    // column.
    const struct ss_column *features;
    bool *has_feature;
};

// Reads all of it, on the pool's threads (NULL: the caller's). On failure nothing is held.
enum ss_status ss_spine_read(const struct ss_spine_source *source, const struct ss_service *service,
                             struct ss_pool *pool, struct ss_spine_rows *rows, struct ss_error *error);
void ss_spine_release(struct ss_spine_rows *rows); // a no-op on a zeroed struct

// The rows [first, first + length), first being a multiple of SS_BATCH_ROWS. All borrow from `rows`.
// lines[row]: the row as it stands in a CSV file. False: it is to be made of its cells.
bool ss_spine_lines(const struct ss_spine_rows *rows, int64_t first, int32_t length, struct ss_bytes *lines);
// cells[row * column_count + column].
void ss_spine_cells(const struct ss_spine_rows *rows, int64_t first, int32_t length, struct ss_cell *cells);

#endif
