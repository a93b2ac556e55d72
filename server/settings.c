// Settings: from a file and options to a struct.
//
// Phases: every setting's texts are gathered (default, then file, then options), then each is read by its
// kind. Problems are gathered on the way, those of the file with their place, and told together at the end.

#include "server/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/yaml_tree.h"
#include "server/read_file.h"
#include "server/settings_value.h"

#define FILE_MAX_BYTES (1 << 20)

// clang-format off
#define OFFSET_TEXT(name)     offsetof(struct ss_settings, name)
#define OFFSET_LIST(name)     offsetof(struct ss_settings, name)
#define OFFSET_FLAG(name)     offsetof(struct ss_settings, name)
#define OFFSET_CHOICE(name)   offsetof(struct ss_settings, name)
#define OFFSET_COUNT(name)    offsetof(struct ss_settings, name)
#define OFFSET_BYTES(name)    offsetof(struct ss_settings, name)
#define OFFSET_DURATION(name) offsetof(struct ss_settings, name##_us)
const struct ss_setting_row ss_setting_rows[SS_SETTING_IDS] = {
#define ROW(kind, name, default_text, least, most, words, reload, text) \
    {#name, SS_SETTING_##kind, default_text, least, most, words, SS_##reload, text, OFFSET_##kind(name)},
    SS_SETTINGS(ROW)
#undef ROW
};
// clang-format on

// What is being loaded.
struct loading {
    struct ss_settings *settings;
    struct ss_file file; // path NULL: none
    struct ss_diagnostics diagnostics;
    const struct ss_yaml *nodes[SS_SETTING_IDS]; // of values from the file
    struct ss_buffer problems;                   // of options, a line each
    bool out_of_memory;
};

static void *take(struct loading *loading, size_t count, size_t size)
{
    void *memory = ss_arena_array(&loading->settings->arena, count ? count : 1, size);
    if (!memory) loading->out_of_memory = true;
    return memory;
}

static void set_texts(struct loading *loading, size_t id, enum ss_setting_origin origin,
                      const char *const *items, size_t count)
{
    const char **copies = take(loading, count, sizeof *copies);
    for (size_t i = 0; copies && i < count; i++) {
        copies[i] = ss_arena_copy(&loading->settings->arena, items[i], strlen(items[i]));
        if (!copies[i]) loading->out_of_memory = true;
    }
    if (loading->out_of_memory) return;
    loading->settings->texts[id] = (struct ss_text_list){copies, count};
    loading->settings->origins[id] = origin;
}

// ---- Names

// SS_SETTING_IDS: none. Dashes count as underscores.
static size_t find_setting(const char *name)
{
    size_t id = 0;
    for (; id < SS_SETTING_IDS; id++) {
        const char *want = ss_setting_rows[id].name, *at = name;
        while (*at && (*at == '-' ? '_' : *at) == *want) at++, want++;
        if (!*at && !*want) break;
    }
    return id;
}

static const char *nearest_setting(const char *name)
{
    const char *names[SS_SETTING_IDS];
    for (size_t i = 0; i < SS_SETTING_IDS; i++) names[i] = ss_setting_rows[i].name;
    return ss_nearest_name(ss_bytes_of(name), names, SS_SETTING_IDS);
}

static const char *without_dashes(const char *name)
{
    return name + strspn(name, "-");
}

static void print_option(struct ss_buffer *text, const char *name)
{
    ss_buffer_text(text, "--");
    for (; *name; name++) ss_buffer_byte(text, (uint8_t)(*name == '_' ? '-' : *name));
}

static void unknown_option(const char *name, struct ss_buffer *problems)
{
    const char *nearest = nearest_setting(name);
    ss_buffer_format(problems, "'--%.64s' is no option", name);
    if (nearest) {
        ss_buffer_text(problems, "; did you mean '");
        print_option(problems, nearest);
        ss_buffer_text(problems, "'?");
    }
    ss_buffer_byte(problems, '\n');
}

// ---- The file

static void take_list(struct loading *loading, size_t id, const struct ss_yaml *list)
{
    const char **items = take(loading, list->count, sizeof *items);
    size_t count = 0;
    if (!items) return;
    for (const struct ss_yaml *item = list->first; item; item = item->next) {
        if (item->kind == SS_YAML_TEXT)
            items[count++] = item->text.data;
        else if (item->kind != SS_YAML_BAD)
            ss_diagnose(&loading->diagnostics, item->place, "%s: expected texts in the list, got %s",
                        ss_setting_rows[id].name, ss_yaml_kind_name(item->kind));
    }
    set_texts(loading, id, SS_FROM_FILE, items, count);
}

static void take_entry(struct loading *loading, const struct ss_yaml *entry)
{
    const char *name = entry->key->text.data;
    const size_t id = find_setting(name);
    if (id == SS_SETTING_IDS || strchr(name, '-')) {
        const char *nearest = id < SS_SETTING_IDS ? ss_setting_rows[id].name : nearest_setting(name);
        char hint[SS_HINT_SIZE];
        ss_diagnose(&loading->diagnostics, entry->key->place, "unknown setting '%.64s'%s", name,
                    ss_nearest_hint(nearest, hint));
        return;
    }
    loading->nodes[id] = entry;
    if (entry->kind == SS_YAML_TEXT)
        set_texts(loading, id, SS_FROM_FILE, (const char *const[]){entry->text.data}, 1);
    else if (entry->kind == SS_YAML_LIST && ss_setting_rows[id].kind == SS_SETTING_LIST)
        take_list(loading, id, entry);
    else if (entry->kind != SS_YAML_BAD)
        ss_diagnose(&loading->diagnostics, entry->place, "%s: expected a %s, got %s", name,
                    ss_setting_kind_name(ss_setting_rows[id].kind), ss_yaml_kind_name(entry->kind));
}

static enum ss_status take_file(struct loading *loading, struct ss_error *error)
{
    SS_TRY(ss_read_file("settings", loading->file.path, FILE_MAX_BYTES, &loading->settings->arena,
                        &loading->file.text, NULL, error));
    const struct ss_yaml_file tree = ss_yaml_read(0, &loading->settings->arena, &loading->diagnostics);
    if (!tree.root || tree.root->kind == SS_YAML_BAD) return SS_OK;
    if (tree.root->kind != SS_YAML_MAPPING) {
        ss_diagnose(&loading->diagnostics, tree.root->place,
                    "expected settings, such as 'max_entities: 100'");
        return SS_OK;
    }
    for (const struct ss_yaml *entry = tree.root->first; entry; entry = entry->next)
        take_entry(loading, entry);
    return SS_OK;
}

// ---- Options

static void take_option(struct loading *loading, const struct ss_setting_option *option)
{
    const char *name = without_dashes(option->name);
    const size_t id = find_setting(name);
    if (id == SS_SETTING_IDS) {
        unknown_option(name, &loading->problems);
        return;
    }
    const struct ss_text_list before = loading->settings->texts[id];
    const bool adds =
        ss_setting_rows[id].kind == SS_SETTING_LIST && loading->settings->origins[id] == SS_FROM_OPTION;
    const size_t kept = adds ? before.count : 0;
    const char **items = take(loading, kept + 1, sizeof *items);
    if (!items) return;
    for (size_t i = 0; i < kept; i++) items[i] = before.items[i];
    items[kept] = option->value;
    set_texts(loading, id, SS_FROM_OPTION, items, kept + 1);
}

enum ss_status ss_setting_options_parse(int argc, char **argv, struct ss_setting_options *options,
                                        struct ss_error *error)
{
    struct ss_setting_options parsed = {.options = calloc((size_t)argc + 1, sizeof *parsed.options)};
    if (!parsed.options) return ss_fail_memory(error, "options");
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i] + 2;
        if (strncmp(argv[i], "--", 2) != 0 || !*name) {
            free(parsed.options);
            return ss_fail(error, SS_INVALID, "unexpected '%s'", argv[i]);
        }
        char *equals = strchr(argv[i], '=');
        if (equals) *equals = 0;
        const size_t id = find_setting(name);
        const bool is_flag = id < SS_SETTING_IDS && ss_setting_rows[id].kind == SS_SETTING_FLAG;
        const char *value = equals ? equals + 1 : is_flag ? "true" : i + 1 < argc ? argv[++i] : NULL;
        if (!value) {
            free(parsed.options);
            return ss_fail(error, SS_INVALID, "--%.64s needs a value", name);
        }
        if (strcmp(name, "config") == 0)
            parsed.file = value;
        else
            parsed.options[parsed.count++] = (struct ss_setting_option){name, value};
    }
    *options = parsed;
    return SS_OK;
}

