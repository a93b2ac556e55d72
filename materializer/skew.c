// Skew, by probe: the same rows read online and computed again from history at the same (t, s), every cell
// compared by bits.
//
// Rows: for each entity of the service, every key that history or the online store knows of it (so a row that
// exists on one side only is seen), the other entities' keys put beside it in turn. A damaged online row is a
// difference in the cells that read it.

#include "materializer/compare.h"

#include "engine/key.h"
#include "materializer/skew_cell.h"
#include "materializer/view_rows.h"

#include <stdlib.h>
#include <string.h>

struct keys { // distinct encoded keys of one entity, sorted
    const struct ss_entity *entity;
    struct ss_error *error;
    struct ss_bytes *items;
    size_t count, capacity;
    struct ss_arena *arena;
};

struct probe {
    struct ss_materializer *materializer;
    struct ss_pinned pinned;
    const struct ss_service *service;
    struct ss_arena arena;
    struct keys *keys; // entity_count
    size_t entity_count;
    struct ss_column *columns; // of the service's keys: the rows of the probe
    struct ss_column *page;    // of up to SS_BATCH_ROWS of them
    bool *damaged;             // of the page: [view * length + row]
    struct ss_value *key;      // of one row
    struct ss_arena page_arena;
    void (*each)(void *context, const struct ss_skew_cell *cell);
    void *context;
    struct ss_skew_report *report;
    struct ss_error *error;
};

static enum ss_status add_key(struct keys *keys, struct ss_bytes key)
{
    if (keys->count == keys->capacity) {
        const size_t capacity = keys->capacity ? keys->capacity * 2 : 256;
        struct ss_bytes *grown = realloc(keys->items, capacity * sizeof *grown);
        if (!grown) return ss_fail_memory(keys->error, "the keys of a probe");
        keys->items = grown;
        keys->capacity = capacity;
    }
    key.data = ss_arena_copy(keys->arena, key.data, key.size);
    if (!key.data) return ss_fail_memory(keys->error, "the keys of a probe");
    keys->items[keys->count++] = key;
    return SS_OK;
}

static enum ss_status history_key(void *context, const struct ss_value *parts)
{
    struct keys *keys = context;
    struct ss_key key;
    if (ss_key_encode(keys->entity->key_types, parts, keys->entity->key_count, &key) != SS_KEY_OK)
        return SS_OK;
    return add_key(keys, (struct ss_bytes){(const char *)key.bytes, key.size});
}

static enum ss_status online_key(void *context, struct ss_bytes key, struct ss_bytes state)
{
    (void)state;
    return add_key(context, key);
}

static int by_bytes(const void *a, const void *b)
{
    return ss_bytes_compare(*(const struct ss_bytes *)a, *(const struct ss_bytes *)b);
}

// Distinct, and at most `limit` of them (0: all), spread evenly over the order.
static void settle_keys(struct keys *keys, uint64_t limit)
{
    size_t distinct = 0;
    if (keys->count) qsort(keys->items, keys->count, sizeof *keys->items, by_bytes);
    for (size_t i = 0; i < keys->count; i++)
        if (i == 0 || !ss_bytes_equal(keys->items[i], keys->items[distinct - 1]))
            keys->items[distinct++] = keys->items[i];
    keys->count = distinct;
    if (limit == 0 || limit >= distinct) return;
    for (uint64_t i = 0; i < limit; i++) keys->items[i] = keys->items[i * distinct / limit];
    keys->count = (size_t)limit;
}

static struct keys *keys_of(struct probe *probe, const struct ss_entity *entity)
{
    for (size_t i = 0; i < probe->entity_count; i++)
        if (probe->keys[i].entity == entity) return &probe->keys[i];
    probe->keys[probe->entity_count] =
        (struct keys){.entity = entity, .error = probe->error, .arena = &probe->arena};
    return &probe->keys[probe->entity_count++];
}

