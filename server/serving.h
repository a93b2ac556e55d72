// What all threads of a running service share.
#ifndef SS_SERVER_SERVING_H
#define SS_SERVER_SERVING_H

#include <stdatomic.h>

#include "server/settings.h"
#include "server/token_watch.h"
#include "wire/get_features.h"

struct ss_log;
struct ss_metrics;
struct ss_writer;
struct ss_worker;

struct ss_serving {
    const char *directory, *version;
    // Replaced as a whole on SIGHUP; what was replaced lives until the service ends.
    _Atomic(const struct ss_settings *) settings;
    struct ss_token_watch *tokens;
    bool has_plain_beyond_loopback; // a token that comes there is refused
    struct ss_metrics *metrics;
    struct ss_log *log;
    struct ss_writer *writer;
    struct ss_worker *admin, *training;
    atomic_uint_fast64_t certificate_generation; // 1, 2, ...: read the files again
    struct ss_arena arena;                       // what lives as long as the service
    size_t max_message_bytes;
    atomic_size_t in_flight;          // calls of all shards
    atomic_size_t open_calls;         // that need no token; not among those
    atomic_uint_fast64_t spine_bytes; // of all training tables: collected and not let go yet
    atomic_size_t streams;            // of these, lookups' streams
    atomic_bool is_stopping;          // no new work is begun
};

static inline const struct ss_settings *ss_serving_settings(struct ss_serving *serving)
{
    return atomic_load_explicit(&serving->settings, memory_order_acquire);
}

// What one lookup or one commit may take, whatever its message claims: columns that are left out, and
// features that are asked for twice, take memory too.
static inline size_t ss_serving_memory(const struct ss_serving *serving)
{
    return 64 * serving->max_message_bytes + (64u << 20);
}

static inline struct ss_wire_limits ss_serving_limits(struct ss_serving *serving)
{
    const struct ss_settings *settings = ss_serving_settings(serving);
    return (struct ss_wire_limits){.max_entities = (int64_t)settings->max_entities,
                                   .max_columns = (size_t)settings->max_columns};
}

#endif
