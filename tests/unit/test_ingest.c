// Ingest of CSV files: what becomes an event, what goes to quarantine, and what loading again does. The
// definitions are made by hand: a source and no views, so that only the load is tested.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/allocation_sweep.h"
#include "tests/unit/ingest_harness.h"

enum { ID, USER, AMOUNT, PAID_AT, SENT_AT, OP, SOURCE_COLUMNS };

static struct ss_source_column columns[SOURCE_COLUMNS];
static struct ss_source sources[2]; // "payments" with event_id and op, "clicks" without either

static void make_definitions(void)
{
    columns[ID] = (struct ss_source_column){.name = "id", .type = {SS_STRING, 0}};
    columns[USER] = (struct ss_source_column){.name = "user", .type = {SS_STRING, 0}};
    columns[AMOUNT] = (struct ss_source_column){.name = "amount", .type = {SS_DECIMAL, 2}};
    columns[PAID_AT] = (struct ss_source_column){.name = "paid_at", .type = {SS_TIMESTAMP, 0}};
    columns[SENT_AT] =
        (struct ss_source_column){.name = "sent_at", .type = {SS_TIMESTAMP, 0}, .unit = SS_UNIT_MS};
    columns[OP] = (struct ss_source_column){.name = "op", .type = {SS_STRING, 0}};
    sources[0] = (struct ss_source){.name = "payments",
                                    .column_count = SOURCE_COLUMNS,
                                    .columns = columns,
                                    .event_time_column = PAID_AT,
                                    .event_id_column = ID,
                                    .op_column = OP,
                                    .arrival_column = -1};
    sources[1] = sources[0];
    sources[1].name = "clicks";
    sources[1].column_count = SENT_AT + 1;
    sources[1].event_id_column = sources[1].op_column = -1;
    definitions = (struct ss_definitions){.source_count = 2, .sources = sources};
}

// ---- The store and files

static int set_up(void **state)
{
    (void)state;
    make_definitions();
    make_folder();
    make_store("store");
    return 0;
}

// Rows of "clicks", a second apart.
static void write_clicks(const char *name, int rows, int from)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs("id,user,amount,paid_at,sent_at\n", file);
    for (int i = 0; i < rows; i++)
        fprintf(file, "k%d,u%d,%d.25,2026-01-%02dT%02d:%02d:%02dZ,\n", from + i, i % 7, i, 1 + i / 86400,
                i / 3600 % 24, i / 60 % 60, i % 60);
    assert_int_equal(fclose(file), 0);
}

static enum ss_status load(const char *source, const char *path)
{
    const struct ss_ingest ingest = {.source = source, .path = path};
    return ss_ingest_csv(materializer, &ingest, &result, &error);
}

static struct ss_history_stats stats(void)
{
    struct ss_history_stats found;
    assert_ok(ss_history_stats(materializer->store->history, &found, &error));
    return found;
}

// Every event of a source as text: "seq op id user amount paid_at sent_at", a line each.
static void expect_events(const struct ss_source *source, const char *want)
{
    struct ss_event_reader *reader;
    const struct ss_event_batch *batch;
    struct ss_buffer text = {0};
    assert_ok(
        ss_history_read_seq(materializer->store->history, source, 0, UINT64_MAX >> 1, NULL, &reader, &error));
    while (true) {
        assert_ok(reader->next(reader, &batch, &error));
        if (!batch) break;
        for (int32_t row = 0; row < batch->length; row++) {
            ss_buffer_format(&text, "%llu%s", (unsigned long long)batch->seq[row],
                             batch->is_delete[row] ? " delete" : "");
            for (int c = ID; c <= SENT_AT; c++) {
                const struct ss_value value = ss_column_get(&batch->columns[c], row);
                ss_buffer_text(&text, value.present ? " " : " NULL");
                ss_value_format(columns[c].type, value, &text);
            }
            ss_buffer_byte(&text, '\n');
        }
    }
    reader->close(reader);
    ss_buffer_byte(&text, 0);
    assert_string_equal((const char *)text.data, want);
    ss_buffer_release(&text);
}

static enum ss_status describe_quarantined(void *context, const struct ss_quarantine_row *row)
{
    ss_buffer_format(context, "%s %s:%llu '%s' '%.*s' %s\n", row->source, row->file,
                     (unsigned long long)row->line, row->column, (int)row->value.size, row->value.data,
                     row->reason);
    return SS_OK;
}

