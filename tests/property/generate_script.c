// Random scripts: what is pushed and when, and when it is looked up.
//
// The clock is planned ahead: before a step it is moved to a time that is not before where any commit can
// have left it, so that event times can be drawn around it.

#include <string.h>

#include "scenario.h"

#define MOST_ROWS 320
#define MANY_ROWS 2000 // of a few scripts: more than tiles keep raw
#define CLOCK_SLACK \
    (SECOND + 2000) // a live commit leaves the clock at most so far after the time it was moved to
#define POOL         24
#define LOOKUPS      5
#define MOST_QUERIES 24
#define MOST_STEPS   48

struct maker {
    struct random *random;
    struct pool *pool;
    const struct plan *plan;
    struct script *script;
    int64_t clock; // not before the store's
    int64_t values[POOL];
    double numbers[POOL];
    int64_t times[POOL];
    struct source_maker {
        int row_count;
        const struct row **rows; // made so far
        bool is_live;
        int declared_left;
        int next_id;
        int64_t last_time;
    } sources[2];
    int rows_left;
};

static uint64_t below(struct maker *maker, uint64_t bound)
{
    return random_below(maker->random, bound);
}

static bool chance(struct maker *maker, unsigned percent)
{
    return random_chance(maker->random, percent);
}

static int64_t between(struct maker *maker, int64_t low, int64_t high)
{
    return random_between(maker->random, low, high);
}

// ---- Values

static void make_pools(struct maker *maker)
{
    static const int64_t whole[] = {0,         1,         -1,           7, 100, -100, INT64_C(1) << 40,
                                    INT64_MAX, INT64_MIN, INT64_MAX - 1};
    static const double numbers[] = {0,
                                     0.1,
                                     -0.1,
                                     1e308,
                                     -1e308,
                                     1.7976931348623157e308,
                                     5e-324,
                                     -1e-300,
                                     1.0 / 3.0,
                                     1e16,
                                     9007199254740992.0,
                                     -2.5};
    for (int i = 0; i < POOL; i++) {
        maker->values[i] = i < 10 ? whole[i] : between(maker, -1000, 1000);
        const double scattered =
            (double)between(maker, -1000000000, 1000000000) / (double)between(maker, 1, 100000);
        maker->numbers[i] = i < 12 ? numbers[i] : scattered;
        maker->times[i] = maker->clock + between(maker, -40 * DAY, 40 * DAY);
    }
}

static const char some_bytes[] =
    "\0\xff\x80"
    "abc";

static struct cell key_cell(struct maker *maker, struct kind kind)
{
    static const char *const texts[] = {"u1", "u2", "", "\xc3\xa9", "U1"};
    static const int64_t numbers[] = {1, 2, -5, INT64_MIN, 0};
    struct cell cell = {.present = true};
    if (kind.id == KIND_BYTES) {
        cell.text = &some_bytes[below(maker, 3)];
        cell.size = (size_t)below(maker, 3);
    } else if (kind.id == KIND_STRING) {
        cell.text = texts[below(maker, 5)];
    } else {
        cell.i = kind.id == KIND_BOOL ? (int64_t)below(maker, 2) : numbers[below(maker, 5)];
    }
    return cell;
}

static struct cell bytes_cell(struct maker *maker)
{
    const uint64_t from = below(maker, 6);
    return (struct cell){.present = true, .text = &some_bytes[from], .size = (size_t)below(maker, 7 - from)};
}

static struct cell plain_cell(struct maker *maker, struct kind kind);

static struct cell any_list(struct maker *maker, struct kind kind)
{
    struct cell cells[3];
    const int count = (int)below(maker, 4);
    for (int i = 0; i < count; i++) cells[i] = plain_cell(maker, (struct kind){kind.element, kind.scale});
    return list_cell(maker->pool, (struct kind){kind.element, kind.scale}, cells, count);
}

static struct cell any_vector(struct maker *maker, struct kind kind)
{
    static const float numbers[] = {0, 1, -2.5f, 0.1f, 3.4028235e38f, 1e-45f};
    char *text = pool_take(maker->pool, 4 * kind.length);
    for (unsigned i = 0; i < kind.length; i++) memcpy(text + 4 * i, &numbers[below(maker, 6)], 4);
    return (struct cell){.present = true, .text = text, .size = 4 * kind.length};
}