// ---- Reading the values

static struct ss_place place_of_item(const struct ss_yaml *node, size_t index)
{
    if (node->kind != SS_YAML_LIST) return node->place;
    const struct ss_yaml *item = node->first;
    for (size_t i = 0; i < index && item->next; i++) item = item->next;
    return item ? item->place : node->place;
}

static void tell_problem(struct loading *loading, size_t id, size_t item, const char *problem)
{
    const char *name = ss_setting_rows[id].name;
    const enum ss_setting_origin origin = loading->settings->origins[id];
    if (origin == SS_FROM_FILE && loading->nodes[id]) {
        ss_diagnose(&loading->diagnostics, place_of_item(loading->nodes[id], item), "%s: %s", name, problem);
        return;
    }
    print_option(&loading->problems, name);
    ss_buffer_format(&loading->problems, ": %s\n", problem);
}

static void read_value(struct loading *loading, size_t id)
{
    const struct ss_setting_row *row = &ss_setting_rows[id];
    const struct ss_text_list texts = loading->settings->texts[id];
    char problem[SS_SETTING_PROBLEM_BYTES];
    if (row->kind == SS_SETTING_LIST) {
        *(struct ss_text_list *)(void *)((char *)loading->settings + row->offset) = texts;
        if (texts.count >= (size_t)row->least && texts.count <= (size_t)row->most) return;
        snprintf(problem, sizeof problem, "expected %lld to %lld of them, got %zu", (long long)row->least,
                 (long long)row->most, texts.count);
        tell_problem(loading, id, 0, problem);
        return;
    }
    if (!ss_setting_value_read(row, texts.items[0], (char *)loading->settings + row->offset, problem))
        tell_problem(loading, id, 0, problem);
}

