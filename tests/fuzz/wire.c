// See wire.h.
#include "tests/fuzz/wire.h"

#include "tests/fuzz/fuzz_columns.h"
#include "tests/unit/definitions_harness.h"
#include "wire/error_message.h"

const struct ss_definitions *wire_definitions(void)
{
    static const struct ss_definitions *definitions;
    if (!definitions) definitions = harness_definitions_of("tests/fuzz/wire.yaml");
    return definitions;
}

void wire_check_error(enum ss_status status, const struct ss_error *error)
{
    struct ss_arena arena = {0};
    SS_ASSERT(status == error->status && error->message[0]);
    SS_ASSERT(status == SS_INVALID || status == SS_NOT_FOUND || status == SS_LIMIT || status == SS_VERSION);
    const struct ss_bytes message = ss_wire_error_message(9, 7, error, 50000, &arena);
    struct ss_message fields = ss_message_of(message);
    struct ss_field field;
    SS_ASSERT(ss_message_next(&fields, &field) && field.number == 1 && field.value == 7);
    SS_ASSERT(ss_message_next(&fields, &field) && field.number == 9 && fields.at == fields.end);
    for (struct ss_message parts = ss_message_of(field.bytes); ss_message_next(&parts, &field);)
        SS_ASSERT(field.number != 2 || ss_utf8_valid(field.bytes));
    ss_arena_release(&arena);
}

static void check_values(const struct ss_column *column)
{
    for (int32_t row = 0; row < column->length; row++) {
        const struct ss_value value = ss_column_get(column, row);
        SS_ASSERT(!value.present || fuzz_value_holds(column->type, value));
    }
}

static void check_same(const struct ss_column *column, const struct ss_column *again)
{
    SS_ASSERT(again->length == column->length);
    for (int32_t row = 0; row < column->length; row++) {
        const struct ss_value before = ss_column_get(column, row), after = ss_column_get(again, row);
        SS_ASSERT(before.present == after.present);
        SS_ASSERT(!before.present || ss_value_equal(column->type, before, after));
    }
}

// As an answer has it; what a request may not say (a null is a 1, whatever its reason) it does not.
static void check_round_trip(const struct ss_column *column, struct ss_arena *arena)
{
    uint8_t *statuses = ss_arena_alloc(arena, (size_t)column->length + 1);
    SS_ASSERT(statuses);
    for (int32_t row = 0; row < column->length; row++) statuses[row] = !ss_column_get(column, row).present;
    const struct ss_wire_part part = {column, statuses};
    struct ss_wire_output output = {.name = "x", .type = column->type, .parts = &part, .part_count = 1};
    SS_ASSERT(ss_wire_output_size(&output, arena));
    uint8_t *bytes = ss_arena_alloc(arena, output.size + 1);
    SS_ASSERT(bytes && ss_wire_output_write(&output, bytes) == bytes + output.size);
    struct ss_wire_column opened;
    struct ss_column again;
    struct ss_error error;
    const struct ss_bytes body = {(const char *)bytes, output.size};
    SS_ASSERT(ss_wire_column_open("column", body, &opened, &error) == SS_OK);
    SS_ASSERT(ss_wire_column_read("column", &opened, column->type, column->length, NULL, arena, &again,
                                  &error) == SS_OK);
    check_same(column, &again);
}

void wire_check_column(const struct ss_column *column, struct ss_type type, int32_t rows,
                       struct ss_arena *arena)
{
    SS_ASSERT(column->length == rows && ss_type_equal(column->type, type));
    check_values(column);
    check_round_trip(column, arena);
}

void wire_check_event(const struct ss_events_at_hand *events, int32_t rows, struct ss_arena *arena)
{
    for (size_t c = 0; events->source && c < events->source->column_count; c++)
        if (events->columns[c].length)
            wire_check_column(&events->columns[c], events->source->columns[c].type, rows, arena);
}
