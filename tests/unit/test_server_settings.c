// Settings of the server: where values come from, what is told about wrong ones, and who may listen where.

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/access.h"
#include "server/settings_value.h"
#include "tests/unit/allocation_sweep.h"
#include "tests/unit/store_fixture.h"

static struct ss_error error;
static struct ss_settings settings;
static char directory[PATH_BYTES], path[PATH_BYTES];

static int set_up(void **state)
{
    (void)state;
    make_test_directory(directory);
    snprintf(path, sizeof path, "%.480s/s.yaml", directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ss_settings_release(&settings);
    remove_test_directory(directory);
    return 0;
}

static const char *write_settings(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    return path;
}

static void load_text(const char *text)
{
    ss_settings_release(&settings);
    assert_ok(ss_settings_load(write_settings(text), NULL, 0, &settings, &error));
}

static void load_option(const char *name, const char *value)
{
    ss_settings_release(&settings);
    assert_ok(ss_settings_load(NULL, &(struct ss_setting_option){name, value}, 1, &settings, &error));
}

// The message without the folder of the file.
static const char *message_of(const char *text, const struct ss_setting_option *options, size_t count)
{
    static char message[sizeof error.message];
    const size_t prefix = strlen(directory) + 1;
    struct ss_settings untouched = {.max_entities = 77};
    assert_int_equal(ss_settings_load(text ? write_settings(text) : NULL, options, count, &untouched, &error),
                     SS_INVALID);
    assert_int_equal(untouched.max_entities, 77);
    snprintf(message, sizeof message, "%s", error.message);
    for (char *at; (at = strstr(message, directory));) memmove(at, at + prefix, strlen(at + prefix) + 1);
    return message;
}

// ---- Values

static void without_file_and_options_all_are_defaults(void **state)
{
    (void)state;
    struct ss_buffer given = {0};
    assert_ok(ss_settings_load(NULL, NULL, 0, &settings, &error));
    assert_int_equal(settings.listener_count, 1);
    assert_string_equal(settings.listeners[0].address, "127.0.0.1:7500");
    assert_int_equal(settings.listeners[0].kind, SS_LISTEN_PLAIN);
    assert_false(settings.listeners[0].beyond_loopback);
    assert_int_equal(settings.max_message_bytes, 16 << 20);
    assert_int_equal(settings.max_entities, 4096);
    assert_int_equal(settings.max_spine_bytes, 1 << 30);
    assert_int_equal(settings.log_slower_than_us, 0);
    assert_int_equal(settings.retry_after_us, 50000);
    assert_int_equal(settings.require_token, SS_REQUIRE_AUTO);
    assert_false(settings.allow_plain);
    assert_string_equal(settings.metrics_listen, "127.0.0.1:7501");
    ss_settings_print_given(&settings, &given);
    assert_int_equal(given.size, 0);
    ss_buffer_release(&given);
}

static void a_file_gives_values_of_every_kind(void **state)
{
    (void)state;
    load_text(
        "listen: [0.0.0.0:1, 'tls:[::]:2', unix:/run/x, localhost:3]\n"
        "allow_plain: true\n"
        "tls_key: /etc/key.pem\n"
        "log_format: json   # a note\n"
        "max_entities: 10k\n"
        "max_message_bytes: 1M\n"
        "drain_timeout: 1m30s\n"
        "metrics_listen:\n");
    assert_int_equal(settings.listener_count, 4);
    static const struct {
        enum ss_listener_kind kind;
        const char *address;
        bool beyond;
    } want[] = {{SS_LISTEN_PLAIN, "0.0.0.0:1", true},
                {SS_LISTEN_TLS, "[::]:2", true},
                {SS_LISTEN_UNIX, "unix:/run/x", false},
                {SS_LISTEN_PLAIN, "localhost:3", false}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(settings.listeners[i].kind, want[i].kind);
        assert_string_equal(settings.listeners[i].address, want[i].address);
        assert_int_equal(settings.listeners[i].beyond_loopback, want[i].beyond);
    }
    assert_true(settings.allow_plain);
    assert_string_equal(settings.tls_key, "/etc/key.pem");
    assert_int_equal(settings.log_format, SS_FORMAT_JSON);
    assert_int_equal(settings.max_entities, 10000);
    assert_int_equal(settings.max_message_bytes, 1 << 20);
    assert_int_equal(settings.drain_timeout_us, 90000000);
    assert_string_equal(settings.metrics_listen, "");
}

static void a_list_of_one_may_be_a_text(void **state)
{
    (void)state;
    load_text("listen: unix:/run/one\n");
    assert_int_equal(settings.listener_count, 1);
    assert_string_equal(settings.listeners[0].address, "unix:/run/one");
}

static void options_win_over_the_file_and_lists_grow_by_repeating(void **state)
{
    (void)state;
    const struct ss_setting_option options[] = {
        {"max-entities", "7"}, {"--listen", "127.0.0.1:1"}, {"listen", "127.0.0.1:2"}, {"log_level", "warn"}};
    struct ss_buffer given = {0};
    assert_ok(ss_settings_load(write_settings("max_entities: 5\nlisten: 127.0.0.1:9\nmax_columns: 8\n"),
                               options, 4, &settings, &error));
    assert_int_equal(settings.max_entities, 7);
    assert_int_equal(settings.max_columns, 8);
    assert_int_equal(settings.log_level, 2);
    assert_int_equal(settings.listener_count, 2);
    assert_string_equal(settings.listeners[1].address, "127.0.0.1:2");
    ss_settings_print_given(&settings, &given);
    ss_buffer_byte(&given, 0);
    assert_string_equal((char *)given.data,
                        "listen=127.0.0.1:1,127.0.0.1:2 max_entities=7 max_columns=8 log_level=warn");
    ss_buffer_release(&given);
}

static void an_empty_file_is_fine(void **state)
{
    (void)state;
    load_text("");
    load_text("# nothing\n");
    assert_int_equal(settings.max_entities, 4096);
}

static void options_are_taken_from_a_command_line(void **state)
{
    (void)state;
    char words[][32] = {"serve",         "--config", "a.yaml", "--max-entities=9",
                        "--allow-plain", "--listen", "a:1",    "--allow-anonymous=false"};
    char *argv[8];
    struct ss_setting_options options;
    for (size_t i = 0; i < 8; i++) argv[i] = words[i];
    assert_ok(ss_setting_options_parse(8, argv, &options, &error));
    assert_string_equal(options.file, "a.yaml");
    static const struct ss_setting_option want[] = {
        {"max-entities", "9"}, {"allow-plain", "true"}, {"listen", "a:1"}, {"allow-anonymous", "false"}};
    assert_int_equal(options.count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(options.options[i].name, want[i].name);
        assert_string_equal(options.options[i].value, want[i].value);
    }
    free(options.options);
}

static void a_command_line_that_is_none_is_told(void **state)
{
    (void)state;
    struct ss_setting_options options = {.file = "untouched"};
    char first[] = "serve", word[] = "word", lone[] = "--listen", dashes[] = "--";
    static const char *const want[] = {"unexpected 'word'", "--listen needs a value", "unexpected '--'"};
    char *const last[] = {word, lone, dashes};
    for (size_t i = 0; i < 3; i++) {
        char *argv[] = {first, last[i]};
        assert_status(SS_INVALID, ss_setting_options_parse(2, argv, &options, &error));
        assert_string_equal(error.message, want[i]);
        assert_string_equal(options.file, "untouched");
    }
}

// ---- Mistakes

static void every_mistake_of_a_file_is_told_at_once_with_its_place(void **state)
{
    (void)state;
    const struct ss_setting_option options[] = {{"max-entites", "1"}, {"shards", "-1"}};
    assert_string_equal(
        message_of("max_entitis: 5\n"
                   "listen: [127.0.0.1:7500, 10.0.0.1, {a: b}]\n"
                   "log_format: jsn\n"
                   "max-columns: 9\n"
                   "allow_plain: yes\n"
                   "max_message_bytes: 2T\n",
                   options, 2),
        "s.yaml:1:1: unknown setting 'max_entitis'; did you mean 'max_entities'?\n"
        "s.yaml:2:26: listen: expected HOST:PORT, such as 127.0.0.1:7500 or [::1]:7500, got '10.0.0.1'\n"
        "s.yaml:2:36: listen: expected texts in the list, got a mapping\n"
        "s.yaml:3:13: log_format: expected text|json, got 'jsn'; did you mean 'json'?\n"
        "s.yaml:4:1: unknown setting 'max-columns'; did you mean 'max_columns'?\n"
        "s.yaml:5:14: allow_plain: expected true or false, got 'yes'\n"
        "s.yaml:6:20: max_message_bytes: expected a size from 64k to 1G, got '2T'\n"
        "'--max-entites' is no option; did you mean '--max-entities'?\n"
        "--shards: expected a count from 0 to 1024, got '-1'");
}

static void numbers_and_durations_keep_their_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *want;
    } cases[] = {
        {"max-entities", "0", "--max-entities: expected a count from 1 to 1M, got '0'"},
        {"max-entities", "1000001", "--max-entities: expected a count from 1 to 1M, got '1000001'"},
        {"max-entities", "99999999999999999999",
         "--max-entities: expected a count from 1 to 1M, got '99999999999999999999'"},
        {"max-entities", "9223372036854775807G",
         "--max-entities: expected a count from 1 to 1M, got '9223372036854775807G'"},
        {"max-entities", "", "--max-entities: expected a count from 1 to 1M, got ''"},
        {"max-entities", " 1", "--max-entities: expected a count from 1 to 1M, got ' 1'"},
        {"max-entities", "1kk", "--max-entities: expected a count from 1 to 1M, got '1kk'"},
        {"max-message-bytes", "63k", "--max-message-bytes: expected a size from 64k to 1G, got '63k'"},
        {"retry-after", "999us",
         "--retry-after: expected a duration from 1ms to 1m, such as 250ms or 1h30m, got '999us'"},
        {"retry-after", "0",
         "--retry-after: expected a duration from 1ms to 1m, such as 250ms or 1h30m, got '0'"},
        {"retry-after", "50",
         "--retry-after: expected a duration from 1ms to 1m, such as 250ms or 1h30m, got '50'"},
        {"x", "1", "'--x' is no option"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct ss_setting_option option = {cases[i].name, cases[i].value};
        assert_string_equal(message_of(NULL, &option, 1), cases[i].want);
    }
    load_option("max-entities", "1");
    assert_int_equal(settings.max_entities, 1);
    load_option("max-entities", "1M");
    assert_int_equal(settings.max_entities, 1000000);
    load_option("retry-after", "1ms");
    assert_int_equal(settings.retry_after_us, 1000);
}

