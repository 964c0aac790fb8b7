// How large artifacts are, by what is left out of them, also compressed, and what is in them.

import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { inspect, version } from "@cwasm/wasmtime";
import { artifact, esbuild, made, size } from "./artifacts.js";
import { markdown, times } from "./measure.js";

const sizes: string[][] = [];
const sections: string[][] = [];
for (const guest of [made[2]!, esbuild]) {
  const wasm = readFileSync(guest.wasm);
  const zipped = gzipSync(wasm).length;
  const line = (as: string, bytes: Uint8Array) => {
    const gzip = gzipSync(bytes).length;
    sizes.push([as === "wasm" ? guest.name : "", as, size(bytes.length), times(bytes.length / wasm.length), size(gzip), times(gzip / zipped)]);
  };
  line("wasm", wasm);
  for (const strip of ["none", "names", "all"] as const) line(`artifact, \`strip: '${strip}'\``, readFileSync(await artifact(guest, strip)));
  const info = inspect(await artifact(guest));
  const largest = info.sections.sort((a, b) => b.bytes - a.bytes).slice(0, 10);
  for (const [i, { name, bytes }] of largest.entries()) {
    sections.push([i ? "" : guest.name, `\`${name}\``, size(bytes), `${((100 * bytes) / info.bytes).toFixed(1)} %`]);
  }
}
console.log(`cwasm ${version}, ${process.platform} ${process.arch}`);
markdown("Sizes", ["module", "as", "bytes", "/ wasm", "gzip", "/ gzip of wasm"], sizes);
markdown("What is in an artifact", ["module", "section", "bytes", "of the whole"], sections);
