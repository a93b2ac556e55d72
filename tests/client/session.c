// A client's session with a real server that serves examples/payments (tests/program/test_client_serve.py):
//
//   session ADDRESS push PRODUCER ROWS      rows through a pusher; prints "acknowledged N in M attempts"
//   session ADDRESS compare USERS           looks users up by all forms and as a training table at the
//   lookup's read point;
//                                           all must be the same bits; prints "equal N values"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/selfsame.h"

static struct selfsame_client *client;

static void die(const char *what, const struct selfsame_error *error)
{
    fprintf(stderr, "%s: %s: %s\n", what, selfsame_code_name(error->code), error->message);
    exit(1);
}

static void check(bool holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "it does not hold that %s\n", what);
    exit(1);
}

static unsigned long long acknowledged, attempts;

static void count(void *context, const struct selfsame_batch_end *end, const struct selfsame_error *error)
{
    (void)context;
    if (error) die("batch", error);
    check(end->first_row == acknowledged, "batches end in order");
    acknowledged += end->row_count;
    attempts += end->attempts;
    check(selfsame_receipt_was_acknowledged(end->receipt) ||
              selfsame_receipt_accepted(end->receipt) == end->row_count,
          "all rows are accepted");
}

static void push(const char *producer, long rows)
{
    struct selfsame_pusher_options options;
    struct selfsame_pusher *pusher = NULL;
    struct selfsame_error error;
    char text[64];
    selfsame_pusher_options_init(&options);
    options.source = "payments";
    options.producer = producer;
    options.max_rows = 500;
    options.retry_max_ms = 200;
    options.deadline_ms = 2000;
    options.callback = count;
    if (selfsame_pusher_open(client, &options, &pusher, &error)) die("pusher", &error);
    struct selfsame_column *id = selfsame_pusher_column(pusher, "payment_id", SELFSAME_TYPE_STRING);
    struct selfsame_column *user = selfsame_pusher_column(pusher, "user_id", SELFSAME_TYPE_STRING);
    struct selfsame_column *merchant = selfsame_pusher_column(pusher, "merchant_id", SELFSAME_TYPE_INT64);
    struct selfsame_column *amount = selfsame_pusher_column(pusher, "amount", SELFSAME_TYPE_DECIMAL);
    struct selfsame_column *country = selfsame_pusher_column(pusher, "country", SELFSAME_TYPE_STRING);
    struct selfsame_column *refused = selfsame_pusher_column(pusher, "refused", SELFSAME_TYPE_BOOL);
    struct selfsame_column *paid_at = selfsame_pusher_column(pusher, "paid_at", SELFSAME_TYPE_TIMESTAMP);
    selfsame_column_scale(amount, 2);
    const int64_t now_us = (int64_t)time(NULL) * 1000000;
    for (long i = 0; i < rows; i++) {
        snprintf(text, sizeof text, "%s-%ld", producer, i);
        selfsame_set_string(id, 0, text);
        snprintf(text, sizeof text, "u%ld", i % 100);
        selfsame_set_string(user, 0, text);
        selfsame_set_int64(merchant, 0, i % 7);
        selfsame_set_decimal(amount, 0, 100 + i * 37 % 10000);
        selfsame_set_string(country, 0, i % 5 ? "DE" : "FR");
        selfsame_set_bool(refused, 0, i % 11 == 0);
        selfsame_set_timestamp(paid_at, 0, now_us - 3600000000 * (i % 500));
        if (selfsame_pusher_add(pusher, &error)) die("add", &error);
    }
    if (selfsame_pusher_flush(pusher, 120000, &error)) die("flush", &error);
    selfsame_pusher_close(pusher);
    printf("acknowledged %llu in %llu attempts\n", acknowledged, attempts);
}

struct heard {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct selfsame_answer *answer;
};

static void hear(void *context, struct selfsame_answer *answer, const struct selfsame_error *error)
{
    struct heard *heard = context;
    if (error) die("callback", error);
    pthread_mutex_lock(&heard->lock);
    heard->answer = answer;
    pthread_cond_signal(&heard->changed);
    pthread_mutex_unlock(&heard->lock);
}

static struct selfsame_answer *wait_for(struct heard *heard)
{
    pthread_mutex_lock(&heard->lock);
    while (!heard->answer) pthread_cond_wait(&heard->changed, &heard->lock);
    struct selfsame_answer *answer = heard->answer;
    heard->answer = NULL;
    pthread_mutex_unlock(&heard->lock);
    return answer;
}

// Are all values the same bits, but those that go by t?
static size_t compare(const struct selfsame_values *a, const struct selfsame_values *b, size_t rows)
{
    const struct selfsame_bytes name = selfsame_values_name(a), other = selfsame_values_name(b);
    check(name.size == other.size && memcmp(name.data, other.data, name.size) == 0, "names are equal");
    for (size_t row = 0; row < rows; row++) {
        const double x = selfsame_values_double(a, row), y = selfsame_values_double(b, row);
        const struct selfsame_bytes s = selfsame_values_bytes(a, row), t = selfsame_values_bytes(b, row);
        check(selfsame_values_status(a, row) == selfsame_values_status(b, row), "statuses are equal");
        check(memcmp(&x, &y, sizeof x) == 0, "doubles are equal");
        check(selfsame_values_int64(a, row) == selfsame_values_int64(b, row), "integers are equal");
        check(s.size == t.size && memcmp(s.data, t.data, s.size) == 0, "texts are equal");
    }
    return rows;
}

