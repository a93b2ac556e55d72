// From the text libyaml gives to the bytes it was written with.
//
// Plain and quoted text on one line mostly stands in the file as it is. Where it does not (escapes, folded
// lines, blocks), the text is laid beside what was written, byte by byte: what is alike is the same byte, an
// escape is all the bytes it makes, blanks and line ends that match nothing are skipped.
#include "engine/yaml_text.h"

#include <string.h>

static bool starts_code_point(char byte)
{
    return ((unsigned char)byte & 0xc0) != 0x80;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

bool ss_yaml_index_init(struct ss_yaml_index *index, struct ss_bytes text, struct ss_arena *arena)
{
    size_t code_points = 0;
    *index = (struct ss_yaml_index){.text = text};
    for (size_t i = 0; i < text.size; i++) code_points += starts_code_point(text.data[i]);
    if (code_points == text.size) return true;
    const size_t offset_count = code_points / SS_YAML_STRIDE + 1;
    uint32_t *offsets = ss_arena_array(arena, offset_count, sizeof(*offsets));
    if (!offsets) return false;
    size_t at = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (!starts_code_point(text.data[i])) continue;
        if (at % SS_YAML_STRIDE == 0) offsets[at / SS_YAML_STRIDE] = (uint32_t)i;
        at++;
    }
    if (at % SS_YAML_STRIDE == 0) offsets[at / SS_YAML_STRIDE] = (uint32_t)text.size;
    index->offsets = offsets;
    index->offset_count = offset_count;
    return true;
}

uint32_t ss_yaml_byte_offset(const struct ss_yaml_index *index, size_t code_point)
{
    const struct ss_bytes text = index->text;
    if (code_point >= text.size) return (uint32_t)text.size;
    if (!index->offsets) return (uint32_t)code_point;
    const size_t stride = code_point / SS_YAML_STRIDE;
    if (stride >= index->offset_count) return (uint32_t)text.size;
    size_t at = index->offsets[stride];
    for (size_t left = code_point % SS_YAML_STRIDE; left > 0 && at < text.size; left--) {
        do at++;
        while (at < text.size && !starts_code_point(text.data[at]));
    }
    return (uint32_t)at;
}

struct written {
    const char *bytes;
    size_t at, end;
    char quote; // 0: none
};

// The bytes of the escape that starts at a backslash.
static size_t escape_size(const struct written *written)
{
    const char letter = written->at + 1 < written->end ? written->bytes[written->at + 1] : 0;
    const size_t size = letter == 'x' ? 4 : letter == 'u' ? 6 : letter == 'U' ? 10 : 2;
    return size < written->end - written->at ? size : written->end - written->at;
}

// The bytes of the code point that starts at text[0].
static size_t code_point_size(struct ss_bytes text)
{
    size_t size = 1;
    while (size < text.size && !starts_code_point(text.data[size])) size++;
    return size;
}

// Finds what was written for the next byte (or bytes) of the text, notes where, and returns how many they
// are.
static size_t align(struct written *written, struct ss_bytes text, uint32_t *offsets)
{
    while (written->at < written->end) {
        const char byte = written->bytes[written->at];
        offsets[0] = (uint32_t)written->at;
        if (written->quote == '"' && byte == '\\') {
            const size_t size = escape_size(written);
            const char escaped = size >= 2 ? written->bytes[written->at + 1] : 0;
            written->at += size;
            if (escaped == '\n' || escaped == '\r') continue; // joins two lines
            const size_t made = code_point_size(text);
            for (size_t i = 1; i < made; i++) offsets[i] = offsets[0];
            return made;
        }
        if (byte == text.data[0]) {
            written->at += written->quote == '\'' && byte == '\'' ? 2 : 1;
            return 1;
        }
        if (!is_blank(byte)) return 1;
        written->at++;
        if (is_blank(text.data[0])) return 1;
    }
    offsets[0] = (uint32_t)written->end;
    return 1;
}

bool ss_yaml_locate_text(struct ss_yaml *node, struct ss_bytes file, uint32_t start, uint32_t end,
                         yaml_scalar_style_t style, struct ss_arena *arena)
{
    const bool quoted = style == YAML_SINGLE_QUOTED_SCALAR_STYLE || style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    struct written written = {file.data, start, end, 0};
    if (quoted && end >= start + 2) {
        written = (struct written){file.data, start + 1, end - 1, file.data[start]};
    } else if (style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE) {
        const char *newline = memchr(file.data + start, '\n', end - start);
        if (newline) written.at = (size_t)(newline - file.data) + 1;
    }
    node->text_offset = (uint32_t)written.at;
    if (written.end - written.at == node->text.size &&
        memcmp(file.data + written.at, node->text.data, node->text.size) == 0)
        return true;
    uint32_t *offsets = ss_arena_array(arena, node->text.size + 1, sizeof(*offsets));
    if (!offsets) return false;
    for (size_t i = 0; i < node->text.size;) {
        const struct ss_bytes rest = {node->text.data + i, node->text.size - i};
        i += align(&written, rest, &offsets[i]);
    }
    offsets[node->text.size] = (uint32_t)written.at;
    node->offsets = offsets;
    return true;
}

struct ss_place ss_yaml_place_of(const struct ss_yaml *node, size_t index)
{
    const size_t known = index < node->text.size ? index : node->text.size;
    const uint32_t offset = node->offsets ? node->offsets[known] : node->text_offset + (uint32_t)known;
    return (struct ss_place){node->place.file, offset};
}

int ss_open_parentheses(struct ss_bytes text)
{
    int open = 0;
    bool in_text = false;
    for (size_t i = 0; i < text.size; i++) {
        const char byte = text.data[i];
        if (byte == '\'') in_text = !in_text;
        if (in_text) continue;
        open += (byte == '(') - (byte == ')');
    }
    return open;
}
