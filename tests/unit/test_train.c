// Training tables from inside: threads and windows change nothing, what fails in the middle is told and
// leaves nothing, with every allocation that may fail.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <glob.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "materializer/apply.h"
#include "materializer/push.h"
#include "materializer/train.h"
#include "tests/unit/allocation_sweep.h"
#include "tests/unit/store_fixture.h"

static const char definitions_text[] =
    "entities:\n"
    "  user: {user: int64}\n"
    "sources:\n"
    "  clicks:\n"
    "    columns: {user: int64, weight: int64, note: string, at: timestamp}\n"
    "    event_time: at\n"
    "views:\n"
    "  spend:\n"
    "    entity: user\n"
    "    source: clicks\n"
    "    features:\n"
    "      sum_1d: sum(weight) over 1d\n"
    "      last_note: last(note) within 5d\n"
    "  more:\n"
    "    entity: user\n"
    "    source: clicks\n"
    "    features:\n"
    "      count_all: count() over all\n"
    "  newest:\n"
    "    entity: user\n"
    "    source: clicks\n"
    "    features:\n"
    "      weight: last(weight) within 1d\n"
    "      note: last(note) within 5d\n"
    "services:\n"
    "  n:\n"
    "    features: [newest.*]\n"
    "  s:\n"
    "    features:\n"
    "      - spend.*\n"
    "      - more.*\n"
    "      - both: spend.sum_1d + more.count_all\n";

#define USERS    7
#define EVENTS   1400
#define ROWS     40000
#define START_US INT64_C(1700000000000000)
#define STEP_US  (7 * SS_MINUTE_US)

static const char *service_name = "s"; // or "n": of the newest event alone

static char root[PATH_BYTES], spine_path[PATH_BYTES + 16], csv[PATH_BYTES + 16], table[PATH_BYTES + 16];
static struct ss_materializer *materializer;

static void push_events(void)
{
    struct ss_arena arena = {0};
    struct ss_column columns[4];
    struct ss_push_result result;
    struct ss_error error = {0};
    const struct ss_source *source = ss_find_source(materializer->definitions, "clicks");
    for (int c = 0; c < 4; c++)
        assert_true(ss_column_init(&columns[c], source->columns[c].type, EVENTS, &arena));
    for (int i = 0; i < EVENTS; i++) {
        const struct ss_value row[4] = {{.present = true, .i64 = i % USERS},
                                        {.present = i % 11 != 0, .i64 = i % 11 ? 100 + i : 0},
                                        {.present = true, .text = ss_bytes_of(i % 2 ? "even, odd" : "x")},
                                        {.present = true, .i64 = START_US + i * STEP_US}};
        for (int c = 0; c < 4; c++) assert_true(ss_column_append(&columns[c], row[c], &arena));
    }
    const struct ss_push push = {.source = source, .length = EVENTS, .columns = columns};
    assert_ok(ss_push(materializer, &push, &result, &error));
    ss_arena_release(&arena);
}

static int make_store(void **state)
{
    struct ss_error error = {0};
    struct ss_definitions *definitions;
    struct ss_buffer report = {0};
    size_t error_count;
    char store[PATH_BYTES + 16];
    const struct ss_store_options options = {.no_sync = true, .online = {.map_bytes = 64 << 20}};
    const struct ss_file file = {"test.yaml", {definitions_text, sizeof definitions_text - 1}};
    (void)state;
    make_test_directory(root);
    snprintf(store, sizeof store, "%s/store", root);
    snprintf(spine_path, sizeof spine_path, "%s/spine.csv", root);
    snprintf(csv, sizeof csv, "%s/out.csv", root);
    snprintf(table, sizeof table, "%s/out.db:rows", root);
    assert_ok(ss_store_create(store, SS_CLOCK_REPLAY, &options, &error));
    assert_ok(ss_materializer_open(store, SS_STORE_WRITE, &options, &materializer, &error));
    assert_ok(ss_definitions_compile(&file, 1, NULL, &definitions, &report, &error_count, &error));
    assert_ok(ss_apply(materializer, definitions, &error));
    ss_buffer_release(&report);
    push_events();
    return 0;
}

static int drop_store(void **state)
{
    (void)state;
    ss_materializer_close(materializer);
    remove_test_directory(root);
    return 0;
}

// ---- The join

struct spine { // user 3 has many rows; some have no key, some one that has no events
    struct ss_arena arena;
    struct ss_column key;
    int64_t *t_us;
    struct ss_spine spine;
};

