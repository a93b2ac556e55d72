// Metrics over HTTP by libmicrohttpd: one thread of its own, which answers from memory.
//
// The socket is ours, so that a port that is taken is told with its name. A request is answered when its head
// is there; a body is not read.

#include "server/metrics_http.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX      64
#define CONNECTIONS_PER_PEER 32
#define SILENCE_SECONDS      10
#define HEAD_BYTES           (32 << 10)

struct ss_metrics_http {
    struct ss_metrics_http_options options;
    struct MHD_Daemon *daemon;
    uint16_t port;
};

// ---- Answers

// Takes the body.
static enum MHD_Result answer(struct MHD_Connection *connection, unsigned code, const char *type,
                              struct ss_buffer *body)
{
    struct MHD_Response *response =
        body->failed ? NULL : MHD_create_response_from_buffer(body->size, body->data, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        ss_buffer_release(body);
        return MHD_NO; // closes the connection
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (code == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    const enum MHD_Result queued = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned code, const char *text)
{
    struct ss_buffer body = {0};
    ss_buffer_format(&body, "%s\n", text);
    return answer(connection, code, "text/plain; charset=utf-8", &body);
}

static bool read_ready(const struct ss_metrics_http *http, char reason[SS_REASON_BYTES])
{
    snprintf(reason, SS_REASON_BYTES, "not ready");
    return !http->options.ready || http->options.ready(http->options.context, reason);
}

static enum MHD_Result answer_metrics(const struct ss_metrics_http *http, struct MHD_Connection *connection)
{
    char reason[SS_REASON_BYTES];
    struct ss_gauges gauges;
    struct ss_buffer page = {0};
    ss_gauges_init(&gauges);
    if (http->options.gauges) http->options.gauges(http->options.context, &gauges);
    gauges.is_ready = read_ready(http, reason);
    if (!ss_metrics_print(http->options.metrics, &gauges, &page)) page.failed = true;
    return answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", &page);
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *body, size_t *body_size,
                              void **state)
{
    const struct ss_metrics_http *http = context;
    char reason[SS_REASON_BYTES];
    (void)version, (void)body, (void)body_size, (void)state;
    const bool is_known =
        strcmp(path, "/metrics") == 0 || strcmp(path, "/healthz") == 0 || strcmp(path, "/readyz") == 0;
    if (!is_known)
        return answer_text(connection, MHD_HTTP_NOT_FOUND, "there are /metrics, /healthz and /readyz");
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD alone");
    if (strcmp(path, "/metrics") == 0) return answer_metrics(http, connection);
    if (strcmp(path, "/healthz") == 0) return answer_text(connection, MHD_HTTP_OK, "alive");
    const bool ready = read_ready(http, reason);
    return answer_text(connection, ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
                       ready ? "ready" : reason);
}

// ---- The socket

static int listen_at(const struct addrinfo *address)
{
    const int on = 1;
    const int socket_fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket_fd < 0) return -1;
    setsockopt(socket_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(socket_fd, address->ai_addr, address->ai_addrlen) == 0 &&
        listen(socket_fd, CONNECTIONS_MAX) == 0)
        return socket_fd;
    const int reason = errno;
    close(socket_fd);
    errno = reason;
    return -1;
}

static bool split(const char *text, char host[256], const char **port)
{
    const char *colon = strrchr(text, ':');
    size_t size = colon ? (size_t)(colon - text) : 0;
    if (size > 1 && text[0] == '[' && text[size - 1] == ']') text++, size -= 2;
    if (!size || size >= 256) return false;
    memcpy(host, text, size);
    host[size] = 0;
    *port = colon + 1;
    return true;
}

static enum ss_status open_socket(const char *text, int *socket_fd, struct ss_error *error)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char host[256];
    const char *port;
    if (!split(text, host, &port))
        return ss_fail(error, SS_INVALID, "metrics_listen '%.64s': expected HOST:PORT", text);
    const int code = getaddrinfo(host, port, &hints, &found);
    if (code != 0)
        return ss_fail(error, SS_INVALID, "metrics_listen '%.64s': there is no such address: %s", text,
                       gai_strerror(code));
    *socket_fd = -1;
    for (const struct addrinfo *at = found; at && *socket_fd < 0; at = at->ai_next)
        *socket_fd = listen_at(at);
    const int reason = errno;
    freeaddrinfo(found);
    if (*socket_fd >= 0) return SS_OK;
    return ss_fail(error, reason == EADDRINUSE ? SS_BUSY : SS_IO, "metrics_listen '%.64s': %s%s", text,
                   strerror(reason),
                   reason == EADDRINUSE ? "; choose another port, or '' for none (metrics_listen)" : "");
}

static uint16_t port_of(int socket_fd)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    char port[NI_MAXSERV] = "0";
    if (getsockname(socket_fd, (struct sockaddr *)&address, &size) == 0)
        (void)getnameinfo((struct sockaddr *)&address, size, NULL, 0, port, sizeof port, NI_NUMERICSERV);
    return (uint16_t)atoi(port);
}

// ---- Start and stop

// The thread takes no signals: those are the server's.
static struct MHD_Daemon *start_daemon(struct ss_metrics_http *http, int socket_fd)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, handle, http, MHD_OPTION_LISTEN_SOCKET,
        socket_fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_PER_PEER, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SILENCE_SECONDS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_BYTES, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return daemon;
}

enum ss_status ss_metrics_http_start(const struct ss_metrics_http_options *options,
                                     struct ss_metrics_http **http, struct ss_error *error)
{
    int socket_fd = -1;
    struct ss_metrics_http *made = calloc(1, sizeof *made);
    if (!made) return ss_fail_memory(error, "the metrics server");
    made->options = *options;
    enum ss_status status = open_socket(options->listen, &socket_fd, error);
    if (status == SS_OK) {
        made->port = port_of(socket_fd);
        made->daemon = start_daemon(made, socket_fd);
        if (!made->daemon) {
            status = ss_fail(error, SS_IO, "metrics_listen '%.64s': the HTTP server does not start: %s",
                             options->listen, strerror(errno));
            close(socket_fd);
        }
    }
    if (status != SS_OK) {
        free(made);
        return status;
    }
    *http = made;
    return SS_OK;
}

void ss_metrics_http_stop(struct ss_metrics_http *http)
{
    if (!http) return;
    MHD_stop_daemon(http->daemon); // closes the socket too
    free(http);
}

uint16_t ss_metrics_http_port(const struct ss_metrics_http *http)
{
    return http->port;
}
