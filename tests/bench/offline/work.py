"""What all of them compute, said once."""
SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR

# As-of: the newest event's value, null and all, if that event is not older than TTL.
ASOF_COLUMNS = ["amount", "rate", "score", "points", "items", "country"]
TTL = 30 * DAY

# Windows [t - width, t) of one column.
VALUE = "amount"
WINDOWS = {"1h": HOUR, "1d": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
STATISTICS = ["count", "sum", "mean", "min", "max", "stddev"]


def asof_names():
    return [f"last_{column}" for column in ASOF_COLUMNS]


def window_names():
    return [f"{statistic}_{window}" for window in WINDOWS for statistic in STATISTICS]


def definitions(key):
    """Ours: the source as it is in the file, two views of the one entity, a service of each."""
    lasts = "\n".join(f"      last_{c}: last({c}) within 30d" for c in ASOF_COLUMNS)
    windows = "\n".join(f"      {s}_{w}: {s}({VALUE}) over {w} hop exact" for w in WINDOWS for s in STATISTICS)
    kind = {"user_id": "string", "account_id": "int64"}[key]
    return f"""entities:
  who: {{{key}: {kind}}}
sources:
  events:
    columns:
      user_id: string
      account_id: int64
      at: timestamp(us)
      arrived_at: timestamp(us)
      amount: float64
      rate: float64
      score: float64
      points: float64
      items: int64
      country: string
    event_time: at
    arrival: arrived_at
views:
  newest:
    entity: who
    source: events
    features:
{lasts}
  spans:
    entity: who
    source: events
    features:
{windows}
services:
  asof:
    features: [newest.*]
  windows:
    features: [spans.*]
"""
