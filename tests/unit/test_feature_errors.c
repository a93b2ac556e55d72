// Compile errors of views, features and services.
#include "definition_errors.h"

static const struct row view_rows[] = {
    {VIEW("views:\n"
          "  v: {}\n"),
     "8:3: view 'v': 'entity' is missing\n"
     "8:3: view 'v': 'features' is missing\n"
     "8:3: view 'v': 'source' is missing\n"},
    {VIEW("views:\n"
          "  v: {entity: usr, source: pai, features: {a: count() over 7d}}\n"),
     "8:15: view 'v': unknown entity 'usr'; did you mean 'user'?\n"
     "8:28: view 'v': unknown source 'pai'; did you mean 'pay'?\n"},
    {VIEW("views:\n"
          "  v: {entity: user, source: pay, features: {}}\n"),
     "8:34: view 'v': expected 1 to 4096 features, got 0\n"},
    {VIEW("views:\n"
          "  v: {entity: user, source: pay, features: [a]}\n"),
     "8:44: view 'v': expected features as a mapping of names to expressions, got a list\n"},
    {VIEW("views:\n"
          "  v: {entity: user, source: pay, feature: {a: count() over 7d}}\n"),
     "8:3: view 'v': 'features' is missing\n"
     "8:34: view 'v': unknown key 'feature'; did you mean 'features'?\n"},
    {"entities:\n"
     "  user: {user: string}\n"
     "sources:\n"
     "  pay:\n"
     "    columns: {id: string, user_id: string, amount: decimal(2), country: string, n: int64, f: float64, "
     "ok: bool, at: timestamp, op: string}\n"
     "    event_time: at\n"
     "views:\n"
     "  v: {entity: user, source: pay, features: {a: count() over 7d}}\n",
     "8:15: view 'v': key 'user' of entity 'user' is no column of source 'pay'\n"},
    {"entities:\n"
     "  user: {user_id: int64}\n"
     "sources:\n"
     "  pay:\n"
     "    columns: {id: string, user_id: string, amount: decimal(2), country: string, n: int64, f: float64, "
     "ok: bool, at: timestamp, op: string}\n"
     "    event_time: at\n"
     "views:\n"
     "  v: {entity: user, source: pay, features: {a: count() over 7d}}\n",
     "8:15: view 'v': key 'user_id' of entity 'user' is int64, but the column of source 'pay' is string\n"},
    {VIEW("views:\n"
          "  v: {entity: user, source: pay, where: amount, features: {a: count() over 7d}}\n"),
     "8:41: where: expected bool, got decimal(2)\n"},
    {VIEW("views:\n"
          "  v: {entity: user, source: pay, where: amunt > 0, features: {a: count() over 7d}}\n"),
     "8:41: unknown column 'amunt' of source 'pay'; did you mean 'amount'?\n"},
    {VIEW("views:\n"
          "  v: {entity: user, source: pay, where: t > event_time, features: {a: count() over 7d}}\n"),
     "8:41: 't' cannot stand in a view's where, which names columns of the event only; use it in the "
     "expression around an aggregate\n"},
    {VIEW("views:\n"
          "  v: {entity: user, source: pay, where: a > 0, features: {a: count() over 7d}}\n"),
     "8:41: feature 'a' cannot stand in a view's where, which names columns of the event only\n"},
    {VIEW("views:\n"
          "  v: {entity: user, source: pay, where: count() over all > 0, features: {a: count() over 7d}}\n"),
     "8:41: an aggregate (count) cannot stand in a view's where\n"},
    {VIEW("views:\n"
          "  v: {entity: user, source: pay, where: [a], features: {a: count() over 7d}}\n"),
     "8:41: view 'v': expected an expression as where, got a list\n"},
};

