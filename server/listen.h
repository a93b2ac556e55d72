// Where a server listens, and with what credentials.
#ifndef SS_SERVER_LISTEN_H
#define SS_SERVER_LISTEN_H

#include <grpc/grpc.h>

#include "server/serving.h"

// Adds the listeners that the settings name to a server that was not started. A Unix socket is the first
// shard's alone. ports[listener] (NULL: not asked): the port it got, 0 for a Unix socket; other shards share
// it.
enum ss_status ss_listen(struct ss_serving *serving, grpc_server *server, size_t shard, int *ports,
                         struct ss_error *error);
// Looks the certificate's files through: SS_OK, or what is wrong with them.
enum ss_status ss_listen_check(const struct ss_settings *settings, struct ss_error *error);

#endif
