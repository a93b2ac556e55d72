// The table of commands: help, completion and dispatch come from it.

#include <string.h>

#include "server/settings.h"
#include "tools/cli.h"

static const char *settings_help(struct ss_buffer *text)
{
    ss_buffer_text(text, "\nsettings:\n");
    ss_settings_print_help(text);
    ss_buffer_byte(text, 0);
    return text->failed ? "" : (const char *)text->data;
}

static const struct ss_command commands[] = {
    {"init", ss_command_init, "init [--clock wall|replay]", "make an empty store",
     "  --clock wall     the machine's clock, never going back (the default): for serving\n"
     "  --clock replay   stands 1 µs past the newest event seen: for history, demos and tests\n"
     "  --now TIME       where a replay clock starts\n\n"
     "examples:\n"
     "  selfsame --dir /var/lib/selfsame init\n"
     "  selfsame init --clock replay\n"},
    {"check", ss_command_check, "check DEFS...", "compile definitions; show every error at once",
     "DEFS are files, or folders whose *.yaml and *.yml are read. Exit status 1 if there is an error.\n\n"
     "examples:\n"
     "  selfsame check features.yaml\n"
     "  selfsame check definitions/\n",
     .store = SS_ON_NONE},
    {"plan", ss_command_plan, "plan DEFS...", "show what apply would do",
     "Each source, view and service is new, same, changed (and where) or dropped.\n\n"
     "examples:\n"
     "  selfsame plan definitions/\n",
     .store = SS_ON_FOLDER_OR_SERVER},
    {"apply", ss_command_apply, "apply DEFS... [--yes]", "make definitions live",
     "New and changed views are filled from history beside the old ones, then switched at once; lookups go "
     "on.\n"
     "The definitions given are all there are: what they do not name is dropped (history is kept).\n\n"
     "  --yes   do not ask\n\n"
     "examples:\n"
     "  selfsame apply definitions/ --yes\n",
     .store = SS_ON_FOLDER_OR_SERVER},
    {"ingest", ss_command_ingest,
     "ingest SOURCE FILE|- [--live] [--bulk [--threads N]] [--strict] [--again] [--map COLUMN=HEADER]...\n"
     "                 [--producer ID --batch N]",
     "load events from CSV",
     "  --live                rows arrive now; else when the source's `arrival` says\n"
     "  --bulk                for large files of history: parsed on many threads, and served when all of it "
     "is\n"
     "                        there; makes no difference with --live, --strict or --producer, nor for a "
     "source\n"
     "                        with `op`, a unique_ratio or `on_violation: reject`\n"
     "  --threads N           of a load in bulk; default: one for every core\n"
     "  --strict              refuse the whole file if any row is bad; else bad rows go to quarantine\n"
     "  --again               load a file that was loaded before once more\n"
     "  --map COLUMN=HEADER   the source's COLUMN is called HEADER in the file\n"
     "  --producer ID --batch N   the file is batch N of this producer: sending it twice changes nothing\n\n"
     "Deletes (`op`) arrive now, whatever the source declares, and from then on its rows arrive live "
     "(--live):\n"
     "load all files of history before the first one with deletes.\n"
     "Exit status 1 if rows were quarantined or conflicted: the rest was kept.\n"
     "A file is its own producer: loading it twice changes nothing, and a load that was interrupted is "
     "resumed.\n\n"
     "examples:\n"
     "  selfsame ingest payments payments.csv\n"
     "  zcat payments.csv.gz | selfsame ingest payments -\n"
     "  selfsame ingest payments history.csv --bulk\n"
     "  selfsame ingest payments today.csv --live --map user_id=customer\n",
     .store = SS_ON_FOLDER_OR_SERVER},
    {"get", ss_command_get,
     "get SERVICE KEY=VALUE... [--keys FILE.csv] [--request NAME=VALUE]... [--features A,B] [--at TIME]\n"
     "              [--with-event SOURCE.COLUMN=VALUE]...",
     "read features now",
     "  --keys FILE.csv        many entities: a CSV with a column per key\n"
     "  --request NAME=VALUE   a request input of the service\n"
     "  --features A,B         only these\n"
     "  --at TIME              a preview, as if it were TIME (not before the store's clock); what arrives "
     "until then is\n"
     "                         not in it, so the JSON answer says \"preview\": true\n"
     "  --with-event SOURCE.COLUMN=VALUE   the event at hand: as if it had just happened; nothing is stored. "
     "Key\n"
     "                         columns left out are those of the lookup, others null\n\n"
     "examples:\n"
     "  selfsame get fraud_v1 user_id=u17 merchant_id=7 --request amount=12.50\n"
     "  selfsame --json get fraud_v1 --keys keys.csv\n",
     .store = SS_ON_FOLDER_OR_SERVER},
    {"train", ss_command_train,
     "train SERVICE --spine FILE.csv|FILE.db:TABLE --time COLUMN[:s|ms|us] -o FILE.db:TABLE|FILE.csv [--map "
     "KEY=COLUMN]...\n"
     "                [--mode as-known|as-of-event-time [--inclusive]] [--status] [--threads N] "
     "[--with-event SOURCE]",
     "build a point-in-time training table",
     "  --spine            the rows to build: keys, a time, labels, request inputs\n"
     "  --time COLUMN      the time of each row; :s, :ms or :us if it is an integer epoch\n"
     "  -o                 where the table goes; the spine's columns, then the features\n"
     "  --map KEY=COLUMN   a key or request input that the spine calls otherwise\n"
     "  --mode as-known    what a lookup at that time was, or would have been, served (the default)\n"
     "  --mode as-of-event-time   the truth as known today; --inclusive also sees events at exactly that "
     "time\n"
     "  --status           adds <feature>__status: present, null, not_found or expired\n"
     "  --threads N        default: as many as there are cores; the result does not depend on it\n"
     "  --with-event SOURCE   rows carry an event at hand in columns called SOURCE.COLUMN (--map "
     "SOURCE.COLUMN=OTHER "
     "for\n"
     "                     others): its values are as if it had happened just before; empty: none\n\n"
     "examples:\n"
     "  selfsame train fraud_v1 --spine labels.csv --time at -o train.csv\n"
     "  selfsame train fraud_v1 --spine data.db:labels --time at:ms -o data.db:train --status\n",
     .store = SS_ON_FOLDER_OR_SERVER},
    {"skew", ss_command_skew,
     "skew SERVICE --probe N|all | --against FILE.csv --time COLUMN[:s|ms|us] [--tolerance X]",
     "prove that online and offline are equal, or compare another system's values with ours",
     "  --probe N            read N entities online and again from history at the same (t, s); compare every "
     "cell by\n"
     "                       bits\n"
     "  --probe all          every entity\n"
     "  --against FILE.csv   values that another system served or logged: the service's keys (and request "
     "inputs), a\n"
     "                       time, and columns called as features, each compared with what a lookup at that "
     "time was,\n"
     "                       or would have been, served here; empty: null. FILE.db:TABLE is taken too\n"
     "  --time COLUMN        the time of each row; :s, :ms or :us if it is an integer epoch\n"
     "  --tolerance X        floats a and b are alike if |a - b| <= X * max(1, |a|, |b|); without it, and "
     "for all\n"
     "                       other types, values have to be the same bit for bit\n\n"
     "Exit status 1 if there is a difference.\n\n"
     "examples:\n"
     "  selfsame skew fraud_v1 --probe 1000\n"
     "  selfsame skew fraud_v1 --against served.csv --time logged_at:ms --tolerance 1e-9\n"},
    {"rebuild", ss_command_rebuild, "rebuild VIEW...|--all", "make online rows anew from history",
     "  --all   also mends an online store that does not open\n\n"
     "examples:\n"
     "  selfsame rebuild user_spend\n"
     "  selfsame rebuild --all\n",
     .store = SS_ON_FOLDER_OR_SERVER},
    {"rebuild-table", ss_command_rebuild_table, "rebuild-table FILE.db:TABLE",
     "make a training table again from its manifest",
     "The manifest (table selfsame_manifest beside it) says what made the table: definitions, spine, mode "
     "and "
     "how\n"
     "much of history. It is made again of just these, whatever was applied, loaded, taken back or compacted "
     "since,\n"
     "and put in its place if it comes out the same; also when the table itself was dropped or changed.\n\n"
     "Exit status 1, and the table stays as it was, if definitions, spine or rows are not those of then: the "
     "message\n"
     "says which, and why that may be. A spine with a relative path is looked for in the current folder.\n\n"
     "examples:\n"
     "  selfsame rebuild-table data.db:train\n"
     "  selfsame --dir /var/lib/selfsame --json rebuild-table data.db:train\n"},
    {"digest", ss_command_digest, "digest VIEW [--online|--offline] [--at TIME]",
     "one hash over the states of all entities of a view",
     "  --online    of the online rows\n"
     "  --offline   from history alone; never opens the online store\n"
     "  --at TIME   as a read at TIME needs them (not before the store's clock)\n\n"
     "With neither, both are shown and compared: exit status 1 if they differ.\n\n"
     "examples:\n"
     "  selfsame digest user_spend\n"},
    {"compact", ss_command_compact, "compact [--reindex]", "merge what history keeps into few large pieces",
     "A store does it by itself as events come in, but for the largest pieces: after a large load it makes\n"
     "training tables faster. Lookups and reading commands go on beside it.\n\n"
     "  --reindex   sort all events by entity anew from the log: mends a damaged sorted copy\n\n"
     "examples:\n"
     "  selfsame compact\n"},
    {"stats", ss_command_stats, "stats [--quarantine [SOURCE]]", "what the store holds",
     "  --quarantine [SOURCE]   the rows that did not get in, and why\n\n"
     "examples:\n"
     "  selfsame stats\n"
     "  selfsame stats --quarantine payments\n",
     .store = SS_ON_FOLDER_OR_SERVER},
    {"dump", ss_command_dump, "dump VIEW [KEY=VALUE...] | dump --history SOURCE",
     "the tiles of online rows, for people; or all rows of a source",
     "  --history SOURCE   the rows that history has of a source, as CSV in the order they came in, each "
     "with\n"
     "                     _event_time_us, _arrival_time, _seq and, if it was taken back, _deleted_seq. Goes "
     "on\n"
     "                     over damage: cells that cannot be read are empty, rows without a time or seq are "
     "left\n"
     "                     out, and standard error says which; exit status 1 then\n\n"
     "examples:\n"
     "  selfsame dump user_spend user_id=u17\n"
     "  selfsame dump --history payments > saved.csv\n"},
    {"serve", ss_command_serve, "serve [--listen ADDR]... [--config FILE] [--SETTING VALUE]...",
     "serve the store over gRPC until SIGTERM",
     "Lookups, pushes and training tables for clients in any language; proto/selfsame/v1/feature_store.proto "
     "is\n"
     "the interface, docs/CONFIG.md lists the settings, which are options (--max-entities 100) or stand in a "
     "file\n"
     "(max_entities: 100). SIGHUP reads them, the tokens and the certificates again.\n\n"
     "  --listen ADDR   HOST:PORT (default 127.0.0.1:7500), tls:HOST:PORT, unix:/PATH; port 0: any free one\n"
     "  --config FILE   settings, as YAML\n\n"
     "Says \"listening ADDR\" on standard output once it does.\n\n"
     "examples:\n"
     "  selfsame serve\n"
     "  selfsame --dir /var/lib/selfsame serve --config /etc/selfsame/selfsame.yaml\n"
     "  selfsame serve --listen unix:/run/selfsame.sock --listen 127.0.0.1:0\n",
     settings_help},
    {"sql", ss_command_sql, "sql [QUERY] [--csv]", "ask history in SQL",
     "Every source is a table: its columns, then _event_time_us, _arrival_time, _seq (the order in which "
     "rows\n"
     "came in) and _deleted_seq (of the delete that took the row back; else null). Decimals, times, lists "
     "and\n"
     "vectors are text, bools 0 and 1. The plain tables of history.db (commits, batches, quarantine) are "
     "there\n"
     "too. Bounds of _seq are seeked to, and only the columns asked for are read. Nothing can be written.\n"
     "Without QUERY, statements are read from standard input, each ending in a semicolon.\n\n"
     "  --csv    the answer as CSV; with --json it is an array of objects. Bytes are base64 in all of "
     "them\n\n"
     "examples:\n"
     "  selfsame sql 'SELECT country, count(*), sum(_deleted_seq IS NOT NULL) FROM payments GROUP BY "
     "country'\n"
     "  selfsame sql --csv 'SELECT * FROM payments WHERE _seq > 1000000 LIMIT 10'\n"
     "  selfsame --json sql 'SELECT source, reason, count(*) AS rows FROM quarantine GROUP BY 1, 2'\n"},
    {"token", ss_command_token,
     "token create NAME --allow RIGHT... [--expires 90d|TIME] | token list | token revoke NAME",
     "who may call a served store",
     "  token create NAME   makes a token and shows its text, this once\n"
     "    --allow RIGHT     read:SERVICE, push:SOURCE, train:SERVICE (read:* and so on: all), admin. Several "
     "times\n"
     "    --expires T       after a duration, or at a time; else never\n"
     "  token list          all of them, without their secrets\n"
     "  token revoke NAME   by name or id; a running server refuses it within a second\n\n"
     "As soon as one was ever made, the server takes no call without one (docs/CONFIG.md, require_token).\n\n"
     "examples:\n"
     "  selfsame token create scorer --allow read:fraud_v1 --allow push:payments --expires 90d\n"
     "  selfsame token create training --allow 'train:*'\n"
     "  selfsame token revoke scorer\n"},
    {"bench", ss_command_bench, "bench ingest|train|serve|push [OPTIONS]", "measure",
     "  bench ingest   events of a payment-like source with 24 window features into a fresh store below the "
     "current\n"
     "                 folder, with fsync: events per second through history and online rows\n"
     "    --events N (200,000)  --entities N (10,000)  --batch N (10,000)\n\n"
     "  bench train    a training table of the same 24 features, to CSV: rows per second, CPU\n"
     "    --events N (1,000,000)  --entities N (10,000)  --rows N (100,000)  --runs N (5)  --threads N (all "
     "cores)\n\n"
     "  bench serve    lookups of random keys: calls and rows per second, latencies, CPU per call of both "
     "sides\n"
     "    --server ADDR       that server (and --token-file, --ca, --cert, --key-file; --server-pid PID: "
     "whose CPU\n"
     "                        to count); else one of its own over a fresh store of 20 features\n"
     "    --in-process        no server: --dir, or a fresh store, is read in this process\n"
     "    --in-flight N       calls at once (64; in process: threads, 1)\n"
     "    --rate R            instead: so many calls a second at random times; a latency counts from when "
     "its call\n"
     "                        was due\n"
     "    --stream            on --streams N streams (1) instead of a call each\n"
     "    --health            health checks instead of lookups\n"
     "    --entities-per-call N (1)  --connections N (1)  --seconds S (3)  --warm-up S (0.3)\n"
     "    --service S (bench)  --key K (user_id)  --key-type string|int64 (string)  --prefix TEXT (user:)\n"
     "    --entities N        keys are TEXT000000000000 up to N (100,000), or numbers\n\n"
     "  bench push     the events of bench ingest through a server: events and commits per second\n"
     "    --server ADDR --token-file FILE --server-pid PID   as above\n"
     "    --batch N (10,000)  --events N  --entities N  --connections N (1)  --in-flight N each (2)\n"
     "    --rate R            so many events a second;  --live: they happen now\n\n"
     "examples:\n"
     "  selfsame bench ingest --events 1000000\n"
     "  selfsame bench train --events 10000000 --rows 1000000\n"
     "  selfsame bench serve --in-flight 64 --seconds 5\n"
     "  selfsame bench push --connections 64 --in-flight 1 --batch 1 --events 50000\n",
     .store = SS_ON_NONE},
    {"completion", ss_command_completion, "completion bash|man", "print a completion script, or the man page",
     "examples:\n"
     "  source <(selfsame completion bash)\n",
     .store = SS_ON_NONE},
};

