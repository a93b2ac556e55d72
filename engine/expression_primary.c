// Text -> syntax tree, the leaves: literals, names, parentheses, case, function calls and aggregates.
#include <string.h>

#include "engine/aggregates.h"
#include "engine/base/number.h"
#include "engine/base/time.h"
#include "engine/expression_parse.h"
#include "engine/functions.h"

bool ss_node_list_add(struct ss_parser *parser, struct ss_node_list *list, struct ss_node *node)
{
    if (!node) return false;
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity ? 2 * list->capacity : 4;
        struct ss_node **nodes = ss_arena_array(parser->arena, capacity, sizeof(struct ss_node *));
        if (!nodes) return ss_parser_fail_memory(parser);
        if (list->count) memcpy(nodes, list->nodes, list->count * sizeof(struct ss_node *));
        list->nodes = nodes;
        list->capacity = capacity;
    }
    list->nodes[list->count++] = node;
    return true;
}

static struct ss_node *literal(struct ss_parser *parser, size_t offset, struct ss_type type,
                               struct ss_value value)
{
    struct ss_node *node = ss_parser_node(parser, SS_NODE_LITERAL, offset);
    if (!node) return NULL;
    node->type = type;
    node->value = value;
    return node;
}

bool ss_token_is_number(const struct ss_token *token)
{
    return token->kind == SS_TOKEN_INT64 || token->kind == SS_TOKEN_DECIMAL ||
           token->kind == SS_TOKEN_FLOAT64;
}

// Reads the number's text (with its sign) as the type of its token.
static bool read_number(enum ss_token_kind kind, struct ss_bytes text, struct ss_type *type,
                        struct ss_value *value)
{
    value->present = true;
    if (kind == SS_TOKEN_INT64) {
        *type = (struct ss_type){SS_INT64, 0};
        return ss_int64_parse(text, &value->i64);
    }
    if (kind == SS_TOKEN_FLOAT64) {
        *type = (struct ss_type){SS_FLOAT64, 0};
        return ss_float64_parse(text, &value->f64) && ss_float64_normalise(&value->f64);
    }
    const char *const point = memchr(text.data, '.', text.size);
    const size_t scale = text.size - (size_t)(point - text.data) - 1;
    *type = (struct ss_type){SS_DECIMAL, (uint8_t)scale};
    return scale <= 18 && ss_decimal_parse(text, (unsigned)scale, &value->i64);
}

struct ss_node *ss_parse_number(struct ss_parser *parser, size_t offset, bool negative)
{
    const struct ss_token token = ss_parser_take(parser);
    char *const text = ss_arena_alloc(parser->arena, token.text.size + 1);
    if (!text) return ss_parser_fail_memory(parser);
    text[0] = '-';
    memcpy(text + 1, token.text.data, token.text.size);
    const struct ss_bytes signed_text = {negative ? text : text + 1, token.text.size + negative};
    struct ss_type type;
    struct ss_value value = {0};
    if (read_number(token.kind, signed_text, &type, &value)) return literal(parser, offset, type, value);
    char shown[SS_TOKEN_SHOWN_SIZE];
    static const char *const reasons[] = {
        [SS_TOKEN_INT64] = "does not fit int64 (-9223372036854775808 to 9223372036854775807)",
        [SS_TOKEN_DECIMAL] =
            "has more than the 18 digits of a decimal; write it with an exponent for a float64",
        [SS_TOKEN_FLOAT64] = "does not fit float64 (up to 1.7976931348623157e+308)",
    };
    return ss_parser_fail(parser, token.offset, "number %s %s", ss_token_describe(&token, shown),
                          reasons[token.kind]);
}

static struct ss_node *parse_duration_literal(struct ss_parser *parser)
{
    const struct ss_token token = ss_parser_take(parser);
    struct ss_value value = {.present = true};
    const bool parsed = ss_duration_parse(token.text, &value.i64);
    SS_ASSERT(parsed);
    return literal(parser, token.offset, (struct ss_type){SS_INT64, 0}, value);
}

// The text between the quotes, '' read as '. False (and failed) when out of memory.
static bool unquote(struct ss_parser *parser, const struct ss_token *token, struct ss_bytes *text)
{
    char *const copy = ss_arena_alloc(parser->arena, token->text.size);
    if (!copy) return ss_parser_fail_memory(parser);
    size_t size = 0;
    for (size_t i = 1; i + 1 < token->text.size; i++) {
        copy[size++] = token->text.data[i];
        if (token->text.data[i] == '\'') i++;
    }
    *text = (struct ss_bytes){copy, size};
    return true;
}

