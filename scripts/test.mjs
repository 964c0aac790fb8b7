// npm test [-- SPEC… --variant=full|min|bare]: builds, then runs the specs on both variants, on a custom build without any feature (bare) and
// under harder conditions, the tests of crates/interrupt, and the official test suite, of which each file counts as one on each variant, random cases, of which each kind
// does, and the embedding for platforms without an operating system where there is what builds it; in CI that is installed.
// The last line is `N passed, N failed`.

import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { existsSync } from "node:fs";
import { prepare } from "../guests/fetch.mjs";
import { inRoot, node, root, say } from "./commands.mjs";
import { fuzz } from "./fuzz.mjs";
import { minPlatformIfPossible } from "./min-platform.mjs";
import { suite } from "./suite.mjs";
import { upstream } from "./upstream.mjs";

const words = process.argv.slice(2);
const only = words.find((word) => word.startsWith("--variant="))?.slice("--variant=".length);
const names = words.filter((word) => !word.startsWith("--")).map((name) => name.replace(/(\.spec)?(\.ts)?$/, ""));
const specs = names.map((name) => `dist/__test__/**/${name}.spec.js`);
/** Specs that only start processes of their own, which are the same in every pass. */
const apart = ["leak", "schedules", "signals", "teardown", "packages", "installed", "custom", "cli-signals", "cli-terminal"];
const passes = [
  { title: "the full build", variant: "full" },
  { title: "the min build", variant: "min" },
  // Stock Wasmtime compiles with what this one lacks.
  { title: "a build without any feature", variant: "bare", without: ["stock"] },
  {
    title: "the full build, collecting garbage all the time",
    variant: "full",
    env: { CWASM_GC_STRESS: "1" },
    flags: ["--node-arguments=--expose-gc"],
    without: apart,
  },
  { title: "the full build, each spec in a worker thread", variant: "full", flags: ["--worker-threads=true"], without: apart },
].filter(({ variant }) => only === undefined || variant === only);

node(["scripts/build.mjs"]);
if (passes.some(({ variant }) => variant === "bare")) node(["scripts/custom.mjs", "--features", "none", "--name", "bare"]);
// They take long the first time, and one spec each needs them.
const wanted = (spec) => names.length === 0 || names.some((name) => name === spec || name.includes("*"));
if (wanted("stock")) upstream();
if (wanted("esbuild")) await prepare("esbuild");
const total = { passed: 0, failed: bindingIsStale() ? 1 : 0 };
if (specs.length === 0) add(rust());
for (const pass of passes) {
  say(`Testing ${pass.title}…`);
  add(await ava(pass));
}
if (specs.length === 0 && only !== "bare") {
  add(await suite(only));
  add(await fuzz(only));
  // It is the full build that compiles for it.
  if (only !== "min") add(minPlatformIfPossible({ install: process.env.CI === "true" }));
}
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;

function add({ passed, failed }) {
  total.passed += passed;
  total.failed += failed;
}

/** The tests of the one crate that is more than an addon's. */
function rust() {
  say("Testing what makes modules interruptible…");
  const flags = ["test", "--quiet", "--package", "cwasm-interrupt", "--locked", "--target-dir", inRoot("target")];
  const { status, stdout } = spawnSync("cargo", flags, { cwd: root, stdio: ["ignore", "pipe", "inherit"], encoding: "utf8" });
  console.log(stdout);
  const sum = (pattern) => [...stdout.matchAll(pattern)].reduce((sum, [, n]) => sum + Number(n), 0);
  const failed = sum(/ (\d+) failed/g);
  return { passed: sum(/ (\d+) passed/g), failed: status !== 0 && failed === 0 ? 1 : failed };
}

/** ava prints one line per test, with a mark; a crashed, refused or timed-out file has a line with a mark too. */
async function ava({ variant, env, flags = [], without = [] }) {
  const counts = { passed: 0, failed: 0 };
  const { CWASM_NATIVE_PATH, ...inherited } = process.env;
  const all = ["dist/__test__/**/*.spec.js", ...without.map((name) => `!dist/__test__/${name}.spec.js`)];
  const child = spawn(process.execPath, ["node_modules/ava/entrypoints/cli.mjs", ...flags, ...(specs.length > 0 ? specs : all)], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...inherited, ...env, CWASM_VARIANT: variant, FORCE_COLOR: "0" },
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  for await (const line of createInterface({ input: child.stdout })) {
    console.log(line);
    if (/^\s*[✔√] /.test(line)) counts.passed++;
    if (/^\s*[✘×✖] /.test(line)) counts.failed++;
  }
  const status = await ended;
  // Whatever made ava fail without a mark of its own, e.g. no spec of that name.
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

/** The build has just written lib/binding.d.ts anew: a difference to the committed one means that a commit forgot it. */
function bindingIsStale() {
  if (!existsSync(inRoot(".git"))) return false;
  const { status } = spawnSync("git", ["diff", "--quiet", "HEAD", "--", "lib/binding.d.ts"], { cwd: root });
  if (status !== 1) return false;
  console.log("\nlib/binding.d.ts is not as committed: commit it with the change of the Rust that it comes from.");
  return process.env.CI === "true";
}
