"""What all of them compute."""
SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
TTL = 30 * DAY
ASOF_COLUMNS = ["amount", "rate", "score", "points", "items", "country"]
VALUE = "amount"
WINDOWS = {"1h": HOUR, "1d": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
STATISTICS = ["count", "sum", "mean", "min", "max", "stddev"]
