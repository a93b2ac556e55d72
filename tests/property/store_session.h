// A store under test with a replay: opened, closed and moved in time; cells of the scenario become columns
// and back.
#ifndef SS_TESTS_PROPERTY_STORE_SESSION_H
#define SS_TESTS_PROPERTY_STORE_SESSION_H

#include "materializer/apply.h"
#include "materializer/lookup.h"
#include "materializer/point_in_time.h"
#include "materializer/push.h"
#include "naive.h"
#include "scenario.h"

struct session {
    const struct plan *plan;
    struct pool *pool;
    char *directory;
    struct ss_store_options options;
    struct ss_materializer *materializer; // NULL: closed
    int64_t wall_us;                      // the fake wall clock
    struct ss_applying *applying;         // NULL: none
    const struct plan *next_plan;         // to which it leads
    struct ss_definitions *next_definitions;
    uint64_t producer_number;
    struct ss_error error; // of the call that failed last
};

struct table { // answers as cells, row by row
    int row_count, feature_count;
    struct cell *cells;
    enum naive_status *statuses;
};

// Sizes of history by a number, mostly so small that a few rows go through staging, segments and compaction.
struct ss_history_sizes session_sizes(uint64_t number);
// Rows per step of an apply, by a number, mostly few.
int32_t session_step_rows(uint64_t number);

// Each returns NULL, or what went wrong (in the session's pool).
const char *session_create(struct session *session, const struct plan *plan, const char *yaml,
                           struct pool *pool, const char *directory, bool sync);
const char *session_apply(struct session *session, const struct plan *plan, const char *yaml);
// The same in steps; session->applying is NULL after the last one, and after a failure.
const char *session_apply_begin(struct session *session, const struct plan *plan, const char *yaml);
const char *session_apply_step(struct session *session);
void session_give_up(struct session *session); // no-op when nothing is being applied
// Gives up what is being applied.
const char *session_reopen(struct session *session);
void session_remove(struct session *session); // closes it and removes its files
void session_move_clock(struct session *session, int64_t time_us);
const struct ss_service *session_service(const struct session *session);

// Both push some batches as groups: in parts, where that is one commit all the same, and beside pushes that
// are refused.
const char *session_push(struct session *session, const struct naive_batch *batch, bool again,
                         struct ss_push_result *result);
// The batch as it is, from a producer or (name NULL) from none; session->error says how it was refused.
struct session_producer {
    const char *name;
    uint64_t number;
    struct ss_sha256 hash;
};
enum ss_status session_push_from(struct session *session, const struct naive_batch *batch,
                                 const struct session_producer *producer, struct ss_push_result *result);

struct queries { // keys in the order of the plan's service_keys
    int count;
    const struct cell (*keys)[MAX_KEYS];
    const struct cell (*request)[3];
    const int64_t *t;                  // of a spine
    const struct cell *const *at_hand; // NULL: no row carries an event; per row, NULL: this one does not
    int at_hand_source;
    bool at_hand_lacks_keys; // key columns are left out
};
// At a pinned read point.
const char *session_answer(struct session *session, const struct ss_pinned *pinned,
                           const struct queries *queries, struct table *table);
const char *session_lookup(struct session *session, const struct queries *queries, int64_t ahead,
                           int64_t *t_us, uint64_t *s, struct table *table);
struct spine_mode {
    bool as_of_event_time, inclusive;
};
// Each row at its own s, or (s_by_row NULL) all at newest_s.
const char *session_join(struct session *session, const struct queries *queries, const uint64_t *s_by_row,
                         uint64_t newest_s, struct spine_mode mode, struct table *table);

#define MAX_DIGESTS MAX_VIEWS
struct digests {
    int64_t t_us;
    uint64_t s;
    struct ss_sha256 views[MAX_DIGESTS];
    uint64_t entities[MAX_DIGESTS];
};
// Of every view at the clock, online; compared with the ones from history.
const char *session_digest(struct session *session, struct digests *digests);

#endif