static void addresses_that_are_none_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"7500", "expected HOST:PORT, such as 127.0.0.1:7500 or [::1]:7500, got '7500'"},
        {":7500", "expected HOST:PORT, such as 127.0.0.1:7500 or [::1]:7500, got ':7500'"},
        {"::1:7500", "expected HOST:PORT, such as 127.0.0.1:7500 or [::1]:7500, got '::1:7500'"},
        {"[::1", "expected HOST:PORT, such as 127.0.0.1:7500 or [::1]:7500, got '[::1'"},
        {"[localhost]:1", "expected HOST:PORT, such as 127.0.0.1:7500 or [::1]:7500, got '[localhost]:1'"},
        {"a b:1", "expected HOST:PORT, such as 127.0.0.1:7500 or [::1]:7500, got 'a b:1'"},
        {"host:65536", "expected a port from 0 to 65535, got '65536'"},
        {"host:", "expected a port from 0 to 65535, got ''"},
        {"host:-1", "expected a port from 0 to 65535, got '-1'"},
        {"host:1k", "expected a port from 0 to 65535, got '1k'"},
        {"tls:host", "expected HOST:PORT, such as 127.0.0.1:7500 or [::1]:7500, got 'host'"},
        {"unix:run", "expected unix:/PATH of at most 107 bytes, got 'unix:run'"},
    };
    char problem[SS_SETTING_PROBLEM_BYTES];
    struct ss_listener listener;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_false(ss_listener_read(cases[i].text, &listener, problem));
        assert_string_equal(problem, cases[i].want);
    }
    char long_path[140] = "unix:/";
    memset(long_path + 6, 'x', 110);
    assert_false(ss_listener_read(long_path, &listener, problem));
    assert_string_equal(
        message_of(NULL, &(struct ss_setting_option){"metrics-listen", "tls:a:1"}, 1),
        "--metrics-listen: expected HOST:PORT, such as 127.0.0.1:7500 or [::1]:7500, got 'tls:a:1'");
}

