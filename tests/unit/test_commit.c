// A commit and its two halves: what a lookup sees while the writer stands between history and the online
// store, and what is left when it dies there.
//
// The writer is a child process, as in life: the parent never has the store open for writing at the same
// time.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "materializer/compare.h"
#include "materializer/push.h"
#include "tests/unit/materializer_fixture.h"
#include "tests/unit/store_fixture.h"

static const char yaml[] =
    "entities:\n"
    "  user: {user_id: string}\n"
    "sources:\n"
    "  payments:\n"
    "    columns: {payment_id: int64, op: string, user_id: string, amount: int64, paid_at: timestamp}\n"
    "    event_time: paid_at\n"
    "    event_id: payment_id\n"
    "    op: op\n"
    "views:\n"
    "  spend:\n"
    "    entity: user\n"
    "    source: payments\n"
    "    features:\n"
    "      total: sum(amount) over 30d\n"
    "      least: min(amount) over 7d hop exact\n"
    "      orders: count() over all\n"
    "      newest: last(amount) within 90d\n"
    "services:\n"
    "  model:\n"
    "    features:\n"
    "      - spend.*\n";

#define FEATURES   4
#define BATCHES    6
#define BATCH_ROWS 20
#define START_US   INT64_C(1700000000000000)
#define END_US     (START_US + 100 * SS_DAY_US)

static char root[PATH_BYTES];
static char directory[PATH_BYTES + 16];

static int make_root(void **state)
{
    (void)state;
    make_test_directory(root);
    snprintf(directory, sizeof directory, "%s/store", root);
    return 0;
}

static int drop_root(void **state)
{
    (void)state;
    remove_test_directory(root);
    return 0;
}

// ---- The writer

static struct ss_materializer *open_store(enum ss_store_mode mode, const struct ss_store_options *options)
{
    struct ss_materializer *materializer = NULL;
    struct ss_error error;
    if (ss_materializer_open(directory, mode, options, &materializer, &error) == SS_OK) return materializer;
    fprintf(stderr, "open: %s\n", error.message);
    return NULL;
}

static void make_store(enum ss_clock_kind clock)
{
    const struct ss_store_options options = {.no_sync = true};
    ss_materializer_close(open_new_store(directory, clock, &options, yaml));
}

// Row i of batch b; from the second batch on, some take back rows of the one before.
static void add_row(struct ss_column *columns, struct ss_arena *arena, int batch, int row, int64_t now_us)
{
    const bool is_delete = batch > 0 && row % 7 == 3;
    const int from = is_delete ? batch - 1 : batch, of = is_delete ? row - 2 : row;
    const int64_t time_us = START_US + (from * BATCH_ROWS + of) * SS_HOUR_US;
    const char *user = of % 3 == 0 ? "ann" : "bob";
    const struct ss_value values[] = {{.present = true, .i64 = from * BATCH_ROWS + of},
                                      {.present = true, .text = ss_bytes_of(is_delete ? "delete" : "insert")},
                                      {.present = true, .text = ss_bytes_of(user)},
                                      {.present = true, .i64 = (of * 37) % 11 - 5},
                                      {.present = true, .i64 = now_us ? now_us : time_us}};
    for (int c = 0; c < 5; c++)
        if (!ss_column_append(&columns[c], values[c], arena)) abort();
}

