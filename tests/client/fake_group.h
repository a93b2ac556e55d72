// A fake server and a client of it for all tests of a group: cmocka_run_group_tests(tests, fake_group_start,
// fake_group_stop).
#ifndef SS_TESTS_CLIENT_FAKE_GROUP_H
#define SS_TESTS_CLIENT_FAKE_GROUP_H

#include "tests/client/fake.h"

extern struct fake fake;
extern struct selfsame_client *client;

int fake_group_start(void **state);
int fake_group_stop(void **state);

#endif
