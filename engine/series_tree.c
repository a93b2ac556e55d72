// Folds of one group over a span of rows of one lane, and the trees that make them short. See
// series_internal.h.
//
// A span [from, to) is covered by rows up to the next whole block on both sides, then by blocks of ever
// higher levels. A block that the read does not see whole is taken apart: its blocks of the level below, at
// last its rows, each tested. Sums and sets are exact and commutative, so the cover shows in no bit.

#include "engine/series_internal.h"

#include "engine/scalar.h"
#include "engine/window_value.h"

static inline bool is_seen(const struct ss_series *series, int32_t row, int64_t seen_us, uint64_t s)
{
    return series->known_us[row] < seen_us && series->seq[row] <= s;
}

bool ss_series_sees(const struct ss_series *series, const struct ss_series_lane *lane, int32_t row,
                    int64_t seen_us, uint64_t s)
{
    if (!is_seen(series, row, seen_us, s)) return false;
    if (lane != &series->lanes[SS_LANE_DELETED]) return true;
    const struct ss_series_deletion *deletion = &series->deletions[row - lane->begin];
    return deletion->seq > s || deletion->arrival_us >= seen_us;
}

// ---- Rows one by one

enum shape {      // of what is folded
    SHAPE_COUNT,  // how many
    SHAPE_SCALAR, // sums, bounds and distinct values of scalars
    SHAPE_ANY
};

static enum shape shape_of(const struct ss_group_kind *kind)
{
    if (kind->parts & SS_GROUP_MEMBERS) return SHAPE_ANY;
    if (!(kind->parts & SS_GROUP_VALUE_PARTS)) return SHAPE_COUNT;
    return ss_type_is_text(kind->type) ? SHAPE_ANY : SHAPE_SCALAR;
}

static inline bool takes_row(const struct ss_series_fold *fold, const uint8_t *marks, int32_t row)
{
    if (ss_series_mark(marks, row) != SS_SERIES_COUNTS) return false;
    return !fold->is_tested || ss_series_sees(fold->series, fold->lane, row, fold->seen_us, fold->s);
}

static void count_rows(const struct ss_series_fold *fold, const uint8_t *marks, int32_t from, int32_t to)
{
    if (!marks && !fold->is_tested)
        fold->total->n += (uint64_t)(to - from);
    else
        for (int32_t row = from; row < to; row++) fold->total->n += takes_row(fold, marks, row);
}

static bool fold_scalars(const struct ss_series_fold *fold, const uint8_t *marks, int32_t from, int32_t to)
{
    const int64_t *words = fold->series->values[fold->series->plan->groups[fold->group].argument].words;
    const enum ss_type_id type = fold->kind.type.id;
    int64_t keys[SS_EXACT_TERMS];
    for (int32_t row = from; row < to;) {
        uint32_t count = 0;
        for (; row < to && count < SS_EXACT_TERMS; row++) {
            const struct ss_value value = {.present = true, .i64 = words[row]};
            if (takes_row(fold, marks, row)) keys[count++] = ss_scalar_key(type, &value);
        }
        if (!ss_group_absorb_keys(fold->total, type, fold->kind.parts, keys, count, fold->arena))
            return false;
    }
    return true;
}

static bool fold_any(const struct ss_series_fold *fold, const uint8_t *marks, int32_t from, int32_t to)
{
    const struct ss_series *series = fold->series;
    const struct ss_series_group *of = &series->plan->groups[fold->group];
    for (int32_t row = from; row < to; row++) {
        if (!takes_row(fold, marks, row)) continue;
        struct ss_group_event event = {series->event_time_us[row], series->seq[row]};
        if (of->argument >= 0) ss_series_value(series, of->argument, row, &event.value);
        if (of->second >= 0) ss_series_value(series, of->second, row, &event.second);
        if (!ss_group_add(fold->total, &fold->kind, &event, fold->arena)) return false;
    }
    return true;
}

bool ss_series_fold_rows(const struct ss_series_fold *fold, int32_t from, int32_t to)
{
    const uint8_t *marks = fold->series->marks[fold->group];
    switch (shape_of(&fold->kind)) {
    case SHAPE_COUNT: count_rows(fold, marks, from, to); return true;
    case SHAPE_SCALAR: return fold_scalars(fold, marks, from, to);
    default: return fold_any(fold, marks, from, to);
    }
}

// ---- Blocks

static int32_t rows_of(int level) // in a block
{
    int32_t rows = SS_SERIES_LEAF;
    while (level-- > 0) rows *= SS_SERIES_FANOUT;
    return rows;
}