// Batches `first` and on, each as a push of one group. now_us 0: at the times of the batch, as its producer;
// else one row at now_us.
static bool push_batches(struct ss_materializer *materializer, int first, int count, int64_t now_us)
{
    struct ss_arena arena = {0};
    struct ss_column columns[BATCHES][5];
    struct ss_push pushes[BATCHES];
    const struct ss_push *group[BATCHES];
    struct ss_push_outcome outcomes[BATCHES];
    const struct ss_source *source = ss_find_source(materializer->definitions, "payments");
    const int rows = now_us ? 1 : BATCH_ROWS;
    bool pushed = true;
    for (int i = 0; i < count; i++) {
        const int batch = first + i;
        for (int c = 0; c < 5; c++)
            if (!ss_column_init(&columns[i][c], source->columns[c].type, rows, &arena)) abort();
        for (int row = 0; row < rows; row++) add_row(columns[i], &arena, batch, row, now_us);
        pushes[i] = (struct ss_push){.source = source, .length = rows, .columns = columns[i], .live = true};
        group[i] = &pushes[i];
        if (now_us) continue;
        pushes[i].producer = "test";
        pushes[i].number = (uint64_t)batch + 1;
        pushes[i].hash = ss_sha256_of(&batch, sizeof batch);
        ss_clock_advance(materializer->store->clock, START_US + (batch + 1) * BATCH_ROWS * SS_HOUR_US);
    }
    ss_push_group(materializer, group, (size_t)count, outcomes);
    for (int i = 0; i < count; i++) {
        if (outcomes[i].status == SS_OK) continue;
        fprintf(stderr, "push: %s\n", outcomes[i].error.message);
        pushed = false;
    }
    ss_arena_release(&arena);
    return pushed;
}

static bool push_batch(struct ss_materializer *materializer, int batch, int64_t now_us)
{
    return push_batches(materializer, batch, 1, now_us);
}

// ---- Reading

struct row {
    int64_t t_us;
    uint64_t s;
    struct ss_value values[FEATURES];
    uint8_t statuses[FEATURES];
};

static void keep_row(struct row *row, const struct ss_answer *answer)
{
    for (size_t f = 0; f < FEATURES; f++) {
        row->values[f] = ss_column_get(&answer->columns[f], 0);
        row->statuses[f] = answer->statuses[f][0];
    }
}

static bool make_key(struct ss_column *key, struct ss_arena *arena)
{
    return ss_column_init(key, (struct ss_type){SS_STRING, 0}, 1, arena) &&
           ss_column_append(key, (struct ss_value){.present = true, .text = ss_bytes_of("ann")}, arena);
}

static struct row look_up(struct ss_materializer *materializer)
{
    struct ss_arena arena = {0};
    struct ss_column key;
    struct ss_answer answer;
    struct ss_pinned pinned;
    struct ss_error error;
    struct row row = {0};
    assert_true(make_key(&key, &arena));
    assert_ok(ss_pin(materializer, false, 0, &pinned, &error));
    const struct ss_lookup lookup = {.length = 1, .keys = &key};
    const struct ss_service *service = ss_find_service(materializer->definitions, "model");
    assert_ok(ss_lookup(&pinned, service, &lookup, &arena, &answer, &error));
    keep_row(&row, &answer);
    row.t_us = pinned.t_us;
    row.s = pinned.applied.seq;
    ss_unpin(&pinned);
    ss_arena_release(&arena);
    return row;
}

static enum ss_status take_answer(void *context, int64_t first_row, const struct ss_answer *answer,
                                  size_t slot, struct ss_error *error)
{
    (void)first_row, (void)slot, (void)error;
    keep_row(context, answer);
    return SS_OK;
}

// The as-known training row at t with the newest s.
static struct row train_at(struct ss_materializer *materializer, int64_t t_us)
{
    struct ss_arena arena = {0};
    struct ss_column key;
    struct ss_commit newest;
    struct ss_error error;
    struct row row = {.t_us = t_us};
    const struct ss_point_in_time_sink sink = {take_answer, NULL, &row};
    assert_true(make_key(&key, &arena));
    assert_ok(ss_history_newest_commit(materializer->store->history, &newest, &error));
    const struct ss_spine spine = {.length = 1, .keys = &key, .t_us = &t_us, .newest_s = newest.last_seq};
    assert_ok(ss_point_in_time(materializer->store->history,
                               ss_find_service(materializer->definitions, "model"), &spine, NULL, &sink,
                               &error));
    row.s = newest.last_seq;
    ss_arena_release(&arena);
    return row;
}

