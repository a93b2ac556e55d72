// What the tests of loads share: a new folder to load files from, stores in it whose definitions the test
// makes by hand, and files.
//
// The including test has included cmocka.h.
#ifndef SS_TESTS_INGEST_HARNESS_H
#define SS_TESTS_INGEST_HARNESS_H

#include <stdio.h>
#include <unistd.h>

#include "materializer/ingest_csv.h"
#include "tests/unit/store_fixture.h"

static struct ss_definitions definitions; // for the test to fill
static char root[PATH_BYTES];
static struct ss_materializer *materializer;
static struct ss_ingest_result result;
static struct ss_error error;

static const struct ss_store_options quick = {.no_sync = true};

static inline void open_store(const char *name, const struct ss_store_options *options)
{
    char path[PATH_BYTES + 16];
    snprintf(path, sizeof path, "%s/%s", root, name);
    assert_ok(ss_materializer_open(path, SS_STORE_WRITE, options, &materializer, &error));
    assert_ok(ss_history_prepare(materializer->store->history, &definitions, &error));
    materializer->definitions = &definitions;
}

static inline void make_store(const char *name)
{
    char path[PATH_BYTES + 16];
    snprintf(path, sizeof path, "%s/%s", root, name);
    assert_ok(ss_store_create(path, SS_CLOCK_REPLAY, &quick, &error));
    open_store(name, &quick);
}

static inline void close_store(void)
{
    if (materializer) materializer->definitions = NULL; // they are the test's own
    ss_materializer_close(materializer);
    materializer = NULL;
}

static inline void make_folder(void)
{
    make_test_directory(root);
    assert_int_equal(chdir(root), 0); // files have short names in messages
}

static inline int drop_folder(void **state)
{
    (void)state;
    close_store();
    assert_int_equal(chdir("/"), 0);
    remove_test_directory(root);
    return 0;
}

static inline void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

#endif
