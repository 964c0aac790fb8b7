// Two modules, one of which imports the other and WASI.
// prints: Hello, world!

import { Engine, Linker, Module, Store } from "@cwasm/wasmtime";

const engine = new Engine();
const printer = Module.compileSync(engine, `
  (module
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "print") (param $at i32) (param $length i32)
      (i32.store (i32.const 0) (local.get $at))
      (i32.store (i32.const 4) (local.get $length))
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))`);
const main = Module.compileSync(engine, `
  (module
    (import "printer" "print" (func $print (param i32 i32)))
    (import "printer" "memory" (memory 1))
    (data (i32.const 1024) "Hello, world!\\n")
    (func (export "run") (call $print (i32.const 1024) (i32.const 14))))`);

// WASI grants nothing that the store does not name.
const store = new Store(engine, { wasi: { stdout: "inherit" } });
const linker = new Linker(engine).defineWasi().defineModule(store, "printer", printer);
linker.instantiate(store, main).exports.run();
