// Calls within calls, as V8 does it, and of both engines in one stack.

import { Trap } from "../index.js";
import { type World, ofCwasm, ofV8, outcome } from "./v8.js";
import { agree, fail, functionsOf, object, raise, three, trapper } from "./js-api.js";
import { needing } from "./needing.js";

// ---- calls within calls

const nested = `(module (import "env" "f" (func $f (param i32 i64 f64) (result i32 i64 f64)))
  (global $g (export "g") (mut i32) (i32.const 0)) (memory (export "m") 1 5)
  (func (export "id") (param i32 i64 f64) (result i32 i64 f64) (local.get 0) (local.get 1) (local.get 2))
  (func (export "host") (param i32 i64 f64) (result i32 i64 f64) (call $f (local.get 0) (local.get 1) (local.get 2)))
  (func (export "add") (param i32 i32) (result i32) (global.set $g (i32.add (global.get $g) (local.get 0))) (global.get $g)))`;
const nesting = (w: World, f: (...args: any[]) => unknown = (...args) => args) => w.start(nested, { env: { f } });

agree("a conversion may call the same function: the arguments and results of all calls are right", (w, log) => {
  const { id, host } = nesting(w);
  const again = (depth: number, value: unknown): unknown => ({
    valueOf() {
      if (depth > 0) log(id(again(depth - 1, 5), -6n, 7), host(again(depth - 1, 8), -9n, 10));
      return value;
    },
  });
  log(id(again(2, 1), again(1, 2n), again(2, 3)));
  log(host(again(2, 1), again(1, 2n), again(2, 3)));
  log(id({ valueOf: () => nesting(w).id(5, 6n, 7)[0] }, 1n, 2), "of another instance");
});
agree("the conversion of results and iterators may call too, and grow the memory", (w, log) => {
  let depth = 0;
  const converting: any = nesting(w, (a, b, c) =>
    depth++ < 3 ? [{ valueOf: () => converting.host(a + 1, b, c)[0] }, { valueOf: () => converting.id(0, 9n, 0)[1] }, c] : [a, b, c],
  );
  log(converting.host(1, 2n, 3));
  const generating: any = nesting(w, function* (a, b, c) {
    yield* a < 4 ? generating.host(a + 1, b + 1n, c + 0.5) : [a, b, c];
  });
  log(generating.host(1, 2n, 3));
  const growing: any = nesting(w, () => {
    const grow = () => growing.m.grow(1);
    return [{ valueOf: grow }, { valueOf: () => BigInt(grow()) }, growing.m.buffer.byteLength];
  });
  log(growing.host(1, 2n, 3), growing.m.buffer);
});
agree("a conversion that fails half way has only done what it did itself", (w, log) => {
  const { add, g } = nesting(w);
  log.of(() => add({ valueOf: () => (add(10, 0), 1) }, { valueOf: fail }));
  log(g.value);
  log.of(() => add(1, 0));
});
agree("a getter of imports may call what it is about to import", (w, log) => {
  const { id } = nesting(w);
  const wat = `(module (import "m" "a" (global i32)) (import "m" "b" (func $b (result i32)))
    (func (export "sum") (result i32) (i32.add (global.get 0) (call $b))))`;
  const m = { get a() { return id(20, 1n, 1)[0]; }, get b() { return () => id(3, 1n, 1)[0]; } };
  log(w.start(wat, { get m() { return log(id(1, 2n, 3)), m; } }).sum());
});

// ---- both in one stack

for (const outer of ["V8", "cwasm"]) {
  needing("gc")(`what is thrown passes through calls of both engines as the same value, from ${outer}`, async (t) => {
    let leaf: () => unknown = () => 42;
    const a: any = trapper(await ofV8(), (n): unknown => (n ? b.call(n - 1) : leaf()));
    const b: any = trapper(ofCwasm(), (n): unknown => (n ? a.call(n - 1) : leaf()));
    const first = outer === "V8" ? a : b;
    const leaves: [name: string, throwing: () => unknown][] = [["fail", fail], ["undefined", raise(undefined)]];
    for (const name of ["unreachable", "load", "deep", "throw"]) {
      for (const of of [a, b]) leaves.push([name, () => of[name](1 << 30, 0n)]);
    }
    for (const [name, throwing] of leaves) {
      for (const depth of [0, 1, 2, 7]) {
        let thrown: unknown;
        leaf = () => {
          try {
            return throwing();
          } catch (error) {
            throw (thrown = error);
          }
        };
        const steps = () => {
          try {
            return [first.call(depth)];
          } catch (error) {
            return error;
          }
        };
        t.true(Object.is(steps(), thrown), `${name}, ${depth} calls`);
      }
    }
    leaf = () => 42;
    t.is(first.call(30), 42);
  });
}
needing("gc")("wasm that recurses through both engines ends in an error that can be caught, and both work on", async (t) => {
  const a: any = trapper(await ofV8(), (n): unknown => n && b.call(n));
  const b: any = trapper(ofCwasm(), (n): unknown => n && a.call(n));
  for (const of of [a, b, a]) {
    const error = t.throws(() => of.call(1));
    t.true(error instanceof RangeError || error instanceof Trap);
    t.is(a.call(0) + b.call(0), 0);
  }
});
needing("gc")("V8's objects are no imports of ours, and ours none of V8's; functions are, as host functions", async (t) => {
  const [a, b] = [await ofV8(), ofCwasm()];
  const wat = `(module (import "m" "f" (func $f (param i64 externref) (result externref i64)))
    (func (export "f") (param i64 externref) (result externref i64) (call $f (local.get 0) (local.get 1))))`;
  let f: any = (number: bigint, value: unknown) => [value, number];
  for (const world of [a, b, a, b]) {
    const made: any = world.start(wat, { m: { f } }).f;
    t.not(made, f);
    f = made;
  }
  t.deepEqual(f(5n, object), [object, 5n]);
  for (const [from, to] of [[a, b], [b, a]] as const) {
    const [memory, table, global, tag] = [from.memory({ initial: 1 }), three(from, "anyfunc"), from.global("i32", false), from.tag()];
    for (const [kind, x] of Object.entries({ "memory 1": memory, "table 0 funcref": table, "global i32": global, tag })) {
      const found = outcome(to, (w, log) => log.of(() => w.start(`(module (import "m" "x" (${kind})))`, { m: { x } })));
      t.deepEqual(found, ["throws LinkError"], kind);
    }
    t.throws(() => three(to, "anyfunc").set(0, functionsOf(from).x), { instanceOf: TypeError });
  }
});
