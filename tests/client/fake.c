// Starts and stops the fake server.
#include "tests/client/fake.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

bool fake_is_possible(void)
{
    return system(
               "/usr/bin/python3 -c 'import grpc, google.protobuf' 2>/dev/null && protoc --version "
               ">/dev/null") == 0;
}

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static void run(const char **arguments, int input, int output)
{
    dup2(input, 0);
    dup2(output, 1);
    unsetenv("TSAN_OPTIONS");
    unsetenv("ASAN_OPTIONS");
    execv("/usr/bin/python3", (char *const *)(const void *)arguments);
    _exit(127);
}

struct fake fake_start(const char *address, ...)
{
    const char *arguments[16] = {"python3", "-B", "tests/client/fake_server.py", address};
    struct fake fake = {0};
    int input[2], output[2], port = 0;
    va_list list;
    va_start(list, address);
    for (int i = 4; i < 15 && (arguments[i] = va_arg(list, const char *)); i++) {}
    va_end(list);
    if (pipe2(input, 02000000) != 0 || pipe2(output, 02000000) != 0) die("pipe2");
    fake.process = fork();
    if (fake.process < 0) die("fork");
    if (fake.process == 0) run(arguments, input[0], output[1]);
    close(input[0]);
    close(output[1]);
    fake.input = input[1];
    FILE *told = fdopen(output[0], "r");
    if (!told || fscanf(told, "ready %d", &port) != 1) die("the fake server did not start");
    fclose(told);
    if (strncmp(address, "unix:", 5) == 0)
        snprintf(fake.address, sizeof fake.address, "%s", address);
    else
        snprintf(fake.address, sizeof fake.address, "127.0.0.1:%d", port);
    return fake;
}

static void wait_for(struct fake *fake)
{
    int status;
    waitpid(fake->process, &status, 0);
    fake->process = 0;
}

void fake_stop(struct fake *fake)
{
    if (!fake->process) return;
    close(fake->input);
    wait_for(fake);
}

void fake_kill(struct fake *fake)
{
    kill(fake->process, SIGKILL);
    fake_stop(fake);
}

struct selfsame_client *fake_connect(const struct fake *fake)
{
    struct selfsame_options options;
    struct selfsame_client *client = NULL;
    struct selfsame_error error;
    selfsame_options_init(&options);
    options.address = fake->address;
    if (selfsame_connect(&options, &client, &error) != SELFSAME_OK ||
        selfsame_wait_ready(client, 10000, &error) != SELFSAME_OK) {
        fprintf(stderr, "%s\n", error.message);
        exit(2);
    }
    return client;
}
