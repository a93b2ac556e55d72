// What an apply would change, definition by definition.

#include "materializer/apply.h"

#include <string.h>

const char *ss_change_name(enum ss_change change)
{
    switch (change) {
    case SS_CHANGE_NEW: return "new";
    case SS_CHANGE_SAME: return "same";
    case SS_CHANGE_CHANGED: return "changed";
    case SS_CHANGE_DROPPED: return "dropped";
    }
    return "?";
}

static bool same_hash(const struct ss_sha256 *a, const struct ss_sha256 *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

// Which lines of two canonical forms differ, by the word that leads the line; "" when none does.
static const char *changed_part(struct ss_buffer *old, struct ss_buffer *new, struct ss_arena *arena)
{
    const char *a = old->failed || !old->size ? "" : (const char *)old->data;
    const char *b = new->failed || !new->size ? "" : (const char *)new->data;
    size_t at = 0, line = 0;
    const size_t shared = old->size < new->size ? old->size : new->size;
    while (at < shared && a[at] == b[at]) {
        if (a[at] == '\n') line = at + 1;
        at++;
    }
    if (at == old->size && at == new->size) return "";
    const char *text = line < new->size ? b : a;
    const size_t size = line < new->size ? new->size : old->size;
    size_t end = line;
    while (end < size && text[end] != '\n' && end - line < 60) end++;
    const char *part = ss_arena_copy(arena, text + line, end - line);
    return part ? part : "";
}

static const char *view_difference(const struct ss_view *old, const struct ss_view *new,
                                   struct ss_arena *arena)
{
    struct ss_buffer before = {0}, after = {0};
    ss_view_canonical(old, &before);
    ss_view_canonical(new, &after);
    const char *part = changed_part(&before, &after, arena);
    ss_buffer_release(&before);
    ss_buffer_release(&after);
    return part;
}

static struct ss_planned plan_source(const struct ss_definitions *old, const struct ss_source *source,
                                     struct ss_arena *arena)
{
    struct ss_planned planned = {"source", source->name, SS_CHANGE_NEW, ""};
    const struct ss_source *before = old ? ss_find_source(old, source->name) : NULL;
    if (!before) return planned;
    struct ss_buffer a = {0}, b = {0};
    ss_source_canonical(before, &a);
    ss_source_canonical(source, &b);
    planned.part = changed_part(&a, &b, arena);
    planned.change = planned.part[0] ? SS_CHANGE_CHANGED : SS_CHANGE_SAME;
    ss_buffer_release(&a);
    ss_buffer_release(&b);
    return planned;
}

static struct ss_planned plan_view(const struct ss_definitions *old, const struct ss_view *view,
                                   struct ss_arena *arena)
{
    struct ss_planned planned = {"view", view->name, SS_CHANGE_NEW, ""};
    const struct ss_view *before = old ? ss_find_view(old, view->name) : NULL;
    if (!before) return planned;
    planned.change = same_hash(&before->fingerprint, &view->fingerprint) ? SS_CHANGE_SAME : SS_CHANGE_CHANGED;
    if (planned.change == SS_CHANGE_CHANGED) planned.part = view_difference(before, view, arena);
    return planned;
}

static struct ss_planned plan_service(const struct ss_definitions *old, const struct ss_service *service)
{
    struct ss_planned planned = {"service", service->name, SS_CHANGE_NEW, ""};
    const struct ss_service *before = old ? ss_find_service(old, service->name) : NULL;
    if (before)
        planned.change =
            same_hash(&before->fingerprint, &service->fingerprint) ? SS_CHANGE_SAME : SS_CHANGE_CHANGED;
    return planned;
}

enum ss_status ss_plan(const struct ss_definitions *old, const struct ss_definitions *new,
                       struct ss_arena *arena, struct ss_planned **planned, size_t *count,
                       struct ss_error *error)
{
    const size_t most = new->source_count + new->view_count + new->service_count +
                        (old ? old->source_count + old->view_count + old->service_count : 0);
    struct ss_planned *list = ss_arena_array(arena, most + 1, sizeof *list);
    size_t n = 0;
    if (!list) return ss_fail_memory(error, "a plan");
    for (size_t i = 0; i < new->source_count; i++) list[n++] = plan_source(old, &new->sources[i], arena);
    for (size_t i = 0; old && i < old->source_count; i++)
        if (!ss_find_source(new, old->sources[i].name))
            list[n++] = (struct ss_planned){"source", old->sources[i].name, SS_CHANGE_DROPPED, ""};
    for (size_t i = 0; i < new->view_count; i++) list[n++] = plan_view(old, &new->views[i], arena);
    for (size_t i = 0; old && i < old->view_count; i++)
        if (!ss_find_view(new, old->views[i].name))
            list[n++] = (struct ss_planned){"view", old->views[i].name, SS_CHANGE_DROPPED, ""};
    for (size_t i = 0; i < new->service_count; i++) list[n++] = plan_service(old, &new->services[i]);
    for (size_t i = 0; old && i < old->service_count; i++)
        if (!ss_find_service(new, old->services[i].name))
            list[n++] = (struct ss_planned){"service", old->services[i].name, SS_CHANGE_DROPPED, ""};
    *planned = list;
    *count = n;
    return SS_OK;
}
