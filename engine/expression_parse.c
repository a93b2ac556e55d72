// Text -> syntax tree: recursive descent, one function per level of the grammar in expression.h.
//
// The first mistake of an expression ends its parse: `failed` is set, the token becomes the end, and every
// function returns NULL on its way out. Recursion is bounded by SS_EXPRESSION_MAX_DEPTH, the height of the
// tree (chains such as a + b + c + ... are built in a loop but lean to the left) by SS_EXPRESSION_MAX_HEIGHT:
// whoever walks a tree may recurse.
#include "engine/expression_parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct ss_place ss_parser_place(const struct ss_parser *parser, size_t offset)
{
    return (struct ss_place){parser->place.file, (uint32_t)(parser->place.offset + offset)};
}

static void *stop(struct ss_parser *parser)
{
    parser->failed = true;
    parser->token = (struct ss_token){SS_TOKEN_END, {"", 0}, parser->text.size, NULL};
    return NULL;
}

void *ss_parser_fail(struct ss_parser *parser, size_t offset, const char *format, ...)
{
    if (parser->failed) return NULL;
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    ss_diagnose(parser->diagnostics, ss_parser_place(parser, offset), "%s", message);
    return stop(parser);
}

void *ss_parser_fail_memory(struct ss_parser *parser)
{
    parser->diagnostics->out_of_memory = true;
    return stop(parser);
}

const char *ss_token_describe(const struct ss_token *token, char text[SS_TOKEN_SHOWN_SIZE])
{
    if (token->kind == SS_TOKEN_END) return "the end";
    size_t shown = token->text.size;
    if (shown > 40) {
        shown = 40;
        while (shown > 0 && ((unsigned char)token->text.data[shown] & 0xc0) == 0x80) shown--;
    }
    const char *const quote = token->kind == SS_TOKEN_TEXT ? "" : "'";
    snprintf(text, SS_TOKEN_SHOWN_SIZE, "%s%.*s%s%s", quote, (int)shown, token->text.data,
             shown < token->text.size ? "..." : "", quote);
    return text;
}

void *ss_parser_expected(struct ss_parser *parser, const char *what)
{
    char text[SS_TOKEN_SHOWN_SIZE];
    return ss_parser_fail(parser, parser->token.offset, "expected %s, got %s", what,
                          ss_token_describe(&parser->token, text));
}

struct ss_token ss_parser_take(struct ss_parser *parser)
{
    const struct ss_token taken = parser->token;
    if (parser->failed) return taken;
    parser->token = ss_lex(parser->text, &parser->position);
    if (parser->token.kind == SS_TOKEN_BAD) {
        char text[SS_TOKEN_SHOWN_SIZE];
        ss_parser_fail(parser, parser->token.offset, "%s: %s", ss_token_describe(&parser->token, text),
                       parser->token.problem);
    }
    return taken;
}

bool ss_parser_accept(struct ss_parser *parser, const char *text)
{
    if (!ss_token_is(&parser->token, text)) return false;
    ss_parser_take(parser);
    return true;
}

bool ss_parser_require(struct ss_parser *parser, const char *text)
{
    if (ss_parser_accept(parser, text)) return true;
    char what[40];
    snprintf(what, sizeof(what), "'%s'", text);
    ss_parser_expected(parser, what);
    return false;
}

struct ss_node *ss_parser_node(struct ss_parser *parser, enum ss_node_kind kind, size_t offset)
{
    struct ss_node *node = ss_arena_alloc(parser->arena, sizeof(*node));
    if (!node) return ss_parser_fail_memory(parser);
    node->kind = kind;
    node->place = ss_parser_place(parser, offset);
    node->height = 1;
    return node;
}

static bool check_height(struct ss_parser *parser, struct ss_node *node)
{
    for (size_t i = 0; i < node->argument_count; i++) {
        const int height = node->arguments[i]->height + 1;
        if (height > node->height) node->height = height;
    }
    if (node->height <= SS_EXPRESSION_MAX_HEIGHT) return true;
    ss_parser_fail(parser, node->place.offset - parser->place.offset,
                   "a chain of more than %d operators is too long; split it with parentheses",
                   SS_EXPRESSION_MAX_HEIGHT);
    return false;
}

