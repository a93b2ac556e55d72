// Base64 (RFC 4648, section 4) with padding: the text form of bytes.
#ifndef SS_ENGINE_BASE_BASE64_H
#define SS_ENGINE_BASE_BASE64_H

#include "engine/base/bytes.h"

// Appends the bytes that the text says. False, and maybe some appended, when it is not exactly what
// ss_base64_encode writes: other letters, blanks, missing padding, bits that are set behind the last byte.
bool ss_base64_decode(struct ss_bytes text, struct ss_buffer *bytes);
void ss_base64_encode(struct ss_bytes bytes, struct ss_buffer *text);

#endif
