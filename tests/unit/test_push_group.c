// Groups of pushes: one commit, an answer for each, and what a refused one leaves (nothing).

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/unit/allocation_sweep.h"
#include "tests/unit/push_fixture.h"
#include "tests/unit/store_fixture.h"

#define MOST 8
#define NOW  (INT64_C(1000) * SS_DAY_US)

static char root[PATH_BYTES], directory[PATH_BYTES + 16];
static struct ss_store_options options;
static struct ss_materializer *materializer;
static struct ss_error error;
static struct made_push made[MOST];
static size_t count; // of the group that is being made
static struct ss_push_outcome outcomes[MOST];

static int setup(void **state)
{
    (void)state;
    make_test_directory(root);
    snprintf(directory, sizeof directory, "%s/store", root);
    options = (struct ss_store_options){.no_sync = true};
    materializer = open_push_store(directory, &options, true);
    ss_clock_advance(materializer->store->clock, NOW);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ss_materializer_close(materializer);
    remove_test_directory(root);
    return 0;
}

// ---- A group, made push by push

static struct ss_push *add(const char *source, const struct push_row *rows, int32_t length)
{
    assert_true(count < MOST);
    make_push(&made[count], materializer->definitions, source, rows, length);
    return &made[count++].push;
}

static struct ss_push *add_from(const char *producer, uint64_t number, const char *source,
                                const struct push_row *rows, int32_t length)
{
    struct ss_push *push = add(source, rows, length);
    push->producer = producer;
    push->number = number;
    push->hash = ss_sha256_of(rows, (size_t)length * sizeof *rows);
    return push;
}

static void push_all(void)
{
    const struct ss_push *pushes[MOST];
    for (size_t i = 0; i < count; i++) pushes[i] = &made[i].push;
    ss_push_group(materializer, pushes, count, outcomes);
    for (size_t i = 0; i < count; i++) release_push(&made[i]);
    count = 0;
}

static struct ss_history_stats stats(void)
{
    struct ss_history_stats stats;
    assert_ok(ss_history_stats(materializer->store->history, &stats, &error));
    return stats;
}

static struct ss_commit newest_commit(void)
{
    struct ss_commit newest;
    assert_ok(ss_history_newest_commit(materializer->store->history, &newest, &error));
    return newest;
}

static void assert_pushed(size_t i, uint64_t accepted, uint64_t seq)
{
    if (outcomes[i].status != SS_OK) fail_msg("push %zu: %s", i, outcomes[i].error.message);
    assert_string_equal(outcomes[i].error.message, "");
    assert_int_equal(outcomes[i].result.accepted, accepted);
    assert_int_equal(outcomes[i].result.seq, seq);
    assert_string_equal(outcomes[i].result.not_visible, "");
}

static void assert_refused(size_t i, enum ss_status status, const char *why)
{
    static const struct ss_push_result nothing;
    assert_int_equal(outcomes[i].status, status);
    assert_non_null(strstr(outcomes[i].error.message, why));
    assert_memory_equal(&outcomes[i].result, &nothing, sizeof nothing);
}

static const struct push_row one = {1, 7, 10, 1000, false}, two = {2, 7, 20, 2000, false},
                             three = {3, 8, 30, 3000, false}, other_one = {1, 7, 11, 1000, false},
                             dear = {4, 8, 101, 4000, false}, one_gone = {1, 0, 0, 1000, true};

static void pushes_of_a_group_share_one_commit_and_have_answers_of_their_own(void **state)
{
    (void)state;
    const struct push_row mixed[] = {three, dear};
    add("clicks", &one, 1);
    add("orders", &two, 1)->live = true;
    add("clicks", mixed, 2);
    push_all();
    assert_pushed(0, 1, 3);
    assert_pushed(1, 1, 3);
    assert_pushed(2, 1, 3);
    assert_int_equal(outcomes[0].result.quarantined, 0);
    assert_int_equal(outcomes[2].result.quarantined, 1);
    assert_non_null(strstr(outcomes[2].result.first_reason, "not between"));
    assert_int_equal(stats().commits, 1);
    (void)hash_of_store(materializer); // online is what history says
}

