// The bearer token. It goes as metadata of each call and not as call credentials, because those are refused
// on connections without TLS, which loopback and Unix sockets do not need.
#include "client/token.h"

#include "client/error.h"
#include "client/file.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct ss_client_token {
    pthread_mutex_t lock;
    grpc_slice value; // "Bearer ..."
    bool is_there;
    char *file; // NULL: it was given as text
};

// May it stand in a header? (RFC 6750 has fewer characters; the server says which it knows.)
static enum selfsame_code check_token(const char *text, size_t size, const char *where,
                                      struct selfsame_error *error)
{
    if (!size) return ss_client_fail(error, SELFSAME_INVALID_ARGUMENT, "%s: the token is empty", where);
    for (size_t i = 0; i < size; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return ss_client_fail(error, SELFSAME_INVALID_ARGUMENT,
                                  "%s: the token has a character that no token has", where);
    return SELFSAME_OK;
}

static enum selfsame_code value_of(const char *text, size_t size, const char *where, grpc_slice *value,
                                   struct selfsame_error *error)
{
    static const char scheme[] = "Bearer ";
    SS_CLIENT_TRY(check_token(text, size, where, error));
    *value = grpc_slice_malloc(sizeof scheme - 1 + size);
    memcpy(GRPC_SLICE_START_PTR(*value), scheme, sizeof scheme - 1);
    memcpy(GRPC_SLICE_START_PTR(*value) + sizeof scheme - 1, text, size);
    return SELFSAME_OK;
}

static enum selfsame_code value_of_file(const char *file, grpc_slice *value, struct selfsame_error *error)
{
    char *text = NULL;
    SS_CLIENT_TRY(ss_client_file_read(file, &text, error));
    const enum selfsame_code code = value_of(text, strcspn(text, "\r\n"), file, value, error);
    free(text);
    return code;
}

enum selfsame_code ss_client_token_open(const char *text, const char *file, struct ss_client_token **token,
                                        struct selfsame_error *error)
{
    struct ss_client_token *made = calloc(1, sizeof *made);
    if (!made) return ss_client_fail_memory(error, "the token");
    if (file && !(made->file = strdup(file))) {
        free(made);
        return ss_client_fail_memory(error, "the token");
    }
    enum selfsame_code code = SELFSAME_OK;
    if (text)
        code = value_of(text, strlen(text), "option 'token'", &made->value, error);
    else if (file)
        code = value_of_file(file, &made->value, error);
    if (code != SELFSAME_OK) {
        free(made->file);
        free(made);
        return code;
    }
    made->is_there = text || file;
    pthread_mutex_init(&made->lock, NULL);
    *token = made;
    return SELFSAME_OK;
}

void ss_client_token_close(struct ss_client_token *token)
{
    if (!token) return;
    if (token->is_there) grpc_slice_unref(token->value);
    pthread_mutex_destroy(&token->lock);
    free(token->file);
    free(token);
}

size_t ss_client_token_metadata(struct ss_client_token *token, grpc_metadata *metadata)
{
    if (!token->is_there) return 0;
    metadata->key = grpc_slice_from_static_string("authorization");
    pthread_mutex_lock(&token->lock);
    metadata->value = grpc_slice_ref(token->value);
    pthread_mutex_unlock(&token->lock);
    return 1;
}

void ss_client_token_refused(struct ss_client_token *token)
{
    grpc_slice value;
    if (!token->file || value_of_file(token->file, &value, NULL) != SELFSAME_OK) return;
    pthread_mutex_lock(&token->lock);
    const grpc_slice old = token->value;
    token->value = value;
    pthread_mutex_unlock(&token->lock);
    grpc_slice_unref(old);
}
