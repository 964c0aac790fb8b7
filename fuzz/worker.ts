// A process that runs a batch on one build: what a crash would end. Before each case it notes its number in a file, which is
// how one that ends it is found.

import { openSync, writeFileSync, writeSync } from "node:fs";
import { inspect } from "node:util";
import { variant } from "../index.js";
import { Artifacts } from "./artifacts.js";
import { cwasm } from "./cwasm.js";
import { differential } from "./differential.js";
import { type Batch, type Inconclusive, Wrong } from "./kind.js";
import { options } from "./options.js";
import { wasm } from "./wasm.js";

/** What the process is asked to do. */
export interface Task extends Batch {
  /** Where it notes how far it is. */
  progress: string;
  /** Where it writes the input of each case to before it is run. */
  save?: string;
}
/** What came of it. */
export type Report = { number: number; wrong: string } | { number: number; inconclusive: Inconclusive } | { done: true };

const kinds = { differential, wasm, cwasm, options };
if (variant !== process.env["CWASM_VARIANT"]) throw new Error(`this is the ${variant} build`);

process.once("message", async (task: Task) => {
  const cases = kinds[task.kind](task, new Artifacts(task.artifacts));
  const progress = openSync(task.progress, "w");
  const tell = (report: Report) => new Promise((sent) => process.send!(report, sent));
  for (let number = task.from; number < task.to; number++) {
    writeSync(progress, String(number).padStart(12), 0);
    try {
      const { input, run } = cases(number);
      if (task.save !== undefined) writeFileSync(task.save, input);
      const inconclusive = await run();
      if (inconclusive !== undefined) await tell({ number, inconclusive });
    } catch (error) {
      await tell({ number, wrong: error instanceof Wrong ? error.message : inspect(error) });
    }
    // Finalizers run between jobs.
    if (number % 32 === 0) await new Promise(setImmediate);
    if (number % 256 === 0) globalThis.gc!();
  }
  await tell({ done: true });
  process.disconnect();
});
