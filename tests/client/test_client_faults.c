// What goes wrong between client and server, and how it is told: statuses, deadlines, bytes that are no
// message, a server that goes and comes back, a close with calls in flight; who may connect.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/call.h"
#include "client/selfsame.h"
#include "tests/client/fake_group.h"

static char folder[64];

static int start(void **state)
{
    char command[256];
    fake_group_start(state);
    snprintf(folder, sizeof folder, "/tmp/selfsame-faults-%d", (int)getpid());
    snprintf(command, sizeof command, "sh tests/client/certificates.sh %s >/dev/null 2>&1", folder);
    return system(command);
}

static int stop(void **state)
{
    char command[128];
    fake_group_stop(state);
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static int64_t now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

// A lookup of one row of this service, and what it ends with.
static enum selfsame_code ask(struct selfsame_client *whom, const char *service, uint32_t deadline_ms,
                              struct selfsame_error *error)
{
    struct selfsame_lookup *lookup = selfsame_lookup_create(service);
    struct selfsame_answer *answer = NULL;
    selfsame_lookup_deadline(lookup, deadline_ms);
    selfsame_set_int64(selfsame_lookup_key(lookup, "user", SELFSAME_TYPE_INT64), 0, 1);
    const enum selfsame_code code = selfsame_get(whom, lookup, &answer, error);
    assert_true((code == SELFSAME_OK) == (answer != NULL));
    selfsame_answer_destroy(answer);
    selfsame_lookup_destroy(lookup);
    return code;
}

static void statuses_are_told_with_their_message_and_hint(void **state)
{
    (void)state;
    static const struct {
        const char *service;
        enum selfsame_code code;
        bool retry;
        uint32_t after_ms;
        const char *message;
    } cases[] = {
        {"code:3:key 'user': there is none", SELFSAME_INVALID_ARGUMENT, false, 0,
         "key 'user': there is none"},
        {"code:5:no\xc3\xa9", SELFSAME_NOT_FOUND, false, 0, "no\xc3\xa9"},
        {"code:7", SELFSAME_PERMISSION_DENIED, false, 0, "told to"},
        {"code:8:full", SELFSAME_RESOURCE_EXHAUSTED, false, 0, "full"},
        {"code:8:full+pushback:250", SELFSAME_RESOURCE_EXHAUSTED, true, 250, "full"},
        {"code:8:full+pushback:-1", SELFSAME_RESOURCE_EXHAUSTED, false, 0, "full"},
        {"code:9:other", SELFSAME_FAILED_PRECONDITION, false, 0, "other"},
        {"code:10:gap", SELFSAME_ABORTED, false, 0, "gap"},
        {"code:14:stopping", SELFSAME_UNAVAILABLE, true, 0, "stopping"},
        {"code:14:stopping+pushback:5", SELFSAME_UNAVAILABLE, true, 5, "stopping"},
        {"code:15:damaged", SELFSAME_DATA_LOSS, false, 0, "damaged"},
        {"code:4:late", SELFSAME_DEADLINE_EXCEEDED, true, 0, "late"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct selfsame_error error;
        assert_int_equal(ask(client, cases[i].service, 0, &error), cases[i].code);
        assert_int_equal(error.code, cases[i].code);
        assert_int_equal(error.retry, cases[i].retry);
        assert_int_equal(error.retry_after_ms, cases[i].after_ms);
        assert_string_equal(error.message, cases[i].message);
    }
    assert_int_equal(ask(client, "code:5:x", 0, NULL), SELFSAME_NOT_FOUND);
}

static void bytes_that_are_no_message_are_an_error(void **state)
{
    (void)state;
    struct selfsame_error error;
    assert_int_equal(ask(client, "garbage", 0, &error), SELFSAME_INTERNAL);
    assert_string_equal(error.message, "the answer: its bytes are no message");
    assert_false(error.retry);
    assert_int_equal(ask(client, "echo", 0, &error), SELFSAME_OK);
}

static void large_answers_come_in_pieces_and_are_limited(void **state)
{
    (void)state;
    struct selfsame_options options;
    struct selfsame_client *small = NULL;
    struct selfsame_error error;
    assert_int_equal(ask(client, "big:20000", 0, &error), SELFSAME_OK);
    selfsame_options_init(&options);
    options.address = fake.address;
    options.max_message_bytes = 1000000;
    assert_int_equal(selfsame_connect(&options, &small, &error), SELFSAME_OK);
    assert_int_equal(ask(small, "big:500", 0, &error), SELFSAME_OK);
    assert_int_equal(ask(small, "big:2000", 0, &error), SELFSAME_RESOURCE_EXHAUSTED);
    assert_false(error.retry);
    selfsame_close(small);
}

static void a_deadline_ends_a_call(void **state)
{
    (void)state;
    struct selfsame_error error;
    const int64_t begun = now_ms();
    assert_int_equal(ask(client, "never", 100, &error), SELFSAME_DEADLINE_EXCEEDED);
    assert_true(error.retry);
    assert_in_range(now_ms() - begun, 90, 5000);
    assert_int_equal(ask(client, "slow:50", 5000, &error), SELFSAME_OK);
    assert_int_equal(ask(client, "echo", UINT32_MAX, &error), SELFSAME_OK);
}

static void wrong_options_say_which(void **state)
{
    (void)state;
    char no_pem[128], text[256];
    snprintf(no_pem, sizeof no_pem, "%s/no_pem", folder);
    const struct {
        struct selfsame_options options;
        const char *message;
    } cases[] = {
        {{.address = NULL}, "option 'address': it is missing"},
        {{.address = "nowhere"}, "address 'nowhere': expected host:port or unix:/path"},
        {{.address = "host:http"}, "address 'host:http': expected host:port or unix:/path"},
        {{.address = "h:1", .connections = 5}, "option 'connections': expected 1 to 4, got 5"},
        {{.address = "h:1", .token = ""}, "option 'token': the token is empty"},
        {{.address = "h:1", .token = "a b"}, "option 'token': the token has a character that no token has"},
        {{.address = "h:1", .token_file = "/nonexistent"}, "/nonexistent: No such file or directory"},
        {{.address = "h:1", .ca_file = "/nonexistent"}, "/nonexistent: No such file or directory"},
        {{.address = "h:1", .cert_file = "x"},
         "option 'cert_file': the other of cert_file and key_file is missing"},
        {{.address = "h:1", .ca_file = no_pem}, text},
    };
    snprintf(text, sizeof text, "%s: expected PEM, which begins with '-----BEGIN'", no_pem);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct selfsame_options options = cases[i].options;
        struct selfsame_client *none = NULL;
        struct selfsame_error error;
        options.size = sizeof options;
        assert_int_equal(selfsame_connect(&options, &none, &error), SELFSAME_INVALID_ARGUMENT);
        assert_string_equal(error.message, cases[i].message);
        assert_null(none);
    }
    struct selfsame_options zero = {0};
    struct selfsame_client *none = NULL;
    assert_int_equal(selfsame_connect(&zero, &none, NULL), SELFSAME_INVALID_ARGUMENT);
}

// Connects with these options (address and size are set here), and asks once.
static enum selfsame_code ask_with(struct selfsame_options options, const struct fake *server,
                                   struct selfsame_error *error)
{
    struct selfsame_client *made = NULL;
    options.size = sizeof options;
    options.address = server->address;
    assert_int_equal(selfsame_connect(&options, &made, error), SELFSAME_OK);
    const enum selfsame_code code = ask(made, "echo", 5000, error);
    selfsame_close(made);
    return code;
}

static void a_token_is_sent_and_read_again_when_it_is_refused(void **state)
{
    (void)state;
    char file[128];
    struct selfsame_error error;
    struct fake strict = fake_start("127.0.0.1:0", "--token", "secret", (char *)NULL);
    snprintf(file, sizeof file, "%s/token", folder);
    assert_int_equal(ask_with((struct selfsame_options){.token = "secret"}, &strict, &error), SELFSAME_OK);
    assert_int_equal(ask_with((struct selfsame_options){0}, &strict, &error), SELFSAME_UNAUTHENTICATED);
    assert_string_equal(error.message, "token: expected one, got None");
    assert_int_equal(ask_with((struct selfsame_options){.token = "other"}, &strict, &error),
                     SELFSAME_UNAUTHENTICATED);
    FILE *written = fopen(file, "w");
    fputs("old\n", written);
    fclose(written);
    struct selfsame_options options = {.size = sizeof options, .address = strict.address, .token_file = file};
    struct selfsame_client *made = NULL;
    assert_int_equal(selfsame_connect(&options, &made, &error), SELFSAME_OK);
    written = fopen(file, "w");
    fputs("secret\n", written);
    fclose(written);
    assert_int_equal(ask(made, "echo", 5000, &error), SELFSAME_UNAUTHENTICATED);
    assert_int_equal(ask(made, "echo", 5000, &error), SELFSAME_OK);
    selfsame_close(made);
    fake_stop(&strict);
}

static void a_unix_socket_is_an_address(void **state)
{
    (void)state;
    char address[128];
    struct selfsame_error error;
    snprintf(address, sizeof address, "unix:%s/socket", folder);
    struct fake local = fake_start(address, "--token", "secret", (char *)NULL);
    assert_int_equal(ask_with((struct selfsame_options){.token = "secret"}, &local, &error), SELFSAME_OK);
    fake_stop(&local);
}

static void tls_checks_the_server_and_shows_who_we_are(void **state)
{
    (void)state;
    char ca[128], foreign[128], cert[128], key[128], mutual[128];
    struct selfsame_error error;
    snprintf(ca, sizeof ca, "%s/ca.pem", folder);
    snprintf(foreign, sizeof foreign, "%s/foreign.pem", folder);
    snprintf(cert, sizeof cert, "%s/client.pem", folder);
    snprintf(key, sizeof key, "%s/client.key", folder);
    snprintf(mutual, sizeof mutual, "%s/mutual", folder);
    struct fake secure = fake_start("127.0.0.1:0", "--tls", folder, (char *)NULL);
    assert_int_equal(ask_with((struct selfsame_options){.ca_file = ca}, &secure, &error), SELFSAME_OK);
    assert_int_equal(ask_with((struct selfsame_options){.ca_file = foreign}, &secure, &error),
                     SELFSAME_UNAVAILABLE);
    assert_int_equal(ask_with((struct selfsame_options){.tls = true}, &secure, &error), SELFSAME_UNAVAILABLE);
    assert_int_equal(ask_with((struct selfsame_options){0}, &secure, &error),
                     SELFSAME_UNAVAILABLE); // plain to TLS
    struct selfsame_options other = {.ca_file = ca, .server_name = "other.example"};
    assert_int_equal(ask_with(other, &secure, &error), SELFSAME_UNAVAILABLE);
    fake_stop(&secure);
    FILE *file = fopen(mutual, "w");
    fclose(file);
    secure = fake_start("127.0.0.1:0", "--tls", folder, (char *)NULL);
    struct selfsame_options ours = {.ca_file = ca, .cert_file = cert, .key_file = key};
    assert_int_equal(ask_with(ours, &secure, &error), SELFSAME_OK);
    assert_int_equal(ask_with((struct selfsame_options){.ca_file = ca}, &secure, &error),
                     SELFSAME_UNAVAILABLE);
    fake_stop(&secure);
}

static void nobody_there_is_unavailable_at_once(void **state)
{
    (void)state;
    struct selfsame_error error;
    struct selfsame_client *lonely = NULL;
    struct selfsame_options options = {.size = sizeof options, .address = "127.0.0.1:1"};
    assert_int_equal(selfsame_connect(&options, &lonely, &error), SELFSAME_OK);
    assert_int_equal(ask(lonely, "echo", 5000, &error), SELFSAME_UNAVAILABLE);
    assert_true(error.retry);
    assert_int_equal(selfsame_wait_ready(lonely, 100, &error), SELFSAME_DEADLINE_EXCEEDED);
    assert_string_equal(error.message, "the client: no connection within 100 ms");
    selfsame_close(lonely);
}

static void a_server_that_comes_back_is_found_again(void **state)
{
    (void)state;
    struct selfsame_error error;
    struct fake first = fake_start("127.0.0.1:0", (char *)NULL);
    struct selfsame_client *loyal = fake_connect(&first);
    assert_int_equal(ask(loyal, "echo", 5000, &error), SELFSAME_OK);
    fake_kill(&first);
    assert_int_equal(ask(loyal, "echo", 5000, &error), SELFSAME_UNAVAILABLE);
    struct fake second = fake_start(first.address, (char *)NULL);
    assert_int_equal(selfsame_wait_ready(loyal, 20000, &error), SELFSAME_OK);
    assert_int_equal(ask(loyal, "echo", 5000, &error), SELFSAME_OK);
    selfsame_close(loyal);
    fake_stop(&second);
}

// Calls that fail at once do not poll, so somebody else has to, or the connection is not made before gRPC
// looks after it by itself, every 5 s.
static void a_server_that_comes_back_is_found_by_calls_that_fail_at_once(void **state)
{
    (void)state;
    struct selfsame_error error;
    struct fake first = fake_start("127.0.0.1:0", (char *)NULL);
    struct selfsame_client *loyal = fake_connect(&first);
    fake_kill(&first);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(ask(loyal, "echo", 5000, &error), SELFSAME_UNAVAILABLE);
        usleep(50000);
    }
    struct fake second = fake_start(first.address, (char *)NULL);
    const int64_t begun = now_ms();
    while (ask(loyal, "echo", 5000, &error) != SELFSAME_OK && now_ms() - begun < 20000) usleep(50000);
    assert_in_range(now_ms() - begun, 0, 2500);
    selfsame_close(loyal);
    fake_stop(&second);
}

