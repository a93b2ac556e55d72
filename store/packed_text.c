// Packed text: strings, bytes, lists and vectors (docs/FORMAT.md "Packed columns").
//
//   plain       varint size of the data, lengths of the values (frames), data: one value after the other
//   dictionary  varint number of entries, then as above, but of the different values in the order in which
//               they are first seen; codes of the values (frames): the index of each one's entry
//
// The dictionary is written where it is smaller.

#include "store/packed_internal.h"

#include <stdlib.h>

#include "engine/base/hash.h"

#define START_ROWS 64 // a value of plain text is reached from the start of every 64th

static struct ss_bytes text_at(const struct ss_column *column, int32_t row)
{
    const int32_t start = column->offsets[row];
    const char *data = column->data ? column->data + start : "";
    return (struct ss_bytes){data, (size_t)(column->offsets[row + 1] - start)};
}

// ---- writing

// The lengths of the text of rows (malloc) and their sum; NULL when out of memory.
static int64_t *measure(const struct ss_column *column, const int32_t *rows, int32_t count, uint64_t *size)
{
    int64_t *lengths = malloc((size_t)count * sizeof *lengths);
    *size = 0;
    for (int32_t i = 0; lengths && i < count; i++) {
        lengths[i] = column->offsets[rows[i] + 1] - column->offsets[rows[i]];
        *size += (uint64_t)lengths[i];
    }
    return lengths;
}

static void write_plain(const struct ss_column *column, const int32_t *rows, int32_t count,
                        const int64_t *lengths, uint64_t size, struct ss_buffer *bytes)
{
    ss_buffer_varint(bytes, size);
    ss_frames_write(lengths, count, bytes);
    for (int32_t i = 0; i < count; i++) {
        const struct ss_bytes text = text_at(column, rows[i]);
        ss_buffer_append(bytes, text.data, text.size);
    }
}

// The different values while they are found.
struct dictionary {
    int64_t *lengths;     // of the entries
    int64_t *codes;       // of the values
    const char **entries; // their text, borrowed from the column
    uint64_t *hashes;     // of the entries
    int32_t *slots;       // hash table: 1 + an entry, or 0
    uint64_t slot_mask;
    int32_t entry_count;
    uint64_t size; // of the entries
};

static void release(struct dictionary *dictionary)
{
    free(dictionary->lengths);
    free(dictionary->codes);
    free(dictionary->entries);
    free(dictionary->hashes);
    free(dictionary->slots);
}

static bool prepare(struct dictionary *dictionary, int32_t count)
{
    const size_t rows = (size_t)count;
    size_t slots = 16;
    while (slots < 2 * rows) slots *= 2;
    dictionary->lengths = calloc(rows, sizeof *dictionary->lengths);
    dictionary->codes = malloc(rows * sizeof *dictionary->codes);
    dictionary->entries = malloc(rows * sizeof *dictionary->entries);
    dictionary->hashes = malloc(rows * sizeof *dictionary->hashes);
    dictionary->slots = calloc(slots, sizeof *dictionary->slots);
    dictionary->slot_mask = slots - 1;
    return dictionary->lengths && dictionary->codes && dictionary->entries && dictionary->hashes &&
           dictionary->slots;
}

static bool is_entry(const struct dictionary *dictionary, int32_t entry, uint64_t hash, struct ss_bytes text)
{
    return dictionary->hashes[entry] == hash && dictionary->lengths[entry] == (int64_t)text.size &&
           memcmp(dictionary->entries[entry], text.data, text.size) == 0;
}

static int32_t code_of(struct dictionary *dictionary, struct ss_bytes text)
{
    const uint64_t hash = ss_hash64(text.data, text.size);
    uint64_t slot = hash & dictionary->slot_mask;
    for (; dictionary->slots[slot]; slot = (slot + 1) & dictionary->slot_mask) {
        const int32_t entry = dictionary->slots[slot] - 1;
        if (is_entry(dictionary, entry, hash, text)) return entry;
    }
    const int32_t entry = dictionary->entry_count++;
    dictionary->slots[slot] = entry + 1;
    dictionary->hashes[entry] = hash;
    dictionary->lengths[entry] = (int64_t)text.size;
    dictionary->entries[entry] = text.data;
    dictionary->size += text.size;
    return entry;
}

// Of what write_entries appends but for its two varints, which take at most as much more than the plain
// form's one as is counted here.
static size_t entries_size(const struct dictionary *dictionary, int32_t count)
{
    return 5 + dictionary->size + ss_frames_size(dictionary->lengths, dictionary->entry_count) +
           ss_frames_size(dictionary->codes, count);
}

