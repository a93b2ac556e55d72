// The simulator: tries to break the promise of parity, seed after seed.
//
//   simulator --seconds 60 --seed N            seeds N, N+1, ... for a minute
//   simulator --lookups 10000000 --seeds 1000  until both are reached
//   simulator --replay FILE                    what a failure has left
//
//   --jobs N           so many seeds at once
//   --demand-all       goes on for up to four times as long until all that can happen did, or fails
//   --shrink-seconds N how long a failure is shrunk (30)
//   --plant NAME       with a bug of engine/base/planted.h (simulator_planted alone)
//
// One seed, one run, to the byte: the summary's digest is over all that was logged.

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "plant.h"
#include "script_file.h"
#include "shrink.h"
#include "world.h"

#define LOG_BYTES ((size_t)1 << 30)
#define MOST_JOBS 64

struct options {
    uint64_t seed, seeds, lookups;
    double seconds; // 0: no limit
    int jobs, shrink_seconds;
    bool demand_all;
    const char *replay;
};

// Shared by the jobs.
struct progress {
    _Atomic uint64_t next_seed; // to be begun
    _Atomic bool failed, stopped;
    _Atomic uint64_t digest;
    _Atomic uint64_t counts[COUNT_KINDS];
};

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// ---- One seed

static void add_bytes(uint64_t *hash, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) *hash = (*hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(1099511628211);
}

static uint64_t log_digest(const struct log *log)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const struct record *record = log->first; record; record = record->next) {
        const int64_t head[] = {(int64_t)record->kind, record->act,      record->clock_us, (int64_t)record->s,
                                record->t_us,          record->repeated, record->variant};
        const struct table *table = &record->table;
        add_bytes(&hash, head, sizeof head);
        for (int i = 0; i < table->row_count * table->feature_count; i++) {
            const struct cell *cell = &table->cells[i];
            const int64_t parts[] = {cell->present, cell->i, (int64_t)table->statuses[i]};
            add_bytes(&hash, parts, sizeof parts);
            add_bytes(&hash, &cell->f, sizeof cell->f);
            if (cell->text) add_bytes(&hash, cell->text, strlen(cell->text));
        }
    }
    return hash;
}

static void report(const struct world *world, struct story *story, struct pool *pool, const char *problem,
                   int shrink_seconds)
{
    char path[64];
    fprintf(stderr, "\nFAILED: seed %" PRIu64 ": %s\nshrinking for at most %d s ...\n", story->seed, problem,
            shrink_seconds);
    problem = shrink(world, story, pool, problem, shrink_seconds);
    snprintf(path, sizeof path, "simulator-%" PRIu64 ".script", story->seed);
    FILE *file = fopen(path, "w");
    if (file) script_file_write(file, pool, story, problem);
    if (file) fclose(file);
    script_file_write(stderr, pool, story, problem);
    fprintf(stderr, "%s\nagain: simulator --replay %s\nwhole: simulator --seed %" PRIu64 " --seeds 1\n",
            problem, path, story->seed);
}

static bool run_seed(const struct world *world, uint64_t seed, const struct options *options,
                     struct progress *progress)
{
    static struct story story;
    struct pool pool = {0};
    const char *problem = story_make(&story, seed, &pool);
    if (problem) {
        fprintf(stderr, "seed %" PRIu64 ": %s\n", seed, problem);
    } else {
        problem = world_tell(world, &story);
        progress->digest += log_digest(world->log);
        for (int i = 0; i < COUNT_KINDS; i++) progress->counts[i] += world->log->counts.of[i];
    }
    if (problem && !atomic_exchange(&progress->failed, true))
        report(world, &story, &pool, pool_format(&pool, "%s", problem), options->shrink_seconds);
    story_release(&story);
    pool_release(&pool);
    return problem == NULL;
}

// ---- Many seeds

// Has something not happened yet?
static bool is_starved(const struct progress *progress)
{
    for (int i = 0; i < COUNT_KINDS; i++)
        if (progress->counts[i] == 0) return true;
    return false;
}

static bool is_enough(const struct options *options, const struct progress *progress, double elapsed)
{
    if (progress->failed || progress->stopped) return true;
    const double times = options->demand_all && is_starved(progress) ? 4 : 1;
    if (options->seconds > 0 && elapsed >= times * options->seconds) return true;
    if (options->seeds == 0 && options->lookups == 0) return options->seconds == 0;
    return progress->next_seed >= options->seeds && progress->counts[COUNT_lookups] >= options->lookups;
}

