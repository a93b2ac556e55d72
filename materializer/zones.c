// Time zones of the machine.

#include "materializer/zones.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define ZONES          "/usr/share/zoneinfo"
#define ZONE_BYTES_MAX (1 << 20)

static bool load_zone(void *context, const char *name, struct ss_bytes *tzif)
{
    char path[512];
    struct stat info;
    if (name[0] == '/' || strstr(name, "..")) return false;
    const int length = snprintf(path, sizeof path, "%s/%s", ZONES, name);
    if (length < 0 || (size_t)length >= sizeof path || stat(path, &info) != 0 || !S_ISREG(info.st_mode) ||
        info.st_size > ZONE_BYTES_MAX)
        return false;
    FILE *file = fopen(path, "rb");
    char *bytes = file ? ss_arena_alloc(context, (size_t)info.st_size + 1) : NULL;
    const size_t size = bytes ? fread(bytes, 1, (size_t)info.st_size, file) : 0;
    const bool is_whole = bytes && size == (size_t)info.st_size;
    if (file) fclose(file);
    if (is_whole) *tzif = (struct ss_bytes){bytes, size};
    return is_whole;
}

struct ss_zone_loader ss_machine_zones(struct ss_arena *arena)
{
    return (struct ss_zone_loader){load_zone, arena};
}
