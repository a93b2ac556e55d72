// The connection to a server, its errors, and its definitions.

#include "tools/remote.h"

#include <stdlib.h>
#include <string.h>

// ---- The way to it

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strncmp(address, "localhost:", 10) == 0 ||
           strncmp(address, "[::1]:", 6) == 0;
}

static enum ss_status check_way(const struct ss_cli *cli, const struct selfsame_options *options,
                                struct ss_error *error)
{
    const char *given = options->ca_file     ? "--ca"
                        : options->cert_file ? "--cert"
                        : options->key_file  ? "--key"
                                             : NULL;
    if (given && !options->tls)
        return ss_fail(error, SS_INVALID, "server '%s': %s goes with TLS; write --server tls:HOST:PORT",
                       cli->server, given);
    if (!options->cert_file != !options->key_file)
        return ss_fail(error, SS_INVALID, "server '%s': --cert and --key go together", cli->server);
    const bool is_plain = !options->tls && strncmp(options->address, "unix:", 5) != 0;
    if ((options->token || options->token_file) && is_plain && !is_loopback(options->address))
        return ss_fail(error, SS_INVALID,
                       "server '%s': a token is not sent to another machine over plain TCP, where everybody "
                       "on the way sees it; write --server tls:%s",
                       cli->server, options->address);
    return SS_OK;
}

static enum ss_status fail_to_begin(const struct ss_cli *cli, const struct selfsame_options *options,
                                    const struct selfsame_error *failed, struct ss_error *error)
{
    if (strncmp(failed->message, "address '", 9) == 0 || !options->address[0])
        return ss_fail(error, SS_INVALID, "server '%s': expected HOST:PORT, tls:HOST:PORT or unix:/PATH",
                       cli->server);
    if (options->token && strstr(failed->message, "'token'"))
        return ss_fail(error, SS_INVALID, "server '%s': what $SELFSAME_TOKEN holds is no token", cli->server);
    return ss_fail(error, SS_INVALID, "server '%s': %s", cli->server, failed->message);
}

enum ss_status ss_remote_open(const struct ss_cli *cli, struct ss_remote *remote, struct ss_error *error)
{
    struct selfsame_options options;
    struct selfsame_error failed;
    const char *token = getenv("SELFSAME_TOKEN");
    *remote = (struct ss_remote){.address = cli->server};
    if (cli->has_now)
        return ss_fail(error, SS_INVALID,
                       "--now moves the clock of a store's folder; leave it out with --server");
    selfsame_options_init(&options);
    options.tls = strncmp(cli->server, "tls:", 4) == 0;
    options.address = cli->server + (options.tls ? 4 : 0);
    options.ca_file = cli->ca_file;
    options.cert_file = cli->cert_file;
    options.key_file = cli->key_file;
    options.token_file = cli->token_file;
    options.token = !cli->token_file && token && *token ? token : NULL;
    options.max_message_bytes = 1u << 30; // the server has a limit of its own
    SS_TRY(check_way(cli, &options, error));
    (void)setenv("GRPC_VERBOSITY", "NONE", 0); // what it has to say is said by us
    if (selfsame_connect(&options, &remote->client, &failed) != SELFSAME_OK)
        return fail_to_begin(cli, &options, &failed, error);
    remote->no_store = (struct ss_store){.directory = (char *)(uintptr_t)cli->server};
    remote->names = (struct ss_materializer){.store = &remote->no_store};
    return SS_OK;
}

void ss_remote_close(struct ss_remote *remote)
{
    if (remote->client) selfsame_close(remote->client);
    ss_definitions_destroy(remote->definitions);
    ss_arena_release(&remote->arena);
    *remote = (struct ss_remote){0};
}

enum ss_status ss_remote_begin(const struct ss_cli *cli, struct ss_remote *remote, struct ss_error *error)
{
    SS_TRY(ss_remote_open(cli, remote, error));
    return ss_remote_load(remote, error);
}

// ---- What goes wrong on it

// What gRPC says of a connection that does not come about or breaks, and what it means here.
#define NOTHING_LISTENS "nothing listens there; start it with 'selfsame serve'"
#define NO_ADDRESS      "its host has no address; check the name"
#define PLAIN_CLOSED    "the connection was closed; is it a tls: listener, or did the server end?"
#define TLS_CLOSED                                                                                        \
    "the connection was closed; does it want a client's certificate (--cert FILE --key FILE), or did it " \
    "end?"
static const struct {
    const char *said, *means, *means_with_tls; // the last NULL: the same
} ways_to_fail[] = {
    {"Connection refused", NOTHING_LISTENS, NULL},
    {"No such file or directory", NOTHING_LISTENS, NULL},
    {"DNS resolution failed", NO_ADDRESS, NULL},
    {"Domain name not found", NO_ADDRESS, NULL},
    {"certificate verify failed",
     "its certificate is of no authority that is trusted here; name the one that signed it with --ca FILE",
     NULL},
    {"not in peer certificate", "its certificate is for another name; connect to the name that it has", NULL},
    {"wrong version number", "it does not speak TLS there; leave 'tls:' out", NULL},
    {"Socket closed", PLAIN_CLOSED, TLS_CLOSED},
    {"onnection reset", PLAIN_CLOSED, TLS_CLOSED},
    {"Broken pipe", PLAIN_CLOSED, TLS_CLOSED},
    {"handshake failed", "TLS did not come about", NULL},
    {"failed to connect to all addresses", "it cannot be reached", NULL},
};

