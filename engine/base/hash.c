// Hashes, pinned by name: SHA-256 and MD5 by OpenSSL, XXH3 and XXH64 by libxxhash.

#include "engine/base/hash.h"

#include <openssl/evp.h>
#include <string.h>
#include <xxhash.h>

#include "engine/base/error.h"

struct ss_hasher; // an EVP_MD_CTX under another name

struct ss_sha256 ss_sha256_of(const void *data, size_t size)
{
    struct ss_sha256 hash;
    const int done = EVP_Digest(data, size, hash.bytes, NULL, EVP_sha256(), NULL);
    SS_ASSERT(done == 1);
    return hash;
}

void ss_md5_of(const void *data, size_t size, uint8_t hash[SS_MD5_BYTES])
{
    const int done = EVP_Digest(data, size, hash, NULL, EVP_md5(), NULL);
    SS_ASSERT(done == 1);
}

struct ss_hasher *ss_hasher_create(void)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1) return (struct ss_hasher *)context;
    EVP_MD_CTX_free(context);
    return NULL;
}

void ss_hasher_add(struct ss_hasher *hasher, const void *data, size_t size)
{
    const int done = EVP_DigestUpdate((EVP_MD_CTX *)hasher, data, size);
    SS_ASSERT(done == 1);
}

struct ss_sha256 ss_hasher_end(struct ss_hasher *hasher)
{
    struct ss_sha256 hash;
    const int done = EVP_DigestFinal_ex((EVP_MD_CTX *)hasher, hash.bytes, NULL);
    SS_ASSERT(done == 1);
    ss_hasher_destroy(hasher);
    return hash;
}

void ss_hasher_destroy(struct ss_hasher *hasher)
{
    EVP_MD_CTX_free((EVP_MD_CTX *)hasher);
}

void ss_hex_write(const uint8_t *bytes, size_t size, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9') return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool ss_hex_read(const char *text, uint8_t *bytes, size_t size)
{
    if (strlen(text) != 2 * size) return false;
    for (size_t i = 0; i < size; i++) {
        const int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

const char *ss_sha256_format(const struct ss_sha256 *hash, char text[SS_SHA256_TEXT_SIZE])
{
    ss_hex_write(hash->bytes, sizeof hash->bytes, text);
    text[2 * sizeof hash->bytes] = 0;
    return text;
}

uint64_t ss_xxh64_of(const void *data, size_t size)
{
    return XXH64(data, size, 0);
}

uint64_t ss_hash64(const void *data, size_t size)
{
    return XXH3_64bits(data, size);
}

void ss_hash128(const void *data, size_t size, uint64_t words[2])
{
    const XXH128_hash_t hash = XXH3_128bits(data, size);
    words[0] = hash.low64;
    words[1] = hash.high64;
}
