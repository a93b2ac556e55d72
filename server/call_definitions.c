// Plan, Apply, Rebuild. Definitions are compiled on the worker's thread; what changes the store goes on in
// steps on the writer's, between commits, and the call is answered after the last one.

#include <stdlib.h>

#include "materializer/apply.h"
#include "materializer/zones.h"
#include "server/admin.h"
#include "server/methods.h"
#include "server/writer.h"

// ---- Definitions of a request: repeated File files = 1

static enum ss_status take_file(struct ss_bytes bytes, struct ss_arena *arena, struct ss_file *file,
                                struct ss_error *error)
{
    struct ss_message message = ss_message_of(bytes);
    struct ss_field field;
    *file = (struct ss_file){.path = "definitions.yaml"};
    while (ss_message_next(&message, &field)) {
        if (field.number > 2) continue;
        if (field.type != SS_WIRE_BYTES) return ss_wire_malformed("File", error);
        if (field.number == 2) file->text = field.bytes;
        if (field.number == 1) SS_TRY(ss_wire_text("file name", field.bytes, arena, &file->path, error));
    }
    return message.failed ? ss_wire_malformed("File", error) : SS_OK;
}

static enum ss_status take_files(const struct ss_admin_request *request, struct ss_file **files,
                                 size_t *count, struct ss_error *error)
{
    struct ss_message message = ss_message_of(request->message);
    struct ss_field field;
    size_t found = 0;
    while (ss_message_next(&message, &field)) found += field.number == 1;
    if (message.failed) return ss_wire_malformed("request", error);
    *files = ss_arena_array(request->arena, found + 1, sizeof **files);
    if (!*files) return ss_fail_memory(error, "the definition files");
    message = ss_message_of(request->message);
    *count = 0;
    while (ss_message_next(&message, &field)) {
        if (field.number != 1) continue;
        if (field.type != SS_WIRE_BYTES) return ss_wire_malformed("request", error);
        SS_TRY(take_file(field.bytes, request->arena, &(*files)[(*count)++], error));
    }
    return SS_OK;
}

struct compiled {
    struct ss_definitions *definitions; // NULL: they do not compile, see the report
    size_t error_count;
    char *report;
    Selfsame__V1__Change **changes;
    size_t change_count;
};

static enum ss_status list_changes(const struct ss_admin_request *request, struct compiled *compiled,
                                   struct ss_error *error)
{
    struct ss_planned *planned;
    SS_TRY(ss_plan(request->reader->definitions, compiled->definitions, request->arena, &planned,
                   &compiled->change_count, error));
    Selfsame__V1__Change *list = ss_arena_array(request->arena, compiled->change_count + 1, sizeof *list);
    compiled->changes = ss_arena_array(request->arena, compiled->change_count + 1, sizeof *compiled->changes);
    if (!list || !compiled->changes) return ss_fail_memory(error, "a plan");
    for (size_t i = 0; i < compiled->change_count; i++) {
        selfsame__v1__change__init(&list[i]);
        list[i].kind = (char *)(uintptr_t)planned[i].kind;
        list[i].name = ss_arena_copy(request->arena, planned[i].name, strlen(planned[i].name));
        list[i].change = (char *)(uintptr_t)ss_change_name(planned[i].change);
        list[i].part = (char *)(uintptr_t)planned[i].part;
        if (!list[i].name) return ss_fail_memory(error, "a plan");
        compiled->changes[i] = &list[i];
    }
    return SS_OK;
}

