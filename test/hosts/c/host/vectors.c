/* The command `vectors`: the conformance vectors of test/vectors, run as docs/vectors.md says. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host.h"

static const char SCHEMA[] = "sluicegate.io/vectors/v1";

typedef struct tally {
  size_t vectors, steps, differ;
} tally;

/* One vector: the instance that it is at, and what its steps have said so far. */
typedef struct run {
  const cJSON *file, *vector;
  size_t step;
  sg_engine *engine;
  bool is_configured;
  cJSON *stated;               /* counters, by reasons.no-policy */
  cJSON *saved;                /* states, as hexadecimal by name */
  size_t differences;
  sg_fault fault;              /* what is wrong with the vector itself */
} run;

static const char *action_label(unsigned value) {
  switch (value) {
#define LABEL(code, name) \
  case code:              \
    return name;
    SG_ACTIONS(LABEL)
  }
  return NULL;
}

static const char *reason_label(unsigned value) {
  switch (value) {
    case SG_REASON_NONE:
      return "none";
      SG_REASONS(LABEL)
#undef LABEL
  }
  return NULL;
}

static cJSON *hex_item(const uint8_t *data, size_t size) {
  char *text = malloc(2 * size + 1);
  hex_of(data, size, text);
  cJSON *item = cJSON_CreateString(text);
  free(text);
  return item;
}

static cJSON *decimal_item(uint64_t value) {
  char text[24];
  snprintf(text, sizeof text, "%" PRIu64, value);
  return cJSON_CreateString(text);
}

/* Takes `got` and tells where it is not what was expected. */
__attribute__((format(printf, 4, 5))) static void compare(run *run, const cJSON *expected, cJSON *got, const char *format, ...) {
  if (!cJSON_Compare(expected, got, true)) {
    va_list args;
    char field[128];
    va_start(args, format);
    vsnprintf(field, sizeof field, format, args);
    va_end(args);
    char *wanted = cJSON_PrintUnformatted(expected), *found = cJSON_PrintUnformatted(got);
    printf("%s, step %zu, %s: expected %s, got %s\n", text_of(run->vector, "name"), run->step, field, wanted, found);
    free(wanted);
    free(found);
    run->differences++;
  }
  cJSON_Delete(got);
}

static bool start(run *run) {
  sg_engine_free(run->engine);
  run->engine = sg_engine_new();
  run->is_configured = false;
  cJSON_Delete(run->stated);
  run->stated = cJSON_CreateObject();
  return run->engine != NULL || sg_fail(&run->fault, "the engine cannot be started");
}

static const cJSON *named(run *run, const char *list, const char *name) {
  const cJSON *entry;
  cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(run->file, list)) {
    if (strcmp(text_of(entry, "name"), name) == 0) return entry;
  }
  sg_fail(&run->fault, "%s has nothing that is named %s", list, name);
  return NULL;
}

static bool bytes_of(run *run, const cJSON *object, const char *key, bytes *contents) {
  return unhex(text_of(object, key), contents) || sg_fail(&run->fault, "%s is no hexadecimal", key);
}

static bool call(run *run, const char *name, const cJSON *arguments, int32_t *code) {
  uint32_t args[4];
  size_t count = 0;
  const cJSON *argument;
  cJSON_ArrayForEach(argument, arguments) {
    if (count < 4) args[count] = (uint32_t)argument->valuedouble;
    count++;
  }
  return (count <= 4 && sg_engine_call(run->engine, name, args, count, code)) ||
         sg_fail(&run->fault, "the engine has no %s() of %zu arguments", name, count);
}

static bool configure(run *run, const cJSON *step, int32_t *code) {
  bytes record;
  const cJSON *entry = named(run, "configurations", text_of(step, "configuration"));
  if (entry == NULL || !bytes_of(run, entry, "record", &record)) return false;
  const bool is_right = record.size == SG_CONFIG_SIZE;
  if (is_right) *code = sg_engine_configure(run->engine, record.data);
  free(record.data);
  run->is_configured = run->is_configured || (is_right && *code == SG_OK);
  return is_right || sg_fail(&run->fault, "a configuration has other than %u bytes", SG_CONFIG_SIZE);
}

