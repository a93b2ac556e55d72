// One process as a server runs it: a thread that writes (groups of pushes, applies and rebuilds in steps) and
// threads that look up, each with a materializer of its own. What was served is what history says at the same
// (t, s), by the definitions that were live then.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "materializer/apply.h"
#include "materializer/lookup.h"
#include "materializer/point_in_time.h"
#include "tests/unit/push_fixture.h"
#include "tests/unit/store_fixture.h"

#define READERS  3
#define SAMPLES  150 // of each, that are compared afterwards
#define FEATURES 3
#define USERS    15
#define SECONDS  1.5

static char root[PATH_BYTES], directory[PATH_BYTES + 16];
static struct ss_materializer *materializer;
static struct ss_error error;
static atomic_bool stops;

struct sample {
    struct ss_sha256 live;
    int64_t user, t_us;
    uint64_t s;
    struct ss_value values[FEATURES];
    uint8_t statuses[FEATURES];
};

struct reader {
    pthread_t thread;
    uint64_t lookups, reopened, switches;
    int sample_count;
    struct sample samples[SAMPLES];
    char problem[300];
};

static int setup(void **state)
{
    (void)state;
    const struct ss_store_options options = {
        .no_sync = true, .apply_step_rows = 60, .sizes = {.staging_rows = 400, .segment_rows = 100}};
    make_test_directory(root);
    snprintf(directory, sizeof directory, "%s/store", root);
    materializer = open_new_store(directory, SS_CLOCK_WALL, &options, push_yaml);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ss_materializer_close(materializer);
    remove_test_directory(root);
    return 0;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// ---- The readers

static void keep_answer(struct sample *sample, const struct ss_answer *answer)
{
    for (size_t f = 0; f < FEATURES; f++) {
        sample->values[f] = ss_column_get(&answer->columns[f], 0);
        sample->statuses[f] = answer->statuses[f][0];
    }
}

static bool make_key(struct ss_column *key, int64_t user, struct ss_arena *arena)
{
    return ss_column_init(key, (struct ss_type){.id = SS_INT64}, 1, arena) &&
           ss_column_append(key, (struct ss_value){.present = true, .i64 = user}, arena);
}

static enum ss_status look_up(struct ss_materializer *own, struct sample *sample, struct ss_error *failed)
{
    struct ss_arena arena = {0};
    struct ss_column key;
    struct ss_pinned pinned = {0};
    struct ss_answer answer;
    const struct ss_service *service;
    enum ss_status status;
    if (!make_key(&key, sample->user, &arena)) abort();
    const struct ss_lookup lookup = {.length = 1, .keys = &key};
    SS_TRY_GOTO(ss_pin(own, false, 0, &pinned, failed), out);
    SS_TRY_GOTO(ss_require_service(own, "s", &service, failed), out);
    SS_TRY_GOTO(ss_lookup(&pinned, service, &lookup, &arena, &answer, failed), out);
    keep_answer(sample, &answer);
    sample->live = pinned.applied.live;
    sample->t_us = pinned.t_us;
    sample->s = pinned.applied.seq;
out:
    if (pinned.txn) ss_unpin(&pinned);
    ss_arena_release(&arena);
    return status;
}

static void take_sample(struct reader *reader, const struct sample *sample)
{
    // All over the run: the later ones in place of earlier ones.
    const uint64_t at = reader->lookups;
    if (reader->sample_count < SAMPLES)
        reader->samples[reader->sample_count++] = *sample;
    else if (at % 61 == 0)
        reader->samples[at / 61 % SAMPLES] = *sample;
}

static void *read_on(void *context)
{
    struct reader *reader = context;
    struct ss_materializer *own = NULL;
    struct ss_error failed = {0};
    struct sample last = {0};
    enum ss_status status = ss_materializer_open(directory, SS_STORE_READ, NULL, &own, &failed);
    while (status == SS_OK && !atomic_load(&stops)) {
        struct sample sample = {.user = (int64_t)(reader->lookups % USERS)};
        status = look_up(own, &sample, &failed);
        if (status != SS_OK) break;
        if (sample.s < last.s || sample.t_us < last.t_us) {
            status = ss_fail(&failed, SS_INVALID, "t or s went back");
            break;
        }
        reader->switches += memcmp(&sample.live, &last.live, sizeof sample.live) != 0;
        take_sample(reader, &sample);
        last = sample;
        if (++reader->lookups % 5000 != 0) continue;
        ss_materializer_close(own);
        own = NULL;
        reader->reopened++;
        status = ss_materializer_open(directory, SS_STORE_READ, NULL, &own, &failed);
    }
    if (status != SS_OK) snprintf(reader->problem, sizeof reader->problem, "%.299s", failed.message);
    ss_materializer_close(own);
    return NULL;
}

// ---- The writer

static void make_rows(struct push_row *rows, int32_t count, int64_t first_id)
{
    const int64_t now_us = ss_clock_now(materializer->store->clock);
    for (int32_t i = 0; i < count; i++)
        rows[i] = (struct push_row){.id = first_id + i,
                                    .user = (first_id + i) * 7 % USERS,
                                    .amount = (first_id + i) * 31 % 90,
                                    .at_us = now_us - (first_id + i) % 1000 * SS_HOUR_US,
                                    .shop = 1 + i % 4};
}

// Three pushes in a group, one of which is refused.
static void push_some(int64_t first_id)
{
    static const struct push_row dear = {-1, 1, 101, 1000, false, 0};
    struct made_push made[3];
    struct push_row rows[20];
    const struct ss_push *group[3] = {&made[0].push, &made[1].push, &made[2].push};
    struct ss_push_outcome outcomes[3];
    make_rows(rows, 20, first_id);
    make_push(&made[0], materializer->definitions, "clicks", rows, 10);
    make_push(&made[1], materializer->definitions, "orders", &dear, 1);
    make_push(&made[2], materializer->definitions, "orders", rows + 10, 10);
    for (int i = 0; i < 3; i++) made[i].push.live = true;
    ss_push_group(materializer, group, 3, outcomes);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(outcomes[i].status, i == 1 ? SS_INVALID : SS_OK);
        assert_string_equal(outcomes[i].result.not_visible, "");
        release_push(&made[i]);
    }
}

