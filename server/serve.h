// A service, from its start to its end.
#ifndef SS_SERVER_SERVE_H
#define SS_SERVER_SERVE_H

#include "server/settings.h"

// Serves the store until SIGTERM or SIGINT; then takes no new calls, commits what it took, answers, and
// returns. On SIGHUP it reads settings, tokens and certificates again. Blocks; at most one in a process. The
// options are kept for reading again.
enum ss_status ss_serve(const char *directory, const char *version, const struct ss_setting_options *options,
                        struct ss_error *error);

#endif