static void write_entries(const struct dictionary *dictionary, int32_t count, struct ss_buffer *bytes)
{
    ss_buffer_varint(bytes, (uint64_t)dictionary->entry_count);
    ss_buffer_varint(bytes, dictionary->size);
    ss_frames_write(dictionary->lengths, dictionary->entry_count, bytes);
    for (int32_t i = 0; i < dictionary->entry_count; i++)
        ss_buffer_append(bytes, dictionary->entries[i], (size_t)dictionary->lengths[i]);
    ss_frames_write(dictionary->codes, count, bytes);
}

bool ss_text_write(const struct ss_column *column, const int32_t *rows, int32_t count,
                   struct ss_buffer *bytes)
{
    struct dictionary dictionary = {0};
    uint64_t size;
    bool smaller = false;
    int64_t *lengths = measure(column, rows, count, &size);
    if (!lengths || !prepare(&dictionary, count) || size > INT32_MAX) {
        bytes->failed = true;
        goto out;
    }
    for (int32_t i = 0; i < count; i++) dictionary.codes[i] = code_of(&dictionary, text_at(column, rows[i]));
    smaller = entries_size(&dictionary, count) < size + ss_frames_size(lengths, count);
    if (smaller)
        write_entries(&dictionary, count, bytes);
    else
        write_plain(column, rows, count, lengths, size, bytes);
out:
    release(&dictionary);
    free(lengths);
    return smaller;
}

// ---- opening

// Walks texts of these lengths, checks each and notes the start of every `step`-th and, twice, the end.
static bool walk(struct ss_type type, const struct ss_packed_frames *lengths, struct ss_bytes data,
                 int32_t step, int32_t *starts)
{
    int64_t block[PACKED_FRAME_ROWS];
    uint64_t at = 0;
    for (int32_t i = 0; i < lengths->count; i++) {
        const int32_t left = lengths->count - i, within = i % PACKED_FRAME_ROWS;
        if (within == 0)
            ss_frames_read(lengths, i, left < PACKED_FRAME_ROWS ? left : PACKED_FRAME_ROWS, block);
        const uint64_t length = (uint64_t)block[within];
        if (i % step == 0) *starts++ = (int32_t)at;
        if (length > data.size - at) return false;
        if (!ss_text_valid(type, (struct ss_bytes){data.data + at, length})) return false;
        at += length;
    }
    starts[0] = starts[1] = (int32_t)at;
    return at == data.size;
}

// The lengths of `count` texts and the texts.
static enum ss_packed_open open_texts(struct ss_reader *reader, int32_t count, int32_t step,
                                      struct ss_arena *arena, struct ss_packed *packed,
                                      struct ss_packed_frames *lengths)
{
    const uint64_t size = ss_read_varint(reader);
    if (reader->failed || size > INT32_MAX) return SS_PACKED_DAMAGED;
    const enum ss_packed_open opened = ss_frames_open(reader, count, arena, lengths);
    if (opened != SS_PACKED_OK) return opened;
    const uint8_t *data = ss_read_span(reader, size);
    if (!data) return SS_PACKED_DAMAGED;
    int32_t *starts = ss_arena_array(arena, (size_t)(count / step) + 3, sizeof *starts);
    if (!starts) return SS_PACKED_NO_MEMORY;
    packed->data = (const char *)data;
    packed->starts = starts;
    return walk(packed->type, lengths, (struct ss_bytes){packed->data, size}, step, starts)
               ? SS_PACKED_OK
               : SS_PACKED_DAMAGED;
}

static enum ss_packed_open open_dictionary(struct ss_reader *reader, struct ss_arena *arena,
                                           struct ss_packed *packed)
{
    struct ss_packed_frames lengths;
    const uint64_t entry_count = ss_read_varint(reader);
    if (entry_count == 0 || entry_count > (uint64_t)packed->value_count) return SS_PACKED_DAMAGED;
    packed->entry_count = (int32_t)entry_count;
    enum ss_packed_open opened = open_texts(reader, packed->entry_count, 1, arena, packed, &lengths);
    if (opened != SS_PACKED_OK) return opened;
    opened = ss_frames_open(reader, packed->value_count, arena, &packed->integers);
    if (opened != SS_PACKED_OK) return opened;
    return ss_frames_within(&packed->integers, 0, packed->entry_count - 1) ? SS_PACKED_OK : SS_PACKED_DAMAGED;
}

