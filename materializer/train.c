// Train. The spine is read whole (its cells go to the output as they were), then the point-in-time join hands
// over blocks of rows, on any thread, which the output makes into text or cells there and then and puts in
// their order: memory is spine + join + a block per thread.

#include "materializer/train.h"

#include "materializer/train_manifest.h"
#include "materializer/train_output.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

_Static_assert(SS_JOIN_BLOCK_ROWS == SS_TRAIN_BLOCK_ROWS, "a block of the join is a block of the output");

struct slot { // what a thread has of a block
    struct ss_arena arena;
    uint64_t statuses[4];
};

struct run {
    const struct ss_train *train;
    const struct ss_train_values *values;
    struct ss_train_result *result;
    const struct ss_service *service;
    struct ss_pool *pool;
    struct ss_spine_rows *rows;
    bool with_cells; // the output needs the spine cell by cell
    struct slot *slots;
    struct ss_train_output *output;
};

static inline uint64_t sum_bytes(uint64_t bytes) // each 0 or 1
{
    return (bytes * UINT64_C(0x0101010101010101)) >> 56;
}

// Eight at a time: a status has two bits.
static void count_statuses(const struct ss_service *service, const struct ss_answer *answer,
                           uint64_t counts[4])
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    for (size_t f = 0; f < service->feature_count; f++) {
        const uint8_t *statuses = answer->statuses[f];
        uint64_t low = 0, high = 0, both = 0;
        int32_t row = 0;
        _Static_assert(SS_CELL_EXPIRED == 3, "the greatest status");
        for (uint64_t eight; row + 8 <= answer->length; row += 8) {
            memcpy(&eight, statuses + row, sizeof eight);
            low += sum_bytes(eight & ones);
            high += sum_bytes(eight >> 1 & ones);
            both += sum_bytes(eight & eight >> 1 & ones);
        }
        counts[0] += (uint64_t)row + both - low - high;
        counts[1] += low - both;
        counts[2] += high - both;
        counts[3] += both;
        for (; row < answer->length; row++) counts[statuses[row]]++;
    }
}

static enum ss_status write_rows(struct run *run, int64_t first_row, const struct ss_answer *answer,
                                 size_t slot, struct ss_error *error)
{
    const struct ss_spine *spine = &run->rows->spine;
    const size_t length = (size_t)answer->length, columns = run->rows->column_count;
    struct ss_arena *arena = &run->slots[slot].arena;
    struct ss_cell *cells = ss_arena_array(arena, length * columns + 1, sizeof *cells);
    struct ss_bytes *lines = ss_arena_array(arena, length + 1, sizeof *lines);
    int64_t *t_us = ss_arena_array(arena, length + 1, sizeof *t_us);
    if (!cells || !lines || !t_us) return ss_fail_memory(error, "the rows of a training table");
    const bool has_lines = ss_spine_lines(run->rows, first_row, answer->length, lines);
    if (run->with_cells || !has_lines) ss_spine_cells(run->rows, first_row, answer->length, cells);
    for (size_t row = 0; row < length; row++)
        t_us[row] = spine->t_us[first_row + (int64_t)row] + (spine->inclusive ? 1 : 0);
    const struct ss_train_rows rows = {cells, has_lines ? lines : NULL, answer, t_us, spine->newest_s};
    return ss_train_output_rows(run->output, slot, &rows, error);
}

static enum ss_status emit(void *context, int64_t first_row, const struct ss_answer *answer, size_t slot,
                           struct ss_error *error)
{
    struct run *run = context;
    const int64_t end = first_row + answer->length;
    SS_TRY(write_rows(run, first_row, answer, slot, error));
    count_statuses(run->service, answer, run->slots[slot].statuses);
    if (end % SS_JOIN_BLOCK_ROWS != 0 && end != run->rows->spine.length) return SS_OK;
    const size_t block = (size_t)((end - 1) / SS_JOIN_BLOCK_ROWS);
    SS_TRY(ss_train_output_end_block(run->output, slot, block, error));
    ss_arena_reset(&run->slots[slot].arena);
    return SS_OK;
}

