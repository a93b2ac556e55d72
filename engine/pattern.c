// Patterns: compiled into an arena, by PCRE2 told to take its memory there.
#include "engine/pattern.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/error.h"

static void *take_memory(size_t size, void *arena)
{
    return ss_arena_alloc(arena, size);
}

static void leave_memory(void *memory, void *arena) // it goes with the arena
{
    (void)memory;
    (void)arena;
}

static pcre2_general_context *make_context(struct ss_arena *arena)
{
    return pcre2_general_context_create(take_memory, leave_memory, arena);
}

// ---- The pattern

// Limits could be set at the start of a pattern only; anywhere else the words are refused for simplicity.
static bool sets_limits(struct ss_bytes text)
{
    static const char word[] = "(*LIMIT_";
    return text.size >= sizeof word - 1 && memmem(text.data, text.size, word, sizeof word - 1) != NULL;
}

// False: the reason is set, or is empty when out of memory.
static bool compile_code(struct ss_pattern *pattern, pcre2_general_context *general, char *reason)
{
    int error = 0;
    PCRE2_SIZE offset = 0;
    uint32_t group_count;
    pcre2_compile_context *rules = pcre2_compile_context_create(general);
    if (!rules) return false;
    pcre2_set_newline(rules, PCRE2_NEWLINE_LF);
    pcre2_set_bsr(rules, PCRE2_BSR_UNICODE);
    if (sets_limits(pattern->text)) {
        snprintf(reason, SS_PATTERN_REASON_SIZE,
                 "the pattern sets a limit by (*LIMIT_; the limits are fixed");
        return false;
    }
    const PCRE2_SPTR text = (PCRE2_SPTR)(pattern->text.size ? pattern->text.data : "");
    pattern->code =
        pcre2_compile(text, pattern->text.size, PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &error, &offset, rules);
    if (!pattern->code) {
        if (error == PCRE2_ERROR_HEAP_FAILED) return false;
        PCRE2_UCHAR why[SS_PATTERN_REASON_SIZE / 2] = "";
        pcre2_get_error_message(error, why, sizeof(why));
        snprintf(reason, SS_PATTERN_REASON_SIZE, "the pattern at its byte %zu: %s", (size_t)offset + 1,
                 (const char *)why);
        return false;
    }
    pcre2_pattern_info(pattern->code, PCRE2_INFO_CAPTURECOUNT, &group_count);
    pattern->group_count = (int)group_count;
    if (group_count <= SS_PATTERN_MAX_GROUPS) return true;
    snprintf(reason, SS_PATTERN_REASON_SIZE, "the pattern has %u groups; at most %d are allowed", group_count,
             SS_PATTERN_MAX_GROUPS);
    return false;
}

// ---- What a match is replaced by

// Takes the text up to a \ and what that says: \0 to \9 are groups, \\ is a \.
static bool take_piece(const struct ss_pattern *pattern, struct ss_bytes *rest,
                       struct ss_pattern_piece *piece, char *reason)
{
    const char *escape = memchr(rest->data, '\\', rest->size);
    *piece = (struct ss_pattern_piece){.text = *rest, .group = -1};
    if (!escape) {
        rest->size = 0;
        return true;
    }
    piece->text.size = (size_t)(escape - rest->data);
    const char said = piece->text.size + 1 < rest->size ? escape[1] : ' ';
    if (said == '\\') {
        piece->text.size++;
    } else if (said >= '0' && said <= '9' && said - '0' <= pattern->group_count) {
        piece->group = said - '0';
    } else if (said >= '0' && said <= '9') {
        snprintf(reason, SS_PATTERN_REASON_SIZE, "the replacement names group \\%c, and the pattern has %d",
                 said, pattern->group_count);
        return false;
    } else {
        snprintf(reason, SS_PATTERN_REASON_SIZE,
                 "in the replacement a \\ is followed by the number of a group or by another \\");
        return false;
    }
    rest->size -= (size_t)(escape - rest->data) + 2;
    rest->data = escape + 2;
    return true;
}

static bool read_pieces(struct ss_pattern *pattern, struct ss_arena *arena, char *reason)
{
    size_t most = 1;
    for (size_t i = 0; i < pattern->with.size; i++) most += pattern->with.data[i] == '\\';
    pattern->pieces = ss_arena_array(arena, most, sizeof(*pattern->pieces));
    if (!pattern->pieces) return false;
    for (struct ss_bytes rest = pattern->with; rest.size > 0; pattern->piece_count++) {
        if (!take_piece(pattern, &rest, &pattern->pieces[pattern->piece_count], reason)) return false;
    }
    return true;
}

// ---- All of it

static bool copy_text(struct ss_bytes from, struct ss_arena *arena, struct ss_bytes *copy)
{
    *copy = (struct ss_bytes){ss_arena_copy(arena, from.size ? from.data : "", from.size), from.size};
    return copy->data != NULL;
}

struct ss_pattern *ss_pattern_compile(struct ss_bytes text, const struct ss_bytes *with,
                                      struct ss_arena *arena, char reason[SS_PATTERN_REASON_SIZE])
{
    reason[0] = 0;
    struct ss_pattern *pattern = ss_arena_alloc(arena, sizeof(*pattern));
    pcre2_general_context *general = make_context(arena);
    const struct ss_bytes replacement = with ? *with : (struct ss_bytes){"", 0};
    if (!pattern || !general || !copy_text(text, arena, &pattern->text) ||
        !copy_text(replacement, arena, &pattern->with) || !compile_code(pattern, general, reason) ||
        !read_pieces(pattern, arena, reason))
        return NULL;
    return pattern;
}

bool ss_pattern_equal(const struct ss_pattern *a, const struct ss_pattern *b)
{
    if (!a || !b) return a == b;
    return ss_bytes_equal(a->text, b->text) && ss_bytes_equal(a->with, b->with);
}

bool ss_pattern_begin(const struct ss_pattern *pattern, struct ss_arena *arena, struct ss_pattern_run *run)
{
    pcre2_general_context *general = make_context(arena);
    if (!general) return false;
    run->data = pcre2_match_data_create_from_pattern(pattern->code, general);
    run->limits = pcre2_match_context_create(general);
    if (!run->data || !run->limits) return false;
    pcre2_set_depth_limit(run->limits, SS_PATTERN_DEPTH_LIMIT);
    pcre2_set_heap_limit(run->limits, SS_PATTERN_HEAP_KIB);
    return true;
}

bool ss_pattern_allow(struct ss_pattern_run *run, size_t text_bytes)
{
    if (text_bytes > SS_PATTERN_TEXT_MAX_BYTES) return false;
    pcre2_set_match_limit(run->limits, (uint32_t)(SS_PATTERN_STEPS / (text_bytes + 1)));
    return true;
}

void ss_pattern_append_rules(struct ss_buffer *buffer)
{
    char version[64] = "";
    SS_ASSERT(pcre2_config(PCRE2_CONFIG_VERSION, NULL) <= (int)sizeof(version));
    pcre2_config(PCRE2_CONFIG_VERSION, version); // "10.42 2022-12-11"
    ss_buffer_format(buffer, " pcre2 %.*s text %d steps %d depth %d", (int)strcspn(version, " "), version,
                     SS_PATTERN_TEXT_MAX_BYTES, SS_PATTERN_STEPS, SS_PATTERN_DEPTH_LIMIT);
}