static const struct row feature_rows[] = {
    {FEATURES("      a: sum(amunt) over 7d\n"),
     "12:14: unknown column 'amunt' of source 'pay'; did you mean 'amount'?\n"},
    {FEATURES("      a: sum(t - at) over 7d\n"),
     "12:14: 't' cannot stand in an aggregate, which names columns of the event only; use it in the "
     "expression around an aggregate\n"},
    {FEATURES("      a: count(where request.x > 1) over 7d\n"),
     "12:22: 'request.x' cannot stand in an aggregate, which names columns of the event only; use it in the "
     "expression around an aggregate\n"},
    {FEATURES("      a: count(where w.x > 1) over 7d\n"),
     "12:22: 'w.x' cannot stand in an aggregate, which names columns of the event only\n"},
    {FEATURES("      a: amount\n"),
     "12:10: column 'amount' cannot stand alone: put it inside an aggregate, e.g. last(amount)\n"},
    {FEATURES("      a: event_time\n"),
     "12:10: column 'event_time' cannot stand alone: put it inside an aggregate, e.g. last(event_time)\n"},
    {FEATURES("      a: request.x\n"),
     "12:10: 'request.x' cannot stand in a view; a derived feature of a service may use it\n"},
    {FEATURES("      a: w.x\n"),
     "12:10: 'w.x' cannot stand in a view: it names its own features bare; a derived feature of a service "
     "may use those of several views\n"},
    {FEATURES("      a: totl\n"), "12:10: unknown name 'totl'\n"},
    {FEATURES("      user_id: count() over 7d\n"),
     "12:7: feature 'v.user_id' has the name of a key of entity 'user'; give it another\n"},
    {FEATURES("      t: count() over 7d\n"),
     "12:7: 't' cannot be the name of a feature: a name is not 't', 'request' or 'event_time': these mean "
     "something in expressions\n"},
    {FEATURES("      a: sum(country) over 7d\n"), "12:14: sum: expected a number, got string\n"},
    {FEATURES("      a: mean(ok) over 7d\n"), "12:15: mean: expected a number, got bool\n"},
    {FEATURES("      a: var(at) over 7d\n"), "12:14: var: expected a number, got timestamp\n"},
    {FEATURES("      a: stddev(country) over 7d\n"), "12:17: stddev: expected a number, got string\n"},
    {FEATURES("      a: min(ok) over 7d\n"), "12:14: min: expected a type with an order, got bool\n"},
    {FEATURES("      a: count(where amount) over 7d\n"), "12:22: where: expected bool, got decimal(2)\n"},
    {FEATURES("      a: sum(amount)\n"),
     "12:10: sum needs a window: write 'over 30d' or 'over all' after it\n"},
    {FEATURES("      a: count()\n"),
     "12:10: count needs a window: write 'over 30d' or 'over all' after it\n"},
    {FEATURES("      a: mean(amount)\n"),
     "12:10: mean needs a window: write 'over 30d' or 'over all' after it\n"},
    {FEATURES("      a: count_distinct(country)\n"),
     "12:10: count_distinct needs a window: write 'over 30d' or 'over all' after it\n"},
    {FEATURES("      a: sum(amount) over 12d12h\n"),
     "12:22: over 12d12h is no multiple of its hop of 1d (the default); the nearest that are: over 12d, over "
     "13d\n"},
    {FEATURES("      a: sum(amount) over 10d hop 3d\n"),
     "12:22: over 10d is no multiple of its hop of 3d; the nearest that are: over 9d, over 12d\n"},
    {FEATURES("      a: sum(amount) over 1d hop 2d\n"),
     "12:30: hop 2d is longer than the window of 1d; a window is one hop or more\n"},
    {FEATURES("      a: sum(amount) over all hop 1d\n"),
     "12:31: 'hop' goes with a window such as over 30d\n"},
    {FEATURES("      a: last(amount) hop 1d\n"), "12:23: 'hop' goes with a window such as over 30d\n"},
    {FEATURES("      a: last(amount) within 7d hop 1d\n"),
     "12:33: 'hop' goes with a window such as over 30d\n"},
    {FEATURES("      a: last(amount) over 7d within 1d\n"),
     "12:31: last takes either 'over' or 'within', not both\n"},
    {FEATURES("      a: sum(amount) within 7d\n"), "12:22: 'within' goes with last only; sum takes 'over'\n"},
    {FEATURES("      a: sum(amount) over 4000000d\n"),
     "12:22: over 4000000d is longer than all time from year 1 to 9999; write over all\n"},
    {FEATURES("      a: last(amount) within 4000000d\n"),
     "12:23: within 4000000d is longer than all time from year 1 to 9999\n"},
    {FEATURES("      a: nulif(n, 1)\n"),
     "12:10: unknown function 'nulif'; did you mean 'nullif'?\n"
     "12:16: column 'n' cannot stand alone: put it inside an aggregate, e.g. last(n)\n"},
    {FEATURES("      a: sun(amount) over 7d\n"),
     "12:10: 'sun' is no aggregate, so it takes no 'over'; did you mean 'sum'?\n"},
    {FEATURES("      a: percentile(amount, 0.5) over 7d\n"),
     "12:10: 'percentile' is no aggregate, so it takes no 'over'; did you mean 'quantile'?\n"},
    {FEATURES("      a: sum(amount) last 5\n"), "12:22: 'last' goes with 'over': write over last 5\n"},
    {FEATURES("      a: sum(amount) over last 5 last 6\n"), "12:34: 'last' stands twice on one aggregate\n"},
    {FEATURES("      a: sum(amount) over last 0\n"),
     "12:32: expected 1 to 10000 events after 'last', got 0\n"},
    {FEATURES("      a: sum(amount) over 1d last\n"),
     "12:34: expected a number of events after 'last', got the end\n"},
    {FEATURES("      a: avg(amount) over 7d\n"),
     "12:10: 'avg' is no aggregate, so it takes no 'over'; did you mean 'mean'?\n"},
    {FEATURES("      a: sum(amount) over 7 d\n"),
     "12:27: expected a duration such as 7d, 'all' or 'last 100' after 'over', got '7'\n"},
    {FEATURES("      a: (sum(amount) over 7d\n"), "12:30: expected ')', got the end\n"},
    {FEATURES("      a: \n"), "12:9: expected an expression, got nothing\n"},
    {FEATURES("      a: [x]\n"), "12:10: feature 'v.a': expected an expression, got a list\n"},
    {FEATURES("      a: {expr: count() over 7d}\n"),
     "12:7: feature 'v.a': 'expression' is missing\n"
     "12:11: feature 'v.a': unknown key 'expr'; expected expression, description, owner or tags\n"},
    {FEATURES("      a: {expression: count() over 7d, owner: [x]}\n"),
     "12:47: feature 'v.a': expected text as owner, got a list\n"},
    {FEATURES("      a: a + 1\n"),
     "12:7: feature 'a' uses itself; a column stands inside an aggregate: last(a)\n"},
    {FEATURES("      a: last(country) + 1\n"),
     "12:10: '+': expected int64, float64, decimal or timestamp, got string\n"},
    {FEATURES("      a: null\n"),
     "12:10: the type of this null is not known; write int64(null) or the like\n"},
    {FEATURES("      a: 'US' = last(country)\n"),
     "12:10: YAML ends this at its closing quote, but the line goes on; put it on its own line or in quotes: "
     "\"'US' = country\"\n"},
    {FEATURES("      a: last(null)\n"),
     "12:15: the type of this null is not known; write int64(null) or the like\n"},
    {FEATURES("      a: sum(amount, n) over 7d\n"), "12:10: sum takes one argument, got 2\n"},
    {FEATURES("      a: sum(sum(n) over 1d) over 1d\n"),
     "12:14: sum stands inside an aggregate; an aggregate reads events only\n"},
    {FEATURES("      a: sum(amount) over 7d over 8d\n"), "12:30: 'over' stands twice on one aggregate\n"},
    {FEATURES("      a: 'quoted'\n"),
     "12:11: unknown name 'quoted'; YAML takes the quotes away, so write text as \"'quoted'\"\n"},
    {FEATURES("      a: count(where country = 'US) over 7d\n"),
     "12:32: ''US) over 7d': text that starts here is not closed: expected '\n"},
    {FEATURES("      a: n: 5\n"),
     "12:11: not valid YAML: mapping values are not allowed in this context; put a value that holds ': ' in "
     "quotes\n"},
    {FEATURES("      {a: nullif(sum(n) over 1d, 0), b: count() over 1d}\n"),
     "12:11: YAML ends this at the ',' because it stands inside {} or []; put it on its own line or in "
     "quotes\n"},
    {FEATURES("      {a: count(where country in ('US', 'DE')) over 1d}\n"),
     "12:11: YAML ends this at the ',' because it stands inside {} or []; put it on its own line or in "
     "quotes\n"},
    {FEATURES("      a: b + 1\n"
              "      b: c + 1\n"
              "      c: a + 1\n"),
     "12:7: features use each other in a circle: a -> b -> c -> a\n"},
    {FEATURES("      b: sum(n) over 7d\n"
              "      a: count(where b > 1) over 7d\n"),
     "13:22: feature 'b' cannot stand in an aggregate, which names columns of the event only\n"},
    {FEATURES("      a: \"count(where country = 'x') +\n"
              "        amout\"\n"),
     "12:11: count needs a window: write 'over 30d' or 'over all' after it\n"
     "13:9: unknown name 'amout'; did you mean 'amount'?\n"},
    {FEATURES("      a: >-\n"
              "        count() over 7d\n"
              "        + totl\n"),
     "14:11: unknown name 'totl'\n"},
    {FEATURES("      a: b + sum(country) over 1d\n"
              "      b: sum(amunt) over 1d\n"
              "      c: a + b\n"),
     "12:18: sum: expected a number, got string\n"
     "13:14: unknown column 'amunt' of source 'pay'; did you mean 'amount'?\n"},
    {FEATURES("      a: b + 1\n"
              "      b: count() over 1d\n"
              "      c: d\n"
              "      d: e\n"
              "      e: d + a\n"),
     "15:7: features use each other in a circle: d -> e -> d\n"},
    {FEATURES("      null: count() over 1d\n"),
     "12:7: 'null' cannot be the name of a feature: a name is not a word of the expression language\n"},
    {FEATURES("      b__STATUS: count() over 1d\n"),
     "12:7: 'b__STATUS' cannot be the name of a feature: a name does not end in '__status': such columns are "
     "the engine's own\n"},
};

