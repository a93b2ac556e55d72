"""A store with every type as key, column, aggregate, feature and request input, and rows for it, for the tests of the service."""
import base64
import json

import service

TYPES = {"flag": "bool", "count": "int64", "weight": "float64", "price": "decimal(2)", "note": "string", "due": "timestamp", "blob": "bytes",
         "words": "list<string>", "counts": "list<int64>", "prices": "list<decimal(3)>", "shares": "list<float64>", "flags": "list<bool>",
         "parts": "list<bytes>", "times": "list<timestamp>", "place": "vector(3)"}
KEYS = {"user": "string", "device": "bytes", "slot": "int64", "lit": "bool"}
SOURCE = {"id": "string", "op": "string", **KEYS, **TYPES, "at": "timestamp"}
LASTS = "\n".join(f"      last_{name}: last({name}) within 1d" for name in TYPES)
INPUTS = "\n".join(f"      {name}_in: {kind}" for name, kind in TYPES.items())
SENT = "\n".join(f"      - sent_{name}: request.{name}_in" for name in TYPES)
DEFINITIONS = f"""
entities:
  user: {{user: string}}
  device: {{device: bytes, slot: int64, lit: bool}}
  world: {{}}
sources:
  events:
    description: Every type
    columns:
{chr(10).join(f"      {name}: {kind}" for name, kind in SOURCE.items())}
    event_time: at
    event_id: id
    op: op
    expect:
      count: {{between: [0, 1000000]}}
views:
  by_user:
    entity: user
    source: events
    features:
      events_7d: count() over 7d
      counts_7d: sum(count) over 7d
      weight_all: sum(weight) over all
      weight_sd: stddev(weight) over 7d
      price_7d: sum(price) over 7d
      due_min: min(due) over all
      notes: count_distinct(note) over 7d
{LASTS}
  by_device:
    entity: device
    source: events
    features:
      device_events: count() over 7d
      device_last: last(count)
  all_events:
    entity: world
    source: events
    features:
      total: count() over all
      heaviest: max(weight) over all
services:
  every:
    description: All of it
    owner: tests
    tags: [wire, types]
    request:
{INPUTS}
    features:
      - by_user.*
{SENT}
      - ratio: request.price_in / by_user.price_7d
  devices:
    features: [by_device.*, all_events.total]
  world:
    features: [all_events.*]
"""
FULL = {"flag": True, "count": 7, "weight": 0.1, "price": "12.34", "note": "ä 😀", "due": "2026-02-03T04:05:06.7Z", "blob": "AP8=",
        "words": ["a", None, ""], "counts": [-9223372036854775808, 9223372036854775807, None], "prices": ["0.001", None, "-5.000"],
        "shares": [0.1, None, 5e-324], "flags": [True, False, None], "parts": ["", "AP8=", None],
        "times": ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", None], "place": [service.float32(0.1), 0.0, 16777216.0]}
EDGES = {"flag": False, "count": 0, "weight": -1.7976931348623157e308, "price": "-9999999999999999.99", "note": "", "due": "0001-01-01T00:00:00Z",
         "blob": "", "words": [], "counts": [], "prices": [], "shares": [], "flags": [], "parts": [], "times": [], "place": [1e-45, -1.0, 0.0]}
EDGES["place"][0] = service.float32(1e-45)


def event(number, user, at_us, values=None, op="insert", **other):
    """A row by column; at_us in microseconds."""
    row = dict.fromkeys(SOURCE)
    row.update(id=f"e{number}", op=op, user=user, device="AAE=", slot=number % 3, lit=number % 2 == 0, at=service.time_text(at_us))
    row.update(values or {})
    row.update(other)
    return row


def columns(rows, names=SOURCE, typed=True):
    return [service.column(name, SOURCE[name], [row[name] for row in rows], typed) for name in names]


def push(rows, **more):
    return service.pb.PushRequest(source="events", columns=columns(rows), **more)


def inputs(rows, typed=True):
    """Request inputs; a row is a dictionary by the name of a column."""
    return [service.column(name + "_in", kind, [row.get(name) for row in rows], typed) for name, kind in TYPES.items()]


def text(value):
    """As an option or a cell of CSV has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, list) else repr(value) if isinstance(value, float) else str(value)


def rows(now_us, users=4, each=6):
    """Events of every age from now back to ten days, some null, some deleted later."""
    made, number = [], 0
    for user in range(users):
        for n in range(each):
            number += 1
            values = (FULL, EDGES, {}, {"count": n, "weight": n / 3, "price": f"{n}.05", "note": f"n{n}"})[(user + n) % 4]
            age_us = (n + 1) * 36 * 3600 * 1000000 + user * 1001
            made.append(event(number, f"u{user}", now_us - age_us, values))
    made.append(event(1000, None, now_us - 5000000, FULL, device=None))
    return made


def key_bytes(*values):
    return [base64.b64encode(value).decode() for value in values]
