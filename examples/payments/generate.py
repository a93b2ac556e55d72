#!/usr/bin/env python3
"""Makes the example's data: 30 days of card payments of 3,000 users at 400 merchants, and a spine of labels.

  generate.py FOLDER        writes FOLDER/payments.csv and FOLDER/labels.csv; the same bytes every time

As in life: payments reach the store 0 to 2 s after they were made and 1 % of them hours or a day later, some are sent twice,
some have no user (guests), and some rows are broken.
"""
import csv
import datetime
import math
import os
import random
import sys

USERS = 3_000
MERCHANTS = 400
PAYMENTS = 60_000
LABELS = 2_000
START = datetime.datetime(2026, 1, 1)
DAYS = 30
COUNTRIES = ["DE"] * 14 + ["FR", "NL", "PL", "US", "GB", "CN"]

# Only random() is used: it is the one method whose sequence Python promises to keep.
draw = random.Random(20260101).random


def pick(items):
    return items[int(draw() * len(items))]


def skewed(count):
    """1 to count; small numbers come up far more often."""
    return 1 + int(count * draw() ** 3)


def normal():
    return math.sqrt(-2 * math.log(1 - draw())) * math.cos(2 * math.pi * draw())


def stamp(micros):
    return (START + datetime.timedelta(microseconds=micros)).isoformat(sep="T") + "Z"


def payment(number):
    user = skewed(USERS)
    paid = int(draw() * DAYS * 86_400_000_000)
    late = int(draw() * 2_000_000) if draw() < 0.99 else int(draw() * 86_400_000_000)
    return {
        "payment_id": f"p{number:06d}",
        "user_id": "" if draw() < 0.01 else f"u{user}",
        "merchant_id": str(skewed(MERCHANTS)),
        "amount": f"{round(math.exp(3 + 0.3 * math.sin(user) + normal()), 2):.2f}",
        "country": pick(COUNTRIES),
        "refused": "true" if draw() < 0.02 else "false",
        "paid_at": stamp(paid),
        "received_at": stamp(paid + late),
    }


def spoil(row):
    """One of the ways in which rows are broken."""
    column, value = pick([("amount", "12,50"), ("amount", ""), ("amount", "-3.00"), ("amount", "9.999"),
                          ("merchant_id", "7.0"), ("paid_at", "yesterday"), ("payment_id", "")])
    return {**row, "payment_id": row["payment_id"] + "x", column: value}


def write(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        out.writeheader()
        out.writerows(rows)


def main(folder):
    good = [payment(number) for number in range(1, PAYMENTS + 1)]
    sent = list(good)
    for row in good:
        chance = draw()
        if chance < 0.005:
            sent.append(row)  # sent twice
        elif chance < 0.0055:
            sent.append(spoil(row))
    sent.sort(key=lambda row: row["received_at"])
    labels = []
    for _ in range(LABELS):
        row = pick(good)
        fraud = draw() < (0.3 if row["refused"] == "true" else 0.01)
        labels.append({"user_id": row["user_id"], "merchant_id": row["merchant_id"], "amount": row["amount"],
                       "at": row["paid_at"], "is_fraud": str(fraud).lower()})
    os.makedirs(folder, exist_ok=True)
    write(os.path.join(folder, "payments.csv"), sent)
    write(os.path.join(folder, "labels.csv"), labels)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
