// Apply: new and changed views are filled from history beside the old ones, follow what is pushed meanwhile,
// and are switched to in one transaction (DESIGN C12).
#ifndef SS_MATERIALIZER_APPLY_H
#define SS_MATERIALIZER_APPLY_H

#include "materializer/materializer.h"

enum ss_change { SS_CHANGE_NEW, SS_CHANGE_SAME, SS_CHANGE_CHANGED, SS_CHANGE_DROPPED };
const char *ss_change_name(enum ss_change change);

struct ss_planned {
    const char *kind; // "source", "view", "service"
    const char *name;
    enum ss_change change;
    const char *part; // what changed: "where", "features", ...; "" otherwise
};

// What apply would do, in the order sources, views, services. In the arena.
enum ss_status ss_plan(const struct ss_definitions *old /* NULL: none */, const struct ss_definitions *new,
                       struct ss_arena *arena, struct ss_planned **planned, size_t *count,
                       struct ss_error *error);

// An apply, or a rebuild, in steps of some 5 to 20 ms (100 where history needs an index for it). Between them
// the store is written to and looked up as ever, by the definitions that are live until the last step. One at
// a time; on the writer's thread.
struct ss_applying;

// The definitions are borrowed until the last step; then they are the materializer's, and its old ones are
// gone. SS_CONFLICT, and nothing changed, when history cannot follow them (ss_history_prepare).
enum ss_status ss_apply_begin(struct ss_materializer *materializer, struct ss_definitions *definitions,
                              struct ss_applying **applying, struct ss_error *error);
// Makes the tables of these live views anew (views NULL: of all).
enum ss_status ss_rebuild_begin(struct ss_materializer *materializer, const struct ss_view *const *views,
                                size_t count, struct ss_applying **applying, struct ss_error *error);
// *done: that was the last one, the switch; no other may follow, nor after a failure.
enum ss_status ss_apply_step(struct ss_applying *applying, bool *done, struct ss_error *error);
// Gives up what is not done: everything stays as it was, and the definitions the caller's. NULL is fine.
void ss_apply_end(struct ss_applying *applying);

// All steps. On success the definitions are the materializer's; on failure nothing changed and they stay the
// caller's.
enum ss_status ss_apply(struct ss_materializer *materializer, struct ss_definitions *definitions,
                        struct ss_error *error);
enum ss_status ss_rebuild(struct ss_materializer *materializer, const struct ss_view *const *views,
                          size_t count, struct ss_error *error);

#endif
