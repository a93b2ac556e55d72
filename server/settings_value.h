// Settings' values from their text.
#ifndef SS_SERVER_SETTINGS_VALUE_H
#define SS_SERVER_SETTINGS_VALUE_H

#include "server/settings.h"

#define SS_SETTING_PROBLEM_BYTES 512 // "expected a count from 1 to 100, got 'x'"

// All kinds but lists. `field` is the row's. False, field untouched: a problem.
bool ss_setting_value_read(const struct ss_setting_row *row, const char *text, void *field, char *problem);
// "127.0.0.1:7500", "tls:[::]:7500", "unix:/run/x". The listener borrows the text.
bool ss_listener_read(const char *text, struct ss_listener *listener, char *problem);
// "HOST:PORT"; beyond_loopback may be NULL.
bool ss_host_and_port_read(const char *text, bool *beyond_loopback, char *problem);
// 16777216 -> "16M", by the row's kind. Returns text.
#define SS_SETTING_NUMBER_BYTES 40
const char *ss_setting_number_print(const struct ss_setting_row *row, int64_t number,
                                    char text[SS_SETTING_NUMBER_BYTES]);
bool ss_text_list_equal(const struct ss_text_list *a, const struct ss_text_list *b);

#endif
