// Push: batches of typed rows on their way in: check, commit to history, fold, publish (DESIGN C1, C3, C7).
// Many pushes share one commit; each has its own answer.
#ifndef SS_MATERIALIZER_PUSH_H
#define SS_MATERIALIZER_PUSH_H

#include "materializer/materializer.h"

struct ss_named_row {            // a row that was kept out
    int32_t row;                 // of the push
    const char *column, *reason; // "" for the row as a whole. Valid as long as the source
};

struct ss_push {
    const struct ss_source *source;  // of the live definitions
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
    struct ss_named_row *named; // NULL, or room for the first rows that go to quarantine (not of `unparsed`)
    size_t named_capacity;
    // Durable now, visible when ss_push_deferred is called: until then the clock stands still, as while a
    // commit is on its way. For rows with a declared arrival, of a source without an operation, alone in its
    // group.
    bool defer_online;
};

struct ss_push_result {
    uint64_t accepted, duplicate, conflicting, quarantined, warned;
    size_t named;           // how many rows push.named was given
    bool repeated;          // the producer's batch was acknowledged before: nothing changed
    uint64_t seq;           // of the newest commit afterwards
    char not_visible[256];  // "": visible. Else why the batch, which is durable, cannot be seen online yet
    char first_reason[256]; // of the first violation: "payments.csv:7: column 'amount': not an int64: '7.0'"
};

struct ss_push_outcome {
    enum ss_status status;
    struct ss_error error;        // SS_OK: empty
    struct ss_push_result result; // SS_OK alone; else zeroed
};

// Takes the pushes in their order, of any sources and producers, and commits them together, once to history
// and once online: one arrival_time for all live rows. As if they came one by one, but that a push which is
// refused leaves nothing behind and does not touch the others. A batch may follow the one before it in the
// same group, or be the same again; an event of an earlier push of the group is found as any other.
//
// Whose outcome is SS_OK is durable, and visible unless the result says why not (the next push or open brings
// the online rows up, or fails). Of the others nothing is kept. When the commit itself fails, all have its
// error.
void ss_push_group(struct ss_materializer *materializer, const struct ss_push *const *pushes, size_t count,
                   struct ss_push_outcome *outcomes);
// What is noted of a producer's batch: the hash of its source's name and its own. A batch of another source
// is never taken for this one, whoever has chosen its hash.
struct ss_sha256 ss_push_noted_hash(const struct ss_source *source, const struct ss_sha256 *hash);
// To be called after a group was answered: merges what commits have left in small pieces, now and then.
void ss_push_settle(struct ss_materializer *materializer);
// A group of one, settled.
enum ss_status ss_push(struct ss_materializer *materializer, const struct ss_push *push,
                       struct ss_push_result *result, struct ss_error *error);
// Makes visible what was deferred. When it fails the rows are kept, the clock stands on, and the next push or
// open tries again.
enum ss_status ss_push_deferred(struct ss_materializer *materializer, struct ss_error *error);

#endif
