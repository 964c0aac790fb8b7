// Compiles WAT from stdin for an engine with the configuration named, with the options named, and writes the artifact to stdout: for specs
// on a build without the compiler (artifacts.ts).

import { readFileSync, writeSync } from "node:fs";
import { CompileError, Engine, type PrecompileOptions } from "../index.js";

const [config, options] = process.argv.slice(2).map((word) => JSON.parse(word));
const bytes = compile(readFileSync(0, "utf8"), options);
for (let at = 0; at < bytes.length;) at += writeSync(1, bytes, at);

/** What needs more than the build has that it is for is compiled for one that has that too: loading it, the first says what it lacks. */
function compile(wat: string, { features, ...others }: PrecompileOptions): Uint8Array {
  const engine = new Engine(config);
  if (features === undefined) return engine.precompileSync(wat, others);
  for (const more of [[], ["gc"], ["threads"]] as const) {
    try {
      return engine.precompileSync(wat, { features: [...features, ...more], ...others });
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
    }
  }
  return engine.precompileSync(wat, others);
}
