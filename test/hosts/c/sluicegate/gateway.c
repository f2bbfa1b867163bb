#include "gateway.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Frames of a process call: more gain nothing, and stay in no cache. */
#define BATCH 256u
#define NANOSECONDS_PER_MS UINT64_C(1000000)

/* A frame on its way into the engine. */
typedef struct item {
  const sg_packet *packet;
  bool is_held;
  uint32_t number; /* that it was held under */
} item;

typedef struct list {
  item *items;
  size_t count;
} list;

struct sg_gateway {
  sg_engine *engine;
  sg_window arena, frames, verdicts, released, generated;
  uint32_t batch;
  /* Frames that are held; the engine holds no more than CONFIG_FRAGMENTS_AT, and releases one behind. */
  list held;
  /* Frames that come before all others: those released, and the rest of a batch. `spare` is where the next one is put together. */
  list queue, spare;
  size_t room;
  uint64_t now, busy;
};

bool sg_fail(sg_fault *fault, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(fault->text, sizeof fault->text, format, args);
  va_end(args);
  return false;
}

sg_gateway *sg_gateway_new(const uint8_t record[SG_CONFIG_SIZE], const uint8_t *blob, size_t length, sg_fault *fault) {
  char text[64];
  sg_config config;
  memcpy(&config, record, sizeof config);
  sg_gateway *gateway = calloc(1, sizeof *gateway);
  sg_engine *engine = sg_engine_new();
  if (gateway == NULL || engine == NULL) {
    sg_fail(fault, "the engine cannot be started: no memory is left, or its ABI is not version %u", SG_ABI_VERSION);
    goto failed;
  }
  gateway->engine = engine;
  int32_t code = sg_engine_configure(engine, record);
  if (code != SG_OK) {
    sg_fail(fault, "configure() gives %s, expected 0 (OK)", sg_code_text(code, text));
    goto failed;
  }
  gateway->arena = sg_engine_region(engine, SG_REGION_ARENA);
  gateway->frames = sg_engine_region(engine, SG_REGION_FRAMES);
  gateway->verdicts = sg_engine_region(engine, SG_REGION_VERDICTS);
  gateway->released = sg_engine_region(engine, SG_REGION_RELEASED);
  gateway->generated = sg_engine_region(engine, SG_REGION_GENERATED);
  gateway->batch = config.max_batch < BATCH ? config.max_batch : BATCH;
  gateway->room = (size_t)config.fragments + 1 + 2 * BATCH;
  gateway->held.items = calloc(gateway->room, sizeof(item));
  gateway->queue.items = calloc(gateway->room, sizeof(item));
  gateway->spare.items = calloc(gateway->room, sizeof(item));
  if (gateway->held.items == NULL || gateway->queue.items == NULL || gateway->spare.items == NULL) {
    sg_fail(fault, "no memory is left");
    goto failed;
  }
  code = sg_engine_load_policy(engine, blob, length);
  if (code == SG_OK) return gateway;
  sg_fail(fault, "loadPolicy() gives %s, expected 0 (OK)", sg_code_text(code, text));
failed:
  if (gateway == NULL) sg_engine_free(engine);
  sg_gateway_free(gateway);
  return NULL;
}

void sg_gateway_free(sg_gateway *gateway) {
  if (gateway == NULL) return;
  sg_engine_free(gateway->engine);
  free(gateway->held.items);
  free(gateway->queue.items);
  free(gateway->spare.items);
  free(gateway);
}

sg_engine *sg_gateway_engine(sg_gateway *gateway) {
  return gateway->engine;
}

uint64_t sg_gateway_busy(const sg_gateway *gateway) {
  return gateway->busy;
}

static uint64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Writes the batch into arena and frame records, one frame behind the other. Gives how many fit. */
static uint32_t describe(sg_gateway *gateway, const item *batch, uint32_t count) {
  uint32_t offset = 0;
  for (uint32_t i = 0; i < count; i++) {
    const sg_packet *packet = batch[i].packet;
    if (packet->length > gateway->arena.size - offset) return i;
    memcpy(gateway->arena.bytes + offset, packet->bytes, packet->length);
    const sg_frame frame = {
        .offset = offset,
        .captured = packet->length,
        .wire = packet->wire,
        .hook = packet->hook,
        .link = SG_LINK_ETHERNET,
        .flags = batch[i].is_held ? SG_FRAME_FLAG_RELEASED : 0,
        .time = batch[i].is_held ? gateway->now : packet->time,
        .tag = batch[i].is_held ? batch[i].number : 0,
    };
    memcpy(gateway->frames.bytes + i * SG_FRAME_SIZE, &frame, sizeof frame);
    offset += packet->length;
  }
  return count;
}

