// The log: what a line looks like, what may not be in it, and that it keeps nobody waiting.

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "server/log.h"
#include "tests/unit/allocation_sweep.h"
#include "tests/unit/store_fixture.h"

#define NOW_US (INT64_C(1769853600) * 1000000 + 120) // 2026-01-31T10:00:00.000120Z

static struct ss_error error;

static const char *format(bool json, const struct ss_log_field *fields, size_t count, struct ss_bytes message)
{
    static char text[8192];
    struct ss_buffer line = {0};
    ss_log_format(&line, json, NOW_US, SS_LOG_WARN, fields, count, message);
    assert_false(line.failed);
    assert_true(line.size < sizeof text);
    memcpy(text, line.data, line.size);
    text[line.size] = 0;
    ss_buffer_release(&line);
    return text;
}

static void lines_are_for_people_or_for_programs(void **state)
{
    (void)state;
    const struct ss_log_field fields[] = {
        ss_log_text("method", "Push"), ss_log_text("peer", "ipv4:1.2.3.4:5"), ss_log_number("code", 7),
        ss_log_microseconds("duration", 1234), ss_log_text("note", "two words")};
    assert_string_equal(
        format(false, fields, 5, ss_bytes_of("call refused")),
        "2026-01-31T10:00:00.000120Z WARN  call refused  method=Push peer=ipv4:1.2.3.4:5 code=7 "
        "duration=1.234ms note=\"two words\"\n");
    assert_string_equal(
        format(true, fields, 5, ss_bytes_of("call refused")),
        "{\"time\":\"2026-01-31T10:00:00.000120Z\",\"level\":\"warn\",\"message\":\"call refused\","
        "\"method\":\"Push\",\"peer\":\"ipv4:1.2.3.4:5\",\"code\":7,\"duration\":0.001234,"
        "\"note\":\"two words\"}\n");
    assert_string_equal(format(false, NULL, 0, ss_bytes_of("ready")),
                        "2026-01-31T10:00:00.000120Z WARN  ready\n");
}

static void text_from_outside_cannot_break_out_of_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *value, *text, *json;
    } cases[] = {
        {"a\nb", "x=\"a\\nb\"", "\"a\\nb\""},
        {"a\r\tb", "x=\"a\\r\\tb\"", "\"a\\r\\tb\""},
        {"a\x1b[31mb", "x=\"a\\x1b[31mb\"", "\"a\\u001b[31mb\""},
        {"say \"hi\"", "x=\"say \\\"hi\\\"\"", "\"say \\\"hi\\\"\""},
        {"a\\b", "x=\"a\\\\b\"", "\"a\\\\b\""},
        {"a=b", "x=\"a=b\"", "\"a=b\""},
        {"größe", "x=\"größe\"", "\"größe\""},
        {"a\xffz", "x=\"a\\xffz\"", "\"a\xef\xbf\xbdz\""},
        {"\xc3", "x=\"\\xc3\"", "\"\xef\xbf\xbd\""},
        {"a\xe2\x80\xae"
         "b",
         "x=\"a\\u202eb\"", "\"a\\u202eb\""},
        {"a\xc2\x85"
         "b",
         "x=\"a\\u0085b\"", "\"a\\u0085b\""},
        {"a\xe2\x80\xa8"
         "b",
         "x=\"a\\u2028b\"", "\"a\\u2028b\""},
        {"", "x=\"\"", "\"\""},
        {"\x7f", "x=\"\\x7f\"", "\"\\u007f\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char want[256];
        const struct ss_log_field field = ss_log_text("x", cases[i].value);
        const char *tail = strstr(format(false, &field, 1, ss_bytes_of("m")), "x=");
        snprintf(want, sizeof want, "%s\n", cases[i].text);
        assert_string_equal(tail, want);
        tail = strstr(format(true, &field, 1, ss_bytes_of("m")), "\"x\":");
        snprintf(want, sizeof want, "\"x\":%s}\n", cases[i].json);
        assert_string_equal(tail, want);
        assert_non_null(strstr(format(false, NULL, 0, ss_bytes_of("a\nb")), "a\\nb\n"));
    }
}

