// Entity states from any bytes: the first byte is the index of a view of every_feature.yaml. What decodes
// encodes to bytes that decode and encode to themselves; what its tiles say becomes canonical when it is
// written anew. Reads, adds, removals and folds of it may find damage but do none.
#include "engine/state_internal.h"
#include "tests/fuzz/every_feature.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_columns.h"

struct session {
    const struct ss_view *view;
    struct ss_arena arena;
    struct ss_state *state;
    uint64_t hash; // of the input: what random choices are made of
};

static struct ss_bytes encode(const struct session *session, const struct ss_state *state)
{
    struct ss_buffer buffer = {0};
    SS_ASSERT(ss_state_encode(state, &buffer, NULL) == SS_OK);
    struct ss_arena *arena = (struct ss_arena *)&session->arena;
    const struct ss_bytes bytes = {ss_arena_copy(arena, buffer.data, buffer.size), buffer.size};
    SS_ASSERT(bytes.data);
    ss_buffer_release(&buffer);
    return bytes;
}

static struct ss_state *decode(struct session *session, struct ss_bytes bytes)
{
    struct ss_state *state = NULL;
    SS_ASSERT(ss_state_decode(session->view, bytes, &session->arena, &state, NULL) == SS_OK);
    return state;
}

static void check_frame(struct session *session)
{
    const struct ss_bytes first = encode(session, session->state);
    const struct ss_bytes second = encode(session, decode(session, first));
    SS_ASSERT(ss_bytes_equal(first, second));
}

// One tile, taken apart and written anew, twice.
static void check_tile(struct session *session, const struct ss_state_level *level,
                       const struct ss_tile *tile)
{
    struct ss_error error;
    struct ss_buffer buffers[2] = {{0}};
    struct ss_tile at = *tile;
    for (int i = 0; i < 2; i++) {
        struct ss_tile open = at;
        const enum ss_status status = ss_tile_decode(session->state, level, &at, &open.groups, &error);
        SS_ASSERT(status == SS_OK || (i == 0 && status == SS_DAMAGED));
        if (status != SS_OK) break;
        open.form = SS_TILE_OPEN;
        ss_tile_encode(session->state, level, &open, &buffers[i]);
        SS_ASSERT(!buffers[i].failed);
        at.bytes = buffers[i].data;
        at.size = (uint32_t)buffers[i].size;
        SS_ASSERT(i == 0 || (buffers[0].size == buffers[1].size &&
                             memcmp(buffers[0].data, buffers[1].data, buffers[0].size) == 0));
    }
    ss_buffer_release(&buffers[0]);
    ss_buffer_release(&buffers[1]);
}

static void check_tiles(struct session *session)
{
    for (size_t l = 0; l < session->view->level_count; l++) {
        const struct ss_state_level *level = &session->state->levels[l];
        for (uint32_t i = 0; i < level->count; i++)
            check_tile(session, level, &level->tiles[level->first + i]);
    }
}

// What is read at one time: SS_DAMAGED has no values.
struct answers {
    enum ss_status status;
    struct ss_value *values;
    bool *expired;
};

static struct answers read_at(struct session *session, const struct ss_state *state, int64_t t_us)
{
    const struct ss_view *view = session->view;
    struct answers answers = {
        .values = ss_arena_array(&session->arena, view->aggregate_count + 1, sizeof *answers.values),
        .expired = ss_arena_array(&session->arena, view->aggregate_count + 1, sizeof *answers.expired)};
    struct ss_error error;
    SS_ASSERT(answers.values && answers.expired);
    answers.status = ss_state_read(state, t_us, NULL, answers.values, answers.expired, &error);
    SS_ASSERT(answers.status == SS_OK || answers.status == SS_DAMAGED);
    for (size_t i = 0; answers.status == SS_OK && i < view->aggregate_count; i++)
        SS_ASSERT(!answers.values[i].present ||
                  fuzz_value_holds(view->aggregates[i].type, answers.values[i]));
    return answers;
}

static int64_t newest_time(const struct session *session)
{
    int64_t time_us = 0;
    uint64_t seq;
    if (!ss_state_newest(session->state, &time_us, &seq)) return 0;
    if (time_us < SS_TIME_MIN_US) return SS_TIME_MIN_US;
    return time_us > SS_TIME_MAX_US - 1 ? SS_TIME_MAX_US - 1 : time_us;
}

#define READ_COUNT 5

