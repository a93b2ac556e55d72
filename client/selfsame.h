// libselfsame: the C client of the feature store Selfsame. docs/CLIENT.md is a session that works.
//
// What holds everywhere:
//   Errors     A function that can fail returns an enum selfsame_code and takes a caller-owned
//              `struct selfsame_error *` last (NULL is allowed). On failure the outputs are untouched and
//              the inputs stay the caller's.
//   Setters    return nothing. What is wrong in one (a row that is not there, another type, no memory) is
//              kept in the request and is the error of the call that sends it; the first one counts. New
//              rows (xxx_rows) begin without it; a column that could not be made is an error for good.
//   Ownership  xxx_create/open and xxx_destroy/close belong together; destroying NULL does nothing. Strings
//              and bytes handed in are copied. What is handed out as a pointer says until when it lives.
//   Threads    One `selfsame_client` may be used by any number of threads at once. Any other object: one
//              thread at a time (streams say more). An answer, once there, may be read by many.
//   Callbacks  run on a thread of the library, one at a time per connection. They must not block (no
//              blocking form, no close) and may start further calls. Every callback that was promised comes
//              exactly once.
//   Units      times are int64 microseconds since 1970-01-01 UTC (..._us); waits are milliseconds (..._ms).
//   Text       `struct selfsame_bytes` is not terminated: printf("%.*s", (int)b.size, (char *)b.data).
#ifndef SELFSAME_H
#define SELFSAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SELFSAME_API __attribute__((visibility("default")))
#else
#define SELFSAME_API
#endif

// ---- Errors

// The codes are gRPC's; proto/selfsame/v1/feature_store.proto says what the server means by each.
enum selfsame_code {
    SELFSAME_OK = 0,
    SELFSAME_CANCELLED = 1, // by selfsame_close or by the server
    SELFSAME_UNKNOWN = 2,
    SELFSAME_INVALID_ARGUMENT = 3,
    SELFSAME_DEADLINE_EXCEEDED = 4,
    SELFSAME_NOT_FOUND = 5,
    SELFSAME_ALREADY_EXISTS = 6,
    SELFSAME_PERMISSION_DENIED = 7,
    SELFSAME_RESOURCE_EXHAUSTED = 8, // also: no memory here; a window that is full
    SELFSAME_FAILED_PRECONDITION = 9,
    SELFSAME_ABORTED = 10,
    SELFSAME_OUT_OF_RANGE = 11, // there is no more
    SELFSAME_UNIMPLEMENTED = 12,
    SELFSAME_INTERNAL = 13, // also: the server sent what is no message
    SELFSAME_UNAVAILABLE = 14,
    SELFSAME_DATA_LOSS = 15,
    SELFSAME_UNAUTHENTICATED = 16
};

struct selfsame_error {
    enum selfsame_code code;
    bool retry; // may the same call succeed later? Of a push with a producer: it is safe to send it again
    uint32_t retry_after_ms; // with retry, a hint; 0: none
    char message[1024];      // UTF-8, terminated; starts with its subject; what is longer is cut
};

SELFSAME_API const char *selfsame_code_name(enum selfsame_code code); // "NOT_FOUND"
SELFSAME_API const char *selfsame_version(void);                      // "0.1.0"

struct selfsame_bytes {
    const void *data;
    size_t size;
};

// ---- Client

// All zero but `size` is the default. selfsame_options_init makes it so; a later library knows by `size`
// which fields its caller had.
struct selfsame_options {
    size_t size;
    const char *address; // "host:port", "[::1]:7070" or "unix:/path"; required
    bool tls; // encrypt and check the server's certificate; implied by any *_file below but the token's
    const char *ca_file;        // PEM of the authorities to trust; NULL: the system's
    const char *cert_file;      // mutual TLS: PEM of our certificate chain,
    const char *key_file;       // and of its private key; both or none
    const char *server_name;    // the name that the certificate must have; NULL: the host of `address`
    const char *token;          // sent as "authorization: Bearer TOKEN"; NULL: none
    const char *token_file;     // the token is the file's first line; read again after UNAUTHENTICATED
    uint32_t deadline_ms;       // of a call that sets none; 0: 10,000
    uint32_t connections;       // TCP connections, 1 to 4, that calls are spread over; 0: 1
    uint32_t reconnect_min_ms;  // pause before the second attempt to connect, doubled each time; 0: 100
    uint32_t reconnect_max_ms;  // and at most; 0: 5,000
    uint32_t max_message_bytes; // of an answer; 0: 64 MiB
    uint32_t keepalive_ms; // asks a silent server that often if it is there, while calls are in flight; 0:
                           // never. Streams have no deadline: this is how they notice that a machine is gone
};

