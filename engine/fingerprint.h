// Canonical forms: what is hashed. One line per thing, led by a word, so that `plan` can show what changed.
//
// In: all that changes a value, every default spelled out. Out: descriptions, comments, the order of lines;
// and what a source expects (that decides which events get in), which only the source's own form has.
#ifndef SS_ENGINE_FINGERPRINT_H
#define SS_ENGINE_FINGERPRINT_H

#include "engine/compile.h"

typedef void ss_input_namer(const void *context, int input, struct ss_buffer *buffer);

// The canonical text of a checked tree with its inputs by name, in the scratch arena. NULL (and noted) when
// out of memory.
const char *ss_canonical_expression(struct ss_compiler *compiler, const struct ss_node *root,
                                    ss_input_namer *namer, const void *context);
// Names the inputs of a row program: context is the source.
void ss_name_column(const void *context, int input, struct ss_buffer *buffer);

// One line of a canonical form that is sorted with its like.
struct ss_canonical_line {
    const char *name, *text;
};

// Sets the canonical form and fingerprint. `where` "": none; the features' lines are sorted here.
bool ss_view_fingerprint(struct ss_compiler *compiler, struct ss_view *view, const bool *uses_column,
                         const char *where, struct ss_canonical_line *features);
bool ss_service_fingerprint(struct ss_compiler *compiler, struct ss_service *service,
                            struct ss_canonical_line *features);
bool ss_definitions_fingerprint(struct ss_compiler *compiler, struct ss_definitions *definitions);

#endif
