#include "member_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "allocation_sweep.h"

static void assert_same(const struct ss_buffer *a, const struct ss_buffer *b)
{
    assert_int_equal(a->size, b->size);
    assert_memory_equal(a->data, b->data, a->size);
}

static void encode(const struct ss_group_state *state, const struct ss_group_kind *kind,
                   struct ss_buffer *bytes)
{
    ss_buffer_clear(bytes);
    ss_group_encode(state, kind, bytes);
    assert_false(bytes->failed);
}

void assert_same_bytes(const struct ss_group_state *a, const struct ss_group_state *b,
                       const struct ss_group_kind *kind)
{
    struct ss_buffer first = {0}, second = {0};
    encode(a, kind, &first);
    encode(b, kind, &second);
    assert_same(&first, &second);
    ss_buffer_release(&first);
    ss_buffer_release(&second);
}

void merge_group(struct ss_group_state *state, const struct ss_group_kind *kind, uint32_t parts,
                 const struct ss_group_state *other, bool by_bytes, struct ss_arena *arena)
{
    struct ss_buffer bytes = {0};
    if (!by_bytes) {
        assert_int_equal(parts, kind->parts);
        assert_true(ss_group_merge(state, kind, other, arena));
        return;
    }
    encode(other, kind, &bytes);
    const uint8_t *copy = ss_arena_copy(arena, bytes.data, bytes.size);
    struct ss_reader reader = {copy, copy + bytes.size, false};
    assert_true(ss_group_merge_bytes(state, kind, parts, &reader, arena));
    assert_false(reader.failed);
    assert_ptr_equal(reader.at, reader.end);
    ss_buffer_release(&bytes);
}

// What does not come out of a copy exactly leaves the part as it was.
static void disturb(struct ss_group_state *part, const struct ss_group_kind *kind,
                    const struct ss_group_event *noise, struct ss_arena *arena)
{
    struct ss_group_state copy = {0};
    enum ss_group_removal removal;
    merge_group(&copy, kind, kind->parts, part, true, arena);
    assert_true(ss_group_add(&copy, kind, noise, arena));
    assert_true(ss_group_remove(&copy, kind, noise, &removal, arena));
    if (removal == SS_GROUP_REMOVED) *part = copy;
}

void member_any_order(struct samples *samples, const struct ss_group_kind *kind, member_event *make,
                      struct ss_group_event *events, size_t count)
{
    struct ss_arena arena = {0};
    struct ss_group_state straight = {0}, parts[3] = {{0}}, total = {0};
    for (size_t i = 0; i < count; i++) assert_true(ss_group_add(&straight, kind, &events[i], &arena));
    for (size_t i = 0; i < count; i++) {
        const size_t k = i + samples_below(samples, count - i);
        const struct ss_group_event swap = events[k];
        events[k] = events[i];
        events[i] = swap;
        struct ss_group_state *part = &parts[samples_below(samples, 3)];
        const struct ss_group_event noise = make(samples, kind, 1000 + i);
        if (samples_below(samples, 4) == 0) disturb(part, kind, &noise, &arena);
        assert_true(ss_group_add(part, kind, &events[i], &arena));
    }
    for (int i = 0; i < 3; i++)
        merge_group(&total, kind, kind->parts, &parts[i], samples_below(samples, 2), &arena);
    assert_same_bytes(&straight, &total, kind);
    ss_group_clear(&total);
    assert_true(ss_group_empty(&total));
    merge_group(&total, kind, kind->parts, &straight, samples_below(samples, 2), &arena);
    assert_same_bytes(&straight, &total, kind);
    ss_arena_release(&arena);
}

void member_take_back(struct samples *samples, const struct ss_group_kind *kind, uint32_t part,
                      struct ss_group_event *events, size_t count)
{
    const struct ss_member *member = ss_members[__builtin_ctz(part) - SS_MEMBER_BIT];
    struct ss_arena arena = {0};
    void *state = ss_arena_alloc(&arena, member->size);
    struct ss_buffer taken = {0}, never = {0};
    for (size_t i = 0; i < count; i++) assert_true(member->add(state, kind, &events[i], &arena));
    while (count) {
        enum ss_group_removal removal;
        void *fresh = ss_arena_alloc(&arena, member->size);
        const size_t k = samples_below(samples, count--);
        assert_true(member->remove(state, kind, &events[k], &removal, &arena));
        if (removal == SS_GROUP_NEEDS_REFOLD) break;
        events[k] = events[count];
        for (size_t i = 0; i < count; i++) assert_true(member->add(fresh, kind, &events[i], &arena));
        ss_buffer_clear(&taken);
        ss_buffer_clear(&never);
        member->encode(state, kind, &taken);
        member->encode(fresh, kind, &never);
        assert_same(&taken, &never);
    }
    ss_buffer_release(&taken);
    ss_buffer_release(&never);
    ss_arena_release(&arena);
}

