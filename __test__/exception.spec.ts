// Exceptions as objects: what guests throw is one, with its tag and payload, and JavaScript makes them too. What it throws into guests
// is in host-exception.spec.ts.

import {
  ClosedError,
  Engine,
  Exception,
  Instance,
  Linker,
  RefType,
  Store,
  type StructRef,
  Tag,
  WasmtimeError,
  runSync,
} from "../index.js";
import { collect, load, needing, rangeError, start, thrown, typeError, wrap } from "./helper.js";
import { catches, engine, error, fresh } from "./exception-guest.js";

// ---- guests throw

needing("gc")("what a guest throws and nobody catches is an Exception, with tag and payload", (t) => {
  const { exports } = fresh();
  const caught = thrown(() => exports.throw(-7, 0.1)) as Exception;
  t.true(caught instanceof Exception && caught instanceof WasmtimeError && caught instanceof Error);
  t.deepEqual([caught.name, caught.code], ["Exception", "ERR_WASMTIME_EXCEPTION"]);
  t.is(caught.tag, exports.t);
  t.deepEqual(caught.payload, [-7, 0.1]);
  t.true(Object.isFrozen(caught.payload));
  t.deepEqual([caught.is(exports.t), caught.is(exports.other), caught.is(exports.none)], [true, false, false]);
  t.deepEqual([caught.getArg(exports.t, 0), caught.getArg(exports.t, 1)], [-7, 0.1]);
  t.deepEqual((thrown(() => exports.throwNone()) as Exception).payload, []);
  t.regex(caught.stack!, /^Exception: an exception of wasm, with \(i32, f64\)\n[^]*exception\.spec/);
  t.not(
    thrown(() => exports.throw(1, 2)),
    thrown(() => exports.throw(1, 2)),
  );
});

const payloads: [type: string, constant: string, is: unknown][] = [
  ["i32", "(i32.const -2147483648)", -(2 ** 31)],
  ["i64", "(i64.const -9223372036854775808)", -(2n ** 63n)],
  ["f32", "(f32.const 0.1)", Math.fround(0.1)],
  ["f64", "(f64.const nan)", NaN],
  ["v128", "(v128.const i64x2 1 2)", Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0)],
  ["i31ref", "(ref.i31 (i32.const -5))", -5],
  ["anyref", "(ref.null any)", null],
  ["externref", "(ref.null extern)", null],
  ["funcref", "(ref.null func)", null],
  ["exnref", "(ref.null exn)", null],
];
for (const [type, constant, is] of payloads) {
  needing("gc")(`a payload of ${type} arrives`, (t) => {
    const { exports } = start(`(module (tag $t (export "t") (param i32 ${type} i32))
      (func (export "f") (throw $t (i32.const 1) ${constant} (i32.const 3))))`);
    const { payload } = thrown(() => exports.f()) as Exception;
    collect();
    t.deepEqual(payload, [1, is, 3]);
  });
}

const references = `(module
  (type $s (struct (field (mut i32)))) (type $f (func (result i32)))
  (import "env" "f" (func $f))
  (tag $t (export "t") (param (ref null $s) externref funcref (ref $f) anyref eqref))
  (func $five (export "five") (type $f) (i32.const 5))
  (func (export "make") (result (ref $s)) (struct.new $s (i32.const 9)))
  (func (export "throw") (param (ref null $s) externref) (local (ref null $s)) (local.set 2 (struct.new $s (i32.const 6)))
    (throw $t (local.get 0) (local.get 1) (ref.func $five) (ref.func $five) (local.get 2) (local.get 2)))
  (func (export "catch") (result (ref null $s) externref funcref (ref $f) anyref eqref)
    (block $h (result (ref null $s) externref funcref (ref $f) anyref eqref) (try_table (catch $t $h) (call $f)) (unreachable)))
  ${catches("(call $f)")})`;
