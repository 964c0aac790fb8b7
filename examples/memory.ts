// Strings and bytes in a guest's memory, and what growth does to a view.
// prints: olleh
// prints: 65536 bytes, then 0: the view is detached

import { Engine, Instance, type Memory, Module, Store } from "@cwasm/wasmtime";

const engine = new Engine();
const module = Module.compileSync(engine, `
  (module
    (memory (export "memory") 1 4)
    (func (export "reverse") (param $at i32) (param $length i32)
      (local $end i32) (local $byte i32)
      (local.set $end (i32.sub (i32.add (local.get $at) (local.get $length)) (i32.const 1)))
      (block $done
        (loop $next
          (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
          (local.set $byte (i32.load8_u (local.get $at)))
          (i32.store8 (local.get $at) (i32.load8_u (local.get $end)))
          (i32.store8 (local.get $end) (local.get $byte))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (local.set $end (i32.sub (local.get $end) (i32.const 1)))
          (br $next)))))`);

interface Exports {
  memory: Memory;
  reverse(at: number, length: number): void;
}
const { memory, reverse } = new Instance<Exports>(new Store(engine), module).exports;

// Copies, with bounds checked.
const length = memory.writeString(16, "hello");
reverse(16, length);
console.log(memory.readString(16, length));

// The memory itself, without a copy, until it grows.
const view = memory.buffer;
const before = view.byteLength;
memory.grow(1);
console.log(`${before} bytes, then ${view.byteLength}: the view is detached`);
