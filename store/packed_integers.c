// Packed integers: frames of reference, bit-packed (docs/FORMAT.md "Packed columns").
//
// A frame is a base, its least integer, and a code of `width` bits per integer: what is to be added. There is
// one frame for all integers, or one per 1024 of them, whichever is smaller; either way an integer is reached
// by its index alone. Sums and differences are modulo 2^64, so the whole range of int64 is fine.
//
// A read takes the 8 bytes in which a code starts, and the ninth for the widest. That may pass the end of the
// codes, but not the checksum, which is behind all that is packed.

#include "store/packed_internal.h"

#define FRAME_PER_ROWS 255 // where the width of the whole would be: a frame per 1024 integers

struct extent {
    int64_t least;
    unsigned width;
};

static unsigned bits_of(uint64_t code)
{
    return code ? 64 - (unsigned)__builtin_clzll(code) : 0;
}

static size_t codes_size(int32_t count, unsigned width)
{
    return ((size_t)count * width + 7) / 8;
}

static int32_t frame_length(int32_t count, int32_t frame)
{
    const int32_t left = count - frame * PACKED_FRAME_ROWS;
    return left < PACKED_FRAME_ROWS ? left : PACKED_FRAME_ROWS;
}

static struct extent extent_of(int64_t least, int64_t most)
{
    return (struct extent){least, bits_of((uint64_t)most - (uint64_t)least)};
}

static struct extent extent_of_frame(const int64_t *values, int32_t count, int32_t frame)
{
    int64_t least = INT64_MAX, most = INT64_MIN;
    ss_integers_bounds(values + (size_t)frame * PACKED_FRAME_ROWS, frame_length(count, frame), &least, &most);
    return extent_of(least, most);
}

// What either way takes, and the extent of the whole.
struct sizes {
    struct extent whole;
    size_t whole_bytes, frames_bytes;
};

static struct sizes measure(const int64_t *values, int32_t count)
{
    struct sizes sizes = {.frames_bytes = 1};
    int64_t least = values[0], most = values[0];
    for (int32_t frame = 0; frame < ss_packed_frame_count(count); frame++) {
        const int32_t length = frame_length(count, frame);
        int64_t low = INT64_MAX, high = INT64_MIN;
        ss_integers_bounds(values + (size_t)frame * PACKED_FRAME_ROWS, length, &low, &high);
        sizes.frames_bytes += 9 + codes_size(length, extent_of(low, high).width);
        least = low < least ? low : least;
        most = high > most ? high : most;
    }
    sizes.whole = extent_of(least, most);
    sizes.whole_bytes = 9 + codes_size(count, sizes.whole.width);
    return sizes;
}

size_t ss_frames_size(const int64_t *values, int32_t count)
{
    if (count == 0) return 0;
    const struct sizes sizes = measure(values, count);
    return sizes.whole_bytes <= sizes.frames_bytes ? sizes.whole_bytes : sizes.frames_bytes;
}

// The codes of up to 1024 integers.
static void write_codes(const int64_t *values, int32_t count, struct extent extent, struct ss_buffer *bytes)
{
    uint64_t words[PACKED_FRAME_ROWS + 1];
    uint64_t word = 0;
    unsigned filled = 0; // bits of `word`, fewer than 64
    size_t used = 0;
    if (extent.width == 0) return;
    for (int32_t i = 0; i < count; i++) {
        const uint64_t code = (uint64_t)values[i] - (uint64_t)extent.least;
        word |= code << filled;
        filled += extent.width;
        if (filled < 64) continue;
        words[used++] = htole64(word);
        filled -= 64;
        word = filled ? code >> (extent.width - filled) : 0;
    }
    words[used] = htole64(word);
    ss_buffer_append(bytes, words, codes_size(count, extent.width));
}

static void write_per_rows(const int64_t *values, int32_t count, struct ss_buffer *bytes)
{
    const int32_t frame_count = ss_packed_frame_count(count);
    ss_buffer_byte(bytes, FRAME_PER_ROWS);
    for (int32_t frame = 0; frame < frame_count; frame++) {
        const struct extent extent = extent_of_frame(values, count, frame);
        ss_buffer_byte(bytes, (uint8_t)extent.width);
        ss_buffer_fixed64(bytes, (uint64_t)extent.least);
    }
    for (int32_t frame = 0; frame < frame_count; frame++)
        write_codes(values + (size_t)frame * PACKED_FRAME_ROWS, frame_length(count, frame),
                    extent_of_frame(values, count, frame), bytes);
}

void ss_frames_write(const int64_t *values, int32_t count, struct ss_buffer *bytes)
{
    if (count == 0) return;
    const struct sizes sizes = measure(values, count);
    if (sizes.frames_bytes < sizes.whole_bytes) {
        write_per_rows(values, count, bytes);
        return;
    }
    ss_buffer_byte(bytes, (uint8_t)sizes.whole.width);
    ss_buffer_fixed64(bytes, (uint64_t)sizes.whole.least);
    for (int32_t frame = 0; frame < ss_packed_frame_count(count); frame++)
        write_codes(values + (size_t)frame * PACKED_FRAME_ROWS, frame_length(count, frame), sizes.whole,
                    bytes);
}

