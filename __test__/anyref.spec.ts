// The family of anyref: which values are of which of its types, in calls, globals, tables and host functions.

import { ArrayRef, Global, Instance, LinkError, RefType, StructRef, Table } from "../index.js";
import { load, needing, start, typeError } from "./helper.js";
import { engine, fresh, i32, one, show } from "./ref-guest.js";

const test = needing("gc");

const family = `(module ${[
  "anyref",
  "eqref",
  "i31ref",
  "structref",
  "arrayref",
  "nullref",
  "externref",
  "nullexternref",
  "funcref",
  "nullfuncref",
  "nullexnref",
]
  .map((type) => `(func (export "${type}") (param ${type}) (result ${type}) (local.get 0))`)
  .join("\n")}
  ${["any", "eq", "i31", "struct", "array", "extern", "func"].map((type) => `(func (export "(ref ${type})") (param (ref ${type})) (result (ref ${type})) (local.get 0))`).join("\n")}
  (func (export "isI31") (param anyref) (result i32) (ref.test (ref i31) (local.get 0)))
  (func (export "isEq") (param anyref) (result i32) (ref.test (ref eq) (local.get 0)))
  (func (export "externIsI31") (param externref) (result i32) (ref.test (ref i31) (any.convert_extern (local.get 0))))
  (func (export "toAny") (param externref) (result anyref) (any.convert_extern (local.get 0)))
  (func (export "toExtern") (param anyref) (result externref) (extern.convert_any (local.get 0)))
  (func (export "i31") (param i32) (result i31ref) (ref.i31 (local.get 0)))
  (func (export "get") (param i31ref) (result i32) (i31.get_s (local.get 0)))
  (func (export "isNull") (param anyref) (result i32) (ref.is_null (local.get 0))))`;
const pass = () => 1;
const hosts: unknown[] = [
  {},
  [],
  pass,
  class {},
  Symbol("s"),
  Symbol.iterator,
  "",
  "text",
  7n,
  0n,
  true,
  false,
  undefined,
  0.5,
  -0,
  NaN,
  Infinity,
  2 ** 30,
  -(2 ** 30) - 1,
  2 ** 53,
  new Date(),
  new WeakMap(),
  globalThis,
  engine,
  new Error("x"),
];
const i31s = [0, 1, -1, 2 ** 30 - 1, -(2 ** 30), 0x2aaaaaaa];

test("any JavaScript value goes through anyref and externref, and between them, as itself", (t) => {
  const { exports } = start(family);
  for (const value of [...hosts, ...i31s, null, Object.create(null)]) {
    for (const way of ["anyref", "externref", "toAny", "toExtern"]) {
      t.true(Object.is(exports[way](value), value), `${way} ${typeof value}`);
    }
    t.true(Object.is(exports.toAny(exports.toExtern(value)), value));
  }
  t.is(exports.anyref(), undefined);
  t.deepEqual([exports.isNull(undefined), exports.isNull(null), exports.isNull(0)], [0, 1, 0]);
});

test("a proxy goes as itself, also a revoked one, and none of its traps runs between the values of a call", (t) => {
  const { exports } = start(`(module (func (export "four") (param i64 externref anyref i32) (result i64 externref anyref i32)
    (local.get 0) (local.get 1) (local.get 2) (local.get 3)))`);
  const handler = new Proxy({}, { get: () => () => t.fail(String(exports.four(-1n, "x", "y", -1))) });
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  for (const hostile of [new Proxy({}, handler), new Proxy(() => {}, handler), proxy]) {
    const found = exports.four(5n, hostile, hostile, 6);
    t.deepEqual([found[0], found[1] === hostile, found[2] === hostile, found[3]], [5n, true, true, 6]);
    const store = fresh();
    t.true(new StructRef(store, RefType.struct(engine, [{ type: "anyref" }, { type: "i32" }]), [hostile, 3]).get(0) === hostile);
    t.true(new Global(store, { type: "externref" }, hostile).value === hostile);
  }
});

