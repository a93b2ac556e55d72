// What the model of examples/payments reads of a user and a merchant: lookup ADDRESS USER MERCHANT
#include <inttypes.h>
#include <selfsame.h>
#include <stdio.h>
#include <stdlib.h>

static void print_row(const struct selfsame_values *values, size_t row)
{
    const struct selfsame_bytes name = selfsame_values_name(values),
                                text = selfsame_values_bytes(values, row);
    printf("%-24.*s ", (int)name.size, (const char *)name.data);
    if (selfsame_values_status(values, row) != SELFSAME_STATUS_PRESENT)
        printf("null\n");
    else if (selfsame_values_type(values) == SELFSAME_TYPE_FLOAT64)
        printf("%.17g\n", selfsame_values_double(values, row));
    else if (selfsame_values_type(values) == SELFSAME_TYPE_BOOL)
        printf("%d\n", selfsame_values_bool(values, row));
    else if (text.size)
        printf("%.*s\n", (int)text.size, (const char *)text.data);
    else
        printf("%" PRId64 " (scale %u)\n", selfsame_values_int64(values, row), selfsame_values_scale(values));
}

int main(int argc, char **argv)
{
    struct selfsame_options options;
    struct selfsame_client *client = NULL;
    struct selfsame_answer *answer = NULL;
    struct selfsame_error error;
    if (argc != 4) return fprintf(stderr, "usage: lookup ADDRESS USER MERCHANT\n"), 2;

    selfsame_options_init(&options);
    options.address = argv[1];
    if (selfsame_connect(&options, &client, &error)) return fprintf(stderr, "%s\n", error.message), 2;

    struct selfsame_lookup *lookup = selfsame_lookup_create("fraud_v1");
    selfsame_set_string(selfsame_lookup_key(lookup, "user_id", SELFSAME_TYPE_STRING), 0, argv[2]);
    selfsame_set_int64(selfsame_lookup_key(lookup, "merchant_id", SELFSAME_TYPE_INT64), 0, atoll(argv[3]));
    const enum selfsame_code code = selfsame_get(client, lookup, &answer, &error);
    if (code) fprintf(stderr, "%s: %s\n", selfsame_code_name(code), error.message);
    for (size_t i = 0; !code && i < selfsame_answer_feature_count(answer); i++)
        print_row(selfsame_answer_feature(answer, i), 0);

    selfsame_answer_destroy(answer);
    selfsame_lookup_destroy(lookup);
    selfsame_close(client);
    return code ? 2 : 0;
}
