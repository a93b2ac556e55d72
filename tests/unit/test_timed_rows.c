// Rows by their times.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "materializer/timed_rows.h"
#include "tests/unit/samples.h"

static int64_t any_time(struct samples *samples, int kind)
{
    const uint64_t bits = samples_bits(samples);
    switch (kind) {
    case 0: return (int64_t)bits;
    case 1: return (int64_t)(bits % 5) - 2;
    case 2: return INT64_MIN + (int64_t)(bits % 1000);
    default: return INT64_C(1700000000000000) + (int64_t)(bits % 15000000000000);
    }
}

static void rows_come_by_time_and_of_equal_times_as_they_were(void **state)
{
    (void)state;
    static const int32_t counts[] = {0, 1, 2, 24, 25, 300, 5000};
    struct samples samples = samples_begin(__func__, 20261130);
    struct ss_timed_rows rows = {0};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
        for (int kind = 0; kind < 4; kind++) {
            assert_true(ss_timed_rows_reserve(&rows, counts[c]));
            for (int32_t i = 0; i < counts[c]; i++)
                rows.items[i] = (struct ss_timed_row){any_time(&samples, kind), i};
            ss_timed_rows_sort(&rows, counts[c]);
            for (int32_t i = 1; i < counts[c]; i++) {
                const struct ss_timed_row *before = &rows.items[i - 1], *row = &rows.items[i];
                assert_true(before->t_us < row->t_us ||
                            (before->t_us == row->t_us && before->row < row->row));
            }
        }
    ss_timed_rows_release(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_by_time_and_of_equal_times_as_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
