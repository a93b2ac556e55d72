// What the files about tokens share.
#ifndef SS_SERVER_TOKENS_INTERNAL_H
#define SS_SERVER_TOKENS_INTERNAL_H

#include <sys/stat.h>

#include "server/tokens.h"

bool ss_token_name_is_fine(const char *name);

// The file's text for these tokens, end line and all.
void ss_tokens_print(const struct ss_token *const *tokens, size_t count, struct ss_buffer *text);
// As ss_tokens_load, and what the file was like (zeroed: not there).
enum ss_status ss_tokens_load_with(const char *path, struct ss_tokens **tokens, struct stat *about,
                                   struct ss_error *error);
enum ss_status ss_tokens_parse_with(const char *path, struct ss_bytes text, bool exist,
                                    struct ss_tokens **tokens, struct ss_error *error);

#endif