static inline void selfsame_options_init(struct selfsame_options *options)
{
    memset(options, 0, sizeof *options);
    options->size = sizeof *options;
}

struct selfsame_client;

// Makes a client. Reads the files of the options; connects in the background, and again whenever the
// connection is lost. A call made while connecting waits for it; one made after an attempt failed ends
// UNAVAILABLE at once. INVALID_ARGUMENT: the options are wrong or a file cannot be read. `options` may go
// after the call.
SELFSAME_API enum selfsame_code selfsame_connect(const struct selfsame_options *options,
                                                 struct selfsame_client **client,
                                                 struct selfsame_error *error);

// The same client type over a store's folder on this machine: lookups are read from it in this process, with
// no server. Only in libselfsame_embedded. Whatever else is called on it ends UNIMPLEMENTED.
SELFSAME_API enum selfsame_code selfsame_open(const char *directory, struct selfsame_client **client,
                                              struct selfsame_error *error);

// Waits until a connection stands: OK, or DEADLINE_EXCEEDED after timeout_ms. For programs that start with
// their server.
SELFSAME_API enum selfsame_code selfsame_wait_ready(struct selfsame_client *client, uint32_t timeout_ms,
                                                    struct selfsame_error *error);

// Cancels what is in flight (callbacks come, with CANCELLED; blocking calls of other threads return it),
// waits until all of it has ended, and frees the client. Streams, pushers and training tables are to be
// closed before. Answers stay valid.
SELFSAME_API void selfsame_close(struct selfsame_client *client);

// ---- Columns of requests

enum selfsame_type {
    SELFSAME_TYPE_BOOL = 1,
    SELFSAME_TYPE_INT64 = 2,
    SELFSAME_TYPE_FLOAT64 = 3,
    SELFSAME_TYPE_DECIMAL = 4, // int64: the value times 10^scale
    SELFSAME_TYPE_STRING = 5,
    SELFSAME_TYPE_TIMESTAMP = 6, // int64: microseconds
    SELFSAME_TYPE_BYTES = 7,
    SELFSAME_TYPE_LIST = 8,  // in answers only
    SELFSAME_TYPE_VECTOR = 9 // floats; in requests, all rows have as many
};

// One value per row, of one type. Owned by the request, batch, spine or pusher that it was made in, and lives
// as long. Making a column of a name that is there returns that one. A cell that is not set is null.
struct selfsame_column;

SELFSAME_API void selfsame_set_null(struct selfsame_column *column, size_t row);
SELFSAME_API void selfsame_set_bool(struct selfsame_column *column, size_t row, bool value);
SELFSAME_API void selfsame_set_int64(struct selfsame_column *column, size_t row, int64_t value);
SELFSAME_API void selfsame_set_double(struct selfsame_column *column, size_t row, double value);
// `unscaled` is the value times 10^scale. All cells of a column have one scale: that of
// selfsame_column_scale, or 0.
SELFSAME_API void selfsame_set_decimal(struct selfsame_column *column, size_t row, int64_t unscaled);
SELFSAME_API void selfsame_set_timestamp(struct selfsame_column *column, size_t row, int64_t time_us);
SELFSAME_API void selfsame_set_string(struct selfsame_column *column, size_t row, const char *terminated);
SELFSAME_API void selfsame_set_text(struct selfsame_column *column, size_t row, const char *text,
                                    size_t size);
SELFSAME_API void selfsame_set_bytes(struct selfsame_column *column, size_t row, const void *data,
                                     size_t size);
SELFSAME_API void selfsame_set_vector(struct selfsame_column *column, size_t row, const float *values,
                                      size_t length);
SELFSAME_API void selfsame_column_scale(struct selfsame_column *column, uint32_t scale);

// ---- Lookups

// A request, built once and sent any number of times; between sends its cells may be set anew.
struct selfsame_lookup;

