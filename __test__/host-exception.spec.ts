// What host functions throw: who may catch it, and that it comes out as itself.

import {
  ClosedError,
  DeadlineError,
  Exception,
  Instance,
  InternalError,
  OutOfFuelError,
  Store,
  StoreBusyError,
  Tag,
  Trap,
  WasiExit,
  WasmtimeError,
} from "../index.js";
import { collect, load, needing, start, thrown } from "./helper.js";
import { catches, error, fresh, ordinary, show } from "./exception-guest.js";

const test = needing("gc");

test("an Exception that a host function throws is caught by its tag, with its payload", (t) => {
  const { exports, what } = fresh();
  for (const [payload, is] of [
    [
      [7, 0.5],
      [7, 0.5],
    ],
    [
      ["-3", undefined],
      [-3, NaN],
    ],
    [new Set([2 ** 32 + 1, 0.5]), [1, 0.5]],
  ] as const) {
    what.value = new Exception(exports.t, payload as Iterable<unknown>);
    t.deepEqual((what.value as Exception).payload, is);
    t.deepEqual(exports.payload(), is);
    t.is(exports.payloadRef(), is[0]);
    t.is(exports.which(), 1);
    t.is(exports.all(), 1);
  }
  what.value = new Exception(exports.other, [7, 0.5]);
  t.is(exports.which(), 2);
  t.is(
    thrown(() => exports.payload()),
    what.value,
    "the same types, and another tag",
  );
  what.value = new Exception(exports.none, []);
  t.is(exports.which(), 3);
  what.value = error;
  t.is(exports.which(), 4);
});

test("what a host function throws comes out as itself: uncaught, caught and thrown again", (t) => {
  const { exports, what } = fresh();
  for (const value of [...ordinary, new Exception(exports.t, [1, 2]), new Exception(exports.none, [])]) {
    what.value = value;
    for (const way of ["call", "again", "payloadRef"]) {
      if (way === "payloadRef" && value instanceof Exception) continue;
      t.true(Object.is(thrown(exports[way]), value), `${way}: ${show(value)}`);
    }
    exports.keep();
    collect();
    t.true(Object.is(thrown(exports.rethrow), value), show(value));
    t.true(Object.is(thrown(exports.rethrow), value), `${show(value)}, twice`);
  }
});

test("ordinary values are caught by catch_all, and by a guest that imports the store's jsTag", (t) => {
  const { exports, what } = fresh();
  for (const value of ordinary) {
    what.value = value;
    t.is(exports.all(), 1, show(value));
    t.true(Object.is(exports.js(), value), show(value));
    t.is(exports.which(), 4, show(value));
  }
  what.value = new Exception(exports.none, []);
  t.is(
    thrown(() => exports.js()),
    what.value,
  );
});

test("traps, exits and this package's own errors are not for guests to catch, and come out as themselves", (t) => {
  const { exports, what, store } = fresh();
  const own = [
    new Trap("x"),
    new WasiExit("x", { exitCode: 3 }),
    new WasmtimeError("x"),
    new InternalError("x"),
    new DeadlineError("x"),
    new OutOfFuelError("x"),
    new ClosedError("x"),
    new (class extends Trap {})("x"),
  ];
  for (const value of own) {
    what.value = value;
    for (const way of ["call", "all", "again", "js", "which"]) t.is(thrown(exports[way]), value, `${way}: ${value.name}`);
  }
  let inner: unknown;
  const remember = (run: () => unknown) => () => {
    try {
      run();
    } catch (error) {
      inner = error;
      throw error;
    }
  };
  for (const [run, type] of [
    [() => exports.trap(), Trap],
    [() => start('(module (func (export "f") unreachable))').exports.f(), Trap],
    [() => store.dispose(), StoreBusyError],
    [() => exports.throwRef(null), Trap],
  ] as const) {
    what.run = remember(run);
    for (const way of ["call", "all", "again"]) {
      t.is(thrown(exports[way]), inner);
      t.true(inner instanceof type, String(inner));
    }
  }
  what.run = undefined;
  what.value = error;
  t.is(exports.all(), 1, "the store is in order");
});

test("JavaScript's own errors of misuse inside a host function can be caught", (t) => {
  const { exports, what, store } = fresh();
  const misuses = [
    () => new Exception(exports.t, [1n, 1]),
    () => new Store(5 as any),
    () => exports.id(5),
    () => new Tag(store, {} as any),
  ];
  for (const run of [...misuses, () => JSON.parse("{"), () => (undefined as any).x, () => new Array(-1)] as (() => unknown)[]) {
    what.run = run;
    t.is(exports.all(), 1, String(run));
    t.is((exports.js() as Error).constructor, (thrown(run) as Error).constructor);
  }
});

test("running out of stack in JavaScript or in the guest leaves the store in order", (t) => {
  const { exports, what } = fresh();
  what.run = () => {
    const deep = (): number => deep() + 1;
    deep();
  };
  t.true(thrown(() => exports.call()) instanceof RangeError);
  what.run = () => exports.again();
  const caught = thrown(() => exports.again()) as Error;
  t.true(caught instanceof Trap || caught instanceof RangeError, String(caught));
  what.run = undefined;
  what.value = error;
  t.is(exports.js(), error);
});

test("a result that does not convert is an exception that the guest can catch", (t) => {
  let result: unknown;
  const types = ["i32", "i64", "f64", "v128", "funcref", "(ref extern)", "i32 i32"];
  const { exports } = start(
    `(module ${types.map((type, i) => `(import "e" "f" (func $f${i} (result ${type})))`).join("\n")}
      ${types.map((type, i) => catches(`(call $f${i}) ${"drop ".repeat(type === "i32 i32" ? 2 : 1)}`, type)).join("\n")})`,
    { e: { f: () => result } },
  );
  for (const [type, values] of [
    ["i32", [1n, Symbol("s"), Object.create(null)]],
    ["i64", [1, undefined, "x"]],
    ["f64", [1n]],
    ["v128", [1, []]],
    ["funcref", [5, () => 1, undefined]],
    ["(ref extern)", [null]],
    ["i32 i32", [5, null, [1], [1, 2, 3], [1, 1n]]],
  ] as [string, unknown[]][]) {
    for (result of values) {
      t.is(exports[`all${type}`](), 1, `${type} ${show(result)}`);
      const caught = thrown(exports[`call${type}`]);
      t.true(caught instanceof TypeError || caught instanceof SyntaxError, `${type} ${show(result)}`);
      t.is((thrown(exports[`again${type}`]) as Error).constructor, (caught as Error).constructor);
    }
  }
  result = {
    valueOf: () => {
      throw error;
    },
  };
  t.is(thrown(exports.againi32), error);
});

test("a guest that runs out of fuel in or around a host function does not catch that", (t) => {
  const { module, engine } = load(
    `(module (import "e" "f" (func $f)) ${catches("(call $f)")} (func (export "spin") (loop (br 0))) (func (export "catching") (loop (block $h (try_table (catch_all $h) (call $f))) (br 0))))`,
    { profile: "metered" },
  );
  let run = () => {};
  const store = new Store(engine, { fuel: 10_000n });
  const { exports } = new Instance(store, module, { e: { f: () => run() } });
  run = () => exports.spin();
  t.true(thrown(exports.all) instanceof OutOfFuelError);
  store.fuel = 10_000n;
  run = () => {
    throw error;
  };
  t.true(thrown(exports.catching) instanceof OutOfFuelError);
  store.fuel = 10_000n;
  t.is(exports.all(), 1);
});
