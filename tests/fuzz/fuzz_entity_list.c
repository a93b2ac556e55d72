// Entity lists from any bytes: the first three are the number of rows, the rest is a list without its
// checksum, which is made here. What opens has ascending keys and all rows, and packs to bytes that open to
// the same.
#include "engine/base/hash.h"
#include "store/entity_list.h"
#include "tests/fuzz/fuzz.h"

#define ROWS_END 65537

static struct ss_bytes bytes_of(const struct ss_buffer *buffer)
{
    return (struct ss_bytes){(const char *)buffer->data, buffer->size};
}

static void check_list(const struct history_entity *entities, int32_t count, int32_t row_count)
{
    SS_ASSERT(count > 0 && entities[0].first == 0 && entities[count].first == row_count);
    for (int32_t i = 0; i < count; i++) {
        SS_ASSERT(entities[i].key.size > 0 && entities[i].key.size <= SS_KEY_MAX);
        SS_ASSERT(entities[i].first < entities[i + 1].first);
        SS_ASSERT(i == 0 || ss_bytes_compare(entities[i - 1].key, entities[i].key) < 0);
    }
}

static void check_packed_again(const struct history_entity *entities, int32_t count, int32_t row_count,
                               struct ss_arena *arena)
{
    struct ss_buffer packed = {0};
    struct history_entity *again;
    int32_t again_count;
    for (int32_t i = 0; i < count; i++)
        ss_entity_list_append(i ? entities[i - 1].key : (struct ss_bytes){0}, entities[i].key,
                              entities[i + 1].first - entities[i].first, &packed);
    ss_entity_list_end(&packed);
    SS_ASSERT(!packed.failed);
    SS_ASSERT(ss_entity_list_open(bytes_of(&packed), row_count, arena, &again, &again_count) == SS_PACKED_OK);
    SS_ASSERT(again_count == count);
    for (int32_t i = 0; i < count; i++)
        SS_ASSERT(ss_bytes_equal(again[i].key, entities[i].key) && again[i].first == entities[i].first);
    ss_buffer_release(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    const int32_t row_count = (int32_t)(fuzz_bytes(&input, 3) % ROWS_END);
    struct ss_buffer bytes = {0};
    struct ss_arena arena = {0};
    struct history_entity *entities;
    int32_t count;
    ss_buffer_append(&bytes, input.at, input.left);
    ss_entity_list_end(&bytes);
    SS_ASSERT(!bytes.failed);
    if (ss_entity_list_open(bytes_of(&bytes), row_count, &arena, &entities, &count) == SS_PACKED_OK) {
        check_list(entities, count, row_count);
        check_packed_again(entities, count, row_count, &arena);
    }
    bytes.data[input.left] ^= 1; // of the checksum
    SS_ASSERT(ss_entity_list_open(bytes_of(&bytes), row_count, &arena, &entities, &count) ==
              SS_PACKED_DAMAGED);
    ss_arena_release(&arena);
    ss_buffer_release(&bytes);
    return 0;
}
