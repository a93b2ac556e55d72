// The methods by their paths.

#include "server/methods.h"

static const struct ss_method *const *const methods[] = {
    &ss_method_push,         &ss_method_push_stream, &ss_method_producer,         &ss_method_training,
    &ss_method_plan,         &ss_method_apply,       &ss_method_rebuild,          &ss_method_list,
    &ss_method_describe,     &ss_method_stats,       &ss_method_quarantine,       &ss_method_health_check,
    &ss_method_health_watch, &ss_method_reflection,  &ss_method_reflection_alpha,
};

const struct ss_method *ss_find_method(struct ss_bytes path)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (ss_bytes_equal(path, ss_bytes_of((*methods[i])->path))) return *methods[i];
    return NULL;
}
