// A request for a training table and what its manifest says of it: one made into the other, both ways.
#ifndef SS_MATERIALIZER_TRAIN_MANIFEST_H
#define SS_MATERIALIZER_TRAIN_MANIFEST_H

#include "materializer/train.h"

// All but what is known only when the table was made: the spine's hash, newest_seq, read_at_us, row count and
// digest, which are zero. It borrows from the request, the definitions and the arena.
enum ss_status ss_train_describe(const struct ss_train *train, const struct ss_definitions *definitions,
                                 const struct ss_service *service, struct ss_arena *arena,
                                 struct ss_manifest *manifest, struct ss_error *error);

// Fills in the service, the spine, its time, maps and event, the mode and `again`; the rest of *train stays.
// It borrows from the manifest and the arena. SS_DAMAGED: no request has a manifest like this.
enum ss_status ss_train_as_described(const struct ss_manifest *manifest, struct ss_arena *arena,
                                     struct ss_train *train, struct ss_error *error);

#endif
