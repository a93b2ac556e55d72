// List, Describe, Stats: what the store holds, in words.

#include "server/admin.h"
#include "server/methods.h"

// Messages borrow texts from the definitions and are made in the request's arena.
static char *borrowed(const char *text)
{
    return (char *)(uintptr_t)(text ? text : "");
}

static ProtobufCBinaryData hash_bytes(const struct ss_sha256 *hash)
{
    return (ProtobufCBinaryData){.len = sizeof hash->bytes, .data = (uint8_t *)(uintptr_t)hash->bytes};
}

static void fill_item(Selfsame__V1__Item *item, const char *kind, const char *name,
                      const struct ss_notes *notes, const struct ss_sha256 *fingerprint)
{
    selfsame__v1__item__init(item);
    item->kind = borrowed(kind);
    item->name = borrowed(name);
    item->description = borrowed(notes->description);
    item->owner = borrowed(notes->owner);
    item->n_tags = notes->tag_count;
    item->tags = (char **)(uintptr_t)notes->tags;
    if (fingerprint) item->fingerprint = hash_bytes(fingerprint);
}

// ---- List

struct items {
    Selfsame__V1__Item *all, **list;
    size_t count;
    const char *kind; // "": all
};

static void add_item(struct items *items, const char *kind, const char *name, const struct ss_notes *notes,
                     const struct ss_sha256 *fingerprint)
{
    if (items->kind[0] && strcmp(items->kind, kind) != 0) return;
    fill_item(&items->all[items->count], kind, name, notes, fingerprint);
    items->list[items->count] = &items->all[items->count];
    items->count++;
}

static enum ss_status take_names(const struct ss_admin_request *request, const char **first,
                                 const char **second, struct ss_error *error)
{
    struct ss_message message = ss_message_of(request->message);
    struct ss_field field;
    *first = *second = "";
    while (ss_message_next(&message, &field)) {
        if (field.number > 2) continue;
        if (field.type != SS_WIRE_BYTES) return ss_wire_malformed("request", error);
        const bool is_first = field.number == 1;
        SS_TRY(ss_wire_text(is_first ? "kind" : "name", field.bytes, request->arena,
                            is_first ? first : second, error));
    }
    return message.failed ? ss_wire_malformed("request", error) : SS_OK;
}

static enum ss_status check_kind(const char *kind, struct ss_error *error)
{
    static const char *const kinds[] = {"", "entity", "source", "view", "service"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kind, kinds[i]) == 0) return SS_OK;
    return ss_fail(error, SS_INVALID, "kind '%s': expected entity, source, view or service", kind);
}

static enum ss_status answer_list(struct ss_admin_request *request, struct ss_bytes *answer,
                                  struct ss_error *error)
{
    const struct ss_definitions *definitions = request->reader->definitions;
    const struct ss_definitions none = {0};
    const char *second;
    struct items items = {0};
    Selfsame__V1__ListResponse response = SELFSAME__V1__LIST_RESPONSE__INIT;
    SS_TRY(take_names(request, &items.kind, &second, error));
    SS_TRY(check_kind(items.kind, error));
    if (!definitions) definitions = &none;
    const size_t most = definitions->entity_count + definitions->source_count + definitions->view_count +
                        definitions->service_count;
    items.all = ss_arena_array(request->arena, most + 1, sizeof *items.all);
    items.list = ss_arena_array(request->arena, most + 1, sizeof *items.list);
    if (!items.all || !items.list) return ss_fail_memory(error, "a list");
    for (size_t i = 0; i < definitions->entity_count; i++)
        add_item(&items, "entity", definitions->entities[i].name, &definitions->entities[i].notes, NULL);
    for (size_t i = 0; i < definitions->source_count; i++)
        add_item(&items, "source", definitions->sources[i].name, &definitions->sources[i].notes, NULL);
    for (size_t i = 0; i < definitions->view_count; i++)
        add_item(&items, "view", definitions->views[i].name, &definitions->views[i].notes,
                 &definitions->views[i].fingerprint);
    for (size_t i = 0; i < definitions->service_count; i++)
        add_item(&items, "service", definitions->services[i].name, &definitions->services[i].notes,
                 &definitions->services[i].fingerprint);
    response.n_items = items.count;
    response.items = items.list;
    if (definitions != &none) response.fingerprint = hash_bytes(&definitions->fingerprint);
    *answer = ss_admin_pack(&response.base, request->arena);
    return answer->data ? SS_OK : ss_fail_memory(error, "a list");
}
SS_ADMIN_METHOD(list, "List", LIST, SS_RIGHT_KINDS, answer_list);

