// Directories, a source made by hand, and batches of its rows, for the tests of store/.

#include "tests/unit/store_fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

// ---- Files

void make_test_directory(char path[PATH_BYTES])
{
    const char *base = getenv("TMPDIR");
    snprintf(path, PATH_BYTES, "%s/selfsame-test-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(path));
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void remove_test_directory(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

long size_of_file(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return (long)status.st_size;
}

void overwrite_file(const char *path, long offset, const void *bytes, size_t size)
{
    const int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    if (offset < 0) offset += size_of_file(path);
    assert_int_equal(pwrite(fd, bytes, size, offset), size);
    close(fd);
}

void copy_file(const char *from, const char *to)
{
    char buffer[65536];
    ssize_t size;
    const int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    assert_true(in >= 0 && out >= 0);
    while ((size = read(in, buffer, sizeof buffer)) > 0)
        assert_int_equal(write(out, buffer, (size_t)size), size);
    close(in);
    close(out);
}

void truncate_file(const char *path, long size)
{
    assert_int_equal(truncate(path, size), 0);
}

// ---- The source

static void add_column(struct payments *payments, int column, const char *name, enum ss_type_id type,
                       uint8_t scale)
{
    payments->columns[column].name = name;
    payments->columns[column].type = (struct ss_type){type, scale};
}

static void add_view(struct payments *payments, int view, const char *name, size_t keys, const int *columns)
{
    struct ss_entity *entity = &payments->entities[view];
    entity->name = name;
    entity->key_count = keys;
    for (size_t i = 0; i < keys; i++) {
        entity->key_names[i] = payments->columns[columns[i]].name;
        entity->key_types[i] = payments->columns[columns[i]].type;
        payments->views[view].key_columns[i] = columns[i];
    }
    payments->views[view].name = name;
    payments->views[view].entity = entity;
    payments->views[view].source = &payments->source;
    payments->views[view].row_inputs = payments->row_inputs;
}

void make_payments(struct payments *payments, const char *name, bool with_id)
{
    memset(payments, 0, sizeof *payments);
    add_column(payments, COLUMN_ID, "id", SS_STRING, 0);
    add_column(payments, COLUMN_USER, "user", SS_STRING, 0);
    add_column(payments, COLUMN_SHOP, "shop", SS_INT64, 0);
    add_column(payments, COLUMN_AMOUNT, "amount", SS_DECIMAL, 2);
    add_column(payments, COLUMN_RATE, "rate", SS_FLOAT64, 0);
    add_column(payments, COLUMN_FLAG, "select", SS_BOOL, 0); // a word of SQL's: names are never SQL
    add_column(payments, COLUMN_AT, "at", SS_TIMESTAMP, 0);
    add_column(payments, COLUMN_OP, "op'\"", SS_STRING, 0);
    payments->source = (struct ss_source){.name = name,
                                          .column_count = COLUMNS,
                                          .columns = payments->columns,
                                          .event_time_column = COLUMN_AT,
                                          .event_id_column = with_id ? COLUMN_ID : -1,
                                          .op_column = with_id ? COLUMN_OP : -1,
                                          .arrival_column = -1};
    add_view(payments, VIEW_BY_USER, "by_user", 1, (const int[]){COLUMN_USER});
    add_view(payments, VIEW_BY_USER_AND_SHOP, "by_user_and_shop", 2, (const int[]){COLUMN_USER, COLUMN_SHOP});
    add_view(payments, VIEW_BY_FLAG, "by_flag", 1, (const int[]){COLUMN_FLAG});
    add_view(payments, VIEW_OF_WORLD, "world", 0, NULL);
    payments->row_inputs[COLUMN_AMOUNT] = payments->row_inputs[COLUMN_RATE] = true;
    payments->row_inputs[COLUMNS] = true;
    payments->definitions.source_count = 1;
    payments->definitions.sources = &payments->source;
    payments->definitions.view_count = VIEWS;
    payments->definitions.views = payments->views;
}

// ---- Rows

static struct ss_value text_value(const char *text)
{
    if (!text) return (struct ss_value){0};
    return (struct ss_value){.present = true, .text = ss_bytes_of(text)};
}

static struct ss_value number_value(int64_t number)
{
    if (number == NULL_NUMBER) return (struct ss_value){0};
    return (struct ss_value){.present = true, .i64 = number};
}

static bool add_row(struct ss_column *columns, const struct payment *row, struct ss_arena *arena)
{
    const struct ss_value values[COLUMNS] = {
        [COLUMN_ID] = text_value(row->id),
        [COLUMN_USER] = text_value(row->user),
        [COLUMN_SHOP] = number_value(row->shop),
        [COLUMN_AMOUNT] = number_value(row->amount),
        [COLUMN_RATE] = {.present = true, .f64 = row->rate},
        [COLUMN_FLAG] = {.present = true, .boolean = row->flag},
        [COLUMN_AT] = number_value(row->at_us),
        [COLUMN_OP] = text_value(row->op),
    };
    for (size_t i = 0; i < COLUMNS; i++)
        if (!ss_column_append(&columns[i], values[i], arena)) return false;
    return true;
}

enum ss_status append_payments(struct ss_history *history, const struct payments *payments,
                               const struct payment *rows, int32_t length, enum ss_row_outcome *outcomes,
                               struct ss_error *error)
{
    struct ss_arena arena = {0};
    const size_t count = (size_t)length + 1;
    struct ss_column columns[COLUMNS];
    int64_t *at = ss_arena_array(&arena, count, sizeof *at);
    int64_t *arrival = ss_arena_array(&arena, count, sizeof *arrival);
    bool *deletes = ss_arena_array(&arena, count, sizeof *deletes);
    enum ss_row_outcome *own = ss_arena_array(&arena, count, sizeof *own);
    bool made = at && arrival && deletes && own;
    for (size_t i = 0; i < COLUMNS; i++)
        made = made && ss_column_init(&columns[i], payments->columns[i].type, length + 1, &arena);
    for (int32_t i = 0; made && i < length; i++) {
        made = add_row(columns, &rows[i], &arena);
        at[i] = rows[i].at_us;
        arrival[i] = rows[i].arrival_us;
        deletes[i] = rows[i].is_delete;
    }
    const struct ss_append append = {&payments->source, length, columns, at, arrival, deletes};
    const enum ss_status status = made ? ss_history_append(history, &append, outcomes ? outcomes : own, error)
                                       : ss_fail_memory(error, "a test's rows");
    ss_arena_release(&arena);
    return status;
}

struct ss_commit commit_payments(struct ss_history *history, const struct payments *payments,
                                 const struct payment *rows, int32_t length, enum ss_row_outcome *outcomes)
{
    struct ss_error error;
    struct ss_commit commit = {.arrival_us = SS_TIME_MIN_US, .newest_us = SS_TIME_MIN_US};
    assert_ok(ss_history_begin(history, &error));
    assert_ok(append_payments(history, payments, rows, length, outcomes, &error));
    for (int32_t i = 0; i < length; i++) {
        if (rows[i].arrival_us > commit.arrival_us) commit.arrival_us = rows[i].arrival_us;
        if (rows[i].at_us > commit.newest_us) commit.newest_us = rows[i].at_us;
    }
    if (commit.arrival_us > commit.newest_us) commit.newest_us = commit.arrival_us;
    assert_ok(ss_history_commit(history, &commit, &error));
    return commit;
}
