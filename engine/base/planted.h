// Planted bugs: what proves that the simulator would find them.
//
// SS_PLANTED(name) is the constant false in everything that is built but for the program simulator_planted,
// which compiles all sources again with SS_PLANTED_BUGS and turns one bug on by --plant NAME.
#ifndef SS_ENGINE_BASE_PLANTED_H
#define SS_ENGINE_BASE_PLANTED_H

#include <stdbool.h>

#define SS_PLANTED_NAMES(X)                                                            \
    X(inclusive_bound)       /* as-known sees what happened or arrived at t itself */  \
    X(hop_toward_zero)       /* a window's start is rounded toward zero before 1970 */ \
    X(t_past_in_flight)      /* t is given out past a commit that is on its way */     \
    X(late_event_wrong_tile) /* a late event goes to the newest tile */                \
    X(tie_by_arrival)        /* of equal event_times the one that came first counts */ \
    X(float_sum)             /* sums of plain doubles */                               \
    X(duplicate_counted)     /* a batch that was acknowledged is taken again */        \
    X(ttl_ignored_online)    /* a lookup knows no `within` */                          \
    X(applied_before_rows)   /* the applied seq is committed before the rows */        \
    X(wrong_fingerprint)     /* a reader goes on with definitions that are not live */

#ifdef SS_PLANTED_BUGS

enum ss_planted {
    SS_PLANTED_NOTHING,
#define X(name) SS_PLANTED_##name,
    SS_PLANTED_NAMES(X)
#undef X
};
extern enum ss_planted ss_planted_bug;
extern bool ss_planted_online; // a lookup is being answered

#define SS_PLANTED(name)               (ss_planted_bug == SS_PLANTED_##name)
#define SS_PLANTED_ONLINE(name)        (SS_PLANTED(name) && ss_planted_online)
#define SS_PLANTED_SET_ONLINE(answers) ((void)(ss_planted_online = (answers)))

#else

#define SS_PLANTED(name)               false
#define SS_PLANTED_ONLINE(name)        false
#define SS_PLANTED_SET_ONLINE(answers) ((void)0)

#endif

#endif
