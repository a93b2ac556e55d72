// The lines of selfsame_manifest, within an open file and its transaction. For store/training_*.c alone.
#ifndef SS_STORE_TRAINING_MANIFEST_H
#define SS_STORE_TRAINING_MANIFEST_H

#include "store/table_file.h"

// Makes selfsame_manifest where it is not there.
enum ss_status ss_manifest_prepare(const struct ss_table_file *file, struct ss_error *error);
// The line of the file's table; it takes the place of an older one.
enum ss_status ss_manifest_write(const struct ss_table_file *file, const struct ss_manifest *manifest,
                                 struct ss_error *error);
// As ss_manifest_read says.
enum ss_status ss_manifest_find(const struct ss_table_file *file, struct ss_arena *arena,
                                struct ss_manifest *manifest, struct ss_error *error);

#endif
