// Requests, written. The fields are numbered in feature_store.proto; a message within another is written
// first, then appended with its size.

#include "wire/request_write.h"

#include "wire/column_write.h"

static void add_tag(struct ss_buffer *message, uint32_t number, enum ss_wire_type type)
{
    ss_buffer_byte(message, (uint8_t)(number << 3 | type)); // no field is above 15
}

static void add_number(struct ss_buffer *message, uint32_t number, uint64_t value)
{
    if (!value) return;
    add_tag(message, number, SS_WIRE_VARINT);
    ss_buffer_varint(message, value);
}

static void add_fixed64(struct ss_buffer *message, uint32_t number, uint64_t value)
{
    if (!value) return;
    add_tag(message, number, SS_WIRE_FIXED64);
    ss_buffer_fixed64(message, value);
}

// One that is repeated is there even if it is empty.
static void add_part(struct ss_buffer *message, uint32_t number, const void *data, size_t size)
{
    add_tag(message, number, SS_WIRE_BYTES);
    ss_buffer_varint(message, size);
    ss_buffer_append(message, data, size);
}

static void add_bytes(struct ss_buffer *message, uint32_t number, const void *data, size_t size)
{
    if (size) add_part(message, number, data, size);
}

// A file's name may be no UTF-8, which a text of a message has to be.
static void add_text(struct ss_buffer *message, uint32_t number, const char *text)
{
    const size_t size = text ? strlen(text) : 0;
    add_bytes(message, number, text, size);
    if (size && !message->failed) ss_wire_mend_text((char *)message->data + message->size - size, size);
}

// Appends a message that was written apart, and releases it.
static void add_message(struct ss_buffer *message, uint32_t number, struct ss_buffer *part)
{
    message->failed = message->failed || part->failed;
    add_part(message, number, part->data, part->size);
    ss_buffer_release(part);
}

// ---- Columns

// A column of a request: its rows [first, first + length).
static bool add_column(struct ss_buffer *message, uint32_t number, const char *name, struct ss_type type,
                       const struct ss_column *column, int64_t first, int32_t length, struct ss_arena *arena)
{
    struct ss_wire_part part = {.cells = column};
    struct ss_wire_output output = {.name = name, .type = type, .parts = &part, .part_count = length > 0};
    struct ss_column slice;
    if (length && (first || length != column->length)) {
        if (!ss_column_slice(column, first, length, arena, &slice)) return false;
        part.cells = &slice;
    }
    uint8_t *statuses = ss_arena_alloc(arena, (size_t)length + 1);
    if (!statuses) return false;
    for (int32_t row = 0; row < length; row++)
        statuses[row] = ss_bit_get(part.cells->validity, row) ? SS_CELL_PRESENT : SS_CELL_NULL;
    part.statuses = statuses;
    if (!ss_wire_output_size(&output, arena)) return false;
    uint8_t *at = ss_buffer_room(message, output.size + 11);
    if (!at) return false;
    uint8_t *end = ss_wire_outputs_write(&output, 1, number, at);
    message->size += (size_t)(end - at);
    return true;
}

static bool add_event(struct ss_buffer *message, uint32_t number, const struct ss_events_at_hand *events,
                      int64_t first, int32_t length, struct ss_arena *arena)
{
    const struct ss_source *source = events->source;
    struct ss_buffer part = {0};
    bool ok = true;
    if (!source) return true;
    add_text(&part, 1, source->name);
    for (size_t c = 0; ok && c < source->column_count; c++)
        if (events->columns[c].length)
            ok = add_column(&part, 2, source->columns[c].name, source->columns[c].type, &events->columns[c],
                            first, length, arena);
    uint8_t *present = events->carries ? ss_arena_alloc(arena, (size_t)length + 1) : NULL;
    for (int32_t row = 0; present && row < length; row++) present[row] = events->carries[first + row];
    if (present) add_bytes(&part, 3, present, (size_t)length);
    ok = ok && (present || !events->carries);
    add_message(message, number, &part);
    return ok;
}

// Keys in field `number`, request inputs in the next, the event at hand in the one behind.
static bool add_rows(struct ss_buffer *message, uint32_t number, const struct ss_service *service,
                     const struct ss_column *keys, const struct ss_column *request,
                     const struct ss_events_at_hand *events, int64_t first, int32_t length,
                     struct ss_arena *arena)
{
    bool ok = true;
    for (size_t k = 0; ok && k < service->key_count; k++)
        ok = add_column(message, number, service->key_names[k], service->key_types[k], &keys[k], first,
                        length, arena);
    for (size_t r = 0; ok && request && r < service->request_count; r++)
        ok = add_column(message, number + 1, service->request[r].name, service->request[r].type, &request[r],
                        first, length, arena);
    return ok && add_event(message, number + 2, events, first, length, arena);
}

// ---- Lookups

