// Tokens of the expression language. Takes any bytes; what is no token comes out as SS_TOKEN_BAD with the
// reason.
#ifndef SS_ENGINE_LEXER_H
#define SS_ENGINE_LEXER_H

#include "engine/base/bytes.h"

enum ss_token_kind {
    SS_TOKEN_END,
    SS_TOKEN_NAME,     // a name or a keyword
    SS_TOKEN_INT64,    // 12
    SS_TOKEN_DECIMAL,  // 12.5
    SS_TOKEN_FLOAT64,  // 1e3, 1.5e-3
    SS_TOKEN_DURATION, // 5m, 1h30m
    SS_TOKEN_TEXT,     // 'it''s', quotes included
    SS_TOKEN_SYMBOL,   // + - * / ( ) , . = <> != < <= > >=
    SS_TOKEN_BAD       // problem
};

struct ss_token {
    enum ss_token_kind kind;
    struct ss_bytes text; // borrowed from the text that is read
    size_t offset;        // of its first byte
    const char *problem;  // SS_TOKEN_BAD: what was expected instead (static)
};

// The token at *position or after blanks that stand there; *position moves behind it. A bad token does not
// have to end where the mistake ends: the caller stops at it.
struct ss_token ss_lex(struct ss_bytes text, size_t *position);

// Is the token this keyword (lower case; compared without regard to ASCII case) or this symbol?
bool ss_token_is(const struct ss_token *token, const char *text);

// Words that cannot be the name of a column or feature in an expression, in any case: and, or, not, null, ...
bool ss_is_reserved_word(struct ss_bytes word);

#endif
