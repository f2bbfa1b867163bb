import { resolve } from "node:path";

const IMPORT = /^#platform\/(.+)\.js$/;
const BUILT = resolve("dist");

/** Sources under test take Node's half of the platform from the sources as well; what was built takes what was built of it. */
export const sourcePlatform = {
  name: "source-platform",
  enforce: "pre" as const,
  resolveId(id: string, importer: string | undefined): string | undefined {
    const module = IMPORT.exec(id)?.[1];
    if (module === undefined || importer?.startsWith(BUILT)) return undefined;
    return resolve("src/platform/node", `${module}.ts`);
  },
};
