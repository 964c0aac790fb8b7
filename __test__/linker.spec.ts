// Linker and InstancePre: imports by name, for many modules and stores.

import test from "ava";
import { Global, Instance, LinkError, Linker, Memory, Store, StoreBusyError, Table, Trap } from "../index.js";
import { collect, load, rangeError, start, thrown, typeError, wrap } from "./helper.js";

const unary = { parameters: ["i32"], results: ["i32"] };
const wat = `(module (import "env" "f" (func $f (param i32) (result i32))) (memory (export "m") 1)
  (func (export "call") (param i32) (result i32) (call $f (local.get 0))))`;
const isLinkError = { instanceOf: LinkError, code: "ERR_WASMTIME_LINK" };
const double = (x: number) => x * 2;

function made() {
  const { engine, module } = load(wat);
  return { engine, module, store: new Store(engine), linker: new Linker(engine) };
}

test("a function that is defined once serves instances in many stores", (t) => {
  const { engine, module, linker } = made();
  t.is(linker.defineFunc("env", "f", unary, double), linker);
  for (let i = 0; i < 3; i++) {
    const instance = linker.instantiate<{ call(x: number): number }>(new Store(engine), module);
    t.true(instance instanceof Instance);
    t.is(instance.exports.call(i), 2 * i);
  }
});

test("what a host function of a linker throws comes out as itself", (t) => {
  const { store, module, linker } = made();
  for (const exception of [new Error("x"), 42n, undefined]) {
    linker.allowShadowing = true;
    linker.defineFunc("env", "f", unary, () => {
      throw exception;
    });
    t.is(
      thrown(() => linker.instantiate(store, module).exports.call(1)),
      exception,
    );
  }
});

test("an import without a definition is a LinkError that names it", (t) => {
  const { store, module, linker } = made();
  linker.defineFunc("env", "g", unary, double).defineFunc("other", "f", unary, double);
  for (const use of [() => linker.instantiate(store, module), () => linker.instantiatePre(module)]) {
    const error = t.throws(use, isLinkError) as LinkError;
    t.deepEqual([error.module, error.name, error.expected, error.found], ["env", "f", "function", "undefined"]);
    t.true(error.message.includes("'env'.'f'"));
  }
});

const others: [what: string, define: (linker: Linker, store: Store) => unknown][] = [
  ["a function of another type", (linker) => linker.defineFunc("env", "f", { parameters: [], results: [] }, () => {})],
  ["a memory", (linker, store) => linker.define("env", "f", new Memory(store, { initial: 1 }))],
  ["a global", (linker, store) => linker.define("env", "f", new Global(store, { type: "i32" }))],
];
for (const [what, define] of others) {
  test(`${what} where a function is imported is a LinkError with both types`, (t) => {
    const { store, module, linker } = made();
    define(linker, store);
    for (const use of [() => linker.instantiate(store, module), () => linker.instantiatePre(module)]) {
      const error = t.throws(use, isLinkError) as LinkError;
      t.deepEqual([error.module, error.name], ["env", "f"]);
      t.truthy(error.expected);
      t.truthy(error.found);
    }
  });
}

test("a name is defined once, unless shadowing is allowed: then the last counts", (t) => {
  const { store, module, linker } = made();
  t.is(linker.allowShadowing, false);
  linker.defineFunc("env", "f", unary, double);
  const error = t.throws(() => linker.defineFunc("env", "f", unary, double), isLinkError) as LinkError;
  t.deepEqual([error.module, error.name], ["env", "f"]);
  linker.allowShadowing = true;
  t.is(linker.allowShadowing, true);
  linker.defineFunc("env", "f", unary, (x) => x + 1);
  t.is(linker.instantiate(store, module).exports.call(1), 2);
  for (const wrong of [1, "true", undefined] as any[]) t.throws(() => void (linker.allowShadowing = wrong), typeError);
});

test("define takes functions, memories, tables and globals, and binds the linker to their store", (t) => {
  const { engine } = made();
  const { module } = load(`(module (import "env" "f" (func $f (param i32) (result i32))) (import "env" "m" (memory 1))
    (import "env" "t" (table 1 funcref)) (import "env" "g" (global $g (mut i32)))
    (export "m" (memory 0)) (func (export "call") (result i32) (call $f (global.get $g))))`);
  const store = new Store(engine);
  const values = {
    f: wrap(store, ["i32"], ["i32"], double),
    m: new Memory(store, { initial: 1 }),
    t: new Table(store, { element: "funcref", initial: 1 }),
    g: new Global(store, { type: "i32", mutable: true }, 21),
  };
  for (const [name, value] of Object.entries(values)) {
    const linker = new Linker(engine);
    t.is(linker.define("env", name, value), linker);
    const found = linker.get(store, "env", name);
    if (name === "f") t.is(found, value);
    else t.is(found!.constructor, value.constructor);
    const other = new Store(engine);
    for (const use of [() => linker.get(other, "env", name), () => linker.instantiate(other, load("(module)").module)]) {
      t.throws(use, { ...typeError, message: /another store/ }, name);
    }
    t.throws(() => linker.define("env", "x", new Memory(other, { initial: 1 })), { ...typeError, message: /another store/ });
  }
  const linker = new Linker(engine);
  for (const [name, value] of Object.entries(values)) linker.define("env", name, value);
  const { exports } = linker.instantiate(store, module);
  t.is(exports.call(), 42);
  t.is(exports.m.buffer, values.m.buffer);
  t.is(linker.instantiatePre(module).instantiate(store).exports.call(), 42);
  t.throws(() => linker.instantiatePre(module).instantiate(new Store(engine)), { ...typeError, message: /another store/ });
});

