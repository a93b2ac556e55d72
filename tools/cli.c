// What every subcommand shares.

#include "tools/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/list.h"
#include "engine/base/list_text.h"
#include "engine/base/number.h"

int ss_cli_fail(const struct ss_error *error)
{
    fprintf(stderr, "selfsame: %s\n", error->message[0] ? error->message : ss_status_text(error->status));
    return ss_status_exit(error->status);
}

int ss_cli_usage(const struct ss_cli *cli, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "selfsame %s: ", cli->command->name);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nusage: selfsame %s\n       'selfsame %s --help' tells more\n", cli->command->usage,
            cli->command->name);
    return SS_EXIT_ERROR;
}

bool ss_cli_help(const struct ss_cli *cli, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") != 0 && strcmp(argv[i], "-h") != 0) continue;
        struct ss_buffer more = {0};
        printf("usage: selfsame %s\n\n%s\n\n%s%s", cli->command->usage, cli->command->summary,
               cli->command->help, cli->command->more ? cli->command->more(&more) : "");
        ss_buffer_release(&more);
        return true;
    }
    return false;
}

enum ss_status ss_cli_move_clock(const struct ss_cli *cli, struct ss_clock *clock, struct ss_error *error)
{
    if (!cli->has_now) return SS_OK;
    if (ss_clock_kind(clock) != SS_CLOCK_REPLAY)
        return ss_fail(error, SS_INVALID,
                       "--now: store '%s' goes by the machine's clock; only a replay clock is moved",
                       cli->directory);
    char now[SS_TIME_TEXT_SIZE];
    if (cli->now_us < ss_clock_now(clock))
        fprintf(stderr, "note: --now changes nothing: the store's clock stands at %s already\n",
                ss_time_format(ss_clock_now(clock), now));
    if (ss_clock_advance(clock, cli->now_us)) return SS_OK;
    return ss_fail(
        error, SS_BUSY,
        "--now: store '%s' has a commit on its way, for which its clock stands; try again, or, if its writer "
        "is dead, let a writing command recover it first",
        cli->directory);
}

enum ss_status ss_cli_open(const struct ss_cli *cli, enum ss_store_mode mode,
                           struct ss_materializer **materializer, struct ss_error *error)
{
    return ss_cli_open_with(cli, mode, NULL, materializer, error);
}

enum ss_status ss_cli_open_with(const struct ss_cli *cli, enum ss_store_mode mode,
                                const struct ss_store_options *options, struct ss_materializer **materializer,
                                struct ss_error *error)
{
    struct ss_materializer *opened;
    SS_TRY(ss_materializer_open(cli->directory, mode, options, &opened, error));
    const enum ss_status status = ss_cli_move_clock(cli, opened->store->clock, error);
    if (status != SS_OK) {
        ss_materializer_close(opened);
        return status;
    }
    if (opened->rebuilt)
        fprintf(stderr, "selfsame: online rows were made anew from history (%llu rows read)\n",
                (unsigned long long)opened->caught_up_rows);
    else if (opened->caught_up_rows)
        fprintf(stderr, "selfsame: online rows caught up with history (%llu rows read)\n",
                (unsigned long long)opened->caught_up_rows);
    *materializer = opened;
    return SS_OK;
}

bool ss_cli_pair(const char *text, struct ss_arena *arena, const char **name, const char **value)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text) return false;
    *name = ss_arena_copy(arena, text, (size_t)(equals - text));
    *value = equals + 1;
    return *name != NULL;
}

bool ss_cli_time_column(const char *text, struct ss_arena *arena, const char **column,
                        enum ss_time_unit *unit)
{
    static const struct {
        const char *suffix;
        enum ss_time_unit unit;
    } units[] = {{":ms", SS_UNIT_MS}, {":us", SS_UNIT_US}, {":s", SS_UNIT_S}};
    size_t length = strlen(text);
    *unit = SS_UNIT_TEXT;
    for (size_t i = 0; i < sizeof units / sizeof *units && *unit == SS_UNIT_TEXT; i++) {
        const size_t suffix = strlen(units[i].suffix);
        if (length <= suffix || strcmp(text + length - suffix, units[i].suffix) != 0) continue;
        *unit = units[i].unit;
        length -= suffix;
    }
    *column = ss_arena_copy(arena, text, length);
    return *column != NULL && length > 0;
}

