#include "store_session.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cell_value.h"
#include "materializer/apply.h"
#include "materializer/compare.h"

static const char *failed(struct session *session, const char *what)
{
    return pool_format(session->pool, "%s: %s: %s", what, ss_status_name(session->error.status),
                       session->error.message);
}

// ---- Cells and columns

static void make_column(struct ss_column *column, struct kind kind, int capacity, struct ss_arena *arena)
{
    if (!ss_column_init(column, type_of_kind(kind), capacity ? capacity : 1, arena)) abort();
}

static void append(struct ss_column *column, struct kind kind, struct cell cell, struct ss_arena *arena)
{
    if (!ss_column_append(column, value_of_cell(kind, cell), arena)) abort();
}

static void keep_answer(struct session *session, const struct ss_answer *answer, int first,
                        struct table *table)
{
    for (int f = 0; f < table->feature_count; f++)
        for (int r = 0; r < answer->length; r++) {
            const int at = (first + r) * table->feature_count + f;
            table->cells[at] =
                cell_of_value(session->pool, answer->columns[f].type, ss_column_get(&answer->columns[f], r));
            table->statuses[at] = (enum naive_status)answer->statuses[f][r];
        }
}

static void make_table(struct session *session, int row_count, struct table *table)
{
    const size_t cells = (size_t)(row_count * session->plan->feature_count) + 1;
    *table = (struct table){.row_count = row_count,
                            .feature_count = session->plan->feature_count,
                            .cells = pool_take(session->pool, cells * sizeof *table->cells),
                            .statuses = pool_take(session->pool, cells * sizeof *table->statuses)};
}

// ---- Life

static int64_t wall_now(void *context)
{
    return ((struct session *)context)->wall_us;
}

static const char *open_store(struct session *session)
{
    if (ss_materializer_open(session->directory, SS_STORE_WRITE, &session->options, &session->materializer,
                             &session->error) != SS_OK)
        return failed(session, "open");
    return NULL;
}

static const char *check_types(struct session *session)
{
    const struct ss_service *service = session_service(session);
    if (!service || (int)service->feature_count != session->plan->feature_count)
        return "the service has other features";
    for (int f = 0; f < session->plan->feature_count; f++) {
        const struct feature *feature = &session->plan->features[f];
        char text[SS_TYPE_TEXT_SIZE];
        if (strcmp(service->features[f].name, feature->name) == 0 &&
            ss_type_equal(service->features[f].type, type_of_kind(feature->expression->kind)))
            continue;
        return pool_format(session->pool, "feature %d: the plan has %s %s, the engine %s %s", f,
                           feature->name, kind_text(session->pool, feature->expression->kind),
                           service->features[f].name, ss_type_format(service->features[f].type, text));
    }
    return NULL;
}

static const char *compile(struct session *session, const char *yaml, struct ss_definitions **definitions)
{
    const struct ss_file file = {"random.yaml", ss_bytes_of(yaml)};
    struct ss_buffer report = {0};
    size_t error_count = 0;
    const enum ss_status status =
        ss_definitions_compile(&file, 1, NULL, definitions, &report, &error_count, &session->error);
    const char *text = NULL;
    if (status == SS_FOUND)
        text = pool_format(session->pool, "compile:\n%.*s", (int)report.size, (const char *)report.data);
    else if (status != SS_OK)
        text = failed(session, "compile");
    ss_buffer_release(&report);
    return text;
}

const char *session_apply_begin(struct session *session, const struct plan *plan, const char *yaml)
{
    const char *problem = compile(session, yaml, &session->next_definitions);
    if (problem) return problem;
    session->next_plan = plan;
    if (ss_apply_begin(session->materializer, session->next_definitions, &session->applying,
                       &session->error) == SS_OK)
        return NULL;
    session_give_up(session);
    return failed(session, "beginning to apply");
}

const char *session_apply_step(struct session *session)
{
    bool done;
    if (ss_apply_step(session->applying, &done, &session->error) != SS_OK) {
        session_give_up(session);
        return failed(session, "apply");
    }
    if (!done) return NULL;
    session->next_definitions = NULL; // the materializer's now
    session->plan = session->next_plan;
    session_give_up(session);
    return check_types(session);
}

