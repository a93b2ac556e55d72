// CSV in: cells, nulls, line numbers, and every kind of row that is none.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "materializer/csv_reader.h"
#include "tests/unit/allocation_sweep.h"

static FILE *file_of(const void *text, size_t size)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fflush(file), 0);
    return file;
}

// A row as text: "line|cell|NULL|cell", or "line!problem!raw" when it is a bad one.
static void describe(const struct ss_csv_row *row, struct ss_buffer *out)
{
    ss_buffer_format(out, "%llu", (unsigned long long)row->line);
    if (row->problem) ss_buffer_format(out, "!%s!%.*s", row->problem, (int)row->raw.size, row->raw.data);
    for (size_t i = 0; !row->problem && i < row->cell_count; i++) {
        ss_buffer_text(out, "|");
        if (row->cells[i].null)
            ss_buffer_text(out, "NULL");
        else
            ss_buffer_append(out, row->cells[i].text.data, row->cells[i].text.size);
    }
    ss_buffer_text(out, "\n");
}

static void expect_rows(const char *text, const char *want)
{
    FILE *file = file_of(text, strlen(text));
    struct ss_csv_reader *reader;
    struct ss_error error = {0};
    struct ss_buffer got = {0};
    struct ss_csv_row row;
    bool has_row = true;
    assert_int_equal(ss_csv_reader_open_file(fileno(file), "t.csv", &reader, &error), SS_OK);
    while (true) {
        assert_int_equal(ss_csv_reader_next(reader, &row, &has_row, &error), SS_OK);
        if (!has_row) break;
        describe(&row, &got);
    }
    ss_buffer_byte(&got, 0);
    assert_string_equal(got.data, want);
    assert_int_equal(ss_csv_reader_offset(reader), strlen(text));
    ss_buffer_release(&got);
    ss_csv_reader_close(reader);
    fclose(file);
}

static void cells_come_as_they_stand(void **state)
{
    (void)state;
    expect_rows("a,b\n1,2\n", "2|1|2\n");
    expect_rows("a,b\n1,2", "2|1|2\n"); // no line end at the end
    expect_rows("a,b\n 1 ,\t2\t\n", "2| 1 |\t2\t\n");
    expect_rows("a,b\n\"1,5\",\"say \"\"hi\"\"\"\n", "2|1,5|say \"hi\"\n");
    expect_rows("a,b\n", "");
    expect_rows("a,b", "");
}

static void an_unquoted_empty_field_is_null_and_a_quoted_one_is_empty(void **state)
{
    (void)state;
    expect_rows("a,b\n,\"\"\n\"\",\n,\n", "2|NULL|\n3||NULL\n4|NULL|NULL\n");
    expect_rows("a,b\nx,", "2|x|NULL\n");
    expect_rows("a\n\"\"\n", "2|\n");
}

static void lines_are_counted_through_every_kind_of_line_end(void **state)
{
    (void)state;
    expect_rows("a,b\r\n1,2\r\n3,4\r\n", "2|1|2\n3|3|4\n");
    expect_rows("a,b\r1,2\r3,4\r", "2|1|2\n3|3|4\n");
    expect_rows("a,b\r\n\"x\r\ny\",2\r\n3,4", "2|x\r\ny|2\n4|3|4\n");
    expect_rows("a,b\n\"x\n\n\ny\",2\n3,4\n", "2|x\n\n\ny|2\n6|3|4\n");
    expect_rows("\n\na,b\n\n1,2\n\r\n\n3,4\n\n", "5|1|2\n8|3|4\n");
}

static void a_byte_order_mark_is_skipped(void **state)
{
    (void)state;
    expect_rows("\xef\xbb\xbf\"a\",b\n1,2\n", "2|1|2\n");
}

static void a_wrong_number_of_fields_is_a_bad_row(void **state)
{
    (void)state;
    expect_rows("a,b\n1\n1,2,3\n4,5\n",
                "2!expected 2 fields, got 1!1\n3!expected 2 fields, got 3!1,2,3\n4|4|5\n");
    expect_rows("a,b\r\n\"x\r\ny\"\r\n4,5\r\n", "2!expected 2 fields, got 1!\"x\r\ny\"\n4|4|5\n");
}