test("define refuses what is nothing of wasm", (t) => {
  const { linker, store, module } = made();
  t.throws(() => linker.define("env", "f", double as any), { ...typeError, message: /defineFunc/ });
  for (const wrong of [undefined, null, 5, "f", {}, store, module] as any[]) t.throws(() => linker.define("env", "f", wrong), typeError);
});

test("a memory that has grown since it was defined is imported with its size of now", (t) => {
  const { engine } = made();
  const store = new Store(engine);
  const memory = new Memory(store, { initial: 1 });
  const linker = new Linker(engine).define("env", "m", memory);
  const { module } = load(`(module (import "env" "m" (memory 3)) (func (export "size") (result i32) (memory.size)))`);
  t.throws(() => linker.instantiate(store, module), isLinkError);
  memory.grow(2);
  t.is(linker.instantiate(store, module).exports.size(), 3);
});

test("defineInstance defines all that an instance exports", (t) => {
  const { engine, store, exports, instance } = start(
    `(module (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 5))) (memory (export "m") 1))`,
  );
  const linker = new Linker(engine);
  t.is(linker.defineInstance(store, "env", instance), linker);
  t.is(linker.get(store, "env", "f"), exports.f);
  t.is(linker.instantiate(store, load(wat).module).exports.call(1), 6);
  t.throws(() => linker.defineInstance(store, "env", instance), isLinkError);
  t.throws(() => new Linker(engine).defineInstance(new Store(engine), "env", instance), { ...typeError, message: /another store/ });
});

test("defineModule instantiates a module, with what is defined before as its imports", (t) => {
  const { store, module, linker, engine } = made();
  const lib = load(
    `(module (import "host" "add" (func $add (param i32) (result i32))) (func (export "f") (param i32) (result i32) (call $add (call $add (local.get 0)))))`,
  ).module;
  t.throws(() => linker.defineModule(store, "env", lib), isLinkError);
  linker.defineFunc("host", "add", unary, (x) => x + 1);
  t.is(linker.defineModule(store, "env", lib), linker);
  t.is(linker.instantiate(store, module).exports.call(1), 3);
  t.throws(() => linker.instantiate(new Store(engine), module), { ...typeError, message: /another store/ });
});

test("while defineModule starts a module its host functions may not define more: that is refused, not lost", (t) => {
  const { store, linker } = made();
  const lib = load(`(module (import "env" "f" (func $f)) (start $f) (func (export "g") (result i32) (i32.const 9)))`).module;
  const none = { parameters: [], results: [] };
  let calls = 0;
  linker.defineFunc("env", "f", none, () => {
    calls++;
    for (const define of [
      () => linker.defineFunc("late", "h", none, () => {}),
      () => linker.alias("env", "f", "late", "h"),
      () => linker.defineModule(store, "late", lib),
    ]) {
      t.throws(define, { instanceOf: StoreBusyError, code: "ERR_WASMTIME_STORE_BUSY" });
    }
  });
  linker.defineModule(store, "lib", lib);
  t.is(calls, 1);
  t.is((linker.get(store, "lib", "g") as Function)(), 9);
  t.is(linker.get(store, "late", "h"), undefined);
  t.notThrows(() => linker.defineFunc("late", "h", none, () => {}));
});

test("while a linker instantiates a module its host functions may define more, for the next", (t) => {
  const { engine, linker } = made();
  const { module } = load(`(module (import "env" "f" (func $f)) (start $f))`);
  let calls = 0;
  const none = { parameters: [], results: [] };
  linker.defineFunc("env", "f", none, () => void linker.defineFunc("late", String(calls++), none, () => {}));
  linker.instantiate(new Store(engine), module);
  linker.instantiatePre(module).instantiate(new Store(engine));
  const store = new Store(engine);
  t.deepEqual(
    ["0", "1", "2"].map((name) => typeof linker.get(store, "late", name)),
    ["function", "function", "undefined"],
  );
});

test("alias gives a definition a second name", (t) => {
  const { store, module, linker } = made();
  linker.defineFunc("lib", "double", unary, double);
  t.is(linker.alias("lib", "double", "env", "f"), linker);
  t.is(linker.instantiate(store, module).exports.call(3), 6);
  t.throws(() => linker.alias("lib", "nothing", "env", "x"), isLinkError);
  t.throws(() => linker.alias("lib", "double", "env", "f"), isLinkError);
});

