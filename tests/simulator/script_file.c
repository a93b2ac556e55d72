// The text of a story:
//
//   selfsame simulator script 1
//   seed 17 of 93ac1f20           the second is a hash of the story: another generator made another one
//   feature f3 f7                 of the service
//   query 4 9
//   act 0                         # apply variant 2
//   act 5 calm rows 0 3           # push to source0, live, producer 1 ...
//
// Everything after a # is for people.

#include "script_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static uint32_t hash_text(uint32_t hash, const char *text)
{
    for (; *text; text++) hash = (hash ^ (uint8_t)*text) * UINT32_C(16777619);
    return hash;
}

// A value as a comment can hold it.
static const char *show(struct pool *pool, struct kind kind, struct cell cell)
{
    char *text = pool_format(pool, "%s", cell_show(pool, kind, cell));
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < ' ') *at = '?';
    return text;
}

static const char *cells_text(struct pool *pool, const struct source *source, const struct cell *cells)
{
    const char *text = "";
    for (int c = 0; c < source->column_count; c++)
        text = pool_format(pool, "%s%s%s=%s", text, c ? " " : "", source->columns[c].name,
                           show(pool, source->columns[c].kind, cells[c]));
    return text;
}

static const char *crash_text(struct pool *pool, const struct crash *crash)
{
    if (crash->kind == CRASH_NONE) return "";
    if (crash->kind == CRASH_ERROR)
        return pool_format(pool, ", disk full for %d calls from %d on", crash->errors, crash->disk);
    const char *how = crash->kind == CRASH_KILL ? "killed" : "power lost";
    if (crash->fault >= 0) return pool_format(pool, ", %s at fault point %d", how, crash->fault);
    return pool_format(pool, ", %s before disk call %d", how, crash->disk);
}

static const char *act_text(struct pool *pool, const struct story *story, const struct act *act)
{
    static const char *const again[] = {"", ", sent again", ", sent again with another hash",
                                        ", and one with a gap"};
    const struct kind time = {KIND_TIMESTAMP, 0};
    const char *text = act_name(act->kind);
    if (act->kind == ACT_PUSH) {
        text = pool_format(pool, "push %s to %s", act->push->live ? "live" : "declared",
                           story->plan.sources[act->push->source].name);
        if (act->producer >= 0) text = pool_format(pool, "%s by producer %d", text, act->producer);
        text = pool_format(pool, "%s%s", text, again[act->again]);
    }
    if (act->kind == ACT_LOOKUP && act->by_reader) text = "lookup by the reader";
    if (act->kind == ACT_APPLY) text = pool_format(pool, "apply variant %d", act->variant);
    if (act->at_hand >= 0)
        text = pool_format(pool, "%s with events of %s", text, story->plan.sources[act->at_hand].name);
    if (act->clock)
        text = pool_format(pool, "%s, clock set to %s", text,
                           cell_show(pool, time, (struct cell){.present = true, .i = act->clock}));
    if (act->at != AT_CLOCK)
        text = pool_format(pool, "%s, at %s", text,
                           cell_show(pool, time, (struct cell){.present = true, .i = act->at}));
    if (act->peek_at >= 0)
        text = pool_format(pool, "%s, looked up at fault point %d, %" PRId64 " us later", text, act->peek_at,
                           act->peek_later_us);
    for (int i = 0; i < TRIES; i++) text = pool_format(pool, "%s%s", text, crash_text(pool, &act->crash[i]));
    return act->look_behind ? pool_format(pool, "%s, looked up behind it", text) : text;
}

static uint32_t story_hash(struct pool *pool, const struct story *story)
{
    uint32_t hash = hash_text(UINT32_C(2166136261), plan_yaml(pool, &story->plan));
    for (int i = 0; i < story->act_count; i++) {
        const struct act *act = &story->acts[i];
        hash = hash_text(hash, act_text(pool, story, act));
        for (int r = 0; act->kind == ACT_PUSH && r < act->push->row_count; r++)
            hash = hash_text(
                hash, cells_text(pool, &story->plan.sources[act->push->source], act->push->rows[r].cells));
    }
    return hash;
}

// Of the story as its seed makes it, before anything was dropped or calmed.
static uint32_t whole_hash(uint64_t seed)
{
    struct story whole;
    struct pool pool = {0};
    story_make(&whole, seed, &pool);
    const uint32_t hash = story_hash(&pool, &whole);
    story_release(&whole);
    pool_release(&pool);
    return hash;
}

// ---- Writing

