// Distinct. See distinct.h.
//
// Entries are words that sort: of a scalar its key with the sign bit turned, of a string the two words of its
// hash, low word first. The sketch takes 64 bits per value: XXH3-64 of a scalar's 8 bytes, the low word of a
// string's XXH3-128. The high 11 bits choose the register; it keeps the greatest number of leading zeros of
// the other 53, plus one.
//
// The estimator is the improved one of O. Ertl, "New cardinality estimation algorithms for HyperLogLog
// sketches" (2017), section 4: + - * / and sqrt only, so its bits are the same everywhere.

#include "engine/distinct.h"

#include "engine/base/float_environment.h"
#include "engine/base/hash.h"
#include "engine/read_inline.h"

#include <math.h>

#define PRECISION    11
#define REGISTERS    (1 << PRECISION)
#define GREATEST     (64 - PRECISION + 1) // what a register can hold
#define PACKED_BYTES (REGISTERS / 4 * 3)
#define DENSE_MARK   (SS_DISTINCT_EXACT + 1)
#define SIGN_BIT     (UINT64_C(1) << 63)
#define ALPHA        0.7213475204444817 // 1 / (2 ln 2)

static inline unsigned words_per_entry(enum ss_type_id type)
{
    return ss_id_is_text(type) ? 2 : 1;
}

static uint64_t entry_hash(enum ss_type_id type, const uint64_t *entry)
{
    if (ss_id_is_text(type)) return entry[0];
    uint64_t word = entry[0] ^ SIGN_BIT;
    if (type == SS_FLOAT64) {
        const double value = ss_key_to_double((int64_t)word);
        memcpy(&word, &value, sizeof word);
    }
    return ss_hash64(&word, sizeof word);
}

static void sketch(uint8_t *registers, uint64_t hash)
{
    const uint64_t rest = hash << PRECISION | UINT64_C(1) << (PRECISION - 1);
    const uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);
    uint8_t *chosen = &registers[hash >> (64 - PRECISION)];
    if (*chosen < rank) *chosen = rank;
}

static bool make_dense(struct ss_distinct *set, enum ss_type_id type, struct ss_arena *arena)
{
    if (set->dense) return true;
    if (!set->registers) set->registers = ss_arena_alloc(arena, REGISTERS);
    if (!set->registers) return false;
    memset(set->registers, 0, REGISTERS);
    const unsigned width = words_per_entry(type);
    for (unsigned i = 0; i < set->count; i++)
        sketch(set->registers, entry_hash(type, set->words + (size_t)i * width));
    set->dense = true;
    set->count = 0;
    return true;
}

static int compare(const uint64_t *a, const uint64_t *b, unsigned width)
{
    if (a[0] != b[0]) return a[0] < b[0] ? -1 : 1;
    return width == 1 || a[1] == b[1] ? 0 : a[1] < b[1] ? -1 : 1;
}

static bool grow(struct ss_distinct *set, unsigned width, struct ss_arena *arena)
{
    if (set->count < set->capacity) return true;
    const uint16_t capacity = (uint16_t)(set->capacity ? set->capacity * 2 : 4);
    uint64_t *words = ss_arena_array(arena, (size_t)capacity * width, sizeof *words);
    if (!words) return false;
    if (set->count) memcpy(words, set->words, (size_t)set->count * width * sizeof *words);
    set->words = words;
    set->capacity = capacity;
    return true;
}

