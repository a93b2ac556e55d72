// The naive scan, what a batch becomes: the door, identities, seq and arrival. Reads are in naive_read.c.
//
// Events of one identity and of one entity are found through hash tables; nothing else is kept of them.

#include "naive.h"

#include <stdlib.h>
#include <string.h>

#include "naive_evaluate.h"
#include "naive_read.h"

static int *empty_buckets(struct naive *naive)
{
    int *buckets = pool_take(naive->pool, naive->bucket_count * sizeof *buckets);
    for (uint64_t i = 0; i < naive->bucket_count; i++) buckets[i] = -1;
    return buckets;
}

void naive_init(struct naive *naive, const struct plan *plan, struct pool *pool, int most_events)
{
    *naive =
        (struct naive){.plan = plan, .pool = pool, .answers = pool, .clock = INT64_MIN, .bucket_count = 64};
    while (naive->bucket_count < (uint64_t)most_events) naive->bucket_count *= 2;
    for (int i = 0; i < plan->source_count; i++) {
        struct naive_source *stored = &naive->sources[i];
        stored->events = pool_take(pool, (size_t)(most_events + 1) * sizeof *stored->events);
        stored->deletes = pool_take(pool, (size_t)(most_events + 1) * sizeof *stored->deletes);
        stored->event_buckets = empty_buckets(naive);
        stored->delete_buckets = empty_buckets(naive);
    }
    for (int v = 0; v < plan->view_count; v++)
        naive->entities[v] = pool_take(pool, naive->bucket_count * sizeof *naive->entities[v]);
}

// ---- What a batch becomes

// A row on its way in.
struct arriving {
    const struct cell *cells;
    int64_t time, arrival;
    bool is_delete, is_live;
};

static bool is_delete(const struct source *source, const struct cell *cells)
{
    return source->operation_column >= 0 && cells[source->operation_column].present &&
           strcmp(cells[source->operation_column].text, "delete") == 0;
}

static bool declared_arrival(const struct naive *naive, const struct source *source, struct arriving *row)
{
    if (source->arrival == ARRIVAL_COLUMN) {
        if (!row->cells[source->arrival_column].present) return false;
        row->arrival = row->cells[source->arrival_column].i;
    } else {
        row->arrival = row->time + (source->arrival == ARRIVAL_OFFSET ? source->offset : 0);
    }
    return row->arrival >= row->time && !(naive->plan->wall && row->arrival >= naive->clock);
}

// Is the row an event (DESIGN C1, C7)?
static bool passes_door(const struct naive *naive, const struct source *source, bool live, int64_t clock,
                        struct arriving *row)
{
    const struct cell *cells = row->cells;
    if (!cells[source->time_column].present) return false;
    row->time = cells[source->time_column].i;
    if (source->id_column >= 0 && !cells[source->id_column].present) return false;
    if (source->operation_column >= 0 && !cells[source->operation_column].present) return false;
    row->is_delete = is_delete(source, cells);
    row->is_live = live || row->is_delete;
    if (!row->is_live) return declared_arrival(naive, source, row);
    return row->time <= clock + SECOND;
}

static bool same_identity(const struct source *source, int64_t time, struct cell id,
                          const struct arriving *row)
{
    const int column = source->id_column;
    return time == row->time && cell_equal(source->columns[column].kind, id, row->cells[column]);
}

