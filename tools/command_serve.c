// serve: the store as a service.

#include <stdlib.h>

#include "server/serve.h"
#include "tools/cli.h"

int ss_command_serve(struct ss_cli *cli, int argc, char **argv)
{
    struct ss_setting_options options = {0};
    struct ss_error error = {0};
    enum ss_status status = ss_setting_options_parse(argc, argv, &options, &error);
    if (status == SS_OK) status = ss_serve(cli->directory, SS_VERSION_TEXT, &options, &error);
    free(options.options);
    return status == SS_OK ? SS_EXIT_OK : ss_cli_fail(&error);
}
