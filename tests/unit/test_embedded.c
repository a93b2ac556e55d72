// selfsame_open beside a server over the same store: to the byte the same answers, and the same errors.
//
// The server runs in a child process, which is forked before this process uses gRPC or LMDB.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/call.h"
#include "client/lookup.h"
#include "client/transport.h"
#include "server/serve.h"
#include "server/settings.h"
#include "tests/unit/materializer_fixture.h"
#include "tests/unit/store_fixture.h"
#include "wire/message.h"

static const char yaml[] =
    "entities:\n"
    "  user: {user: int64}\n"
    "sources:\n"
    "  clicks:\n"
    "    columns: {user: int64, page: string, cost: float64, at: timestamp}\n"
    "    event_time: at\n"
    "views:\n"
    "  newest:\n"
    "    entity: user\n"
    "    source: clicks\n"
    "    features:\n"
    "      page: last(page)\n"
    "      cost: last(cost) within 30d\n"
    "  spend:\n"
    "    entity: user\n"
    "    source: clicks\n"
    "    where: cost > 10\n"
    "    features:\n"
    "      total: sum(cost) over 7d\n"
    "      count: count() over 7d\n"
    "services:\n"
    "  model:\n"
    "    request: {limit: float64}\n"
    "    features:\n"
    "      - newest.*\n"
    "      - spend.*\n"
    "      - share: newest.cost / spend.total\n"
    "      - is_over: newest.cost > request.limit\n";

#define USERS    50
#define START_US INT64_C(1700000000000000)

static char root[PATH_BYTES], directory[PATH_BYTES + 16];
static pid_t server;
static struct selfsame_client *remote, *embedded;