// NULL only when there is no memory. The service is not checked before the request is sent.
SELFSAME_API struct selfsame_lookup *selfsame_lookup_create(const char *service);
SELFSAME_API void selfsame_lookup_destroy(struct selfsame_lookup *lookup);
// Ask for this feature; those asked for come in this order. Without any: all, in the service's order.
SELFSAME_API void selfsame_lookup_feature(struct selfsame_lookup *lookup, const char *name);
// A key or a request input; the same column when it is asked for again. NULL, which setters take and ignore:
// it could not be made, which is the error of the call that sends the lookup.
SELFSAME_API struct selfsame_column *selfsame_lookup_key(struct selfsame_lookup *lookup, const char *name,
                                                         enum selfsame_type type);
SELFSAME_API struct selfsame_column *selfsame_lookup_input(struct selfsame_lookup *lookup, const char *name,
                                                           enum selfsame_type type);
// The event at hand: values are as if this row of `source` had just happened. Rows have one unless told that
// they do not.
SELFSAME_API void selfsame_lookup_event(struct selfsame_lookup *lookup, const char *source);
SELFSAME_API struct selfsame_column *selfsame_lookup_event_column(struct selfsame_lookup *lookup,
                                                                  const char *name, enum selfsame_type type);
SELFSAME_API void selfsame_lookup_event_present(struct selfsame_lookup *lookup, size_t row, bool present);
// Sets how many rows there are, and all cells to null. A new lookup has 1 row.
SELFSAME_API void selfsame_lookup_rows(struct selfsame_lookup *lookup, size_t row_count);
SELFSAME_API void selfsame_lookup_with_event_times(struct selfsame_lookup *lookup, bool with);
SELFSAME_API void selfsame_lookup_at(struct selfsame_lookup *lookup, int64_t at_us); // 0: now
// What the caller's model was trained on: another is FAILED_PRECONDITION. Size 0: any.
SELFSAME_API void selfsame_lookup_fingerprint(struct selfsame_lookup *lookup, const void *fingerprint,
                                              size_t size);
SELFSAME_API void selfsame_lookup_deadline(struct selfsame_lookup *lookup,
                                           uint32_t deadline_ms); // 0: the client's

struct selfsame_answer;

// Sends the lookup and waits for its answer, which is the caller's to destroy.
SELFSAME_API enum selfsame_code selfsame_get(struct selfsame_client *client, struct selfsame_lookup *lookup,
                                             struct selfsame_answer **answer, struct selfsame_error *error);

// Gets the answer, which is the callback's to destroy, or NULL and why. `error` lives until the callback
// returns.
typedef void selfsame_answer_callback(void *context, struct selfsame_answer *answer,
                                      const struct selfsame_error *error);

// Sends the lookup and returns; the callback comes later. When this does not return OK, it does not come.
// The lookup may be changed, sent again or destroyed at once.
SELFSAME_API enum selfsame_code selfsame_get_async(struct selfsame_client *client,
                                                   struct selfsame_lookup *lookup,
                                                   selfsame_answer_callback *callback, void *context,
                                                   struct selfsame_error *error);

// ---- Answers

enum selfsame_status {
    SELFSAME_STATUS_PRESENT = 0,
    SELFSAME_STATUS_NULL = 1,
    SELFSAME_STATUS_NOT_FOUND = 2, // null: the entity has no visible event in a view that is read
    SELFSAME_STATUS_EXPIRED = 3    // null: a `last .. within` that is read is past its ttl
};

// The values of one feature, one per row. Owned by its answer, and all that it hands out lives as long as
// that.
struct selfsame_values;

SELFSAME_API void selfsame_answer_destroy(struct selfsame_answer *answer);
SELFSAME_API size_t selfsame_answer_rows(const struct selfsame_answer *answer);
SELFSAME_API int64_t selfsame_answer_t_us(const struct selfsame_answer *answer); // the read point: (t,
SELFSAME_API uint64_t selfsame_answer_seq(const struct selfsame_answer *answer); // s)
SELFSAME_API bool selfsame_answer_is_preview(const struct selfsame_answer *answer);
SELFSAME_API struct selfsame_bytes
selfsame_answer_fingerprint(const struct selfsame_answer *answer); // 32 bytes
SELFSAME_API size_t selfsame_answer_feature_count(const struct selfsame_answer *answer);
// NULL past the end.
SELFSAME_API const struct selfsame_values *selfsame_answer_feature(const struct selfsame_answer *answer,
                                                                   size_t index);