static void expect_quarantine(const char *want)
{
    struct ss_buffer text = {0};
    assert_ok(
        ss_history_each_quarantined(materializer->store->history, NULL, describe_quarantined, &text, &error));
    ss_buffer_byte(&text, 0);
    assert_string_equal((const char *)text.data, want);
    ss_buffer_release(&text);
}

static void expect_failure(enum ss_status status, enum ss_status want, const char *message)
{
    assert_int_equal(status, want);
    assert_string_equal(error.message, message);
}

// ---- Rows

static void rows_become_events_with_exactly_their_values(void **state)
{
    (void)state;
    write_file("a.csv",
               "paid_at,amount,user,id,sent_at\n"
               "2026-01-01 10:00:00,12.5,\" ann \",k1,1767261600500\n"
               "2026-01-01T10:00:01+01:00,-3,\"\",k2,\n"
               "2026-01-02,,,k3,\n");
    assert_ok(load("clicks", "a.csv"));
    assert_int_equal(result.rows, 3);
    assert_int_equal(result.accepted, 3);
    assert_int_equal(result.seq, 3);
    assert_int_equal(result.ignored_count, 0);
    expect_events(&sources[1],
                  "1 k1  ann  12.50 2026-01-01T10:00:00Z 2026-01-01T10:00:00.5Z\n"
                  "2 k2  -3.00 2026-01-01T09:00:01Z NULL\n"
                  "3 k3 NULL NULL 2026-01-02T00:00:00Z NULL\n");
    expect_quarantine("");
}

static void times_without_an_offset_are_read_in_the_zone_of_the_source(void **state)
{
    (void)state;
    // One version of the data: a header with one type and its name of 4 bytes, then +02:00, no daylight time.
#define BLOCK                                          \
    "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"              \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4" \
    "\0\0\x1c\x20\0\0TST\0"
    static const char tzif[] = BLOCK BLOCK "\nTST-2\n";
    struct ss_arena arena = {0};
    assert_ok(
        ss_zone_parse("Test", (struct ss_bytes){tzif, sizeof tzif - 1}, &arena, &sources[1].zone, &error));
    write_file("a.csv",
               "id,user,amount,paid_at,sent_at\n"
               "k1,u,1,2026-01-01 10:00:00,1767261600500\n"
               "k2,u,1,2026-01-01 10:00:00Z,\n");
    assert_ok(load("clicks", "a.csv"));
    expect_events(&sources[1],
                  "1 k1 u 1.00 2026-01-01T08:00:00Z 2026-01-01T10:00:00.5Z\n"
                  "2 k2 u 1.00 2026-01-01T10:00:00Z NULL\n");
    ss_arena_release(&arena);
}

static void bad_rows_go_to_quarantine_with_their_place_and_the_others_get_in(void **state)
{
    (void)state;
    write_file("a.csv",
               "id,user,amount,paid_at,sent_at\n"
               "k1,\"a\nb\",1,2026-01-01,\n"
               "k2,u,1.005,2026-01-01,\n"
               "k3,u,1,2026-13-01,\n"
               "k4,u,1,,\n"
               "k5,u,1\n"
               "k6,u,\"\",2026-01-01,\n"
               "k7,u,1,2026-01-01,2026-01-01\n"
               "k8,u,1,2026-01-02,\n"
               "k9,u,\"1");
    assert_ok(load("clicks", "a.csv"));
    assert_int_equal(result.rows, 9);
    assert_int_equal(result.accepted, 2);
    assert_int_equal(result.quarantined, 7);
    assert_string_equal(result.first_reason,
                        "a.csv:4: column 'amount': not a decimal of that scale: '1.005'");
    expect_events(&sources[1],
                  "1 k1 a\nb 1.00 2026-01-01T00:00:00Z NULL\n"
                  "2 k8 u 1.00 2026-01-02T00:00:00Z NULL\n");
    expect_quarantine(
        "clicks a.csv:4 'amount' '1.005' not a decimal of that scale\n"
        "clicks a.csv:5 'paid_at' '2026-13-01' not a time\n"
        "clicks a.csv:7 '' 'k5,u,1' expected 5 fields, got 3\n"
        "clicks a.csv:8 'amount' '' not a decimal of that scale\n"
        "clicks a.csv:9 'sent_at' '2026-01-01' not a time\n"
        "clicks a.csv:11 '' 'k9,u,\"1' cut: a quote is not closed before the end of the file\n"
        "clicks a.csv:6 'paid_at' '' event_time is null\n");
}