// ---- Describe

struct fields {
    Selfsame__V1__Field *all, **list;
    size_t count;
};

static bool make_fields(struct fields *fields, size_t most, struct ss_arena *arena)
{
    fields->all = ss_arena_array(arena, most + 1, sizeof *fields->all);
    fields->list = ss_arena_array(arena, most + 1, sizeof *fields->list);
    fields->count = 0;
    return fields->all && fields->list;
}

static Selfsame__V1__Type type_number(enum ss_type_id id)
{
    static const Selfsame__V1__Type types[] = {
        [SS_BOOL] = SELFSAME__V1__TYPE__TYPE_BOOL,       [SS_INT64] = SELFSAME__V1__TYPE__TYPE_INT64,
        [SS_FLOAT64] = SELFSAME__V1__TYPE__TYPE_FLOAT64, [SS_DECIMAL] = SELFSAME__V1__TYPE__TYPE_DECIMAL,
        [SS_STRING] = SELFSAME__V1__TYPE__TYPE_STRING,   [SS_TIMESTAMP] = SELFSAME__V1__TYPE__TYPE_TIMESTAMP,
        [SS_BYTES] = SELFSAME__V1__TYPE__TYPE_BYTES,     [SS_LIST] = SELFSAME__V1__TYPE__TYPE_LIST,
        [SS_VECTOR] = SELFSAME__V1__TYPE__TYPE_VECTOR,
    };
    return types[id];
}

static Selfsame__V1__Field *add_field(struct fields *fields, const char *name, struct ss_type type)
{
    Selfsame__V1__Field *field = &fields->all[fields->count];
    selfsame__v1__field__init(field);
    field->name = borrowed(name);
    field->type = type_number(type.id);
    field->scale = type.scale;
    field->length = type.length;
    if (type.id == SS_LIST) field->element = type_number(type.element);
    fields->list[fields->count++] = field;
    return field;
}

static bool add_keys(const struct ss_entity *entity, struct ss_arena *arena,
                     Selfsame__V1__DescribeResponse *response)
{
    struct fields keys;
    if (!make_fields(&keys, entity->key_count, arena)) return false;
    for (size_t i = 0; i < entity->key_count; i++)
        add_field(&keys, entity->key_names[i], entity->key_types[i]);
    response->n_keys = keys.count;
    response->keys = keys.list;
    return true;
}

static bool describe_source(const struct ss_source *source, struct ss_arena *arena,
                            Selfsame__V1__DescribeResponse *response)
{
    struct fields columns;
    struct ss_buffer text = {0};
    if (!make_fields(&columns, source->column_count, arena)) return false;
    for (size_t i = 0; i < source->column_count; i++)
        add_field(&columns, source->columns[i].name, source->columns[i].type);
    response->n_columns = columns.count;
    response->columns = columns.list;
    ss_source_canonical(source, &text);
    response->canonical = text.failed ? NULL : ss_arena_copy(arena, text.data, text.size);
    ss_buffer_release(&text);
    return response->canonical != NULL;
}

static bool describe_view(const struct ss_view *view, struct ss_arena *arena,
                          Selfsame__V1__DescribeResponse *response)
{
    struct fields features;
    if (!make_fields(&features, view->feature_count, arena)) return false;
    for (size_t i = 0; i < view->feature_count; i++) {
        Selfsame__V1__Field *field = add_field(&features, view->features[i].name, view->features[i].type);
        field->text = borrowed(view->features[i].text);
        field->description = borrowed(view->features[i].notes.description);
    }
    response->n_features = features.count;
    response->features = features.list;
    response->source = borrowed(view->source->name);
    response->entity = borrowed(view->entity->name);
    response->canonical = ss_arena_copy(arena, view->canonical.data, view->canonical.size);
    return response->canonical && add_keys(view->entity, arena, response);
}

