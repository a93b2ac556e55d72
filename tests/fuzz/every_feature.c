// See every_feature.h.
#include "tests/fuzz/every_feature.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/list.h"
#include "engine/bytecode.h"
#include "tests/unit/definitions_harness.h"

const struct ss_definitions *every_feature(void)
{
    static const struct ss_definitions *definitions;
    if (!definitions) definitions = harness_definitions_of("tests/fuzz/every_feature.yaml");
    return definitions;
}

// ---- Values

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double float64_of(uint64_t kind, uint64_t bits)
{
    static const uint64_t special[] = {
        0,                            // 0
        UINT64_C(0x3ff0000000000000), // 1
        UINT64_C(0xbff0000000000000), // -1
        UINT64_C(0x3fb999999999999a), // 0.1
        UINT64_C(0x40c3880000000000), // 10000
        UINT64_C(0x3fe0000000000001), // just above a half
        UINT64_C(0x0000000000000001),
        0x000fffffffffffff, // the subnormals' ends
        UINT64_C(0x0010000000000000),
        0x8000000000000001, // the least normal; the greatest negative
        UINT64_C(0x7fefffffffffffff),
        UINT64_C(0xffefffffffffffff), // the greatest and the least
    };
    const uint64_t sign = bits & UINT64_C(1) << 63, mantissa = bits & ((UINT64_C(1) << 52) - 1);
    switch (kind) {
    case 0: return double_of(special[bits % (sizeof special / sizeof *special)]);
    case 1: return (double)(int64_t)(bits % 2001) - 1000;                               // exact
    case 2: return double_of(sign | UINT64_C(0x3ff) << 52 | mantissa);                  // 1 to 2
    case 3: return double_of(sign | (UINT64_C(0x3e0) + (bits >> 57)) << 52 | mantissa); // wider
    case 4: return mantissa ? double_of(sign | mantissa) : 0;                           // subnormal
    case 5: return double_of(UINT64_C(0x41cdcd6500000000) | (bits & 0xffffffff));       // 1e9 and a little
    default: return bits << 1 && (bits >> 52 & 0x7ff) != 0x7ff ? double_of(bits) : 0;
    }
}

static struct ss_bytes keep(const void *data, size_t size, struct ss_arena *arena)
{
    const char *copy = ss_arena_copy(arena, data, size);
    SS_ASSERT(copy);
    return (struct ss_bytes){copy, size};
}

static struct ss_bytes string_of(uint64_t kind, uint64_t bits, struct ss_arena *arena)
{
    static const char *const few[] = {"DE", "US", "FR", "", "de", "\xc3\xa4\xe2\x82\xac", " x ", "DEU"};
    char text[40];
    if (kind < 4) return ss_bytes_of(few[bits % 8]);
    snprintf(text, sizeof text, "v%llu", (unsigned long long)(kind < 6 ? bits % 300 : bits));
    return keep(text, strlen(text), arena);
}

static int64_t int64_of(uint64_t kind, uint64_t bits, int64_t low, int64_t high)
{
    static const int64_t special[] = {0, 1, -1, 10, 100, 999, -1000, 127};
    if (kind == 0) return bits & 1 ? high : low;
    if (kind < 3) return special[bits % 8];
    if (kind < 6) return (int64_t)(bits % 20001) - 10000;
    const uint64_t span = (uint64_t)high - (uint64_t)low;
    return (int64_t)((uint64_t)low + (span == UINT64_MAX ? bits : bits % (span + 1)));
}

static struct ss_bytes bytes_of(uint64_t kind, uint64_t bits, struct ss_arena *arena)
{
    return kind < 4 ? keep(&bits, bits % 3, arena) : keep(&bits, sizeof bits, arena);
}

// Up to six elements, some of them null.
static struct ss_bytes list_of(struct ss_type element, uint64_t bits, struct ss_arena *arena)
{
    struct ss_buffer packed = {0};
    for (uint64_t i = 0; i < bits % 7; i++) {
        const uint64_t each = (bits + i) * UINT64_C(0x9e3779b97f4a7c15);
        ss_list_append(element, every_value(element, each ^ each >> 31, arena), &packed);
    }
    SS_ASSERT(!packed.failed);
    const struct ss_bytes bytes = keep(packed.data ? packed.data : (uint8_t *)"", packed.size, arena);
    ss_buffer_release(&packed);
    return bytes;
}

