// Lookups: a GetFeaturesRequest that is built once and written anew for each send. Names and features are
// written once, when they are set.
#include "client/lookup.h"
#include "client/answer.h"
#include "client/error.h"
#include "client/event.h"
#include "client/transport.h"

#include <stdlib.h>

enum { ID = 1, SERVICE, FEATURES, KEYS, INPUTS, EVENT, ROW_COUNT, WITH_EVENT_TIMES, AT_US, FINGERPRINT };

struct selfsame_lookup {
    struct ss_client_rows rows;
    struct ss_client_columns keys, inputs;
    struct ss_client_event event;
    struct ss_client_writer head;    // service and features
    struct ss_client_writer request; // of the last send
    uint8_t fingerprint[32];
    size_t fingerprint_size;
    int64_t at_us;
    uint32_t deadline_ms;
    bool with_event_times;
};

struct selfsame_lookup *selfsame_lookup_create(const char *service)
{
    struct selfsame_lookup *lookup = calloc(1, sizeof *lookup);
    if (!lookup) return NULL;
    lookup->rows.count = 1;
    lookup->keys.rows = lookup->inputs.rows = lookup->event.columns.rows = &lookup->rows;
    ss_client_write_bytes(&lookup->head, SERVICE, service, strlen(service));
    return lookup;
}

void selfsame_lookup_destroy(struct selfsame_lookup *lookup)
{
    if (!lookup) return;
    ss_client_columns_release(&lookup->keys);
    ss_client_columns_release(&lookup->inputs);
    ss_client_event_release(&lookup->event);
    ss_client_writer_release(&lookup->head);
    ss_client_writer_release(&lookup->request);
    free(lookup);
}

void selfsame_lookup_feature(struct selfsame_lookup *lookup, const char *name)
{
    ss_client_write_element(&lookup->head, FEATURES, name, strlen(name));
}

struct selfsame_column *selfsame_lookup_key(struct selfsame_lookup *lookup, const char *name,
                                            enum selfsame_type type)
{
    return ss_client_column(&lookup->keys, name, type);
}

struct selfsame_column *selfsame_lookup_input(struct selfsame_lookup *lookup, const char *name,
                                              enum selfsame_type type)
{
    return ss_client_column(&lookup->inputs, name, type);
}

void selfsame_lookup_event(struct selfsame_lookup *lookup, const char *source)
{
    ss_client_event_source(&lookup->event, source);
}

struct selfsame_column *selfsame_lookup_event_column(struct selfsame_lookup *lookup, const char *name,
                                                     enum selfsame_type type)
{
    return ss_client_column(&lookup->event.columns, name, type);
}

void selfsame_lookup_event_present(struct selfsame_lookup *lookup, size_t row, bool present)
{
    ss_client_event_present(&lookup->event, row, present);
}

void selfsame_lookup_rows(struct selfsame_lookup *lookup, size_t row_count)
{
    ss_client_rows_begin(&lookup->rows, row_count);
    ss_client_columns_clear(&lookup->keys);
    ss_client_columns_clear(&lookup->inputs);
    ss_client_event_clear(&lookup->event);
}

void selfsame_lookup_with_event_times(struct selfsame_lookup *lookup, bool with)
{
    lookup->with_event_times = with;
}

void selfsame_lookup_at(struct selfsame_lookup *lookup, int64_t at_us)
{
    lookup->at_us = at_us;
}

void selfsame_lookup_fingerprint(struct selfsame_lookup *lookup, const void *fingerprint, size_t size)
{
    if (size > sizeof lookup->fingerprint) {
        ss_client_rows_fail(&lookup->rows, SELFSAME_INVALID_ARGUMENT,
                            "the fingerprint: expected 32 bytes, got %zu", size);
        return;
    }
    if (size) memcpy(lookup->fingerprint, fingerprint, size);
    lookup->fingerprint_size = size;
}

