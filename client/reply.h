// Bytes that somebody else owns: an answer as a transport handed it over. Movable; release of a zeroed one
// does nothing.
#ifndef SS_CLIENT_REPLY_H
#define SS_CLIENT_REPLY_H

#include <stddef.h>
#include <stdint.h>

struct ss_client_reply {
    const uint8_t *data;
    size_t size;
    void (*release)(struct ss_client_reply *reply); // NULL: nobody needs to
    void *owner[5];                                 // of whoever set `release`
};

static inline void ss_client_reply_release(struct ss_client_reply *reply)
{
    if (reply->release) reply->release(reply);
    *reply = (struct ss_client_reply){0};
}

#endif
