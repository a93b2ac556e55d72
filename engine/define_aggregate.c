// Aggregates: what stands inside them names columns of the event only, and what bounds them is checked here
// (DESIGN C8, C9). An aggregate that is in order becomes an input of the view's read program.
#include <inttypes.h>
#include <string.h>

#include "engine/aggregates.h"
#include "engine/base/number.h"
#include "engine/define_view.h"
#include "engine/fingerprint.h"
#include "engine/lexer.h"

// ---- Columns

static void become_input(struct ss_node *node, int input, struct ss_type type)
{
    node->kind = SS_NODE_INPUT;
    node->input = input;
    node->type = type;
}

static void tell_unknown_column(struct ss_view_reading *reading, const struct ss_node *node)
{
    struct ss_compiler *compiler = reading->compiler;
    struct ss_diagnostics *diagnostics = &compiler->diagnostics;
    const struct ss_scope_notes *source = reading->source;
    const bool is_input = strncmp(node->name, "request.", 8) == 0;
    const bool is_feature = ss_compile_find(compiler, reading->notes->scope, node->name) >= 0;
    if (strcmp(node->name, "t") == 0 || is_input || strchr(node->name, '.')) {
        ss_diagnose(
            diagnostics, node->place, "'%.64s' cannot stand in %s, which names columns of the event only%s",
            node->name, reading->column_scope,
            is_input || strcmp(node->name, "t") == 0 ? "; use it in the expression around an aggregate" : "");
    } else if (is_feature) {
        ss_diagnose(diagnostics, node->place,
                    "feature '%.64s' cannot stand in %s, which names columns of the event only", node->name,
                    reading->column_scope);
    } else if (!source->is_partial) {
        ss_diagnose(diagnostics, node->place, "unknown column '%.64s' of source '%.64s'%s", node->name,
                    reading->view->source->name,
                    ss_did_you_mean(compiler, node->name, source->list, source->count));
    }
}

bool ss_resolve_column(void *context, struct ss_node *node, struct ss_diagnostics *diagnostics)
{
    (void)diagnostics;
    struct ss_view_reading *reading = context;
    const struct ss_source *source = reading->view->source;
    if (!reading->source) return false;
    const int32_t column = ss_compile_find(reading->compiler, reading->source->scope, node->name);
    const bool is_event_time =
        strcmp(node->name, "event_time") == 0 || (column >= 0 && column == source->event_time_column);
    if (is_event_time) {
        // The column and the event's time are one and the same: they share what is kept.
        become_input(node, (int)source->column_count, (struct ss_type){SS_TIMESTAMP, 0});
        return true;
    }
    if (column < 0) {
        tell_unknown_column(reading, node);
        return false;
    }
    const struct ss_type type = source->columns[column].type;
    if (!ss_type_is_known(type)) return false;
    become_input(node, column, type);
    return true;
}

// ---- Arguments

static bool check_operand(struct ss_view_reading *reading, const struct ss_node *node, size_t index)
{
    const enum ss_operand wanted = ss_aggregate_rule(node->fn)->operands[index];
    const struct ss_node *operand = node->arguments[index];
    char text[SS_TYPE_TEXT_SIZE];
    if (ss_operand_fits(wanted, operand->type)) return true;
    ss_diagnose(&reading->compiler->diagnostics, operand->place, "%s: expected %s, got %s", node->name,
                ss_operand_describe(wanted), ss_type_format(operand->type, text));
    return false;
}

// slope is over event_time.
static struct ss_node *event_time_node(struct ss_view_reading *reading, const struct ss_node *node)
{
    struct ss_node *time = ss_compile_array(reading->compiler, reading->compiler->scratch, 1, sizeof(*time));
    if (!time) return NULL;
    time->place = node->place;
    time->height = 1;
    become_input(time, (int)reading->view->source->column_count, (struct ss_type){SS_TIMESTAMP, 0});
    return time;
}

static bool check_operands(struct ss_view_reading *reading, struct ss_node *node,
                           const struct ss_scope *scope, struct ss_plan_group *group)
{
    struct ss_compiler *compiler = reading->compiler;
    const size_t most = ss_aggregate_operand_count(node->fn);
    const size_t count = node->argument_count < most ? node->argument_count : most;
    bool good = true;
    for (size_t i = 0; i < count; i++)
        good = ss_expression_check(node->arguments[i], scope, compiler->scratch, &compiler->diagnostics) &&
               check_operand(reading, node, i) && good;
    if (!good) return false;
    group->argument = count > 0 ? node->arguments[0] : NULL;
    group->second = count > 1 ? node->arguments[1] : NULL;
    if (node->fn == SS_AGG_SLOPE && reading->source) group->second = event_time_node(reading, node);
    if (group->argument) group->type = group->argument->type;
    return true;
}

