// Stories as text: what is left of one after shrinking, to be read and to be told again.
#ifndef SS_TESTS_SIMULATOR_SCRIPT_FILE_H
#define SS_TESTS_SIMULATOR_SCRIPT_FILE_H

#include <stdio.h>

#include "story.h"

// The seed, then what is kept of its story, a line each; behind a # what the line stands for. The plan is
// above, as a comment.
void script_file_write(FILE *file, struct pool *pool, const struct story *story, const char *problem);
// Makes the story of the file's seed and drops what the file does not name. NULL, or what is wrong with the
// file.
const char *script_file_read(FILE *file, struct pool *pool, struct story *story);

#endif