needing("gc")("references in a payload are the objects that they are everywhere else", (t) => {
  let value: unknown;
  const { exports, store } = start(references, {
    env: {
      f: () => {
        throw value;
      },
    },
  });
  const s = exports.make();
  const object = {};
  for (const given of [s, null]) {
    const { payload } = thrown(() => exports.throw(given, object)) as Exception;
    t.deepEqual(
      payload.slice(0, 4).map((x, i) => x === [given, object, exports.five, exports.five][i]),
      [true, true, true, true],
    );
    t.is((payload[4] as StructRef).get(0), 6);
    t.is(payload[4], payload[5]);
  }
  const list = [s, object, wrap(store, ["i32"], [], () => {}), exports.five, -5, s];
  value = new Exception(exports.t, list);
  t.true((value as Exception).payload.every((x, i) => x === list[i]));
  collect();
  t.true(exports.catch().every((x: unknown, i: number) => x === list[i]));
  t.is(exports.all(), 1);
  t.is(
    thrown(() => exports.again()),
    value,
  );
});

needing("gc")("a thousand values are carried both ways, of each kind of slot", (t) => {
  for (const [type, value, constant] of [
    ["i64", (i: number) => BigInt(-i), (i: number) => `(i64.const ${-i})`],
    ["anyref", (i: number) => i - 500, (i: number) => `(ref.i31 (i32.const ${i - 500}))`],
  ] as const) {
    const types = `${type} `.repeat(1000);
    const list = Array.from({ length: 1000 }, (_, i) => i);
    const { exports } = start(
      `(module (import "e" "f" (func $f)) (tag $t (export "t") (param ${types})) (func (export "throw") ${list.map(constant).join(" ")} (throw $t))
        (func (export "catch") (result ${types}) (block $h (result ${types}) (try_table (catch $t $h) (call $f)) (unreachable))))`,
      {
        e: {
          f: () => {
            throw new Exception(exports.t, list.map<unknown>(value));
          },
        },
      },
    );
    t.deepEqual((thrown(() => exports.throw()) as Exception).payload, list.map<unknown>(value));
    t.deepEqual(exports.catch(), list.map<unknown>(value));
  }
});

needing("gc")("an exception of a start function comes out of whatever instantiates", (t) => {
  const own = load(`(module (tag $t (param i32)) (func $s (throw $t (i32.const 9))) (start $s))`).module;
  const uses = [
    () => new Instance(new Store(engine), own),
    () => new Linker(engine).instantiate(new Store(engine), own),
    () => new Linker(engine).instantiatePre(own).instantiate(new Store(engine)),
    () => new Linker(engine).defineModule(new Store(engine), "m", own),
  ];
  for (const use of uses) t.deepEqual((thrown(use) as Exception).payload, [9], String(use));
});

needing("gc", "wasi")("run says that a command ended by an exception", (t) => {
  const caught = thrown(() =>
    runSync(load(`(module (tag $t (param i32)) (func (export "_start") (throw $t (i32.const 9))))`).module, { stdin: "ignore" }),
  ) as Exception;
  t.true(caught instanceof Exception, String(caught));
  t.deepEqual([caught.tag, caught.payload, caught.code], [undefined, [], "ERR_WASMTIME_EXCEPTION"]);
  t.regex(caught.message, /nobody caught/);
  const { exports } = fresh();
  t.false(caught.is(exports.t));
  t.throws(() => caught.getArg(exports.t, 0), typeError);
});

needing("gc")("an Exception outlives what threw it, and says what it carries after dispose", (t) => {
  const { exports, store } = fresh();
  const caught = thrown(() => exports.throw(1, 2)) as Exception;
  const { tag } = caught;
  store.dispose();
  t.deepEqual([caught.payload, caught.tag === tag, caught.code], [[1, 2], true, "ERR_WASMTIME_EXCEPTION"]);
  t.throws(() => new Exception(tag!, [1, 2]), { instanceOf: ClosedError });
  t.throws(() => tag!.type, { instanceOf: ClosedError });
});

// ---- making them

