// libyaml's events -> a tree.
//
// Depth and size are checked on the events, one by one: libyaml itself grows slower with every open bracket.
// A mapping is settled when it ends: an expression that YAML has split at a comma inside {} is told once and
// its pieces are dropped, then keys that stand twice are. After a syntax error there is no tree, since
// what follows the error is not known.
#include "engine/yaml_tree.h"

#include <string.h>

#include "engine/definitions.h"
#include "engine/name_table.h"
#include "engine/yaml_text.h"

#define SPLIT_ADVICE "put it on its own line or in quotes"

struct frame {
    struct ss_yaml *node;
    struct ss_yaml *last; // child
    struct ss_yaml *key;  // of a mapping: waits for its value
};

struct builder {
    struct ss_diagnostics *diagnostics;
    struct ss_arena *arena;
    uint32_t file;
    struct ss_bytes text;
    uint32_t start; // of what libyaml reads: behind a byte order mark
    struct ss_yaml_index index;
    struct frame frames[SS_YAML_MAX_DEPTH];
    size_t depth;
    struct ss_yaml *root;
    const struct ss_yaml *last_text; // the newest text, and where it ends
    uint32_t last_text_end;
    struct ss_name_table keys; // a scope per mapping
    uint32_t mapping_count;
    bool is_stopped, is_broken;
};

const char *ss_yaml_kind_name(enum ss_yaml_kind kind)
{
    switch (kind) {
    case SS_YAML_TEXT: return "text";
    case SS_YAML_LIST: return "a list";
    case SS_YAML_MAPPING: return "a mapping";
    case SS_YAML_BAD: break;
    }
    return "an error";
}

const struct ss_yaml *ss_yaml_find(const struct ss_yaml *mapping, const char *key)
{
    if (mapping->kind != SS_YAML_MAPPING) return NULL;
    for (const struct ss_yaml *entry = mapping->first; entry; entry = entry->next) {
        if (ss_bytes_equal(entry->key->text, ss_bytes_of(key))) return entry;
    }
    return NULL;
}

static struct ss_place place_at(const struct builder *builder, uint32_t offset)
{
    return (struct ss_place){builder->file, offset};
}

static struct ss_place place_of_mark(const struct builder *builder, const yaml_mark_t *mark)
{
    return place_at(builder, builder->start + ss_yaml_byte_offset(&builder->index, mark->index));
}

static uint32_t line_of(const struct builder *builder, struct ss_place place)
{
    uint32_t line, column;
    ss_place_resolve(builder->diagnostics, place, &line, &column);
    return line;
}

static void stop(struct builder *builder)
{
    builder->is_stopped = builder->is_broken = true;
}

static void stop_for_memory(struct builder *builder)
{
    builder->diagnostics->out_of_memory = true;
    stop(builder);
}

// ---- Building

static void attach(struct builder *builder, struct ss_yaml *node)
{
    if (builder->depth == 0) {
        builder->root = node;
        return;
    }
    struct frame *frame = &builder->frames[builder->depth - 1];
    if (frame->node->kind == SS_YAML_MAPPING) {
        if (!frame->key) {
            frame->key = node;
            return;
        }
        node->key = frame->key;
        frame->key = NULL;
    }
    if (frame->last)
        frame->last->next = node;
    else
        frame->node->first = node;
    frame->last = node;
    frame->node->count++;
}

static struct ss_yaml *make_node(struct builder *builder, enum ss_yaml_kind kind, const yaml_event_t *event)
{
    struct ss_yaml *node = ss_arena_alloc(builder->arena, sizeof(*node));
    if (!node) {
        stop_for_memory(builder);
        return NULL;
    }
    node->kind = kind;
    node->place = place_of_mark(builder, &event->start_mark);
    return node;
}

static bool is_flow_node(const struct builder *builder, const struct ss_yaml *node)
{
    const size_t at = node->place.offset;
    return at < builder->text.size && (builder->text.data[at] == '{' || builder->text.data[at] == '[');
}

static bool inside_flow(const struct builder *builder)
{
    return builder->depth > 0 && builder->frames[builder->depth - 1].node->in_flow;
}

