// The golden file of history's format: what this version wrote, every later one must read.
//
//   golden_history            reads tests/golden/history_v2/history.sql, compares with rows.txt beside it
//   golden_history --write    writes both anew. Only while version 2 was never released
//
// history.sql is the database as text: made into a file by SQLite, it is a history.db byte for byte in all
// that this program ever looks at. It has rows of every type in staging and in segments of the log and of
// indexes (of several runs, by one key, two and none), nulls, a column that came later, deletes before and
// after their insert, batches, quarantine. rows.txt is every row by seq and by each entity, as CSV has
// values.

#include "store/history.h"

#include "engine/base/time.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIRECTORY "tests/golden/history_v2"
#define ROWS      132
#define COLUMNS   13

static struct ss_error error;

#define DEFINITIONS_HEAD                                                                                   \
    "entities:\n"                                                                                          \
    "  user: {user: string}\n"                                                                             \
    "  visit: {user: string, shop: int64}\n"                                                               \
    "  device: {device: bytes}\n"                                                                          \
    "  world: {}\n"                                                                                        \
    "sources:\n"                                                                                           \
    "  orders:\n"                                                                                          \
    "    columns: {id: string, user: string, shop: int64, amount: decimal(2), rate: float64, gift: bool, " \
    "device: bytes, tags: list<int64>, place: vector(2), seen: timestamp, at: timestamp, op: string"
#define DEFINITIONS_TAIL                                                                                   \
    "}\n"                                                                                                  \
    "    event_time: at\n"                                                                                 \
    "    event_id: id\n"                                                                                   \
    "    op: op\n"                                                                                         \
    "views:\n"                                                                                             \
    "  of_user: {entity: user, source: orders, features: {a: sum(amount) over 1d, b: last(tags) within "   \
    "1d}}\n"                                                                                               \
    "  of_visit: {entity: visit, source: orders, features: {a: mean(rate) over 1d, b: last(place) within " \
    "1d}}\n"                                                                                               \
    "  of_device: {entity: device, source: orders, features: {a: last(gift) within 1d, b: last(seen) "     \
    "within "                                                                                              \
    "1d}}\n"                                                                                               \
    "  of_world: {entity: world, source: orders, features: {a: count() over 1d}}\n"

static const char before[] = DEFINITIONS_HEAD DEFINITIONS_TAIL;
static const char after[] = DEFINITIONS_HEAD ", note: string" DEFINITIONS_TAIL;

static void check(enum ss_status status)
{
    if (status == SS_OK) return;
    fprintf(stderr, "golden_history: %s\n", error.message);
    exit(1);
}

static void require(bool holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "golden_history: %s\n", what);
    exit(1);
}

static struct ss_definitions *compile(const char *text)
{
    struct ss_definitions *definitions = NULL;
    struct ss_buffer report = {0};
    size_t errors = 0;
    const struct ss_file file = {"golden.yaml", ss_bytes_of(text)};
    const enum ss_status status =
        ss_definitions_compile(&file, 1, NULL, &definitions, &report, &errors, &error);
    if (status != SS_OK) fprintf(stderr, "%.*s\n", (int)report.size, (const char *)report.data);
    check(status);
    ss_buffer_release(&report);
    return definitions;
}

// ---- Making it

struct row {
    char cells[COLUMNS][64]; // "": null
    bool is_delete;
};

static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

#define CELL(column, ...) snprintf(row->cells[column], sizeof row->cells[column], __VA_ARGS__)

static void make_row(int number, struct row *row)
{
    static const char *const rates[] = {"0.1", "-2.5", "1e300", "4.9e-324", "0.3333333333333333", "7"};
    static const char *const devices[] = {"AAA=", "AAE=", "/w==", "AQ==", "c29tZSBieXRlcw=="};
    const unsigned value = (unsigned)(mix((uint64_t)number + 1) >> 33);
    *row = (struct row){0};
    CELL(0, "o%d", number);
    if (value % 11) CELL(1, "u%u", value % 7);
    if (value % 13) CELL(2, "%d", (int)(value % 3) - 1);
    if (value % 5) CELL(3, "%d.%02u", (int)(value % 2000) - 500, value % 100);
    if (value % 7) CELL(4, "%s", rates[value % 6]);
    if (value % 4) CELL(5, value % 8 < 4 ? "true" : "false");
    if (value % 9) CELL(6, "%s", devices[value % 5]);
    if (value % 3) CELL(7, "[%u, null, -%u]", value % 100, value % 17);
    if (value % 10) CELL(8, "[%u.5, -%u]", value % 9, value % 4);
    if (value % 6)
        CELL(9, "%04u-0%u-1%uT0%u:00:00.%06uZ", 1 + value % 9998, 1 + value % 9, value % 10, value % 10,
             value % 1000000);
    CELL(10, "2026-01-0%uT%02u:%02u:00Z", 1 + (unsigned)number / 50, (unsigned)number % 24, value % 60);
    if (number >= 60) CELL(12, "noted %u times", value % 5);
}

