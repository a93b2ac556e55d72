// A server in the place of a store's folder: --server.
//
// A command keeps its own reading and printing. The definitions come from the server and are compiled here,
// so that services and sources are the same structs; only where values come from, or rows go to, is another:
// ss_remote_lookup for get, ss_remote_train_values for train, ss_remote_ingest for ingest.
//
// What the server says is wrong is said in its words, which are those of the same command on a folder. What
// is wrong with the way to it begins with "server 'ADDR': ".
#ifndef SS_TOOLS_REMOTE_H
#define SS_TOOLS_REMOTE_H

#include "client/call.h"
#include "materializer/ingest_csv.h"
#include "materializer/train.h"
#include "tools/cli.h"
#include "wire/answer_read.h"

#define SS_REMOTE_PATIENT UINT32_MAX // a call without a deadline

struct ss_remote {
    const char *address; // as it was given
    struct selfsame_client *client;
    struct ss_arena arena;
    uint64_t max_message_bytes, max_entities; // that the server takes; ss_remote_load
    struct ss_definitions *definitions;       // live ones; NULL: none were applied, or not loaded
    // For ss_require_service and its like, and for what is told not to touch a store: nothing but the
    // definitions and, as the store's name, the address.
    struct ss_store no_store;
    struct ss_materializer names;
};

// Makes a client for the server that the global options name; no call is made yet. A zeroed struct is closed.
enum ss_status ss_remote_open(const struct ss_cli *cli, struct ss_remote *remote, struct ss_error *error);
// Asks for the live definitions and compiles them. SS_VERSION: to another fingerprint than the server's.
enum ss_status ss_remote_load(struct ss_remote *remote, struct ss_error *error);
// Both.
enum ss_status ss_remote_begin(const struct ss_cli *cli, struct ss_remote *remote, struct ss_error *error);
void ss_remote_close(struct ss_remote *remote);

// A unary call. The request is released in any case; the reply is the caller's.
enum ss_status ss_remote_call(struct ss_remote *remote, enum ss_client_method method,
                              struct ss_buffer *request, uint32_t deadline_ms, struct ss_client_reply *reply,
                              struct ss_error *error);
static inline struct ss_bytes ss_remote_bytes(const struct ss_client_reply *reply)
{
    return (struct ss_bytes){(const char *)reply->data, reply->size};
}
// What a call ended with, as an error of the command.
enum ss_status ss_remote_fail(const struct ss_remote *remote, const struct selfsame_error *failed,
                              struct ss_error *error);
// An answer that is none: says whose.
enum ss_status ss_remote_misread(const struct ss_remote *remote, const struct ss_error *why,
                                 struct ss_error *error);

// How many rows of the service one lookup may have.
int32_t ss_remote_lookup_rows(const struct ss_remote *remote, const struct ss_service *service);
enum ss_status ss_remote_lookup(struct ss_remote *remote, const struct ss_service *service,
                                const struct ss_lookup *lookup, bool has_at, int64_t at_us,
                                struct ss_arena *arena, struct ss_answer *answer,
                                struct ss_wire_read_point *point, struct ss_error *error);

// The values of a training table. Zeroed but for `remote`; released after the table is made or not.
struct ss_remote_train {
    struct ss_remote *remote;
    struct ss_client_duplex *call;
};
struct ss_train_values ss_remote_train_values(struct ss_remote_train *train);
void ss_remote_train_release(struct ss_remote_train *train);

// The target of a load. NULL: out of memory.
struct ss_remote_ingest;
struct ss_remote_ingest *ss_remote_ingest_create(struct ss_remote *remote);
struct ss_ingest_target ss_remote_ingest_target(struct ss_remote_ingest *ingest);
void ss_remote_ingest_destroy(struct ss_remote_ingest *ingest); // NULL is fine

#endif
