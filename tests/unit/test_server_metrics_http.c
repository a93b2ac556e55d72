// Metrics over HTTP: answers, refusals, silent clients, a clean end. `--serve` serves samples until standard
// input ends, for tests/program/test_metrics.py.

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/metrics_http.h"
#include "tests/unit/allocation_sweep.h"
#include "tests/unit/store_fixture.h"

static struct ss_error error;
static struct ss_metrics *metrics;
static struct ss_metrics_http *http;
static atomic_bool is_ready = true;

static void give_gauges(void *context, struct ss_gauges *gauges)
{
    (void)context;
    gauges->now_us = 10500000;
    gauges->newest_event_us = 10000000;
    gauges->applied_seq = gauges->history_seq = 42;
    gauges->in_flight = 3;
    gauges->wal_bytes = gauges->history_bytes = gauges->online_bytes = 4096;
    gauges->log_lines_dropped = 0;
}

static bool give_ready(void *context, char reason[SS_REASON_BYTES])
{
    (void)context;
    if (!is_ready) snprintf(reason, SS_REASON_BYTES, "online rows are 17 events behind history");
    return is_ready;
}

static enum ss_status start(const char *listen, struct ss_metrics_http **started)
{
    const struct ss_metrics_http_options options = {listen, metrics, give_gauges, give_ready, NULL};
    return ss_metrics_http_start(&options, started, &error);
}

static void add_samples(void)
{
    struct ss_metrics_block *block = NULL;
    SS_ASSERT(ss_metrics_block_create(metrics, &block, NULL) == SS_OK);
    const uint32_t fraud = ss_metrics_name(metrics, SS_METRIC_SERVICES, "fraud_v1");
    const uint32_t payments = ss_metrics_name(metrics, SS_METRIC_SOURCES, "payments");
    for (uint64_t i = 0; i < 1000; i++) {
        ss_metrics_request(block, SS_METRIC_METHOD_GET_FEATURES, fraud, i % 50 ? 0 : 8, i * i * 100);
        ss_metrics_request(block, SS_METRIC_METHOD_PUSH, 0, 0, i * 5000);
        ss_metrics_lookup(block, fraud, i * 10, 1, (const uint64_t[]){20, 1, 0, 0});
        ss_metrics_push(block, payments, (const uint64_t[]){10, 0, 0, i % 2, 0});
        ss_metrics_commit(block, i * 1000, 2, 20);
    }
}

static int set_up(void **state)
{
    (void)state;
    if (ss_metrics_create("1.2.3", &metrics, &error) != SS_OK) return -1;
    add_samples();
    return start("127.0.0.1:0", &http) == SS_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    ss_metrics_http_stop(http);
    ss_metrics_destroy(metrics);
    return 0;
}

static int connect_to(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(socket_fd >= 0);
    assert_int_equal(connect(socket_fd, (const struct sockaddr *)&address, sizeof address), 0);
    return socket_fd;
}

