// The judge. Lookups are gathered by the variant of the plan that answered them: one point-in-time join for
// all of a variant's, each at its own (t, s), and one for those that are final, at the newest s. It opens
// history alone, so nothing that is online can show.

#include "judge.h"

#include <stdlib.h>
#include <string.h>

struct sitting {
    const struct judge *judge;
    struct pool pool, scratch;
    struct session session; // of history
    uint64_t newest_s;
};

static const char *const status_names[] = {"present", "null", "not_found", "expired"};

static const char *row_text(struct pool *pool, const struct story *story, const struct record *record,
                            int row)
{
    const struct plan *plan = &story->variants[record->variant].plan;
    const struct query *query = &story->queries[record->queries[row]];
    const struct kind time = {KIND_TIMESTAMP, 0};
    const char *text = pool_format(pool, "act %d, query %d:", record->act, record->queries[row]);
    for (int k = 0; k < plan->service_key_count; k++) {
        const int key = plan->service_keys[k];
        text = pool_format(pool, "%s %s=%s", text, plan->key_names[key],
                           cell_show(pool, plan->key_kinds[key], query->keys[key]));
    }
    for (int r = 0; r < plan->request_count; r++)
        text = pool_format(pool, "%s %s=%s", text, plan->request[r].name,
                           cell_show(pool, plan->request[r].kind, query->request[r]));
    return pool_format(pool, "%s at t %s, s %llu, variant %d%s%s%s", text,
                       cell_show(pool, time, (struct cell){.present = true, .i = record->t_us}),
                       (unsigned long long)record->s, record->variant, record->is_preview ? ", preview" : "",
                       record->at_hand >= 0 ? ", event at hand"
                       : record->is_aside   ? ", aside"
                                            : "",
                       record->is_final ? ", final" : "");
}

// Row `row` of the record against `first + row` of the other table.
static const char *compare(struct sitting *sitting, const struct record *record, int row,
                           const struct table *other, int other_row, const char *other_name)
{
    const struct story *story = sitting->judge->story;
    const struct plan *plan = &story->variants[record->variant].plan;
    for (int f = 0; f < plan->feature_count; f++) {
        const int a = row * plan->feature_count + f, b = other_row * plan->feature_count + f;
        const struct kind kind = plan->features[f].expression->kind;
        const struct cell served = record->table.cells[a], found = other->cells[b];
        if (record->table.statuses[a] == other->statuses[b] && cell_equal(kind, served, found)) continue;
        struct pool *pool = &sitting->judge->log->pool;
        return pool_format(pool, "feature %s (%s), %s\n  served: %s, %s\n  %s: %s, %s",
                           plan->features[f].name, kind_text(pool, kind), row_text(pool, story, record, row),
                           cell_show(pool, kind, served), status_names[record->table.statuses[a]], other_name,
                           cell_show(pool, kind, found), status_names[other->statuses[b]]);
    }
    return NULL;
}

// ---- Offline

static bool is_wanted(const struct record *record, int variant, int at_hand, bool final)
{
    return record->kind == RECORD_LOOKED && record->variant == variant && record->at_hand == at_hand &&
           (!final || record->is_final);
}

static int count_rows(const struct log *log, int variant, int at_hand, bool final)
{
    int count = 0;
    for (const struct record *record = log->first; record; record = record->next)
        if (is_wanted(record, variant, at_hand, final)) count += record->query_count;
    return count;
}

static const char *join(struct sitting *sitting, int variant, int at_hand, bool final, struct table *table)
{
    const struct story *story = sitting->judge->story;
    struct pool *pool = &sitting->pool;
    const int most = count_rows(sitting->judge->log, variant, at_hand, final);
    struct cell(*keys)[MAX_KEYS] = pool_take(pool, (size_t)(most + 1) * sizeof *keys);
    struct cell(*request)[3] = pool_take(pool, (size_t)(most + 1) * sizeof *request);
    int64_t *t = pool_take(pool, (size_t)(most + 1) * sizeof *t);
    uint64_t *s = pool_take(pool, (size_t)(most + 1) * sizeof *s);
    const struct cell **events = pool_take(pool, (size_t)(most + 1) * sizeof *events);
    struct queries queries = {.keys = (const struct cell(*)[MAX_KEYS])keys,
                              .request = (const struct cell(*)[3])request,
                              .t = t,
                              .at_hand = at_hand >= 0 ? events : NULL,
                              .at_hand_source = at_hand,
                              .at_hand_lacks_keys = story->script.at_hand_lacks_keys};
    for (const struct record *record = sitting->judge->log->first; record; record = record->next)
        for (int i = 0; is_wanted(record, variant, at_hand, final) && i < record->query_count; i++) {
            memcpy(keys[queries.count], story->variants[variant].query_keys[record->queries[i]],
                   sizeof *keys);
            memcpy(request[queries.count], story->queries[record->queries[i]].request, sizeof *request);
            if (at_hand >= 0) events[queries.count] = story->queries[record->queries[i]].events[at_hand];
            t[queries.count] = record->t_us;
            s[queries.count++] = record->s;
        }
    return session_join(&sitting->session, &queries, final ? NULL : s, sitting->newest_s,
                        (struct spine_mode){false, false}, table);
}

