// JSON strings.
#ifndef SS_ENGINE_BASE_JSON_TEXT_H
#define SS_ENGINE_BASE_JSON_TEXT_H

#include "engine/base/bytes.h"

// Appends UTF-8 text in quotes. Escaped are the quote, the backslash and control characters: \b \f \n \r \t,
// others as \u00 and two digits of lower-case hex.
void ss_json_string(struct ss_bytes text, struct ss_buffer *buffer);

#endif
