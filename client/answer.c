// Answers: a GetFeaturesResponse, looked through once and checked, then read in place. One allocation holds
// the answer and its columns; texts and lists have an index each (client/values.h).
#include "client/answer.h"

#include "client/error.h"
#include "client/proto_read.h"
#include "client/values.h"

#include <stdlib.h>

enum { ID = 1, T_US, SEQ, FINGERPRINT, IS_PREVIEW, ROW_COUNT, FEATURES, EVENT_TIMES, ERROR };
enum { COLUMN_MIN = 4 }; // bytes of a column: its tag, its length and at least its type

struct head {
    int64_t t_us;
    uint64_t seq;
    struct selfsame_bytes fingerprint;
    size_t rows, feature_count, view_count;
    bool is_preview;
};

struct selfsame_answer {
    struct ss_client_reply reply;
    struct head head;
    struct selfsame_values columns[]; // features, then event times
};

// What the first pass finds: everything but the columns, and how many of those there are.
struct outline {
    uint64_t id, row_count;
    struct head head;
    struct selfsame_bytes error;
    bool has_error;
};

static void outline_number(const struct ss_client_field *field, struct outline *outline)
{
    switch (field->number) {
    case ID: outline->id = field->value; break;
    case T_US: outline->head.t_us = (int64_t)field->value; break;
    case SEQ: outline->head.seq = field->value; break;
    case IS_PREVIEW: outline->head.is_preview = field->value != 0; break;
    case ROW_COUNT: outline->row_count = field->value; break;
    default: break;
    }
}

static bool outline_message(const struct ss_client_reply *reply, struct outline *outline)
{
    struct ss_client_reader reader = ss_client_read(reply->data, reply->size);
    struct ss_client_field field;
    while (ss_client_read_field(&reader, &field)) {
        if (field.kind != SS_CLIENT_BYTES) {
            outline_number(&field, outline);
            continue;
        }
        const struct selfsame_bytes bytes = {field.data, field.size};
        if (field.number == FEATURES) outline->head.feature_count++;
        if (field.number == EVENT_TIMES) outline->head.view_count++;
        if (field.number == FINGERPRINT) outline->head.fingerprint = bytes;
        if (field.number == ERROR) {
            outline->error = bytes;
            outline->has_error = true;
        }
    }
    return !reader.failed;
}

static enum selfsame_code decode_columns(struct selfsame_answer *answer, struct selfsame_error *error)
{
    struct ss_client_reader reader = ss_client_read(answer->reply.data, answer->reply.size);
    struct ss_client_field field;
    size_t feature = 0, view = answer->head.feature_count;
    while (ss_client_read_field(&reader, &field)) {
        if (field.kind != SS_CLIENT_BYTES || (field.number != FEATURES && field.number != EVENT_TIMES))
            continue;
        struct selfsame_values *values = &answer->columns[field.number == FEATURES ? feature++ : view++];
        SS_CLIENT_TRY(ss_client_values_decode(field.data, field.size, answer->head.rows, values, error));
    }
    return SELFSAME_OK;
}

enum selfsame_code ss_client_error_decode(const void *data, size_t size, struct selfsame_error *error)
{
    struct ss_client_reader reader = ss_client_read(data, size);
    struct ss_client_field field;
    const void *message = "";
    size_t message_size = 0;
    uint64_t code = 0, retry = 0, after_ms = 0;
    while (ss_client_read_field(&reader, &field)) {
        if (field.number == 1 && field.kind == SS_CLIENT_VARINT) code = field.value;
        if (field.number == 2 && field.kind == SS_CLIENT_BYTES) {
            message = field.data;
            message_size = field.size;
        }
        if (field.number == 3 && field.kind == SS_CLIENT_VARINT) retry = field.value;
        if (field.number == 4 && field.kind == SS_CLIENT_VARINT) after_ms = field.value;
    }
    if (reader.failed) return ss_client_fail(error, SELFSAME_INTERNAL, "the answer: its error is no message");
    const int status = code > INT32_MAX ? -1 : (int)code;
    const enum selfsame_code found = ss_client_fail_status(error, status, message, message_size, -1);
    if (error) error->retry = retry != 0;
    if (error) error->retry_after_ms = after_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)after_ms;
    return found;
}