static void a_stray_quote_costs_its_own_line_alone(void **state)
{
    (void)state;
    const char *stray = "a quote stands where none may";
    char want[200];
    snprintf(want, sizeof want, "2|1|2\n3!%s!x\"y,2\n4!%s!\"x\"y,2\n5|3|4\n", stray, stray);
    expect_rows("a,b\n1,2\nx\"y,2\n\"x\"y,2\n3,4\n", want);
}

static void a_file_cut_inside_quotes_ends_with_a_bad_row(void **state)
{
    (void)state;
    const char *cut = "cut: a quote is not closed before the end of the file";
    char want[200];
    snprintf(want, sizeof want, "2|1|2\n3!%s!3,\"x\ny\n", cut);
    expect_rows("a,b\n1,2\n3,\"x\ny", want);
    snprintf(want, sizeof want, "2!%s!3,\"x\n", cut);
    expect_rows("a,b\n3,\"x\n", want);
}

// A row of so many bytes, its line end included, then a short one.
static void expect_long_row(size_t size, bool quoted)
{
    struct ss_buffer text = {0};
    struct ss_csv_reader *reader;
    struct ss_csv_row row;
    bool has_row;
    ss_buffer_text(&text, quoted ? "a,b\n\"\n\"\"" : "a,b\n");
    const size_t header = 4, tail = quoted ? strlen("\"\"\",2\n") : strlen(",2\n");
    while (text.size < header + size - tail) ss_buffer_byte(&text, text.size % 999 || !quoted ? 'x' : '\n');
    ss_buffer_text(&text, quoted ? "\"\"\",2\n3,4\n" : ",2\n3,4\n");
    FILE *file = file_of(text.data, text.size);
    assert_int_equal(ss_csv_reader_open_file(fileno(file), "t.csv", &reader, NULL), SS_OK);
    assert_int_equal(ss_csv_reader_next(reader, &row, &has_row, NULL), SS_OK);
    assert_true(has_row);
    assert_int_equal(row.line, 2);
    if (size > SS_CSV_ROW_MAX) {
        assert_string_equal(row.problem, "longer than 1 MiB");
        assert_int_equal(row.raw.size, SS_CSV_RAW_MAX);
        assert_memory_equal(row.raw.data, text.data + header, SS_CSV_RAW_MAX);
    } else {
        assert_null(row.problem);
    }
    assert_int_equal(ss_csv_reader_next(reader, &row, &has_row, NULL), SS_OK);
    assert_true(has_row);
    assert_null(row.problem);
    assert_memory_equal(row.cells[0].text.data, "3", 1);
    ss_csv_reader_close(reader);
    fclose(file);
    ss_buffer_release(&text);
}

static void a_row_of_a_mebibyte_is_read_and_a_longer_one_is_a_bad_row(void **state)
{
    (void)state;
    const size_t sizes[] = {SS_CSV_ROW_MAX - 1, SS_CSV_ROW_MAX, SS_CSV_ROW_MAX + 1, 3 * SS_CSV_ROW_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        expect_long_row(sizes[i], false);
        expect_long_row(sizes[i], true);
    }
}

static void two_readers_share_a_file(void **state)
{
    (void)state;
    const char *text = "a\n1\n2\n";
    FILE *file = file_of(text, strlen(text));
    struct ss_csv_reader *readers[2];
    struct ss_csv_row row;
    bool has_row;
    for (int i = 0; i < 2; i++)
        assert_int_equal(ss_csv_reader_open_file(fileno(file), "t.csv", &readers[i], NULL), SS_OK);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(ss_csv_reader_next(readers[i % 2], &row, &has_row, NULL), SS_OK);
        assert_int_equal(row.cells[0].text.data[0], i < 2 ? '1' : '2');
    }
    for (int i = 0; i < 2; i++) ss_csv_reader_close(readers[i]);
    fclose(file);
}

static void expect_open_error(const char *text, const char *want)
{
    FILE *file = file_of(text, strlen(text));
    struct ss_csv_reader *reader = NULL;
    struct ss_error error = {0};
    assert_int_equal(ss_csv_reader_open_file(fileno(file), "t.csv", &reader, &error), SS_INVALID);
    assert_string_equal(error.message, want);
    assert_null(reader);
    fclose(file);
}

