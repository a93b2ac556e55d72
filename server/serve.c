// A service, from its start to its end.
//
//   start   settings, tokens and certificates are checked; the store is opened for writing, which brings it
//           in order; the writer, the workers and the shards begin; who is told "listening" can call
//   run     this thread waits for signals, and looks now and then whether tokens changed
//   stop    new calls are UNAVAILABLE; what waits for the writer is committed and answered, training tables
//           end within drain_timeout; then what is left is cut, and the store is closed cleanly

#include "server/serve.h"

#include <errno.h>
#include <grpc/support/log.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "server/access.h"
#include "server/call.h"
#include "server/deadlock_check.h"
#include "server/keep_warm.h"
#include "server/listen.h"
#include "server/log.h"
#include "server/metrics_http.h"
#include "server/notify.h"
#include "server/worker.h"
#include "server/writer.h"

#define TICK_NS     200000000 // between looks at the tokens
#define ADMIN_JOBS  64        // that wait or run
#define FLUSH_US    1000000   // for answers that are on their way out when all is done
#define RETIRED_MAX 1024      // reloads of settings; further ones are refused

struct service {
    struct ss_serving serving;
    const struct ss_setting_options *options;
    struct ss_settings *settings[RETIRED_MAX]; // the newest last; calls may still read older ones
    size_t settings_count;
    struct ss_shard **shards;
    size_t shard_count;
    int *ports; // per listener
    struct ss_metrics_http *http;
    struct ss_materializer *observer; // the HTTP thread's
    struct ss_keep_warm *warm;
    sigset_t signals;
};

// ---- Settings

static enum ss_status take_settings(struct service *service, struct ss_settings *settings,
                                    struct ss_error *error)
{
    struct ss_settings *kept = malloc(sizeof *kept);
    if (!kept) {
        ss_settings_release(settings);
        return ss_fail_memory(error, "the settings");
    }
    *kept = *settings;
    service->settings[service->settings_count++] = kept;
    atomic_store_explicit(&service->serving.settings, kept, memory_order_release);
    return SS_OK;
}

static enum ss_status load_settings(struct service *service, struct ss_error *error)
{
    struct ss_settings settings;
    const struct ss_setting_options *options = service->options;
    SS_TRY(ss_settings_load(options->file, options->options, options->count, &settings, error));
    return take_settings(service, &settings, error);
}

static const struct ss_settings *live(struct service *service)
{
    return ss_serving_settings(&service->serving);
}

// A line of the log for each line of a message.
static void log_lines(struct ss_log *log, enum ss_log_level level, const char *what, const char *lines)
{
    while (*lines) {
        const size_t size = strcspn(lines, "\n");
        ss_log_write(log, level, NULL, 0, "%s%.*s", what, (int)size, lines);
        lines += size + (lines[size] == '\n');
    }
}

static enum ss_status reload_settings(struct service *service, struct ss_error *error)
{
    struct ss_settings next;
    struct ss_buffer kept = {0};
    const struct ss_setting_options *options = service->options;
    if (service->settings_count == RETIRED_MAX)
        return ss_fail(error, SS_LIMIT, "settings were read %d times; restart the server to read them again",
                       RETIRED_MAX);
    SS_TRY(ss_settings_reload(live(service), options->file, options->options, options->count, &next, &kept,
                              error));
    ss_buffer_byte(&kept, 0);
    if (!kept.failed) log_lines(service->serving.log, SS_LOG_WARN, "", (const char *)kept.data);
    ss_buffer_release(&kept);
    SS_TRY(take_settings(service, &next, error));
    ss_log_configure(service->serving.log, (enum ss_log_level)live(service)->log_level,
                     live(service)->log_format == SS_FORMAT_JSON);
    return SS_OK;
}

static void look_at_tokens(struct service *service, bool now)
{
    struct ss_error error = {0};
    bool changed = false;
    const enum ss_status status =
        ss_token_watch_look(service->serving.tokens, ss_wall_us(), now, &changed, &error);
    if (status != SS_OK)
        log_lines(service->serving.log, SS_LOG_ERROR, "the tokens stay as they were: ", error.message);
    if (changed) ss_log_write(service->serving.log, SS_LOG_INFO, NULL, 0, "tokens were read again");
}

