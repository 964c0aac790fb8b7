// Instantiation: exports, imports, start functions.

import test from "ava";
import { Global, Instance, LinkError, Memory, Store, Table, Trap } from "../index.js";
import { collect, engineOf, load, needing, start, thrown, typeError, wrap } from "./helper.js";

test("exports are functions, memories, tables and globals by name, in order", (t) => {
  const { exports } = start(`(module (func (export "f")) (memory (export "m") 1) (table (export "t") 1 funcref)
    (global (export "g") i32 (i32.const 1)))`);
  t.deepEqual(Object.keys(exports), ["f", "m", "t", "g"]);
  t.is(typeof exports.f, "function");
  t.true(exports.m instanceof Memory && exports.t instanceof Table && exports.g instanceof Global);
});

test("exports is frozen, without prototype, and the same each time", (t) => {
  const { instance } = start(`(module (func (export "f")))`);
  const { exports } = instance;
  t.true(Object.isFrozen(exports));
  t.is(Object.getPrototypeOf(exports), null);
  collect();
  t.is(instance.exports, exports);
  t.is(instance.exports.f, exports.f);
  t.throws(() => void (instance.exports.f = 1), { instanceOf: TypeError });
});

test("any name can be exported and imported", (t) => {
  const names = ["", "__proto__", "constructor", "0", "then", "höhe ☃", "a b"];
  const { exports } = start(
    `(module ${names.map((name) => `(import "${name}" "${name}" (func (result i32)))`).join("\n")}
      ${names.map((name, i) => `(export "${name}" (func ${i}))`).join("\n")})`,
    Object.fromEntries(names.map((name, i) => [name, Object.fromEntries([[name, () => i]])])),
  );
  for (const [i, name] of names.entries()) t.is(exports[name](), i, name);
  t.deepEqual(Object.keys(exports).sort(), [...names].sort());
});

const needsAll = `(module (import "env" "f" (func (param i32) (result i32))) (import "env" "m" (memory 1 2))
  (import "env" "t" (table 1 funcref)) (import "env" "g" (global (mut i32))) (import "env" "c" (global i64)))`;
function all(store: Store): Record<string, unknown> {
  return {
    f: (x: number) => x,
    m: new Memory(store, { initial: 1, maximum: 2 }),
    t: new Table(store, { element: "funcref", initial: 1 }),
    g: new Global(store, { type: "i32", mutable: true }, 1),
    c: new Global(store, { type: "i64" }, 1n),
  };
}

test("imports of every kind are taken", (t) => {
  const { engine, module } = load(needsAll);
  const store = new Store(engine);
  t.notThrows(() => new Instance(store, module, { env: all(store) }));
  t.notThrows(() => new Instance(store, module, { env: new Proxy(all(store), {}) }), "through a proxy");
  t.notThrows(() => new Instance(store, module, { env: Object.assign(() => {}, all(store)) }), "in a function");
});

const kinds = { f: "function", m: "memory", t: "table", g: "global" };
for (const [name, kind] of Object.entries(kinds)) {
  test(`a missing ${kind} is a LinkError that names it`, (t) => {
    const { engine, module } = load(needsAll);
    const store = new Store(engine);
    const { [name]: _, ...rest } = all(store);
    const error = thrown(() => new Instance(store, module, { env: rest })) as LinkError;
    t.true(error instanceof LinkError);
    t.is(error.code, "ERR_WASMTIME_LINK");
    t.deepEqual([error.module, error.name, error.expected, error.found], ["env", name, kind, "undefined"]);
    t.true(error.message.includes(`'env'.'${name}'`));
  });

  test(`what is no ${kind} where one is imported is a LinkError that says both`, (t) => {
    const { engine, module } = load(needsAll);
    const store = new Store(engine);
    const right = all(store);
    const others = Object.entries(kinds).filter(([other]) => other !== name);
    const wrong: [value: unknown, described: string][] = [
      ...others.map(([other, described]) => [right[other], described] as [unknown, string]),
      [5, "number"],
      [null, "null"],
      ["f", "string"],
      [{}, "object"],
    ];
    for (const [value, described] of wrong) {
      const error = thrown(() => new Instance(store, module, { env: { ...right, [name]: value } })) as LinkError;
      t.true(error instanceof LinkError, described);
      t.deepEqual([error.module, error.name, error.expected, error.found], ["env", name, kind, described]);
    }
  });
}

