// The clock's cell: one 64-bit word in a mapped file, moved by compare-and-swap alone.
//
// The file is one page:
//
//   offset  size
//        0     8  magic "SSCLOCK1"
//        8     4  kind (enum ss_clock_kind), little endian
//       12     4  zero
//       16     8  XXH3-64 of the 16 bytes before
//       24    40  boot id of the last open, text, zero-padded
//       64     8  the cell: time_us * 2 + in_flight
//      128     8  how often the online files were removed to be made anew
//
// The cell stands alone on its cache line. It is only ever raised while no commit is in flight, and not moved
// at all while one is (ss_clock_begin_commit sets the flag, ss_clock_end_commit clears it). Times are
// negative before 1970: the time is taken out by a floor division, never by a shift.
//
// An open that meets another boot id than the file's runs under a lock on the file, so that of many processes
// that open after a reboot one moves the clock.

#include "store/clock.h"

#include "engine/base/hash.h"
#include "engine/base/planted.h"
#include "engine/base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CLOCK_FILE_BYTES 4096
#define REBOOT_MARGIN_US (60 * SS_SECOND_US)

static const char clock_magic[8] = {'S', 'S', 'C', 'L', 'O', 'C', 'K', '1'};

struct clock_page {
    char magic[8];
    uint32_t kind;
    uint32_t zero;
    uint64_t checksum;
    char boot_id[SS_BOOT_ID_SIZE];
    _Atomic int64_t cell;
    char none[56];
    _Atomic uint64_t online_times_made;
};
_Static_assert(offsetof(struct clock_page, online_times_made) == 128, "its place in the file");
_Static_assert(offsetof(struct clock_page, cell) == 64, "the cell's place in the file");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "processes share the cell without a lock");

struct ss_clock {
    struct clock_page *page;
    enum ss_clock_kind kind;
    struct ss_wall_source wall;
};

static int64_t cell_of(int64_t time_us, bool in_flight)
{
    return time_us * 2 + (in_flight ? 1 : 0);
}

static bool cell_in_flight(int64_t cell)
{
    return cell % 2 != 0;
}

