// The store as the target of a load: one batch at a time, committed before the next is made.

#include "materializer/ingest_load.h"

static enum ss_status producer(void *context, const struct ss_source *source, const char *name,
                               uint64_t number, uint64_t *last, bool *found, struct ss_sha256 *hash,
                               struct ss_error *error)
{
    const struct ss_ingest_store *store = context;
    (void)source;
    return ss_history_producer(store->materializer->store->history, name, number, last, found, hash, error);
}

static enum ss_status push(void *context, const struct ss_push *batch, struct ss_error *error)
{
    struct ss_ingest_store *store = context;
    return ss_push(store->materializer, batch, &store->result, error);
}

static enum ss_status await(void *context, struct ss_push_result *result, struct ss_error *error)
{
    const struct ss_ingest_store *store = context;
    (void)error;
    *result = store->result;
    return SS_OK;
}

static enum ss_status newest_seq(void *context, uint64_t *seq, struct ss_error *error)
{
    const struct ss_ingest_store *store = context;
    struct ss_commit newest;
    SS_TRY(ss_history_newest_commit(store->materializer->store->history, &newest, error));
    *seq = newest.last_seq;
    return SS_OK;
}

struct ss_ingest_target ss_ingest_into(struct ss_ingest_store *store)
{
    return (struct ss_ingest_target){.context = store,
                                     .ahead = 1,
                                     .spool_directory = store->materializer->store->directory,
                                     .producer = producer,
                                     .push = push,
                                     .await = await,
                                     .newest_seq = newest_seq};
}
