// Pushes against the fake server: batches as they stand, and what a pusher does when the server does not do
// its part. The server's log has a line per Push that it read: producer, batch, hash of the bytes, rows, what
// it did.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/selfsame.h"
#include "tests/client/fake_group.h"

enum { LINES_MAX = 64 };

struct line {
    char producer[32], hash[20], done[20];
    unsigned long long batch, rows;
};

static char log_path[64];

static int start(void **state)
{
    (void)state;
    snprintf(log_path, sizeof log_path, "/tmp/selfsame-push-%d.log", (int)getpid());
    fake = fake_start("127.0.0.1:0", "--log", log_path, (char *)NULL);
    client = fake_connect(&fake);
    return 0;
}

static int stop(void **state)
{
    unlink(log_path);
    return fake_group_stop(state);
}

// The lines of the log with this producer.
static size_t read_log(const char *producer, struct line *lines)
{
    FILE *file = fopen(log_path, "r");
    size_t count = 0;
    char text[256];
    if (!file) return 0;
    while (fgets(text, sizeof text, file) && count < LINES_MAX) {
        struct line *line = &lines[count];
        assert_int_equal(sscanf(text, "%31s %llu %19s %llu %19[^\n]", line->producer, &line->batch,
                                line->hash, &line->rows, line->done),
                         5);
        if (strcmp(line->producer, producer) == 0) count++;
    }
    fclose(file);
    return count;
}

static struct selfsame_batch *batch_of(const char *source, size_t rows)
{
    struct selfsame_batch *batch = selfsame_batch_create(source);
    struct selfsame_column *amount = selfsame_batch_column(batch, "amount", SELFSAME_TYPE_DECIMAL);
    selfsame_column_scale(amount, 2);
    selfsame_batch_rows(batch, rows);
    for (size_t row = 0; row < rows; row++) selfsame_set_decimal(amount, row, (int64_t)row * 100);
    return batch;
}

static void a_batch_is_acknowledged(void **state)
{
    (void)state;
    struct selfsame_batch *batch = batch_of("payments", 3);
    struct selfsame_receipt *receipt = NULL;
    struct selfsame_error error;
    assert_int_equal(selfsame_push(client, batch, 0, &receipt, &error), SELFSAME_OK);
    assert_int_equal(selfsame_receipt_accepted(receipt), 3);
    assert_int_equal(selfsame_receipt_seq(receipt), 100);
    assert_false(selfsame_receipt_was_acknowledged(receipt));
    assert_int_equal(selfsame_receipt_refused_count(receipt), 0);
    assert_int_equal(selfsame_receipt_not_visible(receipt).size, 0);
    selfsame_receipt_destroy(receipt);
    assert_int_equal(selfsame_push(client, batch, 0, NULL, NULL), SELFSAME_OK);
    selfsame_batch_destroy(batch);
}

static void refused_rows_say_which_and_why(void **state)
{
    (void)state;
    struct selfsame_batch *batch = batch_of("refuse", 3);
    struct selfsame_receipt *receipt = NULL;
    struct selfsame_refused refused;
    assert_int_equal(selfsame_push(client, batch, 0, &receipt, NULL), SELFSAME_OK);
    assert_int_equal(selfsame_receipt_accepted(receipt), 2);
    assert_int_equal(selfsame_receipt_quarantined(receipt), 1);
    assert_true(selfsame_receipt_refused(receipt, 0, &refused));
    assert_int_equal(refused.row, 2);
    assert_memory_equal(refused.column.data, "amount", refused.column.size);
    assert_memory_equal(refused.value.data, "-1", refused.value.size);
    assert_memory_equal(refused.reason.data, "expected at least 0", refused.reason.size);
    assert_false(selfsame_receipt_refused(receipt, 1, &refused));
    selfsame_receipt_destroy(receipt);
    selfsame_batch_destroy(batch);
}

