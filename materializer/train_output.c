// Output of a training table. Both formats are fed row by row and are put in their place by finish alone:
// SQLite by its one transaction, CSV by a temporary file beside the target that takes its name at the end.
//
// The digest is over the typed rows, so both formats of one table have the same: per row the spine's cells,
// then per feature its status (one byte) and its value as SQLite holds it, then t and s; each cell as
// ss_cell_encode writes it.

#include "materializer/train_output.h"

#include "engine/base/base64.h"
#include "engine/base/hash.h"
#include "engine/base/number.h"
#include "materializer/spine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLUSH_BYTES (256u << 10)

struct ss_train_output {
    const struct ss_train_layout *layout;
    struct ss_arena arena;
    struct ss_table_column *columns; // of the SQLite table: the CSV file has all but _t and _s
    bool *is_bool;                   // of the columns: an INTEGER that CSV writes as true or false
    size_t column_count;
    struct ss_cell *cells; // column_count, of the row at hand
    struct ss_buffer text; // of the value at hand
    struct ss_arena texts; // of the row at hand: values that are text in SQLite and not in memory
    struct ss_hasher *hasher;
    struct ss_buffer hashed;
    int64_t row_count;
    struct ss_table_writer *table; // SQLite
    char *temporary;               // CSV
    int file;                      // CSV; -1: none
    struct ss_buffer lines;        // CSV, not yet written
};

// ---- Columns

static const char *sqlite_type(struct ss_type type)
{
    switch (type.id) {
    case SS_BOOL:
    case SS_INT64: return "INTEGER";
    case SS_FLOAT64: return "REAL";
    case SS_BYTES: return "BLOB";
    default: return "TEXT";
    }
}

static enum ss_status add_column(struct ss_train_output *output, const char *name, const char *type,
                                 struct ss_error *error)
{
    const struct ss_train_layout *layout = output->layout;
    for (size_t i = 0; i < output->column_count; i++)
        if (strcasecmp(output->columns[i].name, name) == 0)
            return ss_fail(
                error, SS_INVALID,
                "service '%s': its feature or column '%s' has the name of column '%s' of the spine or output "
                "(case does not count); rename the spine's column",
                layout->service->name, name, output->columns[i].name);
    output->columns[output->column_count++] = (struct ss_table_column){name, type};
    return SS_OK;
}

static enum ss_status lay_out(struct ss_train_output *output, struct ss_error *error)
{
    const struct ss_train_layout *layout = output->layout;
    const struct ss_service *service = layout->service;
    const size_t most = layout->spine_column_count + 2 * service->feature_count + 2;
    output->columns = ss_arena_array(&output->arena, most, sizeof *output->columns);
    output->cells = ss_arena_array(&output->arena, most, sizeof *output->cells);
    output->is_bool = ss_arena_array(&output->arena, most, sizeof *output->is_bool);
    if (!output->columns || !output->cells || !output->is_bool)
        return ss_fail_memory(error, "the columns of a training table");
    for (size_t i = 0; i < layout->spine_column_count; i++) output->columns[i] = layout->spine_columns[i];
    output->column_count = layout->spine_column_count;
    for (size_t i = 0; i < service->feature_count; i++) {
        const struct ss_service_feature *feature = &service->features[i];
        output->is_bool[output->column_count] = feature->type.id == SS_BOOL;
        SS_TRY(add_column(output, feature->name, sqlite_type(feature->type), error));
        if (!layout->with_status) continue;
        const size_t size = strlen(feature->name) + sizeof "__status";
        char *name = ss_arena_alloc(&output->arena, size);
        if (!name) return ss_fail_memory(error, "the columns of a training table");
        snprintf(name, size, "%s__status", feature->name);
        SS_TRY(add_column(output, name, "TEXT", error));
    }
    if (output->temporary) return SS_OK;
    SS_TRY(add_column(output, "_t", "INTEGER", error));
    return add_column(output, "_s", "INTEGER", error);
}

// ---- CSV

static enum ss_status fail_csv(const struct ss_train_output *output, const char *what, struct ss_error *error)
{
    return ss_fail(error, SS_IO, "output '%s': %s: %s", output->layout->place, what, strerror(errno));
}

