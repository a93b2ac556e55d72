// A server in a child process, for measuring the client alone. To be started before gRPC is used here.
#ifndef SS_TESTS_CLIENT_CANNED_SERVER_H
#define SS_TESTS_CLIENT_CANNED_SERVER_H

#include <stddef.h>

// Answers every lookup with `rows` rows of 20 doubles. The port, of "127.0.0.1:0"; it dies with this process.
int canned_server_start(const char *address, size_t rows);

#endif