static void any_bytes_give_one_line_that_is_json(void **state)
{
    (void)state;
    unsigned seed = 5;
    for (int round = 0; round < 3000; round++) {
        char bytes[64];
        for (size_t i = 0; i < sizeof bytes; i++) {
            seed = seed * 1103515245 + 12345;
            bytes[i] = (char)(seed >> (16 + round % 3));
        }
        const struct ss_log_field field = ss_log_bytes("x", (struct ss_bytes){bytes, sizeof bytes});
        const char *line = format(true, &field, 1, (struct ss_bytes){bytes, 30});
        assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
        assert_true(ss_utf8_valid(ss_bytes_of(line)));
        struct json_object *parsed = json_tokener_parse(line);
        assert_non_null(parsed);
        json_object_put(parsed);
        line = format(false, &field, 1, (struct ss_bytes){bytes, 30});
        assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
        assert_true(ss_utf8_valid(ss_bytes_of(line)));
    }
}

static void secrets_of_tokens_are_starred_out(void **state)
{
    (void)state;
    static const char token[] = "ss1_0123456789ab_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    const struct ss_log_field field = ss_log_text("header", token);
    char message[128];
    snprintf(message, sizeof message, "got <%s>", token);
    for (int json = 0; json < 2; json++) {
        const char *line = format(json, &field, 1, ss_bytes_of(message));
        assert_null(strstr(line, "AAEC"));
        assert_null(strstr(line, "Hh8"));
        assert_non_null(strstr(line, "got <ss1_0123456789ab_***>"));
        assert_non_null(strstr(strstr(line, "header"), "ss1_0123456789ab_***"));
    }
}

static void long_lines_are_cut_and_say_so(void **state)
{
    (void)state;
    static char huge[100000];
    struct ss_log_field fields[32];
    memset(huge, '\n', sizeof huge - 1);
    for (size_t i = 0; i < 32; i++) fields[i] = ss_log_text("x", huge);
    for (int json = 0; json < 2; json++) {
        const char *line = format(json, fields, 32, ss_bytes_of(huge));
        assert_true(strlen(line) <= SS_LOG_LINE_MAX);
        assert_non_null(strstr(line, json ? ",\"cut\":true}\n" : " cut=true\n"));
        struct json_object *parsed = json ? json_tokener_parse(line) : NULL;
        assert_int_equal(parsed != NULL, json);
        json_object_put(parsed);
    }
}

// ---- The thread

static struct ss_log *open_log(int file, size_t queue_bytes)
{
    struct ss_log *log = NULL;
    const struct ss_log_options options = {.file = file, .level = SS_LOG_INFO, .queue_bytes = queue_bytes};
    assert_ok(ss_log_create(&options, &log, &error));
    return log;
}

static size_t count_lines(int file, const char *with)
{
    static char text[1 << 22];
    const ssize_t size = pread(file, text, sizeof text - 1, 0);
    size_t count = 0;
    assert_true(size >= 0);
    text[size] = 0;
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) count += strstr(line, with) != NULL;
    return count;
}

static void levels_below_the_least_are_left_out(void **state)
{
    (void)state;
    const int file = memfd_create("log", 0);
    struct ss_log *log = open_log(file, 0);
    assert_false(ss_log_wants(log, SS_LOG_DEBUG));
    assert_false(ss_log_wants(NULL, SS_LOG_ERROR));
    ss_log_write(NULL, SS_LOG_ERROR, NULL, 0, "nobody hears");
    ss_log_write(log, SS_LOG_DEBUG, NULL, 0, "number %d", 1);
    ss_log_write(log, SS_LOG_INFO, NULL, 0, "number %d", 2);
    ss_log_configure(log, SS_LOG_DEBUG, true);
    ss_log_write(log, SS_LOG_DEBUG, NULL, 0, "number %d", 3);
    ss_log_flush(log);
    assert_int_equal(count_lines(file, "number"), 2);
    assert_int_equal(count_lines(file, " INFO  number 2"), 1);
    assert_int_equal(count_lines(file, "{\"time\""), 1);
    ss_log_destroy(log);
    close(file);
}

enum { WRITERS = 4, LINES = 500 };

static void *write_lines(void *log)
{
    for (int i = 0; i < LINES; i++) {
        char id[SS_REQUEST_ID_SIZE];
        const struct ss_log_field fields[] = {ss_log_text("request", ss_log_request_id(log, id)),
                                              ss_log_number("i", i)};
        ss_log_write(log, SS_LOG_INFO, fields, 2, "a line of a thread");
    }
    return NULL;
}

