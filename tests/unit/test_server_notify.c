// What systemd is told, at a socket that stands for its own.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/notify.h"
#include "tests/unit/store_fixture.h"

static int listener;
static char directory[PATH_BYTES];

static int set_up(void **state)
{
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    make_test_directory(directory);
    snprintf(address.sun_path, sizeof address.sun_path, "%.90s/notify", directory);
    listener = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0) return -1;
    return setenv("NOTIFY_SOCKET", address.sun_path, 1);
}

static int tear_down(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    close(listener);
    remove_test_directory(directory);
    return 0;
}

static const char *heard(void)
{
    static char text[1024];
    const ssize_t size = recv(listener, text, sizeof text - 1, 0);
    if (size < 0) return NULL;
    text[size] = 0;
    return text;
}

static void each_state_is_told(void **state)
{
    (void)state;
    ss_notify_status("filled %d of %d views", 3, 7);
    assert_string_equal(heard(), "STATUS=filled 3 of 7 views");
    ss_notify_ready("listening at 127.0.0.1:7500");
    assert_string_equal(heard(), "READY=1\nSTATUS=listening at 127.0.0.1:7500");
    ss_notify_ready(NULL);
    assert_string_equal(heard(), "READY=1");
    ss_notify_reloading();
    assert_memory_equal(heard(), "RELOADING=1\nMONOTONIC_USEC=", 27);
    ss_notify_stopping("12 calls left");
    assert_string_equal(heard(), "STOPPING=1\nSTATUS=12 calls left");
}

static void without_systemd_nothing_happens(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    ss_notify_ready("x");
    ss_notify_status("%s", "x");
    setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
    ss_notify_stopping(NULL);
    assert_null(heard());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_state_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_systemd_nothing_happens, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
