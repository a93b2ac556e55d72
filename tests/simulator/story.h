// A story: all that one seed makes happen. A plan in variants, what is pushed, when it is looked up, applied
// and rebuilt, and where the program dies on the way.
#ifndef SS_TESTS_SIMULATOR_STORY_H
#define SS_TESTS_SIMULATOR_STORY_H

#include "engine/definitions.h"
#include "tests/property/scenario.h"

enum crash_kind {
    CRASH_NONE,
    CRASH_KILL,  // the process dies; what it wrote stays
    CRASH_POWER, // the machine goes down; what was not synced may be lost
    CRASH_ERROR  // the disk is full for a while; who gets an error ends, as a command does
};

struct crash {
    enum crash_kind kind;
    int fault;  // dies at this fault point of the act, counted from 0; -1: at none
    int disk;   // dies before this call to the disk, counted from 1; 0: before none
    int errors; // so many calls fail
};

enum act_kind {
    ACT_PUSH,
    ACT_LOOKUP,
    ACT_RESTART, // a clean close and an open
    ACT_STOP,    // dies between acts
    ACT_REBUILD,
    ACT_APPLY,
    ACT_COMPACT
};

enum again { AGAIN_NOT, AGAIN_SAME, AGAIN_OTHER_HASH, AGAIN_WITH_GAP };

#define TRIES     2 // an act that dies so often is spared the next time
#define PRODUCERS 3
#define AT_CLOCK  INT64_MIN
struct act {
    enum act_kind kind;
    bool dropped;              // by the shrinking of a failure
    int64_t clock;             // the clock is set to this first; 0: left as it is
    struct crash crash[TRIES]; // the second one may already hit while the store is opened again
    bool look_behind;          // after a death a reader looks up before a writer has recovered
    int peek_at;               // while it is at this fault point, a reader looks up; -1: at none
    int64_t peek_later_us;     // and so much time has passed on a wall clock
    bool is_calm;              // what could happen to it was taken away (act_calm)
    // ACT_PUSH
    struct step *push;
    int producer; // -1: none
    enum again again;
    // ACT_LOOKUP
    bool by_reader; // by the second handle, which stays open beside the writer
    int64_t at;     // looked up at this time where it is ahead of the clock; AT_CLOCK: never
    int first_query, query_count;
    int at_hand; // the source of the events that its queries carry; -1: they carry none
    // ACT_APPLY
    int variant; // ACT_COMPACT: enum ss_compaction
};

const char *act_name(enum act_kind kind);
// No crash, no look aside, nothing sent again.
void act_calm(struct act *act);

#define VARIANTS 4
struct variant {
    struct plan plan;
    char *yaml;
    struct ss_definitions *definitions;
    struct cell (*query_keys)[MAX_KEYS]; // in the order of its service
};

struct query {
    bool dropped;
    struct cell keys[MAX_KEYS]; // in the order of the plan's key names
    struct cell request[3];
    struct cell *events[2]; // by source: what it carries when events are at hand; NULL: nothing
};

struct story {
    uint64_t seed;
    struct plan plan;
    struct script script;
    int variant_count;
    struct variant variants[VARIANTS];
    int query_count;
    struct query *queries;
    int act_count;
    struct act *acts;
    int row_count;                              // of all pushes
    int64_t end_clock;                          // later than all that happens
    bool dropped_feature[MAX_SERVICE_FEATURES]; // of the plan's service
};

// NULL, or why it cannot be told (in the pool). Release it in the end, then the pool.
const char *story_make(struct story *story, uint64_t seed, struct pool *pool);
// Makes the variants anew after features were dropped.
const char *story_make_variants(struct story *story, struct pool *pool);
void story_release(struct story *story);

#endif
