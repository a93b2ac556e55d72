// Settings' values: one function per kind, and addresses.

#include "server/settings_value.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "engine/base/time.h"
#include "engine/diagnostics.h"

#define WORDS_MAX 8

__attribute__((format(printf, 2, 3))) static bool fail(char *problem, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem, SS_SETTING_PROBLEM_BYTES, format, arguments);
    va_end(arguments);
    return false;
}

// ---- Numbers

// Digits, then maybe a letter that multiplies by `step` once, twice or thrice.
static bool parse_number(const char *text, int64_t step, int64_t *number)
{
    int64_t value = 0, factor = 1;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *at - '0', &value))
            return false;
    }
    if (at == text) return false;
    if (*at == 'k' || *at == 'K')
        factor = step, at++;
    else if (*at == 'M')
        factor = step * step, at++;
    else if (*at == 'G')
        factor = step * step * step, at++;
    if (*at || __builtin_mul_overflow(value, factor, &value)) return false;
    *number = value;
    return true;
}

const char *ss_setting_number_print(const struct ss_setting_row *row, int64_t number,
                                    char text[SS_SETTING_NUMBER_BYTES])
{
    static const char *const letters[] = {"", "k", "M", "G"};
    const int64_t step = row->kind == SS_SETTING_BYTES ? 1024 : 1000;
    size_t letter = 0;
    _Static_assert(SS_SETTING_NUMBER_BYTES >= SS_TIME_TEXT_SIZE, "durations fit");
    if (row->kind == SS_SETTING_DURATION && number) return ss_duration_format(number, text);
    while (letter < 3 && number && number % step == 0) number /= step, letter++;
    snprintf(text, SS_SETTING_NUMBER_BYTES, "%lld%s", (long long)number, letters[letter]);
    return text;
}

static bool read_number(const struct ss_setting_row *row, const char *text, void *field, char *problem)
{
    char least[SS_SETTING_NUMBER_BYTES], most[SS_SETTING_NUMBER_BYTES];
    int64_t number;
    if (parse_number(text, row->kind == SS_SETTING_BYTES ? 1024 : 1000, &number) && number >= row->least &&
        number <= row->most) {
        *(uint64_t *)field = (uint64_t)number;
        return true;
    }
    return fail(problem, "expected a %s from %s to %s, got '%.64s'", ss_setting_kind_name(row->kind),
                ss_setting_number_print(row, row->least, least),
                ss_setting_number_print(row, row->most, most), text);
}

static bool read_duration(const struct ss_setting_row *row, const char *text, void *field, char *problem)
{
    char least[SS_SETTING_NUMBER_BYTES], most[SS_SETTING_NUMBER_BYTES];
    int64_t duration_us = 0;
    const bool parsed = strcmp(text, "0") == 0 || ss_duration_parse(ss_bytes_of(text), &duration_us);
    if (parsed && duration_us >= row->least && duration_us <= row->most) {
        *(int64_t *)field = duration_us;
        return true;
    }
    return fail(problem, "expected a duration from %s to %s, such as 250ms or 1h30m, got '%.64s'",
                ss_setting_number_print(row, row->least, least),
                ss_setting_number_print(row, row->most, most), text);
}

// ---- Words

static bool read_flag(const char *text, void *field, char *problem)
{
    const bool is_true = strcmp(text, "true") == 0;
    if (!is_true && strcmp(text, "false") != 0)
        return fail(problem, "expected true or false, got '%.64s'", text);
    *(bool *)field = is_true;
    return true;
}

static bool read_choice(const struct ss_setting_row *row, const char *text, void *field, char *problem)
{
    char copy[128];
    const char *words[WORDS_MAX];
    size_t count = 0;
    snprintf(copy, sizeof copy, "%s", row->words);
    for (char *rest = copy, *word; (word = strsep(&rest, "|"));) words[count++] = word;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], text) != 0) continue;
        *(int *)field = (int)i;
        return true;
    }
    char hint[SS_HINT_SIZE];
    return fail(problem, "expected %s, got '%.64s'%s", row->words, text,
                ss_nearest_hint(ss_nearest_name(ss_bytes_of(text), words, count), hint));
}