static void loopback_is_told_from_what_other_machines_reach(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool beyond;
    } cases[] = {{"127.0.0.1:1", false},
                 {"127.8.9.1:1", false},
                 {"[::1]:1", false},
                 {"localhost:1", false},
                 {"0.0.0.0:1", true},
                 {"[::]:1", true},
                 {"10.0.0.1:1", true},
                 {"example.org:1", true},
                 {"128.0.0.1:1", true},
                 {"[::ffff:1.2.3.4]:1", true},
                 {"127.0.0.1.example.org:1", true}};
    char problem[SS_SETTING_PROBLEM_BYTES];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool beyond = !cases[i].beyond;
        assert_true(ss_host_and_port_read(cases[i].text, &beyond, problem));
        assert_int_equal(beyond, cases[i].beyond);
    }
}

static void files_that_cannot_be_read_are_told(void **state)
{
    (void)state;
    char want[PATH_BYTES + 100];
    unlink(path);
    assert_status(SS_NOT_FOUND, ss_settings_load(path, NULL, 0, &settings, &error));
    snprintf(want, sizeof want, "settings '%s': cannot be read: No such file or directory", path);
    assert_string_equal(error.message, want);
    assert_status(SS_INVALID, ss_settings_load(directory, NULL, 0, &settings, &error));
    snprintf(want, sizeof want, "settings '%s': is no plain file", directory);
    assert_string_equal(error.message, want);
    assert_status(SS_INVALID, ss_settings_load("/dev/zero", NULL, 0, &settings, &error));
    write_settings("");
    assert_int_equal(truncate(path, 2 << 20), 0);
    assert_status(SS_LIMIT, ss_settings_load(path, NULL, 0, &settings, &error));
}