static void refuse_properties(struct builder *builder, const struct ss_yaml *node, const yaml_char_t *anchor,
                              const yaml_char_t *tag)
{
    if (anchor)
        ss_diagnose(builder->diagnostics, node->place,
                    "anchor '&%.64s': anchors and aliases are not taken; write the value out",
                    (const char *)anchor);
    if (tag)
        ss_diagnose(builder->diagnostics, node->place,
                    "tag '%.64s': tags are not taken; all values are text, whose type the definitions say",
                    (const char *)tag);
}

static void take_text(struct builder *builder, const yaml_event_t *event)
{
    struct ss_yaml *node = make_node(builder, SS_YAML_TEXT, event);
    if (!node) return;
    const size_t size = event->data.scalar.length;
    const char *copy = ss_arena_copy(builder->arena, event->data.scalar.value, size);
    const uint32_t end = place_of_mark(builder, &event->end_mark).offset;
    node->text = (struct ss_bytes){copy, size};
    node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->in_flow = inside_flow(builder);
    if (!copy || !ss_yaml_locate_text(node, builder->text, node->place.offset, end, event->data.scalar.style,
                                      builder->arena)) {
        stop_for_memory(builder);
        return;
    }
    refuse_properties(builder, node, event->data.scalar.anchor, event->data.scalar.tag);
    if (memchr(copy, 0, size)) {
        ss_diagnose(builder->diagnostics, node->place, "text may not hold the character U+0000");
        node->kind = SS_YAML_BAD;
    }
    builder->last_text = node;
    builder->last_text_end = end;
    attach(builder, node);
}

static void take_alias(struct builder *builder, const yaml_event_t *event)
{
    struct ss_yaml *node = make_node(builder, SS_YAML_BAD, event);
    if (!node) return;
    ss_diagnose(builder->diagnostics, node->place,
                "alias '*%.64s': anchors and aliases are not taken; write the value out",
                (const char *)event->data.alias.anchor);
    attach(builder, node);
}

static void take_start(struct builder *builder, enum ss_yaml_kind kind, const yaml_event_t *event)
{
    struct ss_yaml *node = make_node(builder, kind, event);
    if (!node) return;
    if (builder->depth == SS_YAML_MAX_DEPTH) {
        ss_diagnose(builder->diagnostics, node->place, "values are nested deeper than %d levels",
                    SS_YAML_MAX_DEPTH);
        stop(builder);
        return;
    }
    const bool is_mapping = kind == SS_YAML_MAPPING;
    refuse_properties(builder, node,
                      is_mapping ? event->data.mapping_start.anchor : event->data.sequence_start.anchor,
                      is_mapping ? event->data.mapping_start.tag : event->data.sequence_start.tag);
    node->in_flow = inside_flow(builder) || is_flow_node(builder, node);
    attach(builder, node);
    builder->frames[builder->depth++] = (struct frame){.node = node};
}

// ---- Settling a mapping or list that has ended

// Parentheses that the node opens and does not close, as text or as the last text in it.
static int unclosed_in(const struct ss_yaml *node)
{
    if (!node->in_flow) return 0;
    if (node->kind == SS_YAML_TEXT && node->is_plain) return ss_open_parentheses(node->text);
    return node->unclosed;
}

static int balance_of_piece(const struct ss_yaml *piece)
{
    const int of_key = piece->key ? unclosed_in(piece->key) : 0;
    return of_key + unclosed_in(piece);
}

// Tells of each expression that a comma has split and drops its other pieces. What the end leaves open is
// noted on the parent: {..} of one entry inside [] goes on in the next item.
static void mend_splits(struct builder *builder, struct ss_yaml *parent)
{
    for (struct ss_yaml *child = parent->first; child; child = child->next) {
        int open = unclosed_in(child);
        if (open <= 0) continue;
        if (child->kind == SS_YAML_TEXT)
            ss_diagnose(builder->diagnostics, child->place,
                        "YAML ends this at the ',' because it stands inside {} or []; " SPLIT_ADVICE);
        child->kind = SS_YAML_BAD;
        while (open > 0 && child->next) {
            open += balance_of_piece(child->next);
            child->next = child->next->next;
            parent->count--;
        }
        if (open > 0) parent->unclosed = open;
    }
}

