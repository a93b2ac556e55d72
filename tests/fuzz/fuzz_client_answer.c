// What the client reads from a server, of any bytes: an answer, a receipt, an error. Either it is refused
// with a message, or all of it can be read. The first byte says which.
#include "client/answer.h"
#include "client/batch.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static uint64_t seen; // so that nothing is read in vain

static void see(struct selfsame_bytes bytes)
{
    const uint8_t *at = bytes.data;
    for (size_t i = 0; i < bytes.size; i++) seen += at[i];
}

static void read_values(const struct selfsame_values *values, bool are_elements)
{
    const size_t rows = selfsame_values_rows(values) > 1000 ? 1000 : selfsame_values_rows(values);
    const size_t length = selfsame_values_length(values);
    if (!are_elements) see(selfsame_values_name(values));
    for (size_t row = 0; row <= rows; row++) {
        size_t first, count;
        SS_ASSERT((unsigned)selfsame_values_status(values, row) <= SELFSAME_STATUS_EXPIRED);
        see(selfsame_values_bytes(values, row));
        const double number = selfsame_values_double(values, row);
        see((struct selfsame_bytes){&number, sizeof number});
        seen += (uint64_t)selfsame_values_int64(values, row) + selfsame_values_bool(values, row);
        float *floats = length && length < 10000 ? malloc(length * sizeof *floats) : NULL;
        if (floats && selfsame_values_vector(values, row, floats))
            see((struct selfsame_bytes){floats, length * sizeof *floats});
        free(floats);
        selfsame_values_list(values, row, &first, &count);
        SS_ASSERT(!count || first + count <= selfsame_values_rows(selfsame_values_elements(values)));
    }
    if (selfsame_values_elements(values)) read_values(selfsame_values_elements(values), true);
}

static void check_error(const struct selfsame_error *error, enum selfsame_code code)
{
    SS_ASSERT(code != SELFSAME_OK && error->code == code && error->message[0]);
}

static void fuzz_answer(struct ss_client_reply *reply)
{
    struct selfsame_answer *answer = NULL;
    struct selfsame_error error;
    uint64_t id;
    const enum selfsame_code code = ss_client_answer_decode(reply, &id, &answer, &error);
    SS_ASSERT((code == SELFSAME_OK) == (answer != NULL) && !reply->release);
    if (!answer) {
        check_error(&error, code);
        return;
    }
    see(selfsame_answer_fingerprint(answer));
    for (size_t i = 0; i < selfsame_answer_feature_count(answer); i++) {
        SS_ASSERT(selfsame_values_rows(selfsame_answer_feature(answer, i)) == selfsame_answer_rows(answer));
        read_values(selfsame_answer_feature(answer, i), false);
    }
    for (size_t i = 0; i < selfsame_answer_view_count(answer); i++)
        read_values(selfsame_answer_event_times(answer, i), false);
    (void)selfsame_answer_find(answer, "f");
    selfsame_answer_destroy(answer);
}

static void fuzz_receipt(struct ss_client_reply *reply)
{
    struct selfsame_receipt *receipt = NULL;
    struct selfsame_refused refused;
    struct selfsame_error error;
    const enum selfsame_code code = ss_client_receipt_decode(reply, &receipt, &error);
    SS_ASSERT((code == SELFSAME_OK) == (receipt != NULL) && !reply->release);
    if (!receipt) {
        check_error(&error, code);
        return;
    }
    see(selfsame_receipt_not_visible(receipt));
    for (size_t i = 0; selfsame_receipt_refused(receipt, i, &refused); i++) {
        see(refused.column);
        see(refused.value);
        see(refused.reason);
    }
    selfsame_receipt_destroy(receipt);
}

static void free_copy(struct ss_client_reply *reply)
{
    free(reply->owner[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size) return 0;
    uint8_t *copy =
        malloc(size > 1 ? size - 1 : 1); // of the message alone, so that a sanitizer sees reads past its end
    SS_ASSERT(copy);
    memcpy(copy, data + 1, size - 1);
    struct ss_client_reply reply = {.data = copy, .size = size - 1, .release = free_copy, .owner = {copy}};
    if (data[0] % 2)
        fuzz_receipt(&reply);
    else
        fuzz_answer(&reply);
    return 0;
}
