// Compiles WAT from stdin for an engine with the configuration named, which runs here or the target named, and writes the artifact
// to stdout: for specs on a build without the compiler (artifacts.ts).

import { readFileSync, writeSync } from "node:fs";
import { Engine } from "../index.js";

const [config, target] = process.argv.slice(2);
const engine = new Engine(JSON.parse(config!));
const bytes = engine.precompileSync(readFileSync(0, "utf8"), target === undefined ? {} : { target });
for (let at = 0; at < bytes.length;) at += writeSync(1, bytes, at);