// Of 25 rows that follow each other, user 3 has at least `often`.
static void make_spine(struct spine *made, int64_t length, int often)
{
    struct ss_commit newest;
    struct ss_error error;
    *made = (struct spine){0};
    assert_ok(ss_history_newest_commit(materializer->store->history, &newest, &error));
    made->t_us = ss_arena_array(&made->arena, (size_t)length + 1, sizeof *made->t_us);
    assert_non_null(made->t_us);
    assert_true(
        ss_column_init(&made->key, (struct ss_type){.id = SS_INT64}, (int32_t)length + 1, &made->arena));
    for (int64_t row = 0; row < length; row++) {
        const int64_t user = row % 25 < often ? 3 : row / 25 % (USERS + 2);
        const bool present = row % 31 != 0;
        assert_true(ss_column_append(
            &made->key, (struct ss_value){.present = present, .i64 = present ? user : 0}, &made->arena));
        made->t_us[row] = START_US + row * 7919 % (EVENTS + 2000) * STEP_US;
    }
    made->spine = (struct ss_spine){
        .length = length, .keys = &made->key, .t_us = made->t_us, .newest_s = newest.last_seq};
}

struct taken {             // what came out, by row
    uint64_t hashes[ROWS]; // of its values and statuses
    int64_t failing_row;   // -1: none
    int64_t gave_up;       // least row; INT64_MAX: none
    size_t feature_count, slots;
    pthread_mutex_t lock;
};

static enum ss_status take_answer(void *context, int64_t first_row, const struct ss_answer *answer,
                                  size_t slot, struct ss_error *error)
{
    struct taken *taken = context;
    struct ss_buffer bytes = {0};
    assert_true(slot < taken->slots);
    const int64_t failing = taken->failing_row;
    if (failing >= 0 && first_row + answer->length > failing)
        return ss_fail(error, SS_IO, "row %lld", (long long)failing);
    for (int32_t row = 0; row < answer->length; row++) {
        ss_buffer_clear(&bytes);
        for (size_t f = 0; f < taken->feature_count; f++) {
            ss_buffer_byte(&bytes, answer->statuses[f][row]);
            ss_value_format(answer->columns[f].type, ss_column_get(&answer->columns[f], row), &bytes);
            ss_buffer_byte(&bytes, 0);
        }
        assert_false(bytes.failed);
        taken->hashes[first_row + row] = ss_hash64(bytes.data, bytes.size);
    }
    ss_buffer_release(&bytes);
    return SS_OK;
}

static void note_given_up(void *context, int64_t first_row)
{
    struct taken *taken = context;
    pthread_mutex_lock(&taken->lock);
    if (first_row < taken->gave_up) taken->gave_up = first_row;
    pthread_mutex_unlock(&taken->lock);
}

static enum ss_status join(const struct ss_spine *spine, size_t threads, struct taken *taken,
                           struct ss_error *error)
{
    struct ss_pool *pool = NULL;
    const struct ss_point_in_time_sink sink = {take_answer, NULL, taken, note_given_up};
    assert_int_equal(ss_pool_create(threads, &pool, error), SS_OK);
    const struct ss_service *service = ss_find_service(materializer->definitions, service_name);
    taken->feature_count = service->feature_count;
    taken->slots = threads;
    taken->gave_up = INT64_MAX;
    pthread_mutex_init(&taken->lock, NULL);
    const enum ss_status status = ss_point_in_time(materializer->store->history, service, spine,
                                                   threads == 1 ? NULL : pool, &sink, error);
    pthread_mutex_destroy(&taken->lock);
    ss_pool_destroy(pool);
    return status;
}

// With a quarter of the rows, user 3 is one of many to two threads, and spread over eight, where the newest
// event alone is asked for.
static void threads_and_windows_change_nothing(const char *service, int often)
{
    static struct taken alone, other;
    static const size_t threads[] = {1, 2, 8};
    struct spine made;
    struct ss_error error;
    service_name = service;
    make_spine(&made, ROWS, often);
    alone.failing_row = other.failing_row = -1;
    assert_ok(join(&made.spine, 1, &alone, &error));
    for (int window = 0; window < 2; window++)
        for (int i = 0; i < 3; i++) {
            memset(other.hashes, 0, sizeof other.hashes);
            made.spine.window_rows = window ? SS_JOIN_BLOCK_ROWS : 0;
            assert_ok(join(&made.spine, threads[i], &other, &error));
            assert_memory_equal(alone.hashes, other.hashes, sizeof alone.hashes);
        }
    ss_arena_release(&made.arena);
    service_name = "s";
}

static void threads_and_windows_change_nothing_of_series(void **state)
{
    (void)state;
    threads_and_windows_change_nothing("s", 20);
    threads_and_windows_change_nothing("s", 6);
}

static void threads_and_windows_change_nothing_of_newest_events(void **state)
{
    (void)state;
    threads_and_windows_change_nothing("n", 20);
    threads_and_windows_change_nothing("n", 6);
}

