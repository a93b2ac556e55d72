// The event at hand of lookups and spines: one row of a source per row of the request, or none.
#ifndef SS_CLIENT_EVENT_H
#define SS_CLIENT_EVENT_H

#include "client/column.h"

struct ss_client_event {
    struct ss_client_columns columns; // columns.rows is set by whom it belongs to
    struct ss_client_writer absent;   // [row] 1: the row has none; rows past its end have one
    char *source;                     // NULL: there is none
};

void ss_client_event_release(struct ss_client_event *event);
void ss_client_event_source(struct ss_client_event *event, const char *source);
void ss_client_event_present(struct ss_client_event *event, size_t row, bool present);
void ss_client_event_clear(struct ss_client_event *event); // all cells are null, all rows have one
// Columns without a source are an error.
enum selfsame_code ss_client_event_check(const struct ss_client_event *event, struct selfsame_error *error);
void ss_client_event_write(const struct ss_client_event *event, uint32_t field,
                           struct ss_client_writer *writer);

#endif