static enum ss_status gather_keys(struct probe *probe, uint64_t limit)
{
    const struct ss_service *service = probe->service;
    struct ss_history *history = probe->materializer->store->history;
    probe->keys = ss_arena_array(&probe->arena, service->view_count + 1, sizeof *probe->keys);
    if (!probe->keys) return ss_fail_memory(probe->error, "the keys of a probe");
    for (size_t v = 0; v < service->view_count; v++) {
        const struct ss_view *view = service->views[v];
        struct keys *keys = keys_of(probe, view->entity);
        SS_TRY(
            ss_history_each_key(history, view, probe->pinned.applied.seq, history_key, keys, probe->error));
        SS_TRY(ss_online_each_key(probe->pinned.txn, &view->fingerprint, online_key, keys, probe->error));
    }
    for (size_t i = 0; i < probe->entity_count; i++) settle_keys(&probe->keys[i], limit);
    return SS_OK;
}

// Writes one entity's key into the service's row of key parts.
static enum ss_status place_key(struct probe *probe, const struct keys *keys, size_t index,
                                struct ss_value *row)
{
    const struct ss_service *service = probe->service;
    struct ss_value parts[SS_MAX_KEYS];
    if (keys->count == 0) return SS_OK;
    for (size_t v = 0; v < service->view_count; v++) {
        if (service->views[v]->entity != keys->entity) continue;
        SS_TRY(ss_view_key_parts(service->views[v], keys->items[index % keys->count], &probe->arena, parts,
                                 probe->error));
        for (size_t i = 0; i < keys->entity->key_count; i++) row[service->view_keys[v][i]] = parts[i];
        return SS_OK;
    }
    return SS_OK;
}

// A key that fits one entity may be too long together with the other parts of another one, which refuses it.
static bool can_be_asked(const struct ss_service *service, const struct ss_value *row)
{
    for (size_t v = 0; v < service->view_count; v++) {
        const struct ss_entity *entity = service->views[v]->entity;
        struct ss_value parts[SS_MAX_KEYS];
        struct ss_key key;
        for (size_t i = 0; i < entity->key_count; i++) parts[i] = row[service->view_keys[v][i]];
        if (ss_key_encode(entity->key_types, parts, entity->key_count, &key) == SS_KEY_TOO_LONG) return false;
    }
    return true;
}

static enum ss_status gather_rows(struct probe *probe)
{
    const struct ss_service *service = probe->service;
    struct ss_value *row = ss_arena_array(&probe->arena, service->key_count + 1, sizeof *row);
    size_t total = 0;
    probe->columns = ss_arena_array(&probe->arena, service->key_count + 1, sizeof *probe->columns);
    for (size_t e = 0; e < probe->entity_count; e++) total += probe->keys[e].count;
    bool ok = row && probe->columns;
    for (size_t k = 0; ok && k < service->key_count; k++)
        ok = ss_column_init(&probe->columns[k], service->key_types[k], (int32_t)total + 1, &probe->arena);
    for (size_t e = 0; ok && e < probe->entity_count; e++) {
        for (size_t i = 0; ok && i < probe->keys[e].count; i++) {
            for (size_t other = 0; other < probe->entity_count; other++)
                SS_TRY(place_key(probe, &probe->keys[other], i, row));
            SS_TRY(place_key(probe, &probe->keys[e], i, row));
            if (!can_be_asked(service, row)) continue;
            probe->report->rows++;
            for (size_t k = 0; ok && k < service->key_count; k++)
                ok = ss_column_append(&probe->columns[k], row[k], &probe->arena);
        }
    }
    return ok ? SS_OK : ss_fail_memory(probe->error, "the rows of a probe");
}

static bool reads_damage(const struct probe *probe, size_t feature, int32_t length, int32_t row)
{
    const struct ss_service *service = probe->service;
    const uint64_t *reads = service->features[feature].reads;
    for (size_t r = 0; r < service->read_count; r++)
        if ((reads[r / 64] >> (r % 64) & 1) && probe->damaged[service->reads[r].view * length + row])
            return true;
    return false;
}

static void compare_cell(struct probe *probe, const struct ss_answer *online, const struct ss_answer *offline,
                         int32_t row, size_t f)
{
    const struct ss_type type = probe->service->features[f].type;
    struct ss_skew_cell cell = {
        .key = probe->key,
        .feature = f,
        .t_us = probe->pinned.t_us,
        .served = ss_column_get(&online->columns[f], row),
        .computed = ss_column_get(&offline->columns[f], row),
        .served_status = online->statuses[f][row],
        .computed_status = offline->statuses[f][row],
    };
    cell.difference = ss_skew_difference(type, 0, &cell);
    if (reads_damage(probe, f, offline->length, row)) cell.difference = SS_DIFFERENCE_DAMAGED;
    ss_skew_count(type, &cell, &probe->report->features[f]);
    if (cell.difference != SS_DIFFERENCE_NONE && probe->each) probe->each(probe->context, &cell);
}

