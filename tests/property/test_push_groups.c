// Random pushes in random groups: the store that is left, and the answer to each push, are the same as when
// they come one by one.
//
//   test_push_groups [--rounds N] [--seed S]
//
// The round with seed S is the first of a run with --seed S. The clock stands past all times of a round, so
// that no answer depends on where in a group a push was; arrival times of live rows do, and are not compared.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "scenario.h"
#include "store_session.h"
#include "tests/unit/push_fixture.h"
#include "tests/unit/store_fixture.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ROUNDS 20
#else
#define ROUNDS 100
#endif
#define PUSHES    48
#define MOST_ROWS 7
#define START_US  (INT64_C(20000) * DAY)
#define END_US    (INT64_C(40000) * DAY)

struct planned {
    const char *source, *producer;
    uint64_t number;
    bool live, strict, other_hash;
    int32_t row_count;
    struct push_row rows[MOST_ROWS];
};

struct store {
    struct ss_materializer *materializer;
    char path[PATH_BYTES + 16];
    struct ss_push_outcome outcomes[PUSHES];
    struct ss_named_row named[PUSHES][2];
};

struct counts {
    uint64_t accepted, refused, repeated, conflicting, quarantined, groups;
};

// ---- Pushes

// Of few events, so that they meet again: with other columns, as deletes, in other pushes.
static struct push_row random_row(struct random *random)
{
    struct push_row row = {.id = random_between(random, 0, 30),
                           .user = random_between(random, 0, 4),
                           .amount = random_between(random, 0, 2),
                           .is_delete = random_chance(random, 12)};
    row.at_us = START_US + row.id * 7 * HOUR;
    if (random_chance(random, 4)) row.amount = 101; // a violation
    return row;
}

static struct planned random_push(struct random *random, uint64_t last[2], bool live)
{
    static const char *const producers[] = {"p", "q"};
    struct planned push = {.source = random_chance(random, 60) ? "clicks" : "orders",
                           .live = random_chance(random, live ? 90 : 5),
                           .strict = random_chance(random, 15),
                           .row_count = (int32_t)random_below(random, MOST_ROWS + 1)};
    for (int32_t i = 0; i < push.row_count; i++) push.rows[i] = random_row(random);
    if (push.live && push.row_count && random_chance(random, 5)) push.rows[0].at_us = END_US; // the future
    if (random_chance(random, 50)) return push;
    const uint64_t producer = random_below(random, 2);
    push.producer = producers[producer];
    push.number = last[producer] + 1;
    if (random_chance(random, 8)) push.number++;
    return push;
}

static void make(struct made_push *made, const struct planned *planned, struct store *store, int i)
{
    make_push(made, store->materializer->definitions, planned->source, planned->rows, planned->row_count);
    made->push.live = planned->live;
    made->push.strict = planned->strict;
    made->push.producer = planned->producer;
    made->push.number = planned->number;
    made->push.hash = ss_sha256_of(planned->rows, sizeof planned->rows);
    made->push.hash.bytes[0] ^= planned->other_hash;
    made->push.named = store->named[i];
    made->push.named_capacity = 2;
}

static void push(struct store *store, const struct planned *planned, int first, int count)
{
    struct made_push made[PUSHES];
    const struct ss_push *pushes[PUSHES] = {NULL};
    for (int i = 0; i < count; i++) {
        make(&made[i], &planned[first + i], store, first + i);
        pushes[i] = &made[i].push;
    }
    ss_push_group(store->materializer, pushes, (size_t)count, &store->outcomes[first]);
    for (int i = 0; i < count; i++) release_push(&made[i]);
}

// ---- One by one, then in groups

static void open_store(struct store *store, const char *root, const char *name, uint64_t seed)
{
    const struct ss_store_options options = {.no_sync = true, .sizes = session_sizes(seed)};
    snprintf(store->path, sizeof store->path, "%s/%s", root, name);
    store->materializer = open_push_store(store->path, &options, true);
    ss_clock_advance(store->materializer->store->clock, START_US + 1000 * DAY);
}

// Makes the pushes on the way: what a producer sends next depends on what was acknowledged.
static void push_one_by_one(struct store *store, struct random *random, struct planned *planned)
{
    uint64_t last[2] = {0, 0};
    for (int i = 0; i < PUSHES; i++) {
        const int before = i ? (int)random_below(random, (uint64_t)i) : 0;
        planned[i] = random_push(random, last, i > PUSHES / 3);
        if (i && planned[before].producer && random_chance(random, 15)) {
            planned[i] = planned[before]; // again
            planned[i].other_hash = random_chance(random, 20);
        }
        push(store, planned, i, 1);
        if (store->outcomes[i].status == SS_OK && planned[i].producer &&
            planned[i].number > last[planned[i].producer[0] - 'p'])
            last[planned[i].producer[0] - 'p'] = planned[i].number;
    }
}

static void push_in_groups(struct store *store, struct random *random, const struct planned *planned,
                           struct counts *counts)
{
    for (int i = 0, count; i < PUSHES; i += count) {
        count = 1 + (int)random_below(random, 12);
        if (count > PUSHES - i) count = PUSHES - i;
        push(store, planned, i, count);
        counts->groups++;
    }
}