static bool describe_service(const struct ss_service *service, struct ss_arena *arena,
                             Selfsame__V1__DescribeResponse *response)
{
    struct fields keys, inputs, features;
    if (!make_fields(&keys, service->key_count, arena) ||
        !make_fields(&inputs, service->request_count, arena) ||
        !make_fields(&features, service->feature_count, arena))
        return false;
    for (size_t i = 0; i < service->key_count; i++)
        add_field(&keys, service->key_names[i], service->key_types[i]);
    for (size_t i = 0; i < service->request_count; i++)
        add_field(&inputs, service->request[i].name, service->request[i].type);
    for (size_t i = 0; i < service->feature_count; i++)
        add_field(&features, service->features[i].name, service->features[i].type);
    response->n_keys = keys.count;
    response->keys = keys.list;
    response->n_inputs = inputs.count;
    response->inputs = inputs.list;
    response->n_features = features.count;
    response->features = features.list;
    response->canonical = ss_arena_copy(arena, service->canonical.data, service->canonical.size);
    return response->canonical != NULL;
}

static bool describe_all(const struct ss_definitions *definitions, struct ss_arena *arena,
                         Selfsame__V1__DescribeResponse *response)
{
    Selfsame__V1__File *files = ss_arena_array(arena, definitions->file_count + 1, sizeof *files);
    Selfsame__V1__Zone *zones = ss_arena_array(arena, definitions->zone_count + 1, sizeof *zones);
    response->files = ss_arena_array(arena, definitions->file_count + 1, sizeof *response->files);
    response->zones = ss_arena_array(arena, definitions->zone_count + 1, sizeof *response->zones);
    if (!files || !zones || !response->files || !response->zones) return false;
    for (size_t i = 0; i < definitions->file_count; i++) {
        selfsame__v1__file__init(&files[i]);
        files[i].name = borrowed(definitions->files[i].path);
        files[i].text =
            ss_arena_copy(arena, definitions->files[i].text.data, definitions->files[i].text.size);
        if (!files[i].text) return false;
        response->files[response->n_files++] = &files[i];
    }
    for (size_t i = 0; i < definitions->zone_count; i++) {
        const struct ss_bytes tzif = definitions->zones[i].tzif;
        selfsame__v1__zone__init(&zones[i]);
        zones[i].name = borrowed(definitions->zones[i].name);
        zones[i].tzif = (ProtobufCBinaryData){.len = tzif.size, .data = (uint8_t *)(uintptr_t)tzif.data};
        response->zones[response->n_zones++] = &zones[i];
    }
    return true;
}

static bool describe_limits(const struct ss_admin_request *request, Selfsame__V1__DescribeResponse *response)
{
    const struct ss_settings *settings = ss_serving_settings(request->serving);
    response->limits = ss_arena_array(request->arena, 1, sizeof *response->limits);
    if (!response->limits) return false;
    selfsame__v1__limits__init(response->limits);
    response->limits->max_message_bytes = (uint64_t)settings->max_message_bytes;
    response->limits->max_entities = (uint64_t)settings->max_entities;
    return true;
}

static enum ss_status describe(const struct ss_admin_request *request, const char *kind, const char *name,
                               Selfsame__V1__DescribeResponse *response, struct ss_error *error)
{
    const struct ss_definitions *definitions = request->reader->definitions;
    struct ss_arena *arena = request->arena;
    Selfsame__V1__Item *item = ss_arena_array(arena, 1, sizeof *item);
    bool held = item != NULL;
    if (held) selfsame__v1__item__init(item);
    response->item = item;
    if (held && !kind[0]) {
        held = describe_limits(request, response) &&
               (!definitions || describe_all(definitions, arena, response));
        if (definitions) item->fingerprint = hash_bytes(&definitions->fingerprint);
    } else if (held && strcmp(kind, "source") == 0) {
        const struct ss_source *source;
        SS_TRY(ss_require_source(request->reader, name, &source, error));
        fill_item(item, kind, source->name, &source->notes, NULL);
        held = describe_source(source, arena, response);
    } else if (held && strcmp(kind, "view") == 0) {
        const struct ss_view *view;
        SS_TRY(ss_require_view(request->reader, name, &view, error));
        fill_item(item, kind, view->name, &view->notes, &view->fingerprint);
        held = describe_view(view, arena, response);
    } else if (held && strcmp(kind, "service") == 0) {
        const struct ss_service *service;
        SS_TRY(ss_require_service(request->reader, name, &service, error));
        fill_item(item, kind, service->name, &service->notes, &service->fingerprint);
        held = describe_service(service, arena, response);
    } else if (held) {
        const struct ss_entity *found = NULL;
        for (size_t i = 0; definitions && i < definitions->entity_count; i++)
            if (strcmp(definitions->entities[i].name, name) == 0) found = &definitions->entities[i];
        if (!found) return ss_fail(error, SS_NOT_FOUND, "entity '%s': the store has none of that name", name);
        fill_item(item, kind, found->name, &found->notes, NULL);
        held = add_keys(found, arena, response);
    }
    return held ? SS_OK : ss_fail_memory(error, "a description");
}

