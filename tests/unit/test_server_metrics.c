// Metrics: histograms within their bound, blocks of threads that sum, and the page.

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "server/metrics.h"
#include "server/process_usage.h"
#include "tests/unit/allocation_sweep.h"
#include "tests/unit/store_fixture.h"

static struct ss_error error;

static struct ss_metrics *make_metrics(struct ss_metrics_block **block)
{
    struct ss_metrics *metrics = NULL;
    assert_ok(ss_metrics_create("1.2.3", &metrics, &error));
    if (block) assert_ok(ss_metrics_block_create(metrics, block, &error));
    return metrics;
}

// ---- Histograms

static void buckets_follow_one_another_without_gaps(void **state)
{
    (void)state;
    assert_int_equal(ss_histogram_bucket(0), 0);
    for (size_t i = 0; i + 1 < SS_HISTOGRAM_BUCKETS; i++) {
        const uint64_t end = ss_histogram_bucket_end(i);
        assert_int_equal(ss_histogram_bucket(end - 1), i);
        assert_int_equal(ss_histogram_bucket(end), i + 1);
    }
    assert_int_equal(ss_histogram_bucket(UINT64_MAX), SS_HISTOGRAM_BUCKETS - 1);
    assert_int_equal(ss_histogram_bucket_end(0), 64);
    assert_int_equal(ss_histogram_bucket_end(SS_HISTOGRAM_BUCKETS - 2), UINT64_C(1) << 37);
}

static int compare_numbers(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static void quantiles_are_off_by_at_most_what_the_header_says(void **state)
{
    (void)state;
    enum { VALUES = 20000 };
    static uint64_t values[VALUES];
    static const double shares[] = {0, 0.01, 0.5, 0.9, 0.99, 0.999, 0.9999};
    struct ss_histogram histogram = {0};
    uint64_t seed = 88172645463325252u;
    for (size_t i = 0; i < VALUES; i++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        values[i] = (uint64_t)pow(2, 6.5 + 30 * (double)(seed >> 11) / 9007199254740992.0);
        ss_histogram_add(&histogram, values[i]);
    }
    qsort(values, VALUES, sizeof *values, compare_numbers);
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        const double want = (double)values[(size_t)(shares[i] * VALUES)];
        const double got = (double)ss_histogram_quantile(&histogram, shares[i]);
        assert_true(fabs(got - want) <= 0.0320 * want);
    }
    assert_int_equal(ss_histogram_quantile(&histogram, 1), values[VALUES - 1]);
    assert_int_equal(histogram.max_ns, values[VALUES - 1]);
}

static void quantiles_of_few_values_are_within_them(void **state)
{
    (void)state;
    struct ss_histogram histogram = {0};
    assert_int_equal(ss_histogram_quantile(&histogram, 0.5), 0);
    ss_histogram_add(&histogram, 100001);
    assert_true(ss_histogram_quantile(&histogram, 0) <= 100001);
    assert_true(ss_histogram_quantile(&histogram, 0.5) >= 96800);
    assert_int_equal(ss_histogram_quantile(&histogram, 1), 100001);
    ss_histogram_add(&histogram, UINT64_C(1) << 50);
    assert_int_equal(ss_histogram_quantile(&histogram, 0.99), UINT64_C(1) << 50);
}

// ---- Blocks

static void names_come_from_definitions_and_keep_their_index(void **state)
{
    (void)state;
    struct ss_metrics *metrics = make_metrics(NULL);
    char name[32];
    assert_int_equal(ss_metrics_name(metrics, SS_METRIC_SERVICES, "fraud"), 1);
    assert_int_equal(ss_metrics_name(metrics, SS_METRIC_SERVICES, "risk"), 2);
    assert_int_equal(ss_metrics_name(metrics, SS_METRIC_SOURCES, "payments"), 1);
    assert_int_equal(ss_metrics_name(metrics, SS_METRIC_SERVICES, "fraud"), 1);
    for (int i = 3; i < SS_METRIC_NAMES_MAX; i++) {
        snprintf(name, sizeof name, "s%d", i);
        assert_int_equal(ss_metrics_name(metrics, SS_METRIC_SERVICES, name), i);
    }
    assert_int_equal(ss_metrics_name(metrics, SS_METRIC_SERVICES, "one too many"), 0);
    assert_int_equal(ss_metrics_name(metrics, SS_METRIC_SERVICES, "risk"), 2);
    ss_metrics_destroy(metrics);
}

