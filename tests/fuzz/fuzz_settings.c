// A settings file from any bytes: settings within their bounds, or an error that says where. What was taken,
// given again as options, is taken again and is the same.
#include <stdio.h>
#include <stdlib.h>

#include "server/access.h"
#include "tests/fuzz/fuzz.h"

static void check_bounds(const struct ss_settings *settings)
{
    for (size_t id = 0; id < SS_SETTING_IDS; id++) {
        const struct ss_setting_row *row = &ss_setting_rows[id];
        const void *field = (const char *)settings + row->offset;
        if (row->kind == SS_SETTING_COUNT || row->kind == SS_SETTING_BYTES) {
            const uint64_t value = *(const uint64_t *)field;
            SS_ASSERT(value >= (uint64_t)row->least && value <= (uint64_t)row->most);
        } else if (row->kind == SS_SETTING_DURATION) {
            const int64_t value = *(const int64_t *)field;
            SS_ASSERT(value >= row->least && value <= row->most);
        }
    }
    SS_ASSERT(settings->listener_count >= 1 && settings->listener_count <= 16);
}

static void print(const struct ss_settings *settings, struct ss_buffer *text)
{
    struct ss_error error = {0};
    ss_settings_print_given(settings, text);
    for (int tokens = 0; tokens < 2; tokens++) {
        const enum ss_status status = ss_access_check(settings, tokens, &error);
        SS_ASSERT(status == SS_OK || error.message[0]);
        ss_buffer_byte(text, (uint8_t)status);
    }
}

static void check_again(const struct ss_settings *settings)
{
    struct ss_setting_option *options;
    struct ss_buffer first = {0}, second = {0};
    struct ss_settings again = {0};
    struct ss_error error = {0};
    size_t count = 0;
    for (size_t id = 0; id < SS_SETTING_IDS; id++) count += settings->texts[id].count;
    options = calloc(count + 1, sizeof *options);
    SS_ASSERT(options);
    count = 0;
    for (size_t id = 0; id < SS_SETTING_IDS; id++) {
        for (size_t i = 0; settings->origins[id] == SS_FROM_FILE && i < settings->texts[id].count; i++)
            options[count++] =
                (struct ss_setting_option){ss_setting_rows[id].name, settings->texts[id].items[i]};
    }
    SS_ASSERT(ss_settings_load(NULL, options, count, &again, &error) == SS_OK);
    print(settings, &first);
    print(&again, &second);
    SS_ASSERT(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
    ss_buffer_release(&second);
    ss_buffer_release(&first);
    ss_settings_release(&again);
    free(options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct ss_settings settings = {0};
    struct ss_error error = {0};
    const int file = fuzz_file(data, size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (ss_settings_load(path, NULL, 0, &settings, &error) == SS_OK) {
        check_bounds(&settings);
        check_again(&settings);
    } else {
        SS_ASSERT(error.message[0]);
    }
    ss_settings_release(&settings);
    close(file);
    return 0;
}
