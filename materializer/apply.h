// Apply: new and changed views are filled from history beside the old ones, then switched in one transaction
// (DESIGN C12).
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

// Does it. On success the definitions are the materializer's; on failure nothing changed and they stay the
// caller's.
enum ss_status ss_apply(struct ss_materializer *materializer, struct ss_definitions *definitions,
                        struct ss_error *error);

// Fills tables of these live views anew beside the old ones and switches (view NULL: all).
enum ss_status ss_rebuild(struct ss_materializer *materializer, const struct ss_view *const *views,
                          size_t count, struct ss_error *error);

#endif
