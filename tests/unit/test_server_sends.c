// What a thread sends while it has more to do leaves together, over TCP.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/sends.h"

struct connection {
    int from, to;
};

static struct connection connect_tcp(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    struct connection made = {.from = socket(AF_INET, SOCK_STREAM, 0)};
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(connect(made.from, (struct sockaddr *)&address, size), 0);
    made.to = accept(listener, NULL, NULL);
    assert_true(made.to >= 0);
    assert_int_equal(setsockopt(made.from, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0); // as gRPC does
    close(listener);
    return made;
}

static void disconnect(const struct connection *connection)
{
    close(connection->from);
    close(connection->to);
}

static void send_text(int to, const char *text)
{
    char bytes[16];
    const size_t size = strlen(text);
    struct iovec piece = {memcpy(bytes, text, size), size};
    const struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    assert_int_equal(sendmsg(to, &message, MSG_NOSIGNAL), size);
}

static unsigned packets(const struct connection *connection)
{
    struct tcp_info info;
    socklen_t size = sizeof info;
    assert_int_equal(getsockopt(connection->from, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    return info.tcpi_data_segs_out;
}

static void assert_received(const struct connection *connection, const char *text)
{
    char bytes[256];
    size_t got = 0;
    while (got < strlen(text)) {
        const ssize_t size = recv(connection->to, bytes + got, sizeof bytes - got, 0);
        assert_true(size > 0);
        got += (size_t)size;
    }
    assert_int_equal(got, strlen(text));
    assert_memory_equal(bytes, text, got);
}

static void without_a_hold_each_leaves_by_itself(void **state)
{
    (void)state;
    const struct connection connection = connect_tcp();
    for (int i = 0; i < 3; i++) send_text(connection.from, "abc");
    assert_int_equal(packets(&connection), 3);
    assert_received(&connection, "abcabcabc");
    disconnect(&connection);
}

static void what_is_held_leaves_in_one_packet_of_each_connection(void **state)
{
    (void)state;
    const struct connection one = connect_tcp(), other = connect_tcp();
    ss_sends_hold();
    for (int i = 0; i < 3; i++) send_text(one.from, "one");
    for (int i = 0; i < 2; i++) send_text(other.from, "other");
    ss_sends_let_go();
    assert_int_equal(packets(&one), 1);
    assert_int_equal(packets(&other), 1);
    assert_received(&one, "oneoneone");
    assert_received(&other, "otherother");
    send_text(one.from, "more"); // nothing is held any more
    assert_int_equal(packets(&one), 2);
    disconnect(&one);
    disconnect(&other);
}

static void so_many_leave_without_being_let_go(void **state)
{
    (void)state;
    const struct connection connection = connect_tcp();
    ss_sends_hold();
    for (int i = 0; i < SS_SENDS_TOGETHER; i++) send_text(connection.from, "x");
    assert_int_equal(packets(&connection), 1);
    assert_received(&connection, "xxxxxxxxxxxxxxxx");
    ss_sends_let_go();
    assert_int_equal(packets(&connection), 1);
    disconnect(&connection);
}

static void what_is_held_leaves_before_the_thread_waits(void **state)
{
    (void)state;
    const struct connection connection = connect_tcp();
    grpc_init();
    grpc_completion_queue *queue = grpc_completion_queue_create_for_next(NULL);
    const gpr_timespec past = gpr_inf_past(GPR_CLOCK_MONOTONIC);
    assert_int_equal(ss_sends_next_event(queue, past).type, GRPC_QUEUE_TIMEOUT);
    for (int i = 0; i < 3; i++) send_text(connection.from, "abc");
    assert_int_equal(ss_sends_next_event(queue, past).type, GRPC_QUEUE_TIMEOUT);
    assert_int_equal(packets(&connection), 1);
    assert_received(&connection, "abcabcabc");
    grpc_completion_queue_shutdown(queue);
    assert_int_equal(ss_sends_next_event(queue, past).type, GRPC_QUEUE_SHUTDOWN);
    ss_sends_let_go();
    grpc_completion_queue_destroy(queue);
    grpc_shutdown();
    disconnect(&connection);
}

static void an_error_of_a_send_is_told_and_kept(void **state)
{
    (void)state;
    const struct connection connection = connect_tcp();
    const struct msghdr message = {0};
    ss_sends_hold();
    send_text(connection.from, "abc");
    close(connection.from);
    assert_int_equal(sendmsg(connection.from, &message, 0), -1);
    assert_int_equal(errno, EBADF);
    ss_sends_let_go();
    assert_int_equal(errno, EBADF);
    assert_received(&connection, "abc");
    close(connection.to);
}

static void a_number_that_is_another_files_by_now_does_no_harm(void **state)
{
    (void)state;
    const struct connection connection = connect_tcp();
    ss_sends_hold();
    send_text(connection.from, "abc");
    const int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(dup2(file, connection.from), connection.from);
    ss_sends_let_go();
    assert_received(&connection, "abc");
    close(file);
    disconnect(&connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_hold_each_leaves_by_itself),
        cmocka_unit_test(what_is_held_leaves_in_one_packet_of_each_connection),
        cmocka_unit_test(so_many_leave_without_being_let_go),
        cmocka_unit_test(what_is_held_leaves_before_the_thread_waits),
        cmocka_unit_test(an_error_of_a_send_is_told_and_kept),
        cmocka_unit_test(a_number_that_is_another_files_by_now_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
