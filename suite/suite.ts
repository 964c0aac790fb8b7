// Runs the suite on the builds: a process for each core, which does one file after the other. What full has compiled of a
// file is what min runs, so full comes first with each.

import { type ChildProcess, fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { KnownFailures, type Sorted } from "./known-failures.js";
import type { Outcome } from "./script.js";
import { print } from "./table.js";
import { type Entry, readIndex } from "./wast.js";

export type Variant = "full" | "min";

/** What became of a file on a build, once what is known is told apart. */
export interface Result extends Entry, Omit<Outcome, "failures">, Sorted {
  variant: Variant;
}

/** Runs the files whose name has one of `words` in it, or all, and prints what comes out. Counts files on builds. */
export async function runSuite(variants: Variant[], words: string[] = []): Promise<{ passed: number; failed: number }> {
  const all = readIndex();
  const known = new KnownFailures(all);
  const files = all.filter(({ file }) => words.length === 0 || words.some((word) => file.includes(word)));
  const outcomes = await runAll(files, variants.includes("min") ? ["full", "min"] : ["full"]);

  const results = variants.flatMap((variant) =>
    files.map((entry): Result => {
      const outcome = outcomes.get(`${variant} ${entry.file}`)!;
      return { ...entry, ...outcome, variant, ...known.sort(entry.file, variant, outcome) };
    }),
  );
  print(results, variants);
  const failed = results.filter(({ failures }) => failures.length > 0).length;
  return { passed: results.length - failed, failed };
}

async function runAll(files: Entry[], variants: Variant[]): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const queues = variants.map((variant) => ({ variant, left: [...files] }));
  const done = new Map<string, Promise<unknown>>();
  const lane = async () => {
    for (const { variant, left } of queues) {
      const worker = new Worker(variant);
      for (let entry; (entry = left.shift());) {
        const { file } = entry;
        const run = Promise.resolve(done.get(file)).then(() => worker.run(file));
        done.set(file, run);
        outcomes.set(`${variant} ${file}`, await run);
      }
      worker.end();
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  return outcomes;
}

/** Far beyond what any file takes, for one that hangs. */
const patience = 60_000;

/** A process that runs one file at a time, and is started anew when it has died of one. */
class Worker {
  private process?: ChildProcess;

  constructor(private readonly variant: Variant) {}

  run(file: string): Promise<Outcome> {
    const child = (this.process ??= start(this.variant));
    return new Promise((resolve) => {
      const timer = setTimeout(() => child.kill("SIGKILL"), patience);
      const end = (outcome: Outcome) => {
        clearTimeout(timer);
        child.removeAllListeners();
        resolve(outcome);
      };
      child.once("message", end);
      child.once("exit", (code, signal) => {
        delete this.process;
        end(crash(signal === "SIGKILL" ? `${signal}, which is what comes after ${patience / 1000} s` : (signal ?? `exit code ${code}`)));
      });
      child.send(file);
    });
  }
  end(): void {
    this.process?.disconnect();
  }
}

function start(variant: Variant): ChildProcess {
  const { CWASM_NATIVE_PATH, ...env } = process.env;
  const script = fileURLToPath(new URL("worker.js", import.meta.url));
  return fork(script, { env: { ...env, CWASM_VARIANT: variant }, serialization: "advanced" });
}

function crash(got: string): Outcome {
  const failure = { line: 0, command: "the whole file", expected: "a process that lives", got };
  return { passed: 0, notApplicable: [], failures: [failure], nans: { asked: 0, kept: 0 } };
}
