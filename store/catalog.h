// Catalog: the definitions that were applied, kept beside history (in the same database).
//
// Applied definitions are kept whole (files and time zones) under their fingerprint, so any plan that was
// ever live can be compiled again. Which one is live is decided by the online store (the switch is a
// transaction there); the catalog follows.
#ifndef SS_STORE_CATALOG_H
#define SS_STORE_CATALOG_H

#include "store/history.h"

// Keeps the definitions under their fingerprint; what was kept under it (it means the same) is replaced.
enum ss_status ss_catalog_keep(struct ss_history *history, const struct ss_definitions *definitions,
                               struct ss_error *error);
// Which definitions are live. *found false when none was ever applied.
enum ss_status ss_catalog_live(struct ss_history *history, struct ss_sha256 *fingerprint, bool *found,
                               struct ss_error *error);
enum ss_status ss_catalog_set_live(struct ss_history *history, const struct ss_sha256 *fingerprint,
                                   struct ss_error *error);
// Compiles what is kept. SS_NOT_FOUND if it is not there; SS_VERSION (naming both) if the result has another
// fingerprint: made by another engine.
enum ss_status ss_catalog_load(struct ss_history *history, const struct ss_sha256 *fingerprint,
                               struct ss_definitions **definitions, struct ss_error *error);
// The time zones that are kept with those definitions, in the arena; none when they are not kept.
enum ss_status ss_catalog_zones(struct ss_history *history, const struct ss_sha256 *fingerprint,
                                struct ss_arena *arena, const struct ss_zone_file **zones, size_t *count,
                                struct ss_error *error);
// Small settings of the store: "clock" -> "replay". *value is in the arena; NULL: not set.
enum ss_status ss_catalog_get(struct ss_history *history, const char *name, struct ss_arena *arena,
                              const char **value, struct ss_error *error);
enum ss_status ss_catalog_set(struct ss_history *history, const char *name, const char *value,
                              struct ss_error *error);

#endif
