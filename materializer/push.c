// Push: check, commit to history, fold, publish, for a group of pushes at once.
//
//   1. the clock stands: begin_commit gives the commit's arrival_time
//   2. the door (push_check.c): which rows of each push are events, and is it refused as a whole? A live row
//      that is stamped a little ahead raises the arrival_time, for all live rows of the group
//   3. history, push by push, each in a part of the transaction that can be undone alone: the batch of its
//      producer (seen before, out of order, or new), quarantine, identities, seq (push_write.c)
//   4. one durable commit
//   5. online: the fold reads what was committed back by seq (the same way a recovery does)
//   6. the clock goes on
//
// A load in bulk defers 5 and 6: the clock stands as for one long commit, and so does what is served, until
// ss_push_deferred (or whoever opens the store next, should this process die) has folded all of it at once.
//
// Up to 4 a failure leaves nothing of the group. A commit that fails in 4 (its fsync, say) may still lie in
// history's log: the clock stands still until a later push or open has settled that. After 4 the group is
// acknowledged whatever happens: if 5 fails the clock stands still, as the contract asks, until a later push
// or open has recovered; the results say so.

#include "materializer/push.h"

#include "engine/base/planted.h"
#include "materializer/fold.h"
#include "materializer/push_write.h"

#include <stdio.h>
#include <string.h>

struct group {
    struct ss_materializer *materializer;
    struct ss_history *history;
    struct ss_push_outcome *outcomes;
    struct ss_push_batch *batches;
    size_t count;
    struct ss_arena arena;
    int64_t arrival_time; // of the commit
    struct ss_commit commit;
    bool has_live, has_rows; // a live row, any row was stored
    bool has_news;           // a push was not refused, and not acknowledged before
    bool is_deferred;
    bool is_uncertain; // the commit to history failed: it may be found there by who opens history next
};

// ---- The door

static void check_door(struct group *group, size_t i, int64_t clock_us)
{
    const struct ss_materializer *materializer = group->materializer;
    struct ss_push_batch *batch = &group->batches[i];
    struct ss_push_outcome *outcome = &group->outcomes[i];
    outcome->status = ss_check_push(batch->push, materializer->definitions, clock_us,
                                    ss_clock_kind(materializer->store->clock) == SS_CLOCK_WALL, batch->arena,
                                    &batch->checked, &outcome->error);
    if (outcome->status == SS_OK) outcome->status = ss_push_check_refusal(batch, &outcome->error);
    if (outcome->status == SS_OK && batch->checked.any_live &&
        batch->checked.arrival_time > group->arrival_time)
        group->arrival_time = batch->checked.arrival_time;
}

static void check_doors(struct group *group)
{
    const int64_t clock_us = ss_clock_begin_commit(group->materializer->store->clock);
    group->arrival_time = clock_us;
    for (size_t i = 0; i < group->count; i++) check_door(group, i, clock_us);
    for (size_t i = 0; i < group->count; i++) {
        const struct ss_checked *checked = &group->batches[i].checked;
        if (group->outcomes[i].status != SS_OK || !checked->any_live) continue;
        for (int32_t row = 0; row < group->batches[i].push->length; row++)
            if (checked->arrives_live[row]) checked->arrival_us[row] = group->arrival_time;
    }
}

// ---- History

struct ss_sha256 ss_push_noted_hash(const struct ss_source *source, const struct ss_sha256 *hash)
{
    struct {
        struct ss_sha256 source, batch;
    } both = {ss_sha256_of(source->name, strlen(source->name)), *hash};
    return ss_sha256_of(&both, sizeof both);
}

