// Which columns of a spine become the service's keys, its request inputs, the time and the event at hand.

#include "materializer/spine_internal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static int find_column(const struct ss_spine_rows *rows, const char *name)
{
    for (size_t i = 0; i < rows->column_count; i++)
        if (strcmp(rows->columns[i].name, name) == 0) return (int)i;
    return -1;
}

static const char *nearest_column(const struct ss_spine_rows *rows, const char *name, char hint[SS_HINT_SIZE])
{
    const char *names[64];
    const size_t count = rows->column_count < 64 ? rows->column_count : 64;
    for (size_t i = 0; i < count; i++) names[i] = rows->columns[i].name;
    return ss_nearest_hint(ss_nearest_name(ss_bytes_of(name), names, count), hint);
}

static const char *noun(const struct ss_spine_reading *reading)
{
    return reading->source->with_features ? "file" : "spine";
}

// The column of the spine that a key, request input or column of the event at hand stands in.
static const char *mapped(const struct ss_spine_reading *reading, const char *name)
{
    for (size_t i = 0; i < reading->source->map_count; i++)
        if (strcmp(reading->source->maps[i].name, name) == 0) return reading->source->maps[i].column;
    return name;
}

static enum ss_status want(struct ss_spine_reading *reading, struct ss_spine_wanted wanted,
                           struct ss_error *error)
{
    char hint[SS_HINT_SIZE];
    const char *column_name = wanted.values ? mapped(reading, wanted.name) : wanted.name;
    const int column = find_column(reading->rows, column_name);
    if (column < 0 && !wanted.values)
        return ss_fail(error, SS_INVALID, "%s '%s': there is no column '%s' for its time%s", noun(reading),
                       reading->source->place, column_name, nearest_column(reading->rows, column_name, hint));
    if (column < 0 && reading->source->with_features) // whose command has no --map
        return ss_fail(
            error, SS_INVALID,
            "file '%s': there is no column '%s' for %s '%s' of service '%s'; add it, or rename the "
            "one that has it%s",
            reading->source->place, column_name, wanted.what, wanted.name, reading->service->name,
            nearest_column(reading->rows, column_name, hint));
    if (column < 0)
        return ss_fail(error, SS_INVALID,
                       "spine '%s': there is no column '%s' for %s '%s' of service '%s'; add it, or name "
                       "another one with "
                       "--map %s=COLUMN%s",
                       reading->source->place, column_name, wanted.what, wanted.name, reading->service->name,
                       wanted.name, nearest_column(reading->rows, column_name, hint));
    wanted.column = (size_t)column;
    reading->rows->is_read[column] = true;
    reading->wanted[reading->wanted_count++] = wanted;
    return SS_OK;
}

// The column of the events' source that "SOURCE.COLUMN" names; -1: none.
static int event_column(const struct ss_source *source, const char *name)
{
    const size_t size = source ? strlen(source->name) : 0;
    if (!source || strncmp(name, source->name, size) != 0 || name[size] != '.') return -1;
    for (size_t c = 0; c < source->column_count; c++)
        if (strcmp(source->columns[c].name, name + size + 1) == 0) return (int)c;
    return -1;
}

static bool asks_for(const struct ss_spine_reading *reading, const char *name)
{
    const struct ss_service *service = reading->service;
    if (event_column(reading->event_source, name) >= 0) return true;
    for (size_t i = 0; i < service->key_count; i++)
        if (strcmp(service->key_names[i], name) == 0) return true;
    for (size_t i = 0; i < service->request_count; i++)
        if (strcmp(service->request[i].name, name) == 0) return true;
    return false;
}

static enum ss_status check_maps(const struct ss_spine_reading *reading, struct ss_error *error)
{
    const struct ss_spine_source *source = reading->source;
    for (size_t i = 0; i < source->map_count; i++) {
        if (!asks_for(reading, source->maps[i].name))
            return ss_fail(error, SS_INVALID, "--map %s=%s: service '%s' has no key or request input '%s'",
                           source->maps[i].name, source->maps[i].column, reading->service->name,
                           source->maps[i].name);
        for (size_t j = 0; j < i; j++)
            if (strcmp(source->maps[i].name, source->maps[j].name) == 0)
                return ss_fail(error, SS_INVALID, "--map %s=%s: '%s' is mapped twice, to '%s' before",
                               source->maps[i].name, source->maps[i].column, source->maps[i].name,
                               source->maps[j].column);
    }
    return SS_OK;
}

static enum ss_status check_names(const struct ss_spine_reading *reading, struct ss_error *error)
{
    const struct ss_spine_rows *rows = reading->rows;
    for (size_t i = 0; i < rows->column_count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcasecmp(rows->columns[i].name, rows->columns[j].name) == 0)
                return ss_fail(
                    error, SS_INVALID,
                    "%s '%s': columns '%s' and '%s' have one name (case does not count); rename one",
                    noun(reading), reading->source->place, rows->columns[j].name, rows->columns[i].name);
    return SS_OK;
}

static enum ss_status find_event_source(struct ss_spine_reading *reading, struct ss_error *error)
{
    const struct ss_service *service = reading->service;
    const char *name = reading->source->with_event;
    for (size_t v = 0; name && v < service->view_count; v++)
        if (strcmp(service->views[v]->source->name, name) == 0)
            reading->event_source = service->views[v]->source;
    if (!name || reading->event_source) return SS_OK;
    return ss_fail(error, SS_NOT_FOUND, "--with-event %s: no view of service '%s' reads a source '%s'", name,
                   service->name, name);
}