// What stands for a block whose rows are all seen. False: out of memory.
static bool merge_block(const struct ss_series_fold *fold, int level, int32_t block)
{
    const struct ss_series_tree *tree = &fold->lane->trees[fold->group];
    if (tree->states[level])
        return ss_group_merge(fold->total, &fold->kind, ss_series_state(tree, level, block), fold->arena);
    fold->total->n += (uint64_t)rows_of(level); // all rows count, and nothing else is asked
    return true;
}

static inline bool sees_block(const struct ss_series_fold *fold, int level, int32_t block)
{
    const struct ss_series_level *of = &fold->lane->levels[level];
    if (!fold->is_tested) return true;
    return block < of->count && of->known_us[block] < fold->seen_us && of->seq[block] <= fold->s;
}

// Rows of a block that the span has in part.
static bool take_rows(const struct ss_series_fold *fold, int level, int32_t block, int32_t from, int32_t to)
{
    struct ss_series_fold part = *fold;
    if (from == to) return true;
    part.is_tested = !sees_block(fold, level, block);
    return ss_series_fold_rows(&part, from, to);
}

static bool take_block(const struct ss_series_fold *fold, int least, int level, int32_t block)
{
    if (sees_block(fold, level, block)) return merge_block(fold, level, block);
    if (level == least) {
        const int32_t from = fold->lane->begin + block * rows_of(level);
        return ss_series_fold_rows(fold, from, from + rows_of(level));
    }
    for (int32_t i = 0; i < SS_SERIES_FANOUT; i++)
        if (!take_block(fold, least, level - 1, block * SS_SERIES_FANOUT + i)) return false;
    return true;
}

// The first level that has what the fold asks for; level_count: none has.
static int least_level(const struct ss_series_fold *fold)
{
    const struct ss_series_group *of = &fold->series->plan->groups[fold->group];
    const bool is_plain = !fold->series->marks[fold->group];
    if (is_plain && shape_of(&fold->kind) == SHAPE_COUNT) return 0;
    return fold->kind.parts & ~(of->tree_parts | (uint32_t)SS_PART_N) || !of->tree_parts ||
                   !fold->lane->trees[fold->group].states[of->tree_level]
               ? fold->lane->level_count
               : of->tree_level;
}

struct cover { // blocks that a span is made of, but for rows at both ends
    int count;
    struct {
        int level;
        int32_t block;
    } blocks[(2 * SS_SERIES_LEVELS + 2) * SS_SERIES_FANOUT];
};

static inline void cover_block(const struct ss_series_fold *fold, int level, int32_t block,
                               struct cover *cover)
{
    const struct ss_series_tree *tree = &fold->lane->trees[fold->group];
    if (tree->states[level]) {
        const char *state = (const char *)ss_series_state(tree, level, block);
        for (size_t byte = 0; byte < tree->stride_bytes; byte += 64) __builtin_prefetch(state + byte);
    }
    cover->blocks[cover->count].level = level;
    cover->blocks[cover->count++].block = block;
}

// The blocks [low, high) of a level and what they make up of higher ones. Memory is asked for them all before
// the first is taken.
static void cover_blocks(const struct ss_series_fold *fold, int level, int32_t low, int32_t high,
                         struct cover *cover)
{
    cover->count = 0;
    for (; low < high; level++) {
        const bool is_top = level + 1 == fold->lane->level_count;
        for (; low < high && (is_top || low % SS_SERIES_FANOUT); low++) cover_block(fold, level, low, cover);
        for (; low < high && high % SS_SERIES_FANOUT; high--) cover_block(fold, level, high - 1, cover);
        low /= SS_SERIES_FANOUT;
        high /= SS_SERIES_FANOUT;
    }
}

// Asks for the memory of rows that are to be folded one by one.
static void fetch_rows(const struct ss_series_fold *fold, int32_t from, int32_t to)
{
    const struct ss_series *series = fold->series;
    const int column = series->plan->groups[fold->group].argument;
    if (from == to || column < 0 || ss_series_is_text(series, column)) return;
    for (int32_t row = from; row < to; row += 8) __builtin_prefetch(series->values[column].words + row);
    __builtin_prefetch(series->values[column].words + to - 1);
    __builtin_prefetch(series->marks[fold->group] + from);
}

bool ss_series_fold_span(const struct ss_series_fold *fold, int32_t from, int32_t to)
{
    const int32_t begin = fold->lane->begin, top = fold->lane->level_count;
    const int32_t least = top ? least_level(fold) : top;
    if (least >= top || to - from < rows_of(least)) return ss_series_fold_rows(fold, from, to);
    const int32_t rows = rows_of(least);
    const int32_t low = (from - begin + rows - 1) / rows, high = (to - begin) / rows;
    struct cover cover;
    if (low >= high) return ss_series_fold_rows(fold, from, to);
    fetch_rows(fold, from, begin + low * rows);
    fetch_rows(fold, begin + high * rows, to);
    cover_blocks(fold, least, low, high, &cover);
    if (!take_rows(fold, least, high, begin + high * rows, to)) return false;
    if (!take_rows(fold, least, low - 1, from, begin + low * rows)) return false;
    for (int i = 0; i < cover.count; i++)
        if (!take_block(fold, least, cover.blocks[i].level, cover.blocks[i].block)) return false;
    return true;
}

