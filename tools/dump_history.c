// dump --history: all rows of a source in the order they came in, to be loaded again elsewhere.
//
// It opens history alone: no online store, no definitions. What cannot be read is named on standard error as
// it is come to, and counted for the exit status; everything else goes out.

#include "tools/dump_history.h"

#include "engine/base/time.h"
#include "materializer/csv_text.h"
#include "store/history_log.h"

#define FLUSH_BYTES 65536

struct saving {
    uint64_t row_count, damage_count;
    struct ss_buffer lines; // not written yet
    struct ss_buffer cell;
};

static void note_damage(void *context, const struct ss_error *error)
{
    struct saving *saving = context;
    saving->damage_count++;
    fprintf(stderr, "selfsame: %s\n", error->message);
}

static enum ss_status flush(struct saving *saving, size_t most, struct ss_error *error)
{
    struct ss_buffer *lines = &saving->lines;
    if (lines->failed || saving->cell.failed) return ss_fail_memory(error, "a row");
    if (lines->size <= most) return SS_OK;
    const bool written = fwrite(lines->data, 1, lines->size, stdout) == lines->size;
    ss_buffer_clear(lines);
    return written ? SS_OK : ss_fail(error, SS_IO, "standard output could not be written");
}

static void write_value(struct saving *saving, struct ss_type type, struct ss_value value)
{
    if (!value.present) return;
    ss_buffer_clear(&saving->cell);
    ss_value_format(type, value, &saving->cell);
    ss_csv_write_text((struct ss_bytes){(const char *)saving->cell.data, saving->cell.size}, &saving->lines);
}

static void write_time(struct saving *saving, int64_t time_us)
{
    char text[SS_TIME_TEXT_SIZE];
    if (time_us == SS_LOST_US) return;
    ss_buffer_text(&saving->lines, ss_time_format(time_us, text));
}

static void write_header(struct saving *saving, const struct ss_log_source *source)
{
    ss_csv_write_text(ss_bytes_of(source->event_time), &saving->lines);
    for (size_t i = 0; i < source->column_count; i++) {
        ss_buffer_byte(&saving->lines, ',');
        ss_csv_write_text(ss_bytes_of(source->column_names[i]), &saving->lines);
    }
    ss_buffer_text(&saving->lines, ",_event_time_us,_arrival_time,_seq,_deleted_seq\n");
}

static void write_row(struct saving *saving, const struct ss_log_source *source,
                      const struct ss_log_batch *batch, int32_t row)
{
    struct ss_buffer *lines = &saving->lines;
    write_time(saving, batch->event_time_us[row]);
    for (size_t i = 0; i < source->column_count; i++) {
        ss_buffer_byte(lines, ',');
        write_value(saving, source->column_types[i], ss_column_get(&batch->columns[i], row));
    }
    ss_buffer_byte(lines, ',');
    if (batch->event_time_us[row] != SS_LOST_US)
        ss_buffer_format(lines, "%lld", (long long)batch->event_time_us[row]);
    ss_buffer_byte(lines, ',');
    write_time(saving, batch->arrival_us[row]);
    ss_buffer_format(lines, ",%llu,", (unsigned long long)batch->seq[row]);
    if (batch->deleted_seq[row]) ss_buffer_format(lines, "%llu", (unsigned long long)batch->deleted_seq[row]);
    ss_buffer_byte(lines, '\n');
    saving->row_count++;
}

static enum ss_status save(struct saving *saving, struct ss_log *log, struct ss_error *error)
{
    const struct ss_log_source *source = ss_log_source(log);
    const struct ss_log_batch *batch;
    write_header(saving, source);
    for (;;) {
        SS_TRY(ss_log_next(log, &batch, error));
        if (!batch) return flush(saving, 0, error);
        for (int32_t row = 0; row < batch->length; row++) {
            write_row(saving, source, batch, row);
            SS_TRY(flush(saving, FLUSH_BYTES, error));
        }
    }
}

static int report(const struct saving *saving, const char *source)
{
    char count[SS_COUNT_TEXT_SIZE], parts[SS_COUNT_TEXT_SIZE];
    if (saving->damage_count == 0) return SS_EXIT_OK;
    fprintf(
        stderr,
        "selfsame: source '%s': %s rows written; %s parts of its history, named above, could not be read: "
        "their cells are empty, and rows whose seq is lost may be left out\n",
        source, ss_count_format(saving->row_count, count), ss_count_format(saving->damage_count, parts));
    return SS_EXIT_FOUND;
}

int ss_dump_history(const struct ss_cli *cli, const char *source)
{
    struct ss_error error = {0};
    struct saving saving = {0};
    struct ss_store *store = NULL;
    struct ss_log *log = NULL;
    enum ss_status status = ss_store_open(cli->directory, SS_STORE_HISTORY, NULL, &store, &error);
    if (status == SS_OK) {
        ss_history_salvage(store->history, note_damage, &saving);
        status = ss_log_open(store->history, source, 0, UINT64_MAX, NULL, &log, &error);
    }
    if (status == SS_OK) status = save(&saving, log, &error);
    ss_buffer_release(&saving.lines);
    ss_buffer_release(&saving.cell);
    ss_log_close(log);
    ss_store_close(store);
    return status == SS_OK ? report(&saving, source) : ss_cli_fail(&error);
}
