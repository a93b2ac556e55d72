// Shrinking: of each kind of thing, halves are dropped, then quarters and so on, until nothing more goes or
// time is up. A failure of another kind does not count, or the first one would be lost on the way.

#include "shrink.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

struct shrinking {
    const struct world *world;
    struct story *story;
    struct pool *pool;
    struct pool plans; // of the variants that are made on the way
    const char *problem;
    time_t end;
};

// "act 17: after a push: ..." and "act 3: after a push: ..." are the same failure.
static bool same_failure(const char *a, const char *b)
{
    if (strncmp(a, "act ", 4) == 0 && strchr(a, ':')) a = strchr(a, ':');
    if (strncmp(b, "act ", 4) == 0 && strchr(b, ':')) b = strchr(b, ':');
    for (; *a == *b && *a && !isdigit((unsigned char)*a); a++, b++) {}
    return *a == *b || (isdigit((unsigned char)*a) && isdigit((unsigned char)*b));
}

static bool still_fails(struct shrinking *shrinking)
{
    const char *problem = story_make_variants(shrinking->story, &shrinking->plans);
    if (problem) return false;
    problem = world_tell(shrinking->world, shrinking->story);
    if (!problem || !same_failure(problem, shrinking->problem)) return false;
    shrinking->problem = pool_format(shrinking->pool, "%s", problem);
    return true;
}

// flags: what can be dropped.
static bool drop_parts(struct shrinking *shrinking, bool **flags, int count)
{
    bool dropped_some = false;
    for (int part = (count + 1) / 2; part > 0; part /= 2)
        for (int first = 0; first < count && time(NULL) < shrinking->end; first += part) {
            const int last = first + part < count ? first + part : count;
            bool *before = pool_take(shrinking->pool, (size_t)part);
            bool any = false;
            for (int i = first; i < last; i++) {
                before[i - first] = *flags[i];
                any = any || !*flags[i];
                *flags[i] = true;
            }
            if (!any) continue;
            if (still_fails(shrinking)) {
                dropped_some = true;
                continue;
            }
            for (int i = first; i < last; i++) *flags[i] = before[i - first];
        }
    return dropped_some;
}

// The first act applies the definitions: nothing goes without it.
static bool drop_acts(struct shrinking *shrinking)
{
    struct story *story = shrinking->story;
    bool **flags = pool_take(shrinking->pool, (size_t)story->act_count * sizeof *flags);
    for (int i = 1; i < story->act_count; i++) flags[i - 1] = &story->acts[i].dropped;
    return drop_parts(shrinking, flags, story->act_count - 1);
}

static bool drop_rows(struct shrinking *shrinking)
{
    struct story *story = shrinking->story;
    bool **flags = pool_take(shrinking->pool, (size_t)(story->row_count + 1) * sizeof *flags);
    int count = 0;
    for (int i = 0; i < story->act_count; i++)
        for (int r = 0;
             story->acts[i].kind == ACT_PUSH && !story->acts[i].dropped && r < story->acts[i].push->row_count;
             r++)
            flags[count++] = &story->acts[i].push->rows[r].dropped;
    return drop_parts(shrinking, flags, count);
}

static bool drop_queries(struct shrinking *shrinking)
{
    struct story *story = shrinking->story;
    bool **flags = pool_take(shrinking->pool, (size_t)(story->query_count + 1) * sizeof *flags);
    for (int q = 0; q < story->query_count; q++) flags[q] = &story->queries[q].dropped;
    return drop_parts(shrinking, flags, story->query_count);
}

static bool drop_features(struct shrinking *shrinking)
{
    struct story *story = shrinking->story;
    bool *flags[MAX_SERVICE_FEATURES];
    for (int f = 0; f < story->plan.feature_count; f++) flags[f] = &story->dropped_feature[f];
    return drop_parts(shrinking, flags, story->plan.feature_count);
}

static void calm_acts(struct shrinking *shrinking)
{
    for (int i = 0; i < shrinking->story->act_count && time(NULL) < shrinking->end; i++) {
        struct act *act = &shrinking->story->acts[i], before = *act;
        if (act->dropped || act->is_calm) continue;
        act_calm(act);
        if (!still_fails(shrinking)) *act = before;
    }
}

const char *shrink(const struct world *world, struct story *story, struct pool *pool, const char *problem,
                   int seconds)
{
    struct shrinking shrinking = {
        .world = world, .story = story, .pool = pool, .problem = problem, .end = time(NULL) + seconds};
    bool more = true;
    while (more && time(NULL) < shrinking.end) {
        more = drop_acts(&shrinking);
        more = drop_queries(&shrinking) || more;
        more = drop_rows(&shrinking) || more;
        more = drop_features(&shrinking) || more;
        calm_acts(&shrinking);
    }
    story_make_variants(story, pool);
    pool_release(&shrinking.plans);
    return shrinking.problem;
}