static int64_t read_time(int64_t newest_us, int which)
{
    static const int64_t ages[READ_COUNT] = {1, 5 * SS_MINUTE_US, 26 * SS_HOUR_US, 45 * SS_DAY_US,
                                             20000 * SS_DAY_US};
    return newest_us > SS_TIME_MAX_US - ages[which] ? SS_TIME_MAX_US : newest_us + ages[which];
}

static void read_all(struct session *session, const struct ss_state *state, int64_t newest_us)
{
    for (int i = 0; i < READ_COUNT; i++) read_at(session, state, read_time(newest_us, i));
}

// A state and what its bytes decode to answer alike.
static void check_same_answers(struct session *session, const struct ss_state *state,
                               const struct ss_state *again, int64_t newest_us)
{
    const struct ss_view *view = session->view;
    for (int i = 0; i < READ_COUNT; i++) {
        const int64_t t_us = read_time(newest_us, i);
        const struct answers a = read_at(session, state, t_us), b = read_at(session, again, t_us);
        SS_ASSERT(a.status == b.status);
        for (size_t k = 0; a.status == SS_OK && k < view->aggregate_count; k++)
            SS_ASSERT(ss_value_equal(view->aggregates[k].type, a.values[k], b.values[k]) &&
                      a.expired[k] == b.expired[k]);
    }
}

static struct ss_value any_column(void *context, const struct ss_source_column *column)
{
    struct session *session = context;
    session->hash = session->hash * UINT64_C(6364136223846793005) + 1442695040888963407;
    return every_value(column->type, session->hash ^ session->hash >> 32, &session->arena);
}

static void print(const struct session *session, const struct ss_state *state)
{
    struct ss_buffer text = {0};
    struct ss_error error;
    const enum ss_status status = ss_state_print(state, &text, &error);
    SS_ASSERT(status == SS_OK || status == SS_DAMAGED);
    (void)session;
    ss_buffer_release(&text);
}

// Every dirty tile is folded again from one event.
static bool refold(struct ss_state *state, const struct ss_event *event)
{
    int level;
    int64_t start_us, end_us;
    while (ss_state_next_dirty(state, &level, &start_us, &end_us)) {
        ss_state_refold_begin(state, level, start_us);
        if (ss_state_refold_add(state, event, NULL) != SS_OK) return false;
        ss_state_refold_end(state);
    }
    return true;
}

static void change(struct session *session, int64_t newest_us)
{
    struct ss_event event;
    struct ss_error error;
    const uint64_t choice = session->hash;
    const int64_t time_us = choice & 1 ? newest_us : newest_us - (int64_t)(choice >> 32) * 1000;
    if (time_us < SS_TIME_MIN_US) return;
    if (!every_event(session->view, time_us, choice >> 8, any_column, session, &session->arena, &event))
        return;
    enum ss_status status = ss_state_add(session->state, &event, INT64_MIN, &error);
    if (status == SS_OK) status = ss_state_remove(session->state, &event, INT64_MIN, &error);
    if (status == SS_OK && (choice & 2)) status = ss_state_remove(session->state, &event, INT64_MIN, &error);
    SS_ASSERT(status == SS_OK || status == SS_DAMAGED);
    if (status != SS_OK || !refold(session->state, &event)) return;
    check_frame(session);
    check_tiles(session);
    check_same_answers(session, session->state, decode(session, encode(session, session->state)), newest_us);
    status = ss_state_prune(session->state, newest_us, &error);
    SS_ASSERT(status == SS_OK || status == SS_DAMAGED);
    if (status == SS_OK) check_frame(session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct ss_definitions *definitions = every_feature();
    if (size == 0 || data[0] >= definitions->view_count) return 0;
    struct session session = {.view = &definitions->views[data[0]], .hash = ss_hash64(data, size)};
    const struct ss_bytes bytes = {(const char *)data + 1, size - 1};
    struct ss_error error;
    const enum ss_status status =
        ss_state_decode(session.view, bytes, &session.arena, &session.state, &error);
    SS_ASSERT(status == SS_OK || status == SS_DAMAGED);
    if (status == SS_OK) {
        const int64_t newest_us = newest_time(&session);
        check_frame(&session);
        check_tiles(&session);
        print(&session, session.state);
        read_all(&session, session.state, newest_us);
        change(&session, newest_us);
    }
    ss_arena_release(&session.arena);
    return 0;
}
