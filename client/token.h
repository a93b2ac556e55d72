// The bearer token: what every call's initial metadata begins with.
#ifndef SS_CLIENT_TOKEN_H
#define SS_CLIENT_TOKEN_H

#include "client/selfsame.h"

#include <grpc/grpc.h>

struct ss_client_token;

// A token, or the first line of a file; both NULL: none. What cannot be sent in a header is INVALID_ARGUMENT.
enum selfsame_code ss_client_token_open(const char *text, const char *file, struct ss_client_token **token,
                                        struct selfsame_error *error);
void ss_client_token_close(struct ss_client_token *token);

// Fills *metadata in and returns how many there are, 0 or 1; the caller unrefs the value. Any thread.
size_t ss_client_token_metadata(struct ss_client_token *token, grpc_metadata *metadata);

// The server did not take it: reads the file again. What it cannot read it leaves as it was. Any thread.
void ss_client_token_refused(struct ss_client_token *token);

#endif