static void reload(struct service *service)
{
    struct ss_error error = {0};
    struct ss_log *log = service->serving.log;
    ss_notify_reloading();
    const bool settings = reload_settings(service, &error) == SS_OK;
    if (!settings) log_lines(log, SS_LOG_ERROR, "the settings stay as they were: ", error.message);
    look_at_tokens(service, true);
    const bool certificates = ss_listen_check(live(service), &error) == SS_OK;
    if (certificates)
        atomic_fetch_add(&service->serving.certificate_generation, 1);
    else
        log_lines(log, SS_LOG_ERROR, "the certificates stay as they were: ", error.message);
    if (settings && certificates)
        ss_log_write(log, SS_LOG_INFO, NULL, 0, "settings, tokens and certificates were read again");
    ss_notify_ready(NULL);
}

// ---- What the metrics' page asks for, on its thread

static void fill_gauges(void *context, struct ss_gauges *gauges)
{
    struct service *service = context;
    struct ss_store *store = service->observer->store;
    struct ss_writer_gauges writer;
    struct ss_history_stats history;
    struct ss_commit newest;
    struct ss_online_txn *txn = NULL;
    struct ss_applied applied;
    struct ss_online_stats online;
    const struct ss_definitions *definitions = service->observer->definitions;
    ss_writer_gauges(service->serving.writer, &writer);
    gauges->now_us = ss_clock_now(store->clock);
    gauges->push_queue_pushes = (int64_t)writer.waiting_pushes;
    gauges->push_queue_bytes = (int64_t)writer.waiting_bytes;
    gauges->in_flight = (int64_t)atomic_load(&service->serving.in_flight);
    gauges->train_jobs = (int64_t)ss_worker_jobs(service->serving.training);
    gauges->log_lines_dropped = (int64_t)ss_log_dropped(service->serving.log);
    if (ss_history_newest_commit(store->history, &newest, NULL) == SS_OK)
        gauges->history_seq = (int64_t)newest.last_seq;
    if (ss_history_stats(store->history, &history, NULL) == SS_OK) {
        gauges->wal_bytes = (int64_t)history.wal_bytes;
        gauges->history_bytes = (int64_t)history.file_bytes;
    }
    if (ss_online_read(store->online, &txn, NULL) != SS_OK) return;
    if (ss_online_applied(txn, &applied, NULL) == SS_OK) {
        gauges->applied_seq = (int64_t)applied.seq;
        if (applied.arrival_us > SS_TIME_MIN_US) gauges->newest_event_us = applied.arrival_us;
    }
    if (definitions && definitions->view_count &&
        ss_online_stats(txn, &definitions->views[0].fingerprint, &online, NULL) == SS_OK)
        gauges->online_bytes = (int64_t)online.file_bytes;
    ss_online_end(txn);
}

static bool is_ready(void *context, char reason[SS_REASON_BYTES])
{
    struct service *service = context;
    struct ss_gauges gauges;
    struct ss_writer_gauges writer;
    ss_gauges_init(&gauges);
    if (atomic_load(&service->serving.is_stopping)) {
        snprintf(reason, SS_REASON_BYTES, "the server is stopping");
        return false;
    }
    ss_writer_gauges(service->serving.writer, &writer);
    fill_gauges(service, &gauges);
    if (writer.is_busy || gauges.applied_seq == gauges.history_seq) return true;
    snprintf(reason, SS_REASON_BYTES, "the online rows are behind history: seq %lld of %lld",
             (long long)gauges.applied_seq, (long long)gauges.history_seq);
    return false;
}

static void fill_all_gauges(void *context, struct ss_gauges *gauges)
{
    char reason[SS_REASON_BYTES];
    fill_gauges(context, gauges);
    gauges->is_ready = is_ready(context, reason);
}

static enum ss_status start_http(struct service *service, struct ss_error *error)
{
    const struct ss_metrics_http_options options = {.listen = live(service)->metrics_listen,
                                                    .metrics = service->serving.metrics,
                                                    .gauges = fill_all_gauges,
                                                    .ready = is_ready,
                                                    .context = service};
    if (!options.listen[0]) return SS_OK;
    SS_TRY(ss_materializer_open(service->serving.directory, SS_STORE_READ, NULL, &service->observer, error));
    return ss_metrics_http_start(&options, &service->http, error);
}

// ---- Start

static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

// gRPC writes to standard error itself, and a call waits when nobody reads that: its lines go the log's way.
// Most tell of what a client did.
static _Atomic(struct ss_log *) log_of_grpc;

