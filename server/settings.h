// Settings of `selfsame serve`: one table, from which come the struct, the file, the options, --help and
// docs/CONFIG.md.
//
// A value comes from an option (--max-entities 100), else from the settings file (max_entities: 100), else it
// is the default. All that is wrong is told at once, with file:line:col or the option's name.
#ifndef SS_SERVER_SETTINGS_H
#define SS_SERVER_SETTINGS_H

#include "engine/base/arena.h"
#include "engine/base/bytes.h"
#include "engine/base/error.h"

enum ss_setting_kind {
    SS_SETTING_TEXT,
    SS_SETTING_LIST,     // of texts; as an option it is given several times
    SS_SETTING_FLAG,     // true or false; as an option it needs no value
    SS_SETTING_CHOICE,   // one of its words
    SS_SETTING_COUNT,    // a whole number
    SS_SETTING_BYTES,    // a whole number, maybe with k, M or G (of 1024)
    SS_SETTING_DURATION, // 250ms, 1h30m; 0
};

enum ss_setting_reload {
    SS_FIXED,  // a change takes effect at the next start
    SS_LIVE,   // SIGHUP is enough
    SS_CONTENT // the name of the file is fixed; what stands in it is read again on SIGHUP
};

// The order of a choice's words is that of its enum.
enum { SS_REQUIRE_AUTO, SS_REQUIRE_ALWAYS, SS_REQUIRE_NEVER };
enum { SS_FORMAT_TEXT, SS_FORMAT_JSON };
enum { SS_CALLS_NONE, SS_CALLS_FAILED, SS_CALLS_ALL };

#define SS_COUNT_MAX INT64_C(1000000000)
#define SS_BYTES_MAX (INT64_C(1) << 40)

// clang-format off
// X(kind, name, default, least, most, words, reload, what it does)
#define SS_SETTINGS(X) \
X(LIST, listen, "127.0.0.1:7500", 1, 16, NULL, FIXED, \
  "Where calls come in: HOST:PORT (plain TCP), tls:HOST:PORT, unix:/PATH. An IPv6 address stands in brackets; port 0 is any free one.") \
X(FLAG, allow_plain, "false", 0, 0, NULL, FIXED, \
  "Lets plain TCP listen beyond loopback, where everybody on the way sees the values. Tokens are not taken there.") \
X(FLAG, allow_anonymous, "false", 0, 0, NULL, FIXED, \
  "Lets a listener beyond loopback take calls from anybody: no token, no client certificate.") \
X(CHOICE, require_token, "auto", 0, 0, "auto|always|never", FIXED, \
  "When a call needs a token. auto: as soon as one was ever created ('selfsame token create').") \
X(TEXT, tls_certificate, "", 0, 4096, NULL, CONTENT, \
  "PEM file: the server's certificate and those between it and the root. Needed by listeners tls:...") \
X(TEXT, tls_key, "", 0, 4096, NULL, CONTENT, \
  "PEM file: the certificate's private key.") \
X(TEXT, tls_client_ca, "", 0, 4096, NULL, CONTENT, \
  "PEM file: clients of tls:... listeners need a certificate signed by one of these (mutual TLS). Empty: they need none.") \
X(BYTES, max_message_bytes, "16M", 65536, INT64_C(1) << 30, NULL, FIXED, \
  "Greatest message in either direction.") \
X(BYTES, max_network_memory, "4G", 67108864, SS_BYTES_MAX, NULL, FIXED, \
  "Memory that messages on their way in and out may take in all: beyond it connections are read more slowly, then cut.") \
X(COUNT, max_entities, "4096", 1, 1000000, NULL, LIVE, \
  "Most entities in one lookup.") \
X(COUNT, max_columns, "4096", 1, 100000, NULL, LIVE, \
  "Most columns in one message.") \
X(BYTES, max_spine_bytes, "1G", 65536, SS_BYTES_MAX, NULL, LIVE, \
  "Most bytes of the spine of one training table. All that are being sent share so much for each of train_jobs.") \
X(COUNT, max_streams, "1024", 1, 1000000, NULL, FIXED, \
  "Most calls at once on one connection.") \
X(COUNT, max_in_flight, "4096", 1, 1000000, NULL, LIVE, \
  "Most calls at once in all; further ones are RESOURCE_EXHAUSTED at once, with a hint when to retry.") \
X(COUNT, train_jobs, "2", 1, 256, NULL, FIXED, \
  "Most training tables at once; further ones are RESOURCE_EXHAUSTED.") \
X(BYTES, push_queue_bytes, "256M", 65536, SS_BYTES_MAX, NULL, LIVE, \
  "Most bytes that wait for their commit; further pushes are RESOURCE_EXHAUSTED.") \
X(BYTES, group_bytes, "1M", 1, SS_BYTES_MAX, NULL, LIVE, \
  "Pushes of so many bytes share a commit at most. A greater one has a commit to itself.") \
X(DURATION, retry_after, "50ms", 1000, 60000000, NULL, LIVE, \
  "The hint that comes with RESOURCE_EXHAUSTED.") \
X(COUNT, shards, "0", 0, 1024, NULL, FIXED, \
  "Threads that answer calls. 0: one less than there are cores, at least one.") \
X(FLAG, keep_in_memory, "true", 0, 0, NULL, LIVE, \
  "Reads the file of the online rows at the start and uses it every 30 s, so that the system keeps it in memory and no lookup waits for the disk. Not done while it is larger than half of the machine's memory.") \
X(DURATION, keepalive_time, "60s", 1000000, INT64_C(86400000000), NULL, FIXED, \
  "A connection that is silent for so long is asked whether it is alive.") \
