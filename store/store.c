// A store: its directory, its one writer's lock, and the order in which its parts are opened.
//
// What a power failure may have torn: LMDB runs without its own sync, so after one its files can be anything.
// The catalog holds the settings "online_boot_id" and "online_clean". A writer notes its boot id and "no"
// before it touches LMDB, and "yes" after it has synced LMDB at its close. Another boot id with "no" means
// that the machine went down in between: readers then refuse, and the next writer removes the files and fills
// them again. With the same boot id, a writer died alone; the kernel kept what it had written.

#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/float_environment.h"

#define PATH_BYTES           4096
#define LOST_CLOCK_MARGIN_US (60 * SS_SECOND_US) // a lost clock may have been ahead of the machine's

static const char format_prefix[] = "selfsame store ";
static const char format_text[] = "selfsame store 1\n";

static enum ss_status path_of(const char *directory, const char *name, char path[PATH_BYTES],
                              struct ss_error *error)
{
    if (snprintf(path, PATH_BYTES, "%s/%s", directory, name) < PATH_BYTES) return SS_OK;
    return ss_fail(error, SS_INVALID, "store '%s': the path is too long", directory);
}

static struct ss_history_options history_options(const struct ss_store_options *options)
{
    return (struct ss_history_options){.sync = !options->no_sync,
                                       .sizes = options->sizes,
                                       .pool = options->pool,
                                       .fault_point = options->fault_point,
                                       .fault_context = options->fault_context};
}

void ss_store_fault_point(struct ss_store *store, const char *name)
{
    if (store->options.fault_point) store->options.fault_point(store->options.fault_context, name);
}

// ---- Create

static enum ss_status write_text(const char *directory, const char *name, const char *text,
                                 struct ss_error *error)
{
    char path[PATH_BYTES];
    SS_TRY(path_of(directory, name, path, error));
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    const size_t size = strlen(text);
    errno = fd < 0 ? errno : ENOSPC; // what a short write means
    const bool written = fd >= 0 && write(fd, text, size) == (ssize_t)size && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    if (written) return SS_OK;
    return ss_fail(error, SS_IO, "store '%s': '%s' cannot be written: %s", directory, name, strerror(errno));
}

static enum ss_status sync_directory(const char *directory, struct ss_error *error)
{
    const int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    if (synced) return SS_OK;
    return ss_fail(error, SS_IO, "store '%s': cannot be synced: %s", directory, strerror(errno));
}

// *made: the directory was not there before.
static enum ss_status make_directory(const char *directory, bool *made, struct ss_error *error)
{
    *made = mkdir(directory, 0777) == 0;
    if (*made) return SS_OK;
    if (errno != EEXIST)
        return ss_fail(error, SS_IO, "store '%s': cannot be made: %s", directory, strerror(errno));
    if (rmdir(directory) != 0) // the one call that says whether it is empty
        return ss_fail(error, SS_CONFLICT, "store '%s': %s; choose a new or empty directory", directory,
                       errno == ENOTEMPTY || errno == EEXIST ? "the directory is not empty"
                                                             : strerror(errno));
    if (mkdir(directory, 0777) == 0) return SS_OK;
    return ss_fail(error, SS_IO, "store '%s': cannot be made: %s", directory, strerror(errno));
}

static enum ss_status create_history(const char *directory, enum ss_clock_kind clock,
                                     const struct ss_store_options *options, struct ss_error *error)
{
    char path[PATH_BYTES], boot_id[SS_BOOT_ID_SIZE];
    struct ss_history *history = NULL;
    const struct ss_history_options with = history_options(options);
    SS_TRY(path_of(directory, "history.db", path, error));
    SS_TRY(ss_boot_id(&options->wall, boot_id, error));
    SS_TRY(ss_history_create(path, &with, error));
    SS_TRY(ss_history_open(path, true, &with, &history, error));
    enum ss_status status =
        ss_catalog_set(history, "clock", clock == SS_CLOCK_REPLAY ? "replay" : "wall", error);
    if (status == SS_OK) status = ss_catalog_set(history, "online_boot_id", boot_id, error);
    if (status == SS_OK) status = ss_catalog_set(history, "online_clean", "yes", error);
    ss_history_close(history);
    return status;
}

