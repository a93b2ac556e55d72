// Definition files: whatever is compiled has programs that hold and one fingerprint, whatever is not has a
// report of it. A byte 0x1e parts the input into files.
#include <stdlib.h>

#include "engine/bytecode.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/definitions_harness.h"

#define MOST_FILES  4
#define REPORT_MOST (4u << 20) // SS_DIAGNOSTICS_MAX errors of three short lines each are far below

static size_t split(const uint8_t *data, size_t size, struct ss_file *files)
{
    static const char *const paths[MOST_FILES] = {"a.yaml", "b.yaml", "c.yaml", "d.yaml"};
    size_t count = 0, start = 0;
    for (size_t i = 0; i <= size && count < MOST_FILES; i++) {
        if (i < size && (data[i] != 0x1e || count == MOST_FILES - 1)) continue;
        files[count] = (struct ss_file){paths[count], {(const char *)data + start, i - start}};
        count++;
        start = i + 1;
    }
    return count;
}

static void check_report(const struct harness_result *result)
{
    SS_ASSERT(result->status == SS_FOUND && result->error_count > 0 && !result->definitions);
    SS_ASSERT(result->report.size > 0 && result->report.size < REPORT_MOST);
    SS_ASSERT(!memchr(result->report.data, 0, result->report.size));
    SS_ASSERT(result->report.data[result->report.size - 1] == '\n');
    size_t lines = 0;
    for (size_t i = 0; i < result->report.size; i++) lines += result->report.data[i] == '\n';
    SS_ASSERT(lines >= result->error_count);
}

static void check_definitions(const struct ss_definitions *definitions)
{
    struct ss_buffer canonical = {0};
    for (size_t i = 0; i < definitions->view_count; i++) {
        const struct ss_view *view = &definitions->views[i];
        SS_ASSERT(ss_program_verify(view->row_program, NULL, 0));
        SS_ASSERT(ss_program_verify(view->read_program, NULL, 0));
        SS_ASSERT(view->level_count > 0 && view->levels[view->level_count - 1].hop_us == SS_HOP_ALL);
        ss_view_canonical(view, &canonical);
    }
    for (size_t i = 0; i < definitions->service_count; i++)
        SS_ASSERT(ss_program_verify(definitions->services[i].program, NULL, 0));
    SS_ASSERT(!canonical.failed);
    ss_buffer_release(&canonical);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ss_file files[MOST_FILES];
    const size_t count = split(data, size, files);
    struct harness_result first = harness_compile_files(files, count);
    if (first.status != SS_OK) {
        check_report(&first);
        harness_release(&first);
        return 0;
    }
    check_definitions(first.definitions);
    struct harness_result second = harness_compile_files(files, count);
    SS_ASSERT(second.status == SS_OK);
    SS_ASSERT(memcmp(&first.definitions->fingerprint, &second.definitions->fingerprint,
                     sizeof first.definitions->fingerprint) == 0);
    harness_release(&second);
    harness_release(&first);
    return 0;
}