// By name, or NULL. Looks through all: where speed counts, go by the index, which is the order asked for.
SELFSAME_API const struct selfsame_values *selfsame_answer_find(const struct selfsame_answer *answer,
                                                                const char *name);
// With event times: per view of the service, called as it, timestamps of the newest event of each row's
// entity.
SELFSAME_API size_t selfsame_answer_view_count(const struct selfsame_answer *answer);
SELFSAME_API const struct selfsame_values *selfsame_answer_event_times(const struct selfsame_answer *answer,
                                                                       size_t view);

SELFSAME_API struct selfsame_bytes selfsame_values_name(const struct selfsame_values *values);
SELFSAME_API enum selfsame_type selfsame_values_type(const struct selfsame_values *values);
SELFSAME_API uint32_t
selfsame_values_scale(const struct selfsame_values *values); // DECIMAL: digits after the point
SELFSAME_API uint32_t selfsame_values_length(const struct selfsame_values *values); // VECTOR: floats per row
SELFSAME_API size_t selfsame_values_rows(const struct selfsame_values *values);
// A row past the end is NULL to these: 0, false, empty. So is the value of a row that is not present, and
// whatever is asked for as another type than it has.
SELFSAME_API enum selfsame_status selfsame_values_status(const struct selfsame_values *values, size_t row);
SELFSAME_API bool selfsame_values_bool(const struct selfsame_values *values, size_t row);
SELFSAME_API int64_t selfsame_values_int64(const struct selfsame_values *values,
                                           size_t row); // INT64, DECIMAL, TIMESTAMP
SELFSAME_API double selfsame_values_double(const struct selfsame_values *values, size_t row); // FLOAT64
SELFSAME_API struct selfsame_bytes selfsame_values_bytes(const struct selfsame_values *values,
                                                         size_t row); // STRING, BYTES
// Copies a VECTOR's row (selfsame_values_length floats). False, and nothing copied: it is not present or no
// vector.
SELFSAME_API bool selfsame_values_vector(const struct selfsame_values *values, size_t row, float *out);
// Rows of FLOAT64, all at once: copies `count` doubles from `first_row`; those not present are 0. False: out
// of range.
SELFSAME_API bool selfsame_values_doubles(const struct selfsame_values *values, size_t first_row,
                                          size_t count, double *out);
// LIST: the values of all rows' elements one after the other, and which of them are this row's. NULL: no
// list.
SELFSAME_API const struct selfsame_values *selfsame_values_elements(const struct selfsame_values *values);
SELFSAME_API void selfsame_values_list(const struct selfsame_values *values, size_t row, size_t *first,
                                       size_t *count);

// ---- Streams of lookups

// Many lookups on one call: half the cost of calls of their own. Answers may come in any order.
struct selfsame_stream;

struct selfsame_stream_options {
    size_t size;
    uint32_t max_in_flight; // lookups sent and not answered (or not taken); 0: 64; at most 65,536
    selfsame_answer_callback
        *callback; // gets each answer with the context of its lookup; NULL: selfsame_stream_next does
};

static inline void selfsame_stream_options_init(struct selfsame_stream_options *options)
{
    memset(options, 0, sizeof *options);
    options->size = sizeof *options;
}

SELFSAME_API enum selfsame_code selfsame_stream_open(struct selfsame_client *client,
                                                     const struct selfsame_stream_options *options,
                                                     struct selfsame_stream **stream,
                                                     struct selfsame_error *error);

// Sends a lookup; its answer or its error comes with `context`. When max_in_flight of them are out: with a
// callback it waits (on a thread of the library it does not: RESOURCE_EXHAUSTED), without one it returns
// RESOURCE_EXHAUSTED: take an answer first. A lookup's deadline does not count here. After the connection is
// lost, all in flight end UNAVAILABLE, and the next send makes a new call. Any thread may send.
SELFSAME_API enum selfsame_code selfsame_stream_send(struct selfsame_stream *stream,
                                                     struct selfsame_lookup *lookup, void *context,
                                                     struct selfsame_error *error);