static void strict_keeps_nothing_of_a_file_with_a_bad_row(void **state)
{
    (void)state;
    const struct ss_ingest ingest = {.source = "clicks", .path = "a.csv", .strict = true};
    write_file("a.csv",
               "id,user,amount,paid_at,sent_at\nk1,u,1,2026-01-01,\nk2,u,x,2026-01-01,\n"
               "k3,u,1,,\n");
    expect_failure(ss_ingest_csv(materializer, &ingest, &result, &error), SS_INVALID,
                   "source 'clicks': batch refused, nothing of it was kept: 2 violations, first: a.csv:3: "
                   "column 'amount': not a decimal of that scale: 'x'");
    assert_int_equal(stats().events, 0);
    assert_int_equal(stats().quarantined, 0);
    write_file("a.csv", "id,user,amount,paid_at,sent_at\nk1,u,1,2026-01-01,\n");
    assert_ok(ss_ingest_csv(materializer, &ingest, &result, &error));
    assert_int_equal(result.accepted, 1);
    assert_ok(ss_ingest_csv(materializer, &ingest, &result, &error));
    assert_true(result.already_loaded);
}

static void a_source_that_rejects_keeps_nothing_of_a_file_with_a_bad_row(void **state)
{
    (void)state;
    const struct ss_ingest ingest = {.source = "clicks", .path = "a.csv"};
    FILE *file = fopen("a.csv", "w");
    assert_non_null(file);
    fputs("id,user,amount,paid_at,sent_at\n", file);
    for (int i = 0; i < 2 * SS_INGEST_BATCH_ROWS; i++) fprintf(file, "k%d,u,1,2026-01-01,\n", i);
    fputs("last,u,1,,\n", file);
    assert_int_equal(fclose(file), 0);
    sources[1].on_violation = SS_REJECT;
    const enum ss_status status = ss_ingest_csv(materializer, &ingest, &result, &error);
    sources[1].on_violation = SS_QUARANTINE;
    assert_int_equal(status, SS_INVALID);
    assert_int_equal(stats().events, 0);
    assert_int_equal(stats().quarantined, 0);
}

// ---- Columns

static void columns_are_found_by_name_and_others_are_ignored(void **state)
{
    (void)state;
    const struct ss_ingest_map maps[] = {{"user", "customer"}, {"paid_at", "user"}};
    const struct ss_ingest ingest = {.source = "clicks", .path = "a.csv", .maps = maps, .map_count = 2};
    write_file("a.csv", "note,id,customer,amount,user,sent_at,note\nx,k1,ann,1,2026-01-01,,y\n");
    assert_ok(ss_ingest_csv(materializer, &ingest, &result, &error));
    expect_events(&sources[1], "1 k1 ann 1.00 2026-01-01T00:00:00Z NULL\n");
    assert_int_equal(result.ignored_count, 2);
    assert_string_equal(result.ignored, "note, note");
}

static void many_ignored_columns_are_cut_short(void **state)
{
    (void)state;
    struct ss_buffer text = {0};
    ss_buffer_text(&text, "id,user,amount,paid_at,sent_at");
    for (int i = 0; i < 100; i++) ss_buffer_format(&text, ",surplus_%d", i);
    ss_buffer_text(&text, "\n");
    ss_buffer_byte(&text, 0);
    write_file("a.csv", (const char *)text.data);
    ss_buffer_release(&text);
    assert_ok(load("clicks", "a.csv"));
    assert_int_equal(result.ignored_count, 100);
    assert_true(strlen(result.ignored) < sizeof result.ignored);
    assert_string_equal(result.ignored + strlen(result.ignored) - 5, ", ...");
}

static void wrong_names_are_errors_that_say_what_to_do(void **state)
{
    (void)state;
    const struct ss_ingest_map unknown = {"usr", "user"}, nowhere = {"user", "custmer"},
                               twice[] = {{"user", "a"}, {"user", "b"}};
    struct ss_ingest ingest = {.source = "clicks", .path = "a.csv", .maps = &unknown, .map_count = 1};
    write_file("a.csv", "id,customer,amuont,paid_at,sent_at\n");
    expect_failure(ss_ingest_csv(materializer, &ingest, &result, &error), SS_INVALID,
                   "--map usr=user: source 'clicks' has no column 'usr'; did you mean 'user'?");
    ingest.maps = &nowhere;
    expect_failure(
        ss_ingest_csv(materializer, &ingest, &result, &error), SS_INVALID,
        "a.csv: no column 'custmer' in its header; did you mean 'customer'?; source 'clicks' needs "
        "it: add it, or name another with --map user=HEADER");
    ingest.maps = twice;
    ingest.map_count = 2;
    expect_failure(ss_ingest_csv(materializer, &ingest, &result, &error), SS_INVALID,
                   "--map user=b: column 'user' is mapped twice, to 'a' before");
    expect_failure(load("clicks", "none.csv"), SS_IO,
                   "none.csv: cannot be opened: No such file or directory");
    expect_failure(load("clicks", "."), SS_IO, ".: cannot be read: Is a directory");
    write_file("empty.csv", "");
    expect_failure(load("clicks", "empty.csv"), SS_INVALID,
                   "empty.csv: it is empty; its first line must name the columns");
    assert_int_equal(load("klicks", "a.csv"), SS_NOT_FOUND);
}

