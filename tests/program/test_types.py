"""bytes, lists and vectors through the whole program: loaded from CSV, kept, answered, trained on, compared, refused."""
import base64
import json
import sqlite3

import harness

DEFINITIONS = """
entities:
  device: {device: bytes}
  place:  {room: int64, tag: bytes, name: string}
sources:
  readings:
    columns: {id: string, device: bytes, room: int64, tag: bytes, name: string, raw: bytes, words: list<string>, counts: list<int64>,
              prices: list<decimal(2)>, shares: list<float64>, flags: list<bool>, parts: list<bytes>, times: list<timestamp>,
              embedding: vector(3), at: timestamp}
    event_time: at
    event_id: id
    timezone: Europe/Berlin
    expect:
      raw: {in: ["", aGk=, AA==, AAA=, /w==], between: ["", /w==]}
      words: {unique_ratio: {min: 0.0001}}
views:
  by_device:
    entity: device
    source: readings
    features:
      last_raw: last(raw)
      first_raw: first(raw)
      raws: count(raw) over all
      least_raw: min(raw) over all
      greatest_raw: max(raw) over 7d
      distinct_raws: count_distinct(raw) over all
      last_words: last(words)
      first_words: first(words)
      last_counts: last(counts)
      last_prices: last(prices)
      last_shares: last(shares)
      last_flags: last(flags)
      last_parts: last(parts)
      last_times: last(times)
      last_embedding: last(embedding)
      embeddings: count(embedding) over 7d
      known_words: last(words where words is not null)
  by_place:
    entity: place
    source: readings
    features:
      place_events: count() over all
      place_words: last(words)
services:
  devices:
    request: {sent: list<decimal(1)>, sent_bytes: bytes, sent_vector: vector(2), sent_times: list<timestamp>}
    features:
      - by_device.*
      - got_sent: request.sent
      - got_sent_bytes: request.sent_bytes
      - got_sent_vector: request.sent_vector
      - got_sent_times: request.sent_times
  places:
    features: [by_place.*]
"""
COLUMNS = ["id", "device", "room", "tag", "name", "raw", "words", "counts", "prices", "shares", "flags", "parts", "times", "embedding", "at"]
FULL = {"id": "a", "device": "AP8=", "room": "1", "tag": "AAA=", "name": "x", "raw": "aGk=",
        "words": '["a \\"b\\", c", null, "\\u00e4\\ud83d\\ude00\\n"]', "counts": "[ 1, -9223372036854775808, null ]",
        "prices": '[1.5, "2.25", 1e2]', "shares": "[0.1, 1e999, -0.0]", "flags": "[true,false,null]", "parts": '["", "AP8="]',
        "times": '["2026-01-31 10:00:00", "2026-01-31T10:00:00.5Z"]', "embedding": "[1, 0.1, -0]", "at": "2026-02-01T00:00:00Z"}
ANSWER = {"last_raw": "aGk=", "last_words": ['a "b", c', None, "ä😀\n"], "last_counts": [1, -9223372036854775808, None],
          "last_prices": ["1.50", "2.25", "100.00"], "last_shares": [0.1, None, 0.0], "last_flags": [True, False, None],
          "last_parts": ["", "AP8="], "last_times": ["2026-01-31T09:00:00Z", "2026-01-31T10:00:00.5Z"],
          "last_embedding": [1.0, 0.1, 0.0]}
REQUEST = ["--request", "sent=[1, 2.5]", "--request", "sent_bytes=", "--request", "sent_vector=[1e-3,16777217]",
           "--request", 'sent_times=["2026-01-31"]']
TEXTS = {"last_words": '["a \\"b\\", c",null,"ä😀\\n"]', "last_counts": "[1,-9223372036854775808,null]",
         "last_prices": '["1.50","2.25","100.00"]', "last_shares": "[0.1,null,0.0]", "last_embedding": "[1.0,0.1,0.0]",
         "last_times": '["2026-01-31T09:00:00Z","2026-01-31T10:00:00.5Z"]', "last_parts": '["","AP8="]'}


def quoted(cell):
    """None is null, an empty text is an empty text."""
    return "" if cell is None else '"' + cell.replace('"', '""') + '"'