static const struct row service_rows[] = {
    {SERVICE("    request: {amount: decimal(2)}\n"), "15:3: service 's': 'features' is missing\n"},
    {SERVICE("    features: {}\n"),
     "16:15: service 's': expected features as a list of 'view.feature', 'view.*', 'view.feature as name' or "
     "'name: expression', got a mapping\n"},
    {SERVICE("    features: []\n"), "16:5: service 's': features is empty\n"},
    {SERVICE("    featurs: []\n"),
     "15:3: service 's': 'features' is missing\n"
     "16:5: service 's': unknown key 'featurs'; did you mean 'features'?\n"},
    {SERVICE("    request: [a]\n"
             "    features: [v.total]\n"),
     "16:14: service 's': expected request as a mapping of names to types, such as {amount: decimal(2)}, got "
     "a list\n"},
    {SERVICE("    request: {x: in64}\n"
             "    features: [v.total]\n"),
     "16:18: service 's': request input 'x': unknown type 'in64'; did you mean 'int64'?\n"},
    {SERVICE("    request: {t: int64}\n"
             "    features: [v.total]\n"),
     "16:15: 't' cannot be the name of a request input: a name is not 't', 'request' or 'event_time': these "
     "mean something in expressions\n"},
    {SERVICE("    features:\n"
             "      - w.total\n"),
     "17:9: service 's': unknown view 'w'\n"},
    {SERVICE("    features:\n"
             "      - v.totl\n"),
     "17:9: service 's': view 'v' has no feature 'totl'; did you mean 'total'?\n"},
    {SERVICE("    features:\n"
             "      - w.*\n"),
     "17:9: service 's': unknown view 'w'\n"},
    {SERVICE("    features:\n"
             "      - total\n"),
     "17:9: service 's': expected 'view.feature', 'view.*', 'view.feature as name' or 'name: expression', "
     "got 'total'; a derived feature needs a name\n"},
    {SERVICE("    features:\n"
             "      - v.total * 2\n"),
     "17:9: service 's': expected 'view.feature', 'view.*', 'view.feature as name' or 'name: expression', "
     "got 'v.total * 2'; a derived feature needs a name\n"},
    {SERVICE("    features:\n"
             "      - v.* as x\n"),
     "17:9: service 's': expected 'view.feature', 'view.*', 'view.feature as name' or 'name: expression', "
     "got 'v.* as x'; a derived feature needs a name\n"},
    {SERVICE("    features:\n"
             "      - v.total as t\n"),
     "17:20: 't' cannot be the name of a feature: a name is not 't', 'request' or 'event_time': these mean "
     "something in expressions\n"},
    {SERVICE("    features:\n"
             "      - v.total\n"
             "      - v.total\n"),
     "18:9: service 's': feature 'total' has the name of the feature on line 17; give one another name, with "
     "'as' for a view's feature: 'view.feature as name'\n"},
    {SERVICE("    features:\n"
             "      - v.*\n"
             "      - v.total\n"),
     "18:9: service 's': feature 'total' has the name of the feature on line 17; give one another name, with "
     "'as' for a view's feature: 'view.feature as name'\n"},
    {SERVICE("    features:\n"
             "      - v.total\n"
             "      - v.Total2 as TOTAL\n"),
     "18:21: service 's': feature 'TOTAL' differs only in case from the feature 'total' on line 17; give one "
     "another name, with 'as' for a view's feature: 'view.feature as name'\n"},
    {SERVICE("    features:\n"
             "      - v.total as user_id\n"),
     "17:20: service 's': feature 'user_id' has the name of the key; give one another name, with 'as' for a "
     "view's feature: 'view.feature as name'\n"},
    {SERVICE("    features:\n"
             "      - user_id: v.total\n"),
     "17:9: service 's': feature 'user_id' has the name of the key; give one another name, with 'as' for a "
     "view's feature: 'view.feature as name'\n"},
    {SERVICE("    features:\n"
             "      - a: v.total\n"
             "      - a: v.total\n"),
     "18:9: service 's': feature 'a' has the name of the feature on line 17; give one another name, with "
     "'as' for a view's feature: 'view.feature as name'\n"},
    {SERVICE("    features:\n"
             "      - x: totl\n"),
     "17:12: unknown name 'totl'\n"},
    {SERVICE("    features:\n"
             "      - x: total\n"),
     "17:12: unknown name 'total'; did you mean 'v.total'?\n"},
    {SERVICE("    features:\n"
             "      - x: v.totl\n"),
     "17:12: service 's': view 'v' has no feature 'totl'; did you mean 'total'?\n"},
    {SERVICE("    features:\n"
             "      - x: w.total\n"),
     "17:12: service 's': unknown view 'w'\n"},
    {SERVICE("    features:\n"
             "      - x: request.a\n"),
     "17:12: service 's' has no request input 'a'\n"},
    {SERVICE("    features:\n"
             "      - x: y\n"
             "      - y: v.total\n"),
     "17:12: 'y' does not stand above this: a derived feature uses those above it\n"},
    {SERVICE("    features:\n"
             "      - x: sum(amount) over 7d\n"
             "      - v.total\n"),
     "17:12: an aggregate (sum) cannot stand in a service; make it a feature of a view and use that\n"},
    {SERVICE("    features:\n"
             "      - {a: v.total, b: v.total}\n"),
     "17:9: service 's': expected one 'name: expression' in each item, got 2 of them\n"},
    {SERVICE("    features:\n"
             "      - {description: x}\n"),
     "17:9: service 's': expected one 'name: expression' in each item, got 0 of them\n"},
    {SERVICE("    features:\n"
             "      - [a]\n"),
     "17:9: service 's': expected 'view.feature', 'view.*', 'view.feature as name' or 'name: expression', "
     "got a list\n"},
    {SERVICE("    features:\n"
             "      - x: {expression: }\n"
             "      - v.total\n"),
     "17:25: expected an expression, got nothing\n"},
    {SERVICE("    features:\n"
             "      - x: {}\n"),
     "17:9: service 's': feature 'x': 'expression' is missing\n"},
    {SERVICE("    features:\n"
             "      - x: v.total +\n"),
     "17:21: expected an expression, got the end\n"},
    {SERVICE("    features:\n"
             "      - x: amount + v.total\n"),
     "17:12: unknown name 'amount'\n"},
    {SERVICE("    request: {amount: int64}\n"
             "    features: [v.total, x: amount]\n"),
     "17:28: unknown name 'amount'; did you mean 'request.amount'?\n"},
    {SERVICE("    request: {amont: int64}\n"
             "    features: [v.total, x: request.amount]\n"),
     "17:28: service 's' has no request input 'amount'; did you mean 'amont'?\n"},
    {SERVICE("    request: {Total: int64}\n"
             "    features: [v.total]\n"),
     "17:16: service 's': feature 'total' differs only in case from the request input 'Total'; give one "
     "another name, with 'as' for a view's feature: 'view.feature as name'\n"},
    {SERVICE("    request: {user_id: int64}\n"
             "    features: [v.total]\n"),
     "16:15: service 's': request input 'user_id' has the name of the key; give one another name, with 'as' "
     "for a view's feature: 'view.feature as name'\n"},
    {SERVICE("    features: [v.total, r: nullif(v.total, 0), x: v.total + 1]\n"),
     "16:28: YAML ends this at the ',' because it stands inside {} or []; put it on its own line or in "
     "quotes\n"},
    {SERVICE("    features: {x: v.total}\n"),
     "16:15: service 's': expected features as a list of 'view.feature', 'view.*', 'view.feature as name' or "
     "'name: expression', got a mapping\n"},
    {SERVICE("    features:\n"
             "      - x: {expression: v.total, owner: [a]}\n"),
     "17:41: service 's': feature 'x': expected text as owner, got a list\n"},
    {SERVICE("    features:\n"
             "      - x: 'v1'\n"
             "      - v.total\n"),
     "17:13: unknown name 'v1'; YAML takes the quotes away, so write text as \"'v1'\"\n"},
    {SERVICE("    features:\n"
             "      - x: v.totall + 1\n"
             "      - x2: x + totl\n"
             "      - y: v.total\n"),
     "17:12: service 's': view 'v' has no feature 'totall'; did you mean 'total'?\n"
     "18:17: unknown name 'totl'; did you mean 'v.total'?\n"},
    {"entities:\n"
     "  user: {user_id: string}\n"
     "  other: {n: int64}\n"
     "sources:\n"
     "  pay:\n"
     "    columns: {id: string, user_id: string, amount: decimal(2), country: string, n: int64, f: float64, "
     "ok: bool, at: timestamp, op: string}\n"
     "    event_time: at\n"
     "views:\n"
     "  v:\n"
     "    entity: user\n"
     "    source: pay\n"
     "    features:\n"
     "      a: count() over 7d\n"
     "  w:\n"
     "    entity: other\n"
     "    source: pay\n"
     "    features: {b: count() over 7d}\n"
     "services:\n"
     "  s: {features: [v.a, w.b, x: n + user_id]}\n",
     "19:35: '+': expected int64, float64, decimal or timestamp, got string\n"},
    {"entities:\n"
     "  a: {k: string}\n"
     "  b: {k: int64}\n"
     "sources:\n"
     "  s1: {columns: {k: string, at: timestamp}, event_time: at}\n"
     "  s2: {columns: {k: int64, at: timestamp}, event_time: at}\n"
     "views:\n"
     "  v1: {entity: a, source: s1, features: {x: count() over 7d}}\n"
     "  v2: {entity: b, source: s2, features: {y: count() over 7d}}\n"
     "services:\n"
     "  s: {features: [v1.x, v2.y]}\n",
     "11:3: service 's': key 'k' of entity 'b' is int64, but another of its entities has a key of that name "
     "that is string; keys of one name are one key\n"},
};

static void every_view_error_has_its_message(void **state)
{
    (void)state;
    CHECK_ROWS(view_rows);
}

static void every_feature_error_has_its_message(void **state)
{
    (void)state;
    CHECK_ROWS(feature_rows);
}

static void every_service_error_has_its_message(void **state)
{
    (void)state;
    CHECK_ROWS(service_rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_view_error_has_its_message),
        cmocka_unit_test(every_feature_error_has_its_message),
        cmocka_unit_test(every_service_error_has_its_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
