// Tables: elements, growth, indirect calls.

import test from "ava";
import { Instance, Store, Table, Trap } from "../index.js";
import { collect, engineOf, load, needing, rangeError, start, thrown, typeError, wrap } from "./helper.js";

const made = (type: object, ...init: unknown[]) => new Table(new Store(engineOf()), type as any, ...init);
const wat = `(module (table $t (export "t") 3 10 funcref) (elem (i32.const 1) $one) (type $i (func (result i32)))
  (func $one (export "one") (result i32) (i32.const 1)) (func (export "two") (result i32) (i32.const 2))
  (func (export "call") (param i32) (result i32) (call_indirect (type $i) (local.get 0)))
  (func (export "grow") (param i32) (result i32) (table.grow (ref.null func) (local.get 0))))`;

test("elements are the guest's functions, the same each time, and null", (t) => {
  const { exports } = start(wat);
  t.is(exports.t.length, 3);
  t.is(exports.t.get(0), null);
  t.is(exports.t.get(1), exports.one);
  t.is(exports.t.get(1), exports.t.get(1));
});

test("what is set is what the guest calls", (t) => {
  const { exports, store } = start(wat);
  exports.t.set(0, exports.two);
  t.is(exports.call(0), 2);
  exports.t.set(
    0,
    wrap(store, [], ["i32"], () => 3),
  );
  t.is(exports.call(0), 3);
  exports.t.set(1, null);
  t.is((thrown(() => exports.call(1)) as Trap).trapCode, "indirectCallToNull");
  exports.t.set(0);
  t.is(exports.t.get(0), null);
});

test("growth by JavaScript and by the guest keeps the elements", (t) => {
  const { exports } = start(wat);
  t.is(exports.t.grow(2), 3);
  t.is(exports.grow(1), 5);
  t.is(exports.t.length, 6);
  t.is(exports.t.get(5), null);
  t.is(exports.t.grow(1, exports.two), 6);
  t.is(exports.t.get(6), exports.two);
  t.is(exports.t.get(1), exports.one);
  t.is(exports.t.grow(0), 7);
});

test("growth beyond the maximum is a RangeError, -1 to the guest", (t) => {
  const { exports } = start(wat);
  t.throws(() => exports.t.grow(8), rangeError);
  t.is(exports.grow(8), -1);
  t.is(exports.t.length, 3);
  for (const wrong of [-1, 0.5, 2 ** 53, 2n ** 64n]) t.throws(() => exports.t.grow(wrong), rangeError, String(wrong));
});

test("an index outside of the table is a RangeError", (t) => {
  const { exports } = start(wat);
  for (const index of [3, 1000, 2 ** 32, 2 ** 53 - 1, 3n, 2n ** 64n - 1n, -1, 0.5, NaN]) {
    t.throws(() => exports.t.get(index), rangeError, String(index));
    t.throws(() => exports.t.set(index, null), rangeError, String(index));
  }
});

test("wrong arguments are a TypeError, and change nothing", (t) => {
  const { exports } = start(wat);
  for (const wrong of [undefined, null, "1", {}, []]) {
    t.throws(() => exports.t.get(wrong), typeError, String(wrong));
    t.throws(() => exports.t.set(wrong, null), typeError);
    t.throws(() => exports.t.grow(wrong), typeError);
  }
  for (const wrong of [5, {}, () => 1, "one", Symbol("s")]) {
    t.throws(() => exports.t.set(1, wrong), typeError, typeof wrong);
    t.throws(() => exports.t.grow(1, wrong), typeError, typeof wrong);
  }
  t.is(exports.t.get(1), exports.one);
  t.is(exports.t.length, 3);
});

const values = [{ some: "object" }, () => 1, Symbol("s"), 5, -0, "text", 7n, true, NaN, undefined, null];
needing("gc")("a table of externref holds any JavaScript values as they are", (t) => {
  const table = made({ element: "externref", initial: values.length });
  for (const [i, value] of values.entries()) table.set(i, value);
  for (let i = 0; i < 3; i++) collect();
  for (const [i, value] of values.entries()) t.true(Object.is(table.get(i), value), String(value));
});