/* The ICMP error about frame i of the batch. Rows are in the order of their frames: `row` is the next one. */
static const sg_generated *error_about(const sg_gateway *gateway, uint32_t i, uint32_t *row) {
  if (gateway->generated.size == 0) return NULL;
  uint32_t count;
  memcpy(&count, gateway->generated.bytes + SG_GENERATED_COUNT_AT, sizeof count);
  if (*row >= count) return NULL;
  const uint8_t *rows = gateway->generated.bytes + SG_GENERATED_ROWS_AT;
  const sg_generated *error = (const sg_generated *)(rows + (size_t)*row * SG_GENERATED_SIZE);
  if (error->frame != i) return NULL;
  ++*row;
  return error;
}

static bool deliver(sg_gateway *gateway, const item *batch, uint32_t done, sg_take *take, void *context, sg_fault *fault) {
  const uint8_t *bytes = gateway->arena.bytes;
  const sg_verdict *verdicts = (const sg_verdict *)gateway->verdicts.bytes;
  uint32_t row = 0;
  for (uint32_t i = 0; i < done; i++) {
    const sg_packet *packet = batch[i].packet;
    if (verdicts[i].action == SG_ACTION_HOLD) {
      if (gateway->held.count == gateway->room) return sg_fail(fault, "more than %zu frames are held", gateway->room);
      gateway->held.items[gateway->held.count++] = (item){packet, true, verdicts[i].inner};
    }
    if (!batch[i].is_held && packet->time > gateway->now) gateway->now = packet->time;
    const sg_outcome outcome = {packet, &verdicts[i], bytes, error_about(gateway, i, &row)};
    if (!take(context, &outcome)) return sg_fail(fault, "%s", "");
    bytes += packet->length;
  }
  return true;
}

static bool take_held(sg_gateway *gateway, uint32_t number, item *found) {
  for (size_t i = 0; i < gateway->held.count; i++) {
    if (gateway->held.items[i].number != number) continue;
    *found = gateway->held.items[i];
    gateway->held.items[i] = gateway->held.items[--gateway->held.count];
    return true;
  }
  return false;
}

static bool append(sg_gateway *gateway, list *to, item one, sg_fault *fault) {
  if (to->count == gateway->room) return sg_fail(fault, "more than %zu frames wait", gateway->room);
  to->items[to->count++] = one;
  return true;
}

/* Puts in front of the queue, from `from` on, what the engine wants to see again now, then the rest of the batch. */
static bool put_back(sg_gateway *gateway, const item *rest, uint32_t rest_count, size_t from, sg_fault *fault) {
  uint32_t count;
  memcpy(&count, gateway->released.bytes, sizeof count);
  list *next = &gateway->spare;
  next->count = 0;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t number;
    item one;
    memcpy(&number, gateway->released.bytes + 4 + (size_t)i * 4, sizeof number);
    if (!take_held(gateway, number, &one)) return sg_fail(fault, "frame number %u is released, and was not held", number);
    if (!append(gateway, next, one, fault)) return false;
  }
  memset(gateway->released.bytes, 0, sizeof count);
  for (uint32_t i = 0; i < rest_count; i++)
    if (!append(gateway, next, rest[i], fault)) return false;
  for (size_t i = from; i < gateway->queue.count; i++)
    if (!append(gateway, next, gateway->queue.items[i], fault)) return false;
  list used = gateway->queue;
  gateway->queue = *next;
  gateway->spare = used;
  return true;
}

bool sg_gateway_process(sg_gateway *gateway, const sg_packet *packets, size_t count, sg_take *take, void *context, sg_fault *fault) {
  item batch[BATCH];
  size_t next = 0;
  while (next < count || gateway->queue.count > 0) {
    uint32_t size = 0;
    while (size < gateway->batch && size < gateway->queue.count) {
      batch[size] = gateway->queue.items[size];
      size++;
    }
    const size_t queued = size;
    while (size < gateway->batch && next < count) batch[size++] = (item){&packets[next++], false, 0};
    const uint64_t started = nanoseconds();
    const uint32_t given = describe(gateway, batch, size);
    const int32_t done = sg_engine_process(gateway->engine, given);
    gateway->busy += nanoseconds() - started;
    if (given == 0) {
      const uint32_t most = gateway->arena.size;
      return sg_fail(fault, "a frame has %u bytes, expected at most %u: the arena's", batch[0].packet->length, most);
    }
    char text[64];
    if (done < 1) return sg_fail(fault, "process(%u) gives %s, expected 1 to %u", given, sg_code_text(done, text), given);
    if (!deliver(gateway, batch, (uint32_t)done, take, context, fault)) return false;
    if (!put_back(gateway, batch + done, size - (uint32_t)done, queued, fault)) return false;
  }
  return true;
}

bool sg_gateway_flush(sg_gateway *gateway, sg_take *take, void *context, sg_fault *fault) {
  if (gateway->held.count == 0) return true;
  gateway->now += SG_FRAGMENT_MS * NANOSECONDS_PER_MS;
  sg_engine_advance(gateway->engine, gateway->now);
  return put_back(gateway, NULL, 0, 0, fault) && sg_gateway_process(gateway, NULL, 0, take, context, fault);
}
