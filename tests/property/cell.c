// Cells: equality, order and how they are written.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "scenario.h"

static const char *name_of(struct pool *pool, enum kind_id id, unsigned scale)
{
    static const char *const names[] = {
        [KIND_BOOL] = "bool",     [KIND_INT64] = "int64",         [KIND_FLOAT64] = "float64",
        [KIND_STRING] = "string", [KIND_TIMESTAMP] = "timestamp", [KIND_BYTES] = "bytes"};
    return id == KIND_DECIMAL ? pool_format(pool, "decimal(%u)", scale) : names[id];
}

const char *kind_text(struct pool *pool, struct kind kind)
{
    if (kind.id == KIND_VECTOR) return pool_format(pool, "vector(%u)", kind.length);
    if (kind.id == KIND_LIST) return pool_format(pool, "list<%s>", name_of(pool, kind.element, kind.scale));
    return name_of(pool, kind.id, kind.scale);
}

static int sized_order(struct cell a, struct cell b)
{
    const int order = memcmp(a.text, b.text, a.size < b.size ? a.size : b.size);
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

bool cell_equal(struct kind kind, struct cell a, struct cell b)
{
    if (!a.present || !b.present) return a.present == b.present;
    if (kind.id == KIND_STRING) return strcmp(a.text, b.text) == 0;
    if (kind_has_size(kind)) return a.size == b.size && memcmp(a.text, b.text, a.size) == 0;
    if (kind.id == KIND_FLOAT64) return memcmp(&a.f, &b.f, sizeof a.f) == 0;
    return a.i == b.i;
}

int cell_order(struct kind kind, struct cell a, struct cell b)
{
    if (kind.id == KIND_STRING) return strcmp(a.text, b.text);
    if (kind_has_size(kind)) return sized_order(a, b);
    if (kind.id == KIND_FLOAT64) return (a.f > b.f) - (a.f < b.f);
    return (a.i > b.i) - (a.i < b.i);
}

struct cell cell_copy(struct pool *pool, struct kind kind, struct cell cell)
{
    if (!cell.present || (kind.id != KIND_STRING && !kind_has_size(kind))) return cell;
    const size_t size = kind_has_size(kind) ? cell.size : strlen(cell.text);
    char *copy = pool_take(pool, size + 1);
    memcpy(copy, cell.text, size);
    cell.text = copy;
    return cell;
}

// ---- Lists: per element 0, or 1 and its value

static size_t element_size(struct kind element, struct cell cell)
{
    if (!cell.present) return 1;
    if (element.id == KIND_BOOL) return 2;
    if (element.id != KIND_STRING && element.id != KIND_BYTES) return 9;
    return 11 + (element.id == KIND_STRING ? strlen(cell.text) : cell.size); // at most
}

static char *pack_number(char *at, uint64_t bits)
{
    for (int byte = 0; byte < 8; byte++, bits >>= 8) *at++ = (char)(bits & 255);
    return at;
}

static char *pack_text(char *at, const char *text, size_t size)
{
    size_t rest = size;
    for (; rest >= 128; rest >>= 7) *at++ = (char)((rest & 127) | 128);
    *at++ = (char)rest;
    memcpy(at, text, size);
    return at + size;
}

static char *pack(char *at, struct kind element, struct cell cell)
{
    uint64_t bits = (uint64_t)cell.i;
    *at++ = (char)cell.present;
    if (!cell.present) return at;
    if (element.id == KIND_STRING) return pack_text(at, cell.text, strlen(cell.text));
    if (element.id == KIND_BYTES) return pack_text(at, cell.text, cell.size);
    if (element.id == KIND_FLOAT64) memcpy(&bits, &cell.f, sizeof bits);
    if (element.id != KIND_BOOL) return pack_number(at, bits);
    *at++ = (char)cell.i;
    return at;
}

struct cell list_cell(struct pool *pool, struct kind element, const struct cell *cells, int count)
{
    size_t size = 1;
    for (int i = 0; i < count; i++) size += element_size(element, cells[i]);
    char *text = pool_take(pool, size), *at = text;
    for (int i = 0; i < count; i++) at = pack(at, element, cells[i]);
    return (struct cell){.present = true, .text = text, .size = (size_t)(at - text)};
}

// ---- Text

// Years 1 to 9999, by days of the proleptic Gregorian calendar.
static const char *time_text(struct pool *pool, int64_t time_us)
{
    int64_t days = time_us / DAY, rest = time_us % DAY;
    if (rest < 0) {
        rest += DAY;
        days--;
    }
    // Days since 0000-03-01; a year begins in March, so that its leap day is its last.
    int64_t day = days + 719468;
    const int64_t era = day / 146097;
    day -= era * 146097;
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    const int64_t month = (5 * day + 2) / 153;
    day -= (153 * month + 2) / 5;
    year += era * 400 + (month >= 10);
    const char *text = pool_format(
        pool, "%04" PRId64 "-%02" PRId64 "-%02" PRId64 "T%02" PRId64 ":%02" PRId64 ":%02" PRId64, year,
        month >= 10 ? month - 9 : month + 3, day + 1, rest / HOUR, rest / MINUTE % 60, rest / SECOND % 60);
    if (rest % SECOND == 0) return pool_format(pool, "%sZ", text);
    char *fraction = pool_format(pool, "%06" PRId64, rest % SECOND);
    for (size_t last = 5; fraction[last] == '0'; last--) fraction[last] = 0;
    return pool_format(pool, "%s.%sZ", text, fraction);
}

static const char *decimal_text(struct pool *pool, int64_t value, unsigned scale)
{
    const uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    uint64_t power = 1;
    for (unsigned i = 0; i < scale; i++) power *= 10;
    if (scale == 0) return pool_format(pool, "%s%" PRIu64, value < 0 ? "-" : "", magnitude);
    return pool_format(pool, "%s%" PRIu64 ".%0*" PRIu64, value < 0 ? "-" : "", magnitude / power, (int)scale,
                       magnitude % power);
}

static const char *base64_text(struct pool *pool, const char *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = pool_take(pool, (size + 2) / 3 * 4 + 1), *at = text;
    for (size_t i = 0; i < size; i += 3) {
        uint32_t word = 0;
        for (size_t k = 0; k < 3; k++) word = word << 8 | (i + k < size ? (unsigned char)bytes[i + k] : 0u);
        for (size_t k = 0; k < 4; k++) *at++ = i + k > size ? '=' : digits[word >> (18 - 6 * k) & 63];
    }
    return text;
}

const char *cell_text(struct pool *pool, struct kind kind, struct cell cell)
{
    switch (kind.id) {
    case KIND_BOOL: return cell.i ? "true" : "false";
    case KIND_INT64: return pool_format(pool, "%" PRId64, cell.i);
    case KIND_DECIMAL: return decimal_text(pool, cell.i, kind.scale);
    case KIND_STRING: return cell.text;
    case KIND_TIMESTAMP: return time_text(pool, cell.i);
    case KIND_BYTES: return base64_text(pool, cell.text, cell.size);
    default: return "?";
    }
}

static const char *hex_text(struct pool *pool, struct cell cell)
{
    char *text = pool_take(pool, 2 * cell.size + 1);
    for (size_t i = 0; i < cell.size; i++) sprintf(text + 2 * i, "%02x", (unsigned char)cell.text[i]);
    return text;
}

const char *cell_show(struct pool *pool, struct kind kind, struct cell cell)
{
    if (!cell.present) return "null";
    switch (kind.id) {
    case KIND_FLOAT64: return pool_format(pool, "%.17g (%a)", cell.f, cell.f);
    case KIND_STRING: return pool_format(pool, "'%s'", cell.text);
    case KIND_TIMESTAMP: return pool_format(pool, "%s (%" PRId64 ")", time_text(pool, cell.i), cell.i);
    case KIND_BYTES:
    case KIND_LIST:
    case KIND_VECTOR: return pool_format(pool, "%zu bytes %s", cell.size, hex_text(pool, cell));
    default: return cell_text(pool, kind, cell);
    }
}
