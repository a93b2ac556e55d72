// Push over the wire.
//
// A value that is none of its type is what a cell of CSV is that does not parse: its row goes to quarantine
// with the value and the reason, and the other rows go on. The columns that remain are the push.
//
// A producer's batch is known by the SHA-256 of what it means: the source, the arrival, every column's name,
// type and cells. How a sender packs them is no part of it. A sender may give another hash itself.

#include "wire/push_message.h"

#include "engine/diagnostics.h"
#include "wire/get_features.h"

enum push_field {
    PUSH_ID = 1,
    PUSH_SOURCE,
    PUSH_COLUMNS,
    PUSH_ARRIVAL,
    PUSH_PRODUCER,
    PUSH_BATCH,
    PUSH_STRICT,
    PUSH_ORIGIN,
    PUSH_LINES,
    PUSH_UNPARSED,
    PUSH_CONTENT_HASH
};

static enum ss_status malformed(struct ss_error *error)
{
    return ss_wire_malformed("PushRequest", error);
}

enum ss_status ss_wire_push_peek(struct ss_bytes bytes, struct ss_arena *arena,
                                 struct ss_wire_push_head *head, struct ss_error *error)
{
    struct ss_message message = ss_message_of(bytes);
    struct ss_field field;
    *head = (struct ss_wire_push_head){.source = ""};
    while (ss_message_next(&message, &field)) {
        if (field.number == PUSH_ID) head->id = field.value;
        if (field.number != PUSH_SOURCE) continue;
        if (field.type != SS_WIRE_BYTES) return malformed(error);
        SS_TRY(ss_wire_text("source", field.bytes, arena, &head->source, error));
    }
    return message.failed ? malformed(error) : SS_OK;
}

struct reading {
    const struct ss_source *source;
    struct ss_arena *arena;
    struct ss_wire_push *out;
    struct ss_wire_column *columns; // as sent
    size_t column_count;
    struct ss_wire_refusals *refusals;
    const char *source_name, *origin;
    uint64_t arrival;
    struct ss_bytes content_hash;
    size_t unparsed_count, line_count;
    uint64_t *lines;
    int32_t rows;
};

static enum ss_status take_push_field(const struct ss_field *field, struct reading *reading,
                                      struct ss_error *error)
{
    static const uint8_t types[] = {
        [PUSH_ID] = SS_WIRE_VARINT,      [PUSH_SOURCE] = SS_WIRE_BYTES,      [PUSH_COLUMNS] = SS_WIRE_BYTES,
        [PUSH_ARRIVAL] = SS_WIRE_VARINT, [PUSH_PRODUCER] = SS_WIRE_BYTES,    [PUSH_BATCH] = SS_WIRE_VARINT,
        [PUSH_STRICT] = SS_WIRE_VARINT,  [PUSH_ORIGIN] = SS_WIRE_BYTES,      [PUSH_LINES] = SS_WIRE_BYTES,
        [PUSH_UNPARSED] = SS_WIRE_BYTES, [PUSH_CONTENT_HASH] = SS_WIRE_BYTES};
    struct ss_push *push = &reading->out->push;
    if (field->number >= sizeof types) return SS_OK;
    if (field->type != types[field->number] &&
        !(field->number == PUSH_LINES && field->type == SS_WIRE_VARINT))
        return malformed(error);
    switch (field->number) {
    case PUSH_ID: reading->out->id = field->value; break;
    case PUSH_SOURCE:
        return ss_wire_text("source", field->bytes, reading->arena, &reading->source_name, error);
    case PUSH_ARRIVAL: reading->arrival = field->value; break;
    case PUSH_PRODUCER: return ss_wire_text("producer", field->bytes, reading->arena, &push->producer, error);
    case PUSH_BATCH: push->number = field->value; break;
    case PUSH_STRICT: push->strict = field->value != 0; break;
    case PUSH_ORIGIN: return ss_wire_text("origin", field->bytes, reading->arena, &reading->origin, error);
    case PUSH_UNPARSED: reading->unparsed_count++; break;
    case PUSH_CONTENT_HASH: reading->content_hash = field->bytes; break;
    default: break;
    }
    return SS_OK;
}

