// The online store's files: what can be said and done about them without LMDB.
#ifndef SS_STORE_ONLINE_FILE_H
#define SS_STORE_ONLINE_FILE_H

#include "engine/base/error.h"

#include <stdint.h>
#include <sys/stat.h>

enum ss_status ss_online_damaged(const char *directory, const char *how, struct ss_error *error);
// Does data.mdb hold everything that it says it holds? SS_NOT_FOUND when there is none. *file is what was
// checked.
enum ss_status ss_online_check_file(const char *directory, struct stat *file, struct ss_error *error);
void ss_online_remove_directory(const char *directory); // with LMDB's two files

static inline uint32_t ss_get_fixed32(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static inline void ss_put_fixed64(uint8_t *to, uint64_t value)
{
    for (int i = 0; i < 8; i++) to[i] = (uint8_t)(value >> (8 * i));
}

static inline uint64_t ss_get_fixed64(const uint8_t *from)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) value |= (uint64_t)from[i] << (8 * i);
    return value;
}

#endif
