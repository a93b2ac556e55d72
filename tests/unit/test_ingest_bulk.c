// Loads in bulk: the same events, quarantine and counts as a plain load of the file, on any number of
// threads; killed at any batch and begun again, every row once; what is served and the clock stand until the
// end.

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
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/allocation_sweep.h"
#include "tests/unit/ingest_harness.h"

enum { ID, USER, AMOUNT, RATE, GIFT, PAID_AT, SOURCE_COLUMNS };

static struct ss_source_column columns[SOURCE_COLUMNS];
static struct ss_source sources[2]; // "orders" with event_id, "clicks" without
static uint64_t seed;

static uint32_t random_below(uint32_t bound)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % bound;
}

static void make_definitions(void)
{
    columns[ID] = (struct ss_source_column){.name = "id", .type = {SS_STRING, 0}};
    columns[USER] = (struct ss_source_column){.name = "user", .type = {SS_STRING, 0}};
    columns[AMOUNT] = (struct ss_source_column){.name = "amount",
                                                .type = {SS_DECIMAL, 2},
                                                .has_between = true,
                                                .low = {.present = true, .i64 = -100000},
                                                .high = {.present = true, .i64 = 100000}};
    columns[RATE] = (struct ss_source_column){.name = "rate", .type = {SS_FLOAT64, 0}};
    columns[GIFT] = (struct ss_source_column){.name = "gift", .type = {SS_BOOL, 0}};
    columns[PAID_AT] = (struct ss_source_column){.name = "paid_at", .type = {SS_TIMESTAMP, 0}};
    sources[0] = (struct ss_source){.name = "orders",
                                    .column_count = SOURCE_COLUMNS,
                                    .columns = columns,
                                    .event_time_column = PAID_AT,
                                    .event_id_column = ID,
                                    .op_column = -1,
                                    .arrival_column = -1};
    sources[1] = sources[0];
    sources[1].name = "clicks";
    sources[1].event_id_column = -1;
    definitions = (struct ss_definitions){.source_count = 2, .sources = sources};
}

// ---- Stores: one that is loaded plainly and others

static int set_up(void **state)
{
    (void)state;
    make_definitions();
    make_folder();
    return 0;
}

static void describe_events(const struct ss_source *source, struct ss_buffer *text)
{
    struct ss_event_reader *reader;
    const struct ss_event_batch *batch;
    assert_ok(
        ss_history_read_seq(materializer->store->history, source, 0, UINT64_MAX >> 1, NULL, &reader, &error));
    while (true) {
        assert_ok(reader->next(reader, &batch, &error));
        if (!batch) break;
        for (int32_t row = 0; row < batch->length; row++) {
            ss_buffer_format(text, "%llu", (unsigned long long)batch->seq[row]);
            for (int c = ID; c < SOURCE_COLUMNS; c++) {
                const struct ss_value value = ss_column_get(&batch->columns[c], row);
                ss_buffer_text(text, value.present ? "|" : "|NULL");
                ss_value_format(columns[c].type, value, text);
            }
            ss_buffer_byte(text, '\n');
        }
    }
    reader->close(reader);
}

struct lines {
    char *line[200000];
    size_t count;
};

