#include "cell_value.h"

#include <string.h>

struct ss_type type_of_kind(struct kind kind)
{
    static const enum ss_type_id ids[] = {
        [KIND_BOOL] = SS_BOOL,       [KIND_INT64] = SS_INT64,   [KIND_FLOAT64] = SS_FLOAT64,
        [KIND_DECIMAL] = SS_DECIMAL, [KIND_STRING] = SS_STRING, [KIND_TIMESTAMP] = SS_TIMESTAMP,
        [KIND_BYTES] = SS_BYTES,     [KIND_LIST] = SS_LIST,     [KIND_VECTOR] = SS_VECTOR};
    return (struct ss_type){.id = ids[kind.id],
                            .scale = (uint8_t)kind.scale,
                            .element = kind.id == KIND_LIST ? ids[kind.element] : 0,
                            .length = (uint16_t)kind.length};
}

struct ss_value value_of_cell(struct kind kind, struct cell cell)
{
    struct ss_value value = {.present = cell.present};
    if (!cell.present) return value;
    if (kind.id == KIND_BOOL)
        value.boolean = cell.i != 0;
    else if (kind.id == KIND_FLOAT64)
        value.f64 = cell.f;
    else if (kind.id == KIND_STRING)
        value.text = ss_bytes_of(cell.text);
    else if (kind_has_size(kind))
        value.text = (struct ss_bytes){cell.text, cell.size};
    else
        value.i64 = cell.i;
    return value;
}

struct cell cell_of_value(struct pool *pool, struct ss_type type, struct ss_value value)
{
    struct cell cell = {.present = value.present};
    if (!value.present) return cell;
    if (ss_type_is_text(type)) {
        char *text = pool_take(pool, value.text.size + 1);
        if (value.text.size) memcpy(text, value.text.data, value.text.size);
        cell.text = text;
        if (type.id != SS_STRING) cell.size = value.text.size;
    } else if (type.id == SS_BOOL) {
        cell.i = value.boolean;
    } else if (type.id == SS_FLOAT64) {
        cell.f = value.f64;
    } else {
        cell.i = value.i64;
    }
    return cell;
}
