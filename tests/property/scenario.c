// Scenarios: memory, randomness, and the events written down for a report.

#include "scenario.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pool_block {
    struct pool_block *next;
    size_t used, size;
    bool is_adopted;
    _Alignas(16) char data[];
};

void *pool_take(struct pool *pool, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if (!pool->blocks || pool->blocks->used + size > pool->blocks->size) {
        const size_t block_size = size > 65536 ? size : 65536;
        if (pool->blocks && pool->blocks->is_adopted) abort();
        struct pool_block *block = calloc(1, sizeof *block + block_size);
        if (!block) abort();
        block->size = block_size;
        block->next = pool->blocks;
        pool->blocks = block;
    }
    void *taken = pool->blocks->data + pool->blocks->used;
    pool->blocks->used += size;
    return taken;
}

void pool_adopt(struct pool *pool, void *memory, size_t size)
{
    pool->blocks = memory;
    *pool->blocks = (struct pool_block){.size = size - sizeof *pool->blocks, .is_adopted = true};
}

char *pool_format(struct pool *pool, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = pool_take(pool, (size_t)size + 1);
    va_start(arguments, format);
    vsnprintf(text, (size_t)size + 1, format, arguments);
    va_end(arguments);
    return text;
}

void pool_release(struct pool *pool)
{
    while (pool->blocks) {
        struct pool_block *next = pool->blocks->next;
        if (!pool->blocks->is_adopted) free(pool->blocks);
        pool->blocks = next;
    }
}

uint64_t random_word(struct random *random)
{
    uint64_t word = random->state += UINT64_C(0x9e3779b97f4a7c15);
    word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
    return word ^ (word >> 31);
}

uint64_t random_below(struct random *random, uint64_t bound)
{
    return random_word(random) % bound;
}

bool random_chance(struct random *random, unsigned percent)
{
    return random_below(random, 100) < percent;
}

int64_t random_between(struct random *random, int64_t low, int64_t high)
{
    return low + (int64_t)random_below(random, (uint64_t)(high - low) + 1);
}

// ---- What happened

static void print_rows(struct pool *pool, const struct source *source, const struct step *step)
{
    for (int r = 0; r < step->row_count; r++) {
        if (step->rows[r].dropped) continue;
        fprintf(stderr, "    ");
        for (int c = 0; c < source->column_count; c++)
            fprintf(stderr, "%s%s=%s", c ? ", " : "", source->columns[c].name,
                    cell_show(pool, source->columns[c].kind, step->rows[r].cells[c]));
        fprintf(stderr, "\n");
    }
}

void script_print(struct pool *pool, const struct plan *plan, const struct script *script)
{
    for (int i = 0; i < script->step_count; i++) {
        const struct step *step = &script->steps[i];
        int kept = 0;
        for (int r = 0; r < step->row_count; r++) kept += !step->rows[r].dropped;
        if (step->kind == STEP_PUSH && kept == 0) continue;
        fprintf(stderr, "  step %d: clock %s: ", i,
                step->clock
                    ? cell_text(pool, (struct kind){KIND_TIMESTAMP, 0}, (struct cell){true, .i = step->clock})
                    : "as it stands");
        if (step->kind == STEP_LOOKUP) {
            fprintf(stderr, "lookup%s\n",
                    step->ahead ? pool_format(pool, ", %" PRId64 " us ahead", step->ahead) : "");
            continue;
        }
        fprintf(stderr, "push %d rows %s into %s%s\n", kept, step->live ? "live" : "as declared",
                plan->sources[step->source].name, step->again ? ", twice" : "");
        print_rows(pool, &plan->sources[step->source], step);
    }
}
