// Aggregates: what stands inside them names columns of the event only, and what bounds them is checked here
// (DESIGN C8, C9). An aggregate that is in order becomes an input of the view's read program.
#include <string.h>

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

// Checks the aggregate's argument and filter into a group. False when something was diagnosed.
static bool check_group(struct ss_view_reading *reading, struct ss_node *node, struct ss_plan_group *group)
{
    struct ss_compiler *compiler = reading->compiler;
    struct ss_diagnostics *diagnostics = &compiler->diagnostics;
    const struct ss_scope scope = {ss_resolve_column, NULL, reading, "an aggregate"};
    char text[SS_TYPE_TEXT_SIZE];
    bool good = true;
    *group = (struct ss_plan_group){.argument_text = "", .filter_text = "", .type = {SS_INT64, 0}};
    reading->column_scope = "an aggregate";
    if (node->argument_count > 0) {
        group->argument = node->arguments[0];
        good = ss_expression_check(group->argument, &scope, compiler->scratch, diagnostics);
        if (good) group->type = group->argument->type;
    }
    if (node->where) {
        group->filter = node->where;
        const bool checked = ss_expression_check(group->filter, &scope, compiler->scratch, diagnostics);
        if (checked && group->filter->type.id != SS_BOOL)
            ss_diagnose(diagnostics, group->filter->place, "where: expected bool, got %s",
                        ss_type_format(group->filter->type, text));
        good = checked && group->filter->type.id == SS_BOOL && good;
    }
    return good;
}

static bool needs_number(enum ss_aggregate_fn fn)
{
    return fn == SS_AGG_SUM || fn == SS_AGG_MEAN || fn == SS_AGG_VAR || fn == SS_AGG_STDDEV;
}

static bool check_argument_type(struct ss_view_reading *reading, const struct ss_node *node,
                                struct ss_type type)
{
    const bool is_order = node->fn == SS_AGG_MIN || node->fn == SS_AGG_MAX;
    const bool fits = needs_number(node->fn) ? ss_type_is_numeric(type) : !is_order || type.id != SS_BOOL;
    char text[SS_TYPE_TEXT_SIZE];
    if (fits) return true;
    ss_diagnose(&reading->compiler->diagnostics, node->arguments[0]->place, "%s: expected %s, got %s",
                node->name, is_order ? "a type with an order" : "a number", ss_type_format(type, text));
    return false;
}

static struct ss_type result_type(enum ss_aggregate_fn fn, struct ss_type argument)
{
    switch (fn) {
    case SS_AGG_COUNT:
    case SS_AGG_COUNT_DISTINCT: return (struct ss_type){SS_INT64, 0};
    case SS_AGG_MEAN:
    case SS_AGG_VAR:
    case SS_AGG_STDDEV: return (struct ss_type){SS_FLOAT64, 0};
    case SS_AGG_SUM:
    case SS_AGG_MIN:
    case SS_AGG_MAX:
    case SS_AGG_FIRST:
    case SS_AGG_LAST: break;
    }
    return argument;
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
    const bool is_edge = node->fn == SS_AGG_FIRST || node->fn == SS_AGG_LAST;
    const bool has_window = node->over_us != SS_OVER_NONE && node->over_us != SS_OVER_ALL;
    aggregate->bound = SS_BOUND_ALL;
    if (node->within_us > 0 && node->over_us != SS_OVER_NONE) {
        ss_diagnose(diagnostics, node->within_place, "%s takes either 'over' or 'within', not both",
                    node->name);
        return false;
    }
    if (node->hop_us != SS_HOP_DEFAULT && !has_window) {
        ss_diagnose(diagnostics, node->hop_place, "'hop' goes with a window such as over 30d");
        return false;
    }
    if (has_window) return check_window(reading, node, aggregate);
    if (node->within_us > 0) {
        aggregate->bound = SS_BOUND_WITHIN;
        aggregate->window_us = node->within_us;
        return check_length(reading, node->within_place, "within", node->within_us);
    }
    if (is_edge || node->over_us == SS_OVER_ALL) return true;
    ss_diagnose(diagnostics, node->place, "%s needs a window: write 'over 30d' or 'over all' after it",
                node->name);
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
        if (depth == 0 && is_suffix) ss_lex(text, &position);
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
    if (group->filter)
        group->filter_text = ss_canonical_expression(compiler, group->filter, ss_name_column, source);
    return group->argument_text && group->filter_text;
}

bool ss_check_aggregate(void *context, struct ss_node *node, struct ss_diagnostics *diagnostics)
{
    struct ss_view_reading *reading = context;
    struct ss_plan_group group;
    struct ss_aggregate aggregate = {.fn = node->fn};
    bool good = check_group(reading, node, &group);
    if (good && group.argument) good = check_argument_type(reading, node, group.type);
    good = check_bound(reading, node, &aggregate) && good;
    if (!good || !name_group(reading, &group)) return false;
    aggregate.group = ss_plan_add_group(&reading->plan, &group);
    if (aggregate.group < 0) return false;
    aggregate.type = result_type(node->fn, group.type);
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
