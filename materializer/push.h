// Push: a batch of typed rows on its way in: check, commit to history, fold, publish (DESIGN C1, C3, C7).
#ifndef SS_MATERIALIZER_PUSH_H
#define SS_MATERIALIZER_PUSH_H

#include "materializer/materializer.h"

struct ss_push {
    const struct ss_source *source;
    int32_t length;                  // any number of rows
    const struct ss_column *columns; // source->column_count, `length` rows each
    bool live;                       // rows arrive now; else as the source declares
    const char *producer;            // NULL: none (the batch is not protected against repetition)
    uint64_t number;                 // 1, 2, 3, ... per producer
    struct ss_sha256 hash;           // of the batch's content, with a producer
    bool strict;                     // any violation refuses the whole batch
    const char *file;                // for quarantine, or NULL
    const uint64_t *lines;           // per row, for quarantine, or NULL
    const struct ss_quarantine_row
        *unparsed; // rows that did not become typed values: quarantined in the same commit
    size_t unparsed_count;
    // Durable now, visible when ss_push_deferred is called: until then the clock stands still, as while a
    // commit is on its way. For rows with a declared arrival, of a source without an operation.
    bool defer_online;
};

struct ss_push_result {
    uint64_t accepted, duplicate, conflicting, quarantined, warned;
    bool repeated;          // the producer's batch was acknowledged before: nothing changed
    uint64_t seq;           // of the newest commit afterwards
    char not_visible[256];  // "": visible. Else why the batch, which is durable, cannot be seen online yet
    char first_reason[256]; // of the first violation: "payments.csv:7: column 'amount': not an int64: '7.0'"
};

// Durable when it returns SS_OK, and visible unless the result says why not (the next push or open brings the
// online rows up, or fails). Otherwise nothing of the batch is kept.
enum ss_status ss_push(struct ss_materializer *materializer, const struct ss_push *push,
                       struct ss_push_result *result, struct ss_error *error);
// Makes visible what was deferred. When it fails the rows are kept, the clock stands on, and the next push or
// open tries again.
enum ss_status ss_push_deferred(struct ss_materializer *materializer, struct ss_error *error);

#endif
