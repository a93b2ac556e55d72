// Who calls. The token is in the call's initial metadata ("authorization: Bearer ..."). Where a listener
// shows what comes in to the network, a call that carries one is refused: it must not be used any more.

#include "server/caller.h"

#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>

#include "server/observe.h"

static struct ss_bytes find_bearer(const grpc_metadata_array *metadata)
{
    static const char name[] = "authorization";
    // A short slice holds its bytes itself: they are pointed to where the array has it.
    for (size_t i = 0; i < metadata->count; i++) {
        const grpc_metadata *found = &metadata->metadata[i];
        if (GRPC_SLICE_LENGTH(found->key) == sizeof name - 1 &&
            memcmp(GRPC_SLICE_START_PTR(found->key), name, sizeof name - 1) == 0)
            return (struct ss_bytes){(const char *)GRPC_SLICE_START_PTR(found->value),
                                     GRPC_SLICE_LENGTH(found->value)};
    }
    return (struct ss_bytes){0};
}

// Did the call come in plain from another machine?
static bool is_shown(grpc_call *call)
{
    char *peer = grpc_call_get_peer(call);
    const bool is_local = strncmp(peer, "unix:", 5) == 0 || strncmp(peer, "ipv4:127.", 9) == 0 ||
                          strncmp(peer, "ipv6:[::1]", 10) == 0 || strncmp(peer, "ipv6:%5B::1%5D", 14) == 0;
    gpr_free(peer);
    if (is_local) return false;
    grpc_auth_context *context = grpc_call_auth_context(call);
    grpc_auth_property_iterator found =
        grpc_auth_context_find_properties_by_name(context, GRPC_TRANSPORT_SECURITY_TYPE_PROPERTY_NAME);
    const grpc_auth_property *property = grpc_auth_property_iterator_next(&found);
    const bool is_plain = !property || strcmp(property->value, GRPC_SSL_TRANSPORT_SECURITY_TYPE) != 0;
    grpc_auth_context_release(context);
    return is_plain;
}

static enum ss_status check_token(struct ss_shard *shard, struct ss_bytes bearer,
                                  enum ss_token_right_kind right, const char *name, struct ss_error *error)
{
    const struct ss_token *token = NULL;
    if (!bearer.size)
        return ss_fail(
            error, SS_UNKNOWN_CALLER,
            "the call has no token; send it as metadata 'authorization: Bearer TOKEN' ('selfsame token "
            "create' makes one)");
    const enum ss_token_verdict verdict = ss_token_reader_find(shard->tokens, bearer, ss_wall_us(), &token);
    if (verdict != SS_TOKEN_VALID)
        return ss_fail(error, SS_UNKNOWN_CALLER, "%s", ss_token_verdict_text(verdict));
    if (right == SS_RIGHT_KINDS || ss_token_may(token, right, name)) return SS_OK;
    const struct ss_token_right needed = {right, right == SS_RIGHT_ADMIN ? "" : name};
    struct ss_buffer text = {0};
    ss_token_right_print(&needed, &text);
    ss_fail(error, SS_DENIED, "token '%s': it has no right '%.*s'", token->name, (int)text.size,
            (const char *)text.data);
    ss_buffer_release(&text);
    return SS_DENIED;
}

enum ss_status ss_caller_may(struct ss_shard *shard, grpc_call *call, const grpc_metadata_array *metadata,
                             enum ss_token_right_kind right, const char *name, struct ss_error *error)
{
    struct ss_serving *serving = shard->serving;
    const struct ss_bytes bearer = find_bearer(metadata);
    const int rule = ss_serving_settings(serving)->require_token;
    const bool is_needed =
        rule == SS_REQUIRE_ALWAYS || (rule == SS_REQUIRE_AUTO && ss_token_watch_exist(serving->tokens));
    if (serving->has_plain_beyond_loopback && (bearer.size || is_needed) && is_shown(call))
        return ss_fail(
            error, SS_UNKNOWN_CALLER,
            bearer.size ? "the token came over plain TCP, where everybody on the way saw it: revoke it, and "
                          "connect to a tls: listener"
                        : "a token is needed, and none is taken over plain TCP: connect to a tls: listener");
    return is_needed ? check_token(shard, bearer, right, name, error) : SS_OK;
}