// ---- Close and callbacks

static atomic_int answers, cancelled, others;

static void count(void *context, struct selfsame_answer *answer, const struct selfsame_error *error)
{
    (void)context;
    if (answer)
        atomic_fetch_add(&answers, 1);
    else if (error->code == SELFSAME_CANCELLED)
        atomic_fetch_add(&cancelled, 1);
    else
        atomic_fetch_add(&others, 1);
    selfsame_answer_destroy(answer);
}

static void a_close_cancels_what_is_in_flight(void **state)
{
    (void)state;
    struct selfsame_client *closing = fake_connect(&fake);
    struct selfsame_lookup *lookup = selfsame_lookup_create("never");
    atomic_store(&cancelled, 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(selfsame_get_async(closing, lookup, count, NULL, NULL), SELFSAME_OK);
    usleep(50000);
    selfsame_close(closing);
    assert_int_equal(atomic_load(&cancelled), 10);
    selfsame_lookup_destroy(lookup);
}

static void *wait_for_never(void *context)
{
    struct selfsame_error error;
    *(enum selfsame_code *)context = ask(client, "never", 500, &error);
    return NULL;
}

static void a_blocking_call_keeps_no_other_waiting(void **state)
{
    (void)state;
    struct selfsame_error error;
    enum selfsame_code code = SELFSAME_OK;
    pthread_t thread;
    pthread_create(&thread, NULL, wait_for_never, &code);
    const int64_t begun = now_ms();
    for (int i = 0; i < 5; i++) assert_int_equal(ask(client, "echo", 5000, &error), SELFSAME_OK);
    assert_true(now_ms() - begun < 450);
    pthread_join(thread, NULL);
    assert_int_equal(code, SELFSAME_DEADLINE_EXCEEDED);
}

static void ask_in_callback(void *context, struct selfsame_answer *answer, const struct selfsame_error *error)
{
    struct selfsame_error inner;
    (void)error;
    selfsame_answer_destroy(answer);
    atomic_store((atomic_int *)context, (int)ask(client, "echo", 0, &inner) + 1);
}

static void a_blocking_call_in_a_callback_is_refused(void **state)
{
    (void)state;
    atomic_int code = 0;
    struct selfsame_lookup *lookup = selfsame_lookup_create("echo");
    assert_int_equal(selfsame_get_async(client, lookup, ask_in_callback, &code, NULL), SELFSAME_OK);
    while (!atomic_load(&code)) usleep(1000);
    assert_int_equal(atomic_load(&code), SELFSAME_FAILED_PRECONDITION + 1);
    selfsame_lookup_destroy(lookup);
}

// ---- Streams

static struct selfsame_stream *open_stream(struct selfsame_client *whom, selfsame_answer_callback *callback,
                                           uint32_t window)
{
    struct selfsame_stream *stream = NULL;
    struct selfsame_stream_options options;
    selfsame_stream_options_init(&options);
    options.callback = callback;
    options.max_in_flight = window;
    assert_int_equal(selfsame_stream_open(whom, &options, &stream, NULL), SELFSAME_OK);
    return stream;
}

static enum selfsame_code ask_stream(struct selfsame_stream *stream, const char *service,
                                     struct selfsame_error *error)
{
    struct selfsame_lookup *lookup = selfsame_lookup_create(service);
    struct selfsame_answer *answer = NULL;
    void *context = NULL;
    assert_int_equal(selfsame_stream_send(stream, lookup, &fake, error), SELFSAME_OK);
    selfsame_lookup_destroy(lookup);
    const enum selfsame_code code = selfsame_stream_next(stream, 10000, &context, &answer, error);
    assert_ptr_equal(context, &fake);
    selfsame_answer_destroy(answer);
    return code;
}

static void a_stream_goes_on_after_its_call_has_ended(void **state)
{
    (void)state;
    struct selfsame_stream *stream = open_stream(client, NULL, 4);
    struct selfsame_error error;
    assert_int_equal(ask_stream(stream, "echo", &error), SELFSAME_OK);
    assert_int_equal(ask_stream(stream, "code:8:full+pushback:7", &error), SELFSAME_RESOURCE_EXHAUSTED);
    assert_int_equal(error.retry_after_ms, 7);
    assert_int_equal(ask_stream(stream, "die", &error), SELFSAME_UNAVAILABLE);
    assert_string_equal(error.message, "the stream was told to end");
    assert_int_equal(ask_stream(stream, "echo", &error), SELFSAME_OK);
    assert_int_equal(ask_stream(stream, "garbage", &error), SELFSAME_CANCELLED);
    assert_int_equal(ask_stream(stream, "echo", &error), SELFSAME_OK);
    selfsame_stream_close(stream);
}

static void closing_a_stream_ends_what_is_in_flight(void **state)
{
    (void)state;
    struct selfsame_stream *stream = open_stream(client, count, 8);
    struct selfsame_lookup *lookup = selfsame_lookup_create("never");
    atomic_store(&cancelled, 0);
    for (int i = 0; i < 8; i++)
        assert_int_equal(selfsame_stream_send(stream, lookup, NULL, NULL), SELFSAME_OK);
    assert_int_equal(selfsame_stream_drain(stream, 20, NULL), SELFSAME_DEADLINE_EXCEEDED);
    selfsame_stream_close(stream);
    assert_int_equal(atomic_load(&cancelled), 8);
    selfsame_lookup_destroy(lookup);
}

static void a_stream_to_a_server_that_is_killed_ends_every_lookup_once(void **state)
{
    (void)state;
    struct fake mortal = fake_start("127.0.0.1:0", (char *)NULL);
    struct selfsame_client *loyal = fake_connect(&mortal);
    struct selfsame_stream *stream = open_stream(loyal, count, 16);
    struct selfsame_lookup *lookup = selfsame_lookup_create("slow:5");
    struct selfsame_error error;
    int sent = 0;
    atomic_store(&answers, 0);
    atomic_store(&cancelled, 0);
    atomic_store(&others, 0);
    for (int i = 0; i < 200; i++) {
        if (i == 60) fake_kill(&mortal);
        sent += selfsame_stream_send(stream, lookup, NULL, &error) == SELFSAME_OK;
    }
    assert_int_equal(selfsame_stream_drain(stream, 10000, &error), SELFSAME_OK);
    assert_int_equal(atomic_load(&answers) + atomic_load(&cancelled) + atomic_load(&others), sent);
    assert_true(atomic_load(&answers) > 0 && atomic_load(&others) > 0);
    struct fake again = fake_start(mortal.address, (char *)NULL);
    assert_int_equal(selfsame_wait_ready(loyal, 20000, &error), SELFSAME_OK);
    atomic_store(&answers, 0);
    assert_int_equal(selfsame_stream_send(stream, lookup, NULL, &error), SELFSAME_OK);
    assert_int_equal(selfsame_stream_drain(stream, 10000, &error), SELFSAME_OK);
    assert_int_equal(atomic_load(&answers), 1);
    selfsame_stream_close(stream);
    selfsame_lookup_destroy(lookup);
    selfsame_close(loyal);
    fake_stop(&again);
}

int main(void)
{
    if (!fake_is_possible()) return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_are_told_with_their_message_and_hint),
        cmocka_unit_test(bytes_that_are_no_message_are_an_error),
        cmocka_unit_test(large_answers_come_in_pieces_and_are_limited),
        cmocka_unit_test(a_deadline_ends_a_call),
        cmocka_unit_test(wrong_options_say_which),
        cmocka_unit_test(a_token_is_sent_and_read_again_when_it_is_refused),
        cmocka_unit_test(a_unix_socket_is_an_address),
        cmocka_unit_test(tls_checks_the_server_and_shows_who_we_are),
        cmocka_unit_test(nobody_there_is_unavailable_at_once),
        cmocka_unit_test(a_server_that_comes_back_is_found_again),
        cmocka_unit_test(a_server_that_comes_back_is_found_by_calls_that_fail_at_once),
        cmocka_unit_test(a_close_cancels_what_is_in_flight),
        cmocka_unit_test(a_blocking_call_keeps_no_other_waiting),
        cmocka_unit_test(a_blocking_call_in_a_callback_is_refused),
        cmocka_unit_test(a_stream_goes_on_after_its_call_has_ended),
        cmocka_unit_test(closing_a_stream_ends_what_is_in_flight),
        cmocka_unit_test(a_stream_to_a_server_that_is_killed_ends_every_lookup_once),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
