// Regular expressions: patterns that stand in definitions, compiled by PCRE2 once, shared by all threads.
//
// The same everywhere: UTF mode without JIT, \w, \d, \s and [[:classes:]] of ASCII, newline \n, whatever
// PCRE2 was built with. A search stops at fixed limits, and then its result is null. PCRE2 counts the steps
// from each place of the text anew, so each gets its share of SS_PATTERN_STEPS by the text's length alone.
// How much memory a search takes depends on the machine, so the limit of depth is such that the limit of
// memory is never the one reached, and a pattern may not set limits itself.
#ifndef SS_ENGINE_PATTERN_H
#define SS_ENGINE_PATTERN_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "engine/base/arena.h"
#include "engine/base/bytes.h"

#define SS_PATTERN_TEXT_MAX_BYTES (8 << 10) // a longer text is not searched
#define SS_PATTERN_STEPS          100000000 // in all, of one text
#define SS_PATTERN_DEPTH_LIMIT    20000     // choices that it keeps open
#define SS_PATTERN_HEAP_KIB       65536
#define SS_PATTERN_MAX_GROUPS     99

struct ss_pattern_piece { // of what a match is replaced by: text, then a group
    struct ss_bytes text;
    int group; // -1: none
};

struct ss_pattern {
    struct ss_bytes text;
    struct ss_bytes with; // regexp_replace: as written
    pcre2_code *code;
    int group_count;
    struct ss_pattern_piece *pieces;
    size_t piece_count;
};

#define SS_PATTERN_REASON_SIZE 200

// Everything lives in the arena. `with` NULL: nothing is replaced. NULL: `reason` says why, or is empty when
// out of memory.
struct ss_pattern *ss_pattern_compile(struct ss_bytes text, const struct ss_bytes *with,
                                      struct ss_arena *arena, char reason[SS_PATTERN_REASON_SIZE]);
bool ss_pattern_equal(const struct ss_pattern *a, const struct ss_pattern *b);

// What one run needs to search, in its arena. False: out of memory.
struct ss_pattern_run {
    pcre2_match_data *data;
    pcre2_match_context *limits;
};
bool ss_pattern_begin(const struct ss_pattern *pattern, struct ss_arena *arena, struct ss_pattern_run *run);
// Sets the limits for a text of that size. False: it is too long to be searched.
bool ss_pattern_allow(struct ss_pattern_run *run, size_t text_bytes);

// " pcre2 10.42 text 8192 steps 100000000 depth 20000": for canonical forms.
void ss_pattern_append_rules(struct ss_buffer *buffer);

#endif
