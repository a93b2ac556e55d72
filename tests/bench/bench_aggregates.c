// ns of CPU time per add, merge and finalise, and bytes per state, of every aggregate and every kind of
// argument it takes. Each comes from a view of its own, compiled from YAML; only what that aggregate needs is
// kept.
//
// add: one of 100 events to a state. merge: such a state, from its bytes, into a total of 64 of them;
// finalise: the value of that total. Medians of five.

#include "engine/aggregates.h"
#include "engine/group_members.h"
#include "tests/bench/bench.h"
#include "tests/unit/definitions_harness.h"
#include "tests/unit/samples.h"

#define EVENTS 100
#define STATES 64
#define RUNS   5
#define ROUNDS 4

static const struct {
    const char *column, *type;
} columns[] = {{"i", "int64"}, {"d", "decimal(2)"}, {"f", "float64"}, {"s", "string"}, {"b", "bool"}};
#define COLUMNS (sizeof columns / sizeof *columns)

struct measured {
    double add_ns, merge_ns, finalise_ns;
    size_t bytes;
};

static struct ss_value random_value(struct samples *samples, struct ss_type type, int64_t event_time_us)
{
    static const char *const texts[] = {"north", "south", "east", "west", "a town with a longer name"};
    struct ss_value value = {.present = true};
    const uint64_t number = samples_below(samples, 50000);
    switch (type.id) {
    case SS_FLOAT64: value.f64 = (double)number / 100; break;
    case SS_BOOL: value.boolean = number & 1; break;
    case SS_STRING: value.text = ss_bytes_of(texts[number % 5]); break;
    case SS_TIMESTAMP: value.i64 = event_time_us; break;
    default: value.i64 = (int64_t)number; break;
    }
    return value;
}

static void make_events(struct ss_group_event *events, const struct ss_group *group)
{
    struct samples samples = {42};
    for (int i = 0; i < STATES * EVENTS; i++) {
        const int64_t time_us = (int64_t)i * SS_MINUTE_US;
        events[i] = (struct ss_group_event){.event_time_us = time_us, .seq = (uint64_t)i + 1};
        if (group->argument >= 0) events[i].value = random_value(&samples, group->type, time_us);
        if (group->has_second) events[i].second = random_value(&samples, group->second_type, time_us);
    }
}

static double add_all(const struct ss_group_kind *kind, const struct ss_group_event *events,
                      struct ss_group_state *states, struct ss_arena *arena)
{
    const double start = now_ns();
    for (int round = 0; round < ROUNDS; round++) {
        for (int s = 0; s < STATES; s++) {
            ss_group_clear(&states[s]);
            for (int i = 0; i < EVENTS; i++)
                must(ss_group_add(&states[s], kind, &events[s * EVENTS + i], arena), "out of memory");
        }
    }
    return (now_ns() - start) / (ROUNDS * STATES * EVENTS);
}

static double merge_all(const struct ss_group_kind *kind, const struct ss_buffer *bytes,
                        struct ss_group_state *total, struct ss_arena *arena)
{
    const double start = now_ns();
    for (int round = 0; round < ROUNDS; round++) {
        struct ss_reader reader = {bytes->data, bytes->data + bytes->size, false};
        ss_group_clear(total);
        for (int s = 0; s < STATES; s++)
            must(ss_group_merge_bytes(total, kind, kind->parts, &reader, arena) && !reader.failed, "merge");
    }
    return (now_ns() - start) / (ROUNDS * STATES);
}

static double finalise(const struct ss_group_kind *kind, const struct ss_aggregate *aggregate,
                       struct ss_group_state *total, struct ss_arena *arena)
{
    const double start = now_ns();
    struct ss_value value;
    for (int round = 0; round < 16 * ROUNDS; round++)
        must(ss_group_value(total, kind, aggregate, STATES * EVENTS * SS_MINUTE_US, arena, &value), "value");
    return (now_ns() - start) / (16 * ROUNDS);
}

