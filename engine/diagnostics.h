// Diagnostics: all compile errors of all files at once, in file order, each with its place, line, caret and
// advice.
#ifndef SS_ENGINE_DIAGNOSTICS_H
#define SS_ENGINE_DIAGNOSTICS_H

#include "engine/base/arena.h"
#include "engine/base/bytes.h"

// A definition file as text. Borrowed; must outlive the diagnostics and the plan made from it.
struct ss_file {
    const char *path;
    struct ss_bytes text;
};

// A place: `offset` is the byte offset in the file's text; line and column (1-based, in code points) are
// derived from it.
struct ss_place {
    uint32_t file;   // index into the files
    uint32_t offset; // byte offset
};

struct ss_diagnostic {
    struct ss_place place;
    const char *message; // "unknown column 'amout'; did you mean 'amount'?"
};

struct ss_diagnostics {
    const struct ss_file *files;
    size_t file_count;
    struct ss_arena *arena; // messages live here
    struct ss_diagnostic *items;
    size_t count, capacity;
    bool out_of_memory;
};

void ss_diagnostics_init(struct ss_diagnostics *diagnostics, const struct ss_file *files, size_t file_count,
                         struct ss_arena *arena);
#define SS_DIAGNOSTICS_MAX 1000 // later ones are dropped: nobody reads them, and a hostile file has millions
// Adds one error. The same place and message twice is kept once.
void ss_diagnose(struct ss_diagnostics *diagnostics, struct ss_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// Sorts by file, then offset.
void ss_diagnostics_sort(struct ss_diagnostics *diagnostics);
// Appends one error as three lines: "path:line:col: error: message", the source line, the caret. Tabs keep
// the caret true; a very long line is shown around the caret.
void ss_diagnostic_format(const struct ss_diagnostics *diagnostics, size_t index, struct ss_buffer *buffer);
// Line and column (1-based, code points) of a place.
void ss_place_resolve(const struct ss_diagnostics *diagnostics, struct ss_place place, uint32_t *line,
                      uint32_t *column);
// The nearest of the names to `name` within a third of its length (Damerau-Levenshtein), or NULL: for "did
// you mean".
const char *ss_nearest_name(struct ss_bytes name, const char *const *names, size_t count);
// How an error that knows the nearest name ends: "; did you mean 'amount'?", and "" for NULL. Returns hint.
#define SS_HINT_SIZE 96
const char *ss_nearest_hint(const char *nearest, char hint[SS_HINT_SIZE]);

#endif
