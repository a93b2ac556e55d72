// The naive scan: what every value must be, by the definition alone. It keeps every event ever pushed, walks
// all of an entity's for every cell, computes with exact rationals and rounds once. It knows nothing of
// plans, tiles or stores, and includes nothing of the product.
#ifndef SS_TESTS_PROPERTY_NAIVE_H
#define SS_TESTS_PROPERTY_NAIVE_H

#include "scenario.h"

struct naive_event {
    uint64_t seq;
    int64_t time, arrival;
    bool is_deleted;
    uint64_t deleted_seq;
    int64_t deleted_arrival;
    const struct cell *cells;
    int next; // of its bucket; -1: none
};

struct naive_identity { // of a delete
    int64_t time;
    struct cell id;
    int next;
};

struct naive_source {
    int event_count, delete_count;
    struct naive_event *events;
    struct naive_identity *deletes;
    int *event_buckets, *delete_buckets; // by identity: where their chain begins; -1: nowhere
    bool is_live;
};

struct naive_entity { // of a view
    struct naive_entity *next;
    struct cell keys[MAX_KEYS];
    int event_count, capacity;
    const struct naive_event **events; // that pass the view's `where`, deleted ones too, by (time, seq)
};

struct naive {
    const struct plan *plan; // a read may go by another with the same entities, sources and `where` of views
    struct pool *pool;
    struct pool *answers; // for the texts of answers: the pool, unless the caller says another
    uint64_t bucket_count;
    struct naive_source sources[2];
    struct naive_entity **entities[MAX_VIEWS]; // buckets
    uint64_t seq;
    int64_t clock;
    const struct cell *at_hand; // of a source: one more event that a read sees, the newest; NULL: none
    int at_hand_source;
    bool at_hand_lacks_keys; // its key columns were left out: they are the row's keys of these names
};

struct naive_batch {
    int source;
    bool live;
    int64_t clock; // where the clock is moved before; 0: nowhere
    int row_count;
    const struct row **rows;
};

// Every event that becomes known later has room: `most_events` in all.
void naive_init(struct naive *naive, const struct plan *plan, struct pool *pool, int most_events);
void naive_push(struct naive *naive, const struct naive_batch *batch);

struct naive_point {
    int64_t t;
    uint64_t s;
    bool as_of_event_time;
};

enum naive_status { NAIVE_PRESENT, NAIVE_NULL, NAIVE_NOT_FOUND, NAIVE_EXPIRED };

// All features of the service for one row: keys and request in the order of the service.
void naive_read(const struct naive *naive, const struct cell *keys, const struct cell *request,
                struct naive_point point, struct cell *values, enum naive_status *statuses);
// Does any source that the service reads still wait for its first live commit?
bool naive_all_live(const struct naive *naive);

#endif
