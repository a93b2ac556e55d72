// Errors: the table's lookups and the one function that sets a message.

#include "engine/base/error.h"

#include <stdio.h>
#include <stdlib.h>

enum ss_status ss_fail(struct ss_error *error, enum ss_status status, const char *format, ...)
{
    if (!error) return status;
    va_list arguments;
    va_start(arguments, format);
    error->status = status;
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return status;
}

enum ss_status ss_fail_memory(struct ss_error *error, const char *what)
{
    return ss_fail(error, SS_OUT_OF_MEMORY, "out of memory: %s", what);
}

struct row {
    const char *name, *text;
    bool retry;
    int exit, grpc;
};

static const struct row rows[] = {
#define ROW(code, text, retry, exit, grpc) {#code, text, retry, exit, grpc},
    SS_STATUS_TABLE(ROW)
#undef ROW
};

const char *ss_status_name(enum ss_status status)
{
    return rows[status].name;
}

const char *ss_status_text(enum ss_status status)
{
    return rows[status].text;
}

bool ss_status_retry(enum ss_status status)
{
    return rows[status].retry;
}

int ss_status_exit(enum ss_status status)
{
    return rows[status].exit;
}

int ss_status_grpc(enum ss_status status)
{
    return rows[status].grpc;
}

void ss_assert_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "selfsame: a bug: '%s' does not hold (%s:%d)\n", condition, file, line);
    abort();
}
