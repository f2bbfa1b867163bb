#include "engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wasm-rt-impl.h"
#include "wasm2c.h"

struct sg_engine {
  Z_sluicegate_instance_t instance;
};

/* Runs a call into the engine where a trap comes back to. */
#define GUARDED(call)                                               \
  do {                                                              \
    wasm_rt_trap_t trap = wasm_rt_impl_try();                       \
    if (trap != WASM_RT_TRAP_NONE) {                                \
      fprintf(stderr, "engine: trap: %s\n", wasm_rt_strerror(trap)); \
      abort();                                                      \
    }                                                               \
    call;                                                           \
  } while (0)

/* wasm2c gives a function a parameter for each argument: one dispatcher for each number of them. */
#define DISPATCH_0(name) (int32_t)Z_sluicegateZ_##name(&engine->instance)
#define DISPATCH_1(name) (int32_t)Z_sluicegateZ_##name(&engine->instance, args[0])
#define DISPATCH_2(name) (int32_t)Z_sluicegateZ_##name(&engine->instance, args[0], args[1])
#define DISPATCH_4(name) (int32_t)Z_sluicegateZ_##name(&engine->instance, args[0], args[1], args[2], args[3])

#define DEFINE(name, count, type) \
  static int32_t call_##name(sg_engine *engine, const uint32_t *args) { \
    (void)args; \
    return DISPATCH_##count(name); \
  }
SG_EXPORTS(DEFINE)
#undef DEFINE

typedef int32_t function(sg_engine *engine, const uint32_t *args);

static const struct {
  const char *name;
  size_t count;
  function *call;
} FUNCTIONS[] = {
#define ROW(name, count, type) {#name, count, call_##name},
    SG_EXPORTS(ROW)
#undef ROW
};

static function *function_named(const char *name, size_t count) {
  for (size_t i = 0; i < sizeof FUNCTIONS / sizeof FUNCTIONS[0]; i++)
    if (FUNCTIONS[i].count == count && strcmp(FUNCTIONS[i].name, name) == 0) return FUNCTIONS[i].call;
  return NULL;
}

sg_engine *sg_engine_new(void) {
  static bool is_ready;
  if (!is_ready) {
    wasm_rt_init();
    Z_sluicegate_init_module();
    is_ready = true;
  }
  sg_engine *engine = calloc(1, sizeof *engine);
  if (engine == NULL) return NULL;
  GUARDED(Z_sluicegate_instantiate(&engine->instance));
  if (Z_sluicegateZ_abiVersion(&engine->instance) == SG_ABI_VERSION) return engine;
  sg_engine_free(engine);
  return NULL;
}

void sg_engine_free(sg_engine *engine) {
  if (engine == NULL) return;
  Z_sluicegate_free(&engine->instance);
  free(engine);
}

bool sg_engine_call(sg_engine *engine, const char *name, const uint32_t *args, size_t count, int32_t *result) {
  function *const wanted = function_named(name, count);
  if (wanted == NULL) return false;
  GUARDED(*result = wanted(engine, args));
  return true;
}

static uint8_t *memory_at(sg_engine *engine, uint32_t at) {
  return Z_sluicegateZ_memory(&engine->instance)->data + at;
}

int32_t sg_engine_configure(sg_engine *engine, const uint8_t record[SG_CONFIG_SIZE]) {
  int32_t code;
  memcpy(memory_at(engine, Z_sluicegateZ_configAt(&engine->instance)), record, SG_CONFIG_SIZE);
  GUARDED(code = call_configure(engine, NULL));
  return code;
}

int32_t sg_engine_load_policy(sg_engine *engine, const uint8_t *blob, size_t length) {
  sg_window arena = sg_engine_region(engine, SG_REGION_ARENA);
  if (length > arena.size) return SG_ERROR_FRAME_OUTSIDE_ARENA;
  memcpy(arena.bytes, blob, length);
  int32_t code;
  const uint32_t args[] = {0, (uint32_t)length};
  GUARDED(code = call_loadPolicy(engine, args));
  return code;
}

int32_t sg_engine_process(sg_engine *engine, uint32_t count) {
  int32_t done;
  GUARDED(done = call_process(engine, &count));
  return done;
}

int32_t sg_engine_advance(sg_engine *engine, uint64_t time) {
  int32_t code;
  const uint32_t args[] = {(uint32_t)time, (uint32_t)(time >> 32)};
  GUARDED(code = call_advance(engine, args));
  return code;
}

sg_window sg_engine_region(sg_engine *engine, uint32_t id) {
  uint32_t at = Z_sluicegateZ_regionAt(&engine->instance, id);
  return (sg_window){memory_at(engine, at), Z_sluicegateZ_regionSize(&engine->instance, id)};
}

const char *sg_code_text(int32_t code, char text[static 64]) {
  const char *name = NULL;
  switch (code) {
#define NAMED(code) \
  case SG_##code:   \
    name = #code;   \
    break;
    NAMED(OK)
    NAMED(ERROR_NOT_CONFIGURED)
    NAMED(ERROR_ALREADY_CONFIGURED)
    NAMED(ERROR_CONFIG_RANGE)
    NAMED(ERROR_MEMORY)
    NAMED(ERROR_BATCH_TOO_LARGE)
    NAMED(ERROR_FRAME_OUTSIDE_ARENA)
    NAMED(ERROR_BAD_HOOK)
    NAMED(ERROR_BAD_LINK_TYPE)
    NAMED(ERROR_POLICY_HEADER)
    NAMED(ERROR_POLICY_VERSION)
    NAMED(ERROR_POLICY_TOO_LARGE)
    NAMED(ERROR_POLICY_SECTION)
    NAMED(ERROR_POLICY_REFERENCE)
    NAMED(ERROR_POLICY_ORDER)
    NAMED(ERROR_NO_SUCH_GATEWAY)
    NAMED(ERROR_BAD_STATE)
    NAMED(ERROR_NO_POLICY_LOADED)
#undef NAMED
  }
  snprintf(text, 64, name ? "%d (%s)" : "%d", (int)code, name);
  return text;
}
