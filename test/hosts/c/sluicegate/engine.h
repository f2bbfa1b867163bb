/*
 * engine.wasm as a native library: wasm2c's C with a few calls around it. docs/abi.md says what each call of the engine means.
 *
 * One engine, one thread at a time; engines share nothing. A trap is a bug of the engine, whatever it was given: it is said on stderr, and the
 * program aborts.
 */
#ifndef SLUICEGATE_ENGINE_H
#define SLUICEGATE_ENGINE_H

#include <stdbool.h>

#include "sluicegate.h"

typedef struct sg_engine sg_engine;

/* A window onto the engine's memory. */
typedef struct sg_window {
  uint8_t *bytes;
  uint32_t size;
} sg_window;

/* Starts an engine. NULL: no memory is left, or the library was built from an engine of another ABI than sluicegate.h's. */
sg_engine *sg_engine_new(void);
void sg_engine_free(sg_engine *engine);

/* Calls an exported function by name. false: there is none of that name and number of arguments. */
bool sg_engine_call(sg_engine *engine, const char *name, const uint32_t *args, size_t count, int32_t *result);

/* SG_OK or an SG_ERROR_*. Memory grows here and nowhere else: windows taken afterwards stay valid. */
int32_t sg_engine_configure(sg_engine *engine, const uint8_t record[SG_CONFIG_SIZE]);

/* SG_OK or an SG_ERROR_*; SG_ERROR_FRAME_OUTSIDE_ARENA where the blob does not fit the arena. */
int32_t sg_engine_load_policy(sg_engine *engine, const uint8_t *blob, size_t length);

int32_t sg_engine_process(sg_engine *engine, uint32_t count);
int32_t sg_engine_advance(sg_engine *engine, uint64_t time);

/* Where a region is, SG_REGION_*; empty before sg_engine_configure. */
sg_window sg_engine_region(sg_engine *engine, uint32_t id);

/* SG_ERROR_POLICY_VERSION as "-10 (ERROR_POLICY_VERSION)", printed into text. */
const char *sg_code_text(int32_t code, char text[static 64]);

#endif
