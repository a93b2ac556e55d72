// Hashes, pinned by name: SHA-256 for identity (fingerprints, files, digests), XXH3-64 seed 0 for checksums
// and buckets, XXH3-128 seed 0 for distinct strings; MD5 and XXH64 for users' own expressions only.
#ifndef SS_ENGINE_BASE_HASH_H
#define SS_ENGINE_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ss_sha256 {
    uint8_t bytes[32];
};

struct ss_sha256 ss_sha256_of(const void *data, size_t size); // aborts only if OpenSSL itself cannot run

// Incremental; create returns NULL when out of memory.
struct ss_hasher;
struct ss_hasher *ss_hasher_create(void);
void ss_hasher_add(struct ss_hasher *hasher, const void *data, size_t size);
struct ss_sha256 ss_hasher_end(struct ss_hasher *hasher); // and frees it
void ss_hasher_destroy(struct ss_hasher *hasher);         // without a result; NULL is fine

#define SS_SHA256_TEXT_SIZE 65
const char *ss_sha256_format(const struct ss_sha256 *hash,
                             char text[SS_SHA256_TEXT_SIZE]); // lower-case hex. Returns text

#define SS_MD5_BYTES 16
void ss_md5_of(const void *data, size_t size, uint8_t hash[SS_MD5_BYTES]); // aborts as ss_sha256_of does
uint64_t ss_xxh64_of(const void *data, size_t size);                       // seed 0

// 2 * size characters of lower-case hex, no NUL.
void ss_hex_write(const uint8_t *bytes, size_t size, char *text);
// The other way: false, and the bytes may be anything, when `text` is not just these 2 * size digits.
bool ss_hex_read(const char *text, uint8_t *bytes, size_t size);

uint64_t ss_hash64(const void *data, size_t size);
void ss_hash128(const void *data, size_t size, uint64_t words[2]); // low word first

#endif