static struct cell plain_cell(struct maker *maker, struct kind kind)
{
    static const char *const texts[] = {"a",    "b",    "",   "A",         "\xc3\xa9t\xc3\xa9",
                                        "zz z", "it's", "US", "q\"\n\x01", "\xf0\x9f\x98\x80\\!"};
    struct cell cell = {.present = true};
    if (chance(maker, 12)) return (struct cell){0};
    if (kind.id == KIND_BYTES) return bytes_cell(maker);
    if (kind.id == KIND_LIST) return any_list(maker, kind);
    if (kind.id == KIND_VECTOR) return any_vector(maker, kind);
    // Mostly small numbers: huge ones make every sum of theirs null.
    const uint64_t pick = chance(maker, 85) ? 12 + below(maker, POOL - 12) : below(maker, POOL);
    switch (kind.id) {
    case KIND_BOOL: cell.i = (int64_t)below(maker, 2); break;
    case KIND_FLOAT64: cell.f = maker->numbers[pick]; break;
    case KIND_STRING: cell.text = texts[below(maker, 10)]; break;
    case KIND_TIMESTAMP: cell.i = maker->times[pick]; break;
    case KIND_DECIMAL: cell.i = maker->values[pick] % INT64_C(1000000000000000000); break;
    default: cell.i = maker->values[pick]; break;
    }
    return cell;
}

static int64_t event_time(struct maker *maker, const struct source *source, const struct source_maker *made,
                          bool live)
{
    static const int64_t edges[] = {SECOND, MINUTE, 5 * MINUTE, HOUR, DAY, 250 * 1000};
    int64_t latest = maker->clock;
    if (!live && maker->plan->wall) latest -= source->offset + 1;
    if (live && chance(maker, 8)) return latest + between(maker, 1, SECOND);
    if (live && chance(maker, 2)) return latest + 3650 * DAY; // a violation: future
    if (made->row_count && chance(maker, 20)) return made->last_time < latest ? made->last_time : latest;
    switch (below(maker, 6)) {
    case 0: return latest - (int64_t)below(maker, 3);
    case 1: return latest - between(maker, 0, 2 * SECOND);
    case 2: return latest - between(maker, 0, 3 * HOUR);
    case 3: {
        const int64_t edge = edges[below(maker, 6)];
        const int64_t at = latest - between(maker, 0, 20) * edge, over = at % edge;
        return at - over - edge + between(maker, -1, 1);
    }
    case 4: return latest - between(maker, 0, 60 * DAY);
    default: return latest - between(maker, 0, 2 * DAY);
    }
}

static struct cell id_cell(struct maker *maker, struct kind kind, int number)
{
    if (kind.id == KIND_STRING)
        return (struct cell){.present = true, .text = pool_format(maker->pool, "e%d", number)};
    return (struct cell){.present = true, .i = number};
}

// ---- Rows

static void fresh_row(struct maker *maker, int index, bool live, struct row *row)
{
    const struct source *source = &maker->plan->sources[index];
    struct source_maker *made = &maker->sources[index];
    const int64_t time = event_time(maker, source, made, live);
    for (int c = 0; c < source->column_count; c++) {
        const struct column *column = &source->columns[c];
        struct cell *cell = &row->cells[c];
        switch (column->role) {
        case ROLE_TIME: *cell = (struct cell){.present = !chance(maker, 1), .i = time}; break;
        case ROLE_ID:
            // Now and then an id that was used before, at another time: another event.
            *cell =
                id_cell(maker, column->kind,
                        chance(maker, 5) ? (int)below(maker, (uint64_t)made->next_id + 1) : made->next_id++);
            if (chance(maker, 1)) *cell = (struct cell){0};
            break;
        case ROLE_OPERATION: *cell = (struct cell){.present = true, .text = "insert"}; break;
        case ROLE_ARRIVAL:
            *cell = (struct cell){.present = !chance(maker, 3),
                                  .i = time + between(maker, chance(maker, 3) ? -5 : 0, 5)};
            if (chance(maker, 60)) cell->i += between(maker, 0, 2 * DAY);
            if (maker->plan->wall && !live && cell->i >= maker->clock && chance(maker, 95))
                cell->i = maker->clock - 1;
            break;
        case ROLE_KEY: *cell = chance(maker, 6) ? (struct cell){0} : key_cell(maker, column->kind); break;
        case ROLE_PLAIN: *cell = plain_cell(maker, column->kind); break;
        }
        if (!cell->present) *cell = (struct cell){0};
    }
    made->last_time = time;
}

static const struct row *any_row(struct maker *maker, int index)
{
    const struct source_maker *made = &maker->sources[index];
    return made->rows[below(maker, (uint64_t)made->row_count)];
}

