// A store with an instance, made and dropped: a module with a memory, a table and an import.

import { Engine, Linker, Module, Store } from "@cwasm/wasmtime";
import { V8, inUs, measure, table } from "./measure.js";
import { wasm } from "./wasm.js";

const bytes = wasm(`(module
  (import "env" "f" (func $f (param i32) (result i32)))
  (memory (export "memory") 17)
  (table (export "table") 8 funcref)
  (elem (i32.const 0) $g $f)
  (data (i32.const 1024) "hello, world")
  (func $g (export "g") (param i32) (result i32) (call $f (local.get 0))))`);

const f = (x: number) => x;
const type = { parameters: ["i32"], results: ["i32"] };

function ours(pooling: boolean) {
  const engine = new Engine({ pooling });
  const linker = new Linker(engine).defineFunc("env", "f", type, f);
  return { engine, pre: linker.instantiatePre(Module.deserialize(engine, engine.precompileSync(bytes))) };
}
const plain = ours(false);
const pooled = ours(true);
const v8 = new V8.Module(bytes);

const drop = ({ engine, pre }: ReturnType<typeof ours>) => (n: number) => {
  for (let i = 0; i < n; i++) {
    const store = new Store(engine);
    pre.instantiate(store);
    store.dispose();
  }
};
const call = ({ engine, pre }: ReturnType<typeof ours>) => (n: number) => {
  for (let i = 0; i < n; i++) {
    const store = new Store(engine);
    pre.instantiate(store).exports.g(i);
    store.dispose();
  }
};

const cases = [
  { name: "V8: new WebAssembly.Instance", run: (n: number) => { for (let i = 0; i < n; i++) new V8.Instance(v8, { env: { f } }); } },
  { name: "cwasm: store, InstancePre, dispose; pooling", run: drop(pooled) },
  { name: "cwasm: store, InstancePre, dispose; on demand", run: drop(plain) },
  { name: "cwasm: store, InstancePre, one call, dispose; pooling", run: call(pooled) },
];
table("Instantiation", measure(cases, 2000), inUs, cases[0]!.name);