static enum ss_status take_quarantined(void *context, const struct ss_quarantine_row *row)
{
    struct lines *lines = context;
    struct ss_buffer text = {0};
    ss_buffer_format(&text, "%09llu %s %s '%s' '", (unsigned long long)row->line, row->source, row->file,
                     row->column);
    ss_buffer_append(&text, row->value.data, row->value.size);
    ss_buffer_format(&text, "' %s\n", row->reason);
    ss_buffer_byte(&text, 0);
    assert_true(lines->count < sizeof lines->line / sizeof *lines->line);
    lines->line[lines->count++] = (char *)text.data;
    return SS_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// By line: the order among batches of another size is another one.
static void describe_quarantine(struct ss_buffer *text)
{
    static struct lines lines;
    lines.count = 0;
    assert_ok(
        ss_history_each_quarantined(materializer->store->history, NULL, take_quarantined, &lines, &error));
    qsort(lines.line, lines.count, sizeof *lines.line, by_text);
    for (size_t i = 0; i < lines.count; i++) {
        ss_buffer_text(text, lines.line[i]);
        free(lines.line[i]);
    }
}

static struct ss_buffer describe_store(void)
{
    struct ss_buffer text = {0};
    for (int i = 0; i < 2; i++) describe_events(&sources[i], &text);
    describe_quarantine(&text);
    ss_buffer_byte(&text, 0);
    return text;
}

static void expect_store(const struct ss_buffer *want)
{
    struct ss_buffer got = describe_store();
    if (got.size != want->size || memcmp(got.data, want->data, want->size) != 0) {
        size_t at = 0;
        while (at < got.size && at < want->size && got.data[at] == want->data[at]) at++;
        const size_t from = at > 100 ? at - 100 : 0;
        fail_msg("from byte %zu:\n%.300s\nnot:\n%.300s", at, (char *)got.data + from,
                 (char *)want->data + from);
    }
    ss_buffer_release(&got);
}

static uint64_t applied_seq(void)
{
    struct ss_online_txn *txn;
    struct ss_applied applied;
    assert_ok(ss_online_read(materializer->store->online, &txn, &error));
    assert_ok(ss_online_applied(txn, &applied, &error));
    ss_online_end(txn);
    return applied.seq;
}

// ---- Files

static void write_bytes(const char *name, const struct ss_buffer *text)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text->data, 1, text->size, file), text->size);
    assert_int_equal(fclose(file), 0);
}

// A row, good or bad in any way there is; `some`: how seldom.
static void add_row(struct ss_buffer *text, uint32_t row, uint32_t some)
{
    static const char *const amounts[] = {"1,2", "x", "1.005", "1e400", "99999", "-1", "12", "\"\"", ""};
    static const char *const ends[] = {"\n", "\r\n", "\r", "\n\n", "\r\n\r\n"};
    const uint32_t id = random_below(some) ? row : random_below(row + 1);
    ss_buffer_format(text, random_below(3) ? "k%u," : "\"k%u\",", id);
    if (random_below(some))
        ss_buffer_format(text, "u%u,", random_below(1000));
    else
        ss_buffer_text(text, random_below(2) ? "\"several\r\nlines, \"\"quoted\"\"\n\","
                                             : "ca\xff"
                                               "fe,");
    if (random_below(some))
        ss_buffer_format(text, "%u.%02u,", random_below(900), random_below(100));
    else
        ss_buffer_format(text, "%s,", amounts[random_below(9)]);
    ss_buffer_format(text, "%.17g,", random_below(some) ? random_below(1000000) / 777.0 : 1e308 * 1e10);
    ss_buffer_text(text, random_below(some) ? "true," : random_below(2) ? "TRUE," : ",");
    if (random_below(some * 4) == 0) ss_buffer_text(text, random_below(2) ? "\"stray\"x" : "x\"");
    if (random_below(some))
        ss_buffer_format(text, "2026-01-%02u 10:%02u:%02u", 1 + random_below(28), random_below(60),
                         random_below(60));
    ss_buffer_text(text, random_below(some) ? ends[0] : ends[random_below(5)]);
}

static void write_nasty(const char *name, size_t bytes, uint32_t some)
{
    struct ss_buffer text = {0};
    ss_buffer_text(&text, "id,user,amount,rate,gift,paid_at\r\n");
    for (uint32_t row = 0; text.size < bytes; row++) add_row(&text, row, some);
    if (random_below(2)) text.size -= 7; // cut in a row
    write_bytes(name, &text);
    ss_buffer_release(&text);
}

