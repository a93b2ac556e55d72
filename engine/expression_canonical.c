// The canonical text of a checked tree, which fingerprints hash.
//
//   node := '#' input ':' type | literal ':' type | '(' name ':' type [ ' ' rules ] { ' ' node } ')' | zone
//   rules := of a regular expression: the version of its library and the limits of a search
//   zone := the SHA-256 of its rules ':zone'
//   literal := null | true | false | number | 'text' ('' is a quote) | microseconds of a timestamp
//
// Blanks, case of keywords, redundant parentheses and the spelling of a number's sign are gone; conversions
// are there. Aggregates are inputs by then; where one is not (its own text is wanted) it is written with
// every suffix spelled out.
#include <inttypes.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/number.h"
#include "engine/base/time.h"
#include "engine/expression.h"
#include "engine/pattern.h"

static void append_quoted(struct ss_buffer *buffer, struct ss_bytes text)
{
    ss_buffer_byte(buffer, '\'');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\'') ss_buffer_byte(buffer, '\'');
        ss_buffer_byte(buffer, (uint8_t)text.data[i]);
    }
    ss_buffer_byte(buffer, '\'');
}

static void append_literal(struct ss_type type, struct ss_value value, struct ss_buffer *buffer)
{
    char text[SS_NUMBER_TEXT_SIZE];
    if (!value.present) {
        ss_buffer_text(buffer, "null");
        return;
    }
    switch (type.id) {
    case SS_BOOL: ss_buffer_text(buffer, value.boolean ? "true" : "false"); break;
    case SS_INT64:
    case SS_TIMESTAMP: ss_buffer_format(buffer, "%" PRId64, value.i64); break;
    case SS_FLOAT64: ss_buffer_text(buffer, ss_float64_format(value.f64, text)); break;
    case SS_DECIMAL: ss_buffer_text(buffer, ss_decimal_format(value.i64, type.scale, text)); break;
    case SS_STRING: append_quoted(buffer, value.text); break;
    case SS_BYTES:
    case SS_LIST:
    case SS_VECTOR: break; // have no literals
    }
}

static void append_type(struct ss_type type, struct ss_buffer *buffer)
{
    char text[SS_TYPE_TEXT_SIZE];
    ss_buffer_format(buffer, ":%s", ss_type_format(type, text));
}

// By its rules: its name may mean others tomorrow.
static void append_zone(const struct ss_zone *zone, struct ss_buffer *buffer)
{
    char text[SS_SHA256_TEXT_SIZE];
    const struct ss_bytes rules = ss_zone_canonical(zone);
    const struct ss_sha256 hash = ss_sha256_of(rules.data, rules.size);
    ss_buffer_format(buffer, "%s:zone", ss_sha256_format(&hash, text));
}

static void append_call(const struct ss_node *node, struct ss_buffer *buffer)
{
    ss_buffer_format(buffer, "(%s", node->name);
    append_type(node->type, buffer);
    if (strncmp(node->name, "regexp_", 7) == 0) ss_pattern_append_rules(buffer);
    for (size_t i = 0; i < node->argument_count; i++) {
        ss_buffer_byte(buffer, ' ');
        ss_expression_canonical(node->arguments[i], buffer);
    }
    ss_buffer_byte(buffer, ')');
}

void ss_expression_canonical(const struct ss_node *node, struct ss_buffer *buffer)
{
    switch (node->kind) {
    case SS_NODE_LITERAL:
        if (node->zone) {
            append_zone(node->zone, buffer);
            break;
        }
        append_literal(node->type, node->value, buffer);
        append_type(node->type, buffer);
        break;
    case SS_NODE_INPUT:
        ss_buffer_format(buffer, "#%d", node->input);
        append_type(node->type, buffer);
        break;
    case SS_NODE_NAME: ss_buffer_text(buffer, node->name); break;
    case SS_NODE_CALL: append_call(node, buffer); break;
    case SS_NODE_AGGREGATE: SS_ASSERT(false); // an input once it is checked
    }
}
