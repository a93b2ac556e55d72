// A spine's chunk, for the table that sends it.
#ifndef SS_CLIENT_SPINE_H
#define SS_CLIENT_SPINE_H

#include "client/column.h"

struct selfsame_spine *ss_client_spine_create(void); // NULL: no memory
void ss_client_spine_destroy(struct selfsame_spine *spine);
size_t ss_client_spine_count(const struct selfsame_spine *spine);
// Writes it as TrainingSpine in field `field`.
enum selfsame_code ss_client_spine_write(struct selfsame_spine *spine, uint32_t field,
                                         struct ss_client_writer *writer, struct selfsame_error *error);

#endif
