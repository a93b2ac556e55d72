// What the parts of a service's reader share: define_service.c has items and the plan, define_service_names.c
// what their expressions name.
#ifndef SS_ENGINE_DEFINE_SERVICE_H
#define SS_ENGINE_DEFINE_SERVICE_H

#include "engine/feature_order.h"
#include "engine/plan.h"

// A feature of the service: a view's as it is, or an expression.
struct ss_service_output {
    const char *name;
    struct ss_place place;
    int32_t view, feature; // of the compiler's views; -1: an expression
    size_t derived;        // index into the list of expressions
};

// A name that is taken in the service, whatever its case.
struct ss_taken_name {
    const char *name;
    struct ss_place place;
    const char *what; // "feature", "key", "request input"
};

struct ss_service_reading {
    struct ss_compiler *compiler;
    struct ss_service *service;
    const char *subject; // "service 'x'"
    struct ss_service_output *outputs;
    size_t output_count, output_capacity;
    struct ss_feature_list derived;
    size_t derived_capacity;
    const char **derived_names;
    int32_t *views; // of the compiler's, in order of first use
    size_t view_count, view_capacity;
    struct ss_service_read *reads; // view: index into `views`
    size_t read_count, read_capacity;
    struct ss_request_input *request;
    struct ss_taken_name *taken;
    size_t taken_count, taken_capacity;
    const char **key_names;
    struct ss_type *key_types;
    size_t key_count;
    uint32_t request_scope, key_scope, view_scope, read_scope, taken_scope;
    bool is_partial; // it names views that are not known: so are some of its keys
};

// One more item: an array in `arena` that doubles. False when out of memory.
bool ss_reading_grow(struct ss_compiler *compiler, void **items, size_t count, size_t *capacity, size_t size);
// Notes that the service reads the view (an index of the compiler's). Its slot among the service's, -1: out
// of memory.
int32_t ss_service_use_view(struct ss_service_reading *reading, int32_t view);
// The index of a feature among the service's reads; -1: out of memory.
int32_t ss_service_use_feature(struct ss_service_reading *reading, int32_t view, int32_t feature);
// Finds "view.feature" at byte `index` of the node's text; false: unknown (diagnosed).
bool ss_service_find_feature(struct ss_service_reading *reading, struct ss_place place, const char *view_name,
                             const char *feature_name, int32_t *view, int32_t *feature);
// Notes the views that an expression names, so that their keys are known before it is checked.
void ss_service_note_views(struct ss_service_reading *reading, struct ss_node *root);
// Takes the keys of all views. Then expressions can be checked.
void ss_service_take_keys(struct ss_service_reading *reading);
// Is the name free in the service, whatever its case? Else it is diagnosed.
bool ss_service_take_name(struct ss_service_reading *reading, const char *name, struct ss_place place,
                          const char *what);
// A scope's resolve.
bool ss_service_resolve(void *context, struct ss_node *node, struct ss_diagnostics *diagnostics);
// What an input is called in the canonical form.
void ss_service_name_input(const void *context, int input, struct ss_buffer *buffer);

#endif
