// dump --history: what history has of a source, as CSV, over whatever damage there is.
#ifndef SS_TOOLS_DUMP_HISTORY_H
#define SS_TOOLS_DUMP_HISTORY_H

#include "tools/cli.h"

int ss_dump_history(const struct ss_cli *cli, const char *source); // returns the exit status

#endif
