// Fingerprints: what leaves them alone and what changes them, edit by edit, on the example.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "definitions_harness.h"

#define EXAMPLE "tests/fixtures/definitions/fraud.yaml"

// What an edit changes.
enum { NOTHING = 0, VIEW = 1, OTHER_VIEW = 2, SERVICE = 4, ALL = 8 };

struct edit {
    const char *from, *to; // the first place where it stands; "": at the end
    unsigned changes;
};

static const struct edit edits[] = {
    // What people read is not what is computed.
    {"Card payments, one row each", "Something else", NOTHING},
    {"owner: risk-team", "owner: someone", NOTHING},
    {"# no key: one global row", "# other words", NOTHING},
    {"sources:\n", "sources:\n# a comment\n\n\n", NOTHING},
    {"      spend_30d:     sum(amount) over 30d\n",
     "      spend_30d: {expression: sum(amount) over 30d, tags: [a]}\n", NOTHING},
    // The same said otherwise.
    {"sum(amount) over 30d", "SUM( (amount) )   OVER 720h", NOTHING},
    {"sum(amount) over 30d", "sum(amount) over 30d hop 1d", NOTHING},
    {"count() over 7d", "count() over 7d hop 1h", NOTHING},
    {"last(event_time)", "last(paid_at) over all", NOTHING},
    {"country <> 'US'", "country != 'US'", NOTHING},
    {"where: amount > 0", "where: 'amount > 0'", NOTHING},
    {"user:     {user_id: string}", "user: {keys: {user_id: string}, description: people}", NOTHING},
    {"event_id: payment_id\n", "event_id: payment_id\n    arrival: event_time\n    timezone: UTC\n", NOTHING},
    {"{payment_id: string, user_id: string, merchant_id: int64,",
     "{user_id: string, merchant_id: int64, payment_id: string,", NOTHING},
    {"amount: decimal(2), country", "amount: {type: decimal(2)}, country", NOTHING},
    {"country: string, paid_at", "country: string, unused: string, paid_at", ALL},
    // The order of lines.
    {"      spend_30d:     sum(amount) over 30d\n      orders_7d:     count() over 7d\n",
     "      orders_7d:     count() over 7d\n      spend_30d:     sum(amount) over 30d\n", NOTHING},
    {"      - user_spend.*\n      - merchant_risk.foreign_rate_30d\n",
     "      - merchant_risk.foreign_rate_30d\n      - user_spend.*\n", NOTHING},
    {"  user:     {user_id: string}\n  merchant: {merchant_id: int64}\n",
     "  merchant: {merchant_id: int64}\n  user:     {user_id: string}\n", NOTHING},
    // Names of things that no value depends on.
    {"  world:    {}  ", "  cosmos:   {}  ", NOTHING},
    // What gets in is the source's matter, not that of values.
    {"on_violation: quarantine", "on_violation: warn", ALL},
    {"between: [0, 1000000]", "between: [0, 1000001]", ALL},
    {"amount:  {not_null: true, ", "amount:  {", ALL},
    {"min: 0.01", "min: 0.02", ALL},
    // What changes values.
    {"sum(amount) over 30d", "sum(amount) over 31d", VIEW | SERVICE | ALL},
    {"sum(amount) over 30d", "sum(amount) over 30d hop 2d", VIEW | SERVICE | ALL},
    {"sum(amount) over 30d", "sum(amount) over 30d hop exact", VIEW | SERVICE | ALL},
    {"sum(amount) over 30d", "sum(amount) over all", VIEW | SERVICE | ALL},
    {"sum(amount) over 30d", "max(amount) over 30d", VIEW | SERVICE | ALL},
    {"sum(amount) over 30d", "sum(amount where country = 'US') over 30d", VIEW | SERVICE | ALL},
    {"sum(amount) over 30d", "sum(amount + 1) over 30d", VIEW | SERVICE | ALL},
    {"country <> 'US'", "country <> 'us'", VIEW | SERVICE | ALL},
    {"within 90d", "within 91d", VIEW | SERVICE | ALL},
    {"where: amount > 0", "where: amount >= 0", VIEW | SERVICE | ALL},
    {"    where: amount > 0\n", "", VIEW | SERVICE | ALL},
    {"t - last(event_time)", "last(event_time) - t", VIEW | SERVICE | ALL},
    {", 0)    # agg", ", 1)    # agg", VIEW | SERVICE | ALL},
    {"      orders_7d:     count() over 7d\n", "", VIEW | SERVICE | ALL},
    {"      orders_7d:     count() over 7d\n", "      orders_week: count() over 7d\n", VIEW | SERVICE | ALL},
    {"count() over 30d", "count() over 60d", OTHER_VIEW | SERVICE | ALL},
    {"foreign_rate_30d: count(", "foreign_rate_30d: 1 + count(", OTHER_VIEW | SERVICE | ALL},
    {"    event_id: payment_id\n", "", VIEW | OTHER_VIEW | SERVICE | ALL},
    {"event_id: payment_id\n", "event_id: payment_id\n    arrival: event_time + 1s\n",
     VIEW | OTHER_VIEW | SERVICE | ALL},
    {"event_id: payment_id\n", "event_id: payment_id\n    timezone: Test/East\n",
     VIEW | OTHER_VIEW | SERVICE | ALL},
    {"paid_at: timestamp", "paid_at: timestamp(ms)", VIEW | OTHER_VIEW | SERVICE | ALL},
    {"amount: decimal(2), country", "amount: decimal(3), country", VIEW | SERVICE | ALL},
    {"request: {amount: decimal(2)}", "request: {amount: decimal(3)}", SERVICE | ALL},
    {"request.amount / user_spend.basket_avg_7d", "request.amount / user_spend.basket_std_7d", SERVICE | ALL},
    {"amount_vs_avg:", "amount_to_avg:", SERVICE | ALL},
    {"      - user_spend.*\n", "      - user_spend.spend_30d\n", SERVICE | ALL},
    {"      - user_spend.*\n", "      - user_spend.*\n      - user_spend.spend_30d as again\n",
     SERVICE | ALL},
    {"", "  other: {features: [user_spend.spend_30d]}\n", ALL},
};

