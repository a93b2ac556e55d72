// Tokens: the file's text read into a set, and a bearer's text looked up in it.
//
//   selfsame tokens 1
//   NAME ID SHA256 CREATED EXPIRES RIGHT,RIGHT,..       a line per token, single blanks between
//   end COUNT CHECKSUM                                  XXH3-64 of all bytes before, 16 hex digits
//
// The last line is there because a right that lost a letter, or a file that lost its tail, may still look
// like one. The set is a table from id to token; an id is no secret, so finding it may take what it takes.
// Then the secret is hashed and compared in constant time, with a hash that nothing has when the id is
// unknown.

#include "server/tokens.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/arena.h"
#include "engine/base/time.h"
#include "server/read_file.h"
#include "server/tokens_internal.h"

#define FILE_MAX_BYTES (16 << 20)
#define FIELDS         6
#define ADVICE         "restore the file, or move it away and create the tokens anew"

static const char first_line[] = "selfsame tokens 1\n";

struct ss_tokens {
    atomic_size_t references;
    struct ss_arena arena;
    struct ss_token *tokens;
    size_t count;
    uint32_t *slots; // by the hash of the id: index + 1; 0: free
    size_t slot_count;
    bool exist;
};

// ---- The file's text

struct parsing {
    const char *path;
    struct ss_tokens *tokens;
    struct ss_bytes rest;
    size_t line;
};

__attribute__((format(printf, 3, 4))) static enum ss_status
damaged(const struct parsing *parsing, struct ss_error *error, const char *format, ...)
{
    char what[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return ss_fail(error, SS_DAMAGED, "tokens '%s': line %zu: %s; " ADVICE, parsing->path, parsing->line,
                   what);
}

// The next line without its end, as a text of its own in the arena. False: there is no (whole) one.
static bool next_line(struct parsing *parsing, char **line)
{
    const char *end = parsing->rest.size ? memchr(parsing->rest.data, '\n', parsing->rest.size) : NULL;
    parsing->line++;
    *line = NULL;
    if (!end) return false;
    const size_t size = (size_t)(end - parsing->rest.data);
    *line = ss_arena_copy(&parsing->tokens->arena, parsing->rest.data, size);
    parsing->rest.data += size + 1;
    parsing->rest.size -= size + 1;
    return true;
}

static int compare_rights(const void *left, const void *right)
{
    const struct ss_token_right *a = left, *b = right;
    if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
    return strcmp(a->name, b->name);
}

static enum ss_status parse_rights(struct parsing *parsing, char *text, struct ss_token *token,
                                   struct ss_error *error)
{
    size_t count = 1;
    struct ss_error problem = {0};
    for (const char *at = text; *at; at++) count += *at == ',';
    struct ss_token_right *rights = ss_arena_array(&parsing->tokens->arena, count, sizeof *rights);
    if (!rights) return ss_fail_memory(error, "tokens");
    for (size_t i = 0; i < count; i++) {
        const char *word = strsep(&text, ",");
        if (ss_token_right_parse(word, &rights[i], &problem) != SS_OK)
            return damaged(parsing, error, "%s", problem.message);
    }
    qsort(rights, count, sizeof *rights, compare_rights);
    token->rights = rights;
    token->right_count = count;
    return SS_OK;
}

static bool parse_time(const char *text, bool may_be_never, int64_t *time_us)
{
    if (may_be_never && strcmp(text, "never") == 0) {
        *time_us = SS_TOKEN_NEVER;
        return true;
    }
    return ss_time_parse(ss_bytes_of(text), SS_UNIT_TEXT, NULL, time_us);
}

static enum ss_status parse_token(struct parsing *parsing, char *line, struct ss_token *token,
                                  struct ss_error *error)
{
    char *fields[FIELDS];
    uint8_t id[SS_TOKEN_ID_CHARS / 2];
    for (size_t i = 0; i < FIELDS; i++) {
        fields[i] = strsep(&line, " ");
        if (!fields[i]) return damaged(parsing, error, "has %zu fields, not %d", i, FIELDS);
    }
    if (line) return damaged(parsing, error, "has more than %d fields", FIELDS);
    if (!ss_token_name_is_fine(fields[0])) return damaged(parsing, error, "no name of a token stands first");
    if (!ss_hex_read(fields[1], id, sizeof id)) return damaged(parsing, error, "its id is none");
    if (!ss_hex_read(fields[2], token->secret_hash.bytes, sizeof token->secret_hash.bytes))
        return damaged(parsing, error, "its SHA-256 is none");
    if (!parse_time(fields[3], false, &token->created_us) || !parse_time(fields[4], true, &token->expires_us))
        return damaged(parsing, error, "its times are none");
    token->name = fields[0];
    memcpy(token->id, fields[1], sizeof token->id);
    return parse_rights(parsing, fields[5], token, error);
}

static enum ss_status parse_end(const struct parsing *parsing, const char *line, struct ss_bytes before,
                                struct ss_error *error)
{
    char want[64];
    snprintf(want, sizeof want, "end %zu %016llx", parsing->tokens->count,
             (unsigned long long)ss_hash64(before.data, before.size));
    if (strcmp(line, want) != 0)
        return damaged(parsing, error, "the count or the checksum of the lines before does not hold");
    if (parsing->rest.size) return damaged(parsing, error, "something stands behind the last line");
    return SS_OK;
}

static size_t count_lines(struct ss_bytes text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++) count += text.data[i] == '\n';
    return count;
}

