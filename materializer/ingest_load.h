// What the ways of loading a CSV file share: ingest_csv.c goes through it row by row, ingest_bulk.c on many
// threads; ingest_file.c knows the file, its identity and its columns. For them alone.
#ifndef SS_MATERIALIZER_INGEST_LOAD_H
#define SS_MATERIALIZER_INGEST_LOAD_H

#include "materializer/csv_batch.h"
#include "materializer/ingest_csv.h"

#define SS_LOAD_ID_SIZE 128

struct ss_load {
    struct ss_materializer *materializer;
    const struct ss_ingest *ingest;
    const struct ss_ingest_target *target;
    size_t rows_ahead[SS_INGEST_AHEAD_MAX]; // of the batches on their way, the oldest first
    size_t ahead_count;
    const struct ss_source *source;
    struct ss_ingest_result result;
    double start_seconds; // when it began
    struct ss_arena arena;
    int file;
    bool owns_file;
    const char *name; // of the file, for messages
    uint64_t file_bytes;
    size_t *positions; // of each column of the source in the file
    struct ss_csv_batch batch;
    char id[SS_LOAD_ID_SIZE]; // the producer, when the file is its own
    const char *producer;
    uint64_t number;      // of the next batch
    uint64_t sent_before; // batches that an earlier load of the file got acknowledged
    uint64_t done_bytes;  // of passes that ended
    uint64_t total_bytes;
    bool has_deletes;
    bool is_bulk; // and may be: see ss_ingest
};

// ---- ingest_file.c

// Opens the file; what cannot be read twice becomes an unlinked copy in the store's folder.
enum ss_status ss_load_open(struct ss_load *load, struct ss_error *error);
// Hashes the file and chooses the producer: the first load of this file that did not come to its end, or was
// not begun; or says that it is already_loaded.
enum ss_status ss_load_choose_producer(struct ss_load *load, struct ss_error *error);
// Finds the source's columns in the file's header.
enum ss_status ss_load_find_columns(struct ss_load *load, const struct ss_csv_reader *reader,
                                    struct ss_error *error);
enum ss_status ss_load_check_maps(const struct ss_load *load, struct ss_error *error);
// Fails if the file now ends elsewhere than when it was hashed.
enum ss_status ss_load_check_end(const struct ss_load *load, uint64_t end, struct ss_error *error);

// ---- ingest_store.c

// The store itself as the target of a load. The context is the caller's, zeroed but for the materializer.
struct ss_ingest_store {
    struct ss_materializer *materializer;
    struct ss_push_result result; // of the push that was begun
};
struct ss_ingest_target ss_ingest_into(struct ss_ingest_store *store);

// ---- ingest_csv.c

struct ss_sha256 ss_load_end_mark(void); // the hash of a load's last batch

// Pushes rows as the next batch of the load: length, columns, lines and unparsed are the caller's, the rest
// is filled in.
enum ss_status ss_load_push(struct ss_load *load, struct ss_push *push, const struct ss_sha256 *hash,
                            struct ss_error *error);
// The empty batch that says that the load came to its end.
enum ss_status ss_load_push_end(struct ss_load *load, struct ss_error *error);
enum ss_status ss_load_note_newest(struct ss_load *load, struct ss_error *error); // the store's newest seq
void ss_load_progress(const struct ss_load *load, uint64_t done_bytes);
double ss_load_seconds(const struct ss_load *load); // since it began

// ---- ingest_bulk.c

// Chooses the producer and loads the file, whose columns were not looked for yet.
enum ss_status ss_load_bulk(struct ss_load *load, struct ss_error *error);

#endif
