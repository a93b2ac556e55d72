"""The recipes of docs/DEFINITIONS.md do what they say."""
import math
import random
import re
from fractions import Fraction

import harness

DAY = 86400
START = 1767225600  # 2026-01-01


def recipe(title):
    text = (harness.ROOT / "docs" / "DEFINITIONS.md").read_text(encoding="utf-8")
    return re.search(rf"^### {title}$.*?^```yaml\n(.*?)^```$", text, re.M | re.S).group(1)


def time_text(second):
    days, rest = divmod(second - START, DAY)
    month, day = (1, days + 1) if days < 31 else (2, days - 30) if days < 59 else (3, days - 58)
    return f"2026-{month:02d}-{day:02d}T{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}Z"



class TargetEncoding(harness.StoreTest):
    def expected(self, seen, merchant):
        """The three features from the labels [(merchant, label)] that were known."""
        own = [label for m, label in seen if m == merchant]
        overall = float(Fraction(sum(label for _, label in seen), len(seen)))
        rate = (sum(own) + 20 * overall) / (len(own) + 20)
        trust = 1 / (1 + math.exp((20 - len(own)) / 5))
        mean = float(Fraction(sum(own), len(own))) if own else overall
        return [rate, trust, trust * mean + (1 - trust) * overall]

    def test_both_forms_see_the_labels_that_were_known_and_no_others(self):
        source = random.Random(20260131)
        self.make_store(recipe("Target encoding"))
        rows = []
        for number in range(400):
            merchant = min(int(source.expovariate(0.4)), 6)
            rows.append((START + source.randrange(80 * DAY), f"p{number}", merchant, int(source.random() < 0.1 * merchant)))
        rows.sort()
        self.write_csv("labels.csv", ["payment_id", "merchant_id", "label", "known_at"],
                       [[payment, merchant, label, time_text(at)] for at, payment, merchant, label in rows])
        self.run_ok("ingest", "labels", "labels.csv")
        spine = [(source.choice(rows)[0], source.randrange(8)) for _ in range(50)]
        spine = [(at, merchant) for at, merchant in spine if at > rows[0][0]]
        self.write_csv("spine.csv", ["merchant_id", "t"], [[merchant, time_text(at)] for at, merchant in spine])
        self.run_ok("train", "chargeback", "--spine", "spine.csv", "--time", "t", "--out", "table.csv")
        table = self.read_csv("table.csv")
        self.assertEqual(len(table), len(spine))
        for row, (at, merchant) in zip(table, spine):
            seen = [(m, label) for known, _, m, label in rows if known < at]
            got = [float(row[name]) for name in ("merchant_rate", "trust", "merchant_rate_sigmoid")]
            for g, want in zip(got, self.expected(seen, merchant)):
                self.assertAlmostEqual(g, want, delta=1e-15)
        self.assert_parity("chargeback", ["merchant", "world"])


if __name__ == "__main__":
    harness.main()