// ---- Loading again

static void loading_a_file_twice_changes_nothing_unless_asked(void **state)
{
    (void)state;
    struct ss_ingest again = {.source = "clicks", .path = "b.csv", .again = true};
    write_clicks("a.csv", 25000, 0);
    assert_ok(load("clicks", "a.csv"));
    assert_int_equal(result.batches, 3);
    assert_int_equal(result.accepted, 25000);
    assert_false(result.already_loaded);
    copy_file("a.csv", "b.csv"); // the same bytes are the same file
    assert_ok(load("clicks", "b.csv"));
    assert_true(result.already_loaded);
    assert_int_equal(result.rows, 0);
    assert_int_equal(result.seq, 25000);
    for (uint64_t times = 2; times <= 3; times++) {
        assert_ok(ss_ingest_csv(materializer, &again, &result, &error));
        assert_int_equal(result.accepted, 25000);
        assert_int_equal(stats().events, 25000 * times);
    }
    assert_ok(load("clicks", "a.csv"));
    assert_true(result.already_loaded);
    write_file("c.csv", "id,user,amount,paid_at,sent_at\n"); // a file without rows is loaded, too
    assert_ok(load("clicks", "c.csv"));
    assert_false(result.already_loaded);
    assert_ok(load("clicks", "c.csv"));
    assert_true(result.already_loaded);
}

static int commits_left;

static void die_in_a_commit(void *context, const char *name)
{
    (void)context;
    if (strcmp(name, "between_commits") == 0 && --commits_left == 0) _exit(0);
}

// A child process loads the file and dies as soon as `commits` more batches are durable.
static void load_and_die(const struct ss_ingest *ingest, int commits)
{
    const struct ss_store_options deadly = {.no_sync = true, .fault_point = die_in_a_commit};
    int status;
    close_store();
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        commits_left = commits;
        open_store("store", &deadly);
        ss_ingest_csv(materializer, ingest, &result, &error);
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    open_store("store", &quick);
}

static void a_load_that_died_goes_on_where_it_was(void **state)
{
    (void)state;
    const struct ss_ingest ingest = {.source = "clicks", .path = "a.csv"};
    write_clicks("a.csv", 25000, 0);
    for (int batch = 1; batch <= 3; batch++) { // behind the third only the mark of its end is missing
        load_and_die(&ingest, 1);
        assert_int_equal(stats().events, batch == 3 ? 25000 : batch * 10000);
    }
    assert_ok(load("clicks", "a.csv"));
    assert_int_equal(result.batches, 3);
    assert_int_equal(result.repeated_batches, 3);
    assert_int_equal(result.accepted, 0);
    assert_false(result.already_loaded);
    assert_ok(load("clicks", "a.csv"));
    assert_true(result.already_loaded);
    assert_int_equal(stats().events, 25000);
}

static void again_resumes_a_second_load_that_died(void **state)
{
    (void)state;
    const struct ss_ingest again = {.source = "clicks", .path = "a.csv", .again = true};
    write_clicks("a.csv", 15000, 0);
    assert_ok(ss_ingest_csv(materializer, &again, &result, &error)); // nothing was loaded yet: the first load
    assert_int_equal(stats().events, 15000);
    load_and_die(&again, 1);
    assert_int_equal(stats().events, 25000);
    assert_ok(ss_ingest_csv(materializer, &again, &result, &error));
    assert_int_equal(result.repeated_batches, 1);
    assert_int_equal(stats().events, 30000);
}

static void a_load_that_died_is_not_resumed_with_other_options(void **state)
{
    (void)state;
    struct ss_ingest ingest = {.source = "clicks", .path = "a.csv"};
    write_clicks("a.csv", 15000, 0);
    load_and_die(&ingest, 1);
    ingest.strict = true;
    expect_failure(
        ss_ingest_csv(materializer, &ingest, &result, &error), SS_CONFLICT,
        "a.csv: a load of it that did not come to its end had other options (--live, --strict or --bulk); "
        "load it again with those");
    assert_int_equal(stats().events, 10000);
}

