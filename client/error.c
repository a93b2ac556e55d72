// Errors of the client.
//
// Which codes may be tried again: UNAVAILABLE and DEADLINE_EXCEEDED always (a push with its producer and
// number, as the header says), RESOURCE_EXHAUSTED when the server says after how long. All else fails again.
#include "client/error.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const names[] = {
    "OK",        "CANCELLED",       "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS",  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",    "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED",
};

const char *selfsame_code_name(enum selfsame_code code)
{
    const size_t at = (size_t)code;
    return at < sizeof names / sizeof *names ? names[at] : "UNKNOWN";
}

static bool helps(enum selfsame_code code)
{
    return code == SELFSAME_UNAVAILABLE || code == SELFSAME_DEADLINE_EXCEEDED;
}

enum selfsame_code ss_client_fail(struct selfsame_error *error, enum selfsame_code code, const char *format,
                                  ...)
{
    if (!error) return code;
    error->code = code;
    error->retry = helps(code);
    error->retry_after_ms = 0;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return code;
}

enum selfsame_code ss_client_fail_memory(struct selfsame_error *error, const char *what)
{
    (void)ss_client_fail(error, SELFSAME_RESOURCE_EXHAUSTED, "%s: out of memory", what);
    if (error) error->retry = true;
    return SELFSAME_RESOURCE_EXHAUSTED;
}

enum selfsame_code ss_client_fail_as(struct selfsame_error *error, const struct selfsame_error *from)
{
    if (error && error != from) *error = *from;
    return from->code;
}

enum selfsame_code ss_client_fail_status(struct selfsame_error *error, int status, const void *message,
                                         size_t size, int64_t pushback_ms)
{
    // A code that gRPC does not have is UNKNOWN, and an error is never OK.
    const bool known = status > 0 && (size_t)status < sizeof names / sizeof *names;
    const enum selfsame_code code = known ? (enum selfsame_code)status : SELFSAME_UNKNOWN;
    const int shown = size > 4096 ? 4096 : (int)size;
    (void)ss_client_fail(error, code, "%.*s", shown, size ? (const char *)message : "");
    if (!error) return code;
    if (!error->message[0])
        (void)snprintf(error->message, sizeof error->message, "the call: %s", names[code]);
    if (pushback_ms >= 0 && (code == SELFSAME_RESOURCE_EXHAUSTED || code == SELFSAME_UNAVAILABLE)) {
        error->retry = true;
        error->retry_after_ms = pushback_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)pushback_ms;
    }
    return code;
}