static enum ss_status check_number(struct ss_push_batch *batch, struct ss_error *error)
{
    const struct ss_push *push = batch->push;
    uint64_t last;
    struct ss_sha256 hash;
    bool found;
    if (!push->producer) return SS_OK;
    SS_TRY(ss_history_producer(batch->history, push->producer, push->number, &last, &found, &hash, error));
    if (found && SS_PLANTED(duplicate_counted)) return SS_OK;
    const struct ss_sha256 noted = ss_push_noted_hash(push->source, &push->hash);
    batch->result->repeated = found && memcmp(&hash, &noted, sizeof hash) == 0;
    if (batch->result->repeated) return SS_OK;
    if (found)
        return ss_fail(
            error, SS_CONFLICT,
            "producer '%s': batch %llu was acknowledged before with other content; send new rows as batch "
            "%llu",
            push->producer, (unsigned long long)push->number, (unsigned long long)last + 1);
    if (push->number == last + 1) return SS_OK;
    return ss_fail(error, SS_CONFLICT, "producer '%s': batch %llu leaves a gap: batch %llu is expected next",
                   push->producer, (unsigned long long)push->number, (unsigned long long)last + 1);
}

// What the door found is of no matter for a batch that was acknowledged before, or is out of order.
static enum ss_status write_push(struct ss_push_batch *batch, struct ss_push_outcome *outcome)
{
    const struct ss_push *push = batch->push;
    struct ss_error error = outcome->error;
    enum ss_status status = check_number(batch, &error);
    if (status == SS_OK && !batch->result->repeated) {
        status = outcome->status;
        if (status == SS_OK) status = ss_push_write(batch, &error);
        if (status == SS_OK && push->producer) {
            const struct ss_sha256 noted = ss_push_noted_hash(push->source, &push->hash);
            status = ss_history_note_batch(batch->history, push->producer, push->number, &noted, &error);
        }
    }
    outcome->status = status;
    outcome->error = status == SS_OK ? (struct ss_error){0} : error;
    return status;
}

static void add_to_commit(struct group *group, const struct ss_push_batch *batch)
{
    group->has_news = group->has_news || !batch->result->repeated;
    group->has_live = group->has_live || batch->has_live;
    group->has_rows = group->has_rows || batch->result->accepted;
    if (batch->result->accepted && batch->newest_us > group->commit.newest_us)
        group->commit.newest_us = batch->newest_us;
}

// A push that fails is undone; what cannot be undone fails the group.
static enum ss_status write_part(struct group *group, size_t i, struct ss_error *error)
{
    struct ss_push_outcome *outcome = &group->outcomes[i];
    SS_TRY(ss_history_begin_part(group->history, error));
    if (write_push(&group->batches[i], outcome) == SS_OK) {
        add_to_commit(group, &group->batches[i]);
        return ss_history_keep_part(group->history, error);
    }
    memset(&outcome->result, 0, sizeof outcome->result);
    if (ss_history_undo_part(group->history, NULL) == SS_OK) return SS_OK;
    return ss_fail(error, outcome->status, "%s", outcome->error.message);
}

static enum ss_status commit_history(struct group *group, struct ss_error *error)
{
    group->commit.arrival_us = group->has_live ? group->arrival_time : group->commit.newest_us;
    ss_store_fault_point(group->materializer->store, "history_before_commit");
    const enum ss_status status = ss_history_commit(group->history, &group->commit, error);
    group->is_uncertain = status != SS_OK;
    return status;
}

// ---- Online

static void note_not_visible(struct group *group, const struct ss_error *error)
{
    for (size_t i = 0; i < group->count; i++) {
        struct ss_push_result *result = &group->outcomes[i].result;
        if (group->outcomes[i].status == SS_OK)
            snprintf(result->not_visible, sizeof result->not_visible, "%.255s", error->message);
    }
}

static void publish(struct group *group)
{
    struct ss_error error = {0};
    uint64_t rows_read = 0;
    if (group->is_deferred) {
        group->materializer->online_is_behind = true; // and the clock stands
        return;
    }
    if (ss_catch_up(group->materializer, &rows_read, &error) != SS_OK) {
        note_not_visible(group, &error);
        return;
    }
    // A commit of declared arrivals alone lies in the past: the clock need not pass it on a wall clock, and
    // passes its newest time on a replay clock.
    ss_clock_end_commit(group->materializer->store->clock,
                        group->has_rows ? group->commit.newest_us + 1 : INT64_MIN);
}

// ---- Together