// ---- Building

static bool make_level(struct ss_series *series, struct ss_series_lane *lane, int level, int32_t count)
{
    struct ss_series_level *of = &lane->levels[level];
    of->count = count;
    of->known_us = ss_arena_array(&series->trees, (size_t)count, sizeof *of->known_us);
    of->seq = ss_arena_array(&series->trees, (size_t)count, sizeof *of->seq);
    if (!of->known_us || !of->seq) return false;
    const int64_t *known_us = level ? lane->levels[level - 1].known_us : series->known_us + lane->begin;
    const uint64_t *seq = level ? lane->levels[level - 1].seq : series->seq + lane->begin;
    const int32_t width = level ? SS_SERIES_FANOUT : SS_SERIES_LEAF;
    for (int32_t block = 0; block < count; block++) {
        of->known_us[block] = INT64_MIN;
        for (int32_t i = block * width; i < (block + 1) * width; i++) {
            if (known_us[i] > of->known_us[block]) of->known_us[block] = known_us[i];
            if (seq[i] > of->seq[block]) of->seq[block] = seq[i];
        }
    }
    return true;
}

static bool make_states(struct ss_series *series, const struct ss_series_lane *lane, int group, int level)
{
    const struct ss_series_group *of = &series->plan->groups[group];
    const uint32_t sums = SS_PART_N | SS_GROUP_SUM_PARTS;
    struct ss_series_tree *tree = &lane->trees[group];
    struct ss_series_fold fold = {.series = series,
                                  .lane = lane,
                                  .group = group,
                                  .kind = ss_total_kind(series->view, group, of->tree_parts),
                                  .arena = &series->trees};
    const bool has_sums = !(of->tree_parts & ~sums) && (of->tree_parts & SS_GROUP_SUM_PARTS);
    tree->stride_bytes = has_sums ? sizeof(struct ss_series_node) : sizeof(struct ss_group_state);
    tree->states[level] =
        ss_arena_array(&series->trees, (size_t)lane->levels[level].count, tree->stride_bytes);
    if (!tree->states[level]) return false;
    for (int32_t block = 0; block < lane->levels[level].count; block++) {
        const int32_t from = lane->begin + block * rows_of(level);
        fold.total = ss_series_state(tree, level, block);
        if (has_sums) fold.total->sums = &((struct ss_series_node *)(void *)fold.total)->sums;
        if (level == of->tree_level && !ss_series_fold_rows(&fold, from, from + rows_of(level))) return false;
        for (int32_t i = 0; level > of->tree_level && i < SS_SERIES_FANOUT; i++)
            if (!ss_group_merge(fold.total, &fold.kind,
                                ss_series_state(tree, level - 1, block * SS_SERIES_FANOUT + i), fold.arena))
                return false;
    }
    return true;
}

bool ss_series_sample(struct ss_series *series, struct ss_series_lane *lane)
{
    const int32_t count = (lane->end - lane->begin + SS_SERIES_STRIDE - 1) / SS_SERIES_STRIDE;
    lane->sampled_us = ss_arena_array(&series->trees, (size_t)count, sizeof *lane->sampled_us);
    for (int32_t i = 0; lane->sampled_us && i < count; i++)
        lane->sampled_us[i] = series->event_time_us[lane->begin + i * SS_SERIES_STRIDE];
    return lane->sampled_us != NULL;
}

bool ss_series_build(struct ss_series *series, struct ss_series_lane *lane)
{
    const struct ss_series_plan *plan = series->plan;
    lane->trees = ss_arena_array(&series->trees, (size_t)plan->group_count, sizeof *lane->trees);
    if (!lane->trees) return false;
    int32_t count = (lane->end - lane->begin) / SS_SERIES_LEAF;
    int level = 0;
    for (; count > 0 && level < SS_SERIES_LEVELS; level++, count /= SS_SERIES_FANOUT) {
        if (!make_level(series, lane, level, count)) return false;
        for (int g = 0; g < plan->group_count; g++)
            if (plan->groups[g].tree_parts && !ss_series_has_sums(series->sums, g) &&
                level >= plan->groups[g].tree_level && !make_states(series, lane, g, level))
                return false;
    }
    lane->level_count = level;
    return true;
}