// The columns of the event at hand that the spine has.
static enum ss_status resolve_event(struct ss_spine_reading *reading, struct ss_error *error)
{
    const struct ss_source *source = reading->event_source;
    struct ss_spine_rows *rows = reading->rows;
    const int32_t length = (int32_t)rows->spine.length;
    const size_t before = reading->wanted_count;
    struct ss_column *columns = ss_arena_array(&rows->arena, source->column_count + 1, sizeof *columns);
    reading->carries = ss_arena_array(&rows->arena, (size_t)length + 1, sizeof *reading->carries);
    if (!columns || !reading->carries) return ss_fail_memory(error, "a spine's columns");
    for (size_t c = 0; c < source->column_count; c++) {
        const struct ss_source_column *column = &source->columns[c];
        const size_t size = strlen(source->name) + strlen(column->name) + 2;
        char *name = ss_arena_alloc(&rows->arena, size);
        if (!name || !ss_column_init(&columns[c], column->type, length ? length : 1, &rows->arena))
            return ss_fail_memory(error, "a spine's columns");
        snprintf(name, size, "%s.%s", source->name, column->name);
        if (find_column(rows, mapped(reading, name)) < 0 && mapped(reading, name) == name) continue;
        if (!ss_at_hand_takes(source, (int)c))
            return ss_fail(error, SS_INVALID,
                           "spine '%s': column '%s': an event at hand is an insert that happens at t - 1 us "
                           "and is known then; leave this column out",
                           reading->source->place, name);
        SS_TRY(
            want(reading,
                 (struct ss_spine_wanted){"column", name, 0, column->type, column->unit, &columns[c], true},
                 error));
    }
    if (reading->wanted_count == before)
        return ss_fail(
            error, SS_INVALID,
            "spine '%s': --with-event %s: it has no column of that source; columns are called '%s.COLUMN'",
            reading->source->place, source->name, source->name);
    rows->spine.at_hand = (struct ss_events_at_hand){source, columns, reading->carries};
    return SS_OK;
}

// The columns that are called as features. One that is a key, request input or the time is no feature's.
static enum ss_status resolve_features(struct ss_spine_reading *reading, struct ss_error *error)
{
    const struct ss_service *service = reading->service;
    struct ss_spine_rows *rows = reading->rows;
    const int32_t length = (int32_t)rows->spine.length;
    const size_t before = reading->wanted_count;
    struct ss_column *columns = ss_arena_array(&rows->arena, service->feature_count + 1, sizeof *columns);
    rows->has_feature = ss_arena_array(&rows->arena, service->feature_count + 1, sizeof *rows->has_feature);
    if (!columns || !rows->has_feature) return ss_fail_memory(error, "a spine's columns");
    for (size_t f = 0; f < service->feature_count; f++) {
        const struct ss_service_feature *feature = &service->features[f];
        const int column = find_column(rows, feature->name);
        if (column < 0 || rows->is_read[column]) continue;
        const struct ss_spine_wanted wanted = {
            .what = "feature", .name = feature->name, .type = feature->type, .values = &columns[f]};
        if (!ss_column_init(&columns[f], feature->type, length ? length : 1, &rows->arena))
            return ss_fail_memory(error, "a spine's columns");
        SS_TRY(want(reading, wanted, error));
        rows->has_feature[f] = true;
    }
    rows->features = columns;
    if (reading->wanted_count > before) return SS_OK;
    return ss_fail(error, SS_INVALID,
                   "file '%s': no column is called as a feature of service '%s', the first of which is '%s'; "
                   "there is nothing to compare",
                   reading->source->place, service->name, service->features[0].name);
}

enum ss_status ss_spine_find_columns(struct ss_spine_reading *reading, struct ss_error *error)
{
    const struct ss_service *service = reading->service;
    struct ss_spine_rows *rows = reading->rows;
    SS_TRY(find_event_source(reading, error));
    const size_t keys = service->key_count, request = service->request_count;
    const size_t event = reading->event_source ? reading->event_source->column_count : 0;
    const int32_t length = (int32_t)rows->spine.length;
    struct ss_column *columns = ss_arena_array(&rows->arena, keys + request + 1, sizeof *columns);
    const size_t features = reading->source->with_features ? service->feature_count : 0;
    reading->wanted =
        ss_arena_array(&rows->arena, keys + request + event + features + 1, sizeof *reading->wanted);
    rows->is_read = ss_arena_array(&rows->arena, rows->column_count + 1, sizeof *rows->is_read);
    if (!columns || !reading->wanted || !rows->is_read) return ss_fail_memory(error, "a spine's columns");
    SS_TRY(check_maps(reading, error));
    SS_TRY(check_names(reading, error));
    const struct ss_type timestamp = {SS_TIMESTAMP, 0};
    const char *time_column = reading->source->time_column;
    SS_TRY(want(reading,
                (struct ss_spine_wanted){"time", time_column, 0, timestamp, reading->source->time_unit, NULL},
                error));
    for (size_t i = 0; i < keys + request; i++) {
        struct ss_spine_wanted wanted = {.values = &columns[i]};
        if (i < keys) {
            wanted.what = "key";
            wanted.name = service->key_names[i];
            wanted.type = service->key_types[i];
        } else {
            wanted.what = "request input";
            wanted.name = service->request[i - keys].name;
            wanted.type = service->request[i - keys].type;
            wanted.unit = service->request[i - keys].unit;
        }
        SS_TRY(want(reading, wanted, error));
        if (!ss_column_init(&columns[i], wanted.type, length ? length : 1, &rows->arena))
            return ss_fail_memory(error, "a spine's columns");
    }
    rows->spine.keys = columns;
    rows->spine.request = columns + keys;
    if (reading->event_source) SS_TRY(resolve_event(reading, error));
    return features ? resolve_features(reading, error) : SS_OK;
}
