// Errors of the client: the public struct, filled in. A message starts with its subject and shows the values.
#ifndef SS_CLIENT_ERROR_H
#define SS_CLIENT_ERROR_H

#include "client/selfsame.h"

// Sets *error (when not NULL) and returns `code`; `retry` as selfsame.h says of codes without a hint.
enum selfsame_code ss_client_fail(struct selfsame_error *error, enum selfsame_code code, const char *format,
                                  ...) __attribute__((format(printf, 3, 4)));

enum selfsame_code ss_client_fail_memory(struct selfsame_error *error, const char *what);

// Copies `from` (when both are there), and returns its code.
enum selfsame_code ss_client_fail_as(struct selfsame_error *error, const struct selfsame_error *from);

// The status of a call, whose message may be of any bytes. `pushback_ms` below 0: the server gave none.
enum selfsame_code ss_client_fail_status(struct selfsame_error *error, int status, const void *message,
                                         size_t size, int64_t pushback_ms);

#define SS_CLIENT_TRY(expr)                           \
    do {                                              \
        const enum selfsame_code ss_code_ = (expr);   \
        if (ss_code_ != SELFSAME_OK) return ss_code_; \
    } while (0)

#endif
