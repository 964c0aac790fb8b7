// Scripts that run in a process of their own, and in its workers: both have the same things at hand.

import type { ExecutionContext } from "ava";
import { node, nodeJson } from "./helper.js";

type Options = Parameters<typeof node>[1];
/** A script that takes longer hangs. */
const timeout = 20_000;
const common = `
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const thread = async (body) => {
    const { Worker } = await import("node:worker_threads");
    const before = "const { parentPort, workerData: data } = await import('node:worker_threads'), say = (what) => parentPort.postMessage(what);";
    return new Worker(\`(async () => { \${before + data.library}\\n\${body} })()\`, { eval: true, workerData: data });
  };
  /** All that a worker of this body says, and its exit code. */
  const told = async (body) => {
    const worker = await thread(body), said = [];
    worker.on("message", (message) => said.push(message));
    return new Promise((done, fail) => worker.on("error", fail).on("exit", (code) => done([said, code])));
  };`;

/** Scripts with this data and what `own` declares; beside that `say(value)`, as JSON or to the parent, `wait`, `thread(body)` and `told(body)`. */
export function scripts(data: Record<string, unknown>, own: string) {
  const library = common + own;
  const given = JSON.stringify({ ...data, library });
  const text = (script: string) => `const data = ${given}, say = (what) => console.log(JSON.stringify(what));${library}\n${script}`;
  return {
    text,
    run: (script: string, options: Options = {}) => node(text(script), { timeout, ...options }),
    /** The one value that a script says, which must end well. */
    json: (t: ExecutionContext, script: string, options: Options = {}) => nodeJson(t, text(script), { timeout, ...options }),
  };
}