static char *apply_edit(const char *text, const struct edit *edit)
{
    const char *at = edit->from[0] ? strstr(text, edit->from) : text + strlen(text);
    if (!at) fail_msg("the example does not have '%s'", edit->from);
    struct ss_buffer edited = {0};
    ss_buffer_append(&edited, text, (size_t)(at - text));
    ss_buffer_text(&edited, edit->to);
    ss_buffer_text(&edited, at + strlen(edit->from));
    ss_buffer_byte(&edited, 0);
    return (char *)edited.data;
}

static struct ss_definitions *compile(const char *text)
{
    struct harness_result result = harness_compile_text(ss_bytes_of(text));
    if (result.status != SS_OK) print_error("%.*s", (int)result.report.size, (char *)result.report.data);
    assert_int_equal(result.status, SS_OK);
    ss_buffer_release(&result.report);
    return result.definitions;
}

static bool differ(const struct ss_sha256 *a, const struct ss_sha256 *b)
{
    return memcmp(a, b, sizeof(*a)) != 0;
}

static unsigned find_changes(const struct ss_definitions *a, const struct ss_definitions *b)
{
    static const char *const views[] = {"user_spend", "merchant_risk"};
    unsigned changes = differ(&a->fingerprint, &b->fingerprint) ? ALL : NOTHING;
    for (size_t i = 0; i < 2; i++) {
        if (differ(&ss_find_view(a, views[i])->fingerprint, &ss_find_view(b, views[i])->fingerprint))
            changes |= i == 0 ? VIEW : OTHER_VIEW;
    }
    if (differ(&ss_find_service(a, "fraud_v1")->fingerprint, &ss_find_service(b, "fraud_v1")->fingerprint))
        changes |= SERVICE;
    return changes;
}