static void give_up(void *context, int64_t first_row)
{
    const struct run *run = context;
    ss_train_output_give_up(run->output, (size_t)(first_row / SS_JOIN_BLOCK_ROWS));
}

static void progress(void *context, int64_t done, int64_t total)
{
    const struct run *run = context;
    if (run->train->progress) run->train->progress(run->train->progress_context, done, total);
}

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool is_own_spine(const char *output, const char *spine)
{
    struct ss_table_place out, in;
    const bool out_is_table = ss_table_place_parse(output, &out),
               in_is_table = ss_table_place_parse(spine, &in);
    if (out_is_table != in_is_table) return false;
    if (!out_is_table) return same_file(output, spine);
    char *out_path = strndup(out.path.data, out.path.size), *in_path = strndup(in.path.data, in.path.size);
    const bool same =
        out_path && in_path && same_file(out_path, in_path) && strcasecmp(out.table.data, in.table.data) == 0;
    free(out_path);
    free(in_path);
    return same;
}

static bool ends_like_database(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (strcasecmp(dot, ".db") == 0 || strcasecmp(dot, ".sqlite") == 0 ||
                   strcasecmp(dot, ".sqlite3") == 0);
}

static enum ss_status check_place(const char *what, const char *place, struct ss_error *error)
{
    struct ss_table_place parsed;
    if (ss_table_place_parse(place, &parsed) || !ends_like_database(place)) return SS_OK;
    return ss_fail(error, SS_INVALID, "%s '%s': name a table of this database, as in %s:TABLE", what, place,
                   place);
}

static enum ss_status check_request(const struct ss_train *train, struct ss_error *error)
{
    SS_TRY(check_place("spine", train->spine.place, error));
    SS_TRY(check_place("output", train->output, error));
    if (train->inclusive && !train->as_of_event_time)
        return ss_fail(
            error, SS_INVALID,
            "--inclusive goes with --mode as-of-event-time only: as-known rows see what a lookup at t saw");
    if (!is_own_spine(train->output, train->spine.place)) return SS_OK;
    return ss_fail(error, SS_INVALID, "output '%s': it is the spine itself; name another one", train->output);
}

static enum ss_status finish(struct run *run, const struct ss_materializer *materializer, int64_t read_at_us,
                             struct ss_error *error)
{
    struct ss_manifest manifest;
    SS_TRY(ss_train_describe(run->train, materializer->definitions, run->service, &run->rows->arena,
                             &manifest, error));
    manifest.spine_hash = run->rows->hash;
    manifest.newest_seq = run->rows->spine.newest_s;
    manifest.read_at_us = read_at_us;
    SS_TRY(ss_train_output_finish(run->output, &manifest, error));
    run->result->row_count = manifest.row_count;
    run->result->digest = manifest.digest;
    return SS_OK;
}

// ---- Again, as a manifest says

static enum ss_status check_spine(const struct ss_train *train, const struct ss_spine_rows *rows,
                                  struct ss_error *error)
{
    char now[SS_SHA256_TEXT_SIZE], then[SS_SHA256_TEXT_SIZE];
    if (memcmp(&rows->hash, &train->again->spine_hash, sizeof rows->hash) == 0) return SS_OK;
    return ss_fail(error, SS_FOUND,
                   "spine '%s': it has the hash %.16s now, and table '%s' was made of one with the hash "
                   "%.16s: its rows or columns have changed; put the spine of then back in its place, or "
                   "make a new table of this one with 'selfsame train'; the table stays as it was",
                   train->spine.place, ss_sha256_format(&rows->hash, now), train->output,
                   ss_sha256_format(&train->again->spine_hash, then));
}

static enum ss_status go_back(const struct ss_train *train, struct ss_spine *spine, int64_t *read_at_us,
                              struct ss_error *error)
{
    const uint64_t then = train->again->newest_seq, now = spine->newest_s;
    if (then > now)
        return ss_fail(error, SS_CONFLICT,
                       "table '%s': it was made as of seq %llu, and history goes up to seq %llu: is this "
                       "the store that it was made from, or did history come back from an older backup?",
                       train->output, (unsigned long long)then, (unsigned long long)now);
    spine->newest_s = then;
    *read_at_us = train->again->read_at_us;
    return SS_OK;
}

