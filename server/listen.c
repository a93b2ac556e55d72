// Listeners and their credentials. Certificates are read from their files whenever their generation changes
// (SIGHUP): each new connection's handshake asks for them.

#include "server/listen.h"

#include <errno.h>
#include <grpc/grpc_security.h>
#include <grpc/support/time.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PEM_MAX (1 << 20)

static enum ss_status read_pem(const char *setting, const char *path, struct ss_arena *arena,
                               const char **text, struct ss_error *error)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return ss_fail(error, SS_INVALID, "%s '%s': it cannot be read: %s", setting, path, strerror(errno));
    char *buffer = ss_arena_alloc(arena, PEM_MAX + 1);
    const size_t size = buffer ? fread(buffer, 1, PEM_MAX + 1, file) : 0;
    const bool failed = ferror(file) != 0;
    fclose(file);
    if (!buffer) return ss_fail_memory(error, "a certificate");
    if (failed)
        return ss_fail(error, SS_INVALID, "%s '%s': it cannot be read: %s", setting, path, strerror(errno));
    if (size > PEM_MAX) return ss_fail(error, SS_INVALID, "%s '%s': it is larger than 1 MB", setting, path);
    if (memchr(buffer, 0, size) || !strstr(buffer, "-----BEGIN "))
        return ss_fail(error, SS_INVALID, "%s '%s': it is no PEM file ('-----BEGIN ...')", setting, path);
    *text = buffer;
    return SS_OK;
}

struct pems {
    struct ss_arena arena;
    const char *certificate, *key, *client_ca; // client_ca NULL: none is asked for
};

// Do the certificate and the key belong together?
static enum ss_status check_pair(const struct ss_settings *settings, struct ss_error *error)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context) return ss_fail_memory(error, "a certificate");
    const bool fits = SSL_CTX_use_certificate_chain_file(context, settings->tls_certificate) == 1 &&
                      SSL_CTX_use_PrivateKey_file(context, settings->tls_key, SSL_FILETYPE_PEM) == 1 &&
                      SSL_CTX_check_private_key(context) == 1;
    SSL_CTX_free(context);
    if (fits) return SS_OK;
    return ss_fail(error, SS_INVALID,
                   "tls_certificate '%s' and tls_key '%s': they are no certificate and its private key",
                   settings->tls_certificate, settings->tls_key);
}

static enum ss_status read_pems(const struct ss_settings *settings, struct pems *pems, struct ss_error *error)
{
    SS_TRY(read_pem("tls_certificate", settings->tls_certificate, &pems->arena, &pems->certificate, error));
    SS_TRY(read_pem("tls_key", settings->tls_key, &pems->arena, &pems->key, error));
    if (settings->tls_client_ca[0])
        SS_TRY(read_pem("tls_client_ca", settings->tls_client_ca, &pems->arena, &pems->client_ca, error));
    return check_pair(settings, error);
}

static bool has_tls(const struct ss_settings *settings)
{
    for (size_t i = 0; i < settings->listener_count; i++)
        if (settings->listeners[i].kind == SS_LISTEN_TLS) return true;
    return false;
}

enum ss_status ss_listen_check(const struct ss_settings *settings, struct ss_error *error)
{
    struct pems pems = {0};
    if (!has_tls(settings)) return SS_OK;
    const enum ss_status status = read_pems(settings, &pems, error);
    ss_arena_release(&pems.arena);
    return status;
}

// ---- Credentials: who is asked at each handshake. Runs on any of gRPC's threads, one at a time per
// listener.

struct certificates {
    struct ss_serving *serving;
    uint64_t generation; // of what was given last
};

static grpc_ssl_certificate_config_reload_status fetch(void *context,
                                                       grpc_ssl_server_certificate_config **config)
{
    struct certificates *certificates = context;
    struct pems pems = {0};
    const uint64_t generation = atomic_load(&certificates->serving->certificate_generation);
    if (generation == certificates->generation) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const enum ss_status status = read_pems(ss_serving_settings(certificates->serving), &pems, NULL);
    if (status == SS_OK) {
        grpc_ssl_pem_key_cert_pair pair = {pems.key, pems.certificate};
        // gRPC 1.51 asserts that there are roots, also where it asks for no certificate: any will do then.
        *config = grpc_ssl_server_certificate_config_create(
            pems.client_ca ? pems.client_ca : pems.certificate, &pair, 1);
        certificates->generation = generation;
    }
    ss_arena_release(&pems.arena);
    return status == SS_OK ? GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW : GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_FAIL;
}

