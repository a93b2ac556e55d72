// The quick scan of CSV against the reader of csv_reader.h: the same rows, cells, nulls, problems, raw texts
// and line numbers, wherever the bytes are cut.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "materializer/csv_blocks.h"
#include "tests/unit/allocation_sweep.h"

static uint64_t seed;

static uint32_t random_below(uint32_t bound)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % bound;
}

static void describe(const struct ss_csv_row *row, struct ss_buffer *out)
{
    ss_buffer_format(out, "%llu:%s:", (unsigned long long)row->line, row->problem ? row->problem : "");
    ss_buffer_append(out, row->raw.data, row->raw.size);
    for (size_t i = 0; !row->problem && i < row->cell_count; i++) {
        ss_buffer_text(out, row->cells[i].null ? "|NULL" : "|");
        ss_buffer_append(out, row->cells[i].text.data, row->cells[i].text.size);
    }
    ss_buffer_text(out, "\n");
}

// Where rows begin and how many fields they have; false: no header.
static bool read_with_reader(struct ss_bytes text, struct ss_buffer *out, size_t *begin, uint64_t *line,
                             size_t *fields)
{
    FILE *file = tmpfile();
    struct ss_csv_reader *reader;
    struct ss_csv_row row;
    const struct ss_bytes *names;
    bool has_row;
    assert_non_null(file);
    assert_int_equal(fwrite(text.data, 1, text.size, file), text.size);
    assert_int_equal(fflush(file), 0);
    const bool opened = ss_csv_reader_open_file(fileno(file), "t.csv", &reader, NULL) == SS_OK;
    if (opened) {
        *begin = (size_t)ss_csv_reader_offset(reader);
        *line = ss_csv_reader_line(reader);
        *fields = ss_csv_reader_header(reader, &names);
        for (;;) {
            assert_int_equal(ss_csv_reader_next(reader, &row, &has_row, NULL), SS_OK);
            if (!has_row) break;
            describe(&row, out);
        }
        ss_csv_reader_close(reader);
    }
    fclose(file);
    return opened;
}

static uint64_t scan_rows(struct ss_csv_scan *scan, struct ss_bytes rows, uint64_t line,
                          struct ss_buffer *out)
{
    // A copy of just the right size, so that a sanitizer sees a step over its end.
    char *copy = malloc(rows.size + 1);
    struct ss_csv_row row;
    memcpy(copy, rows.data, rows.size);
    ss_csv_scan_start(scan, (struct ss_bytes){copy, rows.size}, line);
    while (ss_csv_scan_next(scan, &row)) describe(&row, out);
    assert_int_equal(scan->cursor.at, rows.size);
    free(copy);
    return scan->cursor.line;
}

// Scans from `begin` on, in runs of whole rows cut out of windows of about `window` bytes.
static void scan_in_runs(struct ss_bytes text, size_t begin, uint64_t line, size_t fields, size_t window,
                         struct ss_buffer *out)
{
    struct ss_csv_scan scan;
    size_t size = window;
    assert_int_equal(ss_csv_scan_init(&scan, fields, NULL), SS_OK);
    while (begin < text.size) {
        const size_t left = text.size - begin;
        const struct ss_bytes bytes = {text.data + begin, size < left ? size : left};
        const size_t cut = bytes.size == left ? left : ss_csv_cut(&scan, bytes);
        assert_true(cut <= bytes.size);
        size = cut ? 1 + random_below((uint32_t)window * 2) : size * 2;
        line = scan_rows(&scan, (struct ss_bytes){bytes.data, cut}, line, out);
        begin += cut;
    }
    ss_csv_scan_release(&scan);
}

// Scans the blocks of a file that holds the text.
static void scan_in_blocks(struct ss_bytes text, size_t begin, uint64_t line, size_t fields,
                           struct ss_buffer *out)
{
    FILE *file = tmpfile();
    struct ss_csv_blocks blocks;
    struct ss_csv_block block = {0};
    struct ss_csv_scan scan;
    assert_non_null(file);
    assert_int_equal(fwrite(text.data, 1, text.size, file), text.size);
    assert_int_equal(fflush(file), 0);
    assert_int_equal(ss_csv_blocks_init(&blocks, fileno(file), "t.csv", begin, fields, NULL), SS_OK);
    assert_int_equal(ss_csv_scan_init(&scan, fields, NULL), SS_OK);
    for (;;) {
        struct ss_csv_row row;
        size_t rows = 0;
        assert_int_equal(ss_csv_blocks_next(&blocks, &block, NULL), SS_OK);
        if (block.rows.size == 0) break;
        ss_csv_scan_start(&scan, block.rows, line);
        for (; ss_csv_scan_next(&scan, &row); rows++) describe(&row, out);
        line = scan.cursor.line + block.hidden_lines;
        assert_true(rows <= block.row_most && block.row_most <= SS_CSV_BLOCK_BYTES);
    }
    assert_int_equal(blocks.offset, text.size);
    ss_csv_scan_release(&scan);
    ss_csv_block_release(&block);
    ss_csv_blocks_release(&blocks);
    fclose(file);
}

