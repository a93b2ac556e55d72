// Kernels of regular expressions: regexp_matches, regexp_extract, regexp_replace.
//
// A search that reaches a limit gives null. The match data are the run's own, made once for all its rows.
// Strings are valid UTF-8, so PCRE2 need not look (it would at every search, which makes replacing
// quadratic).
#include <string.h>

#include "engine/bytecode.h"
#include "engine/pattern.h"

struct search {
    const struct ss_pattern *pattern;
    struct ss_pattern_run run;
    const PCRE2_SIZE *span; // start and end of the match, then of each group
};

enum outcome { NOWHERE, FOUND, NO_MEMORY, TOO_MUCH };

static bool start_search(const struct ss_run *run, const struct ss_instruction *instruction,
                         struct search *search)
{
    search->pattern = instruction->setting->pattern;
    if (!ss_pattern_begin(search->pattern, run->arena, &search->run)) return false;
    search->span = pcre2_get_ovector_pointer(search->run.data);
    return true;
}

static enum outcome find(struct search *search, struct ss_bytes text, size_t from, uint32_t options)
{
    if (!ss_pattern_allow(&search->run, text.size)) return TOO_MUCH;
    const PCRE2_SPTR subject = (PCRE2_SPTR)(text.size ? text.data : "");
    const int result = pcre2_match(search->pattern->code, subject, text.size, from,
                                   options | PCRE2_NO_UTF_CHECK, search->run.data, search->run.limits);
    // By \K and a group elsewhere a match can be made to end before it starts; that is none.
    if (result > 0) return from <= search->span[0] && search->span[0] <= search->span[1] ? FOUND : TOO_MUCH;
    if (result == PCRE2_ERROR_NOMATCH) return NOWHERE;
    return result == PCRE2_ERROR_NOMEMORY ? NO_MEMORY : TOO_MUCH;
}

bool ss_kernel_regexp_matches(const struct ss_run *run, const struct ss_instruction *instruction,
                              struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    struct search search;
    if (!start_search(run, instruction, &search)) return false;
    for (int32_t row = 0; row < run->rows; row++) {
        if (!a->valid[row]) continue; // the registers come zeroed
        const enum outcome outcome = find(&search, a->text[row], 0, 0);
        if (outcome == NO_MEMORY) return false;
        out->valid[row] = outcome != TOO_MUCH;
        out->boolean[row] = outcome == FOUND;
    }
    return true;
}

bool ss_kernel_regexp_extract(const struct ss_run *run, const struct ss_instruction *instruction,
                              struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    const size_t group = (size_t)instruction->setting->number;
    struct search search;
    if (!start_search(run, instruction, &search)) return false;
    for (int32_t row = 0; row < run->rows; row++) {
        if (!a->valid[row]) continue;
        const enum outcome outcome = find(&search, a->text[row], 0, 0);
        if (outcome == NO_MEMORY) return false;
        const PCRE2_SIZE start = search.span[2 * group], end = search.span[2 * group + 1];
        if (outcome != FOUND || start == PCRE2_UNSET) continue;
        out->valid[row] = 1;
        out->text[row] = (struct ss_bytes){end > start ? a->text[row].data + start : "", end - start};
    }
    return true;
}

// ---- regexp_replace

struct written { // in the arena, growing
    struct ss_arena *arena;
    char *data;
    size_t size, capacity;
};

// TOO_MUCH: the result would be too long.
static enum outcome append(struct written *written, const char *data, size_t size)
{
    if (size > SS_RESULT_TEXT_MAX_BYTES - written->size) return TOO_MUCH;
    if (size > written->capacity - written->size) {
        const size_t capacity = 2 * (written->size + size);
        char *grown = ss_arena_alloc(written->arena, capacity);
        if (!grown) return NO_MEMORY;
        if (written->size) memcpy(grown, written->data, written->size);
        written->data = grown;
        written->capacity = capacity;
    }
    if (size) memcpy(written->data + written->size, data, size);
    written->size += size;
    return FOUND;
}

static enum outcome append_replacement(const struct search *search, struct ss_bytes text,
                                       struct written *written)
{
    const struct ss_pattern *pattern = search->pattern;
    for (size_t i = 0; i < pattern->piece_count; i++) {
        const struct ss_pattern_piece *piece = &pattern->pieces[i];
        enum outcome outcome = append(written, piece->text.data, piece->text.size);
        if (outcome == FOUND && piece->group >= 0 && search->span[2 * piece->group] != PCRE2_UNSET) {
            const PCRE2_SIZE start = search->span[2 * piece->group], end = search->span[2 * piece->group + 1];
            outcome = append(written, text.data + start, end - start);
        }
        if (outcome != FOUND) return outcome;
    }
    return FOUND;
}

static size_t code_point_after(struct ss_bytes text, size_t at)
{
    for (at++; at < text.size && ((unsigned char)text.data[at] & 0xc0) == 0x80;) at++;
    return at;
}

// Replaces from left to right. After an empty match, what is not empty may match at the same place; else one
// code point is passed over.
static enum outcome replace_all(struct search *search, struct ss_bytes text, struct written *written)
{
    size_t taken = 0, from = 0;
    uint32_t options = 0;
    while (from <= text.size) {
        enum outcome outcome = find(search, text, from, options);
        if (outcome == NOWHERE && options == 0) break;
        if (outcome == NOWHERE) {
            from = code_point_after(text, from);
            options = 0;
            continue;
        }
        if (outcome != FOUND) return outcome;
        const size_t start = search->span[0], end = search->span[1];
        outcome = append(written, text.data + taken, start - taken);
        if (outcome == FOUND) outcome = append_replacement(search, text, written);
        if (outcome != FOUND) return outcome;
        taken = from = end;
        options = start == end ? PCRE2_NOTEMPTY_ATSTART | PCRE2_ANCHORED : 0;
    }
    return append(written, text.data + taken, text.size - taken);
}

bool ss_kernel_regexp_replace(const struct ss_run *run, const struct ss_instruction *instruction,
                              struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    struct search search;
    if (!start_search(run, instruction, &search)) return false;
    for (int32_t row = 0; row < run->rows; row++) {
        struct ss_bytes text = a->text[row];
        struct written written = {.arena = run->arena};
        if (!a->valid[row]) continue;
        if (text.size == 0) text.data = "";
        const enum outcome outcome = replace_all(&search, text, &written);
        if (outcome == NO_MEMORY) return false;
        if (outcome != FOUND) continue;
        out->valid[row] = 1;
        out->text[row] = (struct ss_bytes){written.size ? written.data : "", written.size};
    }
    return true;
}