static bool wants_all(const struct ss_service *service, const bool *wanted)
{
    for (size_t f = 0; wanted && f < service->feature_count; f++)
        if (!wanted[f]) return false;
    return true;
}

bool ss_wire_get_write(const struct ss_service *service, const struct ss_lookup *lookup, int64_t at_us,
                       struct ss_arena *arena, struct ss_buffer *message)
{
    add_text(message, 2, service->name);
    for (size_t f = 0; !wants_all(service, lookup->wanted) && f < service->feature_count; f++)
        if (lookup->wanted[f]) add_text(message, 3, service->features[f].name);
    if (!add_rows(message, 4, service, lookup->keys, lookup->request, &lookup->at_hand, 0, lookup->length,
                  arena))
        return false;
    if (!service->key_count) add_number(message, 7, (uint64_t)lookup->length);
    add_fixed64(message, 9, (uint64_t)at_us);
    add_bytes(message, 10, service->fingerprint.bytes, sizeof service->fingerprint.bytes);
    return !message->failed;
}

// ---- Pushes

static void add_lines(struct ss_buffer *message, const uint64_t *lines, int32_t length)
{
    struct ss_buffer packed = {0};
    for (int32_t row = 0; row < length; row++) ss_buffer_varint(&packed, lines[row]);
    if (packed.size || packed.failed) add_message(message, 9, &packed);
}

static void add_unparsed(struct ss_buffer *message, const struct ss_quarantine_row *row)
{
    struct ss_buffer part = {0};
    add_number(&part, 1, 1); // zigzag of -1: it is none of the rows
    add_number(&part, 2, row->line);
    add_text(&part, 3, row->column);
    add_bytes(&part, 4, row->value.data, row->value.size);
    add_text(&part, 5, row->reason);
    add_message(message, 10, &part);
}

bool ss_wire_push_write(const struct ss_push *push, struct ss_arena *arena, struct ss_buffer *message)
{
    const struct ss_source *source = push->source;
    add_number(message, 1, push->number);
    add_text(message, 2, source->name);
    for (size_t c = 0; c < source->column_count; c++)
        if (!add_column(message, 3, source->columns[c].name, source->columns[c].type,
                        push->length ? &push->columns[c] : NULL, 0, push->length, arena))
            return false;
    add_number(message, 4, !push->live);
    add_text(message, 5, push->producer);
    add_number(message, 6, push->number);
    add_number(message, 7, push->strict);
    add_text(message, 8, push->file);
    if (push->lines) add_lines(message, push->lines, push->length);
    for (size_t i = 0; i < push->unparsed_count; i++) add_unparsed(message, &push->unparsed[i]);
    add_bytes(message, 11, push->hash.bytes, sizeof push->hash.bytes);
    return !message->failed;
}

void ss_wire_producer_write(const char *source, const char *producer, uint64_t number,
                            struct ss_buffer *message)
{
    add_text(message, 1, source);
    add_text(message, 2, producer);
    add_number(message, 3, number);
}

void ss_wire_quarantine_write(const char *source, uint64_t first, struct ss_buffer *message)
{
    add_text(message, 1, source);
    add_number(message, 2, first);
}

// ---- Training tables

void ss_wire_training_start_write(const struct ss_service *service, const struct ss_spine *spine,
                                  struct ss_buffer *message)
{
    struct ss_buffer start = {0};
    add_text(&start, 1, service->name);
    add_number(&start, 3, spine->as_of_event_time);
    add_number(&start, 4, spine->inclusive);
    add_bytes(&start, 5, service->fingerprint.bytes, sizeof service->fingerprint.bytes);
    add_message(message, 1, &start);
}

bool ss_wire_spine_write(const struct ss_service *service, const struct ss_spine *spine, int64_t first,
                         int32_t length, struct ss_arena *arena, struct ss_buffer *message)
{
    struct ss_buffer part = {0}, times = {0};
    const bool ok =
        add_rows(&part, 1, service, spine->keys, spine->request, &spine->at_hand, first, length, arena);
    for (int32_t row = 0; row < length; row++) ss_buffer_fixed64(&times, (uint64_t)spine->t_us[first + row]);
    add_message(&part, 4, &times);
    add_message(message, 2, &part);
    return ok && !message->failed;
}

// ---- Definitions

void ss_wire_files_write(const struct ss_file *files, size_t count, struct ss_buffer *message)
{
    for (size_t i = 0; i < count; i++) {
        struct ss_buffer file = {0};
        add_text(&file, 1, files[i].path);
        add_bytes(&file, 2, files[i].text.data, files[i].text.size);
        add_message(message, 1, &file);
    }
}

void ss_wire_rebuild_write(const char *const *views, size_t count, bool all, struct ss_buffer *message)
{
    for (size_t i = 0; i < count; i++) add_text(message, 1, views[i]);
    add_number(message, 2, all);
}
