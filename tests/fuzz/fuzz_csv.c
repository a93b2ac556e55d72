// CSV from any bytes: a header or an error, then rows that are good or say why not, to the end. The same rows
// come when the file is read again.

#include "materializer/csv_reader.h"
#include "tests/fuzz/fuzz.h"

static void check_row(const struct ss_csv_row *row, size_t columns, uint64_t *line, struct ss_buffer *seen)
{
    SS_ASSERT(row->line > *line);
    *line = row->line;
    if (row->problem) {
        SS_ASSERT(row->problem[0] && row->raw.size <= SS_CSV_RAW_MAX);
        ss_buffer_text(seen, row->problem);
    } else {
        SS_ASSERT(row->cell_count == columns && row->raw.size <= SS_CSV_ROW_MAX);
        for (size_t i = 0; i < row->cell_count; i++) {
            SS_ASSERT(!row->cells[i].null || row->cells[i].text.size == 0);
            ss_buffer_byte(seen, row->cells[i].null);
            fuzz_note(seen, row->cells[i].text);
        }
    }
    fuzz_note(seen, row->raw);
}

// What the file says, as bytes.
static void read_file(int file, size_t size, struct ss_buffer *seen)
{
    struct ss_csv_reader *reader = NULL;
    struct ss_csv_row row;
    struct ss_error error;
    const struct ss_bytes *names;
    uint64_t line = 0;
    bool has_row;
    if (ss_csv_reader_open_file(file, "input", &reader, &error) != SS_OK) {
        SS_ASSERT(error.message[0]);
        ss_buffer_text(seen, error.message);
        return;
    }
    const size_t columns = ss_csv_reader_header(reader, &names);
    SS_ASSERT(columns > 0);
    for (size_t i = 0; i < columns; i++) fuzz_note(seen, names[i]);
    for (;;) {
        const enum ss_status status = ss_csv_reader_next(reader, &row, &has_row, &error);
        SS_ASSERT(status == SS_OK || status == SS_INVALID);
        if (status != SS_OK || !has_row) break;
        check_row(&row, columns, &line, seen);
        SS_ASSERT(ss_csv_reader_offset(reader) <= size);
    }
    ss_csv_reader_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ss_buffer first = {0}, second = {0};
    const int file = fuzz_file(data, size);
    read_file(file, size, &first);
    read_file(file, size, &second);
    SS_ASSERT(!first.failed && first.size == second.size);
    SS_ASSERT(first.size == 0 || memcmp(first.data, second.data, first.size) == 0);
    ss_buffer_release(&second);
    ss_buffer_release(&first);
    close(file);
    return 0;
}
