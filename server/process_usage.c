// What this process uses: /proc/self, getrusage, getrlimit.

#include "server/process_usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int64_t count_entries(const char *path)
{
    int64_t count = 0;
    DIR *folder = opendir(path);
    if (!folder) return -1;
    for (const struct dirent *entry; (entry = readdir(folder));) count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static void read_memory(struct ss_process_usage *usage)
{
    char text[128];
    long long all, resident;
    const int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    const ssize_t size = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (file >= 0) close(file);
    if (size <= 0) return;
    text[size] = 0;
    if (sscanf(text, "%lld %lld", &all, &resident) != 2) return;
    usage->virtual_bytes = all * sysconf(_SC_PAGESIZE);
    usage->resident_bytes = resident * sysconf(_SC_PAGESIZE);
}

struct ss_process_usage ss_process_usage(void)
{
    struct ss_process_usage usage = {-1, -1, -1, -1, -1, -1};
    struct rusage used;
    struct rlimit files;
    if (getrusage(RUSAGE_SELF, &used) == 0)
        usage.cpu_seconds = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                            (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) usage.max_files = (int64_t)files.rlim_cur;
    read_memory(&usage);
    const int64_t open_files = count_entries("/proc/self/fd");
    usage.open_files = open_files > 0 ? open_files - 1 : open_files; // without the folder itself
    usage.threads = count_entries("/proc/self/task");
    return usage;
}
