"""docs/DEFINITIONS.md, "Aggregates": every example of the form `aggregate` is RESULT is what the program answers about the events
that the document shows. (Examples of functions: tests/unit/test_reference.c; that no aggregate lacks one: test_aggregate_reference.c.)"""
import json
import re

import harness
from test_every_aggregate import Number, text_of

AT = "2026-01-10T00:00:00Z"
EXAMPLE = re.compile(r"`([^`]*)` is (`[^`]*`|null|true|false|-?[0-9][-+.0-9e]*[0-9]|[0-9])")


def section():
    text = (harness.ROOT / "docs" / "DEFINITIONS.md").read_text(encoding="utf-8")
    return text[text.index("\n### Aggregates\n"):text.index("\n## Services\n")]


def events(text):
    """The columns {name: type} and the rows of the table that begins with event_time."""
    lines = text[text.index("| at: timestamp"):].split("\n\n")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return dict(cell.split(": ") for cell in rows[0]), rows[2:]


def wanted(result):
    """As `get` answers it."""
    if result == "null":
        return None
    return result.strip("`").strip("'") if result.startswith("`'") else result.strip("`")


class Examples(harness.StoreTest):
    def test_every_documented_aggregate_gives_what_the_document_says(self):
        text = section()
        columns, rows = events(text)
        examples = EXAMPLE.findall(text)
        self.assertGreater(len(examples), 50)
        lines = ["entities:", "  user: {user: int64}", "sources:", "  events:",
                 "    columns: {user: int64, %s}" % ", ".join(f"{name}: {kind}" for name, kind in columns.items()),
                 "    event_time: at", "views:", "  all:", "    entity: user", "    source: events", "    features:"]
        lines += [f"      e{number}: {expression}" for number, (expression, _) in enumerate(examples)]
        self.make_store("\n".join(lines + ["services:", "  every:", "    features: [all.*]", ""]))
        self.write_csv("events.csv", ["user", *columns], [["1", *row] for row in rows])
        self.assertEqual(self.run_ok("--json", "ingest", "events", "events.csv").json()["accepted"], 5)
        answer = self.run_ok("--json", "get", "every", "user=1", "--at", AT)
        features = json.loads(answer.out, parse_int=Number, parse_float=Number)["rows"][0]["features"]
        for number, (expression, result) in enumerate(examples):
            with self.subTest(expression):
                self.assertEqual(text_of(features[f"e{number}"]), wanted(result))


if __name__ == "__main__":
    harness.main()
