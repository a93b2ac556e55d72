// Point-in-time join.
//
// The spine is worked on in windows, of as many rows as their kept cells fit in WINDOW_BYTES; few features,
// one window.
//
// 1. Per group of views that read one source by one entity: one scan of history serves them all
// (join_scan.c). The
//    features that the service reads are kept at the row's place in the window.
// 2. In blocks of spine rows: the service's program, handed to the sink.
//
// Both steps spread over the pool. A row with a null key part reads an entity without events. What differs
// from a lookup is only where the aggregates' values come from.

#include "materializer/join.h"

#include <string.h>

#define WINDOW_BYTES (208u << 20)

void ss_join_progress(struct ss_join *join, int64_t rows)
{
    if (!join->sink->progress) return;
    pthread_mutex_lock(&join->lock);
    join->done += rows;
    join->sink->progress(join->sink->context, join->done, join->total);
    pthread_mutex_unlock(&join->lock);
}

// ---- Groups

static bool reads_alike(const struct ss_service *service, int a, int b)
{
    const struct ss_view *x = service->views[a], *y = service->views[b];
    if (x->source != y->source || x->entity != y->entity) return false;
    for (size_t i = 0; i < x->entity->key_count; i++)
        if (x->key_columns[i] != y->key_columns[i] || service->view_keys[a][i] != service->view_keys[b][i])
            return false;
    return true;
}

// The group of the view and of those behind it that are like it; all of them are marked.
static bool make_group(struct ss_join *join, int first, bool *grouped, struct ss_view_group *group)
{
    const struct ss_service *service = join->service;
    const size_t width = service->views[first]->source->column_count + 1;
    int *views = ss_arena_array(&join->arena, service->view_count, sizeof *views);
    bool *columns = ss_arena_array(&join->arena, width, sizeof *columns);
    if (!views || !columns) return false;
    *group = (struct ss_view_group){.views = views, .columns = columns};
    for (int v = first; v < (int)service->view_count; v++) {
        if (grouped[v] || !reads_alike(service, first, v)) continue;
        grouped[v] = true;
        views[group->count++] = v;
        for (size_t c = 0; c < width; c++) columns[c] = columns[c] || service->views[v]->row_inputs[c];
    }
    return true;
}

// ---- Rows out

struct emission {
    struct ss_join *join;
    struct ss_arena *arenas; // [slot]
};

static bool slice_spine(const struct ss_join *join, int64_t first, int32_t length, struct ss_arena *arena,
                        struct ss_column *request, struct ss_column *keys, struct ss_column *t)
{
    const struct ss_service *service = join->service;
    const struct ss_spine *spine = join->spine;
    for (size_t i = 0; i < service->key_count; i++) // those that nobody reads stay empty
        if (ss_program_reads(service->program, service->read_count + service->request_count + i) &&
            !ss_column_slice(&spine->keys[i], first, length, arena, &keys[i]))
            return false;
    for (size_t i = 0; i < service->request_count; i++) {
        const struct ss_type type = service->request[i].type;
        if (!(spine->request ? ss_column_slice(&spine->request[i], first, length, arena, &request[i])
                             : ss_column_repeat(type, (struct ss_value){0}, length, arena, &request[i])))
            return false;
    }
    if (!ss_column_init(t, (struct ss_type){SS_TIMESTAMP, 0}, length, arena)) return false;
    for (int32_t row = 0; row < length; row++) t->i64[row] = ss_join_time(join, first + row);
    memset(t->validity, 0xff, ((size_t)length + 7) / 8);
    t->length = length;
    return true;
}

static bool slice_reads(const struct ss_join *join, int64_t first, int32_t length, struct ss_arena *arena,
                        struct ss_column *reads, uint8_t **marks)
{
    const struct ss_service *service = join->service;
    for (size_t r = 0; r < service->read_count; r++) {
        const struct ss_view *view = service->views[service->reads[r].view];
        if (!ss_kept_cells_get(&join->kept, r, view->features[service->reads[r].feature].type,
                               (int32_t)(first - join->first), length, arena, &reads[r], &marks[r]))
            return false;
    }
    return true;
}

static const struct ss_column **pointers_to(struct ss_column *columns, size_t count, struct ss_arena *arena)
{
    const struct ss_column **pointers = ss_arena_array(arena, count + 1, sizeof *pointers);
    for (size_t i = 0; pointers && i < count; i++) pointers[i] = &columns[i];
    return pointers;
}

static enum ss_status emit_rows(struct ss_join *join, int64_t first, int32_t length, size_t slot,
                                struct ss_arena *arena, struct ss_error *error)
{
    const struct ss_service *service = join->service;
    struct ss_column *reads = ss_arena_array(arena, service->read_count + 1, sizeof *reads);
    struct ss_column *request = ss_arena_array(arena, service->request_count + 1, sizeof *request);
    struct ss_column *keys = ss_arena_array(arena, service->key_count + 1, sizeof *keys);
    uint8_t **marks = ss_arena_array(arena, service->read_count + 1, sizeof *marks);
    struct ss_column t;
    struct ss_answer answer;
    if (!reads || !request || !keys || !marks || !slice_reads(join, first, length, arena, reads, marks) ||
        !slice_spine(join, first, length, arena, request, keys, &t))
        return ss_fail_memory(error, "the rows of a training table");
    const struct ss_service_inputs inputs = {
        .length = length,
        .reads = pointers_to(reads, service->read_count, arena),
        .marks = (const uint8_t *const *)marks,
        .request = pointers_to(request, service->request_count, arena),
        .keys = pointers_to(keys, service->key_count, arena),
        .t = &t,
    };
    if (!inputs.reads || !inputs.request || !inputs.keys)
        return ss_fail_memory(error, "the rows of a training table");
    SS_TRY(ss_answer_evaluate(service, &inputs, arena, &answer, error));
    SS_TRY(join->sink->emit(join->sink->context, first, &answer, slot, error));
    ss_join_progress(join, length);
    return SS_OK;
}

