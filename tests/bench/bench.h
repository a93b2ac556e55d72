// What the programs that time the engine share: CPU time, medians, and an end where something fails.
#ifndef SS_TESTS_BENCH_H
#define SS_TESTS_BENCH_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline double now_ns(void) // of CPU, of all threads
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static inline int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline double median(double *values, size_t count) // sorts them
{
    qsort(values, count, sizeof *values, by_value);
    return values[count / 2];
}

static inline void must(bool done, const char *what)
{
    if (done) return;
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
    exit(2);
}

#endif
