// Training tables: one GetTrainingTable call, driven by the thread that takes its rows.
//
// While it waits for rows it also sends the spine's next chunk as soon as the last has left, so a table of
// any size goes through with no more than a chunk here, whether the server answers early or only at the end.
#include "client/call.h"
#include "client/error.h"
#include "client/proto_read.h"
#include "client/spine.h"
#include "client/values.h"

#include <stdlib.h>

enum { START = 1, SPINE = 2, HEADER = 1, ROWS = 2 };
enum { START_SERVICE = 1, START_FEATURES, START_MODE, START_INCLUSIVE, START_FINGERPRINT };
enum { FIRST_ROW = 1, ROW_COUNT, FEATURES };

struct selfsame_table {
    struct ss_client_duplex *duplex;
    selfsame_spine_callback *next_chunk;
    void *context;
    struct selfsame_spine *spine;
    struct ss_client_writer message; // the last that was sent
    bool spine_ended, ended;
    uint8_t fingerprint[32];
    size_t fingerprint_size;
    uint64_t newest_seq;
    struct ss_client_reply reply; // the rows that are read now
    uint64_t first_row;
    size_t row_count, feature_count;
    struct selfsame_values *features;
};

static void forget_rows(struct selfsame_table *table)
{
    for (size_t i = 0; i < table->feature_count; i++) ss_client_values_release(&table->features[i]);
    free(table->features);
    table->features = NULL;
    table->feature_count = table->row_count = 0;
    ss_client_reply_release(&table->reply);
}

static void write_start(const struct selfsame_table_options *options, struct ss_client_writer *writer)
{
    const size_t begun = ss_client_write_begin(writer, START);
    ss_client_write_bytes(writer, START_SERVICE, options->service, strlen(options->service));
    for (size_t i = 0; i < options->feature_count; i++)
        ss_client_write_element(writer, START_FEATURES, options->features[i], strlen(options->features[i]));
    ss_client_write_varint(writer, START_MODE, options->as_of_event_time);
    ss_client_write_varint(writer, START_INCLUSIVE, options->inclusive);
    if (options->fingerprint) ss_client_write_bytes(writer, START_FINGERPRINT, options->fingerprint, 32);
    ss_client_write_end(writer, begun);
}

static enum selfsame_code start(struct selfsame_client *client, const struct selfsame_table_options *options,
                                struct selfsame_table *table, struct selfsame_error *error)
{
    const uint32_t deadline_ms = options->deadline_ms ? options->deadline_ms : UINT32_MAX;
    table->spine = ss_client_spine_create();
    write_start(options, &table->message);
    if (!table->spine || table->message.failed) return ss_client_fail_memory(error, "the table");
    SS_CLIENT_TRY(
        ss_client_duplex_open(client, SS_CLIENT_GET_TRAINING_TABLE, deadline_ms, &table->duplex, error));
    return ss_client_duplex_send(table->duplex, table->message.data, table->message.size, error);
}

enum selfsame_code selfsame_table_open(struct selfsame_client *client,
                                       const struct selfsame_table_options *options,
                                       struct selfsame_table **table, struct selfsame_error *error)
{
    struct selfsame_table_options known = {0};
    memcpy(&known, options, options->size < sizeof known ? options->size : sizeof known);
    if (!known.service || !known.next_chunk)
        return ss_client_fail(error, SELFSAME_INVALID_ARGUMENT, "option '%s': it is missing",
                              known.service ? "next_chunk" : "service");
    struct selfsame_table *made = calloc(1, sizeof *made);
    if (!made) return ss_client_fail_memory(error, "the table");
    made->next_chunk = known.next_chunk;
    made->context = known.context;
    const enum selfsame_code code = start(client, &known, made, error);
    if (code == SELFSAME_OK)
        *table = made;
    else
        selfsame_table_close(made);
    return code;
}

// Sends the next chunk that has rows, or the spine's end.
static enum selfsame_code send_chunk(struct selfsame_table *table, struct selfsame_error *error)
{
    do {
        selfsame_spine_rows(table->spine, 0);
        if (!table->next_chunk(table->context, table->spine)) {
            table->spine_ended = true;
            return ss_client_duplex_half_close(table->duplex, error);
        }
    } while (!ss_client_spine_count(table->spine));
    table->message.size = 0;
    SS_CLIENT_TRY(ss_client_spine_write(table->spine, SPINE, &table->message, error));
    return ss_client_duplex_send(table->duplex, table->message.data, table->message.size, error);
}

static enum selfsame_code malformed(struct selfsame_error *error)
{
    return ss_client_fail(error, SELFSAME_INTERNAL, "the table: the server's bytes are no message");
}