void selfsame_lookup_deadline(struct selfsame_lookup *lookup, uint32_t deadline_ms)
{
    lookup->deadline_ms = deadline_ms;
}

uint32_t ss_client_lookup_deadline(const struct selfsame_lookup *lookup)
{
    return lookup->deadline_ms;
}

static void write_request(struct selfsame_lookup *lookup, uint64_t id, struct ss_client_writer *writer)
{
    ss_client_write_varint(writer, ID, id);
    uint8_t *at = ss_client_write_room(writer, lookup->head.size);
    if (at && lookup->head.size) memcpy(at, lookup->head.data, lookup->head.size);
    ss_client_columns_write(&lookup->keys, KEYS, writer);
    ss_client_columns_write(&lookup->inputs, INPUTS, writer);
    ss_client_event_write(&lookup->event, EVENT, writer);
    ss_client_write_varint(writer, ROW_COUNT, lookup->keys.count ? 0 : lookup->rows.count);
    ss_client_write_varint(writer, WITH_EVENT_TIMES, lookup->with_event_times);
    ss_client_write_fixed64(writer, AT_US, (uint64_t)lookup->at_us);
    ss_client_write_bytes(writer, FINGERPRINT, lookup->fingerprint, lookup->fingerprint_size);
}

enum selfsame_code ss_client_lookup_bytes(struct selfsame_lookup *lookup, uint64_t id,
                                          struct selfsame_bytes *bytes, struct selfsame_error *error)
{
    struct ss_client_writer *writer = &lookup->request;
    if (lookup->rows.error.code != SELFSAME_OK) return ss_client_fail_as(error, &lookup->rows.error);
    SS_CLIENT_TRY(ss_client_event_check(&lookup->event, error));
    writer->size = 0;
    writer->failed = false;
    write_request(lookup, id, writer);
    if (writer->failed || lookup->head.failed) return ss_client_fail_memory(error, "the lookup");
    *bytes = (struct selfsame_bytes){writer->data, writer->size};
    return SELFSAME_OK;
}

enum selfsame_code selfsame_get(struct selfsame_client *client, struct selfsame_lookup *lookup,
                                struct selfsame_answer **answer, struct selfsame_error *error)
{
    struct ss_client_reply reply = {0};
    struct selfsame_bytes request;
    uint64_t id;
    SS_CLIENT_TRY(ss_client_lookup_bytes(lookup, 0, &request, error));
    SS_CLIENT_TRY(client->transport->get(client->transport, request.data, request.size, lookup->deadline_ms,
                                         &reply, error));
    return ss_client_answer_decode(&reply, &id, answer, error);
}

struct waiting {
    selfsame_answer_callback *callback;
    void *context;
};

static void answered(void *context, struct ss_client_reply *reply, const struct selfsame_error *error)
{
    const struct waiting waiting = *(struct waiting *)context;
    struct selfsame_answer *answer = NULL;
    struct selfsame_error own;
    uint64_t id;
    free(context);
    if (reply && ss_client_answer_decode(reply, &id, &answer, &own) != SELFSAME_OK) error = &own;
    waiting.callback(waiting.context, answer, error);
}

enum selfsame_code selfsame_get_async(struct selfsame_client *client, struct selfsame_lookup *lookup,
                                      selfsame_answer_callback *callback, void *context,
                                      struct selfsame_error *error)
{
    struct selfsame_bytes request;
    SS_CLIENT_TRY(ss_client_lookup_bytes(lookup, 0, &request, error));
    struct waiting *waiting = malloc(sizeof *waiting);
    if (!waiting) return ss_client_fail_memory(error, "the lookup");
    *waiting = (struct waiting){callback, context};
    const enum selfsame_code code = client->transport->get_async(
        client->transport, request.data, request.size, lookup->deadline_ms, answered, waiting, error);
    if (code != SELFSAME_OK) free(waiting);
    return code;
}