static enum ss_status flush_lines(struct ss_train_output *output, struct ss_error *error)
{
    size_t done = 0;
    if (output->lines.failed) return ss_fail_memory(error, "the lines of a CSV file");
    while (done < output->lines.size) {
        const ssize_t written = write(output->file, output->lines.data + done, output->lines.size - done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return fail_csv(output, "cannot write it", error);
        done += (size_t)written;
    }
    ss_buffer_clear(&output->lines);
    return SS_OK;
}

static void csv_text(struct ss_buffer *lines, struct ss_bytes text)
{
    bool quoted = text.size == 0;
    for (size_t i = 0; i < text.size && !quoted; i++)
        quoted = strchr("\",\r\n", text.data[i]) && text.data[i];
    if (!quoted) {
        ss_buffer_append(lines, text.data, text.size);
        return;
    }
    ss_buffer_byte(lines, '"');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"') ss_buffer_byte(lines, '"');
        ss_buffer_byte(lines, (uint8_t)text.data[i]);
    }
    ss_buffer_byte(lines, '"');
}

static void csv_cell(struct ss_buffer *lines, const struct ss_cell *cell)
{
    char number[SS_NUMBER_TEXT_SIZE];
    switch (cell->kind) {
    case SS_CELL_KIND_NULL: break;
    case SS_CELL_KIND_INTEGER: ss_buffer_format(lines, "%lld", (long long)cell->integer); break;
    case SS_CELL_KIND_REAL: ss_buffer_text(lines, ss_float64_format(cell->real, number)); break;
    case SS_CELL_KIND_TEXT: csv_text(lines, cell->text); break;
    case SS_CELL_KIND_BLOB:
        ss_base64_encode(cell->text, lines); // needs no quotes but for "" itself
        if (cell->text.size == 0) ss_buffer_text(lines, "\"\"");
        break;
    }
}

static enum ss_status end_line(struct ss_train_output *output, struct ss_error *error)
{
    ss_buffer_byte(&output->lines, '\n');
    return output->lines.size >= FLUSH_BYTES || output->lines.failed ? flush_lines(output, error) : SS_OK;
}

static enum ss_status write_header(struct ss_train_output *output, struct ss_error *error)
{
    for (size_t i = 0; i < output->column_count; i++) {
        if (i) ss_buffer_byte(&output->lines, ',');
        csv_text(&output->lines, ss_bytes_of(output->columns[i].name));
    }
    return end_line(output, error);
}

static enum ss_status name_temporary(struct ss_train_output *output, struct ss_error *error)
{
    const char *place = output->layout->place;
    const size_t size = strlen(place) + 32;
    output->temporary = ss_arena_alloc(&output->arena, size);
    if (!output->temporary) return ss_fail_memory(error, "the name of a CSV file");
    snprintf(output->temporary, size, "%s.%ld.part", place, (long)getpid());
    return SS_OK;
}