static struct ss_node *parse_text(struct ss_parser *parser)
{
    const struct ss_token token = ss_parser_take(parser);
    struct ss_value value = {.present = true};
    if (!unquote(parser, &token, &value.text)) return NULL;
    return literal(parser, token.offset, (struct ss_type){SS_STRING, 0}, value);
}

// timestamp '...'; the word is taken.
static struct ss_node *parse_timestamp(struct ss_parser *parser, size_t offset)
{
    const struct ss_token token = ss_parser_take(parser);
    struct ss_bytes text;
    struct ss_value value = {.present = true};
    if (!unquote(parser, &token, &text)) return NULL;
    if (!ss_time_parse(text, SS_UNIT_TEXT, NULL, &value.i64)) {
        char shown[SS_TOKEN_SHOWN_SIZE];
        return ss_parser_fail(parser, token.offset, "%s is no time; expected one like '2026-01-31T10:00:00Z'",
                              ss_token_describe(&token, shown));
    }
    return literal(parser, offset, (struct ss_type){SS_TIMESTAMP, 0}, value);
}

// A copy in the arena, optionally in lower case.
static const char *copy_word(struct ss_parser *parser, struct ss_bytes word, bool lower)
{
    char *const copy = ss_arena_copy(parser->arena, word.data, word.size);
    if (!copy) return ss_parser_fail_memory(parser);
    for (size_t i = 0; lower && i < word.size; i++) {
        if (copy[i] >= 'A' && copy[i] <= 'Z') copy[i] = (char)(copy[i] + 32);
    }
    return copy;
}

static struct ss_node *parse_name(struct ss_parser *parser, struct ss_token first)
{
    struct ss_bytes whole = first.text;
    if (ss_token_is(&parser->token, ".")) {
        ss_parser_take(parser);
        if (parser->token.kind != SS_TOKEN_NAME) return ss_parser_expected(parser, "a name after '.'");
        const struct ss_token second = ss_parser_take(parser);
        whole.size = second.offset + second.text.size - first.offset;
        if (whole.size != first.text.size + 1 + second.text.size)
            return ss_parser_fail(parser, first.offset, "write '%.*s.%.*s' without blanks around the '.'",
                                  (int)first.text.size, first.text.data, (int)second.text.size,
                                  second.text.data);
    }
    struct ss_node *node = ss_parser_node(parser, SS_NODE_NAME, first.offset);
    if (!node) return NULL;
    node->name = copy_word(parser, whole, false);
    return node->name ? node : NULL;
}

// when .. then ..: two arguments each.
static bool parse_branches(struct ss_parser *parser, struct ss_node_list *list)
{
    if (!ss_token_is(&parser->token, "when")) return ss_parser_expected(parser, "'when'");
    while (ss_parser_accept(parser, "when")) {
        if (!ss_node_list_add(parser, list, ss_parse_expression(parser))) return false;
        if (!ss_parser_require(parser, "then")) return false;
        if (!ss_node_list_add(parser, list, ss_parse_expression(parser))) return false;
    }
    return true;
}

// case [operand] when .. then .. [else ..] end; the word `case` is taken.
static struct ss_node *parse_case(struct ss_parser *parser, size_t offset)
{
    struct ss_node_list list = {0};
    const bool has_operand = !ss_token_is(&parser->token, "when");
    if (has_operand && !ss_node_list_add(parser, &list, ss_parse_expression(parser))) return NULL;
    if (!parse_branches(parser, &list)) return NULL;
    if (ss_parser_accept(parser, "else") && !ss_node_list_add(parser, &list, ss_parse_expression(parser)))
        return NULL;
    if (!ss_parser_accept(parser, "end")) return ss_parser_expected(parser, "'end' of the case");
    return ss_parser_call(parser, has_operand ? "case_of" : "case", offset, list.nodes, list.count);
}

static bool parse_duration(struct ss_parser *parser, const char *what, int64_t *duration_us)
{
    if (parser->token.kind != SS_TOKEN_DURATION) return ss_parser_expected(parser, what);
    const struct ss_token token = ss_parser_take(parser);
    return ss_duration_parse(token.text, duration_us);
}

#define SUFFIXES 4

// N; the word `last` is taken.
static bool parse_last(struct ss_parser *parser, struct ss_node *node)
{
    if (parser->token.kind != SS_TOKEN_INT64)
        return ss_parser_expected(parser, "a number of events after 'last'");
    const struct ss_token number = ss_parser_take(parser);
    if (!ss_int64_parse(number.text, &node->last_n) || node->last_n < 1 || node->last_n > SS_MAX_LAST)
        return ss_parser_fail(parser, number.offset, "expected 1 to %d events after 'last', got %.*s",
                              SS_MAX_LAST, (int)(number.text.size < 24 ? number.text.size : 24),
                              number.text.data);
    return true;
}

