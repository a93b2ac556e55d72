// A store opened together with its live definitions: what every command and, later, the server works on.
#ifndef SS_MATERIALIZER_MATERIALIZER_H
#define SS_MATERIALIZER_MATERIALIZER_H

#include "store/store.h"

struct ss_materializer {
    struct ss_store *store;
    struct ss_definitions *definitions; // live ones; NULL when none was applied
    uint64_t caught_up_rows; // rows of history read to bring the online store up at open: a test looks at it
    bool rebuilt;            // the online store was filled anew at open
    bool online_is_behind;   // pushes left it behind history for now, and the clock standing (push.h)
};

// Opens. A writer recovers first: the online store catches up by reading only seq > applied, or is filled
// again where history does not hold its applied commit; a clock left in flight goes on.
enum ss_status ss_materializer_open(const char *directory, enum ss_store_mode mode,
                                    const struct ss_store_options *options,
                                    struct ss_materializer **materializer, struct ss_error *error);
// What an open for writing does first, once more: after a push whose online commit failed.
enum ss_status ss_materializer_recover(struct ss_materializer *materializer, struct ss_error *error);
void ss_materializer_close(struct ss_materializer *materializer); // NULL is fine

// SS_NOT_FOUND naming the nearest; SS_INVALID when nothing was applied yet ("run 'selfsame apply'").
enum ss_status ss_require_service(const struct ss_materializer *materializer, const char *name,
                                  const struct ss_service **service, struct ss_error *error);
enum ss_status ss_require_source(const struct ss_materializer *materializer, const char *name,
                                 const struct ss_source **source, struct ss_error *error);
enum ss_status ss_require_view(const struct ss_materializer *materializer, const char *name,
                               const struct ss_view **view, struct ss_error *error);

#endif
