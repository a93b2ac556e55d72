// The online store's files, before LMDB sees them: checked, and put in place whole.

#include "store/online_file.h"

#include "store/online.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum ss_status ss_online_damaged(const char *directory, const char *how, struct ss_error *error)
{
    return ss_fail(
        error, SS_DAMAGED,
        "online store '%s': %s; it is derived from history: run 'selfsame rebuild --all' to make it anew",
        directory, how);
}

// ---- Checking
//
// LMDB maps whatever there is and dies of SIGBUS on the first page behind the file's end. So the file must
// hold every page that a meta page speaks of. There are two meta pages; LMDB works from the newer one. When
// the file ends before that one's last page, it is damaged, though the older meta page may describe a whole
// state: pages of that state may have been reused by a commit that was being written, so it is not to be
// trusted. When it ends at or after the last page, nothing can be missing: LMDB never counts the last page
// down. A cut inside the two meta pages leaves less than two pages.
//
// A live writer may leave its file short for a moment: LMDB does not write pages that were taken and given
// back in one commit, though they count. The writer lengthens the file right after its commit
// (lengthen_file), and a check that meets a short file looks again for a while.

#define META_BYTES \
    152 // page header (16), then magic, version, address, map size, two databases, last page, txn
#define META_MAGIC   0xBEEFC0DEu
#define META_VERSION 1

// The page size and last page of the meta page at `offset`; how it is wrong, or NULL.
static const char *read_meta(int fd, off_t offset, uint32_t *page_bytes, uint64_t *last_page)
{
    uint8_t meta[META_BYTES];
    if (pread(fd, meta, sizeof meta, offset) != (ssize_t)sizeof meta) return "its meta page is cut off";
    if (ss_get_fixed32(meta + 16) != META_MAGIC) return "its meta page has a wrong magic number";
    if (ss_get_fixed32(meta + 20) != META_VERSION) return "its meta page is of another LMDB format";
    *page_bytes = ss_get_fixed32(meta + 40);
    *last_page = ss_get_fixed64(meta + 136);
    if (*page_bytes < 512 || *page_bytes > 65536 || (*page_bytes & (*page_bytes - 1)) != 0)
        return "its meta page names an impossible page size";
    return *last_page < (uint64_t)1 << 44 ? NULL : "its meta page names an impossible last page";
}

static const char *measure_file(int fd, struct stat *file)
{
    uint32_t page_bytes, second_page_bytes;
    uint64_t last_page, second_last_page;
    if (fstat(fd, file) != 0 || !S_ISREG(file->st_mode)) return "data.mdb is no file";
    const char *wrong = read_meta(fd, 0, &page_bytes, &last_page);
    if (!wrong) wrong = read_meta(fd, page_bytes, &second_page_bytes, &second_last_page);
    if (wrong) return wrong;
    if (second_page_bytes != page_bytes) return "its meta pages disagree about the page size";
    if (second_last_page > last_page) last_page = second_last_page;
    if ((uint64_t)file->st_size < (last_page + 1) * page_bytes) return "data.mdb is cut off";
    return NULL;
}

static void sleep_ms(long milliseconds)
{
    const struct timespec pause = {.tv_nsec = milliseconds * 1000000};
    nanosleep(&pause, NULL);
}

// SS_NOT_FOUND when there is no data.mdb.
enum ss_status ss_online_check_file(const char *directory, struct stat *file, struct ss_error *error)
{
    char path[4096];
    const char *wrong = NULL;
    if (snprintf(path, sizeof path, "%s/data.mdb", directory) >= (int)sizeof path)
        return ss_fail(error, SS_INVALID, "online store '%s': the path is too long", directory);
    for (int attempt = 0; attempt < 10; attempt++) {
        if (attempt > 0) sleep_ms(10);
        const int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
            return ss_fail(
                error, SS_NOT_FOUND,
                "online store '%s': is missing; any writing command makes it anew, for example 'selfsame "
                "rebuild --all'",
                directory);
        if (fd < 0)
            return ss_fail(error, SS_IO, "online store '%s': cannot be opened: %s", directory,
                           strerror(errno));
        wrong = measure_file(fd, file);
        close(fd);
        if (!wrong) return SS_OK;
    }
    return ss_online_damaged(directory, wrong, error);
}

// ---- Making and removing the files
//
// The directory appears and disappears whole, by rename: who opens it finds either none or a good one.

void ss_online_remove_directory(const char *directory)
{
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    char path[4096];
    for (size_t i = 0; i < 2; i++)
        if (snprintf(path, sizeof path, "%s/%s", directory, names[i]) < (int)sizeof path) unlink(path);
    rmdir(directory);
}

enum ss_status ss_online_destroy(const char *directory, struct ss_error *error)
{
    char old[4096];
    if (snprintf(old, sizeof old, "%s.old", directory) >= (int)sizeof old)
        return ss_fail(error, SS_INVALID, "online store '%s': the path is too long", directory);
    ss_online_remove_directory(old);
    if (rename(directory, old) != 0 && errno != ENOENT)
        return ss_fail(error, SS_IO, "online store '%s': cannot be removed: %s", directory, strerror(errno));
    ss_online_remove_directory(old);
    return SS_OK;
}