test("a whole module of imports that is missing is a LinkError of the first of them", (t) => {
  const { engine, module } = load(needsAll);
  for (const imports of [undefined, {}, { env: undefined }, { env: null }, { env: 5 }, { env: "text" }] as any[]) {
    const error = thrown(() => new Instance(new Store(engine), module, imports)) as LinkError;
    t.true(error instanceof LinkError, JSON.stringify(imports));
    t.deepEqual([error.module, error.name], ["env", "f"]);
  }
});

const mistyped: [name: string, make: (store: Store) => unknown, expected: RegExp, found: RegExp][] = [
  ["f", (store) => wrap(store, ["i64"], ["i32"], () => 0), /param i32/, /param i64/],
  ["m", (store) => new Memory(store, { initial: 0, maximum: 2 }), /./, /./],
  ["m", (store) => new Memory(store, { initial: 1, maximum: 3 }), /./, /./],
  ["m", (store) => new Memory(store, { initial: 1 }), /./, /./],
  ["t", (store) => new Table(store, { element: "externref", initial: 1 }), /func/, /extern/],
  ["t", (store) => new Table(store, { element: "funcref", initial: 0 }), /./, /./],
  ["g", (store) => new Global(store, { type: "i32" }), /./, /./],
  ["g", (store) => new Global(store, { type: "i64", mutable: true }), /i32/, /i64/],
  ["c", (store) => new Global(store, { type: "i64", mutable: true }), /./, /./],
];
for (const [i, [name, make, expected, found]] of mistyped.entries()) {
  needing(...(String(found) === "/extern/" ? ["gc" as const] : []))(`an import '${name}' of another type is a LinkError with both types (${i})`, (t) => {
    const { engine, module } = load(needsAll);
    const store = new Store(engine);
    const error = thrown(() => new Instance(store, module, { env: { ...all(store), [name]: make(store) } })) as LinkError;
    t.true(error instanceof LinkError, String(error));
    t.is(error.code, "ERR_WASMTIME_LINK");
    t.deepEqual([error.module, error.name], ["env", name]);
    t.regex(String(error.expected), expected);
    t.regex(String(error.found), found);
    t.notDeepEqual([error.expected, error.found], [undefined, undefined]);
  });
}

test("imports of another store are a TypeError that names them", (t) => {
  const { engine, module } = load(needsAll);
  const store = new Store(engine);
  const other = new Store(engine);
  for (const [name, foreign] of Object.entries({ ...all(other), f: wrap(other, ["i32"], ["i32"], (x) => x) })) {
    const imports = { env: { ...all(store), [name]: foreign } };
    t.throws(() => new Instance(store, module, imports), { ...typeError, message: new RegExp(`imports\\.env\\.${name}.*another store`) });
  }
});

test("imports that are no object are a TypeError, also where none is needed", (t) => {
  for (const { engine, module } of [load(needsAll), load("(module)")]) {
    for (const imports of [null, 5, "env", true] as any[]) {
      t.throws(() => new Instance(new Store(engine), module, imports), typeError, String(imports));
    }
  }
});

test("arguments of other classes are a TypeError", (t) => {
  const { engine, module } = load("(module)");
  const store = new Store(engine);
  for (const wrong of [undefined, null, {}, 5, engine, module, Object.create(store)] as any[])
    t.throws(() => new Instance(wrong, module), typeError);
  for (const wrong of [undefined, null, {}, 5, engine, store, new Uint8Array(8)] as any[])
    t.throws(() => new Instance(store, wrong), typeError);
});

test("a module of another engine is a TypeError", (t) => {
  const { module } = load("(module)");
  const { engine } = load("(module)", { profile: "metered" });
  t.throws(() => new Instance(new Store(engine), module), { ...typeError, message: /another engine/ });
});

test("getters of imports run in order, once for each, and what they throw comes out", (t) => {
  const { engine, module } = load(`(module (import "a" "x" (func)) (import "a" "y" (func)) (import "b" "z" (func)))`);
  const order: string[] = [];
  const noting = (names: Record<string, () => unknown>) =>
    Object.defineProperties(
      {},
      Object.fromEntries(Object.entries(names).map(([name, get]) => [name, { get: () => (order.push(name), get()) }])),
    );
  new Instance(new Store(engine), module, { a: noting({ y: () => () => {}, x: () => () => {} }), b: noting({ z: () => () => {} }) });
  t.deepEqual(order, ["x", "y", "z"]);
  const error = new Error("getter");
  const failing = {
    a: noting({
      x: () => () => {},
      y: () => {
        throw error;
      },
    }),
    b: {},
  };
  t.is(
    thrown(() => new Instance(new Store(engine), module, failing)),
    error,
  );
});

