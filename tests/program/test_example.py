"""The example of the demo: its data is the same every time, and its features are what the oracle says, late payments and all."""
import csv
import hashlib
import subprocess
import sys

import harness
import oracle

EXAMPLE = harness.ROOT / "examples" / "payments"
TYPES = {"payment_id": "string", "user_id": "string", "merchant_id": "int64", "amount": "decimal(2)", "country": "string",
         "refused": "bool", "paid_at": "timestamp", "received_at": "timestamp"}
USER = [oracle.Feature("spend_30d", "sum", "amount", window="30d"),
        oracle.Feature("orders_7d", "count", window="7d"),
        oracle.Feature("orders_1h", "count", window="1h"),
        oracle.Feature("foreign_7d", "count", window="7d", when=lambda row: row["country"] not in (None, "DE")),
        oracle.Feature("basket_avg_30d", "mean", "amount", window="30d"),
        oracle.Feature("basket_std_30d", "stddev", "amount", window="30d"),
        oracle.Feature("merchants_30d", "count_distinct", "merchant_id", window="30d"),
        oracle.Feature("last_country", "last", "country", within="7d")]
MERCHANT = [oracle.Feature("largest_7d", "max", "amount", window="7d")]
SHA256 = {"payments.csv": "c6aa2e531c5a9fa84444fcfb67daef0bb15b7b81ead2a3821701a4a9dc424e85",
          "labels.csv": "8fd0bd69c63210c7bdeb4be0ab2ac7901bc9dcc6ee99e58e8f700b3eb11ce5a3"}


def is_good(row):
    """What the source takes: cells of their types, an id, an amount within bounds."""
    try:
        amount = oracle.parse(TYPES["amount"], row["amount"])
        oracle.parse("int64", row["merchant_id"])
        oracle.micros(row["paid_at"])
    except ValueError:
        return False
    return row["payment_id"] != "" and amount is not None and 0 <= amount <= 100_000 and (amount * 100).denominator == 1 \
        and "." not in row["merchant_id"]


class Example(harness.StoreTest):
    def setUp(self):
        super().setUp()
        subprocess.run([sys.executable, "-B", EXAMPLE / "generate.py", self.folder], check=True)
        with open(self.folder / "payments.csv", newline="", encoding="utf-8") as file:
            self.payments = list(csv.DictReader(file))
        with open(self.folder / "labels.csv", newline="", encoding="utf-8") as file:
            self.labels = list(csv.DictReader(file))

    def test_the_data_is_the_same_every_time(self):
        for name, digest in SHA256.items():
            self.assertEqual(hashlib.sha256((self.folder / name).read_bytes()).hexdigest(), digest, name)

    def test_every_payment_is_accepted_known_or_set_aside_and_every_label_gets_the_oracles_features(self):
        self.make_store((EXAMPLE / "features.yaml").read_text())
        done = self.run_any("--json", "ingest", "payments", "payments.csv")
        source = oracle.Source(TYPES, "paid_at", "payment_id", arrival="received_at")
        source.load([row for row in self.payments if is_good(row)])
        bad = sum(not is_good(row) for row in self.payments)
        self.assertGreater(bad, 10)
        self.assertEqual(done.status, 1, "some rows are broken")
        counts = {name: done.json()[name] for name in ("rows", "accepted", "duplicate", "conflicting", "quarantined")}
        self.assertEqual(counts, {"rows": len(self.payments), "accepted": len(source.events), "duplicate": source.duplicates,
                                  "conflicting": 0, "quarantined": bad})
        self.assertGreater(source.duplicates, 100)
        again = self.run_ok("--json", "ingest", "payments", "payments.csv").json()
        self.assertTrue(again["repeated"])
        for mode in ("as-known", "as-of-event-time"):
            self.compare(source, mode)
        self.assert_parity("fraud_v1", ["user_spend", "merchant_risk", "pulse"])

    def compare(self, source, mode):
        self.run_ok("train", "fraud_v1", "--spine", "labels.csv", "--time", "at", "-o", "train.csv", "--status", "--mode", mode)
        users = oracle.View(source, ["user_id"], USER, where=lambda row: row["refused"] is False, mode=mode)
        merchants = oracle.View(source, ["merchant_id"], MERCHANT, mode=mode)
        made = self.read_csv("train.csv")
        self.assertEqual(len(made), len(self.labels))
        # What arrives late makes the oracle walk every event for every row as known: some of them do.
        step = 5 if mode == "as-known" else 1
        for label, row in zip(self.labels[::step], made[::step]):
            t = oracle.micros(label["at"])
            expected = users.row((label["user_id"] or None,), t) + merchants.row((int(label["merchant_id"]),), t)
            got = [(row[f.name] or None, row[f.name + "__status"]) for f in USER + MERCHANT]
            got = [want if want[0] == oracle.APPROXIMATE else cell for cell, want in zip(got, expected)]
            self.assertEqual(got, expected, f"{label}, {mode}")
            self.assertEqual({name: row[name] for name in label}, label)


if __name__ == "__main__":
    harness.main()