static void a_file_without_a_header_is_an_error(void **state)
{
    (void)state;
    struct ss_csv_reader *reader;
    struct ss_error error = {0};
    expect_open_error("", "t.csv: it is empty; its first line must name the columns");
    expect_open_error("\n\r\n", "t.csv: it is empty; its first line must name the columns");
    expect_open_error("\na\"b\n1\n",
                      "t.csv:2: the header, which names the columns: a quote stands where none may");
    assert_int_equal(ss_csv_reader_open("/nowhere/t.csv", &reader, &error), SS_IO);
    assert_string_equal(error.message, "/nowhere/t.csv: cannot be opened: No such file or directory");
    assert_int_equal(ss_csv_reader_open("/", &reader, &error), SS_IO);
    assert_string_equal(error.message, "/: cannot be read: Is a directory");
}

static void a_column_is_found_by_its_name(void **state)
{
    (void)state;
    const char *text = "user_id,amount,paid_at,paid_at\n";
    FILE *file = file_of(text, strlen(text));
    struct ss_csv_reader *reader;
    struct ss_error error = {0};
    size_t column = 99;
    assert_int_equal(ss_csv_reader_open_file(fileno(file), "t.csv", &reader, &error), SS_OK);
    assert_int_equal(ss_csv_reader_find(reader, "amount", &column, &error), SS_OK);
    assert_int_equal(column, 1);
    assert_int_equal(ss_csv_reader_find(reader, "user", &column, &error), SS_INVALID);
    assert_string_equal(error.message, "t.csv: no column 'user' in its header");
    assert_int_equal(ss_csv_reader_find(reader, "amuont", &column, &error), SS_INVALID);
    assert_string_equal(error.message, "t.csv: no column 'amuont' in its header; did you mean 'amount'?");
    assert_int_equal(ss_csv_reader_find(reader, "paid_at", &column, &error), SS_INVALID);
    assert_string_equal(error.message,
                        "t.csv: column 'paid_at' stands 2 times in its header; rename all but one");
    assert_int_equal(column, 1);
    ss_csv_reader_close(reader);
    fclose(file);
}

static uint64_t seed;

static uint32_t random_below(uint32_t bound)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % bound;
}

// A table of random cells, written with random quoting and line ends, comes back cell by cell.
static void what_was_written_is_read(void **state)
{
    (void)state;
    seed = 20261121;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round < 300; round++) {
        static const char alphabet[] = "ab ,\"\n\r\t'1";
        struct ss_buffer text = {0}, want = {0}, got = {0};
        const int columns = 1 + (int)random_below(4), rows = (int)random_below(40);
        const char *line_end = round % 2 ? "\r\n" : "\n";
        struct ss_csv_reader *reader;
        struct ss_csv_row row;
        bool has_row = true;
        for (int c = 0; c < columns; c++) ss_buffer_format(&text, "%sc%d", c ? "," : "", c);
        ss_buffer_text(&text, line_end);
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < columns; c++) {
                const uint32_t length = random_below(round == 7 ? 30000 : 12);
                const bool quoted = length > 0 || columns == 1 || random_below(2);
                if (c) ss_buffer_byte(&text, ',');
                ss_buffer_text(&want, quoted ? "|" : "|NULL");
                if (quoted) ss_buffer_byte(&text, '"');
                for (uint32_t k = 0; k < length; k++) {
                    const char byte = alphabet[random_below(sizeof alphabet - 1)];
                    if (byte == '"') ss_buffer_byte(&text, '"');
                    ss_buffer_byte(&text, (uint8_t)byte);
                    ss_buffer_byte(&want, (uint8_t)byte);
                }
                if (quoted) ss_buffer_byte(&text, '"');
            }
            if (r + 1 < rows || random_below(2)) ss_buffer_text(&text, line_end);
        }
        FILE *file = file_of(text.data, text.size);
        assert_int_equal(ss_csv_reader_open_file(fileno(file), "t.csv", &reader, NULL), SS_OK);
        while (true) {
            assert_int_equal(ss_csv_reader_next(reader, &row, &has_row, NULL), SS_OK);
            if (!has_row) break;
            assert_null(row.problem);
            assert_int_equal(row.cell_count, columns);
            for (int c = 0; c < columns; c++) {
                ss_buffer_text(&got, row.cells[c].null ? "|NULL" : "|");
                ss_buffer_append(&got, row.cells[c].text.data, row.cells[c].text.size);
            }
        }
        assert_int_equal(got.size, want.size);
        if (want.size) assert_memory_equal(got.data, want.data, want.size);
        ss_csv_reader_close(reader);
        fclose(file);
        ss_buffer_release(&text);
        ss_buffer_release(&want);
        ss_buffer_release(&got);
    }
}