static enum ss_status create_online(const char *directory, const struct ss_store_options *options,
                                    struct ss_error *error)
{
    char path[PATH_BYTES];
    struct ss_online *online;
    SS_TRY(path_of(directory, "online", path, error));
    SS_TRY(ss_online_open(path, true, &options->online, &online, error));
    const enum ss_status status = ss_online_sync(online, error);
    ss_online_close(online);
    return status;
}

static enum ss_status create_parts(const char *directory, enum ss_clock_kind clock,
                                   const struct ss_store_options *options, struct ss_error *error)
{
    char path[PATH_BYTES];
    SS_TRY(write_text(directory, "format", format_text, error));
    SS_TRY(path_of(directory, "clock", path, error));
    SS_TRY(ss_clock_create(path, clock, error));
    SS_TRY(write_text(directory, "lock", "", error));
    SS_TRY(create_history(directory, clock, options, error));
    SS_TRY(create_online(directory, options, error));
    return sync_directory(directory, error);
}

static void remove_parts(const char *directory)
{
    static const char *const names[] = {"format",     "clock",          "lock",
                                        "history.db", "history.db-wal", "history.db-shm"};
    char path[PATH_BYTES];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (path_of(directory, names[i], path, NULL) == SS_OK) unlink(path);
    if (path_of(directory, "online", path, NULL) == SS_OK) ss_online_destroy(path, NULL);
}

enum ss_status ss_store_create(const char *directory, enum ss_clock_kind clock,
                               const struct ss_store_options *options, struct ss_error *error)
{
    static const struct ss_store_options defaults;
    bool made;
    SS_TRY(make_directory(directory, &made, error));
    const enum ss_status status = create_parts(directory, clock, options ? options : &defaults, error);
    if (status == SS_OK) return SS_OK;
    remove_parts(directory);
    if (made) rmdir(directory);
    return status;
}

// ---- Open

static enum ss_status check_format(const char *directory, struct ss_error *error)
{
    char path[PATH_BYTES], text[64] = {0};
    struct stat found;
    if (stat(directory, &found) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return ss_fail(error, SS_NOT_FOUND,
                       "store '%s': there is no such directory; run 'selfsame --dir %s init'", directory,
                       directory);
    SS_TRY(path_of(directory, "format", path, error));
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        SS_TRY(path_of(directory, "history.db", path, error));
        if (stat(path, &found) == 0)
            return ss_fail(error, SS_DAMAGED,
                           "store '%s': its file 'format' is missing; write 'selfsame store 1' into it",
                           directory);
        errno = ENOENT;
    }
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return ss_fail(error, SS_NOT_FOUND, "store '%s': this is no store; run 'selfsame --dir %s init'",
                       directory, directory);
    if (fd < 0) return ss_fail(error, SS_IO, "store '%s': cannot be opened: %s", directory, strerror(errno));
    const ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    if (size < 0) return ss_fail(error, SS_IO, "store '%s': cannot be read: %s", directory, strerror(errno));
    if (strcmp(text, format_text) == 0) return SS_OK;
    text[strcspn(text, "\n")] = 0;
    if (strncmp(text, format_prefix, strlen(format_prefix)) == 0 && strlen(text) > strlen(format_prefix))
        return ss_fail(
            error, SS_VERSION,
            "store '%s': its format is '%s', this program's is 'selfsame store 1'; use the program that "
            "made it",
            directory, text);
    return ss_fail(error, SS_DAMAGED,
                   "store '%s': its file 'format' is damaged; write 'selfsame store 1' into it", directory);
}

static enum ss_status fail_locked(const char *directory, int fd, struct ss_error *error)
{
    char text[32] = {0};
    const ssize_t size = pread(fd, text, sizeof text - 1, 0);
    const long pid = size > 0 ? strtol(text, NULL, 10) : 0;
    if (pid > 0)
        return ss_fail(error, SS_BUSY, "store '%s': process %ld is writing to it; try again when it is done",
                       directory, pid);
    return ss_fail(error, SS_BUSY, "store '%s': another process is writing to it; try again when it is done",
                   directory);
}