void ss_cli_print_json(struct json_object *value)
{
    printf("%s\n",
           json_object_to_json_string_ext(value, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(value);
}

static struct json_object *json_text(struct ss_type type, struct ss_value value)
{
    struct ss_buffer text = {0};
    ss_value_format(type, value, &text);
    struct json_object *made =
        json_object_new_string_len(text.size ? (const char *)text.data : "", (int)text.size);
    ss_buffer_release(&text);
    return made;
}

static struct json_object *json_list(struct ss_type element, struct ss_bytes packed)
{
    struct json_object *array = json_object_new_array();
    struct ss_value value;
    while (ss_list_next(element, &packed, &value))
        json_object_array_add(array, ss_cli_json_value(element, value));
    return array;
}

static struct json_object *json_vector(struct ss_bytes floats)
{
    char text[SS_NUMBER_TEXT_SIZE];
    struct json_object *array = json_object_new_array();
    for (size_t i = 0; i < floats.size / 4; i++) {
        const float value = ss_vector_at(floats, i);
        json_object_array_add(array, json_object_new_double_s((double)value, ss_float32_format(value, text)));
    }
    return array;
}

struct json_object *ss_cli_json_value(struct ss_type type, struct ss_value value)
{
    char text[SS_NUMBER_TEXT_SIZE];
    if (!value.present) return NULL;
    switch (type.id) {
    case SS_BOOL: return json_object_new_boolean(value.boolean);
    case SS_INT64: return json_object_new_int64(value.i64);
    case SS_FLOAT64: return json_object_new_double_s(value.f64, ss_float64_format(value.f64, text));
    case SS_DECIMAL: return json_object_new_string(ss_decimal_format(value.i64, type.scale, text));
    case SS_STRING: return json_object_new_string_len(value.text.data, (int)value.text.size);
    case SS_TIMESTAMP: return ss_cli_json_time(value.i64);
    case SS_BYTES: return json_text(type, value);
    case SS_LIST: return json_list(ss_element_of(type), value.text);
    case SS_VECTOR: return json_vector(value.text);
    }
    return NULL;
}

struct json_object *ss_cli_json_text(const char *text)
{
    if (ss_utf8_valid(ss_bytes_of(text))) return json_object_new_string(text);
    char *shown = strdup(text);
    for (char *at = shown; at && *at; at++)
        if ((unsigned char)*at >= 0x80) *at = '?';
    struct json_object *made = json_object_new_string(shown ? shown : "?");
    free(shown);
    return made;
}

struct json_object *ss_cli_json_time(int64_t time_us)
{
    char text[SS_TIME_TEXT_SIZE];
    return json_object_new_string(ss_time_format(time_us, text));
}

struct json_object *ss_cli_json_hash(const struct ss_sha256 *hash)
{
    char text[SS_SHA256_TEXT_SIZE];
    return json_object_new_string(ss_sha256_format(hash, text));
}

void ss_table_init(struct ss_table *table, size_t column_count, const char *const *headers)
{
    *table = (struct ss_table){.column_count = column_count};
    for (size_t i = 0; i < column_count; i++) {
        table->right[i] = headers[i][0] == '>';
        ss_table_cell(table, "%s", headers[i] + (table->right[i] ? 1 : 0));
    }
}

void ss_table_cell(struct ss_table *table, const char *format, ...)
{
    va_list arguments;
    char text[512];
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    ss_table_text(table, ss_bytes_of(text));
}

void ss_table_text(struct ss_table *table, struct ss_bytes text)
{
    if (table->cell_count == table->capacity) {
        const size_t capacity = table->capacity ? table->capacity * 2 : 64;
        struct ss_buffer *grown = realloc(table->cells, capacity * sizeof *grown);
        if (!grown) {
            table->failed = true;
            return;
        }
        table->cells = grown;
        table->capacity = capacity;
    }
    table->cells[table->cell_count] = (struct ss_buffer){0};
    ss_buffer_append(&table->cells[table->cell_count++], text.data, text.size);
}

static int cell_width(const struct ss_buffer *cell)
{
    return (int)ss_utf8_length((struct ss_bytes){(const char *)cell->data, cell->size});
}

void ss_table_print(struct ss_table *table, FILE *out)
{
    int width[SS_TABLE_COLUMNS_MAX] = {0};
    for (size_t i = 0; i < table->cell_count; i++) {
        const int cell = cell_width(&table->cells[i]);
        if (cell > width[i % table->column_count]) width[i % table->column_count] = cell;
    }
    for (size_t i = 0; i < table->cell_count; i++) {
        const size_t column = i % table->column_count;
        const bool last = column + 1 == table->column_count;
        const int pad = width[column] - cell_width(&table->cells[i]);
        if (table->right[column]) fprintf(out, "%*s", pad, "");
        if (table->cells[i].size) fwrite(table->cells[i].data, 1, table->cells[i].size, out);
        if (last)
            fputc('\n', out);
        else
            fprintf(out, "%*s", (table->right[column] ? 0 : pad) + 2, "");
    }
    ss_table_release(table);
}

void ss_table_release(struct ss_table *table)
{
    for (size_t i = 0; i < table->cell_count; i++) ss_buffer_release(&table->cells[i]);
    free(table->cells);
    *table = (struct ss_table){0};
}

const char *ss_count_format(uint64_t count, char text[SS_COUNT_TEXT_SIZE])
{
    char digits[24];
    const int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
    size_t out = 0;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0) text[out++] = ',';
        text[out++] = digits[i];
    }
    text[out] = 0;
    return text;
}

const char *ss_size_format(uint64_t bytes, char text[SS_COUNT_TEXT_SIZE])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1024;
        unit++;
    }
    snprintf(text, SS_COUNT_TEXT_SIZE, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return text;
}
