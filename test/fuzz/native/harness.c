/*
 * The engine as C (wasm2c) under libFuzzer. An input is that of the target `frames` (test/fuzz/frame-input.ts), so what is found here is
 * repeated and judged there: npm run fuzz -- --target frames --input @FILE. Judged here: traps, loops, writes outside of frames, counters.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

enum { RECORD_HEAD = 12, MAX_RECORDS = 48, MAX_FRAME = 2000, OP_BASE = 0xf0, GUARD = 64, GUARD_BYTE = 0xa5 };
enum { REGION_ARENA = 0, REGION_FRAMES = 1, REGION_VERDICTS = 2, REGION_COUNTERS = 3, REGION_STATE = 6, REGION_RELEASED = 10 };
enum { ACTION_HOLD = 6, VERDICT_INNER_AT = 48, FRAME_FLAG_RELEASED = 8, MAX_HELD = 64 };
enum { COUNTER_ACTIONS_AT = 64 * 8, ACTION_SLOTS = 8, FRAME_SIZE = 32 };

static Z_engine_instance_t engine;
/* Frames that the host keeps: as in the input, by the number under which they will be released. */
static struct { uint32_t number, length; const uint8_t *head, *bytes; } held[MAX_HELD];
static int held_count;
static uint8_t *blank, *untouched;
static uint32_t state_size, arena_size;

static void fail(const char *what) {
  fprintf(stderr, "finding: %s\n", what);
  abort();
}

void on_trap(wasm_rt_trap_t code) {
  fprintf(stderr, "finding: trap %d\n", (int)code);
  abort();
}

static uint8_t *at(uint32_t region) {
  return Z_engineZ_memory(&engine)->data + Z_engineZ_regionAt(&engine, region);
}

static uint32_t load(const char *name, uint8_t *to, uint32_t room) {
  char path[512];
  const char *folder = getenv("SLUICEGATE_NATIVE");
  snprintf(path, sizeof path, "%s/%s", folder ? folder : "build/fuzz-native", name);
  FILE *file = fopen(path, "rb");
  if (!file) fail(path);
  uint32_t size = (uint32_t)fread(to, 1, room, file);
  fclose(file);
  return size;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  wasm_rt_init();
  Z_engine_init_module();
  Z_engine_instantiate(&engine);
  load("config.bin", Z_engineZ_memory(&engine)->data + Z_engineZ_configAt(&engine), 4096);
  if (Z_engineZ_configure(&engine) != 0) fail("configure");
  arena_size = Z_engineZ_regionSize(&engine, REGION_ARENA);
  state_size = Z_engineZ_regionSize(&engine, REGION_STATE);
  uint32_t blob = load("policy.bin", at(REGION_ARENA), arena_size);
  if (Z_engineZ_loadPolicy(&engine, 0, blob) != 0) fail("loadPolicy");
  blank = malloc(state_size);
  memcpy(blank, at(REGION_STATE), state_size);
  untouched = malloc(arena_size);
  memset(untouched, GUARD_BYTE, arena_size);
  memset(at(REGION_ARENA), GUARD_BYTE, arena_size);
  return 0;
}

static uint32_t word(const uint8_t *p) { return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24; }

static uint64_t counted(void) {
  uint64_t sum = 0, slot;
  for (int i = 0; i < ACTION_SLOTS; i++) {
    memcpy(&slot, at(REGION_COUNTERS) + COUNTER_ACTIONS_AT + i * 8, 8);
    sum += slot;
  }
  return sum;
}

static void order(const uint8_t *head, uint64_t now) {
  uint32_t a = head[1], b = head[2] | head[3] << 8;
  switch (head[0] - OP_BASE) {
    case 0: Z_engineZ_setGateway(&engine, a, b); return;
    case 1: Z_engineZ_setReachable(&engine, a, b & 1); return;
    case 2: Z_engineZ_nodeLost(&engine, a); return;
    case 4: Z_engineZ_advance(&engine, (uint32_t)now, (uint32_t)(now >> 32)); return;
    case 5: Z_engineZ_setActive(&engine, a, b & 3, b, a); return;
    case 6: Z_engineZ_feedback(&engine, 0, a); return;
  }
}

static void again(uint64_t now);

/* One frame, as FrameRun.runSingly sends it; then what it has released. */
static void send(const uint8_t *head, const uint8_t *bytes, uint32_t length, uint64_t now, int is_back) {
  uint8_t record[FRAME_SIZE] = {0};
  int32_t extra = (int16_t)(head[8] | head[9] << 8);
  int32_t wire = (int32_t)length + extra;
  uint32_t fields[3] = {GUARD, length, wire < 0 ? 0 : (uint32_t)wire};
  memcpy(record, fields, 12);
  memcpy(record + 12, head, 4);
  if (is_back) record[14] |= FRAME_FLAG_RELEASED;
  memcpy(record + 16, &now, 8);
  memcpy(at(REGION_FRAMES), record, FRAME_SIZE);
  memcpy(at(REGION_ARENA) + GUARD, bytes, length);
  uint64_t before = counted();
  uint32_t code = Z_engineZ_process(&engine, 1);
  if (counted() - before != (code == 1)) fail("a frame was not counted once");
  if (code != 1 && code != (uint32_t)-7 && code != (uint32_t)-8) fail("process answers something else");
  memset(at(REGION_ARENA) + GUARD, GUARD_BYTE, length);
  if (code == 1 && at(REGION_VERDICTS)[0] == ACTION_HOLD) {
    if (is_back) fail("a released frame is held again");
    if (held_count == MAX_HELD) fail("too many frames are held");
    uint32_t number = word(at(REGION_VERDICTS) + VERDICT_INNER_AT);
    held[held_count].number = number, held[held_count].length = length;
    held[held_count].head = head, held[held_count++].bytes = bytes;
  }
  if (code == 1) again(now);
}

/* Gives again what is on the list of released frames. Nobody here writes there: each number has to be that of one held frame. */
static void again(uint64_t now) {
  uint32_t numbers[MAX_HELD], count = word(at(REGION_RELEASED));
  if (count > MAX_HELD) fail("a list of released frames that is too long");
  memcpy(numbers, at(REGION_RELEASED) + 4, count * 4);
  memset(at(REGION_RELEASED), 0, 4);
  for (uint32_t i = 0; i < count; i++) {
    int n = 0;
    while (n < held_count && held[n].number != numbers[i]) n++;
    if (n == held_count) fail("a number is released that no held frame has");
    const uint8_t *head = held[n].head, *bytes = held[n].bytes;
    uint32_t length = held[n].length;
    held[n] = held[--held_count];
    send(head, bytes, length, now, 1);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
  memcpy(at(REGION_STATE), blank, state_size);
  if (Z_engineZ_restore(&engine) != 0) fail("restore");
  memset(at(REGION_RELEASED), 0, 4);
  held_count = 0;
  uint64_t now = 1790000000000000000ull;
  size_t from = 1;
  for (int n = 0; n < MAX_RECORDS && from + RECORD_HEAD <= size; n++) {
    const uint8_t *head = input + from;
    uint32_t length = head[10] | head[11] << 8;
    from += RECORD_HEAD;
    if (length > size - from) length = (uint32_t)(size - from);
    if (length > MAX_FRAME) length = MAX_FRAME;
    now += (uint64_t)word(head + 4) * 1000000;
    if (head[0] < OP_BASE) send(head, input + from, length, now, 0);
    else {
      order(head, now);
      again(now);
    }
    from += length;
  }
  if (memcmp(at(REGION_ARENA), untouched, arena_size) != 0) fail("a write outside of a frame");
  return 0;
}
