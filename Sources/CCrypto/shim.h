/* OpenSSL's libcrypto for Swift: public keys, the signatures of tokens, and digests.
 *
 * What fails leaves nothing in the thread's queue of errors: libcurl reads the same queue. */
#ifndef GATHERD_CCRYPTO_SHIM_H
#define GATHERD_CCRYPTO_SHIM_H
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdint.h>
#include <string.h>

enum cs_kind { CS_OTHER, CS_RSA, CS_P256, CS_P384, CS_P521, CS_ED25519, CS_ED448 };

static inline EVP_PKEY *cs_public_key(const char *type, OSSL_PARAM_BLD *build) {
    EVP_PKEY *key = NULL;
    OSSL_PARAM *values = build ? OSSL_PARAM_BLD_to_param(build) : NULL;
    EVP_PKEY_CTX *context = values ? EVP_PKEY_CTX_new_from_name(NULL, type, NULL) : NULL;
    if (!context || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, values) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(values);
    ERR_clear_error();
    return key;
}

/* A key of modulus and exponent, or null. */
static inline EVP_PKEY *cs_rsa_key(const uint8_t *modulus, size_t modulus_size, const uint8_t *exponent, size_t exponent_size) {
    BIGNUM *n = BN_bin2bn(modulus, (int)modulus_size, NULL), *e = BN_bin2bn(exponent, (int)exponent_size, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (n && e && build && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        key = cs_public_key("RSA", build);
    OSSL_PARAM_BLD_free(build);
    BN_free(n);
    BN_free(e);
    ERR_clear_error();
    return key;
}

/* A key of a point, which is uncompressed, or null if the point is not on the curve. */
static inline EVP_PKEY *cs_ec_key(const char *curve, const uint8_t *point, size_t size) {
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (build && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, size) == 1)
        key = cs_public_key("EC", build);
    OSSL_PARAM_BLD_free(build);
    ERR_clear_error();
    return key;
}

/* A key of an Edwards curve, or null. */
static inline EVP_PKEY *cs_ed_key(const char *curve, const uint8_t *bytes, size_t size) {
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key_ex(NULL, curve, NULL, bytes, size);
    ERR_clear_error();
    return key;
}

/* The first public key of a PEM file, or that of its first certificate; null if it has neither. */
static inline EVP_PKEY *cs_pem_key(const uint8_t *text, size_t size) {
    /* Without a passphrase of no letters, OpenSSL would ask for one at the terminal. */
    char none[] = "";
    BIO *file = BIO_new_mem_buf(text, (int)size);
    EVP_PKEY *key = file ? PEM_read_bio_PUBKEY(file, NULL, NULL, none) : NULL;
    if (file && !key && BIO_reset(file) == 1) {
        X509 *certificate = PEM_read_bio_X509(file, NULL, NULL, none);
        if (certificate) key = X509_get_pubkey(certificate);
        X509_free(certificate);
    }
    BIO_free(file);
    ERR_clear_error();
    return key;
}

static inline void cs_free_key(EVP_PKEY *key) { EVP_PKEY_free(key); }

static inline enum cs_kind cs_kind_of(const EVP_PKEY *key) {
    char curve[32];
    size_t size = 0;
    if (EVP_PKEY_is_a(key, "RSA")) return CS_RSA;
    if (EVP_PKEY_is_a(key, "ED25519")) return CS_ED25519;
    if (EVP_PKEY_is_a(key, "ED448")) return CS_ED448;
    if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, curve, sizeof curve, &size) != 1) {
        ERR_clear_error();
        return CS_OTHER;
    }
    if (strcmp(curve, "prime256v1") == 0) return CS_P256;
    if (strcmp(curve, "secp384r1") == 0) return CS_P384;
    return strcmp(curve, "secp521r1") == 0 ? CS_P521 : CS_OTHER;
}

static inline int cs_bits_of(const EVP_PKEY *key) { return EVP_PKEY_get_bits(key); }

/* Whether a signature is that of a message. The digest is null for Edwards curves; `pss` chooses the padding of RSA. */
static inline int cs_verify(EVP_PKEY *key, const char *digest, int pss, const uint8_t *signature, size_t signature_size,
                            const uint8_t *message, size_t size) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options = NULL;
    int good = context && EVP_DigestVerifyInit_ex(context, &options, digest, NULL, NULL, key, NULL) == 1;
    /* The salt is as long as the digest (RFC 7518 §3.5). */
    if (good && pss)
        good = EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1;
    good = good && EVP_DigestVerify(context, signature, signature_size, message, size) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return good;
}

/* The same for ECDSA, whose signature is two numbers, one after the other (RFC 7518 §3.4). */
static inline int cs_verify_ecdsa(EVP_PKEY *key, const char *digest, const uint8_t *signature, size_t signature_size,
                                  const uint8_t *message, size_t size) {
    int half = (int)signature_size / 2, length = 0, good = 0;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, half, NULL), *s = BN_bin2bn(signature + half, half, NULL);
    unsigned char *der = NULL;
    if (pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1) {
        length = i2d_ECDSA_SIG(pair, &der);
        good = length > 0 && cs_verify(key, digest, 0, der, (size_t)length, message, size);
    } else {
        BN_free(r);
        BN_free(s);
    }
    OPENSSL_free(der);
    ECDSA_SIG_free(pair);
    ERR_clear_error();
    return good;
}

/* Whether a message authentication code is that of a message, compared in a time that does not tell how much of it is right. */
static inline int cs_verify_hmac(const char *digest, const uint8_t *secret, size_t secret_size, const uint8_t *code,
                                 size_t code_size, const uint8_t *message, size_t size) {
    unsigned char expected[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    int good = HMAC(EVP_get_digestbyname(digest), secret, (int)secret_size, message, size, expected, &length) != NULL &&
               length == code_size && CRYPTO_memcmp(expected, code, code_size) == 0;
    OPENSSL_cleanse(expected, sizeof expected);
    ERR_clear_error();
    return good;
}

static inline void cs_sha256(const uint8_t *bytes, size_t size, uint8_t *digest) { SHA256(bytes, size, digest); }

static inline int cs_equal(const void *one, const void *other, size_t size) { return CRYPTO_memcmp(one, other, size) == 0; }
#endif
