// Lookups against the fake server: blocking, with a callback, on a stream; raw calls.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "client/call.h"
#include "client/selfsame.h"
#include "tests/client/fake_group.h"

static struct selfsame_lookup *lookup_of(const char *service, int64_t key)
{
    struct selfsame_lookup *lookup = selfsame_lookup_create(service);
    assert_non_null(lookup);
    selfsame_set_int64(selfsame_lookup_key(lookup, "user", SELFSAME_TYPE_INT64), 0, key);
    return lookup;
}

static void a_lookup_is_answered(void **state)
{
    (void)state;
    struct selfsame_lookup *lookup = lookup_of("echo", 7);
    struct selfsame_answer *answer = NULL;
    struct selfsame_error error;
    selfsame_lookup_feature(lookup, "a");
    selfsame_lookup_feature(lookup, "b");
    assert_int_equal(selfsame_get(client, lookup, &answer, &error), SELFSAME_OK);
    assert_int_equal(selfsame_answer_rows(answer), 1);
    assert_int_equal(selfsame_answer_t_us(answer), 1234567);
    assert_int_equal(selfsame_answer_seq(answer), 42);
    assert_int_equal(selfsame_answer_fingerprint(answer).size, 32);
    assert_int_equal(selfsame_answer_feature_count(answer), 2);
    assert_memory_equal(selfsame_values_name(selfsame_answer_feature(answer, 1)).data, "b", 1);
    assert_true(selfsame_values_double(selfsame_answer_find(answer, "b"), 0) == 7.125);
    assert_null(selfsame_answer_find(answer, "c"));
    assert_null(selfsame_answer_feature(answer, 2));
    selfsame_answer_destroy(answer);
    selfsame_lookup_destroy(lookup);
}

static void a_lookup_is_built_once_and_sent_often(void **state)
{
    (void)state;
    struct selfsame_lookup *lookup = lookup_of("echo", 0);
    struct selfsame_column *key = selfsame_lookup_key(lookup, "user", SELFSAME_TYPE_INT64);
    for (size_t rows = 1; rows < 5; rows++) {
        struct selfsame_answer *answer = NULL;
        selfsame_lookup_rows(lookup, rows);
        for (size_t row = 0; row < rows; row++) selfsame_set_int64(key, row, (int64_t)(10 * rows + row));
        assert_int_equal(selfsame_get(client, lookup, &answer, NULL), SELFSAME_OK);
        assert_int_equal(selfsame_answer_rows(answer), rows);
        for (size_t row = 0; row < rows; row++)
            assert_true(selfsame_values_double(selfsame_answer_feature(answer, 0), row) ==
                        (double)(10 * rows + row));
        selfsame_answer_destroy(answer);
    }
    selfsame_lookup_destroy(lookup);
}

// What callbacks leave behind.
struct heard {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int answers, errors;
    double sum;
    struct selfsame_error last;
};

static struct heard heard = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void hear(void *context, struct selfsame_answer *answer, const struct selfsame_error *error)
{
    pthread_mutex_lock(&heard.lock);
    if (answer) {
        heard.answers++;
        assert_true(selfsame_values_double(selfsame_answer_feature(answer, 0), 0) ==
                    (double)(intptr_t)context);
    } else {
        heard.errors++;
        heard.last = *error;
    }
    selfsame_answer_destroy(answer);
    pthread_cond_signal(&heard.changed);
    pthread_mutex_unlock(&heard.lock);
}

static void wait_until_heard(int count)
{
    pthread_mutex_lock(&heard.lock);
    while (heard.answers + heard.errors < count) pthread_cond_wait(&heard.changed, &heard.lock);
    pthread_mutex_unlock(&heard.lock);
}

static void forget(void)
{
    heard.answers = heard.errors = 0;
}

static void answers_come_to_callbacks(void **state)
{
    (void)state;
    struct selfsame_lookup *lookup = lookup_of("echo", 0);
    forget();
    for (int i = 0; i < 100; i++) {
        selfsame_set_int64(selfsame_lookup_key(lookup, "user", SELFSAME_TYPE_INT64), 0, i);
        assert_int_equal(selfsame_get_async(client, lookup, hear, (void *)(intptr_t)i, NULL), SELFSAME_OK);
    }
    selfsame_lookup_destroy(lookup);
    wait_until_heard(100);
    assert_int_equal(heard.answers, 100);
}

