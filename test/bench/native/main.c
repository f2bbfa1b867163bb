/**
 * The work of the engine's plain path in C: what a native build of it would cost, and a second opinion on what it does.
 *
 *   reference START        START: a configuration record (CONFIG_SIZE bytes), then a policy blob; docs/abi.md has both
 *
 * Commands come on standard input, one per line; each is answered by one line on standard output. A failure is one line on standard
 * error and status 1.
 *
 *   play IN OUT BATCH      frames of a file through the engine: u32 count, u32 0, u64 bytes of the arena; frame records; the arena.
 *                          OUT: the verdicts, the arena, the counters (COUNTERS_SIZE), the egress statistics
 *   load IN HOOK BATCH F   frames of 64 bytes that `pass` and `block` work on; F is `forget` where all connections go before each pass
 *   count                  says what was counted so far
 *   pass                   puts the frames back and processes them once
 *   save OUT               the frames as the last pass left them
 *   block MS               passes until they have taken MS milliseconds of CPU time; answers nanoseconds per frame
 *
 * All but `save` and `block` answer with the counters as JSON.
 */
#define _DEFAULT_SOURCE
#include <time.h>

#include "process.h"

#define FRAME_BYTES 64
#define START_NS 1790000000000000000u
#define FRAME_GAP_NS 1000u
/** Longer than any lifetime. */
#define EVERYTHING_EXPIRED_NS 9000000000000u

/** Frames that are processed again and again. */
struct session {
  struct engine engine;
  uint8_t *pristine, *frames;
  struct frame_record *records;
  struct verdict *verdicts;
  uint32_t count, batch;
  bool forgets;
  uint64_t time;
};

static uint8_t *read_file(const char *name, size_t *length) {
  FILE *file = fopen(name, "rb");
  if (!file || fseek(file, 0, SEEK_END) != 0) fail("%s: cannot be read", name);
  long size = ftell(file);
  rewind(file);
  uint8_t *bytes = zeroed((size_t)size);
  if (fread(bytes, 1, (size_t)size, file) != (size_t)size) fail("%s: cannot be read to its end", name);
  fclose(file);
  *length = (size_t)size;
  return bytes;
}

static void write_piece(FILE *file, const char *name, const void *bytes, size_t size) {
  if (fwrite(bytes, 1, size, file) != size) fail("%s: %zu bytes cannot be written", name, size);
}

static FILE *create_file(const char *name) {
  FILE *file = fopen(name, "wb");
  if (!file) fail("%s: cannot be written", name);
  return file;
}

static void answer_counters(const struct engine *e) {
  const struct counters *c = &e->counters;
  uint64_t other = c->actions[ACTION_PASS] + c->actions[ACTION_DROP];
  printf("{\"snat\":%llu,\"reverse\":%llu,\"other\":%llu,\"opened\":%llu,\"live\":%llu}\n",
         (unsigned long long)c->actions[ACTION_SNAT], (unsigned long long)c->actions[ACTION_REVERSE],
         (unsigned long long)other, (unsigned long long)c->opened, (unsigned long long)c->live);
}

static void play(struct engine *e, const char *in, const char *out, uint32_t batch) {
  size_t length;
  uint8_t *bytes = read_file(in, &length);
  uint32_t count = load32(bytes);
  uint64_t arena_size = load64(bytes + 8);
  if (length != 16 + (uint64_t)count * FRAME_SIZE + arena_size) fail("%s: %zu bytes, expected as its head says", in, length);
  struct frame_record *records = copy_of(bytes + 16, (size_t)count * FRAME_SIZE);
  uint8_t *arena = bytes + 16 + (size_t)count * FRAME_SIZE;
  for (uint32_t i = 0; i < count; i++)
    if ((uint64_t)records[i].offset + records[i].captured > arena_size) fail("%s: frame %u lies outside the arena", in, i);
  struct verdict *verdicts = zeroed((size_t)count * sizeof *verdicts);
  for (uint32_t first = 0; first < count; first += batch)
    process(e, records + first, arena, verdicts + first, count - first < batch ? count - first : batch);
  FILE *file = create_file(out);
  write_piece(file, out, verdicts, (size_t)count * sizeof *verdicts);
  write_piece(file, out, arena, arena_size);
  uint8_t counters[COUNTERS_SIZE] = {0};
  memcpy(counters, &e->counters, sizeof e->counters);
  write_piece(file, out, counters, sizeof counters);
  write_piece(file, out, e->stats, e->policy.egress_count * sizeof *e->stats);
  if (fclose(file) != 0) fail("%s: cannot be written to its end", out);
  free(bytes);
  free(records);
  free(verdicts);
  answer_counters(e);
}

