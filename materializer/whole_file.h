// A file that is there whole or not at all: written under another name beside its place, put there at the
// end.
#ifndef SS_MATERIALIZER_WHOLE_FILE_H
#define SS_MATERIALIZER_WHOLE_FILE_H

#include "engine/base/bytes.h"
#include "engine/base/error.h"

struct ss_whole_file;

// `place` (borrowed) may be there already, as a plain file: then it is replaced.
enum ss_status ss_whole_file_open(const char *place, struct ss_whole_file **file, struct ss_error *error);
// Several threads may write different parts at once.
enum ss_status ss_whole_file_write(struct ss_whole_file *file, uint64_t offset, struct ss_bytes bytes,
                                   struct ss_error *error);
// To disk, and in its place.
enum ss_status ss_whole_file_finish(struct ss_whole_file *file, struct ss_error *error);
void ss_whole_file_close(struct ss_whole_file *file); // without a finish nothing stays. NULL is fine

#endif