static void append(struct ss_history *history, const struct ss_source *source, const struct row *rows,
                   int32_t count)
{
    struct ss_arena arena = {0};
    struct ss_column columns[COLUMNS];
    int64_t times[ROWS], arrivals[ROWS];
    bool deletes[ROWS];
    enum ss_row_outcome outcomes[ROWS];
    for (size_t c = 0; c < source->column_count; c++)
        require(ss_column_init(&columns[c], source->columns[c].type, count, &arena), "out of memory");
    for (int32_t i = 0; i < count; i++) {
        for (size_t c = 0; c < source->column_count; c++) {
            const char *cell = rows[i].cells[c], *reason;
            struct ss_value value = {0};
            require(!*cell || ss_value_parse(source->columns[c].type, ss_bytes_of(cell), 0, NULL, &arena,
                                             &value, &reason),
                    cell);
            require(ss_column_append(&columns[c], value, &arena), "out of memory");
            if ((int)c == source->event_time_column) times[i] = value.i64;
        }
        arrivals[i] = times[i] + (i % 20 ? i : 86400000000);
        deletes[i] = rows[i].is_delete;
    }
    const struct ss_append append = {source, count, columns, times, arrivals, deletes};
    struct ss_commit commit = {.arrival_us = times[0], .newest_us = times[0]};
    check(ss_history_begin(history, &error));
    check(ss_history_append(history, &append, outcomes, &error));
    check(ss_history_commit(history, &commit, &error));
    ss_arena_release(&arena);
}

static void append_rows(struct ss_history *history, const struct ss_definitions *definitions, int first,
                        int end, int step, bool is_delete)
{
    struct row rows[ROWS];
    int32_t count = 0;
    for (int number = first; number < end; number += step) {
        make_row(number, &rows[count]);
        rows[count++].is_delete = is_delete;
    }
    append(history, &definitions->sources[0], rows, count);
}

static void note(struct ss_history *history)
{
    const struct ss_sha256 hash = {{1, 2, 3}};
    const struct ss_quarantine_row row = {"orders", "o.csv", 7, "amount", {"7.x\0y", 5}, "not a decimal(2)"};
    struct ss_commit commit = {0};
    check(ss_history_begin(history, &error));
    check(ss_history_note_batch(history, "till", 1, &hash, &error));
    check(ss_history_quarantine(history, &row, &error));
    check(ss_history_mark_live(history, "orders", &error));
    check(ss_history_commit(history, &commit, &error));
}

static void make_history(const char *path)
{
    const struct ss_history_options options = {
        .sizes = {.staging_rows = 20, .bulk_rows = 30, .segment_rows = 32, .fanout = 100}};
    struct ss_history *history;
    struct ss_definitions *first = compile(before), *second = compile(after);
    check(ss_history_create(path, &options, &error));
    check(ss_history_open(path, true, &options, &history, &error));
    check(ss_history_prepare(history, first, &error));
    append_rows(history, first, 126, 129, 1, true); // deletes that come first
    append_rows(history, first, 0, 30, 1, false);   // to segments at once
    append_rows(history, first, 30, 45, 1, false);
    append_rows(history, first, 3, 50, 9, true); // of rows in segments, in staging and of none
    append_rows(history, first, 45, 60, 1, false);
    check(ss_history_prepare(history, second, &error));
    append_rows(history, second, 60, 90, 1, false);
    note(history);
    append_rows(history, second, 90, 100, 1, false);
    append_rows(history, second, 95, 125, 1, false);
    append_rows(history, second, 120, ROWS, 1, false); // these wait in staging
    ss_history_close(history);
    ss_definitions_destroy(first);
    ss_definitions_destroy(second);
}

// ---- Its rows as text

