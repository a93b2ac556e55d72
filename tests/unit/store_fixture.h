// What the tests of store/ share: directories that go again, a source with views made by hand, and batches of
// its rows.
#ifndef SS_TESTS_STORE_FIXTURE_H
#define SS_TESTS_STORE_FIXTURE_H

#include "store/store.h"

#define PATH_BYTES 512

void make_test_directory(char path[PATH_BYTES]); // a new empty one under $TMPDIR
void remove_test_directory(const char *path);    // with all that is in it
void overwrite_file(const char *path, long offset, const void *bytes,
                    size_t size); // from the end if negative
void copy_file(const char *from, const char *to);
void truncate_file(const char *path, long size);
long size_of_file(const char *path);

// Columns of the source "payments".
enum {
    COLUMN_ID,
    COLUMN_USER,
    COLUMN_SHOP,
    COLUMN_AMOUNT,
    COLUMN_RATE,
    COLUMN_FLAG,
    COLUMN_AT,
    COLUMN_OP,
    COLUMNS
};

enum { VIEW_BY_USER, VIEW_BY_USER_AND_SHOP, VIEW_BY_FLAG, VIEW_OF_WORLD, VIEWS };

struct payments {
    struct ss_source_column columns[COLUMNS];
    struct ss_source source;
    struct ss_entity entities[VIEWS];
    struct ss_view views[VIEWS];
    bool row_inputs[COLUMNS + 1];
    struct ss_definitions definitions;
};
// with_id false: no event_id and no op.
void make_payments(struct payments *payments, const char *name, bool with_id);

// One row; NULL and negative zero-length members are null: user NULL, id NULL. shop, amount: INT64_MIN is
// null.
struct payment {
    const char *id, *user;
    int64_t shop, amount;
    double rate;
    bool flag;
    int64_t at_us, arrival_us;
    bool is_delete;
    const char *op; // the column's text; NULL: null
};

#define NULL_NUMBER INT64_MIN

// Appends within the open transaction; outcomes may be NULL.
enum ss_status append_payments(struct ss_history *history, const struct payments *payments,
                               const struct payment *rows, int32_t length, enum ss_row_outcome *outcomes,
                               struct ss_error *error);
// begin, append, commit; asserts that each works.
struct ss_commit commit_payments(struct ss_history *history, const struct payments *payments,
                                 const struct payment *rows, int32_t length, enum ss_row_outcome *outcomes);

#define assert_ok(expression)                                                               \
    do {                                                                                    \
        error.message[0] = 0;                                                               \
        const enum ss_status assert_ok_ = (expression);                                     \
        if (assert_ok_ != SS_OK)                                                            \
            fail_msg("%s: %s: %s", #expression, ss_status_name(assert_ok_), error.message); \
    } while (0)

#define assert_status(want, expression)                                                 \
    do {                                                                                \
        error.message[0] = 0;                                                           \
        const enum ss_status assert_status_ = (expression);                             \
        if (assert_status_ != (want))                                                   \
            fail_msg("%s: %s, not %s: %s", #expression, ss_status_name(assert_status_), \
                     ss_status_name(want), error.message);                              \
    } while (0)

#endif
