// Rows of a packed column taken here and there: each is found and unpacked by itself. See packed.h.

#include "store/packed_internal.h"

#include "engine/base/error.h"
#include "engine/scalar.h"

// Of a value, by its index among the values.
static inline int64_t integer_at(const struct ss_packed_frames *frames, int32_t index)
{
    const struct ss_packed_frame *frame = &frames->whole;
    if (frames->frames) {
        frame = &frames->frames[index / PACKED_FRAME_ROWS];
        index %= PACKED_FRAME_ROWS;
    }
    if (frame->width == 0) return (int64_t)frame->base;
    const size_t bit = (size_t)index * frame->width;
    const uint8_t *at = frame->bits + bit / 8;
    uint64_t code = ss_packed_load(at) >> (bit % 8);
    if (frame->width > PACKED_ONE_LOAD_WIDTH) code |= (uint64_t)at[8] << 1 << (63 - bit % 8);
    return (int64_t)(frame->base + (code & ss_codes_mask(frame->width)));
}

static inline int64_t word_at(const struct ss_packed *packed, int32_t index)
{
    const int64_t integer = integer_at(&packed->integers, index);
    if (packed->type.id != SS_FLOAT64) return integer;
    const unsigned scale = packed->scales[index / PACKED_FRAME_ROWS * packed->scale_step];
    const double value =
        scale == SS_SCALAR_RAW ? ss_key_to_double(integer) : (double)integer / ss_scalar_powers[scale];
    int64_t word;
    memcpy(&word, &value, sizeof word);
    return word;
}

static bool append_word(int64_t word, bool present, struct ss_column *column, struct ss_arena *arena)
{
    if (column->type.id == SS_BOOL)
        return ss_column_append(column, (struct ss_value){.present = present, .boolean = word != 0}, arena);
    ss_bit_set(column->validity, column->length, present);
    column->i64[column->length++] = word;
    return true;
}

static bool append_entry(const struct ss_packed *packed, int32_t index, bool present,
                         struct ss_column *column, struct ss_arena *arena)
{
    struct ss_value value = {.present = present};
    if (present) {
        const int64_t entry = integer_at(&packed->integers, index);
        const int32_t start = packed->starts[entry];
        value.text = (struct ss_bytes){packed->data + start, (size_t)(packed->starts[entry + 1] - start)};
    }
    return ss_column_append(column, value, arena);
}

bool ss_packed_gather(const struct ss_packed *packed, const int32_t *rows, int32_t count,
                      struct ss_column *column, struct ss_arena *arena)
{
    const bool is_text = ss_type_is_text(packed->type);
    SS_ASSERT(column->length <= column->capacity - count);
    for (int32_t i = 0; i < count; i++) {
        const int32_t row = rows[i];
        const bool present = packed->validity ? ss_bit_get(packed->validity, row) : packed->value_count > 0;
        SS_ASSERT(row >= 0 && row < packed->count);
        bool kept;
        if (is_text && packed->value_count && !packed->entry_count)
            kept = ss_packed_append(packed, row, 1, column, arena);
        else if (is_text)
            kept = append_entry(packed, present ? ss_packed_rank(packed, row) : 0, present, column, arena);
        else
            kept = append_word(present ? word_at(packed, ss_packed_rank(packed, row)) : 0, present, column,
                               arena);
        if (!kept) return false;
    }
    return true;
}
