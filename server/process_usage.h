// What this process uses, as the kernel tells.
#ifndef SS_SERVER_PROCESS_USAGE_H
#define SS_SERVER_PROCESS_USAGE_H

#include <stdint.h>

struct ss_process_usage { // -1: not known
    double cpu_seconds;
    int64_t resident_bytes, virtual_bytes;
    int64_t open_files, max_files;
    int64_t threads;
};
struct ss_process_usage ss_process_usage(void);

#endif
