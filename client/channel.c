// A channel of gRPC as the options say: whom to trust, how to come back after the connection was lost, how
// much to take.
//
// Each channel has connections of its own (by default gRPC shares them between channels of one target). Its
// own retries are off: they cost a tenth of a call (measured/serving.md) and repeat what only the caller
// knows to be safe.
#include "client/channel.h"

#include "client/error.h"
#include "client/file.h"

#include <grpc/grpc_security.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARGS_MAX = 16, CONNECT_MS = 5000, KEEPALIVE_TIMEOUT_MS = 10000 };

enum selfsame_code ss_client_target(const char *address, char **target, struct selfsame_error *error)
{
    if (!address || !*address)
        return ss_client_fail(error, SELFSAME_INVALID_ARGUMENT, "option 'address': it is missing");
    const bool is_socket = strncmp(address, "unix:", 5) == 0;
    const char *port = strrchr(address, ':');
    if (!is_socket &&
        (!port || port == address || !port[1] || strspn(port + 1, "0123456789") != strlen(port + 1)))
        return ss_client_fail(error, SELFSAME_INVALID_ARGUMENT,
                              "address '%s': expected host:port or unix:/path", address);
    const size_t size = strlen(address) + sizeof "dns:///";
    char *made = malloc(size);
    if (!made) return ss_client_fail_memory(error, "the address");
    (void)snprintf(made, size, "%s%s", is_socket ? "" : "dns:///", address);
    *target = made;
    return SELFSAME_OK;
}

static enum selfsame_code read_pem(const char *path, char **text, struct selfsame_error *error)
{
    if (!path) return SELFSAME_OK;
    SS_CLIENT_TRY(ss_client_file_read(path, text, error));
    if (strstr(*text, "-----BEGIN")) return SELFSAME_OK;
    free(*text);
    *text = NULL;
    return ss_client_fail(error, SELFSAME_INVALID_ARGUMENT,
                          "%s: expected PEM, which begins with '-----BEGIN'", path);
}

enum selfsame_code ss_client_credentials(const struct selfsame_options *options,
                                         grpc_channel_credentials **credentials, struct selfsame_error *error)
{
    char *roots = NULL, *certificate = NULL, *key = NULL;
    if (!options->tls && !options->ca_file && !options->cert_file && !options->key_file) {
        *credentials = grpc_insecure_credentials_create();
        return SELFSAME_OK;
    }
    if (!options->cert_file != !options->key_file)
        return ss_client_fail(error, SELFSAME_INVALID_ARGUMENT,
                              "option '%s': the other of cert_file and key_file is missing",
                              options->cert_file ? "cert_file" : "key_file");
    enum selfsame_code code = read_pem(options->ca_file, &roots, error);
    if (code == SELFSAME_OK) code = read_pem(options->cert_file, &certificate, error);
    if (code == SELFSAME_OK) code = read_pem(options->key_file, &key, error);
    if (code == SELFSAME_OK) {
        grpc_ssl_pem_key_cert_pair pair = {.private_key = key, .cert_chain = certificate};
        *credentials = grpc_ssl_credentials_create(roots, key ? &pair : NULL, NULL, NULL);
        if (!*credentials)
            code =
                ss_client_fail(error, SELFSAME_INVALID_ARGUMENT, "the certificates: TLS does not take them");
    }
    free(roots);
    free(certificate);
    free(key);
    return code;
}

static void add_number(grpc_channel_args *args, const char *key, uint64_t value)
{
    grpc_arg *arg = &args->args[args->num_args++];
    arg->type = GRPC_ARG_INTEGER;
    arg->key = (char *)(uintptr_t)key;
    arg->value.integer = value > INT32_MAX ? INT32_MAX : (int)value;
}

static void add_text(grpc_channel_args *args, const char *key, const char *value)
{
    grpc_arg *arg = &args->args[args->num_args++];
    arg->type = GRPC_ARG_STRING;
    arg->key = (char *)(uintptr_t)key;
    arg->value.string = (char *)(uintptr_t)value;
}

grpc_channel *ss_client_channel(const struct selfsame_options *options, const char *target,
                                grpc_channel_credentials *credentials)
{
    grpc_arg list[ARGS_MAX];
    grpc_channel_args args = {.num_args = 0, .args = list};
    const uint32_t pause_ms = options->reconnect_min_ms ? options->reconnect_min_ms : 100;
    const uint32_t most_ms = options->reconnect_max_ms ? options->reconnect_max_ms : 5000;
    add_number(&args, GRPC_ARG_ENABLE_RETRIES, 0);
    add_number(&args, GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    add_number(&args, GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
    add_number(&args, GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    add_number(&args, GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0);
    add_number(&args, GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, pause_ms);
    add_number(&args, GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, CONNECT_MS); // how long an attempt may take
    add_number(&args, GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, most_ms);
    add_number(&args, GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
               options->max_message_bytes ? options->max_message_bytes : 64u << 20);
    if (options->keepalive_ms) {
        add_number(&args, GRPC_ARG_KEEPALIVE_TIME_MS, options->keepalive_ms);
        add_number(&args, GRPC_ARG_KEEPALIVE_TIMEOUT_MS, KEEPALIVE_TIMEOUT_MS);
        add_number(&args, GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    }
    if (options->server_name) add_text(&args, GRPC_SSL_TARGET_NAME_OVERRIDE_ARG, options->server_name);
    return grpc_channel_create(target, credentials, &args);
}