static enum ss_status parse_lines(struct parsing *parsing, struct ss_bytes text, struct ss_error *error)
{
    struct ss_tokens *tokens = parsing->tokens;
    char *line;
    if (memchr(text.data, 0, text.size)) return damaged(parsing, error, "there is a NUL byte in the file");
    tokens->tokens = ss_arena_array(&tokens->arena, count_lines(text) + 1, sizeof *tokens->tokens);
    if (!tokens->tokens) return ss_fail_memory(error, "tokens");
    for (;;) {
        const struct ss_bytes before = {text.data, text.size - parsing->rest.size};
        if (!next_line(parsing, &line)) return damaged(parsing, error, "the file ends before its last line");
        if (!line) return ss_fail_memory(error, "tokens");
        if (strncmp(line, "end ", 4) == 0) return parse_end(parsing, line, before, error);
        SS_TRY(parse_token(parsing, line, &tokens->tokens[tokens->count], error));
        tokens->count++;
    }
}

// ---- The table

static size_t slot_of(const struct ss_tokens *tokens, const char *id)
{
    return (size_t)ss_hash64(id, SS_TOKEN_ID_CHARS) & (tokens->slot_count - 1);
}

static const struct ss_token *find_id(const struct ss_tokens *tokens, const char *id)
{
    if (!tokens->slot_count) return NULL;
    for (size_t slot = slot_of(tokens, id); tokens->slots[slot];
         slot = (slot + 1) & (tokens->slot_count - 1)) {
        const struct ss_token *token = &tokens->tokens[tokens->slots[slot] - 1];
        if (memcmp(token->id, id, SS_TOKEN_ID_CHARS) == 0) return token;
    }
    return NULL;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static enum ss_status check_names(const struct parsing *parsing, struct ss_error *error)
{
    struct ss_tokens *tokens = parsing->tokens;
    const char **names = ss_arena_array(&tokens->arena, tokens->count + 1, sizeof *names);
    if (!names) return ss_fail_memory(error, "tokens");
    for (size_t i = 0; i < tokens->count; i++) names[i] = tokens->tokens[i].name;
    qsort(names, tokens->count, sizeof *names, compare_names);
    for (size_t i = 1; i < tokens->count; i++) {
        if (strcmp(names[i - 1], names[i]) == 0)
            return damaged(parsing, error, "there are two tokens called '%s'", names[i]);
    }
    return SS_OK;
}

static enum ss_status fill_table(const struct parsing *parsing, struct ss_error *error)
{
    struct ss_tokens *tokens = parsing->tokens;
    size_t slot_count = 8;
    while (slot_count < 2 * tokens->count) slot_count *= 2;
    tokens->slots = ss_arena_array(&tokens->arena, slot_count, sizeof *tokens->slots);
    if (!tokens->slots) return ss_fail_memory(error, "tokens");
    tokens->slot_count = slot_count;
    for (size_t i = 0; i < tokens->count; i++) {
        const char *id = tokens->tokens[i].id;
        if (find_id(tokens, id)) return damaged(parsing, error, "there are two tokens with the id %s", id);
        size_t slot = slot_of(tokens, id);
        while (tokens->slots[slot]) slot = (slot + 1) & (slot_count - 1);
        tokens->slots[slot] = (uint32_t)i + 1;
    }
    return check_names(parsing, error);
}

// ---- Sets

static enum ss_status fill(struct parsing *parsing, struct ss_bytes text, struct ss_error *error)
{
    char *line;
    parsing->rest = text;
    if (!next_line(parsing, &line)) return damaged(parsing, error, "expected 'selfsame tokens 1'");
    if (!line) return ss_fail_memory(error, "tokens");
    if (strncmp(line, first_line, sizeof first_line - 2) == 0 && line[sizeof first_line - 2] == 0) {
        SS_TRY(parse_lines(parsing, text, error));
        return fill_table(parsing, error);
    }
    if (strncmp(line, first_line, strlen("selfsame tokens ")) == 0)
        return ss_fail(
            error, SS_VERSION,
            "tokens '%s': its format is '%.40s', this program's is 'selfsame tokens 1'; use the program "
            "that wrote it",
            parsing->path, line);
    return damaged(parsing, error, "expected 'selfsame tokens 1'");
}

enum ss_status ss_tokens_parse_with(const char *path, struct ss_bytes text, bool exist,
                                    struct ss_tokens **tokens, struct ss_error *error)
{
    struct ss_tokens *made = calloc(1, sizeof *made);
    struct parsing parsing = {.path = path, .tokens = made};
    if (!made) return ss_fail_memory(error, "tokens");
    atomic_init(&made->references, 1);
    made->exist = exist;
    const enum ss_status status = exist ? fill(&parsing, text, error) : SS_OK;
    if (status != SS_OK) {
        ss_tokens_release(made);
        return status;
    }
    *tokens = made;
    return SS_OK;
}

enum ss_status ss_tokens_parse(const char *path, struct ss_bytes text, struct ss_tokens **tokens,
                               struct ss_error *error)
{
    return ss_tokens_parse_with(path, text, true, tokens, error);
}

enum ss_status ss_tokens_load_with(const char *path, struct ss_tokens **tokens, struct stat *about,
                                   struct ss_error *error)
{
    struct ss_arena arena = {0};
    struct ss_bytes text = {0};
    struct ss_error problem = {0};
    memset(about, 0, sizeof *about);
    enum ss_status status = ss_read_file("tokens", path, FILE_MAX_BYTES, &arena, &text, about, &problem);
    if (status == SS_NOT_FOUND) {
        status = ss_tokens_parse_with(path, text, false, tokens, error);
    } else if (status != SS_OK) {
        if (error) *error = problem;
    } else if (about->st_mode & (S_IWGRP | S_IWOTH)) {
        status = ss_fail(
            error, SS_INVALID,
            "tokens '%s': others may write to it, so it proves nothing; see who did, then 'chmod 600' it",
            path);
    } else {
        status = ss_tokens_parse_with(path, text, true, tokens, error);
    }
    ss_arena_release(&arena);
    return status;
}

enum ss_status ss_tokens_load(const char *path, struct ss_tokens **tokens, struct ss_error *error)
{
    struct stat about;
    return ss_tokens_load_with(path, tokens, &about, error);
}

struct ss_tokens *ss_tokens_retain(struct ss_tokens *tokens)
{
    atomic_fetch_add_explicit(&tokens->references, 1, memory_order_relaxed);
    return tokens;
}

void ss_tokens_release(struct ss_tokens *tokens)
{
    if (!tokens || atomic_fetch_sub_explicit(&tokens->references, 1, memory_order_acq_rel) != 1) return;
    ss_arena_release(&tokens->arena);
    free(tokens);
}

size_t ss_tokens_count(const struct ss_tokens *tokens)
{
    return tokens->count;
}

const struct ss_token *ss_tokens_at(const struct ss_tokens *tokens, size_t index)
{
    return &tokens->tokens[index];
}

bool ss_tokens_exist(const struct ss_tokens *tokens)
{
    return tokens->exist;
}

// ---- Looking up

struct ss_token_finder {
    EVP_MD *sha256;
    EVP_MD_CTX *context;
};

struct ss_token_finder *ss_token_finder_create(void)
{
    struct ss_token_finder *finder = calloc(1, sizeof *finder);
    if (!finder) return NULL;
    finder->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    finder->context = EVP_MD_CTX_new();
    if (finder->sha256 && finder->context && EVP_DigestInit_ex(finder->context, finder->sha256, NULL) == 1)
        return finder;
    ss_token_finder_destroy(finder);
    return NULL;
}

void ss_token_finder_destroy(struct ss_token_finder *finder)
{
    if (!finder) return;
    EVP_MD_CTX_free(finder->context);
    EVP_MD_free(finder->sha256);
    free(finder);
}

static struct ss_sha256 hash_secret(struct ss_token_finder *finder, const char *secret)
{
    struct ss_sha256 hash;
    const bool done = EVP_DigestInit_ex(finder->context, NULL, NULL) == 1 &&
                      EVP_DigestUpdate(finder->context, secret, SS_TOKEN_SECRET_CHARS) == 1 &&
                      EVP_DigestFinal_ex(finder->context, hash.bytes, NULL) == 1;
    SS_ASSERT(done);
    return hash;
}

static struct ss_bytes without_scheme(struct ss_bytes text)
{
    if (text.size > 7 && strncasecmp(text.data, "Bearer ", 7) == 0)
        return (struct ss_bytes){text.data + 7, text.size - 7};
    return text;
}

enum ss_token_verdict ss_tokens_find(const struct ss_tokens *tokens, struct ss_token_finder *finder,
                                     struct ss_bytes bearer, int64_t now_us, const struct ss_token **token)
{
    static const struct ss_sha256 of_nothing;
    const struct ss_bytes text = without_scheme(bearer);
    *token = NULL;
    if (text.size != SS_TOKEN_TEXT_CHARS || memcmp(text.data, "ss1_", 4) != 0 ||
        text.data[4 + SS_TOKEN_ID_CHARS] != '_')
        return SS_TOKEN_MALFORMED;
    const struct ss_token *named = find_id(tokens, text.data + 4);
    const struct ss_sha256 hash = hash_secret(finder, text.data + 4 + SS_TOKEN_ID_CHARS + 1);
    const struct ss_sha256 *want = named ? &named->secret_hash : &of_nothing;
    const bool equal = CRYPTO_memcmp(hash.bytes, want->bytes, sizeof hash.bytes) == 0;
    if (!named || !equal) return SS_TOKEN_UNKNOWN;
    if (now_us >= named->expires_us) return SS_TOKEN_EXPIRED;
    *token = named;
    return SS_TOKEN_VALID;
}

const char *ss_token_verdict_text(enum ss_token_verdict verdict)
{
    switch (verdict) {
    case SS_TOKEN_VALID: return "the token is valid";
    case SS_TOKEN_MALFORMED:
        return "expected 'authorization: Bearer ss1_...', as 'selfsame token create' shows it";
    case SS_TOKEN_UNKNOWN: return "the token is not known, or was revoked";
    case SS_TOKEN_EXPIRED: return "the token has expired; create another one";
    }
    return "?";
}

bool ss_token_may(const struct ss_token *token, enum ss_token_right_kind right, const char *name)
{
    const struct ss_token_right all = {right, right == SS_RIGHT_ADMIN ? "" : "*"},
                                one = {right, name ? name : ""};
    if (bsearch(&all, token->rights, token->right_count, sizeof all, compare_rights)) return true;
    return right != SS_RIGHT_ADMIN &&
           bsearch(&one, token->rights, token->right_count, sizeof one, compare_rights);
}
