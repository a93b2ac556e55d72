// Waiting for a condition, until a time of the monotonic clock.
#ifndef SS_CLIENT_WAIT_H
#define SS_CLIENT_WAIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

void ss_client_cond_init(pthread_cond_t *condition); // for ss_client_wait
void ss_client_time_after(uint64_t ms, struct timespec *time);
// With the lock. until NULL: as long as it takes. False: the time is over.
bool ss_client_wait(pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *until);

#endif
