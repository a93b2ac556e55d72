// What the parts of the slow evaluator share.
#ifndef SS_TESTS_ORACLE_VALUE_H
#define SS_TESTS_ORACLE_VALUE_H

#include <gmp.h>

#include "tests/property/random_expression.h"

struct value {
    bool null;
    struct ss_type type;
    bool truth;
    double number;
    mpq_t exact;
    struct ss_bytes text;
};

struct oracle {
    const struct ss_value *row;
    struct ss_arena *arena;
};

// Makes the exact result null where the type cannot hold it.
void oracle_check_fit(struct value *value);

// ---- expression_oracle_text.c

char *oracle_new_text(const struct oracle *oracle, size_t size);
void oracle_change_text(const struct oracle *oracle, enum tree_op op, struct ss_bytes from,
                        struct value *out);
void oracle_cut_text(const struct oracle *oracle, const struct value *kids, int count, struct value *out);
bool oracle_search_text(enum tree_op op, struct ss_bytes text, struct ss_bytes part);
void oracle_join_texts(const struct oracle *oracle, const struct value *kids, int count, struct value *out);
void oracle_replace_text(const struct oracle *oracle, const struct value *kids, struct value *out);
void oracle_split_text(const struct value *kids, struct value *out);
long oracle_count_code_points(struct ss_bytes text);
void oracle_take_part(enum tree_op op, const struct value *kid, struct value *out);
void oracle_truncate_time(const char *unit, const struct value *kid, struct value *out);

#endif
