// Receipts: a PushResponse, looked through once; its refused rows are read in place.
#include "client/batch.h"

#include "client/answer.h"
#include "client/error.h"
#include "client/proto_read.h"

#include <stdlib.h>

enum {
    ACCEPTED = 2,
    DUPLICATE,
    CONFLICTING,
    QUARANTINED,
    WARNED,
    WAS_ACKNOWLEDGED,
    SEQ,
    REFUSED,
    NOT_VISIBLE,
    ERROR
};
enum { REFUSED_MIN = 4 }; // bytes of one: its tag, its length and at least its reason

struct selfsame_receipt {
    struct ss_client_reply reply;
    uint64_t numbers[SEQ + 1]; // by field
    struct selfsame_bytes not_visible, error;
    bool has_error;
    size_t refused_count;
    struct selfsame_refused *refused;
};

static bool outline(struct selfsame_receipt *receipt)
{
    struct ss_client_reader reader = ss_client_read(receipt->reply.data, receipt->reply.size);
    struct ss_client_field field;
    while (ss_client_read_field(&reader, &field)) {
        const struct selfsame_bytes bytes = {field.data, field.size};
        if (field.kind != SS_CLIENT_BYTES) {
            if (field.number <= SEQ) receipt->numbers[field.number] = field.value;
        } else if (field.number == REFUSED) {
            receipt->refused_count++;
        } else if (field.number == NOT_VISIBLE) {
            receipt->not_visible = bytes;
        } else if (field.number == ERROR) {
            receipt->error = bytes;
            receipt->has_error = true;
        }
    }
    return !reader.failed;
}

static bool read_refused(const struct ss_client_field *message, struct selfsame_refused *refused)
{
    struct ss_client_reader reader = ss_client_read(message->data, message->size);
    struct ss_client_field field;
    *refused = (struct selfsame_refused){.column = {"", 0}, .value = {"", 0}, .reason = {"", 0}};
    while (ss_client_read_field(&reader, &field)) {
        const struct selfsame_bytes bytes = {field.data, field.size};
        if (field.number == 1 && field.kind == SS_CLIENT_VARINT)
            refused->row = (int64_t)(field.value >> 1 ^ (0 - (field.value & 1))); // zigzag
        if (field.kind != SS_CLIENT_BYTES) continue;
        if (field.number == 3) refused->column = bytes;
        if (field.number == 4) refused->value = bytes;
        if (field.number == 5) refused->reason = bytes;
    }
    return !reader.failed;
}

static enum selfsame_code decode(struct selfsame_receipt *receipt, struct selfsame_error *error)
{
    struct ss_client_reader reader = ss_client_read(receipt->reply.data, receipt->reply.size);
    struct ss_client_field field;
    size_t row = 0;
    if (!outline(receipt) || receipt->refused_count > receipt->reply.size / REFUSED_MIN)
        return ss_client_fail(error, SELFSAME_INTERNAL, "the receipt: its bytes are no message");
    if (receipt->has_error) return ss_client_error_decode(receipt->error.data, receipt->error.size, error);
    if (!receipt->refused_count) return SELFSAME_OK;
    receipt->refused = malloc(receipt->refused_count * sizeof *receipt->refused);
    if (!receipt->refused) return ss_client_fail_memory(error, "the receipt");
    while (ss_client_read_field(&reader, &field)) {
        if (field.number != REFUSED || field.kind != SS_CLIENT_BYTES) continue;
        if (!read_refused(&field, &receipt->refused[row++]))
            return ss_client_fail(error, SELFSAME_INTERNAL, "the receipt: a refused row is no message");
    }
    return SELFSAME_OK;
}

enum selfsame_code ss_client_receipt_decode(struct ss_client_reply *reply, struct selfsame_receipt **receipt,
                                            struct selfsame_error *error)
{
    struct selfsame_receipt *made = calloc(1, sizeof *made);
    if (!made) {
        ss_client_reply_release(reply);
        return ss_client_fail_memory(error, "the receipt");
    }
    made->reply = *reply;
    *reply = (struct ss_client_reply){0};
    const enum selfsame_code code = decode(made, error);
    if (code == SELFSAME_OK)
        *receipt = made;
    else
        selfsame_receipt_destroy(made);
    return code;
}

void selfsame_receipt_destroy(struct selfsame_receipt *receipt)
{
    if (!receipt) return;
    free(receipt->refused);
    ss_client_reply_release(&receipt->reply);
    free(receipt);
}

uint64_t selfsame_receipt_accepted(const struct selfsame_receipt *receipt)
{
    return receipt->numbers[ACCEPTED];
}

uint64_t selfsame_receipt_duplicate(const struct selfsame_receipt *receipt)
{
    return receipt->numbers[DUPLICATE];
}

uint64_t selfsame_receipt_conflicting(const struct selfsame_receipt *receipt)
{
    return receipt->numbers[CONFLICTING];
}

uint64_t selfsame_receipt_quarantined(const struct selfsame_receipt *receipt)
{
    return receipt->numbers[QUARANTINED];
}

uint64_t selfsame_receipt_warned(const struct selfsame_receipt *receipt)
{
    return receipt->numbers[WARNED];
}

bool selfsame_receipt_was_acknowledged(const struct selfsame_receipt *receipt)
{
    return receipt->numbers[WAS_ACKNOWLEDGED] != 0;
}

uint64_t selfsame_receipt_seq(const struct selfsame_receipt *receipt)
{
    return receipt->numbers[SEQ];
}

struct selfsame_bytes selfsame_receipt_not_visible(const struct selfsame_receipt *receipt)
{
    return receipt->not_visible;
}

size_t selfsame_receipt_refused_count(const struct selfsame_receipt *receipt)
{
    return receipt->refused_count;
}

bool selfsame_receipt_refused(const struct selfsame_receipt *receipt, size_t index,
                              struct selfsame_refused *refused)
{
    if (index >= receipt->refused_count) return false;
    *refused = receipt->refused[index];
    return true;
}
