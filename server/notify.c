// Tells systemd how the server is. A line that does not arrive is no reason to stop: results are not looked
// at.

#include "server/notify.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#define STATUS_BYTES 256

static void send_state(const char *state, const char *status)
{
    if (status)
        (void)sd_notifyf(0, "%s\nSTATUS=%.200s", state, status);
    else
        (void)sd_notify(0, state);
}

void ss_notify_ready(const char *status)
{
    send_state("READY=1", status);
}

void ss_notify_reloading(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
                     (long long)now.tv_sec * 1000000 + (long long)now.tv_nsec / 1000);
}

void ss_notify_stopping(const char *status)
{
    send_state("STOPPING=1", status);
}

void ss_notify_status(const char *format, ...)
{
    char status[STATUS_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(status, sizeof status, format, arguments);
    va_end(arguments);
    (void)sd_notifyf(0, "STATUS=%s", status);
}