static void each_edit_changes_what_it_should(void **state)
{
    (void)state;
    size_t size = 0;
    char *example = harness_read_file(EXAMPLE, &size);
    assert_non_null(example);
    struct ss_definitions *before = compile(example);
    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        char *edited = apply_edit(example, &edits[i]);
        struct ss_definitions *after = compile(edited);
        const unsigned changes = find_changes(before, after);
        if (changes != edits[i].changes)
            fail_msg("'%s' -> '%s' changes %u, not %u", edits[i].from, edits[i].to, changes,
                     edits[i].changes);
        ss_definitions_destroy(after);
        free(edited);
    }
    ss_definitions_destroy(before);
    free(example);
}

// Equal fingerprints must mean equal plans down to the order of groups, since stored rows are read by them.
static void equal_fingerprints_mean_the_same_layout(void **state)
{
    (void)state;
    size_t size = 0;
    char *example = harness_read_file(EXAMPLE, &size);
    assert_non_null(example);
    struct ss_definitions *before = compile(example);
    const struct ss_view *a = ss_find_view(before, "user_spend");
    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        if (edits[i].changes & VIEW) continue;
        char *edited = apply_edit(example, &edits[i]);
        struct ss_definitions *after = compile(edited);
        const struct ss_view *b = ss_find_view(after, "user_spend");
        assert_int_equal(a->group_count, b->group_count);
        assert_memory_equal(a->groups, b->groups, a->group_count * sizeof(*a->groups));
        assert_int_equal(a->level_count, b->level_count);
        for (size_t k = 0; k < a->level_count; k++) {
            assert_int_equal(a->levels[k].hop_us, b->levels[k].hop_us);
            assert_int_equal(a->levels[k].retention_us, b->levels[k].retention_us);
            assert_memory_equal(a->levels[k].parts, b->levels[k].parts,
                                a->group_count * sizeof *a->levels[k].parts);
        }
        assert_int_equal(a->aggregate_count, b->aggregate_count);
        for (size_t k = 0; k < a->aggregate_count; k++) {
            assert_int_equal(a->aggregates[k].fn, b->aggregates[k].fn);
            assert_int_equal(a->aggregates[k].group, b->aggregates[k].group);
            assert_int_equal(a->aggregates[k].window_us, b->aggregates[k].window_us);
        }
        ss_definitions_destroy(after);
        free(edited);
    }
    ss_definitions_destroy(before);
    free(example);
}

static void the_order_of_files_does_not_matter(void **state)
{
    (void)state;
    const struct ss_file files[] = {
        {"a.yaml",
         ss_bytes_of("entities: {world: {}}\nsources: {s: {columns: {at: timestamp}, event_time: at}}\n"
                     "views: {v: {entity: world, source: s, features: {n: count() over 1d}}}\n")},
        {"b.yaml", ss_bytes_of("services: {s: {features: [v.n, w.n as m]}}\n"
                               "views: {w: {entity: world, source: s, features: {n: count() over 2d}}}\n")}};
    const struct ss_file exchanged[] = {files[1], files[0]};
    struct harness_result one = harness_compile_files(files, 2), two = harness_compile_files(exchanged, 2);
    assert_int_equal(one.status, SS_OK);
    assert_int_equal(two.status, SS_OK);
    assert_memory_equal(&one.definitions->fingerprint, &two.definitions->fingerprint, 32);
    assert_memory_equal(&one.definitions->services[0].fingerprint, &two.definitions->services[0].fingerprint,
                        32);
    harness_release(&one);
    harness_release(&two);
}