static bool read_text(const struct ss_setting_row *row, const char *text, void *field, char *problem)
{
    if (strlen(text) > (size_t)row->most)
        return fail(problem, "has %zu bytes, at most %lld are allowed", strlen(text), (long long)row->most);
    *(const char **)field = text;
    return true;
}

bool ss_setting_value_read(const struct ss_setting_row *row, const char *text, void *field, char *problem)
{
    switch (row->kind) {
    case SS_SETTING_TEXT: return read_text(row, text, field, problem);
    case SS_SETTING_FLAG: return read_flag(text, field, problem);
    case SS_SETTING_CHOICE: return read_choice(row, text, field, problem);
    case SS_SETTING_COUNT:
    case SS_SETTING_BYTES: return read_number(row, text, field, problem);
    case SS_SETTING_DURATION: return read_duration(row, text, field, problem);
    case SS_SETTING_LIST: break;
    }
    SS_ASSERT(row->kind != SS_SETTING_LIST);
    return false;
}

bool ss_text_list_equal(const struct ss_text_list *a, const struct ss_text_list *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; equal && i < a->count; i++) equal = strcmp(a->items[i], b->items[i]) == 0;
    return equal;
}

// ---- Addresses

static bool is_loopback(const char *host)
{
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, host, &four) == 1) return (ntohl(four.s_addr) >> 24) == 127;
    if (inet_pton(AF_INET6, host, &six) == 1) return IN6_IS_ADDR_LOOPBACK(&six);
    return strcmp(host, "localhost") == 0;
}

static bool host_is_shaped(const char *host, bool in_brackets)
{
    struct in6_addr six;
    if (in_brackets) return inet_pton(AF_INET6, host, &six) == 1;
    return *host &&
           strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == strlen(host);
}

bool ss_host_and_port_read(const char *text, bool *beyond_loopback, char *problem)
{
    char host[256];
    int64_t port;
    const char *colon = strrchr(text, ':');
    size_t size = colon ? (size_t)(colon - text) : 0;
    const bool in_brackets = size > 2 && text[0] == '[' && text[size - 1] == ']';
    if (in_brackets) text++, size -= 2;
    if (!colon || size >= sizeof host) size = 0;
    memcpy(host, text, size);
    host[size] = 0;
    if (!host_is_shaped(host, in_brackets))
        return fail(problem, "expected HOST:PORT, such as 127.0.0.1:7500 or [::1]:7500, got '%.64s'",
                    in_brackets ? text - 1 : text);
    const size_t digits = strspn(colon + 1, "0123456789");
    if (colon[1 + digits] || digits > 5 || !parse_number(colon + 1, 1, &port) || port > 65535)
        return fail(problem, "expected a port from 0 to 65535, got '%.64s'", colon + 1);
    if (beyond_loopback) *beyond_loopback = !is_loopback(host);
    return true;
}

bool ss_listener_read(const char *text, struct ss_listener *listener, char *problem)
{
    struct ss_listener read = {.text = text, .address = text};
    if (strncmp(text, "unix:", 5) == 0) {
        const struct sockaddr_un socket = {0};
        read.kind = SS_LISTEN_UNIX;
        if (text[5] != '/' || strlen(text + 5) >= sizeof socket.sun_path)
            return fail(problem, "expected unix:/PATH of at most %zu bytes, got '%.128s'",
                        sizeof socket.sun_path - 1, text);
    } else if (strncmp(text, "tls:", 4) == 0) {
        read.kind = SS_LISTEN_TLS;
        read.address = text + 4;
    }
    if (read.kind != SS_LISTEN_UNIX && !ss_host_and_port_read(read.address, &read.beyond_loopback, problem))
        return false;
    *listener = read;
    return true;
}