// Takes the next answer, in order of arrival: OK with *answer, or the error that its lookup ended with;
// *context is the lookup's either way. DEADLINE_EXCEEDED with *context untouched and error->retry: none
// within timeout_ms. OUT_OF_RANGE: none is in flight. For streams without a callback.
SELFSAME_API enum selfsame_code selfsame_stream_next(struct selfsame_stream *stream, uint32_t timeout_ms,
                                                     void **context, struct selfsame_answer **answer,
                                                     struct selfsame_error *error);

// Waits until nothing is in flight, or DEADLINE_EXCEEDED. For streams with a callback.
SELFSAME_API enum selfsame_code selfsame_stream_drain(struct selfsame_stream *stream, uint32_t timeout_ms,
                                                      struct selfsame_error *error);

// Cancels what is in flight (callbacks come, with CANCELLED), waits for them, and frees the stream.
SELFSAME_API void selfsame_stream_close(struct selfsame_stream *stream);

// ---- Pushes

// Rows of one source, in columns of its names. Columns that are not there are null.
struct selfsame_batch;

SELFSAME_API struct selfsame_batch *selfsame_batch_create(const char *source); // NULL: no memory
SELFSAME_API void selfsame_batch_destroy(struct selfsame_batch *batch);
SELFSAME_API struct selfsame_column *selfsame_batch_column(struct selfsame_batch *batch, const char *name,
                                                           enum selfsame_type type);
// Sets how many rows there are, and all cells to null. A new batch has none.
SELFSAME_API void selfsame_batch_rows(struct selfsame_batch *batch, size_t row_count);
// Makes sending it again safe: the same producer, number and content are acknowledged and change nothing. A
// producer's numbers go 1, 2, 3, ...; any other is ABORTED, and the message says which is expected. NULL:
// none.
SELFSAME_API void selfsame_batch_producer(struct selfsame_batch *batch, const char *producer,
                                          uint64_t number);
SELFSAME_API void selfsame_batch_strict(struct selfsame_batch *batch,
                                        bool strict); // refuse all if any row is a violation
SELFSAME_API void selfsame_batch_declared_arrival(struct selfsame_batch *batch,
                                                  bool declared); // rows of history

// What the server did with a batch that it acknowledged.
struct selfsame_receipt;

struct selfsame_refused {
    int64_t row;                  // of the batch, from 0; -1: none of them
    struct selfsame_bytes column; // empty: the row as a whole
    struct selfsame_bytes value, reason;
};

SELFSAME_API void selfsame_receipt_destroy(struct selfsame_receipt *receipt);
SELFSAME_API uint64_t selfsame_receipt_accepted(const struct selfsame_receipt *receipt);
SELFSAME_API uint64_t
selfsame_receipt_duplicate(const struct selfsame_receipt *receipt); // kept before, equal
SELFSAME_API uint64_t selfsame_receipt_conflicting(const struct selfsame_receipt *receipt); // in quarantine
SELFSAME_API uint64_t
selfsame_receipt_quarantined(const struct selfsame_receipt *receipt); // violations; in quarantine
SELFSAME_API uint64_t
selfsame_receipt_warned(const struct selfsame_receipt *receipt); // violations that were let in
SELFSAME_API bool selfsame_receipt_was_acknowledged(const struct selfsame_receipt *receipt); // it came before
SELFSAME_API uint64_t
selfsame_receipt_seq(const struct selfsame_receipt *receipt); // lookups with at least this see it
// Empty, or why lookups do not see the rows yet, which are durable.
SELFSAME_API struct selfsame_bytes selfsame_receipt_not_visible(const struct selfsame_receipt *receipt);
// The first rows that were refused. False past the end. What *refused points to lives as long as the receipt.
SELFSAME_API size_t selfsame_receipt_refused_count(const struct selfsame_receipt *receipt);
SELFSAME_API bool selfsame_receipt_refused(const struct selfsame_receipt *receipt, size_t index,
                                           struct selfsame_refused *refused);

// Sends the batch once and waits until it is durable and visible. On an error with `retry` and a producer,
// call it again with the batch unchanged. Without a producer, after UNAVAILABLE or DEADLINE_EXCEEDED nobody
// knows if it was kept. deadline_ms 0: the client's. *receipt is the caller's to destroy; `receipt` NULL: it
// is not wanted.
SELFSAME_API enum selfsame_code selfsame_push(struct selfsame_client *client, struct selfsame_batch *batch,
                                              uint32_t deadline_ms, struct selfsame_receipt **receipt,
                                              struct selfsame_error *error);