static enum ss_status take_lock(const char *directory, int *lock_fd, struct ss_error *error)
{
    char path[PATH_BYTES], text[32];
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    SS_TRY(path_of(directory, "lock", path, error));
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return ss_fail(error, SS_IO, "store '%s': its lock cannot be opened: %s", directory, strerror(errno));
    if (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
        const enum ss_status status =
            errno == EAGAIN || errno == EACCES
                ? fail_locked(directory, fd, error)
                : ss_fail(error, SS_IO, "store '%s': it cannot be locked: %s", directory, strerror(errno));
        close(fd);
        return status;
    }
    const int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)size, 0) != size) {
        const enum ss_status status =
            ss_fail(error, SS_IO, "store '%s': its lock cannot be written: %s", directory, strerror(errno));
        close(fd);
        return status;
    }
    *lock_fd = fd;
    return SS_OK;
}

// A clock that is lost stands past everything in history, and past what the lost one may have shown.
static enum ss_status replace_clock(struct ss_store *store, const char *path, struct ss_error *error)
{
    struct ss_arena arena = {0};
    const char *kind = NULL;
    int64_t time_us;
    enum ss_status status = ss_catalog_get(store->history, "clock", &arena, &kind, error);
    if (status == SS_OK) status = ss_history_newest_time(store->history, &time_us, error);
    if (status == SS_OK) {
        const bool replay = kind && strcmp(kind, "replay") == 0;
        status = ss_clock_replace(path, replay ? SS_CLOCK_REPLAY : SS_CLOCK_WALL, time_us + 1, error);
        if (status == SS_OK) status = ss_clock_open(path, &store->options.wall, &store->clock, error);
        if (status == SS_OK && !replay)
            ss_clock_advance(store->clock, ss_clock_now(store->clock) + LOST_CLOCK_MARGIN_US);
    }
    ss_arena_release(&arena);
    return status;
}

static enum ss_status open_clock(struct ss_store *store, struct ss_error *error)
{
    char path[PATH_BYTES];
    SS_TRY(path_of(store->directory, "clock", path, error));
    const enum ss_status status = ss_clock_open(path, &store->options.wall, &store->clock, error);
    if (status != SS_DAMAGED || store->mode != SS_STORE_WRITE) return status;
    return replace_clock(store, path, error);
}

// *torn: the machine went down while the online store was being written. *unclean: that, or its writer died.
static enum ss_status read_online_state(struct ss_store *store, bool *torn, bool *unclean,
                                        struct ss_error *error)
{
    struct ss_arena arena = {0};
    char boot_id[SS_BOOT_ID_SIZE];
    const char *noted = NULL, *clean = NULL;
    enum ss_status status = ss_boot_id(&store->options.wall, boot_id, error);
    if (status == SS_OK) status = ss_catalog_get(store->history, "online_boot_id", &arena, &noted, error);
    if (status == SS_OK) status = ss_catalog_get(store->history, "online_clean", &arena, &clean, error);
    if (status == SS_OK) {
        *unclean = !clean || strcmp(clean, "yes") != 0;
        *torn = *unclean && (!noted || strcmp(noted, boot_id) != 0);
    }
    ss_arena_release(&arena);
    return status;
}

static enum ss_status note_open(struct ss_store *store, struct ss_error *error)
{
    char boot_id[SS_BOOT_ID_SIZE];
    SS_TRY(ss_boot_id(&store->options.wall, boot_id, error));
    SS_TRY(ss_catalog_set(store->history, "online_clean", "no", error));
    return ss_catalog_set(store->history, "online_boot_id", boot_id, error);
}

static enum ss_status open_online_to_read(struct ss_store *store, const char *path, struct ss_error *error)
{
    bool torn, unclean;
    SS_TRY(read_online_state(store, &torn, &unclean, error));
    if (torn)
        return ss_fail(
            error, SS_DAMAGED,
            "store '%s': the machine went down while it was being written; any writing command mends it, "
            "for example 'selfsame rebuild --all'",
            store->directory);
    return ss_online_open(path, false, &store->options.online, &store->online, error);
}