static enum ss_status check_head(struct reading *reading, struct ss_error *error)
{
    struct ss_push *push = &reading->out->push;
    if (push->producer && !push->producer[0]) push->producer = NULL;
    if (reading->arrival > 1)
        return ss_fail(error, SS_INVALID,
                       "source '%s': arrival %llu is unknown; expected 0 (now) or 1 (declared)",
                       reading->source_name, (unsigned long long)reading->arrival);
    push->live = reading->arrival == 0;
    push->file = reading->origin;
    if (!push->producer != !push->number)
        return ss_fail(
            error, SS_INVALID,
            "source '%s': a producer and a batch number (from 1 on) go together; got '%s' and %llu",
            reading->source_name, push->producer ? push->producer : "", (unsigned long long)push->number);
    if (reading->content_hash.size && reading->content_hash.size != sizeof push->hash)
        return ss_fail(error, SS_INVALID, "source '%s': a content_hash has %zu bytes, got %zu",
                       reading->source_name, sizeof push->hash, reading->content_hash.size);
    if (push->producer && strncmp(push->producer, "file:", 5) == 0 && !reading->origin)
        return ss_fail(error, SS_INVALID, "producer '%s': names that start with 'file:' are for files",
                       push->producer);
    return SS_OK;
}

// ---- Columns

static int find_column(const struct ss_source *source, struct ss_bytes name)
{
    for (size_t c = 0; c < source->column_count; c++)
        if (ss_bytes_equal(name, ss_bytes_of(source->columns[c].name))) return (int)c;
    return -1;
}

static enum ss_status check_names(const struct reading *reading, struct ss_error *error)
{
    const struct ss_source *source = reading->source;
    for (size_t i = 0; i < reading->column_count; i++) {
        const struct ss_bytes name = reading->columns[i].name;
        const char *names[256];
        size_t count = 0;
        if (find_column(source, name) >= 0) continue;
        for (; count < source->column_count && count < 256; count++)
            names[count] = source->columns[count].name;
        char hint[SS_HINT_SIZE];
        return ss_fail(error, SS_INVALID, "column '%.*s': source '%s' has none of that name%s",
                       (int)(name.size > 80 ? 80 : name.size), name.data, source->name,
                       ss_nearest_hint(ss_nearest_name(name, names, count), hint));
    }
    return SS_OK;
}

// A column without which no row is an event, or of which views say whose it is.
static bool is_needed(const struct ss_definitions *definitions, const struct ss_source *source, int column,
                      bool live)
{
    if (column == source->event_time_column || column == source->event_id_column ||
        column == source->op_column)
        return true;
    if (!live && source->arrival == SS_ARRIVAL_COLUMN && column == source->arrival_column) return true;
    for (size_t v = 0; v < definitions->view_count; v++) {
        const struct ss_view *view = &definitions->views[v];
        if (view->source != source) continue;
        for (size_t k = 0; k < view->entity->key_count; k++)
            if (view->key_columns[k] == column) return true;
    }
    return false;
}

// Before any column takes memory for the rows that a few bytes may claim.
static enum ss_status check_needed(const struct reading *reading, const struct ss_definitions *definitions,
                                   struct ss_error *error)
{
    const struct ss_source *source = reading->source;
    for (size_t c = 0; c < source->column_count; c++) {
        const struct ss_wire_column *column;
        const char *name = source->columns[c].name;
        int64_t rows = 0;
        if (!is_needed(definitions, source, (int)c, reading->out->push.live)) continue;
        SS_TRY(ss_wire_column_find("column", reading->columns, reading->column_count, name, &column, error));
        if (!column)
            return ss_fail(error, SS_INVALID, "source '%s': its column '%s' is missing from the push",
                           source->name, name);
        SS_TRY(ss_wire_column_rows("column", column, &rows, error));
        if (rows != reading->rows)
            return ss_fail(error, SS_INVALID, "column '%s': expected %d rows as the others have, got %lld",
                           name, (int)reading->rows, (long long)rows);
    }
    return SS_OK;
}

