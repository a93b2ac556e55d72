"""A small store of orders with every column type, for the tests of the command line."""

DEFINITIONS = """
entities:
  user: {user: string}
sources:
  orders:
    columns: {id: string, op: string, user: string, amount: decimal(2), pieces: int64, weight: float64, gift: bool, note: string,
              due: timestamp, at: timestamp}
    event_time: at
    event_id: id
    op: op
views:
  orders:
    entity: user
    source: orders
    features:
      total_7d: sum(amount) over 7d
      orders_7d: count() over 7d
      pieces_all: sum(pieces) over all
      heaviest: max(weight) over all
      last_gift: last(gift) within 1d
      last_note: last(note) within 1d
      last_due: last(due) within 1d
services:
  shop:
    request: {amount: decimal(2)}
    features:
      - orders.*
      - share: request.amount / orders.total_7d
"""
HEADER = ["id", "op", "user", "amount", "pieces", "weight", "gift", "note", "due", "at"]
ROWS = [
    ["o1", "insert", "ann", "10.00", "1", "0.5", "true", "first", "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"],
    ["o2", "insert", "ann", "2.50", "2", "1e16", "false", 'a "quoted", one', "2026-01-05T00:00:00.5Z", "2026-01-03T12:00:00Z"],
    ["o3", "insert", "bob", "7.25", "3", "100", "true", "", "", "2026-01-04T00:00:00Z"],
    ["o4", "insert", "", "1.00", "4", "1", "", "no user", "", "2026-01-04T06:00:00Z"],
    ["o5", "insert", "bob", "", "", "", "", "", "", "2026-01-06T00:00:00Z"],
]
CLOCK = "2026-01-06T00:00:00.000001Z"
FEATURES = ["total_7d", "orders_7d", "pieces_all", "heaviest", "last_gift", "last_note", "last_due", "share"]


def fill(test):
    """A replay store with the definitions above and ROWS."""
    test.make_store(DEFINITIONS)
    test.write_csv("orders.csv", HEADER, ROWS)
    test.run_ok("ingest", "orders", "orders.csv")


def order(number, user, amount, at, op="insert"):
    return [number, op, user, amount, "1", "1.0", "true", "n", "", at]


def delete(number, at):
    return [number, "delete", "", "", "", "", "", "", "", at]