static enum selfsame_code read_header(struct selfsame_table *table, const struct ss_client_field *header,
                                      struct selfsame_error *error)
{
    struct ss_client_reader reader = ss_client_read(header->data, header->size);
    struct ss_client_field field;
    while (ss_client_read_field(&reader, &field)) {
        if (field.number == 1 && field.kind == SS_CLIENT_BYTES && field.size <= sizeof table->fingerprint) {
            if (field.size) memcpy(table->fingerprint, field.data, field.size);
            table->fingerprint_size = field.size;
        }
        if (field.number == 2 && field.kind == SS_CLIENT_FIXED64) table->newest_seq = field.value;
    }
    return reader.failed ? malformed(error) : SELFSAME_OK;
}

// How many rows and features; then room for them.
static enum selfsame_code outline_rows(struct selfsame_table *table, const struct ss_client_field *rows,
                                       size_t *features, struct selfsame_error *error)
{
    struct ss_client_reader reader = ss_client_read(rows->data, rows->size);
    struct ss_client_field field;
    uint64_t row_count = 0;
    table->first_row = 0;
    while (ss_client_read_field(&reader, &field)) {
        if (field.number == FIRST_ROW && field.kind == SS_CLIENT_VARINT) table->first_row = field.value;
        if (field.number == ROW_COUNT && field.kind == SS_CLIENT_VARINT) row_count = field.value;
        if (field.number == FEATURES && field.kind == SS_CLIENT_BYTES) ++*features;
    }
    if (reader.failed || row_count > UINT32_MAX || *features > rows->size / 4) return malformed(error);
    table->row_count = (size_t)row_count;
    table->features = calloc(*features ? *features : 1, sizeof *table->features);
    return table->features ? SELFSAME_OK : ss_client_fail_memory(error, "the table");
}

static enum selfsame_code read_rows(struct selfsame_table *table, const struct ss_client_field *rows,
                                    struct selfsame_error *error)
{
    struct ss_client_field field;
    size_t features = 0;
    SS_CLIENT_TRY(outline_rows(table, rows, &features, error));
    struct ss_client_reader reader = ss_client_read(rows->data, rows->size);
    while (ss_client_read_field(&reader, &field)) {
        if (field.number != FEATURES || field.kind != SS_CLIENT_BYTES) continue;
        SS_CLIENT_TRY(ss_client_values_decode(field.data, field.size, table->row_count,
                                              &table->features[table->feature_count++], error));
    }
    return SELFSAME_OK;
}

// *has_rows: it was a message of rows.
static enum selfsame_code read_message(struct selfsame_table *table, bool *has_rows,
                                       struct selfsame_error *error)
{
    struct ss_client_reader reader = ss_client_read(table->reply.data, table->reply.size);
    struct ss_client_field field;
    while (ss_client_read_field(&reader, &field)) {
        if (field.kind != SS_CLIENT_BYTES) continue;
        if (field.number == HEADER) SS_CLIENT_TRY(read_header(table, &field, error));
        if (field.number != ROWS) continue;
        if (*has_rows) return malformed(error);
        *has_rows = true;
        SS_CLIENT_TRY(read_rows(table, &field, error));
    }
    return reader.failed ? malformed(error) : SELFSAME_OK;
}

enum selfsame_code selfsame_table_next(struct selfsame_table *table, struct selfsame_error *error)
{
    bool has_rows = false;
    while (!has_rows) {
        enum ss_client_event event;
        forget_rows(table);
        if (table->ended)
            return ss_client_fail(error, SELFSAME_OUT_OF_RANGE, "the table: there are no more rows");
        if (!table->spine_ended && ss_client_duplex_may_send(table->duplex))
            SS_CLIENT_TRY(send_chunk(table, error));
        SS_CLIENT_TRY(ss_client_duplex_wait(table->duplex, true, &event, &table->reply, error));
        table->ended = event == SS_CLIENT_ENDED;
        if (event == SS_CLIENT_MESSAGE) SS_CLIENT_TRY(read_message(table, &has_rows, error));
    }
    return SELFSAME_OK;
}

uint64_t selfsame_table_first_row(const struct selfsame_table *table)
{
    return table->first_row;
}

size_t selfsame_table_rows(const struct selfsame_table *table)
{
    return table->row_count;
}

size_t selfsame_table_feature_count(const struct selfsame_table *table)
{
    return table->feature_count;
}

const struct selfsame_values *selfsame_table_feature(const struct selfsame_table *table, size_t index)
{
    return index < table->feature_count ? &table->features[index] : NULL;
}

uint64_t selfsame_table_newest_seq(const struct selfsame_table *table)
{
    return table->newest_seq;
}

struct selfsame_bytes selfsame_table_fingerprint(const struct selfsame_table *table)
{
    return (struct selfsame_bytes){table->fingerprint, table->fingerprint_size};
}

void selfsame_table_close(struct selfsame_table *table)
{
    if (!table) return;
    forget_rows(table);
    ss_client_duplex_close(table->duplex);
    ss_client_spine_destroy(table->spine);
    ss_client_writer_release(&table->message);
    free(table);
}
