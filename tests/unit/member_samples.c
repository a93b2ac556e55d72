#include "member_samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/base/list.h"

const struct ss_type sample_types[SAMPLE_TYPES] = {
    {.id = SS_INT64},
    {.id = SS_STRING},
    {.id = SS_DECIMAL, .scale = 2},
    {.id = SS_BOOL},
    {.id = SS_BYTES},
    {.id = SS_TIMESTAMP},
    {.id = SS_FLOAT64},
    {.id = SS_LIST, .element = SS_INT64},
    {.id = SS_VECTOR, .length = 2},
};

#define TEXT_SIZE 24
static struct text {
    uint8_t size;
    char data[TEXT_SIZE];
} pools[4][SAMPLE_NUMBERS];

static const char *const awkward[] = {"",   "\"",       "\\",        "\n\r\t\b\f",   "\x01\x1f\x7f", "a",
                                      "ab", "abcdefgh", "abcdefghi", "abcdefgh\x01", "\u00e4"};

static struct ss_bytes text_of(struct text *text, enum ss_type_id type, unsigned number)
{
    if (text->size) return (struct ss_bytes){text->data, text->size};
    if (type == SS_STRING) {
        const bool special = number < sizeof awkward / sizeof *awkward;
        const int size = special ? snprintf(text->data, TEXT_SIZE, "%s", awkward[number])
                                 : snprintf(text->data, TEXT_SIZE, "customer-%u", number);
        text->size = (uint8_t)size;
    } else if (type == SS_BYTES) { // zeros, as many as the number's low bits say, and the rest of it
        text->size = (uint8_t)(number % 16);
        text->data[text->size] = (char)(number / 16 % 256);
        text->data[text->size + 1] = (char)(number / 4096);
        text->size = (uint8_t)(text->size + (number < 16 ? 0 : number < 4096 ? 1 : 2));
    } else if (type == SS_LIST) {
        struct ss_buffer packed = {0};
        ss_list_append((struct ss_type){.id = SS_INT64}, (struct ss_value){.present = true, .i64 = number},
                       &packed);
        memcpy(text->data, packed.data, packed.size);
        text->size = (uint8_t)packed.size;
        ss_buffer_release(&packed);
    } else {
        const float floats[2] = {(float)number, 0.5f};
        memcpy(text->data, floats, sizeof floats);
        text->size = sizeof floats;
    }
    return (struct ss_bytes){text->data, text->size};
}

struct ss_value sample_value(struct ss_type type, uint64_t number)
{
    struct ss_value value = {.present = true};
    if (ss_type_is_text(type))
        value.text = text_of(&pools[type.id == SS_STRING ? 0 : type.id - SS_BYTES + 1][number], type.id,
                             (unsigned)number);
    else if (type.id == SS_BOOL)
        value.boolean = number & 1;
    else if (type.id == SS_FLOAT64)
        value.f64 = ((double)number - 3) / 7;
    else
        value.i64 = number == 1 && type.id != SS_TIMESTAMP
                        ? INT64_C(-999999999999999999)
                        : ((int64_t)number - 3) * (type.id == SS_TIMESTAMP ? SS_HOUR_US : 17);
    return value;
}

int sample_compare(struct ss_type type, const struct ss_value *a, const struct ss_value *b)
{
    if (ss_type_is_text(type)) {
        const size_t size = a->text.size < b->text.size ? a->text.size : b->text.size;
        const int order = size ? memcmp(a->text.data, b->text.data, size) : 0;
        return order ? order : (a->text.size > b->text.size) - (a->text.size < b->text.size);
    }
    if (type.id == SS_BOOL) return a->boolean - b->boolean;
    if (type.id == SS_FLOAT64) return (a->f64 > b->f64) - (a->f64 < b->f64);
    return (a->i64 > b->i64) - (a->i64 < b->i64);
}

void sample_events(struct samples *samples, const struct ss_group_kind *kind, uint64_t different,
                   struct ss_group_event *events, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        events[i] = (struct ss_group_event){
            .event_time_us = (int64_t)samples_below(samples, count / 2 + 1) * 1000,
            .seq = i * 7919 % 1000003 + samples_below(samples, 2) * 1000003,
            .value = sample_value(kind->type, samples_below(samples, different)),
        };
        if (kind->group && kind->group->has_second)
            events[i].second = sample_value(kind->group->second_type, samples_below(samples, 4));
    }
}

static int by_time(const void *a, const void *b)
{
    const struct ss_group_event *x = a, *y = b;
    if (x->event_time_us != y->event_time_us) return x->event_time_us < y->event_time_us ? -1 : 1;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

void sample_sort(struct ss_group_event *events, size_t count)
{
    qsort(events, count, sizeof *events, by_time);
}

struct ss_group_state sample_state(const struct ss_group_kind *kind, const struct ss_group_event *events,
                                   size_t count, struct ss_arena *arena)
{
    struct ss_group_state state = {0};
    for (size_t i = 0; i < count; i++) assert_true(ss_group_add(&state, kind, &events[i], arena));
    return state;
}

struct ss_value sample_read(struct ss_group_state *state, const struct ss_group_kind *kind,
                            const struct ss_aggregate *aggregate, struct ss_arena *arena)
{
    struct ss_value value;
    assert_true(ss_group_value(state, kind, aggregate, 0, arena, &value));
    return value;
}

void assert_value(struct ss_type type, const struct ss_value *got, const struct ss_value *want)
{
    assert_int_equal(got->present, want->present);
    if (want->present) assert_true(ss_value_equal(type, *got, *want));
}

void assert_list(struct ss_type element, const struct ss_value *list, const struct ss_value *values,
                 size_t count)
{
    struct ss_bytes rest = list->text;
    struct ss_value value;
    assert_true(list->present);
    for (size_t i = 0; i < count; i++) {
        assert_true(ss_list_next(element, &rest, &value));
        assert_value(element, &value, &values[i]);
    }
    assert_int_equal(rest.size, 0);
}