static enum ss_status open_csv(struct ss_train_output *output, struct ss_error *error)
{
    struct stat there;
    if (stat(output->layout->place, &there) == 0 && !S_ISREG(there.st_mode))
        return ss_fail(error, SS_INVALID, "output '%s': it is there and is no plain file; name another one",
                       output->layout->place);
    output->file = open(output->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (output->file < 0) return fail_csv(output, "cannot make a file beside it", error);
    return write_header(output, error);
}

static enum ss_status put_csv_in_place(struct ss_train_output *output, struct ss_error *error)
{
    SS_TRY(flush_lines(output, error));
    if (fsync(output->file) != 0) return fail_csv(output, "cannot write it to disk", error);
    if (rename(output->temporary, output->layout->place) != 0)
        return fail_csv(output, "cannot put it in place", error);
    output->temporary[0] = 0;
    return SS_OK;
}

// ---- Rows

// The value as a cell of SQLite; text made for it stands in output->texts. Out of memory:
// output->text.failed.
static struct ss_cell feature_cell(struct ss_train_output *output, struct ss_type type, struct ss_value value)
{
    if (!value.present) return (struct ss_cell){.kind = SS_CELL_KIND_NULL};
    switch (type.id) {
    case SS_BOOL: return (struct ss_cell){SS_CELL_KIND_INTEGER, .integer = value.boolean};
    case SS_INT64: return (struct ss_cell){SS_CELL_KIND_INTEGER, .integer = value.i64};
    case SS_FLOAT64: return (struct ss_cell){SS_CELL_KIND_REAL, .real = value.f64};
    case SS_STRING: return (struct ss_cell){SS_CELL_KIND_TEXT, .text = value.text};
    case SS_BYTES: return (struct ss_cell){SS_CELL_KIND_BLOB, .text = value.text};
    default: break;
    }
    if (output->text.failed) return (struct ss_cell){.kind = SS_CELL_KIND_NULL};
    ss_buffer_clear(&output->text);
    ss_value_format(type, value, &output->text);
    const char *text =
        output->text.failed ? NULL : ss_arena_copy(&output->texts, output->text.data, output->text.size);
    if (!text) output->text.failed = true;
    return (struct ss_cell){SS_CELL_KIND_TEXT, .text = {text, text ? output->text.size : 0}};
}

static void fill_row(struct ss_train_output *output, const struct ss_cell *spine_cells,
                     const struct ss_answer *answer, int32_t row, int64_t t_us, uint64_t s)
{
    const struct ss_train_layout *layout = output->layout;
    struct ss_cell *cell = output->cells;
    struct ss_buffer *hashed = &output->hashed;
    ss_arena_reset(&output->texts);
    for (size_t i = 0; i < layout->spine_column_count; i++) {
        *cell = spine_cells[i];
        ss_cell_encode(cell++, hashed);
    }
    for (size_t i = 0; i < layout->service->feature_count; i++) {
        const struct ss_value value = ss_column_get(&answer->columns[i], row);
        *cell = feature_cell(output, layout->service->features[i].type, value);
        ss_buffer_byte(hashed, answer->statuses[i][row]);
        ss_cell_encode(cell++, hashed);
        if (!layout->with_status) continue;
        const char *name = ss_cell_status_name((enum ss_cell_status)answer->statuses[i][row]);
        *cell++ = (struct ss_cell){SS_CELL_KIND_TEXT, .text = ss_bytes_of(name)};
    }
    const struct ss_cell point[2] = {{SS_CELL_KIND_INTEGER, .integer = t_us},
                                     {SS_CELL_KIND_INTEGER, .integer = (int64_t)s}};
    for (size_t i = 0; i < 2; i++) {
        ss_cell_encode(&point[i], hashed);
        if (!output->temporary) *cell++ = point[i];
    }
}

enum ss_status ss_train_output_row(struct ss_train_output *output, const struct ss_cell *spine_cells,
                                   const struct ss_answer *answer, int32_t row, int64_t t_us, uint64_t s,
                                   struct ss_error *error)
{
    fill_row(output, spine_cells, answer, row, t_us, s);
    if (output->hashed.failed || output->text.failed)
        return ss_fail_memory(error, "a row of a training table");
    if (output->hashed.size >= FLUSH_BYTES) {
        ss_hasher_add(output->hasher, output->hashed.data, output->hashed.size);
        ss_buffer_clear(&output->hashed);
    }
    output->row_count++;
    if (output->table) return ss_table_writer_row(output->table, output->cells, error);
    for (size_t i = 0; i < output->column_count; i++) {
        if (i) ss_buffer_byte(&output->lines, ',');
        const struct ss_cell *cell = &output->cells[i];
        if (output->is_bool[i] && cell->kind == SS_CELL_KIND_INTEGER)
            ss_buffer_text(&output->lines, cell->integer ? "true" : "false");
        else
            csv_cell(&output->lines, cell);
    }
    return end_line(output, error);
}

// ---- Life

static enum ss_status start(struct ss_train_output *output, struct ss_error *error)
{
    struct ss_table_place place;
    const bool is_table = ss_table_place_parse(output->layout->place, &place);
    output->hasher = ss_hasher_create();
    if (!output->hasher) return ss_fail_memory(error, "the digest of a training table");
    if (!is_table) SS_TRY(name_temporary(output, error));
    SS_TRY(lay_out(output, error));
    if (!is_table) return open_csv(output, error);
    return ss_table_writer_open(output->layout->place, output->columns, output->column_count, &output->table,
                                error);
}

enum ss_status ss_train_output_open(const struct ss_train_layout *layout, struct ss_train_output **output,
                                    struct ss_error *error)
{
    struct ss_train_output *opened = calloc(1, sizeof *opened);
    if (!opened) return ss_fail_memory(error, "a training table");
    opened->layout = layout;
    opened->file = -1;
    const enum ss_status status = start(opened, error);
    if (status == SS_OK)
        *output = opened;
    else
        ss_train_output_close(opened);
    return status;
}

enum ss_status ss_train_output_finish(struct ss_train_output *output, struct ss_manifest *manifest,
                                      struct ss_error *error)
{
    ss_hasher_add(output->hasher, output->hashed.data, output->hashed.size);
    manifest->digest = ss_hasher_end(output->hasher);
    output->hasher = NULL;
    manifest->row_count = output->row_count;
    return output->table ? ss_table_writer_finish(output->table, manifest, error)
                         : put_csv_in_place(output, error);
}

void ss_train_output_close(struct ss_train_output *output)
{
    if (!output) return;
    ss_table_writer_close(output->table);
    if (output->file >= 0 && output->temporary[0]) unlink(output->temporary);
    if (output->file >= 0) close(output->file);
    ss_hasher_destroy(output->hasher);
    ss_buffer_release(&output->hashed);
    ss_buffer_release(&output->text);
    ss_arena_release(&output->texts);
    ss_buffer_release(&output->lines);
    ss_arena_release(&output->arena);
    free(output);
}
