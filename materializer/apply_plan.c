// What an apply would change, definition by definition.

#include "materializer/apply.h"

#include <stdio.h>
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

static struct ss_bytes bytes_of(const struct ss_buffer *buffer)
{
    return (struct ss_bytes){(const char *)buffer->data, buffer->size};
}

static struct ss_bytes line_at(struct ss_bytes text, size_t at)
{
    const char *start = text.data + at, *end = memchr(start, '\n', text.size - at);
    return (struct ss_bytes){start, end ? (size_t)(end - start) : text.size - at};
}

static bool has_line(struct ss_bytes text, struct ss_bytes line)
{
    for (size_t at = 0; at < text.size; at += line_at(text, at).size + 1)
        if (ss_bytes_equal(line_at(text, at), line)) return true;
    return false;
}

#define PART_MAX 60 // bytes of a line

// The first line of two canonical forms that differs, as it is now, or what it said where it is gone; "" when
// none does.
static const char *changed_part(const struct ss_buffer *old, const struct ss_buffer *new,
                                struct ss_arena *arena)
{
    static const char no_memory[] = "something (there is no memory to say what)";
    const struct ss_bytes a = bytes_of(old), b = bytes_of(new);
    struct ss_bytes before = {0}, now = {0};
    char part[PART_MAX + 32];
    size_t at = 0;
    if (old->failed || new->failed) return no_memory;
    while (at < a.size && at < b.size) {
        before = line_at(a, at);
        now = line_at(b, at);
        if (!ss_bytes_equal(before, now)) break;
        at += now.size + 1;
    }
    if (at >= a.size && at >= b.size) return "";
    const bool is_gone = at >= b.size || (at < a.size && has_line(a, now));
    const struct ss_bytes line = is_gone ? line_at(a, at) : line_at(b, at);
    snprintf(part, sizeof part, "%s%.*s", is_gone ? "no more " : "",
             (int)(line.size < PART_MAX ? line.size : PART_MAX), line.data);
    const char *kept = ss_arena_copy(arena, part, strlen(part));
    return kept ? kept : no_memory;
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
