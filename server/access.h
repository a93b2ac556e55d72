// Who may come in where: what the settings say about a listener, given that tokens exist or not.
#ifndef SS_SERVER_ACCESS_H
#define SS_SERVER_ACCESS_H

#include "server/settings.h"

enum ss_token_rule {
    SS_TOKEN_IGNORED, // calls need none, and one that comes is not looked at
    SS_TOKEN_NEEDED,
    SS_TOKEN_REFUSED // a call that carries one is refused: it was shown to the network
};

// `tokens_exist`: one was ever created (struct ss_tokens).
enum ss_token_rule ss_listener_token_rule(const struct ss_settings *settings,
                                          const struct ss_listener *listener, bool tokens_exist);

// May the server start like this? Every listener that may not is told, a line each, with what to do.
enum ss_status ss_access_check(const struct ss_settings *settings, bool tokens_exist, struct ss_error *error);

#endif