// ---- Values from the store's history

static enum ss_status begin_here(void *context, const struct ss_service *service,
                                 const struct ss_spine *spine, uint64_t *newest_seq, int64_t *read_at_us,
                                 struct ss_error *error)
{
    const struct ss_store *store = ((const struct ss_materializer *)context)->store;
    struct ss_commit newest;
    (void)service, (void)spine;
    *read_at_us = ss_clock_now(store->clock);
    SS_TRY(ss_history_newest_commit(store->history, &newest, error));
    *newest_seq = newest.last_seq;
    return SS_OK;
}

static enum ss_status join_here(void *context, const struct ss_service *service, const struct ss_spine *spine,
                                struct ss_pool *pool, const struct ss_point_in_time_sink *sink,
                                struct ss_error *error)
{
    const struct ss_materializer *materializer = context;
    return ss_point_in_time(materializer->store->history, service, spine, pool, sink, error);
}

// ---- Together

static enum ss_status join_and_write(struct run *run, const struct ss_materializer *materializer,
                                     struct ss_error *error)
{
    const struct ss_train *train = run->train;
    struct ss_spine *spine = &run->rows->spine;
    const struct ss_point_in_time_sink sink = {emit, progress, run, give_up};
    const size_t slots = ss_pool_threads(run->pool);
    const struct ss_train_layout layout = {train->output, run->rows->columns, run->rows->column_count,
                                           run->service,  train->with_status, train->with_digest,
                                           train->again};
    const struct ss_train_values *values = run->values;
    int64_t read_at_us;
    enum ss_status status;
    spine->as_of_event_time = train->as_of_event_time;
    spine->inclusive = train->inclusive;
    SS_TRY(values->begin(values->context, run->service, spine, &spine->newest_s, &read_at_us, error));
    if (train->again) SS_TRY(go_back(train, spine, &read_at_us, error));
    run->result->newest_seq = spine->newest_s;
    run->slots = ss_arena_array(&run->rows->arena, slots, sizeof *run->slots);
    if (!run->slots) return ss_fail_memory(error, "a training table");
    SS_TRY(ss_train_output_open(&layout, slots, &run->output, error));
    SS_TRY_GOTO(values->join(values->context, run->service, spine, run->pool, &sink, error), out);
    SS_TRY_GOTO(finish(run, materializer, read_at_us, error), out);
    for (size_t i = 0; i < 4 * slots; i++) run->result->statuses[i % 4] += run->slots[i / 4].statuses[i % 4];
out:
    for (size_t i = 0; i < slots; i++) ss_arena_release(&run->slots[i].arena);
    ss_train_output_close(run->output);
    return status;
}

static size_t core_count(void)
{
    cpu_set_t cores;
    return sched_getaffinity(0, sizeof cores, &cores) == 0 ? (size_t)CPU_COUNT(&cores) : 1;
}

enum ss_status ss_train(struct ss_materializer *materializer, const struct ss_train *train,
                        struct ss_train_result *result, struct ss_error *error)
{
    struct ss_train_result filled = {0};
    struct ss_spine_rows rows = {0};
    const struct ss_train_values here = {materializer, begin_here, join_here};
    struct run run = {
        .train = train, .values = train->values ? train->values : &here, .result = &filled, .rows = &rows};
    enum ss_status status;
    struct ss_spine_source source = train->spine;
    struct ss_table_place place;
    SS_TRY(check_request(train, error));
    source.with_hash = ss_table_place_parse(train->output, &place); // its manifest has it
    run.with_cells = source.with_hash || train->with_digest;
    SS_TRY(ss_require_service(materializer, train->service, &run.service, error));
    SS_TRY(ss_pool_create(train->threads ? train->threads : core_count(), &run.pool, error));
    SS_TRY_GOTO(ss_spine_read(&source, run.service, run.pool, &rows, error), out);
    if (train->again) SS_TRY_GOTO(check_spine(train, &rows, error), out);
    SS_TRY_GOTO(join_and_write(&run, materializer, error), out);
    filled.feature_count = run.service->feature_count;
    *result = filled;
out:
    ss_spine_release(&rows);
    ss_pool_destroy(run.pool);
    return status;
}