static bool check_filter(struct ss_view_reading *reading, struct ss_node *node, const struct ss_scope *scope,
                         struct ss_plan_group *group)
{
    struct ss_diagnostics *diagnostics = &reading->compiler->diagnostics;
    char text[SS_TYPE_TEXT_SIZE];
    if (!node->where) return true;
    group->filter = node->where;
    if (!ss_expression_check(group->filter, scope, reading->compiler->scratch, diagnostics)) return false;
    if (group->filter->type.id == SS_BOOL) return true;
    ss_diagnose(diagnostics, group->filter->place, "where: expected bool, got %s",
                ss_type_format(group->filter->type, text));
    return false;
}

// Checks the aggregate's operands and filter into a group. False when something was diagnosed.
static bool check_group(struct ss_view_reading *reading, struct ss_node *node, struct ss_plan_group *group)
{
    const struct ss_scope scope = {ss_resolve_column, NULL, reading, "an aggregate",
                                   &reading->compiler->expression_zones};
    *group = (struct ss_plan_group){
        .argument_text = "", .second_text = "", .filter_text = "", .type = {SS_INT64, 0}};
    reading->column_scope = "an aggregate";
    const bool operands = check_operands(reading, node, &scope, group);
    return check_filter(reading, node, &scope, group) && operands;
}

// ---- Parameters

static bool read_count(struct ss_view_reading *reading, const struct ss_node *node,
                       const struct ss_node *literal, const char *what, int64_t least, int64_t most,
                       int32_t *count)
{
    const bool is_count = literal->kind == SS_NODE_LITERAL && !literal->null_literal &&
                          literal->type.id == SS_INT64 && literal->value.i64 >= least &&
                          literal->value.i64 <= most;
    if (is_count) {
        *count = (int32_t)literal->value.i64;
        return true;
    }
    ss_diagnose(&reading->compiler->diagnostics, literal->place,
                "%s: expected %s as a number from %" PRId64 " to %" PRId64 ": %s", node->name, what, least,
                most, ss_aggregate_rule(node->fn)->form);
    return false;
}

static bool read_probability(struct ss_view_reading *reading, const struct ss_node *node,
                             const struct ss_node *literal, struct ss_aggregate *aggregate)
{
    const bool is_exact = literal->kind == SS_NODE_LITERAL && !literal->null_literal &&
                          (literal->type.id == SS_INT64 || literal->type.id == SS_DECIMAL);
    if (is_exact && literal->value.i64 >= 0 && literal->value.i64 <= ss_power_of_ten(literal->type.scale)) {
        aggregate->probability = literal->value.i64;
        aggregate->probability_scale = literal->type.scale;
        for (; aggregate->probability_scale && aggregate->probability % 10 == 0;
             aggregate->probability_scale--)
            aggregate->probability /= 10;
        return true;
    }
    ss_diagnose(&reading->compiler->diagnostics, literal->place,
                "%s: expected a probability from 0 to 1, such as 0.95: %s", node->name,
                ss_aggregate_rule(node->fn)->form);
    return false;
}

static bool read_half_life(struct ss_view_reading *reading, const struct ss_node *node,
                           const struct ss_node *literal, int64_t *half_life_us)
{
    if (literal->kind == SS_NODE_LITERAL && !literal->null_literal && literal->type.id == SS_INT64 &&
        literal->value.i64 > 0 && literal->value.i64 <= SS_LONGEST_US) {
        *half_life_us = literal->value.i64;
        return true;
    }
    ss_diagnose(&reading->compiler->diagnostics, literal->place, "%s: expected a half-life such as 1d: %s",
                node->name, ss_aggregate_rule(node->fn)->form);
    return false;
}

static bool read_parameters(struct ss_view_reading *reading, const struct ss_node *node,
                            struct ss_aggregate *aggregate, int64_t *half_life_us)
{
    const struct ss_aggregate_rule *rule = ss_aggregate_rule(node->fn);
    const size_t first = ss_aggregate_operand_count(node->fn);
    bool good = true;
    aggregate->cap = SS_DEFAULT_CAP;
    if (node->fn == SS_AGG_MEDIAN) {
        aggregate->probability = 5;
        aggregate->probability_scale = 1;
    }
    for (size_t i = 0; i < SS_PARAMETERS_MAX && first + i < node->argument_count; i++) {
        const struct ss_node *literal = node->arguments[first + i];
        switch (rule->parameters[i]) {
        case SS_PARAMETER_NONE: break;
        case SS_PARAMETER_K:
            good = read_count(reading, node, literal, "k", 1, SS_MAX_K, &aggregate->k) && good;
            break;
        case SS_PARAMETER_STEPS:
            good = read_count(reading, node, literal, "k", 0, SS_MAX_K - 1, &aggregate->k) && good;
            break;
        case SS_PARAMETER_CAP:
            good = read_count(reading, node, literal, "cap", 1, SS_MAX_CAP, &aggregate->cap) && good;
            break;
        case SS_PARAMETER_PROBABILITY:
            good = read_probability(reading, node, literal, aggregate) && good;
            break;
        case SS_PARAMETER_HALF_LIFE:
            good = read_half_life(reading, node, literal, half_life_us) && good;
            break;
        }
    }
    return good;
}

