// Answers, read. They are few and small but for their columns, so each field is looked for by its number
// (feature_store.proto); the last one of a number counts, as the format has it.

#include "wire/answer_read.h"

#include "wire/get_features.h"

static enum ss_status check(struct ss_bytes bytes, const char *what, struct ss_error *error)
{
    struct ss_message message = ss_message_of(bytes);
    struct ss_field field;
    while (ss_message_next(&message, &field)) continue;
    if (!message.failed) return SS_OK;
    return ss_fail(error, SS_INVALID, "the answer is no %s: its bytes are malformed", what);
}

static uint64_t number_of(struct ss_bytes bytes, uint32_t number)
{
    struct ss_message message = ss_message_of(bytes);
    struct ss_field field;
    uint64_t value = 0;
    while (ss_message_next(&message, &field))
        if (field.number == number && field.type != SS_WIRE_BYTES) value = field.value;
    return value;
}

// The next field of that number.
static bool next_part(struct ss_message *message, uint32_t number, struct ss_bytes *part)
{
    struct ss_field field;
    while (ss_message_next(message, &field)) {
        *part = field.bytes;
        if (field.number == number && field.type == SS_WIRE_BYTES) return true;
    }
    return false;
}

static struct ss_bytes part_of(struct ss_bytes bytes, uint32_t number)
{
    struct ss_message message = ss_message_of(bytes);
    struct ss_bytes part, last = {"", 0};
    while (next_part(&message, number, &part)) last = part;
    return last;
}

static size_t count_of(struct ss_bytes bytes, uint32_t number)
{
    struct ss_message message = ss_message_of(bytes);
    struct ss_bytes part;
    size_t count = 0;
    while (next_part(&message, number, &part)) count++;
    return count;
}

static bool hash_of(struct ss_bytes bytes, uint32_t number, struct ss_sha256 *hash)
{
    const struct ss_bytes part = part_of(bytes, number);
    if (part.size != sizeof *hash) return false;
    memcpy(hash, part.data, sizeof *hash);
    return true;
}

static void copy_text(struct ss_bytes text, char *to, size_t size)
{
    const size_t length = text.size < size ? text.size : size - 1;
    memcpy(to, text.data, length);
    to[length] = 0;
}

// ---- Features

static enum ss_status read_feature(const struct ss_wire_column *column,
                                   const struct ss_service_feature *feature, int32_t rows,
                                   struct ss_arena *arena, struct ss_column *values, uint8_t **statuses,
                                   struct ss_error *error)
{
    if (!ss_bytes_equal(column->name, ss_bytes_of(feature->name)))
        return ss_fail(error, SS_INVALID, "the answer has feature '%.*s' where '%s' was asked for",
                       (int)(column->name.size > 80 ? 80 : column->name.size), column->name.data,
                       feature->name);
    return ss_wire_feature_read(column, feature->type, rows, arena, values, statuses, error);
}

// The columns in fields `number`, which are the wanted features of the service in their order.
static enum ss_status read_features(struct ss_bytes message, uint32_t number,
                                    const struct ss_service *service, const bool *wanted, int32_t rows,
                                    struct ss_arena *arena, struct ss_answer *answer, struct ss_error *error)
{
    struct ss_wire_column *columns;
    size_t count, next = 0;
    SS_TRY(ss_wire_columns_open("feature", message, number, SIZE_MAX - 1, arena, &columns, &count, error));
    answer->length = rows;
    answer->columns = ss_arena_array(arena, service->feature_count + 1, sizeof *answer->columns);
    answer->statuses = ss_arena_array(arena, service->feature_count + 1, sizeof *answer->statuses);
    if (!answer->columns || !answer->statuses) return ss_fail_memory(error, "an answer");
    for (size_t f = 0; f < service->feature_count; f++) {
        if (wanted && !wanted[f]) continue;
        if (next == count)
            return ss_fail(error, SS_INVALID, "the answer lacks feature '%s'", service->features[f].name);
        SS_TRY(read_feature(&columns[next++], &service->features[f], rows, arena, &answer->columns[f],
                            &answer->statuses[f], error));
    }
    return SS_OK;
}

enum ss_status ss_wire_get_read(struct ss_bytes message, const struct ss_service *service,
                                const struct ss_lookup *lookup, struct ss_arena *arena,
                                struct ss_answer *answer, struct ss_wire_read_point *point,
                                struct ss_error *error)
{
    SS_TRY(check(message, "GetFeaturesResponse", error));
    const uint64_t rows = number_of(message, 6);
    if (rows != (uint64_t)lookup->length)
        return ss_fail(error, SS_INVALID, "the answer has %llu rows where %d were asked for",
                       (unsigned long long)rows, (int)lookup->length);
    SS_TRY(read_features(message, 7, service, lookup->wanted, lookup->length, arena, answer, error));
    *point = (struct ss_wire_read_point){(int64_t)number_of(message, 2), number_of(message, 3),
                                         number_of(message, 5) != 0};
    return SS_OK;
}

