// Values of every type as text and as bytes. The first byte names the type. What parses is a value of its
// type and comes back from its own text; a list's or vector's bytes that are valid do too.
#include "engine/base/list.h"
#include "engine/base/time.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_columns.h"

static const struct ss_type types[] = {
    {SS_BOOL, 0},
    {SS_INT64, 0},
    {SS_FLOAT64, 0},
    {SS_DECIMAL, 2},
    {SS_DECIMAL, 18},
    {SS_STRING, 0},
    {SS_TIMESTAMP, 0},
    {SS_BYTES, 0},
    {.id = SS_LIST, .element = SS_BOOL},
    {.id = SS_LIST, .element = SS_INT64},
    {.id = SS_LIST, .element = SS_FLOAT64},
    {.id = SS_LIST, .element = SS_DECIMAL, .scale = 3},
    {.id = SS_LIST, .element = SS_STRING},
    {.id = SS_LIST, .element = SS_TIMESTAMP},
    {.id = SS_LIST, .element = SS_BYTES},
    {.id = SS_VECTOR, .length = 1},
    {.id = SS_VECTOR, .length = 3},
};
#define TYPE_COUNT (sizeof types / sizeof *types)

static bool parse(struct ss_type type, struct ss_bytes text, struct ss_arena *arena, struct ss_value *value)
{
    const char *reason = NULL;
    const bool parsed = ss_value_parse(type, text, SS_UNIT_TEXT, NULL, arena, value, &reason);
    SS_ASSERT(parsed || (reason && *reason));
    return parsed;
}

static void check_round_trip(struct ss_type type, struct ss_value value, struct ss_arena *arena)
{
    struct ss_buffer text = {0};
    struct ss_value again = {0};
    ss_value_format(type, value, &text);
    SS_ASSERT(!text.failed);
    const struct ss_bytes formatted = {text.data ? (const char *)text.data : "", text.size};
    SS_ASSERT(type.id == SS_STRING || ss_utf8_valid(formatted));
    SS_ASSERT(parse(type, formatted, arena, &again));
    SS_ASSERT(ss_value_equal(type, value, again));
    ss_buffer_release(&text);
}

// Appended element by element, a list is the same bytes.
static void check_packed(struct ss_type type, struct ss_bytes packed)
{
    struct ss_buffer again = {0};
    struct ss_bytes rest = packed;
    struct ss_value element;
    while (ss_list_next(ss_element_of(type), &rest, &element))
        ss_list_append(ss_element_of(type), element, &again);
    SS_ASSERT(rest.size == 0 && !again.failed && again.size == packed.size);
    SS_ASSERT(packed.size == 0 || memcmp(again.data, packed.data, packed.size) == 0);
    ss_buffer_release(&again);
}

static void check_value(struct ss_type type, struct ss_value value, struct ss_arena *arena)
{
    if (!value.present) return;
    SS_ASSERT(fuzz_value_holds(type, value));
    if (ss_type_is_text(type)) SS_ASSERT(ss_text_valid(type, value.text));
    if (type.id == SS_LIST) check_packed(type, value.text);
    check_round_trip(type, value, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    const struct ss_type type = types[data[0] % TYPE_COUNT];
    const struct ss_bytes input = {(const char *)data + 1, size - 1};
    struct ss_arena arena = {0};
    struct ss_value value = {0};
    if (data[0] < 128) {
        if (parse(type, input, &arena, &value)) check_value(type, value, &arena);
    } else if (ss_type_is_text(type) && ss_text_valid(type, input)) {
        value = (struct ss_value){.present = true, .text = input};
        check_value(type, value, &arena);
    }
    ss_arena_release(&arena);
    return 0;
}