class TypesTest(harness.StoreTest):
    def setUp(self):
        super().setUp()
        self.make_store(DEFINITIONS)
        self.batches = 0

    def load(self, *rows, status=0, **options):
        """Rows are dictionaries; what is not there is null."""
        lines = [",".join(quoted(row.get(column)) for column in COLUMNS) for row in rows]
        self.batches += 1
        name = f"readings{self.batches}.csv"
        self.write(name, "\n".join([",".join(COLUMNS), *lines]) + "\n")
        result = self.run_any("--json", "ingest", "readings", name)
        self.assertEqual(result.status, status, result)
        return result.json()

    def features(self, device="AP8=", *options):
        return self.run_ok("--json", "get", "devices", f"device={device}", *(options or REQUEST)).json()["rows"][0]["features"]

    def quarantine(self):
        return [(row["column"], row["reason"], row["value"]) for row in self.run_ok("--json", "stats", "--quarantine", "readings").json()]

    def check(self):
        self.assert_parity("devices", ["by_device"])
        self.assert_parity("places", ["by_place"])


class Answers(TypesTest):
    def test_values_are_answered_as_json_and_as_text(self):
        self.load(FULL)
        got = self.features()
        self.assertEqual({name: got[name] for name in ANSWER}, ANSWER)
        self.assertEqual((got["got_sent"], got["got_sent_bytes"], got["got_sent_vector"], got["got_sent_times"]),
                         (["1.0", "2.5"], "", [0.001, 16777216.0], ["2026-01-31T00:00:00Z"]))
        lines = dict(line.split(None, 1) for line in self.run_ok("get", "devices", "device=AP8=").out.splitlines() if " " in line)
        for name, text in TEXTS.items():
            self.assertEqual(lines[name], text)
        self.check()

    def test_a_long_vector_is_shown_whole(self):
        self.load(dict(FULL, words=json.dumps(["word"] * 500)))
        self.assertIn(json.dumps(["word"] * 500, separators=(",", ":")), self.run_ok("get", "devices", "device=AP8=").out)

    def test_empty_is_not_null(self):
        self.load(dict(FULL, raw="", words="[]", parts="[]"), dict(FULL, id="b", raw=None, words=None, at="2026-02-01T00:00:01Z"))
        got = self.features()
        self.assertEqual((got["first_raw"], got["last_raw"], got["raws"], got["least_raw"]), ("", None, 1, ""))
        self.assertEqual((got["first_words"], got["last_words"], got["known_words"]), ([], None, []))
        self.check()

    def test_a_vector_that_does_not_fit_float32_is_null(self):
        self.load(dict(FULL, embedding="[1,1e39,2]"))
        got = self.features()
        self.assertEqual((got["last_embedding"], got["embeddings"]), (None, 0))
        self.assertEqual(self.quarantine(), [])

    def test_bytes_are_ordered_and_counted_as_bytes(self):
        values = ["/w==", "AAA=", "aGk=", "AA==", "aGk=", ""]
        self.load(*(dict(FULL, id=str(i), raw=raw, at=f"2026-02-01T00:00:0{i}Z") for i, raw in enumerate(values)))
        got = self.features()
        self.assertEqual((got["raws"], got["distinct_raws"], got["least_raw"], got["greatest_raw"]), (6, 5, "", "/w=="))
        self.assertEqual((got["first_raw"], got["last_raw"]), ("/w==", ""))
        self.check()

    def test_bytes_are_keys(self):
        devices = ["", "AA==", "AAA=", "AAE=", "AP8=", "/w==", base64.b64encode(b"\0" * 100).decode()]
        rows = [dict(FULL, id=f"{i}.{n}", device=device, tag=device, name=f"n{n}", words=f'["{i}"]', at=f"2026-02-01T00:00:{i:02}Z")
                for i, device in enumerate(devices) for n in range(2)]
        self.load(*rows)
        for i, device in enumerate(devices):
            self.assertEqual(self.features(device)["last_words"], [str(i)])
            place = self.run_ok("--json", "get", "places", "room=1", f"tag={device}", "name=n1").json()["rows"][0]
            self.assertEqual((place["features"], place["keys"]), ({"place_events": 1, "place_words": [str(i)]}, {"room": 1, "tag": device, "name": "n1"}))
        keys = [line.split()[0] for line in self.run_ok("dump", "by_device").out.splitlines() if line.startswith("device=")]
        self.assertEqual(keys, ["device=" + base64.b64encode(key).decode() for key in sorted(map(base64.b64decode, devices))])
        self.assertIn("device=AP8=", self.run_ok("dump", "by_device", "device=AP8=").out)
        self.check()
        self.run_ok("rebuild", "--all")
        self.check()

    def test_a_key_over_480_bytes_is_refused_everywhere(self):
        fits, longer = (base64.b64encode(b"\0" * 238 + b"x" * n).decode() for n in (1, 2))
        self.load(dict(FULL, device=fits, id="1"), dict(FULL, device=longer, id="2"), status=1)
        self.assertEqual([row[:2] for row in self.quarantine()], [("device", "key is longer than 480 bytes")])
        self.assertEqual(self.features(fits)["raws"], 1)
        self.assertIn("480 bytes", self.run_fails(2, "get", "devices", f"device={longer}"))
        self.assertIn("480 bytes", self.run_fails(2, "dump", "by_device", f"device={longer}"))

    def test_bad_keys_and_inputs_are_refused_with_their_reason(self):
        self.assertIn("key 'device': not base64 (RFC 4648, with padding): 'x'", self.run_fails(2, "get", "devices", "device=x"))
        self.assertIn("request input 'sent': not a JSON array: '1'", self.run_fails(2, "get", "devices", "device=AA==", "--request", "sent=1"))
        self.write("keys.csv", "device\nAA==\n?\n")
        self.assertIn("keys.csv:3: column 'device': not base64 (RFC 4648, with padding): '?'",
                      self.run_fails(2, "get", "devices", "--keys", "keys.csv"))