static int64_t cell_time(int64_t cell)
{
    return (cell - (cell_in_flight(cell) ? 1 : 0)) / 2;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

// One past the last microsecond of the year 9999, so that the clock can pass every event.
static int64_t within_years(int64_t time_us)
{
    if (time_us < SS_TIME_MIN_US) return SS_TIME_MIN_US;
    return time_us > SS_TIME_MAX_US ? SS_TIME_MAX_US + 1 : time_us;
}

static int64_t machine_now_us(void *context)
{
    struct timespec now;
    (void)context;
    SS_ASSERT(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return (int64_t)now.tv_sec * SS_SECOND_US + now.tv_nsec / 1000;
}

static int64_t now_us(const struct ss_wall_source *wall)
{
    return wall && wall->now_us ? wall->now_us(wall->context) : machine_now_us(NULL);
}

static enum ss_status machine_boot_id(char text[SS_BOOT_ID_SIZE], struct ss_error *error)
{
    static const char path[] = "/proc/sys/kernel/random/boot_id";
    char found[SS_BOOT_ID_SIZE] = {0};
    FILE *file = fopen(path, "re");
    if (!file) return ss_fail(error, SS_IO, "'%s': %s; /proc must be mounted", path, strerror(errno));
    const bool read = fgets(found, sizeof found, file) != NULL;
    fclose(file);
    if (!read) return ss_fail(error, SS_IO, "'%s': empty", path);
    found[strcspn(found, "\n")] = 0;
    memcpy(text, found, SS_BOOT_ID_SIZE);
    return SS_OK;
}

enum ss_status ss_boot_id(const struct ss_wall_source *wall, char text[SS_BOOT_ID_SIZE],
                          struct ss_error *error)
{
    if (!wall || !wall->boot_id) return machine_boot_id(text, error);
    memset(text, 0, SS_BOOT_ID_SIZE);
    memcpy(text, wall->boot_id, strnlen(wall->boot_id, SS_BOOT_ID_SIZE - 1));
    return SS_OK;
}

// ---- The file

static void fill_page(struct clock_page *page, enum ss_clock_kind kind, int64_t time_us)
{
    memcpy(page->magic, clock_magic, sizeof clock_magic);
    page->kind = (uint32_t)kind;
    page->checksum = ss_hash64(page, offsetof(struct clock_page, checksum));
    atomic_init(&page->cell, cell_of(within_years(time_us), false));
}

static enum ss_status write_file(const char *path, int flags, enum ss_clock_kind kind, int64_t time_us,
                                 struct ss_error *error)
{
    enum ss_status status = SS_OK;
    union {
        struct clock_page page;
        char bytes[CLOCK_FILE_BYTES];
    } file;
    memset(&file, 0, sizeof file);
    fill_page(&file.page, kind, time_us);
    SS_TRY(ss_boot_id(NULL, file.page.boot_id, error));
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0666);
    if (fd < 0)
        return ss_fail(error, errno == EEXIST ? SS_CONFLICT : SS_IO, "clock '%s': cannot be created: %s",
                       path, strerror(errno));
    errno = ENOSPC; // what a short write means
    if (write(fd, file.bytes, sizeof file) != (ssize_t)sizeof file || fsync(fd) != 0)
        status = ss_fail(error, SS_IO, "clock '%s': cannot be written: %s", path, strerror(errno));
    close(fd);
    if (status != SS_OK) unlink(path);
    return status;
}

enum ss_status ss_clock_create(const char *path, enum ss_clock_kind kind, struct ss_error *error)
{
    return write_file(path, O_EXCL, kind, SS_TIME_MIN_US, error);
}

enum ss_status ss_clock_replace(const char *path, enum ss_clock_kind kind, int64_t time_us,
                                struct ss_error *error)
{
    char beside[4096];
    if (snprintf(beside, sizeof beside, "%s.new", path) >= (int)sizeof beside)
        return ss_fail(error, SS_INVALID, "clock '%s': the path is too long", path);
    SS_TRY(write_file(beside, O_TRUNC, kind, time_us, error));
    if (rename(beside, path) == 0) return SS_OK;
    const enum ss_status status =
        ss_fail(error, SS_IO, "clock '%s': cannot be replaced: %s", path, strerror(errno));
    unlink(beside);
    return status;
}

static enum ss_status damaged(const char *path, const char *how, struct ss_error *error)
{
    return ss_fail(error, SS_DAMAGED,
                   "clock '%s': %s; any writing command makes it anew from history, for example 'selfsame "
                   "rebuild --all'",
                   path, how);
}

static enum ss_status map_page(const char *path, struct clock_page **page, int *fd, struct ss_error *error)
{
    struct stat file;
    *fd = open(path, O_RDWR | O_CLOEXEC);
    if (*fd < 0 && errno == ENOENT) return damaged(path, "is missing", error);
    if (*fd < 0) return ss_fail(error, SS_IO, "clock '%s': cannot be opened: %s", path, strerror(errno));
    if (fstat(*fd, &file) != 0) return ss_fail(error, SS_IO, "clock '%s': %s", path, strerror(errno));
    if (file.st_size != CLOCK_FILE_BYTES) return damaged(path, "does not have its 4096 bytes", error);
    void *const mapped = mmap(NULL, CLOCK_FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    if (mapped == MAP_FAILED)
        return ss_fail(error, SS_IO, "clock '%s': cannot be mapped: %s", path, strerror(errno));
    *page = mapped;
    return SS_OK;
}

static enum ss_status check_page(const char *path, const struct clock_page *page, struct ss_error *error)
{
    const int64_t time_us = cell_time(atomic_load(&page->cell));
    if (memcmp(page->magic, clock_magic, sizeof clock_magic) != 0) return damaged(path, "is no clock", error);
    if (page->checksum != ss_hash64(page, offsetof(struct clock_page, checksum)) ||
        page->kind > SS_CLOCK_REPLAY)
        return damaged(path, "has a wrong checksum", error);
    if (time_us != within_years(time_us)) return damaged(path, "stands outside the years 1 to 9999", error);
    return SS_OK;
}

// The cell may lag the last t given out before the machine went down: by the kernel's write-back delay, and
// by as long as nobody had asked before that. So may the machine's clock, which comes back a little behind. A
// commit that was in flight stays so; that its time is raised too does no harm, as nothing is looked up
// before a writer has recovered (a store that was not closed cleanly is not read after a reboot, and a close
// with a commit in flight is not clean).
static enum ss_status follow_reboot(const char *path, const struct ss_wall_source *wall,
                                    struct clock_page *page, int fd, struct ss_error *error)
{
    char boot_id[SS_BOOT_ID_SIZE];
    SS_TRY(ss_boot_id(wall, boot_id, error));
    while (flock(fd, LOCK_EX) != 0)
        if (errno != EINTR)
            return ss_fail(error, SS_IO, "clock '%s': cannot be locked: %s", path, strerror(errno));
    if (memcmp(page->boot_id, boot_id, sizeof boot_id) != 0) {
        const int64_t cell = atomic_load(&page->cell);
        const int64_t past_us = later(cell_time(cell), now_us(wall));
        const int64_t raised = within_years(past_us + REBOOT_MARGIN_US);
        if (page->kind == SS_CLOCK_WALL) atomic_store(&page->cell, cell_of(raised, cell_in_flight(cell)));
        memcpy(page->boot_id, boot_id, sizeof boot_id);
        msync(page, CLOCK_FILE_BYTES, MS_SYNC); // or the next power failure takes the margin too
    }
    flock(fd, LOCK_UN);
    return SS_OK;
}

enum ss_status ss_clock_open(const char *path, const struct ss_wall_source *wall, struct ss_clock **clock,
                             struct ss_error *error)
{
    enum ss_status status;
    struct clock_page *page = NULL;
    struct ss_clock *opened = NULL;
    int fd = -1;
    SS_TRY_GOTO(map_page(path, &page, &fd, error), out);
    SS_TRY_GOTO(check_page(path, page, error), out);
    SS_TRY_GOTO(follow_reboot(path, wall, page, fd, error), out);
    opened = calloc(1, sizeof *opened);
    SS_TRY_GOTO(opened ? SS_OK : ss_fail_memory(error, "the clock"), out);
    opened->page = page;
    opened->kind = (enum ss_clock_kind)page->kind;
    opened->wall = wall && wall->now_us ? *wall : (struct ss_wall_source){machine_now_us, NULL};
    *clock = opened;
    page = NULL;
out:
    if (page) munmap(page, CLOCK_FILE_BYTES);
    if (fd >= 0) close(fd);
    return status;
}

void ss_clock_close(struct ss_clock *clock)
{
    if (!clock) return;
    munmap(clock->page, CLOCK_FILE_BYTES);
    free(clock);
}

enum ss_clock_kind ss_clock_kind(const struct ss_clock *clock)
{
    return clock->kind;
}

const _Atomic uint64_t *ss_clock_online_times_made(const struct ss_clock *clock)
{
    return &clock->page->online_times_made;
}

void ss_clock_note_online_removed(struct ss_clock *clock)
{
    atomic_fetch_add(&clock->page->online_times_made, 1);
}

// ---- The cell

// What the clock shows when no commit is in flight and the cell stands at time_us.
static int64_t shown(const struct ss_clock *clock, int64_t time_us)
{
    if (clock->kind == SS_CLOCK_REPLAY) return time_us;
    return later(time_us, within_years(clock->wall.now_us(clock->wall.context)));
}

// The cell is raised to what is given out, so that no arrival_time can come below it.
int64_t ss_clock_pin(struct ss_clock *clock)
{
    int64_t cell = atomic_load(&clock->page->cell);
    for (;;) {
        if (cell_in_flight(cell))
            return SS_PLANTED(t_past_in_flight) ? shown(clock, cell_time(cell)) : cell_time(cell);
        const int64_t time_us = shown(clock, cell_time(cell));
        if (time_us == cell_time(cell)) return time_us;
        if (atomic_compare_exchange_weak(&clock->page->cell, &cell, cell_of(time_us, false))) return time_us;
    }
}

int64_t ss_clock_now(const struct ss_clock *clock)
{
    const int64_t cell = atomic_load(&clock->page->cell);
    return cell_in_flight(cell) ? cell_time(cell) : shown(clock, cell_time(cell));
}

int64_t ss_clock_begin_commit(struct ss_clock *clock)
{
    int64_t cell = atomic_load(&clock->page->cell);
    for (;;) {
        if (cell_in_flight(cell)) return cell_time(cell);
        const int64_t time_us = shown(clock, cell_time(cell));
        if (atomic_compare_exchange_weak(&clock->page->cell, &cell, cell_of(time_us, true))) return time_us;
    }
}

void ss_clock_end_commit(struct ss_clock *clock, int64_t next_us)
{
    int64_t cell = atomic_load(&clock->page->cell), moved;
    do moved = cell_of(within_years(later(cell_time(cell), next_us)), false);
    while (!atomic_compare_exchange_weak(&clock->page->cell, &cell, moved));
}

bool ss_clock_in_flight(const struct ss_clock *clock)
{
    return cell_in_flight(atomic_load(&clock->page->cell));
}

bool ss_clock_advance(struct ss_clock *clock, int64_t time_us)
{
    int64_t cell = atomic_load(&clock->page->cell), moved;
    do {
        if (cell_in_flight(cell)) return false;
        moved = cell_of(within_years(later(cell_time(cell), time_us)), false);
    } while (!atomic_compare_exchange_weak(&clock->page->cell, &cell, moved));
    // A wall clock comes back from a power failure by itself; where a replay clock stood is known here alone.
    if (clock->kind == SS_CLOCK_REPLAY) msync(clock->page, CLOCK_FILE_BYTES, MS_SYNC);
    return true;
}
