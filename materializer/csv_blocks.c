// Blocks of CSV.
//
//   1. a mebibyte is read and cut behind its last whole row; the rest is read again with the next block
//   2. when it holds no whole row, more is read, up to what shows that the row is too long
//   3. such a row is passed over piece by piece: it ends with its first line that leaves no quote open. The
//      block is its beginning, of which a scan says the same.

#include "materializer/csv_blocks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MORE_BYTES (64u << 10)
#define MOST_BYTES (SS_CSV_ROW_MAX + MORE_BYTES)
_Static_assert(SS_CSV_BLOCK_BYTES <= MOST_BYTES, "a block can hold a row that is just too long");

enum ss_status ss_csv_blocks_init(struct ss_csv_blocks *blocks, int file, const char *name, uint64_t offset,
                                  size_t field_count, struct ss_error *error)
{
    struct ss_csv_blocks made = {.file = file, .name = name, .offset = offset};
    SS_TRY(ss_csv_scan_init(&made.scan, field_count, error));
    *blocks = made;
    return SS_OK;
}

void ss_csv_blocks_release(struct ss_csv_blocks *blocks)
{
    ss_csv_scan_release(&blocks->scan);
    *blocks = (struct ss_csv_blocks){0};
}

void ss_csv_block_release(struct ss_csv_block *block)
{
    free(block->memory);
    *block = (struct ss_csv_block){0};
}

// *size: fewer than asked for only at the end of the file.
static enum ss_status read_at(const struct ss_csv_blocks *blocks, uint64_t offset, char *into, size_t most,
                              size_t *size, struct ss_error *error)
{
    *size = 0;
    while (*size < most) {
        const ssize_t got = pread(blocks->file, into + *size, most - *size, (off_t)(offset + *size));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return ss_fail(error, SS_IO, "%s: cannot be read: %s", blocks->name, strerror(errno));
        if (got == 0) break;
        *size += (size_t)got;
    }
    return SS_OK;
}

// ---- How many rows at most

// 0x80 in every byte of the word that is `byte`.
static inline uint64_t bytes_like(uint64_t word, char byte)
{
    const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);
    const uint64_t other = word ^ (UINT64_C(0x0101010101010101) * (unsigned char)byte);
    return ~(((other & low) + low) | other | low);
}

static inline uint64_t word_at(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

// Line ends among 8 * `words` bytes, words <= 255; one more byte is looked at.
static unsigned count_line_ends(const char *bytes, size_t words)
{
    uint64_t lanes = 0; // a count for each of eight bytes
    for (size_t i = 0; i < words; i++, bytes += 8) {
        const uint64_t here = word_at(bytes), next = word_at(bytes + 1);
        const uint64_t ends = bytes_like(here, '\n') | (bytes_like(here, '\r') & ~bytes_like(next, '\n'));
        lanes += ends >> 7;
    }
    const uint64_t pairs =
        (lanes & UINT64_C(0x00ff00ff00ff00ff)) + (lanes >> 8 & UINT64_C(0x00ff00ff00ff00ff));
    return (unsigned)(pairs * UINT64_C(0x0001000100010001) >> 48);
}

// Every row but the last ends with a line.
static size_t count_rows(struct ss_bytes rows)
{
    size_t count = 1, at = 0;
    for (size_t words; (words = (rows.size - at - 1) / 8) > 0; at += words * 8) {
        if (words > 255) words = 255;
        count += count_line_ends(rows.data + at, words);
    }
    for (; at + 1 < rows.size; at++)
        count += rows.data[at] == '\n' || (rows.data[at] == '\r' && rows.data[at + 1] != '\n');
    return count;
}

// ---- A row that is too long

struct long_row {
    uint64_t offset; // of what was not looked at yet
    uint64_t lines;
    bool in_quotes, is_half, is_over; // is_half: the byte before was a CR
};

// Looks at some bytes of it, until it ends.
static void pass_piece(struct long_row *row, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size && !row->is_over; i++, row->offset++) {
        const char byte = bytes[i];
        const bool is_rest = row->is_half && byte == '\n'; // of a line end that was seen
        row->is_over = row->is_half && !is_rest && !row->in_quotes;
        if (row->is_over) return; // the CR ended it
        row->is_half = byte == '\r';
        if (byte == '"') row->in_quotes = !row->in_quotes;
        if (byte == '\n' && !row->in_quotes) row->is_over = true;
        row->lines += byte == '\r' || (byte == '\n' && !is_rest);
    }
}

// The block holds the row's beginning, and no end.
static enum ss_status pass_long_row(struct ss_csv_blocks *blocks, struct ss_csv_block *block, size_t size,
                                    struct ss_error *error)
{
    char piece[16u << 10];
    struct long_row row = {.offset = blocks->offset};
    pass_piece(&row, block->rows.data, block->rows.size);
    const uint64_t shown_lines = row.lines;
    while (!row.is_over && size > 0) {
        SS_TRY(read_at(blocks, row.offset, piece, sizeof piece, &size, error));
        pass_piece(&row, piece, size);
    }
    block->hidden_lines = row.lines - shown_lines;
    blocks->offset = row.offset;
    return SS_OK;
}

// ---- Blocks

static enum ss_status cut(struct ss_csv_blocks *blocks, struct ss_csv_block *block, size_t size, bool at_end,
                          struct ss_error *error)
{
    block->rows = (struct ss_bytes){block->memory, size};
    if (!at_end) block->rows.size = ss_csv_cut(&blocks->scan, block->rows);
    if (block->rows.size > 0 || size < MOST_BYTES) {
        blocks->offset += block->rows.size;
        return SS_OK;
    }
    block->rows.size = SS_CSV_ROW_MAX + 1;
    return pass_long_row(blocks, block, size, error);
}

enum ss_status ss_csv_blocks_next(struct ss_csv_blocks *blocks, struct ss_csv_block *block,
                                  struct ss_error *error)
{
    size_t size = 0, got, want = SS_CSV_BLOCK_BYTES;
    if (!block->memory) block->memory = malloc(MOST_BYTES);
    if (!block->memory) return ss_fail_memory(error, "a block of a CSV file");
    block->hidden_lines = 0;
    block->row_most = 0;
    do {
        SS_TRY(read_at(blocks, blocks->offset + size, block->memory + size, want - size, &got, error));
        size += got;
        SS_TRY(cut(blocks, block, size, size < want, error));
        if (size < want) break; // the end of the file
        want += MORE_BYTES;
    } while (block->rows.size == 0);
    block->end = blocks->offset;
    if (block->rows.size) block->row_most = count_rows(block->rows);
    return SS_OK;
}
