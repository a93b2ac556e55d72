// Every compile error of the language: {YAML, the exact lines "line:column: message"}.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "definitions_harness.h"

#define COLUMNS                                                                                           \
    "{id: string, user_id: string, amount: decimal(2), country: string, n: int64, f: float64, ok: bool, " \
    "at: timestamp, op: string}"
#define VIEW(text)                                                                  \
    "entities:\n  user: {user_id: string}\nsources:\n  pay:\n    columns: " COLUMNS \
    "\n    event_time: at\n" text
#define FEATURES(text) VIEW("views:\n  v:\n    entity: user\n    source: pay\n    features:\n" text)
#define SERVICE(text) \
    FEATURES("      total: sum(amount) over 7d\n      Total2: count() over 7d\nservices:\n  s:\n" text)
#define SOURCE(text)                                                                                    \
    "sources:\n  pay:\n    columns: {id: string, user_id: string, n: int64, f: float64, ok: bool, at: " \
    "timestamp, made: timestamp, s: string}\n"                                                          \
    "    event_time: at\n" text

struct row {
    const char *yaml, *want;
};

// Keeps "line:column: message" of each error of the report.
static void pick_messages(const struct ss_buffer *report, struct ss_buffer *picked)
{
    static const char file[] = "f.yaml:", word[] = "error: ";
    const char *at = (const char *)report->data, *end = at + report->size;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        assert_non_null(newline);
        if (strncmp(at, file, sizeof(file) - 1) == 0) {
            const char *message = strstr(at, word);
            assert_non_null(message);
            at += sizeof(file) - 1;
            ss_buffer_append(picked, at, (size_t)(message - at));
            message += sizeof(word) - 1;
            ss_buffer_append(picked, message, (size_t)(newline + 1 - message));
        }
        at = newline + 1;
    }
    ss_buffer_byte(picked, 0);
}

static void check_row(const struct row *row)
{
    struct ss_buffer picked = {0};
    struct harness_result result = harness_compile_text(ss_bytes_of(row->yaml));
    if (result.status != SS_FOUND) print_error("%s\n", row->yaml);
    assert_int_equal(result.status, SS_FOUND);
    assert_null(result.definitions);
    assert_true(result.error_count > 0);
    pick_messages(&result.report, &picked);
    if (strcmp((const char *)picked.data, row->want) != 0) print_error("%s\n", row->yaml);
    assert_string_equal((const char *)picked.data, row->want);
    ss_buffer_release(&picked);
    harness_release(&result);
}

static const struct row yaml_rows[] = {
    {"a: [1, 2\n"
     "b: 3\n",
     "2:2: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence that starts on "
     "line 1\n"},
    {"entities:\n"
     "\tuser: {}\n",
     "2:1: not valid YAML: found character that cannot start any token; indent with blanks, not tabs\n"},
    {"entities: {user: {user_id: string}\n",
     "2:1: not valid YAML: did not find expected ',' or '}' while parsing a flow mapping that starts on line "
     "1\n"},
    {"a: b: c\n",
     "1:5: not valid YAML: mapping values are not allowed in this context; put a value that holds ': ' in "
     "quotes\n"},
    {"x: @y\n",
     "1:4: not valid YAML: found character that cannot start any token; put a value that starts like this in "
     "quotes\n"},
    {"entities:\n"
     "  u: &a {}\n",
     "2:6: anchor '&a': anchors and aliases are not taken; write the value out\n"},
    {"entities:\n"
     "  u: {}\n"
     "  w: *u\n",
     "3:6: alias '*u': anchors and aliases are not taken; write the value out\n"},
    {"entities:\n"
     "  u: !x {}\n",
     "2:6: tag '!x': tags are not taken; all values are text, whose type the definitions say\n"},
    {"%TAG ! tag:x\n"
     "---\n"
     "entities: {}\n",
     "1:1: tags are not taken; remove this line\n"},
    {"entities: {}\n"
     "---\n"
     "sources: {}\n",
     "2:1: a second document starts here; write one document in each file\n"},
    {"entities:\n"
     "  u: {}\n"
     "  v: {}\n"
     "  u: {}\n",
     "4:3: duplicate key 'u'; it stands on line 2 already\n"},
    {"entities:\n"
     "  ? [a]\n"
     "  : {}\n",
     "2:5: a key must be text, got a list\n"},
    {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n",
     "1:33: values are nested deeper than 32 levels\n"},
    {"entities: {\"a\\0b\": {}}\n", "1:12: text may not hold the character U+0000\n"},
    {"entities: {u: {k: string}}\n"
     "\377",
     "2:1: not valid UTF-8 without U+0000; save the file as UTF-8\n"},
};