static void a_refused_push_leaves_nothing_and_does_not_touch_its_neighbours(void **state)
{
    (void)state;
    const struct push_row conflicting[] = {three, dear, other_one};
    add("clicks", &one, 1);
    push_all();
    add("clicks", &two, 1);
    add("orders", &dear, 1);                      // rejects
    add("clicks", conflicting, 3)->strict = true; // refused at the door
    const struct push_row late_conflict[] = {three, other_one};
    add_from("p", 1, "clicks", late_conflict, 2)->strict = true; // refused when a row of it was written
    add_from("p", 1, "clicks", &three, 1);
    push_all();
    assert_pushed(0, 1, 3);
    assert_refused(1, SS_INVALID, "source 'orders': batch refused");
    assert_refused(2, SS_INVALID, "not between");
    assert_refused(3, SS_INVALID, "conflict");
    assert_pushed(4, 1, 3);
    assert_int_equal(stats().events, 3);
    assert_int_equal(stats().quarantined, 0);
    assert_int_equal(stats().staged, 3);
    (void)hash_of_store(materializer);
}

static void a_refused_large_push_leaves_the_segments_as_they_were(void **state)
{
    (void)state;
    ss_materializer_close(materializer);
    options.sizes = (struct ss_history_sizes){.bulk_rows = 2, .segment_rows = 2};
    materializer = open_push_store(directory, &options, false);
    const struct push_row large[] = {two, three, {5, 9, 1, 9, false}, other_one};
    add("clicks", &one, 1);
    add("clicks", large, 4)->strict = true;
    add("clicks", large, 4);
    push_all();
    assert_pushed(0, 1, 4);
    assert_refused(1, SS_INVALID, "conflict");
    assert_pushed(2, 3, 4);
    assert_int_equal(outcomes[2].result.conflicting, 1);
    assert_int_equal(stats().events, 4);
    (void)hash_of_store(materializer);
}

static void a_producer_may_send_batches_in_one_group_and_one_of_them_twice(void **state)
{
    (void)state;
    add_from("p", 1, "clicks", &one, 1);
    add_from("p", 2, "orders", &two, 1);
    add_from("p", 1, "clicks", &one, 1);
    add_from("p", 2, "orders", &three, 1);
    add_from("p", 4, "clicks", &three, 1);
    add_from("q", 1, "clicks", &three, 1);
    push_all();
    assert_pushed(0, 1, 3);
    assert_pushed(1, 1, 3);
    assert_pushed(2, 0, 3);
    assert_false(outcomes[0].result.repeated);
    assert_true(outcomes[2].result.repeated);
    assert_refused(3, SS_CONFLICT, "with other content; send new rows as batch 3");
    assert_refused(4, SS_CONFLICT, "batch 4 leaves a gap: batch 3 is expected next");
    assert_pushed(5, 1, 3);
}

static void behind_a_refused_batch_the_next_one_leaves_a_gap(void **state)
{
    (void)state;
    add_from("p", 1, "orders", &dear, 1);
    add_from("p", 2, "clicks", &one, 1);
    push_all();
    assert_refused(0, SS_INVALID, "refused");
    assert_refused(1, SS_CONFLICT, "batch 1 is expected next");
    assert_int_equal(stats().commits, 0);
    assert_false(ss_clock_in_flight(materializer->store->clock));
}

static void a_group_of_repeats_makes_no_commit_and_does_not_move_the_clock(void **state)
{
    (void)state;
    add_from("p", 1, "clicks", &one, 1);
    push_all();
    const int64_t clock_us = ss_clock_now(materializer->store->clock);
    add_from("p", 1, "clicks", &one, 1);
    add_from("p", 1, "clicks", &one, 1);
    push_all();
    assert_true(outcomes[0].result.repeated && outcomes[1].result.repeated);
    assert_pushed(1, 0, 1);
    assert_int_equal(stats().commits, 1);
    assert_int_equal(ss_clock_now(materializer->store->clock), clock_us);
    assert_false(ss_clock_in_flight(materializer->store->clock));
}