static void blocks_sum_by_method_service_and_code(void **state)
{
    (void)state;
    struct ss_metrics_block *a, *b;
    struct ss_histogram sum;
    struct ss_metrics *metrics = make_metrics(&a);
    assert_ok(ss_metrics_block_create(metrics, &b, &error));
    const uint32_t fraud = ss_metrics_name(metrics, SS_METRIC_SERVICES, "fraud");
    ss_metrics_request(a, SS_METRIC_METHOD_GET_FEATURES, fraud, 0, 1000);
    ss_metrics_request(b, SS_METRIC_METHOD_GET_FEATURES, fraud, 0, 3000);
    ss_metrics_request(b, SS_METRIC_METHOD_GET_FEATURES, fraud, 8, 5000);
    ss_metrics_request(b, SS_METRIC_METHOD_PUSH, 0, 0, 7000);
    ss_metrics_request(b, SS_METRIC_METHOD_GET_FEATURES, 0, 5, 9000);
    ss_metrics_request(b, SS_METRIC_METHOD_GET_FEATURES, 4000000, 99, 9000); // neither crashes
    assert_int_equal(ss_metrics_count_requests(metrics, SS_METRIC_METHOD_GET_FEATURES, fraud, 0), 2);
    assert_int_equal(ss_metrics_count_requests(metrics, SS_METRIC_METHOD_GET_FEATURES, fraud, 8), 1);
    assert_int_equal(ss_metrics_count_requests(metrics, SS_METRIC_METHOD_GET_FEATURES, 0, 2), 1);
    assert_int_equal(ss_metrics_count_requests(metrics, SS_METRIC_METHOD_COUNT, SS_METRIC_ALL, 0), 3);
    ss_metrics_read_requests(metrics, SS_METRIC_METHOD_GET_FEATURES, fraud, &sum);
    assert_int_equal(sum.count, 3);
    assert_int_equal(sum.sum_ns, 9000);
    assert_int_equal(sum.max_ns, 5000);
    ss_metrics_read_requests(metrics, SS_METRIC_METHOD_COUNT, SS_METRIC_ALL, &sum);
    assert_int_equal(sum.count, 6);
    ss_metrics_read_commits(metrics, &sum);
    assert_int_equal(sum.count, 0);
    ss_metrics_destroy(metrics);
}

// ---- The page

static char *print(const struct ss_metrics *metrics, const struct ss_gauges *gauges)
{
    static char text[1 << 20];
    struct ss_buffer page = {0};
    assert_true(ss_metrics_print(metrics, gauges, &page));
    assert_true(page.size < sizeof text);
    memcpy(text, page.data, page.size);
    text[page.size] = 0;
    ss_buffer_release(&page);
    return text;
}

static void assert_has(const char *page, const char *line)
{
    char whole[256];
    snprintf(whole, sizeof whole, "\n%s\n", line);
    if (!strstr(page, whole)) fail_msg("no line '%s' in\n%s", line, page);
}

