// Errors in answers.

#include "wire/error_message.h"

struct ss_bytes ss_wire_error_message(uint32_t number, uint64_t id, const struct ss_error *error,
                                      int64_t retry_after_us, struct ss_arena *arena)
{
    const size_t text_size = strlen(error->message);
    const bool retry = ss_status_retry(error->status);
    const uint64_t code = (uint64_t)ss_status_grpc(error->status);
    const uint64_t after_ms = retry ? (uint64_t)(retry_after_us + 999) / 1000 : 0;
    const size_t size = ss_number_field_size(code) + ss_bytes_field_size(text_size) +
                        ss_number_field_size(retry) + ss_number_field_size(after_ms);
    const size_t whole = ss_number_field_size(id) + 1 + ss_varint_size(size) + size;
    uint8_t *bytes = ss_arena_alloc(arena, whole), *at = bytes;
    if (!bytes) return (struct ss_bytes){0};
    at = ss_put_number_field(at, 1, id);
    at = ss_put_varint(ss_put_tag(at, number, SS_WIRE_BYTES), size);
    at = ss_put_number_field(at, 1, code);
    at = ss_put_bytes_field(at, 2, error->message, text_size);
    ss_wire_mend_text((char *)at - text_size, text_size);
    at = ss_put_number_field(at, 3, retry);
    (void)ss_put_number_field(at, 4, after_ms);
    return (struct ss_bytes){(const char *)bytes, whole};
}

uint64_t ss_wire_get_id(struct ss_bytes bytes)
{
    struct ss_message message = ss_message_of(bytes);
    struct ss_field field;
    while (ss_message_next(&message, &field))
        if (field.number == 1 && field.type == SS_WIRE_VARINT) return field.value;
    return 0;
}
