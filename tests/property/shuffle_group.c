// Shuffles of single groups: parts folded on their own, then merged in a random tree, by memory or by bytes.

#include <stdlib.h>
#include <string.h>

#include "engine/aggregates.h"
#include "engine/group.h"
#include "shuffle_state.h"

#define MOST_PARTS 8

struct part {
    struct ss_group_state state;
    int count, events[CASE_EVENTS];
};

struct fold {
    const struct aggregate_case *made;
    struct random *random;
    struct ss_group_kind kind;
    int group;
    struct ss_arena arena;
    int part_count;
    struct part parts[MOST_PARTS];
};

static struct ss_group_kind kind_of(const struct ss_view *view, int index, int64_t origin_us)
{
    const struct ss_group *group = &view->groups[index];
    struct ss_group_kind kind = {
        .type = group->type, .has_argument = group->argument >= 0, .origin_us = origin_us, .group = group};
    for (size_t a = 0; a < view->aggregate_count; a++)
        if (view->aggregates[a].group == index) kind.parts |= ss_group_parts_of(view->aggregates[a].fn);
    return kind;
}

static struct ss_group_event of_group(const struct fold *fold, int event)
{
    const struct ss_event *from = &fold->made->events[event];
    return (struct ss_group_event){from->event_time_us, from->seq, from->values[fold->group],
                                   from->seconds[fold->group]};
}

// A tile of decayed sums is no longer than their window, which is no longer than this.
static bool decays_within(const struct fold *fold, int64_t event_time_us)
{
    const int64_t half_life_us = fold->kind.group->half_life_us;
    return half_life_us == 0 ||
           llabs(event_time_us / half_life_us - fold->kind.origin_us / half_life_us) < SS_MAX_HALVES;
}

static bool counts(const struct fold *fold, int event)
{
    const struct ss_event *from = &fold->made->events[event];
    return decays_within(fold, from->event_time_us) && from->passes[fold->group] &&
           ss_group_takes(&fold->kind, &from->values[fold->group]);
}

static bool add(struct fold *fold, struct ss_group_state *state, int event)
{
    const struct ss_group_event of = of_group(fold, event);
    return !counts(fold, event) || ss_group_add(state, &fold->kind, &of, &fold->arena);
}

static bool merge(struct fold *fold, struct ss_group_state *to, const struct ss_group_state *from)
{
    if (random_chance(fold->random, 50)) return ss_group_merge(to, &fold->kind, from, &fold->arena);
    struct ss_buffer bytes = {0};
    ss_group_encode(from, &fold->kind, &bytes);
    const uint8_t *copy = bytes.failed ? NULL : ss_arena_copy(&fold->arena, bytes.data, bytes.size);
    struct ss_reader reader = {copy, copy + bytes.size, false};
    ss_buffer_release(&bytes);
    if (!copy || !ss_group_merge_bytes(to, &fold->kind, fold->kind.parts, &reader, &fold->arena))
        return false;
    if (reader.failed || reader.at != reader.end) abort(); // own bytes are damaged
    return true;
}

static bool refold(struct fold *fold, struct part *part)
{
    part->state = (struct ss_group_state){0};
    for (int i = 0; i < part->count; i++)
        if (!add(fold, &part->state, part->events[i])) return false;
    return true;
}

// Noise comes and goes.
static bool disturb(struct fold *fold, struct part *part)
{
    const int noise = fold->made->count + (int)random_below(fold->random, (uint64_t)fold->made->noise);
    const struct ss_group_event of = of_group(fold, noise);
    enum ss_group_removal removal;
    if (!counts(fold, noise)) return true;
    if (!ss_group_add(&part->state, &fold->kind, &of, &fold->arena) ||
        !ss_group_remove(&part->state, &fold->kind, &of, &removal, &fold->arena))
        return false;
    return removal == SS_GROUP_REMOVED || refold(fold, part);
}

static bool fold_parts(struct fold *fold)
{
    int order[CASE_EVENTS];
    for (int i = 0; i < fold->made->count; i++) order[i] = i;
    for (int i = 0; i < fold->made->count; i++) {
        const int k = i + (int)random_below(fold->random, (uint64_t)(fold->made->count - i)),
                  event = order[k];
        struct part *part = &fold->parts[random_below(fold->random, (uint64_t)fold->part_count)];
        order[k] = order[i];
        part->events[part->count++] = event;
        if (!add(fold, &part->state, event)) return false;
        if (fold->made->noise && random_chance(fold->random, 10) && !disturb(fold, part)) return false;
        if (!random_chance(fold->random, 5)) continue;
        struct ss_group_state copy = {0}; // saved and restored
        if (!merge(fold, &copy, &part->state)) return false;
        part->state = copy;
    }
    return true;
}

static bool merge_parts(struct fold *fold)
{
    while (fold->part_count > 1) {
        const int from = (int)random_below(fold->random, (uint64_t)fold->part_count);
        const struct part taken = fold->parts[from];
        fold->parts[from] = fold->parts[--fold->part_count];
        if (!merge(fold, &fold->parts[random_below(fold->random, (uint64_t)fold->part_count)].state,
                   &taken.state))
            return false;
    }
    return true;
}

static bool fold_group(struct fold *fold, bool straight)
{
    if (!straight) return fold_parts(fold) && merge_parts(fold);
    for (int i = 0; i < fold->made->count; i++)
        if (!add(fold, &fold->parts[0].state, i)) return false;
    return true;
}

enum ss_status fold_groups(const struct aggregate_case *made, struct random *random, bool straight,
                           struct ss_buffer *bytes)
{
    static struct fold fold;
    const int64_t origin_us = made->count ? made->naive[0].time - made->naive[0].time % HOUR : 0;
    bool good = true;
    for (int g = 1; g < (int)made->view->group_count && good; g++) {
        fold = (struct fold){.made = made, .random = random, .group = g};
        fold.kind = kind_of(made->view, g, origin_us);
        fold.part_count = straight ? 1 : 1 + (int)random_below(random, MOST_PARTS);
        good = fold_group(&fold, straight);
        if (good) ss_group_encode(&fold.parts[0].state, &fold.kind, bytes);
        ss_arena_release(&fold.arena);
    }
    return good && !bytes->failed ? SS_OK : SS_OUT_OF_MEMORY;
}