// Behind deferred commits the clock stands on. Of one that is uncertain the next push is to hear.
static void give_up(struct group *group)
{
    if (group->is_uncertain)
        group->materializer->online_is_behind = false;
    else if (!group->materializer->online_is_behind)
        ss_clock_end_commit(group->materializer->store->clock, INT64_MIN);
}

static void note_seq(struct group *group, uint64_t seq)
{
    for (size_t i = 0; i < group->count; i++)
        if (group->outcomes[i].status == SS_OK) group->outcomes[i].result.seq = seq;
}

// Within history's transaction.
static enum ss_status commit_group(struct group *group, struct ss_error *error)
{
    enum ss_status status;
    group->commit.newest_us = SS_TIME_MIN_US;
    check_doors(group);
    for (size_t i = 0; i < group->count; i++) SS_TRY_GOTO(write_part(group, i, error), out);
    if (!group->has_news) {
        status = ss_history_newest_commit(group->history, &group->commit, error);
        goto out;
    }
    SS_TRY_GOTO(commit_history(group, error), out);
    ss_store_fault_point(group->materializer->store, "between_commits");
    publish(group);
out:
    if (status != SS_OK || !group->has_news) give_up(group);
    if (status == SS_OK) note_seq(group, group->commit.last_seq);
    return status;
}

static enum ss_status push_group(struct group *group, const struct ss_push *const *pushes,
                                 struct ss_error *error)
{
    struct ss_materializer *materializer = group->materializer;
    const bool goes_on = group->is_deferred && materializer->online_is_behind;
    if (!goes_on && ss_clock_in_flight(materializer->store->clock))
        SS_TRY(ss_materializer_recover(materializer, error));
    group->batches = ss_arena_array(&group->arena, group->count + 1, sizeof *group->batches);
    if (!group->batches) return ss_fail_memory(error, "a group of pushes");
    for (size_t i = 0; i < group->count; i++)
        group->batches[i] = (struct ss_push_batch){.history = group->history,
                                                   .push = pushes[i],
                                                   .result = &group->outcomes[i].result,
                                                   .arena = &group->arena};
    SS_TRY(ss_history_begin(group->history, error));
    const enum ss_status status = commit_group(group, error);
    ss_history_rollback(group->history);
    return status;
}

void ss_push_group(struct ss_materializer *materializer, const struct ss_push *const *pushes, size_t count,
                   struct ss_push_outcome *outcomes)
{
    struct ss_error error = {0};
    struct group group = {.materializer = materializer,
                          .history = materializer->store->history,
                          .outcomes = outcomes,
                          .count = count};
    SS_ASSERT(materializer->store->mode == SS_STORE_WRITE);
    memset(outcomes, 0, count * sizeof *outcomes);
    for (size_t i = 0; i < count; i++) {
        SS_ASSERT(!pushes[i]->defer_online ||
                  (count == 1 && !pushes[i]->live && pushes[i]->source->op_column < 0));
        group.is_deferred = pushes[i]->defer_online;
    }
    const enum ss_status status = push_group(&group, pushes, &error);
    for (size_t i = 0; status != SS_OK && i < count; i++)
        outcomes[i] = (struct ss_push_outcome){.status = status, .error = error};
    ss_arena_release(&group.arena);
}

// What cannot be merged now waits for the next time.
void ss_push_settle(struct ss_materializer *materializer)
{
    (void)ss_history_compact(materializer->store->history, SS_COMPACT_NEEDED, NULL);
}

enum ss_status ss_push(struct ss_materializer *materializer, const struct ss_push *push,
                       struct ss_push_result *result, struct ss_error *error)
{
    struct ss_push_outcome outcome;
    ss_push_group(materializer, &push, 1, &outcome);
    if (outcome.status == SS_OK && !push->defer_online) ss_push_settle(materializer);
    if (outcome.status == SS_OK)
        *result = outcome.result;
    else if (error)
        *error = outcome.error;
    return outcome.status;
}

enum ss_status ss_push_deferred(struct ss_materializer *materializer, struct ss_error *error)
{
    return materializer->online_is_behind ? ss_materializer_recover(materializer, error) : SS_OK;
}
