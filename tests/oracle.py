#!/usr/bin/env python3
"""An independent, exact answer to compare the engine with: point-in-time features by the definition alone.

It knows events, filters and exact rationals, and nothing of tiles, states or plans. Every feature is one aggregate:

  Feature("spend_7d", "sum", "amount", window="7d", hop="1h", when=lambda row: row["country"] == "DE")

fn: the name of an aggregate, with what else it takes by name (second argument, k, p, cap, half_life). One of window (with hop: a
duration, "exact" or the default), over_all, or within (last only); last=N takes the newest N events of the view, of all or of a
window. `when` and a view's `where` are predicates over the typed row; a predicate that meets a null has to say False itself.

Typed rows: int64 -> int, decimal(n) -> Fraction, float64 -> float, bool -> bool, timestamp -> micros, string -> str,
bytes -> bytes, list<T> -> tuple, vector(n) -> tuple of floats that are float32, null -> None.
Answers are (text, status): the text as a training table in CSV shows it or None, and present, null, not_found or expired.

Where visible events are a run of the sorted ones (nothing arrives late), sums come from prefix sums of exact integers, so that
thousands of instants over thousands of events take seconds.
"""
import base64
import bisect
import collections
import datetime as dt
import decimal
import functools
import json
import re
import struct
from fractions import Fraction
from math import isqrt, lcm

