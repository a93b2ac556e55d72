// Changing the file of tokens: read, changed and put in its place whole, under a lock on the store's folder.
//
// The lock (flock on the folder itself) keeps other commands out; a server that reads sees the old file or
// the new one. It needs no lock of the store: the server may be running. The new file is 'tokens.new' until
// it is on disk; what a killed command left of it is overwritten by the next.

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/time.h"
#include "engine/diagnostics.h"
#include "server/tokens_internal.h"

#define LOCK_TRIES 100 // of 50 ms

struct change {
    const char *directory;
    char path[SS_TOKENS_PATH_SIZE], new_path[SS_TOKENS_PATH_SIZE + 8];
    int folder; // -1: not locked
    struct ss_tokens *tokens;
};

enum ss_status ss_tokens_path(const char *directory, char path[SS_TOKENS_PATH_SIZE], struct ss_error *error)
{
    const int size = snprintf(path, SS_TOKENS_PATH_SIZE, "%s/tokens", directory);
    if (size < 0 || size >= SS_TOKENS_PATH_SIZE)
        return ss_fail(error, SS_LIMIT, "store '%.80s...': its path is longer than %d bytes", directory,
                       SS_TOKENS_PATH_SIZE - 8);
    return SS_OK;
}

// ---- The lock

static enum ss_status lock_folder(struct change *change, struct ss_error *error)
{
    const struct timespec pause = {.tv_nsec = 50000000};
    for (int tries = 0; flock(change->folder, LOCK_EX | LOCK_NB) != 0; tries++) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return ss_fail(error, SS_IO, "store '%s': it cannot be locked: %s", change->directory,
                           strerror(errno));
        if (tries >= LOCK_TRIES)
            return ss_fail(error, SS_BUSY, "store '%s': another command is changing its tokens; try again",
                           change->directory);
        nanosleep(&pause, NULL);
    }
    return SS_OK;
}

