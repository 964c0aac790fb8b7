// What the specs of exceptions share: a guest that throws, catches and throws again, and values that JavaScript throws.

import { Instance, Store } from "../index.js";
import { engineOf, load } from "./helper.js";

export const engine = engineOf();
export const catches = (call: string, type = "") => `
  (func (export "call${type}") ${call})
  (func (export "all${type}") (result i32) (block $h (try_table (catch_all $h) ${call}) (return (i32.const 0))) (i32.const 1))
  (func (export "again${type}") (block $h (result exnref) (try_table (catch_all_ref $h) ${call}) (return)) (throw_ref))`;
export const guest = `(module
  (import "env" "f" (func $f)) (import "env" "js" (tag $js (param externref)))
  (tag $t (export "t") (param i32 f64)) (tag $none (export "none")) (tag $other (export "other") (param i32 f64))
  (global $g (export "g") (mut exnref) (ref.null exn)) (table $tb (export "table") 2 exnref)
  ${catches("(call $f)")}
  (func (export "throw") (param i32 f64) (throw $t (local.get 0) (local.get 1)))
  (func (export "throwNone") (throw $none))
  (func (export "throwJs") (param externref) (throw $js (local.get 0)))
  (func (export "throwRef") (param exnref) (throw_ref (local.get 0)))
  (func (export "payload") (result i32 f64)
    (block $h (result i32 f64) (try_table (catch $t $h) (call $f)) (i32.const -1) (f64.const -1)))
  (func (export "js") (result externref)
    (block $h (result externref) (try_table (catch $js $h) (call $f)) (ref.null extern)))
  (func (export "which") (result i32)
    (block $all (block $none (block $other (result i32 f64) (block $t (result i32 f64)
      (try_table (catch $t $t) (catch $other $other) (catch $none $none) (catch_all $all) (call $f))
      (return (i32.const 0)))
      (drop) (drop) (return (i32.const 1))) (drop) (drop) (return (i32.const 2))) (return (i32.const 3))) (i32.const 4))
  (func (export "payloadRef") (result i32) (local exnref)
    (block $h (result i32 f64 exnref) (try_table (catch_ref $t $h) (call $f)) (return (i32.const -1)))
    (global.set $g) (drop))
  (func (export "keep") (block $h (result exnref) (try_table (catch_all_ref $h) (call $f)) (return)) (global.set $g))
  (func (export "rethrow") (throw_ref (global.get $g)))
  (func (export "id") (param exnref) (result exnref) (local.get 0))
  (func (export "set") (param exnref) (table.set $tb (i32.const 1) (local.get 0)))
  (func (export "isNull") (param exnref) (result i32) (ref.is_null (local.get 0)))
  (func (export "some") (param (ref exn)) (result (ref exn)) (local.get 0))
  (func (export "trap") unreachable))`;

/** A guest whose import throws `what.value`, or does what `what.run` says. */
export function fresh(options: object = {}) {
  const what: { value?: unknown; run?: () => unknown } = {};
  const { module, engine } = load(guest);
  const store = new Store(engine, options);
  const f = () => {
    if (what.run) return what.run();
    throw what.value;
  };
  const { exports } = new Instance(store, module, { env: { f, js: store.jsTag } });
  return { module, store, exports, what };
}

export const error = new Error("mine");
export const ordinary: unknown[] = [
  ...[error, new TypeError("mine"), {}, [], () => 1, class {}, "text", "", 42n, 5, -0, 0.5, NaN, 2 ** 30, true, false],
  ...[undefined, null, Symbol("s"), Symbol.iterator, Object.freeze({}), Object.create(null), globalThis, Promise.resolve()],
];
export const show = (value: unknown) =>
  typeof value === "object" ? Object.prototype.toString.call(value) : `${typeof value} ${String(value)}`;