test("numbers of 31 bits are i31, other numbers are values of the host", (t) => {
  const { exports } = start(family);
  for (const value of i31s) {
    t.deepEqual(
      [exports.isI31(value), exports.externIsI31(value), exports.i31ref(value), exports.get(value)],
      [1, 1, value, value],
      String(value),
    );
    t.true(Object.is(exports.eqref(value), value));
    t.true(Object.is(exports["(ref i31)"](value), value));
  }
  for (const value of hosts) {
    t.deepEqual([exports.isI31(value), exports.isEq(value), exports.externIsI31(value)], [0, 0, 0], show(value));
    for (const type of [
      "eqref",
      "i31ref",
      "structref",
      "arrayref",
      "nullref",
      "(ref eq)",
      "(ref i31)",
      "(ref struct)",
      "(ref array)",
      "nullexternref",
      "nullexnref",
    ]) {
      t.throws(
        () => exports[type](value),
        { ...typeError, message: type.includes("exn") ? /exnref/ : /not of type/ },
        `${type} ${show(value)}`,
      );
    }
  }
  t.is(exports.i31(2 ** 30), -(2 ** 30));
  t.is(exports.i31(2 ** 31 - 1), -1);
});

test("null is of every type that can be null, and of no other", (t) => {
  const { exports } = start(family);
  for (const [type, f] of Object.entries<any>(exports)) {
    if (type.endsWith("ref")) t.is(f(null), null, type);
    if (type.startsWith("(ref ")) t.throws(() => f(null), { ...typeError, message: /null/ }, type);
  }
  for (const type of ["nullref", "nullexternref"])
    for (const value of [0, 5, "x"]) t.throws(() => exports[type](value), typeError, type);
  t.throws(() => exports.nullfuncref(exports.i31), typeError);
});

test("structs and arrays are of their own families only", (t) => {
  const { exports, store } = start(family);
  const s = new StructRef(store, one, [1]);
  const a = new ArrayRef(store, RefType.array(engine, i32), [1]);
  for (const [object, own, other] of [
    [s, "struct", "array"],
    [a, "array", "struct"],
  ] as const) {
    for (const type of [
      "anyref",
      "eqref",
      "externref",
      `${own}ref`,
      `(ref ${own})`,
      "(ref eq)",
      "(ref any)",
      "(ref extern)",
      "toAny",
      "toExtern",
    ]) {
      t.is(exports[type](object), object, `${own} ${type}`);
    }
    for (const type of [
      `${other}ref`,
      `(ref ${other})`,
      "i31ref",
      "nullref",
      "funcref",
      "(ref func)",
      "nullexternref",
      "nullexnref",
    ]) {
      t.throws(() => exports[type](object), typeError, `${own} ${type}`);
    }
    t.deepEqual([exports.isEq(object), exports.isI31(object)], [1, 0]);
  }
});

test("globals and tables of the family hold its values, and refuse others unchanged", (t) => {
  const store = fresh();
  const s = new StructRef(store, one, [1]);
  const a = new ArrayRef(store, RefType.array(engine, i32), [1]);
  const object = {};
  const cases: [type: string, good: unknown[], bad: unknown[]][] = [
    ["anyref", [object, undefined, s, 5, -0, null], []],
    ["eqref", [s, a, 5, null], [object, undefined, -0]],
    ["i31ref", [5, -1, null], [s, 2 ** 30, object]],
    ["structref", [s, null], [a, 5, object, undefined]],
    ["arrayref", [a, null], [s, 5, [1]]],
    ["(ref struct)", [s], [null, a, undefined]],
    ["(ref any)", [object, undefined, s, 5], [null]],
    ["nullref", [null], [s, 5, undefined]],
  ];
  for (const [type, good, bad] of cases) {
    const global = new Global(store, { type, mutable: true }, good[0]);
    const table = new Table(store, { element: type, initial: 1 }, good[0]);
    for (const value of good) {
      global.value = value;
      table.set(0, value);
      t.true(Object.is(global.value, value) && Object.is(table.get(0), value), `${type} ${show(value)}`);
      for (const wrong of bad) {
        t.throws(() => void (global.value = wrong), typeError, `${type} ${show(wrong)}`);
        t.throws(() => table.set(0, wrong), typeError, `${type} ${show(wrong)}`);
        // Not given, a new element is null.
        if (wrong !== undefined) t.throws(() => table.grow(1, wrong), typeError, `${type} ${show(wrong)}`);
      }
      t.true(Object.is(global.value, value) && Object.is(table.get(0), value), `${type} is changed`);
    }
  }
});

