// What every subcommand shares: global options, opening stores, printing errors, tables and JSON.
//
// A command is `int ss_command_NAME(struct ss_cli *cli, int argc, char **argv)` with argv[0] its own name; it
// returns the exit status (CLI.md: 0 fine, 1 it found what it looks for, 2 wrong use or failure). Results go
// to stdout, all else to stderr.
#ifndef SS_TOOLS_CLI_H
#define SS_TOOLS_CLI_H

#include <json-c/json.h>
#include <stdio.h>

#include "materializer/materializer.h"

#define SS_EXIT_OK    0
#define SS_EXIT_FOUND 1
#define SS_EXIT_ERROR 2

struct ss_cli {
    const char *directory; // of the store
    bool has_directory;    // --dir or $SELFSAME_DIR named it
    const char *server;    // NULL: the command works on the folder; else it asks this server (remote.h)
    const char *token_file, *ca_file, *cert_file, *key_file; // for the server; NULL: not given
    bool json;
    bool has_now; // --now TIME: moves a replay clock
    int64_t now_us;
    const struct ss_command *command; // the one that runs, for its usage
};

enum ss_command_store { // what a command works on
    SS_ON_FOLDER,
    SS_ON_FOLDER_OR_SERVER,
    SS_ON_NONE
};

struct ss_command {
    const char *name;
    int (*run)(struct ss_cli *cli, int argc, char **argv);
    const char *usage;   // "train SERVICE --spine FILE ..."
    const char *summary; // one line
    const char *help;    // options and examples
    const char *(*more)(
        struct ss_buffer *text); // what stands behind the help, made from a table. NULL: nothing
    enum ss_command_store store;
};
const struct ss_command *ss_commands(size_t *count);

// "selfsame: message" on stderr; returns the exit status of the error's code.
int ss_cli_fail(const struct ss_error *error);
// "selfsame COMMAND: message" and how to get help on stderr; returns SS_EXIT_ERROR.
int ss_cli_usage(const struct ss_cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
// True if `argv` asks for --help, which is then printed.
bool ss_cli_help(const struct ss_cli *cli, int argc, char **argv);

// Opens the store that the global options name, and moves its replay clock to --now.
enum ss_status ss_cli_open(const struct ss_cli *cli, enum ss_store_mode mode,
                           struct ss_materializer **materializer, struct ss_error *error);
enum ss_status ss_cli_open_with(const struct ss_cli *cli, enum ss_store_mode mode,
                                const struct ss_store_options *options, struct ss_materializer **materializer,
                                struct ss_error *error);
enum ss_status ss_cli_move_clock(const struct ss_cli *cli, struct ss_clock *clock, struct ss_error *error);

// Definition files, read. A zeroed struct is empty.
struct ss_cli_files {
    struct ss_file *items;
    size_t count, capacity;
    struct ss_arena arena; // paths and texts
};
// A folder stands for its *.yaml and *.yml, in order of name. Released by the caller, whatever comes of it.
enum ss_status ss_cli_read_files(char **paths, int count, struct ss_cli_files *files, struct ss_error *error);
void ss_cli_release_files(struct ss_cli_files *files);
// Reads and compiles definition files. Compile errors are printed to stderr and give SS_FOUND; other failures
// are in *error.
enum ss_status ss_cli_compile(char **paths, int count, struct ss_definitions **definitions,
                              struct ss_error *error);

void ss_cli_print_report(struct ss_bytes report, uint64_t error_count); // compile errors, to stderr

// "NAME=VALUE" -> its parts (value borrowed from text; name in the arena). False when there is no '=' or no
// name.
bool ss_cli_pair(const char *text, struct ss_arena *arena, const char **name, const char **value);

// "at:ms" -> column "at" (in the arena), milliseconds. False when there is no name.
bool ss_cli_time_column(const char *text, struct ss_arena *arena, const char **column,
                        enum ss_time_unit *unit);

// Prints a finished JSON value to stdout and frees it.
void ss_cli_print_json(struct json_object *value);
struct json_object *ss_cli_json_value(struct ss_type type,
                                      struct ss_value value); // decimals are strings; null -> NULL
struct json_object *ss_cli_json_text(const char *text);       // what is no UTF-8 is shown as '?'
struct json_object *ss_cli_json_time(int64_t time_us);
struct json_object *ss_cli_json_hash(const struct ss_sha256 *hash);

// A table printed with aligned columns, two blanks apart; numbers flush right. Cells are copied.
#define SS_TABLE_COLUMNS_MAX 2000 // as many as SQLite gives
struct ss_table {
    size_t column_count;
    bool right[SS_TABLE_COLUMNS_MAX]; // column is flush right
    struct ss_buffer *cells;
    size_t cell_count, capacity;
    bool failed;
};
void ss_table_init(struct ss_table *table, size_t column_count, const char *const *headers);
void ss_table_cell(struct ss_table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ss_table_text(struct ss_table *table, struct ss_bytes text); // a cell as it is, however long
void ss_table_print(struct ss_table *table, FILE *out);           // and releases it
void ss_table_release(struct ss_table *table);                    // of a table that is not printed

// 1234567 -> "1,234,567"; 1536 -> "1.5 KiB". Return text.
#define SS_COUNT_TEXT_SIZE 32
const char *ss_count_format(uint64_t count, char text[SS_COUNT_TEXT_SIZE]);
const char *ss_size_format(uint64_t bytes, char text[SS_COUNT_TEXT_SIZE]);

int ss_command_init(struct ss_cli *cli, int argc, char **argv);
int ss_command_check(struct ss_cli *cli, int argc, char **argv);
int ss_command_plan(struct ss_cli *cli, int argc, char **argv);
int ss_command_apply(struct ss_cli *cli, int argc, char **argv);
int ss_command_ingest(struct ss_cli *cli, int argc, char **argv);
int ss_command_get(struct ss_cli *cli, int argc, char **argv);
int ss_command_train(struct ss_cli *cli, int argc, char **argv);
int ss_command_rebuild_table(struct ss_cli *cli, int argc, char **argv);
int ss_command_rebuild(struct ss_cli *cli, int argc, char **argv);
int ss_command_digest(struct ss_cli *cli, int argc, char **argv);
int ss_command_skew(struct ss_cli *cli, int argc, char **argv);
int ss_command_stats(struct ss_cli *cli, int argc, char **argv);
int ss_command_dump(struct ss_cli *cli, int argc, char **argv);
int ss_command_serve(struct ss_cli *cli, int argc, char **argv);
int ss_command_sql(struct ss_cli *cli, int argc, char **argv);
int ss_command_compact(struct ss_cli *cli, int argc, char **argv);
int ss_command_token(struct ss_cli *cli, int argc, char **argv);
int ss_command_bench(struct ss_cli *cli, int argc, char **argv);
int ss_command_completion(struct ss_cli *cli, int argc, char **argv);

#endif
