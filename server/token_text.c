// Names and rights of tokens as text.

#include <string.h>

#include "engine/diagnostics.h"
#include "server/tokens.h"
#include "server/tokens_internal.h"

#define NAME_MAX_BYTES 64

static const struct {
    const char *word, *of;
} rights[SS_RIGHT_KINDS] = {
#define RIGHT(right, word, of) {word, of},
    SS_TOKEN_RIGHTS(RIGHT)
#undef RIGHT
};

static bool is_made_of(const char *text, const char *letters)
{
    const size_t size = strlen(text);
    return size > 0 && size <= NAME_MAX_BYTES && strspn(text, letters) == size;
}

#define LETTERS_AND_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

bool ss_token_name_is_fine(const char *name)
{
    return is_made_of(name, LETTERS_AND_DIGITS "_-.@") && name[0] != '-';
}

// As definitions name things.
static bool is_defined_name(const char *name)
{
    return is_made_of(name, LETTERS_AND_DIGITS "_") && !(name[0] >= '0' && name[0] <= '9');
}

static enum ss_status fail_word(const char *text, size_t size, struct ss_error *error)
{
    const char *words[SS_RIGHT_KINDS];
    char hint[SS_HINT_SIZE];
    for (size_t i = 0; i < SS_RIGHT_KINDS; i++) words[i] = rights[i].word;
    const char *nearest = ss_nearest_name((struct ss_bytes){text, size}, words, SS_RIGHT_KINDS);
    return ss_fail(error, SS_INVALID,
                   "right '%.80s': expected read:SERVICE, push:SOURCE, train:SERVICE or admin%s", text,
                   ss_nearest_hint(nearest, hint));
}

enum ss_status ss_token_right_parse(const char *text, struct ss_token_right *right, struct ss_error *error)
{
    const size_t size = strcspn(text, ":");
    size_t kind = 0;
    while (kind < SS_RIGHT_KINDS &&
           (strlen(rights[kind].word) != size || strncmp(rights[kind].word, text, size) != 0))
        kind++;
    if (kind == SS_RIGHT_KINDS) return fail_word(text, size, error);
    const char *name = text[size] ? text + size + 1 : NULL;
    if (!rights[kind].of) {
        if (name) return ss_fail(error, SS_INVALID, "right '%.80s': 'admin' stands alone", text);
    } else if (!name) {
        return ss_fail(
            error, SS_INVALID,
            "right '%.80s': expected the name of a %s behind it, as in '%s:NAME', or '%s:*' for all", text,
            rights[kind].of, rights[kind].word, rights[kind].word);
    } else if (strcmp(name, "*") != 0 && !is_defined_name(name)) {
        return ss_fail(
            error, SS_INVALID,
            "right '%.80s': '%.64s' cannot be the name of a %s: letters, digits and _, or '*' alone for all",
            text, name, rights[kind].of);
    }
    *right = (struct ss_token_right){(enum ss_token_right_kind)kind, name ? name : ""};
    return SS_OK;
}

void ss_token_right_print(const struct ss_token_right *right, struct ss_buffer *text)
{
    ss_buffer_text(text, rights[right->kind].word);
    if (!rights[right->kind].of) return;
    ss_buffer_byte(text, ':');
    ss_buffer_text(text, right->name);
}
