// A tally. See tally.h.
//
// Words stand apart from counts and texts, so that a search stays in few cache lines.

#include "engine/tally.h"

#include "engine/read_inline.h"

#define SIGN_BIT (UINT64_C(1) << 63)

// The first eight bytes, zeros behind.
static uint64_t first_bytes(struct ss_bytes text)
{
    uint64_t word = 0;
    const size_t size = text.size < sizeof word ? text.size : sizeof word;
    for (size_t i = 0; i < size; i++) word |= (uint64_t)(uint8_t)text.data[i] << (56 - 8 * i);
    return word;
}

struct ss_tally_entry ss_tally_entry(struct ss_type type, const struct ss_value *value)
{
    if (ss_type_is_text(type)) return (struct ss_tally_entry){first_bytes(value->text), value->text};
    return (struct ss_tally_entry){.word = (uint64_t)ss_scalar_key(type.id, value) ^ SIGN_BIT};
}

static struct ss_tally_entry entry_at(const struct ss_tally *tally, uint32_t index)
{
    return (struct ss_tally_entry){tally->words[index],
                                   tally->texts ? tally->texts[index] : (struct ss_bytes){0}};
}

struct ss_value ss_tally_value(const struct ss_tally *tally, struct ss_type type, uint32_t index)
{
    if (tally->texts) return (struct ss_value){.present = true, .text = tally->texts[index]};
    return ss_scalar_value(type.id, (int64_t)(tally->words[index] ^ SIGN_BIT));
}

static inline int compare(bool text, const struct ss_tally_entry *a, const struct ss_tally_entry *b)
{
    if (a->word != b->word) return a->word < b->word ? -1 : 1;
    return text ? ss_bytes_compare(a->text, b->text) : 0;
}

uint32_t ss_tally_search(const struct ss_tally *tally, const struct ss_tally_entry *entry, bool *found)
{
    uint32_t low = 0;
    for (uint32_t size = tally->count; size > 0;) {
        const uint32_t half = size / 2, middle = low + half;
        const uint64_t word = tally->words[middle];
        bool less = word < entry->word;
        if (tally->texts && word == entry->word)
            less = ss_bytes_compare(tally->texts[middle], entry->text) < 0;
        low = less ? middle + 1 : low;
        size = less ? size - half - 1 : half;
    }
    *found = low < tally->count && tally->words[low] == entry->word &&
             (!tally->texts || ss_bytes_equal(tally->texts[low], entry->text));
    return low;
}

// Room for `count` entries; those that are there stay.
static bool reserve(struct ss_tally *tally, struct ss_type type, uint32_t count, struct ss_arena *arena)
{
    struct ss_tally grown = {tally->count, 4};
    if (count <= tally->capacity) return true;
    while (grown.capacity < count) grown.capacity *= 2;
    const bool text = ss_type_is_text(type);
    grown.words = ss_arena_array(arena, grown.capacity, sizeof *grown.words);
    grown.counts = ss_arena_array(arena, grown.capacity, sizeof *grown.counts);
    if (text) grown.texts = ss_arena_array(arena, grown.capacity, sizeof *grown.texts);
    if (!grown.words || !grown.counts || (text && !grown.texts)) return false;
    if (tally->count) {
        memcpy(grown.words, tally->words, tally->count * sizeof *grown.words);
        memcpy(grown.counts, tally->counts, tally->count * sizeof *grown.counts);
        if (text) memcpy(grown.texts, tally->texts, tally->count * sizeof *grown.texts);
    }
    *tally = grown;
    return true;
}

// Moves what stands at `from` and behind it to `to`.
static void shift(struct ss_tally *tally, uint32_t from, uint32_t to)
{
    const size_t behind = tally->count - from;
    if (behind == 0) return;
    memmove(tally->words + to, tally->words + from, behind * sizeof *tally->words);
    memmove(tally->counts + to, tally->counts + from, behind * sizeof *tally->counts);
    if (tally->texts) memmove(tally->texts + to, tally->texts + from, behind * sizeof *tally->texts);
}

static void store(struct ss_tally *tally, uint32_t index, const struct ss_tally_entry *entry, uint64_t times)
{
    tally->words[index] = entry->word;
    tally->counts[index] = times;
    if (tally->texts) tally->texts[index] = entry->text;
}

