// A file of tokens from any bytes: a set or an error that names a line. What was taken prints as it was, but
// for the order of rights; and no bytes pass for a bearer. An end line with the right checksum is added, so
// that what stands before it is looked at too.
#include <stdlib.h>

#include "server/tokens_internal.h"
#include "tests/fuzz/fuzz.h"

static void print(const struct ss_tokens *tokens, struct ss_buffer *text)
{
    const size_t count = ss_tokens_count(tokens);
    const struct ss_token **list = calloc(count + 1, sizeof *list);
    SS_ASSERT(list);
    for (size_t i = 0; i < count; i++) list[i] = ss_tokens_at(tokens, i);
    ss_tokens_print(list, count, text);
    free(list);
}

static void check_find(const struct ss_tokens *tokens, const uint8_t *data, size_t size)
{
    const struct ss_token *token;
    struct ss_token_finder *finder = ss_token_finder_create();
    SS_ASSERT(finder);
    const struct ss_bytes bearer = {(const char *)data, size};
    SS_ASSERT(ss_tokens_find(tokens, finder, bearer, 0, &token) != SS_TOKEN_VALID && !token);
    ss_token_finder_destroy(finder);
}

static void check_text(struct ss_bytes text, const uint8_t *data, size_t size)
{
    struct ss_tokens *tokens = NULL, *again = NULL;
    struct ss_error error = {0};
    struct ss_buffer first = {0}, second = {0};
    if (ss_tokens_parse("t", text, &tokens, &error) != SS_OK) {
        SS_ASSERT(error.message[0] && !tokens);
        return;
    }
    print(tokens, &first);
    SS_ASSERT(ss_tokens_parse("t", (struct ss_bytes){(char *)first.data, first.size}, &again, &error) ==
              SS_OK);
    print(again, &second);
    SS_ASSERT(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
    for (size_t i = 0; i < ss_tokens_count(tokens); i++)
        (void)ss_token_may(ss_tokens_at(tokens, i), SS_RIGHT_READ, "fraud_v1");
    check_find(tokens, data, size);
    ss_tokens_release(again);
    ss_tokens_release(tokens);
    ss_buffer_release(&second);
    ss_buffer_release(&first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ss_buffer text = {0};
    size_t lines = 0;
    check_text((struct ss_bytes){(const char *)data, size}, data, size);
    ss_buffer_text(&text, "selfsame tokens 1\n");
    ss_buffer_append(&text, data, size);
    if (size && data[size - 1] != '\n') ss_buffer_byte(&text, '\n');
    for (size_t i = 0; i < text.size; i++) lines += text.data[i] == '\n';
    const uint64_t checksum = ss_hash64(text.data, text.size);
    ss_buffer_format(&text, "end %zu %016llx\n", lines - 1, (unsigned long long)checksum);
    check_text((struct ss_bytes){(char *)text.data, text.size}, data, size);
    ss_buffer_release(&text);
    return 0;
}