// Gets the receipt, which is the callback's to destroy, or NULL and why.
typedef void selfsame_receipt_callback(void *context, struct selfsame_receipt *receipt,
                                       const struct selfsame_error *error);

// The same with a callback, which comes only if this returns OK. The batch may be changed or destroyed at
// once.
SELFSAME_API enum selfsame_code selfsame_push_async(struct selfsame_client *client,
                                                    struct selfsame_batch *batch, uint32_t deadline_ms,
                                                    selfsame_receipt_callback *callback, void *context,
                                                    struct selfsame_error *error);

// ---- A pusher: rows in, batches out in the background

// Rows are put together into batches, which are sent one after the other in the order of their rows.
//
// With a producer a batch is sent, with the same bytes, until it is acknowledged: after UNAVAILABLE,
// DEADLINE_EXCEEDED and RESOURCE_EXHAUSTED with a hint it is sent again after a pause (or what the hint
// says). Any other error is final: that batch and all after it are given back with it, and the pusher takes
// no more rows; the number is free for a new pusher with first_batch. Without a producer a batch is sent
// again only when the server said that it did not take it; after any other error it is given back, and the
// pusher goes on with the next.
//
// After a restart a producer goes on with the number after the last one acknowledged (its rows may have been
// sent, so the batches from there on must be the same to the byte: keep a row's place in your input with the
// number, as `first_row`/`row_count` of the callback tell). Who cannot tell starts a new producer name at 1,
// and lets event_id find the duplicates.
struct selfsame_pusher;

struct selfsame_batch_end {
    uint64_t batch;                         // its number; without a producer they are counted all the same
    uint64_t first_row, row_count;          // which of all rows added to this pusher, from 0
    uint32_t attempts;                      // how often it was sent; 0: not at all
    const struct selfsame_receipt *receipt; // NULL: it was given back; lives until the callback returns
};

// A batch has ended. error NULL: it was acknowledged. On the pusher's thread; may add rows, but not flush or
// close.
typedef void selfsame_batch_callback(void *context, const struct selfsame_batch_end *end,
                                     const struct selfsame_error *error);

struct selfsame_pusher_options {
    size_t size;
    const char *source;                // required
    const char *producer;              // NULL: none
    uint64_t first_batch;              // of the producer; 0: 1
    uint32_t max_rows;                 // of a batch; 0: 10,000
    uint32_t max_bytes;                // of a batch, about; 0: 1 MiB
    uint32_t linger_ms;                // a batch is sent when its first row is that old; 0: 100
    uint32_t deadline_ms;              // of one attempt; 0: the client's
    uint32_t retry_min_ms;             // pause before the second attempt, doubled each time; 0: 50
    uint32_t retry_max_ms;             // and at most; 0: 5,000
    uint32_t give_up_ms;               // a batch is given back when its first attempt is that old; 0: never
    size_t max_waiting_bytes;          // of rows not acknowledged; above, adding waits; 0: 64 MiB
    bool strict, declared_arrival;     // as of batches
    selfsame_batch_callback *callback; // NULL: selfsame_pusher_flush tells
    void *context;
};

static inline void selfsame_pusher_options_init(struct selfsame_pusher_options *options)
{
    memset(options, 0, sizeof *options);
    options->size = sizeof *options;
}

// Starts a thread.
SELFSAME_API enum selfsame_code selfsame_pusher_open(struct selfsame_client *client,
                                                     const struct selfsame_pusher_options *options,
                                                     struct selfsame_pusher **pusher,
                                                     struct selfsame_error *error);
// Columns of the rows that are being made: by default one, row 0.
SELFSAME_API struct selfsame_column *selfsame_pusher_column(struct selfsame_pusher *pusher, const char *name,
                                                            enum selfsame_type type);
SELFSAME_API void selfsame_pusher_rows(struct selfsame_pusher *pusher,
                                       size_t row_count); // and sets all cells to null
// Takes the rows that were made; then there is one again, all null. Waits while too much is waiting (in a
// callback it does not: RESOURCE_EXHAUSTED). A setter's error is returned once; its rows are gone.
SELFSAME_API enum selfsame_code selfsame_pusher_add(struct selfsame_pusher *pusher,
                                                    struct selfsame_error *error);
