// Small files that options name: certificates, keys, tokens.
#ifndef SS_CLIENT_FILE_H
#define SS_CLIENT_FILE_H

#include "client/selfsame.h"

// The whole file as a terminated text, which the caller frees. At most 1 MiB.
enum selfsame_code ss_client_file_read(const char *path, char **text, struct selfsame_error *error);

#endif