// ---- Pushes

enum ss_status ss_wire_push_read_answer(struct ss_bytes message, struct ss_push_result *result,
                                        struct ss_wire_error *failed, struct ss_error *error)
{
    SS_TRY(check(message, "PushResponse", error));
    const struct ss_bytes body = part_of(message, 11);
    SS_TRY(check(body, "PushResponse", error));
    *failed = (struct ss_wire_error){.code = number_of(body, 1),
                                     .message = part_of(body, 2),
                                     .retry = number_of(body, 3) != 0,
                                     .retry_after_ms = (uint32_t)number_of(body, 4)};
    *result = (struct ss_push_result){.accepted = number_of(message, 2),
                                      .duplicate = number_of(message, 3),
                                      .conflicting = number_of(message, 4),
                                      .quarantined = number_of(message, 5),
                                      .warned = number_of(message, 6),
                                      .repeated = number_of(message, 7) != 0,
                                      .seq = number_of(message, 8)};
    copy_text(part_of(message, 10), result->not_visible, sizeof result->not_visible);
    copy_text(part_of(message, 12), result->first_reason, sizeof result->first_reason);
    return SS_OK;
}

enum ss_status ss_wire_producer_read(struct ss_bytes message, struct ss_wire_producer *producer,
                                     struct ss_error *error)
{
    SS_TRY(check(message, "ProducerResponse", error));
    *producer = (struct ss_wire_producer){.last = number_of(message, 1), .seq = number_of(message, 3)};
    producer->found = hash_of(message, 2, &producer->hash);
    return SS_OK;
}

// ---- Training tables

enum ss_status ss_wire_training_header_read(struct ss_bytes message, uint64_t *newest_seq,
                                            int64_t *read_at_us, struct ss_error *error)
{
    SS_TRY(check(message, "TrainingResponse", error));
    const struct ss_bytes header = part_of(message, 1);
    SS_TRY(check(header, "TrainingHeader", error));
    if (!count_of(message, 1))
        return ss_fail(error, SS_INVALID, "the answer does not begin with a header of the training table");
    *newest_seq = number_of(header, 2);
    *read_at_us = (int64_t)number_of(header, 3);
    return SS_OK;
}

enum ss_status ss_wire_training_rows_read(struct ss_bytes message, const struct ss_service *service,
                                          struct ss_arena *arena, int64_t *first_row,
                                          struct ss_answer *answer, struct ss_error *error)
{
    SS_TRY(check(message, "TrainingResponse", error));
    const struct ss_bytes rows = part_of(message, 2);
    SS_TRY(check(rows, "TrainingRows", error));
    const uint64_t first = number_of(rows, 1), length = number_of(rows, 2);
    if (first > INT64_MAX || length > SS_BATCH_ROWS)
        return ss_fail(error, SS_INVALID, "the answer has %llu rows in a message; expected at most %d",
                       (unsigned long long)length, SS_BATCH_ROWS);
    SS_TRY(read_features(rows, 3, service, NULL, (int32_t)length, arena, answer, error));
    *first_row = (int64_t)first;
    return SS_OK;
}

// ---- Definitions

static bool copy_name(struct ss_bytes name, struct ss_arena *arena, const char **copy)
{
    *copy = ss_arena_copy(arena, name.data, name.size);
    return *copy != NULL;
}

enum ss_status ss_wire_live_read(struct ss_bytes bytes, struct ss_arena *arena, struct ss_wire_live *live,
                                 struct ss_error *error)
{
    struct ss_message message = ss_message_of(bytes);
    struct ss_bytes part;
    SS_TRY(check(bytes, "DescribeResponse", error));
    *live = (struct ss_wire_live){0};
    live->files = ss_arena_array(arena, count_of(bytes, 9) + 1, sizeof *live->files);
    live->zones = ss_arena_array(arena, count_of(bytes, 10) + 1, sizeof *live->zones);
    bool ok = live->files && live->zones;
    while (ok && next_part(&message, 9, &part)) {
        struct ss_file *file = &live->files[live->file_count++];
        file->text = part_of(part, 2);
        ok = copy_name(part_of(part, 1), arena, &file->path);
    }
    message = ss_message_of(bytes);
    while (ok && next_part(&message, 10, &part)) {
        struct ss_zone_file *zone = &live->zones[live->zone_count++];
        zone->tzif = part_of(part, 2);
        ok = copy_name(part_of(part, 1), arena, &zone->name);
    }
    (void)hash_of(part_of(bytes, 1), 3, &live->fingerprint);
    live->max_message_bytes = number_of(part_of(bytes, 11), 1);
    live->max_entities = number_of(part_of(bytes, 11), 2);
    return ok ? SS_OK : ss_fail_memory(error, "the server's definitions");
}

