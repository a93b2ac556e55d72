// ns of CPU time of what a server does between the decoded keys of a call and the columns of its answer: pin,
// lookup, unpin. One view of 20 `last`s of float64, keys of 15 bytes drawn from all entities (cold) or from
// 1000 of them (hot), calls of 1, 100 and 1000 keys. Beside it in the same run, of as many other keys:
// ss_online_get alone. Medians of five.
//
//     bench_serving_lookup [entities] [prices|doubles] [ttl]     values of two decimals, or of all bits
//
// Bars of 1M entities: 100 keys 110 us a call and 25 us over the gets, 1 key 2 us, pin and unpin 150 ns hot.

#include <string.h>
#include <unistd.h>

#include "engine/key.h"
#include "materializer/apply.h"
#include "materializer/lookup.h"
#include "materializer/push.h"
#include "tests/bench/bench.h"
#include "tests/unit/samples.h"

#define FEATURES   20
#define BATCH_ROWS 50000
#define ROWS       200000 // of one run
#define RUNS       5
#define KEY_BYTES  15
#define HOT        1000
#define MOST       1000 // keys of a call
#define START_US   (INT64_C(1767225600) * SS_SECOND_US)

struct bench {
    int entities;
    bool prices;
    const char *within;
    char directory[64];
    struct ss_materializer *materializer;
    struct ss_error error;
    struct samples samples;
    struct ss_arena arena, of_keys;
};

static void must_succeed(const struct bench *bench, enum ss_status status)
{
    must(status == SS_OK, bench->error.message);
}

// ---- The store

static void apply_definitions(struct bench *bench)
{
    struct ss_buffer yaml = {0}, report = {0};
    struct ss_definitions *definitions;
    size_t count;
    ss_buffer_text(
        &yaml, "entities:\n  user: {user_id: string}\nsources:\n  readings:\n    columns: {user_id: string");
    for (int f = 0; f < FEATURES; f++) ss_buffer_format(&yaml, ", x%d: float64", f);
    ss_buffer_text(&yaml,
                   ", at: timestamp}\n    event_time: at\nviews:\n  v:\n    entity: user\n"
                   "    source: readings\n    features:\n");
    for (int f = 0; f < FEATURES; f++)
        ss_buffer_format(&yaml, "      f%d: last(x%d)%s\n", f, f, bench->within);
    ss_buffer_text(&yaml, "services:\n  model: {features: [v.*]}\n");
    const struct ss_file file = {"bench.yaml", {(const char *)yaml.data, yaml.size}};
    must_succeed(bench, ss_definitions_compile(&file, 1, NULL, &definitions, &report, &count, &bench->error));
    must_succeed(bench, ss_apply(bench->materializer, definitions, &bench->error));
    ss_buffer_release(&yaml);
}

static void name_entity(int entity, char name[KEY_BYTES + 1])
{
    snprintf(name, KEY_BYTES + 1, "user-%010d", entity);
}

static double sample_value(struct bench *bench)
{
    const uint64_t bits = samples_below(&bench->samples, UINT64_C(1) << 53);
    return bench->prices ? (double)(bits % 1000000) / 100 : (double)bits * 0x1p-53 * 1000;
}

static void push_entities(struct bench *bench, int first, int count)
{
    struct ss_column columns[FEATURES + 2];
    struct ss_push_result result;
    const struct ss_source *source = ss_find_source(bench->materializer->definitions, "readings");
    ss_arena_reset(&bench->arena);
    for (int c = 0; c < FEATURES + 2; c++)
        if (!ss_column_init(&columns[c], source->columns[c].type, count, &bench->arena)) abort();
    for (int row = 0; row < count; row++) {
        char name[KEY_BYTES + 1];
        name_entity(first + row, name);
        struct ss_value value = {.present = true, .text = ss_bytes_of(name)};
        if (!ss_column_append(&columns[0], value, &bench->arena)) abort();
        for (int f = 0; f < FEATURES; f++) {
            value = (struct ss_value){.present = true, .f64 = sample_value(bench)};
            if (!ss_column_append(&columns[1 + f], value, &bench->arena)) abort();
        }
        value = (struct ss_value){.present = true, .i64 = START_US + first + row};
        if (!ss_column_append(&columns[FEATURES + 1], value, &bench->arena)) abort();
    }
    const struct ss_push push = {.source = source, .length = count, .columns = columns, .defer_online = true};
    must_succeed(bench, ss_push(bench->materializer, &push, &result, &bench->error));
}

