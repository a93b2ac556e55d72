// Packed columns from any bytes: the first byte names the type, the next two the number of rows; the rest is
// what is packed, without its checksum, which is made here. What opens holds values of its type only, the
// same in whatever runs they are read, and packs to bytes that open to the same.
#include "engine/base/hash.h"
#include "store/packed.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_columns.h"

#include <stdlib.h>

static const struct ss_type types[] = {
    {.id = SS_BOOL},
    {.id = SS_INT64},
    {.id = SS_FLOAT64},
    {.id = SS_DECIMAL, .scale = 2},
    {.id = SS_STRING},
    {.id = SS_TIMESTAMP},
    {.id = SS_BYTES},
    {.id = SS_LIST, .element = SS_INT64},
    {.id = SS_LIST, .element = SS_STRING},
    {.id = SS_VECTOR, .length = 2},
};
#define TYPE_COUNT (sizeof types / sizeof *types)
#define ROWS_END   5000
#define TEXT_LIMIT (1 << 22) // bytes: a dictionary of long entries would be too slow

static struct ss_column column_for(struct ss_type type, int32_t count, struct ss_arena *arena)
{
    struct ss_column column;
    SS_ASSERT(ss_column_init(&column, type, count, arena));
    return column;
}

// All rows at once. False: there is too much text.
static bool read_whole(const struct ss_packed *packed, struct ss_arena *arena, struct ss_column *column)
{
    struct ss_arena texts;
    ss_arena_init(&texts, TEXT_LIMIT);
    *column = column_for(packed->type, packed->count, arena);
    const bool read = ss_packed_append(packed, 0, packed->count, column, &texts);
    if (read && column->data) {
        column->data = ss_arena_copy(arena, column->data, (size_t)column->data_capacity);
        SS_ASSERT(column->data);
    }
    SS_ASSERT(read || ss_type_is_text(packed->type));
    ss_arena_release(&texts);
    return read;
}

static void check_same(const struct ss_column *a, const struct ss_column *b)
{
    SS_ASSERT(a->length == b->length);
    for (int32_t row = 0; row < a->length; row++)
        SS_ASSERT(ss_value_equal(a->type, ss_column_get(a, row), ss_column_get(b, row)));
}

static void check_values(const struct ss_column *column)
{
    for (int32_t row = 0; row < column->length; row++) {
        const struct ss_value value = ss_column_get(column, row);
        if (value.present) SS_ASSERT(fuzz_value_holds(column->type, value));
        if (ss_type_is_text(column->type)) SS_ASSERT(column->offsets[row] <= column->offsets[row + 1]);
    }
}

static void check_runs(const struct ss_packed *packed, const struct ss_column *whole, uint64_t seed,
                       struct ss_arena *arena)
{
    struct ss_column column = column_for(packed->type, packed->count, arena);
    while (column.length < packed->count) {
        const int32_t left = packed->count - column.length, run = (int32_t)(seed % 1100) + 1;
        SS_ASSERT(ss_packed_append(packed, column.length, run < left ? run : left, &column, arena));
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    }
    check_same(&column, whole);
}

static void check_again(const struct ss_column *whole, struct ss_arena *arena)
{
    struct ss_buffer bytes = {0};
    struct ss_packed packed;
    struct ss_column again;
    ss_packed_column(whole, 0, whole->length, &bytes);
    SS_ASSERT(!bytes.failed);
    const struct ss_bytes view = {(const char *)bytes.data, bytes.size};
    SS_ASSERT(ss_packed_open_column(view, whole->type, whole->length, arena, &packed) == SS_PACKED_OK);
    SS_ASSERT(read_whole(&packed, arena, &again));
    check_same(&again, whole);
    ss_buffer_release(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    const struct ss_type type = types[fuzz_byte(&input) % TYPE_COUNT];
    const int32_t count = (int32_t)(fuzz_bytes(&input, 2) % ROWS_END);
    const uint64_t checksum = ss_hash64(input.at, input.left);
    struct ss_arena arena = {0};
    struct ss_packed packed;
    struct ss_column whole;
    uint8_t *bytes = malloc(input.left + 8); // of exactly its size
    SS_ASSERT(bytes);
    if (input.left) memcpy(bytes, input.at, input.left);
    for (int i = 0; i < 8; i++) bytes[input.left + (size_t)i] = (uint8_t)(checksum >> 8 * i);
    const struct ss_bytes view = {(const char *)bytes, input.left + 8};
    const enum ss_packed_open opened = ss_packed_open_column(view, type, count, &arena, &packed);
    SS_ASSERT(opened != SS_PACKED_NO_MEMORY);
    if (opened == SS_PACKED_OK && read_whole(&packed, &arena, &whole)) {
        check_values(&whole);
        check_runs(&packed, &whole, checksum, &arena);
        check_again(&whole, &arena);
    }
    ss_arena_release(&arena);
    free(bytes);
    return 0;
}
