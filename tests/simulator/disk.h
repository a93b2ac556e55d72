// The simulated disk: every write of this program to files below one directory, whoever makes it (SQLite,
// LMDB, the store), is counted, may be where the program dies, and can be lost when the machine goes down
// before it was synced.
//
// disk.c defines pwrite, write, ftruncate, fsync, unlink and their like for the whole program, so the
// libraries' calls end there too. Renames are durable at once; writes to maps (the clock, SQLite's -shm) are
// not seen.
#ifndef SS_TESTS_SIMULATOR_DISK_H
#define SS_TESTS_SIMULATOR_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/property/scenario.h"

struct disk; // in memory that processes forked from here on share

struct disk *disk_create(void); // NULL: no memory
// Empties it, for the files below `directory`.
void disk_format(struct disk *disk, const char *directory);
// Makes it the disk of this process.
void disk_mount(struct disk *disk);

// Calls `crash`, which does not return, before the call number `at` from here on; 0: never.
void disk_arm(uint64_t at, void (*crash)(void));
// The same, but that call and the ones behind it, `count` in all, fail: the disk is full.
void disk_arm_errors(uint64_t at, uint64_t count);
bool disk_has_failed(void); // since it was armed last
// The clock's cell as it was synced last; 0: never.
int64_t disk_synced_cell(const struct disk *disk);
// The kernel has written the clock's file back.
void disk_write_back_clock(const char *path);
// Seeds getrandom, which commits take their ids from.
void disk_seed(uint64_t seed);

// The machine goes down: a random part of what was not synced is as it was before. `derived`: the name of
// files that may become anything. Returns how many blocks were lost. Not by a process that has it mounted.
uint64_t disk_lose(struct disk *disk, struct random *random, const char *derived);

#endif