static void log_for_grpc(gpr_log_func_args *line)
{
    struct ss_log *log = atomic_load(&log_of_grpc);
    const enum ss_log_level level = line->severity == GPR_LOG_SEVERITY_ERROR ? SS_LOG_WARN : SS_LOG_DEBUG;
    const struct ss_log_field fields[] = {ss_log_text("file", line->file), ss_log_number("line", line->line)};
    ss_log_write(log, level, fields, sizeof fields / sizeof *fields, "gRPC: %s", line->message);
}

static enum ss_status start_log(struct service *service, struct ss_error *error)
{
    const struct ss_log_options options = {.file = STDERR_FILENO,
                                           .level = (enum ss_log_level)live(service)->log_level,
                                           .json = live(service)->log_format == SS_FORMAT_JSON};
    SS_TRY(ss_log_create(&options, &service->serving.log, error));
    atomic_store(&log_of_grpc, service->serving.log);
    gpr_set_log_function(log_for_grpc);
    return SS_OK;
}

static enum ss_status start_writer(struct service *service, struct ss_error *error)
{
    struct ss_materializer *materializer = NULL;
    SS_TRY(ss_materializer_open(service->serving.directory, SS_STORE_WRITE, NULL, &materializer, error));
    const enum ss_status status =
        ss_writer_start(&service->serving, materializer, &service->serving.writer, error);
    if (status != SS_OK) ss_materializer_close(materializer);
    return status;
}

static size_t default_shards(void)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores > 2 ? (size_t)cores - 1 : 1;
}

static enum ss_status start_shards(struct service *service, struct ss_error *error)
{
    const struct ss_settings *settings = live(service);
    const size_t count = settings->shards ? (size_t)settings->shards : default_shards();
    service->shards = calloc(count, sizeof(struct ss_shard *));
    service->ports = calloc(settings->listener_count + 1, sizeof *service->ports);
    if (!service->shards || !service->ports) return ss_fail_memory(error, "the shards");
    for (size_t i = 0; i < count; i++, service->shard_count++)
        SS_TRY(ss_shard_open(&service->serving, i, service->ports, &service->shards[i], error));
    for (size_t i = 0; i < count; i++) SS_TRY(ss_shard_run(service->shards[i], error));
    return SS_OK;
}

static enum ss_status check_access(struct service *service, struct ss_error *error)
{
    char path[SS_TOKENS_PATH_SIZE];
    const struct ss_settings *settings = live(service);
    SS_TRY(ss_tokens_path(service->serving.directory, path, error));
    SS_TRY(ss_token_watch_create(path, &service->serving.tokens, error));
    SS_TRY(ss_access_check(settings, ss_token_watch_exist(service->serving.tokens), error));
    SS_TRY(ss_listen_check(settings, error));
    for (size_t i = 0; i < settings->listener_count; i++)
        if (settings->listeners[i].kind == SS_LISTEN_PLAIN && settings->listeners[i].beyond_loopback)
            service->serving.has_plain_beyond_loopback = true;
    return SS_OK;
}

static enum ss_status start(struct service *service, struct ss_error *error)
{
    struct ss_serving *serving = &service->serving;
    SS_TRY(load_settings(service, error));
    SS_TRY(start_log(service, error));
    SS_TRY(check_access(service, error));
    serving->max_message_bytes = (size_t)live(service)->max_message_bytes;
    atomic_store(&serving->certificate_generation, 1);
    SS_TRY(ss_metrics_create(serving->version, &serving->metrics, error));
    SS_TRY(start_writer(service, error));
    SS_TRY(
        ss_worker_start(serving, "requests for workers are waiting", 1, ADMIN_JOBS, &serving->admin, error));
    SS_TRY(ss_worker_start(serving, "training tables are being made (train_jobs)",
                           (size_t)live(service)->train_jobs, (size_t)live(service)->train_jobs,
                           &serving->training, error));
    SS_TRY(ss_keep_warm_start(serving, &service->warm, error));
    SS_TRY(start_shards(service, error));
    return start_http(service, error);
}

