// CSV from any bytes, scanned in runs that the first byte of the input chooses the sizes of: the rows are
// those of the reader, which libcsv takes apart.
#include <stdlib.h>

#include "materializer/csv_scan.h"
#include "tests/fuzz/fuzz.h"

static void note_row(struct ss_buffer *seen, const struct ss_csv_row *row)
{
    ss_buffer_varint(seen, row->line);
    fuzz_note(seen, ss_bytes_of(row->problem ? row->problem : ""));
    fuzz_note(seen, row->raw);
    for (size_t i = 0; !row->problem && i < row->cell_count; i++) {
        ss_buffer_byte(seen, row->cells[i].null);
        fuzz_note(seen, row->cells[i].text);
    }
}

// Runs of rows in memory of just their size, so that a step over the end is seen.
static uint64_t scan_run(struct ss_csv_scan *scan, const uint8_t *data, size_t size, uint64_t line,
                         struct ss_buffer *seen)
{
    struct ss_csv_row row;
    char *copy = malloc(size);
    SS_ASSERT(copy);
    memcpy(copy, data, size);
    ss_csv_scan_start(scan, (struct ss_bytes){copy, size}, line);
    while (ss_csv_scan_next(scan, &row)) note_row(seen, &row);
    SS_ASSERT(scan->cursor.at == size);
    free(copy);
    return scan->cursor.line;
}

static void scan_runs(const uint8_t *data, size_t size, size_t window, uint64_t line, size_t fields,
                      struct ss_buffer *seen)
{
    struct ss_csv_scan scan;
    SS_ASSERT(ss_csv_scan_init(&scan, fields, NULL) == SS_OK);
    for (size_t want = window; size > 0;) {
        const bool is_rest = want >= size;
        const struct ss_bytes bytes = {(const char *)data, is_rest ? size : want};
        const size_t cut = is_rest ? size : ss_csv_cut(&scan, bytes);
        SS_ASSERT(cut <= bytes.size);
        if (cut) line = scan_run(&scan, data, cut, line, seen);
        want = cut ? window : want * 2;
        data += cut;
        size -= cut;
    }
    ss_csv_scan_release(&scan);
}

static void compare(struct ss_csv_reader *reader, const uint8_t *data, size_t size, size_t window)
{
    struct ss_buffer want = {0}, got = {0};
    struct ss_csv_row row;
    const struct ss_bytes *names;
    bool has_row = true;
    const size_t begin = (size_t)ss_csv_reader_offset(reader);
    const uint64_t line = ss_csv_reader_line(reader);
    while (ss_csv_reader_next(reader, &row, &has_row, NULL) == SS_OK && has_row) note_row(&want, &row);
    scan_runs(data + begin, size - begin, window, line, ss_csv_reader_header(reader, &names), &got);
    SS_ASSERT(!want.failed && !got.failed && want.size == got.size);
    SS_ASSERT(want.size == 0 || memcmp(want.data, got.data, want.size) == 0);
    ss_buffer_release(&want);
    ss_buffer_release(&got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ss_csv_reader *reader;
    if (size < 1) return 0;
    const int file = fuzz_file(data + 1, size - 1);
    if (ss_csv_reader_open_file(file, "input", &reader, NULL) == SS_OK) {
        compare(reader, data + 1, size - 1, 1 + (size_t)data[0]);
        ss_csv_reader_close(reader);
    }
    close(file);
    return 0;
}
