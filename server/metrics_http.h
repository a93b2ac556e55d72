// Metrics and health over HTTP, for Prometheus and for whatever watches services.
//
//   /metrics   the page of metrics.h
//   /healthz   200 as long as the process answers
//   /readyz    200 when it is caught up and all views are filled, else 503 with the reason
//
// GET and HEAD alone. At most 64 connections, 32 of one address; one that is silent for 10 s is closed.
#ifndef SS_SERVER_METRICS_HTTP_H
#define SS_SERVER_METRICS_HTTP_H

#include "server/metrics.h"

#define SS_REASON_BYTES 256

struct ss_metrics_http_options {
    const char *listen; // HOST:PORT; port 0: any free one
    const struct ss_metrics *metrics;
    // Both are called from the server's own thread, while a request waits.
    void (*gauges)(void *context,
                   struct ss_gauges *gauges); // they come as ss_gauges_init left them. NULL: none
    bool (*ready)(void *context, char reason[SS_REASON_BYTES]); // false: why not. NULL: always
    void *context;
};

struct ss_metrics_http;
enum ss_status ss_metrics_http_start(const struct ss_metrics_http_options *options,
                                     struct ss_metrics_http **http, struct ss_error *error);
// Closes all connections and ends the thread. NULL is fine.
void ss_metrics_http_stop(struct ss_metrics_http *http);
uint16_t ss_metrics_http_port(const struct ss_metrics_http *http);

#endif
