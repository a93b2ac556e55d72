// What the parts of a view's reader share: define_view.c has features and names, define_aggregate.c what
// stands inside aggregates.
#ifndef SS_ENGINE_DEFINE_VIEW_H
#define SS_ENGINE_DEFINE_VIEW_H

#include "engine/feature_order.h"
#include "engine/plan.h"

struct ss_view_reading {
    struct ss_compiler *compiler;
    struct ss_view *view;
    const char *subject;                 // "view 'x'"
    const struct ss_scope_notes *entity; // NULL: not known
    const struct ss_scope_notes *source;
    struct ss_scope_notes *notes; // its features
    struct ss_feature *features;  // the view's
    struct ss_feature_list list;  // beside them
    struct ss_plan plan;
    const struct ss_yaml *text; // of the expression that is being checked
    const char *column_scope;   // where the names of columns stand: "an aggregate", "a view's where"
};

// Resolves a name to a column of the source. (A scope's resolve; context is the reading.)
bool ss_resolve_column(void *context, struct ss_node *node, struct ss_diagnostics *diagnostics);
// Turns an aggregate into a pending input. (A scope's aggregate.)
bool ss_check_aggregate(void *context, struct ss_node *node, struct ss_diagnostics *diagnostics);

#endif