static void make_store(struct bench *bench)
{
    const struct ss_store_options options = {.no_sync = true};
    const char *temporary = getenv("TMPDIR");
    snprintf(bench->directory, sizeof bench->directory, "%s/bench-lookup-XXXXXX",
             temporary ? temporary : "/tmp");
    if (!mkdtemp(bench->directory)) exit(2);
    must_succeed(bench, ss_store_create(bench->directory, SS_CLOCK_REPLAY, &options, &bench->error));
    must_succeed(bench, ss_materializer_open(bench->directory, SS_STORE_WRITE, &options, &bench->materializer,
                                             &bench->error));
    apply_definitions(bench);
    for (int first = 0; first < bench->entities; first += BATCH_ROWS)
        push_entities(bench, first,
                      first + BATCH_ROWS <= bench->entities ? BATCH_ROWS : bench->entities - first);
    must_succeed(bench, ss_push_deferred(bench->materializer, &bench->error));
    ss_arena_release(&bench->arena);
}

static void drop_store(struct bench *bench)
{
    char command[96];
    ss_materializer_close(bench->materializer);
    snprintf(command, sizeof command, "rm -rf %s", bench->directory);
    if (system(command) != 0) fprintf(stderr, "bench_serving_lookup: %s is left\n", bench->directory);
}

// ---- What is measured

static int draw(struct bench *bench, bool hot)
{
    const int among = hot && bench->entities > HOT ? HOT : bench->entities;
    const uint64_t drawn = samples_below(&bench->samples, (uint64_t)among);
    return (int)(drawn * (uint64_t)(bench->entities / among));
}

static struct ss_column *draw_keys(struct bench *bench, int calls, int length, bool hot)
{
    struct ss_arena *arena = &bench->of_keys;
    ss_arena_reset(arena);
    struct ss_column *keys = ss_arena_array(arena, (size_t)calls, sizeof *keys);
    if (!keys) abort();
    for (int call = 0; call < calls; call++) {
        if (!ss_column_init(&keys[call], (struct ss_type){.id = SS_STRING}, length, arena) ||
            !ss_column_reserve(&keys[call], (size_t)(length * KEY_BYTES), arena))
            abort();
        for (int i = 0; i < length; i++) {
            char name[KEY_BYTES + 1];
            name_entity(draw(bench, hot), name);
            const struct ss_value value = {.present = true, .text = ss_bytes_of(name)};
            if (!ss_column_append(&keys[call], value, arena)) abort();
        }
    }
    return keys;
}

static double time_lookups(struct bench *bench, int calls, int length, bool hot)
{
    const struct ss_column *keys = draw_keys(bench, calls, length, hot);
    struct ss_arena *arena = &bench->arena;
    const double start = now_ns();
    for (int call = 0; call < calls; call++) {
        const struct ss_lookup lookup = {.length = length, .keys = &keys[call]};
        struct ss_pinned pinned;
        struct ss_answer answer;
        must_succeed(bench, ss_pin(bench->materializer, false, 0, &pinned, &bench->error));
        const struct ss_service *service = ss_find_service(bench->materializer->definitions, "model");
        must_succeed(bench, ss_lookup(&pinned, service, &lookup, arena, &answer, &bench->error));
        if (!ss_bit_get(answer.columns[FEATURES - 1].validity, length - 1)) abort();
        ss_unpin(&pinned);
        ss_arena_reset(arena);
    }
    return (now_ns() - start) / calls;
}

