// Training tables from the fake server, and calls with streams each way by their bytes.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#include "client/call.h"
#include "client/selfsame.h"
#include "tests/client/fake_group.h"

// A spine of `rows` rows in chunks of `chunk`, every third of them empty.
struct source {
    int64_t next, rows, chunk;
    int calls;
    bool without_t;
};

static bool next_chunk(void *context, struct selfsame_spine *spine)
{
    struct source *source = context;
    if (source->next == source->rows) return false;
    if (source->calls++ % 3 == 2) return true;
    const int64_t left = source->rows - source->next;
    const int64_t count = left < source->chunk ? left : source->chunk;
    selfsame_spine_rows(spine, (size_t)count);
    for (int64_t i = 0; i < count; i++, source->next++) {
        selfsame_set_int64(selfsame_spine_key(spine, "user", SELFSAME_TYPE_INT64), (size_t)i, source->next);
        if (!source->without_t) selfsame_spine_t(spine, (size_t)i, source->next * 1000);
    }
    return true;
}

static struct selfsame_table *open_table(const char *service, struct source *source)
{
    struct selfsame_table_options options;
    struct selfsame_table *table = NULL;
    struct selfsame_error error;
    selfsame_table_options_init(&options);
    options.service = service;
    options.next_chunk = next_chunk;
    options.context = source;
    if (selfsame_table_open(client, &options, &table, &error) != SELFSAME_OK) fail_msg("%s", error.message);
    return table;
}

static void rows_come_back_in_the_order_of_the_spine(void **state)
{
    (void)state;
    struct source source = {.rows = 100000, .chunk = 997};
    struct selfsame_table *table = open_table("echo", &source);
    struct selfsame_error error;
    int64_t row = 0;
    enum selfsame_code code;
    while ((code = selfsame_table_next(table, &error)) == SELFSAME_OK) {
        assert_int_equal(selfsame_table_first_row(table), row);
        assert_int_equal(selfsame_table_feature_count(table), 2);
        for (size_t i = 0; i < selfsame_table_rows(table); i++, row++) {
            assert_int_equal(selfsame_values_int64(selfsame_table_feature(table, 0), i), row);
            assert_int_equal(selfsame_values_int64(selfsame_table_feature(table, 1), i), row * 1000);
        }
    }
    assert_int_equal(code, SELFSAME_OUT_OF_RANGE);
    assert_int_equal(row, source.rows);
    assert_int_equal(selfsame_table_newest_seq(table), 9);
    assert_int_equal(selfsame_table_fingerprint(table).size, 32);
    assert_int_equal(selfsame_table_next(table, &error), SELFSAME_OUT_OF_RANGE);
    selfsame_table_close(table);
}

static void an_empty_spine_is_an_empty_table(void **state)
{
    (void)state;
    struct source source = {.rows = 0};
    struct selfsame_table *table = open_table("echo", &source);
    assert_int_equal(selfsame_table_next(table, NULL), SELFSAME_OUT_OF_RANGE);
    assert_int_equal(selfsame_table_newest_seq(table), 9);
    selfsame_table_close(table);
}

static void a_table_that_fails_says_so_again_and_again(void **state)
{
    (void)state;
    struct source source = {.rows = 100000, .chunk = 100};
    struct selfsame_table *table = open_table("code:5:service 'x'", &source);
    struct selfsame_error error;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(selfsame_table_next(table, &error), SELFSAME_NOT_FOUND);
        assert_string_equal(error.message, "service 'x'");
    }
    selfsame_table_close(table);
}

static void a_row_without_t_is_an_error(void **state)
{
    (void)state;
    struct source source = {.rows = 10, .chunk = 10, .without_t = true};
    struct selfsame_table *table = open_table("echo", &source);
    struct selfsame_error error;
    assert_int_equal(selfsame_table_next(table, &error), SELFSAME_INVALID_ARGUMENT);
    assert_string_equal(error.message, "the spine: row 0 has no t");
    selfsame_table_close(table);
}

static void a_table_may_be_closed_at_any_time(void **state)
{
    (void)state;
    for (int takes = 0; takes < 4; takes++) {
        struct source source = {.rows = 1000000, .chunk = 1000};
        struct selfsame_table *table = open_table(takes == 3 ? "never" : "echo", &source);
        for (int i = 0; i < takes && takes < 3; i++)
            assert_int_equal(selfsame_table_next(table, NULL), SELFSAME_OK);
        selfsame_table_close(table);
    }
}

static void pushes_go_over_a_stream_by_their_bytes(void **state)
{
    (void)state;
    struct ss_client_duplex *duplex = NULL;
    struct ss_client_reply reply = {0};
    enum ss_client_event event;
    static const char request[] =
        "\x08\x07\x12\x06"
        "clicks"; // PushRequest {id: 7, source: "clicks"}
    int answers = 0, sent = 1;
    assert_int_equal(ss_client_duplex_open(client, SS_CLIENT_PUSH_STREAM, 10000, &duplex, NULL), SELFSAME_OK);
    assert_int_equal(ss_client_duplex_send(duplex, request, sizeof request - 1, NULL), SELFSAME_OK);
    assert_false(ss_client_duplex_may_send(duplex));
    do {
        assert_int_equal(ss_client_duplex_wait(duplex, true, &event, &reply, NULL), SELFSAME_OK);
        if (event == SS_CLIENT_MESSAGE) {
            answers++;
            assert_memory_equal(reply.data, "\x08\x07", 2);
            ss_client_reply_release(&reply);
        }
        if (!ss_client_duplex_may_send(duplex)) continue;
        if (sent++ < 20)
            (void)ss_client_duplex_send(duplex, request, sizeof request - 1, NULL);
        else
            (void)ss_client_duplex_half_close(duplex, NULL);
    } while (event != SS_CLIENT_ENDED);
    assert_int_equal(answers, 20);
    ss_client_duplex_close(duplex);
}

int main(void)
{
    if (!fake_is_possible()) return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_back_in_the_order_of_the_spine),
        cmocka_unit_test(an_empty_spine_is_an_empty_table),
        cmocka_unit_test(a_table_that_fails_says_so_again_and_again),
        cmocka_unit_test(a_row_without_t_is_an_error),
        cmocka_unit_test(a_table_may_be_closed_at_any_time),
        cmocka_unit_test(pushes_go_over_a_stream_by_their_bytes),
    };
    return cmocka_run_group_tests(tests, fake_group_start, fake_group_stop);
}
