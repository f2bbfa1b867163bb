// A transform of the AssemblyScript compiler (`--transform` in package.json): names functions that the optimiser must not copy into their callers. It
// copies whatever is small, from wherever it is called; what is here is called from many places, and by no established IPv4 frame.

/** Internal names, `*` for anything. */
const APART = ["~lib/polyfills/bswap<u64>", "assembly/path/verdict/Verdict#end"];

export default class KeepApart {
  /** Between compilation and optimisation. @param module what was compiled, as Binaryen has it */
  afterCompile(module) {
    for (const name of APART) {
      this.binaryen.setPassArgument("no-inline", name);
      module.runPasses(["no-inline"]);
    }
    this.binaryen.setPassArgument("no-inline", null);
  }
}