X(DURATION, keepalive_timeout, "20s", 1000000, INT64_C(3600000000), NULL, FIXED, \
  "A connection that does not answer this for so long is closed.") \
X(DURATION, send_timeout, "30s", 1000, INT64_C(86400000000), NULL, LIVE, \
  "An answer, or a message of a stream, that the client does not take for so long ends its call.") \
X(DURATION, drain_timeout, "30s", 0, INT64_C(3600000000), NULL, LIVE, \
  "How long a stop (SIGTERM) waits for calls that are being answered. Pushes that were taken are committed in any case.") \
X(TEXT, metrics_listen, "127.0.0.1:7501", 0, 256, NULL, FIXED, \
  "HOST:PORT of /metrics, /healthz and /readyz over HTTP. Empty: none.") \
X(CHOICE, log_level, "info", 0, 0, "debug|info|warn|error", LIVE, \
  "Least level that is logged.") \
X(CHOICE, log_format, "text", 0, 0, "text|json", LIVE, \
  "Lines for people, or a JSON object each.") \
X(CHOICE, log_calls, "none", 0, 0, "none|failed|all", LIVE, \
  "Which calls get a line. failed: all but OK, NOT_FOUND and CANCELLED.") \
X(DURATION, log_slower_than, "0", 0, INT64_C(86400000000), NULL, LIVE, \
  "Calls that take longer get a line too, whatever log_calls says. 0: none.")
// clang-format on

struct ss_text_list {
    const char *const *items;
    size_t count;
};

enum ss_listener_kind { SS_LISTEN_PLAIN, SS_LISTEN_TLS, SS_LISTEN_UNIX };

struct ss_listener {
    enum ss_listener_kind kind;
    const char *text;     // as it was given
    const char *address;  // "HOST:PORT" or "unix:/PATH", as gRPC takes it
    bool beyond_loopback; // other machines may reach it
};

enum ss_setting_id {
#define SS_SETTING_ID(kind, name, ...) SS_SETTING_##name,
    SS_SETTINGS(SS_SETTING_ID)
#undef SS_SETTING_ID
        SS_SETTING_IDS
};

enum ss_setting_origin { SS_FROM_DEFAULT, SS_FROM_FILE, SS_FROM_OPTION };

// A zeroed struct is released and empty. Everything in it lives as long as it does; it is not changed once it
// is loaded, so any thread may read it.
struct ss_settings {
#define SS_FIELD_TEXT(name)               const char *name; // never NULL
#define SS_FIELD_LIST(name)               struct ss_text_list name;
#define SS_FIELD_FLAG(name)               bool name;
#define SS_FIELD_CHOICE(name)             int name; // the index of the word
#define SS_FIELD_COUNT(name)              uint64_t name;
#define SS_FIELD_BYTES(name)              uint64_t name;
#define SS_FIELD_DURATION(name)           int64_t name##_us;
#define SS_SETTING_FIELD(kind, name, ...) SS_FIELD_##kind(name)
    SS_SETTINGS(SS_SETTING_FIELD)
#undef SS_SETTING_FIELD

    struct ss_listener *listeners; // of `listen`
    size_t listener_count;
    struct ss_text_list texts[SS_SETTING_IDS]; // each value as it was given
    enum ss_setting_origin origins[SS_SETTING_IDS];
    struct ss_arena arena;
};

struct ss_setting_option { // --name value
    const char *name;      // with or without dashes before it; '-' is '_'
    const char *value;
};

// `file` NULL: none. What is wrong in the file and in the options, all of it, is in the error's message, a
// line each. Release the settings when it succeeds.
enum ss_status ss_settings_load(const char *file, const struct ss_setting_option *options,
                                size_t option_count, struct ss_settings *settings, struct ss_error *error);
void ss_settings_release(struct ss_settings *settings);

// The same again while the server runs: what is SS_FIXED or SS_CONTENT stays as it is in `live`; for each of
// these that would be another now, a line is appended to `kept`.
enum ss_status ss_settings_reload(const struct ss_settings *live, const char *file,
                                  const struct ss_setting_option *options, size_t option_count,
                                  struct ss_settings *settings, struct ss_buffer *kept,
                                  struct ss_error *error);

// Takes "--config FILE", "--name value", "--name=value" and "--flag" from the arguments, of which argv[0] is
// the command's name. Everything borrows from argv; free `options`.
struct ss_setting_options {
    const char *file; // NULL: none
    struct ss_setting_option *options;
    size_t count;
};
enum ss_status ss_setting_options_parse(int argc, char **argv, struct ss_setting_options *options,
                                        struct ss_error *error);

// One row of the table, for who prints it.
struct ss_setting_row {
    const char *name;
    enum ss_setting_kind kind;
    const char *default_text;
    int64_t least, most; // COUNT, BYTES; DURATION in microseconds; LIST: items; TEXT: bytes
    const char *words;   // CHOICE: "a|b"
    enum ss_setting_reload reload;
    const char *text; // what it does
    size_t offset;    // of the field in struct ss_settings
};
extern const struct ss_setting_row ss_setting_rows[SS_SETTING_IDS];
const char *ss_setting_kind_name(enum ss_setting_kind kind); // "list of texts"

void ss_settings_print_reference(struct ss_buffer *page); // docs/CONFIG.md
void ss_settings_print_help(struct ss_buffer *page);      // options of `serve`
// The values that are no defaults, "name=value name=value".
void ss_settings_print_given(const struct ss_settings *settings, struct ss_buffer *line);

#endif
