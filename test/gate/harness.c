/*
 * The engine as C (wasm2c) over the cases of test/gate/case-file.ts. Every round starts from the same state, so all rounds do the same work.
 *
 *   harness count ROUNDS FILE...   under `valgrind --tool=callgrind --toggle-collect=measured`: one dump per case, named after it
 *   harness lines FILE...          one line per case: its name, then how many table lines of each kind its frames touch, frame by frame
 *
 * Exit code 1: the engine does something else than the case says.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

#include "engine.h"

enum { REGION_ARENA = 0, REGION_FRAMES = 1, REGION_VERDICTS = 2, REGION_STATE = 6, REGION_RELEASED = 10, REGION_GENERATED = 11 };
enum { FRAME_SIZE = 32, LINE_SHIFT = 6, NAME_SIZE = 32, KINDS = 6 };

/* As test/gate/case-file.ts writes it. Sizes are bytes; `ends` are offsets from the start of the state. */
struct head {
  char name[NAME_SIZE];
  int32_t own_node;
  uint32_t frames, config, policy, state, arena, verdict_size;
  /* Tags, bytes before the state; conntrack from … to, then port groups and bitmaps, IPv6 addresses, fragments, each to. */
  uint32_t tags, conntrack, ends[KINDS - 2];
};

static struct head head;
static uint8_t *config, *policy, *state, *records, *arena, *after, *actions;
static Z_engine_instance_t engine;

/* Of each line of the memory: number of the frame that has touched it last. */
static uint32_t *stamps, stamp, touches[KINDS], starts[KINDS], ends[KINDS];

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", head.name, what);
  exit(1);
}

static uint8_t *at(uint32_t region) {
  return Z_engineZ_memory(&engine)->data + Z_engineZ_regionAt(&engine, region);
}

/* Bounds of the kinds, as lines of the memory: policy and tags first, then what lies in the state. */
static void find_kinds(void) {
  uint32_t generated = Z_engineZ_regionAt(&engine, REGION_GENERATED) + Z_engineZ_regionSize(&engine, REGION_GENERATED);
  uint32_t state_at = Z_engineZ_regionAt(&engine, REGION_STATE) >> LINE_SHIFT;
  starts[0] = (generated + (1 << LINE_SHIFT) - 1) >> LINE_SHIFT;
  ends[0] = starts[1] = state_at - (head.tags >> LINE_SHIFT);
  ends[1] = state_at;
  for (int kind = 2; kind < KINDS; kind++) {
    starts[kind] = kind == 2 ? state_at + (head.conntrack >> LINE_SHIFT) : ends[kind - 1];
    ends[kind] = state_at + (head.ends[kind - 2] >> LINE_SHIFT);
  }
}

/* What loads and stores call in the build that counts lines. */
void touched(uint64_t address, uint32_t size) {
  if (!stamp) return;
  for (uint64_t line = address >> LINE_SHIFT; line <= (address + size - 1) >> LINE_SHIFT; line++) {
    if (stamps[line] == stamp) continue;
    stamps[line] = stamp;
    for (int kind = 0; kind < KINDS; kind++) touches[kind] += line >= starts[kind] && line < ends[kind];
  }
}

static uint8_t *take(FILE *file, size_t size) {
  uint8_t *bytes = malloc(size + 1);
  if (fread(bytes, 1, size, file) != size) fail("the file is too short");
  return bytes;
}

static void start(const char *path) {
  FILE *file = fopen(path, "rb");
  strncpy(head.name, path, NAME_SIZE - 1);
  if (!file || fread(&head, sizeof head, 1, file) != 1) fail("the file cannot be read");
  config = take(file, head.config);
  policy = take(file, head.policy);
  state = take(file, head.state);
  records = take(file, (size_t)head.frames * FRAME_SIZE);
  arena = take(file, head.arena);
  after = take(file, head.arena);
  actions = take(file, head.frames);
  fclose(file);
  Z_engine_instantiate(&engine);
  memcpy(Z_engineZ_memory(&engine)->data + Z_engineZ_configAt(&engine), config, head.config);
  if (Z_engineZ_configure(&engine) != 0) fail("configure refuses the configuration");
  if (Z_engineZ_regionSize(&engine, REGION_STATE) != head.state) fail("the state has another size");
  memcpy(at(REGION_ARENA), policy, head.policy);
  if (Z_engineZ_loadPolicy(&engine, 0, head.policy) != 0) fail("loadPolicy refuses the policy");
  if (head.own_node >= 0 && Z_engineZ_setOwnNode(&engine, (uint32_t)head.own_node) != 0) fail("setOwnNode refuses the node");
}

static void end(void) {
  uint8_t *all[] = {config, policy, state, records, arena, after, actions};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
  Z_engine_free(&engine);
}

static void rewind_state(void) {
  memcpy(at(REGION_STATE), state, head.state);
  if (Z_engineZ_restore(&engine) != 0) fail("restore refuses the state");
  memset(at(REGION_RELEASED), 0, 4);
  memcpy(at(REGION_ARENA), arena, head.arena);
}

__attribute__((noinline)) uint32_t measured(uint32_t frames) {
  return Z_engineZ_process(&engine, frames);
}

static void check(uint32_t verdict, uint32_t frame) {
  if (at(REGION_VERDICTS)[(size_t)verdict * head.verdict_size] != actions[frame]) fail("a frame has another action");
}

static void check_frames(void) {
  if (memcmp(at(REGION_ARENA), after, head.arena) != 0) fail("the frames come out otherwise");
}

static void count(uint32_t rounds) {
  for (uint32_t round = 0; round < rounds; round++) {
    rewind_state();
    memcpy(at(REGION_FRAMES), records, (size_t)head.frames * FRAME_SIZE);
    if (measured(head.frames) != head.frames) fail("process does not take all frames");
    for (uint32_t i = 0; i < head.frames; i++) check(i, i);
    check_frames();
  }
  CALLGRIND_DUMP_STATS_AT(head.name);
}

static void lines(void) {
  stamps = calloc((Z_engineZ_memory(&engine)->size >> LINE_SHIFT) + 1, sizeof *stamps);
  find_kinds();
  memset(touches, 0, sizeof touches);
  rewind_state();
  for (uint32_t i = 0; i < head.frames; i++) {
    memcpy(at(REGION_FRAMES), records + (size_t)i * FRAME_SIZE, FRAME_SIZE);
    stamp = i + 1;
    uint32_t done = measured(1);
    stamp = 0;
    if (done != 1) fail("process does not take a frame");
    check(0, i);
  }
  check_frames();
  free(stamps);
  printf("%s", head.name);
  for (int kind = 0; kind < KINDS; kind++) printf(" %u", touches[kind]);
  printf("\n");
}

int main(int argc, char **argv) {
  int counts = argc > 3 && strcmp(argv[1], "count") == 0;
  if (!counts && (argc < 3 || strcmp(argv[1], "lines") != 0)) {
    fprintf(stderr, "usage: harness count ROUNDS FILE... | lines FILE...\n");
    return 2;
  }
  wasm_rt_init();
  Z_engine_init_module();
  for (int i = counts ? 3 : 2; i < argc; i++) {
    start(argv[i]);
    if (counts) count((uint32_t)atoi(argv[2]));
    else lines();
    end();
  }
  return 0;
}