static bool same_named(const struct store *a, const struct store *b, int i)
{
    for (size_t n = 0; n < a->outcomes[i].result.named; n++) {
        const struct ss_named_row *x = &a->named[i][n], *y = &b->named[i][n];
        if (x->row != y->row || strcmp(x->column, y->column) != 0 || strcmp(x->reason, y->reason) != 0)
            return false;
    }
    return true;
}

// But for seq, which is that of the commit.
static bool same_outcome(const struct store *a, const struct store *b, int i)
{
    struct ss_push_result x = a->outcomes[i].result, y = b->outcomes[i].result;
    x.seq = y.seq = 0;
    return a->outcomes[i].status == b->outcomes[i].status && x.accepted == y.accepted &&
           x.duplicate == y.duplicate && x.conflicting == y.conflicting && x.quarantined == y.quarantined &&
           x.warned == y.warned && x.repeated == y.repeated && x.named == y.named &&
           strcmp(x.not_visible, y.not_visible) == 0 && strcmp(x.first_reason, y.first_reason) == 0 &&
           same_named(a, b, i);
}

static void add_counts(const struct store *store, struct counts *counts)
{
    for (int i = 0; i < PUSHES; i++) {
        const struct ss_push_result *result = &store->outcomes[i].result;
        counts->accepted += result->accepted;
        counts->conflicting += result->conflicting;
        counts->quarantined += result->quarantined;
        counts->repeated += result->repeated;
        counts->refused += store->outcomes[i].status != SS_OK;
    }
}

static bool same_producers(struct store *a, struct store *b)
{
    for (int i = 0; i < 2; i++) {
        uint64_t last[2];
        bool found;
        struct ss_sha256 hash;
        struct store *const stores[2] = {a, b};
        for (int s = 0; s < 2; s++)
            if (ss_history_producer(stores[s]->materializer->store->history, i ? "q" : "p", 1, &last[s],
                                    &found, &hash, NULL) != SS_OK)
                return false;
        if (last[0] != last[1]) return false;
    }
    return true;
}

static struct ss_sha256 hash_at_end(struct store *store)
{
    ss_clock_advance(store->materializer->store->clock, END_US);
    return hash_of_store(store->materializer);
}

static const char *compare(struct store *one_by_one, struct store *grouped)
{
    static char text[2500];
    for (int i = 0; i < PUSHES; i++) {
        if (same_outcome(one_by_one, grouped, i)) continue;
        snprintf(text, sizeof text, "push %d: one by one %s %s; in a group %s %s", i,
                 ss_status_name(one_by_one->outcomes[i].status), one_by_one->outcomes[i].error.message,
                 ss_status_name(grouped->outcomes[i].status), grouped->outcomes[i].error.message);
        return text;
    }
    if (!same_producers(one_by_one, grouped)) return "the producers stand elsewhere";
    const struct ss_sha256 a = hash_at_end(one_by_one), b = hash_at_end(grouped);
    return memcmp(&a, &b, sizeof a) == 0 ? NULL : "the stores differ";
}

static const char *check_seed(uint64_t seed, struct counts *counts)
{
    static struct planned planned[PUSHES];
    static struct store one_by_one, grouped;
    struct random random = {seed * UINT64_C(0x2545f4914f6cdd1d) + 1};
    char root[PATH_BYTES];
    make_test_directory(root);
    memset(&one_by_one, 0, sizeof one_by_one);
    memset(&grouped, 0, sizeof grouped);
    open_store(&one_by_one, root, "one_by_one", seed);
    open_store(&grouped, root, "grouped", seed);
    push_one_by_one(&one_by_one, &random, planned);
    push_in_groups(&grouped, &random, planned, counts);
    const char *problem = compare(&one_by_one, &grouped);
    add_counts(&grouped, counts);
    ss_materializer_close(one_by_one.materializer);
    ss_materializer_close(grouped.materializer);
    remove_test_directory(root);
    return problem;
}

int main(int argc, char **argv)
{
    uint64_t rounds = ROUNDS, seed = (uint64_t)time(NULL);
    struct counts counts = {0};
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--rounds") == 0) rounds = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seed") == 0) seed = strtoull(argv[i + 1], NULL, 10);
    }
    for (uint64_t i = 0; i < rounds; i++) {
        const char *problem = check_seed(seed + i, &counts);
        if (!problem) continue;
        fprintf(stderr, "FAILED: %s (again: test_push_groups --rounds 1 --seed %llu)\n", problem,
                (unsigned long long)(seed + i));
        return 1;
    }
    printf(
        "%llu rounds from seed %llu: %llu groups; %llu rows accepted, %llu conflicts, %llu quarantined; "
        "%llu pushes repeated, %llu refused\n",
        (unsigned long long)rounds, (unsigned long long)seed, (unsigned long long)counts.groups,
        (unsigned long long)counts.accepted, (unsigned long long)counts.conflicting,
        (unsigned long long)counts.quarantined, (unsigned long long)counts.repeated,
        (unsigned long long)counts.refused);
    return counts.repeated && counts.refused && counts.conflicting && counts.quarantined ? 0 : 1;
}
