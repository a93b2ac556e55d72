// Training tables over the wire. A spine's messages are read twice: to count their rows, then each into the
// columns of all.

#include "wire/training.h"

enum { REQUEST_START = 1, REQUEST_SPINE = 2 };
enum { START_SERVICE = 1, START_FEATURES, START_MODE, START_INCLUSIVE, START_FINGERPRINT };
enum { SPINE_KEYS = 1, SPINE_INPUTS, SPINE_EVENT, SPINE_T, SPINE_SEQ };
enum { RESPONSE_HEADER = 1, RESPONSE_ROWS = 2 };

static enum ss_status malformed(struct ss_error *error)
{
    return ss_wire_malformed("TrainingRequest", error);
}

static enum ss_status part_of(struct ss_bytes bytes, uint32_t number, struct ss_bytes *part,
                              struct ss_error *error)
{
    struct ss_message message = ss_message_of(bytes);
    struct ss_field field;
    bool found = false;
    while (ss_message_next(&message, &field)) {
        if (field.number != number) continue;
        if (field.type != SS_WIRE_BYTES || found) return malformed(error);
        *part = field.bytes;
        found = true;
    }
    if (message.failed) return malformed(error);
    if (found) return SS_OK;
    return ss_fail(error, SS_INVALID,
                   "a training table begins with one message of `start`, and all others have `spine`");
}

enum ss_status ss_wire_training_start(struct ss_bytes bytes, size_t max_columns, struct ss_arena *arena,
                                      struct ss_wire_training_start *start, struct ss_error *error)
{
    struct ss_wire_training_start taken = {.service = ""};
    struct ss_bytes part;
    struct ss_field field;
    SS_TRY(part_of(bytes, REQUEST_START, &part, error));
    struct ss_message message = ss_message_of(part);
    taken.features = ss_arena_array(arena, max_columns + 1, sizeof *taken.features);
    if (!taken.features) return ss_fail_memory(error, "a training table");
    while (ss_message_next(&message, &field)) {
        const bool is_number = field.number == START_MODE || field.number == START_INCLUSIVE;
        if (field.number > START_FINGERPRINT) continue;
        if (field.type != (is_number ? SS_WIRE_VARINT : SS_WIRE_BYTES)) return malformed(error);
        if (field.number == START_SERVICE)
            SS_TRY(ss_wire_text("service", field.bytes, arena, &taken.service, error));
        if (field.number == START_FEATURES && taken.feature_count == max_columns)
            return ss_fail(error, SS_LIMIT,
                           "the request names more than %zu features, the limit (max_columns)", max_columns);
        if (field.number == START_FEATURES)
            SS_TRY(
                ss_wire_text("feature", field.bytes, arena, &taken.features[taken.feature_count++], error));
        if (field.number == START_MODE && field.value > 1)
            return ss_fail(error, SS_INVALID,
                           "mode %llu is unknown; expected 0 (as-known) or 1 (as-of-event-time)",
                           (unsigned long long)field.value);
        if (field.number == START_MODE) taken.as_of_event_time = field.value == 1;
        if (field.number == START_INCLUSIVE) taken.inclusive = field.value != 0;
        if (field.number == START_FINGERPRINT) taken.fingerprint = field.bytes;
    }
    if (message.failed) return malformed(error);
    if (taken.inclusive && !taken.as_of_event_time)
        return ss_fail(
            error, SS_INVALID,
            "inclusive goes with MODE_AS_OF_EVENT_TIME only: as-known rows see what a lookup at t saw");
    *start = taken;
    return SS_OK;
}

// ---- The spine

struct chunk {
    struct ss_wire_get rows; // its keys, inputs and event
    struct ss_bytes body;
    int64_t t_count, seq_count;
};

// Fixed 8-byte numbers of a field, packed or not; values NULL: only counts.
static int64_t take_words(struct ss_bytes body, uint32_t number, uint64_t *values)
{
    struct ss_message message = ss_message_of(body);
    struct ss_field field;
    int64_t count = 0;
    while (ss_message_next(&message, &field)) {
        if (field.number != number) continue;
        if (field.type == SS_WIRE_FIXED64) {
            if (values) values[count] = field.value;
            count++;
        }
        for (size_t at = 0; field.type == SS_WIRE_BYTES && at + 8 <= field.bytes.size; at += 8, count++)
            if (values) values[count] = ss_wire_fixed64((const uint8_t *)field.bytes.data + at);
    }
    return count;
}

