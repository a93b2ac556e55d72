// Keys from a CSV file, for lookups of many entities.
#ifndef SS_TOOLS_KEY_TABLE_H
#define SS_TOOLS_KEY_TABLE_H

#include "engine/definitions.h"

struct ss_key_table;

// Columns are found by the names of the service's keys; a missing one is an error. "-" is stdin.
enum ss_status ss_key_table_open(const char *path, const struct ss_service *service, int32_t batch_rows,
                                 struct ss_key_table **table, struct ss_error *error);
// Up to batch_rows rows more, one column per key; valid until the next call. *length 0: the end. An empty
// field is a null key; a value that does not parse exactly as its type is an error with file, line and
// column.
enum ss_status ss_key_table_next(struct ss_key_table *table, const struct ss_column **keys, int32_t *length,
                                 struct ss_error *error);
void ss_key_table_close(struct ss_key_table *table); // NULL is fine

#endif
