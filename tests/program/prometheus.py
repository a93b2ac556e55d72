"""A strict reader of Prometheus' text format 0.0.4: what promtool would refuse raises Malformed, and more."""
import math
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
TYPES = {"counter", "gauge", "histogram", "summary", "untyped"}
UNITS = ("_seconds", "_bytes", "_total", "_ratio", "_info")


class Malformed(Exception):
    pass


class Family:
    def __init__(self, name):
        self.name = name
        self.help = self.type = None
        self.samples = []  # (name, labels, value)


def check(holds, line, why):
    if not holds:
        raise Malformed(f"{why}: {line!r}")


def read_labels(text, line):
    labels, at = {}, 0
    while at < len(text):
        found = LABEL.match(text, at)
        check(found, line, "labels")
        check(found.group(1) not in labels and not found.group(1).startswith("__"), line, "label twice or reserved")
        labels[found.group(1)] = re.sub(r"\\(.)", lambda one: "\n" if one.group(1) == "n" else one.group(1), found.group(2))
        at = found.end()
        check(at == len(text) or (text[at] == "," and at + 1 < len(text)), line, "labels")
        at += 1
    return labels


def read_number(text, line):
    check(re.fullmatch(r"[-+]?(\d+(\.\d+)?([eE][-+]?\d+)?|Inf|NaN)", text), line, "number")
    return float(text)


def family_of(families, name, line):
    family = families[-1] if families else None
    check(family, line, "a sample before any family")
    suffixes = ["_bucket", "_sum", "_count"] if family.type == "histogram" else [""]
    check(name in [family.name + suffix for suffix in suffixes], line, f"no sample of {family.name}")
    return family


def read_comment(families, line):
    found = re.fullmatch(rf"# (HELP|TYPE) ({NAME}) (.+)", line)
    check(found, line, "comment")
    what, name, rest = found.groups()
    if what == "HELP":
        check(all(family.name != name for family in families), line, "a family twice")
        families.append(Family(name))
        families[-1].help = rest
    else:
        check(families and families[-1].name == name and not families[-1].type, line, "TYPE without its HELP before it")
        check(rest in TYPES, line, "type")
        families[-1].type = rest


def check_histogram(family):
    series = {}
    for name, labels, value in family.samples:
        rest = tuple(sorted((key, text) for key, text in labels.items() if key != "le"))
        series.setdefault(rest, {"buckets": []})
        if name.endswith("_bucket"):
            check("le" in labels, name, "a bucket without le")
            series[rest]["buckets"].append((float(labels["le"].replace("+Inf", "inf")), value))
        else:
            check("le" not in labels, name, "le beside a bucket")
            series[rest][name.rsplit("_", 1)[1]] = value
    for rest, one in series.items():
        ends = [end for end, _ in one["buckets"]]
        counts = [count for _, count in one["buckets"]]
        check(ends == sorted(set(ends)) and ends and ends[-1] == math.inf, rest, f"{family.name}: ends of buckets")
        check(counts == sorted(counts), rest, f"{family.name}: counts fall")
        check("sum" in one and one.get("count") == counts[-1], rest, f"{family.name}: sum and count")


def read(text):
    """{name: Family} of a page."""
    check(text.endswith("\n"), text[-50:], "the last line has no end")
    families, seen = [], set()
    for line in text[:-1].split("\n"):
        if line.startswith("#"):
            read_comment(families, line)
            continue
        found = SAMPLE.fullmatch(line)
        check(found, line, "sample")
        name, labels, value = found.group(1), read_labels(found.group(2) or "", line), read_number(found.group(3), line)
        family = family_of(families, name, line)
        key = (name, tuple(sorted(labels.items())))
        check(key not in seen, line, "a sample twice")
        seen.add(key)
        family.samples.append((name, labels, value))
    for family in families:
        check(family.type, family.name, "no TYPE")
        check(family.help.endswith("."), family.name, "HELP is a sentence")
        check(family.type != "counter" or family.name.endswith("_total"), family.name, "a counter ends in _total")
        check(family.type == "counter" or not family.name.endswith("_total"), family.name, "only a counter ends in _total")
        if family.type == "histogram":
            check(family.name.endswith(UNITS), family.name, "a histogram has a unit")
            check_histogram(family)
        if family.type in ("counter", "histogram"):
            check(all(value >= 0 for _, _, value in family.samples), family.name, "below 0")
    return {family.name: family for family in families}


def value(families, name, **labels):
    """The one sample of a plain family with exactly these labels."""
    found = [sample[2] for sample in families[name].samples if sample[1] == labels]
    check(len(found) == 1, name, f"{len(found)} samples with {labels}")
    return found[0]