// ---- Bounds

static bool check_length(struct ss_view_reading *reading, struct ss_place place, const char *word,
                         int64_t length_us)
{
    char text[SS_TIME_TEXT_SIZE];
    if (length_us <= SS_LONGEST_US) return true;
    ss_diagnose(&reading->compiler->diagnostics, place, "%s %s is longer than all time from year 1 to 9999%s",
                word, ss_duration_format(length_us, text),
                strcmp(word, "over") == 0 ? "; write over all" : "");
    return false;
}

static bool check_hop(struct ss_view_reading *reading, const struct ss_node *node, int64_t hop_us)
{
    struct ss_diagnostics *diagnostics = &reading->compiler->diagnostics;
    char window[SS_TIME_TEXT_SIZE], hop[SS_TIME_TEXT_SIZE], low[SS_TIME_TEXT_SIZE], high[SS_TIME_TEXT_SIZE];
    ss_duration_format(node->over_us, window);
    ss_duration_format(hop_us, hop);
    if (hop_us > node->over_us) {
        ss_diagnose(diagnostics, node->hop_place,
                    "hop %s is longer than the window of %s; a window is one hop or more", hop, window);
        return false;
    }
    const int64_t lower_us = node->over_us - node->over_us % hop_us;
    if (lower_us != node->over_us) {
        ss_diagnose(diagnostics, node->over_place,
                    "over %s is no multiple of its hop of %s%s; the nearest that are: over %s, over %s",
                    window, hop, node->hop_us == SS_HOP_DEFAULT ? " (the default)" : "",
                    ss_duration_format(lower_us, low), ss_duration_format(lower_us + hop_us, high));
        return false;
    }
    if (ss_plan_add_hop(&reading->plan, hop_us)) return true;
    ss_diagnose(diagnostics, node->hop_us == SS_HOP_DEFAULT ? node->over_place : node->hop_place,
                "hop %s is one too many: the windows of a view have at most %d different hops", hop,
                SS_MAX_HOPS);
    return false;
}

static bool check_window(struct ss_view_reading *reading, const struct ss_node *node,
                         struct ss_aggregate *aggregate)
{
    aggregate->bound = SS_BOUND_WINDOW;
    aggregate->window_us = node->over_us;
    if (!check_length(reading, node->over_place, "over", node->over_us)) return false;
    aggregate->hop_us = node->hop_us == SS_HOP_DEFAULT ? ss_default_hop(node->over_us) : node->hop_us;
    return check_hop(reading, node, aggregate->hop_us);
}

static bool check_bound(struct ss_view_reading *reading, const struct ss_node *node,
                        struct ss_aggregate *aggregate)
{
    struct ss_diagnostics *diagnostics = &reading->compiler->diagnostics;
    const enum ss_bound_rule rule = ss_aggregate_rule(node->fn)->bound;
    const bool has_window = node->over_us != SS_OVER_NONE && node->over_us != SS_OVER_ALL;
    aggregate->bound = SS_BOUND_ALL;
    aggregate->last_n = node->last_n;
    if (node->within_us > 0 && node->over_us != SS_OVER_NONE) {
        ss_diagnose(diagnostics, node->within_place, "%s takes either 'over' or 'within', not both",
                    node->name);
        return false;
    }
    if (node->hop_us != SS_HOP_DEFAULT && !has_window) {
        ss_diagnose(diagnostics, node->hop_place, "'hop' goes with a window such as over 30d");
        return false;
    }
    if (rule == SS_BOUND_DECAYING && !has_window) {
        ss_diagnose(diagnostics, node->place, "%s needs a window: write 'over 30d' after it", node->name);
        return false;
    }
    if (has_window) return check_window(reading, node, aggregate);
    if (node->within_us > 0) {
        aggregate->bound = SS_BOUND_WITHIN;
        aggregate->window_us = node->within_us;
        return check_length(reading, node->within_place, "within", node->within_us);
    }
    if (rule == SS_BOUND_OPTIONAL || node->over_us == SS_OVER_ALL) return true;
    ss_diagnose(diagnostics, node->place, "%s needs a window: write 'over 30d' or 'over all' after it",
                node->name);
    return false;
}

