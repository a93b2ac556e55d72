// A lookup's bytes, for those who send them.
#ifndef SS_CLIENT_LOOKUP_H
#define SS_CLIENT_LOOKUP_H

#include "client/selfsame.h"

// The request as it stands now, with this id (0: none). The bytes are the lookup's until it is changed or
// sent again.
enum selfsame_code ss_client_lookup_bytes(struct selfsame_lookup *lookup, uint64_t id,
                                          struct selfsame_bytes *bytes, struct selfsame_error *error);
uint32_t ss_client_lookup_deadline(const struct selfsame_lookup *lookup);

#endif
