#ifndef SLUICEGATE_HOST_H
#define SLUICEGATE_HOST_H

#include <cjson/cJSON.h>
#include <nettle/sha2.h>
#include <stdio.h>

#include "gateway.h"

/* Bytes of a file and so on, with a zero byte behind them. */
typedef struct bytes {
  uint8_t *data;
  size_t size;
} bytes;

/* All of these say in `fault` what is wrong and give false or NULL then. */
bool read_file(const char *file, bytes *contents, sg_fault *fault);
cJSON *read_json(const char *file, sg_fault *fault);

/* Text of a key; "" where there is none. Number of a key; `otherwise` where there is none. */
const char *text_of(const cJSON *object, const char *key);
double number_of(const cJSON *object, const char *key, double otherwise);

/* Hexadecimal to bytes: false where a digit is none, or there is an odd number of them. The caller frees data. */
bool unhex(const char *text, bytes *contents);
void hex_of(const uint8_t *data, size_t size, char *text); /* 2 * size + 1 characters */

/* What `sluicegate compile` wrote. */
typedef struct policy {
  const char *file;
  bytes blob;
  uint8_t record[SG_CONFIG_SIZE];
  cJSON *about;
} policy;

bool policy_read(policy *policy, const char *blob_file, const char *about_file, sg_fault *fault);
void policy_free(policy *policy);
/* An engine under the policy, with the calls of policy.json made. */
sg_gateway *policy_start(const policy *policy, sg_fault *fault);

/* A sorted set of addresses, 16 bytes each. */
typedef struct addresses {
  uint8_t (*rows)[16];
  size_t count;
} addresses;

/* Addresses of all endpoints, and all egress IPs, of a blob that an engine took. */
bool policy_endpoints(const policy *policy, addresses *all, sg_fault *fault);
bool policy_egress_ips(const policy *policy, addresses *all, sg_fault *fault);
bool is_among(const addresses *all, const uint8_t address[16]);

/* A capture in memory; packets point into it. */
typedef struct capture {
  bytes file;
  sg_packet *packets;
  size_t count;
} capture;

bool capture_read(capture *capture, const char *file, sg_fault *fault);
void capture_free(capture *capture);

/* Writes a capture, or, without a name, only its SHA-256. */
typedef struct capture_writer {
  const char *name;
  FILE *file;
  struct sha256_ctx hash;
} capture_writer;

bool writer_open(capture_writer *writer, const char *name, sg_fault *fault);
bool writer_frame(capture_writer *writer, const uint8_t *frame, uint32_t length, uint32_t wire, uint64_t time, sg_fault *fault);
bool writer_close(capture_writer *writer, char sha256[2 * SHA256_DIGEST_SIZE + 1], sg_fault *fault);

typedef struct replay_options {
  const char *policy, *about, *capture, *out;
  unsigned rounds;
} replay_options;

bool replay(const replay_options *options, sg_fault *fault);

/* `differ` becomes the number of vectors that differ. */
bool run_vectors(char *const *paths, size_t count, size_t *differ, sg_fault *fault);

#endif
