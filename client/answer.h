// Answers: the message's bytes, kept, and views into them.
#ifndef SS_CLIENT_ANSWER_H
#define SS_CLIENT_ANSWER_H

#include "client/reply.h"
#include "client/selfsame.h"

// Decodes a GetFeaturesResponse. Takes the reply over and empties it, also on failure. An `error` in the
// message (of a stream) is the error; *id is the message's, 0 if it is none.
enum selfsame_code ss_client_answer_decode(struct ss_client_reply *reply, uint64_t *id,
                                           struct selfsame_answer **answer, struct selfsame_error *error);

// Reads an Error message into *error and returns its code.
enum selfsame_code ss_client_error_decode(const void *data, size_t size, struct selfsame_error *error);

#endif