static void make_delete(struct maker *maker, const struct source *source, struct row *row)
{
    row->cells[source->operation_column] = (struct cell){.present = true, .text = "delete"};
    for (int c = 0; c < source->column_count; c++) {
        const enum role role = source->columns[c].role;
        if ((role == ROLE_PLAIN || role == ROLE_KEY) && chance(maker, 50)) row->cells[c] = (struct cell){0};
    }
}

static void make_row(struct maker *maker, int index, bool live, bool deletes, struct row *row)
{
    const struct source *source = &maker->plan->sources[index];
    struct source_maker *made = &maker->sources[index];
    const uint64_t pick = below(maker, 100);
    if (made->row_count && pick < 8) {
        *row = *any_row(maker, index); // the same again
    } else if (made->row_count && pick < 12) {
        *row = *any_row(maker, index); // of one identity, but not the same
        for (int c = 0; c < source->column_count; c++)
            if (source->columns[c].role == ROLE_PLAIN)
                row->cells[c] = plain_cell(maker, source->columns[c].kind);
    } else if (made->row_count && pick < 24 && deletes && source->operation_column >= 0) {
        *row = *any_row(maker, index);
        make_delete(maker, source, row);
    } else {
        fresh_row(maker, index, live, row);
        // Sometimes its delete comes first; the row itself comes when it is drawn again.
        struct row *kept = pool_take(maker->pool, sizeof *kept);
        *kept = *row;
        made->rows[made->row_count++] = kept;
        if (deletes && source->operation_column >= 0 && chance(maker, 4)) make_delete(maker, source, row);
    }
    const bool is_delete =
        source->operation_column >= 0 && strcmp(row->cells[source->operation_column].text, "delete") == 0;
    if (is_delete && !deletes) row->cells[source->operation_column].text = "insert";
    row->dropped = false;
}

// ---- Steps

static int64_t later_clock(struct maker *maker)
{
    static const int64_t edges[] = {SECOND, MINUTE, HOUR, DAY};
    switch (below(maker, 8)) {
    case 0: return maker->clock;
    case 1: return maker->clock + 1;
    case 2: return maker->clock + between(maker, 0, 2000);
    case 3: return maker->clock + between(maker, 0, HOUR);
    case 4: return maker->clock + between(maker, 0, 3 * DAY);
    case 5: return maker->clock + between(maker, 0, 40 * DAY);
    default: {
        const int64_t edge = edges[below(maker, 4)];
        const int64_t at = maker->clock - maker->clock % edge + 2 * edge + between(maker, -1, 1);
        return at > maker->clock ? at : maker->clock;
    }
    }
}

static void note_clock(struct maker *maker, const struct step *step)
{
    const struct source *source = &maker->plan->sources[step->source];
    int64_t newest = step->clock + CLOCK_SLACK;
    for (int r = 0; r < step->row_count && !step->live; r++) {
        const struct cell *cells = step->rows[r].cells;
        int64_t known = cells[source->time_column].i + source->offset;
        if (source->arrival == ARRIVAL_COLUMN && cells[source->arrival_column].i > known)
            known = cells[source->arrival_column].i;
        if (known + CLOCK_SLACK > newest && !maker->plan->wall) newest = known + CLOCK_SLACK;
    }
    maker->clock = newest;
}

static void add_push(struct maker *maker, int index)
{
    struct source_maker *made = &maker->sources[index];
    struct step *step = &maker->script->steps[maker->script->step_count++];
    int count = chance(maker, 30) ? (int)between(maker, 1, 3) : (int)between(maker, 1, 50);
    if (count > maker->rows_left) count = maker->rows_left;
    *step = (struct step){
        .kind = STEP_PUSH, .source = index, .clock = later_clock(maker), .again = chance(maker, 10)};
    maker->clock = step->clock;
    step->live = made->is_live || made->declared_left-- <= 0;
    // A delete makes a source live, so only the last of what is declared may hold some.
    const bool deletes = step->live || (made->declared_left <= 0 && chance(maker, 30));
    step->rows = pool_take(maker->pool, (size_t)(count + 1) * sizeof *step->rows);
    for (int r = 0; r < count; r++) make_row(maker, index, step->live, deletes, &step->rows[r]);
    step->row_count = count;
    made->is_live = made->is_live || deletes;
    maker->rows_left -= count;
    note_clock(maker, step);
}

