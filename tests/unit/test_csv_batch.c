// Rows of CSV as typed columns: values that are made from their text, and memory that runs out is no bad
// value.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#include "materializer/csv_batch.h"
#include "tests/unit/allocation_sweep.h"

#define ROWS 40

static struct ss_source_column columns[] = {{.name = "tag", .type = {SS_BYTES}},
                                            {.name = "words", .type = {.id = SS_LIST, .element = SS_STRING}},
                                            {.name = "place", .type = {.id = SS_VECTOR, .length = 2}}};
static const struct ss_source source = {
    .name = "readings", .column_count = 3, .columns = columns, .event_id_column = -1, .op_column = -1};
static const size_t positions[] = {2, 0, 1};

static struct ss_csv_row row_of(struct ss_csv_cell cells[3], const char *tag, const char *words,
                                const char *place)
{
    const char *const texts[] = {words, place, tag};
    for (size_t i = 0; i < 3; i++)
        cells[i] = (struct ss_csv_cell){.text = ss_bytes_of(texts[i] ? texts[i] : ""), .null = !texts[i]};
    return (struct ss_csv_row){.line = 2, .raw = {"row", 3}, .cells = cells, .cell_count = 3};
}

static enum ss_status add_rows(struct ss_csv_batch *batch, const struct ss_csv_row *row)
{
    struct ss_error error;
    bool is_delete;
    enum ss_status status = ss_csv_batch_init(batch, &source, "a.csv", positions, ROWS, &error);
    for (int i = 0; i < ROWS && status == SS_OK; i++)
        status = ss_csv_batch_add(batch, row, SS_CSV_TAKE_ALL, &is_delete, &error);
    return status;
}

static void values_made_from_text_are_kept_beyond_their_row(void **state)
{
    (void)state;
    struct ss_csv_cell cells[3];
    struct ss_csv_batch batch = {0};
    const struct ss_csv_row row = row_of(cells, "AP8=", "[\"a\",null]", "[1,-2]");
    assert_int_equal(add_rows(&batch, &row), SS_OK);
    assert_int_equal(batch.length, ROWS);
    static const struct ss_bytes want[] = {{"\0\xff", 2}, {"\1\1a\0", 4}, {"\0\0\x80\x3f\0\0\0\xc0", 8}};
    for (int32_t i = 0; i < ROWS; i++)
        for (size_t c = 0; c < 3; c++)
            assert_true(ss_bytes_equal(ss_column_get(&batch.columns[c], i).text, want[c]));
    ss_csv_batch_release(&batch);
}

static void a_bad_value_is_told_with_its_text(void **state)
{
    (void)state;
    struct ss_csv_cell cells[3];
    struct ss_csv_batch batch = {0};
    const struct ss_csv_row row = row_of(cells, NULL, "[\"a\"]", "[1]");
    assert_int_equal(add_rows(&batch, &row), SS_OK);
    assert_int_equal(batch.unparsed_count, ROWS);
    assert_string_equal(batch.unparsed[0].column, "place");
    assert_string_equal(batch.unparsed[0].reason, "not as many elements as the vector has");
    assert_true(ss_bytes_equal(batch.unparsed[0].value, ss_bytes_of("[1]")));
    ss_csv_batch_release(&batch);
}

static void memory_that_runs_out_is_no_bad_value(void **state)
{
    (void)state;
    struct ss_csv_cell cells[3];
    const struct ss_csv_row row = row_of(cells, "AP8=", "[\"a\",null,\"b\\n\"]", "[1,-2]");
    for (long k = 1;; k++) {
        struct ss_csv_batch batch = {0};
        ss_fail_allocation_at(k);
        const enum ss_status status = add_rows(&batch, &row);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        assert_int_equal(status, swept ? SS_OK : SS_OUT_OF_MEMORY);
        assert_int_equal(batch.unparsed_count, 0);
        ss_csv_batch_release(&batch);
        if (!swept) continue;
        assert_true(k > 100);
        break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_made_from_text_are_kept_beyond_their_row),
        cmocka_unit_test(a_bad_value_is_told_with_its_text),
        cmocka_unit_test(memory_that_runs_out_is_no_bad_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