static double time_gets(struct bench *bench, int calls, int length, bool hot)
{
    const struct ss_column *keys = draw_keys(bench, calls, length, hot);
    const struct ss_view *view = &bench->materializer->definitions->views[0];
    struct ss_online_txn *txn;
    must_succeed(bench, ss_online_read(bench->materializer->store->online, &txn, &bench->error));
    const double start = now_ns();
    for (int call = 0; call < calls; call++)
        for (int row = 0; row < length; row++) {
            struct ss_key key;
            struct ss_bytes state;
            const struct ss_value part = ss_column_get(&keys[call], row);
            ss_key_encode(view->entity->key_types, &part, 1, &key);
            must_succeed(bench, ss_online_get(txn, &view->fingerprint,
                                              (struct ss_bytes){(const char *)key.bytes, key.size}, &state,
                                              &bench->error));
            if (!state.data) abort();
        }
    const double took_ns = now_ns() - start;
    ss_online_end(txn);
    return took_ns / calls;
}

static double time_pins(struct bench *bench, int calls)
{
    const double start = now_ns();
    for (int call = 0; call < calls; call++) {
        struct ss_pinned pinned;
        must_succeed(bench, ss_pin(bench->materializer, false, 0, &pinned, &bench->error));
        ss_unpin(&pinned);
    }
    return (now_ns() - start) / calls;
}

static void measure(struct bench *bench, int length, bool hot)
{
    double lookups[RUNS], gets[RUNS], over[RUNS];
    const int calls = ROWS / length;
    for (int run = 0; run < RUNS; run++) {
        gets[run] = time_gets(bench, calls, length, hot);
        lookups[run] = time_lookups(bench, calls, length, hot);
        over[run] = lookups[run] - gets[run];
    }
    printf("%-5s %5d %12.0f %12.0f %12.0f %12.1f\n", hot ? "hot" : "cold", length, median(lookups, RUNS),
           median(gets, RUNS), median(over, RUNS), median(over, RUNS) / length);
}

static size_t row_bytes(struct bench *bench)
{
    struct ss_online_txn *txn;
    struct ss_bytes state = {0};
    struct ss_key key;
    char name[KEY_BYTES + 1];
    size_t bytes = 0;
    const struct ss_view *view = &bench->materializer->definitions->views[0];
    must_succeed(bench, ss_online_read(bench->materializer->store->online, &txn, &bench->error));
    for (int i = 0; i < HOT; i++) {
        name_entity(draw(bench, false), name);
        const struct ss_value part = {.present = true, .text = ss_bytes_of(name)};
        ss_key_encode(view->entity->key_types, &part, 1, &key);
        must_succeed(bench, ss_online_get(txn, &view->fingerprint,
                                          (struct ss_bytes){(const char *)key.bytes, key.size}, &state,
                                          &bench->error));
        bytes += state.size;
    }
    ss_online_end(txn);
    return bytes / HOT;
}

int main(int count, char **arguments)
{
    struct bench bench = {
        .entities = count > 1 ? atoi(arguments[1]) : 1000000, .samples = {42}, .within = ""};
    for (int i = 2; i < count; i++) {
        if (strcmp(arguments[i], "prices") == 0) bench.prices = true;
        if (strcmp(arguments[i], "ttl") == 0) bench.within = " within 90d";
    }
    if (bench.entities <= 0) return 2;
    make_store(&bench);
    printf("%d entities, %d features, %zu bytes of state\n", bench.entities, FEATURES, row_bytes(&bench));
    printf("%-5s %5s %12s %12s %12s %12s\n", "keys", "call", "ns a call", "gets alone", "over them",
           "over a row");
    for (int hot = 0; hot < 2; hot++)
        for (int length = 1; length <= MOST; length *= length == 1 ? 100 : 10) measure(&bench, length, hot);
    printf("pin and unpin %.0f ns\n", time_pins(&bench, ROWS));
    ss_arena_release(&bench.arena);
    ss_arena_release(&bench.of_keys);
    drop_store(&bench);
    return 0;
}
