// Values as states keep them. See value_bytes.h.

#include "engine/value_bytes.h"

#include "engine/read_inline.h"

void ss_value_encode(struct ss_type type, const struct ss_value *value, struct ss_buffer *buffer)
{
    if (ss_type_is_text(type)) {
        ss_buffer_varint(buffer, value->text.size);
        ss_buffer_append(buffer, value->text.data, value->text.size);
    } else {
        ss_scalar_encode(type.id, ss_scalar_key(type.id, value), buffer);
    }
}

struct ss_value ss_value_decode(struct ss_type type, struct ss_reader *reader)
{
    if (!ss_type_is_text(type)) {
        const int64_t key = ss_scalar_decode(type.id, reader);
        if (type.id == SS_BOOL && key != 0 && key != 1) reader->failed = true;
        return ss_scalar_value(type.id, key);
    }
    const uint64_t size = ss_read_varint_inline(reader);
    const uint8_t *span = ss_read_span_inline(reader, size);
    return (struct ss_value){.present = true,
                             .text = span ? (struct ss_bytes){(const char *)span, size}
                                          : (struct ss_bytes){"", 0}};
}

bool ss_value_own(struct ss_type type, struct ss_value *value, struct ss_arena *arena)
{
    if (!value->present || !ss_type_is_text(type)) return true;
    const char *copy = ss_arena_copy(arena, value->text.data, value->text.size);
    if (copy) value->text.data = copy;
    return copy != NULL;
}

int ss_value_compare(struct ss_type type, const struct ss_value *a, const struct ss_value *b)
{
    if (ss_type_is_text(type)) return ss_bytes_compare(a->text, b->text);
    const int64_t x = ss_scalar_key(type.id, a), y = ss_scalar_key(type.id, b);
    return (x > y) - (x < y);
}
