// What the tables of compile errors share: {YAML, the exact lines "line:column: message"}, and what the YAML
// of many rows starts with.
#ifndef SS_TESTS_DEFINITION_ERRORS_H
#define SS_TESTS_DEFINITION_ERRORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "definitions_harness.h"

#define COLUMNS                                                                                           \
    "{id: string, user_id: string, amount: decimal(2), country: string, n: int64, f: float64, ok: bool, " \
    "at: timestamp, op: string}"
#define VIEW(text)                                                                  \
    "entities:\n  user: {user_id: string}\nsources:\n  pay:\n    columns: " COLUMNS \
    "\n    event_time: at\n" text
#define FEATURES(text) VIEW("views:\n  v:\n    entity: user\n    source: pay\n    features:\n" text)
#define SERVICE(text) \
    FEATURES("      total: sum(amount) over 7d\n      Total2: count() over 7d\nservices:\n  s:\n" text)
#define SOURCE(text)                                                                                    \
    "sources:\n  pay:\n    columns: {id: string, user_id: string, n: int64, f: float64, ok: bool, at: " \
    "timestamp, made: timestamp, s: string}\n"                                                          \
    "    event_time: at\n" text

struct row {
    const char *yaml, *want;
};

// Keeps "line:column: message" of each error of the report.
static inline void pick_messages(const struct ss_buffer *report, struct ss_buffer *picked)
{
    static const char file[] = "f.yaml:", word[] = "error: ";
    const char *at = (const char *)report->data, *end = at + report->size;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        assert_non_null(newline);
        if (strncmp(at, file, sizeof(file) - 1) == 0) {
            const char *message = strstr(at, word);
            assert_non_null(message);
            at += sizeof(file) - 1;
            ss_buffer_append(picked, at, (size_t)(message - at));
            message += sizeof(word) - 1;
            ss_buffer_append(picked, message, (size_t)(newline + 1 - message));
        }
        at = newline + 1;
    }
    ss_buffer_byte(picked, 0);
}

static inline void check_row(const struct row *row)
{
    struct ss_buffer picked = {0};
    struct harness_result result = harness_compile_text(ss_bytes_of(row->yaml));
    if (result.status != SS_FOUND) print_error("%s\n", row->yaml);
    assert_int_equal(result.status, SS_FOUND);
    assert_null(result.definitions);
    assert_true(result.error_count > 0);
    pick_messages(&result.report, &picked);
    if (strcmp((const char *)picked.data, row->want) != 0) print_error("%s\n", row->yaml);
    assert_string_equal((const char *)picked.data, row->want);
    ss_buffer_release(&picked);
    harness_release(&result);
}

#define CHECK_ROWS(rows) \
    for (size_t row_ = 0; row_ < sizeof(rows) / sizeof((rows)[0]); row_++) check_row(&(rows)[row_])

#endif