static bool check_halves(struct ss_view_reading *reading, const struct ss_node *node,
                         const struct ss_aggregate *aggregate, int64_t half_life_us)
{
    char window[SS_TIME_TEXT_SIZE], half[SS_TIME_TEXT_SIZE];
    if (!half_life_us || aggregate->window_us / SS_MAX_HALVES < half_life_us ||
        (aggregate->window_us / SS_MAX_HALVES == half_life_us && aggregate->window_us % SS_MAX_HALVES == 0))
        return true;
    ss_diagnose(&reading->compiler->diagnostics, node->over_place,
                "over %s is more than %d half-lives of %s: what is older weighs nothing; shorten the window",
                ss_duration_format(aggregate->window_us, window), SS_MAX_HALVES,
                ss_duration_format(half_life_us, half));
    return false;
}

// ---- The text, for people

// Where in the text a place stands.
static size_t index_of(const struct ss_yaml *text, struct ss_place place)
{
    size_t index = text->offsets ? 0 : place.offset - text->text_offset;
    while (text->offsets && index < text->text.size && text->offsets[index] < place.offset) index++;
    return index;
}

// What follows a suffix's word: a duration or word, and `last N` after it.
static void skip_bound(struct ss_bytes text, size_t *position)
{
    struct ss_token token = ss_lex(text, position);
    if (!ss_token_is(&token, "last")) {
        size_t ahead = *position;
        token = ss_lex(text, &ahead);
        if (!ss_token_is(&token, "last")) return;
        *position = ahead;
    }
    ss_lex(text, position);
}

// The aggregate from its name to the last of its suffixes.
static const char *written_text(struct ss_view_reading *reading, const struct ss_node *node)
{
    const struct ss_bytes text = reading->text->text;
    const size_t start = index_of(reading->text, node->place);
    size_t position = start, end = start;
    int depth = 0;
    for (struct ss_token token = ss_lex(text, &position);
         token.kind != SS_TOKEN_END && token.kind != SS_TOKEN_BAD; token = ss_lex(text, &position)) {
        const bool is_suffix =
            ss_token_is(&token, "over") || ss_token_is(&token, "within") || ss_token_is(&token, "hop");
        if (depth == 0 && end > start && !is_suffix) break;
        if (depth == 0 && is_suffix) skip_bound(text, &position);
        depth += ss_token_is(&token, "(") - ss_token_is(&token, ")");
        if (depth == 0 && token.offset > start) end = position;
    }
    return ss_compile_text(reading->compiler, reading->compiler->arena,
                           (struct ss_bytes){text.data + start, end - start});
}

// ---- The aggregate

static bool name_group(struct ss_view_reading *reading, struct ss_plan_group *group)
{
    struct ss_compiler *compiler = reading->compiler;
    const struct ss_source *source = reading->view->source;
    if (group->argument)
        group->argument_text = ss_canonical_expression(compiler, group->argument, ss_name_column, source);
    if (group->second)
        group->second_text = ss_canonical_expression(compiler, group->second, ss_name_column, source);
    if (group->filter)
        group->filter_text = ss_canonical_expression(compiler, group->filter, ss_name_column, source);
    return group->argument_text && group->second_text && group->filter_text;
}

bool ss_check_aggregate(void *context, struct ss_node *node, struct ss_diagnostics *diagnostics)
{
    struct ss_view_reading *reading = context;
    struct ss_plan_group group;
    struct ss_aggregate aggregate = {.fn = node->fn};
    bool good = check_group(reading, node, &group);
    good = read_parameters(reading, node, &aggregate, &group.half_life_us) && good;
    good = check_bound(reading, node, &aggregate) && good;
    good = good && check_halves(reading, node, &aggregate, group.half_life_us);
    if (!good || !name_group(reading, &group)) return false;
    aggregate.group = ss_plan_add_group(&reading->plan, &group);
    if (aggregate.group < 0) return false;
    aggregate.type = ss_aggregate_type(node->fn, group.type);
    aggregate.text = written_text(reading, node);
    const int index = ss_plan_add_aggregate(&reading->plan, &aggregate);
    if (index < 0) return false;
    if (index >= SS_MAX_FEATURES) {
        ss_diagnose(diagnostics, node->place, "%s has more than %d aggregates; split it", reading->subject,
                    SS_MAX_FEATURES);
        return false;
    }
    become_input(node, ss_pending_input(SS_PENDING_AGGREGATE, (size_t)index), aggregate.type);
    node->argument_count = 0;
    node->where = NULL;
    return true;
}
