// The same struct is the same object, whichever way it comes and however much is collected.

import { ArrayRef, type Exception, Global, RefType, StructRef, Table } from "../index.js";
import { collect, needing, start, thrown } from "./helper.js";
import { engine } from "./ref-guest.js";

const test = needing("gc");

const identity = `(module
  (type $s (struct (field (mut i32)) (field (mut anyref)) (field (mut externref))))
  (import "env" "f" (func $f (param (ref null $s) anyref externref) (result (ref null $s))))
  (global $g (export "g") (mut anyref) (ref.null any))
  (table $t (export "t") 4 (ref null $s))
  (table $e (export "e") 4 externref)
  (tag $x (export "x") (param (ref null $s)))
  (func (export "make") (param i32) (result (ref $s)) (struct.new $s (local.get 0) (ref.null any) (ref.null extern)))
  (func (export "id") (param (ref null $s)) (result (ref null $s)) (local.get 0))
  (func (export "any") (param anyref) (result anyref) (local.get 0))
  (func (export "extern") (param externref) (result externref) (local.get 0))
  (func (export "toAny") (param externref) (result anyref) (any.convert_extern (local.get 0)))
  (func (export "toExtern") (param anyref) (result externref) (extern.convert_any (local.get 0)))
  (func (export "call") (param (ref null $s)) (result (ref null $s))
    (call $f (local.get 0) (local.get 0) (extern.convert_any (local.get 0))))
  (func (export "throw") (param (ref null $s)) (throw $x (local.get 0)))
  (func (export "same") (param eqref eqref) (result i32) (ref.eq (local.get 0) (local.get 1)))
  (func (export "two") (param (ref null $s)) (result (ref null $s) anyref externref) (local.get 0) (local.get 0) (extern.convert_any (local.get 0)))
  (func (export "garbage") (param i32)
    (loop (drop (struct.new $s (local.get 0) (ref.null any) (ref.null extern))) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))`;

test("the same struct is the same object, whichever way it comes", (t) => {
  const seen: unknown[] = [];
  const { exports, store } = start(identity, { env: { f: (...args: unknown[]) => (seen.push(...args), args[0]) } });
  const s = exports.make(1) as StructRef;
  t.is(exports.id(s), s);
  t.is(exports.any(s), s);
  t.is(exports.extern(s), s);
  t.is(exports.toAny(s), s);
  t.is(exports.toExtern(s), s);
  t.is(exports.toAny(exports.toExtern(s)), s);
  t.deepEqual(
    exports.two(s).map((x: unknown) => x === s),
    [true, true, true],
  );
  t.is(exports.call(s), s);
  t.deepEqual(
    seen.map((x) => x === s),
    [true, true, true],
  );
  exports.g.value = s;
  t.is(exports.g.value, s);
  exports.t.set(1, s);
  t.is(exports.t.get(1), s);
  exports.t.grow(2, s);
  t.is(exports.t.get(5), s);
  exports.e.set(1, s);
  t.is(exports.e.get(1), s);
  s.set(1, s);
  s.set(2, s);
  t.is(s.get(1), s);
  t.is(s.get(2), s);
  t.is((thrown(() => exports.throw(s)) as Exception).payload[0], s);
  t.is(new Global(store, { type: "structref" }, s).value, s);
  t.is(new Table(store, { element: s.type, initial: 1 }, s).get(0), s);
  t.is(new ArrayRef(store, RefType.array(engine, { type: "eqref" }), [s]).get(0), s);
  t.is(exports.same(s, s.get(1)), 1);
  const other = exports.make(1);
  t.not(other, s);
  t.is(exports.same(s, other), 0);
});

test("what JavaScript makes is the same object for guests and their host functions", (t) => {
  const { exports, store } = start(identity, { env: { f: (s: unknown) => s } });
  const s = new StructRef(store, exports.make(0).type, [5, undefined, "x"]);
  t.is(exports.call(s), s);
  t.is(exports.toAny(s), s);
  exports.t.set(0, s);
  t.is(exports.t.get(0), s);
});

test("identity and contents stay while JavaScript holds an object, however much is collected", (t) => {
  const { exports, store } = start(identity, { env: { f: (s: unknown) => s } });
  const kept = Array.from({ length: 300 }, (_, i) => exports.make(i) as StructRef);
  for (const [i, s] of kept.entries()) s.set(2, { i });
  exports.t.set(3, kept[7]);
  for (let round = 0; round < 3; round++) {
    exports.garbage(100_000);
    for (let i = 0; i < 300; i++) exports.make(-1);
    store.gc();
    collect();
    for (const [i, s] of kept.entries()) {
      if (exports.id(s) !== s || s.get(0) !== i || s.get(2).i !== i) t.fail(`${round} ${i}`);
    }
    t.is(exports.t.get(3), kept[7]);
  }
});

test("objects given in turn with others, and freed ones, are never mistaken for each other", (t) => {
  const { exports, store } = start(identity, { env: { f: (s: unknown) => s } });
  let kept: [StructRef, number][] = [];
  for (let i = 0; i < 20_000; i++) {
    const s = exports.make(i) as StructRef;
    if (i % 7 === 0) kept.push([s, i]);
    if (i % 1000 === 0) kept = kept.filter((_, n) => n % 3 > 0);
    if (i % 4000 === 0) (store.gc(), collect());
  }
  t.true(kept.every(([s, i]) => s.get(0) === i && exports.any(s) === s));
  t.is(new Set(kept.map(([s]) => s)).size, kept.length);
});

test("JavaScript alone keeps a struct, and all that it holds", (t) => {
  const { exports, store } = start(identity, { env: { f: (s: unknown) => s } });
  const outer = exports.make(1) as StructRef;
  outer.set(1, exports.make(2));
  outer.get(1).set(2, engine);
  for (let i = 0; i < 3; i++) {
    exports.garbage(50_000);
    store.gc();
    collect();
  }
  t.deepEqual([outer.get(1).get(0), outer.get(1).get(2) === engine], [2, true]);
});