static void a_batch_sent_again_is_acknowledged_and_a_gap_is_not(void **state)
{
    (void)state;
    struct selfsame_batch *batch = batch_of("payments", 2);
    struct selfsame_receipt *receipt = NULL;
    struct selfsame_error error;
    selfsame_batch_producer(batch, "direct", 1);
    assert_int_equal(selfsame_push(client, batch, 0, NULL, &error), SELFSAME_OK);
    assert_int_equal(selfsame_push(client, batch, 0, &receipt, &error), SELFSAME_OK);
    assert_true(selfsame_receipt_was_acknowledged(receipt));
    selfsame_receipt_destroy(receipt);
    selfsame_batch_producer(batch, "direct", 3);
    assert_int_equal(selfsame_push(client, batch, 0, NULL, &error), SELFSAME_ABORTED);
    assert_string_equal(error.message, "producer 'direct': batch 2 is expected next, got 3");
    assert_false(error.retry);
    selfsame_batch_destroy(batch);
}

static void acknowledged(void *context, struct selfsame_receipt *receipt, const struct selfsame_error *error)
{
    int *pipe_end = context;
    const char heard = receipt && !error && selfsame_receipt_accepted(receipt) == 5 ? 'y' : 'n';
    selfsame_receipt_destroy(receipt);
    assert_int_equal(write(*pipe_end, &heard, 1), 1);
}

static void a_receipt_comes_to_its_callback(void **state)
{
    (void)state;
    struct selfsame_batch *batch = batch_of("payments", 5);
    int ends[2];
    char heard = 0;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(selfsame_push_async(client, batch, 0, acknowledged, &ends[1], NULL), SELFSAME_OK);
    selfsame_batch_destroy(batch);
    assert_int_equal(read(ends[0], &heard, 1), 1);
    assert_int_equal(heard, 'y');
    close(ends[0]);
    close(ends[1]);
}

// ---- Pushers

struct end {
    uint64_t batch, first_row, row_count;
    uint32_t attempts;
    enum selfsame_code code;
};

struct ends {
    pthread_mutex_t lock;
    size_t count;
    struct end list[LINES_MAX];
};

static struct ends ends = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void note(void *context, const struct selfsame_batch_end *end, const struct selfsame_error *error)
{
    (void)context;
    pthread_mutex_lock(&ends.lock);
    assert_true(ends.count < LINES_MAX);
    assert_true(!error == (end->receipt != NULL));
    ends.list[ends.count++] = (struct end){end->batch, end->first_row, end->row_count, end->attempts,
                                           error ? error->code : SELFSAME_OK};
    pthread_mutex_unlock(&ends.lock);
}

static struct selfsame_pusher_options options_of(const char *source, const char *producer)
{
    struct selfsame_pusher_options options;
    selfsame_pusher_options_init(&options);
    options.source = source;
    options.producer = producer;
    options.max_rows = 10;
    options.retry_min_ms = 10;
    options.retry_max_ms = 40;
    options.callback = note;
    ends.count = 0;
    return options;
}

static struct selfsame_pusher *open_pusher(const struct selfsame_pusher_options *options)
{
    struct selfsame_pusher *pusher = NULL;
    struct selfsame_error error;
    if (selfsame_pusher_open(client, options, &pusher, &error) != SELFSAME_OK) fail_msg("%s", error.message);
    return pusher;
}

static enum selfsame_code add(struct selfsame_pusher *pusher, int64_t value)
{
    selfsame_set_int64(selfsame_pusher_column(pusher, "value", SELFSAME_TYPE_INT64), 0, value);
    selfsame_set_string(selfsame_pusher_column(pusher, "text", SELFSAME_TYPE_STRING), 0, "some text");
    return selfsame_pusher_add(pusher, NULL);
}

static void rows_are_sent_in_batches_in_order(void **state)
{
    (void)state;
    struct selfsame_pusher_options options = options_of("payments", "orderly");
    struct selfsame_pusher *pusher = open_pusher(&options);
    struct line lines[LINES_MAX];
    for (int i = 0; i < 35; i++) assert_int_equal(add(pusher, i), SELFSAME_OK);
    assert_int_equal(selfsame_pusher_flush(pusher, 10000, NULL), SELFSAME_OK);
    assert_int_equal(selfsame_pusher_next_batch(pusher), 5);
    selfsame_pusher_close(pusher);
    assert_int_equal(ends.count, 4);
    assert_int_equal(read_log("orderly", lines), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(lines[i].batch, i + 1);
        assert_int_equal(lines[i].rows, i < 3 ? 10 : 5);
        assert_int_equal(ends.list[i].batch, i + 1);
        assert_int_equal(ends.list[i].first_row, i * 10);
        assert_int_equal(ends.list[i].attempts, 1);
    }
}

