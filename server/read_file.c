// A small file as a whole. Devices and pipes are refused: they could keep the server waiting.

#include "server/read_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static enum ss_status read_open(int file, const char *what, const char *path, size_t max_bytes,
                                struct ss_arena *arena, struct ss_bytes *text, struct stat *about,
                                struct ss_error *error)
{
    if (fstat(file, about) != 0)
        return ss_fail(error, SS_IO, "%s '%s': cannot be read: %s", what, path, strerror(errno));
    if (!S_ISREG(about->st_mode)) return ss_fail(error, SS_INVALID, "%s '%s': is no plain file", what, path);
    const size_t size = (size_t)about->st_size;
    if (size > max_bytes)
        return ss_fail(error, SS_LIMIT, "%s '%s': has %zu bytes, at most %zu are read", what, path, size,
                       max_bytes);
    char *bytes = ss_arena_alloc(arena, size + 1);
    if (!bytes) return ss_fail_memory(error, what);
    size_t done = 0;
    while (done < size) {
        const ssize_t got = read(file, bytes + done, size - done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return ss_fail(error, SS_IO, "%s '%s': cannot be read: %s", what, path, strerror(errno));
        if (got == 0) break;
        done += (size_t)got;
    }
    *text = (struct ss_bytes){bytes, done};
    return SS_OK;
}

enum ss_status ss_read_file(const char *what, const char *path, size_t max_bytes, struct ss_arena *arena,
                            struct ss_bytes *text, struct stat *about, struct ss_error *error)
{
    struct stat unused;
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return ss_fail(error, errno == ENOENT ? SS_NOT_FOUND : SS_IO, "%s '%s': cannot be read: %s", what,
                       path, strerror(errno));
    const enum ss_status status =
        read_open(file, what, path, max_bytes, arena, text, about ? about : &unused, error);
    close(file);
    return status;
}
