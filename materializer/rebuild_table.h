// Rebuild-table: a training table once more, from what its manifest says (DESIGN C4). The same bytes, or why
// not.
#ifndef SS_MATERIALIZER_REBUILD_TABLE_H
#define SS_MATERIALIZER_REBUILD_TABLE_H

#include "materializer/train.h"

// Of *train the output, version, threads and progress are the caller's; the rest is filled in from the
// manifest, in the arena. The live definitions do not matter. The table need not be there, its line in the
// manifest has to be.
//
// SS_FOUND, and the table is as it was: definitions, spine or rows are not those of then, and the message
// says which and why that may be. Whatever else stands in the way is an error of its own.
enum ss_status ss_rebuild_table(const struct ss_materializer *materializer, struct ss_train *train,
                                struct ss_arena *arena, struct ss_train_result *result,
                                struct ss_error *error);

#endif
