// A small file as a whole.
#ifndef SS_SERVER_READ_FILE_H
#define SS_SERVER_READ_FILE_H

#include <sys/stat.h>

#include "engine/base/arena.h"
#include "engine/base/bytes.h"
#include "engine/base/error.h"

// `what` leads messages: "settings 'a.yaml': cannot be read: ...". SS_NOT_FOUND: it is not there. `about` may
// be NULL. The text is in the arena, with a NUL behind it that is not counted.
enum ss_status ss_read_file(const char *what, const char *path, size_t max_bytes, struct ss_arena *arena,
                            struct ss_bytes *text, struct stat *about, struct ss_error *error);

#endif
