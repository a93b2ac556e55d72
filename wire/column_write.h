// Columns of an answer as messages (Column in feature_store.proto): sized first, then written once.
#ifndef SS_WIRE_COLUMN_WRITE_H
#define SS_WIRE_COLUMN_WRITE_H

#include "engine/base/column.h"
#include "wire/message.h"

// Some rows of a column: an answer of more than SS_BATCH_ROWS rows comes in parts.
struct ss_wire_part {
    const struct ss_column *cells;
    const uint8_t *statuses; // [row]: enum ss_cell_status
};

struct ss_wire_output {
    const char *name;
    struct ss_type type;
    const struct ss_wire_part *parts;
    size_t part_count;
    // Filled in by ss_wire_output_size:
    size_t size, row_count, value_bytes; // value_bytes: of all that is packed or repeated
    bool has_status;
    struct ss_bytes list_fields; // of a list: its last two fields, in the arena
};

// The size of the message; works out what else writing needs. False: out of memory.
bool ss_wire_output_size(struct ss_wire_output *output, struct ss_arena *arena);
// Writes exactly `size` bytes and returns where they end.
uint8_t *ss_wire_output_write(const struct ss_wire_output *output, uint8_t *at);

// Outputs as fields `number` (below 16) of a message.
size_t ss_wire_outputs_size(const struct ss_wire_output *outputs, size_t count);
uint8_t *ss_wire_outputs_write(const struct ss_wire_output *outputs, size_t count, uint32_t number,
                               uint8_t *at);

#endif
