// Lists and vectors as text: JSON arrays.
//
// A list's elements are as their type is in CSV: numbers (int64, decimal, float64), true and false, or
// strings (string, decimal, timestamp as RFC 3339, bytes as base64), or null. A vector's are numbers. Numbers
// are read from their digits, never through a double where the type is exact. Blanks may stand between, none
// is written.
#ifndef SS_ENGINE_BASE_LIST_TEXT_H
#define SS_ENGINE_BASE_LIST_TEXT_H

#include "engine/base/column.h"

#define SS_LIST_MAX_ELEMENTS 65536 // of a list that is read from text

// Appends the packed elements (list.h). NULL, or a static phrase that says why the text does not parse. Out
// of memory: NULL, and packed->failed.
struct ss_zone;
const char *ss_list_parse(struct ss_type list, struct ss_bytes text, const struct ss_zone *zone,
                          struct ss_buffer *packed);
// Appends the floats. *fits false: an element is infinite as a float32, so the vector is null.
const char *ss_vector_parse(struct ss_type vector, struct ss_bytes text, struct ss_buffer *floats,
                            bool *fits);

void ss_list_format(struct ss_type list, struct ss_bytes packed, struct ss_buffer *text);
void ss_vector_format(struct ss_bytes floats, struct ss_buffer *text);
// Element `index` of a vector's bytes.
float ss_vector_at(struct ss_bytes floats, size_t index);
bool ss_vector_valid(struct ss_bytes floats); // finite, and none is -0

#endif
