// Cells as CSV. A null is nothing at all, so an empty text or blob is a pair of quotes.

#include "materializer/csv_text.h"

#include "engine/base/base64.h"
#include "engine/base/number.h"

#include <string.h>

static bool needs_quotes(struct ss_bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        const char byte = text.data[i];
        if (byte == '"' || byte == ',' || byte == '\n' || byte == '\r') return true;
    }
    return text.size == 0;
}

void ss_csv_write_text(struct ss_bytes text, struct ss_buffer *lines)
{
    if (!needs_quotes(text)) {
        ss_buffer_append(lines, text.data, text.size);
        return;
    }
    ss_buffer_byte(lines, '"');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"') ss_buffer_byte(lines, '"');
        ss_buffer_byte(lines, (uint8_t)text.data[i]);
    }
    ss_buffer_byte(lines, '"');
}

void ss_csv_write_cell(const struct ss_cell *cell, bool is_bool, struct ss_buffer *lines)
{
    char *room;
    switch (cell->kind) {
    case SS_CELL_KIND_NULL: break;
    case SS_CELL_KIND_INTEGER:
        if (is_bool)
            ss_buffer_text(lines, cell->integer ? "true" : "false");
        else if ((room = (char *)ss_buffer_room(lines, SS_NUMBER_TEXT_SIZE)) != NULL)
            lines->size += ss_decimal_write(cell->integer, 0, room);
        break;
    case SS_CELL_KIND_REAL:
        if ((room = (char *)ss_buffer_room(lines, SS_NUMBER_TEXT_SIZE)) != NULL)
            lines->size += ss_float64_write(cell->real, room);
        break;
    case SS_CELL_KIND_TEXT: ss_csv_write_text(cell->text, lines); break;
    case SS_CELL_KIND_BLOB:
        ss_base64_encode(cell->text, lines); // needs no quotes but for "" itself
        if (cell->text.size == 0) ss_buffer_text(lines, "\"\"");
        break;
    }
}
