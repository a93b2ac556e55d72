// bench: which measurement.

#include <string.h>

#include "tools/bench_measure.h"

int ss_command_bench(struct ss_cli *cli, int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(struct ss_cli *cli, int argc, char **argv);
    } kinds[] = {{"ingest", ss_bench_ingest},
                 {"train", ss_bench_train},
                 {"serve", ss_bench_serve},
                 {"push", ss_bench_push}};
    for (size_t i = 0; argc > 1 && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(argv[1], kinds[i].name) == 0) return kinds[i].run(cli, argc - 1, argv + 1);
    return ss_cli_usage(cli, "expected: bench ingest, bench train, bench serve or bench push");
}