// Any bytes at all end in rows, good or bad, and never lose the count of lines.
static void any_bytes_are_survived(void **state)
{
    (void)state;
    seed = 4711;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round < 2000; round++) {
        static const char alphabet[] = "a,,\"\"\n\r\xff\xef";
        char text[64];
        const size_t size = random_below(sizeof text);
        struct ss_csv_reader *reader;
        struct ss_csv_row row;
        bool has_row = true;
        uint64_t line = 0;
        for (size_t i = 0; i < size; i++) text[i] = alphabet[random_below(sizeof alphabet)]; // NUL too
        FILE *file = file_of(text, size);
        if (ss_csv_reader_open_file(fileno(file), "t.csv", &reader, NULL) == SS_OK) {
            while (ss_csv_reader_next(reader, &row, &has_row, NULL) == SS_OK && has_row) {
                assert_true(row.line > line);
                line = row.line;
            }
            assert_false(has_row);
            assert_int_equal(ss_csv_reader_offset(reader), size);
            ss_csv_reader_close(reader);
        }
        fclose(file);
    }
}

static void every_failed_allocation_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    struct ss_buffer text = {0};
    for (int i = 0; i < 40; i++) ss_buffer_format(&text, "%scolumn_%d", i ? "," : "", i);
    ss_buffer_text(&text, "\n\"");
    for (int i = 0; i < 9000; i++) ss_buffer_byte(&text, 'x');
    ss_buffer_text(&text, "\"\n");
    FILE *file = file_of(text.data, text.size);
    int failures = 0;
    for (long k = 1;; k++) {
        struct ss_csv_reader *reader = NULL;
        struct ss_csv_row row;
        bool has_row;
        ss_fail_allocation_at(k);
        enum ss_status status = ss_csv_reader_open_file(fileno(file), "t.csv", &reader, NULL);
        if (status == SS_OK) status = ss_csv_reader_next(reader, &row, &has_row, NULL);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        // libcsv asks again for less when it is refused, so not every refusal is a failure.
        assert_true(status == SS_OK || status == SS_OUT_OF_MEMORY);
        failures += status == SS_OUT_OF_MEMORY;
        if (status == SS_OK) assert_string_equal(row.problem, "expected 40 fields, got 1");
        ss_csv_reader_close(reader);
        if (swept) break;
    }
    assert_true(failures >= 4);
    ss_buffer_release(&text);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_come_as_they_stand),
        cmocka_unit_test(an_unquoted_empty_field_is_null_and_a_quoted_one_is_empty),
        cmocka_unit_test(lines_are_counted_through_every_kind_of_line_end),
        cmocka_unit_test(a_byte_order_mark_is_skipped),
        cmocka_unit_test(a_wrong_number_of_fields_is_a_bad_row),
        cmocka_unit_test(a_stray_quote_costs_its_own_line_alone),
        cmocka_unit_test(a_file_cut_inside_quotes_ends_with_a_bad_row),
        cmocka_unit_test(a_row_of_a_mebibyte_is_read_and_a_longer_one_is_a_bad_row),
        cmocka_unit_test(two_readers_share_a_file),
        cmocka_unit_test(a_file_without_a_header_is_an_error),
        cmocka_unit_test(a_column_is_found_by_its_name),
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(any_bytes_are_survived),
        cmocka_unit_test(every_failed_allocation_is_an_error_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
