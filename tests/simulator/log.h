// What the processes of one run tell each other, in memory that they share at one address: the machine they
// all run on, and what came out of every act.
#ifndef SS_TESTS_SIMULATOR_LOG_H
#define SS_TESTS_SIMULATOR_LOG_H

#include "disk.h"
#include "story.h"
#include "tests/property/store_session.h"

// Every kind of thing that must happen in a long run; the summary prints them all.
#define COUNTS(X)                 \
    X(seeds)                      \
    X(lookups)                    \
    X(cells)                      \
    X(present)                    \
    X(checked_at_t_alone)         \
    X(previews)                   \
    X(with_event_at_hand)         \
    X(by_reader)                  \
    X(in_flight)                  \
    X(behind_dead_writer)         \
    X(pushes)                     \
    X(rows)                       \
    X(deletes)                    \
    X(duplicates)                 \
    X(conflicts)                  \
    X(violations)                 \
    X(retried_repeated)           \
    X(retried_anew)               \
    X(sent_again)                 \
    X(other_hash_refused)         \
    X(gap_refused)                \
    X(applies)                    \
    X(rebuilds)                   \
    X(compactions)                \
    X(restarts)                   \
    X(kills)                      \
    X(power_losses)               \
    X(blocks_lost)                \
    X(clock_steps_back)           \
    X(filled_anew_at_open)        \
    X(caught_up_at_open)          \
    X(died_idle)                  \
    X(died_opening)               \
    X(died_before_history_commit) \
    X(died_after_history_commit)  \
    X(died_before_compaction)     \
    X(died_between_commits)       \
    X(died_before_online_commit)  \
    X(died_before_index)          \
    X(died_before_step)           \
    X(died_before_switch)         \
    X(died_after_switch)          \
    X(ended_by_disk_error)        \
    X(not_visible)                \
    X(died_at_disk_write)         \
    X(second_instances)
enum count {
#define X(name) COUNT_##name,
    COUNTS(X)
#undef X
        COUNT_KINDS
};
struct counts {
    uint64_t of[COUNT_KINDS];
};
extern const char *const count_names[COUNT_KINDS];

enum record_kind {
    RECORD_OPENED, // a writer has recovered: s is history's newest
    RECORD_BEGUN,  // a push is about to be made at clock_us
    RECORD_PUSHED,
    RECORD_SKIPPED, // a push without a producer whose rows were found in history
    RECORD_LOOKED,
    RECORD_DONE, // the act
    RECORD_DIGESTS,
    RECORD_PROBLEM
};

struct record {
    struct record *next;
    enum record_kind kind;
    int act; // -1: none
    int64_t clock_us;
    uint64_t s;
    const char *problem;
    // RECORD_PUSHED
    bool repeated;
    int counted_rows;
    // RECORD_LOOKED
    int64_t t_us;
    bool is_preview, is_aside; // aside: while a commit is on its way, or behind a dead writer
    bool is_final;             // made after the first live commit of every source it reads
    int variant;
    int at_hand; // as in struct act
    int query_count;
    int *queries;
    struct table table;
    // RECORD_DIGESTS
    struct digests digests;
};

struct log {
    int64_t wall_us;
    char boot_id[SS_BOOT_ID_SIZE];
    unsigned boots;
    struct record *first, *last;
    struct counts counts;
    struct pool pool; // of all that the records hold
};

struct log *log_create(size_t bytes); // NULL: no memory
void log_clear(struct log *log);
struct record *log_add(struct log *log, enum record_kind kind, int act);

#endif