static enum ss_status open_chunk(struct ss_bytes bytes, const struct ss_wire_limits *limits,
                                 struct ss_arena *arena, struct chunk *chunk, struct ss_error *error)
{
    struct ss_field field;
    *chunk = (struct chunk){0};
    SS_TRY(part_of(bytes, REQUEST_SPINE, &chunk->body, error));
    struct ss_message message = ss_message_of(chunk->body);
    while (ss_message_next(&message, &field)) {
        if (field.number != SPINE_EVENT) continue;
        if (field.type != SS_WIRE_BYTES || chunk->rows.event.is_there) return malformed(error);
        SS_TRY(ss_wire_event_open(field.bytes, limits, arena, &chunk->rows.event, error));
    }
    if (message.failed) return malformed(error);
    SS_TRY(ss_wire_columns_open("key", chunk->body, SPINE_KEYS, limits->max_columns, arena, &chunk->rows.keys,
                                &chunk->rows.key_count, error));
    SS_TRY(ss_wire_columns_open("input", chunk->body, SPINE_INPUTS, limits->max_columns, arena,
                                &chunk->rows.inputs, &chunk->rows.input_count, error));
    chunk->t_count = take_words(chunk->body, SPINE_T, NULL);
    chunk->seq_count = take_words(chunk->body, SPINE_SEQ, NULL);
    if (chunk->seq_count && chunk->seq_count != chunk->t_count)
        return ss_fail(error, SS_INVALID, "the spine has %lld times and %lld seqs; expected as many or none",
                       (long long)chunk->t_count, (long long)chunk->seq_count);
    return SS_OK;
}

struct spine {
    const struct ss_definitions *definitions;
    const struct ss_service *service;
    struct ss_arena *arena;
    int64_t length;
    struct ss_column *keys, *request, *events;
    const struct ss_source *source; // of the events; NULL: none
    bool *carries;
    int64_t *t_us;
    uint64_t *seq; // NULL: none has one
};

static bool make_columns(struct spine *spine)
{
    const struct ss_service *service = spine->service;
    const int32_t rows = (int32_t)spine->length;
    spine->keys = ss_arena_array(spine->arena, service->key_count + 1, sizeof *spine->keys);
    spine->request = ss_arena_array(spine->arena, service->request_count + 1, sizeof *spine->request);
    spine->t_us = ss_arena_array(spine->arena, (size_t)rows + 1, sizeof *spine->t_us);
    if (!spine->keys || !spine->request || !spine->t_us) return false;
    for (size_t k = 0; k < service->key_count; k++)
        if (!ss_column_init(&spine->keys[k], service->key_types[k], rows + 1, spine->arena)) return false;
    for (size_t r = 0; r < service->request_count; r++)
        if (!ss_column_init(&spine->request[r], service->request[r].type, rows + 1, spine->arena))
            return false;
    return true;
}

// The columns of the events, and of the rows so far none carries one.
static bool make_events(struct spine *spine, const struct ss_source *source, int64_t rows_before)
{
    spine->source = source;
    spine->events = ss_arena_array(spine->arena, source->column_count + 1, sizeof *spine->events);
    spine->carries = ss_arena_array(spine->arena, (size_t)spine->length + 1, sizeof *spine->carries);
    if (!spine->events || !spine->carries) return false;
    for (size_t c = 0; c < source->column_count; c++) {
        if (!ss_column_init(&spine->events[c], source->columns[c].type, (int32_t)spine->length + 1,
                            spine->arena))
            return false;
        for (int64_t row = 0; row < rows_before; row++)
            if (!ss_column_append(&spine->events[c], (struct ss_value){0}, spine->arena)) return false;
    }
    return true;
}

static bool append_columns(struct ss_column *to, const struct ss_column *from, size_t count, int32_t rows,
                           struct ss_arena *arena)
{
    for (size_t i = 0; i < count; i++) {
        for (int32_t row = 0; !from[i].length && row < rows; row++) // not given
            if (!ss_column_append(&to[i], (struct ss_value){0}, arena)) return false;
        if (from[i].length && !ss_column_append_rows(&to[i], &from[i], 0, rows, arena)) return false;
    }
    return true;
}