static enum selfsame_code create(struct outline *outline, struct ss_client_reply *reply,
                                 struct selfsame_answer **answer, struct selfsame_error *error)
{
    struct selfsame_answer *made = NULL;
    const size_t columns = outline->head.feature_count + outline->head.view_count;
    if (outline->row_count > UINT32_MAX)
        return ss_client_fail(error, SELFSAME_INTERNAL, "the answer: too many rows");
    if (columns > reply->size / COLUMN_MIN)
        return ss_client_fail(error, SELFSAME_INTERNAL, "the answer: empty columns");
    made = malloc(sizeof *made + columns * sizeof made->columns[0]);
    if (!made) return ss_client_fail_memory(error, "the answer");
    made->head = outline->head;
    memset(made->columns, 0, columns * sizeof made->columns[0]);
    made->head.rows = (size_t)outline->row_count;
    made->reply = *reply;
    *reply = (struct ss_client_reply){0};
    const enum selfsame_code code = decode_columns(made, error);
    if (code == SELFSAME_OK)
        *answer = made;
    else
        selfsame_answer_destroy(made);
    return code;
}

enum selfsame_code ss_client_answer_decode(struct ss_client_reply *reply, uint64_t *id,
                                           struct selfsame_answer **answer, struct selfsame_error *error)
{
    struct outline outline = {0};
    enum selfsame_code code;
    if (!outline_message(reply, &outline)) {
        code = ss_client_fail(error, SELFSAME_INTERNAL, "the answer: its bytes are no message");
        outline.id = 0;
    } else if (outline.has_error) {
        code = ss_client_error_decode(outline.error.data, outline.error.size, error);
    } else {
        code = create(&outline, reply, answer, error);
    }
    *id = outline.id;
    ss_client_reply_release(reply);
    return code;
}

void selfsame_answer_destroy(struct selfsame_answer *answer)
{
    if (!answer) return;
    for (size_t i = 0; i < answer->head.feature_count + answer->head.view_count; i++)
        ss_client_values_release(&answer->columns[i]);
    ss_client_reply_release(&answer->reply);
    free(answer);
}

size_t selfsame_answer_rows(const struct selfsame_answer *answer)
{
    return answer->head.rows;
}

int64_t selfsame_answer_t_us(const struct selfsame_answer *answer)
{
    return answer->head.t_us;
}

uint64_t selfsame_answer_seq(const struct selfsame_answer *answer)
{
    return answer->head.seq;
}

bool selfsame_answer_is_preview(const struct selfsame_answer *answer)
{
    return answer->head.is_preview;
}

struct selfsame_bytes selfsame_answer_fingerprint(const struct selfsame_answer *answer)
{
    return answer->head.fingerprint;
}

size_t selfsame_answer_feature_count(const struct selfsame_answer *answer)
{
    return answer->head.feature_count;
}

const struct selfsame_values *selfsame_answer_feature(const struct selfsame_answer *answer, size_t index)
{
    return index < answer->head.feature_count ? &answer->columns[index] : NULL;
}

const struct selfsame_values *selfsame_answer_find(const struct selfsame_answer *answer, const char *name)
{
    const size_t size = strlen(name);
    for (size_t i = 0; i < answer->head.feature_count; i++) {
        const struct selfsame_bytes *candidate = &answer->columns[i].name;
        if (candidate->size == size && (!size || memcmp(candidate->data, name, size) == 0))
            return &answer->columns[i];
    }
    return NULL;
}

size_t selfsame_answer_view_count(const struct selfsame_answer *answer)
{
    return answer->head.view_count;
}

const struct selfsame_values *selfsame_answer_event_times(const struct selfsame_answer *answer, size_t view)
{
    return view < answer->head.view_count ? &answer->columns[answer->head.feature_count + view] : NULL;
}