static enum ss_status check_store(const char *directory, struct ss_error *error)
{
    char format[SS_TOKENS_PATH_SIZE + 8];
    snprintf(format, sizeof format, "%s/format", directory);
    if (access(format, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return ss_fail(error, SS_NOT_FOUND, "store '%s': there is none; run 'selfsame init'", directory);
    return SS_OK;
}

enum ss_status ss_tokens_load_from_store(const char *directory, struct ss_tokens **tokens,
                                         struct ss_error *error)
{
    char path[SS_TOKENS_PATH_SIZE];
    SS_TRY(ss_tokens_path(directory, path, error));
    SS_TRY(check_store(directory, error));
    return ss_tokens_load(path, tokens, error);
}

static enum ss_status begin(struct change *change, const char *directory, struct ss_error *error)
{
    change->directory = directory;
    change->folder = -1;
    SS_TRY(ss_tokens_path(directory, change->path, error));
    snprintf(change->new_path, sizeof change->new_path, "%s.new", change->path);
    SS_TRY(check_store(directory, error));
    change->folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (change->folder < 0)
        return ss_fail(error, SS_IO, "store '%s': it cannot be opened: %s", directory, strerror(errno));
    SS_TRY(lock_folder(change, error));
    return ss_tokens_load(change->path, &change->tokens, error);
}

static void end(struct change *change)
{
    ss_tokens_release(change->tokens);
    if (change->folder >= 0) close(change->folder);
}

// ---- The file

static void print_token(const struct ss_token *token, struct ss_buffer *text)
{
    char hash[SS_SHA256_TEXT_SIZE], created[SS_TIME_TEXT_SIZE], expires[SS_TIME_TEXT_SIZE];
    ss_buffer_format(text, "%s %s %s %s %s ", token->name, token->id,
                     ss_sha256_format(&token->secret_hash, hash), ss_time_format(token->created_us, created),
                     token->expires_us == SS_TOKEN_NEVER ? "never"
                                                         : ss_time_format(token->expires_us, expires));
    for (size_t i = 0; i < token->right_count; i++) {
        if (i) ss_buffer_byte(text, ',');
        ss_token_right_print(&token->rights[i], text);
    }
    ss_buffer_byte(text, '\n');
}

void ss_tokens_print(const struct ss_token *const *tokens, size_t count, struct ss_buffer *text)
{
    ss_buffer_text(text, "selfsame tokens 1\n");
    for (size_t i = 0; i < count; i++) print_token(tokens[i], text);
    if (!text->failed)
        ss_buffer_format(text, "end %zu %016llx\n", count,
                         (unsigned long long)ss_hash64(text->data, text->size));
}

static enum ss_status fail_write(const struct change *change, const char *what, struct ss_error *error)
{
    return ss_fail(error, SS_IO, "tokens '%s': %s: %s; nothing was changed", change->path, what,
                   strerror(errno));
}

static enum ss_status write_all(const struct change *change, int file, const struct ss_buffer *text,
                                struct ss_error *error)
{
    struct stat folder;
    for (size_t done = 0; done < text->size;) {
        const ssize_t written = write(file, text->data + done, text->size - done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return fail_write(change, "cannot be written", error);
        done += (size_t)written;
    }
    // What root makes belongs to whom the store belongs to, or the server could not read it.
    if (geteuid() == 0 && fstat(change->folder, &folder) == 0 &&
        fchown(file, folder.st_uid, folder.st_gid) != 0)
        return fail_write(change, "cannot be given to the owner of the store", error);
    if (fsync(file) != 0) return fail_write(change, "cannot be brought to disk", error);
    return SS_OK;
}

static enum ss_status replace(const struct change *change, const struct ss_buffer *text,
                              struct ss_error *error)
{
    unlink(change->new_path);
    const int file = open(change->new_path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0) return fail_write(change, "a new file cannot be made beside it", error);
    enum ss_status status = write_all(change, file, text, error);
    if (close(file) != 0 && status == SS_OK) status = fail_write(change, "cannot be written", error);
    if (status == SS_OK && rename(change->new_path, change->path) != 0)
        status = fail_write(change, "cannot be replaced", error);
    if (status != SS_OK) {
        unlink(change->new_path);
        return status;
    }
    if (fsync(change->folder) != 0)
        return ss_fail(error, SS_IO, "tokens '%s': changed, but may be lost if the machine goes down now: %s",
                       change->path, strerror(errno));
    return SS_OK;
}

// Writes the file with `added` (NULL: none) and without `removed` (NULL: none).
static enum ss_status write_changed(const struct change *change, const struct ss_token *added,
                                    const struct ss_token *removed, struct ss_error *error)
{
    const size_t count = ss_tokens_count(change->tokens);
    const struct ss_token **kept = calloc(count + 1, sizeof *kept);
    struct ss_buffer text = {0};
    size_t kept_count = 0;
    if (!kept) return ss_fail_memory(error, "tokens");
    for (size_t i = 0; i < count; i++) {
        if (ss_tokens_at(change->tokens, i) != removed) kept[kept_count++] = ss_tokens_at(change->tokens, i);
    }
    if (added) kept[kept_count++] = added;
    ss_tokens_print(kept, kept_count, &text);
    const enum ss_status status =
        text.failed ? ss_fail_memory(error, "tokens") : replace(change, &text, error);
    ss_buffer_release(&text);
    free(kept);
    return status;
}

// ---- Creating

static bool kernel_random(void *context, void *bytes, size_t size)
{
    (void)context;
    for (size_t done = 0; done < size;) {
        const ssize_t got = getrandom((char *)bytes + done, size - done, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return false;
        done += (size_t)got;
    }
    return true;
}

static void base64url(const uint8_t *bytes, size_t size, char *text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < size; i++) {
        bits = bits << 8 | bytes[i];
        for (count += 8; count >= 6; count -= 6) *text++ = letters[bits >> (count - 6) & 63];
    }
    if (count) *text++ = letters[bits << (6 - count) & 63];
}

// A fresh text, and of it the id and the secret's hash.
static enum ss_status make_secret(const struct ss_token_request *request, struct ss_token *token,
                                  char text[SS_TOKEN_TEXT_SIZE], struct ss_error *error)
{
    uint8_t bytes[SS_TOKEN_ID_CHARS / 2 + 32];
    bool (*random)(void *, void *, size_t) = request->random ? request->random : kernel_random;
    if (!random(request->context, bytes, sizeof bytes))
        return ss_fail(error, SS_IO, "token '%s': the system gives no random bytes: %s", request->name,
                       strerror(errno));
    char *id = text + 4, *secret = id + SS_TOKEN_ID_CHARS + 1;
    memcpy(text, "ss1_", 4);
    ss_hex_write(bytes, SS_TOKEN_ID_CHARS / 2, id);
    secret[-1] = '_';
    base64url(bytes + SS_TOKEN_ID_CHARS / 2, 32, secret);
    secret[SS_TOKEN_SECRET_CHARS] = 0;
    memcpy(token->id, id, SS_TOKEN_ID_CHARS);
    token->secret_hash = ss_sha256_of(secret, SS_TOKEN_SECRET_CHARS);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return SS_OK;
}

static const struct ss_token *find_named(const struct ss_tokens *tokens, const char *name)
{
    for (size_t i = 0; i < ss_tokens_count(tokens); i++) {
        const struct ss_token *token = ss_tokens_at(tokens, i);
        if (strcmp(token->name, name) == 0 || strcmp(token->id, name) == 0) return token;
    }
    return NULL;
}

static enum ss_status check_request(const struct ss_token_request *request, struct ss_error *error)
{
    if (!ss_token_name_is_fine(request->name))
        return ss_fail(
            error, SS_INVALID,
            "token '%.64s': a name is made of letters, digits, '_', '-', '.' and '@', at most 64, and does "
            "not start with '-'",
            request->name);
    if (request->right_count == 0)
        return ss_fail(error, SS_INVALID,
                       "token '%s': it may nothing; say what with --allow, as in --allow read:*",
                       request->name);
    if (request->right_count > SS_TOKEN_RIGHTS_MAX)
        return ss_fail(error, SS_LIMIT, "token '%s': has %zu rights, at most %d are kept", request->name,
                       request->right_count, SS_TOKEN_RIGHTS_MAX);
    if (request->expires_us <= request->created_us)
        return ss_fail(error, SS_INVALID, "token '%s': it would expire before it is made", request->name);
    return SS_OK;
}

static enum ss_status create(struct change *change, const struct ss_token_request *request,
                             char text[SS_TOKEN_TEXT_SIZE], struct ss_error *error)
{
    struct ss_token token = {.name = request->name,
                             .created_us = request->created_us,
                             .expires_us = request->expires_us,
                             .rights = request->rights,
                             .right_count = request->right_count};
    if (find_named(change->tokens, request->name))
        return ss_fail(error, SS_CONFLICT,
                       "token '%s': there is one of this name; revoke it, or choose another name",
                       request->name);
    SS_TRY(make_secret(request, &token, text, error));
    if (find_named(change->tokens, token.id))
        return ss_fail(error, SS_BUSY, "token '%s': its random id is taken; try again", request->name);
    return write_changed(change, &token, NULL, error);
}

enum ss_status ss_token_create(const char *directory, const struct ss_token_request *request,
                               char text[SS_TOKEN_TEXT_SIZE], struct ss_error *error)
{
    struct change change = {.folder = -1};
    char made[SS_TOKEN_TEXT_SIZE];
    SS_TRY(check_request(request, error));
    enum ss_status status = begin(&change, directory, error);
    if (status == SS_OK) status = create(&change, request, made, error);
    if (status == SS_OK) memcpy(text, made, sizeof made);
    OPENSSL_cleanse(made, sizeof made);
    end(&change);
    return status;
}

// ---- Revoking

static enum ss_status fail_unknown(const struct ss_tokens *tokens, const char *name, struct ss_error *error)
{
    const size_t count = ss_tokens_count(tokens);
    const char **names = calloc(count + 1, sizeof *names);
    for (size_t i = 0; names && i < count; i++) names[i] = ss_tokens_at(tokens, i)->name;
    const char *nearest = names ? ss_nearest_name(ss_bytes_of(name), names, count) : NULL;
    char hint[SS_HINT_SIZE];
    const enum ss_status status =
        ss_fail(error, SS_NOT_FOUND, "token '%.64s': there is none%s", name, ss_nearest_hint(nearest, hint));
    free(names);
    return status;
}

enum ss_status ss_token_revoke(const char *directory, const char *name, struct ss_error *error)
{
    struct change change = {.folder = -1};
    enum ss_status status = begin(&change, directory, error);
    if (status == SS_OK) {
        const struct ss_token *token = find_named(change.tokens, name);
        status =
            token ? write_changed(&change, NULL, token, error) : fail_unknown(change.tokens, name, error);
    }
    end(&change);
    return status;
}