static void assert_same_values(const struct row *a, const struct row *b)
{
    for (size_t f = 0; f < FEATURES; f++) {
        assert_int_equal(a->statuses[f], b->statuses[f]);
        assert_int_equal(a->values[f].present, b->values[f].present);
        assert_int_equal(a->values[f].i64, b->values[f].i64);
    }
}

static struct ss_digest digest_at_end(struct ss_materializer *materializer)
{
    struct ss_digest online, offline;
    struct ss_pinned pinned;
    struct ss_error error;
    ss_clock_advance(materializer->store->clock, END_US);
    assert_ok(ss_pin(materializer, false, 0, &pinned, &error));
    assert_int_equal(pinned.t_us, END_US);
    const struct ss_view *view = ss_find_view(materializer->definitions, "spend");
    const struct ss_read_point point = {.t_us = pinned.t_us, .s = pinned.applied.seq};
    assert_ok(ss_digest_online(pinned.txn, view, pinned.t_us, pinned.applied.seq, &online, &error));
    assert_ok(ss_digest_offline(materializer->store->history, view, point, &offline, &error));
    ss_unpin(&pinned);
    assert_memory_equal(&online.hash, &offline.hash, sizeof online.hash);
    return online;
}

// ---- A parked writer

struct parking {
    const char *name;
    int parked[2], go[2]; // pipes: the child says that it stands, the parent lets it go on
    bool is_armed;
};

static void park(void *context, const char *name)
{
    struct parking *parking = context;
    char byte = 'x';
    if (!parking->is_armed || strcmp(name, parking->name) != 0) return;
    parking->is_armed = false;
    if (write(parking->parked[1], &byte, 1) != 1 || read(parking->go[0], &byte, 1) != 1) _exit(3);
}

static int write_and_park(struct parking *parking)
{
    const struct ss_store_options options = {.no_sync = true, .fault_point = park, .fault_context = parking};
    struct ss_materializer *materializer = open_store(SS_STORE_WRITE, &options);
    if (!materializer) return 2;
    parking->is_armed = true;
    const bool pushed = push_batch(materializer, 1, ss_clock_now(materializer->store->clock) - 1);
    ss_materializer_close(materializer);
    return pushed ? 0 : 1;
}

