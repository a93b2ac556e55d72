// Which aggregates of a view are read by one fold of tiles.
#ifndef SS_ENGINE_FOLD_PLAN_H
#define SS_ENGINE_FOLD_PLAN_H

#include "engine/base/arena.h"
#include "engine/definitions.h"

// Sets the folds of a view from its aggregates and their covers. False: out of memory.
bool ss_view_plan_folds(struct ss_view *view, struct ss_arena *arena);

#endif