static void expect_equal(struct ss_bytes text, size_t window, const struct ss_buffer *got,
                         const struct ss_buffer *want)
{
    if (got->size == want->size && (want->size == 0 || memcmp(got->data, want->data, want->size) == 0))
        return;
    fail_msg("of '%.*s' in windows of %zu:\n%.*s\nnot:\n%.*s", text.size > 500 ? 500 : (int)text.size,
             text.data, window, got->size > 2000 ? 2000 : (int)got->size, (char *)got->data,
             want->size > 2000 ? 2000 : (int)want->size, (char *)want->data);
}

// window 0: in blocks.
static void expect_same(struct ss_bytes text, size_t window)
{
    struct ss_buffer want = {0}, got = {0};
    size_t begin = 0, fields = 0;
    uint64_t line = 0;
    if (read_with_reader(text, &want, &begin, &line, &fields)) {
        if (window)
            scan_in_runs(text, begin, line, fields, window, &got);
        else
            scan_in_blocks(text, begin, line, fields, &got);
        expect_equal(text, window, &got, &want);
    }
    ss_buffer_release(&want);
    ss_buffer_release(&got);
}

static void rows_of_every_kind_are_as_the_reader_has_them(void **state)
{
    static const char *const texts[] = {"a,b\n1,2\n",
                                        "a,b\n1,2",
                                        "a,b\r\n1,2\r\n\r\n3,4",
                                        "a,b\r1,2\r\r3,\"\"\r",
                                        "a\n\"\"\n\n\"x\"",
                                        "a,b\nx\"y,2\n1,2",
                                        "a,b\n\"x\"y,\"2\n1,2\n",
                                        "a,b\n\"x\ny,\"\n1,2\n",
                                        "a,b\n\"x\r\n\"\"y\n",
                                        "a,b\n1\n1,2,3\n,,",
                                        "\xef\xbb\xbf\na\n1",
                                        "a,b\n\"1\r\n2\"z,3\r\n4,5\r\n",
                                        "a,b\n1,\"\n",
                                        "a,b\n1,\"\r\n",
                                        "a\n\n\n",
                                        "a,b\n1,\"\"\"\"\"\"\n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t window = 0; window < 20; window++) expect_same(ss_bytes_of(texts[i]), window);
}

static void any_bytes_are_the_same_rows_in_any_runs(void **state)
{
    (void)state;
    seed = getenv("SELFSAME_SEED") ? strtoull(getenv("SELFSAME_SEED"), NULL, 10) : 20270301;
    print_message("seed %llu\n", (unsigned long long)seed);
    const int rounds = getenv("SELFSAME_ROUNDS") ? atoi(getenv("SELFSAME_ROUNDS")) : 6000;
    for (int round = 0; round < rounds; round++) {
        static const char *const alphabets[] = {"a,,\"\"\n\r\xff", "aaaaaaaaaaaaaaaaaaaaaaaa,,\n", "ab,\"\n",
                                                "aaaaaaaaa,\r\n\"", "\"\",\r"};
        char text[400] = "a,b\n";
        const char *alphabet = alphabets[random_below(5)];
        const size_t size = 4 + random_below(round % 3 ? 40 : sizeof text - 4);
        for (size_t i = 4; i < size; i++) {
            text[i] = alphabet[random_below((uint32_t)strlen(alphabet) + 1)]; // NUL too
            if (text[i] == '\r' && i + 1 < size && random_below(2)) text[++i] = '\n';
        }
        expect_same((struct ss_bytes){text, size}, 1 + random_below(round % 2 ? 12 : 200));
    }
}

// A piece of a long row: plain, quoted with lines in it, or with a stray quote now and then.
static void add_piece(struct ss_buffer *text, size_t size, uint32_t kind)
{
    const size_t end = text->size + size;
    if (kind) ss_buffer_text(text, "\"");
    while (text->size < end) {
        const char *line = kind == 0 ? "xxxxxxxxxxxxxxxxxxxxxxxxx" : "xxxxxxxxxxx\r\nxxx,\"\"xxxxxx\n";
        ss_buffer_text(text, kind == 2 && random_below(20000) == 0 ? "\"x\n" : line);
    }
    if (kind) ss_buffer_text(text, "\"");
    if (random_below(8) == 0) ss_buffer_text(text, "\"");
}

static void long_rows_end_where_the_reader_has_it(void **state)
{
    (void)state;
    seed = 77;
    for (int round = 0; round < 40; round++) {
        struct ss_buffer text = {0};
        ss_buffer_text(&text, "a,b\n1,2\n");
        for (int row = 0; row < 3; row++) {
            const size_t size = round % 2 ? SS_CSV_ROW_MAX - 40 + random_below(80) : random_below(3 << 20);
            add_piece(&text, size, random_below(3));
            ss_buffer_text(&text, random_below(2) ? ",2\n" : ",2\r\n3,\"4\"\n");
        }
        if (random_below(2)) text.size -= random_below(3);
        expect_same((struct ss_bytes){(char *)text.data, text.size}, 1 + random_below(2 << 20));
        expect_same((struct ss_bytes){(char *)text.data, text.size}, 0);
        ss_buffer_release(&text);
    }
}

static void a_row_of_exactly_a_mebibyte_is_read(void **state)
{
    (void)state;
    for (int more = -3; more <= 3; more++) {
        struct ss_buffer text = {0};
        ss_buffer_text(&text, "a\n");
        while (text.size < 2 + SS_CSV_ROW_MAX + (size_t)(more + 3) - 5) ss_buffer_byte(&text, 'x');
        ss_buffer_text(&text, more % 2 ? "\r\n1\n" : "\n1\n");
        expect_same((struct ss_bytes){(char *)text.data, text.size}, 3 << 20);
        expect_same((struct ss_bytes){(char *)text.data, text.size - 3}, 3 << 20);
        expect_same((struct ss_bytes){(char *)text.data, text.size}, 0);
        expect_same((struct ss_bytes){(char *)text.data, text.size - 3}, 0);
        ss_buffer_release(&text);
    }
}

// Files of several blocks, and rows of many blocks: some with lines of CR alone, some with quotes left open.
static void blocks_hold_the_rows_of_large_files(void **state)
{
    (void)state;
    seed = 78;
    for (int round = 0; round < 24; round++) {
        struct ss_buffer text = {0};
        const char *line_end = round % 3 == 0 ? "\n" : round % 3 == 1 ? "\r\n" : "\r";
        const size_t size = (1 << 20) + random_below(3 << 20);
        const uint32_t quotes = round % 4 ? 20 : 1 << 30;
        ss_buffer_format(&text, "a,b%s", line_end);
        while (text.size < size) {
            const char *cell = random_below(quotes) ? "x" : random_below(quotes) ? "\"x\r\n,\"" : "\"";
            ss_buffer_format(&text, "%u,%s%s", random_below(1 << random_below(30)), cell, line_end);
            if (random_below(2000) == 0) ss_buffer_text(&text, "\n\r\n");
            if (round == 5 && random_below(100000) == 0) add_piece(&text, 5 << 20, 1);
        }
        if (round % 6 == 5) text.size = 4 << 20 < text.size ? 4 << 20 : 1 << 20;
        expect_same((struct ss_bytes){(char *)text.data, text.size}, 0);
        ss_buffer_release(&text);
    }
}

static void every_failed_allocation_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    for (long k = 1;; k++) {
        struct ss_csv_scan scan = {0};
        ss_fail_allocation_at(k);
        const enum ss_status status = ss_csv_scan_init(&scan, 3, NULL);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        assert_int_equal(status, swept ? SS_OK : SS_OUT_OF_MEMORY);
        ss_csv_scan_release(&scan);
        if (swept) break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_every_kind_are_as_the_reader_has_them),
        cmocka_unit_test(any_bytes_are_the_same_rows_in_any_runs),
        cmocka_unit_test(long_rows_end_where_the_reader_has_it),
        cmocka_unit_test(a_row_of_exactly_a_mebibyte_is_read),
        cmocka_unit_test(blocks_hold_the_rows_of_large_files),
        cmocka_unit_test(every_failed_allocation_is_an_error_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