static void threads_write_whole_lines(void **state)
{
    (void)state;
    const int file = memfd_create("log", 0);
    struct ss_log *log = open_log(file, 0);
    pthread_t threads[WRITERS];
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, log), 0);
    for (size_t i = 0; i < WRITERS; i++) pthread_join(threads[i], NULL);
    ss_log_destroy(log);
    assert_int_equal(count_lines(file, "INFO  a line of a thread  request="), WRITERS * LINES);
    assert_int_equal(count_lines(file, " i=499"), WRITERS);
    close(file);
}

static void a_reader_that_does_not_read_keeps_nobody_waiting_and_hears_what_was_lost(void **state)
{
    (void)state;
    int ends[2];
    static char text[1 << 20];
    struct timespec start, end;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct ss_log *log = open_log(ends[1], 16384);
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int i = 0; i < 3000; i++)
        ss_log_write(log, SS_LOG_INFO, NULL, 0, "line %d of many that nobody reads", i);
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_true(end.tv_sec - start.tv_sec < 5);
    const uint64_t dropped = ss_log_dropped(log);
    assert_true(dropped > 0 && dropped < 3000);
    size_t size = 0, lines = 0;
    long long told = 0;
    while (lines + (size_t)told < 3000) {
        const ssize_t got = read(ends[0], text + size, sizeof text - 1 - size);
        assert_true(got > 0);
        size += (size_t)got;
        text[size] = 0;
        lines = 0, told = 0;
        for (char *at = text; (at = strstr(at, "nobody reads\n")); at++) lines++;
        for (char *at = text; (at = strstr(at, "too slow  lines=")); at++) told += atoll(at + 16);
    }
    assert_int_equal(told, dropped);
    ss_log_destroy(log);
    close(ends[0]);
    close(ends[1]);
}

static void a_log_that_nobody_reads_ends_within_seconds(void **state)
{
    (void)state;
    int ends[2];
    struct timespec start, end;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct ss_log *log = open_log(ends[1], 0);
    for (int i = 0; i < 5000; i++)
        ss_log_write(log, SS_LOG_INFO, NULL, 0, "line %d of many that nobody reads", i);
    clock_gettime(CLOCK_MONOTONIC, &start);
    ss_log_destroy(log);
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_true(end.tv_sec - start.tv_sec < 10);
    close(ends[0]);
    close(ends[1]);
}

static void request_ids_differ(void **state)
{
    (void)state;
    const int file = memfd_create("log", 0);
    struct ss_log *log = open_log(file, 0);
    char a[SS_REQUEST_ID_SIZE], b[SS_REQUEST_ID_SIZE];
    assert_int_equal(strlen(ss_log_request_id(log, a)), 16);
    assert_string_not_equal(a, ss_log_request_id(log, b));
    ss_log_destroy(log);
    close(file);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    const int file = memfd_create("log", 0);
    for (long k = 1;; k++) {
        struct ss_log *log = NULL;
        const struct ss_log_options options = {.file = file, .level = SS_LOG_INFO};
        ss_fail_allocation_at(k);
        const enum ss_status status = ss_log_create(&options, &log, &error);
        if (status == SS_OK) ss_log_write(log, SS_LOG_INFO, NULL, 0, "a line");
        ss_log_flush(status == SS_OK ? log : NULL);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        assert_true(status == SS_OK || status == SS_OUT_OF_MEMORY);
        ss_log_destroy(log);
        if (swept) break;
    }
    close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_for_people_or_for_programs),
        cmocka_unit_test(text_from_outside_cannot_break_out_of_its_line),
        cmocka_unit_test(any_bytes_give_one_line_that_is_json),
        cmocka_unit_test(secrets_of_tokens_are_starred_out),
        cmocka_unit_test(long_lines_are_cut_and_say_so),
        cmocka_unit_test(levels_below_the_least_are_left_out),
        cmocka_unit_test(threads_write_whole_lines),
        cmocka_unit_test(a_reader_that_does_not_read_keeps_nobody_waiting_and_hears_what_was_lost),
        cmocka_unit_test(a_log_that_nobody_reads_ends_within_seconds),
        cmocka_unit_test(request_ids_differ),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
