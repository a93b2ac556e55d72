// Which bug is planted (engine/base/planted.h); in the simulator proper none can be.
#ifndef SS_TESTS_SIMULATOR_PLANT_H
#define SS_TESTS_SIMULATOR_PLANT_H

#include <stdbool.h>

bool plant(const char *name); // false: there is no such bug in this program

#endif