// Is the entry's key text that stands in its mapping for the first time? Then it becomes entry `index`.
static bool check_key(struct builder *builder, struct ss_yaml **entries, const struct ss_yaml *entry,
                      size_t index)
{
    const struct ss_yaml *key = entry->key;
    if (key->kind != SS_YAML_TEXT) {
        if (key->kind != SS_YAML_BAD)
            ss_diagnose(builder->diagnostics, key->place, "a key must be text, got %s",
                        ss_yaml_kind_name(key->kind));
        return false;
    }
    const int32_t known = ss_name_find(&builder->keys, builder->mapping_count, key->text);
    if (known >= 0) {
        ss_diagnose(builder->diagnostics, key->place, "duplicate key '%.64s'; it stands on line %u already",
                    key->text.data, line_of(builder, entries[known]->key->place));
        return false;
    }
    if (!ss_name_add(&builder->keys, builder->mapping_count, key->text, (int32_t)index))
        stop_for_memory(builder);
    return true;
}

static void drop_bad_keys(struct builder *builder, struct ss_yaml *mapping)
{
    struct ss_yaml **entries = ss_arena_array(builder->arena, mapping->count + 1, sizeof(*entries));
    if (!entries) {
        stop_for_memory(builder);
        return;
    }
    size_t kept = 0;
    builder->mapping_count++;
    for (struct ss_yaml *entry = mapping->first; entry; entry = entry->next) {
        entries[kept] = entry;
        if (check_key(builder, entries, entry, kept)) kept++;
    }
    mapping->first = kept ? entries[0] : NULL;
    for (size_t i = 0; i < kept; i++) entries[i]->next = i + 1 < kept ? entries[i + 1] : NULL;
    mapping->count = kept;
}

static void take_end(struct builder *builder)
{
    struct ss_yaml *node = builder->frames[--builder->depth].node;
    if (node->in_flow) mend_splits(builder, node);
    if (node->kind == SS_YAML_MAPPING) drop_bad_keys(builder, node);
}

static void take_document(struct builder *builder, const yaml_event_t *event)
{
    if (!builder->root) return;
    ss_diagnose(builder->diagnostics, place_of_mark(builder, &event->start_mark),
                "a second document starts here; write one document in each file");
    stop(builder);
}

static void take_event(struct builder *builder, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT: take_document(builder, event); break;
    case YAML_SCALAR_EVENT: take_text(builder, event); break;
    case YAML_ALIAS_EVENT: take_alias(builder, event); break;
    case YAML_SEQUENCE_START_EVENT: take_start(builder, SS_YAML_LIST, event); break;
    case YAML_MAPPING_START_EVENT: take_start(builder, SS_YAML_MAPPING, event); break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: take_end(builder); break;
    case YAML_STREAM_END_EVENT: builder->is_stopped = true; break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT: break;
    }
}

// ---- Syntax errors

// The text in an open {} or [] that has parentheses open: a comma has split it and broken what follows.
static const struct ss_yaml *find_split(const struct builder *builder)
{
    if (!inside_flow(builder)) return NULL;
    for (const struct ss_yaml *child = builder->frames[builder->depth - 1].node->first; child;
         child = child->next) {
        if (unclosed_in(child) > 0) return child;
    }
    return NULL;
}

// Does the line go on after the newest text, which stands in quotes?
static bool goes_on_after_quote(const struct builder *builder)
{
    if (!builder->last_text || builder->last_text->is_plain) return false;
    const char start = builder->text.data[builder->last_text->place.offset];
    if (start != '\'' && start != '"') return false;
    size_t at = builder->last_text_end;
    while (at < builder->text.size && builder->text.data[at] == ' ') at++;
    return at < builder->text.size && !strchr(",:]}#\r\n", builder->text.data[at]);
}

static const char *hint_for(const struct builder *builder, const char *problem, struct ss_place place)
{
    const char at = place.offset < builder->text.size ? builder->text.data[place.offset] : 0;
    if (strcmp(problem, "mapping values are not allowed in this context") == 0)
        return "; put a value that holds ': ' in quotes";
    if (strcmp(problem, "found character that cannot start any token") == 0)
        return at == '\t' ? "; indent with blanks, not tabs"
                          : "; put a value that starts like this in quotes";
    return "";
}

