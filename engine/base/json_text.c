// JSON strings. See json_text.h.

#include "engine/base/json_text.h"

static char short_form(char byte)
{
    switch (byte) {
    case '"': return '"';
    case '\\': return '\\';
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return 0;
    }
}

void ss_json_string(struct ss_bytes text, struct ss_buffer *buffer)
{
    size_t from = 0;
    ss_buffer_byte(buffer, '"');
    for (size_t i = 0; i < text.size; i++) {
        const char form = short_form(text.data[i]);
        if (!form && (uint8_t)text.data[i] >= 0x20) continue;
        ss_buffer_append(buffer, text.data + from, i - from);
        from = i + 1;
        if (form)
            ss_buffer_format(buffer, "\\%c", form);
        else
            ss_buffer_format(buffer, "\\u%04x", (unsigned)text.data[i]);
    }
    if (from < text.size) ss_buffer_append(buffer, text.data + from, text.size - from);
    ss_buffer_byte(buffer, '"');
}
