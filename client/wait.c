// Waiting for a condition.
#include "client/wait.h"

void ss_client_cond_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

void ss_client_time_after(uint64_t ms, struct timespec *time)
{
    clock_gettime(CLOCK_MONOTONIC, time);
    time->tv_sec += (time_t)(ms / 1000);
    time->tv_nsec += (long)(ms % 1000) * 1000000;
    if (time->tv_nsec >= 1000000000) {
        time->tv_sec++;
        time->tv_nsec -= 1000000000;
    }
}

bool ss_client_wait(pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *until)
{
    if (!until) return pthread_cond_wait(condition, lock) == 0;
    return pthread_cond_timedwait(condition, lock, until) == 0;
}
