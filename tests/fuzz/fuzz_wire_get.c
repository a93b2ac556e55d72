// GetFeatures: any bytes are a request or an error. What is read are values of the declared types, one per
// row, and comes back from the message that an answer would hold.
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/wire.h"

static void check_rows(const struct ss_wire_get *get, const struct ss_service *service, int32_t rows,
                       struct ss_arena *arena)
{
    struct ss_wire_rows read;
    struct ss_error error = {0};
    const enum ss_status status =
        ss_wire_rows_read(wire_definitions(), service, get, rows, arena, &read, &error);
    if (status != SS_OK) {
        wire_check_error(status, &error);
        return;
    }
    for (size_t k = 0; k < service->key_count; k++)
        wire_check_column(&read.keys[k], service->key_types[k], rows, arena);
    for (size_t r = 0; r < service->request_count; r++)
        wire_check_column(&read.request[r], service->request[r].type, rows, arena);
    wire_check_event(&read.at_hand, rows, arena);
}

static void check_get(const struct ss_wire_get *get, struct ss_arena *arena)
{
    const struct ss_service *service = ss_find_service(wire_definitions(), get->service);
    struct ss_error error = {0};
    int64_t rows = 1;
    int *chosen;
    size_t count;
    SS_ASSERT(get->feature_count <= wire_limits.max_columns && get->key_count <= wire_limits.max_columns);
    if (!service) return;
    enum ss_status status =
        ss_wire_choose_features(service, get->features, get->feature_count, arena, &chosen, &count, &error);
    if (status == SS_OK) status = ss_wire_check_fingerprint(service, get->fingerprint, &error);
    if (status == SS_OK && get->key_count) status = ss_wire_column_rows("key", &get->keys[0], &rows, &error);
    if (status != SS_OK) wire_check_error(status, &error);
    SS_ASSERT(rows >= 0);
    if (status == SS_OK && rows <= wire_limits.max_entities) check_rows(get, service, (int32_t)rows, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ss_arena arena;
    struct ss_wire_get get;
    struct ss_error error = {0};
    ss_arena_init(&arena, WIRE_MEMORY);
    const struct ss_bytes message = {(const char *)data, size};
    const enum ss_status status = ss_wire_get_unpack(message, &wire_limits, &arena, &get, &error);
    if (status == SS_OK)
        check_get(&get, &arena);
    else
        wire_check_error(status, &error);
    ss_arena_release(&arena);
    return 0;
}