static enum ss_status emit_block(void *context, size_t index, size_t slot, struct ss_error *error)
{
    struct emission *emission = context;
    struct ss_join *join = emission->join;
    const int64_t start = join->first + (int64_t)index * SS_JOIN_BLOCK_ROWS, all = join->first + join->length;
    const int64_t end = start + SS_JOIN_BLOCK_ROWS < all ? start + SS_JOIN_BLOCK_ROWS : all;
    enum ss_status status = SS_OK;
    for (int64_t first = start; status == SS_OK && first < end; first += SS_BATCH_ROWS) {
        const int64_t left = end - first;
        ss_arena_reset(&emission->arenas[slot]);
        status = emit_rows(join, first, (int32_t)(left < SS_BATCH_ROWS ? left : SS_BATCH_ROWS), slot,
                           &emission->arenas[slot], error);
    }
    if (status != SS_OK && join->sink->give_up) join->sink->give_up(join->sink->context, start);
    return status;
}

static enum ss_status emit_window(struct ss_join *join, struct ss_error *error)
{
    const size_t slots = ss_pool_threads(join->pool);
    const size_t blocks = ((size_t)join->length + SS_JOIN_BLOCK_ROWS - 1) / SS_JOIN_BLOCK_ROWS;
    struct emission emission = {join, ss_arena_array(&join->arena, slots, sizeof(struct ss_arena))};
    if (!emission.arenas) return ss_fail_memory(error, "the rows of a training table");
    const enum ss_status status = ss_pool_run(join->pool, blocks, emit_block, &emission, error);
    for (size_t i = 0; i < slots; i++) ss_arena_release(&emission.arenas[i]);
    return status;
}

// ---- Windows

// Rows of a window: whole blocks, about as many in each.
static int64_t window_rows(const struct ss_join *join)
{
    const int64_t length = join->spine->length, block = SS_JOIN_BLOCK_ROWS;
    const int64_t fitting = WINDOW_BYTES / (int64_t)(9 * join->service->read_count + 1);
    const int64_t most = (join->spine->window_rows ? join->spine->window_rows - 1 : fitting) / block + 1;
    const int64_t blocks = (length + block - 1) / block, windows = (blocks + most - 1) / most;
    return windows ? (blocks + windows - 1) / windows * block : block;
}

static enum ss_status join_window(struct ss_join *join, const struct ss_view_group *groups,
                                  size_t group_count, struct ss_error *error)
{
    for (size_t g = 0; g < group_count; g++) SS_TRY(ss_join_scan(join, &groups[g], error));
    SS_TRY(emit_window(join, error));
    ss_join_forget_texts(join);
    return SS_OK;
}

static enum ss_status join_windows(struct ss_join *join, struct ss_error *error)
{
    const struct ss_service *service = join->service;
    struct ss_view_group *groups = ss_arena_array(&join->arena, service->view_count + 1, sizeof *groups);
    bool *grouped = ss_arena_array(&join->arena, service->view_count + 1, sizeof *grouped);
    const int64_t rows = window_rows(join), length = join->spine->length;
    size_t group_count = 0;
    if (!groups || !grouped ||
        !ss_kept_cells_init(&join->kept, service->read_count, (int32_t)(rows < length ? rows : length)) ||
        !ss_at_hand_complete(service, join->spine->keys, &join->spine->at_hand, &join->arena, &join->at_hand))
        return ss_fail_memory(error, "a training table");
    for (size_t v = 0; v < service->view_count; v++)
        if (!grouped[v] && !make_group(join, (int)v, grouped, &groups[group_count++]))
            return ss_fail_memory(error, "a training table");
    for (join->first = 0; join->first < length; join->first += rows) {
        join->length = (int32_t)(length - join->first < rows ? length - join->first : rows);
        SS_TRY(join_window(join, groups, group_count, error));
    }
    return SS_OK;
}

enum ss_status ss_point_in_time(struct ss_history *history, const struct ss_service *service,
                                const struct ss_spine *spine, struct ss_pool *pool,
                                const struct ss_point_in_time_sink *sink, struct ss_error *error)
{
    struct ss_join join = {.history = history,
                           .service = service,
                           .spine = spine,
                           .sink = sink,
                           .pool = pool,
                           .total = spine->length * (int64_t)(service->view_count + 1)};
    pthread_mutex_init(&join.lock, NULL);
    const enum ss_status status = join_windows(&join, error);
    ss_join_release_workers(&join);
    ss_kept_cells_release(&join.kept);
    ss_arena_release(&join.arena);
    pthread_mutex_destroy(&join.lock);
    return status;
}
