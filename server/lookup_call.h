// The hot calls: GetFeatures and StreamFeatures, answered on the shard's thread as soon as their message is
// there.
#ifndef SS_SERVER_LOOKUP_CALL_H
#define SS_SERVER_LOOKUP_CALL_H

#include "server/shard.h"

#define SS_GET_FEATURES    "/selfsame.v1.FeatureStore/GetFeatures"
#define SS_STREAM_FEATURES "/selfsame.v1.FeatureStore/StreamFeatures"

// Asks the shard's server for one more of each.
void ss_lookup_accept_get(struct ss_shard *shard);
void ss_lookup_accept_stream(struct ss_shard *shard);
// Ends the streams that live, from any thread: "the server is stopping".
void ss_lookup_cut_streams(struct ss_shard *shard);
// Cuts calls that began before then and whose answer the client has not taken. On the shard's thread.
void ss_lookup_cut_late(struct ss_shard *shard, int64_t begun_before_us);
// Of those that wait to be used again.
void ss_lookup_release(struct ss_shard *shard);

#endif