static enum ss_status read_columns(struct reading *reading, struct ss_column *columns, struct ss_error *error)
{
    const struct ss_source *source = reading->source;
    for (size_t c = 0; c < source->column_count; c++) {
        const struct ss_wire_column *column;
        const char *name = source->columns[c].name;
        SS_TRY(ss_wire_column_find("column", reading->columns, reading->column_count, name, &column, error));
        if (column)
            SS_TRY(ss_wire_column_read("column", column, source->columns[c].type, reading->rows,
                                       reading->refusals, reading->arena, &columns[c], error));
        else if (!ss_column_repeat(source->columns[c].type, (struct ss_value){0}, reading->rows,
                                   reading->arena, &columns[c]))
            return ss_fail_memory(error, "a push");
    }
    return SS_OK;
}

// ---- Rows that are none

static enum ss_status read_unparsed(struct ss_bytes body, const struct reading *reading,
                                    struct ss_quarantine_row *row, struct ss_error *error)
{
    struct ss_message message = ss_message_of(body);
    struct ss_field field;
    *row = (struct ss_quarantine_row){.source = reading->source->name,
                                      .file = reading->origin ? reading->origin : "",
                                      .column = "",
                                      .reason = "no row"};
    while (ss_message_next(&message, &field)) {
        if (field.number == 2 && field.type == SS_WIRE_VARINT) row->line = field.value;
        if (field.number < 3 || field.number > 5) continue;
        if (field.type != SS_WIRE_BYTES) return malformed(error);
        if (field.number == 3)
            SS_TRY(ss_wire_text("column", field.bytes, reading->arena, &row->column, error));
        if (field.number == 4) row->value = field.bytes;
        if (field.number == 5)
            SS_TRY(ss_wire_text("reason", field.bytes, reading->arena, &row->reason, error));
    }
    return message.failed ? malformed(error) : SS_OK;
}

static struct ss_quarantine_row refused_row(const struct reading *reading,
                                            const struct ss_wire_refusal *refusal)
{
    return (struct ss_quarantine_row){.source = reading->source->name,
                                      .file = reading->origin ? reading->origin : "",
                                      .line = refusal->line,
                                      .column = refusal->column,
                                      .value = refusal->value,
                                      .reason = refusal->reason};
}

// One for each row that was sent as none, then one for each row of which a value is none.
static enum ss_status collect_unparsed(struct reading *reading, struct ss_bytes bytes, struct ss_error *error)
{
    struct ss_message message = ss_message_of(bytes);
    struct ss_field field;
    struct ss_wire_refusals *refusals = reading->refusals;
    const size_t most = reading->unparsed_count + refusals->count;
    struct ss_quarantine_row *rows = ss_arena_array(reading->arena, most + 1, sizeof *rows);
    bool *seen = ss_arena_array(reading->arena, (size_t)reading->rows + 1, sizeof *seen);
    size_t count = 0;
    if (!rows || !seen) return ss_fail_memory(error, "a push");
    while (reading->unparsed_count && ss_message_next(&message, &field))
        if (field.number == PUSH_UNPARSED) SS_TRY(read_unparsed(field.bytes, reading, &rows[count++], error));
    reading->out->unparsed_sent = count;
    for (size_t i = 0; i < refusals->count; i++) {
        if (reading->lines) refusals->list[i].line = reading->lines[refusals->list[i].row];
        if (seen[refusals->list[i].row]) continue; // the first reason says enough
        seen[refusals->list[i].row] = true;
        rows[count++] = refused_row(reading, &refusals->list[i]);
    }
    reading->out->push.unparsed = rows;
    reading->out->push.unparsed_count = count;
    return SS_OK;
}

