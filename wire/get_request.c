// Requests for values: a lookup's message looked through, and its columns as those of a service. A chunk of a
// spine is read the same way.
//
// Looking through needs no store: the caller then asks whether the sender may. What its names mean is asked
// of the definitions afterwards.

#include "engine/diagnostics.h"
#include "wire/get_features.h"

enum get_field {
    GET_ID = 1,
    GET_SERVICE,
    GET_FEATURES,
    GET_KEYS,
    GET_INPUTS,
    GET_EVENT,
    GET_ROW_COUNT,
    GET_WITH_EVENT_TIMES,
    GET_AT,
    GET_FINGERPRINT
};

enum ss_status ss_wire_text(const char *what, struct ss_bytes text, struct ss_arena *arena, const char **copy,
                            struct ss_error *error)
{
    if (!ss_utf8_valid(text)) // no U+0000 in valid ones
        return ss_fail(error, SS_INVALID, "the request's %s is not valid UTF-8 without U+0000", what);
    const char *made = ss_arena_copy(arena, text.data, text.size);
    if (!made) return ss_fail_memory(error, "a request");
    *copy = made;
    return SS_OK;
}

// ---- Unpack

static enum ss_status take_get_field(const struct ss_field *field, struct ss_arena *arena,
                                     struct ss_wire_get *get, struct ss_bytes *event, struct ss_error *error)
{
    static const uint8_t types[] = {[GET_ID] = SS_WIRE_VARINT,        [GET_SERVICE] = SS_WIRE_BYTES,
                                    [GET_FEATURES] = SS_WIRE_BYTES,   [GET_KEYS] = SS_WIRE_BYTES,
                                    [GET_INPUTS] = SS_WIRE_BYTES,     [GET_EVENT] = SS_WIRE_BYTES,
                                    [GET_ROW_COUNT] = SS_WIRE_VARINT, [GET_WITH_EVENT_TIMES] = SS_WIRE_VARINT,
                                    [GET_AT] = SS_WIRE_FIXED64,       [GET_FINGERPRINT] = SS_WIRE_BYTES};
    if (field->number >= sizeof types) return SS_OK;
    if (field->type != types[field->number]) return ss_wire_malformed("GetFeaturesRequest", error);
    switch (field->number) {
    case GET_ID: get->id = field->value; break;
    case GET_SERVICE: return ss_wire_text("service", field->bytes, arena, &get->service, error);
    case GET_FEATURES: get->feature_count++; break;
    case GET_EVENT:
        if (get->event.is_there) return ss_wire_malformed("GetFeaturesRequest", error);
        get->event.is_there = true;
        *event = field->bytes;
        break;
    case GET_ROW_COUNT: get->row_count = field->value; break;
    case GET_WITH_EVENT_TIMES: get->with_event_times = field->value != 0; break;
    case GET_AT: get->at_us = (int64_t)field->value; break;
    case GET_FINGERPRINT: get->fingerprint = field->bytes; break;
    default: break;
    }
    return SS_OK;
}

static enum ss_status take_features(struct ss_bytes bytes, const struct ss_wire_limits *limits,
                                    struct ss_arena *arena, struct ss_wire_get *get, struct ss_error *error)
{
    struct ss_message message = ss_message_of(bytes);
    struct ss_field field;
    size_t count = 0;
    if (get->feature_count == 0) return SS_OK;
    if (get->feature_count > limits->max_columns)
        return ss_fail(error, SS_LIMIT, "the request names %zu features; the limit is %zu (max_columns)",
                       get->feature_count, limits->max_columns);
    get->features = ss_arena_array(arena, get->feature_count, sizeof *get->features);
    if (!get->features) return ss_fail_memory(error, "a request");
    while (ss_message_next(&message, &field))
        if (field.number == GET_FEATURES)
            SS_TRY(ss_wire_text("feature", field.bytes, arena, &get->features[count++], error));
    return SS_OK;
}

enum ss_status ss_wire_event_open(struct ss_bytes bytes, const struct ss_wire_limits *limits,
                                  struct ss_arena *arena, struct ss_wire_event *event, struct ss_error *error)
{
    struct ss_message message = ss_message_of(bytes);
    struct ss_field field;
    *event = (struct ss_wire_event){.is_there = true, .source = ""};
    while (ss_message_next(&message, &field)) {
        if (field.number <= 3 && field.type != SS_WIRE_BYTES) return ss_wire_malformed("EventAtHand", error);
        if (field.number == 1) SS_TRY(ss_wire_text("source", field.bytes, arena, &event->source, error));
        if (field.number == 3) event->present = field.bytes;
    }
    if (message.failed) return ss_wire_malformed("EventAtHand", error);
    return ss_wire_columns_open("event's column", bytes, 2, limits->max_columns, arena, &event->columns,
                                &event->column_count, error);
}