needing("gc")("the initial element is in all places", (t) => {
  const object = {};
  const table = made({ element: "externref", initial: 3, maximum: 5 }, object);
  t.deepEqual(
    [0, 1, 2].map((i) => table.get(i) === object),
    [true, true, true],
  );
  table.grow(1, 7);
  t.is(table.get(3), 7);
});

needing("gc")("an element that is not given is undefined, for functions null, as in the JS API", (t) => {
  for (const [element, none] of [
    ["externref", undefined],
    ["funcref", null],
  ] as const) {
    const table = made({ element, initial: 1 });
    t.is(table.get(0), none);
    table.grow(1);
    t.is(table.get(1), none);
    table.set(1);
    t.is(table.get(1), none);
    t.is(made({ element, initial: 1 }, null).get(0), null);
  }
});

needing("gc")("the type says what it was made with", (t) => {
  t.deepEqual(made({ element: "externref", initial: 2, maximum: 9 }).type, {
    element: "externref",
    initial: 2,
    maximum: 9,
    address: "i32",
  });
  t.deepEqual(start(wat).exports.t.type, { element: "funcref", initial: 3, maximum: 10, address: "i32" });
  t.is(made({ element: "anyfunc", initial: 0 }).type.element, "funcref");
});

needing("gc")("a table that is imported is the same for guest and JavaScript", (t) => {
  const { engine, module } = load(`(module (import "env" "t" (table $t 2 externref)) (export "t" (table $t))
    (func (export "copy") (table.set $t (i32.const 1) (table.get $t (i32.const 0)))))`);
  const store = new Store(engine);
  const table = new Table(store, { element: "externref", initial: 2 });
  const { exports } = new Instance(store, module, { env: { t: table } });
  const object = {};
  table.set(0, object);
  exports.copy();
  t.is(table.get(1), object);
  t.is(exports.t.get(1), object);
});

test("a host function changes the table it is called through", (t) => {
  const { exports, store } = start(wat);
  const swap = wrap(store, [], ["i32"], () => (exports.t.set(0, exports.two), exports.t.grow(1), exports.call(0)));
  exports.t.set(0, swap);
  t.is(exports.call(0), 2);
  t.is(exports.call(0), 2);
  t.is(exports.t.length, 4);
});

needing("gc")("a table of 64-bit addresses is used with bigints", (t) => {
  const table = made({ element: "externref", initial: 1n, address: "i64" });
  t.is(table.length as unknown, 1n);
  t.is(table.grow(2n) as unknown, 1n);
  table.set(2n, "x");
  t.is(table.get(2), "x");
});

const refused: [what: string, type: unknown, error: typeof typeError | typeof rangeError][] = [
  ["no type", undefined, typeError],
  ["no element", { initial: 1 }, typeError],
  ["an element that is no reference", { element: "i32", initial: 1 }, typeError],
  ["an element that is no type", { element: "ref", initial: 1 }, typeError],
  ["no initial size", { element: "funcref" }, typeError],
  ["a size that is no number", { element: "funcref", initial: "1" }, typeError],
  ["a negative size", { element: "funcref", initial: -1 }, rangeError],
  ["more than 2³² elements", { element: "funcref", initial: 2 ** 32 }, rangeError],
  ["a maximum below the initial size", { element: "funcref", initial: 2, maximum: 1 }, rangeError],
];
for (const [what, type, error] of refused) {
  test(`new Table refuses ${what}`, (t) => {
    t.throws(() => made(type as object), error);
  });
}

test("new Table refuses what is no store and an element of another kind", (t) => {
  for (const wrong of [undefined, null, {}, engineOf()] as any[])
    t.throws(() => new Table(wrong, { element: "funcref", initial: 1 }), typeError);
  t.throws(() => made({ element: "funcref", initial: 1 }, () => 1), typeError);
});
