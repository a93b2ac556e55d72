// The fake server (fake_server.py) as a child of a test.
#ifndef SS_TESTS_CLIENT_FAKE_H
#define SS_TESTS_CLIENT_FAKE_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "client/selfsame.h"

struct fake {
    pid_t process;
    int input;         // closing it ends the server
    char address[128]; // to connect to
};

// Is there a Python with grpcio, and protoc?
bool fake_is_possible(void);
// Starts it at "127.0.0.1:0" (a free port), "127.0.0.1:PORT" or "unix:/path", with further arguments up to a
// NULL.
struct fake fake_start(const char *address, ...);
void fake_stop(struct fake *fake);
void fake_kill(struct fake *fake);

// A client of it with default options; fails the test when there is none.
struct selfsame_client *fake_connect(const struct fake *fake);

#endif
