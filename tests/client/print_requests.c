// Prints requests as the client writes them, "name hex" per line; requests.py makes the same with Python's
// protobuf.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/batch.h"
#include "client/error.h"
#include "client/lookup.h"
#include "client/spine.h"

static void print(const char *name, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    printf("%s ", name);
    for (size_t i = 0; i < size; i++) printf("%02x", bytes[i]);
    printf("\n");
}

static void print_lookup(const char *name, struct selfsame_lookup *lookup, uint64_t id)
{
    struct selfsame_bytes bytes;
    struct selfsame_error error;
    if (ss_client_lookup_bytes(lookup, id, &bytes, &error) != SELFSAME_OK) {
        fprintf(stderr, "%s: %s\n", name, error.message);
        exit(1);
    }
    print(name, bytes.data, bytes.size);
}

static void least(void)
{
    struct selfsame_lookup *lookup = selfsame_lookup_create("s");
    print_lookup("least", lookup, 0);
    selfsame_lookup_destroy(lookup);
}

static void everything(void)
{
    static const unsigned char fingerprint[32] = {1, 2, 255};
    static const float vector[2][3] = {{1, 2, 3}, {-0.5F, 0, 1e30F}};
    struct selfsame_lookup *lookup = selfsame_lookup_create("fraud_v1");
    selfsame_lookup_rows(lookup, 3);
    selfsame_lookup_feature(lookup, "a.b");
    selfsame_lookup_feature(lookup, "");
    struct selfsame_column *user = selfsame_lookup_key(lookup, "user", SELFSAME_TYPE_STRING);
    selfsame_set_string(user, 0, "u1");
    selfsame_set_text(user, 1, "\0\xc3\xa9", 3);
    selfsame_set_string(user, 2, "");
    struct selfsame_column *card = selfsame_lookup_key(lookup, "card", SELFSAME_TYPE_INT64);
    for (size_t i = 0; i < 3; i++) selfsame_set_int64(card, i, i == 1 ? INT64_MIN : (int64_t)i);
    struct selfsame_column *amount = selfsame_lookup_input(lookup, "amount", SELFSAME_TYPE_DECIMAL);
    selfsame_column_scale(amount, 2);
    selfsame_set_decimal(amount, 0, -150);
    selfsame_set_decimal(amount, 2, 1);
    selfsame_set_double(selfsame_lookup_input(lookup, "ratio", SELFSAME_TYPE_FLOAT64), 1, 0.1);
    selfsame_set_bool(selfsame_lookup_input(lookup, "known", SELFSAME_TYPE_BOOL), 2, true);
    selfsame_set_bytes(selfsame_lookup_input(lookup, "raw", SELFSAME_TYPE_BYTES), 0, "\xff\0", 2);
    struct selfsame_column *place = selfsame_lookup_input(lookup, "place", SELFSAME_TYPE_VECTOR);
    selfsame_set_vector(place, 0, vector[0], 3);
    selfsame_set_vector(place, 2, vector[1], 3);
    selfsame_lookup_event(lookup, "payments");
    selfsame_set_timestamp(selfsame_lookup_event_column(lookup, "at", SELFSAME_TYPE_TIMESTAMP), 0, -1);
    selfsame_lookup_event_present(lookup, 1, false);
    selfsame_lookup_with_event_times(lookup, true);
    selfsame_lookup_at(lookup, 1700000000000001);
    selfsame_lookup_fingerprint(lookup, fingerprint, sizeof fingerprint);
    print_lookup("everything", lookup, (uint64_t)5 << 32 | 7);
    // The same lookup, built anew for another send.
    selfsame_lookup_rows(lookup, 1);
    selfsame_set_string(user, 0, "u2");
    selfsame_set_null(card, 0);
    selfsame_lookup_fingerprint(lookup, NULL, 0);
    print_lookup("again", lookup, 0);
    selfsame_lookup_destroy(lookup);
}

static void without_keys(void)
{
    struct selfsame_lookup *lookup = selfsame_lookup_create("world");
    selfsame_lookup_rows(lookup, 1000);
    struct selfsame_column *x = selfsame_lookup_input(lookup, "x", SELFSAME_TYPE_INT64);
    for (size_t i = 0; i < 1000; i++) selfsame_set_int64(x, i, (int64_t)(i * i));
    print_lookup("without_keys", lookup, 1);
    selfsame_lookup_destroy(lookup);
}

// Texts that are set over and over, shorter and longer: only the last of each counts.
static void overwritten(void)
{
    struct selfsame_lookup *lookup = selfsame_lookup_create("s");
    selfsame_lookup_rows(lookup, 4);
    struct selfsame_column *text = selfsame_lookup_key(lookup, "text", SELFSAME_TYPE_STRING);
    char value[300];
    memset(value, 'x', sizeof value);
    for (size_t i = 0; i < 5000; i++) selfsame_set_text(text, i % 3, value, (i * 7919) % sizeof value);
    print_lookup("overwritten", lookup, 0);
    selfsame_lookup_destroy(lookup);
}

static void push(void)
{
    struct ss_client_rows rows = {.count = 2};
    struct ss_client_columns columns = {.rows = &rows};
    struct ss_client_writer writer = {0};
    const struct ss_client_push plain = {.source = "clicks"};
    const struct ss_client_push all = {"clicks", "p-1", 300, true, true};
    selfsame_set_int64(ss_client_column(&columns, "user", SELFSAME_TYPE_INT64), 0, 1);
    selfsame_set_double(ss_client_column(&columns, "weight", SELFSAME_TYPE_FLOAT64), 1, -0.0);
    ss_client_push_write(&plain, &columns, &writer);
    print("push", writer.data, writer.size);
    writer.size = 0;
    ss_client_push_write(&all, &columns, &writer);
    print("push_all", writer.data, writer.size);
    ss_client_writer_release(&writer);
    ss_client_columns_release(&columns);
}

static void spine(void)
{
    struct selfsame_spine *chunk = ss_client_spine_create();
    struct ss_client_writer writer = {0};
    struct selfsame_error error;
    selfsame_spine_rows(chunk, 2);
    for (size_t row = 0; row < 2; row++) {
        selfsame_set_int64(selfsame_spine_key(chunk, "user", SELFSAME_TYPE_INT64), row, 5 + (int64_t)row);
        selfsame_spine_t(chunk, row, 1000 * (int64_t)row);
    }
    if (ss_client_spine_write(chunk, 2, &writer, &error) != SELFSAME_OK) exit(1);
    print("spine", writer.data, writer.size);
    for (size_t row = 0; row < 2; row++) selfsame_spine_seq(chunk, row, 9 + row);
    writer.size = 0;
    if (ss_client_spine_write(chunk, 2, &writer, &error) != SELFSAME_OK) exit(1);
    print("spine_seq", writer.data, writer.size);
    ss_client_writer_release(&writer);
    ss_client_spine_destroy(chunk);
}

int main(void)
{
    least();
    everything();
    without_keys();
    overwritten();
    push();
    spine();
    return 0;
}