// Stored rows are found by this text: a change of it here is a change of SS_SEMANTICS_VERSION too.
static void the_canonical_form_of_a_view_is_pinned(void **state)
{
    (void)state;
    struct ss_definitions *definitions = compile(
        "entities: {user: {user_id: string}}\n"
        "sources:\n"
        "  pay:\n"
        "    columns: {id: int64, user_id: string, x: decimal(2), note: string, made: timestamp(s), at: "
        "timestamp, op: string}\n"
        "    event_time: at\n"
        "    event_id: id\n"
        "    op: op\n"
        "    arrival: made\n"
        "    timezone: Test/East\n"
        "views:\n"
        "  v:\n"
        "    entity: user\n"
        "    source: pay\n"
        "    where: x > 0.5\n"
        "    features:\n"
        "      share: sum(x where note = 'it''s#1') over 2h / nullif(count() over all, 0)\n"
        "      key: user_id\n"
        "      age: t - last(event_time) within 1d\n");
    struct ss_buffer text = {0};
    ss_view_canonical(&definitions->views[0], &text);
    ss_buffer_byte(&text, 0);
    assert_string_equal(
        (const char *)text.data,
        "semantics 1\n"
        "view v\n"
        "key user_id string\n"
        "source pay\n"
        "event_time at\n"
        "event_id id\n"
        "op op\n"
        "arrival made\n"
        "zone 25c08fac1d428987660f35c1b7aed379a40ff1944248fd803528ad3a11aaea25\n"
        "column at timestamp\n"
        "column id int64\n"
        "column made timestamp(s)\n"
        "column note string\n"
        "column op string\n"
        "column user_id string\n"
        "column x decimal(2)\n"
        "where (>:bool x:decimal(2) 0.5:decimal(1))\n"
        "feature age (-:int64 t:timestamp (last event_time:timestamp within 86400000000):timestamp)\n"
        "feature key user_id:string\n"
        "feature share (/:float64 (sum x:decimal(2) where (=:bool note:string 'it''s#1':string) over "
        "7200000000 hop "
        "300000000):decimal(2) (nullif:int64 (count over all):int64 0:int64))\n");
    const struct ss_sha256 hash = ss_sha256_of(text.data, text.size - 1);
    assert_memory_equal(&hash, &definitions->views[0].fingerprint, sizeof(hash));
    ss_buffer_release(&text);
    ss_definitions_destroy(definitions);
}

// A zone of that many hours east, whatever its name.
static bool load_hours_east(void *hours, const char *name, struct ss_bytes *tzif)
{
    static char bytes[256];
    struct ss_bytes east;
    (void)name;
    harness_load_zone(NULL, "Test/East", &east);
    memcpy(bytes, east.data, east.size);
    const int seconds = 3600 * *(const int *)hours;
    char *offset = memmem(bytes, east.size, "\0\0\16\20", 4), *rule = memmem(bytes, east.size, "CET-1", 5);
    assert_true(offset && rule);
    offset[2] = (char)(seconds >> 8);
    offset[3] = (char)seconds;
    rule[4] = (char)('0' + *(const int *)hours);
    *tzif = (struct ss_bytes){bytes, east.size};
    return true;
}

static struct ss_definitions *compile_with_zones(const char *text, int hours)
{
    const struct ss_file file = {"f.yaml", ss_bytes_of(text)};
    const struct ss_zone_loader zones = {load_hours_east, &hours};
    struct ss_definitions *definitions = NULL;
    struct ss_buffer report = {0};
    size_t error_count;
    assert_int_equal(ss_definitions_compile(&file, 1, &zones, &definitions, &report, &error_count, NULL),
                     SS_OK);
    return definitions;
}

#define WITH_ZONES(feature, argument, service)                                                             \
    "entities: {world: {}}\nsources:\n  s: {columns: {at: timestamp, x: int64}, event_time: at}\nviews:\n" \
    "  v:\n    entity: world\n    source: s\n    features:\n      a: " feature "\n      b: sum(" argument  \
    ") over all\n  w: {entity: world, source: s, features: {n: count() over 1d}}\n"                        \
    "services:\n  r:\n    features: [w.n, d: \"" service "\"]\n"

static void a_zone_in_an_expression_counts_by_its_rules(void **state)
{
    (void)state;
    static const char text[] = WITH_ZONES("hour(t, 'A/B')", "hour(at, 'C/D')", "date_trunc('day', t, 'E/F')");
    struct ss_definitions *one = compile_with_zones(text, 1), *two = compile_with_zones(text, 2);
    struct ss_definitions *renamed =
        compile_with_zones(WITH_ZONES("hour(t, 'G/H')", "hour(at, 'I/J')", "date_trunc('day', t, 'G/H')"), 1);
    assert_int_equal(one->zone_count, 3);
    assert_string_equal(one->zones[2].name, "E/F");
    assert_int_equal(renamed->zone_count, 2);
    assert_memory_not_equal(&one->views[0].fingerprint, &two->views[0].fingerprint, 32);
    assert_memory_equal(&one->views[1].fingerprint, &two->views[1].fingerprint, 32);
    assert_memory_not_equal(&one->services[0].fingerprint, &two->services[0].fingerprint, 32);
    assert_memory_equal(&one->views[0].fingerprint, &renamed->views[0].fingerprint, 32);
    assert_memory_equal(&one->services[0].fingerprint, &renamed->services[0].fingerprint, 32);
    ss_definitions_destroy(one);
    ss_definitions_destroy(two);
    ss_definitions_destroy(renamed);
}

