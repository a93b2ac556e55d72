// Pushes payments of one user at one merchant, put together to batches: push ADDRESS USER MERCHANT COUNT
#include <selfsame.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void batch_ended(void *context, const struct selfsame_batch_end *end,
                        const struct selfsame_error *error)
{
    struct selfsame_refused refused;
    (void)context;
    if (error)
        fprintf(stderr, "batch %llu: %s\n", (unsigned long long)end->batch, error->message);
    else
        printf("batch %llu: %llu of %llu rows accepted\n", (unsigned long long)end->batch,
               (unsigned long long)selfsame_receipt_accepted(end->receipt),
               (unsigned long long)end->row_count);
    if (!error && selfsame_receipt_refused(end->receipt, 0, &refused))
        fprintf(stderr, "%.*s\n", (int)refused.reason.size, (const char *)refused.reason.data);
}

int main(int argc, char **argv)
{
    struct selfsame_options options;
    struct selfsame_pusher_options pushing;
    struct selfsame_client *client = NULL;
    struct selfsame_pusher *pusher = NULL;
    struct selfsame_error error;
    char id[64];
    if (argc != 5) return fprintf(stderr, "usage: push ADDRESS USER MERCHANT COUNT\n"), 2;

    selfsame_options_init(&options);
    options.address = argv[1];
    selfsame_pusher_options_init(&pushing);
    pushing.source = "payments";
    pushing.callback = batch_ended;
    if (selfsame_connect(&options, &client, &error)) return fprintf(stderr, "%s\n", error.message), 2;
    if (selfsame_pusher_open(client, &pushing, &pusher, &error))
        return fprintf(stderr, "%s\n", error.message), 2;

    for (long i = 0; i < atol(argv[4]); i++) {
        snprintf(id, sizeof id, "%s-%ld-%ld", argv[2], (long)time(NULL), i);
        selfsame_set_string(selfsame_pusher_column(pusher, "payment_id", SELFSAME_TYPE_STRING), 0, id);
        selfsame_set_string(selfsame_pusher_column(pusher, "user_id", SELFSAME_TYPE_STRING), 0, argv[2]);
        selfsame_set_int64(selfsame_pusher_column(pusher, "merchant_id", SELFSAME_TYPE_INT64), 0,
                           atoll(argv[3]));
        selfsame_set_double(selfsame_pusher_column(pusher, "amount", SELFSAME_TYPE_FLOAT64), 0,
                            10.5 + (double)(i % 90));
        selfsame_set_string(selfsame_pusher_column(pusher, "country", SELFSAME_TYPE_STRING), 0, "DE");
        selfsame_set_bool(selfsame_pusher_column(pusher, "refused", SELFSAME_TYPE_BOOL), 0, false);
        selfsame_set_timestamp(selfsame_pusher_column(pusher, "paid_at", SELFSAME_TYPE_TIMESTAMP), 0,
                               time(NULL) * 1000000);
        if (selfsame_pusher_add(pusher, &error)) break;
    }
    const enum selfsame_code code = selfsame_pusher_flush(pusher, 60000, &error);
    if (code) fprintf(stderr, "%s: %s\n", selfsame_code_name(code), error.message);
    selfsame_pusher_close(pusher);
    selfsame_close(client);
    return code ? 2 : 0;
}
