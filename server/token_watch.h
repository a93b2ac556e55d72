// The tokens of a running server: the file is looked at at most once a second, and read again when it
// changed.
//
// A file that is damaged leaves the tokens as they are, and the error is told once; one that cannot be read
// is tried again each second. A file that is gone while tokens had existed leaves none valid: the server does
// not become open.
#ifndef SS_SERVER_TOKEN_WATCH_H
#define SS_SERVER_TOKEN_WATCH_H

#include <stdatomic.h>

#include "server/tokens.h"

struct ss_token_watch;

// Reads the file; an error of it is an error here. `path` is copied.
enum ss_status ss_token_watch_create(const char *path, struct ss_token_watch **watch, struct ss_error *error);
void ss_token_watch_destroy(struct ss_token_watch *watch); // after all users of it are gone. NULL is fine

// From any thread. When a second has gone since the last look (or `now`), looks at the file; *changed (may be
// NULL): another set is valid from here on. Costs a load of a word when it is not time yet.
enum ss_status ss_token_watch_look(struct ss_token_watch *watch, int64_t now_us, bool now, bool *changed,
                                   struct ss_error *error);

// Grows with each new set: what was looked up under another number is to be looked up again.
uint64_t ss_token_watch_generation(const struct ss_token_watch *watch);
bool ss_token_watch_exist(const struct ss_token_watch *watch); // as ss_tokens_exist

// One thread's view: keeps the set it looks up in, and what looking up needs.
struct ss_token_reader;
enum ss_status ss_token_reader_create(struct ss_token_watch *watch, struct ss_token_reader **reader,
                                      struct ss_error *error);
void ss_token_reader_destroy(struct ss_token_reader *reader); // NULL is fine
// As ss_tokens_find, in the newest set. *token is valid until the next call with this reader.
enum ss_token_verdict ss_token_reader_find(struct ss_token_reader *reader, struct ss_bytes bearer,
                                           int64_t now_us, const struct ss_token **token);

#endif