static void rows_that_linger_are_sent(void **state)
{
    (void)state;
    struct selfsame_pusher_options options = options_of("payments", "lingering");
    options.linger_ms = 20;
    struct selfsame_pusher *pusher = open_pusher(&options);
    assert_int_equal(add(pusher, 1), SELFSAME_OK);
    for (int i = 0; i < 500 && selfsame_pusher_next_batch(pusher) == 1; i++) usleep(10000);
    assert_int_equal(selfsame_pusher_next_batch(pusher), 2);
    selfsame_pusher_close(pusher);
}

static void many_rows_are_added_at_once(void **state)
{
    (void)state;
    struct selfsame_pusher_options options = options_of("payments", "several");
    struct selfsame_pusher *pusher = open_pusher(&options);
    struct selfsame_column *value = selfsame_pusher_column(pusher, "value", SELFSAME_TYPE_INT64);
    selfsame_pusher_rows(pusher, 7);
    for (size_t row = 0; row < 7; row++) selfsame_set_int64(value, row, (int64_t)row);
    assert_int_equal(selfsame_pusher_add(pusher, NULL), SELFSAME_OK);
    assert_int_equal(selfsame_pusher_flush(pusher, 10000, NULL), SELFSAME_OK);
    selfsame_pusher_close(pusher);
    assert_int_equal(ends.count, 1);
    assert_int_equal(ends.list[0].row_count, 7);
}

// Every failed attempt of a batch has the same bytes, and no later batch is before it.
static void check_repeats(const struct line *lines, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        assert_true(lines[i].batch == lines[i - 1].batch || lines[i].batch == lines[i - 1].batch + 1);
        if (lines[i].batch == lines[i - 1].batch)
            assert_string_equal(lines[i].hash, lines[i - 1].hash);
        else
            assert_string_not_equal(lines[i].hash, lines[i - 1].hash);
    }
}

static void a_producer_sends_the_same_bytes_until_they_are_acknowledged(void **state)
{
    (void)state;
    static const char *const sources[][2] = {
        {"first:2:code:14:not now", "unavailable"}, // twice UNAVAILABLE
        {"first:2:lost,code:14:cut", "cut"},        // kept, and the answer is lost
        {"first:1:lost,slow:3000", "slow"},         // kept, and the answer is late
        {"first:3:code:4:too late", "late"},
        {"first:2:code:8:full,pushback:30", "full"}, // over a limit, with a hint
    };
    for (size_t s = 0; s < sizeof sources / sizeof *sources; s++) {
        struct selfsame_pusher_options options = options_of(sources[s][0], sources[s][1]);
        options.deadline_ms = 1000;
        struct selfsame_pusher *pusher = open_pusher(&options);
        struct line lines[LINES_MAX];
        for (int i = 0; i < 25; i++) assert_int_equal(add(pusher, i), SELFSAME_OK);
        assert_int_equal(selfsame_pusher_flush(pusher, 20000, NULL), SELFSAME_OK);
        selfsame_pusher_close(pusher);
        size_t count = read_log(sources[s][1], lines);
        // The slow one is logged when the server is done with it, which is later.
        const bool is_slow = strcmp(sources[s][1], "slow") == 0;
        assert_true(count >= (is_slow ? 3 : 4));
        if (!is_slow) check_repeats(lines, count);
        assert_int_equal(ends.count, 3);
        assert_true(ends.list[0].attempts > 1);
        for (size_t i = 0; i < 3; i++) assert_int_equal(ends.list[i].code, SELFSAME_OK);
    }
}