static void tell_syntax_error(struct builder *builder, const yaml_parser_t *parser)
{
    struct ss_diagnostics *diagnostics = builder->diagnostics;
    const char *problem = parser->problem ? parser->problem : "it cannot be read";
    const struct ss_yaml *split = find_split(builder);
    if (parser->error == YAML_READER_ERROR) {
        ss_diagnose(diagnostics, place_at(builder, builder->start + (uint32_t)parser->problem_offset),
                    "not valid YAML: %s", problem);
    } else if (split) {
        ss_diagnose(diagnostics, split->place,
                    "YAML ends this at the ',' because it stands inside {} or []; " SPLIT_ADVICE);
    } else if (goes_on_after_quote(builder)) {
        ss_diagnose(diagnostics, builder->last_text->place,
                    "YAML ends this at its closing quote, but the line goes on; " SPLIT_ADVICE
                    ": \"'US' = country\"");
    } else {
        const struct ss_place place = place_of_mark(builder, &parser->problem_mark);
        const char *hint = hint_for(builder, problem, place);
        if (parser->context && strncmp(parser->context, "while parsing a ", 16) == 0)
            ss_diagnose(diagnostics, place, "not valid YAML: %s %s that starts on line %zu%s", problem,
                        parser->context, parser->context_mark.line + 1, hint);
        else
            ss_diagnose(diagnostics, place, "not valid YAML: %s%s", problem, hint);
    }
}

// ---- The file

// libyaml compares each %TAG line with all before it, so they are refused before it sees them.
static bool find_tag_directive(struct ss_bytes text, uint32_t *offset)
{
    static const char word[] = "%TAG";
    const char *at = text.data, *end = text.data + text.size;
    while (at && (size_t)(end - at) > sizeof(word)) {
        if (memcmp(at, word, sizeof(word) - 1) == 0) {
            *offset = (uint32_t)(at - text.data);
            return true;
        }
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline ? newline + 1 : NULL;
    }
    return false;
}

static uint32_t find_bad_utf8(struct ss_bytes text)
{
    size_t at = 0;
    while (at < text.size) {
        size_t size = 1;
        while (at + size < text.size && size < 4 && ((unsigned char)text.data[at + size] & 0xc0) == 0x80)
            size++;
        if (!ss_utf8_valid((struct ss_bytes){text.data + at, size})) break;
        at += size;
    }
    return (uint32_t)at;
}

static bool check_file(struct builder *builder)
{
    uint32_t offset;
    struct ss_diagnostics *diagnostics = builder->diagnostics;
    if (builder->text.size > SS_DEFINITIONS_MAX_BYTES) {
        ss_diagnose(diagnostics, place_at(builder, 0),
                    "the file has %zu bytes; at most %d are allowed, so split it", builder->text.size,
                    SS_DEFINITIONS_MAX_BYTES);
        return false;
    }
    if (!ss_utf8_valid(builder->text)) {
        ss_diagnose(diagnostics, place_at(builder, find_bad_utf8(builder->text)),
                    "not valid UTF-8 without U+0000; save the file as UTF-8");
        return false;
    }
    if (find_tag_directive(builder->text, &offset)) {
        ss_diagnose(diagnostics, place_at(builder, offset), "tags are not taken; remove this line");
        return false;
    }
    return true;
}

static void read_events(struct builder *builder, yaml_parser_t *parser)
{
    while (!builder->is_stopped) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            if (parser->error == YAML_MEMORY_ERROR)
                stop_for_memory(builder);
            else
                tell_syntax_error(builder, parser);
            builder->root = NULL;
            stop(builder);
            break;
        }
        take_event(builder, &event);
        yaml_event_delete(&event);
    }
    if (builder->depth > 0) builder->root = NULL;
}

struct ss_yaml_file ss_yaml_read(uint32_t file, struct ss_arena *arena, struct ss_diagnostics *diagnostics)
{
    struct builder builder = {.diagnostics = diagnostics,
                              .arena = arena,
                              .file = file,
                              .text = diagnostics->files[file].text,
                              .keys.arena = arena};
    yaml_parser_t parser;
    if (!check_file(&builder)) return (struct ss_yaml_file){.is_broken = true};
    if (builder.text.size >= 3 && memcmp(builder.text.data, "\xef\xbb\xbf", 3) == 0) builder.start = 3;
    const struct ss_bytes read = {builder.text.data + builder.start, builder.text.size - builder.start};
    if (!ss_yaml_index_init(&builder.index, read, arena) || !yaml_parser_initialize(&parser)) {
        diagnostics->out_of_memory = true;
        return (struct ss_yaml_file){.is_broken = true};
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)read.data, read.size);
    read_events(&builder, &parser);
    yaml_parser_delete(&parser);
    return (struct ss_yaml_file){builder.root, builder.is_broken};
}