static struct ss_applying *begin_something(int which)
{
    struct ss_applying *applying;
    if (which % 3 == 2)
        assert_ok(ss_rebuild_begin(materializer, NULL, 0, &applying, &error));
    else
        assert_ok(ss_apply_begin(materializer,
                                 compile_definitions(which % 3 == 0 ? next_push_yaml : push_yaml), &applying,
                                 &error));
    return applying;
}

// Returns how many applies and rebuilds came to their end.
static int write_on(void)
{
    const double end = seconds() + SECONDS;
    struct ss_applying *applying = NULL;
    int finished = 0;
    for (int64_t id = 0; seconds() < end || applying; id += 20) {
        bool done = false;
        push_some(id);
        if (!applying) {
            applying = begin_something(finished);
            continue;
        }
        assert_ok(ss_apply_step(applying, &done, &error));
        if (!done) continue;
        ss_apply_end(applying);
        applying = NULL;
        finished++;
    }
    return finished;
}

// ---- Afterwards

static enum ss_status take_answer(void *context, int64_t first_row, const struct ss_answer *answer,
                                  size_t slot, struct ss_error *unused)
{
    (void)first_row, (void)slot, (void)unused;
    keep_answer(context, answer);
    return SS_OK;
}

static void check_sample(const struct sample *served, struct ss_definitions *const known[2])
{
    struct ss_arena arena = {0};
    struct ss_column key;
    struct sample trained = {0};
    const bool is_first = memcmp(&served->live, &known[0]->fingerprint, sizeof served->live) == 0;
    const struct ss_definitions *definitions = known[is_first ? 0 : 1];
    const struct ss_point_in_time_sink sink = {take_answer, NULL, &trained};
    assert_memory_equal(&served->live, &definitions->fingerprint, sizeof served->live);
    assert_true(make_key(&key, served->user, &arena));
    const struct ss_spine spine = {
        .length = 1, .keys = &key, .t_us = &served->t_us, .s = &served->s, .newest_s = served->s};
    assert_ok(ss_point_in_time(materializer->store->history, ss_find_service(definitions, "s"), &spine, NULL,
                               &sink, &error));
    for (size_t f = 0; f < FEATURES; f++) {
        assert_int_equal(served->statuses[f], trained.statuses[f]);
        assert_int_equal(served->values[f].present, trained.values[f].present);
        assert_int_equal(served->values[f].i64, trained.values[f].i64);
    }
    ss_arena_release(&arena);
}

static void what_threads_are_served_beside_a_writer_is_what_history_says(void **state)
{
    (void)state;
    static struct reader readers[READERS];
    struct ss_definitions *const known[2] = {compile_definitions(push_yaml),
                                             compile_definitions(next_push_yaml)};
    uint64_t lookups = 0, switches = 0;
    push_some(1000000);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
    const int finished = write_on();
    atomic_store(&stops, true);
    for (int i = 0; i < READERS; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_string_equal(readers[i].problem, "");
        lookups += readers[i].lookups;
        switches += readers[i].switches;
    }
    for (int i = 0; i < READERS; i++)
        for (int s = 0; s < readers[i].sample_count; s++) check_sample(&readers[i].samples[s], known);
    (void)hash_of_store(materializer);
    print_message("%d applies and rebuilds beside %llu lookups, which met %llu switches\n", finished,
                  (unsigned long long)lookups, (unsigned long long)switches);
    assert_true(finished > 0);
    for (int i = 0; i < 2; i++) ss_definitions_destroy(known[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_threads_are_served_beside_a_writer_is_what_history_says, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
