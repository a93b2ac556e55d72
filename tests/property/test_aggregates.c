// Every aggregate is a function of the multiset of its events: whatever their order, the parts they are
// folded in, what came and went between and where the state was saved and restored, the bytes are equal, and
// the values are those of the definition, bit for bit.
//
//   test_aggregates [--shuffles N] [--aggregate NAME] [--table]
//
// N shuffles of each aggregate, shared by the types it takes; the last, `several`, is of several aggregates
// of one column at once. The seed is printed; SELFSAME_SEED sets it.

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/aggregates.h"
#include "shuffle_state.h"
#include "tests/unit/allocation_sweep.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef SANITIZED
#define DEFAULT_SHUFFLES 40
#else
#define DEFAULT_SHUFFLES 800
#endif
#define SHUFFLES_OF_A_SET 5 // of one set of events
#define SETS_OF_A_CASE    4 // of one view
#define MOST_TOLD         3 // differences of one aggregate and type
#define MOST_EVENTS_TOLD  40
#define SWEEP_EVENTS      90

struct tally { // of one aggregate and type
    enum function function;
    struct kind kind;
    uint64_t shuffles, groups, values, differences;
    double seconds;
};

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// ---- Differences

static void tell(const struct aggregate_case *made, struct tally *tally, const char *what)
{
    if (tally->differences++ >= MOST_TOLD) return;
    fprintf(stderr, "%s: %s\n%s", case_name(tally->function), what, made->yaml);
    for (int i = 0; i < made->count && made->count <= MOST_EVENTS_TOLD; i++) {
        struct pool pool = {0};
        const struct source *source = &made->plan.sources[0];
        for (int c = 1; c < source->column_count; c++)
            fprintf(stderr, "%s=%s ", source->columns[c].name,
                    cell_show(&pool, source->columns[c].kind, made->naive[i].cells[c]));
        fprintf(stderr, "\n");
        pool_release(&pool);
    }
}

static void check_value(const struct aggregate_case *made, struct tally *tally, int bound, int64_t t,
                        struct cell got, struct cell want)
{
    const struct kind kind = made->plan.views[0].aggregates[bound].kind;
    struct pool pool = {0};
    tally->values++;
    if (!cell_equal(kind, got, want))
        tell(made, tally,
             pool_format(&pool, "f%d of %d events at t %lld is %s, by the definition %s", bound, made->count,
                         (long long)t, cell_show(&pool, kind, got), cell_show(&pool, kind, want)));
    pool_release(&pool);
}

static void check_values(const struct aggregate_case *made, struct tally *tally, const struct folded *folded)
{
    for (int i = 0; i < CASE_TIMES; i++) {
        struct pool pool = {0};
        struct cell got[CASE_BOUNDS], want[CASE_BOUNDS];
        case_features(made, made->t[i], folded->values + (size_t)i * folded->aggregate_count, &pool, got);
        case_naive(made, made->t[i], &pool, want);
        for (int bound = 0; bound < CASE_BOUNDS; bound++)
            check_value(made, tally, bound, made->t[i], got[bound], want[bound]);
        pool_release(&pool);
    }
}

// ---- Shuffles

static void shuffle_states(struct aggregate_case *made, struct tally *tally, int shuffles)
{
    struct folded straight, shuffled;
    if (fold_straight(made, &straight) != SS_OK) abort();
    check_values(made, tally, &straight);
    for (int i = 0; i < shuffles; i++) {
        if (fold_shuffled(made, made->random, &shuffled) != SS_OK) abort();
        if (!folded_equal(made->view, &straight, &shuffled))
            tell(made, tally, "a state folded in another order has other bytes or values");
        folded_release(&shuffled);
        tally->shuffles++;
    }
    folded_release(&straight);
}

static void shuffle_groups(struct aggregate_case *made, struct tally *tally, int shuffles)
{
    struct ss_buffer straight = {0}, shuffled = {0};
    if (fold_groups(made, made->random, true, &straight) != SS_OK) abort();
    for (int i = 0; i < shuffles; i++) {
        ss_buffer_clear(&shuffled);
        if (fold_groups(made, made->random, false, &shuffled) != SS_OK) abort();
        if (shuffled.size != straight.size ||
            (straight.size && memcmp(shuffled.data, straight.data, straight.size) != 0))
            tell(made, tally, "a group merged from other parts has other bytes");
        tally->groups += made->view->group_count - 1;
    }
    ss_buffer_release(&straight);
    ss_buffer_release(&shuffled);
}

static void run_case(struct tally *tally, struct random *random, int shuffles)
{
    static struct aggregate_case made;
    const double start = seconds_now();
    for (int done = 0; done < shuffles;) {
        const char *problem = case_open(&made, random, tally->function, tally->kind);
        if (problem) tell(&made, tally, problem);
        for (int set = 0; set < SETS_OF_A_CASE && done < shuffles && !problem; set++) {
            case_fill(&made);
            shuffle_states(&made, tally, SHUFFLES_OF_A_SET);
            shuffle_groups(&made, tally, SHUFFLES_OF_A_SET);
            done += SHUFFLES_OF_A_SET;
        }
        case_close(&made);
        if (problem) break;
    }
    tally->seconds = seconds_now() - start;
}