const struct ss_command *ss_commands(size_t *count)
{
    *count = sizeof commands / sizeof *commands;
    return commands;
}

static void print_bash(void)
{
    printf(
        "_selfsame() {\n"
        "    local word=${COMP_WORDS[COMP_CWORD]} commands='");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        printf("%s%s", i ? " " : "", commands[i].name);
    printf(
        "'\n"
        "    local i command=\n"
        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
        "        [[ \" $commands \" == *\" ${COMP_WORDS[i]} \"* ]] && { command=${COMP_WORDS[i]}; break; }\n"
        "    done\n"
        "    if [[ -z $command ]]; then\n"
        "        COMPREPLY=($(compgen -W \"$commands --dir --server --token-file --ca --cert --key --json "
        "--now --help --version\" -- \"$word\"))\n"
        "    elif [[ $word == -* ]]; then\n"
        "        COMPREPLY=($(compgen -W \"$(selfsame \"$command\" --help | grep -oE -- '--?[a-z][a-z-]*' | "
        "sort "
        "-u)\" "
        "-- \"$word\"))\n"
        "    else\n"
        "        COMPREPLY=($(compgen -f -- \"$word\"))\n"
        "    fi\n"
        "}\n"
        "complete -o filenames -F _selfsame selfsame\n");
}