static void print_batch(const struct ss_source *source, const struct ss_event_batch *batch,
                        struct ss_buffer *text)
{
    const struct ss_type timestamp = {.id = SS_TIMESTAMP};
    for (int32_t i = 0; i < batch->length; i++) {
        ss_buffer_format(text, "%llu ", (unsigned long long)batch->seq[i]);
        ss_value_format(timestamp, (struct ss_value){.present = true, .i64 = batch->event_time_us[i]}, text);
        ss_buffer_format(text, " +%lld", (long long)(batch->arrival_us[i] - batch->event_time_us[i]));
        if (batch->is_delete && batch->is_delete[i])
            ss_buffer_format(text, " takes back %llu", (unsigned long long)batch->target_seq[i]);
        if (batch->deleted_seq[i])
            ss_buffer_format(text, " until %llu", (unsigned long long)batch->deleted_seq[i]);
        for (size_t c = 0; c < source->column_count; c++) {
            if (batch->columns[c].length == 0) continue;
            const struct ss_value value = ss_column_get(&batch->columns[c], i);
            ss_buffer_text(text, value.present ? " | " : " |");
            ss_value_format(source->columns[c].type, value, text);
        }
        ss_buffer_text(text, "\n");
    }
}

static void print_all(struct ss_event_reader *reader, const struct ss_source *source, struct ss_buffer *text)
{
    const struct ss_event_batch *batch;
    for (;;) {
        check(reader->next(reader, &batch, &error));
        if (!batch) break;
        print_batch(source, batch, text);
    }
    reader->close(reader);
}

static void print_reads(struct ss_history *history, const struct ss_definitions *definitions,
                        struct ss_buffer *text)
{
    struct ss_event_reader *reader;
    const struct ss_source *source = &definitions->sources[0];
    ss_buffer_text(text, "by seq\n");
    check(ss_history_read_seq(history, source, 0, UINT64_MAX, NULL, &reader, &error));
    print_all(reader, source, text);
    for (size_t v = 0; v < definitions->view_count; v++) {
        const struct ss_view *view = &definitions->views[v];
        ss_buffer_format(text, "%s\n", view->name);
        check(ss_history_read_entity(history, view, NULL, INT64_MIN, INT64_MAX, UINT64_MAX, &reader, &error));
        print_all(reader, source, text);
    }
    require(!text->failed, "out of memory");
}

static void print_stats(struct ss_history *history, struct ss_buffer *text)
{
    struct ss_history_stats stats;
    check(ss_history_stats(history, &stats, &error));
    ss_buffer_format(text,
                     "%llu commits, %llu events, %llu deletes, %llu in quarantine, %llu segments, %llu "
                     "staged\n",
                     (unsigned long long)stats.commits, (unsigned long long)stats.events,
                     (unsigned long long)stats.deletes, (unsigned long long)stats.quarantined,
                     (unsigned long long)stats.segments, (unsigned long long)stats.staged);
}

// As it is; that it gives the same after compaction is checked.
static struct ss_buffer print_history(const char *path)
{
    struct ss_buffer text = {0}, again = {0};
    struct ss_history *history;
    struct ss_definitions *definitions = compile(after);
    check(ss_history_open(path, true, NULL, &history, &error));
    print_stats(history, &text);
    const size_t head = text.size;
    print_reads(history, definitions, &text);
    check(ss_history_compact(history, SS_COMPACT_REINDEX, &error));
    print_reads(history, definitions, &again);
    require(again.size == text.size - head && memcmp(again.data, text.data + head, again.size) == 0,
            "compaction changes what is read");
    ss_buffer_release(&again);
    ss_history_close(history);
    ss_definitions_destroy(definitions);
    return text;
}

// ---- The database as text

static sqlite3 *open_database(const char *path)
{
    sqlite3 *db;
    require(sqlite3_open(path, &db) == SQLITE_OK, path);
    return db;
}

static void execute(sqlite3 *db, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) == SQLITE_OK) return;
    fprintf(stderr, "golden_history: %s\n", message);
    exit(1);
}

static int print_line(void *context, int count, char **values, char **names)
{
    (void)count;
    (void)names;
    if (values[0]) fprintf(context, "%s\n", values[0]);
    return 0;
}

static void print_blob(const unsigned char *blob, int size, FILE *file)
{
    fputs("x'", file);
    for (int i = 0; i < size; i++) fprintf(file, "%02x", blob[i]);
    fputs("'", file);
}

static void print_value(sqlite3_stmt *statement, int column, FILE *file)
{
    char *text = NULL;
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_NULL: text = sqlite3_mprintf("NULL"); break;
    case SQLITE_INTEGER: text = sqlite3_mprintf("%lld", sqlite3_column_int64(statement, column)); break;
    case SQLITE_FLOAT: text = sqlite3_mprintf("%!.17g", sqlite3_column_double(statement, column)); break;
    case SQLITE_TEXT: text = sqlite3_mprintf("%Q", sqlite3_column_text(statement, column)); break;
    default:
        print_blob(sqlite3_column_blob(statement, column), sqlite3_column_bytes(statement, column), file);
        return;
    }
    fputs(text, file);
    sqlite3_free(text);
}

