#include "tools/bench_fill.h"

#include <unistd.h>

#include "materializer/push.h"

struct filling {
    struct ss_bench_fill *fill;
    struct ss_arena arena;
    struct ss_column columns[SS_PAYMENTS_COLUMNS];
    struct ss_payments payments;
    bool shown;
};

enum ss_status ss_bench_fill_open(struct ss_bench_fill *fill, struct ss_error *error)
{
    struct ss_buffer text = {0};
    SS_TRY(ss_bench_make_folder(fill->directory, error));
    SS_TRY(ss_store_create(fill->directory, SS_CLOCK_REPLAY, NULL, error));
    SS_TRY(ss_materializer_open(fill->directory, SS_STORE_WRITE, NULL, &fill->materializer, error));
    ss_payments_definitions(&text);
    const enum ss_status status = ss_bench_apply(fill->materializer, &text, error);
    ss_buffer_release(&text);
    return status;
}

void ss_bench_fill_remove(struct ss_bench_fill *fill)
{
    ss_materializer_close(fill->materializer);
    ss_bench_latency_release(&fill->batches);
    ss_bench_remove_folder(fill->directory);
}

static bool add_event(struct filling *filling, int64_t index)
{
    const struct ss_payment payment = ss_payments_next(&filling->payments, index, 0);
    const struct ss_value row[SS_PAYMENTS_COLUMNS] = {
        [SS_PAYMENTS_USER] = {.present = true, .i64 = payment.user},
        [SS_PAYMENTS_AMOUNT] = {.present = true, .i64 = payment.cents},
        [SS_PAYMENTS_SCORE] = {.present = true, .f64 = payment.score},
        [SS_PAYMENTS_PAID_AT] = {.present = true, .i64 = payment.paid_us},
        [SS_PAYMENTS_RECEIVED_AT] = {.present = true, .i64 = payment.received_us},
    };
    for (int i = 0; i < SS_PAYMENTS_COLUMNS; i++)
        if (!ss_column_append(&filling->columns[i], row[i], &filling->arena)) return false;
    return true;
}

static void show_progress(struct filling *filling, int64_t done)
{
    const struct ss_bench_fill *fill = filling->fill;
    char events[SS_COUNT_TEXT_SIZE], rate[SS_COUNT_TEXT_SIZE];
    if (!isatty(STDERR_FILENO) || fill->seconds < 1) return;
    filling->shown = true;
    fprintf(stderr, "\r\033[K%s events, %s/s, %.0f s left", ss_count_format((uint64_t)done, events),
            ss_count_format((uint64_t)((double)done / fill->seconds), rate),
            fill->seconds * (double)(fill->event_count - done) / (double)done);
}

static enum ss_status push_batch(struct filling *filling, int64_t first, int32_t length,
                                 struct ss_error *error)
{
    struct ss_bench_fill *fill = filling->fill;
    const struct ss_source *source = &fill->materializer->definitions->sources[0];
    struct ss_push_result result;
    for (int i = 0; i < SS_PAYMENTS_COLUMNS; i++) ss_column_clear(&filling->columns[i]);
    for (int32_t i = 0; i < length; i++)
        if (!add_event(filling, first + i)) return ss_fail_memory(error, "a batch of events");
    const struct ss_push push = {.source = source, .length = length, .columns = filling->columns};
    const int64_t start_ns = ss_bench_now_ns();
    SS_TRY(ss_push(fill->materializer, &push, &result, error));
    const int64_t took_ns = ss_bench_now_ns() - start_ns;
    SS_ASSERT(result.accepted == (uint64_t)length);
    ss_bench_latency_add(&fill->batches, took_ns);
    fill->seconds += (double)took_ns * 1e-9;
    show_progress(filling, first + length);
    return SS_OK;
}

static enum ss_status push_all(struct filling *filling, struct ss_error *error)
{
    struct ss_bench_fill *fill = filling->fill;
    const struct ss_source *source = &fill->materializer->definitions->sources[0];
    bool ok = true;
    for (int i = 0; i < SS_PAYMENTS_COLUMNS && ok; i++)
        ok = ss_column_init(&filling->columns[i], source->columns[i].type, (int32_t)fill->batch_rows,
                            &filling->arena);
    if (!ok) return ss_fail_memory(error, "a batch of events");
    for (int64_t first = 0; first < fill->event_count; first += fill->batch_rows) {
        const int64_t left = fill->event_count - first;
        const int64_t length = left < fill->batch_rows ? left : fill->batch_rows;
        SS_TRY(push_batch(filling, first, (int32_t)length, error));
    }
    return SS_OK;
}

enum ss_status ss_bench_fill_push(struct ss_bench_fill *fill, struct ss_error *error)
{
    struct filling filling = {.fill = fill,
                              .payments = ss_payments_begin(fill->entity_count, fill->event_count)};
    const enum ss_status status = push_all(&filling, error);
    if (filling.shown) fputs("\r\033[K", stderr);
    ss_arena_release(&filling.arena);
    return status;
}