static int make_world(struct world *world, char directory[64])
{
    const char *const bases[] = {"/dev/shm", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp"};
    *world = (struct world){.log = log_create(LOG_BYTES), .disk = disk_create(), .directory = directory};
    for (int i = 0; i < 2 && world->log && world->disk; i++) {
        snprintf(directory, 64, "%s/selfsame-simulator-XXXXXX", bases[i]);
        if (mkdtemp(directory)) return 0;
    }
    perror("simulator: memory or a directory");
    return 2;
}

// An interrupt ends the run after the seeds that are under way, so that nothing is left behind.
static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static int run_job(const struct options *options, struct progress *progress, double start)
{
    char directory[64];
    struct world world;
    if (make_world(&world, directory) != 0) return 2;
    while (!is_enough(options, progress, now_seconds() - start)) {
        const uint64_t index = atomic_fetch_add(&progress->next_seed, 1);
        if (options->lookups == 0 && options->seeds > 0 && index >= options->seeds) break;
        if (!run_seed(&world, options->seed + index, options, progress)) progress->stopped = true;
    }
    rmdir(directory);
    return 0;
}

static void print_progress(const struct options *options, const struct progress *progress, double elapsed)
{
    const double lookups = (double)progress->counts[COUNT_lookups];
    double left = options->seconds > 0 ? options->seconds - elapsed : 0;
    if (options->lookups > 0 && lookups > 0) left = elapsed * ((double)options->lookups / lookups - 1);
    fprintf(stderr,
            "%s%" PRIu64 " seeds, %.0f lookups, %" PRIu64
            " cells, %.0f lookups/s, %.1f seeds/s, %.0f s left%s",
            isatty(2) ? "\r" : "", progress->counts[COUNT_seeds], lookups, progress->counts[COUNT_cells],
            lookups / elapsed, (double)progress->counts[COUNT_seeds] / elapsed, left > 0 ? left : 0,
            isatty(2) ? "  " : "\n");
}

static int print_summary(const struct options *options, const struct progress *progress, double elapsed)
{
    const bool starved = options->demand_all && is_starved(progress);
    printf("%s: %" PRIu64 " seeds from %" PRIu64 ", %" PRIu64 " lookups of %" PRIu64
           " cells, %s; %.1f s, %.0f lookups/s, digest %016" PRIx64 "\n",
           progress->failed ? "FAILED" : "ok", progress->counts[COUNT_seeds], options->seed,
           progress->counts[COUNT_lookups], progress->counts[COUNT_cells],
           progress->failed ? "a difference" : "0 differences", elapsed,
           (double)progress->counts[COUNT_lookups] / elapsed, progress->digest);
    for (int i = 0; i < COUNT_KINDS; i++)
        printf("%s%s %" PRIu64, i % 6 ? ", " : i ? "\n  " : "  ", count_names[i], progress->counts[i]);
    printf("\n%s", starved ? "FAILED: something above never happened\n" : "");
    return progress->failed || starved;
}

static int run_jobs(const struct options *options)
{
    const double start = now_seconds();
    struct progress *progress =
        mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int running = 0, broken = 0;
    double shown = start;
    if (progress == MAP_FAILED) return 2;
    signal(SIGINT, interrupt);
    signal(SIGTERM, interrupt);
    for (; running < options->jobs; running++) {
        const pid_t job = fork();
        if (job < 0) return 2;
        if (job == 0) {
            signal(SIGINT, SIG_IGN);
            _exit(run_job(options, progress, start));
        }
    }
    while (running > 0) {
        int state;
        const pid_t ended = waitpid(-1, &state, WNOHANG);
        if (ended > 0) {
            running--;
            if (!WIFEXITED(state) || WEXITSTATUS(state) != 0) broken = 2;
            continue;
        }
        usleep(20000);
        if (interrupted) progress->stopped = true;
        const double now = now_seconds();
        if (now - shown < (isatty(2) ? 1 : 10)) continue;
        shown = now;
        print_progress(options, progress, now - start);
    }
    const int failed = print_summary(options, progress, now_seconds() - start);
    return broken ? broken : failed;
}

// ---- A script

static int replay(const char *path)
{
    static struct story story;
    char directory[64];
    struct world world;
    struct pool pool = {0};
    FILE *file = fopen(path, "r");
    if (!file) {
        fprintf(stderr, "simulator: '%s': %s\n", path, strerror(errno));
        return 2;
    }
    const char *problem = script_file_read(file, &pool, &story);
    fclose(file);
    if (problem) {
        fprintf(stderr, "simulator: '%s': %s\n", path, problem);
        return 2;
    }
    if (make_world(&world, directory) != 0) return 2;
    problem = world_tell(&world, &story);
    script_file_write(stdout, &pool, &story, problem ? problem : "it does not fail");
    rmdir(directory);
    story_release(&story);
    pool_release(&pool);
    return problem != NULL;
}

static bool read_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"seed", required_argument, NULL, 's'},    {"seeds", required_argument, NULL, 'n'},
        {"seconds", required_argument, NULL, 't'}, {"lookups", required_argument, NULL, 'l'},
        {"jobs", required_argument, NULL, 'j'},    {"shrink-seconds", required_argument, NULL, 'k'},
        {"replay", required_argument, NULL, 'r'},  {"demand-all", no_argument, NULL, 'a'},
        {"plant", required_argument, NULL, 'p'},   {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) switch (option) {
        case 's': options->seed = strtoull(optarg, NULL, 0); break;
        case 'n': options->seeds = strtoull(optarg, NULL, 0); break;
        case 't': options->seconds = strtod(optarg, NULL); break;
        case 'l': options->lookups = strtoull(optarg, NULL, 0); break;
        case 'j': options->jobs = atoi(optarg); break;
        case 'k': options->shrink_seconds = atoi(optarg); break;
        case 'r': options->replay = optarg; break;
        case 'p':
            if (!plant(optarg)) {
                fprintf(stderr, "simulator: no bug '%s' can be planted in this program\n", optarg);
                return false;
            }
            break;
        case 'a': options->demand_all = true; break;
        default: return false;
        }
    return optind == argc && options->jobs >= 1 && options->jobs <= MOST_JOBS;
}

int main(int argc, char **argv)
{
    struct options options = {.seed = 1, .jobs = 1, .shrink_seconds = 30};
    if (!read_options(argc, argv, &options)) {
        fprintf(stderr, "simulator: see the head of tests/simulator/main.c\n");
        return 2;
    }
    if (options.replay) return replay(options.replay);
    if (options.seconds == 0 && options.seeds == 0 && options.lookups == 0) options.seconds = 60;
    return run_jobs(&options);
}
