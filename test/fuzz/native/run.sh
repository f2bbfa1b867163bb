#!/bin/bash
# The engine under libFuzzer, guided by coverage of the engine's own branches. Needs Debian's wabt, clang-14 and libclang-rt-14-dev.
#
#   test/fuzz/native/run.sh [SECONDS] [SEED]     from the repository's root, after npm run build and npm run build:fuzz
#
# Exit code 0: nothing found. A finding is left as build/fuzz-native/crash-*, with the line that repeats it under the other target.
set -euo pipefail
readonly FOLDER=build/fuzz-native WABT=/usr/share/wabt/wasm2c
seconds=${1:-60} seed=${2:-1}
mkdir -p "$FOLDER/corpus"
node dist/test/fuzz/native/setup.js "$FOLDER"
# Loops in place of memory.copy and memory.fill, so that each of their accesses is checked as well.
npx asc assembly/index.ts --transform ./assembly/keep-apart.mjs --disable bulk-memory -o "$FOLDER/engine.wasm"
wasm2c "$FOLDER/engine.wasm" -o "$FOLDER/engine.c"
clang-14 -O2 -fsanitize=fuzzer -fno-sanitize-coverage=stack-depth -DWASM_RT_MEMCHECK_SIGNAL_HANDLER=0 -DWASM_RT_TRAP_HANDLER=on_trap \
  -Wno-everything -I"$WABT" -I"$FOLDER" \
  test/fuzz/native/harness.c "$FOLDER/engine.c" "$WABT/wasm-rt-impl.c" -lm -o "$FOLDER/fuzz"
if ! SLUICEGATE_NATIVE=$FOLDER "$FOLDER/fuzz" "$FOLDER/corpus" "$FOLDER/seeds" -max_total_time="$seconds" -seed="$seed" -timeout=10 \
  -max_len=8000 -artifact_prefix="$FOLDER/" -print_final_stats=1 2> "$FOLDER/log.txt"; then
  grep -a "finding:\|ERROR:" "$FOLDER/log.txt" || tail -20 "$FOLDER/log.txt"
  for file in "$FOLDER"/crash-* "$FOLDER"/timeout-*; do
    [ -e "$file" ] || continue
    # The target takes the world from the first byte.
    dd if="$FOLDER/world.bin" of="$file" conv=notrunc status=none
    echo "  npm run -s fuzz -- --target frames --input @$file"
  done
  exit 1
fi
grep -a "stat::\|DONE" "$FOLDER/log.txt"
