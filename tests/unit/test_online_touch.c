// The online rows' file is brought into memory, and is left alone where that would do harm.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/online.h"
#include "tests/unit/store_fixture.h"

#define FILE_PAGES 10000 // more than are mapped at a time

static struct ss_error error;
static char directory[PATH_BYTES];
static int file;
static const size_t file_bytes = (size_t)FILE_PAGES * 4096;

static int set_up(void **state)
{
    (void)state;
    char path[PATH_BYTES];
    static const char page[4096] = "rows";
    make_test_directory(directory);
    snprintf(path, sizeof path, "%.400s/data.mdb", directory);
    file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    for (int i = 0; i < FILE_PAGES; i++) assert_int_equal(write(file, page, sizeof page), sizeof page);
    assert_int_equal(fdatasync(file), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(file);
    remove_test_directory(directory);
    return 0;
}

static size_t pages_in_memory(void)
{
    static unsigned char in_memory[FILE_PAGES];
    size_t count = 0;
    void *pages = mmap(NULL, file_bytes, PROT_READ, MAP_SHARED, file, 0);
    assert_true(pages != MAP_FAILED);
    assert_int_equal(mincore(pages, file_bytes, in_memory), 0);
    munmap(pages, file_bytes);
    for (size_t i = 0; i < FILE_PAGES; i++) count += in_memory[i] & 1;
    return count;
}

// What the system does to a file that was idle. Some file systems live in memory: there is nothing to test.
static void let_it_be_taken_back(void)
{
    assert_int_equal(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED), 0);
    if (pages_in_memory() < FILE_PAGES) return;
    print_message("this file system keeps its files in memory\n");
    skip();
}

static void all_of_the_file_is_in_memory_after_a_touch(void **state)
{
    (void)state;
    const atomic_bool stop = false;
    uint64_t bytes = 0;
    let_it_be_taken_back();
    assert_ok(ss_online_touch(directory, file_bytes, &stop, &bytes, &error));
    assert_int_equal(bytes, file_bytes);
    assert_int_equal(pages_in_memory(), FILE_PAGES);
}

static void a_file_that_is_too_large_is_left_alone_and_its_size_told(void **state)
{
    (void)state;
    const atomic_bool stop = false;
    uint64_t bytes = 0;
    let_it_be_taken_back();
    assert_ok(ss_online_touch(directory, file_bytes - 1, &stop, &bytes, &error));
    assert_int_equal(bytes, file_bytes);
    assert_true(pages_in_memory() < FILE_PAGES);
}

static void a_stop_ends_it(void **state)
{
    (void)state;
    const atomic_bool stop = true;
    uint64_t bytes;
    let_it_be_taken_back();
    assert_ok(ss_online_touch(directory, file_bytes, &stop, &bytes, &error));
    assert_true(pages_in_memory() < FILE_PAGES);
}

static void an_empty_file_is_fine_and_a_missing_one_is_named(void **state)
{
    (void)state;
    const atomic_bool stop = false;
    uint64_t bytes = 1;
    char path[PATH_BYTES];
    assert_int_equal(ftruncate(file, 0), 0);
    assert_ok(ss_online_touch(directory, file_bytes, &stop, &bytes, &error));
    assert_int_equal(bytes, 0);
    snprintf(path, sizeof path, "%.400s/data.mdb", directory);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(ss_online_touch(directory, file_bytes, &stop, &bytes, &error), SS_IO);
    assert_non_null(strstr(error.message, directory));
    assert_non_null(strstr(error.message, "No such file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_of_the_file_is_in_memory_after_a_touch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_too_large_is_left_alone_and_its_size_told, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_stop_ends_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_file_is_fine_and_a_missing_one_is_named, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