static enum ss_status append_event(struct spine *spine, const struct ss_events_at_hand *at_hand,
                                   int64_t first, int32_t rows, struct ss_error *error)
{
    static const struct ss_column none = {0};
    if (at_hand->source && !spine->source && !make_events(spine, at_hand->source, first))
        return ss_fail_memory(error, "a spine");
    if (at_hand->source && at_hand->source != spine->source)
        return ss_fail(error, SS_INVALID, "the spine's events are of source '%s' and of '%s'; expected one",
                       spine->source->name, at_hand->source->name);
    if (!spine->source) return SS_OK;
    for (int32_t row = 0; row < rows; row++)
        spine->carries[first + row] = at_hand->source && at_hand->carries[row];
    for (size_t c = 0; c < spine->source->column_count; c++)
        if (!append_columns(&spine->events[c], at_hand->source ? &at_hand->columns[c] : &none, 1, rows,
                            spine->arena))
            return ss_fail_memory(error, "a spine");
    return SS_OK;
}

static enum ss_status check_times(const struct spine *spine, int64_t first, int32_t rows,
                                  struct ss_error *error)
{
    for (int64_t row = first; row < first + rows; row++)
        if (spine->t_us[row] < SS_TIME_MIN_US || spine->t_us[row] > SS_TIME_MAX_US)
            return ss_fail(error, SS_INVALID,
                           "the spine's row %lld: t is %lld us, outside the years 1 to 9999", (long long)row,
                           (long long)spine->t_us[row]);
    return SS_OK;
}

static enum ss_status append_chunk(struct spine *spine, const struct chunk *chunk, int64_t first,
                                   struct ss_arena *scratch, struct ss_error *error)
{
    struct ss_wire_rows rows;
    const int32_t count = (int32_t)chunk->t_count;
    const struct ss_service *service = spine->service;
    SS_TRY(ss_wire_rows_read(spine->definitions, service, &chunk->rows, count, scratch, &rows, error));
    if (!append_columns(spine->keys, rows.keys, service->key_count, count, spine->arena) ||
        !append_columns(spine->request, rows.request, service->request_count, count, spine->arena))
        return ss_fail_memory(error, "a spine");
    struct ss_events_at_hand events; // another chunk may give a column that is this one's key
    if (!ss_at_hand_complete(service, rows.keys, &rows.at_hand, scratch, &events))
        return ss_fail_memory(error, "a spine");
    SS_TRY(append_event(spine, &events, first, count, error));
    (void)take_words(chunk->body, SPINE_T, (uint64_t *)&spine->t_us[first]);
    for (int32_t row = 0; spine->seq && row < count; row++) spine->seq[first + row] = UINT64_MAX;
    if (chunk->seq_count) (void)take_words(chunk->body, SPINE_SEQ, &spine->seq[first]);
    return check_times(spine, first, count, error);
}

static enum ss_status fill(struct spine *spine, const struct chunk *chunks, size_t count,
                           struct ss_error *error)
{
    struct ss_arena scratch = {0};
    enum ss_status status = SS_OK;
    int64_t first = 0;
    bool has_seq = false;
    for (size_t i = 0; i < count; i++) has_seq = has_seq || chunks[i].seq_count;
    if (has_seq) spine->seq = ss_arena_array(spine->arena, (size_t)spine->length + 1, sizeof *spine->seq);
    if (!make_columns(spine) || (has_seq && !spine->seq)) return ss_fail_memory(error, "a spine");
    for (size_t i = 0; i < count && status == SS_OK; first += chunks[i++].t_count) {
        ss_arena_reset(&scratch);
        status = append_chunk(spine, &chunks[i], first, &scratch, error);
    }
    ss_arena_release(&scratch);
    return status;
}

enum ss_status ss_wire_spine_read(const struct ss_definitions *definitions, const struct ss_service *service,
                                  const struct ss_bytes *messages, size_t count,
                                  const struct ss_wire_limits *limits, struct ss_arena *arena,
                                  struct ss_spine *spine, struct ss_error *error)
{
    struct spine read = {.definitions = definitions, .service = service, .arena = arena};
    struct chunk *chunks = ss_arena_array(arena, count + 1, sizeof *chunks);
    if (!chunks) return ss_fail_memory(error, "a spine");
    for (size_t i = 0; i < count; i++) {
        SS_TRY(open_chunk(messages[i], limits, arena, &chunks[i], error));
        read.length += chunks[i].t_count;
    }
    if (read.length >= INT32_MAX)
        return ss_fail(error, SS_LIMIT, "the spine has %lld rows; the limit is %d", (long long)read.length,
                       INT32_MAX - 1);
    SS_TRY(fill(&read, chunks, count, error));
    *spine = (struct ss_spine){.length = read.length,
                               .keys = read.keys,
                               .request = read.request,
                               .at_hand = {read.source, read.events, read.carries},
                               .t_us = read.t_us,
                               .s = read.seq};
    return SS_OK;
}

