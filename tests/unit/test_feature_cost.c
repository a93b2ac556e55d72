// What features cost, in words; what it says of every function and aggregate is tested through `check`.

#include "engine/feature_cost.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "allocation_sweep.h"
#include "definitions_harness.h"

static const char definitions[] =
    "entities: {user: {user: string}}\n"
    "sources:\n"
    "  orders:\n"
    "    columns: {user: string, x: float64, at: timestamp}\n"
    "    event_time: at\n"
    "views:\n"
    "  orders:\n"
    "    entity: user\n"
    "    source: orders\n"
    "    where: exp(x) > 2\n"
    "    features:\n"
    "      a: log(sum(pow(x, 0.5)) over 7d) + count() over last 3\n"
    "      b: sum(x) over 5m hop exact\n"
    "services:\n"
    "  s: {features: [orders.*, c: tan(orders.b), d: orders.b + 1]}\n";

static void check(bool found, const struct ss_buffer *text, const char *want)
{
    assert_true(found);
    assert_int_equal(text->size, strlen(want));
    if (*want) assert_memory_equal(text->data, want, text->size);
}

static void costs_are_said_once_and_a_failed_allocation_is_reported(void **unused)
{
    (void)unused;
    static const char *const views[] = {
        "log by MPFR at every read; exp, pow by MPFR for every event; over last 3 keeps the newest 3 events",
        "exp by MPFR for every event; hop exact keeps every event of 5m",
    };
    static const char *const services[] = {"", "", "tan by MPFR at every read", ""};
    struct harness_result result = harness_compile_text(ss_bytes_of(definitions));
    assert_int_equal(result.status, SS_OK);
    for (size_t i = 0; i < 6; i++) {
        bool swept = false;
        for (long k = 1; !swept; k++) {
            struct ss_buffer text = {0};
            ss_fail_allocation_at(k);
            const bool found = i < 2
                                   ? ss_feature_cost(&result.definitions->views[0], i, &text)
                                   : ss_service_feature_cost(&result.definitions->services[0], i - 2, &text);
            swept = ss_allocations_made() < k;
            ss_fail_allocation_at(0);
            if (swept) check(found, &text, i < 2 ? views[i] : services[i - 2]);
            assert_int_equal(found, swept);
            ss_buffer_release(&text);
        }
    }
    harness_release(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(costs_are_said_once_and_a_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
