// Differences, cell by cell. See skew_cell.h.

#include "materializer/skew_cell.h"

#include <float.h>
#include <math.h>
#include <string.h>

const char *ss_difference_name(enum ss_difference difference)
{
    switch (difference) {
    case SS_DIFFERENCE_NONE: return "equal";
    case SS_DIFFERENCE_NULL: return "null on one side";
    case SS_DIFFERENCE_STATUS: return "other reason for null";
    case SS_DIFFERENCE_VALUE: return "other value";
    case SS_DIFFERENCE_DAMAGED: return "damaged online row";
    }
    return "?";
}

// As math.isclose of Python has it, with X for both of its tolerances: relative to the larger of large
// numbers, absolute among small ones.
static bool is_close(double a, double b, double tolerance)
{
    return fabs(a - b) <= tolerance * fmax(1, fmax(fabs(a), fabs(b)));
}

enum ss_difference ss_skew_difference(struct ss_type type, double tolerance, const struct ss_skew_cell *cell)
{
    const struct ss_value a = cell->served, b = cell->computed;
    if (a.present != b.present) return SS_DIFFERENCE_NULL;
    if (!ss_value_equal(type, a, b))
        return type.id == SS_FLOAT64 && tolerance > 0 && is_close(a.f64, b.f64, tolerance)
                   ? SS_DIFFERENCE_NONE
                   : SS_DIFFERENCE_VALUE;
    return cell->served_status == cell->computed_status ? SS_DIFFERENCE_NONE : SS_DIFFERENCE_STATUS;
}

// How many steps from double to double lie between the two; 0 when they are the same.
static uint64_t ulps_between(double a, double b)
{
    int64_t x, y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    if (x < 0) x = INT64_MIN - x;
    if (y < 0) y = INT64_MIN - y;
    return x > y ? (uint64_t)x - (uint64_t)y : (uint64_t)y - (uint64_t)x;
}

static void measure(struct ss_type type, struct ss_value a, struct ss_value b, struct ss_value *greatest)
{
    struct ss_value distance = {.present = true};
    if (type.id == SS_FLOAT64) {
        distance.f64 = fmin(fabs(a.f64 - b.f64), DBL_MAX);
        if (!greatest->present || distance.f64 > greatest->f64) *greatest = distance;
    } else if (type.id == SS_INT64 || type.id == SS_DECIMAL) {
        const uint64_t apart =
            a.i64 > b.i64 ? (uint64_t)a.i64 - (uint64_t)b.i64 : (uint64_t)b.i64 - (uint64_t)a.i64;
        distance.i64 = apart > INT64_MAX ? INT64_MAX : (int64_t)apart;
        if (!greatest->present || distance.i64 > greatest->i64) *greatest = distance;
    }
}

void ss_skew_count(struct ss_type type, const struct ss_skew_cell *cell, struct ss_skew_feature *feature)
{
    feature->is_compared = true;
    feature->compared++;
    feature->counts[cell->difference]++;
    if (cell->difference == SS_DIFFERENCE_VALUE && type.id == SS_FLOAT64) {
        const uint64_t ulps = ulps_between(cell->served.f64, cell->computed.f64);
        if (ulps > feature->greatest_ulps) feature->greatest_ulps = ulps;
    }
    if (cell->served.present && cell->computed.present)
        measure(type, cell->served, cell->computed, &feature->greatest_distance);
}
