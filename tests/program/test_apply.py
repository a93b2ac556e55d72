"""Definitions change while lookups go on."""
import random
import threading
import time

import harness

ROWS = 30_000
DEFINITIONS = harness.CLICKS + """
views:
  clicks:
    entity: user
    source: clicks
    features:
      clicks: count() over %s
      weight: sum(weight) over %s
services:
  all:
    features: [clicks.*]
"""


class Apply(harness.StoreTest):
    def fill(self):
        rng = random.Random(3)
        rows = [[rng.randrange(50), rng.random(), f"2026-01-{rng.randrange(1, 29):02}T{rng.randrange(24):02}:{rng.randrange(60):02}:00Z"]
                for _ in range(ROWS)]
        self.write_csv("clicks.csv", ["user", "weight", "at"], rows)
        self.make_store(DEFINITIONS % ("7d", "7d"))
        self.run_ok("ingest", "clicks", "clicks.csv")

    def look_up(self):
        return self.run_any("--json", "get", "all", "user=7")

    def test_a_lookup_beside_an_apply_sees_the_old_version_or_the_new_one_and_no_error(self):
        self.fill()
        old = self.look_up().json()
        seen, going = [], threading.Event()

        def keep_looking():
            while not going.is_set():
                seen.append(self.look_up())

        reader = threading.Thread(target=keep_looking)
        reader.start()
        try:
            for window in ("14d", "7d", "30d"):
                self.write("features.yaml", DEFINITIONS % (window, window))
                self.run_ok("apply", "features.yaml", "--yes")
                version = self.look_up().json()
                self.write_csv("spine.csv", ["user", "at"], [["7", version["t"]]])
                self.run_ok("train", "all", "--spine", "spine.csv", "--time", "at", "-o", "out.csv")
                self.assertEqual(self.read_csv("out.csv")[0]["clicks"], str(version["rows"][0]["features"]["clicks"]))
                old.setdefault("versions", {})[version["fingerprint"]] = version["rows"]
        finally:
            going.set()
            reader.join()
        versions = {old["fingerprint"]: old["rows"], **old["versions"]}
        self.assertEqual(len(versions), 3, "applying the first version again gives its fingerprint again")
        self.assertGreater(len(seen), 5)
        for result in seen:
            self.assertEqual(result.status, 0, result)
            self.assertEqual(result.json()["rows"], versions[result.json()["fingerprint"]])
        self.assert_parity("all", ["clicks"])

    def test_an_apply_killed_at_any_moment_leaves_the_old_definitions_or_the_new(self):
        seed = random.randrange(2**31)
        rng = random.Random(seed)
        print(f"seed {seed}", end=" ", flush=True)
        self.fill()
        versions, killed = set(), 0
        for window in ("7d", "14d"):
            self.write(f"{window}.yaml", DEFINITIONS % (window, window))
        for _ in range(20):
            process = self.start("apply", rng.choice(("7d.yaml", "14d.yaml")), "--yes")
            time.sleep(rng.random() * 0.2)
            process.kill()
            process.communicate()
            killed += process.returncode < 0
            answer = self.look_up()
            self.assertEqual(answer.status, 0, str(answer))
            versions.add(answer.json()["fingerprint"])
        self.assertLessEqual(len(versions), 2)
        self.run_ok("apply", "14d.yaml", "--yes")
        self.assert_parity("all", ["clicks"])
        print(f"{killed} killed", end=" ")

    def test_a_rebuild_gives_the_same_digest(self):
        self.fill()
        before = self.digest("clicks")
        self.run_ok("rebuild", "clicks")
        self.assertEqual(self.digest("clicks"), before)
        self.run_ok("rebuild", "--all")
        self.assertEqual(self.digest("clicks"), before)
        self.assert_parity("all", ["clicks"])

    def test_a_dropped_view_is_gone_and_comes_back_from_history(self):
        self.fill()
        before = self.look_up().json()
        text = DEFINITIONS % ("7d", "7d")
        self.write("other.yaml", text.replace("views:\n  clicks:", "views:\n  taps:").replace("[clicks.*]", "[taps.*]"))
        self.run_ok("apply", "other.yaml", "--yes")
        self.run_fails(2, "digest", "clicks")
        self.assertEqual(self.look_up().json()["rows"], before["rows"])
        self.run_ok("apply", "features.yaml", "--yes")
        self.assertEqual(self.look_up().json(), before)

    def test_a_source_whose_identity_changes_is_refused_and_the_old_definitions_stay(self):
        self.fill()
        before = self.look_up().json()
        self.write("other.yaml", (DEFINITIONS % ("7d", "7d")).replace("weight: float64", "weight: string").replace("sum(weight)", "max(weight)"))
        self.assertIn("weight", self.run_any("apply", "other.yaml", "--yes").err)
        self.assertEqual(self.look_up().json(), before)


if __name__ == "__main__":
    harness.main()