// The rows without those that were refused.
static enum ss_status drop_refused(struct reading *reading, struct ss_column *columns, struct ss_error *error)
{
    const struct ss_source *source = reading->source;
    int32_t *rows = ss_arena_array(reading->arena, (size_t)reading->rows + 1, sizeof *rows);
    int32_t count = 0;
    if (!rows) return ss_fail_memory(error, "a push");
    for (int32_t row = 0; row < reading->rows; row++)
        if (!reading->refusals->refused[row]) rows[count++] = row;
    for (size_t c = 0; c < source->column_count; c++) {
        struct ss_column kept;
        if (!ss_column_gather(&columns[c], 0, rows, count, reading->arena, &kept))
            return ss_fail_memory(error, "a push");
        columns[c] = kept;
    }
    for (int32_t i = 0; reading->lines && i < count; i++) reading->lines[i] = reading->lines[rows[i]];
    reading->out->rows = rows;
    reading->rows = count;
    return SS_OK;
}

static enum ss_status read_lines(struct reading *reading, struct ss_bytes bytes, struct ss_error *error)
{
    struct ss_message message = ss_message_of(bytes);
    struct ss_field field;
    size_t count = 0;
    uint64_t *lines = ss_arena_array(reading->arena, (size_t)reading->rows + 1, sizeof *lines);
    if (!lines) return ss_fail_memory(error, "a push");
    while (ss_message_next(&message, &field)) {
        if (field.number != PUSH_LINES) continue;
        if (field.type == SS_WIRE_VARINT && count++ < (size_t)reading->rows) lines[count - 1] = field.value;
        struct ss_message packed = ss_message_of(field.bytes);
        while (field.type == SS_WIRE_BYTES && packed.at < packed.end) {
            const uint64_t line = ss_message_varint(&packed);
            if (count++ < (size_t)reading->rows) lines[count - 1] = line;
        }
        if (packed.failed) return malformed(error);
    }
    if (count == 0) return SS_OK;
    if (count != (size_t)reading->rows)
        return ss_fail(error, SS_INVALID, "source '%s': the push has %zu lines for %d rows",
                       reading->source->name, count, (int)reading->rows);
    reading->lines = lines;
    return SS_OK;
}

// ---- What a producer's batch means

static void hash_text(struct ss_hasher *hasher, struct ss_bytes text)
{
    uint8_t size[8];
    for (int i = 0; i < 8; i++) size[i] = (uint8_t)((uint64_t)text.size >> (8 * i));
    ss_hasher_add(hasher, size, sizeof size);
    ss_hasher_add(hasher, text.data, text.size);
}

// Under an unset bit a value is 0 or empty, so equal cells are equal bytes.
static void hash_column(struct ss_hasher *hasher, const struct ss_column *column)
{
    const size_t rows = (size_t)column->length, bits = (rows + 7) / 8;
    ss_hasher_add(hasher, column->validity, bits);
    if (column->type.id == SS_BOOL) {
        ss_hasher_add(hasher, column->bits, bits);
    } else if (ss_type_is_text(column->type)) {
        ss_hasher_add(hasher, column->offsets, (rows + 1) * sizeof *column->offsets);
        ss_hasher_add(hasher, column->data, (size_t)column->offsets[rows]);
    } else {
        ss_hasher_add(hasher, column->i64, rows * sizeof *column->i64);
    }
}

static enum ss_status hash_batch(const struct reading *reading, struct ss_push *push, struct ss_error *error)
{
    const uint8_t flags = (uint8_t)(push->live | push->strict << 1);
    if (!push->producer) return SS_OK;
    if (reading->content_hash.size) {
        memcpy(&push->hash, reading->content_hash.data, sizeof push->hash);
        return SS_OK;
    }
    struct ss_hasher *hasher = ss_hasher_create();
    if (!hasher) return ss_fail_memory(error, "the hash of a push");
    hash_text(hasher, ss_bytes_of(reading->source->name));
    ss_hasher_add(hasher, &flags, 1);
    for (size_t c = 0; c < reading->source->column_count; c++) {
        char type[SS_TYPE_TEXT_SIZE];
        hash_text(hasher, ss_bytes_of(reading->source->columns[c].name));
        hash_text(hasher, ss_bytes_of(ss_type_format(push->columns[c].type, type)));
        hash_column(hasher, &push->columns[c]);
    }
    for (size_t i = 0; i < push->unparsed_count; i++) {
        hash_text(hasher, ss_bytes_of(push->unparsed[i].column));
        hash_text(hasher, push->unparsed[i].value);
    }
    push->hash = ss_hasher_end(hasher);
    return SS_OK;
}

