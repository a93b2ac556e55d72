// Small files, read whole.
#include "client/file.h"

#include "client/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_MAX = 1 << 20 };

enum selfsame_code ss_client_file_read(const char *path, char **text, struct selfsame_error *error)
{
    FILE *file = fopen(path, "rbe");
    if (!file) return ss_client_fail(error, SELFSAME_INVALID_ARGUMENT, "%s: %s", path, strerror(errno));
    char *bytes = malloc(FILE_MAX + 1);
    const size_t size = bytes ? fread(bytes, 1, FILE_MAX + 1, file) : 0;
    const bool failed = ferror(file) != 0;
    fclose(file);
    if (!bytes) return ss_client_fail_memory(error, path);
    if (failed || size > FILE_MAX) {
        free(bytes);
        return ss_client_fail(error, SELFSAME_INVALID_ARGUMENT,
                              failed ? "%s: it cannot be read" : "%s: more than 1 MiB", path);
    }
    bytes[size] = '\0';
    *text = bytes;
    return SELFSAME_OK;
}
