/** The engine's own exports, imported from it: both modules work on one memory, and no host's code stands between them. */
export declare function process(count: u32): i32;
export declare function advance(timeLow: u32, timeHigh: u32): i32;