// ---- The whole

static enum ss_status count_rows(struct reading *reading, struct ss_error *error)
{
    int64_t rows = 0;
    if (reading->column_count) SS_TRY(ss_wire_column_rows("column", &reading->columns[0], &rows, error));
    if (rows >= INT32_MAX)
        return ss_fail(error, SS_LIMIT, "source '%s': a push has at most %d rows, got %lld",
                       reading->source->name, INT32_MAX - 1, (long long)rows);
    reading->rows = (int32_t)rows;
    return SS_OK;
}

static enum ss_status read_rows(struct reading *reading, const struct ss_definitions *definitions,
                                struct ss_bytes bytes, size_t max_columns, struct ss_error *error)
{
    struct ss_push *push = &reading->out->push;
    struct ss_column *columns =
        ss_arena_array(reading->arena, reading->source->column_count + 1, sizeof *columns);
    SS_TRY(ss_wire_columns_open("column", bytes, PUSH_COLUMNS, max_columns, reading->arena, &reading->columns,
                                &reading->column_count, error));
    SS_TRY(check_names(reading, error));
    SS_TRY(count_rows(reading, error));
    reading->refusals = ss_arena_array(reading->arena, 1, sizeof *reading->refusals);
    if (!columns || !reading->refusals) return ss_fail_memory(error, "a push");
    reading->refusals->refused = ss_arena_array(reading->arena, (size_t)reading->rows + 1, sizeof(bool));
    if (!reading->refusals->refused) return ss_fail_memory(error, "a push");
    if (reading->rows || !reading->unparsed_count) {
        SS_TRY(check_needed(reading, definitions, error));
        SS_TRY(read_columns(reading, columns, error));
    }
    for (size_t c = 0; c < reading->source->column_count && !columns[c].validity; c++)
        if (!ss_column_init(&columns[c], reading->source->columns[c].type, 1, reading->arena))
            return ss_fail_memory(error, "a push");
    SS_TRY(read_lines(reading, bytes, error));
    SS_TRY(collect_unparsed(reading, bytes, error));
    if (reading->refusals->count) SS_TRY(drop_refused(reading, columns, error));
    push->columns = columns;
    push->length = reading->rows;
    push->lines = reading->lines;
    push->named_capacity = SS_WIRE_NAMED_ROWS;
    push->named = ss_arena_array(reading->arena, push->named_capacity, sizeof *push->named);
    reading->out->named = push->named;
    reading->out->refusals = reading->refusals;
    return push->named ? hash_batch(reading, push, error) : ss_fail_memory(error, "a push");
}

enum ss_status ss_wire_push_read(const struct ss_definitions *definitions, struct ss_bytes bytes,
                                 size_t max_columns, struct ss_arena *arena, struct ss_wire_push *push,
                                 struct ss_error *error)
{
    struct ss_message message = ss_message_of(bytes);
    struct ss_wire_push made = {0};
    struct reading reading = {.arena = arena, .out = &made, .source_name = ""};
    struct ss_field field;
    while (ss_message_next(&message, &field)) SS_TRY(take_push_field(&field, &reading, error));
    if (message.failed) return malformed(error);
    SS_TRY(check_head(&reading, error));
    made.push.source = reading.source = ss_find_source(definitions, reading.source_name);
    if (!made.push.source) {
        const char *names[256];
        size_t count = 0;
        for (; count < definitions->source_count && count < 256; count++)
            names[count] = definitions->sources[count].name;
        const char *nearest = ss_nearest_name(ss_bytes_of(reading.source_name), names, count);
        char hint[SS_HINT_SIZE];
        return ss_fail(error, SS_NOT_FOUND, "source '%s': the store has none of that name%s",
                       reading.source_name, ss_nearest_hint(nearest, hint));
    }
    SS_TRY(read_rows(&reading, definitions, bytes, max_columns, error));
    *push = made;
    return SS_OK;
}