static enum ss_status tls_credentials(struct ss_serving *serving, size_t shard,
                                      grpc_server_credentials **credentials, struct ss_error *error)
{
    const struct ss_settings *settings = ss_serving_settings(serving);
    SS_TRY(ss_listen_check(settings, error));
    struct certificates *certificates = ss_arena_alloc(&serving->arena, sizeof *certificates);
    if (!certificates) return ss_fail_memory(error, "a listener");
    (void)shard;
    certificates->serving = serving;
    grpc_ssl_server_credentials_options *options =
        grpc_ssl_server_credentials_create_options_using_config_fetcher(
            settings->tls_client_ca[0] ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                       : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
            fetch, certificates);
    *credentials = grpc_ssl_server_credentials_create_with_options(options);
    return SS_OK;
}

static bool is_listened_on(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (probe < 0) return false;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    const bool answers =
        connect(probe, (const struct sockaddr *)&address, sizeof address) == 0 || errno == EAGAIN;
    close(probe);
    return answers;
}

// A socket of a server that was killed is in the way of the next one; one that somebody listens on is not
// removed.
static enum ss_status clear_socket(const struct ss_listener *listener, struct ss_error *error)
{
    const char *path = listener->address + strlen("unix:");
    struct stat info;
    if (lstat(path, &info) != 0) return SS_OK;
    if (!S_ISSOCK(info.st_mode))
        return ss_fail(error, SS_INVALID, "listen '%s': there is a file of that name that is no socket",
                       listener->text);
    if (is_listened_on(path))
        return ss_fail(error, SS_IO, "listen '%s': another process listens on it", listener->text);
    if (unlink(path) != 0)
        return ss_fail(error, SS_IO, "listen '%s': the old socket cannot be removed: %s", listener->text,
                       strerror(errno));
    return SS_OK;
}

// Shards share their ports, and so would another server: is there one?
static bool is_taken(const char *address)
{
    grpc_arg alone = {
        .type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t)GRPC_ARG_ALLOW_REUSEPORT, .value.integer = 0};
    const grpc_channel_args arguments = {1, &alone};
    grpc_completion_queue *queue = grpc_completion_queue_create_for_pluck(NULL);
    grpc_server *server = grpc_server_create(&arguments, NULL);
    grpc_server_credentials *credentials = grpc_insecure_server_credentials_create();
    grpc_server_register_completion_queue(server, queue, NULL);
    const bool taken = grpc_server_add_http2_port(server, address, credentials) == 0;
    grpc_server_credentials_release(credentials);
    grpc_server_shutdown_and_notify(server, queue, &alone);
    grpc_completion_queue_pluck(queue, &alone, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    grpc_server_destroy(server);
    grpc_completion_queue_shutdown(queue);
    grpc_completion_queue_destroy(queue);
    return taken;
}

static enum ss_status add_listener(struct ss_serving *serving, grpc_server *server, size_t shard,
                                   const struct ss_listener *listener, int *port, struct ss_error *error)
{
    grpc_server_credentials *credentials = NULL;
    char address[512];
    snprintf(address, sizeof address, "%s", listener->address);
    // The first shard was given a port: the others share it.
    const char *colon = strrchr(address, ':');
    if (shard > 0 && port && *port > 0 && colon && strcmp(colon, ":0") == 0)
        snprintf(address + (colon - address), sizeof address - (size_t)(colon - address), ":%d", *port);
    if (listener->kind == SS_LISTEN_UNIX) SS_TRY(clear_socket(listener, error));
    if (listener->kind == SS_LISTEN_TLS)
        SS_TRY(tls_credentials(serving, shard, &credentials, error));
    else
        credentials = grpc_insecure_server_credentials_create();
    const bool taken = shard == 0 && listener->kind != SS_LISTEN_UNIX && is_taken(address);
    const int got = taken ? 0 : grpc_server_add_http2_port(server, address, credentials);
    grpc_server_credentials_release(credentials);
    if (got == 0)
        return ss_fail(error, SS_IO,
                       "listen '%s': it cannot be listened on; is it in use, or not of this machine?",
                       listener->text);
    if (port && shard == 0) *port = listener->kind == SS_LISTEN_UNIX ? 0 : got;
    return SS_OK;
}

enum ss_status ss_listen(struct ss_serving *serving, grpc_server *server, size_t shard, int *ports,
                         struct ss_error *error)
{
    const struct ss_settings *settings = ss_serving_settings(serving);
    for (size_t i = 0; i < settings->listener_count; i++) {
        if (shard > 0 && settings->listeners[i].kind == SS_LISTEN_UNIX) continue;
        SS_TRY(
            add_listener(serving, server, shard, &settings->listeners[i], ports ? &ports[i] : NULL, error));
    }
    return SS_OK;
}
