// How far `process` of profile.wasm goes (profile.ts), as `setStage` takes it. Plain constants, as in assembly/abi.ts: both compilers read them.

export const STAGE_CALL = 0; // nothing: what is left is the host's side
export const STAGE_RECORDS = 1; // + the checks of the frame records
export const STAGE_PARSE = 2; // + pass 1 without its stores: parse and hash
export const STAGE_TOUCH = 3; // + the blind stores into the lines of the table
export const STAGE_FIND = 4; // + each frame's line is looked for
export const STAGE_SETTLE = 5; // pass 2 as a whole, without the sweep
export const STAGE_WHOLE = 6; // everything
export const STAGE_COUNT = 7; // STAGE_PARSE, and the lines of the table are counted that the frames' stores and look-ups are about
