// One cell of a comparison: is it the same on both sides, and what is counted of it. For materializer/skew*.c
// alone.
#ifndef SS_MATERIALIZER_SKEW_CELL_H
#define SS_MATERIALIZER_SKEW_CELL_H

#include "materializer/compare.h"

// tolerance: as ss_skew_against has it.
enum ss_difference ss_skew_difference(struct ss_type type, double tolerance, const struct ss_skew_cell *cell);
// Counts the cell, whose difference is known.
void ss_skew_count(struct ss_type type, const struct ss_skew_cell *cell, struct ss_skew_feature *feature);

#endif