static bool add_entry(struct ss_distinct *set, enum ss_type_id type, const uint64_t *entry,
                      struct ss_arena *arena)
{
    const unsigned width = words_per_entry(type);
    unsigned low = 0, high = set->count;
    while (!set->dense && low < high) {
        const unsigned middle = (low + high) / 2;
        const int order = compare(set->words + (size_t)middle * width, entry, width);
        if (order == 0) return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (set->count == SS_DISTINCT_EXACT && !make_dense(set, type, arena)) return false;
    if (set->dense) {
        sketch(set->registers, entry_hash(type, entry));
        return true;
    }
    if (!grow(set, width, arena)) return false;
    uint64_t *at = set->words + (size_t)low * width;
    memmove(at + width, at, (size_t)(set->count - low) * width * sizeof *at);
    memcpy(at, entry, width * sizeof *at);
    set->count++;
    return true;
}

bool ss_distinct_add_key(struct ss_distinct *set, enum ss_type_id type, int64_t key, struct ss_arena *arena)
{
    const uint64_t entry = (uint64_t)key ^ SIGN_BIT;
    return add_entry(set, type, &entry, arena);
}

bool ss_distinct_add_text(struct ss_distinct *set, struct ss_bytes text, struct ss_arena *arena)
{
    uint64_t entry[2];
    ss_hash128(text.data, text.size, entry);
    return add_entry(set, SS_STRING, entry, arena);
}

static bool merge_registers(struct ss_distinct *set, enum ss_type_id type, const uint8_t *registers,
                            struct ss_arena *arena)
{
    if (!make_dense(set, type, arena)) return false;
    for (unsigned i = 0; i < REGISTERS; i++)
        if (set->registers[i] < registers[i]) set->registers[i] = registers[i];
    return true;
}

bool ss_distinct_merge(struct ss_distinct *set, enum ss_type_id type, const struct ss_distinct *other,
                       struct ss_arena *arena)
{
    if (other->dense) return merge_registers(set, type, other->registers, arena);
    for (unsigned i = 0; i < other->count; i++)
        if (!add_entry(set, type, other->words + (size_t)i * words_per_entry(type), arena)) return false;
    return true;
}

void ss_distinct_clear(struct ss_distinct *set)
{
    set->dense = false;
    set->count = 0;
}

// x + sum of x^(2^k) 2^(k-1), k = 1, 2, ...; 0 <= x < 1
static double sigma(double x)
{
    double power = 1, sum = x, before;
    do {
        x = x * x;
        before = sum;
        sum = sum + x * power;
        power = power + power;
    } while (sum != before);
    return sum;
}

// (1 - x - sum of (1 - x^(2^-k))^2 2^-k, k = 1, 2, ...) / 3
static double tau(double x)
{
    if (x == 0 || x == 1) return 0;
    double power = 1, sum = 1 - x, before;
    do {
        x = sqrt(x);
        before = sum;
        power = 0.5 * power;
        sum = sum - (1 - x) * (1 - x) * power;
    } while (sum != before);
    return sum / 3;
}

int64_t ss_distinct_count(const struct ss_distinct *set)
{
    if (!set->dense) return set->count;
    int histogram[GREATEST + 1] = {0};
    for (unsigned i = 0; i < REGISTERS; i++) histogram[set->registers[i]]++;
    const double m = REGISTERS;
    if (histogram[0] == REGISTERS) return 0;
    double z = m * tau(1 - histogram[GREATEST] / m);
    for (int k = GREATEST - 1; k > 0; k--) z = 0.5 * (z + histogram[k]);
    z = z + m * sigma(histogram[0] / m);
    const double estimate = ALPHA * m * m / z;
    return estimate < 0x1p62 ? (int64_t)(estimate + 0.5) : INT64_C(1) << 62;
}

void ss_distinct_encode(const struct ss_distinct *set, enum ss_type_id type, struct ss_buffer *buffer)
{
    if (set->dense) {
        uint8_t packed[PACKED_BYTES], *to = packed;
        for (const uint8_t *r = set->registers; r < set->registers + REGISTERS; r += 4, to += 3) {
            const uint32_t four = r[0] | (uint32_t)r[1] << 6 | (uint32_t)r[2] << 12 | (uint32_t)r[3] << 18;
            to[0] = (uint8_t)four;
            to[1] = (uint8_t)(four >> 8);
            to[2] = (uint8_t)(four >> 16);
        }
        ss_buffer_varint(buffer, DENSE_MARK);
        ss_buffer_append(buffer, packed, sizeof packed);
        return;
    }
    ss_buffer_varint(buffer, set->count);
    for (unsigned i = 0; i < set->count; i++) {
        const uint64_t *word = set->words + (size_t)i * words_per_entry(type);
        if (ss_id_is_text(type)) {
            ss_buffer_fixed64(buffer, word[0]);
            ss_buffer_fixed64(buffer, word[1]);
        } else if (type == SS_FLOAT64 || i == 0) {
            ss_scalar_encode(type, (int64_t)(word[0] ^ SIGN_BIT), buffer);
        } else {
            ss_buffer_varint(buffer, word[0] - word[-1] - 1);
        }
    }
}

static bool merge_dense(struct ss_distinct *set, enum ss_type_id type, struct ss_reader *reader,
                        struct ss_arena *arena)
{
    uint8_t registers[REGISTERS];
    const uint8_t *packed = ss_read_span_inline(reader, PACKED_BYTES);
    if (!packed) return true;
    for (unsigned i = 0; i < REGISTERS; i += 4, packed += 3) {
        const uint32_t four = packed[0] | (uint32_t)packed[1] << 8 | (uint32_t)packed[2] << 16;
        for (unsigned k = 0; k < 4; k++) {
            registers[i + k] = four >> (6 * k) & 63;
            if (registers[i + k] > GREATEST) reader->failed = true;
        }
    }
    return !set || reader->failed || merge_registers(set, type, registers, arena);
}

static void read_entry(enum ss_type_id type, bool first, struct ss_reader *reader, uint64_t *entry)
{
    if (ss_id_is_text(type)) {
        entry[0] = ss_read_fixed64(reader);
        entry[1] = ss_read_fixed64(reader);
    } else if (type == SS_FLOAT64 || first) {
        entry[0] = (uint64_t)ss_scalar_decode(type, reader) ^ SIGN_BIT;
    } else if (__builtin_add_overflow(entry[0], ss_read_varint_inline(reader), &entry[0]) ||
               ++entry[0] == 0) {
        reader->failed = true;
    }
}

bool ss_distinct_merge_bytes(struct ss_distinct *set, enum ss_type_id type, struct ss_reader *reader,
                             struct ss_arena *arena)
{
    const uint64_t count = ss_read_varint_inline(reader);
    if (count == DENSE_MARK) return merge_dense(set, type, reader, arena);
    if (count > DENSE_MARK) reader->failed = true;
    uint64_t entry[2] = {0}, before[2];
    for (uint64_t i = 0; i < count && !reader->failed; i++) {
        memcpy(before, entry, sizeof before);
        read_entry(type, i == 0, reader, entry);
        if (i > 0 && compare(before, entry, words_per_entry(type)) >= 0) reader->failed = true;
        if (set && !reader->failed && !add_entry(set, type, entry, arena)) return false;
    }
    return true;
}
