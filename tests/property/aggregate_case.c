#include "aggregate_case.h"

#include <stdlib.h>
#include <string.h>

#include "cell_value.h"
#include "engine/program.h"
#include "generate.h"
#include "naive_aggregate.h"
#include "tests/unit/samples.h"

static const struct column case_columns[] = {
    {"user", {KIND_INT64}, ROLE_KEY},
    {"at", {KIND_TIMESTAMP}, ROLE_TIME},
    {"n", {KIND_INT64}, ROLE_PLAIN},
    {"d", {KIND_DECIMAL, 2}, ROLE_PLAIN},
    {"x", {KIND_FLOAT64}, ROLE_PLAIN},
    {"c", {KIND_STRING}, ROLE_PLAIN},
    {"m", {KIND_TIMESTAMP}, ROLE_PLAIN},
    {"b", {KIND_BOOL}, ROLE_PLAIN},
    {"z", {KIND_BYTES}, ROLE_PLAIN},
    {"l", {KIND_LIST, .element = KIND_STRING}, ROLE_PLAIN},
    {"v", {KIND_VECTOR, .length = 3}, ROLE_PLAIN},
    {"n2", {KIND_INT64}, ROLE_PLAIN},
    {"d2", {KIND_DECIMAL, 5}, ROLE_PLAIN},
    {"x2", {KIND_FLOAT64}, ROLE_PLAIN},
    {"c2", {KIND_STRING}, ROLE_PLAIN},
    {"z2", {KIND_BYTES}, ROLE_PLAIN},
};
#define CASE_COLUMNS ((int)(sizeof case_columns / sizeof *case_columns))
#define TIME_COLUMN  1
#define FIRST_SECOND 11 // from here on: second arguments

// ---- Which kinds

static bool takes(enum function function, struct kind kind)
{
    const bool is_single = kind.id != KIND_LIST && kind.id != KIND_VECTOR;
    switch (function) {
    case CASE_MIXED: return true;
    case FN_ANY:
    case FN_ALL: return kind.id == KIND_BOOL;
    case FN_SINCE_LAST:
    case FN_SINCE_FIRST:
    case FN_DECAYED_COUNT: return kind.id == KIND_INT64; // not used
    case FN_COUNT:
    case FN_FIRST:
    case FN_LAST:
    case FN_LAG:
    case FN_DISTINCT:
    case FN_MIN_BY:
    case FN_MAX_BY: return true;
    case FN_MIN:
    case FN_MAX: return is_single && kind.id != KIND_BOOL;
    case FN_COUNT_BY: return is_single && kind.id != KIND_FLOAT64;
    case FN_FIRST_K:
    case FN_LAST_K:
    case FN_UNIQUE_LAST_K:
    case FN_MODE:
    case FN_TOP_K:
    case FN_ENTROPY: return is_single;
    default: return kind_is_number(kind);
    }
}

const char *case_name(enum function function)
{
    return function == CASE_MIXED ? "several" : function_forms[function].name;
}

int case_kinds(enum function function, struct kind kinds[16])
{
    int count = 0;
    for (int c = TIME_COLUMN + 1; c < CASE_COLUMNS && c < FIRST_SECOND; c++)
        if (takes(function, case_columns[c].kind)) kinds[count++] = case_columns[c].kind;
    return count;
}

// ---- The plan

static const struct expression *column_node(struct maker *maker, int column)
{
    return make_leaf(maker, OP_COLUMN, case_columns[column].kind, column);
}

static const struct expression *second_argument(struct maker *maker, bool is_number)
{
    for (;;) {
        const int column = FIRST_SECOND + (int)below(maker, CASE_COLUMNS - FIRST_SECOND);
        if (!is_number || kind_is_number(case_columns[column].kind)) return column_node(maker, column);
    }
}

static enum function any_function(struct maker *maker, struct kind kind)
{
    for (;;) {
        const enum function function = (enum function)below(maker, FUNCTIONS);
        if (takes(function, kind)) return function;
    }
}

