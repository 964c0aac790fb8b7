// Functions that wasm calls: what they get and return, what they throw, and what they may do meanwhile.

import test from "ava";
import { Instance, Trap } from "../index.js";
import { start, thrown } from "./helper.js";

test("a host function gets its arguments, as many as its type has, and no this", (t) => {
  let seen: unknown[] = [];
  const { exports } = start(
    `(module (import "env" "f" (func $f (param i32 i64 f32 f64) (result f64)))
      (func (export "call") (result f64) (call $f (i32.const -1) (i64.const -2) (f32.const 1.5) (f64.const 2.5))))`,
    {
      env: {
        f(this: unknown, ...args: unknown[]) {
          seen = [this, ...args];
          return 0.25;
        },
      },
    },
  );
  t.is(exports.call(), 0.25);
  t.deepEqual(seen, [undefined, -1, -2n, 1.5, 2.5]);
});

const exceptions = [new Error("x"), Object.freeze({}), 42, "text", 7n, Symbol("s"), null, undefined, false, NaN];
for (const exception of exceptions) {
  test(`what a host function throws comes out as itself: ${String(exception)} (${typeof exception})`, (t) => {
    const wat = `(module (import "env" "f" (func $f (param i32) (result i32)))
      (func $inner (param i32) (result i32) (call $f (local.get 0)))
      (func (export "call") (param i32) (result i32) (call $inner (local.get 0)) (drop) (unreachable)))`;
    let depth = 5;
    const { exports } = start(wat, {
      env: {
        f: () => {
          if (depth-- === 0) throw exception;
          return exports.call(depth);
        },
      },
    });
    t.true(
      Object.is(
        thrown(() => exports.call(0)),
        exception,
      ),
    );
    depth = 0;
    t.true(
      Object.is(
        thrown(() => exports.call(0)),
        exception,
      ),
      "and the store works on",
    );
  });
}

test("an exception caught by a host function on the way ends there", (t) => {
  const { exports } = start(
    `(module (import "env" "f" (func $f (param i32) (result i32)))
      (func (export "call") (param i32) (result i32) (i32.add (call $f (local.get 0)) (i32.const 1))))`,
    {
      env: {
        f(n: number) {
          if (n === 0) throw new Error("deep");
          try {
            return exports.call(n - 1);
          } catch (error) {
            return (error as Error).message.length;
          }
        },
      },
    },
  );
  t.is(exports.call(3), 4 + 1 + 1 + 1);
});

test("a trap below a host function is a Trap to it, and can be swallowed", (t) => {
  const { exports } = start(
    `(module (import "env" "f" (func $f (result i32)))
      (func (export "trap") unreachable) (func (export "call") (result i32) (call $f)))`,
    { env: { f: () => (thrown(() => exports.trap()) instanceof Trap ? 1 : 0) } },
  );
  t.is(exports.call(), 1);
});

test("an exception from the conversion of a host function's result comes out as itself", (t) => {
  const error = new Error("valueOf");
  const { exports } = start(`(module (import "env" "f" (func $f (result i32))) (func (export "call") (result i32) (call $f)))`, {
    env: {
      f: () => ({
        valueOf: () => {
          throw error;
        },
      }),
    },
  });
  t.is(
    thrown(() => exports.call()),
    error,
  );
  t.throws(
    () =>
      start(`(module (import "env" "f" (func $f (result i64))) (func (export "call") (result i64) (call $f)))`, {
        env: { f: () => 5 },
      }).exports.call(),
    { instanceOf: TypeError },
  );
});

test("a host function may call back into the same store, use and grow its memory, instantiate and throw", (t) => {
  const wat = `(module (import "env" "f" (func $f (param i32) (result i32))) (memory (export "memory") 1 10)
    (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
    (func (export "grow") (result i32) (memory.grow (i32.const 1)))
    (func (export "call") (param i32) (result i32)
      (drop (call $f (local.get 0)))
      (i32.add (i32.mul (memory.size) (i32.const 100)) (i32.load8_u (i32.const 65536)))))`;
  const error = new Error("after all that");
  const { exports, store, module, instance } = start(wat, {
    env: {
      f(fail: number) {
        const before = exports.memory.buffer;
        exports.memory.write(5, Uint8Array.of(99));
        t.is(exports.load(5), 99);
        t.is(exports.grow(), 1);
        t.is(exports.memory.grow(1), 2);
        t.is(before.byteLength, 0);
        new Uint8Array(exports.memory.buffer)[65536] = 7;
        const other = new Instance(store, module, { env: { f: exports.load } });
        t.is(other.exports.load(0), 0);
        t.not(other, instance);
        if (fail) throw error;
        return 0;
      },
    },
  });
  t.is(exports.call(0), 307);
  const again = start(wat, {
    env: {
      f: () => {
        throw error;
      },
    },
  });
  t.is(
    thrown(() => again.exports.call(1)),
    error,
  );
});

test("a call may go through two stores and back", (t) => {
  const wat = `(module (import "env" "f" (func $f (param i32) (result i32)))
    (func (export "call") (param i32) (result i32) (i32.add (i32.const 1) (call $f (local.get 0)))))`;
  const a = start(wat, { env: { f: (n: number): number => (n > 0 ? b.exports.call(n - 1) : 0) } });
  const b = start(wat, { env: { f: (n: number): number => (n > 0 ? a.exports.call(n - 1) : 0) } });
  t.is(a.exports.call(9), 10);
});

test("wasm and JavaScript that recurse through each other end in an exception, and the store works on", (t) => {
  const { exports } = start(
    `(module (import "env" "f" (func $f (param i32) (result i32)))
      (func (export "call") (param i32) (result i32) (call $f (local.get 0))))`,
    { env: { f: (n: number): number => (n < 0 ? 5 : exports.call(n + 1)) } },
  );
  const error = thrown(() => exports.call(0));
  if (!(error instanceof RangeError)) t.is((error as Trap).trapCode, "stackOverflow");
  t.is(exports.call(-1), 5);
});

test("a guest may call a host function a million times, with values that need handles", (t) => {
  let sum = 0;
  const { exports } = start(
    `(module (import "env" "f" (func $f (param i64) (result i64)))
      (func (export "loop") (param i64) (result i64) (local i64)
        (loop (local.set 1 (i64.add (local.get 1) (call $f (local.get 0))))
          (br_if 0 (i64.ne (local.tee 0 (i64.sub (local.get 0) (i64.const 1))) (i64.const 0))))
        (local.get 1)))`,
    { env: { f: (n: bigint) => (sum++, { valueOf: () => n }).valueOf() } },
  );
  t.is(exports.loop(1_000_000n), 500_000_500_000n);
  t.is(sum, 1_000_000);
});
