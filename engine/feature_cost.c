// What a feature costs. See feature_cost.h.
//
// Programs are walked from an output down to what it needs: calls of MPFR there, and the aggregates it reads;
// from these to the outputs of the row program that are their arguments and filters.

#include "engine/feature_cost.h"

#include <stdlib.h>

#include "engine/aggregates.h"
#include "engine/bytecode.h"

struct remarks { // what was said, each once
    struct ss_buffer *text;
    const char *calls[2][SS_OPCODE_COUNT + SS_AGG_TOTAL]; // by MPFR: for every read, for every event
    size_t call_counts[2];
    int64_t raw_window_us; // the longest window of `hop exact`
    int64_t last_n;        // the greatest of `over last N`
};

static void remark_call(struct remarks *remarks, int when, const char *name)
{
    for (size_t i = 0; i < remarks->call_counts[when]; i++)
        if (remarks->calls[when][i] == name) return;
    remarks->calls[when][remarks->call_counts[when]++] = name;
}

// Marks the registers that an output needs. NULL: out of memory. The caller frees them.
static bool *needed_registers(const struct ss_program *program, size_t output)
{
    bool *needed = calloc((size_t)program->count + 1, sizeof *needed);
    if (!needed) return NULL;
    needed[program->outputs[output]] = true;
    for (int32_t i = program->count - 1; i >= 0; i--)
        for (int k = 0; needed[i] && k < ss_opcode_operands(program->instructions[i].opcode); k++)
            needed[program->instructions[i].operands[k]] = true;
    return needed;
}

enum { EVERY_READ, EVERY_EVENT };

static void remark_calls(struct remarks *remarks, int when, const struct ss_program *program,
                         const bool *needed)
{
    for (int32_t i = 0; i < program->count; i++)
        if (needed[i] && ss_opcode_calls_mpfr(program->instructions[i].opcode))
            remark_call(remarks, when, ss_opcode_name(program->instructions[i].opcode));
}

static bool remark_row_output(struct remarks *remarks, const struct ss_view *view, int output)
{
    if (output < 0) return true;
    bool *needed = needed_registers(view->row_program, (size_t)output);
    if (!needed) return false;
    remark_calls(remarks, EVERY_EVENT, view->row_program, needed);
    free(needed);
    return true;
}

static bool remark_aggregate(struct remarks *remarks, const struct ss_view *view,
                             const struct ss_aggregate *aggregate)
{
    const struct ss_group *group = &view->groups[aggregate->group];
    if (aggregate->fn == SS_AGG_ENTROPY) remark_call(remarks, EVERY_READ, ss_aggregate_name(aggregate->fn));
    if (aggregate->last_n > remarks->last_n) remarks->last_n = aggregate->last_n;
    if (aggregate->bound == SS_BOUND_WINDOW && aggregate->hop_us == 1 && !aggregate->last_n &&
        aggregate->window_us > remarks->raw_window_us)
        remarks->raw_window_us = aggregate->window_us;
    return remark_row_output(remarks, view, group->argument) &&
           remark_row_output(remarks, view, group->has_second ? group->second : -1) &&
           remark_row_output(remarks, view, group->filter);
}

static void say_calls(const struct remarks *remarks, int when, const char *how)
{
    for (size_t i = 0; i < remarks->call_counts[when]; i++)
        ss_buffer_format(remarks->text, "%s%s", i ? ", " : "", remarks->calls[when][i]);
    if (remarks->call_counts[when]) ss_buffer_text(remarks->text, how);
}

static bool say(const struct remarks *remarks)
{
    char window[SS_TIME_TEXT_SIZE];
    struct ss_buffer *text = remarks->text;
    say_calls(remarks, EVERY_READ, " by MPFR at every read; ");
    say_calls(remarks, EVERY_EVENT, " by MPFR for every event; ");
    if (remarks->raw_window_us)
        ss_buffer_format(text, "hop exact keeps every event of %s; ",
                         ss_duration_format(remarks->raw_window_us, window));
    if (remarks->last_n)
        ss_buffer_format(text, "over last %lld keeps the newest %lld events; ", (long long)remarks->last_n,
                         (long long)remarks->last_n);
    if (text->size) text->size -= 2; // the last "; "
    return !text->failed;
}

bool ss_feature_cost(const struct ss_view *view, size_t feature, struct ss_buffer *text)
{
    struct remarks remarks = {.text = text};
    const struct ss_program *program = view->read_program;
    bool *needed = needed_registers(program, feature);
    bool good = needed != NULL;
    if (good) remark_calls(&remarks, EVERY_READ, program, needed);
    good = good && remark_row_output(&remarks, view, view->where);
    for (int32_t i = 0; good && i < program->count; i++) {
        const struct ss_instruction *instruction = &program->instructions[i];
        if (!needed[i] || instruction->opcode != SS_OP_INPUT ||
            (size_t)instruction->input >= view->aggregate_count)
            continue;
        good = remark_aggregate(&remarks, view, &view->aggregates[instruction->input]);
    }
    free(needed);
    return good && say(&remarks);
}

bool ss_service_feature_cost(const struct ss_service *service, size_t feature, struct ss_buffer *text)
{
    struct remarks remarks = {.text = text};
    bool *needed = needed_registers(service->program, feature);
    if (!needed) return false;
    remark_calls(&remarks, EVERY_READ, service->program, needed);
    free(needed);
    return say(&remarks);
}
