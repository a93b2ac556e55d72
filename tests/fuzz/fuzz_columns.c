// See fuzz_columns.h.
#include "tests/fuzz/fuzz_columns.h"

#include <string.h>

#include "engine/base/list.h"
#include "engine/base/time.h"
#include "engine/bytecode.h"
#include "tests/fuzz/every_feature.h"

#define ROWS 9 // more than the 8 bits of a byte

static bool list_holds(struct ss_type type, struct ss_bytes packed)
{
    const struct ss_type element = ss_element_of(type);
    struct ss_value value;
    while (ss_list_next(element, &packed, &value))
        if (value.present && !fuzz_value_holds(element, value)) return false;
    return packed.size == 0;
}

// Finite, no -0.
static bool vector_holds(struct ss_type type, struct ss_bytes floats)
{
    if (floats.size != 4 * (size_t)type.length) return false;
    for (size_t i = 0; i < floats.size; i += 4) {
        uint32_t bits;
        memcpy(&bits, floats.data + i, sizeof bits);
        if ((bits >> 23 & 0xff) == 0xff || bits == UINT32_C(1) << 31) return false;
    }
    return true;
}

bool fuzz_value_holds(struct ss_type type, struct ss_value value)
{
    switch (type.id) {
    case SS_BOOL:
    case SS_INT64:
    case SS_BYTES: return true;
    case SS_LIST: return list_holds(type, value.text);
    case SS_VECTOR: return vector_holds(type, value.text);
    case SS_FLOAT64: {
        uint64_t bits;
        memcpy(&bits, &value.f64, sizeof bits);
        return (bits >> 52 & 0x7ff) != 0x7ff && bits != UINT64_C(1) << 63;
    }
    case SS_DECIMAL: return value.i64 >= -SS_DECIMAL_LIMIT && value.i64 <= SS_DECIMAL_LIMIT;
    case SS_STRING: return ss_utf8_valid(value.text);
    case SS_TIMESTAMP: return value.i64 >= SS_TIME_MIN_US && value.i64 <= SS_TIME_MAX_US;
    }
    return false;
}

static const struct ss_column *fill(struct ss_type type, size_t number, struct ss_arena *arena)
{
    struct ss_column *column = ss_arena_alloc(arena, sizeof *column);
    SS_ASSERT(column && ss_column_init(column, type, ROWS, arena));
    for (uint64_t row = 0; row < ROWS; row++) {
        const uint64_t bits = (row + 1 + number * ROWS) * UINT64_C(0x9e3779b97f4a7c15);
        SS_ASSERT(ss_column_append(column, every_value(type, bits ^ bits >> 29, arena), arena));
    }
    return column;
}

void fuzz_run(const struct ss_program *program, const struct ss_type *types, size_t count,
              struct ss_arena *arena)
{
    const struct ss_column **inputs = ss_arena_array(arena, count, sizeof *inputs);
    struct ss_column *outputs = ss_arena_array(arena, ss_program_output_count(program) + 1, sizeof *outputs);
    SS_ASSERT(inputs && outputs);
    for (size_t i = 0; i < count; i++) inputs[i] = fill(types[i], i, arena);
    SS_ASSERT(ss_program_run(program, inputs, ROWS, arena, outputs, NULL) == SS_OK);
    for (size_t i = 0; i < ss_program_output_count(program); i++) {
        SS_ASSERT(outputs[i].length == ROWS);
        for (int32_t row = 0; row < ROWS; row++) {
            const struct ss_value value = ss_column_get(&outputs[i], row);
            SS_ASSERT(!value.present || fuzz_value_holds(outputs[i].type, value));
        }
    }
}
