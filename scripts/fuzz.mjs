// npm run fuzz [-- KIND… --cases=N --seed=N --case=N[-N] --variant=full|min --no-build]: builds, then runs random cases of all kinds,
// or of those that are named, on both variants; with --case that one of each, or those. With --no-build, on what was built last.
// The last line is `N passed, N failed`, of kinds on variants; the one before it has the numbers of cases.

import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { fail, inRoot, node, run, say } from "./commands.mjs";

/** What every change is held to. Always the same ones, so that a failure is the change's. */
const usual = { cases: 20_000, seed: 1 };

/** Runs them on what is built, and returns how many passed and failed. */
export async function fuzz(only, wishes = {}) {
  say("Building what makes random modules…");
  run("cargo", ["build", "--quiet", "--package", "cwasm-fuzz-cases", "--locked", "--target-dir", inRoot("target")]);
  const { CWASM_NATIVE_PATH, ...env } = process.env;
  node(["dist/fuzz/prepare.js"], { env: { ...env, CWASM_VARIANT: "full" } });
  const variants = ["full", "min"].filter((variant) => only === undefined || variant === only);
  const order = { variants, kinds: [], ...usual, ...wishes };
  say(`Running random cases, seed ${order.seed}…`);
  const { runFuzz } = await import("../dist/fuzz/fuzz.js");
  return runFuzz(order);
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const words = process.argv.slice(2);
  const kinds = words.filter((word) => !word.startsWith("--"));
  const option = (name) => words.find((word) => word.startsWith(`--${name}=`))?.slice(`--${name}=`.length);
  const order = { kinds };
  for (const name of ["cases", "seed", "case"]) {
    const text = option(name);
    if (text === undefined) continue;
    const numbers = name === "case" ? /^(\d+)(?:-(\d+))?$/ : /^(\d+)$/;
    const [, first, last = first] = numbers.exec(text) ?? fail(`--${name} is a number, not '${text}'`);
    if (name === "case") order.only = { from: Number(first), to: Number(last) + 1 };
    else order[name] = Number(first);
  }
  if (!words.includes("--no-build")) node(["scripts/build.mjs"]);
  const { passed, failed } = await fuzz(option("variant"), order);
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}
