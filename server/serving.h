// What all threads of a running service share.
#ifndef SS_SERVER_SERVING_H
#define SS_SERVER_SERVING_H

#include <stdatomic.h>

#include "server/settings.h"
#include "server/tokens.h"
#include "wire/get_features.h"

struct ss_writer;
struct ss_worker;

struct ss_serving {
    const char *directory, *version;
    // Replaced as a whole on SIGHUP; what was replaced lives until the service ends.
    _Atomic(const struct ss_settings *) settings;
    _Atomic(const struct ss_tokens *) tokens;
    bool asks_for_tokens_on_plain; // a listener beyond loopback is plain: a token that comes there is refused
    struct ss_metrics *metrics;
    struct ss_writer *writer;
    struct ss_worker *admin, *training;
    atomic_size_t in_flight; // calls of all shards
    atomic_bool is_stopping; // no new work is begun
};

static inline const struct ss_settings *ss_serving_settings(struct ss_serving *serving)
{
    return atomic_load_explicit(&serving->settings, memory_order_acquire);
}

static inline struct ss_wire_limits ss_serving_limits(struct ss_serving *serving)
{
    const struct ss_settings *settings = ss_serving_settings(serving);
    return (struct ss_wire_limits){.max_entities = (int64_t)settings->max_entities,
                                   .max_columns = (size_t)settings->max_columns};
}

#endif
