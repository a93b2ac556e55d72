// Millions of values per second, of one thread: columns of 62,500 rows packed, opened and read, in runs of
// 1024 rows and in runs of 10 rows from anywhere; bytes per row. Median of nine. Bars: pack 100 (integers),
// 50 (decimal doubles), 30 (dictionary); read of integers 400 in runs of 1024, 100 in runs of 10.

#include "store/packed.h"
#include "tests/bench/bench.h"
#include "tests/unit/samples.h"

#define ROWS   62500
#define ROUNDS 9
#define WRONG  "what was packed does not open, or out of memory"

struct subject {
    const char *name;
    struct ss_type type;
    struct ss_value (*value)(struct samples *samples, int32_t row);
};

static struct ss_value integer(int64_t value)
{
    return (struct ss_value){.present = true, .i64 = value};
}

static struct ss_value narrow(struct samples *samples, int32_t row)
{
    (void)row;
    return integer((int64_t)samples_below(samples, 1000));
}

static struct ss_value any_time(struct samples *samples, int32_t row)
{
    (void)row;
    return integer(INT64_C(1767225600000000) +
                   (int64_t)samples_below(samples, UINT64_C(30) * 86400 * 1000000));
}

static struct ss_value wide(struct samples *samples, int32_t row)
{
    (void)row;
    return integer((int64_t)samples_bits(samples));
}

static struct ss_value constant(struct samples *samples, int32_t row)
{
    (void)samples, (void)row;
    return integer(42);
}

static struct ss_value often_null(struct samples *samples, int32_t row)
{
    return samples_below(samples, 4) ? narrow(samples, row) : (struct ss_value){0};
}

static struct ss_value truth(struct samples *samples, int32_t row)
{
    (void)row;
    return (struct ss_value){.present = true, .boolean = samples_bits(samples) & 1};
}

static struct ss_value price(struct samples *samples, int32_t row)
{
    (void)row;
    return (struct ss_value){.present = true, .f64 = samples_double(samples, SAMPLES_CENTS)};
}

static struct ss_value measured(struct samples *samples, int32_t row)
{
    (void)row;
    return (struct ss_value){.present = true, .f64 = samples_double(samples, SAMPLES_WIDE)};
}

static struct ss_value text(char *buffer, int length)
{
    return (struct ss_value){.present = true, .text = {buffer, (size_t)length}};
}

static struct ss_value country(struct samples *samples, int32_t row)
{
    static char buffer[16];
    (void)row;
    return text(buffer, snprintf(buffer, sizeof buffer, "country-%d", (int)samples_below(samples, 200)));
}

static struct ss_value city(struct samples *samples, int32_t row)
{
    static char buffer[16];
    (void)row;
    return text(buffer, snprintf(buffer, sizeof buffer, "city-%d", (int)samples_below(samples, 5000)));
}

static struct ss_value identifier(struct samples *samples, int32_t row)
{
    static char buffer[40];
    (void)row;
    return text(buffer,
                snprintf(buffer, sizeof buffer, "%016llx", (unsigned long long)samples_bits(samples)));
}

static const struct subject subjects[] = {
    {"int64, 10 bits", {.id = SS_INT64}, narrow},
    {"timestamps of a month", {.id = SS_TIMESTAMP}, any_time},
    {"int64, 64 bits", {.id = SS_INT64}, wide},
    {"int64, constant", {.id = SS_INT64}, constant},
    {"int64, 1 in 4 null", {.id = SS_INT64}, often_null},
    {"bool", {.id = SS_BOOL}, truth},
    {"float64, cents", {.id = SS_FLOAT64}, price},
    {"float64, any", {.id = SS_FLOAT64}, measured},
    {"string, 200 different", {.id = SS_STRING}, country},
    {"string, 5000 different", {.id = SS_STRING}, city},
    {"string, all different", {.id = SS_STRING}, identifier},
};

static void fill(const struct subject *subject, struct ss_column *column, struct ss_arena *arena)
{
    struct samples samples = {1};
    must(ss_column_init(column, subject->type, ROWS, arena), WRONG);
    for (int32_t row = 0; row < ROWS; row++)
        must(ss_column_append(column, subject->value(&samples, row), arena), WRONG);
}

static void pack(const struct ss_column *column, struct ss_buffer *bytes)
{
    ss_buffer_clear(bytes);
    ss_packed_column(column, 0, ROWS, bytes);
    must(!bytes->failed, WRONG);
}

static void open_bytes(const struct ss_column *column, const struct ss_buffer *bytes, struct ss_arena *arena,
                       struct ss_packed *packed)
{
    const struct ss_bytes view = {(const char *)bytes->data, bytes->size};
    ss_arena_reset(arena);
    must(ss_packed_open_column(view, column->type, ROWS, arena, packed) == SS_PACKED_OK, WRONG);
}

// Reads as many rows as there are.
static void read_runs(const struct ss_packed *packed, int32_t run, struct ss_column *column,
                      struct ss_arena *arena)
{
    int32_t at = 0;
    for (int32_t i = 0; i < ROWS / run; i++) {
        ss_column_clear(column);
        must(ss_packed_append(packed, at, run, column, arena), WRONG);
        at += run == 10 ? 7919 : run;
        if (at > ROWS - run) at -= ROWS - run;
    }
}

static double median_rate(double *times_ns)
{
    return ROWS * 1e3 / median(times_ns, ROUNDS);
}

static void measure(const struct subject *subject)
{
    double pack_ns[ROUNDS], open_ns[ROUNDS], long_ns[ROUNDS], short_ns[ROUNDS];
    struct ss_arena arena = {0}, opened = {0};
    struct ss_column column, read;
    struct ss_buffer bytes = {0};
    struct ss_packed packed;
    fill(subject, &column, &arena);
    must(ss_column_init(&read, subject->type, SS_BATCH_ROWS, &arena), WRONG);
    for (int round = 0; round < ROUNDS; round++) {
        const double start = now_ns();
        pack(&column, &bytes);
        const double packed_at = now_ns();
        open_bytes(&column, &bytes, &opened, &packed);
        const double opened_at = now_ns();
        read_runs(&packed, SS_BATCH_ROWS, &read, &arena);
        const double read_at = now_ns();
        read_runs(&packed, 10, &read, &arena);
        pack_ns[round] = packed_at - start;
        open_ns[round] = opened_at - packed_at;
        long_ns[round] = read_at - opened_at;
        short_ns[round] = now_ns() - read_at;
    }
    printf("%-24s %8.0f %8.0f %10.0f %10.0f %8.2f\n", subject->name, median_rate(pack_ns),
           median_rate(open_ns), median_rate(long_ns), median_rate(short_ns), (double)bytes.size / ROWS);
    ss_buffer_release(&bytes);
    ss_arena_release(&opened);
    ss_arena_release(&arena);
}

int main(void)
{
    printf("%-24s %8s %8s %10s %10s %8s\n", "M values/s", "pack", "open", "runs 1024", "runs 10", "B/row");
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) measure(&subjects[i]);
    return 0;
}
