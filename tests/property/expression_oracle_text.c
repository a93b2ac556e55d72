// The slow evaluator: texts, byte by byte, and times, by the C library's calendar.
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/error.h"
#include "tests/property/oracle_value.h"

char *oracle_new_text(const struct oracle *oracle, size_t size)
{
    char *text = ss_arena_alloc(oracle->arena, size + 1);
    SS_ASSERT(text);
    return text;
}

void oracle_change_text(const struct oracle *oracle, enum tree_op op, struct ss_bytes from, struct value *out)
{
    if (op == TREE_TRIM) {
        while (from.size && strchr(" \t\n\v\f\r", from.data[0]))
            from = (struct ss_bytes){from.data + 1, from.size - 1};
        while (from.size && strchr(" \t\n\v\f\r", from.data[from.size - 1])) from.size--;
        out->text = from;
        return;
    }
    char *const text = oracle_new_text(oracle, from.size);
    for (size_t i = 0; i < from.size; i++) {
        text[i] = from.data[i];
        if (op == TREE_LOWER && text[i] >= 'A' && text[i] <= 'Z') text[i] = (char)(text[i] - 'A' + 'a');
        if (op == TREE_UPPER && text[i] >= 'a' && text[i] <= 'z') text[i] = (char)(text[i] - 'a' + 'A');
    }
    out->text = (struct ss_bytes){text, from.size};
}

// Goes through all code points and keeps those whose number n has from <= n < from + count.
void oracle_cut_text(const struct oracle *oracle, const struct value *kids, int count, struct value *out)
{
    const struct ss_bytes from = kids[0].text;
    if (count == 3 && mpq_sgn(kids[2].exact) < 0) {
        out->null = true;
        return;
    }
    mpq_t end;
    mpq_init(end);
    if (count == 3) mpq_add(end, kids[1].exact, kids[2].exact);
    char *const text = oracle_new_text(oracle, from.size);
    size_t size = 0;
    long number = 0;
    for (size_t i = 0; i < from.size; i++) {
        if (((unsigned char)from.data[i] >> 6) != 2) number++;
        const bool inside =
            mpq_cmp_si(kids[1].exact, number, 1) <= 0 && (count == 2 || mpq_cmp_si(end, number, 1) > 0);
        if (inside) text[size++] = from.data[i];
    }
    out->text = (struct ss_bytes){text, size};
    mpq_clear(end);
}

// Does the part stand in the text at that byte?
static bool stands_at(struct ss_bytes text, size_t at, struct ss_bytes part)
{
    if (at + part.size > text.size) return false;
    for (size_t i = 0; i < part.size; i++) {
        if (text.data[at + i] != part.data[i]) return false;
    }
    return true;
}

bool oracle_search_text(enum tree_op op, struct ss_bytes text, struct ss_bytes part)
{
    if (op == TREE_STARTS_WITH) return stands_at(text, 0, part);
    if (op == TREE_ENDS_WITH) return part.size <= text.size && stands_at(text, text.size - part.size, part);
    for (size_t at = 0; at <= text.size; at++) {
        if (stands_at(text, at, part)) return true;
    }
    return false;
}

void oracle_join_texts(const struct oracle *oracle, const struct value *kids, int count, struct value *out)
{
    size_t size = 0;
    for (int k = 0; k < count; k++) size += kids[k].text.size;
    char *const text = oracle_new_text(oracle, size);
    size = 0;
    for (int k = 0; k < count; k++) {
        for (size_t i = 0; i < kids[k].text.size; i++) text[size++] = kids[k].text.data[i];
    }
    out->text = (struct ss_bytes){text, size};
}

void oracle_replace_text(const struct oracle *oracle, const struct value *kids, struct value *out)
{
    const struct ss_bytes from = kids[0].text, part = kids[1].text, to = kids[2].text;
    char *const text = oracle_new_text(oracle, from.size * (to.size + 1));
    size_t size = 0;
    for (size_t at = 0; at < from.size;) {
        const bool found = part.size && stands_at(from, at, part);
        if (!found) text[size++] = from.data[at];
        for (size_t i = 0; found && i < to.size; i++) text[size++] = to.data[i];
        at += found ? part.size : 1;
    }
    out->text = (struct ss_bytes){text, size};
}

void oracle_split_text(const struct value *kids, struct value *out)
{
    const struct ss_bytes text = kids[0].text, separator = kids[1].text;
    struct ss_bytes parts[4096] = {{text.data, 0}};
    int count = 0;
    SS_ASSERT(text.size < 4096);
    for (size_t at = 0; at < text.size;) {
        const bool found = separator.size && stands_at(text, at, separator);
        at += found ? separator.size : 1;
        if (found)
            parts[++count] = (struct ss_bytes){text.data + at, 0};
        else
            parts[count].size++;
    }
    count++;
    out->null = true;
    for (int k = 0; k < count; k++) {
        if (mpq_cmp_si(kids[2].exact, k + 1, 1) != 0 && mpq_cmp_si(kids[2].exact, k - count, 1) != 0)
            continue;
        out->null = false;
        out->text = parts[k];
    }
}

long oracle_count_code_points(struct ss_bytes text)
{
    long count = 0;
    for (size_t i = 0; i < text.size; i++) count += ((unsigned char)text.data[i] >> 6) != 2;
    return count;
}

// ---- Times, by the C library's calendar

// `us`: since the second started.
static struct tm calendar(const struct value *kid, int64_t *us)
{
    const int64_t time_us = mpz_get_si(mpq_numref(kid->exact));
    struct tm parts;
    *us = (time_us % 1000000 + 1000000) % 1000000;
    const time_t second = (time_us - *us) / 1000000;
    SS_ASSERT(gmtime_r(&second, &parts));
    return parts;
}

void oracle_take_part(enum tree_op op, const struct value *kid, struct value *out)
{
    int64_t us;
    char week[8];
    const struct tm parts = calendar(kid, &us);
    long part = 0;
    switch (op) {
    case TREE_YEAR: part = parts.tm_year + 1900; break;
    case TREE_QUARTER: part = parts.tm_mon / 3 + 1; break;
    case TREE_MONTH: part = parts.tm_mon + 1; break;
    case TREE_WEEK:
        strftime(week, sizeof(week), "%V", &parts);
        part = strtol(week, NULL, 10);
        break;
    case TREE_DAY: part = parts.tm_mday; break;
    case TREE_DAY_OF_WEEK: part = parts.tm_wday ? parts.tm_wday : 7; break;
    case TREE_DAY_OF_YEAR: part = parts.tm_yday + 1; break;
    case TREE_HOUR: part = parts.tm_hour; break;
    case TREE_MINUTE: part = parts.tm_min; break;
    default: part = parts.tm_sec; break;
    }
    mpq_set_si(out->exact, part, 1);
}

void oracle_truncate_time(const char *unit, const struct value *kid, struct value *out)
{
    int64_t us;
    struct tm parts = calendar(kid, &us);
    parts.tm_sec = parts.tm_min = 0;
    if (strcmp(unit, "hour") != 0) parts.tm_hour = 0;
    if (strcmp(unit, "week") == 0) parts.tm_mday -= (parts.tm_wday + 6) % 7;
    if (strcmp(unit, "quarter") == 0) parts.tm_mon -= parts.tm_mon % 3;
    if (strcmp(unit, "year") == 0) parts.tm_mon = 0;
    if (strcmp(unit, "month") == 0 || strcmp(unit, "quarter") == 0 || strcmp(unit, "year") == 0)
        parts.tm_mday = 1;
    mpq_set_si(out->exact, timegm(&parts) * 1000000, 1);
    oracle_check_fit(out);
}