static void write_plain(const char *name, int rows)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs("paid_at,id,user,amount,rate,gift\n", file);
    for (int i = 0; i < rows; i++)
        fprintf(file, "2026-01-01T10:%02d:%02d.%06dZ,a long enough identity %09d,u%d,%d.25,%d.5,true\n",
                i / 60 % 60, i % 60, i % 1000000, i, i % 7, i % 500, i);
    assert_int_equal(fclose(file), 0);
}

// ---- Tests

static enum ss_status load(const char *source, const char *path, size_t threads, size_t bulk_rows)
{
    struct ss_ingest ingest = {.source = source, .path = path, .bulk = true, .bulk_rows = bulk_rows};
    if (threads > 1) assert_ok(ss_pool_create(threads, &ingest.pool, &error));
    const enum ss_status status = ss_ingest_csv(materializer, &ingest, &result, &error);
    ss_pool_destroy(ingest.pool);
    return status;
}

static void expect_as_plain(const char *source, const char *path)
{
    const struct ss_ingest plainly = {.source = source, .path = path};
    make_store("plain");
    assert_ok(ss_ingest_csv(materializer, &plainly, &result, &error));
    const struct ss_ingest_result plain = result;
    struct ss_buffer want = describe_store();
    const size_t threads[] = {1, 2, 8};
    close_store();
    for (size_t i = 0; i < 6; i++) {
        make_store("bulk");
        assert_ok(load(source, path, threads[i % 3], i / 3));
        assert_true(result.bulk);
        assert_int_equal(result.rows, plain.rows);
        assert_int_equal(result.accepted, plain.accepted);
        assert_int_equal(result.duplicate, plain.duplicate);
        assert_int_equal(result.conflicting, plain.conflicting);
        assert_int_equal(result.quarantined, plain.quarantined);
        assert_int_equal(result.seq, plain.seq);
        assert_string_equal(result.first_reason, plain.first_reason);
        assert_string_equal(result.not_visible, "");
        assert_int_equal(applied_seq(), plain.seq);
        assert_false(ss_clock_in_flight(materializer->store->clock));
        expect_store(&want);
        assert_ok(load(source, path, 1, i / 3));
        assert_true(result.already_loaded);
        close_store();
        remove_test_directory("bulk");
    }
    ss_buffer_release(&want);
    remove_test_directory("plain");
}

static void nasty_files_load_as_they_do_plainly(void **state)
{
    (void)state;
    seed = getenv("SELFSAME_SEED") ? strtoull(getenv("SELFSAME_SEED"), NULL, 10) : 20270305;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round < 4; round++) {
        write_nasty("a.csv", round == 3 ? 100 : (size_t)(2 + round) << 20, round == 1 ? 6 : 60);
        expect_as_plain(round % 2 ? "clicks" : "orders", "a.csv");
    }
}

static void small_and_strange_files_load_as_they_do_plainly(void **state)
{
    (void)state;
    struct ss_buffer text = {0};
    write_file("a.csv", "id,user,amount,rate,gift,paid_at\n");
    expect_as_plain("orders", "a.csv");
    write_file("a.csv", "\xef\xbb\xbfpaid_at,gift,rate,more,amount,user,id");
    expect_as_plain("orders", "a.csv");
    write_file("a.csv", "\n\nid,user,amount,rate,gift,paid_at\n\n\n1,2,3,4,true,2026-01-01\n\n\n");
    expect_as_plain("orders", "a.csv");
    write_file("a.csv", "id,user,amount,rate,gift,paid_at\n1,2,3,4,true,2026-01-01\n2,2,3,4,tr");
    expect_as_plain("orders", "a.csv");
    ss_buffer_text(&text, "id,user,amount,rate,gift,paid_at\n1,2,3,4,true,2026-01-01\n2,\"");
    for (int i = 0; i < 150000; i++) ss_buffer_text(&text, "one row, \"\"all\"\" of it\r\n");
    ss_buffer_text(&text, "\",3,4,true,2026-01-01\n3,2,3,4,true,2026-01-01\n4,2,x,4,true,2026-01-01\n");
    write_bytes("a.csv", &text);
    expect_as_plain("orders", "a.csv");
    ss_buffer_release(&text);
}

