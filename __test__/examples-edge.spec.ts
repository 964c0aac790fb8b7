// examples/edge: what its workflow does is done here, as it stands there, and what starts at the edge starts.

import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { folder, needing, root } from "./helper.js";

const test = needing("gc", "threads");

/** The commands of the workflow's steps, in order. */
const steps = [...readFileSync(join(root, "examples/edge/artifacts.yml"), "utf8").matchAll(/^( +)run: (?:\|\n((?:\1 {2}.*\n)+)|(.*))/gm)].map(
  ([, , block, line]) => block ?? line!,
);

(process.platform === "win32" ? test.skip : test)("guests are compiled and signed in CI, and run at the edge if they are as CI has signed them", (t) => {
  const at = folder(t);
  cpSync(join(root, "examples/edge"), at, { recursive: true });
  // What `npm install` would make.
  for (const name of ["wasmtime", "wasmtime-min"]) {
    mkdirSync(join(at, "node_modules/@cwasm"), { recursive: true });
    symlinkSync(root, join(at, "node_modules/@cwasm", name));
  }
  mkdirSync(join(at, "bin"));
  const npx = `#!/bin/sh\nshift\nCWASM_VARIANT=full exec ${JSON.stringify(process.execPath)} ${JSON.stringify(join(root, "dist/cli/cwasm.js"))} "$@"\n`;
  writeFileSync(join(at, "bin/npx"), npx);
  chmodSync(join(at, "bin/npx"), 0o755);
  const { CWASM_NATIVE_PATH, ...env } = process.env;
  const PATH = `${join(at, "bin")}:${env["PATH"]}`;
  const sh = (command: string, more: NodeJS.ProcessEnv = {}) =>
    spawnSync("sh", ["-e", "-c", command], { cwd: at, encoding: "utf8", env: { ...env, PATH, ...more } });
  const start = () => spawnSync(process.execPath, ["start.mjs"], { cwd: at, encoding: "utf8", env });

  t.is(sh("npx cwasm keygen ci").status, 0);
  const CWASM_KEY = readFileSync(join(at, "ci.key"), "utf8");
  t.is(sh("rm ci.key").status, 0);
  const [install, ...rest] = steps;
  t.regex(install!, /^npm install/);
  t.is(rest.length, 2);
  for (const step of rest) {
    const { status, stderr } = sh(step, { CWASM_KEY });
    t.is(status, 0, stderr);
  }
  t.false(existsSync(join(at, "ci.key")));
  if (process.platform !== "linux" || !["x64", "arm64"].includes(process.arch)) return;
  const ran = start();
  t.deepEqual([ran.status, ran.stdout], [0, "score(27) = 111\nscore(1) = 0\n"], ran.stderr);

  const manifest = join(at, "artifacts/cwasm.json");
  writeFileSync(manifest, readFileSync(manifest, "utf8").replace("score.wat", "other.wat"));
  const refused = start();
  t.deepEqual([refused.status, refused.stdout], [1, ""]);
  t.regex(refused.stderr, /^not started: /);
});