enum ss_packed_open ss_text_open(struct ss_reader *reader, bool dictionary, struct ss_arena *arena,
                                 struct ss_packed *packed)
{
    if (dictionary) return open_dictionary(reader, arena, packed);
    return open_texts(reader, packed->value_count, START_ROWS, arena, packed, &packed->integers);
}

// ---- reading

// Room for `size` bytes more behind the column's `used`.
static bool reserve(struct ss_column *column, int32_t used, int64_t size, struct ss_arena *arena)
{
    if (size > INT32_MAX - used) return false;
    const int32_t needed = used + (int32_t)size;
    if (needed <= column->data_capacity) return true;
    const int32_t doubled = column->data_capacity > INT32_MAX / 2 ? INT32_MAX : column->data_capacity * 2;
    const int32_t capacity = needed > doubled ? (needed < 64 ? 64 : needed) : doubled;
    char *data = ss_arena_alloc(arena, (size_t)capacity);
    if (!data) return false;
    if (used) memcpy(data, column->data, (size_t)used);
    column->data = data;
    column->data_capacity = capacity;
    return true;
}

// Where in the data of plain text the value at an index starts.
static int32_t start_of(const struct ss_packed *packed, int32_t index)
{
    int64_t lengths[START_ROWS];
    const int32_t before = index % START_ROWS;
    int64_t start = packed->starts[index / START_ROWS];
    ss_frames_read(&packed->integers, index - before, before, lengths);
    for (int32_t i = 0; i < before; i++) start += lengths[i];
    return (int32_t)start;
}

// The lengths or codes of up to 1024 rows; `under_null` where there is none. The index of the first value.
static int32_t read_rows(const struct ss_packed *packed, int32_t first, int32_t count, int64_t under_null,
                         int64_t *values)
{
    const struct ss_packed_run run = ss_packed_run_of(packed, first, count);
    ss_frames_read(&packed->integers, run.index, run.value_count, values);
    ss_packed_spread(packed, first, count, run.value_count, under_null, values);
    return run.index;
}

// Up to 1024 rows, offsets[0] set.
static bool append_plain(const struct ss_packed *packed, int32_t first, int32_t count, int32_t *offsets,
                         struct ss_column *column, struct ss_arena *arena)
{
    int64_t lengths[PACKED_FRAME_ROWS];
    int64_t size = 0;
    const int32_t start = start_of(packed, read_rows(packed, first, count, 0, lengths));
    for (int32_t i = 0; i < count; i++) size += lengths[i];
    if (!reserve(column, offsets[0], size, arena)) return false;
    for (int32_t i = 0; i < count; i++) offsets[i + 1] = offsets[i] + (int32_t)lengths[i];
    if (size) memcpy(column->data + offsets[0], packed->data + start, (size_t)size);
    return true;
}

// Up to 1024 rows, offsets[0] set. A null is the entry behind the last, which is empty.
static bool append_entries(const struct ss_packed *packed, int32_t first, int32_t count, int32_t *offsets,
                           struct ss_column *column, struct ss_arena *arena)
{
    int64_t codes[PACKED_FRAME_ROWS];
    int64_t size = 0;
    read_rows(packed, first, count, packed->entry_count, codes);
    for (int32_t i = 0; i < count; i++) size += packed->starts[codes[i] + 1] - packed->starts[codes[i]];
    if (!reserve(column, offsets[0], size, arena)) return false;
    for (int32_t i = 0; i < count; i++) {
        const int32_t start = packed->starts[codes[i]], length = packed->starts[codes[i] + 1] - start;
        if (length) memcpy(column->data + offsets[i], packed->data + start, (size_t)length);
        offsets[i + 1] = offsets[i] + length;
    }
    return true;
}

static void append_empty(int32_t count, int32_t *offsets)
{
    for (int32_t i = 0; i < count; i++) offsets[i + 1] = offsets[0];
}

bool ss_text_append(const struct ss_packed *packed, int32_t first, int32_t count, struct ss_column *column,
                    struct ss_arena *arena)
{
    int32_t *offsets = column->offsets + column->length;
    for (int32_t done = 0, length; done < count; done += length) {
        length = count - done < PACKED_FRAME_ROWS ? count - done : PACKED_FRAME_ROWS;
        if (packed->value_count == 0)
            append_empty(length, offsets + done);
        else if (!(packed->entry_count ? append_entries : append_plain)(packed, first + done, length,
                                                                        offsets + done, column, arena))
            return false;
    }
    return true;
}