enum ss_status ss_wire_get_unpack(struct ss_bytes bytes, const struct ss_wire_limits *limits,
                                  struct ss_arena *arena, struct ss_wire_get *get, struct ss_error *error)
{
    struct ss_message message = ss_message_of(bytes);
    struct ss_wire_get unpacked = {.service = ""};
    struct ss_bytes event = {0};
    struct ss_field field;
    while (ss_message_next(&message, &field)) SS_TRY(take_get_field(&field, arena, &unpacked, &event, error));
    if (message.failed) return ss_wire_malformed("GetFeaturesRequest", error);
    if (unpacked.at_us < SS_TIME_MIN_US || unpacked.at_us > SS_TIME_MAX_US)
        return ss_fail(error, SS_INVALID, "the request's at_us is %lld, outside the years 1 to 9999",
                       (long long)unpacked.at_us);
    SS_TRY(take_features(bytes, limits, arena, &unpacked, error));
    SS_TRY(ss_wire_columns_open("key", bytes, GET_KEYS, limits->max_columns, arena, &unpacked.keys,
                                &unpacked.key_count, error));
    SS_TRY(ss_wire_columns_open("input", bytes, GET_INPUTS, limits->max_columns, arena, &unpacked.inputs,
                                &unpacked.input_count, error));
    if (unpacked.event.is_there) SS_TRY(ss_wire_event_open(event, limits, arena, &unpacked.event, error));
    *get = unpacked;
    return SS_OK;
}

// ---- Names become what they name

#define NAMES_MAX 256 // how many names an error looks through for the nearest

static enum ss_status unknown_name(const char *what, struct ss_bytes name, const char *owner_kind,
                                   const char *owner, const char *const *names, size_t count,
                                   struct ss_error *error)
{
    char hint[SS_HINT_SIZE];
    return ss_fail(error, SS_NOT_FOUND, "%s '%.*s': %s '%s' has none of that name%s", what,
                   (int)(name.size > 80 ? 80 : name.size), name.data, owner_kind, owner,
                   ss_nearest_hint(ss_nearest_name(name, names, count), hint));
}

static int find_feature(const struct ss_service *service, const char *name)
{
    for (size_t f = 0; f < service->feature_count; f++)
        if (strcmp(service->features[f].name, name) == 0) return (int)f;
    return -1;
}

static enum ss_status unknown_feature(const struct ss_service *service, const char *name,
                                      struct ss_error *error)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (; count < service->feature_count && count < NAMES_MAX; count++)
        names[count] = service->features[count].name;
    return unknown_name("feature", ss_bytes_of(name), "service", service->name, names, count, error);
}

enum ss_status ss_wire_choose_features(const struct ss_service *service, const char *const *names,
                                       size_t count, struct ss_arena *arena, int **chosen,
                                       size_t *chosen_count, struct ss_error *error)
{
    const size_t most = count ? count : service->feature_count;
    int *list = ss_arena_array(arena, most + 1, sizeof *list);
    if (!list) return ss_fail_memory(error, "a request");
    for (size_t i = 0; i < most; i++) {
        list[i] = count ? find_feature(service, names[i]) : (int)i;
        if (list[i] < 0) return unknown_feature(service, names[i], error);
    }
    *chosen = list;
    *chosen_count = most;
    return SS_OK;
}

enum ss_status ss_wire_check_fingerprint(const struct ss_service *service, struct ss_bytes expected,
                                         struct ss_error *error)
{
    char live[SS_SHA256_TEXT_SIZE], wanted[SS_SHA256_TEXT_SIZE];
    struct ss_sha256 hash;
    if (expected.size == 0) return SS_OK;
    if (expected.size != sizeof hash)
        return ss_fail(error, SS_INVALID, "a fingerprint has %zu bytes, got %zu", sizeof hash, expected.size);
    memcpy(&hash, expected.data, sizeof hash);
    if (memcmp(&hash, &service->fingerprint, sizeof hash) == 0) return SS_OK;
    return ss_fail(error, SS_VERSION, "service '%s': its live plan is %s, the request asks for %s",
                   service->name, ss_sha256_format(&service->fingerprint, live),
                   ss_sha256_format(&hash, wanted));
}

// ---- Keys, inputs and events

static enum ss_status check_keys(const struct ss_service *service, const struct ss_wire_get *get,
                                 struct ss_error *error)
{
    for (size_t i = 0; i < get->key_count; i++) {
        bool known = false;
        for (size_t k = 0; k < service->key_count; k++)
            known = known || ss_bytes_equal(get->keys[i].name, ss_bytes_of(service->key_names[k]));
        if (!known)
            return unknown_name("key", get->keys[i].name, "service", service->name, service->key_names,
                                service->key_count, error);
    }
    return SS_OK;
}

static enum ss_status read_keys(const struct ss_service *service, const struct ss_wire_get *get, int32_t rows,
                                struct ss_arena *arena, struct ss_column *keys, struct ss_error *error)
{
    for (size_t k = 0; k < service->key_count; k++) {
        const struct ss_wire_column *column;
        SS_TRY(ss_wire_column_find("key", get->keys, get->key_count, service->key_names[k], &column, error));
        if (!column)
            return ss_fail(error, SS_INVALID, "service '%s': its key '%s' is missing from the request",
                           service->name, service->key_names[k]);
        SS_TRY(ss_wire_column_read("key", column, service->key_types[k], rows, NULL, arena, &keys[k], error));
    }
    return SS_OK;
}

