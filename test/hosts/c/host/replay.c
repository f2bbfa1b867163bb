/* The command `replay`: a capture through one engine, and what leaves as another capture. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

#define TYPE_AT 12u
#define TAG_SIZE 4u
#define TYPE_IPV4 0x0800u
#define TYPE_IPV6 0x86ddu
#define MAC_SIZE 6u

typedef struct tally {
  uint64_t actions[SG_ACTION_HOLD + 1], reasons[256];
  uint64_t errors, written;
} tally;

typedef struct round {
  tally tally;
  capture_writer writer;
  sg_fault fault;
} round_state;

static bool is_tag(unsigned type) {
  return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

/* EtherType of a frame behind its VLAN tags, 0 = none; `start` is where its packet begins. */
static unsigned packet_of(const uint8_t *frame, uint32_t length, uint32_t *start) {
  for (uint32_t at = TYPE_AT; at + 2 <= length; at += TAG_SIZE) {
    const unsigned type = (unsigned)frame[at] << 8 | frame[at + 1];
    *start = at + 2;
    if (!is_tag(type)) return type;
  }
  *start = length;
  return 0;
}

static void map_ipv4(uint8_t address[16], const uint8_t *bytes) {
  memset(address, 0, 10);
  memset(address + 10, 0xff, 2);
  memcpy(address + 12, bytes, 4);
}

static bool addresses_of(const sg_packet *packet, uint8_t source[16], uint8_t destination[16]) {
  uint32_t start;
  const unsigned type = packet_of(packet->bytes, packet->length, &start);
  const uint8_t *ip = packet->bytes + start;
  const uint32_t left = packet->length - start;
  if (type == TYPE_IPV4 && left >= 20) {
    map_ipv4(source, ip + 12);
    map_ipv4(destination, ip + 16);
    return true;
  }
  if (type != TYPE_IPV6 || left < 40) return false;
  memcpy(source, ip + 8, 16);
  memcpy(destination, ip + 24, 16);
  return true;
}

/* Leaves the frames that the engine is asked about, with the hook that each enters at. Gives how many. */
static size_t give(sg_packet *packets, size_t count, const addresses *endpoints, const addresses *egress_ips) {
  size_t given = 0;
  for (size_t i = 0; i < count; i++) {
    uint8_t source[16], destination[16];
    sg_packet packet = packets[i];
    if (!addresses_of(&packet, source, destination)) continue;
    if (is_among(endpoints, source)) packet.hook = SG_HOOK_FROM_ENDPOINT;
    else if (is_among(egress_ips, destination) || is_among(endpoints, destination)) packet.hook = SG_HOOK_FROM_NETWORK;
    else continue;
    packets[given++] = packet;
  }
  return given;
}

/* Writes an ICMP error as the sender of the frame gets it: behind a copy of its link header with the addresses changed round. */
static bool write_error(round_state *round, const sg_packet *packet, const sg_generated *error) {
  uint32_t start;
  packet_of(packet->bytes, packet->length, &start);
  uint8_t *answer = malloc((size_t)start + error->length);
  if (answer == NULL) return sg_fail(&round->fault, "no memory is left");
  memcpy(answer, packet->bytes + MAC_SIZE, MAC_SIZE);
  memcpy(answer + MAC_SIZE, packet->bytes, MAC_SIZE);
  memcpy(answer + 2 * MAC_SIZE, packet->bytes + 2 * MAC_SIZE, start - 2 * MAC_SIZE);
  memcpy(answer + start, error->packet, error->length);
  round->tally.errors++;
  round->tally.written++;
  const uint32_t length = start + error->length;
  const bool is_written = writer_frame(&round->writer, answer, length, length, packet->time, &round->fault);
  free(answer);
  return is_written;
}

static bool take(void *context, const sg_outcome *outcome) {
  round_state *round = context;
  const sg_verdict *verdict = outcome->verdict;
  const sg_packet *packet = outcome->packet;
  if (verdict->action > SG_ACTION_HOLD) return sg_fail(&round->fault, "action %u is none of this ABI's", verdict->action);
  round->tally.actions[verdict->action]++;
  if (verdict->action == SG_ACTION_HOLD) return true;
  if (verdict->reason != SG_REASON_NONE) round->tally.reasons[verdict->reason]++;
  if (verdict->action != SG_ACTION_DROP) {
    round->tally.written++;
    if (!writer_frame(&round->writer, outcome->bytes, verdict->length, packet->wire, packet->time, &round->fault)) return false;
  }
  return outcome->error == NULL || write_error(round, packet, outcome->error);
}