static void the_page_shows_what_was_added(void **state)
{
    (void)state;
    struct ss_metrics_block *block;
    struct ss_metrics *metrics = make_metrics(&block);
    const uint32_t fraud = ss_metrics_name(metrics, SS_METRIC_SERVICES, "fraud");
    const uint32_t payments = ss_metrics_name(metrics, SS_METRIC_SOURCES, "payments");
    ss_metrics_request(block, SS_METRIC_METHOD_GET_FEATURES, fraud, 0, 20000);
    ss_metrics_request(block, SS_METRIC_METHOD_GET_FEATURES, fraud, 0, 2000000000);
    ss_metrics_request(block, SS_METRIC_METHOD_PUSH, 0, 8, 1);
    ss_metrics_lookup(block, fraud, 1500, 3, (const uint64_t[]){10, 2, 1, 4});
    ss_metrics_train_rows(block, fraud, 77);
    ss_metrics_push(block, payments, (const uint64_t[]){5, 1, 0, 2, 3});
    ss_metrics_commit(block, 3000000, 4, 90);
    struct ss_gauges gauges;
    ss_gauges_init(&gauges);
    gauges.now_us = -5000000;
    gauges.newest_event_us = -7500000;
    gauges.applied_seq = 12;
    gauges.is_ready = true;
    const char *page = print(metrics, &gauges);
    assert_has(page, "selfsame_requests_total{method=\"GetFeatures\",service=\"fraud\",code=\"OK\"} 2");
    assert_has(page, "selfsame_requests_total{method=\"Push\",service=\"\",code=\"RESOURCE_EXHAUSTED\"} 1");
    assert_has(page, "# TYPE selfsame_request_seconds histogram");
    assert_has(
        page,
        "selfsame_request_seconds_bucket{method=\"GetFeatures\",service=\"fraud\",le=\"1.6384e-05\"} 0");
    assert_has(
        page,
        "selfsame_request_seconds_bucket{method=\"GetFeatures\",service=\"fraud\",le=\"2.4576e-05\"} 1");
    assert_has(
        page,
        "selfsame_request_seconds_bucket{method=\"GetFeatures\",service=\"fraud\",le=\"2.147483648\"} 2");
    assert_has(page,
               "selfsame_request_seconds_bucket{method=\"GetFeatures\",service=\"fraud\",le=\"+Inf\"} 2");
    assert_has(page, "selfsame_request_seconds_sum{method=\"GetFeatures\",service=\"fraud\"} 2.000020000");
    assert_has(page, "selfsame_request_seconds_count{method=\"GetFeatures\",service=\"fraud\"} 2");
    assert_has(page, "selfsame_lookup_seconds_bucket{le=\"1.536e-06\"} 1");
    assert_has(page, "selfsame_lookup_seconds_count 1");
    assert_has(page, "selfsame_rows_total{service=\"fraud\"} 3");
    assert_has(page, "selfsame_cells_total{service=\"fraud\",status=\"not_found\"} 1");
    assert_has(page, "selfsame_train_rows_total{service=\"fraud\"} 77");
    assert_has(page, "selfsame_push_rows_total{source=\"payments\",outcome=\"quarantined\"} 2");
    assert_has(page, "selfsame_commits_total 1");
    assert_has(page, "selfsame_commit_pushes_total 4");
    assert_has(page, "selfsame_commit_rows_total 90");
    assert_has(page, "selfsame_freshness_seconds 2.5");
    assert_has(page, "selfsame_applied_seq 12");
    assert_null(strstr(page, "selfsame_history_seq"));
    assert_has(page, "selfsame_ready 1");
    assert_has(page, "selfsame_build_info{version=\"1.2.3\"} 1");
    assert_non_null(strstr(page, "\nprocess_resident_memory_bytes "));
    ss_metrics_destroy(metrics);
}

static void label_values_are_escaped(void **state)
{
    (void)state;
    struct ss_metrics_block *block;
    struct ss_metrics *metrics = make_metrics(&block);
    const uint32_t odd = ss_metrics_name(metrics, SS_METRIC_SERVICES, "a\"b\\c\nd");
    ss_metrics_request(block, SS_METRIC_METHOD_LIST, odd, 0, 1);
    assert_has(print(metrics, NULL),
               "selfsame_requests_total{method=\"List\",service=\"a\\\"b\\\\c\\nd\",code=\"OK\"} 1");
    ss_metrics_destroy(metrics);
}

// ---- Threads

enum { THREADS = 4, SAMPLES = 20000 };
static struct ss_metrics *shared;

