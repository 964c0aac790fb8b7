// npm run quickstart: the whole chain on real input. Compile with the full package, ship the artifact with min, run it there.

import { copyFileSync, cpSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { artifactOf, prepare, wasmOf } from "../guests/fetch.mjs";
import { fail, inRoot, node, npm, output, run, say } from "./commands.mjs";
import { variants } from "./variants.mjs";

const wasm = wasmOf("esbuild");
const cwasm = artifactOf("esbuild");

node(["scripts/build.mjs"]);
node(["scripts/pack.mjs"]);
const { hostPlatform } = await import("../dist/lib/platforms.js");
const addon = (variant) => inRoot(variants[variant].platforms, hostPlatform(), `cwasm.${hostPlatform()}.node`);

await prepare("esbuild");
const scratch = mkdtempSync(join(tmpdir(), "cwasm-quickstart-"));
try {
  installOnlyMin();
  report();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** A folder outside the checkout, so that nothing else of ours can be found from it; offline, so that npm can't fetch it either. */
function installOnlyMin() {
  say(`Installing only the tarballs of min, in ${scratch}…`);
  const tarballs = packed().filter((file) => file.startsWith("cwasm-wasmtime-min-"));
  writeFileSync(join(scratch, "package.json"), '{ "private": true, "type": "module" }\n');
  run(
    ...npm([
      "install",
      ...tarballs.map((file) => inRoot("target", "packages", file)),
      "--offline",
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
    ]),
    { cwd: scratch },
  );
  console.log(
    `installed: ${readdirSync(join(scratch, "node_modules", "@cwasm"))
      .map((name) => `@cwasm/${name}`)
      .join(", ")}`,
  );
  cpSync(inRoot("scripts", "quickstart"), scratch, { recursive: true });
  copyFileSync(cwasm, join(scratch, "esbuild.cwasm"));
  copyFileSync(wasm, join(scratch, "esbuild.wasm"));
}

function report() {
  say("Bundling a TypeScript project with it, in new processes…");
  const min = bestOfThree("on-min.mjs");
  const v8 = bestOfThree("on-node-wasi.mjs");
  if (min.exitCode !== 0 || min.bundle === "" || min.bundle !== v8.bundle)
    fail(`esbuild gave:\n${JSON.stringify({ min, v8 }, null, 2)}`);
  say(`The bundle:\n${min.bundle.replace(/^/gm, "    ").trimEnd()}`);

  say("Sizes:");
  size("the full addon", addon("full"));
  size("the min addon", addon("min"));
  for (const file of packed()) size(file, inRoot("target", "packages", file));
  size("esbuild.wasm", wasm);
  size("esbuild.cwasm", cwasm);

  say("From import to result, best of three new processes:");
  console.log(
    `${min.ms.toFixed(0).padStart(8)} ms  esbuild.cwasm on @cwasm/wasmtime-min\n${v8.ms.toFixed(0).padStart(8)} ms  esbuild.wasm on node:wasi`,
  );

  const { name, code, hint } = inScratch("refused.mjs");
  say(`Module.compile on min, which has no compiler:\n    ${name} (${code})\n    ${hint}`);
}

function bestOfThree(script) {
  return [1, 2, 3].map(() => inScratch(script)).reduce((best, other) => (other.ms < best.ms ? other : best));
}

/** As a user's process would be: nothing in its environment steers the loader. */
function inScratch(script) {
  const { CWASM_VARIANT, CWASM_NATIVE_PATH, ...env } = process.env;
  return JSON.parse(output(process.execPath, ["--no-warnings", script], { cwd: scratch, env }));
}

function packed() {
  return readdirSync(inRoot("target", "packages")).filter((file) => file.endsWith(".tgz"));
}

function size(what, file) {
  console.log(`${(statSync(file).size / 1e6).toFixed(2).padStart(8)} MB  ${what}`);
}
