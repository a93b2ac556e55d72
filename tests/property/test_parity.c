// The promise of parity on random plans: what is served, what a training table says, and what a naive scan of
// all events says are the same bits (DESIGN C2 to C5), in any batching, after restarts and a rebuild.
//
//   test_parity [--plans N] [--seed S] [--keep-going]
//
// The plan with seed S is the first of a run with --seed S, so a failure is seen again with --plans 1 --seed
// S. A failure prints the seed, the plan, the events that are needed for it, the cell and both values.

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "replay.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef SANITIZED
#define DEFAULT_PLANS 20
#else
#define DEFAULT_PLANS 200
#endif
#define DURABLE_PLANS     5
#define SHRINKING_SECONDS 20

static char directory[64] = "/tmp/selfsame-parity-XXXXXX";

struct scenario {
    struct pool pool;
    struct plan plan;
    struct script script;
    struct replay replay;
};

static void make_scenario(struct scenario *scenario, uint64_t seed, bool sync)
{
    struct random random = {seed * UINT64_C(0x2545f4914f6cdd1d) + 1};
    memset(scenario, 0, sizeof *scenario);
    generate_plan(&random, &scenario->pool, &scenario->plan);
    generate_script(&random, &scenario->pool, &scenario->plan, &scenario->script);
    scenario->replay = (struct replay){.plan = &scenario->plan,
                                       .script = &scenario->script,
                                       .yaml = plan_yaml(&scenario->pool, &scenario->plan),
                                       .pool = &scenario->pool,
                                       .directory = directory,
                                       .seed = seed,
                                       .sync = sync};
}

// Does it still fail? With memory of its own, so that hundreds of tries need that of one.
static bool fails(const struct scenario *scenario)
{
    struct pool pool = {0};
    struct replay replay = scenario->replay;
    struct replay_counts counts = {0};
    replay.pool = &pool;
    const bool failed = replay_check(&replay, &counts) != NULL;
    pool_release(&pool);
    return failed;
}

// Drops every row that the failure does not need, in halves, quarters and so on.
static void shrink(struct scenario *scenario)
{
    struct row *rows[4096];
    int count = 0;
    const time_t end = time(NULL) + SHRINKING_SECONDS;
    scenario->replay.sync = false;
    for (int i = 0; i < scenario->script.step_count; i++)
        for (int r = 0; r < scenario->script.steps[i].row_count && count < 4096; r++)
            rows[count++] = &scenario->script.steps[i].rows[r];
    for (int part = count / 2; part > 0; part /= 2)
        for (int start = 0; start < count && time(NULL) < end; start += part) {
            const int last = start + part < count ? start + part : count;
            bool dropped[4096];
            for (int i = start; i < last; i++) {
                dropped[i] = rows[i]->dropped;
                rows[i]->dropped = true;
            }
            if (fails(scenario)) continue;
            for (int i = start; i < last; i++) rows[i]->dropped = dropped[i];
        }
}

static void report(struct scenario *scenario, uint64_t seed)
{
    struct replay_counts counts = {0};
    shrink(scenario);
    const char *problem = replay_check(&scenario->replay, &counts);
    fprintf(stderr, "FAILED: seed %llu (again: test_parity --plans 1 --seed %llu)\n%s\n%s clock\n",
            (unsigned long long)seed, (unsigned long long)seed, scenario->replay.yaml,
            scenario->plan.wall ? "fake wall" : "replay");
    script_print(&scenario->pool, &scenario->plan, &scenario->script);
    fprintf(stderr, "%s\n", problem ? problem : "(it did not fail again)");
}

static bool check_seed(uint64_t seed, bool sync, struct replay_counts *counts)
{
    static struct scenario scenario;
    make_scenario(&scenario, seed, sync);
    const char *problem = replay_check(&scenario.replay, counts);
    if (problem) {
        fprintf(stderr, "seed %llu: %s\nshrinking ...\n", (unsigned long long)seed, problem);
        report(&scenario, seed);
    }
    pool_release(&scenario.pool);
    return problem == NULL;
}

static int run(uint64_t plans, uint64_t seed, bool keep_going)
{
    struct replay_counts counts = {0};
    uint64_t failed = 0;
    const time_t start = time(NULL);
    for (uint64_t i = 0; i < plans && (failed == 0 || keep_going); i++)
        failed += !check_seed(seed + i, i < DURABLE_PLANS, &counts);
    fprintf(stderr,
            "%llu plans from seed %llu: %llu failed; %llu rows pushed, %llu rows of %llu cells compared, "
            "%llu present; %ld s\n",
            (unsigned long long)plans, (unsigned long long)seed, (unsigned long long)failed,
            (unsigned long long)counts.pushed, (unsigned long long)counts.rows,
            (unsigned long long)counts.cells, (unsigned long long)counts.present, (long)(time(NULL) - start));
    return failed != 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"plans", required_argument, NULL, 'p'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"keep-going", no_argument, NULL, 'k'},
                                            {0}};
    uint64_t plans = DEFAULT_PLANS, seed = 1;
    bool keep_going = false;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'p')
            plans = strtoull(optarg, NULL, 10);
        else if (option == 's')
            seed = strtoull(optarg, NULL, 10);
        else if (option == 'k')
            keep_going = true;
        else
            return 2;
    }
    if (!mkdtemp(directory)) {
        perror(directory);
        return 2;
    }
    const int failed = run(plans, seed, keep_going);
    rmdir(directory);
    return failed;
}