// ---- Memory that runs out

// Every allocation of a fold fails once: each time the fold ends in an error, or gives what it should.
static void sweep(struct tally *tally, struct random *random)
{
    static struct aggregate_case made;
    struct folded straight, swept;
    if (case_open(&made, random, tally->function, tally->kind) != NULL) return;
    do case_fill(&made);
    while (made.count < SWEEP_EVENTS);
    const struct random start = *random;
    if (fold_straight(&made, &straight) != SS_OK) abort();
    for (long k = 1;; k++) {
        struct random again = start;
        struct ss_buffer bytes = {0};
        ss_fail_allocation_at(k);
        enum ss_status status = fold_shuffled(&made, &again, &swept);
        if (status == SS_OK) status = fold_groups(&made, &again, false, &bytes);
        const bool is_swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        if (status == SS_OK ? !folded_equal(made.view, &straight, &swept) : status != SS_OUT_OF_MEMORY)
            tell(&made, tally, "an allocation that fails changes bytes or values");
        folded_release(&swept);
        ss_buffer_release(&bytes);
        if (is_swept) break;
    }
    folded_release(&straight);
    case_close(&made);
}

// ---- The run

// Is every aggregate of the engine one of the naive scan?
static bool knows_every_aggregate(void)
{
    const char *names[SS_AGG_TOTAL];
    bool all = true;
    ss_aggregate_names(names);
    for (int i = 0; i < SS_AGG_TOTAL; i++) {
        int f = 0;
        while (f < FUNCTIONS && strcmp(function_forms[f].name, names[i]) != 0) f++;
        if (f < FUNCTIONS) continue;
        fprintf(stderr, "the naive scan has no %s\n", names[i]);
        all = false;
    }
    return all;
}

static void print_tally(const struct tally *tally)
{
    struct pool pool = {0};
    const bool has_type = tally->function == CASE_MIXED || function_forms[tally->function].arguments;
    const char *type = has_type ? kind_text(&pool, tally->kind) : "";
    printf("%-15s %-12s %9llu %9llu %9llu %12llu %8.2f s\n", case_name(tally->function), type,
           (unsigned long long)tally->shuffles, (unsigned long long)tally->groups,
           (unsigned long long)tally->values, (unsigned long long)tally->differences, tally->seconds);
    pool_release(&pool);
}

static uint64_t run_function(enum function function, struct random *random, int shuffles, bool table)
{
    struct kind kinds[16];
    const int count = case_kinds(function, kinds);
    uint64_t differences = 0;
    for (int i = 0; i < count; i++) {
        struct tally tally = {.function = function, .kind = kinds[i]};
        run_case(&tally, random, (shuffles + count - 1) / count);
        if (i == 0) sweep(&tally, random);
        if (table) print_tally(&tally);
        differences += tally.differences;
    }
    return differences;
}

static int run(int shuffles, const char *only, bool table)
{
    const char *given = getenv("SELFSAME_SEED");
    const uint64_t seed = given ? strtoull(given, NULL, 10) : 1;
    const double start = seconds_now();
    uint64_t differences = 0;
    int cases = 0;
    printf("SELFSAME_SEED=%llu\n", (unsigned long long)seed);
    if (table)
        printf("%-15s %-12s %9s %9s %9s %12s %10s\n", "aggregate", "type", "shuffles", "groups", "values",
               "differences", "time");
    for (int f = 0; f <= CASE_MIXED; f++) {
        if (only && strcmp(only, case_name((enum function)f)) != 0) continue;
        // Each with a seed of its own, so that one alone fails as it did among all.
        struct random random = {seed * UINT64_C(0x2545f4914f6cdd1d) + (uint64_t)f};
        differences += run_function((enum function)f, &random, shuffles, table);
        cases++;
    }
    printf("%d cases, %d shuffles of each: %llu differences, %.1f s\n", cases, shuffles,
           (unsigned long long)differences, seconds_now() - start);
    return differences != 0 || cases == 0 || !knows_every_aggregate();
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"shuffles", required_argument, NULL, 's'},
                                            {"aggregate", required_argument, NULL, 'a'},
                                            {"table", no_argument, NULL, 't'},
                                            {0}};
    int shuffles = DEFAULT_SHUFFLES, option;
    const char *only = NULL;
    bool table = false;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 's') {
            shuffles = atoi(optarg);
            table = true;
        } else if (option == 'a') {
            only = optarg;
        } else if (option == 't') {
            table = true;
        } else {
            return 2;
        }
    }
    return run(shuffles, only, table);
}