needing("gc")("new Exception converts its values, and carries what a guest would get", (t) => {
  const store = new Store(engine);
  const tag = new Tag(store, { parameters: ["i32", "i64", "f32", "f64", "v128", "externref", "anyref"] });
  const bytes = new Uint8Array(16).fill(1);
  const { payload } = new Exception(tag, [2 ** 32 + 1.5, 2n ** 64n + 1n, 0.1, "2", bytes, undefined, "x"]);
  bytes.fill(2);
  t.deepEqual(payload, [1, 1n, Math.fround(0.1), 2, new Uint8Array(16).fill(1), undefined, "x"]);
  class Failure extends Exception {
    get reason() {
      return this.payload[0];
    }
  }
  const { exports, what } = fresh();
  what.value = Object.freeze(
    new Failure(
      exports.t,
      (function* () {
        yield 1;
        yield 2;
      })(),
    ),
  );
  t.is(thrown(exports.again), what.value);
  t.is((what.value as Failure).reason, 1);
  t.deepEqual(exports.payload(), [1, 2]);
});

needing("gc")("misuse of Exception and Tag is refused, with a class and a code", (t) => {
  const { exports, store } = fresh();
  const { t: tag } = exports;
  const exception = new Exception(tag, [1, 2]);
  const X = Exception as any;
  const wrong: (() => unknown)[] = [
    ...[undefined, null, {}, 5, "t", store, tag.type, exception, new Proxy(tag, {})].flatMap((no) => [
      () => new X(no, []),
      () => exception.is(no),
      () => exception.getArg(no, 0),
    ]),
    () => new X(),
    () => new X(tag),
    ...[null, 5, {}, { length: 2, 0: 1, 1: 2 }].map((values) => () => new X(tag, values)),
    ...[[], [1], [1, 2, 3], ""].map((values) => () => new X(tag, values)),
    () => new X(new Tag(store, { parameters: ["funcref"] }), [() => 1]),
    () => new X(new Tag(store, { parameters: ["(ref any)"] }), [null]),
    () => new X(new Tag(store, { parameters: ["exnref"] }), [error]),
    () => new X(new Tag(store, { parameters: ["v128"] }), [1]),
    () => exception.getArg(exports.other, 0),
    () => new (Tag as any)(),
    () => new (Tag as any)(store),
    () => new (Tag as any)(engine, { parameters: [] }),
    () => (Tag as any)(store, { parameters: [] }),
    ...[{}, [], { parameters: "i32" }, { parameters: ["i8"] }, { parameters: [null] }, null, 5].map(
      (type) => () => new Tag(store, type as any),
    ),
    () => new Tag(store, { parameters: [RefType.struct(new Engine(), [])] }),
  ];
  for (const use of wrong) t.throws(use, typeError, String(use));
  t.throws(() => X(tag, [1, 2]), { instanceOf: TypeError });
  for (const values of [
    [1n, 1],
    [1, Symbol("s")],
    [Object.create(null), 1],
  ])
    t.throws(() => new X(tag, values), { instanceOf: TypeError });
  for (const index of [2, -1, 0.5, NaN])
    t.throws(() => exception.getArg(tag, index as number), rangeError, String(index));
  for (const index of ["0", undefined] as any[]) t.throws(() => exception.getArg(tag, index), typeError, String(index));
  t.throws(() => new Tag(store, { parameters: new Array(1001).fill("i32") }), rangeError);
  const fail = () => {
    throw error;
  };
  t.is(
    thrown(() => new Exception(tag, [1, { valueOf: fail }])),
    error,
  );
  t.is(
    thrown(() => new Exception(tag, { [Symbol.iterator]: fail })),
    error,
  );
  store.dispose();
  t.throws(() => new Exception(tag, [1, 2]), { instanceOf: ClosedError });
  t.throws(() => new Tag(store, { parameters: [] }), { instanceOf: ClosedError });
});

needing("gc")("a conversion that disposes the store ends the making of an Exception or its way in", (t) => {
  const { exports, store } = fresh();
  const { t: tag } = exports;
  const late = (victim: Store) => ({ valueOf: () => (victim.dispose(), 1) });
  let made: unknown;
  try {
    made = new Exception(tag, [1, late(store)]);
  } catch (caught) {
    t.true(caught instanceof ClosedError);
  }
  if (made) t.throws(() => exports.id(made), { instanceOf: ClosedError });
});
