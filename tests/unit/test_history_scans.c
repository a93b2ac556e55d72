// A scan by entity that goes on while its history is written to: at one s it gives the same rows, whatever is
// committed, rolled back, flushed or merged between its calls, in this process or through another handle, and
// whichever of its own calls fail for want of memory.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <time.h>

#include "tests/unit/allocation_sweep.h"
#include "tests/unit/random_bits.h"
#include "tests/unit/segments_harness.h"

#define STORIES 40

struct story {
    struct fixture *fixture;
    int row_count; // committed
    struct ss_history *reader;
    const struct ss_view *view;
    struct ss_entity_scan what;
};

static int random_int(int end)
{
    return (int)(random_bits() % (uint64_t)end);
}

static void append(struct story *story, int count, bool keep)
{
    struct fixture *fixture = story->fixture;
    struct payment *rows = &fixture->rows[story->row_count];
    if (story->row_count + count > ROWS_MOST) return;
    for (int i = 0; i < count; i++) {
        struct payment *payment = row(fixture, story->row_count + i);
        payment->at_us += 1500 + random_int(3000);
        payment->arrival_us = payment->at_us + 300 + random_int(50);
    }
    if (keep) {
        commit_payments(fixture->history, &fixture->visits, rows, count, NULL);
        story->row_count += count;
        return;
    }
    assert_ok(ss_history_begin(fixture->history, &error));
    assert_ok(append_payments(fixture->history, &fixture->visits, rows, count, NULL, &error));
    ss_history_rollback(fixture->history);
}

static void write_something(struct story *story)
{
    struct digest other = {0};
    switch (random_int(6)) {
    case 0: append(story, 1 + random_int(60), true); break;
    case 1: append(story, 1 + random_int(60), false); break;
    case 2: append(story, 200 + random_int(1500), true); break;
    case 3: append(story, 200 + random_int(1500), false); break;
    case 4: compact(story->fixture, random_int(3) ? SS_COMPACT_TIERS : SS_COMPACT_ALL); break;
    case 5: // another scan of the same handle
        assert_ok(
            digest_view(story->reader, &story->fixture->visits.views[random_int(VIEWS)], INT64_MAX, &other));
        break;
    }
}

// The batch's wanted columns, gathered from it after the history was written to once more.
static void digest_gathered(struct story *story, struct ss_event_reader *reader,
                            const struct ss_event_batch *batch, struct digest *digest)
{
    const size_t width = story->view->source->column_count + 1;
    struct ss_arena arena = {0};
    struct ss_event_batch gathered = *batch;
    int32_t rows[SS_BATCH_ROWS];
    gathered.columns = ss_arena_array(&arena, width, sizeof *gathered.columns);
    for (size_t i = 0; i < width; i++) {
        const struct ss_type type =
            i + 1 < width ? story->view->source->columns[i].type : (struct ss_type){.id = SS_TIMESTAMP};
        gathered.columns[i].type = type;
        if (story->what.columns[i])
            assert_true(ss_column_init(&gathered.columns[i], type, SS_BATCH_ROWS, &arena));
    }
    write_something(story);
    for (int32_t i = 0; i < batch->length; i++) rows[i] = i;
    assert_ok(reader->gather(reader, rows, batch->length, gathered.columns, &arena, &error));
    digest_batch(&gathered, width, digest);
    ss_arena_release(&arena);
}

static struct digest scan_while_writing(struct story *story)
{
    struct digest digest = {0};
    struct ss_event_reader *reader;
    const struct ss_event_batch *batch;
    const int busy = random_int(4);
    assert_ok(ss_history_scan(story->reader, &story->what, &reader, &error));
    while (true) {
        if (random_int(6) == 0) ss_fail_allocation_at(1 + random_int(12));
        const enum ss_status status = reader->next(reader, &batch, &error);
        ss_fail_allocation_at(0);
        if (status != SS_OK) {
            assert_int_equal(status, SS_OUT_OF_MEMORY); // and is asked again
            continue;
        }
        if (!batch) break;
        if (story->what.deferred)
            digest_gathered(story, reader, batch, &digest);
        else
            digest_batch(batch, story->view->source->column_count + 1, &digest);
        for (int i = 0; i < busy; i++) write_something(story);
    }
    reader->close(reader);
    return digest;
}

static struct digest scan_at_rest(const struct story *story)
{
    struct digest digest = {0};
    struct ss_event_reader *reader;
    assert_ok(ss_history_read_entity(story->reader, story->view, NULL, story->what.from_us, story->what.to_us,
                                     story->what.s, &reader, &error));
    assert_ok(digest_reader(reader, story->view->source->column_count + 1, &digest));
    reader->close(reader);
    return digest;
}

static void tell(struct story *story, const struct ss_history_options *options)
{
    struct fixture *fixture = story->fixture;
    bool columns[16] = {false};
    while (story->row_count < 2000 + random_int(4000))
        append(story, 1 + random_int(random_int(4) ? 200 : 1500), true);
    if (random_int(2)) compact(fixture, random_int(2) ? SS_COMPACT_ALL : SS_COMPACT_TIERS);
    append(story, 1 + random_int(100), true);
    story->view = &fixture->visits.views[random_int(VIEWS)];
    for (size_t i = 0; i <= story->view->source->column_count; i++) columns[i] = story->view->row_inputs[i];
    for (size_t i = 0; i < story->view->entity->key_count; i++) columns[story->view->key_columns[i]] = true;
    story->what = (struct ss_entity_scan){
        .view = story->view,
        .columns = columns,
        .from_us = random_int(2) ? INT64_MIN : random_int(story->row_count),
        .to_us = random_int(2) ? INT64_MAX : 2 * (int64_t)random_int(story->row_count),
        .s = (uint64_t)(random_int(3) ? story->row_count : 1 + random_int(story->row_count)),
        .deferred = random_int(2),
    };
    story->reader = fixture->history;
    if (random_int(2)) assert_ok(ss_history_open(fixture->path, false, options, &story->reader, &error));
    const struct digest want = scan_at_rest(story);
    assert_same(scan_while_writing(story), want);
    if (story->reader != fixture->history) ss_history_close(story->reader);
}

static void a_scan_gives_its_rows_whatever_is_written_between_its_calls(void **state)
{
    const char *given = getenv("SELFSAME_TEST_SEED");
    random_state = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    for (int i = 0; i < STORIES; i++) {
        const struct ss_history_options options = {.sizes = {.staging_rows = 20 + random_int(900),
                                                             .bulk_rows = 20 + random_int(2000),
                                                             .segment_rows = 10 + random_int(1500),
                                                             .fanout = 2 + random_int(4)}};
        struct story story = {0};
        print_message("seed %llu\n", (unsigned long long)random_state);
        set_up_with(state, &options);
        story.fixture = *state;
        tell(&story, &options);
        tear_down(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scan_gives_its_rows_whatever_is_written_between_its_calls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