static void an_event_of_an_earlier_push_of_the_group_is_found(void **state)
{
    (void)state;
    add("clicks", &one, 1);
    add("clicks", &one, 1);
    add("clicks", &other_one, 1);
    add("clicks", &one_gone, 1);
    add("clicks", &one, 1)->live = true;
    push_all();
    assert_pushed(0, 1, 2);
    assert_int_equal(outcomes[1].result.duplicate, 1);
    assert_int_equal(outcomes[2].result.conflicting, 1);
    assert_pushed(3, 1, 2);
    assert_int_equal(outcomes[4].result.duplicate, 1);
    assert_int_equal(stats().deletes, 1);
    (void)hash_of_store(materializer);
}

static void live_rows_of_a_group_arrive_when_the_latest_of_them_is_stamped(void **state)
{
    (void)state;
    const int64_t ahead_us = NOW + SS_SECOND_US / 2;
    const struct push_row ahead = {9, 1, 1, ahead_us, false},
                          too_far = {8, 1, 1, NOW + 2 * SS_SECOND_US, false},
                          refused[] = {{10, 1, 1, NOW + SS_SECOND_US, false}, dear};
    add("clicks", &one, 1)->live = true;
    add("orders", refused, 2)->live = true; // has no say
    add("orders", &ahead, 1)->live = true;
    add("clicks", &too_far, 1)->live = true;
    push_all();
    assert_pushed(0, 1, 2);
    assert_pushed(2, 1, 2);
    assert_int_equal(outcomes[3].result.quarantined, 1);
    assert_int_equal(newest_commit().arrival_us, ahead_us);
    assert_int_equal(newest_commit().newest_us, ahead_us);
    assert_int_equal(ss_clock_now(materializer->store->clock), ahead_us + 1);
    add("clicks", &two, 1)->live = true;
    push_all();
    assert_int_equal(newest_commit().arrival_us, ahead_us + 1);
}

static void declared_rows_behind_the_first_live_push_of_their_source_are_refused(void **state)
{
    (void)state;
    add("clicks", &one, 1);
    add("clicks", &two, 1)->live = true;
    add("clicks", &three, 1);
    add("orders", &three, 1);
    push_all();
    assert_pushed(0, 1, 3);
    assert_pushed(1, 1, 3);
    assert_refused(2, SS_INVALID, "it has live rows");
    assert_pushed(3, 1, 3);
}

static void a_push_names_the_first_rows_that_it_keeps_out(void **state)
{
    (void)state;
    struct ss_named_row named[2];
    const struct push_row rows[] = {one, dear, {5, 9, -1, 9, false}, {6, 9, 101, 9, false}};
    add("clicks", &other_one, 1);
    struct ss_push *push = add("clicks", rows, 4);
    push->named = named;
    push->named_capacity = 2;
    push_all();
    assert_int_equal(outcomes[1].result.quarantined, 3);
    assert_int_equal(outcomes[1].result.conflicting, 1);
    assert_int_equal(outcomes[1].result.named, 2);
    assert_int_equal(named[0].row, 1);
    assert_string_equal(named[0].column, "amount");
    assert_string_equal(named[1].reason, "not between what the source expects");
    assert_int_equal(named[1].row, 2);
    push = add("clicks", rows, 1);
    push->named = named;
    push->named_capacity = 2;
    push_all();
    assert_int_equal(outcomes[0].result.named, 1);
    assert_int_equal(named[0].row, 0);
    assert_string_equal(named[0].column, "");
    assert_non_null(strstr(named[0].reason, "conflict"));
}

// ---- When the commit fails

static void fill_disk(void *context, const char *name)
{
    const struct rlimit full = {4096, RLIM_INFINITY};
    const bool *fills = context;
    if (*fills && strcmp(name, "history_before_commit") == 0) setrlimit(RLIMIT_FSIZE, &full);
}

