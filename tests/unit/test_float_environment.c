// The check of the thread's floating point refuses every mode in which bits would come out otherwise.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fenv.h>
#include <pthread.h>
#include <string.h>

#include "engine/base/float_environment.h"

// The processor's bits that flush subnormals: results, operands (aarch64 has one for both).
#if defined(__x86_64__)
#include <immintrin.h>
#define FLUSH_RESULTS  0x8000u
#define FLUSH_OPERANDS 0x0040u

static uint64_t get_mode(void)
{
    return _mm_getcsr();
}

static void set_mode(uint64_t mode)
{
    _mm_setcsr((unsigned)mode);
}
#elif defined(__aarch64__)
#define FLUSH_RESULTS  (UINT64_C(1) << 24)
#define FLUSH_OPERANDS (UINT64_C(1) << 24)

static uint64_t get_mode(void)
{
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
}

static void set_mode(uint64_t mode)
{
    __asm__ volatile("msr fpcr, %0" ::"r"(mode));
}
#endif

static void this_thread_is_fine(void **state)
{
    (void)state;
    struct ss_error error;
    assert_int_equal(ss_float_environment_check(&error), SS_OK);
    assert_int_equal(ss_float_environment_check(NULL), SS_OK);
}

static void every_other_rounding_is_refused(void **state)
{
    (void)state;
    static const int roundings[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    for (size_t i = 0; i < sizeof roundings / sizeof *roundings; i++) {
        struct ss_error error;
        fesetround(roundings[i]);
        const enum ss_status status = ss_float_environment_check(&error);
        fesetround(FE_TONEAREST);
        assert_int_equal(status, SS_INVALID);
        assert_string_equal(error.message,
                            "floating point: this thread does not round to nearest; call "
                            "fesetround(FE_TONEAREST)");
    }
    this_thread_is_fine(NULL);
}

#ifdef FLUSH_RESULTS
static void check_refused(uint64_t bits, const char *want)
{
    struct ss_error error;
    const uint64_t before = get_mode();
    set_mode(before | bits);
    const enum ss_status status = ss_float_environment_check(&error);
    set_mode(before);
    assert_int_equal(status, SS_INVALID);
    assert_non_null(strstr(error.message, want));
    assert_non_null(strstr(error.message, "crtfastmath.o"));
}

static void flushed_subnormals_are_refused(void **state)
{
    (void)state;
    if (FLUSH_RESULTS != FLUSH_OPERANDS) check_refused(FLUSH_RESULTS, "flushes subnormal results to 0 (FTZ)");
    check_refused(FLUSH_OPERANDS, "reads subnormal numbers as 0 (DAZ)");
    check_refused(FLUSH_RESULTS | FLUSH_OPERANDS, "reads subnormal numbers as 0 (DAZ)");
    this_thread_is_fine(NULL);
}

static void *check_here(void *status)
{
    *(enum ss_status *)status = ss_float_environment_check(NULL);
    return NULL;
}

// A new thread has the modes of the one that made it, which is why a library can spoil them all.
static void a_thread_inherits_what_is_refused(void **state)
{
    (void)state;
    pthread_t thread;
    enum ss_status status = SS_OK;
    const uint64_t before = get_mode();
    set_mode(before | FLUSH_RESULTS);
    const int made = pthread_create(&thread, NULL, check_here, &status);
    set_mode(before);
    assert_int_equal(made, 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(status, SS_INVALID);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(this_thread_is_fine),
        cmocka_unit_test(every_other_rounding_is_refused),
#ifdef FLUSH_RESULTS
        cmocka_unit_test(flushed_subnormals_are_refused),
        cmocka_unit_test(a_thread_inherits_what_is_refused),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
