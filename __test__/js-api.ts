// The semantics of JavaScript, exactly: the same module and the same steps in V8's own WebAssembly and in ours, and whatever
// can be seen must agree. Where it does not there is a row in the table of deviations, js-api.spec.ts. Here is what the specs share.

import { type Feature, features } from "../index.js";
import { needing } from "./needing.js";
import { type Log, type Steps, type World, named, ofCwasm, ofV8, outcome } from "./v8.js";

/** A test that the steps go as they do in V8, which need these features of ours. */
export const agreeing =
  (...features: Feature[]) =>
  (title: string, steps: Steps) =>
    needing(...features)(title, async (t) => {
      const expected = outcome(await ofV8(), steps);
      t.true(expected.length > 0);
      t.deepEqual(outcome(ofCwasm(), steps), expected);
    });
export const agree = agreeing();

export const sorry = named("sorry", new Error("sorry"));
export const fail = (): never => {
  throw sorry;
};
export const raise = (thrown: unknown) => () => {
  throw thrown;
};
export const symbol = Symbol("s");
export const object = named("object", {});
export const host = named("host", () => 1);
export const list = <T>(items: T[], text: (item: T) => string) => items.map(text).join("\n");

/** The source of what makes a value, for its name. */
export const nameless = (make: Function) => String(make).replace(/^\(.*?\) => /, "");
/** An object whose getters say that they ran. */
export function noting(log: Log, target: object, members: Record<PropertyKey, unknown>, prefix = "get "): object {
  for (const key of Reflect.ownKeys(members)) {
    const get = () => (log(prefix + String(key)), members[key as string]);
    Object.defineProperty(target, key, { get, enumerable: true });
  }
  return target;
}

// ---- guests

/** One guest has functions of all of them. */
export const types = ["i32", "i64", "f32", "f64", ...(features.has("gc") ? ["externref"] : []), "funcref", "v128"];
const converting = `(module
  ${list(types, (t) => `(import "env" "${t}" (func $${t} (param ${t}) (result ${t})))
    (import "env" "two ${t}" (func $two-${t} (result ${t} ${t})))`)}
  ${list(types, (t) => `(export "host ${t}" (func $${t})) (func (export "id ${t}") (param ${t}) (result ${t}) (local.get 0))
    (func (export "swap ${t}") (param ${t} ${t}) (result ${t} ${t}) (local.get 1) (local.get 0))
    (func (export "call ${t}") (param ${t}) (result ${t}) (call $${t} (local.get 0)))
    (func (export "two ${t}") (result ${t} ${t}) (call $two-${t}))`)})`;
/** Exports of the above, and what its host functions return and have got. */
export function convert(world: World) {
  const hosts = { result: undefined as unknown, got: "nothing" as unknown };
  const env = types.map((t) => [
    [t, (got: unknown) => ((hosts.got = got), hosts.result)],
    [`two ${t}`, () => [hosts.result, hosts.result]],
  ]);
  return { hosts, exports: world.start(converting, { env: Object.fromEntries(env.flat()) }) };
}
export const importing = (type: string) => `(module (import "env" "g" (global ${type})) (export "g" (global 0)))`;

export const many = `(module (import "env" "f" (func $f (param i32 i64 f32 f64 externref funcref) (result i32)))
  (func $call (export "call") (param i32 i64 f32 f64 externref funcref) (result i32)
    (call $f (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5)))
  (export "f" (func $f)) (elem declare func $call))`;

const functional = `(module (import "env" "f" (func $f (param i32 i32))) (import "env" "g" (func $g))
  (func $h (export "h") (param i64 f32 f64) (result i32 i32) (i32.const 1) (i32.const 2))
  (func (export "x")) (func $y (export "y") (param i32))
  (export "f" (func $f)) (export "g" (func $g)) (export "h2" (func $h)) (func $private (param i32 i32 i32 i32))
  (table (export "table") 3 funcref) (elem (i32.const 0) $y $g $private)
  (global (export "global") funcref (ref.func $f)) (func (export "get") (result funcref) (ref.func $g)))`;
export const functionsOf = (w: World) => w.start(functional, { env: { f() {}, g() {} } });

export const asks = `(module (import "b" "y" (func)) (import "a" "x" (func)) (import "b" "z" (global i32))
  (import "a" "x" (func)) (import "b" "y" (func (param i32))))`;

const growing = `(module (import "env" "f" (func $f)) (memory (export "m") 1 10) (func (export "size") (result i32) (memory.size))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))) (func (export "call") (call $f))
  (func (export "growAndCall") (param i32) (result i32) (memory.grow (local.get 0)) (call $f))
  (func (export "store") (param i32 i32) (i32.store8 (local.get 0) (local.get 1))))`;
export const grower = (w: World, f: () => unknown = () => {}) => w.start(growing, { env: { f } });

export const three = (w: World, element: string, ...init: unknown[]) => w.table({ element, initial: 3, maximum: 5 }, ...init);

const traps = `(module (import "env" "f" (func $f (param i32) (result i32))) (memory (export "m") 1) (table 1 funcref)
  (tag $t (export "t") (param i32 i64 externref f32))
  (func (export "call") (param i32) (result i32) (call $f (local.get 0))) (func (export "unreachable") unreachable)
  (func (export "divide") (param i32) (result i32) (i32.div_s (i32.const 0x80000000) (local.get 0)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "indirect") (param i32) (call_indirect (local.get 0)))
  (func (export "truncate") (param f64) (result i32) (i32.trunc_f64_s (local.get 0))) (func $deep (export "deep") (call $deep))
  (func (export "throw") (param i32 i64 externref f32) (throw $t (local.get 0) (local.get 1) (local.get 2) (local.get 3))))`;
export const trapper = (w: World, f: (n: number) => unknown = () => 0) => w.start(traps, { env: { f } });
