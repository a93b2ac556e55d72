// By the 8 bytes in which texts first differ (radix), then, those that are alike in them, by all.

#include "engine/base/sort_bytes.h"

#include <stdlib.h>
#include <string.h>

struct texts {
    const char *first;
    size_t stride;
};

struct ordered {
    uint64_t prefix; // 8 bytes of the text as a number; zeros stand for what is not there
    uint32_t number;
};

static struct ss_bytes text_of(const struct texts *texts, uint32_t number)
{
    struct ss_bytes text;
    memcpy(&text, texts->first + number * texts->stride, sizeof text);
    return text;
}

static size_t shared_size(const struct texts *texts, uint32_t count)
{
    const struct ss_bytes first = text_of(texts, 0);
    size_t shared = first.size;
    for (uint32_t number = 1; number < count; number++) {
        const struct ss_bytes text = text_of(texts, number);
        size_t same = 0;
        if (text.size < shared) shared = text.size;
        while (same < shared && text.data[same] == first.data[same]) same++;
        shared = same;
    }
    return shared;
}

static uint64_t prefix_from(struct ss_bytes text, size_t at)
{
    uint64_t prefix = 0;
    for (size_t i = at; i < at + 8; i++) prefix = prefix << 8 | (i < text.size ? (uint8_t)text.data[i] : 0u);
    return prefix;
}

// By prefix, one byte after the other from the last; a byte that all have alike costs no pass.
static void radix_sort(struct ordered *items, struct ordered *spare, uint32_t count)
{
    struct ordered *from = items, *to = spare;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        uint32_t ends[257] = {0};
        for (uint32_t i = 0; i < count; i++) ends[(from[i].prefix >> shift & 255) + 1]++;
        if (ends[(from[0].prefix >> shift & 255) + 1] == count) continue;
        for (size_t b = 1; b < 257; b++) ends[b] += ends[b - 1];
        for (uint32_t i = 0; i < count; i++) to[ends[from[i].prefix >> shift & 255]++] = from[i];
        struct ordered *swapped = from;
        from = to;
        to = swapped;
    }
    if (from != items) memcpy(items, from, count * sizeof *items);
}

static int by_bytes(const void *a, const void *b, void *texts)
{
    return ss_bytes_compare(text_of(texts, ((const struct ordered *)a)->number),
                            text_of(texts, ((const struct ordered *)b)->number));
}

bool ss_sort_bytes(const struct ss_bytes *texts, size_t stride, uint32_t count, uint32_t *order)
{
    struct texts all = {(const char *)texts, stride};
    if (count == 0) return true;
    struct ordered *items = calloc(2 * (size_t)count, sizeof *items);
    if (!items) return false;
    const size_t shared = shared_size(&all, count);
    for (uint32_t number = 0; number < count; number++)
        items[number] = (struct ordered){prefix_from(text_of(&all, number), shared), number};
    radix_sort(items, items + count, count);
    for (uint32_t first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && items[end].prefix == items[first].prefix;) end++;
        if (end - first > 1) qsort_r(items + first, end - first, sizeof *items, by_bytes, &all);
    }
    for (uint32_t i = 0; i < count; i++) order[i] = items[i].number;
    free(items);
    return true;
}