static void a_file_that_is_no_yaml_is_told_with_its_place(void **state)
{
    (void)state;
    assert_non_null(strstr(message_of("max_entities: [\n", NULL, 0), "s.yaml:2:1: "));
    assert_string_equal(message_of("- a\n", NULL, 0),
                        "s.yaml:1:1: expected settings, such as 'max_entities: 100'");
    assert_non_null(strstr(message_of("shards: 1\nshards: 2\n", NULL, 0), "s.yaml:2:1: "));
}

static void more_mistakes_than_the_message_holds_are_counted(void **state)
{
    (void)state;
    struct ss_buffer text = {0};
    for (int i = 0; i < 100; i++) ss_buffer_format(&text, "unknown_setting_%d: 1\n", i);
    ss_buffer_byte(&text, 0);
    const char *message = message_of((const char *)text.data, NULL, 0);
    const char *last = strrchr(message, '\n');
    assert_non_null(last);
    int more = 0, lines = 0;
    for (const char *at = message; *at; at++) lines += *at == '\n';
    assert_int_equal(sscanf(last, "\nand %d more", &more), 1);
    assert_int_equal(lines + more, 100);
    ss_buffer_release(&text);
}

// ---- Reload

static void a_reload_takes_what_is_live_and_names_what_has_to_wait(void **state)
{
    (void)state;
    struct ss_settings next = {0};
    struct ss_buffer kept = {0};
    load_text("listen: 127.0.0.1:1\nmax_entities: 5\ntls_key: a\n");
    write_settings("listen: 127.0.0.1:2\nmax_entities: 6\ntls_key: b\nlog_level: debug\n");
    assert_ok(ss_settings_reload(&settings, path, NULL, 0, &next, &kept, &error));
    ss_buffer_byte(&kept, 0);
    assert_string_equal((char *)kept.data,
                        "listen: the change takes effect at the next start\n"
                        "tls_key: the change takes effect at the next start\n");
    assert_string_equal(next.listeners[0].address, "127.0.0.1:1");
    assert_string_equal(next.tls_key, "a");
    assert_int_equal(next.max_entities, 6);
    assert_int_equal(next.log_level, 0);
    ss_settings_release(&settings); // the new ones borrow nothing
    assert_string_equal(next.listeners[0].address, "127.0.0.1:1");
    ss_settings_release(&next);
    ss_buffer_release(&kept);
}

