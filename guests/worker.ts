// Runs the tests of one guest on one build, in a process of its own, and says what it is at and what came out.

import { inspect } from "node:util";
import { variant } from "../index.js";
import type { Test } from "./guest.js";

export type Message = { begun: string } | { passed: string; ms: number } | { failed: string; why: string };
const say = (message: Message) => process.send!(message);

const [guest, wanted] = process.argv.slice(2);
// Else it would test the other build, if one is missing.
if (variant !== wanted) throw new Error(`this is the ${variant} build, not ${wanted}`);
const { default: tests } = (await import(`./${guest}.js`)) as { default: Test[] };
for (const { title, run } of tests) {
  say({ begun: title });
  const begun = performance.now();
  try {
    await run();
    say({ passed: title, ms: performance.now() - begun });
  } catch (error) {
    say({ failed: title, why: error instanceof Error ? error.message : inspect(error) });
  }
}
process.disconnect();