static void when_the_commit_fails_every_push_hears_it_and_none_is_kept(void **state)
{
    (void)state;
    bool fills = false;
    const struct rlimit free_again = {RLIM_INFINITY, RLIM_INFINITY};
    ss_materializer_close(materializer);
    options.fault_point = fill_disk;
    options.fault_context = &fills;
    signal(SIGXFSZ, SIG_IGN);
    materializer = open_push_store(directory, &options, false);
    for (int i = 0; i < 2; i++) {
        fills = i == 0;
        add_from("p", 1, "clicks", &one, 1);
        add("orders", &dear, 1);
        add("orders", &two, 1);
        push_all();
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &free_again), 0);
        if (i == 1) break;
        for (size_t push = 0; push < 3; push++) assert_refused(push, SS_IO, "history");
        assert_true(ss_clock_in_flight(materializer->store->clock)); // until that is settled
        assert_int_equal(stats().events, 0);
    }
    assert_pushed(0, 1, 2);
    assert_refused(1, SS_INVALID, "refused");
    assert_pushed(2, 1, 2);
    assert_false(ss_clock_in_flight(materializer->store->clock));
}

static void a_group_without_room_online_is_acknowledged_and_seen_later(void **state)
{
    (void)state;
    struct push_row rows[4000];
    for (int i = 0; i < 4000; i++) rows[i] = (struct push_row){i, i, 1, 1000 + i, false};
    ss_materializer_close(materializer);
    options.online.map_bytes = 24 * 4096;
    materializer = open_push_store(directory, &options, false);
    add("clicks", rows, 2000);
    add("orders", &dear, 1);
    add("clicks", rows + 2000, 2000);
    push_all();
    assert_int_equal(outcomes[0].status, SS_OK);
    assert_int_equal(outcomes[2].status, SS_OK);
    assert_refused(1, SS_INVALID, "refused");
    assert_string_not_equal(outcomes[0].result.not_visible, "");
    assert_string_not_equal(outcomes[2].result.not_visible, "");
    assert_true(ss_clock_in_flight(materializer->store->clock));
    ss_materializer_close(materializer);
    options.online.map_bytes = 0;
    materializer = open_push_store(directory, &options, false);
    assert_int_equal(materializer->caught_up_rows, 2 * 4000); // two views read clicks
    (void)hash_of_store(materializer);
}

// The k-th allocation fails, for every k: a push fails alone or all do, and what is acknowledged is there.
static void without_memory_pushes_fail_and_what_is_acknowledged_is_kept(void **state)
{
    (void)state;
    uint64_t acknowledged = 0;
    bool swept = false;
    for (long k = 1; !swept; k++) {
        const struct push_row rows[] = {{100 + 2 * k, k % 9, 1, 1000 * k, false}, dear},
                              more = {101 + 2 * k, k % 7, 1, 1000 * k, false};
        add("clicks", rows, 2);
        add("orders", &dear, 1);
        add("orders", &more, 1);
        ss_fail_allocation_at(k);
        push_all();
        swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        for (int i = 0; i < 3; i++) {
            if (outcomes[i].status == SS_OK)
                acknowledged += outcomes[i].result.accepted;
            else
                assert_int_equal(outcomes[i].status,
                                 i == 1 && outcomes[i].status == SS_INVALID ? SS_INVALID : SS_OUT_OF_MEMORY);
        }
        assert_int_equal(stats().events, acknowledged);
    }
    assert_int_equal(outcomes[1].status, SS_INVALID);
    assert_int_equal(outcomes[2].result.accepted, 1);
    assert_false(ss_clock_in_flight(materializer->store->clock));
    (void)hash_of_store(materializer);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(pushes_of_a_group_share_one_commit_and_have_answers_of_their_own),
        TEST(a_refused_push_leaves_nothing_and_does_not_touch_its_neighbours),
        TEST(a_refused_large_push_leaves_the_segments_as_they_were),
        TEST(a_producer_may_send_batches_in_one_group_and_one_of_them_twice),
        TEST(behind_a_refused_batch_the_next_one_leaves_a_gap),
        TEST(a_group_of_repeats_makes_no_commit_and_does_not_move_the_clock),
        TEST(an_event_of_an_earlier_push_of_the_group_is_found),
        TEST(live_rows_of_a_group_arrive_when_the_latest_of_them_is_stamped),
        TEST(declared_rows_behind_the_first_live_push_of_their_source_are_refused),
        TEST(a_push_names_the_first_rows_that_it_keeps_out),
        TEST(when_the_commit_fails_every_push_hears_it_and_none_is_kept),
        TEST(a_group_without_room_online_is_acknowledged_and_seen_later),
        TEST(without_memory_pushes_fail_and_what_is_acknowledged_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
