// Answers of every type, as the fake server makes them (every() there): read in place, row by row. Then
// answers that are none, cut at every byte; and what happens when the k-th allocation fails.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/answer.h"
#include "client/lookup.h"
#include "client/transport.h"
#include "tests/client/fake_group.h"
#include "tests/unit/allocation_sweep.h"

enum { ROWS = 9 };

static struct selfsame_lookup *lookup_of_every(void)
{
    struct selfsame_lookup *lookup = selfsame_lookup_create("every");
    selfsame_lookup_rows(lookup, ROWS);
    for (size_t row = 0; row < ROWS; row++)
        selfsame_set_int64(selfsame_lookup_key(lookup, "user", SELFSAME_TYPE_INT64), row, (int64_t)row);
    selfsame_lookup_with_event_times(lookup, true);
    return lookup;
}

static struct selfsame_answer *answer_of_every(void)
{
    struct selfsame_lookup *lookup = lookup_of_every();
    struct selfsame_answer *answer = NULL;
    struct selfsame_error error;
    if (selfsame_get(client, lookup, &answer, &error) != SELFSAME_OK) fail_msg("%s", error.message);
    selfsame_lookup_destroy(lookup);
    return answer;
}

// The status of the columns that have all four in turn.
static enum selfsame_status mixed(size_t row)
{
    return (enum selfsame_status)(row % 4);
}

static void values_of_every_type_are_read_in_place(void **state)
{
    (void)state;
    struct selfsame_answer *answer = answer_of_every();
    assert_int_equal(selfsame_answer_rows(answer), ROWS);
    for (size_t row = 0; row < ROWS; row++) {
        const bool there = mixed(row) == SELFSAME_STATUS_PRESENT;
        const int64_t i = (int64_t)row;
        const struct selfsame_values *values = selfsame_answer_find(answer, "int64");
        assert_int_equal(selfsame_values_status(values, row), mixed(row));
        assert_int_equal(selfsame_values_int64(values, row), there ? -i : 0);
        assert_true(selfsame_values_bool(selfsame_answer_find(answer, "bool"), row) == (row % 2 == 1));
        assert_true(selfsame_values_double(selfsame_answer_find(answer, "float64"), row) ==
                    (there ? (double)i / 3 : 0));
        values = selfsame_answer_find(answer, "decimal");
        assert_int_equal(selfsame_values_scale(values), 2);
        assert_int_equal(selfsame_values_status(values, row), SELFSAME_STATUS_PRESENT);
        assert_int_equal(selfsame_values_int64(values, row), i * 101);
        assert_int_equal(selfsame_values_int64(selfsame_answer_find(answer, "timestamp"), row), i * 1000000);
        const struct selfsame_bytes text = selfsame_values_bytes(selfsame_answer_find(answer, "string"), row);
        assert_int_equal(text.size, there ? 2 * row : 0);
        for (size_t k = 0; k < text.size; k += 2)
            assert_memory_equal((const char *)text.data + k, "\xc3\xa9", 2);
        const struct selfsame_bytes bytes = selfsame_values_bytes(selfsame_answer_find(answer, "bytes"), row);
        assert_int_equal(bytes.size, 2 * row);
        for (size_t k = 0; k < bytes.size; k += 2)
            assert_memory_equal((const char *)bytes.data + k, "\0\xff", 2);
    }
    selfsame_answer_destroy(answer);
}