// What was there is of no use. It goes before the open is noted: a death in between leaves no file, and files
// that cannot be removed stay as torn as they were noted to be.
static enum ss_status start_online_anew(struct ss_store *store, const char *path, struct ss_error *error)
{
    store->online_is_new = true;
    SS_TRY(ss_online_destroy(path, error));
    ss_clock_note_online_removed(store->clock);
    SS_TRY(note_open(store, error));
    return ss_online_open(path, true, &store->options.online, &store->online, error);
}

// A writer that was killed may leave LMDB's file short of pages that nothing refers to (see online_file.c);
// that looks like a cut file, so after a writer's death a damaged file is made anew rather than reported.
// Opening writes nothing, so what is refused is as clean as it was.
static enum ss_status open_online_to_write(struct ss_store *store, const char *path, struct ss_error *error)
{
    char data[PATH_BYTES];
    bool torn, unclean;
    SS_TRY(path_of(path, "data.mdb", data, error));
    SS_TRY(read_online_state(store, &torn, &unclean, error));
    if (torn || store->options.replace_online || access(data, F_OK) != 0)
        return start_online_anew(store, path, error);
    const enum ss_status status = ss_online_open(path, true, &store->options.online, &store->online, error);
    if (status == SS_DAMAGED && unclean) return start_online_anew(store, path, error);
    return status == SS_OK ? note_open(store, error) : status;
}

static enum ss_status open_online(struct ss_store *store, struct ss_error *error)
{
    char path[PATH_BYTES];
    SS_TRY(path_of(store->directory, "online", path, error));
    store->options.online.times_made = ss_clock_online_times_made(store->clock);
    if (store->mode == SS_STORE_WRITE) return open_online_to_write(store, path, error);
    return open_online_to_read(store, path, error);
}

static enum ss_status open_parts(struct ss_store *store, struct ss_error *error)
{
    char path[PATH_BYTES];
    const bool writable = store->mode == SS_STORE_WRITE;
    const struct ss_history_options with = history_options(&store->options);
    if (writable) SS_TRY(take_lock(store->directory, &store->lock_fd, error));
    SS_TRY(path_of(store->directory, "history.db", path, error));
    SS_TRY(ss_history_open(path, writable, &with, &store->history, error));
    SS_TRY(open_clock(store, error));
    return store->mode == SS_STORE_HISTORY ? SS_OK : open_online(store, error);
}

static void close_parts(struct ss_store *store)
{
    ss_online_close(store->online);
    ss_clock_close(store->clock);
    ss_history_close(store->history);
    if (store->lock_fd >= 0) close(store->lock_fd);
    free(store->directory);
    free(store);
}

enum ss_status ss_store_open(const char *directory, enum ss_store_mode mode,
                             const struct ss_store_options *options, struct ss_store **store,
                             struct ss_error *error)
{
    SS_TRY(ss_float_environment_check(error));
    SS_TRY(check_format(directory, error));
    struct ss_store *opened = calloc(1, sizeof *opened);
    if (!opened) return ss_fail_memory(error, "a store");
    opened->lock_fd = -1;
    opened->mode = mode;
    if (options) opened->options = *options;
    opened->directory = strdup(directory);
    const enum ss_status status =
        opened->directory ? open_parts(opened, error) : ss_fail_memory(error, "a store");
    if (status == SS_OK)
        *store = opened;
    else
        close_parts(opened);
    return status;
}

// Not clean while a commit is in flight: after a reboot its time must not be taken for one that has passed.
void ss_store_close(struct ss_store *store)
{
    if (!store) return;
    if (store->mode == SS_STORE_WRITE && !ss_clock_in_flight(store->clock) &&
        ss_online_sync(store->online, NULL) == SS_OK)
        ss_catalog_set(store->history, "online_clean", "yes", NULL); // if it fails, the next open is careful
    close_parts(store);
}

enum ss_status ss_store_touch_online(const char *directory, uint64_t most_bytes, const atomic_bool *stop,
                                     uint64_t *bytes, struct ss_error *error)
{
    char path[PATH_BYTES];
    SS_TRY(path_of(directory, "online", path, error));
    return ss_online_touch(path, most_bytes, stop, bytes, error);
}
