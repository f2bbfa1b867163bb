/* An engine under a policy: takes frames in any number, gives each its verdict, keeps fragments that wait for their first one. */
#ifndef SLUICEGATE_GATEWAY_H
#define SLUICEGATE_GATEWAY_H

#include "engine.h"

/* A frame of Ethernet. It has to stay where it is until it has a verdict other than SG_ACTION_HOLD. */
typedef struct sg_packet {
  const uint8_t *bytes;
  uint32_t length;
  uint32_t wire; /* bytes on the wire */
  uint64_t time; /* nanoseconds since 1970 */
  uint8_t hook;  /* SG_HOOK_* */
} sg_packet;

/* What becomes of a frame. All but `packet` lies in the engine's memory, until the function that is given it returns. */
typedef struct sg_outcome {
  const sg_packet *packet;
  const sg_verdict *verdict;
  const uint8_t *bytes;      /* the frame as it leaves, verdict->length bytes */
  const sg_generated *error; /* an ICMP error for its sender, without a link header, or NULL */
} sg_outcome;

/* false ends sg_gateway_process. */
typedef bool sg_take(void *context, const sg_outcome *outcome);

/* What went wrong, as people read it. */
typedef struct sg_fault {
  char text[512];
} sg_fault;

/* Writes a fault; always false. */
bool sg_fail(sg_fault *fault, const char *format, ...) __attribute__((format(printf, 2, 3)));

typedef struct sg_gateway sg_gateway;

/* Starts an engine and loads the policy into it; calls of policy.json are the caller's. NULL: see `fault`. */
sg_gateway *sg_gateway_new(const uint8_t record[SG_CONFIG_SIZE], const uint8_t *blob, size_t length, sg_fault *fault);
void sg_gateway_free(sg_gateway *gateway);
sg_engine *sg_gateway_engine(sg_gateway *gateway);

/* Takes frames through the engine in order; `take` is called for each once its fate is known, and for SG_ACTION_HOLD. */
bool sg_gateway_process(sg_gateway *gateway, const sg_packet *packets, size_t count, sg_take *take, void *context, sg_fault *fault);

/* Ends the wait of all fragments that are still held. */
bool sg_gateway_flush(sg_gateway *gateway, sg_take *take, void *context, sg_fault *fault);

/* Nanoseconds spent so far on copying frames in, writing their records, and in process. */
uint64_t sg_gateway_busy(const sg_gateway *gateway);

#endif
