// Producer: what a producer got acknowledged, so that who pushes batches by number knows where to go on.

#include "server/admin.h"
#include "server/methods.h"
#include "wire/get_features.h"

struct question {
    const char *source, *producer;
    uint64_t batch;
};

static enum ss_status take_question(const struct ss_admin_request *request, struct question *question,
                                    struct ss_error *error)
{
    struct ss_message message = ss_message_of(request->message);
    struct ss_field field;
    *question = (struct question){.source = "", .producer = ""};
    while (ss_message_next(&message, &field)) {
        if (field.number > 3) continue;
        if (field.type != (field.number == 3 ? SS_WIRE_VARINT : SS_WIRE_BYTES))
            return ss_wire_malformed("ProducerRequest", error);
        if (field.number == 1)
            SS_TRY(ss_wire_text("source", field.bytes, request->arena, &question->source, error));
        if (field.number == 2)
            SS_TRY(ss_wire_text("producer", field.bytes, request->arena, &question->producer, error));
        if (field.number == 3) question->batch = field.value;
    }
    if (message.failed) return ss_wire_malformed("ProducerRequest", error);
    return question->producer[0] ? SS_OK : ss_fail(error, SS_INVALID, "the request names no producer");
}

static enum ss_status answer_producer(struct ss_admin_request *request, struct ss_bytes *answer,
                                      struct ss_error *error)
{
    Selfsame__V1__ProducerResponse response = SELFSAME__V1__PRODUCER_RESPONSE__INIT;
    struct ss_history *history = request->reader->store->history;
    struct question question;
    const struct ss_source *source;
    struct ss_sha256 hash;
    struct ss_commit newest;
    bool found;
    SS_TRY(take_question(request, &question, error));
    SS_TRY(ss_require_source(request->reader, question.source, &source, error));
    SS_TRY(ss_history_producer(history, question.producer, question.batch, &response.last, &found, &hash,
                               error));
    SS_TRY(ss_history_newest_commit(history, &newest, error));
    if (found) response.hash = (ProtobufCBinaryData){.len = sizeof hash.bytes, .data = hash.bytes};
    response.seq = newest.last_seq;
    *answer = ss_admin_pack(&response.base, request->arena);
    return answer->data ? SS_OK : ss_fail_memory(error, "what a producer sent");
}

static const struct ss_admin_method producer_method = {{.path = "/selfsame.v1.FeatureStore/Producer",
                                                        .metric = SS_METRIC_METHOD_PRODUCER,
                                                        .is_unary = true,
                                                        .message = ss_admin_message},
                                                       SS_RIGHT_PUSH,
                                                       answer_producer,
                                                       .is_of_field_1 = true};
const struct ss_method *const ss_method_producer = &producer_method.method;
