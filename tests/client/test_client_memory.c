// Every allocation of the client's own fails once, in whatever uses a server: each time an error, or a thing
// that is done all the same, and nothing lost. (What gRPC allocates is not counted: it aborts without
// memory.)

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/selfsame.h"
#include "tests/client/fake_group.h"
#include "tests/unit/allocation_sweep.h"

// Runs it once for each k until the k-th allocation is not asked for. What it returns: the operation has
// succeeded.
static void sweep(bool (*operation)(void))
{
    for (long k = 1;; k++) {
        ss_fail_allocation_at(k);
        const bool good = operation();
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        if (swept) assert_true(good);
        if (swept) break;
    }
}

static bool no_memory(enum selfsame_code code, const struct selfsame_error *error)
{
    if (code == SELFSAME_OK) return false;
    assert_int_equal(code, SELFSAME_RESOURCE_EXHAUSTED);
    assert_int_equal(error->code, SELFSAME_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(error->message, "out of memory"));
    return true;
}

static bool connect_and_close(void)
{
    struct selfsame_client *made = NULL;
    struct selfsame_error error;
    struct selfsame_options options = {.size = sizeof options, .address = fake.address, .token = "t"};
    if (no_memory(selfsame_connect(&options, &made, &error), &error)) return false;
    selfsame_close(made);
    return true;
}

static struct selfsame_lookup *lookup; // made before, so that only sending counts

static bool get(void)
{
    struct selfsame_answer *answer = NULL;
    struct selfsame_error error;
    if (no_memory(selfsame_get(client, lookup, &answer, &error), &error)) return false;
    selfsame_answer_destroy(answer);
    return true;
}

static atomic_int heard;

static void hear(void *context, struct selfsame_answer *answer, const struct selfsame_error *error)
{
    (void)context;
    atomic_store(&heard, answer ? 1 : error->code == SELFSAME_RESOURCE_EXHAUSTED ? 2 : 3);
    selfsame_answer_destroy(answer);
}

static bool get_async(void)
{
    struct selfsame_error error;
    atomic_store(&heard, 0);
    if (no_memory(selfsame_get_async(client, lookup, hear, NULL, &error), &error)) return false;
    while (!atomic_load(&heard)) usleep(100);
    assert_in_range(atomic_load(&heard), 1, 2);
    return atomic_load(&heard) == 1;
}

static bool stream(void)
{
    struct selfsame_stream *made = NULL;
    struct selfsame_answer *answer = NULL;
    struct selfsame_error error;
    struct selfsame_stream_options options = {.size = sizeof options, .max_in_flight = 4};
    void *context = NULL;
    if (no_memory(selfsame_stream_open(client, &options, &made, &error), &error)) return false;
    enum selfsame_code code = selfsame_stream_send(made, lookup, NULL, &error);
    if (code == SELFSAME_OK) code = selfsame_stream_next(made, 10000, &context, &answer, &error);
    selfsame_answer_destroy(answer);
    selfsame_stream_close(made);
    return !no_memory(code, &error);
}

static bool push(void)
{
    struct selfsame_receipt *receipt = NULL;
    struct selfsame_error error = {.code = SELFSAME_RESOURCE_EXHAUSTED, .message = "out of memory"};
    struct selfsame_batch *batch = selfsame_batch_create("refuse");
    if (!batch) return false;
    struct selfsame_column *text = selfsame_batch_column(batch, "text", SELFSAME_TYPE_STRING);
    selfsame_batch_rows(batch, 3);
    selfsame_set_string(text, 0, "some text");
    const enum selfsame_code code = selfsame_push(client, batch, 0, &receipt, &error);
    selfsame_receipt_destroy(receipt);
    selfsame_batch_destroy(batch);
    return !no_memory(code, &error);
}

static uint64_t ended_rows;

static void count(void *context, const struct selfsame_batch_end *end, const struct selfsame_error *error)
{
    (void)context;
    if (error) assert_int_equal(error->code, SELFSAME_RESOURCE_EXHAUSTED);
    assert_int_equal(end->first_row, ended_rows);
    ended_rows += end->row_count;
}

static bool push_in_the_background(void)
{
    struct selfsame_pusher *made = NULL;
    struct selfsame_error error;
    struct selfsame_pusher_options options = {
        .size = sizeof options, .source = "payments", .max_rows = 4, .callback = count};
    uint64_t added = 0;
    ended_rows = 0;
    if (no_memory(selfsame_pusher_open(client, &options, &made, &error), &error)) return false;
    for (int i = 0; i < 10; i++) {
        selfsame_set_int64(selfsame_pusher_column(made, "value", SELFSAME_TYPE_INT64), 0, i);
        if (selfsame_pusher_add(made, &error) == SELFSAME_OK) added++;
    }
    const enum selfsame_code code = selfsame_pusher_flush(made, 10000, &error);
    selfsame_pusher_close(made);
    assert_int_equal(ended_rows, added); // each row that was taken has ended, once
    return !no_memory(code, &error);
}

static bool next_chunk(void *context, struct selfsame_spine *spine)
{
    int *sent = context;
    if (++*sent > 2) return false;
    selfsame_spine_rows(spine, 2);
    for (size_t row = 0; row < 2; row++) {
        selfsame_set_int64(selfsame_spine_key(spine, "user", SELFSAME_TYPE_INT64), row, 1);
        selfsame_spine_t(spine, row, 1);
    }
    return true;
}

static bool table(void)
{
    struct selfsame_table *made = NULL;
    struct selfsame_error error;
    int sent = 0;
    struct selfsame_table_options options = {
        .size = sizeof options, .service = "echo", .next_chunk = next_chunk, .context = &sent};
    if (no_memory(selfsame_table_open(client, &options, &made, &error), &error)) return false;
    enum selfsame_code code;
    do code = selfsame_table_next(made, &error);
    while (code == SELFSAME_OK);
    selfsame_table_close(made);
    return code == SELFSAME_OUT_OF_RANGE || !no_memory(code, &error);
}

static void connecting_survives_each_failed_allocation(void **state)
{
    (void)state;
    sweep(connect_and_close);
}

static void lookups_survive_each_failed_allocation(void **state)
{
    (void)state;
    lookup = selfsame_lookup_create("every");
    selfsame_set_int64(selfsame_lookup_key(lookup, "user", SELFSAME_TYPE_INT64), 0, 1);
    sweep(get);
    sweep(get_async);
    sweep(stream);
    selfsame_lookup_destroy(lookup);
}

static void pushes_survive_each_failed_allocation(void **state)
{
    (void)state;
    sweep(push);
    sweep(push_in_the_background);
}

static void tables_survive_each_failed_allocation(void **state)
{
    (void)state;
    sweep(table);
}

int main(void)
{
#ifdef SS_GRPC_IS_STATIC
    return 77; // its allocations would be failed too
#endif
    if (!fake_is_possible()) return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connecting_survives_each_failed_allocation),
        cmocka_unit_test(lookups_survive_each_failed_allocation),
        cmocka_unit_test(pushes_survive_each_failed_allocation),
        cmocka_unit_test(tables_survive_each_failed_allocation),
    };
    return cmocka_run_group_tests(tests, fake_group_start, fake_group_stop);
}
