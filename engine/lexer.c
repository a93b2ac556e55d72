// Tokens of the expression language.
//
// Every byte string is a sequence of tokens that ends with SS_TOKEN_END or a bad one. Digits directly
// followed by letters are a number with an exponent (1e3) or a duration (5m, 1h30m), never a number and then
// a name.
#include "engine/lexer.h"

#include <string.h>

#include "engine/base/time.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool word_is(struct ss_bytes word, const char *keyword)
{
    size_t i = 0;
    while (i < word.size && keyword[i] && lower(word.data[i]) == keyword[i]) i++;
    return i == word.size && !keyword[i];
}

bool ss_token_is(const struct ss_token *token, const char *text)
{
    return (token->kind == SS_TOKEN_NAME || token->kind == SS_TOKEN_SYMBOL) && word_is(token->text, text);
}

bool ss_is_reserved_word(struct ss_bytes word)
{
    static const char *const words[] = {"and",     "or",    "not",  "is",   "null", "in",
                                        "between", "case",  "when", "then", "else", "end",
                                        "true",    "false", "div",  "mod",  "where"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (word_is(word, words[i])) return true;
    }
    return false;
}

// Reads in `text` from `at` on.
struct scan {
    struct ss_bytes text;
    size_t at;
};

static char peek(const struct scan *scan, size_t ahead)
{
    return scan->at + ahead < scan->text.size ? scan->text.data[scan->at + ahead] : '\0';
}

static void skip_digits(struct scan *scan)
{
    while (is_digit(peek(scan, 0))) scan->at++;
}

static void skip_word(struct scan *scan)
{
    while (is_digit(peek(scan, 0)) || is_letter(peek(scan, 0))) scan->at++;
}

static bool at_exponent(const struct scan *scan)
{
    if (lower(peek(scan, 0)) != 'e') return false;
    const bool sign = peek(scan, 1) == '+' || peek(scan, 1) == '-';
    return is_digit(peek(scan, sign ? 2 : 1));
}

static struct ss_bytes since(const struct scan *scan, size_t start)
{
    return (struct ss_bytes){scan->text.data + start, scan->at - start};
}

static struct ss_token bad(struct scan *scan, size_t start, const char *problem)
{
    return (struct ss_token){SS_TOKEN_BAD, since(scan, start), start, problem};
}

static struct ss_token lex_number(struct scan *scan)
{
    const size_t start = scan->at;
    enum ss_token_kind kind = SS_TOKEN_INT64;
    skip_digits(scan);
    if (peek(scan, 0) == '.') {
        scan->at++;
        if (!is_digit(peek(scan, 0))) return bad(scan, start, "expected digits after the point of a number");
        skip_digits(scan);
        kind = SS_TOKEN_DECIMAL;
    }
    if (at_exponent(scan)) {
        scan->at += 2;
        skip_digits(scan);
        kind = SS_TOKEN_FLOAT64;
    }
    if (is_letter(peek(scan, 0))) {
        int64_t duration_us;
        skip_word(scan);
        if (kind != SS_TOKEN_INT64 || !ss_duration_parse(since(scan, start), &duration_us))
            return bad(
                scan, start,
                "is neither a number (12, 12.5, 1e3) nor a duration (90d, 12h, 5m, 30s, 250ms, 10us, 1h30m)");
        kind = SS_TOKEN_DURATION;
    }
    return (struct ss_token){kind, since(scan, start), start, NULL};
}

static struct ss_token lex_text(struct scan *scan)
{
    const size_t start = scan->at;
    for (scan->at++; scan->at < scan->text.size; scan->at++) {
        if (peek(scan, 0) != '\'') continue;
        if (peek(scan, 1) == '\'') {
            scan->at++;
            continue;
        }
        scan->at++;
        const struct ss_token token = {SS_TOKEN_TEXT, since(scan, start), start, NULL};
        if (!ss_utf8_valid(token.text)) return bad(scan, start, "text must be valid UTF-8 without U+0000");
        return token;
    }
    return bad(scan, start, "text that starts here is not closed: expected '");
}

// What people bring along from other languages.
static const char *foreign_symbol(const struct scan *scan)
{
    switch (peek(scan, 0)) {
    case '"': return "text stands in single quotes: 'text'";
    case '%': return "write mod for the remainder";
    case '&': return "write and";
    case '|': return "write or";
    case '!': return "write not";
    case '.': return "a number starts with a digit: 0.5";
    default: return NULL;
    }
}

static struct ss_token lex_symbol(struct scan *scan)
{
    static const char *const symbols[] = {"<>", "!=", "<=", ">=", "+", "-", "*", "/",
                                          "(",  ")",  ",",  ".",  "=", "<", ">"};
    const size_t start = scan->at;
    if (peek(scan, 0) == '=' && peek(scan, 1) == '=') {
        scan->at += 2;
        return bad(scan, start, "write = to compare");
    }
    const bool starts_number = peek(scan, 0) == '.' && is_digit(peek(scan, 1));
    for (size_t i = 0; !starts_number && i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        const size_t size = strlen(symbols[i]);
        if (scan->text.size - start < size || memcmp(scan->text.data + start, symbols[i], size) != 0)
            continue;
        scan->at += size;
        return (struct ss_token){SS_TOKEN_SYMBOL, since(scan, start), start, NULL};
    }
    const char *const problem = foreign_symbol(scan);
    scan->at++;
    return bad(scan, start, problem ? problem : "unexpected character");
}

struct ss_token ss_lex(struct ss_bytes text, size_t *position)
{
    struct scan scan = {text, *position};
    while (scan.at < text.size && is_blank(text.data[scan.at])) scan.at++;
    struct ss_token token = {SS_TOKEN_END, {"", 0}, scan.at, NULL};
    if (scan.at < text.size) {
        if (is_digit(peek(&scan, 0))) {
            token = lex_number(&scan);
        } else if (is_letter(peek(&scan, 0))) {
            token.kind = SS_TOKEN_NAME;
            skip_word(&scan);
            token.text = since(&scan, token.offset);
        } else if (peek(&scan, 0) == '\'') {
            token = lex_text(&scan);
        } else {
            token = lex_symbol(&scan);
        }
    }
    *position = scan.at;
    return token;
}
