// Reading entries of the tree: names, fields, types, expressions, and the errors they all share.
#include "engine/compile.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/lexer.h"

#define NAME_MAX_BYTES  64
#define NEAREST_AMONG   2000 // with more names than that nothing is suggested: a hostile file has millions
#define BORROWED_OFFSET 0x80000000 // beyond every file: places in text that does not stand in it as it is

void *ss_compile_array(struct ss_compiler *compiler, struct ss_arena *arena, size_t count, size_t size)
{
    void *array = ss_arena_array(arena, count ? count : 1, size);
    if (!array) compiler->diagnostics.out_of_memory = true;
    return array;
}

const char *ss_compile_text(struct ss_compiler *compiler, struct ss_arena *arena, struct ss_bytes text)
{
    const char *copy = ss_arena_copy(arena, text.size ? text.data : "", text.size);
    if (!copy) compiler->diagnostics.out_of_memory = true;
    return copy;
}

const char *ss_compile_format(struct ss_compiler *compiler, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    const char *copy = ss_compile_text(compiler, compiler->scratch, ss_bytes_of(text));
    return copy ? copy : "";
}

uint32_t ss_compile_line(const struct ss_compiler *compiler, struct ss_place place)
{
    uint32_t line, column;
    ss_place_resolve(&compiler->diagnostics, place, &line, &column);
    return line;
}

void ss_compile_add(struct ss_compiler *compiler, uint32_t scope, const char *name, size_t value)
{
    if (!ss_name_add(&compiler->names, scope, ss_bytes_of(name), (int32_t)value))
        compiler->diagnostics.out_of_memory = true;
}

int32_t ss_compile_find(const struct ss_compiler *compiler, uint32_t scope, const char *name)
{
    return ss_name_find(&compiler->names, scope, ss_bytes_of(name));
}

const char *ss_did_you_mean(struct ss_compiler *compiler, const char *name, const char *const *names,
                            size_t count)
{
    if (count > NEAREST_AMONG || compiler->diagnostics.count >= SS_DIAGNOSTICS_MAX) return "";
    const char *nearest = ss_nearest_name(ss_bytes_of(name), names, count);
    return nearest ? ss_compile_format(compiler, "; did you mean '%s'?", nearest) : "";
}

const char *ss_section_word(enum ss_section section)
{
    static const char *const words[] = {"entity", "source", "view", "service"};
    return words[section];
}

// May the name be defined where a syntax error has hidden it? (After many searches: it may.)
static bool may_be_hidden(struct ss_compiler *compiler, const char *name)
{
    for (size_t i = 0; i < compiler->file_count; i++) {
        const struct ss_bytes text = compiler->files[i].text;
        if (!compiler->trees[i].is_broken) continue;
        if (++compiler->hidden_searches > NEAREST_AMONG || memmem(text.data, text.size, name, strlen(name)))
            return true;
    }
    return false;
}

int32_t ss_compile_refer(struct ss_compiler *compiler, enum ss_section section, const struct ss_yaml *node,
                         const char *subject, struct ss_bytes text)
{
    const char *name = ss_compile_text(compiler, compiler->scratch, text);
    if (!name) return -1;
    const int32_t index = ss_compile_find(compiler, section, name);
    if (index >= 0 || may_be_hidden(compiler, name)) return index;
    const size_t count = compiler->counts[section] <= NEAREST_AMONG ? compiler->counts[section] : 0;
    const char **names = ss_compile_array(compiler, compiler->scratch, count, sizeof(*names));
    if (!names) return -1;
    for (size_t i = 0; i < count; i++) names[i] = compiler->definitions[section][i].name;
    ss_diagnose(&compiler->diagnostics, ss_yaml_place_of(node, 0), "%s: unknown %s '%.64s'%s", subject,
                ss_section_word(section), name, ss_did_you_mean(compiler, name, names, count));
    return -1;
}

// ---- Names

static bool is_name_shaped(const char *name)
{
    for (const char *at = name; *at; at++) {
        const char letter = (char)(*at | 0x20);
        const bool is_digit = *at >= '0' && *at <= '9';
        if (*at != '_' && !(letter >= 'a' && letter <= 'z') && !(is_digit && at > name)) return false;
    }
    return name[0] != 0;
}

static bool ends_in_status(const char *name)
{
    static const char ending[] = "__status";
    const size_t size = strlen(name), ending_size = sizeof(ending) - 1;
    return size >= ending_size && strcasecmp(name + size - ending_size, ending) == 0;
}

static const char *find_name_problem(const char *name)
{
    if (!is_name_shaped(name)) return "is made of letters, digits and _, and does not start with a digit";
    if (strlen(name) > NAME_MAX_BYTES) return "has at most 64 bytes";
    if (name[0] == '_') return "does not start with '_': such names are the engine's own";
    if (ends_in_status(name)) return "does not end in '__status': such columns are the engine's own";
    if (strcmp(name, "t") == 0 || strcmp(name, "request") == 0 || strcmp(name, "event_time") == 0)
        return "is not 't', 'request' or 'event_time': these mean something in expressions";
    if (ss_is_reserved_word(ss_bytes_of(name))) return "is not a word of the expression language";
    return NULL;
}