static void any_number_of_zones_is_kept(void **state)
{
    (void)state;
    struct ss_definitions *definitions = compile_with_zones(
        WITH_ZONES("hour(t, 'Z/1') + hour(t, 'Z/2') + hour(t, 'Z/3') + hour(t, 'Z/4') + hour(t, 'Z/5')",
                   "hour(at, 'Z/6') + hour(at, 'Z/7') + hour(at, 'Z/8') + hour(at, 'Z/9')", "hour(t, 'Z/1')"),
        1);
    assert_int_equal(definitions->zone_count, 9);
    for (size_t i = 0; i < 9; i++) {
        assert_int_equal(definitions->zones[i].name[2], '1' + (char)i);
        assert_memory_equal(definitions->zones[i].tzif.data, "TZif2", 5);
    }
    ss_definitions_destroy(definitions);
}

static void a_pattern_counts_with_its_limits(void **state)
{
    (void)state;
    struct ss_definitions *definitions = compile(
        "entities: {world: {}}\nsources:\n  s: {columns: {at: timestamp, x: string}, event_time: "
        "at}\nviews:\n"
        "  v: {entity: world, source: s, features: {n: \"count(where regexp_matches(x, '^#a+$')) over "
        "all\"}}\n");
    const char *text = definitions->views[0].canonical.data;
    assert_non_null(strstr(text, "(regexp_matches:bool pcre2 10."));
    assert_non_null(strstr(text, " text 8192 steps 100000000 depth 20000 x:string '^#a+$':string)"));
    ss_definitions_destroy(definitions);
}

static void the_canonical_form_of_a_source_has_what_it_expects(void **state)
{
    (void)state;
    struct ss_definitions *definitions = compile(
        "sources:\n"
        "  s:\n"
        "    columns: {at: timestamp, b: string, a: float64, c: decimal(1)}\n"
        "    event_time: at\n"
        "    on_violation: warn\n"
        "    expect:\n"
        "      c: {between: [-1.5, 2]}\n"
        "      b: {in: [x, \"it's\\n\"], not_null: true, parses_as: decimal(2)}\n"
        "      a: {unique_ratio: {min: 0.25}}\n");
    struct ss_buffer text = {0};
    ss_source_canonical(&definitions->sources[0], &text);
    ss_buffer_byte(&text, 0);
    assert_string_equal((const char *)text.data,
                        "source s\n"
                        "event_time at\n"
                        "event_id none\n"
                        "op none\n"
                        "arrival event_time + 0\n"
                        "zone UTC\n"
                        "column a float64\n"
                        "column at timestamp\n"
                        "column b string\n"
                        "column c decimal(1)\n"
                        "expect a unique_ratio 0.25\n"
                        "expect b not_null\n"
                        "expect b in 'x'\n"
                        "expect b in 'it\\'s\\n'\n"
                        "expect b parses_as decimal(2)\n"
                        "expect c between -1.5 and 2.0\n"
                        "on_violation warn\n");
    ss_buffer_release(&text);
    ss_definitions_destroy(definitions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_edit_changes_what_it_should),
        cmocka_unit_test(equal_fingerprints_mean_the_same_layout),
        cmocka_unit_test(the_order_of_files_does_not_matter),
        cmocka_unit_test(the_canonical_form_of_a_view_is_pinned),
        cmocka_unit_test(a_zone_in_an_expression_counts_by_its_rules),
        cmocka_unit_test(any_number_of_zones_is_kept),
        cmocka_unit_test(a_pattern_counts_with_its_limits),
        cmocka_unit_test(the_canonical_form_of_a_source_has_what_it_expects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
