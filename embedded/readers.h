// Readers of one store, for any number of threads: each call takes one and gives it back, so there are as
// many as calls were ever in at once.
#ifndef SS_EMBEDDED_READERS_H
#define SS_EMBEDDED_READERS_H

#include "materializer/materializer.h"

struct ss_embedded_reader {
    struct ss_materializer *materializer;
    struct ss_arena arena; // of one call; the next resets it
    uint64_t generation;
    struct ss_embedded_reader *next;
};

struct ss_readers;

// Opens the first reader, so that a folder that is no store is an error here.
enum ss_status ss_readers_open(const char *directory, struct ss_readers **readers, struct ss_error *error);
// Any thread. SS_INVALID: the thread computes otherwise than others (engine/base/float_environment.h).
enum ss_status ss_readers_take(struct ss_readers *readers, struct ss_embedded_reader **reader,
                               struct ss_error *error);
void ss_readers_give(struct ss_readers *readers, struct ss_embedded_reader *reader);
// `reader` found its files replaced: no call takes it, or another one as old, any more. It is still to be
// given back.
void ss_readers_expire(struct ss_readers *readers, const struct ss_embedded_reader *reader);
// Waits until all are given back.
void ss_readers_close(struct ss_readers *readers);

#endif
