// Compiles WAT from stdin for an engine with the configuration named, and writes the artifact to stdout: for specs on a build
// without the compiler (helper.ts).

import { readFileSync, writeSync } from "node:fs";
import { Engine } from "../index.js";

const engine = new Engine(JSON.parse(process.argv[2]!));
const bytes = engine.precompileSync(readFileSync(0, "utf8"));
for (let at = 0; at < bytes.length;) at += writeSync(1, bytes, at);