bool ss_check_name(struct ss_compiler *compiler, struct ss_place place, const char *name, const char *what)
{
    const char *problem = find_name_problem(name);
    if (!problem) return true;
    ss_diagnose(&compiler->diagnostics, place, "'%.80s' cannot be the name of %s %s: a name %s", name,
                strchr("aeiou", what[0]) ? "an" : "a", what, problem);
    return false;
}

// ---- Shapes

static bool expect_kind(struct ss_compiler *compiler, const struct ss_yaml *node, enum ss_yaml_kind kind,
                        const char *subject, const char *what)
{
    if (node->kind == kind) return true;
    if (node->kind == SS_YAML_BAD) return false;
    const bool is_nothing = node->kind == SS_YAML_TEXT && node->is_plain && node->text.size == 0;
    if (node->kind == SS_YAML_TEXT && !is_nothing)
        ss_diagnose(&compiler->diagnostics, node->place, "%s: expected %s, got '%.64s'", subject, what,
                    node->text.data);
    else
        ss_diagnose(&compiler->diagnostics, is_nothing && node->key ? node->key->place : node->place,
                    "%s: expected %s, got %s", subject, what,
                    is_nothing ? "nothing" : ss_yaml_kind_name(node->kind));
    return false;
}

bool ss_expect_mapping(struct ss_compiler *compiler, const struct ss_yaml *node, const char *subject,
                       const char *what)
{
    return expect_kind(compiler, node, SS_YAML_MAPPING, subject, what);
}

bool ss_expect_list(struct ss_compiler *compiler, const struct ss_yaml *node, const char *subject,
                    const char *what)
{
    return expect_kind(compiler, node, SS_YAML_LIST, subject, what);
}

bool ss_expect_text(struct ss_compiler *compiler, const struct ss_yaml *node, const char *subject,
                    const char *what)
{
    return expect_kind(compiler, node, SS_YAML_TEXT, subject, what);
}

static const char *join_names(struct ss_compiler *compiler, const char *const *names, size_t count)
{
    const char *text = "";
    for (size_t i = 0; i < count; i++)
        text = ss_compile_format(compiler, "%s%s%s", text,
                                 i == 0          ? ""
                                 : i + 1 < count ? ", "
                                                 : " or ",
                                 names[i]);
    return text;
}

bool ss_read_fields(struct ss_compiler *compiler, const struct ss_yaml *node, const char *subject,
                    const char *const *names, size_t count, const struct ss_yaml **values)
{
    for (size_t i = 0; i < count; i++) values[i] = NULL;
    if (!ss_expect_mapping(
            compiler, node, subject,
            ss_compile_format(compiler, "a mapping with %s", join_names(compiler, names, count))))
        return false;
    for (const struct ss_yaml *entry = node->first; entry; entry = entry->next) {
        size_t i = 0;
        while (i < count && strcmp(names[i], entry->key->text.data) != 0) i++;
        if (i < count) {
            values[i] = entry;
            continue;
        }
        const char *advice = ss_did_you_mean(compiler, entry->key->text.data, names, count);
        if (!advice[0])
            advice = ss_compile_format(compiler, "; expected %s", join_names(compiler, names, count));
        ss_diagnose(&compiler->diagnostics, entry->key->place, "%s: unknown key '%.64s'%s", subject,
                    entry->key->text.data, advice);
    }
    return true;
}

static const char *read_note(struct ss_compiler *compiler, const char *subject, const char *what,
                             const struct ss_yaml *node)
{
    if (!node || !ss_expect_text(compiler, node, subject, what)) return NULL;
    return ss_compile_text(compiler, compiler->arena, node->text);
}

void ss_read_notes(struct ss_compiler *compiler, const char *subject, const struct ss_yaml *const *values,
                   struct ss_notes *notes)
{
    notes->description = read_note(compiler, subject, "text as description", values[0]);
    notes->owner = read_note(compiler, subject, "text as owner", values[1]);
    const struct ss_yaml *tags = values[2];
    if (!tags || !ss_expect_list(compiler, tags, subject, "a list of tags, such as [fraud, daily]")) return;
    const char **list = ss_compile_array(compiler, compiler->arena, tags->count, sizeof(*list));
    if (!list) return;
    for (const struct ss_yaml *tag = tags->first; tag; tag = tag->next) {
        const char *text = read_note(compiler, subject, "text as tag", tag);
        if (text) list[notes->tag_count++] = text;
    }
    notes->tags = list;
}

// ---- Types

bool ss_type_is_known(struct ss_type type)
{
    return type.id != SS_TYPE_UNKNOWN.id;
}

static bool starts_with(struct ss_bytes text, const char *start)
{
    return text.size >= strlen(start) && memcmp(text.data, start, strlen(start)) == 0;
}