static int commits_left;

static void die_in_a_commit(void *context, const char *name)
{
    (void)context;
    if (strcmp(name, "between_commits") == 0 && --commits_left == 0) raise(SIGKILL);
}

static void die_before_a_commit(void *context, const char *name)
{
    (void)context;
    if (strcmp(name, "history_before_commit") == 0 && --commits_left == 0) raise(SIGKILL);
}

static void load_and_die(void (*die)(void *, const char *), int commits, size_t threads)
{
    const struct ss_store_options deadly = {.no_sync = true, .fault_point = die};
    int status;
    close_store();
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        commits_left = commits;
        open_store("bulk", &deadly);
        (void)load("orders", "a.csv", threads, 1);
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    open_store("bulk", &quick);
}

static void a_load_that_is_killed_again_and_again_has_each_row_once(void **state)
{
    (void)state;
    struct ss_history_stats stats;
    write_plain("a.csv", 40000); // 4 blocks
    make_store("bulk");
    for (int n = 0; n < 8; n++) {
        load_and_die(n % 2 ? die_in_a_commit : die_before_a_commit, 1 + (n % 2 == 0 && n > 4),
                     1 + (size_t)n % 3);
        assert_ok(ss_history_stats(materializer->store->history, &stats, &error));
        assert_int_equal(applied_seq(), stats.events); // the open brought it up
        assert_false(ss_clock_in_flight(materializer->store->clock));
    }
    assert_true(stats.events > 10000 && stats.events <= 40000);
    assert_ok(load("orders", "a.csv", 2, 1));
    assert_true(result.repeated_batches >= 3);
    assert_ok(ss_history_stats(materializer->store->history, &stats, &error));
    assert_int_equal(stats.events, 40000);
    assert_int_equal(applied_seq(), 40000);
    assert_ok(load("orders", "a.csv", 2, 1));
    assert_true(result.already_loaded);
}

static void a_load_in_bulk_is_not_resumed_plainly(void **state)
{
    (void)state;
    const struct ss_ingest plainly = {.source = "orders", .path = "a.csv"};
    write_plain("a.csv", 40000);
    make_store("bulk");
    load_and_die(die_in_a_commit, 1, 2);
    assert_status(SS_CONFLICT, ss_ingest_csv(materializer, &plainly, &result, &error));
    assert_ok(load("orders", "a.csv", 2, 1));
    assert_ok(ss_ingest_csv(materializer, &plainly, &result, &error));
    assert_true(result.already_loaded);
}

static int64_t clock_before;
static int batches_seen;

static void expect_standing(void *context, uint64_t done_bytes, uint64_t total_bytes, uint64_t rows)
{
    (void)context;
    batches_seen++;
    assert_true(done_bytes <= total_bytes && rows > 0);
    assert_true(ss_clock_in_flight(materializer->store->clock));
    assert_int_equal(ss_clock_now(materializer->store->clock), clock_before);
    assert_int_equal(applied_seq(), 1);
}

static void what_is_served_and_the_clock_stand_until_the_end(void **state)
{
    (void)state;
    const struct ss_ingest ingest = {
        .source = "orders", .path = "b.csv", .bulk = true, .bulk_rows = 1, .progress = expect_standing};
    write_plain("a.csv", 1);
    write_plain("b.csv", 40000);
    make_store("bulk");
    assert_ok(load("clicks", "a.csv", 1, 1));
    clock_before = ss_clock_now(materializer->store->clock);
    assert_ok(ss_ingest_csv(materializer, &ingest, &result, &error));
    assert_true(batches_seen >= 3 && result.batches == (uint64_t)batches_seen);
    assert_true(result.history_seconds > 0 && result.history_seconds <= result.seconds);
    assert_false(ss_clock_in_flight(materializer->store->clock));
    assert_true(ss_clock_now(materializer->store->clock) > clock_before);
    assert_int_equal(applied_seq(), 40001);
}

