// Functions where the type of a function is wanted, which a module has defined.

import { Linker, type RefType } from "../index.js";
import { load, needing, start, typeError, wrap } from "./helper.js";
import { engine, show } from "./ref-guest.js";

const test = needing("gc");

const functions = `(module (type $f (func (param i32) (result i32))) (type $open (sub (func (result i32)))) (elem declare func $inc $one)
  (func $inc (export "inc") (type $f) (i32.add (local.get 0) (i32.const 1))) (func $one (export "one") (type $open) (i32.const 1)) (func (export "none"))
  (table (export "t") 3 (ref null $f)) (global (export "g") (mut (ref $f)) (ref.func $inc))
  (func (export "call") (param (ref $f) i32) (result i32) (call_ref $f (local.get 1) (local.get 0)))
  (func (export "open") (param (ref $open)) (result i32) (call_ref $open (local.get 0)))
  (func (export "id") (param (ref null $f)) (result (ref null $f)) (local.get 0)))`;

test("functions of a type cross as themselves, guests' and Func.wrap's", (t) => {
  const { exports, store } = start(functions);
  const double = wrap(store, ["i32"], ["i32"], (x) => x * 2);
  for (const f of [exports.inc, double]) {
    t.is(exports.id(f), f);
    t.is(exports.call(f, 20), f(20));
    exports.t.set(0, f);
    t.is(exports.t.get(0), f);
    exports.g.value = f;
    t.is(exports.g.value, f);
    t.is(exports.t.get(exports.t.grow(1, f)), f);
  }
  t.is(exports.id(null), null);
  t.is(exports.open(exports.one), 1);
});

test("a function of another type, null and JavaScript's own functions are a TypeError where a type is wanted", (t) => {
  const { exports, store } = start(functions);
  const wrong = [
    exports.none,
    exports.one,
    wrap(store, ["i64"], ["i32"], () => 1),
    wrap(store, ["i32"], [], () => 1),
    wrap(store, [], [], () => 1),
    start(functions).exports.inc,
    (x: number) => x,
    5,
    undefined,
  ];
  for (const f of wrong) {
    const uses = [
      () => exports.call(f, 1),
      () => exports.id(f),
      () => exports.t.set(0, f),
      () => void (exports.g.value = f),
      ...(f === undefined ? [] : [() => exports.t.grow(1, f)]),
    ];
    for (const use of uses) t.throws(use, typeError, `${String(use)} ${show(f)}`);
  }
  for (const use of [() => exports.call(null, 1), () => void (exports.g.value = null), () => exports.open(null)])
    t.throws(use, typeError);
  t.is(exports.g.value, exports.inc);
  t.is(exports.t.get(0), null);
});

test("a type made of functions goes through Func.wrap and defineFunc, which check arguments and results", (t) => {
  const { exports, store, module } = start(functions);
  const f = (module.exports.find(({ name }) => name === "g") as any).type.type as RefType;
  let result: unknown = exports.inc;
  const wrapped = wrap(store, [f as any, "structref"], [f as any], () => result);
  t.is(wrapped(exports.inc, null), exports.inc);
  for (const wrong of [exports.none, null]) t.throws(() => wrapped(wrong, null), typeError);
  t.throws(() => wrapped(exports.inc, {}), typeError);
  for (result of [exports.none, null, () => 1]) t.throws(() => wrapped(exports.inc, null), typeError);
  const user =
    load(`(module (type $f (func (param i32) (result i32))) (import "e" "f" (func $f (param (ref $f)) (result (ref $f)))) (func $own (export "own") (type $f) (i32.const 3))
    (func (export "call") (result (ref $f)) (call $f (ref.func $own))))`);
  const linker = new Linker(engine).defineFunc("e", "f", { parameters: [f], results: [f] }, (x) => (t.is(x(0), 3), x));
  const instance = linker.instantiate(store, user.module).exports;
  t.is(instance.call(), instance.own);
});