static void add_lookup(struct maker *maker)
{
    struct step *step = &maker->script->steps[maker->script->step_count++];
    *step = (struct step){.kind = STEP_LOOKUP};
    if (chance(maker, 15)) step->ahead = between(maker, 1, 3 * DAY);
    if (chance(maker, 30)) return;
    step->clock = later_clock(maker);
    maker->clock = step->clock;
}

static void make_queries(struct maker *maker)
{
    const struct plan *plan = maker->plan;
    struct script *script = maker->script;
    script->query_count = MOST_QUERIES;
    script->query_keys = pool_take(maker->pool, MOST_QUERIES * sizeof *script->query_keys);
    script->query_request = pool_take(maker->pool, MOST_QUERIES * sizeof *script->query_request);
    for (int q = 0; q < MOST_QUERIES; q++) {
        for (int k = 0; k < plan->service_key_count; k++) {
            const struct kind kind = plan->key_kinds[plan->service_keys[k]];
            struct cell *cell = &script->query_keys[q][k];
            if (!chance(maker, 4)) *cell = key_cell(maker, kind);
            if (cell->present && kind.id == KIND_STRING && chance(maker, 4)) cell->text = "nobody";
        }
        for (int r = 0; r < plan->request_count; r++)
            script->query_request[q][r] = plain_cell(maker, plan->request[r].kind);
    }
}

// The key that a query asks for, where the service has this key.
static struct cell asked_key(const struct maker *maker, int query, int key)
{
    const struct plan *plan = maker->plan;
    for (int k = 0; k < plan->service_key_count; k++)
        if (plan->service_keys[k] == key) return maker->script->query_keys[query][k];
    return (struct cell){0};
}

static struct cell at_hand_cell(struct maker *maker, const struct column *column, int query)
{
    switch (column->role) {
    case ROLE_PLAIN: return plain_cell(maker, column->kind);
    case ROLE_ID: return id_cell(maker, column->kind, (int)below(maker, 50));
    case ROLE_KEY:
        if (maker->script->at_hand_lacks_keys) return (struct cell){0};
        return chance(maker, 30) ? key_cell(maker, column->kind) : asked_key(maker, query, column->key);
    default: return (struct cell){0};
    }
}

static void make_at_hand(struct maker *maker)
{
    const struct plan *plan = maker->plan;
    struct script *script = maker->script;
    script->at_hand_source = (int)below(maker, (uint64_t)plan->source_count);
    script->at_hand_lacks_keys = chance(maker, 50);
    script->query_at_hand = pool_take(maker->pool, MOST_QUERIES * sizeof *script->query_at_hand);
    const struct source *source = &plan->sources[script->at_hand_source];
    for (int q = 0; q < MOST_QUERIES; q++) {
        struct cell *cells = pool_take(maker->pool, MAX_COLUMNS * sizeof *cells);
        if (chance(maker, 30)) continue;
        for (int c = 0; c < source->column_count; c++) cells[c] = at_hand_cell(maker, &source->columns[c], q);
        script->query_at_hand[q] = cells;
    }
}

void generate_script(struct random *random, struct pool *pool, const struct plan *plan, struct script *script)
{
    static const int64_t starts[] = {INT64_C(1709164798000000), 1, -INT64_C(157766400000000),
                                     INT64_C(978307200000000)};
    struct maker maker = {.random = random, .pool = pool, .plan = plan, .script = script};
    *script = (struct script){.steps = pool_take(pool, MOST_STEPS * sizeof(struct step))};
    maker.clock = starts[random_below(random, 4)];
    maker.rows_left = (int)between(&maker, 30, chance(&maker, 4) ? MANY_ROWS : MOST_ROWS);
    make_pools(&maker);
    for (int i = 0; i < plan->source_count; i++) {
        maker.sources[i].rows = pool_take(pool, (MANY_ROWS + 1) * sizeof *maker.sources[i].rows);
        maker.sources[i].declared_left = (int)below(&maker, 5);
    }
    int lookups = LOOKUPS;
    while (maker.rows_left > 0 && script->step_count < MOST_STEPS - LOOKUPS - 1) {
        if (lookups > 1 && chance(&maker, 25)) {
            add_lookup(&maker);
            lookups--;
        } else {
            add_push(&maker, (int)below(&maker, (uint64_t)plan->source_count));
        }
    }
    for (; lookups > 0; lookups--) add_lookup(&maker);
    script->end_clock = maker.clock + CLOCK_SLACK + 1;
    make_queries(&maker);
    if (chance(&maker, 40)) make_at_hand(&maker);
}