static const struct row name_rows[] = {
    {"- a\n", "1:1: definitions: expected a mapping with entities, sources, views or services, got a list\n"},
    {"text\n",
     "1:1: definitions: expected a mapping with entities, sources, views or services, got 'text'\n"},
    {"entitys: {}\n", "1:1: definitions: unknown key 'entitys'; did you mean 'entities'?\n"},
    {"foo: {}\n", "1:1: definitions: unknown key 'foo'; expected entities, sources, views or services\n"},
    {"entities: [a]\n", "1:11: entities: expected a mapping of names to definitions, got a list\n"},
    {"entities:\n"
     "  9x: {}\n",
     "2:3: '9x' cannot be the name of an entity: a name is made of letters, digits and _, and does not start "
     "with a digit\n"},
    {"entities:\n"
     "  t: {}\n",
     "2:3: 't' cannot be the name of an entity: a name is not 't', 'request' or 'event_time': these mean "
     "something in expressions\n"},
    {"entities:\n"
     "  _a: {}\n",
     "2:3: '_a' cannot be the name of an entity: a name does not start with '_': such names are the engine's "
     "own\n"},
    {"entities:\n"
     "  a__status: {}\n",
     "2:3: 'a__status' cannot be the name of an entity: a name does not end in '__status': such columns are "
     "the engine's own\n"},
    {"entities:\n"
     "  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: {}\n",
     "2:3: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' cannot be the name of an "
     "entity: a name has at most 64 bytes\n"},
    {"entities:\n"
     "  null: {}\n",
     "2:3: 'null' cannot be the name of an entity: a name is not a word of the expression language\n"},
    {"entities:\n"
     "  gr\303\266\303\237e: {}\n",
     "2:3: 'gr\303\266\303\237e' cannot be the name of an entity: a name is made of letters, digits and _, "
     "and does not start with a digit\n"},
};

static const struct row entity_rows[] = {
    {"entities:\n"
     "  u: text\n",
     "2:6: entity 'u': expected its keys, such as {user_id: string} ({} has no key: one row for all), got "
     "'text'\n"},
    {"entities:\n"
     "  u:\n",
     "2:3: entity 'u': expected its keys, such as {user_id: string} ({} has no key: one row for all), got "
     "nothing\n"},
    {"entities:\n"
     "  u: {k: float64}\n",
     "2:10: key 'k' of entity 'u': a key is bool, int64 or string, got float64\n"},
    {"entities:\n"
     "  u: {k: decimal(2)}\n",
     "2:10: key 'k' of entity 'u': a key is bool, int64 or string, got decimal(2)\n"},
    {"entities:\n"
     "  u: {k: strin}\n",
     "2:10: key 'k' of entity 'u': unknown type 'strin'; did you mean 'string'?\n"},
    {"entities:\n"
     "  u: {k: [a]}\n",
     "2:10: key 'k' of entity 'u': expected a type, got a list\n"},
    {"entities:\n"
     "  u: {a: bool, b: bool, c: bool, d: bool, e: bool, f: bool, g: bool, h: bool, i: bool}\n",
     "2:6: entity 'u': a key has at most 8 parts, got 9\n"},
    {"entities:\n"
     "  u: {keys: {k: string}, descripton: x}\n",
     "2:26: entity 'u': unknown key 'descripton'; did you mean 'description'?\n"},
    {"entities:\n"
     "  u: {keys: {k: string}, tags: a}\n",
     "2:32: entity 'u': expected a list of tags, such as [fraud, daily], got 'a'\n"},
    {"entities:\n"
     "  u: {keys: {k: string}, owner: [a]}\n",
     "2:33: entity 'u': expected text as owner, got a list\n"},
};

