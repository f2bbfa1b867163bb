import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build, type Rollup } from "vite";

/** What Vite makes of an entry. */
export interface Bundle {
  /** All of the code. */
  readonly code: string;
  /** Paths of the sources that something is left of, inside of the package. */
  readonly modules: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Bundles a module of a project for browsers and writes the bundle to `out`; without `out` it is only looked at. Nothing is minified, so
 * that names tell what is in it.
 */
export async function bundle(project: string, name: string, code: string, out?: string): Promise<Bundle> {
  mkdirSync(project, { recursive: true });
  const entry = join(project, `${name}.js`);
  writeFileSync(entry, code);
  const warnings: string[] = [];
  const result = (await build({
    root: project,
    configFile: false,
    logLevel: "silent",
    base: "./",
    build: {
      ...{ write: out !== undefined, minify: false, target: "es2022", emptyOutDir: false },
      ...(out !== undefined && { outDir: out }),
      rollupOptions: {
        input: entry,
        preserveEntrySignatures: "strict",
        output: { entryFileNames: "[name].js", assetFileNames: "[name][extname]" },
        onwarn: (warning) => warnings.push(warning.message),
      },
    },
  })) as Rollup.RollupOutput;
  const chunks = result.output.filter((part) => part.type === "chunk");
  const rendered = chunks
    .flatMap(({ modules }) => Object.entries(modules))
    .filter(([, { renderedLength }]) => renderedLength > 0);
  return {
    code: chunks.map((chunk) => chunk.code).join("\n"),
    modules: rendered.map(([path]) => path.replace(/^.*\/(?=(?:dist|build|node_modules)\/)/, "")),
    warnings,
  };
}
