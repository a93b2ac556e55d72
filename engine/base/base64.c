// Base64. See base64.h.

#include "engine/base/base64.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int letter_value(char letter)
{
    if (letter >= 'A' && letter <= 'Z') return letter - 'A';
    if (letter >= 'a' && letter <= 'z') return letter - 'a' + 26;
    if (letter >= '0' && letter <= '9') return letter - '0' + 52;
    return letter == '+' ? 62 : letter == '/' ? 63 : -1;
}

bool ss_base64_decode(struct ss_bytes text, struct ss_buffer *bytes)
{
    size_t size = text.size;
    uint32_t bits = 0;
    if (size % 4 != 0) return false;
    for (int i = 0; i < 2 && size > 0 && text.data[size - 1] == '='; i++) size--;
    for (size_t i = 0; i < size; i++) {
        const int value = letter_value(text.data[i]);
        if (value < 0) return false;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 > 0) ss_buffer_byte(bytes, (uint8_t)(bits >> (6 - 2 * (i % 4))));
    }
    const unsigned unused = size % 4 == 3 ? 2 : size % 4 == 2 ? 4 : 0;
    return (bits & ((1u << unused) - 1)) == 0;
}

void ss_base64_encode(struct ss_bytes bytes, struct ss_buffer *text)
{
    const uint8_t *data = (const uint8_t *)bytes.data;
    for (size_t i = 0; i < bytes.size; i += 3) {
        const size_t left = bytes.size - i;
        const uint32_t bits = (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
                              (left > 2 ? data[i + 2] : 0);
        const char quad[4] = {letters[bits >> 18], letters[bits >> 12 & 63],
                              left > 1 ? letters[bits >> 6 & 63] : '=', left > 2 ? letters[bits & 63] : '='};
        ss_buffer_append(text, quad, sizeof quad);
    }
}
