// Features that use features: the order in which they are checked, cycles, and how much they grow when the
// features they use are filled in.
#ifndef SS_ENGINE_FEATURE_ORDER_H
#define SS_ENGINE_FEATURE_ORDER_H

#include "engine/compile.h"

struct ss_feature_entry {
    const char *name;
    struct ss_place place;
    const struct ss_yaml *text; // its expression; NULL: bad
    struct ss_node *root;       // NULL: bad
    bool is_checked, is_bad;
    size_t node_count; // with all that it uses filled in
    int height;
    int32_t *uses; // indices of the features it names
    size_t use_count, use_capacity;
};

struct ss_feature_list {
    struct ss_feature_entry *entries;
    size_t count;
    uint32_t scope; // of their names in the compiler's table
    size_t current; // the one being checked
};

// Finds what uses what. Then `order` holds all indices, each after those it uses; what is in a cycle is
// diagnosed and bad. False when out of memory.
bool ss_order_features(struct ss_compiler *compiler, struct ss_feature_list *list, int32_t *order);

// Puts the tree of feature `used` in place of the node that names it. False when it is bad, or when the
// current feature gets too big by it: that is diagnosed.
bool ss_fill_in_feature(struct ss_compiler *compiler, struct ss_feature_list *list, size_t used,
                        struct ss_node *node);
// Notes the size of the current feature's own tree before it is checked.
void ss_measure_feature(struct ss_feature_list *list);

#endif
