#include <stdlib.h>
#include <string.h>

#include "host.h"

static const char SCHEMA[] = "sluicegate.io/compiled-policy/v1";

static bool fits_about(policy *policy, const char *file, sg_fault *fault) {
  const cJSON *about = policy->about;
  const char *schema = text_of(about, "schema");
  if (strcmp(schema, SCHEMA) != 0) return sg_fail(fault, "%s: schema is \"%s\", expected \"%s\"", file, schema, SCHEMA);
  const double abi = number_of(about, "abiVersion", -1), blob = number_of(about, "blobVersion", -1);
  if (abi != SG_ABI_VERSION) return sg_fail(fault, "%s: abiVersion is %.0f, expected %u", file, abi, SG_ABI_VERSION);
  if (blob != SG_BLOB_VERSION) return sg_fail(fault, "%s: blobVersion is %.0f, expected %u", file, blob, SG_BLOB_VERSION);
  bytes record = {NULL, 0};
  const cJSON *configuration = cJSON_GetObjectItemCaseSensitive(about, "configuration");
  if (!unhex(text_of(configuration, "record"), &record) || record.size != SG_CONFIG_SIZE) {
    const size_t has = record.size;
    free(record.data);
    return sg_fail(fault, "%s: configuration.record has %zu bytes, expected %u", file, has, SG_CONFIG_SIZE);
  }
  memcpy(policy->record, record.data, SG_CONFIG_SIZE);
  free(record.data);
  return true;
}

static bool fits_blob(const policy *policy, sg_fault *fault) {
  const cJSON *about = cJSON_GetObjectItemCaseSensitive(policy->about, "blob");
  const double wanted = number_of(about, "bytes", -1);
  if (wanted != (double)policy->blob.size)
    return sg_fail(fault, "%s: has %zu bytes, expected %.0f", policy->file, policy->blob.size, wanted);
  struct sha256_ctx hash;
  uint8_t digest[SHA256_DIGEST_SIZE];
  char sum[2 * SHA256_DIGEST_SIZE + 1];
  sha256_init(&hash);
  sha256_update(&hash, policy->blob.size, policy->blob.data);
  sha256_digest(&hash, sizeof digest, digest);
  hex_of(digest, sizeof digest, sum);
  if (strcmp(sum, text_of(about, "sha256")) == 0) return true;
  return sg_fail(fault, "%s: SHA-256 is %s, expected %s", policy->file, sum, text_of(about, "sha256"));
}

bool policy_read(policy *policy, const char *blob_file, const char *about_file, sg_fault *fault) {
  memset(policy, 0, sizeof *policy);
  policy->file = blob_file;
  policy->about = read_json(about_file, fault);
  if (policy->about != NULL && fits_about(policy, about_file, fault) && read_file(blob_file, &policy->blob, fault) &&
      fits_blob(policy, fault))
    return true;
  policy_free(policy);
  return false;
}

void policy_free(policy *policy) {
  cJSON_Delete(policy->about);
  free(policy->blob.data);
  memset(policy, 0, sizeof *policy);
}

sg_gateway *policy_start(const policy *policy, sg_fault *fault) {
  sg_fault why;
  sg_gateway *gateway = sg_gateway_new(policy->record, policy->blob.data, policy->blob.size, &why);
  if (gateway == NULL) {
    sg_fail(fault, "%s: %s", policy->file, why.text);
    return NULL;
  }
  const cJSON *call;
  cJSON_ArrayForEach(call, cJSON_GetObjectItemCaseSensitive(policy->about, "calls")) {
    uint32_t args[4] = {0};
    size_t count = 0;
    const cJSON *argument;
    cJSON_ArrayForEach(argument, cJSON_GetObjectItemCaseSensitive(call, "arguments")) {
      if (count < 4) args[count] = (uint32_t)argument->valuedouble;
      count++;
    }
    const char *name = text_of(call, "function");
    int32_t code = 0;
    char text[64];
    const bool is_known = count <= 4 && sg_engine_call(sg_gateway_engine(gateway), name, args, count, &code);
    if (is_known && code == SG_OK) continue;
    if (is_known) sg_fail(fault, "%s: %s() gives %s, expected 0 (OK)", policy->file, name, sg_code_text(code, text));
    else sg_fail(fault, "%s: the engine has no %s() of %zu arguments", policy->file, name, count);
    sg_gateway_free(gateway);
    return NULL;
  }
  return gateway;
}

static int compare(const void *one, const void *other) {
  return memcmp(one, other, 16);
}

/* Collects the addresses at one or two places of each row of a section. */
static bool collect(const policy *policy, unsigned section, size_t size, const size_t places[2], addresses *all, sg_fault *fault) {
  static const uint8_t none[16];
  const sg_blob *head = (const sg_blob *)policy->blob.data;
  const uint64_t rows = head->sections[2 * section], from = head->sections[2 * section + 1];
  *all = (addresses){NULL, 0};
  if (from + rows * size > policy->blob.size) return sg_fail(fault, "%s: section %u reaches past the blob", policy->file, section);
  all->rows = malloc((size_t)(2 * rows + 1) * 16);
  if (all->rows == NULL) return sg_fail(fault, "no memory is left");
  for (uint64_t row = 0; row < rows; row++) {
    for (int place = 0; place < 2; place++) {
      const uint8_t *address = policy->blob.data + from + row * size + places[place];
      if (memcmp(address, none, 16) != 0) memcpy(all->rows[all->count++], address, 16);
    }
  }
  qsort(all->rows, all->count, 16, compare);
  return true;
}

bool policy_endpoints(const policy *policy, addresses *all, sg_fault *fault) {
  const size_t places[2] = {SG_ENDPOINT_ADDRESS_AT, SG_ENDPOINT_ADDRESS_AT};
  return collect(policy, SG_SECTION_ENDPOINTS, SG_ENDPOINT_SIZE, places, all, fault);
}

bool policy_egress_ips(const policy *policy, addresses *all, sg_fault *fault) {
  const size_t places[2] = {SG_EGRESS_IPV4_AT, SG_EGRESS_IPV6_AT};
  return collect(policy, SG_SECTION_EGRESSES, SG_EGRESS_SIZE, places, all, fault);
}

bool is_among(const addresses *all, const uint8_t address[16]) {
  return all->count > 0 && bsearch(address, all->rows, all->count, 16, compare) != NULL;
}
