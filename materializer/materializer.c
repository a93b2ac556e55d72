// Opening a store for work. A writer leaves this page with everything in order, whatever happened before:
//
//   1. which definitions are live: what the online store says, else (it is new) what the catalog says
//   2. the online store: caught up from its applied seq, or filled anew when history does not hold its
//   applied commit
//   3. the clock: no commit is in flight, and it stands past everything that history holds
//
// A reader takes things as they are: behind a dead writer it reads the older state at the time where the
// clock stands.

#include "materializer/materializer.h"

#include "materializer/fill.h"
#include "materializer/fold.h"

#include <stdlib.h>
#include <string.h>

static enum ss_status read_applied(struct ss_store *store, struct ss_applied *applied, struct ss_error *error)
{
    struct ss_online_txn *txn = NULL;
    enum ss_status status = ss_online_read(store->online, &txn, error);
    if (status == SS_OK) status = ss_online_applied(txn, applied, error);
    ss_online_end(txn);
    return status;
}

// A writer whose history does not hold the definitions that are live online (history came back from a backup)
// goes on with those that history says; the online rows are then made anew.
static enum ss_status load_definitions(struct ss_materializer *materializer, struct ss_error *error)
{
    struct ss_store *store = materializer->store;
    struct ss_applied applied = {0};
    struct ss_sha256 known;
    bool found;
    const bool writes = store->mode == SS_STORE_WRITE;
    SS_TRY(ss_catalog_live(store->history, &known, &found, error));
    if (store->online) SS_TRY(read_applied(store, &applied, error));
    if (applied.has_live) {
        const enum ss_status status =
            ss_catalog_load(store->history, &applied.live, &materializer->definitions, error);
        if (status == SS_OK && writes) return ss_catalog_set_live(store->history, &applied.live, error);
        if (status != SS_NOT_FOUND || !writes) return status;
    }
    return found ? ss_catalog_load(store->history, &known, &materializer->definitions, error) : SS_OK;
}

static enum ss_status fill_all(struct ss_materializer *materializer, struct ss_error *error)
{
    SS_TRY(ss_fill_all(materializer, &materializer->caught_up_rows, error));
    materializer->rebuilt = true;
    materializer->store->online_is_new = false;
    return SS_OK;
}

// Does history hold the commit that the online store says it has applied?
static enum ss_status applied_is_ours(struct ss_store *store, const struct ss_applied *applied, bool *ours,
                                      struct ss_error *error)
{
    struct ss_commit commit;
    bool found;
    *ours = applied->seq == 0;
    if (*ours) return SS_OK;
    SS_TRY(ss_history_find_commit(store->history, applied->seq, &commit, &found, error));
    *ours = found && commit.last_seq == applied->seq && commit.id == applied->commit_id;
    return SS_OK;
}

static enum ss_status recover_online(struct ss_materializer *materializer, struct ss_error *error)
{
    struct ss_store *store = materializer->store;
    const struct ss_definitions *definitions = materializer->definitions;
    struct ss_applied applied;
    bool ours;
    SS_TRY(read_applied(store, &applied, error));
    SS_TRY(applied_is_ours(store, &applied, &ours, error));
    const bool same_live =
        applied.has_live == (definitions != NULL) &&
        (!definitions || memcmp(&applied.live, &definitions->fingerprint, sizeof applied.live) == 0);
    if (store->online_is_new || !ours || !same_live) return fill_all(materializer, error);
    return ss_catch_up(materializer, &materializer->caught_up_rows, error);
}

static enum ss_status recover_clock(struct ss_store *store, struct ss_error *error)
{
    int64_t newest_us;
    SS_TRY(ss_history_newest_time(store->history, &newest_us, error));
    if (ss_clock_in_flight(store->clock))
        ss_clock_end_commit(store->clock, newest_us + 1);
    else
        ss_clock_advance(store->clock, newest_us + 1);
    return SS_OK;
}

// Of a commit to history that failed, what was written before it failed would be found by who opens history
// next, were this process to die now. Any commit behind it writes over it.
static enum ss_status settle_history(struct ss_store *store, struct ss_error *error)
{
    return ss_clock_in_flight(store->clock) ? ss_catalog_set(store->history, "online_clean", "no", error)
                                            : SS_OK;
}