bool ss_tally_insert(struct ss_tally *tally, struct ss_type type, uint32_t index,
                     const struct ss_tally_entry *entry, uint64_t times, struct ss_arena *arena)
{
    if (!reserve(tally, type, tally->count + 1, arena)) return false;
    shift(tally, index, index + 1);
    store(tally, index, entry, times);
    tally->count++;
    return true;
}

void ss_tally_erase(struct ss_tally *tally, uint32_t index)
{
    shift(tally, index + 1, index);
    tally->count--;
}

bool ss_tally_unite(const struct ss_tally *a, const struct ss_tally *b, struct ss_type type, uint32_t most,
                    struct ss_tally *sum, bool *fits, struct ss_arena *arena)
{
    uint32_t i = 0, j = 0;
    sum->count = 0;
    if (!reserve(sum, type, a->count + b->count < most ? a->count + b->count : most, arena)) return false;
    while (sum->count < most && (i < a->count || j < b->count)) {
        int order = i == a->count ? 1 : -1;
        if (i < a->count && j < b->count) {
            const struct ss_tally_entry x = entry_at(a, i), y = entry_at(b, j);
            order = compare(ss_type_is_text(type), &x, &y);
        }
        const struct ss_tally_entry entry = order <= 0 ? entry_at(a, i) : entry_at(b, j);
        uint64_t times = 0;
        if (order <= 0) times += a->counts[i++];
        if (order >= 0) times += b->counts[j++];
        store(sum, sum->count++, &entry, times);
    }
    *fits = i == a->count && j == b->count;
    return true;
}

uint64_t ss_tally_total(const struct ss_tally *tally)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < tally->count; i++) total += tally->counts[i];
    return total;
}

void ss_tally_encode(const struct ss_tally *tally, struct ss_type type, struct ss_buffer *buffer)
{
    ss_buffer_varint(buffer, tally->count);
    for (uint32_t i = 0; i < tally->count; i++) {
        const uint64_t *word = &tally->words[i];
        if (tally->texts) {
            ss_buffer_varint(buffer, tally->texts[i].size);
            ss_buffer_append(buffer, tally->texts[i].data, tally->texts[i].size);
        } else if (i == 0 || type.id == SS_FLOAT64) {
            ss_scalar_encode(type.id, (int64_t)(word[0] ^ SIGN_BIT), buffer);
        } else {
            ss_buffer_varint(buffer, word[0] - word[-1] - 1);
        }
        ss_buffer_varint(buffer, tally->counts[i]);
    }
}

static void decode_value(struct ss_type type, bool first, const struct ss_tally_entry *before,
                         struct ss_reader *reader, struct ss_tally_entry *entry)
{
    if (ss_type_is_text(type)) {
        const uint64_t size = ss_read_varint_inline(reader);
        const uint8_t *span = ss_read_span_inline(reader, size);
        entry->text = span ? (struct ss_bytes){(const char *)span, size} : (struct ss_bytes){"", 0};
        entry->word = first_bytes(entry->text);
    } else if (first || type.id == SS_FLOAT64) {
        entry->word = (uint64_t)ss_scalar_decode(type.id, reader) ^ SIGN_BIT;
    } else if (__builtin_add_overflow(before->word, ss_read_varint_inline(reader), &entry->word) ||
               ++entry->word == 0) {
        reader->failed = true;
    }
    if (type.id == SS_BOOL && (entry->word ^ SIGN_BIT) > 1) reader->failed = true;
    if (!first && compare(ss_type_is_text(type), before, entry) >= 0) reader->failed = true;
}

bool ss_tally_decode(struct ss_tally *tally, struct ss_type type, uint32_t count, struct ss_reader *reader,
                     struct ss_arena *arena)
{
    struct ss_tally_entry before = {0}, entry = {0};
    uint64_t total = 0;
    if (tally) tally->count = 0;
    if (tally && !reserve(tally, type, count, arena)) return false;
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        decode_value(type, i == 0, &before, reader, &entry);
        const uint64_t times = ss_read_varint_inline(reader);
        if (times == 0 || times > SS_TILE_EVENTS_MAX - total) reader->failed = true;
        total += times;
        before = entry;
        if (tally) store(tally, tally->count++, &entry, times);
    }
    return true;
}
