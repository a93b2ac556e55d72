// Train: a spine in, the same rows with the service's features out, as a SQLite table or a CSV file (DESIGN
// C4).
#ifndef SS_MATERIALIZER_TRAIN_H
#define SS_MATERIALIZER_TRAIN_H

#include "materializer/materializer.h"
#include "materializer/spine.h"

// Where the values of a table come from.
struct ss_train_values {
    void *context;
    // Takes the spine, but for its newest_s: that is *newest_seq, the s of every row that has none of its
    // own. *read_at_us: where the store's clock stands.
    enum ss_status (*begin)(void *context, const struct ss_service *service, const struct ss_spine *spine,
                            uint64_t *newest_seq, int64_t *read_at_us, struct ss_error *error);
    // The rows, as ss_point_in_time gives them.
    enum ss_status (*join)(void *context, const struct ss_service *service, const struct ss_spine *spine,
                           struct ss_pool *pool, const struct ss_point_in_time_sink *sink,
                           struct ss_error *error);
};

struct ss_train {
    const char *service;
    struct ss_spine_source spine;
    const char *output; // FILE.db:TABLE or FILE.csv
    bool as_of_event_time, inclusive;
    bool with_status;    // a column `feature__status` behind each feature
    bool with_digest;    // of a CSV file too: of a SQLite table, whose manifest has it, it is always made
    size_t threads;      // 0: as many as there are cores
    const char *version; // of selfsame, for the manifest
    // NULL, or what the manifest says of the table that is there: it is made again as of that newest_seq, and
    // put in its place if spine, rows and digest are those (rebuild_table.h).
    const struct ss_manifest *again;
    // NULL: none. Called now and then, by one thread at a time, with how much is done of `total`.
    void (*progress)(void *context, int64_t done, int64_t total);
    void *progress_context;
    const struct ss_train_values *values; // NULL: the store's history
};

struct ss_train_result {
    int64_t row_count;
    size_t feature_count;
    uint64_t statuses[4]; // cells by enum ss_cell_status
    uint64_t newest_seq;
    struct ss_sha256 digest; // of the rows; zero: none was asked for
};

// One output row per spine row, in spine order. Of the store it reads history alone; with `values` the
// definitions are all that it takes from the materializer. On failure the output is as it was before. With
// `again` SS_FOUND: the spine is another one, or the rows come out otherwise.
enum ss_status ss_train(struct ss_materializer *materializer, const struct ss_train *train,
                        struct ss_train_result *result, struct ss_error *error);

#endif
