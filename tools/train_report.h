// What train and rebuild-table share: progress, what is said of a table that was made, and where it may lie.
#ifndef SS_TOOLS_TRAIN_REPORT_H
#define SS_TOOLS_TRAIN_REPORT_H

#include <time.h>

#include "materializer/train.h"
#include "tools/cli.h"

struct ss_shown_progress {
    const char *command;
    struct timespec start;
    double shown_at; // seconds since start
    bool shown;
};
// From now on the request shows its progress on a terminal.
void ss_train_show_progress(struct ss_shown_progress *progress, const char *command, struct ss_train *train);
double ss_train_end_progress(const struct ss_shown_progress *progress); // seconds since it began

// A training table in the store's own folder could overwrite the store.
bool ss_train_is_in_store(const struct ss_cli *cli, const char *output);

void ss_train_print_summary(const struct ss_train *train, const struct ss_train_result *result,
                            double seconds); // to standard error
struct json_object *ss_train_json(const struct ss_train *train, const struct ss_train_result *result);

#endif
