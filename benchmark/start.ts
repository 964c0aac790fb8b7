// From the start of a process to the first output of a WASI command: esbuild transforms a line of TypeScript from stdin, as an
// artifact on min (or what CWASM_VARIANT says) and under node:wasi, which compiles it. Figures are medians.
// Options: --rounds=N.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { version } from "@cwasm/wasmtime";
import { artifact, env, esbuild, script, variant } from "./artifacts.js";
import { markdown, median, ms, times } from "./measure.js";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "15" } } });
const rounds = Number(values.rounds);
if (!(rounds > 0)) throw new Error("--rounds is a number");
interface Figure {
  output: number;
  inside: number;
  text: string;
}
const base = "esbuild.wasm on `node:wasi`";
const ways: Record<string, [way: string, file: string]> = {
  "Node alone, copies stdin": ["nothing", ""],
  [base]: ["v8", esbuild.wasm],
  "esbuild.cwasm, `run`": ["cwasm", await artifact(esbuild)],
};

const figures = new Map<string, Figure[]>(Object.keys(ways).map((name) => [name, []]));
for (let round = 0; round < rounds; round++) {
  for (const [name, words] of Object.entries(ways)) figures.get(name)!.push(await transform(...words));
}
const texts = new Set([...figures.values()].slice(1).flat().map(({ text }) => text));
if (texts.size !== 1 || ![...texts][0]!.startsWith("let x=3;")) throw new Error(`esbuild gave ${JSON.stringify([...texts])}`);
const { node, v8 } = process.versions;
console.log(`Node ${node} (V8 ${v8}), cwasm ${version}, ${variant}, ${process.platform} ${process.arch}, median of ${rounds} rounds`);
const typical = (name: string, key: "output" | "inside") => median(figures.get(name)!.map((figure) => figure[key]));
const cells = (name: string, key: "output" | "inside") => {
  const ns = typical(name, key);
  return [ms(ns), ways[name]![1] ? times(typical(base, key) / ns) : ""];
};
markdown(
  "A line of TypeScript through esbuild",
  ["", "start of the process to first output ms", "V8 / this", "without the start of Node ms", "V8 / this"],
  Object.keys(ways).map((name) => [name, ...cells(name, "output"), ...cells(name, "inside")]),
);

async function transform(way: string, file: string): Promise<Figure> {
  const start = process.hrtime.bigint();
  const child = spawn(process.execPath, ["--no-warnings", script("start-once.js"), way, file], { env });
  child.stdin.end("let x: number = 1 + 2; console.log(x)");
  let [text, inside, output] = ["", "", 0];
  child.stdout.on("data", (data) => {
    output ||= Number(process.hrtime.bigint() - start);
    text += data;
  });
  child.stderr.on("data", (data) => (inside += data));
  await once(child, "close");
  return { output, inside: 1e6 * Number(inside), text };
}