static void a_reload_of_a_broken_file_changes_nothing(void **state)
{
    (void)state;
    struct ss_settings next = {.max_entities = 1};
    struct ss_buffer kept = {0};
    load_text("max_entities: 5\n");
    write_settings("max_entities: none\n");
    assert_status(SS_INVALID, ss_settings_reload(&settings, path, NULL, 0, &next, &kept, &error));
    assert_int_equal(next.max_entities, 1);
    assert_int_equal(settings.max_entities, 5);
    ss_buffer_release(&kept);
}

// ---- Access

// "" is fine.
static const char *access_of(const char *text, bool tokens_exist)
{
    load_text(text);
    error.message[0] = 0;
    const enum ss_status status = ss_access_check(&settings, tokens_exist, &error);
    assert_int_equal(status, error.message[0] ? SS_INVALID : SS_OK);
    return error.message;
}

#define TLS "tls_certificate: c\ntls_key: k\n"
#define PLAIN                                                                                        \
    "listen '0.0.0.0:1': plain TCP beyond loopback shows every value and token to the network; use " \
    "tls:..., or allow_plain: true"
#define OPEN                                                                                             \
    "': anybody who reaches it could read and write; create a token ('selfsame token create'), ask for " \
    "certificates (tls_client_ca), or allow_anonymous: true"
#define NOBODY                                                                                              \
    "listen '0.0.0.0:1': tokens are required, and none is taken over plain TCP beyond loopback, so nobody " \
    "could call; use tls:..., or require_token: never"

static void only_loopback_and_unix_sockets_are_open_by_themselves(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool tokens;
        const char *want;
    } cases[] = {
        {"", false, ""},
        {"", true, ""},
        {"listen: unix:/run/x\n", false, ""},
        {"listen: 0.0.0.0:1\n", false, PLAIN},
        {"listen: 0.0.0.0:1\n", true, PLAIN},
        {"listen: 0.0.0.0:1\nallow_anonymous: true\n", false, PLAIN},
        {"listen: 0.0.0.0:1\nallow_plain: true\n", false, "listen '0.0.0.0:1" OPEN},
        {"listen: 0.0.0.0:1\nallow_plain: true\nallow_anonymous: true\n", false, ""},
        {"listen: 0.0.0.0:1\nallow_plain: true\nallow_anonymous: true\n", true, NOBODY},
        {"listen: 0.0.0.0:1\nallow_plain: true\nallow_anonymous: true\nrequire_token: never\n", true, ""},
        {"listen: 0.0.0.0:1\nallow_plain: true\nrequire_token: always\n", false, NOBODY},
        {"listen: tls:0.0.0.0:1\n", true, "listen 'tls:0.0.0.0:1': TLS needs tls_certificate and tls_key"},
        {"listen: tls:127.0.0.1:1\ntls_key: k\n", true,
         "listen 'tls:127.0.0.1:1': TLS needs tls_certificate and tls_key"},
        {"listen: tls:0.0.0.0:1\n" TLS, false, "listen 'tls:0.0.0.0:1" OPEN},
        {"listen: tls:0.0.0.0:1\n" TLS, true, ""},
        {"listen: tls:0.0.0.0:1\nrequire_token: always\n" TLS, false, ""},
        {"listen: tls:0.0.0.0:1\nrequire_token: never\n" TLS, true, "listen 'tls:0.0.0.0:1" OPEN},
        {"listen: tls:0.0.0.0:1\ntls_client_ca: a\n" TLS, false, ""},
        {"listen: tls:127.0.0.1:1\n" TLS, false, ""},
        {"tls_client_ca: a\n", true, "tls_client_ca: no listener is tls:..., so nothing would use it"},
        {"listen: [0.0.0.0:1, tls:a:2]\n", false,
         PLAIN "\nlisten 'tls:a:2': TLS needs tls_certificate and tls_key"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(access_of(cases[i].text, cases[i].tokens), cases[i].want);
}

static void tokens_are_needed_as_soon_as_one_exists_and_never_taken_where_all_can_see_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum ss_token_rule without, with;
    } cases[] = {
        {"listen: 127.0.0.1:1\n", SS_TOKEN_IGNORED, SS_TOKEN_NEEDED},
        {"listen: unix:/x\n", SS_TOKEN_IGNORED, SS_TOKEN_NEEDED},
        {"listen: tls:0.0.0.0:1\n", SS_TOKEN_IGNORED, SS_TOKEN_NEEDED},
        {"listen: tls:0.0.0.0:1\nrequire_token: always\n", SS_TOKEN_NEEDED, SS_TOKEN_NEEDED},
        {"listen: tls:0.0.0.0:1\nrequire_token: never\n", SS_TOKEN_IGNORED, SS_TOKEN_IGNORED},
        {"listen: 0.0.0.0:1\n", SS_TOKEN_REFUSED, SS_TOKEN_REFUSED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        load_text(cases[i].text);
        assert_int_equal(ss_listener_token_rule(&settings, &settings.listeners[0], false), cases[i].without);
        assert_int_equal(ss_listener_token_rule(&settings, &settings.listeners[0], true), cases[i].with);
    }
}

