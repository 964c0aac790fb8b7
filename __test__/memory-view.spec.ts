// memory.buffer: the zero-copy view of a memory, and when it is detached.

import test from "ava";
import { Instance, Memory, Store } from "../index.js";
import { artifact, collect, engineOf, load, nodeJson, start } from "./helper.js";

const wat = `(module (import "env" "f" (func $f)) (memory (export "memory") 1 5)
  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "store") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "call") (call $f)))`;
const fresh = (f: () => unknown = () => {}) => start(wat, { env: { f } });
const made = (type: object) => new Memory(new Store(engineOf()), type as any);

test("the view is the memory itself", (t) => {
  const { exports } = fresh();
  const view = new Uint8Array(exports.memory.buffer);
  t.is(view.length, 65536);
  exports.store(3, 77);
  t.is(view[3], 77);
  view[4] = 78;
  t.is(exports.load(4), 78);
});

test("the view is the same object until the memory grows", (t) => {
  const { exports } = fresh();
  const { buffer } = exports.memory;
  exports.store(0, 1);
  collect();
  t.is(exports.memory.buffer, buffer);
  t.is(buffer.constructor, ArrayBuffer);
});

const growths: [who: string, grow: (exports: any) => unknown][] = [
  ["the guest", (exports) => exports.grow(1)],
  ["JavaScript", (exports) => exports.memory.grow(1)],
];
for (const [who, grow] of growths) {
  test(`growth by ${who} detaches the view, and a new one has the old bytes`, (t) => {
    const { exports } = fresh();
    exports.store(9, 9);
    const { buffer } = exports.memory;
    const view = new Uint8Array(buffer);
    t.is(grow(exports), 1);
    t.is(buffer.byteLength, 0);
    t.is(view.length, 0);
    t.false(9 in view);
    const after = new Uint8Array(exports.memory.buffer);
    t.is(after.length, 2 * 65536);
    t.is(after[9], 9);
    t.is(exports.memory.pages, 2);
    t.is(exports.memory.byteLength, 2 * 65536);
  });

  test(`growth by ${who} inside a host function detaches the view at once`, (t) => {
    const sizes: number[] = [];
    const { exports } = fresh(() => {
      const { buffer } = exports.memory;
      grow(exports);
      sizes.push(buffer.byteLength, exports.memory.buffer.byteLength);
    });
    const { buffer } = exports.memory;
    exports.call();
    t.deepEqual(sizes, [0, 2 * 65536]);
    t.is(buffer.byteLength, 0);
  });
}

test("a view taken by a host function is detached when the guest grows the memory later in the same call", (t) => {
  const seen: unknown[] = [];
  let buffer: ArrayBuffer | undefined;
  const { exports } = start(
    `(module (import "env" "f" (func $f)) (memory (export "memory") 1 5)
      (func (export "call") (call $f) (drop (memory.grow (i32.const 1))) (call $f)))`,
    {
      env: {
        f() {
          seen.push(buffer?.byteLength);
          buffer = exports.memory.buffer;
        },
      },
    },
  );
  exports.call();
  t.deepEqual(seen, [undefined, 0]);
  t.is(exports.memory.buffer, buffer);
});

test("two memories of one store have views of their own", (t) => {
  const { exports } = start(`(module (memory (export "a") 1) (memory (export "b") 1)
    (func (export "growA") (drop (memory.grow 0 (i32.const 1)))))`);
  const [a, b] = [exports.a.buffer, exports.b.buffer];
  exports.growA();
  t.is(a.byteLength, 0);
  t.is(exports.b.buffer, b);
});

test("an empty memory has an empty view, and a full one after growth", (t) => {
  const memory = made({ initial: 0, maximum: 1 });
  const { buffer } = memory;
  t.is(buffer.byteLength, 0);
  t.is(memory.buffer, buffer);
  memory.grow(1);
  t.is(memory.buffer.byteLength, 65536);
});

test("an imported memory is shared with the guest and exported as one that has the same view", (t) => {
  const { module, engine } = load(
    `(module (import "env" "memory" (memory 1)) (export "memory" (memory 0)) (func (export "set") (i32.store8 (i32.const 1) (i32.const 2))))`,
  );
  const store = new Store(engine);
  const memory = new Memory(store, { initial: 1 });
  const { exports } = new Instance(store, module, { env: { memory } });
  exports.set();
  t.is(memory.read(1, 1)[0], 2);
  t.is(exports.memory.buffer, memory.buffer);
});

// A script can move the bytes of a view into an ArrayBuffer that we do not know of. Reading that after dispose would end the
// process if the mapping were gone.
for (const collects of [false, true]) {
  test(`bytes moved out of a view stay readable after dispose${collects ? ", also when the view is collected" : ""}`, (t) => {
    const script = `
      import { Engine, Instance, Module, Store } from "@cwasm/wasmtime";
      const engine = new Engine(), module = Module.deserializeFile(engine, $(file));
      const moves = {
        transfer: (buffer) => buffer.transfer?.(),
        structuredClone: (buffer) => { try { return structuredClone(buffer, { transfer: [buffer] }) } catch { return undefined } },
      };
      const sums = {};
      for (const [name, move] of Object.entries(moves)) {
        const store = new Store(engine);
        let { memory } = new Instance(store, module, { env: { f() {} } }).exports;
        memory.write(0, new Uint8Array(65536).fill(3));
        const moved = move(memory.buffer);
        if ($(collects)) for (let i = 0; i < 5; i++) { gc(); await new Promise(setImmediate); }
        store.dispose();
        memory = undefined;
        for (let i = 0; i < 5; i++) { gc(); await new Promise(setImmediate); }
        sums[name] = moved && new Uint8Array(moved).reduce((a, b) => a + b, 0);
      }
      console.log(JSON.stringify(sums));`;
    const sums = nodeJson(t, script, { flags: ["--expose-gc"], values: { file: artifact(wat), collects } });
    for (const sum of Object.values(sums)) t.true(sum === undefined || sum === 0 || sum === 3 * 65536, String(sum));
    if ("transfer" in ArrayBuffer.prototype) t.not(sums.transfer, undefined);
  });
}

test("growing by no pages detaches the memory's own view, and no other's", (t) => {
  const store = new Store(engineOf());
  const [one, other] = [new Memory(store, { initial: 1 }), new Memory(store, { initial: 1 })];
  const [view, spared] = [one!.buffer, other!.buffer];
  t.is(one!.grow(0), 1);
  t.deepEqual([view.byteLength, spared.byteLength], [0, 65536]);
  t.not(one!.buffer, view);
  t.is(other!.buffer, spared);
});