static bool parse_type(struct ss_bytes text, struct ss_type *type, enum ss_time_unit *unit)
{
    static const char *const times[] = {
        [SS_UNIT_S] = "timestamp(s)", [SS_UNIT_MS] = "timestamp(ms)", [SS_UNIT_US] = "timestamp(us)"};
    *unit = SS_UNIT_TEXT;
    for (size_t i = SS_UNIT_S; i <= SS_UNIT_US; i++) {
        if (!ss_bytes_equal(text, ss_bytes_of(times[i]))) continue;
        *unit = (enum ss_time_unit)i;
        *type = (struct ss_type){SS_TIMESTAMP, 0};
        return true;
    }
    return ss_type_parse(text, type);
}

// What is wrong with a list's or vector's type.
static const char *explain_made_type(struct ss_bytes text)
{
    if (starts_with(text, "vector")) return "; write vector(n), with n numbers (1 to 4096)";
    if (starts_with(text, "list<list") || starts_with(text, "list<vector"))
        return "; a list holds single values, no lists or vectors";
    if (starts_with(text, "list<timestamp"))
        return "; write list<timestamp>: times in a list are text, without a unit";
    return "; write list<T>, where T is bool, int64, float64, decimal(n), string, bytes or timestamp";
}

static const char *explain_type(struct ss_compiler *compiler, struct ss_bytes text)
{
    static const char *const names[] = {"bool",   "int64",     "float64", "decimal(2)",
                                        "string", "timestamp", "bytes"};
    static const char *const others[][2] = {
        {"int", "int64"},      {"integer", "int64"},      {"bigint", "int64"},   {"long", "int64"},
        {"float", "float64"},  {"double", "float64"},     {"text", "string"},    {"str", "string"},
        {"varchar", "string"}, {"datetime", "timestamp"}, {"date", "timestamp"}, {"boolean", "bool"},
        {"blob", "bytes"},     {"binary", "bytes"}};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (ss_bytes_equal(text, ss_bytes_of(others[i][0])))
            return ss_compile_format(compiler, "; did you mean '%s'?", others[i][1]);
    }
    if (starts_with(text, "list") || starts_with(text, "vector")) return explain_made_type(text);
    if (starts_with(text, "decimal")) return "; write decimal(n), where n digits (0 to 18) follow the point";
    if (starts_with(text, "timestamp"))
        return "; write timestamp, timestamp(s), timestamp(ms) or timestamp(us)";
    const char *advice = ss_did_you_mean(compiler, text.data, names, sizeof(names) / sizeof(names[0]));
    return advice[0] ? advice
                     : "; expected bool, int64, float64, decimal(n), string, bytes, timestamp, list<T> or "
                       "vector(n)";
}

struct ss_type ss_read_type(struct ss_compiler *compiler, const struct ss_yaml *node, const char *subject,
                            enum ss_time_unit *unit)
{
    struct ss_type type = SS_TYPE_UNKNOWN;
    *unit = SS_UNIT_TEXT;
    if (!ss_expect_text(compiler, node, subject, "a type")) return type;
    if (node->text.size == 0) {
        ss_diagnose(&compiler->diagnostics, node->key->place, "%s: expected a type, got nothing", subject);
        return type;
    }
    if (parse_type(node->text, &type, unit)) return type;
    ss_diagnose(&compiler->diagnostics, ss_yaml_place_of(node, 0), "%s: unknown type '%.64s'%s", subject,
                node->text.data, explain_type(compiler, node->text));
    return SS_TYPE_UNKNOWN;
}

// ---- Expressions

const char *ss_quotes_hint(struct ss_compiler *compiler, const struct ss_yaml *text, const char *name)
{
    if (text->is_plain || !ss_bytes_equal(text->text, ss_bytes_of(name))) return "";
    return ss_compile_format(compiler, "; YAML takes the quotes away, so write text as \"'%s'\"", name);
}

static void move_place(const struct ss_yaml *text, struct ss_place *place)
{
    if (place->offset >= BORROWED_OFFSET) *place = ss_yaml_place_of(text, place->offset - BORROWED_OFFSET);
}

static bool move_node(void *context, struct ss_node *node)
{
    const struct ss_yaml *text = context;
    move_place(text, &node->place);
    move_place(text, &node->over_place);
    move_place(text, &node->hop_place);
    move_place(text, &node->within_place);
    return true;
}

struct ss_node *ss_read_expression(struct ss_compiler *compiler, const struct ss_yaml *node)
{
    struct ss_diagnostics *diagnostics = &compiler->diagnostics;
    const size_t known = diagnostics->count;
    if (!node->offsets)
        return ss_expression_parse(node->text, ss_yaml_place_of(node, 0), compiler->scratch, diagnostics);
    const struct ss_place place = {node->place.file, BORROWED_OFFSET};
    struct ss_node *root = ss_expression_parse(node->text, place, compiler->scratch, diagnostics);
    struct ss_yaml text = *node;
    for (size_t i = known; i < diagnostics->count; i++) move_place(&text, &diagnostics->items[i].place);
    if (root) ss_expression_walk(root, move_node, &text);
    return root;
}
