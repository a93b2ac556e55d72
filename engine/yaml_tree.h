// YAML text -> a tree of nodes that know where they stand, byte by byte.
//
// Only what definitions need: one document of mappings, lists and text. All scalars are text, quoted or not.
// Anchors, aliases, tags and duplicate keys are errors; so is a depth over SS_YAML_MAX_DEPTH.
#ifndef SS_ENGINE_YAML_TREE_H
#define SS_ENGINE_YAML_TREE_H

#include "engine/diagnostics.h"

enum ss_yaml_kind {
    SS_YAML_TEXT,
    SS_YAML_LIST,
    SS_YAML_MAPPING,
    SS_YAML_BAD // diagnosed already: whoever meets it stays silent
};

struct ss_yaml {
    enum ss_yaml_kind kind;
    bool is_plain;           // text without quotes, not a block
    bool in_flow;            // stands inside {} or []
    struct ss_place place;   // of the first byte: the quote, the bracket
    struct ss_bytes text;    // without quotes, escapes and folds
    uint32_t text_offset;    // in the file, of the text's first byte
    const uint32_t *offsets; // in the file, of each byte of the text and of its end. NULL: the text stands in
                             // the file as it is
    struct ss_yaml *key;     // of an entry of a mapping; an entry is its value
    struct ss_yaml *next;    // in the list or mapping this node is in
    struct ss_yaml *first;   // list, mapping: in the order of the file
    size_t count;
    int unclosed; // parentheses that a ',' inside {} or [] left open
};

struct ss_yaml_file {
    struct ss_yaml *root; // NULL: an empty or a broken file
    bool is_broken;       // more may be defined in it than the tree says
};

// Reads file `file` of the diagnostics' files. Errors go there; memory comes from the arena. A syntax error
// ends the reading.
struct ss_yaml_file ss_yaml_read(uint32_t file, struct ss_arena *arena, struct ss_diagnostics *diagnostics);

// Where byte `index` of the node's text (or its end) stands.
struct ss_place ss_yaml_place_of(const struct ss_yaml *node, size_t index);
const char *ss_yaml_kind_name(enum ss_yaml_kind kind); // "text", "a list", "a mapping"
// The entry of a mapping with that key. NULL: none, or no mapping.
const struct ss_yaml *ss_yaml_find(const struct ss_yaml *mapping, const char *key);

#endif