static const char *meaning_of(const struct ss_remote *remote, const struct selfsame_error *failed)
{
    const bool is_tls = strncmp(remote->address, "tls:", 4) == 0;
    if (failed->code == SELFSAME_DEADLINE_EXCEEDED) return "no answer in time; is it overloaded, or cut off?";
    if (failed->code == SELFSAME_UNAUTHENTICATED && strstr(failed->message, "has no token"))
        return "it wants a token ('selfsame token create' makes one); give it with --token-file FILE or "
               "$SELFSAME_TOKEN";
    if (failed->code == SELFSAME_UNAUTHENTICATED && strstr(failed->message, "'authorization"))
        return "the token is none; it looks as 'selfsame token create' shows it";
    if (failed->code != SELFSAME_UNAVAILABLE) return NULL;
    for (size_t i = 0; i < sizeof ways_to_fail / sizeof *ways_to_fail; i++)
        if (strstr(failed->message, ways_to_fail[i].said))
            return is_tls && ways_to_fail[i].means_with_tls ? ways_to_fail[i].means_with_tls
                                                            : ways_to_fail[i].means;
    return NULL;
}

static enum ss_status status_of(const struct selfsame_error *failed)
{
    if (failed->code == SELFSAME_RESOURCE_EXHAUSTED) return failed->retry ? SS_BUSY : SS_LIMIT;
    for (int status = SS_INVALID; status <= SS_STOPPING; status++)
        if (ss_status_grpc((enum ss_status)status) == (int)failed->code) return (enum ss_status)status;
    return SS_IO;
}

enum ss_status ss_remote_fail(const struct ss_remote *remote, const struct selfsame_error *failed,
                              struct ss_error *error)
{
    const enum ss_status status = status_of(failed);
    const char *meaning = meaning_of(remote, failed);
    if (meaning) return ss_fail(error, status, "server '%s': %s", remote->address, meaning);
    if (failed->code == SELFSAME_UNAUTHENTICATED)
        return ss_fail(error, status, "server '%s': %s", remote->address, failed->message);
    if (failed->code == SELFSAME_UNIMPLEMENTED)
        return ss_fail(error, status, "server '%s': it is of another version: %s", remote->address,
                       failed->message);
    return ss_fail(error, status, "%s", failed->message);
}

enum ss_status ss_remote_misread(const struct ss_remote *remote, const struct ss_error *why,
                                 struct ss_error *error)
{
    char text[512];
    snprintf(text, sizeof text, "%.500s", why->message);
    return ss_fail(error, why->status, "server '%s': %s", remote->address, text);
}

enum ss_status ss_remote_call(struct ss_remote *remote, enum ss_client_method method,
                              struct ss_buffer *request, uint32_t deadline_ms, struct ss_client_reply *reply,
                              struct ss_error *error)
{
    struct selfsame_error failed;
    const bool is_whole = !request->failed;
    const enum selfsame_code code = is_whole ? ss_client_call(remote->client, method, request->data,
                                                              request->size, deadline_ms, reply, &failed)
                                             : SELFSAME_OK;
    ss_buffer_release(request);
    if (!is_whole) return ss_fail_memory(error, "a request");
    return code == SELFSAME_OK ? SS_OK : ss_remote_fail(remote, &failed, error);
}

// ---- Its definitions

static bool load_zone(void *context, const char *name, struct ss_bytes *tzif)
{
    const struct ss_wire_live *live = context;
    return ss_zone_file_find(live->zones, live->zone_count, name, tzif);
}

static enum ss_status check_fingerprint(const struct ss_remote *remote, const struct ss_wire_live *live,
                                        struct ss_error *error)
{
    char there[SS_SHA256_TEXT_SIZE], here[SS_SHA256_TEXT_SIZE];
    const struct ss_sha256 *ours = &remote->definitions->fingerprint;
    if (memcmp(ours, &live->fingerprint, sizeof *ours) == 0) return SS_OK;
    return ss_fail(
        error, SS_VERSION,
        "server '%s': its definitions have the fingerprint %s, and here they compile to %s: the two "
        "selfsame are of different versions; this one is " SS_VERSION_TEXT,
        remote->address, ss_sha256_format(&live->fingerprint, there), ss_sha256_format(ours, here));
}

static enum ss_status compile(struct ss_remote *remote, struct ss_wire_live *live, struct ss_error *error)
{
    const struct ss_zone_loader zones = {load_zone, live};
    struct ss_buffer report = {0};
    size_t error_count = 0;
    enum ss_status status = ss_definitions_compile(live->files, live->file_count, &zones,
                                                   &remote->definitions, &report, &error_count, error);
    if (status == SS_FOUND)
        status =
            ss_fail(error, SS_VERSION,
                    "server '%s': its definitions do not compile here: the two selfsame are of different "
                    "versions; this one is " SS_VERSION_TEXT "\n%.*s",
                    remote->address, (int)(report.size > 600 ? 600 : report.size),
                    report.size ? (const char *)report.data : "");
    ss_buffer_release(&report);
    return status == SS_OK ? check_fingerprint(remote, live, error) : status;
}

enum ss_status ss_remote_load(struct ss_remote *remote, struct ss_error *error)
{
    struct ss_buffer request = {0};
    struct ss_client_reply reply = {0};
    struct ss_wire_live live;
    struct ss_error why;
    SS_TRY(ss_remote_call(remote, SS_CLIENT_DESCRIBE, &request, 0, &reply, error));
    enum ss_status status = ss_wire_live_read(ss_remote_bytes(&reply), &remote->arena, &live, &why);
    if (status != SS_OK) {
        status = ss_remote_misread(remote, &why, error);
    } else {
        remote->max_message_bytes = live.max_message_bytes;
        remote->max_entities = live.max_entities;
        if (live.file_count) status = compile(remote, &live, error);
    }
    ss_client_reply_release(&reply);
    remote->names.definitions = remote->definitions;
    return status;
}
