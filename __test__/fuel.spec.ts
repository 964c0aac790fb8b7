// Fuel: counted and bounded with the profile metered, refused without.

import test from "ava";
import { Instance, type InstancePre, Linker, OutOfFuelError, Store, Trap } from "../index.js";
import { engineOf, load, start, thrown, typeError } from "./helper.js";

const wat = `(module (import "env" "f" (func $f))
  (func (export "spin") (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "call") (param i32) (loop (call $f) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (memory 1) (func (export "fill") (memory.fill (i32.const 0) (i32.const 0) (i32.const 65536)))
  (func $deep (export "deep") (call $deep)))`;
const metered = { profile: "metered" } as const;
const isOut = { instanceOf: OutOfFuelError, code: "ERR_WASMTIME_OUT_OF_FUEL" };
const guest = (options: object = {}, f: () => unknown = () => {}) => start(wat, { env: { f } }, { ...metered, ...options });

test("a guest uses fuel, about one for each instruction", (t) => {
  const { store, exports } = guest({ fuel: 1_000_000n });
  t.is(store.fuel, 1_000_000n);
  exports.spin(1000);
  const used = 1_000_000n - store.fuel;
  t.true(used >= 2000n && used <= 10_000n, String(used));
});

test("the same work takes the same fuel", (t) => {
  const used = [0, 1].map(() => {
    const { store, exports } = guest({ fuel: 1_000_000n });
    exports.spin(777);
    exports.fill();
    return 1_000_000n - store.fuel;
  });
  t.is(used[0], used[1]);
});

test("a guest that has used up its fuel ends with OutOfFuelError, and goes on with more", (t) => {
  const { store, exports } = guest({ fuel: 1000n });
  const error = t.throws(() => exports.spin(0), isOut) as OutOfFuelError;
  t.true(error instanceof Trap);
  t.is(error.trapCode, "outOfFuel");
  t.true(error.frames.length === 1 && error.message.includes("fuel"));
  t.throws(() => exports.spin(100), isOut);
  store.fuel = 100_000n;
  t.notThrows(() => exports.spin(100));
});

for (const name of ["spin", "call", "deep"]) {
  test(`no loop, call or recursion is free: ${name}`, (t) => {
    const { exports } = guest({ fuel: 5000n });
    t.throws(() => exports[name](0), isOut);
  });
}

test("a store without the option has as much fuel as there is", (t) => {
  const { store, exports } = guest();
  const before = store.fuel;
  t.true(before > 2n ** 60n);
  exports.spin(1000);
  t.true(store.fuel < before);
});

test("fuel may be read and set by a host function, for the call that is running", (t) => {
  const seen: bigint[] = [];
  const { store, exports } = guest({ fuel: 10_000n }, () => {
    seen.push(store.fuel);
    if (seen.length === 3) store.fuel = 0n;
  });
  t.throws(() => exports.call(100), isOut);
  t.is(seen.length, 3);
  t.true(seen[0]! > seen[1]! && seen[1]! > seen[2]! && seen[0]! < 10_000n);
  const refilled = guest({ fuel: 1000n }, () => void (refilled.store.fuel = 1000n));
  t.notThrows(() => refilled.exports.call(10_000));
});

test("a host function that runs out of fuel in a nested call may refill and go on", (t) => {
  const inner: unknown[] = [];
  const { store, exports } = guest({ fuel: 10_000n }, () => {
    inner.push(thrown(() => exports.spin(0)));
    store.fuel = 10_000n;
  });
  exports.call(2);
  t.is(inner.length, 2);
  for (const error of inner) t.true(error instanceof OutOfFuelError);
});

test("a start function uses fuel", (t) => {
  const { engine, module } = load(`(module (func $f (loop (br 0))) (start $f))`, metered);
  for (const make of [
    () => new Instance(new Store(engine, { fuel: 5000n }), module),
    () => new Linker(engine).instantiate(new Store(engine, { fuel: 5000n }), module),
  ]) {
    t.throws(make, isOut);
  }
  const pre: InstancePre = new Linker(engine).instantiatePre(module);
  t.throws(() => pre.instantiate(new Store(engine, { fuel: 5000n })), isOut);
});

test("each store has fuel of its own", (t) => {
  const { engine, module } = load(wat, metered);
  const [a, b] = [new Store(engine, { fuel: 10_000n }), new Store(engine, { fuel: 20_000n })];
  new Instance(a, module, { env: { f() {} } }).exports.spin(1000);
  t.true(a.fuel < 10_000n);
  t.is(b.fuel, 20_000n);
});

test("fuel 0 is no fuel", (t) => {
  const { store, exports } = guest({ fuel: 0n });
  t.is(store.fuel, 0n);
  t.throws(() => exports.spin(5), isOut);
});

test("fuel is a bigint of 64 bits", (t) => {
  const { store } = guest();
  store.fuel = 2n ** 64n - 1n;
  t.is(store.fuel, 2n ** 64n - 1n);
  for (const wrong of [5, "5", undefined, null, {}] as any[]) {
    t.throws(() => void (store.fuel = wrong), typeError, String(wrong));
    if (wrong !== undefined) t.throws(() => new Store(store.engine, { fuel: wrong }), typeError);
  }
  for (const wrong of [-1n, 2n ** 64n]) {
    t.throws(() => void (store.fuel = wrong), { instanceOf: RangeError });
    t.throws(() => new Store(store.engine, { fuel: wrong }), { instanceOf: RangeError });
  }
  t.is(store.fuel, 2n ** 64n - 1n);
});

for (const profile of ["default", "sandbox"] as const) {
  test(`fuel with the profile ${profile} is a TypeError that names the one to use`, (t) => {
    const engine = engineOf(profile);
    const message = /metered/;
    t.throws(() => new Store(engine, { fuel: 5n }), { ...typeError, message });
    const store = new Store(engine);
    t.throws(() => store.fuel, { ...typeError, message });
    t.throws(() => void (store.fuel = 5n), { ...typeError, message });
  });
}
