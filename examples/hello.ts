// A guest that calls the host.
// prints: Hello from wasm's host!

import { Engine, Instance, Module, Store } from "@cwasm/wasmtime";

const engine = new Engine();
const module = await Module.compile(engine, `
  (module
    (import "env" "hello" (func $hello))
    (func (export "run") (call $hello)))`);

const store = new Store(engine);
const instance = new Instance(store, module, {
  env: { hello: () => console.log("Hello from wasm's host!") },
});
instance.exports.run();