void session_give_up(struct session *session)
{
    ss_apply_end(session->applying);
    session->applying = NULL;
    ss_definitions_destroy(session->next_definitions);
    session->next_definitions = NULL;
}

const char *session_apply(struct session *session, const struct plan *plan, const char *yaml)
{
    const char *problem = session_apply_begin(session, plan, yaml);
    while (!problem && session->applying) problem = session_apply_step(session);
    return problem;
}

struct ss_history_sizes session_sizes(uint64_t number)
{
    const uint64_t mixed = ss_hash64(&number, sizeof number);
    if (mixed % 8 == 0) return (struct ss_history_sizes){0};
    return (struct ss_history_sizes){.staging_rows = 1 + (int32_t)(mixed >> 8 & 63),
                                     .bulk_rows = 1 + (int32_t)(mixed >> 16 & 31),
                                     .segment_rows = 1 + (int32_t)(mixed >> 24 & 31),
                                     .fanout = 2 + (int32_t)(mixed >> 32 & 3),
                                     .run_rows = 1 + (int32_t)(mixed >> 40 & 63)};
}

int32_t session_step_rows(uint64_t number)
{
    const uint64_t mixed = ss_hash64(&number, sizeof number) >> 40;
    return mixed % 4 == 0 ? 0 : 1 + (int32_t)(mixed % 97);
}

const char *session_create(struct session *session, const struct plan *plan, const char *yaml,
                           struct pool *pool, const char *directory, bool sync)
{
    static unsigned made;
    *session = (struct session){.plan = plan, .pool = pool};
    session->directory = pool_format(pool, "%s/store%u", directory, made++);
    session->options.no_sync = !sync;
    session->options.sizes = session_sizes(ss_hash64(yaml, strlen(yaml)));
    session->options.apply_step_rows = session_step_rows(ss_hash64(yaml, strlen(yaml)));
    session->options.wall = (struct ss_wall_source){wall_now, session};
    session->wall_us = -INT64_C(50000000000000000);
    if (ss_store_create(session->directory, plan->wall ? SS_CLOCK_WALL : SS_CLOCK_REPLAY, &session->options,
                        &session->error) != SS_OK)
        return failed(session, "create");
    const char *problem = open_store(session);
    return problem ? problem : session_apply(session, plan, yaml);
}

const char *session_reopen(struct session *session)
{
    session_give_up(session);
    ss_materializer_close(session->materializer);
    session->materializer = NULL;
    return open_store(session);
}

static int remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *place)
{
    (void)stat, (void)kind, (void)place;
    return remove(path);
}