static void write_comment(FILE *file, const char *text)
{
    for (const char *line = text; *line;) {
        const size_t length = strcspn(line, "\n");
        fprintf(file, "# %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

static void write_push(FILE *file, struct pool *pool, const struct story *story, const struct act *act)
{
    const struct step *step = act->push;
    for (int r = 0; r < step->row_count; r++)
        if (!step->rows[r].dropped)
            fprintf(file, "#   row %d: %s\n", r,
                    cells_text(pool, &story->plan.sources[step->source], step->rows[r].cells));
}

static void write_act(FILE *file, struct pool *pool, const struct story *story, int index)
{
    const struct act *act = &story->acts[index];
    fprintf(file, "act %d%s", index, act->is_calm ? " calm" : "");
    if (act->kind == ACT_PUSH) {
        fprintf(file, " rows");
        for (int r = 0; r < act->push->row_count; r++)
            if (!act->push->rows[r].dropped) fprintf(file, " %d", r);
    }
    fprintf(file, " # %s\n", act_text(pool, story, act));
    if (act->kind == ACT_PUSH) write_push(file, pool, story, act);
}

static void write_queries(FILE *file, struct pool *pool, const struct story *story)
{
    const struct plan *plan = &story->plan;
    for (int q = 0; q < story->query_count; q++) {
        const struct query *query = &story->queries[q];
        if (query->dropped) continue;
        fprintf(file, "query %d #", q);
        for (int k = 0; k < plan->key_count; k++)
            fprintf(file, " %s=%s", plan->key_names[k], show(pool, plan->key_kinds[k], query->keys[k]));
        for (int r = 0; r < plan->request_count; r++)
            fprintf(file, " %s=%s", plan->request[r].name,
                    show(pool, plan->request[r].kind, query->request[r]));
        fprintf(file, "\n");
        for (int s = 0; s < plan->source_count; s++)
            if (query->events[s])
                fprintf(file, "#   event of %s: %s\n", plan->sources[s].name,
                        cells_text(pool, &plan->sources[s], query->events[s]));
    }
}

void script_file_write(FILE *file, struct pool *pool, const struct story *story, const char *problem)
{
    fprintf(file, "selfsame simulator script 1\nseed %" PRIu64 " of %08" PRIx32 "\n", story->seed,
            whole_hash(story->seed));
    write_comment(file, problem);
    fprintf(file, "# %s clock\n", story->plan.wall ? "wall" : "replay");
    write_comment(file, story->variants[0].yaml ? story->variants[0].yaml : "");
    fprintf(file, "feature");
    for (int f = 0; f < story->plan.feature_count; f++)
        if (!story->dropped_feature[f]) fprintf(file, " %d", f);
    fprintf(file, "\n");
    write_queries(file, pool, story);
    for (int i = 0; i < story->act_count; i++)
        if (!story->acts[i].dropped) write_act(file, pool, story, i);
}

// ---- Reading

static void drop_all(struct story *story)
{
    memset(story->dropped_feature, 1, sizeof story->dropped_feature);
    for (int q = 0; q < story->query_count; q++) story->queries[q].dropped = true;
    for (int i = 0; i < story->act_count; i++) {
        struct act *act = &story->acts[i];
        act->dropped = true;
        for (int r = 0; act->kind == ACT_PUSH && r < act->push->row_count; r++)
            act->push->rows[r].dropped = true;
    }
}

// The next number of the line, below `bound`; -1: none.
static int next_number(char **at, int bound)
{
    char *end;
    const long number = strtol(*at, &end, 10);
    if (end == *at || number < 0 || number >= bound) return -1;
    *at = end;
    return (int)number;
}

static const char *read_act(struct story *story, char *at)
{
    const int index = next_number(&at, story->act_count);
    if (index < 0) return "an act that the story does not have";
    struct act *act = &story->acts[index];
    act->dropped = false;
    at += strspn(at, " ");
    if (strncmp(at, "calm", 4) == 0) {
        act_calm(act);
        at += 4 + strspn(at + 4, " ");
    }
    if (act->kind != ACT_PUSH) return NULL;
    if (strncmp(at, "rows", 4) != 0) return "a push without rows";
    at += 4;
    for (int r; (r = next_number(&at, act->push->row_count)) >= 0;) act->push->rows[r].dropped = false;
    return NULL;
}

static const char *read_line(struct story *story, char *line)
{
    char *at = line + strcspn(line, " ");
    line[strcspn(line, "#\n")] = 0;
    if (!*line) return NULL;
    if (strncmp(line, "act ", 4) == 0) return read_act(story, at);
    if (strncmp(line, "feature", 7) == 0) {
        for (int f; (f = next_number(&at, MAX_SERVICE_FEATURES)) >= 0;) story->dropped_feature[f] = false;
        return NULL;
    }
    const int query = strncmp(line, "query ", 6) == 0 ? next_number(&at, story->query_count) : -1;
    if (query < 0) return "a line that is none of act, query, feature";
    story->queries[query].dropped = false;
    return NULL;
}

const char *script_file_read(FILE *file, struct pool *pool, struct story *story)
{
    char *line = NULL;
    size_t size = 0;
    uint64_t seed;
    uint32_t hash;
    if (fscanf(file, "selfsame simulator script 1\nseed %" SCNu64 " of %" SCNx32 "\n", &seed, &hash) != 2)
        return "it is no script of the simulator";
    const char *problem = story_make(story, seed, pool);
    if (!problem && story_hash(pool, story) != hash)
        problem = "another version of the simulator wrote it: its seed makes another story now";
    if (!problem) drop_all(story);
    while (!problem && getline(&line, &size, file) >= 0) problem = read_line(story, line);
    free(line);
    return problem ? problem : story_make_variants(story, pool);
}
