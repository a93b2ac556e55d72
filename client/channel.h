// A channel of gRPC as the options say.
#ifndef SS_CLIENT_CHANNEL_H
#define SS_CLIENT_CHANNEL_H

#include "client/selfsame.h"

#include <grpc/grpc.h>

// Credentials of the options' files, to be released by the caller. Insecure ones without any.
enum selfsame_code ss_client_credentials(const struct selfsame_options *options,
                                         grpc_channel_credentials **credentials,
                                         struct selfsame_error *error);

// The address in gRPC's words, which the caller frees.
enum selfsame_code ss_client_target(const char *address, char **target, struct selfsame_error *error);

grpc_channel *ss_client_channel(const struct selfsame_options *options, const char *target,
                                grpc_channel_credentials *credentials);

#endif