test("defineUnknownImportsAsTraps leaves what is defined, and the rest traps when it is called", (t) => {
  const { linker, store } = made();
  const { module } = load(`(module (import "env" "f" (func $f (result i32))) (import "env" "missing" (func $missing))
    (func (export "f") (result i32) (call $f)) (func (export "missing") (call $missing)))`);
  linker.defineFunc("env", "f", { parameters: [], results: ["i32"] }, () => 5);
  t.is(linker.defineUnknownImportsAsTraps(module), linker);
  const { exports } = linker.instantiate(store, module);
  t.is(exports.f(), 5);
  const error = thrown(() => exports.missing()) as Trap;
  t.regex(error.message, /env.*missing/);
  t.regex((error as any).code, /^ERR_WASMTIME_/);
  t.is(exports.f(), 5);
});

test("get finds functions as the same JavaScript function, and undefined where nothing is", (t) => {
  const { engine, store, linker } = made();
  linker.defineFunc("env", "f", unary, double);
  const f = linker.get(store, "env", "f") as (x: number) => number;
  t.is(f(4), 8);
  t.is(linker.get(store, "env", "f"), f);
  t.not(linker.get(new Store(engine), "env", "f"), f);
  t.is(linker.get(store, "env", "g"), undefined);
  t.is(linker.get(store, "no", "f"), undefined);
});

test("objects of another engine are a TypeError", (t) => {
  const { linker, module, store } = made();
  const other = load(wat, { profile: "metered" });
  const foreign = new Store(other.engine);
  const uses = [
    () => linker.instantiate(foreign, module),
    () => linker.instantiate(store, other.module),
    () => linker.instantiatePre(other.module),
    () => linker.defineModule(store, "x", other.module),
    () => linker.defineModule(foreign, "x", module),
    () => linker.defineUnknownImportsAsTraps(other.module),
    () => linker.get(foreign, "env", "f"),
    () => linker.define("env", "f", new Memory(foreign, { initial: 1 })),
    () => linker.defineFunc("env", "f", unary, double).instantiatePre(module).instantiate(foreign),
  ];
  for (const use of uses) t.throws(use, { ...typeError, message: /another (engine|store)/ }, String(use));
});

test("wrong arguments are a TypeError", (t) => {
  const { linker, store, module } = made();
  const l = linker as any;
  for (const wrong of [undefined, null, {}, module]) t.throws(() => new Linker(wrong as any), typeError);
  for (const wrong of [undefined, null, 5, {}, Symbol("s")]) {
    for (const use of [
      () => l.defineFunc(wrong, "f", unary, double),
      () => l.defineFunc("env", wrong, unary, double),
      () => l.define(wrong, "f", new Memory(store, { initial: 1 })),
      () => l.alias("a", "b", "c", wrong),
      () => l.get(store, wrong, "f"),
      () => l.get(wrong, "env", "f"),
      () => l.defineInstance(store, wrong, new Instance(store, load("(module)").module)),
      () => l.defineInstance(store, "x", wrong),
      () => l.defineModule(store, "x", wrong),
      () => l.instantiate(store, wrong),
      () => l.instantiatePre(wrong),
      () => l.defineUnknownImportsAsTraps(wrong),
      () => l.defineFunc("env", "f", unary, wrong),
      () => l.defineFunc("env", "f", { parameters: wrong, results: [] }, double),
    ]) {
      t.throws(use, typeError, `${String(use)} ${String(wrong)}`);
    }
  }
  t.throws(() => linker.defineFunc("env", "f", { parameters: Array(1001).fill("i32"), results: [] }, double), rangeError);
});

test("a disposed store is refused", (t) => {
  const { linker, store, module } = made();
  const pre = linker.defineFunc("env", "f", unary, double).instantiatePre(module);
  store.dispose();
  for (const use of [() => linker.instantiate(store, module), () => pre.instantiate(store), () => linker.get(store, "env", "f")]) {
    t.is((thrown(use) as any).code, "ERR_WASMTIME_CLOSED");
  }
});

test("host functions of two linkers live in one store", (t) => {
  const { engine, module, store } = made();
  const calls = [1, 2, 3].map(
    (n) => new Linker(engine).defineFunc("env", "f", unary, (x) => x + n).instantiate(store, module).exports.call,
  );
  collect();
  t.deepEqual(
    calls.map((call) => call(10)),
    [11, 12, 13],
  );
});

test("a definition that fails half-way binds the linker all the same", (t) => {
  const { engine, store, instance } = start(`(module (func (export "x")) (func (export "y")))`);
  const linker = new Linker(engine).defineFunc("m", "y", { parameters: [], results: [] }, () => {});
  t.throws(() => linker.defineInstance(store, "m", instance), { instanceOf: LinkError });
  const other = new Store(engine);
  t.throws(() => linker.get(other, "m", "x"), typeError);
  const { exports } = new Instance(other, load(`(module (func (export "fine") (result i32) (i32.const 1)))`, { engine }).module);
  t.is(exports.fine(), 1);
});
