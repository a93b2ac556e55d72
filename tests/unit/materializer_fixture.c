#include "tests/unit/materializer_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "materializer/apply.h"

#define MUST(expression)                                                                    \
    do {                                                                                    \
        if ((expression) == SS_OK) break;                                                   \
        fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #expression, error.message); \
        abort();                                                                            \
    } while (0)

struct ss_definitions *compile_definitions(const char *yaml)
{
    struct ss_error error = {0};
    const struct ss_file file = {"test.yaml", ss_bytes_of(yaml)};
    struct ss_definitions *definitions = NULL;
    struct ss_buffer report = {0};
    size_t error_count = 0;
    if (ss_definitions_compile(&file, 1, NULL, &definitions, &report, &error_count, &error) != SS_OK) {
        fprintf(stderr, "%s\n%.*s", error.message, (int)report.size, (const char *)report.data);
        abort();
    }
    ss_buffer_release(&report);
    return definitions;
}

struct ss_materializer *open_new_store(const char *directory, enum ss_clock_kind clock,
                                       const struct ss_store_options *options, const char *yaml)
{
    struct ss_error error = {0};
    struct ss_materializer *materializer = NULL;
    MUST(ss_store_create(directory, clock, options, &error));
    MUST(ss_materializer_open(directory, SS_STORE_WRITE, options, &materializer, &error));
    MUST(ss_apply(materializer, compile_definitions(yaml), &error));
    return materializer;
}
