// CSV from memory, quick: the rows of a run of bytes that holds whole rows. What a row, a cell and a problem
// are is exactly what csv_reader.h says (tested against it); the header is read there, and so is where the
// rows begin (ss_csv_reader_offset, ss_csv_reader_line).
//
//     struct ss_csv_scan scan;
//     ss_csv_scan_init(&scan, header_count, error);
//     ss_csv_scan_start(&scan, rows, line);
//     while (ss_csv_scan_next(&scan, &row)) ...
//     ss_csv_scan_release(&scan);
//
// A file is cut into such runs by ss_csv_cut, or block by block by csv_blocks.h; the runs can be scanned side
// by side, a scan for each thread.
#ifndef SS_MATERIALIZER_CSV_SCAN_H
#define SS_MATERIALIZER_CSV_SCAN_H

#include "materializer/csv_reader.h"

struct ss_csv_cursor {
    const char *bytes; // borrowed
    size_t size, at;   // at: bytes taken so far
    uint64_t line;     // that starts there, 1-based
    size_t window;     // 64 bytes of which `marks` tells where commas, quotes and line ends are,
    uint64_t marks;    // a bit for each that was not taken yet
};

struct ss_csv_scan {
    struct ss_csv_cursor cursor;
    size_t field_count;
    struct ss_csv_cell *cells;
    char *unescaped; // text of this row's cells that had "" in them
    size_t unescaped_size;
    char problem[SS_CSV_PROBLEM_SIZE];
};

// For rows of `field_count` (at least 1) fields. On failure nothing is held.
enum ss_status ss_csv_scan_init(struct ss_csv_scan *scan, size_t field_count, struct ss_error *error);
void ss_csv_scan_release(struct ss_csv_scan *scan); // a no-op on a zeroed struct

// The rows are borrowed until the next start. A row that they end within ends with them, as at the end of a
// file. `line` is the number of the line they start with, or 1 when their numbers are put right later.
void ss_csv_scan_start(struct ss_csv_scan *scan, struct ss_bytes rows, uint64_t line);
// The next row, good or bad; false: the end. Cells borrow from the rows and from the scan, until the next
// call; a bad row has none.
bool ss_csv_scan_next(struct ss_csv_scan *scan, struct ss_csv_row *row);

// How many of the bytes, which start with a row, are whole rows: those that end before the bytes do. A CR at
// their end may be half a line end and ends no row. The scan is used for quotes.
size_t ss_csv_cut(struct ss_csv_scan *scan, struct ss_bytes bytes);

#endif
