// Globals: values and types, shared with guests.

import test from "ava";
import { Global, Instance, Store } from "../index.js";
import { collect, engineOf, load, needing, start, thrown, typeError, wrap } from "./helper.js";

const made = (type: object, ...value: unknown[]) => new Global(new Store(engineOf()), type as any, ...value);

test("a global is read and written", (t) => {
  const global = made({ type: "i32", mutable: true }, 7);
  t.is(global.value, 7);
  global.value = 8;
  t.is(global.value, 8);
  t.is(global.valueOf(), 8);
  t.is(Number(global) + 1, 9);
});

const object = { some: "object" };
const values: [type: string, zero: unknown, value: unknown][] = [
  ["i32", 0, -5],
  ["i64", 0n, -(2n ** 63n)],
  ["f32", 0, Math.fround(1.1)],
  ["f64", 0, -0],
  ["v128", new Uint8Array(16), new Uint8Array(16).fill(200)],
  ["externref", undefined, object],
  ["funcref", null, null],
];
for (const [type, zero, value] of values) {
  needing(...(type === "externref" ? ["gc" as const] : []))(`a global of type ${type} has its zero without a value, and keeps one that is given or set`, (t) => {
    t.deepEqual(made({ type }).value, zero);
    t.deepEqual(made({ type }, undefined).value, zero);
    t.deepEqual(made({ type }, value).value, value);
    const global = made({ type, mutable: true });
    global.value = value;
    t.deepEqual(global.value, value);
    t.true(Object.is(global.value, value) || type === "v128");
    t.deepEqual(global.type, { type, mutable: true });
  });
}

test("a constant can't be set", (t) => {
  for (const type of [{ type: "i32" }, { type: "i32", mutable: false }]) {
    const global = made(type, 5);
    t.throws(() => void (global.value = 6), { ...typeError, message: /constant/ });
    t.is(global.value, 5);
    t.deepEqual(global.type, { type: "i32", mutable: false });
  }
  t.throws(() => void (start(`(module (global (export "g") i32 (i32.const 1)))`).exports.g.value = 2), typeError);
});

test("a global of a guest and JavaScript is one", (t) => {
  const wat = `(module (import "env" "g" (global $g (mut i64))) (export "g" (global $g))
    (func (export "add") (global.set $g (i64.add (global.get $g) (i64.const 1)))))`;
  const { engine, module } = load(wat);
  const store = new Store(engine);
  const g = new Global(store, { type: "i64", mutable: true }, 41n);
  const { exports } = new Instance(store, module, { env: { g } });
  exports.add();
  t.is(g.value, 42n);
  exports.g.value = 50n;
  t.is(g.value, 50n);
  exports.add();
  t.is(exports.g.value, 51n);
});

needing("gc")("references in globals keep their identity", (t) => {
  const { exports, store } =
    start(`(module (global (export "f") (mut funcref) (ref.null func)) (global (export "e") (mut externref) (ref.null extern))
    (func (export "one") (result i32) (i32.const 1)))`);
  exports.f.value = exports.one;
  exports.e.value = object;
  for (let i = 0; i < 3; i++) collect();
  t.is(exports.f.value, exports.one);
  t.is(exports.e.value, object);
  const wrapped = wrap(store, [], [], () => {});
  exports.f.value = wrapped;
  t.is(exports.f.value, wrapped);
  exports.e.value = undefined;
  t.is(exports.e.value, undefined);
  exports.e.value = null;
  t.is(exports.e.value, null);
});

test("a value that does not convert leaves the global as it was", (t) => {
  const global = made({ type: "i64", mutable: true }, 5n);
  t.throws(() => void (global.value = 5), { instanceOf: TypeError });
  const error = new Error("valueOf");
  t.is(
    thrown(
      () =>
        void (global.value = {
          valueOf: () => {
            throw error;
          },
        }),
    ),
    error,
  );
  t.is(global.value, 5n);
});

test("a host function reads and writes the globals of its caller", (t) => {
  const { exports } = start(
    `(module (import "env" "f" (func $f)) (global $g (export "g") (mut i32) (i32.const 1))
      (func (export "call") (result i32) (global.set $g (i32.const 2)) (call $f) (global.get $g)))`,
    { env: { f: () => void (exports.g.value = exports.g.value + 10) } },
  );
  t.is(exports.call(), 12);
});

const refused: [what: string, type: unknown][] = [
  ["no type", undefined],
  ["a type that is no object", "i32"],
  ["a type without its name", {}],
  ["a name that is no wasm type", { type: "i33" }],
  ["a name that is no string", { type: 5 }],
  ["a mutable that is no boolean", { type: "i32", mutable: 1 }],
];
for (const [what, type] of refused) {
  test(`new Global refuses ${what}`, (t) => {
    t.throws(() => made(type as object), typeError);
  });
}

test("new Global refuses what is no store, and values that do not convert", (t) => {
  for (const wrong of [undefined, null, {}, engineOf()] as any[]) t.throws(() => new Global(wrong, { type: "i32" }), typeError);
  t.throws(() => made({ type: "i64" }, 5), { instanceOf: TypeError });
  t.throws(() => made({ type: "funcref" }, () => 1), typeError);
  t.throws(() => made({ type: "v128" }, 5), typeError);
});

needing("gc")("a global of any reference type can be made, with null where it is allowed", (t) => {
  t.is(made({ type: "anyref" }, 5).value, 5);
  for (const type of ["anyref", "eqref", "i31ref", "structref", "arrayref", "exnref", "nullref", "nullfuncref"]) {
    t.is(made({ type }).value, null, type);
  }
  t.throws(() => made({ type: "(ref any)" }), { instanceOf: TypeError });
});