static void a_final_error_stops_a_producer(void **state)
{
    (void)state;
    struct selfsame_pusher_options options = options_of("first:1:code:3:column 'x': there is none", "final");
    struct selfsame_pusher *pusher = open_pusher(&options);
    struct selfsame_error error;
    struct line lines[LINES_MAX];
    for (int i = 0; i < 25; i++) (void)add(pusher, i);
    assert_int_equal(selfsame_pusher_flush(pusher, 10000, &error), SELFSAME_INVALID_ARGUMENT);
    assert_string_equal(error.message, "column 'x': there is none");
    assert_int_equal(add(pusher, 1), SELFSAME_INVALID_ARGUMENT);
    assert_int_equal(selfsame_pusher_next_batch(pusher), 1);
    selfsame_pusher_close(pusher);
    assert_int_equal(read_log("final", lines), 1);
    uint64_t rows = 0;
    for (size_t i = 0; i < ends.count; i++) {
        assert_int_equal(ends.list[i].first_row, rows);
        assert_int_equal(ends.list[i].code, SELFSAME_INVALID_ARGUMENT);
        assert_int_equal(ends.list[i].attempts, i == 0);
        rows += ends.list[i].row_count;
    }
    assert_true(rows >= 10);
    // The number is free: another pusher goes on with it.
    options.first_batch = 1;
    ends.count = 0;
    pusher = open_pusher(&options);
    assert_int_equal(add(pusher, 99), SELFSAME_OK);
    assert_int_equal(selfsame_pusher_flush(pusher, 10000, &error), SELFSAME_OK);
    selfsame_pusher_close(pusher);
}

static void without_a_producer_nothing_is_sent_twice(void **state)
{
    (void)state;
    struct selfsame_pusher_options options = options_of("first:1:lost,code:14:gone", NULL);
    struct selfsame_pusher *pusher = open_pusher(&options);
    struct selfsame_error error;
    struct line before[LINES_MAX], after[LINES_MAX];
    const size_t had = read_log("-", before);
    for (int i = 0; i < 20; i++) assert_int_equal(add(pusher, i), SELFSAME_OK);
    assert_int_equal(selfsame_pusher_flush(pusher, 10000, &error), SELFSAME_UNAVAILABLE);
    assert_int_equal(selfsame_pusher_flush(pusher, 10000, &error), SELFSAME_OK); // it was told
    selfsame_pusher_close(pusher);
    assert_int_equal(read_log("-", after), had + 2);
    assert_string_not_equal(after[had].hash, after[had + 1].hash);
    assert_int_equal(ends.list[0].code, SELFSAME_UNAVAILABLE);
    assert_int_equal(ends.list[1].code, SELFSAME_OK);
}

static void without_a_producer_what_was_not_taken_is_sent_again(void **state)
{
    (void)state;
    struct selfsame_pusher_options options = options_of("first:2:code:8:full,pushback:20+x", NULL);
    struct selfsame_pusher *pusher = open_pusher(&options);
    assert_int_equal(add(pusher, 1), SELFSAME_OK);
    assert_int_equal(selfsame_pusher_flush(pusher, 10000, NULL), SELFSAME_OK);
    selfsame_pusher_close(pusher);
    assert_int_equal(ends.list[0].attempts, 3);
}

static void a_pusher_gives_up_when_told_to(void **state)
{
    (void)state;
    struct selfsame_pusher_options options = options_of("code:14:never", "given-up");
    options.give_up_ms = 100;
    struct selfsame_pusher *pusher = open_pusher(&options);
    struct selfsame_error error;
    assert_int_equal(add(pusher, 1), SELFSAME_OK);
    assert_int_equal(selfsame_pusher_flush(pusher, 10000, &error), SELFSAME_UNAVAILABLE);
    selfsame_pusher_close(pusher);
    assert_true(ends.list[0].attempts > 2);
}

