/*
 * The engine as C (wasm2c) over the cases of test/gate/case-file.ts. Every round starts from the same state, so all rounds do the same work.
 *
 *   harness count ROUNDS FILE...   under `valgrind --tool=callgrind --toggle-collect=measured`: one dump per case, named after it
 *   harness lines FILE...          one line per case: its name, then how many table lines of each kind its frames touch, frame by frame
 *   harness start FILE...          as `count`: one dump per step of a start, named after case and step; what happens once only drops out
 *   harness pages FILE...          one line per start: its name, then how many pages of 4 KiB configure, loadPolicy and the first frame
 *                                  touch together, and bytes of the memory after configure
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
enum { FRAME_SIZE = 32, LINE_SHIFT = 6, PAGE_SHIFT = 12, NAME_SIZE = 32, KINDS = 6 };

/* Steps of a start, as test/gate/start-cases.ts names them. */
enum { INSTANTIATE, CONFIGURE, LOAD_POLICY, FIRST_FRAME, STEPS };
static const char *const step_names[STEPS] = {"instantiate", "configure", "loadPolicy", "first frame"};

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

/* One byte for each page of 4 KiB that 32 bits can name: whether it was touched. NULL while nobody counts. */
static uint8_t *pages;

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
  if (pages)
    for (uint64_t page = address >> PAGE_SHIFT; page <= (address + size - 1) >> PAGE_SHIFT; page++) pages[page] = 1;
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

static void read_case(const char *path) {
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
}

static void start(const char *path) {
  read_case(path);
  Z_engine_instantiate(&engine);
  memcpy(Z_engineZ_memory(&engine)->data + Z_engineZ_configAt(&engine), config, head.config);
  if (Z_engineZ_configure(&engine) != 0) fail("configure refuses the configuration");
  if (Z_engineZ_regionSize(&engine, REGION_STATE) != head.state) fail("the state has another size");
  memcpy(at(REGION_ARENA), policy, head.policy);
  if (Z_engineZ_loadPolicy(&engine, 0, head.policy) != 0) fail("loadPolicy refuses the policy");
  if (head.own_node >= 0 && Z_engineZ_setOwnNode(&engine, (uint32_t)head.own_node) != 0) fail("setOwnNode refuses the node");
}

static void end_case(void) {
  uint8_t *all[] = {config, policy, state, records, arena, after, actions};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static void end(void) {
  end_case();
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

static uint32_t take_step(uint32_t step) {
  if (step == CONFIGURE) return Z_engineZ_configure(&engine);
  if (step == LOAD_POLICY) return Z_engineZ_loadPolicy(&engine, 0, head.policy);
  if (step == FIRST_FRAME) return Z_engineZ_process(&engine, 1) - 1;
  Z_engine_instantiate(&engine);
  return 0;
}

__attribute__((noinline)) uint32_t measured_step(uint32_t step) {
  return take_step(step);
}

/* What the host does before a step. */
static void prepare_step(uint32_t step) {
  if (step == CONFIGURE) memcpy(Z_engineZ_memory(&engine)->data + Z_engineZ_configAt(&engine), config, head.config);
  if (step == LOAD_POLICY) memcpy(at(REGION_ARENA), policy, head.policy);
  if (step == FIRST_FRAME) {
    memcpy(at(REGION_ARENA), arena, head.arena);
    memcpy(at(REGION_FRAMES), records, FRAME_SIZE);
  }
}

/* From nothing to the first verdict. */
static void start_up(uint32_t (*take)(uint32_t), int dumps) {
  char name[2 * NAME_SIZE];
  for (uint32_t step = 0; step < STEPS; step++) {
    prepare_step(step);
    if (take(step) != 0) fail(step_names[step]);
    snprintf(name, sizeof name, "%s %s", head.name, step_names[step]);
    if (dumps) CALLGRIND_DUMP_STATS_AT(name);
  }
  check(0, 0);
  check_frames();
}

static void count_start(void) {
  start_up(take_step, 0);
  Z_engine_free(&engine);
  start_up(measured_step, 1);
  Z_engine_free(&engine);
}

static void count_pages(void) {
  uint32_t total = 0;
  pages = calloc((size_t)1 << (32 - PAGE_SHIFT), 1);
  start_up(take_step, 0);
  for (size_t page = 0; page < (size_t)1 << (32 - PAGE_SHIFT); page++) total += pages[page];
  printf("%s %u %llu\n", head.name, total, (unsigned long long)Z_engineZ_memory(&engine)->size);
  free(pages);
  pages = NULL;
  Z_engine_free(&engine);
}

static int start_ups(int argc, char **argv, void (*of_case)(void)) {
  for (int i = 2; i < argc; i++) {
    read_case(argv[i]);
    of_case();
    end_case();
  }
  return 0;
}

int main(int argc, char **argv) {
  int counts = argc > 3 && strcmp(argv[1], "count") == 0;
  int starts_up = argc > 2 && (strcmp(argv[1], "start") == 0 || strcmp(argv[1], "pages") == 0);
  if (!counts && !starts_up && (argc < 3 || strcmp(argv[1], "lines") != 0)) {
    fprintf(stderr, "usage: harness count ROUNDS FILE... | lines FILE... | start FILE... | pages FILE...\n");
    return 2;
  }
  wasm_rt_init();
  Z_engine_init_module();
  if (starts_up) return start_ups(argc, argv, argv[1][0] == 's' ? count_start : count_pages);
  for (int i = counts ? 3 : 2; i < argc; i++) {
    start(argv[i]);
    if (counts) count((uint32_t)atoi(argv[2]));
    else lines();
    end();
  }
  return 0;
}
