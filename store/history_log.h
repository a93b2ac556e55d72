// The log of a source as it lies, for people: every insert in the order of seq, those that were taken back
// too, with all columns. Goes by what history itself knows of the source, so it needs no definitions.
#ifndef SS_STORE_HISTORY_LOG_H
#define SS_STORE_HISTORY_LOG_H

#include "store/history.h"

struct ss_log_source {
    const char *name;
    const char *event_time; // name of that column: it is none of `columns`
    size_t column_count;
    const char *const *column_names;
    const struct ss_type *column_types;
};

// Calls `each` for every source. What it gets is borrowed until it returns. Stops at other than SS_OK.
enum ss_status ss_history_each_source(struct ss_history *history,
                                      enum ss_status (*each)(void *context,
                                                             const struct ss_log_source *source),
                                      void *context, struct ss_error *error);

// From now on, what of the log is damaged is told to `damaged`, once, and passed over: a column of a segment
// is null there, times are SS_LOST_US, and a segment is left out whose seqs are lost and have holes.
#define SS_LOST_US INT64_MIN
void ss_history_salvage(struct ss_history *history,
                        void (*damaged)(void *context, const struct ss_error *error), void *context);

struct ss_log_batch {
    int32_t length; // up to SS_BATCH_ROWS
    int64_t *event_time_us, *arrival_us;
    uint64_t *seq, *deleted_seq; // deleted_seq 0: it was not taken back
    struct ss_column *columns;   // of the source; only those asked for are filled
};

struct ss_log;

// Inserts with first_seq <= seq <= last_seq. `columns`: column_count flags, which to fill (NULL: all).
// SS_NOT_FOUND: history knows no such source.
enum ss_status ss_log_open(struct ss_history *history, const char *source, uint64_t first_seq,
                           uint64_t last_seq, const bool *columns, struct ss_log **log,
                           struct ss_error *error);
void ss_log_close(struct ss_log *log); // NULL is fine
const struct ss_log_source *ss_log_source(const struct ss_log *log);
// *batch NULL: at the end. Valid until the next call. Keeps no read transaction between calls.
enum ss_status ss_log_next(struct ss_log *log, const struct ss_log_batch **batch, struct ss_error *error);

#endif
