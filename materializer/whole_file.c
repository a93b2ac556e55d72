// Whole files. What was written is begun to be brought to disk at once, so that the wait at the end is short.

#include "materializer/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct ss_whole_file {
    const char *place;
    int file;         // -1: none
    char temporary[]; // "": it has its name
};

static enum ss_status fail_file(const struct ss_whole_file *file, const char *what, struct ss_error *error)
{
    return ss_fail(error, SS_IO, "output '%s': %s: %s", file->place, what, strerror(errno));
}

enum ss_status ss_whole_file_open(const char *place, struct ss_whole_file **file, struct ss_error *error)
{
    struct stat there;
    const size_t size = strlen(place) + 32;
    if (stat(place, &there) == 0 && !S_ISREG(there.st_mode))
        return ss_fail(error, SS_INVALID, "output '%s': it is there and is no plain file; name another one",
                       place);
    struct ss_whole_file *opened = calloc(1, sizeof *opened + size);
    if (!opened) return ss_fail_memory(error, "an output file");
    opened->place = place;
    snprintf(opened->temporary, size, "%s.%ld.part", place, (long)getpid());
    opened->file = open(opened->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (opened->file < 0) {
        const enum ss_status status = fail_file(opened, "cannot make a file beside it", error);
        free(opened);
        return status;
    }
    *file = opened;
    return SS_OK;
}

enum ss_status ss_whole_file_write(struct ss_whole_file *file, uint64_t offset, struct ss_bytes bytes,
                                   struct ss_error *error)
{
    for (size_t done = 0; done < bytes.size;) {
        const ssize_t written =
            pwrite(file->file, bytes.data + done, bytes.size - done, (off_t)(offset + done));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return fail_file(file, "cannot write it", error);
        done += (size_t)written;
    }
    sync_file_range(file->file, (off_t)offset, (off_t)bytes.size, SYNC_FILE_RANGE_WRITE); // a hint
    return SS_OK;
}

enum ss_status ss_whole_file_finish(struct ss_whole_file *file, struct ss_error *error)
{
    if (fsync(file->file) != 0) return fail_file(file, "cannot write it to disk", error);
    if (rename(file->temporary, file->place) != 0) return fail_file(file, "cannot put it in place", error);
    file->temporary[0] = 0;
    return SS_OK;
}

void ss_whole_file_close(struct ss_whole_file *file)
{
    if (!file) return;
    if (file->temporary[0]) unlink(file->temporary);
    close(file->file);
    free(file);
}
