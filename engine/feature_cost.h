// What a feature costs beyond the usual, for `check`: in words, or nothing to say.
//
// The usual is a fold of tiles and arithmetic: a few nanoseconds for each value. Correctly rounded functions
// (MPFR) take microseconds; windows of single events keep these.
#ifndef SS_ENGINE_FEATURE_COST_H
#define SS_ENGINE_FEATURE_COST_H

#include "engine/definitions.h"

// Fills an empty buffer with what there is to say of a view's feature, or of an expression of a service's own
// (of what that reads, the views say it). False: out of memory.
bool ss_feature_cost(const struct ss_view *view, size_t feature, struct ss_buffer *text);
bool ss_service_feature_cost(const struct ss_service *service, size_t feature, struct ss_buffer *text);

#endif
