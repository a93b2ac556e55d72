// What the tests of tokens share: a folder that passes for a store, and tokens in it.
//
// The including test has included cmocka.h.
#ifndef SS_TESTS_TOKEN_HARNESS_H
#define SS_TESTS_TOKEN_HARNESS_H

#include <stdio.h>
#include <string.h>

#include "server/tokens.h"
#include "tests/unit/store_fixture.h"

#define NOW_US (INT64_C(1767225600) * 1000000) // 2026-01-01

static struct ss_error error;
static char directory[PATH_BYTES], path[PATH_BYTES];

static inline void write_file(const char *name, const char *text)
{
    char file_path[PATH_BYTES + 16];
    snprintf(file_path, sizeof file_path, "%s/%s", directory, name);
    FILE *file = fopen(file_path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static inline int set_up(void **state)
{
    (void)state;
    make_test_directory(directory);
    snprintf(path, sizeof path, "%.480s/tokens", directory);
    write_file("format", "selfsame store 1\n");
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    remove_test_directory(directory);
    return 0;
}

static inline enum ss_status create_until(const char *name, const char *rights_text, int64_t expires_us,
                                          char text[SS_TOKEN_TEXT_SIZE])
{
    static char copy[256];
    struct ss_token_right rights[8];
    size_t count = 0;
    snprintf(copy, sizeof copy, "%s", rights_text);
    for (char *rest = copy, *word; (word = strsep(&rest, " "));)
        assert_ok(ss_token_right_parse(word, &rights[count++], &error));
    const struct ss_token_request request = {name, rights, count, NOW_US, expires_us, NULL, NULL};
    return ss_token_create(directory, &request, text, &error);
}

static inline enum ss_status create(const char *name, const char *rights, char text[SS_TOKEN_TEXT_SIZE])
{
    return create_until(name, rights, SS_TOKEN_NEVER, text);
}

#endif