/* One round. Gives frames per second of its calls of process. */
static bool play(const policy *policy, const sg_packet *packets, size_t count, const char *out, tally *result,
                 char sha256[2 * SHA256_DIGEST_SIZE + 1], double *rate, sg_fault *fault) {
  round_state round;
  memset(&round, 0, sizeof round);
  sg_gateway *gateway = policy_start(policy, fault);
  if (gateway == NULL) return false;
  sg_fault why = {""};
  bool is_done = writer_open(&round.writer, out, &round.fault);
  if (is_done) {
    is_done = sg_gateway_process(gateway, packets, count, take, &round, &why) && sg_gateway_flush(gateway, take, &round, &why);
    is_done = writer_close(&round.writer, sha256, &round.fault) && is_done;
  }
  if (!is_done) *fault = why.text[0] ? why : round.fault;
  const uint64_t busy = sg_gateway_busy(gateway);
  *rate = busy == 0 ? 0 : (double)count * 1e9 / (double)busy;
  *result = round.tally;
  sg_gateway_free(gateway);
  return is_done;
}

static int compare(const void *one, const void *other) {
  const double difference = *(const double *)one - *(const double *)other;
  return (difference > 0) - (difference < 0);
}

static double median(double *values, unsigned count) {
  qsort(values, count, sizeof *values, compare);
  return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static const char *label_of(unsigned reason, char number[4]) {
  switch (reason) {
#define LABEL(code, name) \
  case code:              \
    return name;
    SG_REASONS(LABEL)
#undef LABEL
  }
  snprintf(number, 4, "%u", reason & 255);
  return number;
}

static void print(size_t frames, size_t given, const tally *result, const char *sha256, unsigned rounds, double rate) {
  printf("{\"host\":\"c\",\"runtime\":\"wasm2c %s, gcc %s\",\"frames\":%zu,\"given\":%zu,\"skipped\":%zu,\"actions\":{", WABT_VERSION,
         __VERSION__, frames, given, frames - given);
  printf("\"pass\":%llu,\"snat\":%llu,\"reverse\":%llu,\"drop\":%llu,\"hold\":%llu},\"reasons\":{",
         (unsigned long long)result->actions[SG_ACTION_PASS], (unsigned long long)result->actions[SG_ACTION_SNAT],
         (unsigned long long)result->actions[SG_ACTION_REVERSE], (unsigned long long)result->actions[SG_ACTION_DROP],
         (unsigned long long)result->actions[SG_ACTION_HOLD]);
  const char *comma = "";
  for (unsigned reason = 0; reason < 256; reason++) {
    char number[4];
    if (result->reasons[reason] == 0) continue;
    printf("%s\"%s\":%llu", comma, label_of(reason, number), (unsigned long long)result->reasons[reason]);
    comma = ",";
  }
  printf("},\"errors\":%llu,\"written\":%llu,\"sha256\":\"%s\",\"rounds\":%u,\"framesPerSecond\":%.0f}\n",
         (unsigned long long)result->errors, (unsigned long long)result->written, sha256, rounds, rate);
}

static bool play_rounds(const replay_options *options, const policy *policy, capture *capture, sg_fault *fault) {
  tally first = {0};
  char sum[2 * SHA256_DIGEST_SIZE + 1] = "";
  addresses endpoints = {NULL, 0}, egress_ips = {NULL, 0};
  /* The engine judges the blob before this host reads addresses from it. */
  sg_gateway *gateway = policy_start(policy, fault);
  sg_gateway_free(gateway);
  if (gateway == NULL) return false;
  double *rates = calloc(options->rounds, sizeof *rates);
  bool is_done = policy_endpoints(policy, &endpoints, fault) && policy_egress_ips(policy, &egress_ips, fault);
  const size_t frames = capture->count;
  if (is_done) capture->count = give(capture->packets, frames, &endpoints, &egress_ips);
  for (unsigned round = 0; is_done && round < options->rounds; round++) {
    tally result;
    char again[sizeof sum];
    const char *out = round == 0 ? options->out : NULL;
    is_done = play(policy, capture->packets, capture->count, out, &result, again, &rates[round], fault);
    if (!is_done) break;
    if (round == 0) {
      first = result;
      memcpy(sum, again, sizeof sum);
    } else if (strcmp(sum, again) != 0) {
      is_done = sg_fail(fault, "round %u: SHA-256 is %s, expected %s as in the first", round + 1, again, sum);
    }
  }
  if (is_done) print(frames, capture->count, &first, sum, options->rounds, median(rates, options->rounds));
  free(rates);
  free(endpoints.rows);
  free(egress_ips.rows);
  return is_done;
}

bool replay(const replay_options *options, sg_fault *fault) {
  policy policy;
  capture capture;
  if (!policy_read(&policy, options->policy, options->about, fault)) return false;
  bool is_done = capture_read(&capture, options->capture, fault);
  if (is_done) {
    is_done = play_rounds(options, &policy, &capture, fault);
    capture_free(&capture);
  }
  policy_free(&policy);
  return is_done;
}
