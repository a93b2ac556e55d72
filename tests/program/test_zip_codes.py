"""Facts of zip codes joined to loan applications: what another feature store made of the same data."""
import csv

import harness

DEFINITIONS = """
entities:
  zip: {zipcode: int64}
sources:
  zipcodes:
    columns: {zipcode: int64, city: string, state: string, location_type: string, tax_returns_filed: int64, population: int64,
              total_wages: int64, event_timestamp: timestamp}
    event_time: event_timestamp
views:
  facts:
    entity: zip
    source: zipcodes
    features:
      city: last(city) within 3650d
      state: last(state) within 3650d
      location_type: last(location_type) within 3650d
      tax_returns_filed: last(tax_returns_filed) within 3650d
      population: last(population) within 3650d
      total_wages: last(total_wages) within 3650d
services:
  loans:
    features: [facts.*]
"""
FEATURES = ["city", "state", "location_type", "tax_returns_filed", "population", "total_wages"]


class ZipCodes(harness.StoreTest):
    def test_every_loan_gets_the_six_facts_that_were_expected(self):
        expected_path, loans = harness.shared("data/loans_expected.csv"), harness.shared("data/loans.csv")
        self.make_store(DEFINITIONS)
        self.run_ok("ingest", "zipcodes", harness.shared("data/zipcodes.csv"))
        self.run_ok("train", "loans", "--spine", loans, "--time", "event_timestamp", "-o", "out.csv")
        made = self.read_csv("out.csv")
        with open(expected_path, newline="", encoding="utf-8") as file:
            expected = list(csv.DictReader(file))
        self.assertEqual(len(expected), 28638)
        self.assertEqual([row["loan_id"] for row in made], [row["loan_id"] for row in expected])
        equal = sum(all(a[name] == b[name] for name in FEATURES) for a, b in zip(made, expected))
        self.assertEqual(equal, 28638)
        with open(loans, newline="", encoding="utf-8") as file:
            spine = list(csv.DictReader(file))
        self.assertEqual([{name: row[name] for name in spine[0]} for row in made], spine, "the spine comes out as it was")
        self.assert_parity("loans", ["facts"])


if __name__ == "__main__":
    harness.main()
