// Batches: a PushRequest that is built by its columns, and sent as it stands.
//
// The same batch is the same bytes however often it is written: fields in one order, columns in that of their
// making.
#include "client/batch.h"

#include "client/error.h"
#include "client/net_calls.h"

#include <stdlib.h>

enum { SOURCE = 2, COLUMNS, ARRIVAL, PRODUCER, BATCH, STRICT };

struct selfsame_batch {
    struct ss_client_rows rows;
    struct ss_client_columns columns;
    struct ss_client_writer request; // of the last send
    char *source, *producer;
    struct ss_client_push push;
};

void ss_client_push_write(const struct ss_client_push *push, const struct ss_client_columns *columns,
                          struct ss_client_writer *writer)
{
    ss_client_write_bytes(writer, SOURCE, push->source, strlen(push->source));
    ss_client_columns_write(columns, COLUMNS, writer);
    ss_client_write_varint(writer, ARRIVAL, push->declared_arrival);
    if (push->producer) {
        ss_client_write_bytes(writer, PRODUCER, push->producer, strlen(push->producer));
        ss_client_write_varint(writer, BATCH, push->number);
    }
    ss_client_write_varint(writer, STRICT, push->strict);
}

struct selfsame_batch *selfsame_batch_create(const char *source)
{
    struct selfsame_batch *batch = calloc(1, sizeof *batch);
    if (!batch) return NULL;
    batch->columns.rows = &batch->rows;
    batch->source = strdup(source);
    if (!batch->source) {
        free(batch);
        return NULL;
    }
    return batch;
}

void selfsame_batch_destroy(struct selfsame_batch *batch)
{
    if (!batch) return;
    ss_client_columns_release(&batch->columns);
    ss_client_writer_release(&batch->request);
    free(batch->source);
    free(batch->producer);
    free(batch);
}

struct selfsame_column *selfsame_batch_column(struct selfsame_batch *batch, const char *name,
                                              enum selfsame_type type)
{
    return ss_client_column(&batch->columns, name, type);
}

void selfsame_batch_rows(struct selfsame_batch *batch, size_t row_count)
{
    ss_client_rows_begin(&batch->rows, row_count);
    ss_client_columns_clear(&batch->columns);
}

void selfsame_batch_producer(struct selfsame_batch *batch, const char *producer, uint64_t number)
{
    char *copy = producer ? strdup(producer) : NULL;
    if (producer && !copy) {
        ss_client_rows_fail(&batch->rows, SELFSAME_RESOURCE_EXHAUSTED, "producer '%s': out of memory",
                            producer);
        return;
    }
    free(batch->producer);
    batch->producer = copy;
    batch->push.number = number;
}

void selfsame_batch_strict(struct selfsame_batch *batch, bool strict)
{
    batch->push.strict = strict;
}

void selfsame_batch_declared_arrival(struct selfsame_batch *batch, bool declared)
{
    batch->push.declared_arrival = declared;
}

static enum selfsame_code batch_bytes(struct selfsame_batch *batch, struct selfsame_error *error)
{
    struct ss_client_push push = batch->push;
    if (batch->rows.error.code != SELFSAME_OK) return ss_client_fail_as(error, &batch->rows.error);
    push.source = batch->source;
    push.producer = batch->producer;
    batch->request.size = 0;
    batch->request.failed = false;
    ss_client_push_write(&push, &batch->columns, &batch->request);
    return batch->request.failed ? ss_client_fail_memory(error, "the batch") : SELFSAME_OK;
}

enum selfsame_code selfsame_push(struct selfsame_client *client, struct selfsame_batch *batch,
                                 uint32_t deadline_ms, struct selfsame_receipt **receipt,
                                 struct selfsame_error *error)
{
    struct ss_client_reply reply = {0};
    struct selfsame_receipt *made = NULL;
    if (!client->net) return ss_client_fail_embedded(error);
    SS_CLIENT_TRY(batch_bytes(batch, error));
    SS_CLIENT_TRY(ss_client_net_call(client->net, SS_CLIENT_PUSH, batch->request.data, batch->request.size,
                                     deadline_ms, &reply, error));
    const enum selfsame_code code = ss_client_receipt_decode(&reply, &made, error);
    if (code != SELFSAME_OK) {
        if (error)
            error->retry = batch->producer && code == SELFSAME_RESOURCE_EXHAUSTED; // it may have been kept
        return code;
    }
    if (receipt)
        *receipt = made;
    else
        selfsame_receipt_destroy(made);
    return SELFSAME_OK;
}

struct waiting {
    selfsame_receipt_callback *callback;
    void *context;
};

static void acknowledged(void *context, struct ss_client_reply *reply, const struct selfsame_error *error)
{
    const struct waiting waiting = *(struct waiting *)context;
    struct selfsame_receipt *receipt = NULL;
    struct selfsame_error own;
    free(context);
    if (reply && ss_client_receipt_decode(reply, &receipt, &own) != SELFSAME_OK) error = &own;
    waiting.callback(waiting.context, receipt, error);
}

enum selfsame_code selfsame_push_async(struct selfsame_client *client, struct selfsame_batch *batch,
                                       uint32_t deadline_ms, selfsame_receipt_callback *callback,
                                       void *context, struct selfsame_error *error)
{
    if (!client->net) return ss_client_fail_embedded(error);
    SS_CLIENT_TRY(batch_bytes(batch, error));
    struct waiting *waiting = malloc(sizeof *waiting);
    if (!waiting) return ss_client_fail_memory(error, "the batch");
    *waiting = (struct waiting){callback, context};
    const enum selfsame_code code =
        ss_client_net_call_async(client->net, SS_CLIENT_PUSH, batch->request.data, batch->request.size,
                                 deadline_ms, acknowledged, waiting, error);
    if (code != SELFSAME_OK) free(waiting);
    return code;
}