// all | DURATION, or nothing before `last`; the word `over` is taken.
static bool parse_over(struct ss_parser *parser, struct ss_node *node)
{
    node->over_us = SS_OVER_ALL;
    if (ss_parser_accept(parser, "all") || ss_token_is(&parser->token, "last")) return true;
    return parse_duration(parser, "a duration such as 7d, 'all' or 'last 100' after 'over'", &node->over_us);
}

static bool parse_suffix(struct ss_parser *parser, struct ss_node *node, const struct ss_token *word)
{
    const struct ss_place place = ss_parser_place(parser, word->offset);
    if (ss_token_is(word, "over")) {
        node->over_place = place;
        return parse_over(parser, node);
    }
    if (ss_token_is(word, "hop")) {
        node->hop_place = place;
        node->hop_us = 1;
        return ss_parser_accept(parser, "exact") ||
               parse_duration(parser, "a duration such as 1h, or 'exact', after 'hop'", &node->hop_us);
    }
    if (ss_token_is(word, "last")) {
        node->last_place = place;
        return parse_last(parser, node);
    }
    node->within_place = place;
    if (node->fn != SS_AGG_LAST)
        return ss_parser_fail(parser, word->offset, "'within' goes with last only; %s takes 'over'",
                              ss_aggregate_name(node->fn));
    return parse_duration(parser, "a duration such as 90d after 'within'", &node->within_us);
}

// The suffix that the next token starts, or NULL.
static bool *find_suffix(const struct ss_parser *parser, bool seen[SUFFIXES])
{
    static const char *const words[SUFFIXES] = {"over", "hop", "within", "last"};
    for (size_t i = 0; i < SUFFIXES; i++) {
        if (ss_token_is(&parser->token, words[i])) return &seen[i];
    }
    return NULL;
}

// over, hop, within, last: in any order, each once.
static bool parse_suffixes(struct ss_parser *parser, struct ss_node *node)
{
    bool all_seen[SUFFIXES] = {false};
    bool *seen;
    while ((seen = find_suffix(parser, all_seen))) {
        const struct ss_token word = ss_parser_take(parser);
        if (*seen)
            return ss_parser_fail(parser, word.offset, "'%.*s' stands twice on one aggregate",
                                  (int)word.text.size, word.text.data);
        *seen = true;
        if (!parse_suffix(parser, node, &word)) return false;
    }
    if (node->last_n == 0 || node->over_us != SS_OVER_NONE) return true;
    return ss_parser_fail(parser, node->last_place.offset - parser->place.offset,
                          "'last' goes with 'over': write over last %d", (int)node->last_n);
}

static bool check_arity(struct ss_parser *parser, const struct ss_node *node, size_t count)
{
    const char *const name = ss_aggregate_name(node->fn);
    const size_t offset = node->place.offset - parser->place.offset;
    size_t least, most;
    ss_aggregate_arity(node->fn, &least, &most);
    if (count >= least && count <= most) return true;
    if (most == 0) return ss_parser_fail(parser, offset, "%s takes no argument, got %zu", name, count);
    if (count == 0 && least == 1 && most == 1)
        return ss_parser_fail(parser, offset, "%s needs an argument: %s(column)", name, name);
    if (most == 1) return ss_parser_fail(parser, offset, "%s takes one argument, got %zu", name, count);
    const char *const form = ss_aggregate_rule(node->fn)->form;
    if (least == most)
        return ss_parser_fail(parser, offset, "%s takes %zu arguments, got %zu: %s", name, most, count, form);
    return ss_parser_fail(parser, offset, "%s takes %zu or %zu arguments, got %zu: %s", name, least, most,
                          count, form);
}

// ([x, ..][where y]); the parenthesis is taken.
static bool parse_aggregate_arguments(struct ss_parser *parser, struct ss_node *node)
{
    const char *const name = ss_aggregate_name(node->fn);
    struct ss_node_list list = {0};
    if (ss_token_is(&parser->token, "*"))
        return ss_parser_fail(parser, parser->token.offset,
                              "%s(*) is not known; write count() to count events", name);
    while (!ss_token_is(&parser->token, ")") && !ss_token_is(&parser->token, "where")) {
        if (!ss_node_list_add(parser, &list, ss_parse_expression(parser))) return false;
        if (!ss_parser_accept(parser, ",")) break;
    }
    if (ss_parser_accept(parser, "where")) {
        node->where = ss_parse_expression(parser);
        if (!node->where) return false;
    }
    if (!ss_parser_require(parser, ")")) return false;
    if (!check_arity(parser, node, list.count)) return false;
    node->arguments = list.nodes;
    node->argument_count = list.count;
    return true;
}

