#include "plant.h"

#include <string.h>

#include "engine/base/planted.h"

#ifdef SS_PLANTED_BUGS

enum ss_planted ss_planted_bug;
bool ss_planted_online;

bool plant(const char *name)
{
    static const char *const names[] = {"nothing",
#define X(bug) #bug,
                                        SS_PLANTED_NAMES(X)
#undef X
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0) {
            ss_planted_bug = (enum ss_planted)i;
            return true;
        }
    return false;
}

#else

bool plant(const char *name)
{
    (void)name;
    return false;
}

#endif