static void errors_come_to_callbacks(void **state)
{
    (void)state;
    struct selfsame_lookup *lookup = lookup_of("code:5:service 'x': there is none", 0);
    forget();
    assert_int_equal(selfsame_get_async(client, lookup, hear, NULL, NULL), SELFSAME_OK);
    wait_until_heard(1);
    assert_int_equal(heard.last.code, SELFSAME_NOT_FOUND);
    assert_string_equal(heard.last.message, "service 'x': there is none");
    assert_false(heard.last.retry);
    selfsame_lookup_destroy(lookup);
}

static void a_stream_answers_each_lookup_with_its_context(void **state)
{
    (void)state;
    struct selfsame_stream *stream = NULL;
    struct selfsame_lookup *lookup = lookup_of("echo", 0);
    struct selfsame_stream_options options;
    selfsame_stream_options_init(&options);
    options.max_in_flight = 8;
    options.callback = hear;
    forget();
    assert_int_equal(selfsame_stream_open(client, &options, &stream, NULL), SELFSAME_OK);
    for (int i = 0; i < 300; i++) {
        selfsame_set_int64(selfsame_lookup_key(lookup, "user", SELFSAME_TYPE_INT64), 0, i);
        assert_int_equal(selfsame_stream_send(stream, lookup, (void *)(intptr_t)i, NULL), SELFSAME_OK);
    }
    assert_int_equal(selfsame_stream_drain(stream, 10000, NULL), SELFSAME_OK);
    assert_int_equal(heard.answers, 300);
    selfsame_stream_close(stream);
    selfsame_lookup_destroy(lookup);
}

static void answers_of_a_stream_are_taken_one_by_one(void **state)
{
    (void)state;
    struct selfsame_stream *stream = NULL;
    struct selfsame_lookup *lookup = lookup_of("echo", 0), *wrong = lookup_of("code:9:not now", 0);
    struct selfsame_error error;
    struct selfsame_answer *answer = NULL;
    void *context = NULL;
    int good = 0, bad = 0;
    struct selfsame_stream_options options;
    selfsame_stream_options_init(&options);
    options.max_in_flight = 10;
    assert_int_equal(selfsame_stream_open(client, &options, &stream, NULL), SELFSAME_OK);
    assert_int_equal(selfsame_stream_next(stream, 100, &context, &answer, &error), SELFSAME_OUT_OF_RANGE);
    for (int i = 0; i < 10; i++)
        assert_int_equal(selfsame_stream_send(stream, i % 2 ? wrong : lookup, &good + i % 2, NULL),
                         SELFSAME_OK);
    assert_int_equal(selfsame_stream_send(stream, lookup, NULL, &error), SELFSAME_RESOURCE_EXHAUSTED);
    assert_true(error.retry);
    for (int i = 0; i < 10; i++) {
        const enum selfsame_code code = selfsame_stream_next(stream, 10000, &context, &answer, &error);
        if (code == SELFSAME_OK) {
            assert_ptr_equal(context, &good);
            selfsame_answer_destroy(answer);
            good++;
        } else {
            assert_int_equal(code, SELFSAME_FAILED_PRECONDITION);
            assert_string_equal(error.message, "not now");
            assert_ptr_equal(context, &good + 1);
            bad++;
        }
    }
    assert_int_equal(good, 5);
    assert_int_equal(bad, 5);
    selfsame_stream_close(stream);
    selfsame_lookup_destroy(lookup);
    selfsame_lookup_destroy(wrong);
}

static void a_call_by_its_bytes_is_answered_in_bytes(void **state)
{
    (void)state;
    struct ss_client_reply reply = {0};
    struct selfsame_error error;
    static const char request[] = "\n\004view"; // ListRequest {kind: "view"}
    assert_int_equal(ss_client_call(client, SS_CLIENT_LIST, request, 6, 0, &reply, &error), SELFSAME_OK);
    assert_int_equal(reply.size, 15);
    assert_memory_equal(reply.data, "\n\015\n\004view\022\005fraud", 15);
    ss_client_reply_release(&reply);
    assert_int_equal(ss_client_call(client, SS_CLIENT_STATS, "", 0, 0, &reply, &error),
                     SELFSAME_UNIMPLEMENTED);
    ss_client_reply_release(&reply);
}

int main(void)
{
    if (!fake_is_possible()) return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lookup_is_answered),
        cmocka_unit_test(a_lookup_is_built_once_and_sent_often),
        cmocka_unit_test(answers_come_to_callbacks),
        cmocka_unit_test(errors_come_to_callbacks),
        cmocka_unit_test(a_stream_answers_each_lookup_with_its_context),
        cmocka_unit_test(answers_of_a_stream_are_taken_one_by_one),
        cmocka_unit_test(a_call_by_its_bytes_is_answered_in_bytes),
    };
    return cmocka_run_group_tests(tests, fake_group_start, fake_group_stop);
}