struct ss_node *ss_parser_call(struct ss_parser *parser, const char *name, size_t offset,
                               struct ss_node *const *arguments, size_t count)
{
    if (parser->failed) return NULL;
    struct ss_node *node = ss_parser_node(parser, SS_NODE_CALL, offset);
    if (!node) return NULL;
    node->name = name;
    node->argument_count = count;
    node->arguments = ss_arena_array(parser->arena, count ? count : 1, sizeof(*node->arguments));
    if (!node->arguments) return ss_parser_fail_memory(parser);
    if (count) memcpy(node->arguments, arguments, count * sizeof(*arguments));
    return check_height(parser, node) ? node : NULL;
}

static size_t offset_of(const struct ss_parser *parser, const struct ss_node *node)
{
    return node->place.offset - parser->place.offset;
}

static struct ss_node *unary(struct ss_parser *parser, const char *name, size_t offset,
                             struct ss_node *argument)
{
    return argument ? ss_parser_call(parser, name, offset, &argument, 1) : NULL;
}

static struct ss_node *binary(struct ss_parser *parser, const char *name, struct ss_node *left,
                              struct ss_node *right)
{
    if (!left || !right) return NULL;
    struct ss_node *const arguments[] = {left, right};
    return ss_parser_call(parser, name, offset_of(parser, left), arguments, 2);
}

// Enters one more level of nesting; every true is followed by leave().
static bool enter(struct ss_parser *parser)
{
    if (++parser->depth <= SS_EXPRESSION_MAX_DEPTH) return true;
    ss_parser_fail(parser, parser->token.offset, "the expression is nested deeper than %d levels",
                   SS_EXPRESSION_MAX_DEPTH);
    parser->depth--;
    return false;
}

static void leave(struct ss_parser *parser)
{
    parser->depth--;
}

static const char *accept_one_of(struct ss_parser *parser, const char *const *names)
{
    for (; *names; names++) {
        if (ss_parser_accept(parser, *names)) return *names;
    }
    return NULL;
}

static struct ss_node *parse_unary(struct ss_parser *parser)
{
    const size_t offset = parser->token.offset;
    if (!ss_token_is(&parser->token, "-")) return ss_parse_primary(parser);
    ss_parser_take(parser);
    if (ss_token_is_number(&parser->token)) return ss_parse_number(parser, offset, true);
    if (!enter(parser)) return NULL;
    struct ss_node *node = unary(parser, "neg", offset, parse_unary(parser));
    leave(parser);
    return node;
}

static struct ss_node *parse_multiplicative(struct ss_parser *parser)
{
    static const char *const operators[] = {"*", "/", "div", "mod", NULL};
    struct ss_node *node = parse_unary(parser);
    const char *name;
    while (node && (name = accept_one_of(parser, operators)))
        node = binary(parser, name, node, parse_unary(parser));
    return node;
}

struct ss_node *ss_parse_additive(struct ss_parser *parser)
{
    static const char *const operators[] = {"+", "-", NULL};
    struct ss_node *node = parse_multiplicative(parser);
    const char *name;
    while (node && (name = accept_one_of(parser, operators)))
        node = binary(parser, name, node, parse_multiplicative(parser));
    return node;
}

static struct ss_node *parse_in(struct ss_parser *parser, struct ss_node *left)
{
    if (!ss_parser_require(parser, "(")) return NULL;
    struct ss_node_list list = {0};
    if (!ss_node_list_add(parser, &list, left)) return NULL;
    do {
        if (!ss_node_list_add(parser, &list, ss_parse_expression(parser))) return NULL;
    } while (ss_parser_accept(parser, ","));
    if (!ss_parser_require(parser, ")")) return NULL;
    return ss_parser_call(parser, "in", offset_of(parser, left), list.nodes, list.count);
}

static struct ss_node *parse_between(struct ss_parser *parser, struct ss_node *left)
{
    struct ss_node *arguments[3] = {left, ss_parse_additive(parser), NULL};
    if (!arguments[1] || !ss_parser_require(parser, "and")) return NULL;
    arguments[2] = ss_parse_additive(parser);
    if (!arguments[2]) return NULL;
    return ss_parser_call(parser, "between", offset_of(parser, left), arguments, 3);
}

static struct ss_node *parse_is_null(struct ss_parser *parser, struct ss_node *left)
{
    const bool is_not = ss_parser_accept(parser, "not");
    if (!ss_parser_accept(parser, "null"))
        return ss_parser_expected(parser,
                                  is_not ? "'null' after 'is not'" : "'null' or 'not null' after 'is'");
    return unary(parser, is_not ? "is_not_null" : "is_null", offset_of(parser, left), left);
}

