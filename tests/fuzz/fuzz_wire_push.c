// Push: any bytes are rows of a source, or an error. Rows that hold what is no value of its type stand apart,
// each with a reason; the answer to any outcome is a message again.
#include <stdio.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/wire.h"
#include "wire/push_message.h"

static void check_refused(const struct ss_wire_push *push)
{
    const struct ss_wire_refusals *refusals = push->refusals;
    for (size_t i = 0; i < refusals->count; i++) {
        SS_ASSERT(refusals->list[i].reason[0] && refusals->list[i].column[0]);
        SS_ASSERT(refusals->list[i].row >= 0 && refusals->refused[refusals->list[i].row]);
    }
    SS_ASSERT(push->push.unparsed_count >= push->unparsed_sent);
    for (size_t i = 0; i < push->push.unparsed_count; i++)
        SS_ASSERT(push->push.unparsed[i].column && push->push.unparsed[i].reason &&
                  push->push.unparsed[i].file);
    for (int32_t row = 0; push->rows && row < push->push.length; row++)
        SS_ASSERT(!refusals->refused[push->rows[row]] && (row == 0 || push->rows[row] > push->rows[row - 1]));
}

static void check_answer(const struct ss_wire_push *push, struct ss_arena *arena)
{
    struct ss_push_result result = {.accepted = 1, .quarantined = UINT64_MAX, .seq = 5};
    struct ss_field field;
    snprintf(result.not_visible, sizeof result.not_visible, "cut \xc3");
    for (int32_t row = 0; row < push->push.length && row < SS_WIRE_NAMED_ROWS; row++, result.named++)
        push->named[row] = (struct ss_named_row){row, "column", "reason"};
    const struct ss_bytes bytes = ss_wire_push_answer(push, &result, arena);
    SS_ASSERT(bytes.data);
    struct ss_message message = ss_message_of(bytes);
    size_t listed = 0;
    while (ss_message_next(&message, &field)) {
        listed += field.number == 9;
        SS_ASSERT(field.number != 10 || ss_utf8_valid(field.bytes));
    }
    SS_ASSERT(!message.failed && listed <= SS_WIRE_NAMED_ROWS && listed >= result.named);
}

static void check_push(const struct ss_wire_push *push, struct ss_bytes message, struct ss_arena *arena)
{
    const struct ss_source *source = push->push.source;
    struct ss_wire_push_head head;
    struct ss_wire_push again;
    struct ss_error error;
    SS_ASSERT(ss_wire_push_peek(message, arena, &head, &error) == SS_OK);
    SS_ASSERT(head.id == push->id && strcmp(head.source, source->name) == 0);
    for (size_t c = 0; c < source->column_count; c++)
        wire_check_column(&push->push.columns[c], source->columns[c].type, push->push.length, arena);
    check_refused(push);
    SS_ASSERT(ss_wire_push_read(wire_definitions(), message, wire_limits.max_columns, arena, &again,
                                &error) == SS_OK);
    SS_ASSERT(memcmp(&again.push.hash, &push->push.hash, sizeof again.push.hash) == 0);
    check_answer(push, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ss_arena arena;
    struct ss_wire_push push;
    struct ss_error error = {0};
    ss_arena_init(&arena, WIRE_MEMORY);
    const struct ss_bytes message = {(const char *)data, size};
    const enum ss_status status =
        ss_wire_push_read(wire_definitions(), message, wire_limits.max_columns, &arena, &push, &error);
    if (status == SS_OK)
        check_push(&push, message, &arena);
    else
        wire_check_error(status, &error);
    ss_arena_release(&arena);
    return 0;
}
