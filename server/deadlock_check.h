// gRPC's locks look for deadlocks at every turn (absl::Mutex keeps a graph of who holds what), which costs a
// call 5 % of its CPU. Off: nobody would read what they find.
#ifndef SS_SERVER_DEADLOCK_CHECK_H
#define SS_SERVER_DEADLOCK_CHECK_H

// absl::SetMutexDeadlockDetectionMode(OnDeadlockCycle::kIgnore), where absl is linked into the program, as in
// a release.
void ss_deadlock_check_off(void);

#endif