// The offline rows come here; their online twins are looked up in the snapshot.
static enum ss_status compare_page(void *context, int64_t first, const struct ss_answer *offline, size_t slot,
                                   struct ss_error *error)
{
    (void)slot;
    struct probe *probe = context;
    const struct ss_service *service = probe->service;
    struct ss_answer online;
    ss_arena_reset(&probe->page_arena);
    probe->page = ss_arena_array(&probe->page_arena, service->key_count + 1, sizeof *probe->page);
    probe->key = ss_arena_array(&probe->page_arena, service->key_count + 1, sizeof *probe->key);
    probe->damaged = ss_arena_array(&probe->page_arena, service->view_count * (size_t)offline->length + 1,
                                    sizeof *probe->damaged);
    if (!probe->page || !probe->key || !probe->damaged) return ss_fail_memory(error, "the rows of a probe");
    for (size_t k = 0; k < service->key_count; k++)
        if (!ss_column_slice(&probe->columns[k], first, offline->length, &probe->page_arena, &probe->page[k]))
            return ss_fail_memory(error, "the rows of a probe");
    const struct ss_lookup lookup = {
        .length = offline->length, .keys = probe->page, .damaged = probe->damaged};
    SS_TRY(ss_lookup(&probe->pinned, service, &lookup, &probe->page_arena, &online, error));
    for (int32_t row = 0; row < offline->length; row++) {
        for (size_t k = 0; k < service->key_count; k++) probe->key[k] = ss_column_get(&probe->page[k], row);
        for (size_t f = 0; f < service->feature_count; f++) compare_cell(probe, &online, offline, row, f);
    }
    return SS_OK;
}

static enum ss_status compare_all(struct probe *probe)
{
    const struct ss_point_in_time_sink sink = {.emit = compare_page, .context = probe};
    const size_t rows = probe->report->rows;
    int64_t *t_us = ss_arena_array(&probe->arena, rows + 1, sizeof *t_us);
    if (!t_us) return ss_fail_memory(probe->error, "the rows of a probe");
    for (size_t i = 0; i < rows; i++) t_us[i] = probe->pinned.t_us;
    const struct ss_spine spine = {
        .length = (int64_t)rows, .keys = probe->columns, .t_us = t_us, .newest_s = probe->pinned.applied.seq};
    return ss_point_in_time(probe->materializer->store->history, probe->service, &spine, NULL, &sink,
                            probe->error);
}

static enum ss_status probe_all(struct probe *probe, const char *service, uint64_t limit,
                                struct ss_arena *arena)
{
    SS_TRY(ss_require_service(probe->materializer, service, &probe->service, probe->error));
    probe->report->service = probe->service;
    probe->report->t_us = probe->pinned.t_us;
    probe->report->s = probe->pinned.applied.seq;
    probe->report->features =
        ss_arena_array(arena, probe->service->feature_count + 1, sizeof(struct ss_skew_feature));
    if (!probe->report->features) return ss_fail_memory(probe->error, "the report of a probe");
    SS_TRY(gather_keys(probe, limit));
    SS_TRY(gather_rows(probe));
    return compare_all(probe);
}

enum ss_status ss_skew_probe(struct ss_materializer *materializer, const char *service, uint64_t limit,
                             struct ss_arena *arena,
                             void (*each)(void *context, const struct ss_skew_cell *cell), void *context,
                             struct ss_skew_report *report, struct ss_error *error)
{
    struct ss_skew_report filled = {0};
    struct probe probe = {
        .materializer = materializer, .each = each, .context = context, .report = &filled, .error = error};
    SS_TRY(ss_pin(materializer, false, 0, &probe.pinned, error));
    const enum ss_status status = probe_all(&probe, service, limit, arena);
    if (status == SS_OK) *report = filled;
    for (size_t i = 0; i < probe.entity_count; i++) free(probe.keys[i].items);
    ss_unpin(&probe.pinned);
    ss_arena_release(&probe.arena);
    ss_arena_release(&probe.page_arena);
    return status;
}
