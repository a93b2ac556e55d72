// What the tests of pushes share: a store with two sources of the same columns, and pushes of their rows.
#ifndef SS_TESTS_PUSH_FIXTURE_H
#define SS_TESTS_PUSH_FIXTURE_H

#include "materializer/push.h"
#include "tests/unit/materializer_fixture.h"

// clicks: quarantine; orders: on_violation reject. Of both, amounts lie between 0 and 100.
extern const char push_yaml[];
// The same with one column more, `shop`, that a view of a new entity reads, a view that is changed and one
// that is gone.
extern const char next_push_yaml[];
#define PUSH_COLUMNS 6

struct push_row {
    int64_t id, user, amount;
    int64_t at_us;
    bool is_delete;
    int64_t shop; // 0: null
};

struct made_push {
    struct ss_push push; // not live, of no producer: for the test to change
    struct ss_arena arena;
    struct ss_column columns[PUSH_COLUMNS];
};

// Opens a store; create: makes it first, on a replay clock, with push_yaml. Aborts when it cannot.
struct ss_materializer *open_push_store(const char *directory, const struct ss_store_options *options,
                                        bool create);
// Of a source of these definitions.
void make_push(struct made_push *made, const struct ss_definitions *definitions, const char *source,
               const struct push_row *rows, int32_t count);
void release_push(struct made_push *made);

// Of one source, committed by itself; it has to be taken.
void push_rows(struct ss_materializer *materializer, const char *source, bool live,
               const struct push_row *rows, int32_t count);

// SHA-256 of all rows of both sources (seq, time, columns, whether deleted), of the quarantine, and of every
// view's digest, online, as of where the clock stands; which has to be that of history.
struct ss_sha256 hash_of_store(struct ss_materializer *materializer);

#endif