static struct aggregate base_aggregate(struct maker *maker, enum function function, struct kind kind)
{
    struct aggregate made = {.function = function};
    const int arguments = function_forms[function].arguments;
    for (int c = TIME_COLUMN + 1; c < FIRST_SECOND; c++)
        if (case_columns[c].kind.id == kind.id && (arguments > 0 || function == FN_COUNT))
            made.argument = column_node(maker, c);
    if (arguments == 2) made.second = second_argument(maker, function != FN_MIN_BY && function != FN_MAX_BY);
    choose_parameters(maker, &made);
    made.kind = aggregate_kind(&made);
    return made;
}

static void choose_window(struct maker *maker, struct aggregate *aggregate, int bound)
{
    static const int64_t windows[] = {HOUR, DAY, 7 * DAY, 30 * DAY, 10 * MINUTE, 13};
    static const int lasts[] = {1, 2, 5, 30, 100, 10000};
    const bool is_decayed = aggregate->function >= FN_DECAYED_SUM;
    aggregate->bound = (bound < 2 || bound == 3 || is_decayed) ? BOUND_WINDOW : BOUND_ALL;
    if (bound == 5 && aggregate->function == FN_LAST) aggregate->bound = BOUND_WITHIN;
    if (bound == 3 || bound == 4) aggregate->last = lasts[below(maker, 6)];
    if (aggregate->bound != BOUND_ALL) aggregate->window = windows[below(maker, 6)];
    if (aggregate->bound == BOUND_WINDOW && bound == 1) aggregate->hop = 1;
    if (is_decayed) aggregate->half_life = any_half_life(maker, aggregate->window);
}

static void make_source(struct plan *plan)
{
    struct source *source = &plan->sources[0];
    *source = (struct source){.name = "events",
                              .column_count = CASE_COLUMNS,
                              .time_column = TIME_COLUMN,
                              .id_column = -1,
                              .operation_column = -1,
                              .arrival_column = -1};
    memcpy(source->columns, case_columns, sizeof case_columns);
    plan->source_count = plan->entity_count = plan->view_count = plan->key_count = 1;
    plan->key_names[0] = "user";
    plan->key_kinds[0] = (struct kind){KIND_INT64};
    plan->entities[0] = (struct entity){"user", 1, {0}};
}

static void make_plan(struct maker *maker, enum function function, struct kind kind)
{
    struct plan *plan = maker->plan;
    struct view *view = &plan->views[0];
    make_source(plan);
    *view = (struct view){.name = "view0", .entity = &plan->entities[0], .source = &plan->sources[0]};
    maker->view = view;
    const struct expression *where = chance(maker, 30) ? make_condition(maker) : NULL;
    struct aggregate base;
    if (function != CASE_MIXED) base = base_aggregate(maker, function, kind);
    for (int bound = 0; bound < CASE_BOUNDS; bound++) {
        if (function == CASE_MIXED) base = base_aggregate(maker, any_function(maker, kind), kind);
        struct aggregate aggregate = base;
        aggregate.where = where;
        // The same kept events serve several readers.
        if (chance(maker, 50)) choose_parameters(maker, &aggregate);
        choose_window(maker, &aggregate, bound);
        view->aggregates[bound] = aggregate;
        view->features[bound] = (struct feature){pool_format(maker->pool, "f%d", bound),
                                                 make_leaf(maker, OP_AGGREGATE, aggregate.kind, bound)};
        struct expression *read = make_node(maker, OP_FEATURE, aggregate.kind);
        read->index = bound;
        plan->features[bound] = (struct feature){view->features[bound].name, read};
    }
    view->aggregate_count = view->feature_count = plan->feature_count = CASE_BOUNDS;
}

