// What the checks cost by which guests are stopped, beside running them (compute.ts): compiling, the size of artifacts, and instances.
// Needs the full package, and esbuild (`npm run guests -- esbuild`).

import { readFileSync, statSync } from "node:fs";
import { type Config, Engine, Instance, Linker, Module, Store } from "@cwasm/wasmtime";
import { esbuild } from "./artifacts.js";
import { type Case, inUs, measure, table } from "./measure.js";
import { wasm } from "./wasm.js";

const configs = { "without checks": { compiler: { interruptible: false } }, "with checks": {} } satisfies Record<string, Config>;
const names = Object.keys(configs) as (keyof typeof configs)[];
const engines = Object.fromEntries(names.map((name) => [name, new Engine(configs[name])])) as Record<(typeof names)[number], Engine>;

const source = readFileSync(esbuild.wasm);
const sizes = new Map<string, number>();
const compiling = names.map((name) => ({ name, run: () => void sizes.set(name, engines[name].precompileSync(source).length) }));
table(`Compiling esbuild, ${(statSync(esbuild.wasm).size / 1e6).toFixed(1)} MB`, measure(compiling, 1, 3), (ns) => `${(ns / 1e9).toFixed(2)} s`, names[0]!);
table("Size of its artifact", sizes, (bytes) => `${(bytes / 1e6).toFixed(2)} MB`, names[0]!);

const module = wasm(`(module (import "env" "f" (func $f (param i32) (result i32))) (memory (export "memory") 17)
  (table (export "table") 8 funcref) (elem (i32.const 0) $g $f) (data (i32.const 1024) "hello, world")
  (func $g (export "g") (param i32) (result i32) (loop $l (br_if $l (i32.ne (local.tee 0 (i32.shr_u (local.get 0) (i32.const 1))) (i32.const 0))))
    (call $f (local.get 0))))`);
const type = { parameters: ["i32"], results: ["i32"] } as const;
const made = names.map((name) => {
  const made = { pooled: new Engine({ ...configs[name], pooling: true }), plain: engines[name] };
  const prepare = (engine: Engine) => {
    const linked = new Linker(engine).defineFunc("env", "f", { ...type, parameters: [...type.parameters], results: [...type.results] }, (x) => x);
    const compiled = Module.compileSync(engine, module);
    return { engine, compiled, pre: linked.instantiatePre(compiled) };
  };
  return { name, pooled: prepare(made.pooled), plain: prepare(made.plain) };
});
const imports = { env: { f: (x: number) => x } };
const inOneStore: Case[] = made.map(({ name, plain: { engine, compiled } }) => ({
  name,
  run(times) {
    using store = new Store(engine);
    for (let i = 0; i < times; i++) new Instance(store, compiled, imports);
  },
}));
table("An instance, of many in one store", measure(inOneStore, 500), inUs, names[0]!);
for (const kind of ["plain", "pooled"] as const) {
  const cases: Case[] = made.map(({ name, [kind]: { engine, pre } }) => ({
    name,
    run(times) {
      for (let i = 0; i < times; i++) {
        const store = new Store(engine);
        (pre.instantiate(store).exports as any).g(i);
        store.dispose();
      }
    },
  }));
  table(`A store with an instance, a call, and dispose; ${kind === "plain" ? "on demand" : "pooling"}`, measure(cases, 1000), inUs, names[0]!);
}