static void wait_for_success(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

// The store has one live event; the child commits a second one and is parked at `point`.
static void check_parked_writer(enum ss_clock_kind clock, const char *point)
{
    struct parking parking = {.name = point};
    char byte;
    make_store(clock);
    struct ss_materializer *materializer =
        open_store(SS_STORE_WRITE, &(struct ss_store_options){.no_sync = true});
    assert_non_null(materializer);
    if (clock == SS_CLOCK_REPLAY) ss_clock_advance(materializer->store->clock, START_US);
    assert_true(push_batch(materializer, 0, ss_clock_pin(materializer->store->clock) - 1));
    ss_materializer_close(materializer);

    assert_int_equal(pipe(parking.parked), 0);
    assert_int_equal(pipe(parking.go), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) _exit(write_and_park(&parking));
    assert_int_equal(read(parking.parked[0], &byte, 1), 1);

    materializer = open_store(SS_STORE_READ, NULL);
    assert_non_null(materializer);
    const struct row during = look_up(materializer);
    usleep(2000);
    const struct row later = look_up(materializer);
    assert_int_equal(during.s, 1);
    assert_int_equal(during.values[2].i64, 1);
    // Time stands still at the commit's arrival until it is there.
    assert_int_equal(later.t_us, during.t_us);
    assert_int_equal(write(parking.go[1], "x", 1), 1);
    wait_for_success(child);

    const struct row after = look_up(materializer);
    assert_int_equal(after.s, 2);
    assert_int_equal(after.values[2].i64, 2);
    assert_true(after.t_us > during.t_us);
    const struct row trained = train_at(materializer, during.t_us),
                     trained_after = train_at(materializer, after.t_us);
    assert_int_equal(trained.s, 2);
    assert_same_values(&during, &trained);
    assert_same_values(&after, &trained_after);
    ss_materializer_close(materializer);
    for (int i = 0; i < 2; i++) {
        close(parking.parked[i]);
        close(parking.go[i]);
    }
}

static void what_is_served_beside_a_parked_writer_is_what_training_says(void **state)
{
    (void)state;
    check_parked_writer(SS_CLOCK_WALL, "between_commits");
}

static void the_same_on_a_replay_clock(void **state)
{
    (void)state;
    check_parked_writer(SS_CLOCK_REPLAY, "between_commits");
}

static void the_same_while_the_online_commit_is_open(void **state)
{
    (void)state;
    check_parked_writer(SS_CLOCK_WALL, "online_before_commit");
}

// ---- A commit that fails

static void fill_disk(void *context, const char *name)
{
    const struct rlimit full = {4096, RLIM_INFINITY};
    bool *fills = context;
    if (*fills && strcmp(name, "history_before_commit") == 0) setrlimit(RLIMIT_FSIZE, &full);
}

// What was written of it might still be found, so no time is given out that it would lie before.
static void after_a_commit_that_failed_the_clock_stands_until_that_is_settled(void **state)
{
    (void)state;
    bool fills = false;
    const struct rlimit free_again = {RLIM_INFINITY, RLIM_INFINITY};
    const struct ss_store_options options = {
        .no_sync = true, .fault_point = fill_disk, .fault_context = &fills};
    signal(SIGXFSZ, SIG_IGN);
    make_store(SS_CLOCK_REPLAY);
    struct ss_materializer *materializer = open_store(SS_STORE_WRITE, &options);
    assert_non_null(materializer);
    assert_true(push_batch(materializer, 0, 0));
    fills = true;
    assert_false(push_batch(materializer, 1, 0));
    fills = false;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &free_again), 0);
    assert_true(ss_clock_in_flight(materializer->store->clock));
    assert_true(push_batch(materializer, 1, 0));
    assert_false(ss_clock_in_flight(materializer->store->clock));
    ss_materializer_close(materializer);
}

// ---- An apply

struct noted {
    bool looked, is_there;
};

static void read_note(void *context, const char *name)
{
    struct noted *noted = context;
    if (strcmp(name, "apply_after_switch") != 0) return;
    struct ss_materializer *reader = open_store(SS_STORE_HISTORY, NULL);
    noted->looked = reader != NULL;
    noted->is_there = reader && reader->definitions;
    ss_materializer_close(reader);
}

// The machine may go down right behind the switch and take the online rows with it.
static void what_an_apply_switched_to_is_noted_in_history_by_then(void **state)
{
    (void)state;
    struct noted noted = {false, false};
    const struct ss_store_options options = {
        .no_sync = true, .fault_point = read_note, .fault_context = &noted};
    ss_materializer_close(open_new_store(directory, SS_CLOCK_REPLAY, &options, yaml));
    assert_true(noted.looked);
    assert_true(noted.is_there);
}

// ---- A killed writer

struct killing {
    const char *name;
    int batch; // in whose group the writer dies
    int pushing;
    int group; // so many batches share a commit
};

static void die(void *context, const char *name)
{
    const struct killing *killing = context;
    if (killing->pushing == killing->batch && strcmp(name, killing->name) == 0) kill(getpid(), SIGKILL);
}

static int push_all(struct killing *killing)
{
    const struct ss_store_options options = {.no_sync = true, .fault_point = die, .fault_context = killing};
    struct ss_materializer *materializer = open_store(SS_STORE_WRITE, &options);
    if (!materializer) return 2;
    bool pushed = true;
    for (killing->pushing = 0; killing->pushing < BATCHES && pushed; killing->pushing += killing->group)
        pushed = push_batches(materializer, killing->pushing, killing->group, 0);
    ss_materializer_close(materializer);
    return pushed ? 0 : 1;
}

static void run_child(struct killing *killing, bool dies)
{
    int status;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) _exit(push_all(killing));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WIFSIGNALED(status) ? WTERMSIG(status) : 0, dies ? SIGKILL : 0);
    if (!dies) assert_int_equal(WEXITSTATUS(status), 0);
}

