// One fake server and one client of it for a group of tests.
#include "tests/client/fake_group.h"

struct fake fake;
struct selfsame_client *client;

int fake_group_start(void **state)
{
    (void)state;
    fake = fake_start("127.0.0.1:0", (char *)NULL);
    client = fake_connect(&fake);
    return 0;
}

int fake_group_stop(void **state)
{
    (void)state;
    selfsame_close(client);
    fake_stop(&fake);
    return 0;
}