// ---- The answer

struct refused { // a row as the answer lists it
    int64_t row;
    uint64_t line;
    const char *column, *reason;
    struct ss_bytes value;
};

static uint64_t zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static size_t refused_size(const struct refused *refused)
{
    return ss_number_field_size(zigzag(refused->row)) + ss_number_field_size(refused->line) +
           ss_bytes_field_size(strlen(refused->column)) + ss_bytes_field_size(refused->value.size) +
           ss_bytes_field_size(strlen(refused->reason));
}

static uint8_t *put_refused(uint8_t *at, const struct refused *refused)
{
    at = ss_put_varint(ss_put_tag(at, 9, SS_WIRE_BYTES), refused_size(refused));
    at = ss_put_number_field(at, 1, zigzag(refused->row));
    at = ss_put_number_field(at, 2, refused->line);
    at = ss_put_bytes_field(at, 3, refused->column, strlen(refused->column));
    at = ss_put_bytes_field(at, 4, refused->value.data, refused->value.size);
    return ss_put_bytes_field(at, 5, refused->reason, strlen(refused->reason));
}

#define VALUE_SHOWN 256 // bytes of a refused value in an answer; quarantine has all of it

// Those that were no rows of the push, then those that the door or history kept out.
static size_t list_refused(const struct ss_wire_push *push, const struct ss_push_result *result,
                           struct refused *list)
{
    size_t count = 0;
    for (size_t i = 0; push->refusals && i < push->refusals->count && count < SS_WIRE_NAMED_ROWS; i++) {
        const struct ss_wire_refusal *refusal = &push->refusals->list[i];
        const size_t size = refusal->value.size < VALUE_SHOWN ? refusal->value.size : VALUE_SHOWN;
        list[count++] = (struct refused){
            refusal->row, refusal->line, refusal->column, refusal->reason, {refusal->value.data, size}};
    }
    for (size_t i = 0; i < result->named && count < SS_WIRE_NAMED_ROWS; i++) {
        const struct ss_named_row *row = &push->named[i];
        const int32_t at = row->row;
        list[count++] = (struct refused){at >= 0 && push->rows ? push->rows[at] : at,
                                         at >= 0 && push->push.lines ? push->push.lines[at] : 0,
                                         row->column,
                                         row->reason,
                                         {0}};
    }
    return count;
}

struct ss_bytes ss_wire_push_answer(const struct ss_wire_push *push, const struct ss_push_result *result,
                                    struct ss_arena *arena)
{
    struct refused *refused = ss_arena_array(arena, SS_WIRE_NAMED_ROWS, sizeof *refused);
    if (!refused) return (struct ss_bytes){0};
    const uint64_t numbers[] = {
        push->id,       result->accepted, result->duplicate, result->conflicting, result->quarantined,
        result->warned, result->repeated};
    const size_t count = list_refused(push, result, refused), not_visible = strlen(result->not_visible);
    const size_t first_reason = strlen(result->first_reason);
    size_t size =
        SS_FIXED64_FIELD_SIZE + ss_bytes_field_size(not_visible) + ss_bytes_field_size(first_reason);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) size += ss_number_field_size(numbers[i]);
    for (size_t i = 0; i < count; i++)
        size += 1 + ss_varint_size(refused_size(&refused[i])) + refused_size(&refused[i]);
    uint8_t *bytes = ss_arena_alloc(arena, size), *at = bytes;
    if (!bytes) return (struct ss_bytes){0};
    for (uint32_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        at = ss_put_number_field(at, i + 1, numbers[i]);
    at = ss_put_fixed64_field(at, 8, result->seq);
    for (size_t i = 0; i < count; i++) at = put_refused(at, &refused[i]);
    at = ss_put_bytes_field(at, 10, result->not_visible, not_visible);
    ss_wire_mend_text((char *)at - not_visible, not_visible);
    (void)ss_put_bytes_field(at, 12, result->first_reason, first_reason);
    return (struct ss_bytes){(const char *)bytes, size};
}
