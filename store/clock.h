// The store's one clock (DESIGN C3): a single 64-bit cell in a file that all processes of the store map.
//
// cell = time_us * 2 + in_flight. Every t given out and every arrival_time comes from it; it never goes back,
// across restarts too. While a commit is in flight the clock stands at that commit's arrival_time: lookups
// get it as their t, and so do not see (strictly before) what is on its way. A writer that died leaves it
// standing until the next writer has recovered, which is what the contract asks for.
//
// wall:   the machine's clock where that is later than the cell.
// replay: the cell alone; it moves with commits (1 µs past the greatest event_time and arrival_time) and
// ss_clock_advance.
//
// After a reboot the cell on disk may lag the last t given out, and the machine's clock may have stepped
// back: an open that meets another boot id moves a wall clock 60 s past both, durably. Thread-safe and
// process-safe; no call but that one blocks.
#ifndef SS_STORE_CLOCK_H
#define SS_STORE_CLOCK_H

#include "engine/base/error.h"

#include <stdint.h>

enum ss_clock_kind { SS_CLOCK_WALL, SS_CLOCK_REPLAY };

struct ss_wall_source { // the machine's clock and its boot id, replaceable by tests
    int64_t (*now_us)(void *context);
    void *context;
    const char *boot_id; // NULL: the machine's
};

struct ss_clock;

enum ss_status ss_clock_create(const char *path, enum ss_clock_kind kind,
                               struct ss_error *error); // fails if it exists
// wall NULL: CLOCK_REALTIME. A damaged file is SS_DAMAGED (the message says that a writing command mends it).
enum ss_status ss_clock_open(const char *path, const struct ss_wall_source *wall, struct ss_clock **clock,
                             struct ss_error *error);
// Makes a clock anew in place of a lost or damaged one, standing at time_us or later (only by the writer).
enum ss_status ss_clock_replace(const char *path, enum ss_clock_kind kind, int64_t time_us,
                                struct ss_error *error);
void ss_clock_close(struct ss_clock *clock); // NULL is fine
enum ss_clock_kind ss_clock_kind(const struct ss_clock *clock);

// A t for a lookup, pinned before it takes its snapshot. The caller then uses max(t, snapshot's newest
// arrival + 1).
int64_t ss_clock_pin(struct ss_clock *clock);
// Where the clock stands, without moving it.
int64_t ss_clock_now(const struct ss_clock *clock);
// Starts a commit: the clock stands from here on at the returned time, the commit's arrival_time (which the
// one writer may still raise). If a dead writer's commit was in flight, its time is taken over.
int64_t ss_clock_begin_commit(struct ss_clock *clock);
// Ends it: the clock goes on, at least at next_us (1 µs past every arrival_time and event_time of the
// commit); INT64_MIN: where it stands, for a commit that was given up.
void ss_clock_end_commit(struct ss_clock *clock, int64_t next_us);
bool ss_clock_in_flight(const struct ss_clock *clock);
// Moves the clock forward to at least time_us (no-op when it is there already); a replay clock durably.
// False, and nothing moved, while a commit is in flight.
bool ss_clock_advance(struct ss_clock *clock, int64_t time_us);

// How often the online files were removed to be made anew (online.h): a word beside the cell, which all
// processes see at once. Noted after they were removed and before there are others.
const _Atomic uint64_t *ss_clock_online_times_made(const struct ss_clock *clock);
void ss_clock_note_online_removed(struct ss_clock *clock);

// Names this boot of the machine: what was not written back to disk before it is gone.
#define SS_BOOT_ID_SIZE 40
enum ss_status ss_boot_id(const struct ss_wall_source *wall /* NULL: the machine's */,
                          char text[SS_BOOT_ID_SIZE], struct ss_error *error);

#endif