class Identity(TypesTest):
    def test_an_equal_event_counts_once_and_another_is_a_conflict(self):
        self.load(FULL)
        same = dict(FULL, prices='["1.50",2.25,"100"]', counts="[1,-9223372036854775808,null]", words=FULL["words"].replace("\\u00e4", "ä"))
        self.assertEqual(self.load(same)["duplicate"], 1)
        for change in ({"words": '["a"]'}, {"counts": "[1,-9223372036854775808,0]"}, {"embedding": "[1,0.1,1e-45]"}, {"raw": "AA=="},
                       {"parts": None}, {"parts": "[]"}):
            self.assertEqual(self.load(dict(FULL, **change), status=1)["conflicting"], 1, change)
        self.assertEqual(self.features()["raws"], 1)
        self.check()

    def test_bad_values_are_quarantined_with_their_reason(self):
        bad = {"raw": ("aGk", "not base64 (RFC 4648, with padding)"), "words": ("['a']", "an element is not a JSON string of valid UTF-8 without U+0000"),
               "counts": ("[1.0]", "an element is not an int64"), "prices": ("[1.255]", "an element is not a decimal of that scale"),
               "shares": ("[NaN]", "an element is not a JSON number"), "flags": ("[1]", "an element is not true, false or null"),
               "parts": ('["x"]', "an element is not base64 in a JSON string"), "times": ("[1]", "an element is not a time in a JSON string"),
               "embedding": ("[1,2]", "not as many elements as the vector has")}
        rows = [dict(FULL, id=column, **{column: value}) for column, (value, _) in bad.items()]
        rows += [dict(FULL, id="z", words="[[]]"), dict(FULL, id="y", words="{}"), dict(FULL, id="raw2", raw="/wA=")]
        self.load(FULL, *rows, status=1)
        want = [(column, reason, value) for column, (value, reason) in bad.items()]
        want += [("words", bad["words"][1], "[[]]"), ("words", "not a JSON array", "{}")]
        got = self.quarantine()
        self.assertEqual(sorted(row for row in got if row[0] != "raw" or row[2] == "aGk"), sorted(want))
        self.assertEqual(sorted(row for row in got if row[2] == "/wA="),
                         [("raw", "not between what the source expects", "/wA="), ("raw", "not one of what the source expects", "/wA=")])
        self.assertEqual(self.features()["raws"], 1)


