import fc from "fast-check";

/** The same cases in every run of the suite; a failure prints its own seed and path as well. */
fc.configureGlobal({ seed: 20_261_123 });