static struct ss_digest clean_run(void)
{
    struct killing never = {.name = "", .batch = -1, .group = 1};
    make_store(SS_CLOCK_REPLAY);
    run_child(&never, false);
    struct ss_materializer *materializer =
        open_store(SS_STORE_WRITE, &(struct ss_store_options){.no_sync = true});
    assert_non_null(materializer);
    assert_int_equal(materializer->caught_up_rows, 0);
    const struct ss_digest digest = digest_at_end(materializer);
    ss_materializer_close(materializer);
    remove_test_directory(directory);
    return digest;
}

// Dies at `point` of its third batch, comes up again having read the rows of that group of history, and sends
// everything once more.
static void check_killed_writer(const char *point, bool kept, int group)
{
    const struct ss_digest clean = clean_run();
    struct killing killing = {.name = point, .batch = 2, .group = group},
                   never = {.name = "", .batch = -1, .group = group};
    struct ss_commit newest;
    struct ss_error error;
    make_store(SS_CLOCK_REPLAY);
    run_child(&killing, true);
    struct ss_materializer *materializer =
        open_store(SS_STORE_WRITE, &(struct ss_store_options){.no_sync = true});
    assert_non_null(materializer);
    assert_false(materializer->rebuilt);
    assert_ok(ss_history_newest_commit(materializer->store->history, &newest, &error));
    assert_int_equal(newest.last_seq, BATCH_ROWS * (kept ? 2 + group : 2));
    assert_int_equal(materializer->caught_up_rows, kept ? group * BATCH_ROWS : 0);
    assert_false(ss_clock_in_flight(materializer->store->clock));
    const struct row served = look_up(materializer), trained = train_at(materializer, served.t_us);
    assert_same_values(&served, &trained);
    ss_materializer_close(materializer);
    run_child(&never, false);
    materializer = open_store(SS_STORE_WRITE, &(struct ss_store_options){.no_sync = true});
    assert_non_null(materializer);
    const struct ss_digest digest = digest_at_end(materializer);
    ss_materializer_close(materializer);
    assert_int_equal(digest.s, clean.s);
    assert_int_equal(digest.entities, 2);
    assert_memory_equal(&digest.hash, &clean.hash, sizeof clean.hash);
}

static void killed_before_the_history_commit_nothing_is_kept(void **state)
{
    (void)state;
    check_killed_writer("history_before_commit", false, 1);
}

static void killed_between_the_commits_it_catches_up_by_that_commit_alone(void **state)
{
    (void)state;
    check_killed_writer("between_commits", true, 1);
}

static void killed_before_the_online_commit_it_catches_up_by_that_commit_alone(void **state)
{
    (void)state;
    check_killed_writer("online_before_commit", true, 1);
}

static void of_a_group_all_is_kept_or_nothing_wherever_it_is_killed(void **state)
{
    (void)state;
    check_killed_writer("history_before_commit", false, 2);
    remove_test_directory(directory);
    check_killed_writer("history_after_commit", true, 2);
    remove_test_directory(directory);
    check_killed_writer("between_commits", true, 2);
    remove_test_directory(directory);
    check_killed_writer("online_before_commit", true, 2);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_root, drop_root)
    const struct CMUnitTest tests[] = {
        TEST(what_is_served_beside_a_parked_writer_is_what_training_says),
        TEST(the_same_on_a_replay_clock),
        TEST(the_same_while_the_online_commit_is_open),
        TEST(after_a_commit_that_failed_the_clock_stands_until_that_is_settled),
        TEST(what_an_apply_switched_to_is_noted_in_history_by_then),
        TEST(killed_before_the_history_commit_nothing_is_kept),
        TEST(killed_between_the_commits_it_catches_up_by_that_commit_alone),
        TEST(killed_before_the_online_commit_it_catches_up_by_that_commit_alone),
        TEST(of_a_group_all_is_kept_or_nothing_wherever_it_is_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