class Training(TypesTest):
    SPINE = ["device", "at", "sent", "sent_bytes", "sent_vector", "sent_times"]

    def setUp(self):
        super().setUp()
        self.load(FULL, dict(FULL, id="b", raw="", words="[]", embedding="[1,1e39,1]", parts=None, at="2026-02-02T00:00:00Z"))
        self.rows = [["AP8=", "2026-02-01T12:00:00Z", "[1,2.5]", "AAE=", "[1,2]", "[]"],
                     ["AP8=", "2026-02-03T00:00:00Z", "[]", "/w==", "[0.1,1e-46]", '["2026-01-31"]'],
                     ["AA==", "2026-02-03T00:00:00Z", "[null]", "", "[1,1e40]", "[null]"]]

    def train_csv(self):
        self.write_csv("spine.csv", self.SPINE, self.rows)
        self.run_ok("train", "devices", "--spine", "spine.csv", "--time", "at", "-o", "out.csv")
        return self.read_csv("out.csv")

    def test_csv_has_the_text_form(self):
        out = self.train_csv()
        for name, text in TEXTS.items():
            self.assertEqual(out[0][name], text)
        self.assertEqual((out[0]["last_raw"], out[0]["got_sent"], out[0]["got_sent_bytes"]), ("aGk=", '["1.0","2.5"]', "AAE="))
        self.assertEqual((out[1]["last_raw"], out[1]["last_words"], out[1]["last_embedding"], out[1]["last_parts"]), ("", "[]", "", ""))
        self.assertEqual((out[1]["got_sent_vector"], out[2]["got_sent_vector"]), ("[0.1,0.0]", ""))
        line = (self.folder / "out.csv").read_text(encoding="utf-8").splitlines()[2]
        self.assertIn(',"",aGk=,2,"",', line)  # last_raw and least_raw are empty, not null

    def test_sqlite_has_blobs_and_json_and_takes_them_back(self):
        """bytes of a spine may be base64 text or a BLOB; both tables have the same values."""
        self.train_csv()
        self.run_ok("train", "devices", "--spine", "spine.csv", "--time", "at", "-o", "out.db:from_csv")
        with sqlite3.connect(self.folder / "spine.db") as db:
            db.execute("CREATE TABLE spine(device, at, sent, sent_bytes, sent_vector, sent_times)")
            db.executemany("INSERT INTO spine VALUES(?, ?, ?, ?, ?, ?)",
                           [[base64.b64decode(row[0]), row[1], row[2], base64.b64decode(row[3]), *row[4:]] for row in self.rows[:2]])
        self.run_ok("train", "devices", "--spine", "spine.db:spine", "--time", "at", "-o", "out.db:from_table")
        self.run_ok("train", "devices", "--spine", "spine.db:spine", "--time", "at", "-o", "from_table.csv")
        with sqlite3.connect(self.folder / "out.db") as db:
            types = dict(row[1:3] for row in db.execute("PRAGMA table_info(from_csv)"))
            names = ["last_raw", "last_words", "last_embedding", "got_sent", "got_sent_bytes", "got_sent_vector", "got_sent_times", "first_raw"]
            select = "SELECT " + ", ".join(names) + " FROM {} ORDER BY rowid"
            from_csv, from_table = (db.execute(select.format(table)).fetchall() for table in ("from_csv", "from_table"))
            digests = {}
            for table in ("from_csv", "from_table"):
                digests[table] = db.execute("SELECT rows_digest FROM selfsame_manifest WHERE table_name = ?", [table]).fetchone()[0]
        self.assertEqual((types["last_raw"], types["last_words"], types["last_embedding"]), ("BLOB", "TEXT", "TEXT"))
        self.assertEqual(from_csv[:2], from_table)
        self.assertEqual(from_csv[0], (b"hi", TEXTS["last_words"], TEXTS["last_embedding"], '["1.0","2.5"]', b"\0\1", "[1.0,2.0]", "[]", b"hi"))
        self.assertEqual(from_csv[1][:3], (b"", "[]", None))
        out = self.read_csv("from_table.csv")
        self.assertEqual((out[0]["device"], out[0]["sent_bytes"], out[0]["got_sent_bytes"]), ("AP8=", "AAE=", "AAE="))
        with sqlite3.connect(self.folder / "spine.db") as db:
            db.execute("UPDATE spine SET sent = x'5b5d' WHERE rowid = 2")
        self.assertIn("row 2: column 'sent': expected a value, got a BLOB",
                      self.run_fails(2, "train", "devices", "--spine", "spine.db:spine", "--time", "at", "-o", "bad.csv"))

    def test_a_bad_cell_of_a_spine_is_named(self):
        self.rows[1][4] = "[1]"
        self.write_csv("spine.csv", self.SPINE, self.rows)
        self.assertIn("spine.csv:3: column 'sent_vector': not as many elements as the vector has: '[1]'",
                      self.run_fails(2, "train", "devices", "--spine", "spine.csv", "--time", "at", "-o", "out.csv"))

    def test_damaged_values_in_history_are_told(self):
        """What is in history.db is checked when it is read back."""
        with sqlite3.connect(self.store / "history.db") as db:
            positions = dict(db.execute("SELECT name, position FROM source_columns"))
        for column, value in (("words", b"\1\5a"), ("words", "[]"), ("counts", b"\1\0"), ("embedding", b"\0\0\x80\x3f"), ("raw", "text"),
                              ("embedding", b"\0\0\x80\x7f" * 3)):
            with sqlite3.connect(self.store / "history.db") as db:
                kept = db.execute(f"SELECT c{positions[column]} FROM events_1 WHERE seq = 1").fetchone()[0]
                db.execute(f"UPDATE events_1 SET c{positions[column]} = ? WHERE seq = 1", [value])
            message = self.run_any("digest", "by_device", "--offline")
            self.assertEqual(message.status, 2, f"{column}: {message}")
            self.assertIn("not of its column's type", message.err)
            with sqlite3.connect(self.store / "history.db") as db:
                db.execute(f"UPDATE events_1 SET c{positions[column]} = ? WHERE seq = 1", [kept])
        self.check()


