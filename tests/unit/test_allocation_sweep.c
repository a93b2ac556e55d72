// The sweep itself: without it every other sweep would pass by never failing anything.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "engine/base/arena.h"
#include "tests/unit/allocation_sweep.h"

// Kept from the optimiser, which may drop an allocation that nobody looks at.
static void *volatile kept;

static void only_the_named_allocation_fails(void **state)
{
    (void)state;
    ss_fail_allocation_at(2);
    kept = malloc(1);
    assert_non_null(kept);
    free(kept);
    kept = calloc(1, 1);
    assert_null(kept);
    kept = realloc(NULL, 1);
    assert_non_null(kept);
    free(kept);
    assert_int_equal(ss_allocations_made(), 3);
    ss_fail_allocation_at(0);
    assert_int_equal(ss_allocations_made(), 0);
}

static void allocations_inside_the_libraries_are_seen(void **state)
{
    (void)state;
    struct ss_arena arena;
    ss_arena_init(&arena, 0);
    ss_fail_allocation_at(1);
    void *refused = ss_arena_alloc(&arena, 64);
    ss_fail_allocation_at(0);
    assert_null(refused);
    assert_non_null(ss_arena_alloc(&arena, 64));
    ss_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_named_allocation_fails),
        cmocka_unit_test(allocations_inside_the_libraries_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
