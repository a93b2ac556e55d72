// Tokens: made, kept, found, revoked; what is damaged is never taken for open.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/time.h"
#include "server/token_watch.h"
#include "tests/unit/allocation_sweep.h"
#include "tests/unit/token_harness.h"

static struct ss_token_finder *finder;
static int make_finder(void **state)
{
    (void)state;
    finder = ss_token_finder_create();
    return finder ? 0 : -1;
}

static int drop_finder(void **state)
{
    (void)state;
    ss_token_finder_destroy(finder);
    return 0;
}

static struct ss_tokens *load(void)
{
    struct ss_tokens *tokens = NULL;
    assert_ok(ss_tokens_load(path, &tokens, &error));
    return tokens;
}

static enum ss_token_verdict find_at(const struct ss_tokens *tokens, const char *text, int64_t now_us)
{
    const struct ss_token *token;
    const enum ss_token_verdict verdict = ss_tokens_find(tokens, finder, ss_bytes_of(text), now_us, &token);
    assert_int_equal(token != NULL, verdict == SS_TOKEN_VALID);
    return verdict;
}

static enum ss_token_verdict find(const struct ss_tokens *tokens, const char *text)
{
    return find_at(tokens, text, NOW_US);
}

static char *read_tokens(void)
{
    static char text[65536];
    FILE *file = fopen(path, "r");
    if (!file) return NULL;
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

// ---- Life of a token

static void a_token_that_was_made_is_found_by_its_text_alone(void **state)
{
    (void)state;
    char text[SS_TOKEN_TEXT_SIZE], bearer[SS_TOKEN_TEXT_SIZE + 8];
    assert_ok(create("ci", "read:fraud_v1 push:payments", text));
    assert_int_equal(strlen(text), SS_TOKEN_TEXT_CHARS);
    struct ss_tokens *tokens = load();
    const struct ss_token *token;
    snprintf(bearer, sizeof bearer, "Bearer %s", text);
    assert_int_equal(ss_tokens_find(tokens, finder, ss_bytes_of(bearer), NOW_US, &token), SS_TOKEN_VALID);
    assert_string_equal(token->name, "ci");
    assert_memory_equal(token->id, text + 4, SS_TOKEN_ID_CHARS);
    assert_int_equal(find(tokens, text), SS_TOKEN_VALID);
    for (size_t i = 4; i < SS_TOKEN_TEXT_CHARS; i++) { // another letter anywhere
        const char was = text[i];
        if (i == 4 + SS_TOKEN_ID_CHARS) continue;
        text[i] = was == 'a' ? 'b' : 'a';
        assert_int_equal(find(tokens, text), SS_TOKEN_UNKNOWN);
        text[i] = was;
    }
    ss_tokens_release(tokens);
}

static void what_is_no_token_is_malformed(void **state)
{
    (void)state;
    char text[SS_TOKEN_TEXT_SIZE], changed[SS_TOKEN_TEXT_SIZE + 16];
    assert_ok(create("ci", "admin", text));
    struct ss_tokens *tokens = load();
    static const char *const texts[] = {"", "Bearer", "Bearer ", "Basic abc", "ss1_", "ss1_0123456789ab_"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(find(tokens, texts[i]), SS_TOKEN_MALFORMED);
    snprintf(changed, sizeof changed, "%s ", text);
    assert_int_equal(find(tokens, changed), SS_TOKEN_MALFORMED);
    snprintf(changed, sizeof changed, "%.59s", text);
    assert_int_equal(find(tokens, changed), SS_TOKEN_MALFORMED);
    snprintf(changed, sizeof changed, "ss2_%s", text + 4);
    assert_int_equal(find(tokens, changed), SS_TOKEN_MALFORMED);
    ss_tokens_release(tokens);
}

static void the_file_holds_no_secret_and_only_its_owner_reads_it(void **state)
{
    (void)state;
    char text[SS_TOKEN_TEXT_SIZE];
    struct stat about;
    assert_ok(create("ci", "read:*", text));
    assert_null(strstr(read_tokens(), text + 4 + SS_TOKEN_ID_CHARS + 1));
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
}

static void a_file_is_as_the_format_says(void **state)
{
    (void)state;
    static const char secret[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    struct ss_buffer text = {0};
    char hash[SS_SHA256_TEXT_SIZE];
    struct ss_tokens *tokens = NULL;
    const struct ss_sha256 of_secret = ss_sha256_of(secret, strlen(secret));
    ss_buffer_format(&text,
                     "selfsame tokens 1\nci 0123456789ab %s 2026-01-01T00:00:00Z 2026-02-01T00:00:00Z "
                     "read:a,read:*,admin\n",
                     ss_sha256_format(&of_secret, hash));
    ss_buffer_format(&text, "end 1 %016llx\n", (unsigned long long)ss_hash64(text.data, text.size));
    assert_ok(ss_tokens_parse("t", (struct ss_bytes){(char *)text.data, text.size}, &tokens, &error));
    assert_int_equal(find(tokens, "ss1_0123456789ab_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"),
                     SS_TOKEN_VALID);
    const struct ss_token *token = ss_tokens_at(tokens, 0);
    assert_int_equal(token->created_us, NOW_US);
    assert_int_equal(token->expires_us, NOW_US + 31 * SS_DAY_US);
    assert_int_equal(token->right_count, 3);
    ss_tokens_release(tokens);
    ss_buffer_release(&text);
}

static void a_token_expires_at_its_time_and_not_before(void **state)
{
    (void)state;
    char text[SS_TOKEN_TEXT_SIZE];
    assert_ok(create_until("ci", "admin", NOW_US + 5, text));
    struct ss_tokens *tokens = load();
    assert_int_equal(find_at(tokens, text, NOW_US + 4), SS_TOKEN_VALID);
    assert_int_equal(find_at(tokens, text, NOW_US + 5), SS_TOKEN_EXPIRED);
    text[SS_TOKEN_TEXT_CHARS - 1] ^= 1; // who does not know the secret does not learn that it expired
    assert_int_equal(find_at(tokens, text, NOW_US + 5), SS_TOKEN_UNKNOWN);
    ss_tokens_release(tokens);
}

static void a_revoked_token_is_unknown_and_the_others_stay(void **state)
{
    (void)state;
    char a[SS_TOKEN_TEXT_SIZE], b[SS_TOKEN_TEXT_SIZE], id[SS_TOKEN_ID_CHARS + 1];
    assert_ok(create("alpha", "admin", a));
    assert_ok(create("beta", "admin", b));
    assert_ok(ss_token_revoke(directory, "alpha", &error));
    struct ss_tokens *tokens = load();
    assert_int_equal(find(tokens, a), SS_TOKEN_UNKNOWN);
    assert_int_equal(find(tokens, b), SS_TOKEN_VALID);
    ss_tokens_release(tokens);
    assert_status(SS_NOT_FOUND, ss_token_revoke(directory, "bata", &error));
    assert_string_equal(error.message, "token 'bata': there is none; did you mean 'beta'?");
    snprintf(id, sizeof id, "%.*s", SS_TOKEN_ID_CHARS, b + 4);
    assert_ok(ss_token_revoke(directory, id, &error));
    tokens = load();
    assert_int_equal(ss_tokens_count(tokens), 0);
    assert_true(ss_tokens_exist(tokens)); // or the last revocation would open the server
    ss_tokens_release(tokens);
}

static void without_a_file_none_exists(void **state)
{
    (void)state;
    struct ss_tokens *tokens = load();
    assert_false(ss_tokens_exist(tokens));
    assert_int_equal(find(tokens, "ss1_0123456789ab_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"),
                     SS_TOKEN_UNKNOWN);
    ss_tokens_release(tokens);
}

// ---- Rights

static void rights_hold_for_what_they_name(void **state)
{
    (void)state;
    char text[SS_TOKEN_TEXT_SIZE];
    assert_ok(create("ci", "train:* read:fraud_v1 push:payments read:risk", text));
    struct ss_tokens *tokens = load();
    const struct ss_token *token = ss_tokens_at(tokens, 0);
    static const struct {
        enum ss_token_right_kind kind;
        const char *name;
        bool may;
    } cases[] = {{SS_RIGHT_READ, "fraud_v1", true},  {SS_RIGHT_READ, "risk", true},
                 {SS_RIGHT_READ, "fraud", false},    {SS_RIGHT_READ, "fraud_v10", false},
                 {SS_RIGHT_READ, "payments", false}, {SS_RIGHT_READ, "*", false},
                 {SS_RIGHT_PUSH, "payments", true},  {SS_RIGHT_PUSH, "fraud_v1", false},
                 {SS_RIGHT_TRAIN, "any", true},      {SS_RIGHT_ADMIN, NULL, false},
                 {SS_RIGHT_READ, "", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(ss_token_may(token, cases[i].kind, cases[i].name), cases[i].may);
    ss_tokens_release(tokens);
    assert_ok(create("root", "admin", text));
    tokens = load();
    assert_true(ss_token_may(ss_tokens_at(tokens, 1), SS_RIGHT_ADMIN, NULL));
    assert_false(ss_token_may(ss_tokens_at(tokens, 1), SS_RIGHT_READ, "fraud_v1"));
    ss_tokens_release(tokens);
}

static void rights_that_are_none_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", "right '': expected read:SERVICE, push:SOURCE, train:SERVICE or admin"},
        {"reed:a",
         "right 'reed:a': expected read:SERVICE, push:SOURCE, train:SERVICE or admin; did you mean 'read'?"},
        {"read",
         "right 'read': expected the name of a service behind it, as in 'read:NAME', or 'read:*' for all"},
        {"push:",
         "right 'push:': '' cannot be the name of a source: letters, digits and _, or '*' alone for all"},
        {"read:a*",
         "right 'read:a*': 'a*' cannot be the name of a service: letters, digits and _, or '*' alone for "
         "all"},
        {"read:1a",
         "right 'read:1a': '1a' cannot be the name of a service: letters, digits and _, or '*' alone for "
         "all"},
        {"read:a,b",
         "right 'read:a,b': 'a,b' cannot be the name of a service: letters, digits and _, or '*' alone for "
         "all"},
        {"admin:x", "right 'admin:x': 'admin' stands alone"},
    };
    struct ss_token_right right;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_status(SS_INVALID, ss_token_right_parse(cases[i].text, &right, &error));
        assert_string_equal(error.message, cases[i].want);
    }
}

// ---- Refusals

static void requests_that_make_no_sense_are_refused_and_write_nothing(void **state)
{
    (void)state;
    char text[SS_TOKEN_TEXT_SIZE] = "untouched";
    char long_name[80];
    memset(long_name, 'x', 65);
    long_name[65] = 0;
    const char *const names[] = {"", "a b", "a\nb", "-a", "a,b", "ä", long_name};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(create(names[i], "admin", text), SS_INVALID);
    const struct ss_token_request nothing = {"a", NULL, 0, NOW_US, SS_TOKEN_NEVER, NULL, NULL};
    assert_status(SS_INVALID, ss_token_create(directory, &nothing, text, &error));
    assert_string_equal(error.message,
                        "token 'a': it may nothing; say what with --allow, as in --allow read:*");
    assert_int_equal(create_until("a", "admin", NOW_US, text), SS_INVALID);
    assert_null(read_tokens());
    assert_ok(create("a.b-c_d@e", "admin", text));
    assert_int_equal(create("a.b-c_d@e", "admin", text), SS_CONFLICT);
    assert_string_equal(error.message,
                        "token 'a.b-c_d@e': there is one of this name; revoke it, or choose another name");
}

static void a_folder_that_is_no_store_gets_no_tokens(void **state)
{
    (void)state;
    char text[SS_TOKEN_TEXT_SIZE], want[PATH_BYTES + 64], format[PATH_BYTES + 8];
    snprintf(format, sizeof format, "%s/format", directory);
    assert_int_equal(unlink(format), 0);
    assert_int_equal(create("a", "admin", text), SS_NOT_FOUND);
    snprintf(want, sizeof want, "store '%s': there is none; run 'selfsame init'", directory);
    assert_string_equal(error.message, want);
}

static bool no_random(void *context, void *bytes, size_t size)
{
    (void)context, (void)bytes, (void)size;
    return false;
}

static void without_random_bytes_no_token_is_made(void **state)
{
    (void)state;
    char text[SS_TOKEN_TEXT_SIZE];
    const struct ss_token_right right = {SS_RIGHT_ADMIN, ""};
    const struct ss_token_request request = {"a", &right, 1, NOW_US, SS_TOKEN_NEVER, no_random, NULL};
    assert_status(SS_IO, ss_token_create(directory, &request, text, &error));
    assert_null(read_tokens());
}

static bool same_random(void *context, void *bytes, size_t size)
{
    (void)context;
    memset(bytes, 7, size);
    return true;
}

static void an_id_that_is_taken_is_not_given_twice(void **state)
{
    (void)state;
    char text[SS_TOKEN_TEXT_SIZE];
    const struct ss_token_right right = {SS_RIGHT_ADMIN, ""};
    struct ss_token_request request = {"a", &right, 1, NOW_US, SS_TOKEN_NEVER, same_random, NULL};
    assert_ok(ss_token_create(directory, &request, text, &error));
    assert_string_equal(text, "ss1_070707070707_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc");
    request.name = "b";
    assert_status(SS_BUSY, ss_token_create(directory, &request, text, &error));
}

// ---- Damage

static enum ss_status parse(const char *text, size_t size)
{
    struct ss_tokens *tokens = NULL;
    const enum ss_status status = ss_tokens_parse("t", (struct ss_bytes){text, size}, &tokens, &error);
    assert_int_equal(tokens != NULL, status == SS_OK);
    ss_tokens_release(tokens);
    return status;
}

static void no_cut_and_no_flipped_byte_passes_for_a_file(void **state)
{
    (void)state;
    char text[SS_TOKEN_TEXT_SIZE];
    assert_ok(create("ci", "read:a push:b", text));
    assert_ok(create("cd", "admin", text));
    char *file = read_tokens();
    const size_t size = strlen(file);
    assert_int_equal(parse(file, size), SS_OK);
    for (size_t cut = 0; cut < size; cut++) assert_int_equal(parse(file, cut), SS_DAMAGED);
    for (size_t i = 0; i < size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            file[i] = (char)(file[i] ^ 1 << bit);
            const enum ss_status status = parse(file, size);
            assert_true(status == SS_DAMAGED || status == SS_VERSION);
            file[i] = (char)(file[i] ^ 1 << bit);
        }
    }
    assert_int_equal(parse(file, size), SS_OK);
}

#define HASH   "0000000000000000000000000000000000000000000000000000000000000000"
#define DAY    "2026-01-01T00:00:00Z"
#define ADVICE "; restore the file, or move it away and create the tokens anew"

static void damage_is_told_with_its_line_and_what_to_do(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", "tokens 't': line 1: expected 'selfsame tokens 1'" ADVICE},
        {"hello\n", "tokens 't': line 1: expected 'selfsame tokens 1'" ADVICE},
        {"selfsame tokens 2\nx",
         "tokens 't': its format is 'selfsame tokens 2', this program's is 'selfsame tokens 1'; use the "
         "program that wrote it"},
        {"selfsame tokens 1\n", "tokens 't': line 2: the file ends before its last line" ADVICE},
        {"selfsame tokens 1\na b\n", "tokens 't': line 2: has 2 fields, not 6" ADVICE},
        {"selfsame tokens 1\na 0123456789ab " HASH " " DAY " never admin x\n",
         "tokens 't': line 2: has more than 6 fields" ADVICE},
        {"selfsame tokens 1\na 0123456789AB " HASH " " DAY " never admin\n",
         "tokens 't': line 2: its id is none" ADVICE},
        {"selfsame tokens 1\na 0123456789ab 00 " DAY " never admin\n",
         "tokens 't': line 2: its SHA-256 is none" ADVICE},
        {"selfsame tokens 1\na 0123456789ab " HASH " never never admin\n",
         "tokens 't': line 2: its times are none" ADVICE},
        {"selfsame tokens 1\na 0123456789ab " HASH " " DAY " never admin,\n",
         "tokens 't': line 2: right '': expected read:SERVICE, push:SOURCE, train:SERVICE or admin" ADVICE},
        {"selfsame tokens 1\na 0123456789ab " HASH " " DAY " never admin\nend 1 0000000000000000\n",
         "tokens 't': line 3: the count or the checksum of the lines before does not hold" ADVICE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(parse(cases[i].text, strlen(cases[i].text)) != SS_OK);
        assert_string_equal(error.message, cases[i].want);
    }
}

static void two_of_one_name_or_id_are_damage(void **state)
{
    (void)state;
    static const struct {
        const char *lines, *want;
    } cases[] = {
        {"selfsame tokens 1\na 000000000001 " HASH " " DAY " never admin\nb 000000000001 " HASH " " DAY
         " never admin\n",
         "two tokens with the id 000000000001"},
        {"selfsame tokens 1\na 000000000001 " HASH " " DAY " never admin\na 000000000002 " HASH " " DAY
         " never admin\n",
         "two tokens called 'a'"},
    };
    for (size_t i = 0; i < 2; i++) {
        struct ss_buffer text = {0};
        ss_buffer_text(&text, cases[i].lines);
        ss_buffer_format(&text, "end 2 %016llx\n", (unsigned long long)ss_hash64(text.data, text.size));
        assert_int_equal(parse((const char *)text.data, text.size), SS_DAMAGED);
        assert_non_null(strstr(error.message, cases[i].want));
        ss_buffer_release(&text);
    }
}

static void a_damaged_file_is_not_written_over(void **state)
{
    (void)state;
    char text[SS_TOKEN_TEXT_SIZE];
    write_file("tokens", "selfsame tokens 1\n");
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(create("a", "admin", text), SS_DAMAGED);
    assert_status(SS_DAMAGED, ss_token_revoke(directory, "a", &error));
    assert_string_equal(read_tokens(), "selfsame tokens 1\n");
}

static void a_file_that_others_may_write_proves_nothing(void **state)
{
    (void)state;
    char text[SS_TOKEN_TEXT_SIZE];
    struct ss_tokens *tokens = NULL;
    assert_ok(create("a", "admin", text));
    assert_int_equal(chmod(path, 0620), 0);
    assert_status(SS_INVALID, ss_tokens_load(path, &tokens, &error));
    assert_non_null(strstr(error.message, "others may write to it"));
    assert_null(tokens);
}

// ---- Disks, locks, rights of files

static void a_full_disk_leaves_the_file_as_it_was(void **state)
{
    (void)state;
    char text[SS_TOKEN_TEXT_SIZE], new_path[PATH_BYTES + 8];
    struct rlimit before, limit;
    assert_ok(create("a", "admin", text));
    struct ss_buffer was = {0};
    ss_buffer_text(&was, read_tokens());
    ss_buffer_byte(&was, 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t room = 0; room < was.size + 60; room += 13) {
        char untouched[SS_TOKEN_TEXT_SIZE] = "untouched";
        limit = before;
        limit.rlim_cur = room;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        const enum ss_status status = create("b", "admin", untouched);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(status, SS_IO);
        assert_non_null(strstr(error.message, "nothing was changed"));
        assert_string_equal(untouched, "untouched");
        assert_string_equal(read_tokens(), (char *)was.data);
        snprintf(new_path, sizeof new_path, "%s.new", path);
        assert_int_equal(access(new_path, F_OK), -1);
    }
    assert_ok(create("b", "admin", text));
    ss_buffer_release(&was);
}

static void a_folder_that_cannot_be_written_is_told(void **state)
{
    (void)state;
    char text[SS_TOKEN_TEXT_SIZE];
    if (geteuid() == 0) { // who may write anywhere: a folder in the way of the new file
        char new_path[PATH_BYTES + 8];
        snprintf(new_path, sizeof new_path, "%s.new", path);
        assert_int_equal(mkdir(new_path, 0700), 0);
    } else {
        assert_int_equal(chmod(directory, 0500), 0);
    }
    assert_int_equal(create("a", "admin", text), SS_IO);
    assert_non_null(strstr(error.message, "a new file cannot be made beside it"));
    assert_int_equal(chmod(directory, 0700), 0);
    assert_null(read_tokens());
}

static void what_a_killed_command_left_is_no_obstacle(void **state)
{
    (void)state;
    char text[SS_TOKEN_TEXT_SIZE];
    write_file("tokens.new", "half a fi");
    assert_ok(create("a", "admin", text));
    struct ss_tokens *tokens = load();
    assert_int_equal(find(tokens, text), SS_TOKEN_VALID);
    ss_tokens_release(tokens);
}

static void commands_at_once_lose_nothing(void **state)
{
    (void)state;
    enum { WRITERS = 6, EACH = 5 };
    pid_t children[WRITERS];
    for (int w = 0; w < WRITERS; w++) {
        children[w] = fork();
        assert_true(children[w] >= 0);
        if (children[w]) continue;
        for (int i = 0; i < EACH; i++) {
            char name[32], text[SS_TOKEN_TEXT_SIZE];
            snprintf(name, sizeof name, "t%d_%d", w, i);
            if (create(name, "read:a", text) != SS_OK) _exit(1);
        }
        _exit(0);
    }
    for (int w = 0; w < WRITERS; w++) {
        int status;
        assert_int_equal(waitpid(children[w], &status, 0), children[w]);
        assert_int_equal(status, 0);
    }
    struct ss_tokens *tokens = load();
    assert_int_equal(ss_tokens_count(tokens), WRITERS * EACH);
    ss_tokens_release(tokens);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    char text[SS_TOKEN_TEXT_SIZE];
    assert_ok(create("a", "read:b push:c", text));
    for (long k = 1;; k++) {
        struct ss_token_watch *watch = NULL;
        struct ss_token_reader *reader = NULL;
        ss_fail_allocation_at(k);
        enum ss_status status = create("b", "read:b push:c", text);
        const enum ss_status revoked = ss_token_revoke(directory, "b", &error);
        if (status == SS_OK) status = ss_token_watch_create(path, &watch, &error);
        if (status == SS_OK) status = ss_token_reader_create(watch, &reader, &error);
        const bool swept = ss_allocations_made() < k;
        ss_fail_allocation_at(0);
        ss_token_reader_destroy(reader);
        ss_token_watch_destroy(watch);
        assert_true(status == SS_OK || status == SS_OUT_OF_MEMORY || status == SS_CONFLICT);
        assert_true(revoked == SS_OK || revoked == SS_OUT_OF_MEMORY || revoked == SS_NOT_FOUND);
        if (revoked != SS_OK) (void)ss_token_revoke(directory, "b", NULL);
        if (swept) {
            assert_int_equal(status, SS_OK);
            break;
        }
    }
    struct ss_tokens *tokens = load();
    assert_int_equal(ss_tokens_count(tokens), 1);
    ss_tokens_release(tokens);
}

static void a_look_up_costs_less_than_a_microsecond_or_two(void **state)
{
    (void)state;
    enum { ROUNDS = 20000 };
    char text[SS_TOKEN_TEXT_SIZE];
    struct timespec start, end;
    assert_ok(create("a", "admin", text));
    struct ss_tokens *tokens = load();
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
    for (int i = 0; i < ROUNDS; i++) assert_int_equal(find(tokens, text), SS_TOKEN_VALID);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    const double ns =
        ((double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec)) / ROUNDS;
    print_message("a look-up: %.0f ns\n", ns);
    assert_true(ns < 20000); // generous: sanitizers and busy machines
    ss_tokens_release(tokens);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_token_that_was_made_is_found_by_its_text_alone),
        TEST(what_is_no_token_is_malformed),
        TEST(the_file_holds_no_secret_and_only_its_owner_reads_it),
        TEST(a_file_is_as_the_format_says),
        TEST(a_token_expires_at_its_time_and_not_before),
        TEST(a_revoked_token_is_unknown_and_the_others_stay),
        TEST(without_a_file_none_exists),
        TEST(rights_hold_for_what_they_name),
        TEST(rights_that_are_none_are_told),
        TEST(requests_that_make_no_sense_are_refused_and_write_nothing),
        TEST(a_folder_that_is_no_store_gets_no_tokens),
        TEST(without_random_bytes_no_token_is_made),
        TEST(an_id_that_is_taken_is_not_given_twice),
        TEST(no_cut_and_no_flipped_byte_passes_for_a_file),
        TEST(damage_is_told_with_its_line_and_what_to_do),
        TEST(two_of_one_name_or_id_are_damage),
        TEST(a_damaged_file_is_not_written_over),
        TEST(a_file_that_others_may_write_proves_nothing),
        TEST(a_full_disk_leaves_the_file_as_it_was),
        TEST(a_folder_that_cannot_be_written_is_told),
        TEST(what_a_killed_command_left_is_no_obstacle),
        TEST(commands_at_once_lose_nothing),
        TEST(every_allocation_may_fail),
        TEST(a_look_up_costs_less_than_a_microsecond_or_two),
    };
    return cmocka_run_group_tests(tests, make_finder, drop_finder);
}
