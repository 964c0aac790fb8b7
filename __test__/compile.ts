// Compiles WAT from stdin with the profile named, and writes the artifact to stdout: for specs on a build without the
// compiler (helper.ts).

import { readFileSync, writeSync } from "node:fs";
import { Engine, type ProfileName } from "../index.js";

const engine = new Engine({ profile: process.argv[2] as ProfileName });
const bytes = engine.precompileSync(readFileSync(0, "utf8"));
for (let at = 0; at < bytes.length;) at += writeSync(1, bytes, at);
