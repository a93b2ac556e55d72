// Regular expressions: patterns that stand in definitions, compiled by PCRE2 once, shared by all threads.
//
// The same everywhere: UTF mode without JIT, \w, \d, \s and [[:classes:]] of ASCII, newline \n, whatever
// PCRE2 was built with. A search stops at fixed limits, and then its result is null. How much memory a search
// takes depends on the machine, so the limit of depth is such that the limit of memory is never the one
// reached.
#ifndef SS_ENGINE_PATTERN_H
#define SS_ENGINE_PATTERN_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "engine/base/arena.h"
#include "engine/base/bytes.h"

#define SS_PATTERN_MATCH_LIMIT 1000000 // steps of one search
#define SS_PATTERN_DEPTH_LIMIT 20000   // choices that it keeps open
#define SS_PATTERN_HEAP_KIB    65536
#define SS_PATTERN_MAX_GROUPS  99

struct ss_pattern_piece { // of what a match is replaced by: text, then a group
    struct ss_bytes text;
    int group; // -1: none
};

struct ss_pattern {
    struct ss_bytes text;
    struct ss_bytes with; // regexp_replace: as written
    pcre2_code *code;
    pcre2_match_context *limits;
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

// What one run needs to search, in its arena. NULL: out of memory.
pcre2_match_data *ss_pattern_match_data(const struct ss_pattern *pattern, struct ss_arena *arena);

// " pcre2 10.42 match 1000000 depth 20000": for canonical forms.
void ss_pattern_append_rules(struct ss_buffer *buffer);

#endif