// "listening 127.0.0.1:7500" on standard output: with port 0, this is where to read it.
static void tell_listening(struct service *service)
{
    const struct ss_settings *settings = live(service);
    for (size_t i = 0; i < settings->listener_count; i++) {
        const char *text = settings->listeners[i].text;
        const char *colon = strrchr(text, ':');
        if (service->ports[i] && colon && strcmp(colon, ":0") == 0)
            printf("listening %.*s:%d\n", (int)(colon - text), text, service->ports[i]);
        else
            printf("listening %s\n", text);
    }
    if (service->http) {
        const char *colon = strrchr(settings->metrics_listen, ':');
        printf("metrics %.*s:%d\n", (int)(colon ? colon - settings->metrics_listen : 0),
               settings->metrics_listen, (int)ss_metrics_http_port(service->http));
    }
    fflush(stdout);
    ss_log_write(service->serving.log, SS_LOG_INFO, NULL, 0, "serving store '%s' on %zu thread%s",
                 service->serving.directory, service->shard_count, service->shard_count == 1 ? "" : "s");
    ss_notify_ready("serving");
}

// ---- Run and stop

// SIGHUP, SIGTERM or SIGINT; 0: it took too long.
static int next_signal(struct service *service, int64_t wait_ns)
{
    const struct timespec wait = {.tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000};
    const int signal = sigtimedwait(&service->signals, NULL, &wait);
    return signal > 0 ? signal : 0;
}

static bool is_busy(struct service *service)
{
    struct ss_writer_gauges writer;
    ss_writer_gauges(service->serving.writer, &writer);
    return writer.is_busy || ss_worker_jobs(service->serving.admin) ||
           ss_worker_jobs(service->serving.training);
}

static void wait_while(struct service *service, bool (*holds)(struct service *service), int64_t most_us)
{
    const int64_t end_us = ss_monotonic_us() + most_us;
    while (holds(service) && ss_monotonic_us() < end_us)
        if (next_signal(service, 5000000) == SIGTERM) return; // asked for twice: at once
}

static bool has_calls(struct service *service)
{
    return atomic_load(&service->serving.in_flight) + atomic_load(&service->serving.open_calls) > 0;
}

static void stop(struct service *service)
{
    struct ss_serving *serving = &service->serving;
    struct ss_error error;
    atomic_store(&serving->is_stopping, true);
    if (serving->writer && serving->admin && serving->training)
        wait_while(service, is_busy, live(service)->drain_timeout_us);
    ss_writer_finish(serving->writer);
    ss_fail(&error, SS_STOPPING, "the server is stopping");
    for (size_t i = 0; i < service->shard_count; i++) ss_shard_end_calls(service->shards[i], &error);
    ss_worker_stop(serving->training);
    ss_worker_stop(serving->admin);
    ss_keep_warm_stop(service->warm);
    ss_metrics_http_stop(service->http);
    wait_while(service, has_calls, FLUSH_US);
    for (size_t i = 0; i < service->shard_count; i++) ss_shard_close(service->shards[i]);
    ss_writer_close(serving->writer);
}

static void release(struct service *service)
{
    struct ss_serving *serving = &service->serving;
    ss_materializer_close(service->observer);
    ss_metrics_destroy(serving->metrics);
    ss_token_watch_destroy(serving->tokens);
    ss_log_destroy(serving->log);
    for (size_t i = 0; i < service->settings_count; i++) {
        ss_settings_release(service->settings[i]);
        free(service->settings[i]);
    }
    ss_arena_release(&serving->arena);
    free(service->shards);
    free(service->ports);
    free(service);
}

static void run(struct service *service)
{
    tell_listening(service);
    for (;;) {
        const int signal = next_signal(service, TICK_NS);
        if (signal == SIGHUP)
            reload(service);
        else if (signal)
            break;
        look_at_tokens(service, false);
    }
    ss_log_write(service->serving.log, SS_LOG_INFO, NULL, 0, "stopping");
    ss_notify_stopping("taking no new calls");
}

enum ss_status ss_serve(const char *directory, const char *version, const struct ss_setting_options *options,
                        struct ss_error *error)
{
    struct service *service = calloc(1, sizeof *service);
    if (!service) return ss_fail_memory(error, "the service");
    service->serving.directory = directory;
    service->serving.version = version;
    service->options = options;
    sigemptyset(&service->signals);
    sigaddset(&service->signals, SIGTERM);
    sigaddset(&service->signals, SIGINT);
    sigaddset(&service->signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &service->signals, NULL); // before there are threads, which inherit it
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    ss_deadlock_check_off();
    grpc_init();
    const enum ss_status status = start(service, error);
    if (status == SS_OK) run(service);
    stop(service);
    grpc_shutdown_blocking(); // its threads log until then
    gpr_set_log_function(NULL);
    release(service);
    return status;
}
