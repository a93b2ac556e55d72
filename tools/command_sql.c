// sql: questions to history, whose sources are tables of rows. Asked as an argument or on standard input.
//
// CSV and JSON go out as the rows come in; a table for people waits for all of them, because of its widths.

#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/base64.h"
#include "engine/base/json_text.h"
#include "materializer/csv_text.h"
#include "store/history_sql.h"
#include "tools/cli.h"

enum form { FORM_TABLE, FORM_CSV, FORM_JSON };

struct output {
    enum form form;
    struct ss_table table;
    bool is_first;           // row of the answer
    struct ss_buffer *names; // of JSON, quoted
    size_t name_count;
    struct ss_buffer text; // not written yet
};

#define FLUSH_BYTES 65536

static enum ss_status flush(struct output *output, size_t most, struct ss_error *error)
{
    if (output->text.failed) return ss_fail_memory(error, "a row");
    if (output->text.size <= most) return SS_OK;
    const bool written = fwrite(output->text.data, 1, output->text.size, stdout) == output->text.size;
    ss_buffer_clear(&output->text);
    return written ? SS_OK : ss_fail(error, SS_IO, "standard output could not be written");
}

// ---- Cells

static struct ss_cell text_cell(const char *text)
{
    return (struct ss_cell){.kind = SS_CELL_KIND_TEXT, .text = ss_bytes_of(text)};
}

// Text that is no UTF-8, which only a cast of bytes makes, is shown as bytes are.
static void write_json(const struct ss_cell *cell, struct ss_buffer *text)
{
    if (cell->kind == SS_CELL_KIND_NULL) {
        ss_buffer_text(text, "null");
    } else if (cell->kind == SS_CELL_KIND_TEXT && ss_utf8_valid(cell->text)) {
        ss_json_string(cell->text, text);
    } else if (cell->kind == SS_CELL_KIND_TEXT || cell->kind == SS_CELL_KIND_BLOB) {
        ss_buffer_byte(text, '"');
        ss_base64_encode(cell->text, text);
        ss_buffer_byte(text, '"');
    } else {
        ss_csv_write_cell(cell, false, text);
    }
}

// One line of text, without what a terminal takes for a command.
static void add_to_table(struct ss_table *table, const struct ss_cell *cell)
{
    struct ss_buffer text = {0};
    const bool is_bytes =
        cell->kind == SS_CELL_KIND_BLOB || (cell->kind == SS_CELL_KIND_TEXT && !ss_utf8_valid(cell->text));
    if (cell->kind == SS_CELL_KIND_NULL)
        ss_buffer_text(&text, "null");
    else if (is_bytes)
        ss_base64_encode(cell->text, &text);
    else if (cell->kind == SS_CELL_KIND_TEXT)
        ss_buffer_append(&text, cell->text.data, cell->text.size);
    else
        ss_csv_write_cell(cell, false, &text);
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < ' ' || text.data[i] == 0x7f) text.data[i] = ' ';
    ss_table_text(table, (struct ss_bytes){text.size ? (const char *)text.data : "", text.size});
    table->failed = table->failed || text.failed;
    ss_buffer_release(&text);
}

// ---- Answers

static void release_names(struct output *output)
{
    for (size_t i = 0; i < output->name_count; i++) ss_buffer_release(&output->names[i]);
    free(output->names);
    output->names = NULL;
    output->name_count = 0;
}

static enum ss_status begin_json(struct output *output, const char *const *names, size_t count,
                                 struct ss_error *error)
{
    bool failed = false;
    release_names(output);
    output->names = calloc(count + 1, sizeof *output->names);
    if (!output->names) return ss_fail_memory(error, "an answer");
    for (output->name_count = 0; output->name_count < count; output->name_count++) {
        const struct ss_cell name = text_cell(names[output->name_count]);
        write_json(&name, &output->names[output->name_count]);
        failed = failed || output->names[output->name_count].failed;
    }
    ss_buffer_byte(&output->text, '[');
    return failed ? ss_fail_memory(error, "an answer") : SS_OK;
}

static enum ss_status begin(void *context, const char *const *names, size_t count, struct ss_error *error)
{
    struct output *output = context;
    output->is_first = true;
    if (output->form == FORM_JSON) return begin_json(output, names, count, error);
    if (output->form == FORM_TABLE && count > SS_TABLE_COLUMNS_MAX)
        return ss_fail(error, SS_LIMIT, "sql: a table shows at most %d columns; ask for --csv or --json",
                       SS_TABLE_COLUMNS_MAX);
    output->table = (struct ss_table){.column_count = count};
    for (size_t i = 0; i < count; i++) {
        const struct ss_cell name = text_cell(names[i]);
        if (output->form == FORM_TABLE) add_to_table(&output->table, &name);
        if (output->form == FORM_CSV && i > 0) ss_buffer_byte(&output->text, ',');
        if (output->form == FORM_CSV) ss_csv_write_text(name.text, &output->text);
    }
    if (output->form == FORM_CSV) ss_buffer_byte(&output->text, '\n');
    return flush(output, FLUSH_BYTES, error);
}