test("elements that are not given are null, and a TypeError where they can't be", (t) => {
  const store = fresh();
  const table = new Table(store, { element: "anyref", initial: 1 }, 5);
  table.grow(1);
  t.deepEqual([table.get(0), table.get(1)], [5, null]);
  table.set(0);
  t.is(table.get(0), null);
  table.set(0, undefined);
  t.is(table.get(0), undefined);
  t.is(new Global(store, { type: "anyref" }).value, null);
  t.is(new Global(store, { type: one }).value, null);
  t.is(new Table(store, { element: one, initial: 1 }).get(0), null);
  const strict = RefType.struct(engine, [{ type: "i32", mutable: true }], { nullable: false });
  for (const type of ["(ref any)", "(ref i31)", strict]) {
    t.throws(() => new Global(store, { type }), typeError);
    t.throws(() => new Table(store, { element: type, initial: 1 }), typeError);
  }
  const full = new Table(store, { element: strict, initial: 1 }, new StructRef(store, one, [1]));
  for (const use of [() => full.set(0), () => full.set(0, null), () => full.grow(1), () => full.grow(1, null)])
    t.throws(use, typeError, String(use));
  t.deepEqual([full.length, full.get(0).get(0)], [1, 1]);
});

test("a plain value is taken where a constant global of the family is imported", (t) => {
  const { module } =
    load(`(module (import "e" "any" (global anyref)) (import "e" "struct" (global structref)) (import "e" "i31" (global (ref i31)))
    (export "any" (global 0)) (export "struct" (global 1)) (export "i31" (global 2)))`);
  const store = fresh();
  const s = new StructRef(store, one, [1]);
  for (const env of [
    { any: {}, struct: s, i31: 5 },
    { any: s, struct: null, i31: -1 },
  ]) {
    const { exports } = new Instance(store, module, { e: env });
    t.deepEqual([exports.any.value === env.any, exports.struct.value === env.struct, exports.i31.value], [true, true, env.i31]);
  }
  for (const wrong of [
    { struct: 5 },
    { struct: {} },
    { i31: null },
    { i31: 2 ** 30 },
    { struct: new StructRef(fresh(), one, [1]) },
  ]) {
    t.throws(
      () => new Instance(store, module, { e: { any: 1, struct: null, i31: 5, ...wrong } }),
      { instanceOf: LinkError },
      Object.keys(wrong)[0],
    );
  }
});

test("host functions give and take the family's values; a result of another type is a TypeError", (t) => {
  let result: unknown;
  const types = ["anyref", "eqref", "i31ref", "structref", "(ref any)"];
  const { exports, store } = start(
    `(module ${types.map((type, i) => `(import "e" "f" (func $f${i} (param ${type}) (result ${type})))`).join(" ")}
      ${types.map((type, i) => `(func (export "${type}") (param ${type}) (result ${type}) (call $f${i} (local.get 0)))`).join(" ")})`,
    { e: { f: (x: unknown) => (result === pass ? x : result) } },
  );
  const s = new StructRef(store, one, [1]);
  for (const [type, values] of [
    ["anyref", [s, {}, 5, null, undefined]],
    ["eqref", [s, 5, null]],
    ["i31ref", [5, null]],
    ["structref", [s, null]],
    ["(ref any)", [s, undefined]],
  ] as [string, unknown[]][]) {
    for (const value of values) {
      result = pass;
      t.is(exports[type](value), value, type);
      result = value;
      t.is(exports[type](values[0]), value, type);
    }
  }
  for (const [type, value, wrong] of [
    ["eqref", 5, {}],
    ["i31ref", 5, s],
    ["structref", s, 5],
    ["(ref any)", 5, null],
  ] as [string, unknown, unknown][]) {
    result = wrong;
    t.throws(() => exports[type](value), typeError, type);
  }
});

test("a struct of another store is a value like any other there: itself as anyref, and no structref", (t) => {
  const { exports } = start(family);
  const live = fresh();
  const dead = fresh();
  const foreign = [
    new StructRef(live, one, [1]),
    new ArrayRef(live, RefType.array(engine, i32), [1]),
    new StructRef(dead, one, [1]),
  ];
  dead.dispose();
  for (const object of foreign) {
    t.is(exports.anyref(object), object);
    t.is(exports.externref(object), object);
    t.is(exports.toAny(object), object);
    t.is(exports.isEq(object), 0);
    for (const type of ["structref", "arrayref", "eqref", "(ref struct)", "nullref"])
      t.throws(() => exports[type](object), typeError, type);
  }
});
