"""`bench` measures in a store of its own, tells figures, and leaves nothing behind."""
import harness


class Bench(harness.StoreTest):
    def bench(self, *arguments):
        figures = self.run_ok("--json", "bench", *arguments).json()
        self.assertEqual(list(self.folder.iterdir()), [])
        return figures

    def test_ingest_counts_events_and_says_how_fast_they_went_in(self):
        figures = self.bench("ingest", "--events", "2500", "--entities", "40", "--batch", "1000")
        self.assertEqual((figures["bench"], figures["events"], figures["entities"], figures["batch"]), ("bench ingest", 2500, 40, 1000))
        self.assertAlmostEqual(figures["events_per_second"], 2500 / figures["seconds"], delta=1)
        self.assertLessEqual(figures["batch_p50_ms"], figures["batch_p99_ms"])

    def test_train_makes_as_many_rows_as_asked(self):
        figures = self.bench("train", "--events", "3000", "--entities", "30", "--rows", "500", "--runs", "3", "--threads", "2")
        self.assertEqual((figures["rows"], figures["features"], figures["runs"]), (500, 24, 3))
        self.assertGreater(figures["table_bytes"], 500 * 24)
        self.assertLessEqual(figures["seconds_least"], figures["seconds"])

    def test_push_has_every_event_accepted(self):
        figures = self.bench("push", "--events", "2000", "--entities", "50", "--batch", "100", "--connections", "2")
        self.assertEqual((figures["events"], figures["refused"], figures["errors"]), (2000, 0, 0))

    def test_an_open_loop_asks_a_server_of_its_own(self):
        for options in (["--health"], ["--stream"], []):
            figures = self.bench("serve", "--entities", "50", "--rate", "300", "--seconds", "0.5", "--warm-up", "0.1", *options)
            self.assertGreater(figures["calls"], 0)
            self.assertEqual(figures["errors"], 0)
            self.assertEqual(figures.get("absent", 0), 0)

    def test_what_is_no_option_is_named(self):
        for kind in ("ingest", "train", "serve", "push"):
            self.assertIn("unexpected 'user_id=3'", self.run_fails(2, "bench", kind, "user_id=3"))


if __name__ == "__main__":
    harness.main()