static struct ss_node *parse_aggregate(struct ss_parser *parser, size_t offset, enum ss_aggregate_fn fn)
{
    if (parser->inside_aggregate)
        return ss_parser_fail(parser, offset, "%s stands inside an aggregate; an aggregate reads events only",
                              ss_aggregate_name(fn));
    struct ss_node *node = ss_parser_node(parser, SS_NODE_AGGREGATE, offset);
    if (!node) return NULL;
    node->fn = fn;
    node->name = ss_aggregate_name(fn);
    parser->inside_aggregate = true;
    const bool read = parse_aggregate_arguments(parser, node);
    parser->inside_aggregate = false;
    return read && parse_suffixes(parser, node) ? node : NULL;
}

static bool at_suffix(const struct ss_parser *parser)
{
    return ss_token_is(&parser->token, "over") || ss_token_is(&parser->token, "within") ||
           ss_token_is(&parser->token, "hop") || ss_token_is(&parser->token, "where");
}

// An aggregate's suffix or `where` stands after what is no aggregate.
static struct ss_node *fail_no_aggregate(struct ss_parser *parser, size_t offset, const char *name)
{
    char hint[SS_HINT_SIZE];
    return ss_parser_fail(parser, offset, "'%.40s' is no aggregate, so it takes no '%.*s'%s", name,
                          (int)parser->token.text.size, parser->token.text.data,
                          ss_nearest_hint(ss_nearest_aggregate(ss_bytes_of(name)), hint));
}

// name(..); the parenthesis is taken.
static struct ss_node *parse_call(struct ss_parser *parser, struct ss_token word)
{
    const char *const name = copy_word(parser, word.text, true);
    if (!name) return NULL;
    enum ss_aggregate_fn fn;
    if (ss_aggregate_find(name, &fn)) return parse_aggregate(parser, word.offset, fn);
    const struct ss_function *const function = ss_function_find(name);
    if (function && function->written != SS_WRITTEN_CALL)
        return ss_parser_fail(parser, word.offset, "unknown function '%s'", name);
    struct ss_node_list list = {0};
    if (!ss_token_is(&parser->token, ")") && !ss_token_is(&parser->token, "where")) {
        do {
            if (!ss_node_list_add(parser, &list, ss_parse_expression(parser))) return NULL;
        } while (ss_parser_accept(parser, ","));
    }
    if (at_suffix(parser)) return fail_no_aggregate(parser, word.offset, name);
    if (!ss_parser_accept(parser, ")")) return ss_parser_expected(parser, "',' or ')'");
    // In sum(abs(x) where y) the `where` is the aggregate's.
    const bool is_where_around = parser->inside_aggregate && ss_token_is(&parser->token, "where");
    if (at_suffix(parser) && !is_where_around) return fail_no_aggregate(parser, word.offset, name);
    return ss_parser_call(parser, name, word.offset, list.nodes, list.count);
}

static struct ss_node *parse_word(struct ss_parser *parser)
{
    const struct ss_token word = ss_parser_take(parser);
    const struct ss_type boolean = {SS_BOOL, 0};
    if (ss_token_is(&word, "case")) return parse_case(parser, word.offset);
    if (ss_token_is(&word, "true"))
        return literal(parser, word.offset, boolean, (struct ss_value){.present = true, .boolean = true});
    if (ss_token_is(&word, "false"))
        return literal(parser, word.offset, boolean, (struct ss_value){.present = true});
    if (ss_token_is(&word, "null")) {
        struct ss_node *node = literal(parser, word.offset, boolean, (struct ss_value){0});
        if (node) node->null_literal = true;
        return node;
    }
    if (ss_is_reserved_word(word.text))
        return ss_parser_fail(parser, word.offset, "expected an expression, got the keyword '%.*s'",
                              (int)word.text.size, word.text.data);
    if (ss_token_is(&word, "timestamp") && parser->token.kind == SS_TOKEN_TEXT)
        return parse_timestamp(parser, word.offset);
    if (ss_parser_accept(parser, "(")) return parse_call(parser, word);
    return parse_name(parser, word);
}

struct ss_node *ss_parse_primary(struct ss_parser *parser)
{
    const size_t offset = parser->token.offset;
    if (ss_token_is_number(&parser->token)) return ss_parse_number(parser, offset, false);
    if (parser->token.kind == SS_TOKEN_DURATION) return parse_duration_literal(parser);
    if (parser->token.kind == SS_TOKEN_TEXT) return parse_text(parser);
    if (parser->token.kind == SS_TOKEN_NAME) return parse_word(parser);
    if (!ss_parser_accept(parser, "(")) return ss_parser_expected(parser, "an expression");
    struct ss_node *node = ss_parse_expression(parser);
    if (!node || !ss_parser_require(parser, ")")) return NULL;
    return node;
}
