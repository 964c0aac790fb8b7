// How long structs, what they hold, and their stores and engines live: until JavaScript and guests have let go, or to the end of the
// store.

import { type ArrayRef, ClosedError, StructRef } from "../index.js";
import { artifact, needing, nodeJson, start } from "./helper.js";
import { all, one } from "./ref-guest.js";

const test = needing("gc");

test("after dispose a struct, an array and their types are closed, also as arguments", (t) => {
  const { exports, store } = start(all);
  const s = exports.make() as StructRef;
  const a = exports.ints() as ArrayRef;
  const { type } = s;
  store.dispose();
  const uses = [
    () => s.get(0),
    () => s.set(0, 1),
    () => s.length,
    () => s.type,
    () => a.get(0),
    () => a.set(0, 1),
    () => a.length,
    () => a.type,
    () => exports.s8(s),
    () => new StructRef(store, one, [1]),
  ];
  for (const use of uses) t.throws(use, { instanceOf: ClosedError, code: "ERR_WASMTIME_CLOSED" }, String(use));
  t.is(type.fields?.length, 21, "a type is the engine's");
});

const lifetime = `(module
  (type $s (struct (field (mut i32)) (field (mut externref)))) (global $g (export "g") (mut (ref null $s)) (ref.null $s))
  (func (export "make") (param i32) (result (ref $s)) (struct.new $s (local.get 0) (ref.null extern)))
  (func (export "keep") (param (ref null $s)) (global.set $g (local.get 0)))
  (func (export "drop") (param anyref))
  (func (export "id") (param anyref) (result anyref) (local.get 0)))`;
/** What runs in a process of its own, where garbage is collected when it is told to. */
const inChild = (t: any, body: string) =>
  nodeJson(
    t,
    `import { ArrayRef, Engine, Exception, Global, Instance, Module, RefType, Store, StructRef, Table } from "@cwasm/wasmtime";
    const engine = new Engine(), module = Module.deserializeFile(engine, $(file));
    const fresh = () => { const store = new Store(engine); return { store, exports: new Instance(store, module).exports } };
    const { store, exports } = fresh();
    const one = RefType.struct(engine, [{ type: "i32", mutable: true }, { type: "externref", mutable: true }]);
    const rest = async (rounds = 5) => { for (let i = 0; i < rounds; i++) { gc(); await new Promise((done) => setTimeout(done, 5)); store.disposed || store.gc(); } };
    let gone = 0;
    const registry = new FinalizationRegistry(() => void gone++);
    const print = (value) => console.log(JSON.stringify(value));
    ${body}`,
    { flags: ["--expose-gc"], values: { file: artifact(lifetime) } },
  );

test("the guest keeps a struct that JavaScript has let go: it comes back with what was written", (t) => {
  const result = inChild(
    t,
    `const weak = (() => { const s = exports.make(1); s.set(0, 41); s.set(1, "kept"); exports.keep(s); return new WeakRef(s); })();
    await rest();
    const lost = weak.deref() === undefined;
    const s = exports.g.value;
    print([lost, s.get(0), s.get(1), s === exports.g.value, exports.id(s) === s]);`,
  );
  t.deepEqual(result, [true, 41, "kept", true, true]);
});

for (const [what, make] of [
  ["made by the guest", "exports.make(i)"],
  ["made here", "new StructRef(store, one, [i, null])"],
  ["passed to the guest", "((s) => (exports.drop(s), s))(exports.make(i))"],
  ["kept for a while", "((s) => (exports.keep(s), exports.keep(null), s))(exports.make(i))"],
  ["read from a global", "(exports.keep(exports.make(i)), exports.g.value)"],
] as const) {
  test(`JavaScript's objects for structs are collected, and so is what the structs hold: ${what}`, (t) => {
    const result = inChild(
      t,
      `for (let i = 0; i < 2000; i++) { const s = ${make}, held = { i }; s.set(1, held); registry.register(s); registry.register(held); }
      exports.keep(null);
      // Values that guests have let go are given back when others are given.
      for (let i = 0; i < 6; i++) { await rest(2); for (let n = 0; n < 3000; n++) exports.drop(String(n)); }
      await rest();
      print(gone);`,
    );
    t.true(result >= 3900 && result <= 4000, String(result));
  });
}

test("a struct keeps its store, and a type its engine, until they are let go", (t) => {
  const result = inChild(
    t,
    `let s = (() => { const { store, exports } = fresh(); const s = exports.make(5); s.set(1, exports); registry.register(exports); return s; })();
    let type = (() => { const other = new Engine(); return RefType.struct(other, [{ type: RefType.array(other, { type: "i8" }) }]); })();
    await rest();
    const before = [gone, s.get(0), s.get(1).make(6).get(0), String(type), type.matches(type)];
    s = type = null;
    await rest();
    print([before, gone]);`,
  );
  t.deepEqual(result, [[0, 5, 6, "(ref null (struct (field (ref null (array i8)))))", true], 1]);
});

test("stores go although their structs, values and functions hold each other through JavaScript", (t) => {
  const result = inChild(
    t,
    `for (let i = 0; i < 100; i++) { const { store, exports } = fresh(); const s = exports.make(i); const ring = { s, exports, store }; exports.g.value = s; registry.register(store); ring.ring = ring; exports.drop(ring); }
    await rest(10);
    print(gone);`,
  );
  t.true(result >= 99, String(result));
});

test("a hundred thousand structs made and dropped leave memory as it was", (t) => {
  t.timeout(240_000);
  const result: number[] = inChild(
    t,
    `const figures = [];
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 10_000; i++) {
        const s = i % 2 ? exports.make(i) : new StructRef(store, one, [i, { i }]);
        exports.drop(s); exports.id(s).set(0, 1); s.type; exports.g.value = s;
        if (i % 500 === 0) { gc(); await new Promise(setImmediate); }
      }
      await rest(2);
      figures.push(Math.round(process.memoryUsage.rss() / 2 ** 18) / 4);
    }
    print(figures);`,
  );
  t.log(result.join(" "), "MB");
  // 70,000 leaks of 128 bytes each are more.
  t.true(result.at(-1)! <= result[2]! + 8.5, result.join(" "));
});