static const struct row source_rows[] = {
    {"sources:\n"
     "  s: {}\n",
     "2:3: source 's': 'columns' is missing\n"
     "2:3: source 's': 'event_time' is missing; name the column that says when an event happened\n"},
    {"sources:\n"
     "  s: {columns: {a: int64}}\n",
     "2:3: source 's': 'event_time' is missing; name the column that says when an event happened\n"},
    {"sources:\n"
     "  s: {columns: [a]}\n",
     "2:3: source 's': 'event_time' is missing; name the column that says when an event happened\n"
     "2:16: source 's': expected columns as a mapping of names to types, got a list\n"},
    {"sources:\n"
     "  pay:\n"
     "    columns: {id: string, user_id: string, n: int64, f: float64, ok: bool, at: timestamp, made: "
     "timestamp, s: string}\n"
     "    event_tme: at\n",
     "2:3: source 'pay': 'event_time' is missing; name the column that says when an event happened\n"
     "4:5: source 'pay': unknown key 'event_tme'; did you mean 'event_time'?\n"},
    {"sources:\n"
     "  pay:\n"
     "    columns: {id: string, user_id: string, n: int64, f: float64, ok: bool, at: timestamp, made: "
     "timestamp, s: string}\n"
     "    event_time: art\n",
     "4:17: source 'pay': event_time: unknown column 'art'; did you mean 'at'?\n"},
    {"sources:\n"
     "  pay:\n"
     "    columns: {id: string, user_id: string, n: int64, f: float64, ok: bool, at: timestamp, made: "
     "timestamp, s: string}\n"
     "    event_time: n\n",
     "4:17: source 'pay': event_time: expected a timestamp column, got 'n' of type int64\n"},
    {"sources:\n"
     "  pay:\n"
     "    columns: {id: string, user_id: string, n: int64, f: float64, ok: bool, at: timestamp, made: "
     "timestamp, s: string}\n"
     "    event_time: [at]\n",
     "4:17: source 'pay': expected the name of a column as event_time, got a list\n"},
    {SOURCE("    event_id: f\n"),
     "5:15: source 'pay': event_id: expected a string or int64 column, got 'f' of type float64\n"},
    {SOURCE("    event_id: idd\n"),
     "5:15: source 'pay': event_id: unknown column 'idd'; did you mean 'id'?\n"},
    {SOURCE("    op: s\n"),
     "5:5: source 'pay': op needs an event_id: a delete names the event it takes back\n"},
    {SOURCE("    event_id: id\n"
            "    op: n\n"),
     "6:9: source 'pay': op: expected a string column, got 'n' of type int64\n"},
    {SOURCE("    event_id: id\n"
            "    op: id\n"),
     "6:9: source 'pay': op and event_id must be two columns, got 'id' for both\n"},
    {SOURCE("    arrival: event_time - 5m\n"),
     "5:14: source 'pay': expected arrival as 'event_time', 'event_time + 15m' or the name of a column, got "
     "'event_time - 5m'\n"},
    {SOURCE("    arrival: made + 5m\n"),
     "5:14: source 'pay': expected arrival as 'event_time', 'event_time + 15m' or the name of a column, got "
     "'made + 5m'\n"},
    {SOURCE("    arrival: n\n"),
     "5:14: source 'pay': arrival: expected a timestamp column, got 'n' of type int64\n"},
    {SOURCE("    arrival: mad\n"),
     "5:14: source 'pay': arrival: unknown column 'mad'; did you mean 'made'?\n"},
    {SOURCE("    timezone: Europe/Berln\n"),
     "5:15: source 'pay': unknown time zone 'Europe/Berln'; expected a name such as Europe/Berlin or "
     "America/New_York, or UTC (names are those of the system's package tzdata)\n"},
    {"sources:\n"
     "  pay:\n"
     "    columns: {event_time: timestamp, at: timestamp}\n"
     "    event_time: at\n",
     "3:15: source 'pay': a column called event_time must be the event_time column, which is 'at'; give one "
     "of them another name\n"},
    {"sources:\n"
     "  pay:\n"
     "    columns: {at: timestamp, x: int}\n"
     "    event_time: at\n",
     "3:33: column 'x' of source 'pay': unknown type 'int'; did you mean 'int64'?\n"},
    {"sources:\n"
     "  pay:\n"
     "    columns: {at: timestamp, x: list<int64>}\n"
     "    event_time: at\n",
     "3:33: column 'x' of source 'pay': unknown type 'list<int64>'; it is not there yet\n"},
    {"sources:\n"
     "  pay:\n"
     "    columns: {at: timestamp, x: decimal(19)}\n"
     "    event_time: at\n",
     "3:33: column 'x' of source 'pay': unknown type 'decimal(19)'; write decimal(n), where n digits (0 to "
     "18) follow the point\n"},
    {"sources:\n"
     "  pay:\n"
     "    columns: {at: timestamp, x: timestamp(ns)}\n"
     "    event_time: at\n",
     "3:33: column 'x' of source 'pay': unknown type 'timestamp(ns)'; write timestamp, timestamp(s), "
     "timestamp(ms) or timestamp(us)\n"},
    {"sources:\n"
     "  pay:\n"
     "    columns: {at: timestamp, x: blob}\n"
     "    event_time: at\n",
     "3:33: column 'x' of source 'pay': unknown type 'blob'; expected bool, int64, float64, decimal(n), "
     "string or timestamp\n"},
    {"sources:\n"
     "  pay:\n"
     "    columns: {at: timestamp, x: {description: d}}\n"
     "    event_time: at\n",
     "3:30: column 'x' of source 'pay': 'type' is missing\n"},
    {"sources:\n"
     "  pay:\n"
     "    columns: {at: timestamp, t: int64}\n"
     "    event_time: at\n",
     "3:30: 't' cannot be the name of a column: a name is not 't', 'request' or 'event_time': these mean "
     "something in expressions\n"},
    {"sources:\n"
     "  pay:\n"
     "    columns: {at: timestamp, x: }\n"
     "    event_time: at\n",
     "3:30: column 'x' of source 'pay': expected a type, got nothing\n"},
    {SOURCE("    on_violation: rejct\n"),
     "5:19: source 'pay': on_violation: expected quarantine, reject or warn, got 'rejct'; did you mean "
     "'reject'?\n"},
    {SOURCE("    on_violation: delete\n"),
     "5:19: source 'pay': on_violation: expected quarantine, reject or warn, got 'delete'\n"},
    {SOURCE("    expect: {nn: {not_null: true}}\n"),
     "5:14: source 'pay': expect: unknown column 'nn'; did you mean 'n'?\n"},
    {SOURCE("    expect: {n: {notnull: true}}\n"),
     "5:18: source 'pay': column 'n': unknown key 'notnull'; did you mean 'not_null'?\n"},
    {SOURCE("    expect: {n: {not_null: yes}}\n"),
     "5:28: source 'pay': column 'n': not_null: expected true or false, got 'yes'\n"},
    {SOURCE("    expect: {n: {between: [1]}}\n"),
     "5:27: source 'pay': column 'n': expected between as [lowest, highest], got 1 value\n"},
    {SOURCE("    expect: {n: {between: [1, 2.5]}}\n"),
     "5:31: source 'pay': column 'n': expected a value of type int64, got '2.5': not an int64\n"},
    {SOURCE("    expect: {n: {between: [3, 1]}}\n"),
     "5:27: source 'pay': column 'n': between: the lowest value comes first, got [3, 1]\n"},
    {SOURCE("    expect: {ok: {between: [false, true]}}\n"),
     "5:28: source 'pay': column 'ok': between needs a type with an order, got bool\n"},
    {SOURCE("    expect: {n: {in: []}}\n"),
     "5:22: source 'pay': column 'n': in: the list is empty, so no row would pass\n"},
    {SOURCE("    expect: {n: {in: [1, x]}}\n"),
     "5:26: source 'pay': column 'n': expected a value of type int64, got 'x': not an int64\n"},
    {SOURCE("    expect: {n: {in: 1}}\n"),
     "5:22: source 'pay': column 'n': expected in as a list of values, such as [EUR, USD], got '1'\n"},
    {SOURCE("    expect: {at: {between: [2020-01-01, tomorrow]}}\n"),
     "5:41: source 'pay': column 'at': expected a value of type timestamp, got 'tomorrow': not a time\n"},
    {SOURCE("    expect: {n: {unique_ratio: {min: 0.5}}}\n"),
     "5:18: source 'pay': column 'n': unique_ratio looks at a whole batch, which cannot be quarantined row "
     "by row; write on_violation: reject or on_violation: warn\n"},
    {SOURCE("    on_violation: warn\n"
            "    expect: {n: {unique_ratio: {min: 1.5}}}\n"),
     "6:38: source 'pay': column 'n': unique_ratio: min: expected a number from 0 to 1, got '1.5'\n"},
    {SOURCE("    on_violation: warn\n"
            "    expect: {n: {unique_ratio: {}}}\n"),
     "6:18: source 'pay': column 'n': unique_ratio: 'min' is missing\n"},
    {SOURCE("    on_violation: warn\n"
            "    expect: {n: {unique_ratio: 0.5}}\n"),
     "6:32: source 'pay': column 'n': unique_ratio: expected a mapping with min, got '0.5'\n"},
    {SOURCE("    expect: {n: 5}\n"),
     "5:17: source 'pay': column 'n': expected a mapping with not_null, between, in or unique_ratio, got "
     "'5'\n"},
    {SOURCE("    expect: [n]\n"),
     "5:13: source 'pay': expected expect as a mapping of columns to checks, got a list\n"},
    {SOURCE("    expect: {f: {in: [nan]}}\n"),
     "5:23: source 'pay': column 'f': expected a value of type float64, got 'nan'\n"},
};

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
    {FEATURES("      a: quantile(amount, 0.5) over 7d\n"),
     "12:10: 'quantile' is no aggregate, so it takes no 'over'\n"},
    {FEATURES("      a: sum(amount) over 7 d\n"),
     "12:27: expected a duration such as 7d, or 'all', after 'over', got '7'\n"},
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

