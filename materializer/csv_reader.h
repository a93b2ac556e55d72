// CSV in (CLI.md "CSV in"): RFC 4180, a header, then rows one at a time. Memory does not grow with the file.
//
// Cells are as they stand in the file, never trimmed. Lines end with LF, CRLF or CR; blank lines are no rows.
// A UTF-8 byte order mark at the start is skipped.
#ifndef SS_MATERIALIZER_CSV_READER_H
#define SS_MATERIALIZER_CSV_READER_H

#include "engine/base/bytes.h"
#include "engine/base/error.h"

#define SS_CSV_ROW_MAX (1u << 20) // bytes of one row; a longer one is a bad row
#define SS_CSV_RAW_MAX 1000       // bytes of a bad row's text that are shown

// Why a row is none, as csv_scan.h says it too; besides "expected 3 fields, got 2".
extern const char ss_csv_too_long[], ss_csv_stray[], ss_csv_cut_off[];
#define SS_CSV_PROBLEM_SIZE 96
const char *ss_csv_wrong_count(size_t want, size_t got, char problem[SS_CSV_PROBLEM_SIZE]); // returns it

struct ss_csv_cell {
    struct ss_bytes text;
    bool null; // an unquoted empty field; "" is an empty string
};

// Valid until the next call for this reader.
struct ss_csv_row {
    uint64_t line; // 1-based, where the row starts
    const struct ss_csv_cell *cells;
    size_t cell_count;   // as many as the header has, if `problem` is NULL
    const char *problem; // why this is no row: fields missing or too many, a stray quote, cut, too long
    struct ss_bytes raw; // its text, without the line end; of a bad row at most SS_CSV_RAW_MAX bytes
};

struct ss_csv_reader;

// Opens a file ("-": standard input) and reads its header. On failure nothing is held.
enum ss_status ss_csv_reader_open(const char *path, struct ss_csv_reader **reader, struct ss_error *error);
// The same from the start of an open, seekable file that stays the caller's; its position is not moved, so
// several readers may share it. `name` (copied) is for messages.
enum ss_status ss_csv_reader_open_file(int file, const char *name, struct ss_csv_reader **reader,
                                       struct ss_error *error);
void ss_csv_reader_close(struct ss_csv_reader *reader); // NULL is fine

// The header's names, valid until close.
size_t ss_csv_reader_header(const struct ss_csv_reader *reader, const struct ss_bytes **names);
// Where `name` stands in the header. SS_INVALID, with the nearest name, when it does not, or does twice.
enum ss_status ss_csv_reader_find(const struct ss_csv_reader *reader, const char *name, size_t *column,
                                  struct ss_error *error);

// The next row, good or bad; *has_row false: the end.
enum ss_status ss_csv_reader_next(struct ss_csv_reader *reader, struct ss_csv_row *row, bool *has_row,
                                  struct ss_error *error);

const char *
ss_csv_reader_name(const struct ss_csv_reader *reader); // for messages: the path, or "standard input"
uint64_t ss_csv_reader_offset(const struct ss_csv_reader *reader); // bytes of the file taken so far
uint64_t ss_csv_reader_line(const struct ss_csv_reader *reader);   // the line that starts there

#endif