UNIT = {"us": 1, "ms": 10**3, "s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
FLOAT_SCALE = 2**1074  # every finite double is a whole multiple of 1 / FLOAT_SCALE
DISTINCT_EXACT = 128
QUANTILE_EXACT = 64
QUANTILE_BUCKETS = 256
CAP = 256
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


def element_kind(kind):
    found = re.fullmatch(r"list<(.*)>", kind)
    return found and found.group(1)


def float32(number):
    return struct.unpack("<f", struct.pack("<f", number))[0]


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
    if kind == "bytes":
        return base64.b64decode(text, validate=True)
    if element_kind(kind):
        return tuple(None if x is None else parse(element_kind(kind), x if isinstance(x, str) else json.dumps(x))
                     for x in json.loads(text))
    if kind.startswith("vector"):
        return tuple(float32(x) + 0.0 for x in json.loads(text))
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
    if kind == "bytes":
        return base64.b64encode(value).decode()
    if element_kind(kind):
        return "[" + ",".join(element_shown(element_kind(kind), x) for x in value) + "]"
    if kind.startswith("vector"):
        return "[" + ",".join(float32_text(x) for x in value) + "]"
    return shown_exact(kind, int(value * scale_of(kind)))


def json_text(text):
    return json.dumps(text, ensure_ascii=False)


def element_shown(kind, value):
    text = shown(kind, value)
    if text is None:
        return "null"
    return text if kind in ("bool", "int64", "float64") else json_text(text)


def float32_text(value):
    """With the fewest digits that read back as the same float32, written as a double is."""
    return next(repr(float(f"{value:.{digits}e}")) for digits in range(9)
                if float32(float(f"{value:.{digits}e}")) == value)


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


# ---- Aggregates by their definitions. x and y are the arguments of the rows that count, oldest first.


def nearest(kind, value):
    """A number as the nearest double."""
    return value if kind == "float64" else Fraction(value).numerator / Fraction(value).denominator


def whole_numbers(xs):
    """Rationals in units of 1 / scale; the scale."""
    scale = lcm(*(x.denominator for x in xs))
    return [x.numerator * (scale // x.denominator) for x in xs], scale


def deviations(xs):
    """n times x - mean x in units of 1 / scale, as whole numbers; the scale."""
    whole, scale = whole_numbers(xs)
    total = sum(whole)
    return [len(xs) * x - total for x in whole], scale


def central(xs, ys):
    """The sum of (x - mean x) (y - mean y)."""
    (first, scale), (second, other) = deviations(xs), deviations(ys)
    return Fraction(sum(x * y for x, y in zip(first, second)), len(xs)**2 * scale * other)


def moment(xs, power):
    deviation, scale = deviations(xs)
    return Fraction(sum(x**power for x in deviation), (len(xs) * scale)**power * len(xs))


def signed_root(square, sign):
    text = root(square)
    return "-" + text if sign < 0 and text != "0.0" else text


def higher_moment(fn, xs):
    second = moment(xs, 2)
    if second == 0:
        return None
    if fn == "kurtosis":
        return rounded(moment(xs, 4) / second**2 - 3)
    third = moment(xs, 3)
    return signed_root(third**2 / second**3, third)


def of_pairs(fn, xs, ys):
    n, both = len(xs), central(xs, ys)
    if fn == "covar":
        return rounded(both / (n - 1)) if n > 1 else None
    if fn == "covar_pop":
        return rounded(both / n)
    x_square, y_square = central(xs, xs), central(ys, ys)
    if y_square == 0 or (fn == "corr" and x_square == 0):
        return None
    return rounded(both / y_square) if fn == "slope" else signed_root(both**2 / (x_square * y_square), both)


def ordered_bits(double):
    """Doubles in their order, as whole numbers."""
    bits, = struct.unpack("<q", struct.pack("<d", double))
    return bits if bits >= 0 else -(2**63) - bits - 1


def quantile(kind, xs, p):
    doubles = sorted(nearest(kind, x) + 0.0 for x in xs)
    rank = int(Fraction(p) * (len(doubles) - 1))
    if len(doubles) <= QUANTILE_EXACT:
        return doubles[rank]
    keys, shift = [ordered_bits(x) for x in doubles], 45
    while len({key >> shift for key in keys}) > QUANTILE_BUCKETS:
        shift += 1
    bucket = keys[rank] >> shift
    if bucket == 0:
        return 0.0
    middle = (bucket << shift) + (1 << (shift - 1))
    return struct.unpack("<d", struct.pack("<q", middle if middle >= 0 else -(2**63) - middle - 1))[0]


def entropy(counts):
    """- sum p ln p of counts, with digits until one more changes no bit."""
    if len(counts) == 1:
        return 0.0
    total, digits, before = sum(counts), 40, None
    while True:
        with decimal.localcontext() as context:
            context.prec = digits
            shares = [decimal.Decimal(c) / total for c in counts]
            now = float(-sum(p * p.ln() for p in shares))
        if now == before:
            return now
        before, digits = now, digits * 2


def by_value(kind, xs):
    """[(value, count)], ascending."""
    counts = collections.Counter(xs)
    return sorted(counts.items(), key=lambda item: item[0].encode() if kind == "string" else item[0])


def of_counts(feature, kind, xs):
    counts, fn = by_value(kind, xs), feature.fn
    if len(counts) > (feature.cap or CAP):
        return None
    if fn == "count_by":
        return "{" + ",".join(f"{json_text(shown(kind, value))}:{count}" for value, count in counts) + "}"
    if fn == "entropy":
        return repr(entropy([count for _, count in counts]))
    ranked = [value for value, _ in sorted(counts, key=lambda item: -item[1])]
    return shown(kind, ranked[0]) if fn == "mode" else shown(f"list<{kind}>", ranked[:feature.k])


def unique_last(xs, k):
    return list(dict.fromkeys(reversed(xs)))[:k]


@functools.cache
def weight(u, half_life):
    """2^(u / half-life) as the definition has it: 64 bits and their exponent."""
    periods, rest = divmod(u, half_life)
    fraction = (rest << 64) // half_life
    with decimal.localcontext() as context:
        context.prec = 100
        power = (decimal.Decimal(2).ln() * (63 + decimal.Decimal(fraction) / 2**64)).exp()
    return int(power) if fraction else 2**63, periods - 63


def decayed(feature, times, xs, t):
    """xs: None for decayed_count."""
    weights = [weight(u, feature.half_life) for u in times]
    least = min((exponent for _, exponent in weights), default=0)
    weights = [mantissa << (exponent - least) for mantissa, exponent in weights]
    whole, scale = whole_numbers(xs) if xs else ([1] * len(times), 1)
    total = sum(w * x for w, x in zip(weights, whole))
    if feature.fn == "decayed_mean":
        return rounded(Fraction(total, sum(weights) * scale))
    mantissa, exponent = weight(-t, feature.half_life)
    return rounded(Fraction(total * mantissa, scale) * Fraction(2) ** (least + exponent))


class Feature:
    def __init__(self, name, fn, arg=None, window=None, hop=None, within=None, over_all=False, when=None, second=None, k=None,
                 p=None, cap=None, half_life=None, last=None):
        self.name, self.fn, self.arg, self.when = name, fn, arg, when
        self.second, self.k, self.p, self.cap, self.last = second, k, p, cap, last
        self.half_life = half_life and duration(half_life)
        self.within = within and duration(within)
        self.window = window and duration(window)
        assert over_all or last or self.window or self.within, name
        if self.window:
            self.hop = 1 if hop == "exact" else duration(hop) if hop else default_hop(self.window)
            assert self.window % self.hop == 0, f"{name}: the window is no multiple of its hop"

    def text(self):
        """As definitions have it; `when` is the caller's to write, as `where`."""
        arguments = [str(a) for a in (self.arg, self.second, self.k, self.p, self.cap) if a is not None]
        if self.half_life:
            arguments.append(f"{self.half_life}us")
        bound = f"within {self.within}us" if self.within else f"over {self.window}us" if self.window else "over all"
        if self.last:
            bound = (bound if self.window else "over") + f" last {self.last}"
        if self.window:
            bound += f" hop {self.hop}us"
        return f"{self.fn}({', '.join(arguments)}) {bound}"

    def start(self, t):
        return (t - self.window) // self.hop * self.hop if self.window else None


class Event:
    def __init__(self, time, seq, arrival, row):
        self.time, self.seq, self.arrival, self.row = time, seq, arrival, row
        self.taken_back = None  # arrival of its delete


class Run:
    """Events in order of (time, seq), with what ranges of them are answered from."""

    def __init__(self, events, feature, kinds):
        self.feature, self.kind = feature, kinds.get(feature.arg, "timestamp")
        self.view_times = [e.time for e in events]
        events = list(enumerate(events))
        if feature.when:
            events = [(i, e) for i, e in events if feature.when(e.row)]
        if feature.fn != "last":  # the last event's value is taken null and all
            for name in filter(None, (feature.arg, feature.second)):
                events = [(i, e) for i, e in events if e.row[name] is not None]
        self.places = [i for i, _ in events]  # among the view's events
        self.times = [e.time for _, e in events]
        self.values = [e.row[feature.arg] for _, e in events] if feature.arg else self.times
        self.seconds = [e.row[feature.second] for _, e in events] if feature.second else self.times
        if feature.fn in ("sum", "mean", "var", "stddev", "var_pop", "stddev_pop"):
            scale = self.scale = scale_of(self.kind)
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
        if feature.last:
            newest = bisect.bisect_left(self.view_times, t) - feature.last
            begin = max(begin, bisect.bisect_left(self.places, newest, 0, end))
        if feature.within and end and self.times[end - 1] < t - feature.within:
            return None, True
        return self.aggregate(begin, end, t), False

    def aggregate(self, begin, end, t):
        fn, n, feature, kind = self.feature.fn, end - begin, self.feature, self.kind
        if fn == "count":
            return str(n)
        times, values, seconds = self.times[begin:end], self.values[begin:end], self.seconds[begin:end]
        if n == 0:
            return None
        if fn.startswith("decayed"):
            return decayed(feature, times, [Fraction(x) for x in values] if feature.arg else None, t)
        if fn in ("sum", "mean", "var", "stddev", "var_pop", "stddev_pop"):
            return self.moments(fn, n, begin, end)
        if fn in ("skew", "kurtosis"):
            return higher_moment(fn, [Fraction(x) for x in values])
        if fn in ("covar", "covar_pop", "corr", "slope"):
            return of_pairs(fn, [Fraction(x) for x in values], [Fraction(y) for y in seconds])
        if fn == "count_distinct":
            distinct = len(set(values))
            return str(distinct) if distinct <= DISTINCT_EXACT else APPROXIMATE
        if fn in ("quantile", "median"):
            return shown("float64", quantile(kind, values, "0.5" if fn == "median" else feature.p))
        if fn in ("count_by", "mode", "top_k", "entropy"):
            return of_counts(feature, kind, values)
        if fn in ("any", "all"):
            return shown("bool", {"any": any, "all": all}[fn](values))
        if fn in ("since_last", "since_first"):
            return str(t - times[-1 if fn == "since_last" else 0])
        if fn in ("first_k", "last_k", "unique_last_k"):
            chosen = {"first_k": lambda: values[:feature.k], "last_k": lambda: values[::-1][:feature.k],
                      "unique_last_k": lambda: unique_last(values, feature.k)}[fn]()
            return shown(f"list<{kind}>", chosen)
        return shown(kind, self.chosen(fn, values, seconds))

    def chosen(self, fn, values, seconds):
        if fn in ("min_by", "max_by"):
            best = {"min_by": min, "max_by": max}[fn](seconds)
            return [x for x, y in zip(values, seconds) if y == best][-1]
        if fn == "lag":
            return values[-1 - self.feature.k] if self.feature.k < len(values) else None
        return {"min": min, "max": max, "first": lambda v: v[0], "last": lambda v: v[-1]}[fn](values)

    def moments(self, fn, n, begin, end):
        total = self.sums[end] - self.sums[begin]
        if fn == "sum":
            return rounded(Fraction(total, self.scale)) if self.kind == "float64" else shown_exact(self.kind, total)
        if fn == "mean":
            return rounded(Fraction(total, n * self.scale))
        degrees = n if fn.endswith("_pop") else n - 1
        if degrees == 0:
            return None
        squares = self.squares[end] - self.squares[begin]
        var = Fraction(n * squares - total * total, n * degrees * self.scale**2)
        return rounded(var) if fn.startswith("var") else root(var)


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
        runs = [Run(events, f, kinds) for f in self.features]
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