static enum ss_packed_open open_per_rows(struct ss_reader *reader, int32_t count, struct ss_arena *arena,
                                         struct ss_packed_frames *opened)
{
    const int32_t frame_count = ss_packed_frame_count(count);
    const uint8_t *heads = ss_read_span(reader, 9 * (size_t)frame_count);
    if (!heads) return SS_PACKED_DAMAGED;
    struct ss_packed_frame *frames = ss_arena_array(arena, (size_t)frame_count, sizeof *frames);
    if (!frames) return SS_PACKED_NO_MEMORY;
    for (int32_t i = 0; i < frame_count; i++) {
        struct ss_packed_frame *frame = &frames[i];
        frame->width = heads[9 * (size_t)i];
        frame->base = ss_packed_load(heads + 9 * (size_t)i + 1);
        if (frame->width > 64) return SS_PACKED_DAMAGED;
        frame->bits = ss_read_span(reader, codes_size(frame_length(count, i), frame->width));
        if (!frame->bits) return SS_PACKED_DAMAGED;
    }
    *opened = (struct ss_packed_frames){.count = count, .frames = frames};
    return SS_PACKED_OK;
}

enum ss_packed_open ss_frames_open(struct ss_reader *reader, int32_t count, struct ss_arena *arena,
                                   struct ss_packed_frames *opened)
{
    *opened = (struct ss_packed_frames){0};
    if (count == 0) return SS_PACKED_OK;
    const uint8_t width = ss_read_byte(reader);
    if (width == FRAME_PER_ROWS) return open_per_rows(reader, count, arena, opened);
    if (width > 64) return SS_PACKED_DAMAGED;
    const uint64_t base = ss_read_fixed64(reader);
    const uint8_t *bits = ss_read_span(reader, codes_size(count, width));
    if (!bits) return SS_PACKED_DAMAGED;
    *opened = (struct ss_packed_frames){.count = count, .whole = {bits, base, width}};
    return SS_PACKED_OK;
}

void ss_frames_read(const struct ss_packed_frames *frames, int32_t first, int32_t count, int64_t *values)
{
    if (!frames->frames) {
        ss_codes_read(frames->whole, first, count, values);
        return;
    }
    while (count > 0) {
        const int32_t within = first % PACKED_FRAME_ROWS;
        const int32_t left = PACKED_FRAME_ROWS - within;
        const int32_t length = count < left ? count : left;
        ss_codes_read(frames->frames[first / PACKED_FRAME_ROWS], within, length, values);
        values += length;
        first += length;
        count -= length;
    }
}

// Without looking at the codes.
static bool surely_within(struct ss_packed_frame frame, int64_t least, int64_t most)
{
    const int64_t base = (int64_t)frame.base;
    return base >= least && base <= most && ss_codes_mask(frame.width) <= (uint64_t)most - frame.base;
}

static void bound_frame(struct ss_packed_frame frame, int32_t count, int64_t *least, int64_t *most)
{
    int64_t values[PACKED_FRAME_ROWS];
    for (int32_t first = 0; first < count; first += PACKED_FRAME_ROWS) {
        const int32_t left = count - first;
        const int32_t length = left < PACKED_FRAME_ROWS ? left : PACKED_FRAME_ROWS;
        ss_codes_read(frame, first, length, values);
        ss_integers_bounds(values, length, least, most);
    }
}

static bool frame_within(struct ss_packed_frame frame, int32_t count, int64_t least, int64_t most)
{
    int64_t low = INT64_MAX, high = INT64_MIN;
    if (surely_within(frame, least, most)) return true;
    bound_frame(frame, count, &low, &high);
    return low >= least && high <= most;
}

bool ss_frames_within(const struct ss_packed_frames *frames, int64_t least, int64_t most)
{
    if (frames->count == 0) return true;
    if (!frames->frames) return frame_within(frames->whole, frames->count, least, most);
    for (int32_t i = 0; i < ss_packed_frame_count(frames->count); i++)
        if (!frame_within(frames->frames[i], frame_length(frames->count, i), least, most)) return false;
    return true;
}

void ss_frames_bounds(const struct ss_packed_frames *frames, int64_t *least, int64_t *most)
{
    *least = INT64_MAX;
    *most = INT64_MIN;
    if (frames->count && !frames->frames) bound_frame(frames->whole, frames->count, least, most);
    for (int32_t i = 0; frames->frames && i < ss_packed_frame_count(frames->count); i++)
        bound_frame(frames->frames[i], frame_length(frames->count, i), least, most);
}