void session_remove(struct session *session)
{
    session_give_up(session);
    ss_materializer_close(session->materializer);
    session->materializer = NULL;
    if (session->directory) nftw(session->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void session_move_clock(struct session *session, int64_t time_us)
{
    if (time_us > session->wall_us) session->wall_us = time_us;
    if (!session->plan->wall) ss_clock_advance(session->materializer->store->clock, time_us);
}

const struct ss_service *session_service(const struct session *session)
{
    return ss_find_service(session->materializer->definitions, "everything");
}

// ---- Push

#define MOST_PARTS 8

// In one group, between pushes that are refused and must not show.
static enum ss_status push_in_group(struct session *session, const struct ss_push *pushes, size_t count,
                                    struct ss_push_result *results)
{
    const struct ss_push *group[MOST_PARTS + 2];
    struct ss_push_outcome outcomes[MOST_PARTS + 2];
    struct ss_push gap = pushes[0];
    gap.producer = "gap";
    gap.number = 2;
    group[0] = group[count + 1] = &gap;
    for (size_t i = 0; i < count; i++) group[i + 1] = &pushes[i];
    ss_push_group(session->materializer, group, count + 2, outcomes);
    for (size_t i = 0; i < count; i++) {
        session->error = outcomes[i + 1].error;
        if (outcomes[i + 1].status != SS_OK) return outcomes[i + 1].status;
        results[i] = outcomes[i + 1].result;
    }
    if (outcomes[0].status == SS_CONFLICT && outcomes[count + 1].status == SS_CONFLICT) return SS_OK;
    return ss_fail(&session->error, SS_INVALID, "a batch that leaves a gap was taken");
}

static const char *check_again(struct session *session, const struct ss_push_result *before,
                               const struct ss_push_result *result)
{
    if (result->repeated && result->seq == before->seq) return NULL;
    return pool_format(session->pool, "the same batch again: repeated %d, seq %llu, was %llu",
                       result->repeated, (unsigned long long)result->seq, (unsigned long long)before->seq);
}

// The second time in the same group or in one of its own.
static const char *push_twice(struct session *session, const struct ss_push *push,
                              struct ss_push_result *result)
{
    const struct ss_push twice[2] = {*push, *push};
    struct ss_push_result results[2];
    enum ss_status status;
    if (push->number % 2) {
        status = push_in_group(session, twice, 2, results);
    } else {
        status = ss_push(session->materializer, push, &results[0], &session->error);
        if (status == SS_OK) status = ss_push(session->materializer, push, &results[1], &session->error);
    }
    if (status != SS_OK) return failed(session, "push");
    *result = results[0];
    return check_again(session, &results[0], &results[1]);
}

static struct ss_push make_push(struct session *session, const struct naive_batch *batch,
                                struct ss_column columns[MAX_COLUMNS], struct ss_arena *arena)
{
    const struct source *source = &session->plan->sources[batch->source];
    for (int c = 0; c < source->column_count; c++) {
        make_column(&columns[c], source->columns[c].kind, batch->row_count, arena);
        for (int r = 0; r < batch->row_count; r++)
            append(&columns[c], source->columns[c].kind, batch->rows[r]->cells[c], arena);
    }
    return (struct ss_push){.source = ss_find_source(session->materializer->definitions, source->name),
                            .length = batch->row_count,
                            .columns = columns,
                            .live = batch->live};
}

static void add_result(struct ss_push_result *sum, const struct ss_push_result *result)
{
    sum->accepted += result->accepted;
    sum->duplicate += result->duplicate;
    sum->conflicting += result->conflicting;
    sum->quarantined += result->quarantined;
    sum->seq = result->seq;
    memcpy(sum->not_visible, result->not_visible, sizeof sum->not_visible);
}

// Rows that all arrive live are the same commit in one push or in a group of some.
static enum ss_status push_parts(struct session *session, const struct naive_batch *batch,
                                 struct ss_arena *arena, struct ss_push_result *result)
{
    struct ss_push pushes[MOST_PARTS];
    struct ss_push_result results[MOST_PARTS];
    struct ss_column columns[MOST_PARTS][MAX_COLUMNS];
    const int most = 1 + (batch->row_count - 1) / MOST_PARTS;
    size_t count = 0;
    for (int done = 0; done < batch->row_count; done += most) {
        struct naive_batch part = *batch;
        part.rows += done;
        part.row_count = batch->row_count - done < most ? batch->row_count - done : most;
        pushes[count] = make_push(session, &part, columns[count], arena);
        count++;
    }
    SS_TRY(push_in_group(session, pushes, count, results));
    memset(result, 0, sizeof *result);
    for (size_t i = 0; i < count; i++) add_result(result, &results[i]);
    return SS_OK;
}

enum ss_status session_push_from(struct session *session, const struct naive_batch *batch,
                                 const struct session_producer *producer, struct ss_push_result *result)
{
    struct ss_arena arena = {0};
    struct ss_column columns[MAX_COLUMNS];
    enum ss_status status;
    if (!producer->name && batch->live && batch->row_count % 2) {
        status = push_parts(session, batch, &arena, result);
    } else {
        struct ss_push push = make_push(session, batch, columns, &arena);
        push.producer = producer->name;
        push.number = producer->number;
        push.hash = producer->hash;
        status = batch->row_count % 3 ? ss_push(session->materializer, &push, result, &session->error)
                                      : push_in_group(session, &push, 1, result);
    }
    ss_arena_release(&arena);
    return status;
}

const char *session_push(struct session *session, const struct naive_batch *batch, bool again,
                         struct ss_push_result *result)
{
    struct ss_arena arena = {0};
    struct ss_column columns[MAX_COLUMNS];
    session_move_clock(session, batch->clock);
    if (!again) {
        const struct session_producer nobody = {0};
        return session_push_from(session, batch, &nobody, result) == SS_OK ? NULL : failed(session, "push");
    }
    struct ss_push push = make_push(session, batch, columns, &arena);
    push.producer = "again";
    push.number = ++session->producer_number;
    push.hash = ss_sha256_of(&push.number, sizeof push.number);
    const char *problem = push_twice(session, &push, result);
    ss_arena_release(&arena);
    return problem;
}

// ---- Reading

static int plan_key_place(const struct plan *plan, const char *name)
{
    for (int k = 0; k < plan->service_key_count; k++)
        if (strcmp(plan->key_names[plan->service_keys[k]], name) == 0) return k;
    abort();
}

static void make_query_columns(const struct session *session, const struct queries *queries,
                               struct ss_arena *arena, struct ss_column *keys, struct ss_column *request)
{
    const struct plan *plan = session->plan;
    const struct ss_service *service = session_service(session);
    if ((int)service->key_count != plan->service_key_count) abort();
    for (size_t i = 0; i < service->key_count; i++) {
        const int k = plan_key_place(plan, service->key_names[i]);
        const struct kind kind = plan->key_kinds[plan->service_keys[k]];
        make_column(&keys[i], kind, queries->count, arena);
        for (int q = 0; q < queries->count; q++) append(&keys[i], kind, queries->keys[q][k], arena);
    }
    for (int i = 0; i < plan->request_count; i++) {
        make_column(&request[i], plan->request[i].kind, queries->count, arena);
        for (int q = 0; q < queries->count; q++)
            append(&request[i], plan->request[i].kind, queries->request[q][i], arena);
    }
}

static struct ss_events_at_hand make_at_hand(const struct session *session, const struct queries *queries,
                                             struct ss_arena *arena)
{
    if (!queries->at_hand) return (struct ss_events_at_hand){0};
    const struct source *source = &session->plan->sources[queries->at_hand_source];
    const struct ss_source *of = ss_find_source(session->materializer->definitions, source->name);
    struct ss_column *columns = ss_arena_array(arena, MAX_COLUMNS, sizeof *columns);
    bool *carries = ss_arena_array(arena, (size_t)queries->count + 1, sizeof *carries);
    if (!columns || !carries) abort();
    for (int q = 0; q < queries->count; q++) carries[q] = queries->at_hand[q] != NULL;
    for (int c = 0; c < source->column_count; c++) {
        if (!ss_at_hand_takes(of, c)) continue;
        make_column(&columns[c], source->columns[c].kind, queries->count, arena);
        if (queries->at_hand_lacks_keys && source->columns[c].role == ROLE_KEY) continue;
        for (int q = 0; q < queries->count; q++)
            append(&columns[c], source->columns[c].kind,
                   carries[q] ? queries->at_hand[q][c] : (struct cell){0}, arena);
    }
    return (struct ss_events_at_hand){of, columns, carries};
}

const char *session_answer(struct session *session, const struct ss_pinned *pinned,
                           const struct queries *queries, struct table *table)
{
    struct ss_arena arena = {0};
    struct ss_column keys[MAX_KEYS], request[3];
    struct ss_answer answer;
    const struct ss_lookup lookup = {.length = queries->count,
                                     .keys = keys,
                                     .request = request,
                                     .at_hand = make_at_hand(session, queries, &arena)};
    make_query_columns(session, queries, &arena, keys, request);
    make_table(session, queries->count, table);
    const enum ss_status status =
        ss_lookup(pinned, session_service(session), &lookup, &arena, &answer, &session->error);
    if (status == SS_OK) keep_answer(session, &answer, 0, table);
    ss_arena_release(&arena);
    return status == SS_OK ? NULL : failed(session, "lookup");
}

const char *session_lookup(struct session *session, const struct queries *queries, int64_t ahead,
                           int64_t *t_us, uint64_t *s, struct table *table)
{
    struct ss_pinned pinned;
    const int64_t at = ss_clock_now(session->materializer->store->clock) + ahead;
    if (ss_pin(session->materializer, ahead > 0, at, &pinned, &session->error) != SS_OK)
        return failed(session, "pin");
    *t_us = pinned.t_us;
    *s = pinned.applied.seq;
    const char *problem = session_answer(session, &pinned, queries, table);
    ss_unpin(&pinned);
    return problem;
}

struct collect {
    struct session *session;
    struct table *table;
    int64_t next;
};

static enum ss_status collect_rows(void *context, int64_t first_row, const struct ss_answer *answer,
                                   size_t slot, struct ss_error *error)
{
    (void)slot;
    struct collect *collect = context;
    if (first_row != collect->next) return ss_fail(error, SS_INVALID, "rows out of order");
    keep_answer(collect->session, answer, (int)first_row, collect->table);
    collect->next += answer->length;
    return SS_OK;
}

const char *session_join(struct session *session, const struct queries *queries, const uint64_t *s_by_row,
                         uint64_t newest_s, struct spine_mode mode, struct table *table)
{
    struct ss_arena arena = {0};
    struct ss_column keys[MAX_KEYS], request[3];
    struct collect collect = {session, table, 0};
    const struct ss_point_in_time_sink sink = {collect_rows, NULL, &collect};
    make_query_columns(session, queries, &arena, keys, request);
    make_table(session, queries->count, table);
    const struct ss_spine spine = {.length = queries->count,
                                   .keys = keys,
                                   .request = request,
                                   .at_hand = make_at_hand(session, queries, &arena),
                                   .t_us = queries->t,
                                   .s = s_by_row,
                                   .newest_s = newest_s,
                                   .as_of_event_time = mode.as_of_event_time,
                                   .inclusive = mode.inclusive};
    const enum ss_status status =
        ss_point_in_time(session->materializer->store->history, session_service(session), &spine, NULL, &sink,
                         &session->error);
    ss_arena_release(&arena);
    if (status != SS_OK) return failed(session, "join");
    return collect.next == queries->count ? NULL : "join: not every row came out";
}

// ---- Digests

static const char *digest_view(struct session *session, const struct ss_pinned *pinned,
                               const struct ss_view *view, struct ss_sha256 *hash, uint64_t *entities)
{
    struct ss_digest online, offline;
    char a[SS_SHA256_TEXT_SIZE], b[SS_SHA256_TEXT_SIZE];
    const struct ss_read_point point = {.t_us = pinned->t_us, .s = pinned->applied.seq};
    if (ss_digest_online(pinned->txn, view, pinned->t_us, pinned->applied.seq, &online, &session->error) !=
        SS_OK)
        return failed(session, "digest online");
    if (ss_digest_offline(session->materializer->store->history, view, point, &offline, &session->error) !=
        SS_OK)
        return failed(session, "digest offline");
    *hash = online.hash;
    *entities = online.entities;
    if (memcmp(&online.hash, &offline.hash, sizeof online.hash) == 0 && online.entities == offline.entities)
        return NULL;
    return pool_format(session->pool, "digest of %s: online %s (%llu entities), offline %s (%llu)",
                       view->name, ss_sha256_format(&online.hash, a), (unsigned long long)online.entities,
                       ss_sha256_format(&offline.hash, b), (unsigned long long)offline.entities);
}

const char *session_digest(struct session *session, struct digests *digests)
{
    struct ss_pinned pinned;
    const char *problem = NULL;
    if (ss_pin(session->materializer, false, 0, &pinned, &session->error) != SS_OK)
        return failed(session, "pin");
    digests->t_us = pinned.t_us;
    digests->s = pinned.applied.seq;
    for (int v = 0; v < session->plan->view_count && !problem; v++) {
        const struct ss_view *view =
            ss_find_view(session->materializer->definitions, session->plan->views[v].name);
        problem = digest_view(session, &pinned, view, &digests->views[v], &digests->entities[v]);
    }
    ss_unpin(&pinned);
    return problem;
}