// Sends what was added, and waits until all of it has ended: OK if all was acknowledged since the last flush,
// else the first error of a batch. DEADLINE_EXCEEDED after timeout_ms (UINT32_MAX: never): it goes on in the
// background.
SELFSAME_API enum selfsame_code selfsame_pusher_flush(struct selfsame_pusher *pusher, uint32_t timeout_ms,
                                                      struct selfsame_error *error);
// The number after the last one acknowledged: what first_batch would be.
SELFSAME_API uint64_t selfsame_pusher_next_batch(struct selfsame_pusher *pusher);
// Flush before. Waits for the attempt that is out; what was not acknowledged is given back with CANCELLED.
SELFSAME_API void selfsame_pusher_close(struct selfsame_pusher *pusher);

// ---- Training tables

// A point-in-time table: the spine goes out in chunks, rows of features come back in the same order. The
// thread that takes rows also sends, so neither waits for the other, and no more is in memory than a few
// chunks.
struct selfsame_table;
struct selfsame_spine;

// Fills the next chunk in: selfsame_spine_rows first, then its cells. False: there is no more. Called by
// selfsame_table_next, in its thread.
typedef bool selfsame_spine_callback(void *context, struct selfsame_spine *spine);

struct selfsame_table_options {
    size_t size;
    const char *service;         // required
    const char *const *features; // feature_count of them; none: all
    size_t feature_count;
    bool as_of_event_time;               // the truth as known today; else what lookups were served
    bool inclusive;                      // with it: sees events at exactly t too
    const void *fingerprint;             // 32 bytes, or NULL
    uint32_t deadline_ms;                // of the whole table; 0: none
    selfsame_spine_callback *next_chunk; // required
    void *context;
};

static inline void selfsame_table_options_init(struct selfsame_table_options *options)
{
    memset(options, 0, sizeof *options);
    options->size = sizeof *options;
}

SELFSAME_API struct selfsame_column *selfsame_spine_key(struct selfsame_spine *spine, const char *name,
                                                        enum selfsame_type type);
SELFSAME_API struct selfsame_column *selfsame_spine_input(struct selfsame_spine *spine, const char *name,
                                                          enum selfsame_type type);
SELFSAME_API void selfsame_spine_event(struct selfsame_spine *spine, const char *source);
SELFSAME_API struct selfsame_column *selfsame_spine_event_column(struct selfsame_spine *spine,
                                                                 const char *name, enum selfsame_type type);
SELFSAME_API void selfsame_spine_event_present(struct selfsame_spine *spine, size_t row, bool present);
SELFSAME_API void selfsame_spine_rows(struct selfsame_spine *spine,
                                      size_t row_count); // and sets all cells to null
SELFSAME_API void selfsame_spine_t(struct selfsame_spine *spine, size_t row,
                                   int64_t t_us); // every row must have one
// Read at this seq; if any row of a chunk has one, all must.
SELFSAME_API void selfsame_spine_seq(struct selfsame_spine *spine, size_t row, uint64_t seq);

SELFSAME_API enum selfsame_code selfsame_table_open(struct selfsame_client *client,
                                                    const struct selfsame_table_options *options,
                                                    struct selfsame_table **table,
                                                    struct selfsame_error *error);
// The next rows, or OUT_OF_RANGE after the last. Until the next call or the close:
SELFSAME_API enum selfsame_code selfsame_table_next(struct selfsame_table *table,
                                                    struct selfsame_error *error);
SELFSAME_API uint64_t
selfsame_table_first_row(const struct selfsame_table *table); // in the whole spine, from 0
SELFSAME_API size_t selfsame_table_rows(const struct selfsame_table *table);
SELFSAME_API size_t selfsame_table_feature_count(const struct selfsame_table *table);
SELFSAME_API const struct selfsame_values *selfsame_table_feature(const struct selfsame_table *table,
                                                                  size_t index);
// Of the table as a whole; 0 and empty before the first rows.
SELFSAME_API uint64_t selfsame_table_newest_seq(const struct selfsame_table *table);
SELFSAME_API struct selfsame_bytes selfsame_table_fingerprint(const struct selfsame_table *table);
SELFSAME_API void selfsame_table_close(struct selfsame_table *table); // cancels what is not done

#ifdef __cplusplus
}
#endif

#endif