// ---- The table

bool ss_wire_training_rows_size(const struct ss_service *service, const int *chosen, size_t count,
                                int64_t first_row, const struct ss_answer *answer, struct ss_arena *arena,
                                struct ss_wire_training_rows *rows)
{
    struct ss_wire_output *outputs = ss_arena_array(arena, count + 1, sizeof *outputs);
    struct ss_wire_part *parts = ss_arena_array(arena, count + 1, sizeof *parts);
    size_t *made = ss_arena_array(arena, service->feature_count + 1, sizeof *made); // index + 1
    if (!outputs || !parts || !made) return false;
    for (size_t i = 0; i < count; i++) {
        const struct ss_service_feature *feature = &service->features[chosen[i]];
        if (made[chosen[i]]) { // a list's output takes memory: once
            outputs[i] = outputs[made[chosen[i]] - 1];
            continue;
        }
        parts[i] = (struct ss_wire_part){&answer->columns[chosen[i]], answer->statuses[chosen[i]]};
        outputs[i] = (struct ss_wire_output){
            .name = feature->name, .type = feature->type, .parts = &parts[i], .part_count = 1};
        if (!ss_wire_output_size(&outputs[i], arena)) return false;
        made[chosen[i]] = i + 1;
    }
    *rows = (struct ss_wire_training_rows){.first_row = (uint64_t)first_row,
                                           .row_count = (uint32_t)answer->length,
                                           .features = outputs,
                                           .feature_count = count};
    rows->rows_size = ss_number_field_size(rows->first_row) + ss_number_field_size(rows->row_count) +
                      ss_wire_outputs_size(outputs, count);
    rows->size = 1 + ss_varint_size(rows->rows_size) + rows->rows_size;
    return true;
}

bool ss_wire_answer_slice(const struct ss_service *service, const struct ss_answer *answer, int32_t first,
                          int32_t length, struct ss_arena *arena, struct ss_answer *slice)
{
    const size_t count = service->feature_count;
    struct ss_column *columns = ss_arena_array(arena, count + 1, sizeof *columns);
    uint8_t **statuses = ss_arena_array(arena, count + 1, sizeof *statuses);
    if (!columns || !statuses) return false;
    for (size_t i = 0; i < count; i++) {
        if (!ss_column_slice(&answer->columns[i], first, length, arena, &columns[i])) return false;
        statuses[i] = answer->statuses[i] + first;
    }
    *slice = *answer;
    slice->length = length;
    slice->columns = columns;
    slice->statuses = statuses;
    return true;
}

void ss_wire_training_rows_write(const struct ss_wire_training_rows *rows, uint8_t *at)
{
    at = ss_put_varint(ss_put_tag(at, RESPONSE_ROWS, SS_WIRE_BYTES), rows->rows_size);
    at = ss_put_number_field(at, 1, rows->first_row);
    at = ss_put_number_field(at, 2, rows->row_count);
    (void)ss_wire_outputs_write(rows->features, rows->feature_count, 3, at);
}

size_t ss_wire_training_header_write(const struct ss_service *service, uint64_t newest_seq,
                                     int64_t read_at_us, uint8_t bytes[SS_WIRE_TRAINING_HEADER_SIZE])
{
    const size_t size = ss_bytes_field_size(sizeof service->fingerprint) + 2 * SS_FIXED64_FIELD_SIZE;
    uint8_t *at = ss_put_varint(ss_put_tag(bytes, RESPONSE_HEADER, SS_WIRE_BYTES), size);
    at = ss_put_bytes_field(at, 1, &service->fingerprint, sizeof service->fingerprint);
    at = ss_put_fixed64_field(at, 2, newest_seq);
    at = ss_put_fixed64_field(at, 3, (uint64_t)read_at_us);
    return (size_t)(at - bytes);
}
