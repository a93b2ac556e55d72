// Runs a fuzz target over the files of its corpus: replay DIRECTORY|FILE ...
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/bytes.h"
#include "tests/fuzz/fuzz.h"

static size_t replayed;

static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(2);
    }
    struct ss_buffer buffer = {0};
    char chunk[4096];
    size_t got;
    while ((got = fread(chunk, 1, sizeof chunk, file)) > 0) ss_buffer_append(&buffer, chunk, got);
    fclose(file);
    // In memory of exactly its size, so that a sanitizer sees reads past its end.
    uint8_t *exact = malloc(buffer.size ? buffer.size : 1);
    if (!exact || buffer.failed) abort();
    if (buffer.size) memcpy(exact, buffer.data, buffer.size);
    printf("%s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(exact, buffer.size);
    free(exact);
    ss_buffer_release(&buffer);
    replayed++;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct dirent **entries;
        const int count = scandir(argv[i], &entries, is_visible, alphasort);
        if (count < 0) replay_file(argv[i]);
        for (int k = 0; k < count; k++) {
            char path[1024];
            snprintf(path, sizeof path, "%s/%s", argv[i], entries[k]->d_name);
            replay_file(path);
            free(entries[k]);
        }
        if (count >= 0) free(entries);
    }
    printf("%zu inputs\n", replayed);
    return replayed ? 0 : 1;
}
