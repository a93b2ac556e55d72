// Kernels of hashes of strings: md5 and sha256 as lower-case hex, xxh64, and the bucket of an A/B split.
#include <string.h>

#include "engine/base/hash.h"
#include "engine/bytecode.h"

// Writes size hash bytes as hex text of the row. False: out of memory.
static bool store_hex(const struct ss_run *run, struct ss_register *out, int32_t row, const uint8_t *hash,
                      size_t size)
{
    char *hex = ss_arena_alloc(run->arena, 2 * size);
    if (!hex) return false;
    ss_hex_write(hash, size, hex);
    out->valid[row] = 1;
    out->text[row] = (struct ss_bytes){hex, 2 * size};
    return true;
}

bool ss_kernel_md5(const struct ss_run *run, const struct ss_instruction *instruction,
                   struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    for (int32_t row = 0; row < run->rows; row++) {
        uint8_t hash[SS_MD5_BYTES];
        if (!a->valid[row]) continue; // the registers come zeroed
        ss_md5_of(a->text[row].data, a->text[row].size, hash);
        if (!store_hex(run, out, row, hash, sizeof hash)) return false;
    }
    return true;
}

bool ss_kernel_sha256(const struct ss_run *run, const struct ss_instruction *instruction,
                      struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    for (int32_t row = 0; row < run->rows; row++) {
        if (!a->valid[row]) continue;
        const struct ss_sha256 hash = ss_sha256_of(a->text[row].data, a->text[row].size);
        if (!store_hex(run, out, row, hash.bytes, sizeof hash.bytes)) return false;
    }
    return true;
}

bool ss_kernel_xxh64(const struct ss_run *run, const struct ss_instruction *instruction,
                     struct ss_register *out)
{
    const struct ss_register *a = ss_operand(run, instruction, 0);
    for (int32_t row = 0; row < run->rows; row++) {
        if (!a->valid[row]) continue;
        out->valid[row] = 1;
        out->i64[row] = (int64_t)ss_xxh64_of(a->text[row].data, a->text[row].size);
    }
    return true;
}

// The big-endian number mod count.
static int64_t remainder_of(const uint8_t *number, size_t size, int64_t count)
{
    ss_uint128 rest = 0;
    for (size_t i = 0; i < size; i++) rest = (rest << 8 | number[i]) % (uint64_t)count;
    return (int64_t)rest;
}

bool ss_kernel_md5_bucket(const struct ss_run *run, const struct ss_instruction *instruction,
                          struct ss_register *out)
{
    const struct ss_register *experiment = ss_operand(run, instruction, 0);
    const struct ss_register *unit = ss_operand(run, instruction, 1);
    for (int32_t row = 0; row < run->rows; row++) {
        const struct ss_bytes a = experiment->text[row], b = unit->text[row];
        uint8_t hash[SS_MD5_BYTES];
        if (!(experiment->valid[row] & unit->valid[row])) continue;
        char *joined = ss_arena_alloc(run->arena, a.size + 1 + b.size);
        if (!joined) return false;
        if (a.size) memcpy(joined, a.data, a.size);
        joined[a.size] = ':';
        if (b.size) memcpy(joined + a.size + 1, b.data, b.size);
        ss_md5_of(joined, a.size + 1 + b.size, hash);
        out->valid[row] = 1;
        out->i64[row] = remainder_of(hash, sizeof hash, instruction->setting->number);
    }
    return true;
}