// The bytes, if they are read without complaint to their end, are those of what they gave.
static bool reads(const struct ss_member *member, const struct ss_group_kind *kind, const uint8_t *data,
                  size_t size)
{
    struct ss_arena arena = {0};
    struct ss_buffer again = {0};
    struct ss_reader reader = {data, data + size, false}, skipper = reader;
    void *state = ss_arena_alloc(&arena, member->size);
    assert_true(member->merge_bytes(state, kind, &reader, &arena));
    assert_true(member->merge_bytes(NULL, kind, &skipper, &arena));
    const bool read = !reader.failed && reader.at == reader.end;
    if (read) {
        assert_true(!skipper.failed && skipper.at == skipper.end);
        member->encode(state, kind, &again);
        assert_int_equal(again.size, size);
        assert_memory_equal(again.data, data, size);
    }
    ss_buffer_release(&again);
    ss_arena_release(&arena);
    return read;
}

void member_damage(struct samples *samples, const struct ss_group_kind *kind, uint32_t part,
                   const struct ss_group_event *events, size_t count)
{
    const struct ss_member *member = ss_members[__builtin_ctz(part) - SS_MEMBER_BIT];
    struct ss_arena arena = {0};
    struct ss_buffer bytes = {0};
    void *state = ss_arena_alloc(&arena, member->size);
    for (size_t i = 0; i < count; i++) assert_true(member->add(state, kind, &events[i], &arena));
    member->encode(state, kind, &bytes);
    assert_true(reads(member, kind, bytes.data, bytes.size));
    for (size_t size = 0; size < bytes.size; size++) {
        uint8_t *copy = ss_arena_copy(&arena, bytes.data, size);
        assert_false(reads(member, kind, copy, size));
    }
    for (int i = 0; i < 500; i++) {
        uint8_t *copy = ss_arena_copy(&arena, bytes.data, bytes.size);
        for (uint64_t k = samples_below(samples, 3) + 1; k > 0; k--)
            copy[samples_below(samples, bytes.size)] = (uint8_t)samples_bits(samples);
        reads(member, kind, copy, bytes.size);
    }
    ss_buffer_release(&bytes);
    ss_arena_release(&arena);
}

static bool exercise(const struct ss_group_kind *kind, const struct ss_aggregate *aggregate,
                     const struct ss_group_event *events, size_t count, struct ss_arena *arena,
                     struct ss_buffer *bytes)
{
    struct ss_group_state state = {0}, other = {0};
    struct ss_value value;
    enum ss_group_removal removal;
    for (size_t i = 0; i < count; i++)
        if (!ss_group_add(i % 2 ? &state : &other, kind, &events[i], arena)) return false;
    ss_group_encode(&other, kind, bytes);
    if (bytes->failed) return false;
    struct ss_reader reader = {bytes->data, bytes->data + bytes->size, false};
    if (!ss_group_merge(&state, kind, &other, arena)) return false;
    if (!ss_group_merge_bytes(&state, kind, kind->parts, &reader, arena)) return false;
    if (!ss_group_remove(&state, kind, &events[0], &removal, arena)) return false;
    return ss_group_value(&state, kind, aggregate, 0, arena, &value);
}

void member_allocations(const struct ss_group_kind *kind, const struct ss_aggregate *aggregate,
                        const struct ss_group_event *events, size_t count)
{
    bool swept = false;
    for (long k = 1; !swept; k++) {
        struct ss_arena arena = {0};
        struct ss_buffer bytes = {0};
        ss_fail_allocation_at(k);
        const bool done = exercise(kind, aggregate, events, count, &arena, &bytes);
        swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        ss_buffer_release(&bytes);
        ss_arena_release(&arena);
        assert_int_equal(done, swept);
    }
}

void assert_member_bytes(const struct ss_group_kind *kind, uint32_t part, const struct ss_group_event *events,
                         size_t count, const uint8_t *bytes, size_t size)
{
    struct ss_arena arena = {0};
    struct ss_buffer got = {0};
    const struct ss_member *member = ss_members[__builtin_ctz(part) - SS_MEMBER_BIT];
    void *state = ss_arena_alloc(&arena, member->size);
    for (size_t i = 0; i < count; i++) assert_true(member->add(state, kind, &events[i], &arena));
    member->encode(state, kind, &got);
    for (size_t i = 0; i < got.size && (got.size != size || memcmp(got.data, bytes, size)); i++)
        printf("%02x%s", got.data[i], i + 1 < got.size ? " " : "\n");
    assert_int_equal(got.size, size);
    assert_memory_equal(got.data, bytes, size);
    ss_buffer_release(&got);
    ss_arena_release(&arena);
}

void assert_member_refuses(const struct ss_group_kind *kind, uint32_t part, const uint8_t *bytes, size_t size)
{
    struct ss_arena arena = {0};
    const struct ss_member *member = ss_members[__builtin_ctz(part) - SS_MEMBER_BIT];
    struct ss_reader reader = {bytes, bytes + size, false};
    assert_true(member->merge_bytes(ss_arena_alloc(&arena, member->size), kind, &reader, &arena));
    assert_true(reader.failed);
    ss_arena_release(&arena);
}

struct ss_value member_value(const struct ss_group_kind *kind, enum ss_aggregate_fn fn,
                             const struct ss_group_event *events, size_t count)
{
    struct ss_arena arena = {0};
    struct ss_group_state state = {0};
    struct ss_value value;
    const struct ss_aggregate aggregate = {.fn = fn};
    for (size_t i = 0; i < count; i++) assert_true(ss_group_add(&state, kind, &events[i], &arena));
    assert_true(ss_group_value(&state, kind, &aggregate, 0, &arena, &value));
    ss_arena_release(&arena);
    return value;
}