static void grow_file(void *context, uint64_t done_bytes, uint64_t total_bytes, uint64_t rows)
{
    (void)context, (void)done_bytes, (void)total_bytes, (void)rows;
    FILE *file = fopen("a.csv", "a");
    fputs("\n\n", file);
    fclose(file);
}

static void what_a_load_that_failed_has_kept_is_visible(void **state)
{
    (void)state;
    const struct ss_ingest ingest = {
        .source = "orders", .path = "a.csv", .bulk = true, .bulk_rows = 1, .progress = grow_file};
    write_plain("a.csv", 40000);
    make_store("bulk");
    assert_status(SS_INVALID, ss_ingest_csv(materializer, &ingest, &result, &error));
    assert_non_null(strstr(error.message, "it had when the load began; load it when it is complete"));
    assert_false(ss_clock_in_flight(materializer->store->clock));
    struct ss_commit newest;
    assert_ok(ss_history_newest_commit(materializer->store->history, &newest, &error));
    assert_true(newest.last_seq > 10000);
    assert_int_equal(applied_seq(), newest.last_seq);
}

static void where_bulk_makes_no_difference_it_is_not_made(void **state)
{
    (void)state;
    struct ss_ingest ingest = {.source = "orders", .path = "a.csv", .bulk = true, .strict = true};
    write_plain("a.csv", 100);
    make_store("bulk");
    assert_ok(ss_ingest_csv(materializer, &ingest, &result, &error));
    assert_false(result.bulk);
    ingest = (struct ss_ingest){.source = "clicks", .path = "a.csv", .bulk = true, .live = true};
    assert_ok(ss_clock_advance(materializer->store->clock, INT64_C(1800000000000000)) ? SS_OK : SS_BUSY);
    assert_ok(ss_ingest_csv(materializer, &ingest, &result, &error));
    assert_false(result.bulk);
}

static void every_failed_allocation_is_an_error_and_nothing_is_lost(void **state)
{
    (void)state;
    int failures = 0;
    make_store("bulk");
    for (long k = 1;; k++) {
        char text[300];
        snprintf(text, sizeof text,
                 "id,user,amount,rate,gift,paid_at\nk%ld,u,1,,true,2026-01-01\nk%ld,u,x,,true,2026-01-01\n"
                 "\"k%ld\"\"\",u,1,,true,2026-01-01\n",
                 k, k, k);
        write_file("a.csv", text);
        ss_fail_allocation_at(k);
        const struct ss_ingest ingest = {.source = "orders", .path = "a.csv", .bulk = true};
        const enum ss_status status = ss_ingest_csv(materializer, &ingest, &result, &error);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        failures += status != SS_OK;
        assert_true(status == SS_OK || status == SS_OUT_OF_MEMORY);
        assert_ok(ss_ingest_csv(materializer, &ingest, &result, &error));
        assert_int_equal(applied_seq(), 2 * k);
        if (swept) break;
    }
    assert_true(failures > 20);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, drop_folder)
    const struct CMUnitTest tests[] = {
        TEST(nasty_files_load_as_they_do_plainly),
        TEST(small_and_strange_files_load_as_they_do_plainly),
        TEST(a_load_that_is_killed_again_and_again_has_each_row_once),
        TEST(a_load_in_bulk_is_not_resumed_plainly),
        TEST(what_is_served_and_the_clock_stand_until_the_end),
        TEST(what_a_load_that_failed_has_kept_is_visible),
        TEST(where_bulk_makes_no_difference_it_is_not_made),
        TEST(every_failed_allocation_is_an_error_and_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
