// Errors: a code plus a caller-owned struct with the message.
//
// Every function that can fail returns an enum ss_status and takes a `struct ss_error *error` last (NULL is
// allowed). On failure the outputs are untouched and the inputs are not consumed. A message starts with its
// subject, shows the values and says what to do: "feature 'user_spend.avg': expected float64, got string
// (features.yaml:31:14)".
#ifndef SS_ENGINE_BASE_ERROR_H
#define SS_ENGINE_BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

// What a call over the network ends with (grpc: the numbers of gRPC's status codes), and a command.
//    code                   text                          retry  exit  grpc
#define SS_STATUS_TABLE(X)                                                    \
    X(SS_OK, "ok", false, 0, 0)                                               \
    X(SS_FOUND, "the command found what it looks for", false, 1, 2)           \
    X(SS_INVALID, "invalid input", false, 2, 3)                               \
    X(SS_NOT_FOUND, "not found", false, 2, 5)                                 \
    X(SS_CONFLICT, "conflict", false, 2, 10)                                  \
    X(SS_BUSY, "busy", true, 2, 8)                                            \
    X(SS_LIMIT, "over a limit", false, 2, 8)                                  \
    X(SS_VERSION, "other version", false, 2, 9)                               \
    X(SS_DAMAGED, "damaged data", false, 2, 15)                               \
    X(SS_IO, "input/output error", true, 2, 14)                               \
    X(SS_OUT_OF_MEMORY, "out of memory", true, 2, 8)                          \
    X(SS_UNKNOWN_CALLER, "not known who calls", false, 2, 16)                 \
    X(SS_DENIED, "not allowed", false, 2, 7)                                  \
    X(SS_TOO_LATE, "deadline exceeded", true, 2, 4)                           \
    X(SS_CANCELLED, "cancelled", false, 2, 1)                                 \
    X(SS_UNIMPLEMENTED, "no such method", false, 2, 12)                       \
    X(SS_STOPPING, "stopping", true, 2, 14)

enum ss_status {
#define SS_STATUS_CODE(code, text, retry, exit, grpc) code,
    SS_STATUS_TABLE(SS_STATUS_CODE)
#undef SS_STATUS_CODE
};

struct ss_error {
    enum ss_status status;
    char message[1024];
};

// Sets *error (when not NULL) and returns `status`. A longer message is cut.
enum ss_status ss_fail(struct ss_error *error, enum ss_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// ss_fail(error, SS_OUT_OF_MEMORY, ...) naming what could not be held.
enum ss_status ss_fail_memory(struct ss_error *error, const char *what);

const char *ss_status_name(enum ss_status status); // "SS_OK"
const char *ss_status_text(enum ss_status status); // "ok"
bool ss_status_retry(enum ss_status status);       // may the same call succeed later?
int ss_status_exit(enum ss_status status);         // exit status of a command that ends with it
int ss_status_grpc(enum ss_status status);         // gRPC status code of a call that ends with it

// Returns from the function when expr fails.
#define SS_TRY(expr)                           \
    do {                                       \
        const enum ss_status ss_try_ = (expr); \
        if (ss_try_ != SS_OK) return ss_try_;  \
    } while (0)

// Jumps to the label when expr fails; the function has a local `enum ss_status status`.
#define SS_TRY_GOTO(expr, label)         \
    do {                                 \
        status = (expr);                 \
        if (status != SS_OK) goto label; \
    } while (0)

// What only a bug can break; stays in release builds. Prints file:line and aborts.
#define SS_ASSERT(condition) ((condition) ? (void)0 : ss_assert_failed(#condition, __FILE__, __LINE__))
_Noreturn void ss_assert_failed(const char *condition, const char *file, int line);

#endif