static uint64_t mixed(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static uint64_t hash_of(struct kind kind, struct cell cell)
{
    uint64_t hash = (uint64_t)cell.i;
    const size_t size = kind.id == KIND_STRING ? strlen(cell.text) : cell.size;
    for (size_t i = 0; i < size; i++) hash = mixed(hash, (unsigned char)cell.text[i]);
    return mixed(hash, size);
}

static int *bucket_of(const struct naive *naive, const struct source *source, int *buckets,
                      const struct arriving *row)
{
    const int column = source->id_column;
    const uint64_t hash = hash_of(source->columns[column].kind, row->cells[column]);
    return &buckets[mixed(hash, (uint64_t)row->time) & (naive->bucket_count - 1)];
}

static struct naive_event *find_event(const struct naive *naive, const struct naive_source *stored,
                                      const struct source *source, const struct arriving *row)
{
    const int column = source->id_column;
    if (column < 0) return NULL;
    for (int i = *bucket_of(naive, source, stored->event_buckets, row); i >= 0; i = stored->events[i].next)
        if (same_identity(source, stored->events[i].time, stored->events[i].cells[column], row))
            return &stored->events[i];
    return NULL;
}

static bool was_deleted(const struct naive *naive, const struct naive_source *stored,
                        const struct source *source, const struct arriving *row)
{
    if (source->id_column < 0) return false;
    for (int i = *bucket_of(naive, source, stored->delete_buckets, row); i >= 0; i = stored->deletes[i].next)
        if (same_identity(source, stored->deletes[i].time, stored->deletes[i].id, row)) return true;
    return false;
}

// ---- Entities

bool naive_keys_of(const struct view *view, const struct naive_event *event, struct cell *keys)
{
    const struct source *source = view->source;
    for (int k = 0; k < view->entity->key_count; k++)
        for (int c = 0; c < source->column_count; c++)
            if (source->columns[c].role == ROLE_KEY && source->columns[c].key == view->entity->keys[k]) {
                if (!event->cells[c].present) return false;
                keys[k] = event->cells[c];
            }
    return true;
}

static struct naive_entity **find_entity(const struct naive *naive, int view, const struct cell *keys)
{
    const struct entity *entity = naive->plan->views[view].entity;
    uint64_t hash = 0;
    for (int k = 0; k < entity->key_count; k++)
        hash = mixed(hash, hash_of(naive->plan->key_kinds[entity->keys[k]], keys[k]));
    struct naive_entity **at = &naive->entities[view][hash & (naive->bucket_count - 1)];
    for (; *at; at = &(*at)->next) {
        bool equal = true;
        for (int k = 0; k < entity->key_count && equal; k++)
            equal = cell_equal(naive->plan->key_kinds[entity->keys[k]], (*at)->keys[k], keys[k]);
        if (equal) break;
    }
    return at;
}

const struct naive_entity *naive_find_entity(const struct naive *naive, int view, const struct cell *keys)
{
    for (int k = 0; k < naive->plan->views[view].entity->key_count; k++)
        if (!keys[k].present) return NULL;
    return *find_entity(naive, view, keys);
}

static void insert_event(struct pool *pool, struct naive_entity *entity, const struct naive_event *event)
{
    if (entity->event_count == entity->capacity) {
        entity->capacity = 2 * entity->capacity + 4;
        const struct naive_event **events = pool_take(pool, (size_t)entity->capacity * sizeof *events);
        memcpy(events, entity->events ? entity->events : events,
               (size_t)entity->event_count * sizeof *events);
        entity->events = events;
    }
    int at = entity->event_count++; // its seq is the greatest
    for (; at > 0 && entity->events[at - 1]->time > event->time; at--)
        entity->events[at] = entity->events[at - 1];
    entity->events[at] = event;
}

static void keep_in_view(struct naive *naive, int index, const struct naive_event *event)
{
    const struct view *view = &naive->plan->views[index];
    const struct scope scope = {.pool = naive->pool, .columns = event->cells, .event_time = event->time};
    struct cell keys[MAX_KEYS] = {{0}};
    if (!naive_keys_of(view, event, keys) || !naive_is_true(view->where, &scope)) return;
    struct naive_entity **place = find_entity(naive, index, keys);
    if (!*place) {
        *place = pool_take(naive->pool, sizeof **place);
        memcpy((*place)->keys, keys, sizeof keys);
    }
    insert_event(naive->pool, *place, event);
}

// ---- Batches

static void keep_event(struct naive *naive, const struct source *source, struct naive_source *stored,
                       const struct arriving *row)
{
    const int index = stored->event_count++;
    struct naive_event *event = &stored->events[index];
    *event = (struct naive_event){
        .seq = ++naive->seq, .time = row->time, .arrival = row->arrival, .cells = row->cells};
    if (source->id_column >= 0) {
        int *bucket = bucket_of(naive, source, stored->event_buckets, row);
        event->next = *bucket;
        *bucket = index;
    }
    for (int v = 0; v < naive->plan->view_count; v++)
        if (&naive->sources[naive->plan->views[v].source_index] == stored) keep_in_view(naive, v, event);
}

// True if the row changed something.
static bool store(struct naive *naive, const struct source *source, struct naive_source *stored,
                  const struct arriving *row)
{
    struct naive_event *event = find_event(naive, stored, source, row);
    if (was_deleted(naive, stored, source, row)) return false;
    if (!row->is_delete) {
        if (!event) keep_event(naive, source, stored, row);
        return !event;
    }
    int *bucket = bucket_of(naive, source, stored->delete_buckets, row);
    stored->deletes[stored->delete_count] =
        (struct naive_identity){row->time, row->cells[source->id_column], *bucket};
    *bucket = stored->delete_count++;
    naive->seq++;
    if (!event) return true;
    event->is_deleted = true;
    event->deleted_seq = naive->seq;
    event->deleted_arrival = row->arrival;
    return true;
}

// The commit's clock: a replay clock stands past what the batch declares, since deletes arrive with it.
static int64_t commit_clock(const struct naive *naive, const struct source *source,
                            const struct naive_batch *batch)
{
    int64_t clock = naive->clock;
    for (int i = 0; i < batch->row_count && !batch->live && !naive->plan->wall; i++) {
        struct arriving row = {.cells = batch->rows[i]->cells};
        if (passes_door(naive, source, false, clock, &row) && !row.is_live && row.arrival >= clock)
            clock = row.arrival + 1;
    }
    return clock;
}

void naive_push(struct naive *naive, const struct naive_batch *batch)
{
    const struct source *source = &naive->plan->sources[batch->source];
    struct naive_source *stored = &naive->sources[batch->source];
    struct arriving *rows = pool_take(naive->pool, (size_t)(batch->row_count + 1) * sizeof *rows);
    int count = 0;
    if (batch->clock > naive->clock) naive->clock = batch->clock;
    const int64_t clock = commit_clock(naive, source, batch);
    int64_t arrival = clock, newest = INT64_MIN;
    for (int i = 0; i < batch->row_count; i++) {
        rows[count] = (struct arriving){.cells = batch->rows[i]->cells};
        if (!passes_door(naive, source, batch->live, clock, &rows[count])) continue;
        if (rows[count].is_live && rows[count].time > arrival) arrival = rows[count].time;
        count++;
    }
    for (int i = 0; i < count; i++) {
        if (rows[i].is_live) rows[i].arrival = arrival;
        if (!store(naive, source, stored, &rows[i])) continue;
        if (rows[i].is_live) stored->is_live = true;
        if (rows[i].arrival > newest) newest = rows[i].arrival;
        if (rows[i].time > newest) newest = rows[i].time;
    }
    if (newest >= naive->clock) naive->clock = newest + 1;
}

bool naive_all_live(const struct naive *naive)
{
    for (int v = 0; v < naive->plan->view_count; v++)
        if (!naive->sources[naive->plan->views[v].source_index].is_live) return false;
    return true;
}