// ---- Pages

static void the_reference_and_the_help_name_every_setting(void **state)
{
    (void)state;
    struct ss_buffer reference = {0}, help = {0};
    ss_settings_print_reference(&reference);
    ss_settings_print_help(&help);
    ss_buffer_byte(&reference, 0);
    ss_buffer_byte(&help, 0);
    for (size_t id = 0; id < SS_SETTING_IDS; id++) {
        char row[64], option[64] = "  --";
        const char *name = ss_setting_rows[id].name;
        snprintf(row, sizeof row, "\n| `%s` | ", name);
        assert_non_null(strstr((char *)reference.data, row));
        for (size_t i = 0; i <= strlen(name); i++) option[4 + i] = name[i] == '_' ? '-' : name[i];
        assert_non_null(strstr((char *)help.data, option));
    }
    for (const char *line = (char *)help.data; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 110);
    ss_buffer_release(&reference);
    ss_buffer_release(&help);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    const struct ss_setting_option options[] = {{"listen", "127.0.0.1:1"}, {"listen", "127.0.0.1:2"}};
    struct ss_settings live = {0};
    struct ss_buffer kept = {0};
    write_settings("listen: [127.0.0.1:5]\nmax_entities: 5\nshards: 3\n");
    assert_ok(ss_settings_load(NULL, NULL, 0, &live, &error));
    for (long k = 1;; k++) {
        struct ss_settings loaded = {0};
        ss_buffer_release(&kept);
        ss_fail_allocation_at(k);
        const enum ss_status status = ss_settings_reload(&live, path, options, 2, &loaded, &kept, &error);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        assert_true(status == SS_OK || status == SS_OUT_OF_MEMORY);
        ss_settings_release(&loaded);
        if (swept) {
            assert_int_equal(status, SS_OK);
            break;
        }
    }
    ss_buffer_release(&kept);
    ss_settings_release(&live);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_file_and_options_all_are_defaults),
        TEST(a_file_gives_values_of_every_kind),
        TEST(a_list_of_one_may_be_a_text),
        TEST(options_win_over_the_file_and_lists_grow_by_repeating),
        TEST(an_empty_file_is_fine),
        TEST(options_are_taken_from_a_command_line),
        TEST(a_command_line_that_is_none_is_told),
        TEST(every_mistake_of_a_file_is_told_at_once_with_its_place),
        TEST(numbers_and_durations_keep_their_bounds),
        TEST(addresses_that_are_none_are_told),
        TEST(loopback_is_told_from_what_other_machines_reach),
        TEST(files_that_cannot_be_read_are_told),
        TEST(a_file_that_is_no_yaml_is_told_with_its_place),
        TEST(more_mistakes_than_the_message_holds_are_counted),
        TEST(a_reload_takes_what_is_live_and_names_what_has_to_wait),
        TEST(a_reload_of_a_broken_file_changes_nothing),
        TEST(only_loopback_and_unix_sockets_are_open_by_themselves),
        TEST(tokens_are_needed_as_soon_as_one_exists_and_never_taken_where_all_can_see_them),
        TEST(the_reference_and_the_help_name_every_setting),
        TEST(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