const char *case_open(struct aggregate_case *made, struct random *random, enum function function,
                      struct kind kind)
{
    *made = (struct aggregate_case){.random = random};
    struct maker maker = {.random = random, .pool = &made->pool, .plan = &made->plan};
    struct ss_buffer report = {0};
    struct ss_error error;
    size_t error_count;
    make_plan(&maker, function, kind);
    made->yaml = plan_yaml(&made->pool, &made->plan);
    const struct ss_file file = {"case.yaml", ss_bytes_of(made->yaml)};
    const enum ss_status status =
        ss_definitions_compile(&file, 1, NULL, &made->definitions, &report, &error_count, &error);
    const char *problem = NULL;
    if (status == SS_OK)
        made->view = ss_find_view(made->definitions, "view0");
    else
        problem =
            pool_format(&made->pool, "%s\n%.*s", made->yaml, (int)report.size, (const char *)report.data);
    ss_buffer_release(&report);
    return problem;
}

void case_close(struct aggregate_case *made)
{
    ss_definitions_destroy(made->definitions);
    ss_arena_release(&made->arena);
    pool_release(&made->pool);
}

// ---- Events

// How the values of one column are drawn for one set of events.
enum flavor { FLAVOR_FEW, FLAVOR_EQUAL, FLAVOR_MANY, FLAVOR_EXTREME, FLAVOR_CANCEL, FLAVORS };

static double double_of(struct random *random, enum flavor flavor)
{
    static const enum samples_kind extremes[] = {SAMPLES_SUBNORMAL, SAMPLES_HUGE, SAMPLES_GREATEST};
    struct samples samples = {random_word(random)};
    switch (flavor) {
    case FLAVOR_FEW: return (double)random_between(random, -3, 3) / 2.0;
    case FLAVOR_EQUAL: return 0.1;
    case FLAVOR_MANY: return samples_double(&samples, (enum samples_kind)random_below(random, 2));
    case FLAVOR_EXTREME:
        if (random_chance(random, 70)) return samples_double(&samples, SAMPLES_EXTREME);
        return samples_double(&samples, extremes[random_below(random, 3)]);
    default: return samples_double(&samples, random_chance(random, 80) ? SAMPLES_CANCEL : SAMPLES_HUGE);
    }
}

static int64_t whole_of(struct random *random, enum flavor flavor, int64_t limit)
{
    const int64_t edges[] = {limit, -limit, limit - 1, 0, 1, -1};
    const int64_t word = (int64_t)(random_word(random) >> 1);
    switch (flavor) {
    case FLAVOR_FEW: return random_between(random, -3, 3);
    case FLAVOR_EQUAL: return 7;
    case FLAVOR_MANY: return random_between(random, -100000, 100000);
    case FLAVOR_EXTREME: return edges[random_below(random, 6)];
    default: return (random_chance(random, 50) ? 1 : -1) * (word % limit);
    }
}

static const char *text_of(struct aggregate_case *made, enum flavor flavor)
{
    static const char *const texts[] = {"",         "a",  "b",  "ab",      "A",
                                        "\xc3\xa9", "\"", "\\", "\n\x1f/", "\xf0\x9f\x98\x80"};
    struct random *random = made->random;
    switch (flavor) {
    case FLAVOR_FEW: return texts[random_below(random, 10)];
    case FLAVOR_EQUAL: return "same";
    case FLAVOR_EXTREME:
        return pool_format(&made->pool, "%0*d", (int)random_below(random, 300), (int)random_below(random, 3));
    default: return pool_format(&made->pool, "%x", (unsigned)random_below(random, 5000));
    }
}

static struct cell any_list(struct aggregate_case *made, enum flavor flavor)
{
    struct cell cells[3] = {{0}};
    const int count = (int)random_below(made->random, 4);
    for (int i = 0; i < count; i++)
        if (random_chance(made->random, 80))
            cells[i] = (struct cell){.present = true, .text = text_of(made, flavor)};
    return list_cell(&made->pool, (struct kind){KIND_STRING}, cells, count);
}

static struct cell any_vector(struct aggregate_case *made, enum flavor flavor)
{
    float numbers[3];
    for (int i = 0; i < 3; i++) numbers[i] = (float)whole_of(made->random, flavor, 1000) / 8 + 0.0f;
    char *text = pool_take(&made->pool, sizeof numbers);
    memcpy(text, numbers, sizeof numbers);
    return (struct cell){.present = true, .text = text, .size = sizeof numbers};
}

