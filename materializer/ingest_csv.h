// Ingest of CSV: a file's rows become typed batches and are pushed (CLI.md "ingest", DESIGN C1, C7).
#ifndef SS_MATERIALIZER_INGEST_CSV_H
#define SS_MATERIALIZER_INGEST_CSV_H

#include "materializer/push.h"

#define SS_INGEST_BATCH_ROWS 10000

struct ss_ingest_map {  // --map COLUMN=HEADER
    const char *column; // of the source
    const char *header; // of the file
};

#define SS_INGEST_AHEAD_MAX 8

// Where the batches of a load go.
struct ss_ingest_target {
    void *context;
    size_t ahead;         // batches that may be on their way at once, from 1 to SS_INGEST_AHEAD_MAX
    uint64_t batch_bytes; // a batch ends when its columns have so many. 0: they may be as large as they get
    const char *spool_directory; // where a stream is kept while it is loaded
    // ss_history_producer
    enum ss_status (*producer)(void *context, const struct ss_source *source, const char *producer,
                               uint64_t number, uint64_t *last, bool *found, struct ss_sha256 *hash,
                               struct ss_error *error);
    // Begins a push, of which nothing is borrowed any more when this returns,
    enum ss_status (*push)(void *context, const struct ss_push *push, struct ss_error *error);
    // and waits for what became of the first of those that were begun.
    enum ss_status (*await)(void *context, struct ss_push_result *result, struct ss_error *error);
    enum ss_status (*newest_seq)(void *context, uint64_t *seq, struct ss_error *error);
};

struct ss_ingest {
    const char *source;
    const char *path; // "-": standard input
    bool live;
    bool strict; // any bad row refuses the whole file
    bool again;  // load a file that was loaded before once more
    // In large batches, parsed ahead on `pool`'s threads (NULL: on the caller's), and made visible once, at
    // the end. Changes nothing where rows go by the clock or make one batch: live, strict, producer, a source
    // with an operation, that rejects or expects a unique_ratio.
    bool bulk;
    struct ss_pool *pool;
    size_t bulk_rows; // 0: as csv_bulk.h has it. Tests make batches small
    const struct ss_ingest_map *maps;
    size_t map_count;
    const char *producer; // NULL: the file is its own producer; else the whole file is its batch `number`
    uint64_t number;
    // NULL: none. Called after every batch: bytes done of all (a second pass counts too), rows pushed.
    void (*progress)(void *context, uint64_t done_bytes, uint64_t total_bytes, uint64_t rows);
    void *progress_context;
    const struct ss_ingest_target *target; // NULL: the store. Another one takes no load in bulk
};

struct ss_ingest_result {
    uint64_t rows; // read and pushed, bad ones too
    uint64_t accepted, duplicate, conflicting, quarantined, warned;
    uint64_t batches,
        repeated_batches;       // repeated: acknowledged by an earlier load that did not come to its end
    uint64_t uncounted_batches; // kept by this load, which did not hear what became of their rows
    bool already_loaded;        // nothing changed: `again` would load it once more
    uint64_t seq;               // of the newest commit afterwards
    char first_reason[256];     // of the first violation
    char not_visible[256];      // "": all of it is visible. Else why the last batch cannot be seen online yet
    size_t ignored_count;       // columns of the file that the source does not have
    char ignored[200];          // their names, as many as fit
    bool bulk;                  // it was loaded so
    double history_seconds;     // until all of it was durable
    double seconds;
};

// Loads the file. Memory does not grow with it, unless `strict` or `producer` make it one batch. When it
// fails half-way the batches before are kept, and loading the same file again resumes behind them. The
// materializer is open for writing; with a `target` the definitions are all that is taken from it.
enum ss_status ss_ingest_csv(struct ss_materializer *materializer, const struct ss_ingest *ingest,
                             struct ss_ingest_result *result, struct ss_error *error);

#endif
