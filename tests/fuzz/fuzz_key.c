// Encoded keys: whatever decodes is what encode makes of its parts. The first byte names the parts' types.
#include "engine/key.h"
#include "tests/fuzz/fuzz.h"

#define KIND_COUNT (sizeof kinds / sizeof *kinds)

static const struct {
    size_t count;
    struct ss_type types[3];
} kinds[] = {
    {0, {{SS_BOOL, 0}}},
    {1, {{SS_STRING, 0}}},
    {1, {{SS_INT64, 0}}},
    {2, {{SS_INT64, 0}, {SS_STRING, 0}}},
    {3, {{SS_STRING, 0}, {SS_BOOL, 0}, {SS_STRING, 0}}},
    {1, {{SS_BYTES, 0}}},
    {3, {{SS_BYTES, 0}, {SS_INT64, 0}, {SS_BYTES, 0}}},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    const size_t kind = data[0] % KIND_COUNT, count = kinds[kind].count;
    const struct ss_type *types = kinds[kind].types;
    const struct ss_bytes bytes = {(const char *)data + 1, size - 1};
    static const char *const names[] = {"a", "b", "c"};
    struct ss_value parts[3];
    struct ss_key key;
    struct ss_buffer text = {0};
    struct ss_arena arena = {0};
    if (ss_key_decode(types, count, bytes, &arena, parts) != SS_KEY_READ) {
        ss_arena_release(&arena);
        return 0;
    }
    SS_ASSERT(ss_key_encode(types, parts, count, &key) == SS_KEY_OK);
    SS_ASSERT(ss_bytes_equal(bytes, (struct ss_bytes){(const char *)key.bytes, key.size}));
    ss_key_format(names, types, parts, count, &text);
    SS_ASSERT(ss_utf8_valid((struct ss_bytes){(const char *)text.data, text.size}));
    ss_buffer_release(&text);
    ss_arena_release(&arena);
    return 0;
}