static struct ss_bytes vector_of(size_t length, uint64_t kind, uint64_t bits, struct ss_arena *arena)
{
    uint32_t *floats = ss_arena_array(arena, length, sizeof *floats);
    SS_ASSERT(floats);
    for (size_t i = 0; i < length; i++) {
        const uint64_t each = (bits + i) * UINT64_C(0x9e3779b97f4a7c15);
        const uint32_t sign = (uint32_t)(each & 1) << 31, mantissa = (uint32_t)(each >> 40 & 0x7fffff);
        const uint32_t exponent = kind < 4 ? 127 : (uint32_t)(each >> 1) % 255;
        floats[i] = kind == 7 && each % 4 == 0 ? 0 : sign | exponent << 23 | mantissa | 1;
    }
    return (struct ss_bytes){(const char *)floats, 4 * length};
}

struct ss_value every_value(struct ss_type type, uint64_t bits, struct ss_arena *arena)
{
    struct ss_value value = {.present = bits % 11 != 0};
    if (!value.present) return value;
    const uint64_t kind = bits / 11 % 8;
    bits /= 88;
    bits ^= bits << 33; // the bits that were used come back
    switch (type.id) {
    case SS_BOOL: value.boolean = bits & 1; break;
    case SS_FLOAT64: value.f64 = float64_of(kind, bits); break;
    case SS_STRING: value.text = string_of(kind, bits, arena); break;
    case SS_BYTES: value.text = bytes_of(kind, bits, arena); break;
    case SS_LIST: value.text = list_of(ss_element_of(type), bits, arena); break;
    case SS_VECTOR: value.text = vector_of(type.length, kind, bits, arena); break;
    case SS_INT64: value.i64 = int64_of(kind, bits, INT64_MIN, INT64_MAX); break;
    case SS_DECIMAL: value.i64 = int64_of(kind, bits, -SS_DECIMAL_LIMIT, SS_DECIMAL_LIMIT); break;
    case SS_TIMESTAMP: value.i64 = int64_of(kind, bits, SS_TIME_MIN_US, SS_TIME_MAX_US); break;
    }
    return value;
}

// ---- Rows

static struct ss_column *one_row(struct ss_type type, struct ss_value value, struct ss_arena *arena)
{
    struct ss_column *column = ss_arena_alloc(arena, sizeof *column);
    SS_ASSERT(column && ss_column_init(column, type, 1, arena) && ss_column_append(column, value, arena));
    return column;
}

static struct ss_column *run(const struct ss_program *program, const struct ss_column *const *inputs,
                             struct ss_arena *arena)
{
    struct ss_column *outputs = ss_arena_array(arena, ss_program_output_count(program) + 1, sizeof *outputs);
    SS_ASSERT(outputs && ss_program_run(program, inputs, 1, arena, outputs, NULL) == SS_OK);
    return outputs;
}

bool every_event(const struct ss_view *view, int64_t event_time_us, uint64_t seq, every_column *column,
                 void *context, struct ss_arena *arena, struct ss_event *event)
{
    static const struct ss_type timestamp = {SS_TIMESTAMP, 0};
    const struct ss_source *source = view->source;
    const struct ss_value time = {.present = true, .i64 = event_time_us};
    const struct ss_column **inputs = ss_arena_array(arena, source->column_count + 1, sizeof *inputs);
    bool *passes = ss_arena_array(arena, view->group_count, sizeof *passes);
    struct ss_value *values = ss_arena_array(arena, view->group_count, sizeof *values);
    struct ss_value *seconds = ss_arena_array(arena, view->group_count, sizeof *seconds);
    SS_ASSERT(inputs && passes && values && seconds);
    for (size_t i = 0; i < source->column_count; i++) {
        const struct ss_source_column *of = &source->columns[i];
        const bool is_time = (int)i == source->event_time_column;
        inputs[i] = one_row(of->type, is_time ? time : column(context, of), arena);
    }
    inputs[source->column_count] = one_row(timestamp, time, arena);
    const struct ss_column *outputs = run(view->row_program, inputs, arena);
    return ss_event_prepare(view, outputs, 0, event_time_us, seq, passes, values, seconds, event);
}

struct ss_column *every_read(const struct ss_view *view, const struct ss_value *aggregates, int64_t t_us,
                             struct ss_arena *arena)
{
    static const struct ss_type timestamp = {SS_TIMESTAMP, 0};
    const struct ss_entity *entity = view->entity;
    const size_t count = view->aggregate_count + 1 + entity->key_count;
    const struct ss_column **inputs = ss_arena_array(arena, count, sizeof *inputs);
    SS_ASSERT(inputs);
    for (size_t i = 0; i < view->aggregate_count; i++)
        inputs[i] = one_row(view->aggregates[i].type, aggregates[i], arena);
    inputs[view->aggregate_count] =
        one_row(timestamp, (struct ss_value){.present = true, .i64 = t_us}, arena);
    for (size_t i = 0; i < entity->key_count; i++)
        inputs[view->aggregate_count + 1 + i] =
            one_row(entity->key_types[i], every_value(entity->key_types[i], 5, arena), arena);
    return run(view->read_program, inputs, arena);
}