static void read_listeners(struct loading *loading)
{
    struct ss_settings *settings = loading->settings;
    char problem[SS_SETTING_PROBLEM_BYTES];
    settings->listeners = take(loading, settings->listen.count, sizeof *settings->listeners);
    if (!settings->listeners) return;
    settings->listener_count = settings->listen.count;
    for (size_t i = 0; i < settings->listen.count; i++) {
        if (!ss_listener_read(settings->listen.items[i], &settings->listeners[i], problem))
            tell_problem(loading, SS_SETTING_listen, i, problem);
    }
    if (!settings->metrics_listen || !*settings->metrics_listen) return;
    if (!ss_host_and_port_read(settings->metrics_listen, NULL, problem))
        tell_problem(loading, SS_SETTING_metrics_listen, 0, problem);
}

// ---- All of it

// As many whole lines as the message holds.
static enum ss_status fail_with_lines(const struct ss_buffer *lines, struct ss_error *error)
{
    char text[sizeof error->message - 32];
    size_t end = 0, told = 0, all = 0;
    for (size_t i = 0; i < lines->size; i++) {
        if (lines->data[i] != '\n') continue;
        all++;
        if (i >= sizeof text) continue;
        end = i;
        told++;
    }
    if (told == 0) end = lines->size < sizeof text ? lines->size : sizeof text - 1;
    if (end) memcpy(text, lines->data, end);
    text[end] = 0;
    if (told == all || told == 0) return ss_fail(error, SS_INVALID, "%s", text);
    return ss_fail(error, SS_INVALID, "%s\nand %zu more", text, all - told);
}

