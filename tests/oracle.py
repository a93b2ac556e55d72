#!/usr/bin/env python3
"""An independent, exact answer to compare the engine with: point-in-time features by the definition alone.

It knows events, filters and exact rationals, and nothing of tiles, states or plans. Every feature is one aggregate:

  Feature("spend_7d", "sum", "amount", window="7d", hop="1h", when=lambda row: row["country"] == "DE")

fn: count sum mean var stddev min max first last count_distinct. One of window (with hop: a duration, "exact" or the default),
over_all, or within (last only). `when` and a view's `where` are predicates over the typed row; a predicate that meets a null
has to say False itself.

Typed rows: int64 -> int, decimal(n) -> Fraction, float64 -> float, bool -> bool, timestamp -> micros, string -> str, null -> None.
Answers are (text, status): the text as a training table in CSV shows it or None, and present, null, not_found or expired.

Where visible events are a run of the sorted ones (nothing arrives late), sums come from prefix sums of exact integers, so that
thousands of instants over thousands of events take seconds.
"""
import bisect
import datetime as dt
import re
from fractions import Fraction
from math import isqrt

UNIT = {"us": 1, "ms": 10**3, "s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
FLOAT_SCALE = 2**1074  # every finite double is a whole multiple of 1 / FLOAT_SCALE
DISTINCT_EXACT = 128
APPROXIMATE = "more than 128 distinct values, of which an engine keeps a sketch"


def micros(text):
    when = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (when.replace(tzinfo=when.tzinfo or dt.timezone.utc) - EPOCH) // dt.timedelta(microseconds=1)


def time_text(us):
    when = EPOCH + dt.timedelta(microseconds=us)
    text = f"{when.year:04}-{when:%m-%dT%H:%M:%S}"
    fraction = f"{when.microsecond:06}".rstrip("0")
    return f"{text}.{fraction}Z" if fraction else f"{text}Z"


def duration(text):
    parts = re.findall(r"(\d+)(us|ms|s|m|h|d)", text)
    assert parts and "".join(a + b for a, b in parts) == text, f"bad duration {text!r}"
    return sum(int(a) * UNIT[b] for a, b in parts)


def default_hop(window):
    for least, hop in ((12 * UNIT["d"], UNIT["d"]), (12 * UNIT["h"], UNIT["h"]), (UNIT["h"], 5 * UNIT["m"])):
        if window >= least:
            return hop
    hop = max(1, window // 12)
    while window % hop:
        hop -= 1
    return hop


def scale_of(kind):
    """The exact types as whole numbers: how many units are one."""
    if kind == "int64":
        return 1
    if kind == "float64":
        return FLOAT_SCALE
    return 10 ** int(re.fullmatch(r"decimal\((\d+)\)", kind).group(1))


def parse(kind, text):
    if text == "":
        return None
    if kind == "int64":
        return int(text)
    if kind == "float64":
        return float(text)
    if kind == "bool":
        return {"true": True, "false": False}[text]
    if kind == "timestamp":
        return micros(text)
    return text if kind == "string" else Fraction(text)


def shown(kind, value):
    if value is None:
        return None
    if kind == "float64":
        return repr(value + 0.0)
    if kind == "bool":
        return "true" if value else "false"
    if kind == "timestamp":
        return time_text(value)
    if kind in ("int64", "string"):
        return str(value)
    return shown_exact(kind, int(value * scale_of(kind)))


def shown_exact(kind, whole):
    """An int64 or decimal given in its smallest units; null where it does not fit."""
    scale = scale_of(kind)
    if scale == 1:
        return str(whole) if -2**63 <= whole < 2**63 else None
    if abs(whole) >= 10**18:
        return None
    digits = len(str(scale)) - 1
    return f"{'-' if whole < 0 else ''}{abs(whole) // scale}" + (f".{abs(whole) % scale:0{digits}}" if digits else "")


def rounded(rational):
    """The double nearest to an exact rational; null beyond the greatest double."""
    try:
        return repr(rational.numerator / rational.denominator + 0.0)
    except OverflowError:
        return None


def root(rational):
    """The double nearest to the square root of an exact rational: one rounding."""
    if rational == 0:
        return "0.0"
    shift = 2 * max(0, 70 - (rational.numerator.bit_length() - rational.denominator.bit_length()) // 2)
    scaled, rest = divmod(rational.numerator << (2 * shift), rational.denominator)
    low = isqrt(scaled)
    exact = rest == 0 and low * low == scaled
    return rounded(Fraction(2 * low + (0 if exact else 1), 2 << shift))


class Feature:
    def __init__(self, name, fn, arg=None, window=None, hop=None, within=None, over_all=False, when=None):
        self.name, self.fn, self.arg, self.when = name, fn, arg, when
        self.within = within and duration(within)
        self.window = window and duration(window)
        assert over_all or self.window or self.within, name
        if self.window:
            self.hop = 1 if hop == "exact" else duration(hop) if hop else default_hop(self.window)
            assert self.window % self.hop == 0, f"{name}: the window is no multiple of its hop"

    def start(self, t):
        return (t - self.window) // self.hop * self.hop if self.window else None


class Event:
    def __init__(self, time, seq, arrival, row):
        self.time, self.seq, self.arrival, self.row = time, seq, arrival, row
        self.taken_back = None  # arrival of its delete


class Run:
    """Events in order of (time, seq), with what ranges of them are answered from."""

    def __init__(self, events, feature, kind):
        if feature.when:
            events = [e for e in events if feature.when(e.row)]
        self.feature, self.kind = feature, kind
        if feature.arg and feature.fn != "last":  # the last event's value is taken null and all
            events = [e for e in events if e.row[feature.arg] is not None]
        self.times = [e.time for e in events]
        self.values = [e.row[feature.arg] for e in events] if feature.arg else self.times
        if feature.fn in ("sum", "mean", "var", "stddev"):
            scale = self.scale = scale_of(kind)
            whole = [int(Fraction(v) * scale) for v in self.values]
            self.sums, self.squares = [0], [0]
            for x in whole:
                self.sums.append(self.sums[-1] + x)
                self.squares.append(self.squares[-1] + x * x)

    def answer(self, t):
        """(text, expired) of what is before t."""
        feature = self.feature
        end = bisect.bisect_left(self.times, t)
        begin = 0
        if feature.window:
            begin = bisect.bisect_left(self.times, feature.start(t), 0, end)
        if feature.within and end and self.times[end - 1] < t - feature.within:
            return None, True
        return self.aggregate(begin, end), False

    def aggregate(self, begin, end):
        fn, n = self.feature.fn, end - begin
        if fn == "count":
            return str(n)
        if n == 0:
            return None
        if fn in ("sum", "mean", "var", "stddev"):
            return self.moments(fn, n, begin, end)
        values = self.values[begin:end]
        if fn == "count_distinct":
            distinct = len(set(values))
            return str(distinct) if distinct <= DISTINCT_EXACT else APPROXIMATE
        chosen = {"min": min, "max": max, "first": lambda v: v[0], "last": lambda v: v[-1]}[fn](values)
        return shown(self.kind, chosen)

    def moments(self, fn, n, begin, end):
        total = self.sums[end] - self.sums[begin]
        if fn == "sum":
            return rounded(Fraction(total, self.scale)) if self.kind == "float64" else shown_exact(self.kind, total)
        if fn == "mean":
            return rounded(Fraction(total, n * self.scale))
        if n < 2:
            return None
        squares = self.squares[end] - self.squares[begin]
        var = Fraction(n * squares - total * total, n * (n - 1) * self.scale**2)
        return rounded(var) if fn == "var" else root(var)


class Source:
    """What history keeps of one source, by the contract: order, identity, deletes, arrival."""

    def __init__(self, types, event_time, event_id=None, op=None, arrival="event_time"):
        self.types, self.event_time, self.event_id, self.op = types, event_time, event_id, op
        self.arrival = arrival  # "event_time", a column, or an offset in micros
        self.events, self.seq = [], 0
        self.kept, self.deleted = {}, {}
        self.duplicates = self.conflicts = 0

    def load(self, rows, live_at=None):
        """Rows as text, in the order of their file. live_at: the commit's clock, for live rows and every delete."""
        for texts in rows:
            row = {name: parse(kind, texts[name]) for name, kind in self.types.items()}
            time = row[self.event_time]
            identity = (time, row[self.event_id]) if self.event_id else None
            if self.op and row[self.op] == "delete":
                self.delete(identity, live_at)
            else:
                self.insert(row, time, identity, live_at)

    def arrival_of(self, row, time, live_at):
        if live_at is not None:
            return live_at
        if self.arrival == "event_time":
            return time
        return time + self.arrival if isinstance(self.arrival, int) else row[self.arrival]

    def insert(self, row, time, identity, live_at):
        if identity in self.deleted:
            self.duplicates += 1
            return
        if identity is not None and identity in self.kept:
            same = self.kept[identity].row == row
            self.duplicates += same
            self.conflicts += not same
            return
        self.seq += 1
        event = Event(time, self.seq, self.arrival_of(row, time, live_at), row)
        self.events.append(event)
        if identity is not None:
            self.kept[identity] = event

    def delete(self, identity, live_at):
        if identity in self.deleted:
            self.duplicates += 1
            return
        self.seq += 1
        self.deleted[identity] = live_at
        if identity in self.kept:
            self.kept[identity].taken_back = live_at


class View:
    """Features of one entity over one source."""

    def __init__(self, source, key, features, where=None, mode="as-of-event-time"):
        self.source, self.key, self.features, self.mode = source, key, features, mode
        self.entities = {}
        for event in sorted(source.events, key=lambda e: (e.time, e.seq)):
            parts = tuple(event.row[name] for name in key)
            if None not in parts and (where is None or where(event.row)):
                self.entities.setdefault(parts, []).append(event)
        self.runs = {}

    def visible(self, parts, t):
        """Those of an entity's events that a read at t may see but for event_time < t; and whether at any t they are the same."""
        events = self.entities.get(parts, [])
        if self.mode == "as-of-event-time":
            return [e for e in events if e.taken_back is None], True
        if all(e.arrival == e.time and e.taken_back is None for e in events):
            return events, True
        return [e for e in events if e.arrival < t and (e.taken_back is None or e.taken_back >= t)], False

    def runs_at(self, parts, t):
        if parts in self.runs:
            return self.runs[parts]
        events, lasting = self.visible(parts, t)
        kinds = self.source.types
        runs = [Run(events, f, kinds.get(f.arg, "timestamp")) for f in self.features]
        if lasting:
            self.runs[parts] = (events, runs)
        return events, runs

    def row(self, parts, t):
        """[(text, status)] of every feature for the entity at t."""
        if None in parts:
            return [("0", "present") if f.fn == "count" else (None, "not_found") for f in self.features]
        events, runs = self.runs_at(parts, t)
        found = bool(events) and events[0].time < t
        answers = []
        for run in runs:
            text, expired = run.answer(t)
            status = "present" if text is not None else "not_found" if not found else "expired" if expired else "null"
            answers.append((text, status))
        return answers
