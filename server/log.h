// The server's log: lines on stderr, as text for people or as a JSON object each.
//
//   2026-01-31T10:00:00.123456Z WARN  call refused  method=Push code=7 peer=ipv4:10.0.0.7:4242
//   {"time":"2026-01-31T10:00:00.123456Z","level":"warn","message":"call refused","method":"Push",...}
//
// From any thread. A line is made by its caller and written, by one write(2), by the log's own thread: a
// reader that does not read keeps no call waiting. What does not fit the queue is counted, and the log says
// so.
//
// Texts may come from anywhere: control characters, invalid UTF-8 and what turns the direction of text are
// escaped, and the secret of whatever looks like a token is left out.
#ifndef SS_SERVER_LOG_H
#define SS_SERVER_LOG_H

#include "engine/base/bytes.h"
#include "engine/base/error.h"

enum ss_log_level { SS_LOG_DEBUG, SS_LOG_INFO, SS_LOG_WARN, SS_LOG_ERROR }; // as of the setting log_level

#define SS_LOG_LINE_MAX 4096 // longer lines are cut: a pipe takes so much at once, whole

enum ss_log_field_kind { SS_LOG_TEXT, SS_LOG_NUMBER, SS_LOG_MICROSECONDS };

// What goes with a message. Made by the functions below; the text is borrowed for the call.
struct ss_log_field {
    const char *name; // lower case with underscores, from the program and never from outside
    enum ss_log_field_kind kind;
    struct ss_bytes text;
    int64_t number;
};

static inline struct ss_log_field ss_log_bytes(const char *name, struct ss_bytes text)
{
    return (struct ss_log_field){name, SS_LOG_TEXT, text, 0};
}
static inline struct ss_log_field ss_log_text(const char *name, const char *text) // NULL: ""
{
    return ss_log_bytes(name, ss_bytes_of(text ? text : ""));
}
static inline struct ss_log_field ss_log_number(const char *name, int64_t number)
{
    return (struct ss_log_field){name, SS_LOG_NUMBER, {0}, number};
}
// Text: 1.234ms; JSON: seconds, 0.001234. Name it "duration".
static inline struct ss_log_field ss_log_microseconds(const char *name, int64_t microseconds)
{
    return (struct ss_log_field){name, SS_LOG_MICROSECONDS, {0}, microseconds};
}

struct ss_log_options {
    int file;                // where to, usually 2; it stays open
    enum ss_log_level level; // lesser ones are left out
    bool json;
    size_t queue_bytes;               // 0: 1 MiB
    int64_t (*now_us)(void *context); // NULL: the machine's clock
    void *context;
};

struct ss_log;
enum ss_status ss_log_create(const struct ss_log_options *options, struct ss_log **log,
                             struct ss_error *error);
// Writes what waits (for a second at most) and ends the thread. NULL is fine.
void ss_log_destroy(struct ss_log *log);
// Takes effect with the next line.
void ss_log_configure(struct ss_log *log, enum ss_log_level level, bool json);
bool ss_log_wants(const struct ss_log *log, enum ss_log_level level); // cheap; false for log NULL

// log NULL: nothing. At most 32 fields.
void ss_log_write(struct ss_log *log, enum ss_log_level level, const struct ss_log_field *fields,
                  size_t field_count, const char *format, ...) __attribute__((format(printf, 5, 6)));
// Waits until all lines so far are written, for a second at most.
void ss_log_flush(struct ss_log *log);
uint64_t ss_log_dropped(const struct ss_log *log); // lines that did not fit the queue, since the start

// A name for one call that no other call of any server has: 16 hex digits.
#define SS_REQUEST_ID_SIZE 17
const char *ss_log_request_id(struct ss_log *log, char text[SS_REQUEST_ID_SIZE]);

// One line without the queue, for tests and for what happens before a log is there.
void ss_log_format(struct ss_buffer *line, bool json, int64_t now_us, enum ss_log_level level,
                   const struct ss_log_field *fields, size_t field_count, struct ss_bytes message);

#endif