static void one_row_alone_is_what_it_is_among_many(void **state)
{
    static struct taken all, one;
    struct spine made;
    struct ss_error error;
    (void)state;
    make_spine(&made, ROWS, 20);
    all.failing_row = one.failing_row = -1;
    assert_ok(join(&made.spine, 1, &all, &error));
    for (int32_t row = 1; row < 40; row++) { // fewer keys than thousands of events: read key by key
        struct ss_column key;
        struct ss_spine spine = made.spine;
        assert_true(ss_column_init(&key, made.key.type, 1, &made.arena));
        assert_true(ss_column_append(&key, ss_column_get(&made.key, row), &made.arena));
        spine.length = 1;
        spine.keys = &key;
        spine.t_us = &made.t_us[row];
        assert_ok(join(&spine, 1, &one, &error));
        assert_int_equal(one.hashes[0], all.hashes[row]);
    }
    ss_arena_release(&made.arena);
}

static void the_first_block_that_fails_is_told(void **state)
{
    static struct taken taken;
    struct spine made;
    struct ss_error error;
    (void)state;
    make_spine(&made, ROWS, 20);
    for (size_t threads = 1; threads <= 4; threads += 3) {
        taken.failing_row = SS_JOIN_BLOCK_ROWS + 5; // the blocks behind it fail too
        assert_status(SS_IO, join(&made.spine, threads, &taken, &error));
        assert_string_equal(error.message, "row 8197");
        assert_int_equal(taken.gave_up, SS_JOIN_BLOCK_ROWS);
    }
    ss_arena_release(&made.arena);
}

// ---- Whole tables

static void write_spine(int rows)
{
    FILE *file = fopen(spine_path, "w");
    assert_non_null(file);
    fputs("label,user,at\n", file);
    for (int row = 0; row < rows; row++)
        fprintf(file, "%d,%d,%lld\n", row, row % 9, (long long)(START_US + row % 1500 * STEP_US));
    fclose(file);
}

static enum ss_status write_table(const char *output, size_t threads, struct ss_train_result *result,
                                  struct ss_error *error)
{
    const struct ss_train train = {
        .service = service_name,
        .spine = {.place = spine_path, .time_column = "at", .time_unit = SS_UNIT_US},
        .output = output,
        .with_digest = true,
        .threads = threads,
        .version = "0.1.0"};
    *error = (struct ss_error){0};
    return ss_train(materializer, &train, result, error);
}

static size_t out_count(void)
{
    char pattern[PATH_BYTES + 8];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/out*", root);
    const size_t count = glob(pattern, 0, NULL, &found) == 0 ? found.gl_pathc : 0;
    globfree(&found);
    return count;
}

static void csv_and_table_have_one_digest_on_any_number_of_threads(void **state)
{
    struct ss_train_result first, other;
    struct ss_error error;
    (void)state;
    write_spine(20000);
    assert_ok(write_table(csv, 1, &first, &error));
    assert_int_equal(first.row_count, 20000);
    for (size_t threads = 1; threads <= 8; threads *= 2) {
        assert_ok(write_table(threads == 4 ? csv : table, threads, &other, &error));
        assert_memory_equal(&other, &first, sizeof first);
    }
}

static void remove_outputs(void)
{
    char file[PATH_BYTES + 16];
    snprintf(file, sizeof file, "%s/out.db", root);
    unlink(file);
    unlink(csv);
}

// False: there were fewer allocations than k.
static bool fail_allocation(long k, const char *output, size_t threads)
{
    struct ss_train_result result;
    struct ss_error error;
    remove_outputs();
    ss_fail_allocation_at(k);
    const enum ss_status status = write_table(output, threads, &result, &error);
    const bool failed = ss_allocations_made() >= k;
    ss_fail_allocation_at(0);
    if (status == SS_OK) { // libcsv tries again with less
        assert_int_equal(result.row_count, 50);
    } else {
        assert_int_equal(status, SS_OUT_OF_MEMORY);
        assert_int_equal(out_count(), 0);
    }
    return failed;
}

static void every_failed_allocation_ends_as_an_error(void **state)
{
    (void)state;
    write_spine(50);
    for (int newest = 0; newest < 2; newest++) {
        service_name = newest ? "n" : "s";
        for (size_t threads = 1; threads <= 3; threads += 2)
            for (int kind = 0; kind < 2; kind++)
                for (long k = 1; fail_allocation(k, kind ? table : csv, threads);) k++;
    }
    service_name = "s";
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_and_windows_change_nothing_of_series),
        cmocka_unit_test(threads_and_windows_change_nothing_of_newest_events),
        cmocka_unit_test(one_row_alone_is_what_it_is_among_many),
        cmocka_unit_test(the_first_block_that_fails_is_told),
        cmocka_unit_test(csv_and_table_have_one_digest_on_any_number_of_threads),
        cmocka_unit_test(every_failed_allocation_ends_as_an_error),
    };
    return cmocka_run_group_tests(tests, make_store, drop_store);
}