// Text for roff: backslashes and hyphens escaped, no line taken for a request.
static void print_roff(const char *text)
{
    for (bool start = true; *text; start = *text++ == '\n') {
        if (start && (*text == '.' || *text == '\'')) fputs("\\&", stdout);
        if (*text == '\\')
            fputs("\\e", stdout);
        else if (*text == '-')
            fputs("\\-", stdout);
        else
            putchar(*text);
    }
}

static void print_man(void)
{
    puts(
        ".TH SELFSAME 1 \"\" \"selfsame " SS_VERSION_TEXT
        "\" \"User Commands\"\n"
        ".SH NAME\nselfsame \\- a feature store: training and serving see the selfsame bits\n"
        ".SH SYNOPSIS\n.B selfsame\n[\\-\\-dir DIR | \\-\\-server ADDR] [\\-\\-json] [\\-\\-now TIME] "
        "COMMAND ...\n"
        ".SH OPTIONS\n"
        ".TP\n.B \\-\\-dir DIR\nthe store; the default is $SELFSAME_DIR, else ./selfsame\\-store\n"
        ".TP\n.B \\-\\-server ADDR\nask this server instead of opening a folder: HOST:PORT, tls:HOST:PORT or "
        "unix:/PATH; the default is $SELFSAME_SERVER. For get, train, ingest, plan, apply, rebuild and "
        "stats, "
        "with the same results\n"
        ".TP\n.B \\-\\-token\\-file FILE\nthe token for the server, in the first line; the default is what "
        "$SELFSAME_TOKEN holds\n"
        ".TP\n.B \\-\\-ca FILE\nof tls:, PEM of who signed the server's certificate; the default is the "
        "system's authorities\n"
        ".TP\n.B \\-\\-cert FILE, \\-\\-key FILE\nof tls:, PEM of the client's own certificate and of its "
        "key\n"
        ".TP\n.B \\-\\-json\nresults as JSON\n"
        ".TP\n.B \\-\\-now TIME\nmove a replay clock forward to TIME first\n"
        ".SH COMMANDS");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        printf(".SS ");
        print_roff(commands[i].usage);
        putchar('\n');
        print_roff(commands[i].summary);
        puts("\n.PP\n.nf");
        struct ss_buffer more = {0};
        print_roff(commands[i].help);
        if (commands[i].more) print_roff(commands[i].more(&more));
        ss_buffer_release(&more);
        puts(".fi");
    }
    puts(
        ".SH EXIT STATUS\n"
        "0 fine; 1 the command worked and what it looks for is there (compile errors, skew, violations); "
        "2 wrong use or failure.\n"
        ".SH ENVIRONMENT\n.TP\n.B SELFSAME_DIR\nthe store when \\-\\-dir is not given\n"
        ".TP\n.B SELFSAME_SERVER\nthe server when neither \\-\\-dir nor \\-\\-server is given\n"
        ".TP\n.B SELFSAME_TOKEN\nthe token for it");
}

static void print_settings(void)
{
    struct ss_buffer page = {0};
    ss_settings_print_reference(&page);
    if (page.size) fwrite(page.data, 1, page.size, stdout);
    ss_buffer_release(&page);
}

// Also `completion config`, which prints docs/CONFIG.md: for the build and the tests.
int ss_command_completion(struct ss_cli *cli, int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "bash") == 0)
        print_bash();
    else if (argc == 2 && strcmp(argv[1], "man") == 0)
        print_man();
    else if (argc == 2 && strcmp(argv[1], "config") == 0)
        print_settings();
    else
        return ss_cli_usage(cli, "expected: completion bash|man");
    return SS_EXIT_OK;
}