static enum ss_status answer_describe(struct ss_admin_request *request, struct ss_bytes *answer,
                                      struct ss_error *error)
{
    const char *kind, *name;
    Selfsame__V1__DescribeResponse response = SELFSAME__V1__DESCRIBE_RESPONSE__INIT;
    SS_TRY(take_names(request, &kind, &name, error));
    SS_TRY(check_kind(kind, error));
    SS_TRY(describe(request, kind, name, &response, error));
    *answer = ss_admin_pack(&response.base, request->arena);
    return answer->data ? SS_OK : ss_fail_memory(error, "a description");
}
SS_ADMIN_METHOD(describe, "Describe", DESCRIBE, SS_RIGHT_KINDS, answer_describe);

// ---- Stats

static enum ss_status fill_views(const struct ss_admin_request *request, struct ss_online_txn *txn,
                                 Selfsame__V1__StatsResponse *response, struct ss_error *error)
{
    const struct ss_definitions *definitions = request->reader->definitions;
    const size_t count = definitions ? definitions->view_count : 0;
    Selfsame__V1__ViewStats *views = ss_arena_array(request->arena, count + 1, sizeof *views);
    response->views = ss_arena_array(request->arena, count + 1, sizeof *response->views);
    if (!views || !response->views) return ss_fail_memory(error, "the stats of the views");
    for (size_t i = 0; i < count; i++) {
        struct ss_online_stats stats;
        SS_TRY(ss_online_stats(txn, &definitions->views[i].fingerprint, &stats, error));
        selfsame__v1__view_stats__init(&views[i]);
        views[i].name = borrowed(definitions->views[i].name);
        views[i].fingerprint = hash_bytes(&definitions->views[i].fingerprint);
        views[i].rows = stats.rows;
        views[i].bytes = stats.bytes;
        response->online_bytes = stats.file_bytes;
        response->views[response->n_views++] = &views[i];
    }
    return SS_OK;
}

static enum ss_status fill_stats(const struct ss_admin_request *request,
                                 Selfsame__V1__StatsResponse *response, struct ss_error *error)
{
    struct ss_store *store = request->reader->store;
    struct ss_history_stats history;
    struct ss_commit newest;
    struct ss_pinned pinned = {0};
    SS_TRY(ss_history_stats(store->history, &history, error));
    SS_TRY(ss_history_newest_commit(store->history, &newest, error));
    SS_TRY(ss_pin(request->reader, false, 0, &pinned, error));
    const enum ss_status status = fill_views(request, pinned.txn, response, error);
    response->version = borrowed(request->serving->version);
    response->t_us = pinned.t_us;
    response->seq = newest.last_seq;
    response->applied_seq = pinned.applied.seq;
    response->newest_event_us = pinned.applied.arrival_us;
    response->commits = history.commits;
    response->events = history.events;
    response->deletes = history.deletes;
    response->quarantined = history.quarantined;
    response->history_bytes = history.file_bytes;
    response->wal_bytes = history.wal_bytes;
    response->segments = history.segments;
    response->staged = history.staged;
    response->clock = borrowed(ss_clock_kind(store->clock) == SS_CLOCK_REPLAY ? "replay" : "wall");
    response->in_flight = ss_clock_in_flight(store->clock);
    ss_unpin(&pinned);
    return status;
}

static enum ss_status answer_stats(struct ss_admin_request *request, struct ss_bytes *answer,
                                   struct ss_error *error)
{
    Selfsame__V1__StatsResponse response = SELFSAME__V1__STATS_RESPONSE__INIT;
    SS_TRY(fill_stats(request, &response, error));
    *answer = ss_admin_pack(&response.base, request->arena);
    return answer->data ? SS_OK : ss_fail_memory(error, "the stats");
}
SS_ADMIN_METHOD(stats, "Stats", STATS, SS_RIGHT_ADMIN, answer_stats);
