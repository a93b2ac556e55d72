// Makes the k-th allocation fail, so that a test can run an operation once for every k and see each failure
// end as an error and leak nothing:
//
//     for (long k = 1;; k++) {
//         ss_fail_allocation_at(k);
//         status = open_thing(&thing, &error);
//         const bool swept = ss_allocations_made() < k; // the k-th was never asked for
//         ss_fail_allocation_at(0);
//         ...
//         if (swept) break;
//     }
//
// Works through the linker's --wrap of malloc, calloc and realloc: it sees calls from this project's objects,
// not those inside shared libraries. Any thread's allocation counts.
#ifndef SS_TESTS_ALLOCATION_SWEEP_H
#define SS_TESTS_ALLOCATION_SWEEP_H

// The k-th allocation from now on returns NULL (only that one); 0: none does. Restarts the count.
void ss_fail_allocation_at(long k);

// Allocations asked for since the last call of ss_fail_allocation_at.
long ss_allocations_made(void);

#endif
