// See train_report.h.

#include "tools/train_report.h"

#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static double seconds_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void show_progress(void *context, int64_t done, int64_t total)
{
    struct ss_shown_progress *progress = context;
    const double seconds = seconds_since(&progress->start);
    if (seconds < 1 || seconds < progress->shown_at + 0.2 || done <= 0 || !isatty(STDERR_FILENO)) return;
    progress->shown_at = seconds;
    progress->shown = true;
    const double left = seconds * (double)(total - done) / (double)done;
    char rate[SS_COUNT_TEXT_SIZE];
    fprintf(stderr, "\r%s: %3.0f %%  %.0f s, %s rows/s, about %.0f s left \033[K", progress->command,
            100.0 * (double)done / (double)total, seconds,
            ss_count_format((uint64_t)((double)done / seconds), rate), left);
}

void ss_train_show_progress(struct ss_shown_progress *progress, const char *command, struct ss_train *train)
{
    *progress = (struct ss_shown_progress){.command = command};
    clock_gettime(CLOCK_MONOTONIC, &progress->start);
    train->progress = show_progress;
    train->progress_context = progress;
}

double ss_train_end_progress(const struct ss_shown_progress *progress)
{
    if (progress->shown) fputs("\r\033[K", stderr);
    return seconds_since(&progress->start);
}

bool ss_train_is_in_store(const struct ss_cli *cli, const char *output)
{
    char store[PATH_MAX], folder[PATH_MAX], copy[PATH_MAX];
    if (snprintf(copy, sizeof copy, "%s", output) >= (int)sizeof copy) return false;
    if (!realpath(cli->directory, store) || !realpath(dirname(copy), folder)) return false;
    const size_t length = strlen(store);
    return strncmp(folder, store, length) == 0 && (folder[length] == '/' || folder[length] == 0);
}

void ss_train_print_summary(const struct ss_train *train, const struct ss_train_result *result,
                            double seconds)
{
    char rows[SS_COUNT_TEXT_SIZE], cells[SS_COUNT_TEXT_SIZE], seq[SS_COUNT_TEXT_SIZE];
    fprintf(stderr, "%s: %s rows x %zu features as of seq %s in %.2f s; cells:", train->output,
            ss_count_format((uint64_t)result->row_count, rows), result->feature_count,
            ss_count_format(result->newest_seq, seq), seconds);
    for (int i = 0; i < 4; i++)
        fprintf(stderr, "%s %s %s", i ? "," : "", ss_count_format(result->statuses[i], cells),
                ss_cell_status_name((enum ss_cell_status)i));
    fputc('\n', stderr);
}

struct json_object *ss_train_json(const struct ss_train *train, const struct ss_train_result *result)
{
    struct json_object *root = json_object_new_object(), *cells = json_object_new_object();
    json_object_object_add(root, "service", json_object_new_string(train->service));
    json_object_object_add(root, "output", json_object_new_string(train->output));
    json_object_object_add(root, "rows", json_object_new_int64(result->row_count));
    json_object_object_add(root, "features", json_object_new_int64((int64_t)result->feature_count));
    for (int i = 0; i < 4; i++)
        json_object_object_add(cells, ss_cell_status_name((enum ss_cell_status)i),
                               json_object_new_int64((int64_t)result->statuses[i]));
    json_object_object_add(root, "cells", cells);
    json_object_object_add(root, "seq", json_object_new_int64((int64_t)result->newest_seq));
    json_object_object_add(root, "digest", ss_cli_json_hash(&result->digest));
    return root;
}