struct spine {
    size_t users;
    int64_t t_us;
    uint64_t seq;
    bool sent;
};

static void set_keys(struct selfsame_column *user, struct selfsame_column *merchant,
                     struct selfsame_column *amount, size_t users)
{
    char text[32];
    selfsame_column_scale(amount, 2);
    for (size_t row = 0; row < users; row++) {
        snprintf(text, sizeof text, "u%zu", row);
        selfsame_set_string(user, row, text);
        selfsame_set_int64(merchant, row, (int64_t)row % 9);
        selfsame_set_decimal(amount, row, (int64_t)row * 100);
    }
}

static bool next_chunk(void *context, struct selfsame_spine *chunk)
{
    struct spine *spine = context;
    if (spine->sent) return false;
    spine->sent = true;
    selfsame_spine_rows(chunk, spine->users);
    set_keys(selfsame_spine_key(chunk, "user_id", SELFSAME_TYPE_STRING),
             selfsame_spine_key(chunk, "merchant_id", SELFSAME_TYPE_INT64),
             selfsame_spine_input(chunk, "amount", SELFSAME_TYPE_DECIMAL), spine->users);
    for (size_t row = 0; row < spine->users; row++) {
        selfsame_spine_t(chunk, row, spine->t_us);
        selfsame_spine_seq(chunk, row, spine->seq);
    }
    return true;
}

static size_t compare_table(const struct selfsame_answer *answer)
{
    struct spine spine = {selfsame_answer_rows(answer), selfsame_answer_t_us(answer),
                          selfsame_answer_seq(answer), false};
    struct selfsame_table_options options;
    struct selfsame_table *table = NULL;
    struct selfsame_error error;
    size_t equal = 0, rows = 0;
    enum selfsame_code code;
    selfsame_table_options_init(&options);
    options.service = "fraud_v1";
    options.next_chunk = next_chunk;
    options.context = &spine;
    options.fingerprint = selfsame_answer_fingerprint(answer).data;
    if (selfsame_table_open(client, &options, &table, &error)) die("table", &error);
    while ((code = selfsame_table_next(table, &error)) == SELFSAME_OK) {
        check(selfsame_table_first_row(table) == 0, "the rows come as one");
        for (size_t i = 0; i < selfsame_table_feature_count(table); i++)
            equal +=
                compare(selfsame_answer_feature(answer, i), selfsame_table_feature(table, i), spine.users);
        rows += selfsame_table_rows(table);
    }
    if (code != SELFSAME_OUT_OF_RANGE) die("table", &error);
    check(rows == spine.users, "the table is whole");
    selfsame_table_close(table);
    return equal;
}

static size_t compare_forms(size_t users)
{
    struct selfsame_lookup *lookup = selfsame_lookup_create("fraud_v1");
    struct selfsame_stream_options options;
    struct selfsame_stream *stream = NULL;
    struct selfsame_answer *answers[3] = {NULL};
    struct heard heard = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL};
    struct selfsame_error error;
    size_t equal = 0;
    selfsame_lookup_rows(lookup, users);
    set_keys(selfsame_lookup_key(lookup, "user_id", SELFSAME_TYPE_STRING),
             selfsame_lookup_key(lookup, "merchant_id", SELFSAME_TYPE_INT64),
             selfsame_lookup_input(lookup, "amount", SELFSAME_TYPE_DECIMAL), users);
    if (selfsame_get(client, lookup, &answers[0], &error)) die("get", &error);
    // The others at a later t of their own: the same for both, so that what goes by t is equal too.
    selfsame_lookup_at(lookup, selfsame_answer_t_us(answers[0]) + 3600000000);
    if (selfsame_get_async(client, lookup, hear, &heard, &error)) die("get_async", &error);
    answers[1] = wait_for(&heard);
    selfsame_stream_options_init(&options);
    options.callback = hear;
    if (selfsame_stream_open(client, &options, &stream, &error)) die("stream", &error);
    if (selfsame_stream_send(stream, lookup, &heard, &error)) die("stream", &error);
    answers[2] = wait_for(&heard);
    check(selfsame_answer_is_preview(answers[1]) && !selfsame_answer_is_preview(answers[0]),
          "a later t is a preview");
    for (size_t i = 0; i < selfsame_answer_feature_count(answers[1]); i++)
        equal +=
            compare(selfsame_answer_feature(answers[1], i), selfsame_answer_feature(answers[2], i), users);
    equal += compare_table(answers[0]);
    for (size_t i = 0; i < 3; i++) selfsame_answer_destroy(answers[i]);
    selfsame_stream_close(stream);
    selfsame_lookup_destroy(lookup);
    return equal;
}

int main(int argc, char **argv)
{
    struct selfsame_options options;
    struct selfsame_error error;
    if (argc < 4) return 2;
    selfsame_options_init(&options);
    options.address = argv[1];
    options.token = getenv("SELFSAME_TOKEN");
    if (selfsame_connect(&options, &client, &error)) die("connect", &error);
    if (selfsame_wait_ready(client, 20000, &error)) die("connect", &error);
    if (strcmp(argv[2], "push") == 0 && argc == 5)
        push(argv[3], atol(argv[4]));
    else
        printf("equal %zu values\n", compare_forms((size_t)atol(argv[3])));
    selfsame_close(client);
    return 0;
}