#define assert_code(want, expression)                                                                       \
    do {                                                                                                    \
        struct selfsame_error error = {0};                                                                  \
        const enum selfsame_code code_ = (expression);                                                      \
        if (code_ != (want)) fail_msg("%s: %s: %s", #expression, selfsame_code_name(code_), error.message); \
    } while (0)

// ---- Store and server

static void make_store(void)
{
    make_test_directory(root);
    snprintf(directory, sizeof directory, "%s/store", root);
    ss_materializer_close(open_new_store(directory, SS_CLOCK_REPLAY, NULL, yaml));
}

static void serve(int out)
{
    char *arguments[] = {"serve", "--listen",    "127.0.0.1:0", "--metrics-listen",
                         "",      "--log-level", "error",       NULL};
    struct ss_setting_options options = {0};
    struct ss_error error;
    dup2(out, STDOUT_FILENO);
    enum ss_status status = ss_setting_options_parse(7, arguments, &options, &error);
    if (status == SS_OK) status = ss_serve(directory, "test", &options, &error);
    free(options.options);
    if (status != SS_OK) fprintf(stderr, "the server: %s\n", error.message);
    _exit(status == SS_OK ? 0 : 1);
}

static void start_server(char address[128])
{
    int ends[2];
    char line[128] = "";
    assert_int_equal(pipe(ends), 0);
    server = fork();
    assert_true(server >= 0);
    if (server == 0) serve(ends[1]);
    close(ends[1]);
    FILE *out = fdopen(ends[0], "r");
    assert_non_null(fgets(line, sizeof line, out));
    assert_int_equal(sscanf(line, "listening %120s", address), 1);
    fclose(out);
}

static void push(struct selfsame_client *client, int64_t first_us)
{
    struct selfsame_batch *batch = selfsame_batch_create("clicks");
    struct selfsame_column *user = selfsame_batch_column(batch, "user", SELFSAME_TYPE_INT64);
    struct selfsame_column *page = selfsame_batch_column(batch, "page", SELFSAME_TYPE_STRING);
    struct selfsame_column *cost = selfsame_batch_column(batch, "cost", SELFSAME_TYPE_FLOAT64);
    struct selfsame_column *at = selfsame_batch_column(batch, "at", SELFSAME_TYPE_TIMESTAMP);
    selfsame_batch_rows(batch, USERS);
    selfsame_batch_declared_arrival(batch, true);
    for (int i = 0; i < USERS; i++) {
        char text[16];
        snprintf(text, sizeof text, "/page%d", i % 7);
        selfsame_set_int64(user, (size_t)i, i);
        if (i % 5) selfsame_set_string(page, (size_t)i, text);
        selfsame_set_double(cost, (size_t)i, 5 + i * 1.25);
        selfsame_set_timestamp(at, (size_t)i, first_us + i);
    }
    assert_code(SELFSAME_OK, selfsame_push(client, batch, 0, NULL, &error));
    selfsame_batch_destroy(batch);
}

static int setup(void **state)
{
    (void)state;
    char address[128];
    struct selfsame_options options;
    make_store();
    start_server(address);
    selfsame_options_init(&options);
    options.address = address;
    assert_code(SELFSAME_OK, selfsame_connect(&options, &remote, &error));
    push(remote, START_US);
    assert_code(SELFSAME_OK, selfsame_open(directory, &embedded, &error));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    int status;
    selfsame_close(embedded);
    selfsame_close(remote);
    kill(server, SIGTERM);
    waitpid(server, &status, 0);
    remove_test_directory(root);
    assert_int_equal(status, 0);
    return 0;
}

// ---- Both answer

struct both {
    struct ss_client_reply replies[2];
    enum selfsame_code codes[2];
    struct selfsame_error errors[2];
};

static struct both ask_both(const void *request, size_t size)
{
    struct both both = {0};
    both.codes[0] =
        ss_client_call(remote, SS_CLIENT_GET_FEATURES, request, size, 0, &both.replies[0], &both.errors[0]);
    both.codes[1] =
        embedded->transport->get(embedded->transport, request, size, 0, &both.replies[1], &both.errors[1]);
    return both;
}

static void assert_same(struct both both)
{
    const struct selfsame_error *server_error = &both.errors[0], *own = &both.errors[1];
    assert_int_equal(both.codes[0], both.codes[1]);
    if (both.codes[0] == SELFSAME_OK) {
        assert_int_equal(both.replies[0].size, both.replies[1].size);
        assert_memory_equal(both.replies[0].data, both.replies[1].data, both.replies[0].size);
    } else {
        assert_string_equal(server_error->message, own->message);
        assert_int_equal(server_error->code, own->code);
        assert_int_equal(server_error->retry, own->retry);
        assert_int_equal(server_error->retry_after_ms, own->retry_after_ms);
    }
    for (int i = 0; i < 2; i++) ss_client_reply_release(&both.replies[i]);
}

static enum selfsame_code ask_lookup(struct selfsame_lookup *lookup)
{
    struct selfsame_bytes bytes;
    assert_code(SELFSAME_OK, ss_client_lookup_bytes(lookup, 0, &bytes, &error));
    const struct both both = ask_both(bytes.data, bytes.size);
    const enum selfsame_code code = both.codes[1];
    assert_same(both);
    selfsame_lookup_destroy(lookup);
    return code;
}

// Users from -2 on: the first two are nobody.
static struct selfsame_lookup *users(size_t count)
{
    struct selfsame_lookup *lookup = selfsame_lookup_create("model");
    struct selfsame_column *key = selfsame_lookup_key(lookup, "user", SELFSAME_TYPE_INT64);
    selfsame_lookup_rows(lookup, count);
    for (size_t i = 0; i < count; i++)
        if (i % 11 != 10) selfsame_set_int64(key, i, (int64_t)i - 2);
    return lookup;
}

static void answers_equal_the_servers_bytes(void **state)
{
    (void)state;
    assert_int_equal(ask_lookup(users(1)), SELFSAME_OK);
    assert_int_equal(ask_lookup(users(USERS + 10)), SELFSAME_OK);
    assert_int_equal(ask_lookup(users(4096)), SELFSAME_OK); // in several parts

    struct selfsame_lookup *lookup = users(20);
    selfsame_lookup_feature(lookup, "share");
    selfsame_lookup_feature(lookup, "page");
    selfsame_lookup_with_event_times(lookup, true);
    assert_int_equal(ask_lookup(lookup), SELFSAME_OK);

    lookup = users(20);
    struct selfsame_column *limit = selfsame_lookup_input(lookup, "limit", SELFSAME_TYPE_FLOAT64);
    for (size_t i = 0; i < 19; i++) selfsame_set_double(limit, i, 10);
    selfsame_lookup_event(lookup, "clicks");
    struct selfsame_column *cost = selfsame_lookup_event_column(lookup, "cost", SELFSAME_TYPE_FLOAT64);
    for (size_t i = 0; i < 20; i += 2) selfsame_set_double(cost, i, 77.5);
    selfsame_lookup_event_present(lookup, 4, false);
    assert_int_equal(ask_lookup(lookup), SELFSAME_OK);
}

static void errors_equal_the_servers(void **state)
{
    (void)state;
    const uint8_t garbage[] = {0xff, 0xff, 0xff}, fingerprint[32] = {1};
    assert_int_equal(ask_lookup(selfsame_lookup_create("mode")), SELFSAME_NOT_FOUND);
    assert_int_equal(ask_lookup(selfsame_lookup_create("model")), SELFSAME_INVALID_ARGUMENT); // no key
    assert_int_equal(ask_lookup(users(5000)), SELFSAME_RESOURCE_EXHAUSTED);

    struct selfsame_lookup *lookup = users(1);
    selfsame_lookup_feature(lookup, "totl");
    assert_int_equal(ask_lookup(lookup), SELFSAME_NOT_FOUND);
    lookup = users(1);
    selfsame_lookup_fingerprint(lookup, fingerprint, sizeof fingerprint);
    assert_int_equal(ask_lookup(lookup), SELFSAME_FAILED_PRECONDITION);
    lookup = users(1);
    selfsame_lookup_at(lookup, START_US - 1);
    assert_int_equal(ask_lookup(lookup), SELFSAME_INVALID_ARGUMENT);
    lookup = selfsame_lookup_create("model");
    selfsame_set_string(selfsame_lookup_key(lookup, "user", SELFSAME_TYPE_STRING), 0, "7");
    assert_int_equal(ask_lookup(lookup), SELFSAME_INVALID_ARGUMENT);
    assert_same(ask_both(garbage, sizeof garbage));
}

// ---- While others write

static double total_of(struct selfsame_client *client, int64_t user, const char *feature)
{
    struct selfsame_lookup *lookup = selfsame_lookup_create("model");
    struct selfsame_answer *answer = NULL;
    selfsame_set_int64(selfsame_lookup_key(lookup, "user", SELFSAME_TYPE_INT64), 0, user);
    assert_code(SELFSAME_OK, selfsame_get(client, lookup, &answer, &error));
    const struct selfsame_values *values = selfsame_answer_find(answer, feature);
    const double total = values ? selfsame_values_double(values, 0) : -1;
    selfsame_answer_destroy(answer);
    selfsame_lookup_destroy(lookup);
    return total;
}

static void a_push_to_the_server_is_seen_at_once(void **state)
{
    (void)state;
    const double before = total_of(embedded, 20, "total");
    push(remote, START_US + 1000000);
    assert_true(total_of(embedded, 20, "total") == before + 30);
    assert_int_equal(ask_lookup(users(60)), SELFSAME_OK);
}

static void put_bytes(struct ss_buffer *buffer, uint32_t number, const void *data, size_t size)
{
    uint8_t head[16];
    const uint8_t *end = ss_put_varint(ss_put_tag(head, number, SS_WIRE_BYTES), size), *bytes = data;
    for (const uint8_t *at = head; at < end; at++) ss_buffer_byte(buffer, *at);
    for (size_t i = 0; i < size; i++) ss_buffer_byte(buffer, bytes[i]);
}

static void apply(const struct ss_buffer *text)
{
    struct ss_buffer file = {0}, request = {0};
    struct ss_client_reply reply = {0};
    put_bytes(&file, 1, "changed.yaml", 12);
    put_bytes(&file, 2, text->data, text->size);
    put_bytes(&request, 1, file.data, file.size);
    assert_code(SELFSAME_OK,
                ss_client_call(remote, SS_CLIENT_APPLY, request.data, request.size, 0, &reply, &error));
    ss_client_reply_release(&reply);
    ss_buffer_release(&file);
    ss_buffer_release(&request);
}

static void definitions_that_the_server_applies_are_followed(void **state)
{
    (void)state;
    struct ss_buffer changed = {0};
    assert_true(total_of(embedded, 20, "twice") == -1);
    ss_buffer_text(&changed, yaml);
    ss_buffer_text(&changed, "      - twice: spend.total * 2.0\n");
    apply(&changed);
    ss_buffer_release(&changed);
    assert_true(total_of(embedded, 20, "twice") == 2 * total_of(embedded, 20, "total"));
    assert_int_equal(ask_lookup(users(60)), SELFSAME_OK);
}

#define THREADS 8
#define LOOKUPS 300

static atomic_int wrong;

// Costs are 5 + user * 1.25 in every event, so the total of a user is the count times that.
static void *look_up_many(void *context)
{
    struct selfsame_lookup *lookup = users(USERS + 2);
    (void)context;
    for (int i = 0; i < LOOKUPS; i++) {
        struct selfsame_answer *answer = NULL;
        if (selfsame_get(embedded, lookup, &answer, NULL) != SELFSAME_OK) {
            atomic_fetch_add(&wrong, 1);
            continue;
        }
        const struct selfsame_values *totals = selfsame_answer_find(answer, "total"),
                                     *counts = selfsame_answer_find(answer, "count");
        for (size_t row = 7; row < USERS; row++) {
            const double cost = 5 + ((double)row - 2) * 1.25;
            const int64_t count = selfsame_values_int64(counts, row);
            if (row % 11 != 10 && (count < 1 || selfsame_values_double(totals, row) != cost * (double)count))
                atomic_fetch_add(&wrong, 1);
        }
        selfsame_answer_destroy(answer);
    }
    selfsame_lookup_destroy(lookup);
    return NULL;
}

static void many_threads_read_whole_commits(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    atomic_store(&wrong, 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_up_many, NULL), 0);
    for (int i = 0; i < 20; i++) push(remote, START_US + 2000000 + i * 1000);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&wrong), 0);
}

