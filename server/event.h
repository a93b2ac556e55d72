// An event is what a completion queue's tag points to: whom to tell.
#ifndef SS_SERVER_EVENT_H
#define SS_SERVER_EVENT_H

#include <stdbool.h>

struct ss_event_tag {
    void (*happened)(void *owner, bool ok); // on the shard's thread
    void *owner;
};

#endif