static bool load(run *run, const cJSON *step, int32_t *code) {
  bytes blob;
  const cJSON *entry = named(run, "policies", text_of(step, "policy"));
  if (entry == NULL || !bytes_of(run, entry, "blob", &blob)) return false;
  const sg_window arena = sg_engine_region(run->engine, SG_REGION_ARENA);
  if (blob.size <= arena.size) memcpy(arena.bytes, blob.data, blob.size);
  free(blob.data);
  const cJSON *arguments = cJSON_GetObjectItemCaseSensitive(step, "arguments");
  if (arguments != NULL) return call(run, "loadPolicy", arguments, code);
  const uint32_t whole[] = {0, (uint32_t)blob.size};
  return sg_engine_call(run->engine, "loadPolicy", whole, 2, code);
}

static bool restore(run *run, const cJSON *step, int32_t *code) {
  bytes saved;
  const sg_window state = sg_engine_region(run->engine, SG_REGION_STATE);
  const cJSON *fill = cJSON_GetObjectItemCaseSensitive(step, "fill");
  if (!bytes_of(run, run->saved, text_of(step, "from"), &saved)) return false;
  const bool is_right = saved.size == state.size;
  if (is_right) memcpy(state.bytes, saved.data, saved.size);
  free(saved.data);
  if (!is_right) return sg_fail(&run->fault, "the state has other than %u bytes", state.size);
  if (fill != NULL) memset(state.bytes, fill->valueint, state.size);
  return sg_engine_call(run->engine, "restore", NULL, 0, code);
}

/* Puts frames into the arena and their records into SG_REGION_FRAMES, as far as there is room; `offsets` tells where each lies. */
static bool describe(run *run, const cJSON *frames, uint32_t *offsets) {
  const sg_window arena = sg_engine_region(run->engine, SG_REGION_ARENA), records = sg_engine_region(run->engine, SG_REGION_FRAMES);
  uint64_t next = 0, i = 0;
  const cJSON *frame;
  cJSON_ArrayForEach(frame, frames) {
    bytes given;
    if (!bytes_of(run, frame, "bytes", &given)) return false;
    const uint32_t offset = (uint32_t)number_of(frame, "offset", (double)next);
    next = (uint64_t)offset + given.size;
    if (next <= arena.size) memcpy(arena.bytes + offset, given.data, given.size);
    free(given.data);
    const sg_frame record = {
        .offset = offset,
        .captured = (uint32_t)number_of(frame, "captured", (double)given.size),
        .wire = (uint32_t)number_of(frame, "wire", (double)given.size),
        .hook = (uint8_t)number_of(frame, "hook", 0),
        .link = (uint8_t)number_of(frame, "link", 0),
        .flags = (uint16_t)number_of(frame, "flags", 0),
        .time = strtoull(text_of(frame, "time"), NULL, 10),
        .tag = strtoull(text_of(frame, "tag"), NULL, 10),
    };
    if ((i + 1) * SG_FRAME_SIZE <= records.size) memcpy(records.bytes + i * SG_FRAME_SIZE, &record, sizeof record);
    offsets[i++] = offset;
  }
  return true;
}

static bool make_call(run *run, const cJSON *step, size_t frames, int32_t *code) {
  const char *what = text_of(step, "do");
  if (strcmp(what, "configure") == 0) return configure(run, step, code);
  if (strcmp(what, "load") == 0) return load(run, step, code);
  if (strcmp(what, "restore") == 0) return restore(run, step, code);
  if (strcmp(what, "call") == 0)
    return call(run, text_of(step, "function"), cJSON_GetObjectItemCaseSensitive(step, "arguments"), code);
  const uint32_t count = (uint32_t)number_of(step, "count", (double)frames);
  return sg_engine_call(run->engine, what, &count, 1, code) || sg_fail(&run->fault, "nothing is known of step %s", what);
}

static void compare_fields(run *run, const cJSON *row, size_t i, const sg_verdict *verdict) {
  const cJSON *expected;
  const unsigned flags = (unsigned)number_of(run->file, "verdictFlags", 0);
#define EXPECTED(name) (expected = cJSON_GetObjectItemCaseSensitive(row, name)) != NULL
#define NUMBER(name, value) \
  if (EXPECTED(name)) compare(run, expected, cJSON_CreateNumber(value), "verdicts[%zu].%s", i, name)
#define LABEL(name, label, value) \
  if (EXPECTED(name)) \
  compare(run, expected, label(value) ? cJSON_CreateString(label(value)) : decimal_item(value), "verdicts[%zu].%s", i, name)
#define ADDRESS(name, bytes) \
  if (EXPECTED(name)) compare(run, expected, hex_item(bytes, 16), "verdicts[%zu].%s", i, name)
  LABEL("action", action_label, verdict->action);
  LABEL("reason", reason_label, verdict->reason);
  NUMBER("flags", verdict->flags & flags);
  NUMBER("length", verdict->length);
  NUMBER("egress", verdict->egress);
  NUMBER("nat_port", verdict->nat_port);
  NUMBER("old_egress", verdict->old_egress);
  ADDRESS("egress_ip", verdict->egress_ip);
  ADDRESS("target", verdict->target);
  NUMBER("inner", verdict->inner);
  NUMBER("node", verdict->node);
  NUMBER("live", verdict->live);
#undef NUMBER
#undef LABEL
#undef ADDRESS
}

