/** The engine's own `process`, imported from it: both modules work on one memory, and no JavaScript stands between them. */
export declare function process(count: u32): i32;
