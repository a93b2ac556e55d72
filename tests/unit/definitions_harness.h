// What the tests of definitions share: text -> definitions or the report of their errors.
#ifndef SS_TESTS_DEFINITIONS_HARNESS_H
#define SS_TESTS_DEFINITIONS_HARNESS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/definitions.h"

// Reads a file of the project (tests run in its root). NULL: it is not there. The caller frees data.
static inline char *harness_read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    struct ss_buffer buffer = {0};
    char chunk[4096];
    size_t got;
    while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0) ss_buffer_append(&buffer, chunk, got);
    fclose(file);
    ss_buffer_byte(&buffer, 0);
    *size = buffer.size - 1;
    return (char *)buffer.data;
}

// A zone that is always one hour east of UTC, and one that is broken.
static inline bool harness_load_zone(void *context, const char *name, struct ss_bytes *tzif)
{
    static const char head[] =
        "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4"
        "\0\0\0\0\0\0UTC\0"
        "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4"
        "\0\0\16\20\0\0CET\0"
        "\nCET-1\n";
    (void)context;
    *tzif = (struct ss_bytes){head, sizeof(head) - 1};
    if (strcmp(name, "Broken/Zone") == 0) tzif->size = 20;
    return strcmp(name, "Test/East") == 0 || strcmp(name, "Broken/Zone") == 0;
}

struct harness_result {
    enum ss_status status;
    struct ss_definitions *definitions;
    struct ss_buffer report;
    size_t error_count;
    struct ss_error error;
};

static inline struct harness_result harness_compile_files(const struct ss_file *files, size_t count)
{
    const struct ss_zone_loader zones = {harness_load_zone, NULL};
    struct harness_result result = {0};
    result.status = ss_definitions_compile(files, count, &zones, &result.definitions, &result.report,
                                           &result.error_count, &result.error);
    return result;
}

static inline struct harness_result harness_compile_text(struct ss_bytes text)
{
    const struct ss_file file = {"f.yaml", text};
    return harness_compile_files(&file, 1);
}

// Definitions of a file of the project, for as long as the program runs, which ends when they are none.
static inline const struct ss_definitions *harness_definitions_of(const char *path)
{
    size_t size = 0;
    char *text = harness_read_file(path, &size);
    if (!text) {
        fprintf(stderr, "cannot read %s; run this in the root of the project\n", path);
        exit(2);
    }
    struct harness_result result = harness_compile_text((struct ss_bytes){text, size});
    free(text);
    if (result.status != SS_OK) {
        fprintf(stderr, "%s: %s\n%.*s", path, ss_status_text(result.status), (int)result.report.size,
                (const char *)result.report.data);
        exit(2);
    }
    ss_buffer_release(&result.report);
    return result.definitions;
}

static inline void harness_release(struct harness_result *result)
{
    ss_definitions_destroy(result->definitions);
    ss_buffer_release(&result->report);
}

#endif
