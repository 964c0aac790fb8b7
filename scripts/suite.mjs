// npm run suite [-- WORD… --variant=full|min --no-build]: builds, then runs the official test suite on both variants, or
// those files of it whose name has a WORD in it. With --no-build, on what was built last, also with --debug.
// The last line is `N passed, N failed`, of files.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inRoot, node, run, say } from "./commands.mjs";

const made = "target/spec-suite";
const maker = "crates/spec-suite";

/** Runs it on what is built, and returns how many files passed and failed. */
export async function suite(only, words = []) {
  takeApart();
  say("Running the official test suite…");
  const { runSuite } = await import("../dist/suite/suite.js");
  return runSuite(
    ["full", "min"].filter((variant) => only === undefined || variant === only),
    words,
  );
}

/** From text to JSON and modules, if that is not there yet. */
function takeApart() {
  const stamp = inRoot(made, "stamp");
  const inputs = fingerprint();
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === inputs) return;
  say("Taking the official test suite apart…");
  run("cargo", ["run", "--quiet", "--package", "cwasm-spec-suite", "--locked", "--", made]);
  writeFileSync(stamp, inputs);
}

function fingerprint() {
  const hash = createHash("sha256").update(readFileSync(inRoot("Cargo.lock")));
  const files = readdirSync(inRoot(maker), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const file of files.map((entry) => join(entry.parentPath ?? entry.path, entry.name)).sort()) hash.update(readFileSync(file));
  return hash.digest("hex");
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const words = process.argv.slice(2);
  if (!words.includes("--no-build")) node(["scripts/build.mjs"]);
  const only = words.find((word) => word.startsWith("--variant="))?.slice("--variant=".length);
  const { passed, failed } = await suite(
    only,
    words.filter((word) => !word.startsWith("--")),
  );
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}
