// Runs guests on the builds, one after the other, and prints what comes out.

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Message } from "./worker.js";

export type Variant = "full" | "min";
/** Far beyond what any test takes, for one that hangs. */
const patience = 120_000;

export async function runGuests(variants: Variant[], names: string[]): Promise<{ passed: number; failed: number }> {
  const total = { passed: 0, failed: 0 };
  for (const variant of variants) {
    for (const name of names) {
      const { passed, failed } = await runGuest(variant, name);
      total.passed += passed;
      total.failed += failed;
    }
  }
  return total;
}

function runGuest(variant: Variant, name: string): Promise<{ passed: number; failed: number }> {
  const { CWASM_NATIVE_PATH, ...env } = process.env;
  const script = fileURLToPath(new URL("worker.js", import.meta.url));
  const child = fork(script, [name, variant], { env: { ...env, CWASM_VARIANT: variant } });
  const counts = { passed: 0, failed: 0 };
  let at: string | undefined;
  let timer = impatient(child);
  const failed = (title: string, why: string) => {
    counts.failed++;
    console.log(`✘ ${variant} ${name}: ${title}\n${why.replace(/^/gm, "    ")}`);
  };
  child.on("message", (message: Message) => {
    clearTimeout(timer);
    timer = impatient(child);
    if ("begun" in message) return void (at = message.begun);
    at = undefined;
    if ("failed" in message) return failed(message.failed, message.why);
    counts.passed++;
    console.log(`✔ ${variant} ${name}: ${message.passed} (${message.ms.toFixed(0)} ms)`);
  });
  return new Promise((resolve) =>
    child.once("exit", (code, signal) => {
      clearTimeout(timer);
      // It died of a test, or of none.
      if (at !== undefined || code !== 0) failed(at ?? "the process", `it ended by ${signal ?? `exit code ${code}`}`);
      resolve(counts);
    }),
  );
}

const impatient = (child: ChildProcess) => setTimeout(() => child.kill("SIGKILL"), patience);
