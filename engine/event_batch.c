// Which events a read sees (DESIGN C2): the one place that says so.

#include "engine/event_batch.h"

static bool known(int64_t arrival_us, uint64_t seq, struct ss_read_point point)
{
    return seq <= point.s && (point.as_of_event_time || arrival_us < point.t_us);
}

bool ss_event_visible(const struct ss_event_batch *batch, int32_t row, struct ss_read_point point)
{
    if (batch->event_time_us[row] >= point.t_us) return false;
    if (!known(batch->arrival_us[row], batch->seq[row], point)) return false;
    return batch->deleted_seq[row] == 0 ||
           !known(batch->deleted_arrival_us[row], batch->deleted_seq[row], point);
}
