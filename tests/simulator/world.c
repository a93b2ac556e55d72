// The world. Every process that runs the store is forked from here, so whatever it does to itself is seen by
// its exit alone; between two nodes the machine may have gone down.

#include "world.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "judge.h"
#include "model.h"
#include "node.h"
#include "other.h"

#define CELL_OFFSET     64            // of the clock's file (store/clock.c)
#define LAG             (50 * SECOND) // less than what the store adds after a reboot
#define MOST_DEATHS     400
#define CPU_SECONDS     120
#define HANGING_SECONDS 600

struct telling {
    const struct world *world;
    const struct story *story;
    struct log *log;
    struct pool pool;
    struct model model;
    struct random random; // of what a power loss takes
    char store[256], other[256];
    int tried_act, attempt;
};

static int remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *place)
{
    (void)stat, (void)kind, (void)place;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

// ---- Processes

static const char *how_it_ended(struct telling *telling, const char *who, int state)
{
    struct pool *pool = &telling->log->pool;
    if (WIFSIGNALED(state)) return pool_format(pool, "%s died of signal %d", who, WTERMSIG(state));
    return pool_format(pool, "%s ended with %d", who, WEXITSTATUS(state));
}

static int wait_for(pid_t child)
{
    int state = 0;
    while (waitpid(child, &state, 0) < 0) {}
    return state;
}

static pid_t start_child(void)
{
    fflush(NULL);
    const pid_t child = fork();
    if (child < 0) abort();
    if (child != 0) return child;
    const struct rlimit limit = {CPU_SECONDS, CPU_SECONDS};
    setrlimit(RLIMIT_CPU, &limit);
    alarm(HANGING_SECONDS);
    return 0;
}

// ---- The machine goes down

// What the clock's cell on disk may be: what was synced last or, on a wall clock, anything that it was since
// (the kernel writes it back when it likes).
static int64_t stale_cell(struct telling *telling)
{
    uint64_t count = 1;
    const int64_t synced = disk_synced_cell(telling->world->disk);
    int64_t cell = synced;
    for (const struct record *record = telling->log->first; record; record = record->next) {
        if (!telling->story->plan.wall || record->clock_us * 2 <= synced) continue;
        if (random_below(&telling->random, ++count) == 0) cell = record->clock_us * 2;
    }
    return cell;
}

static void lose_clock(struct telling *telling)
{
    char path[300];
    const int64_t cell = stale_cell(telling);
    if (cell == 0 || random_chance(&telling->random, 50)) return;
    snprintf(path, sizeof path, "%s/clock", telling->store);
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    if (pwrite(fd, &cell, sizeof cell, CELL_OFFSET) != sizeof cell) abort();
    close(fd);
    // The machine's clock may come back a little behind.
    telling->log->wall_us -= (int64_t)random_below(&telling->random, LAG);
}

static void lose_power(struct telling *telling)
{
    char path[300];
    struct log *log = telling->log;
    log->counts.of[COUNT_blocks_lost] += disk_lose(telling->world->disk, &telling->random, "/data.mdb");
    lose_clock(telling);
    snprintf(path, sizeof path, "%s/history.db-shm", telling->store);
    unlink(path);
    snprintf(log->boot_id, sizeof log->boot_id, "boot %u", ++log->boots);
}

// ---- Nodes

static int run_node(struct telling *telling, bool create)
{
    struct node_start start = {.story = telling->story,
                               .log = telling->log,
                               .disk = telling->world->disk,
                               .directory = telling->store,
                               .create = create,
                               .act = telling->tried_act,
                               .attempt = telling->attempt,
                               .s = telling->model.naive.seq};
    memcpy(start.producer_last, telling->model.producer_last, sizeof start.producer_last);
    const pid_t child = start_child();
    if (child == 0) node_run(&start);
    return wait_for(child);
}

static int next_act(const struct telling *telling)
{
    int next = telling->model.next_act;
    while (next < telling->story->act_count && telling->story->acts[next].dropped) next++;
    return next;
}

static const char *run_nodes(struct telling *telling)
{
    telling->tried_act = next_act(telling);
    for (int deaths = 0; deaths < MOST_DEATHS; deaths++) {
        const int state = run_node(telling, deaths == 0);
        const char *problem = model_read(&telling->model, telling->log);
        const int code = WIFEXITED(state) ? WEXITSTATUS(state) : 0;
        if (problem) return problem;
        if (code == NODE_FINISHED) return NULL;
        if (code != NODE_KILLED && code != NODE_POWER) return how_it_ended(telling, "a node", state);
        if (code == NODE_POWER) lose_power(telling);
        telling->attempt = next_act(telling) == telling->tried_act ? telling->attempt + 1 : 1;
        telling->tried_act = next_act(telling);
    }
    return "it dies again and again";
}

// ---- Afterwards

static const char *judge(struct telling *telling)
{
    const struct judge judge = {telling->story, telling->log, telling->store, &telling->model.naive};
    const pid_t child = start_child();
    if (child == 0) {
        const char *problem = judge_lookups(&judge);
        if (problem) log_add(telling->log, RECORD_PROBLEM, -1)->problem = problem;
        _exit(NODE_FINISHED);
    }
    const int state = wait_for(child);
    if (!WIFEXITED(state) || WEXITSTATUS(state) != NODE_FINISHED)
        return how_it_ended(telling, "the judge", state);
    return model_read(&telling->model, telling->log);
}

static int last_variant(const struct story *story)
{
    int last = -1;
    for (int i = 0; i < story->act_count; i++)
        if (story->acts[i].kind == ACT_APPLY && !story->acts[i].dropped) last = story->acts[i].variant;
    return last;
}

static const char *compare_digests(struct telling *telling, const struct digests *other)
{
    const struct digests *first = &telling->model.digests;
    struct pool *pool = &telling->log->pool;
    if (first->t_us != other->t_us || first->s != other->s)
        return pool_format(pool, "second instance: t %lld, s %llu; the first: t %lld, s %llu",
                           (long long)other->t_us, (unsigned long long)other->s, (long long)first->t_us,
                           (unsigned long long)first->s);
    for (int v = 0; v < MAX_DIGESTS; v++)
        if (memcmp(&first->views[v], &other->views[v], sizeof first->views[v]) != 0)
            return pool_format(pool, "second instance: view%d has another digest", v);
    return NULL;
}

static const char *run_other(struct telling *telling)
{
    const struct other other = {telling->story, telling->log, telling->other, telling->model.clocks,
                                last_variant(telling->story)};
    if (other.last_variant < 0) return NULL;
    const pid_t child = start_child();
    if (child == 0) {
        struct digests digests;
        const char *problem = other_run(&other, &digests);
        if (!problem) problem = compare_digests(telling, &digests);
        if (problem) log_add(telling->log, RECORD_PROBLEM, -1)->problem = problem;
        _exit(NODE_FINISHED);
    }
    telling->log->counts.of[COUNT_second_instances]++;
    const int state = wait_for(child);
    if (!WIFEXITED(state) || WEXITSTATUS(state) != NODE_FINISHED)
        return how_it_ended(telling, "the second instance", state);
    return model_read(&telling->model, telling->log);
}

const char *world_tell(const struct world *world, const struct story *story)
{
    static struct telling telling;
    telling = (struct telling){.world = world, .story = story, .log = world->log};
    telling.random.state = story->seed ^ 0xd15c;
    snprintf(telling.store, sizeof telling.store, "%s/store", world->directory);
    snprintf(telling.other, sizeof telling.other, "%s/other", world->directory);
    log_clear(world->log);
    disk_format(world->disk, telling.store);
    model_init(&telling.model, story, &telling.pool);
    const char *problem = run_nodes(&telling);
    if (!problem) problem = judge(&telling);
    if (!problem) problem = run_other(&telling);
    remove_tree(telling.store);
    remove_tree(telling.other);
    pool_release(&telling.pool);
    world->log->counts.of[COUNT_seeds]++;
    return problem;
}