static enum ss_status compile(const struct ss_admin_request *request, struct compiled *compiled,
                              struct ss_error *error)
{
    struct ss_file *files = NULL;
    size_t count = 0;
    struct ss_buffer report = {0};
    const struct ss_zone_loader zones = ss_machine_zones(request->arena);
    *compiled = (struct compiled){.report = (char *)(uintptr_t) ""};
    SS_TRY(take_files(request, &files, &count, error));
    enum ss_status status = ss_definitions_compile(files, count, &zones, &compiled->definitions, &report,
                                                   &compiled->error_count, error);
    if (status == SS_FOUND) {
        compiled->report = ss_arena_copy(request->arena, report.data, report.size);
        status = compiled->report ? SS_OK : ss_fail_memory(error, "the errors of definitions");
        if (status == SS_OK) ss_wire_mend_text(compiled->report, report.size); // it quotes what was sent
    } else if (status == SS_OK &&
               compiled->definitions->source_count + compiled->definitions->entity_count == 0) {
        status = ss_fail(error, SS_INVALID, "%s: defines nothing; an apply of it would drop everything",
                         count ? files[0].path : "the request");
    } else if (status == SS_OK) {
        status = ss_history_check(request->reader->store->history, compiled->definitions, error);
        if (status == SS_OK) status = list_changes(request, compiled, error);
    }
    ss_buffer_release(&report);
    if (status == SS_OK) return SS_OK;
    ss_definitions_destroy(compiled->definitions);
    return status;
}

// A PlanResponse; an ApplyResponse has the same fields.
static struct ss_bytes pack(const struct compiled *compiled, struct ss_arena *arena)
{
    Selfsame__V1__PlanResponse response = SELFSAME__V1__PLAN_RESPONSE__INIT;
    response.n_changes = compiled->change_count;
    response.changes = compiled->changes;
    response.error_count = (uint32_t)compiled->error_count;
    response.report = compiled->report;
    if (compiled->definitions) {
        response.fingerprint.data = compiled->definitions->fingerprint.bytes;
        response.fingerprint.len = sizeof compiled->definitions->fingerprint;
    }
    return ss_admin_pack(&response.base, arena);
}

// ---- Plan

static enum ss_status answer_plan(struct ss_admin_request *request, struct ss_bytes *answer,
                                  struct ss_error *error)
{
    struct compiled compiled;
    SS_TRY(compile(request, &compiled, error));
    *answer = pack(&compiled, request->arena);
    ss_definitions_destroy(compiled.definitions);
    return answer->data ? SS_OK : ss_fail_memory(error, "a plan");
}
SS_ADMIN_METHOD(plan, "Plan", PLAN, SS_RIGHT_ADMIN, answer_plan);

// ---- Apply and Rebuild

struct task {
    struct ss_writer_task task;
    struct ss_call *call;
    struct ss_applying *applying;
    struct ss_definitions *definitions; // of an apply; the materializer's once it is done
    bool is_rebuild, is_all;
    const char **views; // of a rebuild
    size_t view_count;
    struct ss_bytes answer;
    struct ss_arena arena;
};

static void release(struct task *task)
{
    ss_apply_end(task->applying);
    ss_definitions_destroy(task->definitions);
    ss_call_release(task->call);
    ss_arena_release(&task->arena);
    free(task);
}

static void refuse(struct ss_writer_task *waiting, const struct ss_error *error)
{
    struct task *task = (struct task *)waiting;
    ss_call_fail(task->call, error);
    release(task);
}

static enum ss_status begin_rebuild(struct task *task, struct ss_materializer *materializer,
                                    struct ss_error *error)
{
    const struct ss_view **views = ss_arena_array(&task->arena, task->view_count + 1, sizeof *views);
    if (!views) return ss_fail_memory(error, "a rebuild");
    for (size_t i = 0; i < task->view_count; i++)
        SS_TRY(ss_require_view(materializer, task->views[i], &views[i], error));
    return ss_rebuild_begin(materializer, task->is_all ? NULL : views, task->view_count, &task->applying,
                            error);
}

static enum ss_status step(struct task *task, struct ss_materializer *materializer, bool *done,
                           struct ss_error *error)
{
    *done = false;
    if (ss_call_is_late(task->call))
        return ss_fail(error, SS_TOO_LATE, "the deadline was over before all was filled; nothing changed");
    if (ss_call_is_gone(task->call))
        return ss_fail(error, SS_CANCELLED, "the call was cancelled; nothing changed");
    if (!task->applying)
        SS_TRY(task->is_rebuild ? begin_rebuild(task, materializer, error)
                                : ss_apply_begin(materializer, task->definitions, &task->applying, error));
    return ss_apply_step(task->applying, done, error);
}

