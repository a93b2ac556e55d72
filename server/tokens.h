// Tokens: who may do what. DIR/tokens, a text file (docs/FORMAT.md), holds of each its name, its public id,
// the SHA-256 of its secret, its rights and times.
//
// A token's text, "ss1_<id>_<secret>", is shown once, when it is made; nothing that is kept gives it back.
// A file that cannot be read as it should is an error, never an empty set.
#ifndef SS_SERVER_TOKENS_H
#define SS_SERVER_TOKENS_H

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/base/hash.h"

#define SS_TOKEN_ID_CHARS     12 // lower-case hex
#define SS_TOKEN_SECRET_CHARS 43 // base64url of 32 random bytes
#define SS_TOKEN_TEXT_CHARS   (4 + SS_TOKEN_ID_CHARS + 1 + SS_TOKEN_SECRET_CHARS)
#define SS_TOKEN_TEXT_SIZE    (SS_TOKEN_TEXT_CHARS + 1)
#define SS_TOKEN_NEVER        INT64_MAX // as a time of expiry
#define SS_TOKEN_RIGHTS_MAX   1000

//   right  word     of what (NULL: of the server as a whole)
#define SS_TOKEN_RIGHTS(X)       \
    X(READ, "read", "service")   \
    X(PUSH, "push", "source")    \
    X(TRAIN, "train", "service") \
    X(ADMIN, "admin", NULL)

enum ss_token_right_kind {
#define SS_TOKEN_RIGHT(right, word, of) SS_RIGHT_##right,
    SS_TOKEN_RIGHTS(SS_TOKEN_RIGHT)
#undef SS_TOKEN_RIGHT
        SS_RIGHT_KINDS
};

struct ss_token_right {
    enum ss_token_right_kind kind;
    const char *name; // of a service or source; "*": all; "" of SS_RIGHT_ADMIN
};

struct ss_token {
    const char *name;
    char id[SS_TOKEN_ID_CHARS + 1];
    struct ss_sha256 secret_hash;
    int64_t created_us, expires_us;      // SS_TOKEN_NEVER: it does not expire
    const struct ss_token_right *rights; // by (kind, name)
    size_t right_count;
};

// All tokens of a file. Immutable; shared by counted references, from any thread.
struct ss_tokens;

// A missing file is an empty set whose `exist` is false. SS_DAMAGED names the line and what to do.
enum ss_status ss_tokens_load(const char *path, struct ss_tokens **tokens, struct ss_error *error);
// The same from the file's text (`path` is for messages).
enum ss_status ss_tokens_parse(const char *path, struct ss_bytes text, struct ss_tokens **tokens,
                               struct ss_error *error);
struct ss_tokens *ss_tokens_retain(struct ss_tokens *tokens);
void ss_tokens_release(struct ss_tokens *tokens); // NULL is fine
size_t ss_tokens_count(const struct ss_tokens *tokens);
const struct ss_token *ss_tokens_at(const struct ss_tokens *tokens, size_t index); // in the order of the file
// Was one ever created? (The file stays when the last one is revoked.)
bool ss_tokens_exist(const struct ss_tokens *tokens);

// May the bearer do that to this service or source? (`name` is ignored for SS_RIGHT_ADMIN.)
bool ss_token_may(const struct ss_token *token, enum ss_token_right_kind right, const char *name);

enum ss_token_verdict { SS_TOKEN_VALID, SS_TOKEN_MALFORMED, SS_TOKEN_UNKNOWN, SS_TOKEN_EXPIRED };
const char *ss_token_verdict_text(enum ss_token_verdict verdict); // for the caller: "the token is not known"

// What one thread needs to look tokens up. create: NULL when out of memory.
struct ss_token_finder;
struct ss_token_finder *ss_token_finder_create(void);
void ss_token_finder_destroy(struct ss_token_finder *finder); // NULL is fine
// `bearer` is the text, with or without "Bearer " before it. Takes the same time whatever the secret is, and
// as long for an unknown id. *token (NULL unless SS_TOKEN_VALID) is valid as long as the tokens are.
enum ss_token_verdict ss_tokens_find(const struct ss_tokens *tokens, struct ss_token_finder *finder,
                                     struct ss_bytes bearer, int64_t now_us, const struct ss_token **token);

// ---- Rights and names as text

// "read:fraud_v1", "train:*", "admin". The right's name borrows from `text`; SS_INVALID names what is wrong.
enum ss_status ss_token_right_parse(const char *text, struct ss_token_right *right, struct ss_error *error);
void ss_token_right_print(const struct ss_token_right *right, struct ss_buffer *text);

// ---- Changing the file, beside a running server and other writers

struct ss_token_request {
    const char *name; // letters, digits, '_', '-', '.', '@'; at most 64
    const struct ss_token_right *rights;
    size_t right_count;
    int64_t created_us, expires_us;
    bool (*random)(void *context, void *bytes, size_t size); // NULL: the kernel's
    void *context;
};

// Adds a token to the store's; its text is written to `text` when it is kept for good. SS_CONFLICT: the name
// is taken.
enum ss_status ss_token_create(const char *directory, const struct ss_token_request *request,
                               char text[SS_TOKEN_TEXT_SIZE], struct ss_error *error);
// By name or id. SS_NOT_FOUND: there is none (the nearest name is told).
enum ss_status ss_token_revoke(const char *directory, const char *name, struct ss_error *error);
// All tokens of a store. SS_NOT_FOUND: the folder holds no store.
enum ss_status ss_tokens_load_from_store(const char *directory, struct ss_tokens **tokens,
                                         struct ss_error *error);
// The file's path, "<directory>/tokens". SS_LIMIT: too long.
#define SS_TOKENS_PATH_SIZE 4096
enum ss_status ss_tokens_path(const char *directory, char path[SS_TOKENS_PATH_SIZE], struct ss_error *error);

#endif