static void a_flush_has_a_time_limit_and_a_close_gives_back(void **state)
{
    (void)state;
    struct selfsame_pusher_options options = options_of("code:14:never ever", "closed");
    struct selfsame_pusher *pusher = open_pusher(&options);
    struct selfsame_error error;
    for (int i = 0; i < 15; i++) assert_int_equal(add(pusher, i), SELFSAME_OK);
    assert_int_equal(selfsame_pusher_flush(pusher, 50, &error), SELFSAME_DEADLINE_EXCEEDED);
    assert_true(error.retry);
    selfsame_pusher_close(pusher);
    assert_int_equal(ends.count, 2);
    assert_int_equal(ends.list[0].row_count + ends.list[1].row_count, 15);
}

static void adding_waits_while_too_much_waits(void **state)
{
    (void)state;
    struct selfsame_pusher_options options = options_of("slow:20", "pressed");
    options.max_waiting_bytes = 500; // about two batches
    struct selfsame_pusher *pusher = open_pusher(&options);
    for (int i = 0; i < 100; i++) assert_int_equal(add(pusher, i), SELFSAME_OK);
    assert_int_equal(selfsame_pusher_flush(pusher, 10000, NULL), SELFSAME_OK);
    selfsame_pusher_close(pusher);
    assert_int_equal(ends.count, 10);
}

static void a_wrong_setter_is_the_error_of_its_add(void **state)
{
    (void)state;
    struct selfsame_pusher_options options = options_of("payments", NULL);
    struct selfsame_pusher *pusher = open_pusher(&options);
    struct selfsame_error error;
    selfsame_set_string(selfsame_pusher_column(pusher, "value", SELFSAME_TYPE_INT64), 0, "7");
    assert_int_equal(selfsame_pusher_add(pusher, &error), SELFSAME_INVALID_ARGUMENT);
    assert_string_equal(error.message, "column 'value': expected int64, got string");
    selfsame_set_int64(selfsame_pusher_column(pusher, "value", SELFSAME_TYPE_INT64), 1, 7);
    assert_int_equal(selfsame_pusher_add(pusher, &error), SELFSAME_INVALID_ARGUMENT);
    assert_string_equal(error.message, "column 'value': row 1 is set, and there are 1");
    assert_int_equal(add(pusher, 7), SELFSAME_OK);
    assert_int_equal(selfsame_pusher_flush(pusher, 10000, &error), SELFSAME_OK);
    selfsame_pusher_close(pusher);
}

static void bytes_that_are_no_receipt_are_an_error(void **state)
{
    (void)state;
    struct selfsame_pusher_options options = options_of("garbage", "garbage");
    struct selfsame_pusher *pusher = open_pusher(&options);
    struct selfsame_error error;
    assert_int_equal(add(pusher, 1), SELFSAME_OK);
    assert_int_equal(selfsame_pusher_flush(pusher, 10000, &error), SELFSAME_INTERNAL);
    assert_string_equal(error.message, "the receipt: its bytes are no message");
    selfsame_pusher_close(pusher);
}

int main(void)
{
    if (!fake_is_possible()) return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_is_acknowledged),
        cmocka_unit_test(refused_rows_say_which_and_why),
        cmocka_unit_test(a_batch_sent_again_is_acknowledged_and_a_gap_is_not),
        cmocka_unit_test(a_receipt_comes_to_its_callback),
        cmocka_unit_test(rows_are_sent_in_batches_in_order),
        cmocka_unit_test(rows_that_linger_are_sent),
        cmocka_unit_test(many_rows_are_added_at_once),
        cmocka_unit_test(a_producer_sends_the_same_bytes_until_they_are_acknowledged),
        cmocka_unit_test(a_final_error_stops_a_producer),
        cmocka_unit_test(without_a_producer_nothing_is_sent_twice),
        cmocka_unit_test(without_a_producer_what_was_not_taken_is_sent_again),
        cmocka_unit_test(a_pusher_gives_up_when_told_to),
        cmocka_unit_test(a_flush_has_a_time_limit_and_a_close_gives_back),
        cmocka_unit_test(adding_waits_while_too_much_waits),
        cmocka_unit_test(a_wrong_setter_is_the_error_of_its_add),
        cmocka_unit_test(bytes_that_are_no_receipt_are_an_error),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