static struct measured measure(const struct ss_view *view, const struct ss_aggregate *aggregate)
{
    static struct ss_group_event events[STATES * EVENTS];
    const struct ss_group *group = &view->groups[aggregate->group];
    const struct ss_group_kind kind = {group->type, group->argument >= 0, ss_group_parts_of(aggregate->fn), 0,
                                       group};
    double add[RUNS], merge[RUNS], value[RUNS];
    struct measured measured = {0};
    make_events(events, group);
    for (int run = 0; run < RUNS; run++) {
        struct ss_arena arena = {0};
        struct ss_buffer bytes = {0};
        struct ss_group_state states[STATES] = {{0}}, total = {0};
        add[run] = add_all(&kind, events, states, &arena);
        for (int s = 0; s < STATES; s++) ss_group_encode(&states[s], &kind, &bytes);
        merge[run] = merge_all(&kind, &bytes, &total, &arena);
        value[run] = finalise(&kind, aggregate, &total, &arena);
        measured.bytes = bytes.size / STATES;
        ss_buffer_release(&bytes);
        ss_arena_release(&arena);
    }
    measured.add_ns = median(add, RUNS);
    measured.merge_ns = median(merge, RUNS);
    measured.finalise_ns = median(value, RUNS);
    return measured;
}

static void write_parameters(const struct ss_aggregate_rule *rule, struct ss_buffer *text)
{
    for (int i = 0; i < SS_PARAMETERS_MAX; i++) {
        switch (rule->parameters[i]) {
        case SS_PARAMETER_K: ss_buffer_text(text, ", 10"); break;
        case SS_PARAMETER_STEPS: ss_buffer_text(text, ", 1"); break;
        case SS_PARAMETER_PROBABILITY: ss_buffer_text(text, ", 0.9"); break;
        case SS_PARAMETER_HALF_LIFE: ss_buffer_text(text, ", 7d"); break;
        default: break;
        }
    }
}

// The aggregate of a column, and of another where it takes two.
static void write_expression(const struct ss_aggregate_rule *rule, const char *column, struct ss_buffer *text)
{
    struct ss_buffer parameters = {0};
    write_parameters(rule, &parameters);
    ss_buffer_format(text, "%s(", rule->name);
    if (rule->operands[0]) ss_buffer_text(text, column);
    if (rule->operands[1]) ss_buffer_text(text, ", y");
    const size_t skipped = rule->operands[0] ? 0 : 2; // the comma of the first parameter
    if (parameters.size) ss_buffer_append(text, parameters.data + skipped, parameters.size - skipped);
    ss_buffer_text(text, ") over 30d\n");
    ss_buffer_release(&parameters);
}

static void run(enum ss_aggregate_fn fn, size_t column)
{
    const struct ss_aggregate_rule *rule = ss_aggregate_rule(fn);
    struct ss_buffer yaml = {0};
    ss_buffer_text(&yaml,
                   "entities:\n  user: {user_id: string}\nsources:\n  pay:\n    columns: {user_id: string, "
                   "i: int64, d: decimal(2), f: float64, s: string, b: bool, y: float64, at: timestamp}\n"
                   "    event_time: at\nviews:\n  v:\n    entity: user\n    source: pay\n    features:\n"
                   "      a: ");
    write_expression(rule, columns[column].column, &yaml);
    struct harness_result result =
        harness_compile_text((struct ss_bytes){(const char *)yaml.data, yaml.size});
    if (result.status != SS_OK) {
        ss_buffer_byte(&result.report, 0);
        must(false, result.report.data ? (const char *)result.report.data : "compile");
    }
    const struct ss_view *view = &result.definitions->views[0];
    const struct measured measured = measure(view, &view->aggregates[0]);
    printf("%-16s %-12s %8.1f %9.1f %10.1f %8zu\n", rule->name,
           rule->operands[0] ? columns[column].type : "-", measured.add_ns, measured.merge_ns,
           measured.finalise_ns, measured.bytes);
    harness_release(&result);
    ss_buffer_release(&yaml);
}

static bool fits(const struct ss_aggregate_rule *rule, size_t column)
{
    static const struct ss_type types[COLUMNS] = {
        {SS_INT64, 0}, {SS_DECIMAL, 2}, {SS_FLOAT64, 0}, {SS_STRING, 0}, {SS_BOOL, 0}};
    if (!rule->operands[0]) return column == 0;
    return ss_operand_fits(rule->operands[0], types[column]) &&
           (column < COLUMNS - 1 ||
            !ss_operand_fits(rule->operands[0], types[0])); // bool: where it has to be
}

int main(void)
{
    printf("%-16s %-12s %8s %9s %10s %8s\n", "", "argument", "add ns", "merge ns", "finalise", "bytes");
    for (int fn = 0; fn < SS_AGG_TOTAL; fn++)
        for (size_t column = 0; column < COLUMNS; column++)
            if (fits(ss_aggregate_rule((enum ss_aggregate_fn)fn), column))
                run((enum ss_aggregate_fn)fn, column);
    return 0;
}
