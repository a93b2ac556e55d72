// Where text read by libyaml stands in the file: it counts code points, we count bytes.
#ifndef SS_ENGINE_YAML_TEXT_H
#define SS_ENGINE_YAML_TEXT_H

#include <yaml.h>

#include "engine/yaml_tree.h"

// Byte offsets of every SS_YAML_STRIDE-th code point of a text; NULL: all bytes are code points.
#define SS_YAML_STRIDE 256
struct ss_yaml_index {
    struct ss_bytes text;
    const uint32_t *offsets;
    size_t offset_count;
};

// False when out of memory.
bool ss_yaml_index_init(struct ss_yaml_index *index, struct ss_bytes text, struct ss_arena *arena);
uint32_t ss_yaml_byte_offset(const struct ss_yaml_index *index, size_t code_point);

// Sets text_offset and offsets of a node whose text was written in bytes [start, end) of the file. False when
// out of memory.
bool ss_yaml_locate_text(struct ss_yaml *node, struct ss_bytes file, uint32_t start, uint32_t end,
                         yaml_scalar_style_t style, struct ss_arena *arena);

// Parentheses opened less those closed, outside of 'text'.
int ss_open_parentheses(struct ss_bytes text);

#endif
