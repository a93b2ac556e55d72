// Who may come in where. The rules:
//
//   plain TCP beyond loopback   only with allow_plain, and then without tokens: all would see them
//   beyond loopback             a client certificate, a token, or allow_anonymous
//   tls:...                     needs a certificate and its key

#include "server/access.h"

#include <string.h>

static bool tokens_are_required(const struct ss_settings *settings, bool tokens_exist)
{
    return settings->require_token == SS_REQUIRE_ALWAYS ||
           (settings->require_token == SS_REQUIRE_AUTO && tokens_exist);
}

static bool is_exposed(const struct ss_listener *listener)
{
    return listener->kind == SS_LISTEN_PLAIN && listener->beyond_loopback;
}

enum ss_token_rule ss_listener_token_rule(const struct ss_settings *settings,
                                          const struct ss_listener *listener, bool tokens_exist)
{
    if (tokens_are_required(settings, tokens_exist))
        return is_exposed(listener) ? SS_TOKEN_REFUSED : SS_TOKEN_NEEDED;
    return is_exposed(listener) ? SS_TOKEN_REFUSED : SS_TOKEN_IGNORED;
}

static const char *problem_of(const struct ss_settings *settings, const struct ss_listener *listener,
                              bool tokens_exist)
{
    const bool required = tokens_are_required(settings, tokens_exist);
    const bool asks_certificate = listener->kind == SS_LISTEN_TLS && *settings->tls_client_ca;
    if (listener->kind == SS_LISTEN_TLS && (!*settings->tls_certificate || !*settings->tls_key))
        return "TLS needs tls_certificate and tls_key";
    if (is_exposed(listener) && !settings->allow_plain)
        return "plain TCP beyond loopback shows every value and token to the network; use tls:..., or "
               "allow_plain: true";
    if (is_exposed(listener) && required)
        return "tokens are required, and none is taken over plain TCP beyond loopback, so nobody could call; "
               "use tls:..., or require_token: never";
    if (listener->beyond_loopback && !asks_certificate && !required && !settings->allow_anonymous)
        return "anybody who reaches it could read and write; create a token ('selfsame token create'), ask "
               "for "
               "certificates (tls_client_ca), or allow_anonymous: true";
    return NULL;
}

static void check_tls(const struct ss_settings *settings, struct ss_buffer *problems)
{
    bool any = false;
    for (size_t i = 0; i < settings->listener_count; i++) any |= settings->listeners[i].kind == SS_LISTEN_TLS;
    if (any) return;
    const char *given = *settings->tls_client_ca     ? "tls_client_ca"
                        : *settings->tls_certificate ? "tls_certificate"
                        : *settings->tls_key         ? "tls_key"
                                                     : NULL;
    if (given) ss_buffer_format(problems, "%s: no listener is tls:..., so nothing would use it\n", given);
}

enum ss_status ss_access_check(const struct ss_settings *settings, bool tokens_exist, struct ss_error *error)
{
    struct ss_buffer problems = {0};
    enum ss_status status = SS_OK;
    for (size_t i = 0; i < settings->listener_count; i++) {
        const char *problem = problem_of(settings, &settings->listeners[i], tokens_exist);
        if (problem) ss_buffer_format(&problems, "listen '%s': %s\n", settings->listeners[i].text, problem);
    }
    check_tls(settings, &problems);
    if (problems.failed)
        status = ss_fail_memory(error, "the check of the listeners");
    else if (problems.size)
        status = ss_fail(error, SS_INVALID, "%.*s", (int)problems.size - 1, (const char *)problems.data);
    ss_buffer_release(&problems);
    return status;
}