// What the server says to these bytes until it closes.
static const char *ask(const char *request)
{
    static char answer[1 << 18];
    size_t size = 0;
    const int socket_fd = connect_to(ss_metrics_http_port(http));
    assert_int_equal(send(socket_fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    for (ssize_t got; (got = recv(socket_fd, answer + size, sizeof answer - 1 - size, 0)) > 0;)
        size += (size_t)got;
    answer[size] = 0;
    close(socket_fd);
    return answer;
}

#define CLOSING " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static void assert_starts(const char *answer, const char *start_of)
{
    if (strncmp(answer, start_of, strlen(start_of)) != 0)
        fail_msg("expected '%s', got '%.200s'", start_of, answer);
}

static void each_path_answers(void **state)
{
    (void)state;
    const char *answer = ask("GET /metrics" CLOSING);
    assert_starts(answer, "HTTP/1.1 200 OK\r\n");
    assert_non_null(strstr(answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert_non_null(strstr(answer, "\nselfsame_applied_seq 42\n"));
    assert_non_null(strstr(answer, "\nselfsame_freshness_seconds 0.5\n"));
    assert_starts(ask("GET /healthz" CLOSING), "HTTP/1.1 200 OK\r\n");
    assert_starts(ask("GET /readyz?verbose" CLOSING), "HTTP/1.1 200 OK\r\n");
}

static void what_is_not_ready_says_why(void **state)
{
    (void)state;
    is_ready = false;
    const char *answer = ask("GET /readyz" CLOSING);
    assert_starts(answer, "HTTP/1.1 503 Service Unavailable\r\n");
    assert_non_null(strstr(answer, "\r\n\r\nonline rows are 17 events behind history\n"));
    assert_starts(ask("GET /healthz" CLOSING), "HTTP/1.1 200 OK\r\n");
    assert_non_null(strstr(ask("GET /metrics" CLOSING), "\nselfsame_ready 0\n"));
    is_ready = true;
    assert_non_null(strstr(ask("GET /metrics" CLOSING), "\nselfsame_ready 1\n"));
}

static void a_head_has_the_length_and_no_body(void **state)
{
    (void)state;
    const char *answer = ask("HEAD /healthz" CLOSING);
    assert_starts(answer, "HTTP/1.1 200 OK\r\n");
    assert_non_null(strstr(answer, "Content-Length: 6\r\n"));
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
}

static void other_paths_and_methods_are_refused(void **state)
{
    (void)state;
    assert_starts(ask("GET /" CLOSING), "HTTP/1.1 404 Not Found\r\n");
    assert_starts(ask("GET /metrics/" CLOSING), "HTTP/1.1 404 Not Found\r\n");
    assert_starts(ask("GET /../etc/passwd" CLOSING), "HTTP/1.1 404 Not Found\r\n");
    const char *answer = ask("DELETE /metrics" CLOSING);
    assert_starts(answer, "HTTP/1.1 405 Method Not Allowed\r\n");
    assert_non_null(strstr(answer, "Allow: GET, HEAD\r\n"));
    assert_starts(
        ask("POST /readyz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"),
        "HTTP/1.1 405 Method Not Allowed\r\n");
}

static void nonsense_is_no_harm(void **state)
{
    (void)state;
    static char huge[200000];
    memset(huge, 'a', sizeof huge - 1);
    memcpy(huge, "GET /", 5);
    (void)ask("\x16\x03\x01\x02garbage\r\n\r\n");
    const int socket_fd = connect_to(ss_metrics_http_port(http));
    for (int i = 0; i < 20; i++)
        if (send(socket_fd, huge, sizeof huge, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) break;
    close(socket_fd);
    assert_starts(ask("GET /healthz" CLOSING), "HTTP/1.1 200 OK\r\n");
}

static void silent_clients_take_no_more_than_their_share(void **state)
{
    (void)state;
    enum { CLIENTS = 100 };
    int clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) clients[i] = connect_to(ss_metrics_http_port(http));
    size_t closed = 0;
    usleep(200000);
    for (int i = 0; i < CLIENTS; i++) {
        char byte;
        closed += recv(clients[i], &byte, 1, MSG_DONTWAIT) == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
    }
    assert_true(closed >= CLIENTS - 64);
    for (int i = 0; i < CLIENTS; i++) close(clients[i]);
    usleep(200000);
    assert_starts(ask("GET /healthz" CLOSING), "HTTP/1.1 200 OK\r\n");
}

static void a_stop_does_not_wait_for_clients(void **state)
{
    (void)state;
    struct ss_metrics_http *other = NULL;
    assert_ok(start("127.0.0.1:0", &other));
    const int socket_fd = connect_to(ss_metrics_http_port(other));
    assert_int_equal(send(socket_fd, "GET /met", 8, MSG_NOSIGNAL), 8);
    ss_metrics_http_stop(other);
    char byte;
    assert_true(recv(socket_fd, &byte, 1, 0) <= 0);
    close(socket_fd);
    ss_metrics_http_stop(NULL);
}

static void addresses_that_cannot_be_had_are_told(void **state)
{
    (void)state;
    char taken[32], want[128];
    struct ss_metrics_http *other = NULL;
    snprintf(taken, sizeof taken, "127.0.0.1:%d", ss_metrics_http_port(http));
    assert_status(SS_BUSY, start(taken, &other));
    snprintf(
        want, sizeof want,
        "metrics_listen '%s': Address already in use; choose another port, or '' for none (metrics_listen)",
        taken);
    assert_string_equal(error.message, want);
    assert_status(SS_INVALID, start("nonsense", &other));
    assert_status(SS_INVALID, start("no-such-host.invalid:1", &other));
    assert_status(SS_IO, start("203.0.113.1:0", &other));
    assert_null(other);
}

static void loopback_of_ipv6_is_served_where_there_is_one(void **state)
{
    (void)state;
    struct ss_metrics_http *other = NULL;
    if (start("[::1]:0", &other) != SS_OK) skip();
    assert_true(ss_metrics_http_port(other) > 0);
    ss_metrics_http_stop(other);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (long k = 1;; k++) {
        struct ss_metrics_http *other = NULL;
        ss_fail_allocation_at(k);
        const enum ss_status status = start("127.0.0.1:0", &other);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        assert_true(status == SS_OK || status == SS_OUT_OF_MEMORY);
        ss_metrics_http_stop(other);
        if (swept) break;
    }
}

static int serve(void)
{
    char bytes[64];
    if (set_up(NULL) != 0) return 1;
    printf("%d\n", ss_metrics_http_port(http));
    fflush(stdout);
    while (read(STDIN_FILENO, bytes, sizeof bytes) > 0) is_ready = bytes[0] == 'r';
    return tear_down(NULL);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--serve") == 0) return serve();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_path_answers),
        cmocka_unit_test(what_is_not_ready_says_why),
        cmocka_unit_test(a_head_has_the_length_and_no_body),
        cmocka_unit_test(other_paths_and_methods_are_refused),
        cmocka_unit_test(nonsense_is_no_harm),
        cmocka_unit_test(silent_clients_take_no_more_than_their_share),
        cmocka_unit_test(a_stop_does_not_wait_for_clients),
        cmocka_unit_test(addresses_that_cannot_be_had_are_told),
        cmocka_unit_test(loopback_of_ipv6_is_served_where_there_is_one),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
