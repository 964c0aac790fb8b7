// Any JavaScript value in the hands of a guest.
// prints: the same object: true
// prints: called with { answer: 42 }

import { Engine, Instance, Module, Store, type Table } from "@cwasm/wasmtime";

const engine = new Engine();
const module = Module.compileSync(engine, `
  (module
    (import "env" "look" (func $look (param externref)))
    (table $kept (export "kept") 4 externref)
    (func (export "keep") (param externref) (table.set $kept (i32.const 0) (local.get 0)))
    (func (export "show") (call $look (table.get $kept (i32.const 0)))))`);

const { exports } = new Instance<{ kept: Table; keep(value: unknown): void; show(): void }>(new Store(engine), module, {
  env: { look: (value: unknown) => console.log("called with", value) },
});
const object = { answer: 42 };
exports.keep(object);
console.log(`the same object: ${exports.kept.get(0) === object}`);
exports.show();
