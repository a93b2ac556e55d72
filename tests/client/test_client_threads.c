// Sixteen threads on one client, each with lookups of all three forms, and pushes beside them.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "client/selfsame.h"
#include "tests/client/fake.h"

enum { THREADS = 16, ROUNDS = 30 };

static struct fake fake;
static struct selfsame_client *client;
static struct selfsame_stream *shared; // one stream of all
static atomic_int wrong;

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int open;
};

// What a callback gets: whom to tell, and what to expect.
struct expected {
    struct waiter *waiter;
    int64_t key;
};

static void hear(void *context, struct selfsame_answer *answer, const struct selfsame_error *error)
{
    struct expected *expected = context;
    struct waiter *waiter = expected->waiter;
    if (error || selfsame_values_double(selfsame_answer_feature(answer, 0), 0) != (double)expected->key)
        atomic_fetch_add(&wrong, 1);
    selfsame_answer_destroy(answer);
    free(expected);
    pthread_mutex_lock(&waiter->lock);
    waiter->open--;
    pthread_cond_signal(&waiter->changed);
    pthread_mutex_unlock(&waiter->lock);
}

static struct expected *expect(struct waiter *waiter, int64_t key)
{
    struct expected *expected = malloc(sizeof *expected);
    *expected = (struct expected){waiter, key};
    pthread_mutex_lock(&waiter->lock);
    waiter->open++;
    pthread_mutex_unlock(&waiter->lock);
    return expected;
}

static void check(bool right)
{
    if (!right) atomic_fetch_add(&wrong, 1);
}

static void *work(void *context)
{
    const int64_t number = (intptr_t)context;
    struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    struct selfsame_lookup *lookup = selfsame_lookup_create("echo");
    struct selfsame_column *key = selfsame_lookup_key(lookup, "user", SELFSAME_TYPE_INT64);
    struct selfsame_batch *batch = selfsame_batch_create("payments");
    for (int64_t i = 0; i < ROUNDS; i++) {
        struct selfsame_answer *answer = NULL;
        const int64_t value = number * 1000 + i;
        selfsame_set_int64(key, 0, value);
        check(selfsame_get_async(client, lookup, hear, expect(&waiter, value), NULL) == SELFSAME_OK);
        check(selfsame_stream_send(shared, lookup, expect(&waiter, value), NULL) == SELFSAME_OK);
        if (selfsame_get(client, lookup, &answer, NULL) != SELFSAME_OK)
            atomic_fetch_add(&wrong, 1);
        else
            check(selfsame_values_double(selfsame_answer_feature(answer, 0), 0) == (double)value);
        selfsame_answer_destroy(answer);
        if (i % 10 == 0) check(selfsame_push(client, batch, 0, NULL, NULL) == SELFSAME_OK);
    }
    pthread_mutex_lock(&waiter.lock);
    while (waiter.open) pthread_cond_wait(&waiter.changed, &waiter.lock);
    pthread_mutex_unlock(&waiter.lock);
    selfsame_batch_destroy(batch);
    selfsame_lookup_destroy(lookup);
    return NULL;
}

static void *push(void *context)
{
    struct selfsame_pusher_options options;
    struct selfsame_pusher *pusher = NULL;
    (void)context;
    selfsame_pusher_options_init(&options);
    options.source = "payments";
    options.producer = "thread";
    options.max_rows = 7;
    options.linger_ms = 1;
    check(selfsame_pusher_open(client, &options, &pusher, NULL) == SELFSAME_OK);
    for (int64_t i = 0; i < 200; i++) {
        selfsame_set_int64(selfsame_pusher_column(pusher, "value", SELFSAME_TYPE_INT64), 0, i);
        check(selfsame_pusher_add(pusher, NULL) == SELFSAME_OK);
    }
    check(selfsame_pusher_flush(pusher, UINT32_MAX, NULL) == SELFSAME_OK);
    selfsame_pusher_close(pusher);
    return NULL;
}

static void run(uint32_t connections)
{
    pthread_t threads[THREADS], pusher;
    struct selfsame_stream_options streaming;
    struct selfsame_options options = {
        .size = sizeof options, .address = fake.address, .connections = connections};
    assert_int_equal(selfsame_connect(&options, &client, NULL), SELFSAME_OK);
    selfsame_stream_options_init(&streaming);
    streaming.max_in_flight = 5;
    streaming.callback = hear;
    assert_int_equal(selfsame_stream_open(client, &streaming, &shared, NULL), SELFSAME_OK);
    for (intptr_t i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, work, (void *)i);
    pthread_create(&pusher, NULL, push, NULL);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    pthread_join(pusher, NULL);
    selfsame_stream_close(shared);
    selfsame_close(client);
    assert_int_equal(atomic_load(&wrong), 0);
}

static void sixteen_threads_use_one_client(void **state)
{
    (void)state;
    fake = fake_start("127.0.0.1:0", (char *)NULL);
    run(1);
    fake_stop(&fake);
}

static void sixteen_threads_use_four_connections(void **state)
{
    (void)state;
    fake = fake_start("127.0.0.1:0", (char *)NULL);
    run(4);
    fake_stop(&fake);
}

int main(void)
{
    if (!fake_is_possible()) return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sixteen_threads_use_one_client),
        cmocka_unit_test(sixteen_threads_use_four_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