static struct cell any_cell(struct aggregate_case *made, struct kind kind, enum flavor flavor)
{
    struct random *random = made->random;
    struct cell cell = {.present = true};
    switch (kind.id) {
    case KIND_BOOL: cell.i = flavor == FLAVOR_EQUAL ? 1 : (int64_t)random_below(random, 2); break;
    case KIND_FLOAT64: cell.f = double_of(random, flavor) + 0.0; break;
    case KIND_STRING: cell.text = text_of(made, flavor); break;
    case KIND_DECIMAL: cell.i = whole_of(random, flavor, INT64_C(999999999999999999)); break;
    case KIND_INT64:
        cell.i = whole_of(random, flavor, INT64_MAX);
        if (cell.i == -INT64_MAX) cell.i = INT64_MIN;
        break;
    case KIND_BYTES:
        cell.text = text_of(made, flavor);
        cell.size = strlen(cell.text) + random_below(random, 2); // now and then with its NUL
        break;
    case KIND_LIST: return any_list(made, flavor);
    case KIND_VECTOR: return any_vector(made, flavor);
    default: cell.i = whole_of(random, flavor, 60000000000000000); break; // timestamp
    }
    return cell;
}

struct drawing { // of one set of events
    enum flavor flavors[MAX_COLUMNS];
    unsigned null_percent;
    int64_t base, spread;
};

static void make_event(struct aggregate_case *made, const struct drawing *drawing, int index)
{
    struct random *random = made->random;
    struct cell *cells = pool_take(&made->pool, CASE_COLUMNS * sizeof *cells);
    int64_t time = drawing->base - (int64_t)random_below(random, (uint64_t)drawing->spread);
    if (random_chance(random, 10)) time -= (time % MINUTE + MINUTE) % MINUTE; // never after a read
    for (int c = 0; c < CASE_COLUMNS; c++)
        if (c < 2 || !random_chance(random, drawing->null_percent))
            cells[c] = any_cell(made, case_columns[c].kind, drawing->flavors[c]);
    cells[TIME_COLUMN].i = time;
    made->naive[index] = (struct naive_event){.seq = (uint64_t)index + 1, .time = time, .cells = cells};
}

// Sketches and caps begin where there are many.
static int any_count(struct random *random, enum function function)
{
    const bool is_sketched = function == FN_DISTINCT || (function >= FN_QUANTILE && function <= FN_ENTROPY);
    const uint64_t pick = random_below(random, 100) + (is_sketched ? 30 : 0);
    if (pick < 50) return (int)random_below(random, 9);
    if (pick < 80) return (int)random_between(random, 9, 66);
    return (int)(pick < 93 ? random_between(random, 60, 160) : random_between(random, 160, CASE_EVENTS));
}

static void draw(struct aggregate_case *made)
{
    static const int64_t bases[] = {INT64_C(1709164798000001), 1, -INT64_C(157766400000000),
                                    -INT64_C(62000000000000000), INT64_C(250000000000000000)};
    static const int64_t spreads[] = {1, 3, 100, MINUTE, HOUR, 3 * DAY, 40 * DAY, 400 * DAY};
    static const unsigned nulls[] = {0, 10, 60};
    struct random *random = made->random;
    struct drawing drawing = {.null_percent = nulls[random_below(random, 3)],
                              .base = bases[random_below(random, 5)],
                              .spread = spreads[random_below(random, 8)]};
    for (int c = 0; c < CASE_COLUMNS; c++) drawing.flavors[c] = (enum flavor)random_below(random, FLAVORS);
    made->count = any_count(random, made->plan.views[0].aggregates[0].function);
    made->noise = (int)random_below(random, (uint64_t)(made->count / 4 + 3)); // CASE_NOISE at most
    for (int i = 0; i < made->count + made->noise; i++) make_event(made, &drawing, i);
    const int64_t later[] = {1, 1 + (int64_t)random_below(random, (uint64_t)drawing.spread),
                             1 + (int64_t)random_below(random, 8 * DAY)};
    for (int i = 0; i < CASE_TIMES; i++) made->t[i] = drawing.base + later[i];
    made->horizon = random_chance(random, 50) ? INT64_MIN : made->t[0];
}

