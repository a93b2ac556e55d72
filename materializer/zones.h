// Time zones of the machine (tzdata), for the compiler, which itself reads nothing.
#ifndef SS_MATERIALIZER_ZONES_H
#define SS_MATERIALIZER_ZONES_H

#include "engine/definitions.h"

// Reads zones into the arena, which lives as long as the loader is used.
struct ss_zone_loader ss_machine_zones(struct ss_arena *arena);

#endif