static bool read_change(struct ss_bytes bytes, struct ss_arena *arena, struct ss_planned *planned)
{
    const struct ss_bytes change = part_of(bytes, 3);
    for (int i = SS_CHANGE_NEW; i <= SS_CHANGE_DROPPED; i++)
        if (ss_bytes_equal(change, ss_bytes_of(ss_change_name((enum ss_change)i))))
            planned->change = (enum ss_change)i;
    return copy_name(part_of(bytes, 1), arena, &planned->kind) &&
           copy_name(part_of(bytes, 2), arena, &planned->name) &&
           copy_name(part_of(bytes, 4), arena, &planned->part);
}

enum ss_status ss_wire_plan_read(struct ss_bytes bytes, struct ss_arena *arena, struct ss_wire_plan *plan,
                                 struct ss_error *error)
{
    struct ss_message message = ss_message_of(bytes);
    struct ss_bytes part;
    SS_TRY(check(bytes, "PlanResponse", error));
    *plan = (struct ss_wire_plan){.error_count = number_of(bytes, 2), .report = part_of(bytes, 3)};
    plan->planned = ss_arena_array(arena, count_of(bytes, 1) + 1, sizeof *plan->planned);
    if (!plan->planned) return ss_fail_memory(error, "a plan");
    while (next_part(&message, 1, &part))
        if (!read_change(part, arena, &plan->planned[plan->count++])) return ss_fail_memory(error, "a plan");
    return SS_OK;
}

// ---- Stats

enum ss_status ss_wire_stats_read(struct ss_bytes bytes, struct ss_arena *arena, struct ss_wire_stats *stats,
                                  struct ss_error *error)
{
    struct ss_message message = ss_message_of(bytes);
    struct ss_bytes part;
    SS_TRY(check(bytes, "StatsResponse", error));
    *stats = (struct ss_wire_stats){.history = {.commits = number_of(bytes, 6),
                                                .events = number_of(bytes, 7),
                                                .deletes = number_of(bytes, 8),
                                                .quarantined = number_of(bytes, 9),
                                                .segments = number_of(bytes, 14),
                                                .staged = number_of(bytes, 15),
                                                .file_bytes = number_of(bytes, 10),
                                                .wal_bytes = number_of(bytes, 11)},
                                    .clock_us = (int64_t)number_of(bytes, 2),
                                    .clock = part_of(bytes, 16),
                                    .in_flight = number_of(bytes, 17) != 0,
                                    .newest_seq = number_of(bytes, 3),
                                    .applied_seq = number_of(bytes, 4)};
    stats->views = ss_arena_array(arena, count_of(bytes, 13) + 1, sizeof *stats->views);
    if (!stats->views) return ss_fail_memory(error, "the stats");
    while (next_part(&message, 13, &part))
        stats->views[stats->view_count++] =
            (struct ss_wire_view_stats){part_of(part, 1), number_of(part, 3), number_of(part, 4)};
    return SS_OK;
}

// ---- Quarantine

static bool read_quarantined(struct ss_bytes bytes, struct ss_arena *arena, struct ss_quarantine_row *row)
{
    row->line = number_of(bytes, 3);
    row->value = part_of(bytes, 5);
    return copy_name(part_of(bytes, 1), arena, &row->source) &&
           copy_name(part_of(bytes, 2), arena, &row->file) &&
           copy_name(part_of(bytes, 4), arena, &row->column) &&
           copy_name(part_of(bytes, 6), arena, &row->reason);
}

enum ss_status ss_wire_quarantine_read(struct ss_bytes bytes, struct ss_arena *arena,
                                       struct ss_wire_quarantine *quarantine, struct ss_error *error)
{
    struct ss_message message = ss_message_of(bytes);
    struct ss_bytes part;
    SS_TRY(check(bytes, "QuarantineResponse", error));
    *quarantine = (struct ss_wire_quarantine){.is_last = number_of(bytes, 2) != 0};
    quarantine->rows = ss_arena_array(arena, count_of(bytes, 1) + 1, sizeof *quarantine->rows);
    if (!quarantine->rows) return ss_fail_memory(error, "rows in quarantine");
    while (next_part(&message, 1, &part))
        if (!read_quarantined(part, arena, &quarantine->rows[quarantine->count++]))
            return ss_fail_memory(error, "rows in quarantine");
    return SS_OK;
}
