// Lookups of a server.

#include "tools/remote.h"

#include <string.h>

#include "wire/request_write.h"

int32_t ss_remote_lookup_rows(const struct ss_remote *remote, const struct ss_service *service)
{
    // Nine bytes a value (its status too) is what most take; an answer of longer ones may be refused.
    const uint64_t row_bytes = 9 * (uint64_t)(service->feature_count + service->key_count + 1);
    const uint64_t fit = remote->max_message_bytes / row_bytes / 2;
    const uint64_t rows = fit < remote->max_entities ? fit : remote->max_entities;
    return rows < 1 ? 1 : rows > 1000000 ? 1000000 : (int32_t)rows;
}

enum ss_status ss_remote_lookup(struct ss_remote *remote, const struct ss_service *service,
                                const struct ss_lookup *lookup, bool has_at, int64_t at_us,
                                struct ss_arena *arena, struct ss_answer *answer,
                                struct ss_wire_read_point *point, struct ss_error *error)
{
    struct ss_buffer request = {0};
    struct ss_client_reply reply = {0};
    struct ss_error why;
    if (has_at && at_us == 0)
        return ss_fail(error, SS_INVALID, "--at: a server takes no preview of 1970-01-01T00:00:00Z");
    if (!ss_wire_get_write(service, lookup, has_at ? at_us : 0, arena, &request)) request.failed = true;
    SS_TRY(ss_remote_call(remote, SS_CLIENT_GET_FEATURES, &request, SS_REMOTE_PATIENT, &reply, error));
    enum ss_status status =
        ss_wire_get_read(ss_remote_bytes(&reply), service, lookup, arena, answer, point, &why);
    if (status != SS_OK) status = ss_remote_misread(remote, &why, error);
    ss_client_reply_release(&reply);
    return status;
}