test("a getter of imports may use the store, and dispose it: then nothing is instantiated", (t) => {
  const { engine, module } = load(`(module (import "a" "x" (func)) (import "a" "y" (func)))`);
  const store = new Store(engine);
  const empty = load("(module)").module;
  new Instance(store, module, {
    a: {
      get x() {
        return (new Instance(store, empty), () => {});
      },
      y() {},
    },
  });
  const error = thrown(
    () =>
      new Instance(store, module, {
        a: {
          get x() {
            return (store.dispose(), () => {});
          },
          y() {},
        },
      }),
  );
  t.is((error as any).code, "ERR_WASMTIME_CLOSED");
});

test("the start function runs once, and its host functions may use the store", (t) => {
  let runs = 0;
  const { engine, module } = load(`(module (import "env" "f" (func $f)) (memory (export "m") 1) (start $f))`);
  const store = new Store(engine);
  const empty = load(`(module (func (export "one") (result i32) (i32.const 1)))`).module;
  const { exports } = new Instance(store, module, { env: { f: () => (runs += new Instance(store, empty).exports.one()) } });
  t.is(runs, 1);
  t.is(exports.m.pages, 1);
});

test("what a host function throws in a start function comes out as itself, also through nested instantiations", (t) => {
  const { engine, module } = load(`(module (import "env" "f" (func $f)) (start $f))`);
  for (const exception of [new Error("start"), 42, undefined, Symbol("s")]) {
    const store = new Store(engine);
    let depth = 3;
    const f = (): void => {
      if (depth-- === 0) throw exception;
      new Instance(store, module, { env: { f } });
    };
    t.is(
      thrown(() => new Instance(store, module, { env: { f } })),
      exception,
    );
    t.is(depth, -1);
  }
});

test("a trap in a start function, or of a segment out of bounds, is a Trap, and the store works on", (t) => {
  const engine = engineOf();
  const store = new Store(engine);
  const traps: [wat: string, code: string][] = [
    [`(module (func $f unreachable) (start $f))`, "unreachableCodeReached"],
    [`(module (memory 1) (data (i32.const 65536) "x"))`, "memoryOutOfBounds"],
    [`(module (table 1 funcref) (elem (i32.const 1) $f) (func $f))`, "tableOutOfBounds"],
  ];
  for (const [wat, code] of traps) {
    const error = thrown(() => new Instance(store, load(wat).module)) as Trap;
    t.true(error instanceof Trap, String(error));
    t.is(error.trapCode, code);
  }
  t.notThrows(() => new Instance(store, load("(module)").module));
});

test("functions, tables and memories of one instance are imports of another of the same store", (t) => {
  const lib = start(`(module (memory (export "m") 1) (table (export "t") 1 funcref) (global (export "g") (mut i32) (i32.const 5))
    (func (export "f") (result i32) (global.get 0)))`);
  const { module } = load(`(module (import "lib" "f" (func $f (result i32))) (import "lib" "m" (memory 1))
    (import "lib" "t" (table 1 funcref)) (import "lib" "g" (global $g (mut i32)))
    (elem (i32.const 0) $mine) (func $mine (export "mine") (result i32) (global.set $g (i32.const 8)) (call $f))
    (export "f" (func $f)) (export "m" (memory 0)) (export "t" (table 0)))`);
  const { exports } = new Instance(lib.store, module, { lib: lib.exports });
  t.is(exports.mine(), 8);
  t.is(lib.exports.g.value, 8);
  t.is(lib.exports.t.get(0), exports.mine);
  t.is(exports.f, lib.exports.f, "a function that is exported again is the same one");
  t.is(exports.m.buffer, lib.exports.m.buffer);
});

test("an instance outlives its store's and module's own objects", async (t) => {
  const make = () =>
    start(`(module (import "env" "f" (func $f (result i32))) (func (export "call") (result i32) (call $f)))`, { env: { f: () => 5 } })
      .exports.call;
  const call = make();
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise(setImmediate);
  }
  t.is(call(), 5);
});

test("the exports of a frozen instance are the same object each time", (t) => {
  const { instance } = start(`(module (func (export "f") (result i32) (i32.const 7)))`);
  Object.freeze(instance);
  t.is(instance.exports, instance.exports);
  t.is(instance.exports.f(), 7);
});