static enum ss_status tell_all(struct loading *loading, struct ss_error *error)
{
    struct ss_diagnostics *found = &loading->diagnostics;
    if (loading->out_of_memory || found->out_of_memory || loading->problems.failed)
        return ss_fail_memory(error, "settings");
    if (found->count == 0 && loading->problems.size == 0) return SS_OK;
    ss_diagnostics_sort(found);
    struct ss_buffer lines = {0};
    for (size_t i = 0; i < found->count; i++) {
        uint32_t line, column;
        ss_place_resolve(found, found->items[i].place, &line, &column);
        ss_buffer_format(&lines, "%s:%u:%u: %s\n", loading->file.path, line, column, found->items[i].message);
    }
    if (loading->problems.size) ss_buffer_append(&lines, loading->problems.data, loading->problems.size);
    const enum ss_status status =
        lines.failed ? ss_fail_memory(error, "settings") : fail_with_lines(&lines, error);
    ss_buffer_release(&lines);
    return status;
}

static void keep_fixed(struct loading *loading, const struct ss_settings *live, struct ss_buffer *kept)
{
    for (size_t id = 0; id < SS_SETTING_IDS; id++) {
        const struct ss_text_list *was = &live->texts[id], *now = &loading->settings->texts[id];
        if (ss_setting_rows[id].reload == SS_LIVE || ss_text_list_equal(was, now)) continue;
        ss_buffer_format(kept, "%s: the change takes effect at the next start\n", ss_setting_rows[id].name);
        set_texts(loading, id, live->origins[id], was->items, was->count);
        loading->nodes[id] = NULL;
    }
}

static enum ss_status load(struct loading *loading, const struct ss_setting_option *options,
                           size_t option_count, const struct ss_settings *live, struct ss_buffer *kept,
                           struct ss_error *error)
{
    for (size_t id = 0; id < SS_SETTING_IDS; id++)
        set_texts(loading, id, SS_FROM_DEFAULT, (const char *const[]){ss_setting_rows[id].default_text}, 1);
    if (loading->file.path) SS_TRY(take_file(loading, error));
    for (size_t i = 0; i < option_count; i++) take_option(loading, &options[i]);
    if (loading->out_of_memory) return ss_fail_memory(error, "settings");
    if (live) keep_fixed(loading, live, kept);
    if (loading->out_of_memory || (kept && kept->failed)) return ss_fail_memory(error, "settings");
    for (size_t id = 0; id < SS_SETTING_IDS; id++) read_value(loading, id);
    read_listeners(loading);
    return tell_all(loading, error);
}

enum ss_status ss_settings_reload(const struct ss_settings *live, const char *file,
                                  const struct ss_setting_option *options, size_t option_count,
                                  struct ss_settings *settings, struct ss_buffer *kept,
                                  struct ss_error *error)
{
    struct ss_settings made = {0};
    struct loading loading = {.settings = &made, .file = {.path = file}};
    ss_diagnostics_init(&loading.diagnostics, &loading.file, 1, &made.arena);
    const enum ss_status status = load(&loading, options, option_count, live, kept, error);
    ss_buffer_release(&loading.problems);
    if (status != SS_OK) {
        ss_settings_release(&made);
        return status;
    }
    *settings = made;
    return SS_OK;
}

enum ss_status ss_settings_load(const char *file, const struct ss_setting_option *options,
                                size_t option_count, struct ss_settings *settings, struct ss_error *error)
{
    return ss_settings_reload(NULL, file, options, option_count, settings, NULL, error);
}

void ss_settings_release(struct ss_settings *settings)
{
    ss_arena_release(&settings->arena);
    *settings = (struct ss_settings){0};
}