class EventAtHand(TypesTest):
    def test_an_event_at_hand_carries_lists_and_bytes(self):
        self.load(FULL)
        got = self.features("AP8=", "--with-event", "readings.raw=AA==", "--with-event", 'readings.words=["x"]', "--with-event",
                            "readings.embedding=[3,2,1]")
        self.assertEqual((got["last_raw"], got["last_words"], got["last_embedding"], got["raws"], got["least_raw"]),
                         ("AA==", ["x"], [3.0, 2.0, 1.0], 2, "AA=="))

    def test_a_spine_row_carries_them_too(self):
        """In the time zone of the source; bytes as base64 or as a BLOB."""
        self.load(FULL)
        names = ["device", "at", "sent", "sent_bytes", "sent_vector", "sent_times", "readings.raw", "readings.times", "readings.embedding"]
        row = ["AP8=", "2026-02-02T00:00:00Z", "", "", "", "", "AA==", '["2026-01-31 10:00:00",null]', "[1,1e39,1]"]
        self.write_csv("spine.csv", names, [row])
        with sqlite3.connect(self.folder / "spine.db") as db:
            db.execute("CREATE TABLE spine(" + ", ".join(f'"{name}"' for name in names) + ")")
            db.execute("INSERT INTO spine VALUES(" + ", ".join("?" * len(names)) + ")", [*row[:2], *[None] * 4, b"\0", *row[7:]])
        for spine in ("spine.csv", "spine.db:spine"):
            self.run_ok("train", "devices", "--spine", spine, "--time", "at", "--with-event", "readings", "-o", "out.csv")
            out = self.read_csv("out.csv")[0]
            self.assertEqual((out["last_raw"], out["last_times"], out["last_embedding"], out["raws"]),
                             ("AA==", '["2026-01-31T09:00:00Z",null]', "", "2"))


class Examples(harness.StoreTest):
    def test_inputs_of_the_documentation(self):
        """docs/DEFINITIONS.md "Services"."""
        self.make_store(harness.CLICKS + """
views:
  visits: {entity: user, source: clicks, features: {visits: count() over all}}
services:
  pages:
    request: {photo: bytes, tags: list<string>, query: vector(3)}
    features: [visits.visits, shown: request.photo, words: request.tags, place: request.query]
""")
        got = self.run_ok("--json", "get", "pages", "user=1", "--request", "photo=aGk=", "--request", 'tags=["new","sale"]', "--request",
                          "query=[1,0,0.5]").json()["rows"][0]["features"]
        self.assertEqual((got["shown"], got["words"], got["place"]), ("aGk=", ["new", "sale"], [1.0, 0.0, 0.5]))


if __name__ == "__main__":
    harness.main()