static const char *compare_offline(struct sitting *sitting, int variant, int at_hand, bool final)
{
    struct log *log = sitting->judge->log;
    struct table table;
    int row = 0;
    const char *problem = join(sitting, variant, at_hand, final, &table);
    for (const struct record *record = log->first; record && !problem; record = record->next)
        for (int i = 0; is_wanted(record, variant, at_hand, final) && i < record->query_count && !problem;
             i++)
            problem = compare(sitting, record, i, &table, row++,
                              final ? "offline, as known at t alone" : "offline at (t, s)");
    if (final) log->counts.of[COUNT_checked_at_t_alone] += (uint64_t)row;
    return problem;
}

static const char *check_offline(struct sitting *sitting)
{
    const struct story *story = sitting->judge->story;
    const char *problem = NULL;
    for (int v = 0; v < story->variant_count && !problem; v++) {
        struct ss_materializer with = *sitting->session.materializer;
        struct ss_materializer *const opened = sitting->session.materializer;
        with.definitions = story->variants[v].definitions;
        sitting->session.materializer = &with;
        sitting->session.plan = &story->variants[v].plan;
        for (int at_hand = -1; at_hand < story->plan.source_count; at_hand++)
            for (int final = 0; final < 2 && !problem; final++)
                if (count_rows(sitting->judge->log, v, at_hand, final))
                    problem = compare_offline(sitting, v, at_hand, final);
        sitting->session.materializer = opened;
    }
    return problem;
}

// ---- The naive scan

static void count_cells(struct log *log, const struct record *record, const struct table *naive)
{
    log->counts.of[COUNT_lookups] += (uint64_t)record->query_count;
    log->counts.of[COUNT_previews] += record->is_preview ? (uint64_t)record->query_count : 0;
    log->counts.of[COUNT_with_event_at_hand] += record->at_hand >= 0 ? (uint64_t)record->query_count : 0;
    log->counts.of[COUNT_cells] += (uint64_t)(naive->row_count * naive->feature_count);
    for (int i = 0; i < naive->row_count * naive->feature_count; i++)
        log->counts.of[COUNT_present] += naive->cells[i].present;
}

static const char *check_naive(struct sitting *sitting, const struct record *record)
{
    const struct story *story = sitting->judge->story;
    const struct variant *variant = &story->variants[record->variant];
    struct pool *scratch = &sitting->scratch;
    const int features = variant->plan.feature_count;
    struct naive naive = *sitting->judge->naive;
    struct table table = {record->query_count, features, NULL, NULL};
    const char *problem = NULL;
    table.cells = pool_take(scratch, (size_t)(record->query_count * features + 1) * sizeof *table.cells);
    table.statuses =
        pool_take(scratch, (size_t)(record->query_count * features + 1) * sizeof *table.statuses);
    naive.plan = &variant->plan;
    naive.pool = naive.answers = scratch;
    for (int i = 0; i < record->query_count && !problem; i++) {
        const int query = record->queries[i];
        naive.at_hand_source = record->at_hand;
        naive.at_hand_lacks_keys = story->script.at_hand_lacks_keys;
        naive.at_hand = record->at_hand < 0 ? NULL : story->queries[query].events[record->at_hand];
        naive_read(&naive, variant->query_keys[query], story->queries[query].request,
                   (struct naive_point){record->t_us, record->s, false}, &table.cells[i * features],
                   &table.statuses[i * features]);
        problem = compare(sitting, record, i, &table, i, "the naive scan");
    }
    if (!problem) count_cells(sitting->judge->log, record, &table);
    pool_release(scratch);
    return problem;
}

const char *judge_lookups(const struct judge *judge)
{
    struct sitting sitting = {.judge = judge, .newest_s = judge->naive->seq};
    struct ss_error error;
    sitting.session = (struct session){.pool = &sitting.pool, .directory = (char *)judge->directory};
    if (ss_materializer_open(judge->directory, SS_STORE_HISTORY, NULL, &sitting.session.materializer,
                             &error) != SS_OK)
        return pool_format(&judge->log->pool, "open history: %s", error.message);
    const char *problem = NULL;
    for (const struct record *record = judge->log->first; record && !problem; record = record->next)
        if (record->kind == RECORD_LOOKED) problem = check_naive(&sitting, record);
    if (!problem) problem = check_offline(&sitting);
    if (problem) problem = pool_format(&judge->log->pool, "%s", problem);
    ss_materializer_close(sitting.session.materializer);
    pool_release(&sitting.pool);
    return problem;
}