static void every_yaml_error_has_its_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(yaml_rows) / sizeof(yaml_rows[0]); i++) check_row(&yaml_rows[i]);
}

static void every_name_error_has_its_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(name_rows) / sizeof(name_rows[0]); i++) check_row(&name_rows[i]);
}

static void every_entity_error_has_its_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(entity_rows) / sizeof(entity_rows[0]); i++) check_row(&entity_rows[i]);
}

static void every_source_error_has_its_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(source_rows) / sizeof(source_rows[0]); i++) check_row(&source_rows[i]);
}

static void every_view_error_has_its_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(view_rows) / sizeof(view_rows[0]); i++) check_row(&view_rows[i]);
}

static void every_feature_error_has_its_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(feature_rows) / sizeof(feature_rows[0]); i++) check_row(&feature_rows[i]);
}

static void every_service_error_has_its_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(service_rows) / sizeof(service_rows[0]); i++) check_row(&service_rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_yaml_error_has_its_message),
        cmocka_unit_test(every_name_error_has_its_message),
        cmocka_unit_test(every_entity_error_has_its_message),
        cmocka_unit_test(every_source_error_has_its_message),
        cmocka_unit_test(every_view_error_has_its_message),
        cmocka_unit_test(every_feature_error_has_its_message),
        cmocka_unit_test(every_service_error_has_its_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