static bool at_comparison(const struct ss_parser *parser)
{
    static const char *const starts[] = {"=", "<>", "!=", "<=", ">=", "<", ">", "is", "in", "between", "not"};
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        if (ss_token_is(&parser->token, starts[i])) return true;
    }
    return false;
}

static struct ss_node *parse_one_comparison(struct ss_parser *parser, struct ss_node *left)
{
    static const char *const operators[] = {"=", "<>", "<=", ">=", "<", ">", NULL};
    if (ss_parser_accept(parser, "!=")) return binary(parser, "<>", left, ss_parse_additive(parser));
    const char *const name = accept_one_of(parser, operators);
    if (name) return binary(parser, name, left, ss_parse_additive(parser));
    if (ss_parser_accept(parser, "is")) return parse_is_null(parser, left);
    const bool is_not = ss_parser_accept(parser, "not");
    struct ss_node *node;
    if (ss_parser_accept(parser, "in")) {
        node = parse_in(parser, left);
    } else if (ss_parser_accept(parser, "between")) {
        node = parse_between(parser, left);
    } else {
        return ss_parser_expected(parser, "'in' or 'between' after 'not'");
    }
    return is_not ? unary(parser, "not", offset_of(parser, left), node) : node;
}

static struct ss_node *parse_comparison(struct ss_parser *parser)
{
    struct ss_node *node = ss_parse_additive(parser);
    if (!node || !at_comparison(parser)) return node;
    node = parse_one_comparison(parser, node);
    if (!node || !at_comparison(parser)) return node;
    char text[SS_TOKEN_SHOWN_SIZE];
    return ss_parser_fail(parser, parser->token.offset,
                          "comparisons do not chain; join them with 'and' or use parentheses before %s",
                          ss_token_describe(&parser->token, text));
}

static struct ss_node *parse_not(struct ss_parser *parser)
{
    const size_t offset = parser->token.offset;
    if (!ss_parser_accept(parser, "not")) return parse_comparison(parser);
    if (!enter(parser)) return NULL;
    struct ss_node *node = unary(parser, "not", offset, parse_not(parser));
    leave(parser);
    return node;
}

static struct ss_node *parse_and(struct ss_parser *parser)
{
    struct ss_node *node = parse_not(parser);
    while (node && ss_parser_accept(parser, "and")) node = binary(parser, "and", node, parse_not(parser));
    return node;
}

struct ss_node *ss_parse_expression(struct ss_parser *parser)
{
    if (!enter(parser)) return NULL;
    struct ss_node *node = parse_and(parser);
    while (node && ss_parser_accept(parser, "or")) node = binary(parser, "or", node, parse_and(parser));
    leave(parser);
    return parser->failed ? NULL : node;
}

static struct ss_node *parse_whole(struct ss_parser *parser)
{
    ss_parser_take(parser);
    if (!parser->failed && parser->token.kind == SS_TOKEN_END)
        return ss_parser_fail(parser, 0, "expected an expression, got nothing");
    struct ss_node *node = ss_parse_expression(parser);
    if (!node || parser->token.kind == SS_TOKEN_END) return node;
    if (ss_token_is(&parser->token, "where"))
        return ss_parser_fail(parser, parser->token.offset,
                              "'where' stands inside the parentheses of an aggregate: sum(x where y > 0)");
    return ss_parser_expected(parser, "an operator or the end");
}

struct ss_node *ss_expression_parse(struct ss_bytes text, struct ss_place place, struct ss_arena *arena,
                                    struct ss_diagnostics *diagnostics)
{
    struct ss_parser parser = {.text = text, .place = place, .arena = arena, .diagnostics = diagnostics};
    if (text.size > SS_EXPRESSION_MAX_BYTES)
        return ss_parser_fail(&parser, 0, "the expression has %zu bytes; at most %d are allowed", text.size,
                              SS_EXPRESSION_MAX_BYTES);
    struct ss_node *node = parse_whole(&parser);
    return parser.failed ? NULL : node;
}

bool ss_expression_walk(struct ss_node *node, bool (*visit)(void *context, struct ss_node *node),
                        void *context)
{
    if (!visit(context, node)) return false;
    for (size_t i = 0; i < node->argument_count; i++) {
        if (!ss_expression_walk(node->arguments[i], visit, context)) return false;
    }
    return !node->where || ss_expression_walk(node->where, visit, context);
}