static void prepare(struct aggregate_case *made, const struct ss_column *outputs, int row)
{
    const struct ss_view *view = made->view;
    bool passes[8];
    struct ss_value values[8], seconds[8];
    struct ss_event event;
    if (view->group_count > 8) abort();
    if (!ss_event_prepare(view, outputs, row, made->naive[row].time, made->naive[row].seq, passes, values,
                          seconds, &event) ||
        !ss_event_copy(view, &event, &made->arena, &made->events[row]))
        abort();
}

void case_fill(struct aggregate_case *made)
{
    struct ss_arena scratch = {0};
    struct ss_column columns[MAX_COLUMNS + 1], outputs[16];
    const struct ss_column *inputs[MAX_COLUMNS + 1];
    struct ss_error error;
    draw(made);
    const int rows = made->count + made->noise;
    ss_arena_reset(&made->arena);
    for (int c = 0; c <= CASE_COLUMNS; c++) { // the last: event_time
        const int from = c < CASE_COLUMNS ? c : TIME_COLUMN;
        const struct kind kind = case_columns[from].kind;
        inputs[c] = &columns[c];
        if (!ss_column_init(&columns[c], type_of_kind(kind), rows + 1, &scratch)) abort();
        for (int r = 0; r < rows; r++)
            if (!ss_column_append(&columns[c], value_of_cell(kind, made->naive[r].cells[from]), &scratch))
                abort();
    }
    if (ss_program_output_count(made->view->row_program) > 16 ||
        ss_program_run(made->view->row_program, inputs, rows, &scratch, outputs, &error) != SS_OK)
        abort();
    for (int r = 0; r < rows; r++) prepare(made, outputs, r);
    ss_arena_release(&scratch);
}

// ---- Values

void case_features(const struct aggregate_case *made, int64_t t, const struct ss_value *aggregates,
                   struct pool *pool, struct cell *cells)
{
    const struct ss_view *view = made->view;
    struct ss_arena arena = {0};
    struct ss_column columns[CASE_BOUNDS + 2], outputs[CASE_BOUNDS];
    const struct ss_column *inputs[CASE_BOUNDS + 2];
    struct ss_error error;
    for (size_t i = 0; i < view->aggregate_count + 2; i++) {
        struct ss_value value = {.present = true, .i64 = t}; // then the key, which nothing reads
        struct ss_type type = {.id = i == view->aggregate_count ? SS_TIMESTAMP : SS_INT64};
        if (i < view->aggregate_count) {
            type = view->aggregates[i].type;
            value = aggregates[i];
        }
        inputs[i] = &columns[i];
        if (!ss_column_init(&columns[i], type, 1, &arena) || !ss_column_append(&columns[i], value, &arena))
            abort();
    }
    if (ss_program_run(view->read_program, inputs, 1, &arena, outputs, &error) != SS_OK) abort();
    for (size_t f = 0; f < view->feature_count; f++) {
        const int bound = view->features[f].name[1] - '0';
        cells[bound] = cell_of_value(pool, view->features[f].type, ss_column_get(&outputs[f], 0));
    }
    ss_arena_release(&arena);
}

static int by_time_and_seq(const void *a, const void *b)
{
    const struct naive_event *x = *(const struct naive_event *const *)a,
                             *y = *(const struct naive_event *const *)b;
    if (x->time != y->time) return x->time < y->time ? -1 : 1;
    return x->seq < y->seq ? -1 : 1;
}

void case_naive(const struct aggregate_case *made, int64_t t, struct pool *pool, struct cell *cells)
{
    const struct naive_event *events[CASE_EVENTS];
    bool expired;
    for (int i = 0; i < made->count; i++) events[i] = &made->naive[i];
    qsort(events, (size_t)made->count, sizeof *events, by_time_and_seq);
    const struct naive_seen seen = {pool, events, made->count, t};
    for (int f = 0; f < CASE_BOUNDS; f++)
        cells[f] = naive_aggregate(&seen, &made->plan.views[0].aggregates[f], &expired);
}
