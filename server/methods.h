// The methods that this server has, but the hot ones (lookup_call.h).
#ifndef SS_SERVER_METHODS_H
#define SS_SERVER_METHODS_H

#include "server/call.h"

const struct ss_method *ss_find_method(struct ss_bytes path); // NULL: none

// Each in the file of its name, call_NAME.c.
extern const struct ss_method *const ss_method_push, *const ss_method_push_stream, *const ss_method_producer;
extern const struct ss_method *const ss_method_training;
extern const struct ss_method *const ss_method_plan, *const ss_method_apply, *const ss_method_rebuild;
extern const struct ss_method *const ss_method_list, *const ss_method_describe, *const ss_method_stats;
extern const struct ss_method *const ss_method_quarantine;
extern const struct ss_method *const ss_method_health_check, *const ss_method_health_watch;
extern const struct ss_method *const ss_method_reflection, *const ss_method_reflection_alpha;

#endif
