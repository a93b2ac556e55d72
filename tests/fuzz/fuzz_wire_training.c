// GetTrainingTable: messages of any bytes are a spine, or an error. A message is two bytes of length, the low
// one first, and the bytes; the first is the start.
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/wire.h"
#include "wire/training.h"

#define MESSAGES_MAX 16

static void check_spine(const struct ss_spine *spine, const struct ss_service *service,
                        struct ss_arena *arena)
{
    const int32_t rows = (int32_t)spine->length;
    for (size_t k = 0; k < service->key_count; k++)
        wire_check_column(&spine->keys[k], service->key_types[k], rows, arena);
    for (size_t r = 0; r < service->request_count; r++)
        wire_check_column(&spine->request[r], service->request[r].type, rows, arena);
    for (int32_t row = 0; row < rows; row++)
        SS_ASSERT(spine->t_us[row] >= SS_TIME_MIN_US && spine->t_us[row] <= SS_TIME_MAX_US);
    wire_check_event(&spine->at_hand, rows, arena);
}

static enum ss_status read_all(const struct ss_bytes *messages, size_t count, struct ss_arena *arena,
                               struct ss_error *error)
{
    struct ss_wire_training_start start;
    struct ss_spine spine;
    SS_TRY(ss_wire_training_start(messages[0], wire_limits.max_columns, arena, &start, error));
    SS_ASSERT(start.as_of_event_time || !start.inclusive);
    const struct ss_service *service = ss_find_service(wire_definitions(), start.service);
    if (!service) return SS_OK;
    SS_TRY(ss_wire_spine_read(wire_definitions(), service, messages + 1, count - 1, &wire_limits, arena,
                              &spine, error));
    check_spine(&spine, service, arena);
    return SS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct ss_bytes messages[MESSAGES_MAX] = {{0}};
    struct ss_arena arena;
    struct ss_error error = {0};
    size_t count = 0;
    for (; input.left && count < MESSAGES_MAX; count++) {
        size_t length = (size_t)fuzz_bytes(&input, 2);
        if (length > input.left) length = input.left;
        messages[count] = (struct ss_bytes){(const char *)input.at, length};
        input.at += length;
        input.left -= length;
    }
    ss_arena_init(&arena, WIRE_MEMORY);
    const enum ss_status status = count ? read_all(messages, count, &arena, &error) : SS_OK;
    if (status != SS_OK) wire_check_error(status, &error);
    ss_arena_release(&arena);
    return 0;
}
