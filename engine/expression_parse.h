// What the two halves of the parser share: expression_parse.c has the operators, expression_primary.c what
// stands between them (literals, names, calls, aggregates, case).
#ifndef SS_ENGINE_EXPRESSION_PARSE_H
#define SS_ENGINE_EXPRESSION_PARSE_H

#include "engine/expression.h"
#include "engine/lexer.h"

struct ss_parser {
    struct ss_bytes text;
    struct ss_place place; // of the text's first byte
    struct ss_arena *arena;
    struct ss_diagnostics *diagnostics;
    size_t position;
    struct ss_token token; // the next one, not yet taken
    int depth;
    bool inside_aggregate;
    bool failed;
};

struct ss_node_list {
    struct ss_node **nodes;
    size_t count, capacity;
};

#define SS_TOKEN_SHOWN_SIZE 64

// Failing: diagnoses (only the first time) and returns NULL; the next token is the end from then on.
void *ss_parser_fail(struct ss_parser *parser, size_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void *ss_parser_fail_memory(struct ss_parser *parser);
void *ss_parser_expected(struct ss_parser *parser, const char *what); // "expected WHAT, got 'x'"
const char *ss_token_describe(const struct ss_token *token, char text[SS_TOKEN_SHOWN_SIZE]);

struct ss_token ss_parser_take(struct ss_parser *parser); // the next token
bool ss_parser_accept(struct ss_parser *parser, const char *text);
bool ss_parser_require(struct ss_parser *parser, const char *text); // or fails

struct ss_place ss_parser_place(const struct ss_parser *parser, size_t offset);
struct ss_node *ss_parser_node(struct ss_parser *parser, enum ss_node_kind kind, size_t offset);
// The arguments are copied. NULL when the tree would be too high.
struct ss_node *ss_parser_call(struct ss_parser *parser, const char *name, size_t offset,
                               struct ss_node *const *arguments, size_t count);
// False (and failed) when node is NULL.
bool ss_node_list_add(struct ss_parser *parser, struct ss_node_list *list, struct ss_node *node);

struct ss_node *ss_parse_expression(struct ss_parser *parser);
struct ss_node *ss_parse_additive(struct ss_parser *parser);
struct ss_node *ss_parse_primary(struct ss_parser *parser);

bool ss_token_is_number(const struct ss_token *token);
// The number that is the next token; `negative`: a minus stands before it, at `offset`.
struct ss_node *ss_parse_number(struct ss_parser *parser, size_t offset, bool negative);

#endif