static void a_file_is_one_batch_of_a_named_producer(void **state)
{
    (void)state;
    struct ss_ingest ingest = {.source = "clicks", .path = "a.csv", .producer = "shop", .number = 1};
    write_clicks("a.csv", 12000, 0);
    assert_ok(ss_ingest_csv(materializer, &ingest, &result, &error));
    assert_int_equal(result.batches, 1);
    assert_int_equal(result.accepted, 12000);
    assert_ok(ss_ingest_csv(materializer, &ingest, &result, &error));
    assert_true(result.already_loaded);
    assert_int_equal(stats().events, 12000);
    write_clicks("a.csv", 12000, 1);
    expect_failure(ss_ingest_csv(materializer, &ingest, &result, &error), SS_CONFLICT,
                   "producer 'shop': batch 1 was acknowledged before with other content; send new rows as "
                   "batch 2");
    write_file("a.csv", "id,user,amount,paid_at,sent_at\nk1,u,1,2026-01-01,\n");
    ingest.number = 2;
    assert_ok(ss_ingest_csv(materializer, &ingest, &result, &error));
    write_file("a.csv", "id,user,amount,paid_at,sent_at\nk1,u,2,2026-01-01,\n"); // as many bytes
    assert_int_equal(ss_ingest_csv(materializer, &ingest, &result, &error), SS_CONFLICT);
    ingest.number = 4;
    expect_failure(ss_ingest_csv(materializer, &ingest, &result, &error), SS_CONFLICT,
                   "producer 'shop': batch 4 leaves a gap: batch 3 is expected next");
    ingest.number = 3;
    assert_ok(ss_ingest_csv(materializer, &ingest, &result, &error));
    assert_int_equal(stats().events, 12002);
}

// ---- Deletes and live rows

static void history_with_deletes_is_loaded_inserts_first(void **state)
{
    (void)state;
    const char *head = "id,user,amount,paid_at,sent_at,op\n";
    char text[400];
    snprintf(text, sizeof text,
             "%sk2,,,2026-01-02,,delete\nk1,u,1,2026-01-01,,insert\nk1,u,1,2026-01-01,,oops\n"
             "k1,,,2026-01-01,,delete\nk2,u,2,2026-01-02,,insert\nk1,,x,2026-01-01,,delete\n",
             head);
    write_file("a.csv", text);
    assert_ok(load("payments", "a.csv"));
    assert_int_equal(result.rows, 6);
    assert_int_equal(result.accepted, 4);
    assert_int_equal(result.quarantined, 2);
    assert_int_equal(result.batches, 2);
    assert_int_equal(stats().deletes, 2);
    expect_events(&sources[0],
                  "1 k1 u 1.00 2026-01-01T00:00:00Z NULL\n"
                  "2 k2 u 2.00 2026-01-02T00:00:00Z NULL\n"
                  "3 delete k2 u 2.00 2026-01-02T00:00:00Z NULL\n"
                  "4 delete k1 u 1.00 2026-01-01T00:00:00Z NULL\n");
    expect_quarantine(
        "payments a.csv:7 'amount' 'x' not a decimal of that scale\n"
        "payments a.csv:4 'op' 'oops' op is neither 'insert' nor 'delete'\n");
    snprintf(text, sizeof text, "%sk3,u,1,2026-01-01,,insert\n", head);
    write_file("b.csv", text);
    expect_failure(load("payments", "b.csv"), SS_INVALID,
                   "source 'payments': it has live rows, so rows with a declared arrival_time are refused: "
                   "what was served before could no longer be explained; load them as arriving now with "
                   "--live");
    const struct ss_ingest live = {.source = "payments", .path = "b.csv", .live = true};
    assert_ok(ss_ingest_csv(materializer, &live, &result, &error));
    assert_int_equal(result.accepted, 1);
}

