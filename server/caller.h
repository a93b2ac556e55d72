// Who calls, and may it do that?
#ifndef SS_SERVER_CALLER_H
#define SS_SERVER_CALLER_H

#include "server/shard.h"

// SS_UNKNOWN_CALLER: no token, or none that is known; SS_DENIED: it has no right to this. `name`: of the
// service or source. SS_RIGHT_KINDS: any token will do. On the shard's thread.
enum ss_status ss_caller_may(struct ss_shard *shard, grpc_call *call, const grpc_metadata_array *metadata,
                             enum ss_token_right_kind right, const char *name, struct ss_error *error);

#endif