static void *add_samples(void *argument)
{
    struct ss_metrics_block *block;
    (void)argument;
    if (ss_metrics_block_create(shared, &block, NULL) != SS_OK) return shared;
    for (uint64_t i = 0; i < SAMPLES; i++) {
        ss_metrics_request(block, (enum ss_metric_method)(i % SS_METRIC_METHOD_COUNT), (uint32_t)(i % 7),
                           (unsigned)(i % SS_CODE_COUNT), i * 100);
        ss_metrics_lookup(block, (uint32_t)(i % 7), i, 1, (const uint64_t[]){1, 0, 0, 0});
        ss_metrics_push(block, 1, (const uint64_t[]){1, 0, 0, 0, 0});
        ss_metrics_commit(block, i, 1, 1);
    }
    return NULL;
}

static void threads_add_while_others_read(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    struct ss_histogram sum;
    shared = make_metrics(NULL);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_samples, NULL), 0);
    for (int i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "s%d", i);
        ss_metrics_name(shared, SS_METRIC_SERVICES, name);
        ss_metrics_name(shared, SS_METRIC_SOURCES, name);
        assert_non_null(strstr(print(shared, NULL), "selfsame_build_info"));
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    ss_metrics_read_requests(shared, SS_METRIC_METHOD_COUNT, SS_METRIC_ALL, &sum);
    assert_int_equal(sum.count, THREADS * SAMPLES);
    ss_metrics_read_lookups(shared, &sum);
    assert_int_equal(sum.count, THREADS * SAMPLES);
    ss_metrics_destroy(shared);
}

static void a_sample_costs_a_few_nanoseconds(void **state)
{
    (void)state;
    enum { ROUNDS = 2000000 };
    struct ss_metrics_block *block;
    struct timespec start, end;
    struct ss_metrics *metrics = make_metrics(&block);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
    for (uint64_t i = 0; i < ROUNDS; i++)
        ss_metrics_request(block, SS_METRIC_METHOD_GET_FEATURES, 1, 0, 10000 + (i * 7919 & 65535));
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    const double ns =
        ((double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec)) / ROUNDS;
    print_message("a request's sample: %.1f ns\n", ns);
    assert_true(ns < 1000); // generous: sanitizers and busy machines
    ss_metrics_destroy(metrics);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (long k = 1;; k++) {
        struct ss_metrics *metrics = NULL;
        struct ss_metrics_block *block = NULL;
        struct ss_buffer page = {0};
        ss_fail_allocation_at(k);
        enum ss_status status = ss_metrics_create("1", &metrics, &error);
        if (status == SS_OK) {
            const uint32_t service = ss_metrics_name(metrics, SS_METRIC_SERVICES, "a");
            status = ss_metrics_block_create(metrics, &block, &error);
            if (status == SS_OK) {
                ss_metrics_request(block, SS_METRIC_METHOD_LIST, service, 0, 1);
                ss_metrics_lookup(block, service, 1, 1, (const uint64_t[]){1, 1, 1, 1});
                ss_metrics_push(block, 1, (const uint64_t[]){1, 0, 0, 0, 0});
                if (!ss_metrics_print(metrics, NULL, &page)) status = SS_OUT_OF_MEMORY;
            }
        }
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        assert_true(status == SS_OK || status == SS_OUT_OF_MEMORY);
        ss_buffer_release(&page);
        ss_metrics_destroy(metrics);
        if (swept) break;
    }
}

static void the_process_knows_what_it_uses(void **state)
{
    (void)state;
    const struct ss_process_usage usage = ss_process_usage();
    assert_true(usage.cpu_seconds >= 0);
    assert_true(usage.resident_bytes > 100000);
    assert_true(usage.open_files >= 3 && usage.open_files <= usage.max_files);
    assert_true(usage.threads >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_follow_one_another_without_gaps),
        cmocka_unit_test(quantiles_are_off_by_at_most_what_the_header_says),
        cmocka_unit_test(quantiles_of_few_values_are_within_them),
        cmocka_unit_test(names_come_from_definitions_and_keep_their_index),
        cmocka_unit_test(blocks_sum_by_method_service_and_code),
        cmocka_unit_test(the_page_shows_what_was_added),
        cmocka_unit_test(label_values_are_escaped),
        cmocka_unit_test(threads_add_while_others_read),
        cmocka_unit_test(a_sample_costs_a_few_nanoseconds),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(the_process_knows_what_it_uses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