static enum ss_status check_inputs(const struct ss_service *service, const struct ss_wire_get *get,
                                   struct ss_error *error)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (; count < service->request_count && count < NAMES_MAX; count++)
        names[count] = service->request[count].name;
    for (size_t i = 0; i < get->input_count; i++) {
        bool known = false;
        for (size_t r = 0; r < service->request_count; r++)
            known = known || ss_bytes_equal(get->inputs[i].name, ss_bytes_of(service->request[r].name));
        if (!known)
            return unknown_name("input", get->inputs[i].name, "service", service->name, names, count, error);
    }
    return SS_OK;
}

static enum ss_status read_inputs(const struct ss_service *service, const struct ss_wire_get *get,
                                  int32_t rows, struct ss_arena *arena, struct ss_column *inputs,
                                  struct ss_error *error)
{
    for (size_t r = 0; r < service->request_count; r++) {
        const struct ss_wire_column *column;
        SS_TRY(ss_wire_column_find("input", get->inputs, get->input_count, service->request[r].name, &column,
                                   error));
        if (column)
            SS_TRY(ss_wire_column_read("input", column, service->request[r].type, rows, NULL, arena,
                                       &inputs[r], error));
        else if (!ss_column_repeat(service->request[r].type, (struct ss_value){0}, rows, arena, &inputs[r]))
            return ss_fail_memory(error, "a request's inputs");
    }
    return SS_OK;
}

static enum ss_status read_event_columns(const struct ss_source *source, const struct ss_wire_event *event,
                                         int32_t rows, struct ss_arena *arena, struct ss_column *columns,
                                         struct ss_error *error)
{
    for (size_t i = 0; i < event->column_count; i++) {
        const char *names[NAMES_MAX];
        size_t count = 0;
        int found = -1;
        for (size_t c = 0; c < source->column_count; c++) {
            if (count < NAMES_MAX) names[count++] = source->columns[c].name;
            if (ss_bytes_equal(event->columns[i].name, ss_bytes_of(source->columns[c].name))) found = (int)c;
        }
        if (found < 0)
            return unknown_name("event's column", event->columns[i].name, "source", source->name, names,
                                count, error);
        if (!ss_at_hand_takes(source, found) || columns[found].length)
            return ss_fail(
                error, SS_INVALID,
                "event's column '%s': it is given twice, or follows from what an event at hand is (its time, "
                "operation and arrival do)",
                source->columns[found].name);
        SS_TRY(ss_wire_column_read("event's column", &event->columns[i], source->columns[found].type, rows,
                                   NULL, arena, &columns[found], error));
    }
    return SS_OK;
}

static enum ss_status read_event(const struct ss_definitions *definitions, const struct ss_wire_event *event,
                                 int32_t rows, struct ss_arena *arena, struct ss_events_at_hand *at_hand,
                                 struct ss_error *error)
{
    const struct ss_source *source = ss_find_source(definitions, event->source);
    if (!source)
        return ss_fail(error, SS_NOT_FOUND,
                       "source '%s': the store has none of that name (the request's event)", event->source);
    struct ss_column *columns = ss_arena_array(arena, source->column_count + 1, sizeof *columns);
    bool *carries = ss_arena_array(arena, (size_t)rows + 1, sizeof *carries);
    if (!columns || !carries) return ss_fail_memory(error, "a request's event");
    if (event->present.size && event->present.size != (size_t)rows)
        return ss_fail(error, SS_INVALID, "source '%s': the event's `present` has %zu rows, the request %d",
                       event->source, event->present.size, (int)rows);
    SS_TRY(read_event_columns(source, event, rows, arena, columns, error));
    for (int32_t row = 0; row < rows; row++)
        carries[row] = event->present.size == 0 || event->present.data[row] != 0;
    *at_hand = (struct ss_events_at_hand){source, columns, carries};
    return SS_OK;
}

enum ss_status ss_wire_rows_read(const struct ss_definitions *definitions, const struct ss_service *service,
                                 const struct ss_wire_get *get, int32_t rows, struct ss_arena *arena,
                                 struct ss_wire_rows *read, struct ss_error *error)
{
    struct ss_column *keys = ss_arena_array(arena, service->key_count + 1, sizeof *keys);
    struct ss_column *inputs = ss_arena_array(arena, service->request_count + 1, sizeof *inputs);
    if (!keys || !inputs) return ss_fail_memory(error, "a request");
    *read = (struct ss_wire_rows){.keys = keys, .request = inputs};
    SS_TRY(check_keys(service, get, error));
    SS_TRY(check_inputs(service, get, error));
    SS_TRY(read_keys(service, get, rows, arena, keys, error));
    SS_TRY(read_inputs(service, get, rows, arena, inputs, error));
    if (get->event.is_there) SS_TRY(read_event(definitions, &get->event, rows, arena, &read->at_hand, error));
    return SS_OK;
}