static void vectors_and_lists_are_read_too(void **state)
{
    (void)state;
    struct selfsame_answer *answer = answer_of_every();
    const struct selfsame_values *vectors = selfsame_answer_find(answer, "vector");
    const struct selfsame_values *lists = selfsame_answer_find(answer, "list");
    const struct selfsame_values *texts = selfsame_values_elements(lists);
    assert_int_equal(selfsame_values_length(vectors), 3);
    assert_int_equal(selfsame_values_type(texts), SELFSAME_TYPE_STRING);
    for (size_t row = 0; row < ROWS; row++) {
        float floats[3];
        size_t first, count;
        assert_true(selfsame_values_vector(vectors, row, floats));
        for (size_t k = 0; k < 3; k++) assert_true(floats[k] == (float)row + (float)k / 2);
        selfsame_values_list(lists, row, &first, &count);
        assert_int_equal(count, row % 3);
        for (size_t k = 0; k < count; k++) {
            char expected[64];
            snprintf(expected, sizeof expected, "%zu.%zu", row, k);
            const bool there = k == 0;
            const struct selfsame_bytes text = selfsame_values_bytes(texts, first + k);
            assert_int_equal(selfsame_values_status(texts, first + k),
                             there ? SELFSAME_STATUS_PRESENT : SELFSAME_STATUS_NULL);
            assert_int_equal(text.size, there ? strlen(expected) : 0);
        }
        lists = selfsame_answer_find(answer, "decimals");
        selfsame_values_list(lists, row, &first, &count);
        assert_int_equal(count, mixed(row) == SELFSAME_STATUS_PRESENT ? row % 4 : 0);
        for (size_t k = 0; k < count; k++)
            assert_int_equal(selfsame_values_int64(selfsame_values_elements(lists), first + k), row * 10 + k);
        assert_int_equal(selfsame_values_scale(selfsame_values_elements(lists)), 1);
        lists = selfsame_answer_find(answer, "list");
    }
    selfsame_answer_destroy(answer);
}

static void what_is_not_there_reads_as_nothing(void **state)
{
    (void)state;
    struct selfsame_answer *answer = answer_of_every();
    const struct selfsame_values *values = selfsame_answer_find(answer, "float64");
    double doubles[ROWS];
    float floats[3];
    size_t first, count;
    assert_int_equal(selfsame_values_status(values, ROWS), SELFSAME_STATUS_NULL);
    assert_true(selfsame_values_double(values, ROWS) == 0);
    assert_int_equal(selfsame_values_int64(values, 4), 0);
    assert_int_equal(selfsame_values_bytes(values, 4).size, 0);
    assert_false(selfsame_values_bool(values, 4));
    assert_false(selfsame_values_vector(values, 4, floats));
    assert_null(selfsame_values_elements(values));
    selfsame_values_list(values, 4, &first, &count);
    assert_int_equal(count, 0);
    assert_true(selfsame_values_doubles(values, 2, 5, doubles));
    assert_true(doubles[2] == 4.0 / 3 && doubles[0] == 0 && doubles[4] == 0);
    assert_false(selfsame_values_doubles(values, 2, ROWS, doubles));
    assert_int_equal(selfsame_answer_view_count(answer), 1);
    assert_int_equal(selfsame_values_int64(selfsame_answer_event_times(answer, 0), 3), 3);
    assert_null(selfsame_answer_event_times(answer, 1));
    selfsame_answer_destroy(answer);
}

static void an_answer_outlives_its_client(void **state)
{
    (void)state;
    struct selfsame_client *other = fake_connect(&fake);
    struct selfsame_lookup *lookup = lookup_of_every();
    struct selfsame_answer *answer = NULL;
    assert_int_equal(selfsame_get(other, lookup, &answer, NULL), SELFSAME_OK);
    selfsame_close(other);
    assert_int_equal(selfsame_values_int64(selfsame_answer_find(answer, "decimal"), 4), 404);
    selfsame_answer_destroy(answer);
    selfsame_lookup_destroy(lookup);
}

// The bytes of an answer, in memory of exactly their size.
static uint8_t *bytes_of_every(size_t *size)
{
    struct selfsame_lookup *lookup = lookup_of_every();
    struct selfsame_bytes request;
    struct ss_client_reply reply = {0};
    assert_int_equal(ss_client_lookup_bytes(lookup, 0, &request, NULL), SELFSAME_OK);
    assert_int_equal(client->transport->get(client->transport, request.data, request.size, 0, &reply, NULL),
                     SELFSAME_OK);
    uint8_t *copy = malloc(reply.size);
    memcpy(copy, reply.data, reply.size);
    *size = reply.size;
    ss_client_reply_release(&reply);
    selfsame_lookup_destroy(lookup);
    return copy;
}

static void free_copy(struct ss_client_reply *reply)
{
    free(reply->owner[0]);
}