static void load_frames(struct session *s, const char *in, uint32_t hook, uint32_t batch, bool forgets) {
  size_t length;
  free(s->pristine);
  free(s->frames);
  free(s->records);
  free(s->verdicts);
  s->pristine = read_file(in, &length);
  s->frames = zeroed(length);
  s->count = (uint32_t)(length / FRAME_BYTES);
  s->batch = batch;
  s->forgets = forgets;
  s->records = zeroed(batch * sizeof *s->records);
  s->verdicts = zeroed(batch * sizeof *s->verdicts);
  for (uint32_t i = 0; i < batch; i++)
    s->records[i] = (struct frame_record){.captured = FRAME_BYTES, .wire = FRAME_BYTES, .hook = (uint8_t)hook, .link = LINK_ETHERNET};
}

static void restore(struct session *s) {
  if (s->forgets) {
    s->time += EVERYTHING_EXPIRED_NS;
    advance(&s->engine, s->time);
  }
  memcpy(s->frames, s->pristine, (size_t)s->count * FRAME_BYTES);
}

/** As src/bench does it: the first record of a batch moves the time, and each record gets its offset. */
static void process_all(struct session *s) {
  for (uint32_t first = 0; first < s->count; first += s->batch) {
    uint32_t size = s->count - first < s->batch ? s->count - first : s->batch;
    uint32_t offset = 0;
    for (uint32_t i = 0; i < size; i++, offset += FRAME_BYTES) s->records[i].offset = offset;
    s->records[0].time = s->time;
    s->time += (uint64_t)size * FRAME_GAP_NS;
    process(&s->engine, s->records, s->frames + (size_t)first * FRAME_BYTES, s->verdicts, size);
  }
}

static uint64_t cpu_time(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void measure_block(struct session *s, double ms) {
  uint64_t spent = 0;
  uint64_t frames = 0;
  while ((double)spent < ms * 1e6) {
    restore(s);
    uint64_t start = cpu_time();
    process_all(s);
    spent += cpu_time() - start;
    frames += s->count;
  }
  printf("%.4f\n", (double)spent / (double)frames);
}

static void obey(struct session *s, const char *command) {
  char a[1024], b[1024], word[16];
  unsigned hook, batch;
  double ms;
  if (sscanf(command, "play %1023s %1023s %u", a, b, &batch) == 3 && batch > 0) return play(&s->engine, a, b, batch);
  if (sscanf(command, "load %1023s %u %u %15s", a, &hook, &batch, word) == 4 && batch > 0) {
    load_frames(s, a, hook, batch, strcmp(word, "forget") == 0);
    return answer_counters(&s->engine);
  }
  if (sscanf(command, "save %1023s", a) == 1) {
    FILE *file = create_file(a);
    write_piece(file, a, s->frames, (size_t)s->count * FRAME_BYTES);
    if (fclose(file) != 0) fail("%s: cannot be written to its end", a);
    printf("{}\n");
    return;
  }
  if (sscanf(command, "block %lf", &ms) == 1 && s->count > 0) return measure_block(s, ms);
  if (strcmp(command, "count\n") == 0) return answer_counters(&s->engine);
  if (strcmp(command, "pass\n") != 0) fail("command %.40s: expected play, load, count, pass, save or block", command);
  restore(s);
  process_all(s);
  answer_counters(&s->engine);
}

int main(int argc, char **argv) {
  static struct session session = {.time = START_NS};
  if (argc != 2) fail("arguments: %d, expected one, the file with configuration and policy", argc - 1);
  size_t length;
  uint8_t *bytes = read_file(argv[1], &length);
  if (length < CONFIG_SIZE) fail("%s: %zu bytes, expected a configuration record and a policy", argv[1], length);
  start_engine(&session.engine, bytes, bytes + CONFIG_SIZE, length - CONFIG_SIZE);
  free(bytes);
  char command[2200];
  while (fgets(command, sizeof command, stdin)) {
    obey(&session, command);
    fflush(stdout);
  }
  return 0;
}