static bool run_step(struct ss_writer_task *waiting, struct ss_materializer *materializer)
{
    struct task *task = (struct task *)waiting;
    struct ss_error error;
    bool done;
    const enum ss_status status = step(task, materializer, &done, &error);
    if (status == SS_OK && !done) return false;
    if (status == SS_OK) {
        task->definitions = NULL;
        ss_call_answer(task->call, grpc_slice_from_copied_buffer(task->answer.data ? task->answer.data : "",
                                                                 task->answer.size));
    } else {
        ss_call_fail(task->call, &error);
    }
    release(task);
    return true;
}

static struct task *make_task(const struct ss_admin_request *request)
{
    struct task *task = calloc(1, sizeof *task);
    if (!task) return NULL;
    task->task = (struct ss_writer_task){.step = run_step, .refuse = refuse};
    task->call = request->call;
    ss_call_hold(task->call);
    return task;
}

static enum ss_status answer_apply(struct ss_admin_request *request, struct ss_bytes *answer,
                                   struct ss_error *error)
{
    struct compiled compiled;
    SS_TRY(compile(request, &compiled, error));
    struct task *task = make_task(request);
    if (!task) {
        ss_definitions_destroy(compiled.definitions);
        return ss_fail_memory(error, "an apply");
    }
    task->definitions = compiled.definitions;
    task->answer = pack(&compiled, &task->arena);
    *answer = pack(&compiled, request->arena);
    if (!task->answer.data || !answer->data || !compiled.definitions) {
        const bool failed = !task->answer.data || !answer->data;
        release(task);
        return failed ? ss_fail_memory(error, "an apply") : SS_OK;
    }
    request->is_pending = true;
    ss_writer_do(request->serving->writer, &task->task);
    return SS_OK;
}
SS_ADMIN_METHOD(apply, "Apply", APPLY, SS_RIGHT_ADMIN, answer_apply);

static enum ss_status take_views(const struct ss_admin_request *request, struct task *task,
                                 struct ss_error *error)
{
    struct ss_message message = ss_message_of(request->message);
    struct ss_field field;
    size_t count = 0;
    while (ss_message_next(&message, &field)) count += field.number == 1;
    message = ss_message_of(request->message);
    task->views = ss_arena_array(&task->arena, count + 1, sizeof *task->views);
    if (!task->views) return ss_fail_memory(error, "a rebuild");
    while (ss_message_next(&message, &field)) {
        if (field.number == 2 && field.type == SS_WIRE_VARINT) task->is_all = field.value != 0;
        if (field.number != 1) continue;
        if (field.type != SS_WIRE_BYTES) return ss_wire_malformed("RebuildRequest", error);
        SS_TRY(ss_wire_text("view", field.bytes, &task->arena, &task->views[task->view_count++], error));
    }
    if (message.failed) return ss_wire_malformed("RebuildRequest", error);
    if (task->is_all == (task->view_count > 0))
        return ss_fail(
            error, SS_INVALID,
            "a rebuild is of views that are named, or of all; the request has %zu names and all is %s",
            task->view_count, task->is_all ? "true" : "false");
    return SS_OK;
}

static enum ss_status answer_rebuild(struct ss_admin_request *request, struct ss_bytes *answer,
                                     struct ss_error *error)
{
    Selfsame__V1__RebuildResponse response = SELFSAME__V1__REBUILD_RESPONSE__INIT;
    struct task *task = make_task(request);
    (void)answer;
    if (!task) return ss_fail_memory(error, "a rebuild");
    task->is_rebuild = true;
    enum ss_status status = take_views(request, task, error);
    const struct ss_definitions *definitions = request->reader->definitions;
    response.view_count =
        (uint32_t)(task->is_all ? (definitions ? definitions->view_count : 0) : task->view_count);
    if (status == SS_OK) task->answer = ss_admin_pack(&response.base, &task->arena);
    if (status == SS_OK && !task->answer.data) status = ss_fail_memory(error, "a rebuild");
    if (status != SS_OK) {
        release(task);
        return status;
    }
    request->is_pending = true;
    ss_writer_do(request->serving->writer, &task->task);
    return SS_OK;
}
SS_ADMIN_METHOD(rebuild, "Rebuild", REBUILD, SS_RIGHT_ADMIN, answer_rebuild);