static enum selfsame_code decode(const uint8_t *data, size_t size, struct selfsame_answer **answer,
                                 struct selfsame_error *error)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) return SELFSAME_RESOURCE_EXHAUSTED;
    if (size) memcpy(copy, data, size);
    struct ss_client_reply reply = {.data = copy, .size = size, .release = free_copy, .owner = {copy}};
    uint64_t id;
    return ss_client_answer_decode(&reply, &id, answer, error);
}

static void an_answer_cut_short_or_changed_is_read_within_its_bytes(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = bytes_of_every(&size);
    struct selfsame_error error;
    size_t good = 0;
    for (size_t cut = 0; cut < size; cut++) {
        struct selfsame_answer *answer = NULL;
        const enum selfsame_code code = decode(bytes, cut, &answer, &error);
        assert_true(code == SELFSAME_OK || code == SELFSAME_INTERNAL);
        assert_true((code == SELFSAME_OK) == (answer != NULL));
        good += answer != NULL;
        selfsame_answer_destroy(answer);
    }
    assert_true(good < 30); // those that end with a field
    for (size_t at = 0; at < size; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct selfsame_answer *answer = NULL;
            bytes[at] = (uint8_t)(bytes[at] ^ 1u << bit);
            (void)decode(bytes, size, &answer, &error);
            for (size_t i = 0; answer && i < selfsame_answer_feature_count(answer); i++)
                for (size_t row = 0; row < ROWS; row++)
                    (void)selfsame_values_bytes(selfsame_answer_feature(answer, i), row);
            selfsame_answer_destroy(answer);
            bytes[at] = (uint8_t)(bytes[at] ^ 1u << bit);
        }
    }
    free(bytes);
}

static void every_failed_allocation_of_an_answer_is_an_error(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = bytes_of_every(&size);
    for (long k = 1;; k++) {
        struct selfsame_answer *answer = NULL;
        ss_fail_allocation_at(k);
        const enum selfsame_code code = decode(bytes, size, &answer, NULL);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        assert_int_equal(code, swept ? SELFSAME_OK : SELFSAME_RESOURCE_EXHAUSTED);
        selfsame_answer_destroy(answer);
        if (swept) break;
    }
    free(bytes);
}

static bool build_and_write(void)
{
    struct selfsame_lookup *lookup = selfsame_lookup_create("service");
    struct selfsame_bytes bytes;
    if (!lookup) return false;
    selfsame_lookup_rows(lookup, 20);
    selfsame_lookup_feature(lookup, "feature");
    struct selfsame_column *text = selfsame_lookup_key(lookup, "text", SELFSAME_TYPE_STRING);
    struct selfsame_column *vector = selfsame_lookup_input(lookup, "vector", SELFSAME_TYPE_VECTOR);
    for (size_t row = 0; row < 20; row++) selfsame_set_string(text, row, "a text that is some bytes long");
    for (size_t row = 0; row < 20; row++) selfsame_set_vector(vector, row, (const float[]){1, 2}, 2);
    selfsame_lookup_event(lookup, "source");
    selfsame_lookup_event_present(lookup, 3, false);
    struct selfsame_error error = {0};
    const enum selfsame_code code = ss_client_lookup_bytes(lookup, 1, &bytes, &error);
    if (code != SELFSAME_OK) {
        assert_int_equal(code, SELFSAME_RESOURCE_EXHAUSTED);
        assert_true(error.retry);
    }
    selfsame_lookup_destroy(lookup);
    return code == SELFSAME_OK;
}

static void every_failed_allocation_of_a_request_is_an_error(void **state)
{
    (void)state;
    for (long k = 1;; k++) {
        ss_fail_allocation_at(k);
        const bool good = build_and_write();
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        assert_true(good == swept);
        if (swept) break;
    }
}

int main(void)
{
    if (!fake_is_possible()) return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_every_type_are_read_in_place),
        cmocka_unit_test(vectors_and_lists_are_read_too),
        cmocka_unit_test(what_is_not_there_reads_as_nothing),
        cmocka_unit_test(an_answer_outlives_its_client),
        cmocka_unit_test(an_answer_cut_short_or_changed_is_read_within_its_bytes),
        cmocka_unit_test(every_failed_allocation_of_an_answer_is_an_error),
        cmocka_unit_test(every_failed_allocation_of_a_request_is_an_error),
    };
    return cmocka_run_group_tests(tests, fake_group_start, fake_group_stop);
}
