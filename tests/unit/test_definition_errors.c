// Compile errors of YAML, names, entities and sources.
#include "definition_errors.h"

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
    {"\"a\\e[31m\": {}\n",
     "1:1: definitions: unknown key 'a?[31m'; expected entities, sources, views or services\n"},
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
     "2:10: key 'k' of entity 'u': a key is bool, int64, string or bytes, got float64\n"},
    {"entities:\n"
     "  u: {k: decimal(2)}\n",
     "2:10: key 'k' of entity 'u': a key is bool, int64, string or bytes, got decimal(2)\n"},
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
     "    columns: {at: timestamp, x: list<int>}\n"
     "    event_time: at\n",
     "3:33: column 'x' of source 'pay': unknown type 'list<int>'; write list<T>, where T is bool, int64, "
     "float64, decimal(n), string, bytes or timestamp\n"},
    {"sources:\n"
     "  pay:\n"
     "    columns: {at: timestamp, x: list<list<int64>>}\n"
     "    event_time: at\n",
     "3:33: column 'x' of source 'pay': unknown type 'list<list<int64>>'; a list holds single values, no "
     "lists or vectors\n"},
    {"sources:\n"
     "  pay:\n"
     "    columns: {at: timestamp, x: list<vector(3)>}\n"
     "    event_time: at\n",
     "3:33: column 'x' of source 'pay': unknown type 'list<vector(3)>'; a list holds single values, no lists "
     "or vectors\n"},
    {"sources:\n"
     "  pay:\n"
     "    columns: {at: timestamp, x: list<timestamp(ms)>}\n"
     "    event_time: at\n",
     "3:33: column 'x' of source 'pay': unknown type 'list<timestamp(ms)>'; write list<timestamp>: times in "
     "a "
     "list are text, without a unit\n"},
    {"sources:\n"
     "  pay:\n"
     "    columns: {at: timestamp, x: vector(0), y: vector(5000), z: vector}\n"
     "    event_time: at\n",
     "3:33: column 'x' of source 'pay': unknown type 'vector(0)'; write vector(n), with n numbers (1 to "
     "4096)\n"
     "3:47: column 'y' of source 'pay': unknown type 'vector(5000)'; write vector(n), with n numbers (1 to "
     "4096)\n"
     "3:64: column 'z' of source 'pay': unknown type 'vector'; write vector(n), with n numbers (1 to "
     "4096)\n"},
    {"sources:\n"
     "  pay:\n"
     "    columns: {at: list<timestamp>, id: bytes, op: list<string>}\n"
     "    event_time: at\n"
     "    event_id: id\n"
     "    op: op\n"
     "    arrival: op\n",
     "4:17: source 'pay': event_time: expected a timestamp column, got 'at' of type list<timestamp>\n"
     "5:15: source 'pay': event_id: expected a string or int64 column, got 'id' of type bytes\n"
     "6:9: source 'pay': op: expected a string column, got 'op' of type list<string>\n"
     "7:14: source 'pay': arrival: expected a timestamp column, got 'op' of type list<string>\n"},
    {"sources:\n"
     "  pay:\n"
     "    columns: {at: timestamp, l: list<int64>, v: vector(2), b: bytes}\n"
     "    event_time: at\n"
     "    expect:\n"
     "      l: {between: ['[1]', '[2]']}\n"
     "      v: {in: ['[1,2]']}\n"
     "      b: {in: [YQ==, YQ]}\n",
     "6:20: source 'pay': column 'l': between needs a type with an order, got list<int64>\n"
     "7:15: source 'pay': column 'v': in compares single values, got vector(2)\n"
     "8:22: source 'pay': column 'b': expected a value of type bytes, got 'YQ': not base64 (RFC 4648, with "
     "padding)\n"},
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
     "    columns: {at: timestamp, x: jsonb}\n"
     "    event_time: at\n",
     "3:33: column 'x' of source 'pay': unknown type 'jsonb'; expected bool, int64, float64, decimal(n), "
     "string, bytes, timestamp, list<T> or vector(n)\n"},
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
     "5:17: source 'pay': column 'n': expected a mapping with not_null, between, in, unique_ratio or "
     "parses_as, got "
     "'5'\n"},
    {SOURCE("    expect: {n: {parses_as: int64}}\n"),
     "5:18: source 'pay': column 'n': parses_as goes with a string column, got int64\n"},
    {SOURCE("    expect: {s: {parses_as: string}}\n"),
     "5:29: source 'pay': column 's': parses_as: expected int64, float64, decimal(n), timestamp or "
     "bool, got "
     "'string'\n"},
    {SOURCE("    expect: {s: {parses_as: timestamp(ms)}}\n"),
     "5:29: source 'pay': column 's': parses_as: expected int64, float64, decimal(n), timestamp or "
     "bool, got "
     "'timestamp(ms)'\n"},
    {SOURCE("    expect: {s: {parses_as: int}}\n"),
     "5:29: source 'pay': column 's': parses_as: unknown type 'int'; did you mean 'int64'?\n"},
    {SOURCE("    expect: [n]\n"),
     "5:13: source 'pay': expected expect as a mapping of columns to checks, got a list\n"},
    {SOURCE("    expect: {f: {in: [nan]}}\n"),
     "5:23: source 'pay': column 'f': expected a value of type float64, got 'nan'\n"},
};

static void every_yaml_error_has_its_message(void **state)
{
    (void)state;
    CHECK_ROWS(yaml_rows);
}

static void every_name_error_has_its_message(void **state)
{
    (void)state;
    CHECK_ROWS(name_rows);
}

static void every_entity_error_has_its_message(void **state)
{
    (void)state;
    CHECK_ROWS(entity_rows);
}

static void every_source_error_has_its_message(void **state)
{
    (void)state;
    CHECK_ROWS(source_rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_yaml_error_has_its_message),
        cmocka_unit_test(every_name_error_has_its_message),
        cmocka_unit_test(every_entity_error_has_its_message),
        cmocka_unit_test(every_source_error_has_its_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
