// One line of the log, as text or JSON.
//
// Text from outside is taken code point by code point: what could end the line, write to a terminal or turn
// the direction of text is escaped, and what is no UTF-8 too. The secrets of tokens are looked for in every
// text, and starred out: nothing should log one, and nothing can.

#include <stdio.h>
#include <string.h>

#include "engine/base/time.h"
#include "server/log.h"
#include "server/tokens.h"

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *const level_words[] = {"DEBUG", "INFO ", "WARN ", "ERROR"};

// ---- Text from outside

// The bytes of the code point that begins the text; 0: it is no UTF-8.
static size_t code_point(struct ss_bytes text, uint32_t *point)
{
    const uint8_t *bytes = (const uint8_t *)text.data;
    const size_t size = bytes[0] < 0x80 ? 1 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
    *point = bytes[0];
    if (size == 1) return 1;
    if (size > text.size || !ss_utf8_valid((struct ss_bytes){text.data, size})) return 0;
    *point = bytes[0] & (0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++) *point = *point << 6 | (bytes[i] & 0x3f);
    return size;
}

static bool is_unsafe(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x200e || point == 0x200f ||
           point == 0x061c || (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) ||
           point == 0xfeff;
}

static void escape(struct ss_buffer *line, bool json, uint32_t point)
{
    if (point == '\n')
        ss_buffer_text(line, "\\n");
    else if (point == '\t')
        ss_buffer_text(line, "\\t");
    else if (point == '\r')
        ss_buffer_text(line, "\\r");
    else if (json || point >= 0x80)
        ss_buffer_format(line, "\\u%04x", point);
    else
        ss_buffer_format(line, "\\x%02x", point);
}

static bool is_secret_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '-' || byte == '_';
}

// How many bytes at the start of `text` are a token up to its secret: "ss1_<id>_"; 0: it is none.
static size_t token_prefix(struct ss_bytes text)
{
    const size_t size = 4 + SS_TOKEN_ID_CHARS + 1;
    return text.size > size && memcmp(text.data, "ss1_", 4) == 0 && text.data[size - 1] == '_' ? size : 0;
}

static void append_text(struct ss_buffer *line, bool json, struct ss_bytes text)
{
    uint32_t point;
    for (size_t i = 0; i < text.size;) {
        const struct ss_bytes rest = {text.data + i, text.size - i};
        const size_t prefix = token_prefix(rest);
        const size_t size = prefix ? prefix : code_point(rest, &point);
        if (prefix) {
            ss_buffer_append(line, rest.data, prefix);
            ss_buffer_text(line, "***");
            for (i += prefix; i < text.size && is_secret_letter(text.data[i]);) i++;
            continue;
        }
        if (size == 0)
            ss_buffer_format(line, json ? "\xef\xbf\xbd" : "\\x%02x", (uint8_t)text.data[i]);
        else if (is_unsafe(point))
            escape(line, json, point);
        else if (point == '"' || point == '\\')
            ss_buffer_format(line, "\\%c", (int)point);
        else
            ss_buffer_append(line, rest.data, size);
        i += size ? size : 1;
    }
}

static bool needs_quotes(struct ss_bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        const uint8_t byte = (uint8_t)text.data[i];
        if (byte <= ' ' || byte >= 0x7f || byte == '"' || byte == '=' || byte == '\\') return true;
    }
    return text.size == 0;
}

// ---- Lines

// With microseconds always, so that lines align.
static void append_time(struct ss_buffer *line, int64_t now_us)
{
    char text[SS_TIME_TEXT_SIZE];
    const int64_t second_us = ss_floor_to(now_us, SS_SECOND_US);
    ss_time_format(second_us, text);
    text[strlen(text) - 1] = 0; // the Z
    ss_buffer_format(line, "%s.%06dZ", text, (int)(now_us - second_us));
}

static void append_microseconds(struct ss_buffer *line, bool json, int64_t microseconds)
{
    if (json)
        ss_buffer_format(line, "%.6f", (double)microseconds / 1e6);
    else if (microseconds >= SS_SECOND_US)
        ss_buffer_format(line, "%.3fs", (double)microseconds / 1e6);
    else
        ss_buffer_format(line, "%.3fms", (double)microseconds / 1e3);
}

static void append_value(struct ss_buffer *line, bool json, const struct ss_log_field *field)
{
    if (field->kind == SS_LOG_NUMBER) {
        ss_buffer_format(line, "%lld", (long long)field->number);
    } else if (field->kind == SS_LOG_MICROSECONDS) {
        append_microseconds(line, json, field->number);
    } else {
        const bool quotes = json || needs_quotes(field->text);
        if (quotes) ss_buffer_byte(line, '"');
        append_text(line, json, field->text);
        if (quotes) ss_buffer_byte(line, '"');
    }
}

static void append_start(struct ss_buffer *line, bool json, int64_t now_us, enum ss_log_level level,
                         struct ss_bytes message)
{
    if (json) ss_buffer_text(line, "{\"time\":\"");
    append_time(line, now_us);
    if (json)
        ss_buffer_format(line, "\",\"level\":\"%s\",\"message\":\"", level_names[level]);
    else
        ss_buffer_format(line, " %s ", level_words[level]);
    append_text(line, json, message);
    if (json) ss_buffer_byte(line, '"');
}

// Field by field while there is room; what has none is named by `cut`.
void ss_log_format(struct ss_buffer *line, bool json, int64_t now_us, enum ss_log_level level,
                   const struct ss_log_field *fields, size_t field_count, struct ss_bytes message)
{
    enum { ROOM = SS_LOG_LINE_MAX - 32 };
    const size_t start = line->size;
    bool cut = false;
    // A byte takes up to 6 in a line.
    if (message.size > ROOM / 6) message.size = ROOM / 6, cut = true;
    append_start(line, json, now_us, level, message);
    for (size_t i = 0; i < field_count; i++) {
        const size_t before = line->size;
        struct ss_log_field field = fields[i];
        if (field.text.size > 512) field.text.size = 512, cut = true;
        ss_buffer_format(line, json ? ",\"%s\":" : "%s%s=", json ? field.name : i ? " " : "  ", field.name);
        append_value(line, json, &field);
        if (line->size - start <= ROOM) continue;
        line->size = before;
        cut = true;
    }
    if (cut) ss_buffer_text(line, json ? ",\"cut\":true" : " cut=true");
    ss_buffer_text(line, json ? "}\n" : "\n");
}
