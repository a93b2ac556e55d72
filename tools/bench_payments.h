// The events of bench ingest, train and push: 30 days of payments in the order of their arrival. 99 of 100
// arrive 0 to 2 s late, one a day late; few users have most of them. The same in every run.
#ifndef SS_TOOLS_BENCH_PAYMENTS_H
#define SS_TOOLS_BENCH_PAYMENTS_H

#include "engine/base/bytes.h"

enum {
    SS_PAYMENTS_USER,
    SS_PAYMENTS_AMOUNT,
    SS_PAYMENTS_SCORE,
    SS_PAYMENTS_PAID_AT,
    SS_PAYMENTS_RECEIVED_AT,
    SS_PAYMENTS_COLUMNS
};
extern const char *const ss_payments_columns[SS_PAYMENTS_COLUMNS];

// Source payments, view spend of entity user with 24 window features, service bench of all of them.
void ss_payments_definitions(struct ss_buffer *text);

struct ss_payments {
    int64_t user_count, event_count; // the 30 days have so many events
    uint64_t random;
};
struct ss_payment {
    int64_t user, cents;
    double score;
    int64_t paid_us, received_us;
};
struct ss_payments ss_payments_begin(int64_t user_count, int64_t event_count);
// now_us: when it is received; 0: as its place among all says, and one in a hundred is a day late.
struct ss_payment ss_payments_next(struct ss_payments *payments, int64_t index, int64_t now_us);

#endif
