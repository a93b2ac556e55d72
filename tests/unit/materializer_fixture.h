// What the tests of materializer/ share: definitions of a text, and a new store that serves them.
#ifndef SS_TESTS_MATERIALIZER_FIXTURE_H
#define SS_TESTS_MATERIALIZER_FIXTURE_H

#include "materializer/materializer.h"

// Both abort when they cannot.
struct ss_definitions *compile_definitions(const char *yaml);
// Makes the store and opens it for writing. The caller closes it.
struct ss_materializer *open_new_store(const char *directory, enum ss_clock_kind clock,
                                       const struct ss_store_options *options, const char *yaml);

#endif