// ---- The client

static void note_answer(void *context, struct selfsame_answer *answer, const struct selfsame_error *error)
{
    (void)error;
    *(size_t *)context = answer ? selfsame_answer_rows(answer) : 999;
    selfsame_answer_destroy(answer);
}

static void a_callback_comes_before_the_call_returns(void **state)
{
    (void)state;
    size_t rows = 0;
    struct selfsame_lookup *lookup = users(9);
    assert_code(SELFSAME_OK, selfsame_get_async(embedded, lookup, note_answer, &rows, &error));
    assert_int_equal(rows, 9);
    selfsame_lookup_feature(lookup, "nothing");
    assert_code(SELFSAME_OK, selfsame_get_async(embedded, lookup, note_answer, &rows, &error));
    assert_int_equal(rows, 999);
    selfsame_lookup_destroy(lookup);
}

static void all_but_lookups_is_unimplemented(void **state)
{
    (void)state;
    struct ss_client_reply reply = {0};
    struct selfsame_stream *stream;
    assert_code(SELFSAME_OK, selfsame_wait_ready(embedded, 1, &error));
    assert_code(SELFSAME_UNIMPLEMENTED, selfsame_stream_open(embedded, NULL, &stream, &error));
    assert_code(SELFSAME_UNIMPLEMENTED, ss_client_call(embedded, SS_CLIENT_STATS, "", 0, 0, &reply, &error));
}

static void a_folder_that_is_no_store_is_not_opened(void **state)
{
    (void)state;
    struct selfsame_client *client = NULL;
    struct selfsame_error error;
    assert_int_equal(selfsame_open("/nowhere/at/all", &client, &error), SELFSAME_NOT_FOUND);
    assert_null(client);
    assert_false(error.retry);
    assert_string_equal(error.message,
                        "store '/nowhere/at/all': there is no such directory; run 'selfsame --dir "
                        "/nowhere/at/all init'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_equal_the_servers_bytes),
        cmocka_unit_test(errors_equal_the_servers),
        cmocka_unit_test(a_push_to_the_server_is_seen_at_once),
        cmocka_unit_test(many_threads_read_whole_commits),
        cmocka_unit_test(definitions_that_the_server_applies_are_followed),
        cmocka_unit_test(a_callback_comes_before_the_call_returns),
        cmocka_unit_test(all_but_lookups_is_unimplemented),
        cmocka_unit_test(a_folder_that_is_no_store_is_not_opened),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