static bool compare_bytes(run *run, const cJSON *row, size_t i, const cJSON *frame, uint32_t offset) {
  const cJSON *expected;
  const sg_window outer = sg_engine_region(run->engine, SG_REGION_OUTER), arena = sg_engine_region(run->engine, SG_REGION_ARENA);
  if (EXPECTED("outer"))
    compare(run, expected, hex_item(outer.bytes + i * SG_OUTER_SIZE, SG_OUTER_SIZE), "verdicts[%zu].outer", i);
#undef EXPECTED
  const bool is_unchanged = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(row, "unchanged"));
  expected = is_unchanged ? cJSON_GetObjectItemCaseSensitive(frame, "bytes") : cJSON_GetObjectItemCaseSensitive(row, "out");
  if (!cJSON_IsString(expected)) return true;
  const uint64_t from = offset + (uint64_t)number_of(row, "skip", 0), size = strlen(expected->valuestring) / 2;
  if (from + size > arena.size) return sg_fail(&run->fault, "verdicts[%zu] expects bytes past the arena", i);
  compare(run, expected, hex_item(arena.bytes + from, size), "verdicts[%zu].%s", i, is_unchanged ? "unchanged" : "out");
  return true;
}

static bool compare_rows(run *run, const cJSON *step, const cJSON *frames, const uint32_t *offsets) {
  const sg_verdict *verdicts = (const sg_verdict *)sg_engine_region(run->engine, SG_REGION_VERDICTS).bytes;
  const cJSON *row, *frame = frames ? frames->child : NULL;
  size_t i = 0;
  cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(step, "verdicts")) {
    if (frame == NULL) return sg_fail(&run->fault, "there are more verdicts than frames");
    compare_fields(run, row, i, &verdicts[i]);
    if (!compare_bytes(run, row, i, frame, offsets[i])) return false;
    frame = frame->next;
    i++;
  }
  return true;
}

static cJSON *generated(const run *run) {
  const uint8_t *region = sg_engine_region(run->engine, SG_REGION_GENERATED).bytes;
  cJSON *rows = cJSON_CreateArray();
  uint32_t count;
  memcpy(&count, region + SG_GENERATED_COUNT_AT, sizeof count);
  const sg_generated *row = (const sg_generated *)(region + SG_GENERATED_ROWS_AT);
  for (uint32_t i = 0; i < count; i++, row++) {
    cJSON *item = cJSON_CreateObject();
    cJSON_AddNumberToObject(item, "frame", row->frame);
    cJSON_AddNumberToObject(item, "egress", row->egress);
    cJSON_AddItemToObject(item, "packet", hex_item(row->packet, row->length));
    cJSON_AddItemToArray(rows, item);
  }
  return rows;
}

/* Takes the list of released frames, as a host does. */
static cJSON *released(const run *run) {
  uint8_t *region = sg_engine_region(run->engine, SG_REGION_RELEASED).bytes;
  cJSON *numbers = cJSON_CreateArray();
  uint32_t count, number;
  memcpy(&count, region, sizeof count);
  for (uint32_t i = 0; i < count; i++) {
    memcpy(&number, region + 4 + (size_t)i * 4, sizeof number);
    cJSON_AddItemToArray(numbers, cJSON_CreateNumber(number));
  }
  memset(region, 0, sizeof count);
  return numbers;
}

static void state(run *run, const char *name, const char *value) {
  cJSON_DeleteItemFromObjectCaseSensitive(run->stated, name);
  cJSON_AddStringToObject(run->stated, name, value);
}

/* What a step states, a name in a name as reasons.no-policy. */
static cJSON *state_all(run *run, const cJSON *counters) {
  cJSON *now = cJSON_CreateObject();
  const cJSON *counter, *part;
  cJSON_ArrayForEach(counter, counters) {
    if (cJSON_IsString(counter)) {
      state(run, counter->string, counter->valuestring);
      cJSON_AddTrueToObject(now, counter->string);
    }
    if (!cJSON_IsObject(counter)) continue;
    cJSON_ArrayForEach(part, counter) {
      char name[128];
      snprintf(name, sizeof name, "%s.%s", counter->string, part->string);
      state(run, name, cJSON_IsString(part) ? part->valuestring : "");
      cJSON_AddTrueToObject(now, name);
    }
  }
  return now;
}

