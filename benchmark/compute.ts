// What it costs that a guest can be stopped: kernels in V8 and under each profile. How far `unchecked, again` is from 1.00
// says how much of a ratio is noise.
// Options: --kernel=NAME, --rounds=N, --pulley: also in Pulley, Wasmtime's interpreter, which takes minutes.

import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type Config, Engine, Instance, Module, Store, version } from "@cwasm/wasmtime";
import { type Kernel, kernels, names, text } from "./kernels.js";
import { V8, measure, processorTime } from "./measure.js";
import { wasm } from "./wasm.js";

const { values } = parseArgs({
  options: { kernel: { type: "string" }, rounds: { type: "string", default: "15" }, pulley: { type: "boolean", default: false } },
});
const wanted = names.filter((name) => values.kernel === undefined || name === values.kernel);
const rounds = Number(values.rounds);
if (wanted.length === 0 || !(rounds > 0)) throw new Error(`--kernel is one of ${names.join(", ")}; --rounds is a number`);

type Run = (n: number) => number | bigint;
/** In a store without a deadline, which costs nothing beside the checks, and with as much fuel as there is. */
const under =
  (config: Config) =>
  (bytes: Uint8Array): Run => {
    const engine = new Engine(config);
    return new Instance(new Store(engine), Module.compileSync(engine, bytes)).exports.run;
  };
const variants: Record<string, (bytes: Uint8Array) => Run> = {
  V8: (bytes) => new V8.Instance(new V8.Module(bytes)).exports.run,
  unchecked: under({ compiler: { interruptible: false } }),
  "unchecked, again": under({ compiler: { interruptible: false } }),
  default: under({ profile: "default" }),
  sandbox: under({ profile: "sandbox" }),
  metered: under({ profile: "metered" }),
  ...(values.pulley && { pulley64: under({ target: "pulley64" }) }),
};
const compared = Object.keys(variants).slice(2);

/** Nanoseconds of each variant. */
async function figures(name: Kernel): Promise<Map<string, number>> {
  const bytes = wasm(text(name));
  const runs = Object.entries(variants).map(([variant, make]) => [variant, make(bytes)] as const);
  const n = kernels[name];
  // V8 takes its better code when a function is called anew, and makes it on another thread.
  for (let i = 0; i < 5; i++) {
    runs[0]![1](n);
    await setTimeout(30);
  }
  const expected = runs[0]![1](n);
  const cases = runs.map(([variant, run]) => ({
    name: variant,
    run() {
      const sum = run(n);
      if (sum !== expected) throw new Error(`${name}: ${sum} under ${variant}, ${expected} in V8`);
    },
  }));
  return measure(cases, 1, rounds, processorTime);
}

const row = (...cells: string[]) => console.log(`| ${cells.join(" | ")} |`);
const ms = (ns: number) => (ns / 1e6).toFixed(1);
const ratio = (x: number) => x.toFixed(2);

const { node, v8 } = process.versions;
console.log(`Node ${node} (V8 ${v8}), cwasm ${version}, ${process.platform} ${process.arch}, best of ${rounds} rounds\n`);
row("kernel", "V8 ms", "unchecked ms", "unchecked / V8", ...compared.map((variant) => `${variant} / unchecked`));
row("---", ...Array(3 + compared.length).fill("---:"));
const ratios: number[][] = [];
for (const name of wanted) {
  const ns = await figures(name);
  const ours = ns.get("unchecked")!;
  const line = [ours / ns.get("V8")!, ...compared.map((variant) => ns.get(variant)! / ours)];
  ratios.push(line);
  row(name, ms(ns.get("V8")!), ms(ours), ...line.map(ratio));
}
const geomean = (list: number[]) => Math.exp(list.reduce((sum, x) => sum + Math.log(x), 0) / list.length);
row("**geomean**", "", "", ...ratios[0]!.map((_, i) => `**${ratio(geomean(ratios.map((line) => line[i]!)))}**`));