static int print_table(void *context, int count, char **values, char **names)
{
    sqlite3 *db = ((void **)context)[0];
    FILE *file = ((void **)context)[1];
    sqlite3_stmt *statement;
    char sql[200];
    (void)count;
    (void)names;
    snprintf(sql, sizeof sql, "SELECT * FROM %s", values[0]);
    require(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK, sql);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        fprintf(file, "INSERT INTO %s VALUES(", values[0]);
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            if (i) fputs(",", file);
            print_value(statement, i, file);
        }
        fputs(");\n", file);
    }
    sqlite3_finalize(statement);
    return 0;
}

static void write_sql(const char *path)
{
    sqlite3 *db = open_database(path);
    FILE *file = fopen(DIRECTORY "/history.sql", "w");
    require(file, DIRECTORY "/history.sql");
    void *context[] = {db, file};
    execute(db, "UPDATE commits SET id = 1000003 * last_seq"); // they are random
    fprintf(file,
            "PRAGMA page_size=8192;\nPRAGMA journal_mode=WAL;\nBEGIN;\nPRAGMA application_id=1397966897;\n"
            "PRAGMA user_version=2;\n");
    static const char
        tables[] = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'sqlite_sequence'",
        made[] = "SELECT sql || ';' FROM sqlite_schema WHERE name <> 'sqlite_sequence' ORDER BY rowid";
    require(sqlite3_exec(db, made, print_line, file, NULL) == SQLITE_OK &&
                sqlite3_exec(db, tables, print_table, context, NULL) == SQLITE_OK,
            "a table cannot be read");
    fprintf(file, "DELETE FROM sqlite_sequence;\n");
    require(sqlite3_exec(db, "SELECT 'sqlite_sequence'", print_table, context, NULL) == SQLITE_OK,
            "the sequence");
    fprintf(file, "COMMIT;\n");
    fclose(file);
    sqlite3_close(db);
}

// ---- Files

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    require(file, path);
    char *text = calloc(1, 1 << 20);
    require(text && fread(text, 1, (1 << 20) - 1, file) < (1 << 20) - 1, path);
    fclose(file);
    return text;
}

static void compare(const struct ss_buffer *got, const char *want, const char *of)
{
    if (got->size == strlen(want) && memcmp(got->data, want, got->size) == 0) return;
    size_t line = 1;
    for (size_t i = 0; i < got->size && want[i] && want[i] == (char)got->data[i]; i++)
        line += want[i] == '\n';
    fprintf(stderr, "golden_history: %s gives other rows than " DIRECTORY "/rows.txt, from line %zu on\n", of,
            line);
    exit(1);
}

static void check_refused(const char *path)
{
    struct ss_history *history;
    const char *want =
        "format 1 was that of a version which was never released, and this program reads 2; load its "
        "events again";
    sqlite3 *db = open_database(path);
    execute(db, "PRAGMA user_version=1");
    sqlite3_close(db);
    require(ss_history_open(path, false, NULL, &history, &error) == SS_VERSION && strstr(error.message, want),
            error.message);
    db = open_database(path);
    execute(db, "PRAGMA user_version=3");
    sqlite3_close(db);
    require(ss_history_open(path, false, NULL, &history, &error) == SS_VERSION &&
                strstr(error.message, "format 3 is newer than this program's 2"),
            error.message);
}

int main(int count, char **arguments)
{
    char directory[] = "/tmp/golden_history_XXXXXX", made[64], golden[64], command[64];
    require(mkdtemp(directory) != NULL, "no directory");
    snprintf(made, sizeof made, "%s/made.db", directory);
    snprintf(golden, sizeof golden, "%s/golden.db", directory);
    make_history(made);
    if (count > 1 && strcmp(arguments[1], "--write") == 0) write_sql(made);
    char *sql = read_file(DIRECTORY "/history.sql");
    sqlite3 *db = open_database(golden);
    execute(db, sql);
    sqlite3_close(db);
    struct ss_buffer of_golden = print_history(golden), of_made = print_history(made);
    if (count > 1 && strcmp(arguments[1], "--write") == 0) {
        FILE *file = fopen(DIRECTORY "/rows.txt", "w");
        require(file && fwrite(of_golden.data, 1, of_golden.size, file) == of_golden.size, "rows.txt");
        fclose(file);
    }
    char *rows = read_file(DIRECTORY "/rows.txt");
    compare(&of_golden, rows, "history.sql");
    compare(&of_made, rows, "a history made now");
    check_refused(golden);
    free(rows);
    free(sql);
    ss_buffer_release(&of_golden);
    ss_buffer_release(&of_made);
    snprintf(command, sizeof command, "rm -r %s", directory);
    return system(command) == 0 ? 0 : 1;
}