enum ss_status ss_materializer_recover(struct ss_materializer *materializer, struct ss_error *error)
{
    SS_TRY(settle_history(materializer->store, error));
    SS_TRY(recover_online(materializer, error));
    materializer->online_is_behind = false;
    return recover_clock(materializer->store, error);
}

// A reader of rows that another history made would serve events that this one does not hold.
static enum ss_status check_history_of_rows(struct ss_store *store, struct ss_error *error)
{
    struct ss_applied applied;
    bool ours;
    SS_TRY(read_applied(store, &applied, error));
    SS_TRY(applied_is_ours(store, &applied, &ours, error));
    if (ours) return SS_OK;
    return ss_fail(
        error, SS_DAMAGED,
        "store '%s': its online rows were made from another history (did history.db come back from a "
        "backup?); any writing command makes them anew, for example 'selfsame rebuild --all'",
        store->directory);
}

enum ss_status ss_materializer_open(const char *directory, enum ss_store_mode mode,
                                    const struct ss_store_options *options,
                                    struct ss_materializer **materializer, struct ss_error *error)
{
    enum ss_status status;
    struct ss_materializer *opened = calloc(1, sizeof *opened);
    if (!opened) return ss_fail_memory(error, "a store");
    SS_TRY_GOTO(ss_store_open(directory, mode, options, &opened->store, error), out);
    if (mode == SS_STORE_READ) SS_TRY_GOTO(check_history_of_rows(opened->store, error), out);
    status = load_definitions(opened, error);
    // What another engine made does not compile to its fingerprint any more: apply replaces it.
    if (status != SS_OK && !(options && options->replace_definitions && mode == SS_STORE_WRITE)) goto out;
    if (mode == SS_STORE_WRITE) {
        SS_TRY_GOTO(ss_drop_unfinished(opened->store->online, error), out);
        SS_TRY_GOTO(ss_history_drop_unfinished(opened->store->history, error), out);
        SS_TRY_GOTO(ss_materializer_recover(opened, error), out);
    }
    *materializer = opened;
    opened = NULL;
out:
    ss_materializer_close(opened);
    return status;
}

void ss_materializer_close(struct ss_materializer *materializer)
{
    if (!materializer) return;
    ss_definitions_destroy(materializer->definitions);
    ss_store_close(materializer->store);
    free(materializer);
}

#define NAMES_MAX 256 // how many names an error looks through for the nearest

static enum ss_status no_such(const char *kind, const char *name, const char *const *names, size_t count,
                              struct ss_error *error)
{
    const char *nearest = ss_nearest_name(ss_bytes_of(name), names, count);
    if (nearest)
        return ss_fail(error, SS_NOT_FOUND, "%s '%s': the store has none of that name; did you mean '%s'?",
                       kind, name, nearest);
    return ss_fail(error, SS_NOT_FOUND,
                   "%s '%s': the store has none of that name; 'selfsame stats' lists what it has", kind,
                   name);
}

static enum ss_status require_definitions(const struct ss_materializer *materializer, struct ss_error *error)
{
    if (materializer->definitions) return SS_OK;
    return ss_fail(error, SS_INVALID,
                   "store '%s': no definitions were applied yet; run 'selfsame apply DEFS...'",
                   materializer->store->directory);
}

#define REQUIRE(kind, singular)                                                                        \
    enum ss_status ss_require_##singular(const struct ss_materializer *materializer, const char *name, \
                                         const struct ss_##singular **found, struct ss_error *error)   \
    {                                                                                                  \
        const char *names[NAMES_MAX];                                                                  \
        size_t count = 0;                                                                              \
        SS_TRY(require_definitions(materializer, error));                                              \
        const struct ss_definitions *definitions = materializer->definitions;                          \
        const struct ss_##singular *match = ss_find_##singular(definitions, name);                     \
        if (match) {                                                                                   \
            *found = match;                                                                            \
            return SS_OK;                                                                              \
        }                                                                                              \
        for (size_t i = 0; i < definitions->singular##_count && count < NAMES_MAX; i++)                \
            names[count++] = definitions->kind[i].name;                                                \
        return no_such(#singular, name, names, count, error);                                          \
    }

REQUIRE(services, service)
REQUIRE(sources, source)
REQUIRE(views, view)
