// Keeping the online rows' file in memory. The system takes back what was idle for a while, or makes room for
// something that is read once; a lookup would then wait for the disk.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/online.h"

#define STEP_BYTES ((uint64_t)16 << 20) // mapped at a time: between two, a stop is noticed

// Reads pages through a mapping of its own, which counts as a use of each. MADV_POPULATE_READ is told of by
// an error, not a signal, where the disk fails or the file is shorter by now.
static int touch(int file, uint64_t from, uint64_t bytes)
{
    void *pages = mmap(NULL, bytes, PROT_READ, MAP_SHARED, file, (off_t)from);
    if (pages == MAP_FAILED) return errno;
    const int failed = madvise(pages, bytes, MADV_POPULATE_READ) != 0 ? errno : 0;
    munmap(pages, bytes);
    return failed;
}

static int touch_all(int file, uint64_t size, const atomic_bool *stop)
{
    int failed = 0;
    for (uint64_t from = 0; from < size && !failed && !atomic_load(stop); from += STEP_BYTES)
        failed = touch(file, from, size - from < STEP_BYTES ? size - from : STEP_BYTES);
    return failed;
}

enum ss_status ss_online_touch(const char *directory, uint64_t most_bytes, const atomic_bool *stop,
                               uint64_t *bytes, struct ss_error *error)
{
    char path[4096];
    struct stat about;
    if (snprintf(path, sizeof path, "%s/data.mdb", directory) >= (int)sizeof path)
        return ss_fail(error, SS_INVALID, "online store '%.200s...': the path is too long", directory);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    int failed = file < 0 || fstat(file, &about) != 0 ? errno : 0;
    *bytes = failed ? 0 : (uint64_t)about.st_size;
    if (!failed && *bytes <= most_bytes) failed = touch_all(file, *bytes, stop);
    if (file >= 0) close(file);
    if (!failed) return SS_OK;
    return ss_fail(error, SS_IO, "online store '%s': reading it into memory: %s", directory,
                   strerror(failed));
}