static enum ss_status add_row(void *context, const struct ss_cell *cells, size_t count,
                              struct ss_error *error)
{
    struct output *output = context;
    struct ss_buffer *text = &output->text;
    if (output->form == FORM_JSON) ss_buffer_text(text, output->is_first ? "\n{" : ",\n{");
    for (size_t i = 0; i < count; i++) {
        if (output->form == FORM_TABLE) {
            const bool is_number =
                cells[i].kind == SS_CELL_KIND_INTEGER || cells[i].kind == SS_CELL_KIND_REAL;
            if (output->is_first) output->table.right[i] = is_number;
            add_to_table(&output->table, &cells[i]);
            continue;
        }
        if (i > 0) ss_buffer_text(text, output->form == FORM_JSON ? ", " : ",");
        if (output->form == FORM_JSON) {
            ss_buffer_append(text, output->names[i].data, output->names[i].size);
            ss_buffer_text(text, ": ");
            write_json(&cells[i], text);
        } else {
            ss_csv_write_cell(&cells[i], false, text);
        }
    }
    if (output->form != FORM_TABLE) ss_buffer_text(text, output->form == FORM_JSON ? "}" : "\n");
    output->is_first = false;
    if (output->table.failed) return ss_fail_memory(error, "an answer");
    return flush(output, FLUSH_BYTES, error);
}

static enum ss_status end(void *context, struct ss_error *error)
{
    struct output *output = context;
    if (output->form == FORM_TABLE) ss_table_print(&output->table, stdout);
    if (output->form == FORM_JSON) ss_buffer_text(&output->text, output->is_first ? "]\n" : "\n]\n");
    return flush(output, 0, error);
}

// ---- Questions

static struct ss_sql *running; // for the signal handler

static void on_interrupt(int number)
{
    (void)number;
    if (running) ss_sql_interrupt(running);
}

static enum ss_status ask(struct ss_sql *sql, const char *text, struct output *output, struct ss_error *error)
{
    const struct ss_sql_sink sink = {begin, add_row, end, output};
    running = sql;
    enum ss_status status = ss_sql_run(sql, text, &sink, error);
    running = NULL;
    if (output->form == FORM_TABLE) ss_table_release(&output->table);
    const enum ss_status flushed = flush(output, 0, status == SS_OK ? error : NULL);
    return status == SS_OK ? flushed : status;
}

static enum ss_status read_input(struct ss_buffer *text, struct ss_error *error)
{
    char block[4096];
    size_t size;
    while ((size = fread(block, 1, sizeof block, stdin)) > 0) ss_buffer_append(text, block, size);
    if (ferror(stdin)) return ss_fail(error, SS_IO, "standard input could not be read");
    ss_buffer_byte(text, 0);
    if (text->failed) return ss_fail_memory(error, "the statements");
    if (memchr(text->data, 0, text->size - 1))
        return ss_fail(error, SS_INVALID, "sql: standard input is no text: it has a zero byte");
    return SS_OK;
}

// A person at a terminal: errors are shown and the next statement is asked for.
static enum ss_status converse(struct ss_sql *sql, struct output *output, struct ss_error *error)
{
    struct ss_buffer text = {0};
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    for (;;) {
        fputs(text.size ? "     ...> " : "selfsame> ", stderr);
        if ((size = getline(&line, &capacity, stdin)) < 0) break;
        ss_buffer_append(&text, line, (size_t)size);
        ss_buffer_byte(&text, 0);
        if (text.failed) break;
        text.size--;
        if (!ss_sql_is_complete((const char *)text.data)) continue;
        struct ss_error found;
        if (ask(sql, (const char *)text.data, output, &found) != SS_OK) ss_cli_fail(&found);
        fflush(stdout);
        ss_buffer_clear(&text);
    }
    const bool failed = text.failed;
    fputc('\n', stderr);
    free(line);
    ss_buffer_release(&text);
    return failed ? ss_fail_memory(error, "the statements") : SS_OK;
}

static enum ss_status answer(struct ss_sql *sql, const char *question, struct output *output,
                             struct ss_error *error)
{
    struct ss_buffer text = {0};
    if (question) return ask(sql, question, output, error);
    if (isatty(STDIN_FILENO)) return converse(sql, output, error);
    enum ss_status status = read_input(&text, error);
    if (status == SS_OK) status = ask(sql, (const char *)text.data, output, error);
    ss_buffer_release(&text);
    return status;
}

int ss_command_sql(struct ss_cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"csv", no_argument, NULL, 'c'}, {0}};
    const struct sigaction handling = {.sa_handler = on_interrupt};
    struct output output = {.form = cli->json ? FORM_JSON : FORM_TABLE};
    struct ss_error error = {0};
    struct ss_store *store = NULL;
    struct ss_sql *sql = NULL;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'c') return ss_cli_usage(cli, "unknown option");
        output.form = FORM_CSV;
    }
    if (cli->json && output.form == FORM_CSV) return ss_cli_usage(cli, "--json or --csv, not both");
    if (optind + 1 < argc) return ss_cli_usage(cli, "unexpected '%s'; quote the question", argv[optind + 1]);
    enum ss_status status = ss_store_open(cli->directory, SS_STORE_HISTORY, NULL, &store, &error);
    if (status == SS_OK) status = ss_sql_open(store->history, &sql, &error);
    if (status == SS_OK) {
        sigaction(SIGINT, &handling, NULL);
        status = answer(sql, optind < argc ? argv[optind] : NULL, &output, &error);
    }
    release_names(&output);
    ss_buffer_release(&output.text);
    ss_sql_close(sql);
    ss_store_close(store);
    return status == SS_OK ? SS_EXIT_OK : ss_cli_fail(&error);
}