static bool is_steady(const run *run, const char *family) {
  const cJSON *name, *counters = cJSON_GetObjectItemCaseSensitive(run->file, "counters");
  cJSON_ArrayForEach(name, cJSON_GetObjectItemCaseSensitive(counters, "steady")) {
    if (cJSON_IsString(name) && strcmp(name->valuestring, family) == 0) return true;
  }
  return false;
}

/* What a step states has changed to that; what it does not state is as it was, of the counters that are compared always. */
static void compare_counter(run *run, const cJSON *now, const char *family, const char *name, uint64_t got) {
  if (!is_steady(run, family) && !cJSON_HasObjectItem(now, name)) return;
  cJSON *zero = cJSON_CreateString("0");
  const cJSON *stated = cJSON_GetObjectItemCaseSensitive(run->stated, name);
  compare(run, stated ? stated : zero, decimal_item(got), "counters.%s", name);
  cJSON_Delete(zero);
}

static void compare_counters(run *run, const cJSON *step) {
  const sg_counters *got = (const sg_counters *)sg_engine_region(run->engine, SG_REGION_COUNTERS).bytes;
  cJSON *now = state_all(run, cJSON_GetObjectItemCaseSensitive(step, "counters"));
  char name[128];
  for (unsigned reason = 0; reason < SG_REASON_COUNT; reason++) {
    snprintf(name, sizeof name, "reasons.%s", reason_label(reason));
    compare_counter(run, now, "reasons", name, got->reasons[reason]);
  }
  for (unsigned action = SG_ACTION_PASS; action <= SG_ACTION_HOLD; action++) {
    snprintf(name, sizeof name, "actions.%s", action_label(action));
    compare_counter(run, now, "actions", name, got->actions[action]);
  }
#define COUNTER(field) compare_counter(run, now, #field, #field, got->field)
  COUNTER(opened);
  COUNTER(closed);
  COUNTER(expired);
  COUNTER(broken);
  COUNTER(rebound);
  COUNTER(live);
  COUNTER(peak);
  COUNTER(entries);
  COUNTER(evicted_expired);
  COUNTER(evicted_closing);
  COUNTER(evicted_unreplied);
  COUNTER(evicted_established);
  COUNTER(guessed);
  COUNTER(port_probes);
  COUNTER(bitmap_searches);
  COUNTER(removed);
  COUNTER(fragments_evicted);
  COUNTER(generated);
  COUNTER(untold);
#undef COUNTER
  cJSON_Delete(now);
}

