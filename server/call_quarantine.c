// Quarantine: the rows that did not get in, in parts that fit a message.
//
// A part is found by passing over the rows before it: they are read again, but quarantine is small where
// things are well.

#include "server/admin.h"
#include "server/methods.h"
#include "wire/get_features.h"

#define PART_BYTES (1u << 20) // more than this ends a part

struct part {
    struct ss_arena *arena;
    uint64_t first, seen; // rows to pass over; rows so far
    Selfsame__V1__QuarantinedRow **rows;
    size_t count, capacity, bytes;
    bool is_full; // there are more rows
};

static bool grow(struct part *part)
{
    if (part->count < part->capacity) return true;
    const size_t capacity = part->capacity ? 2 * part->capacity : 64;
    Selfsame__V1__QuarantinedRow **rows = ss_arena_array(part->arena, capacity, sizeof *rows);
    if (!rows) return false;
    if (part->count) memcpy(rows, part->rows, part->count * sizeof *rows);
    part->rows = rows;
    part->capacity = capacity;
    return true;
}

static char *copy_text(struct part *part, const char *text)
{
    const size_t size = strlen(text);
    part->bytes += size;
    return ss_arena_copy(part->arena, text, size);
}

static ProtobufCBinaryData copy_bytes(struct part *part, struct ss_bytes bytes)
{
    part->bytes += bytes.size;
    return (ProtobufCBinaryData){bytes.size, ss_arena_copy(part->arena, bytes.data, bytes.size)};
}

// SS_CANCELLED: the part is full, which ends the reading.
static enum ss_status add_row(void *context, const struct ss_quarantine_row *row)
{
    struct part *part = context;
    if (part->seen++ < part->first) return SS_OK;
    part->is_full = part->bytes > PART_BYTES;
    if (part->is_full) return SS_CANCELLED;
    Selfsame__V1__QuarantinedRow *made = ss_arena_array(part->arena, 1, sizeof *made);
    if (!made || !grow(part)) return SS_OUT_OF_MEMORY;
    selfsame__v1__quarantined_row__init(made);
    part->bytes += sizeof *made;
    made->source = copy_text(part, row->source);
    made->file = copy_bytes(part, ss_bytes_of(row->file));
    made->line = row->line;
    made->column = copy_text(part, row->column);
    made->value = copy_bytes(part, row->value);
    made->reason = copy_text(part, row->reason);
    part->rows[part->count++] = made;
    const bool is_whole = made->source && made->file.data && made->column && made->value.data && made->reason;
    return is_whole ? SS_OK : SS_OUT_OF_MEMORY;
}

static enum ss_status take_question(const struct ss_admin_request *request, const char **source,
                                    uint64_t *first, struct ss_error *error)
{
    struct ss_message message = ss_message_of(request->message);
    struct ss_field field;
    *source = "";
    *first = 0;
    while (ss_message_next(&message, &field)) {
        if (field.number > 2) continue;
        if (field.type != (field.number == 1 ? SS_WIRE_BYTES : SS_WIRE_VARINT))
            return ss_wire_malformed("QuarantineRequest", error);
        if (field.number == 2) *first = field.value;
        if (field.number == 1) SS_TRY(ss_wire_text("source", field.bytes, request->arena, source, error));
    }
    return message.failed ? ss_wire_malformed("QuarantineRequest", error) : SS_OK;
}

static enum ss_status answer_quarantine(struct ss_admin_request *request, struct ss_bytes *answer,
                                        struct ss_error *error)
{
    Selfsame__V1__QuarantineResponse response = SELFSAME__V1__QUARANTINE_RESPONSE__INIT;
    struct part part = {.arena = request->arena};
    const struct ss_source *known;
    const char *source;
    SS_TRY(take_question(request, &source, &part.first, error));
    if (*source) SS_TRY(ss_require_source(request->reader, source, &known, error));
    const enum ss_status status = ss_history_each_quarantined(request->reader->store->history,
                                                              *source ? source : NULL, add_row, &part, error);
    if (status == SS_OUT_OF_MEMORY) return ss_fail_memory(error, "rows in quarantine");
    if (status != SS_OK && !part.is_full) return status;
    response.n_rows = part.count;
    response.rows = part.rows;
    response.is_last = !part.is_full;
    *answer = ss_admin_pack(&response.base, request->arena);
    return answer->data ? SS_OK : ss_fail_memory(error, "rows in quarantine");
}
SS_ADMIN_METHOD(quarantine, "Quarantine", QUARANTINE, SS_RIGHT_ADMIN, answer_quarantine);
