// The events of bench ingest, train and push.

#include "tools/bench_payments.h"

#include "engine/base/time.h"
#include "tools/bench_measure.h"

#define START_US (INT64_C(1767225600) * SS_SECOND_US) // 2026-01-01T00:00:00Z
#define SPAN_US  (30 * SS_DAY_US)

const char *const ss_payments_columns[SS_PAYMENTS_COLUMNS] = {"user_id", "amount", "score", "paid_at",
                                                              "received_at"};

static const char head[] =
    "entities:\n"
    "  user: {user_id: int64}\n"
    "sources:\n"
    "  payments:\n"
    "    columns: {user_id: int64, amount: decimal(2), score: float64, paid_at: timestamp, received_at: "
    "timestamp}\n"
    "    event_time: paid_at\n"
    "    arrival: received_at\n"
    "views:\n"
    "  spend:\n"
    "    entity: user\n"
    "    source: payments\n"
    "    features:\n";
static const char tail[] =
    "services:\n"
    "  bench:\n"
    "    features: [spend.*]\n";
static const char *const windows[] = {"1h", "1d", "7d", "30d"};
static const char *const aggregates[] = {"count", "sum", "mean", "stddev", "min", "max"};

void ss_payments_definitions(struct ss_buffer *text)
{
    ss_buffer_text(text, head);
    for (size_t w = 0; w < sizeof windows / sizeof *windows; w++)
        for (size_t a = 0; a < sizeof aggregates / sizeof *aggregates; a++)
            ss_buffer_format(text, "      %s_%s: %s(%s) over %s\n", aggregates[a], windows[w], aggregates[a],
                             a == 0 ? "" : "amount", windows[w]);
    ss_buffer_text(text, tail);
}

struct ss_payments ss_payments_begin(int64_t user_count, int64_t event_count)
{
    return (struct ss_payments){.user_count = user_count, .event_count = event_count};
}

struct ss_payment ss_payments_next(struct ss_payments *payments, int64_t index, int64_t now_us)
{
    uint64_t *random = &payments->random;
    const double u = ss_bench_unit(random), cents = ss_bench_unit(random),
                 share = (double)index / (double)payments->event_count;
    const bool is_late = ss_bench_random(random) % 100 == 0 && !now_us;
    const int64_t late_us = is_late ? SS_DAY_US : (int64_t)(ss_bench_random(random) % (2 * SS_SECOND_US));
    const int64_t received_us = now_us ? now_us : START_US + (int64_t)(share * (double)SPAN_US);
    return (struct ss_payment){.user = (int64_t)(u * u * u * (double)payments->user_count),
                               .cents = 100 + (int64_t)(cents * cents * 50000),
                               .score = ss_bench_unit(random),
                               .paid_us = received_us - late_us,
                               .received_us = received_us};
}