static void a_load_that_died_between_its_deletes_goes_on(void **state)
{
    (void)state;
    const struct ss_ingest ingest = {.source = "payments", .path = "a.csv"};
    FILE *file = fopen("a.csv", "w");
    assert_non_null(file);
    fputs("id,user,amount,paid_at,sent_at,op\n", file);
    for (int i = 0; i < 24000; i++)
        fprintf(file, "k%d,u,,2026-01-01,,%s\n", i / 2, i % 2 ? "delete" : "insert");
    assert_int_equal(fclose(file), 0);
    for (int batch = 1; batch <= 3; batch++) load_and_die(&ingest, 1);
    assert_int_equal(stats().deletes, 10000); // batches 1 and 2 inserts, 3 deletes
    assert_ok(load("payments", "a.csv"));
    assert_int_equal(result.batches, 4);
    assert_int_equal(result.repeated_batches, 3);
    assert_int_equal(stats().deletes, 12000);
}

// ---- Streams, files that change, and broken memory

static void a_stream_is_a_file_like_any_other(void **state)
{
    (void)state;
    assert_int_equal(mkfifo("pipe", 0600), 0);
    for (int i = 0; i < 2; i++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            write_clicks("pipe", 12000, 0);
            _exit(0);
        }
        assert_ok(load("clicks", "pipe"));
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_int_equal(result.already_loaded, i == 1);
        assert_int_equal(stats().events, 12000);
    }
}

static void append_a_row(void *context, uint64_t done_bytes, uint64_t total_bytes, uint64_t rows)
{
    (void)context;
    assert_true(done_bytes <= total_bytes);
    assert_int_equal(rows, 10000);
    FILE *file = fopen("a.csv", "a");
    assert_non_null(file);
    fputs("k,u,1,2026-01-01,\n", file);
    assert_int_equal(fclose(file), 0);
}

static void a_file_that_grows_under_the_load_is_an_error(void **state)
{
    (void)state;
    const struct ss_ingest ingest = {.source = "clicks", .path = "a.csv", .progress = append_a_row};
    write_clicks("a.csv", 15000, 0);
    const long bytes = size_of_file("a.csv");
    char want[160];
    snprintf(want, sizeof want,
             "a.csv: it has other than the %ld bytes it had when the load began; load it when it is complete",
             bytes);
    expect_failure(ss_ingest_csv(materializer, &ingest, &result, &error), SS_INVALID, want);
    assert_int_equal(stats().events, 10000);
}

static void every_failed_allocation_is_an_error_and_nothing_is_lost(void **state)
{
    (void)state;
    const struct ss_ingest_map map = {"user", "customer"};
    int failures = 0;
    for (long k = 1;; k++) {
        char text[300];
        snprintf(text, sizeof text,
                 "id,customer,amount,paid_at,sent_at,op,more\nk%ld,u,1,2026-01-01,,insert,\n"
                 "k%ld,u,x,2026-01-01,,insert,\nk%ld,,,2026-01-01,,delete,\n",
                 k, k, k);
        write_file("a.csv", text);
        ss_fail_allocation_at(k);
        const struct ss_ingest live = {
            .source = "payments", .path = "a.csv", .maps = &map, .map_count = 1, .live = k > 1};
        const enum ss_status status = ss_ingest_csv(materializer, &live, &result, &error);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        failures += status != SS_OK;
        assert_true(status == SS_OK || status == SS_OUT_OF_MEMORY);
        assert_ok(ss_ingest_csv(materializer, &live, &result, &error));
        assert_int_equal(stats().events, k);
        assert_int_equal(stats().deletes, k);
        if (swept) break;
    }
    assert_true(failures > 10);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, drop_folder)
    const struct CMUnitTest tests[] = {
        TEST(rows_become_events_with_exactly_their_values),
        TEST(times_without_an_offset_are_read_in_the_zone_of_the_source),
        TEST(bad_rows_go_to_quarantine_with_their_place_and_the_others_get_in),
        TEST(strict_keeps_nothing_of_a_file_with_a_bad_row),
        TEST(a_source_that_rejects_keeps_nothing_of_a_file_with_a_bad_row),
        TEST(columns_are_found_by_name_and_others_are_ignored),
        TEST(many_ignored_columns_are_cut_short),
        TEST(wrong_names_are_errors_that_say_what_to_do),
        TEST(loading_a_file_twice_changes_nothing_unless_asked),
        TEST(a_load_that_died_goes_on_where_it_was),
        TEST(again_resumes_a_second_load_that_died),
        TEST(a_load_that_died_is_not_resumed_with_other_options),
        TEST(a_file_is_one_batch_of_a_named_producer),
        TEST(history_with_deletes_is_loaded_inserts_first),
        TEST(a_load_that_died_between_its_deletes_goes_on),
        TEST(a_stream_is_a_file_like_any_other),
        TEST(a_file_that_grows_under_the_load_is_an_error),
        TEST(every_failed_allocation_is_an_error_and_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