static void compare_stats(run *run, const cJSON *rows) {
  const sg_egress_stats *got = (const sg_egress_stats *)sg_engine_region(run->engine, SG_REGION_EGRESS_STATS).bytes;
  const cJSON *row, *expected;
  size_t i = 0;
  cJSON_ArrayForEach(row, rows) {
#define STAT(field, item) \
  if ((expected = cJSON_GetObjectItemCaseSensitive(row, #field)) != NULL) \
  compare(run, expected, item(got[i].field), "egressStats[%zu].%s", i, #field)
    STAT(connections, decimal_item);
    STAT(frames, decimal_item);
    STAT(bytes, decimal_item);
    STAT(replies, decimal_item);
    STAT(reply_bytes, decimal_item);
    STAT(live, cJSON_CreateNumber);
    STAT(ports_peak, cJSON_CreateNumber);
    STAT(last_end, decimal_item);
#undef STAT
    i++;
  }
}

static bool compare_step(run *run, const cJSON *step, const cJSON *frames, const uint32_t *offsets) {
  if (!compare_rows(run, step, frames, offsets)) return false;
  const cJSON *errors = cJSON_GetObjectItemCaseSensitive(step, "generated");
  if (errors != NULL) compare(run, errors, generated(run), "generated");
  if (!run->is_configured) return true;
  cJSON *none = cJSON_CreateArray();
  const cJSON *numbers = cJSON_GetObjectItemCaseSensitive(step, "released");
  compare(run, numbers ? numbers : none, released(run), "released");
  cJSON_Delete(none);
  compare_counters(run, step);
  compare_stats(run, cJSON_GetObjectItemCaseSensitive(step, "egressStats"));
  return true;
}

static bool take_step(run *run, const cJSON *step) {
  const char *what = text_of(step, "do");
  if (strcmp(what, "start") == 0) return start(run);
  if (strcmp(what, "save") == 0) {
    const sg_window region = sg_engine_region(run->engine, SG_REGION_STATE);
    cJSON_AddItemToObject(run->saved, text_of(step, "as"), hex_item(region.bytes, region.size));
    return true;
  }
  const cJSON *frames = cJSON_GetObjectItemCaseSensitive(step, "frames");
  const size_t count = (size_t)cJSON_GetArraySize(frames);
  uint32_t *offsets = calloc(count + 1, sizeof *offsets);
  int32_t code = 0;
  bool is_done = describe(run, frames, offsets) && make_call(run, step, count, &code);
  if (is_done) {
    compare(run, cJSON_GetObjectItemCaseSensitive(step, "returns"), cJSON_CreateNumber(code), "returns");
    is_done = compare_step(run, step, frames, offsets);
  }
  free(offsets);
  return is_done;
}

static bool run_vector(run *run, tally *sum) {
  const cJSON *step;
  bool is_done = start(run);
  sum->vectors++;
  run->step = 0;
  cJSON_ArrayForEach(step, cJSON_GetObjectItemCaseSensitive(run->vector, "steps")) {
    if (!is_done) break;
    sum->steps++;
    is_done = take_step(run, step);
    if (run->differences > 0) {
      sum->differ++;
      break;
    }
    run->step++;
  }
  sg_engine_free(run->engine);
  cJSON_Delete(run->stated);
  cJSON_Delete(run->saved);
  return is_done;
}

static bool run_file(const char *path, tally *sum, sg_fault *fault) {
  cJSON *file = read_json(path, fault);
  if (file == NULL) return false;
  const char *schema = text_of(file, "schema");
  const double version = number_of(file, "abiVersion", -1);
  bool is_done = true;
  if (strcmp(schema, SCHEMA) != 0) is_done = sg_fail(fault, "%s: schema is \"%s\", expected \"%s\"", path, schema, SCHEMA);
  else if (version != SG_ABI_VERSION)
    is_done = sg_fail(fault, "%s: abiVersion is %.0f, expected %u", path, version, SG_ABI_VERSION);
  const cJSON *vector;
  cJSON_ArrayForEach(vector, cJSON_GetObjectItemCaseSensitive(file, "vectors")) {
    if (!is_done) break;
    run run = {.file = file, .vector = vector, .saved = cJSON_CreateObject()};
    is_done = run_vector(&run, sum);
    if (!is_done) sg_fail(fault, "%s: %s, step %zu: %s", path, text_of(vector, "name"), run.step, run.fault.text);
  }
  cJSON_Delete(file);
  return is_done;
}

static void print(const char *name, tally sum) {
  printf("%s%s%zu vectors, %zu steps: ", name, *name ? ": " : "", sum.vectors, sum.steps);
  if (sum.differ > 0) printf("%zu vectors differ\n", sum.differ);
  else puts("as expected");
}

static bool run_path(const char *path, tally *total, sg_fault *fault) {
  tally sum = {0};
  if (!run_file(path, &sum, fault)) return false;
  const char *slash = strrchr(path, '/');
  print(slash ? slash + 1 : path, sum);
  total->vectors += sum.vectors;
  total->steps += sum.steps;
  total->differ += sum.differ;
  return true;
}

static int is_json(const struct dirent *entry) {
  const size_t length = strlen(entry->d_name);
  return length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0;
}

static bool run_folder(const char *path, tally *total, sg_fault *fault) {
  struct dirent **entries;
  const int count = scandir(path, &entries, is_json, alphasort);
  if (count < 0) return sg_fail(fault, "%s: cannot be read (%s)", path, strerror(errno));
  bool is_done = true;
  for (int i = 0; i < count; i++) {
    char file[4096];
    if (is_done) {
      const int length = snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
      is_done = length < (int)sizeof file ? run_path(file, total, fault) : sg_fail(fault, "%s: the path is too long", path);
    }
    free(entries[i]);
  }
  free(entries);
  return is_done;
}

bool run_vectors(char *const *paths, size_t count, size_t *differ, sg_fault *fault) {
  tally total = {0};
  for (size_t i = 0; i < count; i++) {
    struct stat found;
    if (stat(paths[i], &found) != 0) return sg_fail(fault, "%s: cannot be read (%s)", paths[i], strerror(errno));
    if (!(S_ISDIR(found.st_mode) ? run_folder : run_path)(paths[i], &total, fault)) return false;
  }
  print("", total);
  *differ = total.differ;
  return true;
}
