// Runs batches in processes. One that ends early or hangs has failed in the case it was at; another does the rest.

import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Batch } from "./kind.js";
import { folder } from "./kinds.js";
import type { Report, Task } from "./worker.js";

export type Variant = "full" | "min";
export interface Failure {
  number: number;
  wrong: string;
}
export interface Outcome {
  failures: Failure[];
  /** How often there was nothing to be said, by why. */
  inconclusive: Map<string, number>;
}

/** Far beyond what any batch takes. */
const patience = 180_000;
/** How long a process has to end that has done all. Node itself may hang there, while V8 still compiles (nodejs/node#54918); that
 * ours end is teardown.spec.ts's matter. */
const grace = 10_000;
const worker = fileURLToPath(new URL("worker.js", import.meta.url));

/** Runs all of a batch. */
export async function runBatch(variant: Variant, batch: Batch): Promise<Outcome> {
  const outcome: Outcome = { failures: [], inconclusive: new Map() };
  for (let { from } = batch; from < batch.to;) {
    const crash = await runProcess(variant, { ...batch, from }, outcome);
    if (!crash) break;
    outcome.failures.push(crash);
    from = crash.number + 1;
  }
  return outcome;
}

/** Runs one case alone, and keeps its input. Says whether it fails there too. */
export async function runAlone(variant: Variant, batch: Batch, number: number, save: string): Promise<boolean> {
  const outcome: Outcome = { failures: [], inconclusive: new Map() };
  const crash = await runProcess(variant, { ...batch, from: number, to: number + 1 }, outcome, save);
  return crash !== undefined || outcome.failures.length > 0;
}

let started = 0;

async function runProcess(variant: Variant, batch: Batch, outcome: Outcome, save?: string): Promise<Failure | undefined> {
  const progress = join(folder, `progress-${process.pid}-${started++}`);
  const scratch = join(folder, "scratch");
  mkdirSync(scratch, { recursive: true });
  writeFileSync(progress, String(batch.from));
  const { CWASM_NATIVE_PATH, ...inherited } = process.env;
  // What a case asks for by accident, a cache or a directory, is made there.
  const env = { ...inherited, HOME: scratch, XDG_CACHE_HOME: scratch, CWASM_VARIANT: variant };
  const child = fork(worker, { cwd: scratch, env, execArgv: ["--expose-gc"], stdio: ["ignore", "inherit", "inherit", "ipc"] });
  let timer = setTimeout(() => child.kill("SIGKILL"), patience);
  let done = false;
  child.on("message", (report: Report) => {
    if ("done" in report) {
      done = true;
      clearTimeout(timer);
      timer = setTimeout(() => child.kill("SIGKILL"), grace);
    } else if ("wrong" in report) outcome.failures.push(report);
    else outcome.inconclusive.set(report.inconclusive, (outcome.inconclusive.get(report.inconclusive) ?? 0) + 1);
  });
  child.send({ ...batch, progress, ...(save === undefined ? {} : { save }) } satisfies Task);
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  clearTimeout(timer);
  const reached = Number(readFileSync(progress, "utf8"));
  rmSync(progress);
  if (done && (code === 0 || signal === "SIGKILL")) return undefined;
  const end = signal === "SIGKILL" ? `SIGKILL, which is what comes after ${patience / 1000} s` : (signal ?? `exit code ${code}`);
  return { number: reached, wrong: `the process ended: ${end}` };
}
