// Makes the k-th allocation fail, for all k: every failure path of an open, an init or a decode gets walked.
#ifndef SS_TESTS_ALLOCATION_SWEEP_H
#define SS_TESTS_ALLOCATION_SWEEP_H

void ss_fail_allocation_at(long k); // counts from 1, from now on; 0: never
long ss_allocations_made(void);     // since the last call of ss_fail_allocation_at

#endif
