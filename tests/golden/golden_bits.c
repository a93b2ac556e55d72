// The bits that no build may change: random groups of events through every view of every_feature.yaml.
//
//   golden_bits              compares with tests/golden/bits.txt
//   golden_bits --write      writes that file anew
//   golden_bits --states DIR writes a state of every view and size to DIR (seeds of fuzz_state)
//
// A line is a view, the number of a group, the hash of its state's bytes and the hash of what is read from it
// at four times: the aggregates' and the features' values, and which have expired. A view's random groups
// come from its name and its columns' names alone, so its lines stay when other views or columns come. Inputs
// are made by integers alone (every_value): what differs between builds is the engine.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/float_environment.h"
#include "tests/fuzz/every_feature.h"

#define GOLDEN    "tests/golden/bits.txt"
#define GROUPS    80 // of a view
#define LINE_SIZE 160

struct group {
    const struct ss_view *view;
    struct ss_arena arena, event_arena;
    uint64_t seed, event;
    struct ss_state *state;
    int64_t newest_us;
};

static uint64_t mix(uint64_t z)
{
    z += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t mix_text(uint64_t seed, const char *text)
{
    for (; *text; text++) seed = mix(seed ^ (uint8_t)*text);
    return seed;
}

static struct ss_value column_of(void *context, const struct ss_source_column *column)
{
    struct group *group = context;
    const uint64_t bits = mix_text(group->event, column->name);
    return every_value(column->type, bits, &group->event_arena);
}

// Groups of few events and of many, around a time before or after 1970, close together or over a month.
static size_t event_count(uint64_t number)
{
    static const size_t counts[] = {1, 3, 4, 2, 7, 30, 5, 70, 12, 150, 3, 40, 1, 20, 9, 400};
    return counts[number % (sizeof counts / sizeof *counts)];
}

static void add_event(struct group *group, uint64_t number, int64_t base_us, uint64_t span_us)
{
    struct ss_event event;
    group->event = mix(group->seed ^ number);
    // Every fourth event shares its time with others.
    uint64_t offset_us = mix(group->event) % span_us;
    if (number % 4 == 0) offset_us = number % 3 * (span_us / 4);
    const int64_t time_us = base_us + (int64_t)offset_us;
    if (time_us > group->newest_us) group->newest_us = time_us;
    ss_arena_reset(&group->event_arena);
    if (!every_event(group->view, time_us, 1 + number, column_of, group, &group->event_arena, &event)) return;
    SS_ASSERT(ss_state_add(group->state, &event, INT64_MIN, NULL) == SS_OK);
}

static void make_group(struct group *group, const struct ss_view *view, uint64_t number)
{
    static const int64_t bases_us[] = {INT64_C(1772000000123457), INT64_C(-86400000001), SS_TIME_MIN_US,
                                       INT64_C(-5000000000000000), SS_TIME_MAX_US - 70 * SS_DAY_US};
    static const uint64_t spans_us[] = {30 * SS_DAY_US, 3 * SS_HOUR_US, 26 * SS_HOUR_US, 10 * SS_SECOND_US};
    group->view = view;
    group->seed = mix(mix_text(7, view->name) ^ number);
    group->newest_us = SS_TIME_MIN_US;
    group->state = ss_state_create(view, &group->arena);
    SS_ASSERT(group->state);
    const int64_t base_us = bases_us[group->seed % 5];
    const uint64_t span_us = spans_us[group->seed >> 8 & 3];
    for (uint64_t i = 0; i < event_count(number); i++) add_event(group, i, base_us, span_us);
}

static void release_group(struct group *group)
{
    ss_arena_release(&group->event_arena);
    ss_arena_release(&group->arena);
}

// ---- Hashes

static void append_value(struct ss_type type, struct ss_value value, struct ss_buffer *buffer)
{
    ss_buffer_byte(buffer, value.present);
    if (!value.present) return;
    uint64_t bits;
    memcpy(&bits, &value.i64, sizeof bits);
    if (ss_type_is_text(type)) {
        ss_buffer_varint(buffer, value.text.size);
        ss_buffer_append(buffer, value.text.data, value.text.size);
    } else if (type.id == SS_BOOL) {
        ss_buffer_byte(buffer, value.boolean);
    } else {
        ss_buffer_fixed64(buffer, bits);
    }
}

static void read_at(struct group *group, int64_t t_us, struct ss_buffer *buffer)
{
    const struct ss_view *view = group->view;
    struct ss_arena *arena = &group->arena;
    struct ss_value *values = ss_arena_array(arena, view->aggregate_count + 1, sizeof *values);
    bool *expired = ss_arena_array(arena, view->aggregate_count + 1, sizeof *expired);
    SS_ASSERT(values && expired);
    SS_ASSERT(ss_state_read(group->state, t_us, NULL, values, expired, NULL) == SS_OK);
    for (size_t i = 0; i < view->aggregate_count; i++) {
        append_value(view->aggregates[i].type, values[i], buffer);
        ss_buffer_byte(buffer, expired[i]);
    }
    const struct ss_column *features = every_read(view, values, t_us, arena);
    for (size_t i = 0; i < view->feature_count; i++)
        append_value(view->features[i].type, ss_column_get(&features[i], 0), buffer);
}

static void encode_state(const struct group *group, struct ss_buffer *buffer)
{
    SS_ASSERT(ss_state_encode(group->state, buffer, NULL) == SS_OK);
}

static void format_line(struct group *group, uint64_t number, char line[LINE_SIZE])
{
    static const int64_t ages_us[] = {1, 2 * SS_HOUR_US, 7 * SS_DAY_US - 1, 30 * SS_DAY_US};
    struct ss_buffer state = {0}, values = {0};
    encode_state(group, &state);
    for (size_t i = 0; i < sizeof ages_us / sizeof *ages_us; i++)
        read_at(group, group->newest_us + ages_us[i], &values);
    SS_ASSERT(!state.failed && !values.failed);
    snprintf(line, LINE_SIZE, "%s %" PRIu64 " %016" PRIx64 " %016" PRIx64 "\n", group->view->name, number,
             ss_hash64(state.data, state.size), ss_hash64(values.data, values.size));
    ss_buffer_release(&values);
    ss_buffer_release(&state);
}

// ---- The three things to do

static void format_group(const struct ss_view *view, uint64_t number, char line[LINE_SIZE])
{
    struct group group = {0};
    make_group(&group, view, number);
    format_line(&group, number, line);
    release_group(&group);
}

static int write_golden(const struct ss_definitions *definitions)
{
    char line[LINE_SIZE];
    FILE *file = fopen(GOLDEN, "w");
    if (!file) {
        perror(GOLDEN);
        return 2;
    }
    for (size_t v = 0; v < definitions->view_count; v++) {
        for (uint64_t number = 0; number < GROUPS; number++) {
            format_group(&definitions->views[v], number, line);
            fputs(line, file);
        }
    }
    return fclose(file) == 0 ? 0 : 2;
}

static int compare_golden(const struct ss_definitions *definitions)
{
    char line[LINE_SIZE], golden[LINE_SIZE];
    size_t lines = 0, wrong = 0;
    FILE *file = fopen(GOLDEN, "r");
    if (!file) {
        perror(GOLDEN);
        return 2;
    }
    for (size_t v = 0; v < definitions->view_count; v++) {
        for (uint64_t number = 0; number < GROUPS; number++, lines++) {
            format_group(&definitions->views[v], number, line);
            if (!fgets(golden, LINE_SIZE, file)) golden[0] = 0;
            if (strcmp(line, golden) == 0) continue;
            if (wrong++ < 20) printf("golden: %s%sgot:    %s", golden, *golden ? "" : "no line\n", line);
        }
    }
    const bool more = fgets(golden, LINE_SIZE, file) != NULL;
    fclose(file);
    if (more) printf("%s has lines of views that are not there\n", GOLDEN);
    printf("%zu groups, %zu differ\n", lines, wrong);
    return wrong || more ? 1 : 0;
}

// Seeds of fuzz_state: the view's index, then the bytes.
static int write_states(const struct ss_definitions *definitions, const char *directory)
{
    for (size_t v = 0; v < definitions->view_count; v++) {
        for (uint64_t number = 0; number < 13; number += 3) {
            char path[1024];
            snprintf(path, sizeof path, "%s/%s-%" PRIu64, directory, definitions->views[v].name, number);
            FILE *file = fopen(path, "wb");
            if (!file) {
                perror(path);
                return 2;
            }
            struct group group = {0};
            struct ss_buffer state = {0};
            make_group(&group, &definitions->views[v], number);
            ss_buffer_byte(&state, (uint8_t)v);
            encode_state(&group, &state);
            fwrite(state.data, 1, state.size, file);
            ss_buffer_release(&state);
            release_group(&group);
            if (fclose(file) != 0) return 2;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct ss_error error;
    if (ss_float_environment_check(&error) != SS_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 2;
    }
    const struct ss_definitions *definitions = every_feature();
    if (argc == 2 && strcmp(argv[1], "--write") == 0) return write_golden(definitions);
    if (argc == 3 && strcmp(argv[1], "--states") == 0) return write_states(definitions, argv[2]);
    return compare_golden(definitions);
}
