// The classes of errors, and the rules that the source follows so that nothing else comes out.

import test from "ava";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import * as errors from "../lib/errors.js";
import { featureTable } from "../lib/features.js";
import * as api from "../index.js";
import { addon, artifact, folder, load, nodeJson, root, start, thrown, typeError } from "./helper.js";

const { Engine, Func, Global, Instance, InstancePre, Linker, Memory, Module, Store, Table, Trap, WasmtimeError } = api;
const classes = { Engine, Func, Global, Instance, InstancePre, Linker, Memory, Module, Store, Table } as Record<string, any>;
const codes: Record<string, string> = {
  CompileError: "ERR_WASMTIME_COMPILE",
  LinkError: "ERR_WASMTIME_LINK",
  IncompatibleModuleError: "ERR_WASMTIME_INCOMPATIBLE_MODULE",
  Trap: "ERR_WASMTIME_TRAP",
  DeadlineError: "ERR_WASMTIME_DEADLINE",
  OutOfFuelError: "ERR_WASMTIME_OUT_OF_FUEL",
  MemoryLimitError: "ERR_WASMTIME_MEMORY_LIMIT",
  WasiExit: "ERR_WASMTIME_WASI_EXIT",
  SignatureError: "ERR_WASMTIME_SIGNATURE",
  StoreBusyError: "ERR_WASMTIME_STORE_BUSY",
  ClosedError: "ERR_WASMTIME_CLOSED",
  FeatureUnavailableError: "ERR_WASMTIME_FEATURE_UNAVAILABLE",
  NativeNotFoundError: "ERR_WASMTIME_NATIVE_NOT_FOUND",
  InternalError: "ERR_WASMTIME_INTERNAL",
};

for (const [name, code] of Object.entries(codes)) {
  test(`${name} is a WasmtimeError with a code and its own name`, (t) => {
    const ErrorClass = (api as any)[name] as typeof WasmtimeError;
    const error = new ErrorClass("text", { cause: 5 });
    t.true(error instanceof WasmtimeError && error instanceof Error);
    t.is(error.code, code);
    t.is(error.cause, 5);
    t.is(error.name, name);
    t.is(error.toString(), `${name}: text`);
    t.true(error.stack!.startsWith(`${name}: text\n`), error.stack);
    t.is(error instanceof Trap, ["Trap", "DeadlineError", "OutOfFuelError", "MemoryLimitError"].includes(name));
  });
}

test("every class of error is exported, and the table above has all", (t) => {
  const names = Object.entries(errors).flatMap(([name, value]) => (value.prototype instanceof Error ? [name] : []));
  t.deepEqual(names.sort(), [...Object.keys(codes), "WasmtimeError"].sort());
  for (const name of names) t.is((api as any)[name], (errors as any)[name]);
});

test("an error of the native side has the stack of the caller, and its message first", (t) => {
  const { exports } = start('(module (func (export "f") unreachable))');
  function whereItIsCalled() {
    exports.f();
  }
  const error = thrown(whereItIsCalled) as Error;
  t.regex(error.stack!, /^Trap: /);
  t.regex(error.stack!, /whereItIsCalled/);
});

test("the stack of a LinkError begins with its class, though its name is the import's", (t) => {
  const error = thrown(() => start(`(module (import "env" "x" (func)))`)) as api.LinkError;
  t.is(error.name, "x");
  t.regex(String(error), /^LinkError: /);
  t.regex(error.stack!, /^LinkError: /);
  t.regex(inspect(error), /^\[?LinkError: /);
});

const objects = () => {
  const { engine, module } = load("(module)", { engine: new Engine() });
  const store = new Store(engine);
  const linker = new Linker(engine);
  return {
    Engine: engine,
    Module: module,
    Store: store,
    Linker: linker,
    Instance: new Instance(store, module),
    InstancePre: linker.instantiatePre(module),
    Memory: new Memory(store, { initial: 1 }),
    Table: new Table(store, { element: "funcref", initial: 1 }),
    Global: new Global(store, { type: "i32" }),
  } as Record<string, any>;
};

test("a member of a class used on anything else is a TypeError", async (t) => {
  const all = objects();
  const absent = Object.entries(featureTable).flatMap(([feature, { names }]) =>
    api.features.has(feature as api.Feature) ? [] : (names as string[]),
  );
  for (const [name, owner] of Object.entries(classes)) {
    const strangers = [undefined, null, {}, 5, Object.create(owner.prototype), new Proxy(all[name] ?? {}, {})];
    for (const [other, object] of Object.entries(all)) if (other !== name) strangers.push(object);
    for (const [key, { get, set, value }] of Object.entries(Object.getOwnPropertyDescriptors(owner.prototype) as PropertyDescriptorMap)) {
      if (key === "constructor" || key === "toString") continue;
      const instanceOf = absent.includes(`${name}#${key}`) ? api.FeatureUnavailableError : TypeError;
      for (const use of [get, set, value].filter((each) => typeof each === "function")) {
        for (const stranger of strangers) {
          await t.throwsAsync(
            async () => use.call(stranger, 1, 2, 3),
            { instanceOf: instanceOf as typeof TypeError },
            `${name}#${key} on ${Object.prototype.toString.call(stranger)}`,
          );
        }
      }
    }
  }
});

test("a class called without new is a TypeError, and so is making what only we make", (t) => {
  const all = objects();
  for (const [name, owner] of Object.entries(classes)) {
    const args = name === "Instance" ? [all["Store"], all["Module"]] : [name === "Linker" || name === "Store" ? all["Engine"] : undefined];
    const object = {};
    t.throws(() => Reflect.apply(owner, object, args), { instanceOf: TypeError }, `${name}()`);
    t.throws(() => Reflect.apply(owner, all["Engine"], args), { instanceOf: TypeError }, `${name}() on an object of ours`);
  }
  for (const name of ["Module", "Func", "InstancePre"]) t.throws(() => new classes[name](), { instanceOf: TypeError }, `new ${name}()`);
});

test("an object whose prototype was changed is what it was made as", (t) => {
  const { Module: module, Engine: engine } = objects();
  t.throws(() => new Store(Object.setPrototypeOf(module, Engine.prototype)), typeError);
  t.notThrows(() => new Store(Object.setPrototypeOf(engine, Module.prototype)));
});

test("objects of another build of the addon in the same process are a TypeError, not a crash", (t) => {
  // A second copy of the facade, for the other addon; one for a second copy of the same addon is the same library.
  const copy = folder(t);
  const script = `
    import { cpSync, writeFileSync } from "node:fs";
    import * as ours from "@cwasm/wasmtime";
    cpSync("dist", $(copy) + "/dist", { recursive: true });
    writeFileSync($(copy) + "/package.json", '{ "name": "other", "type": "module" }');
    process.env.CWASM_NATIVE_PATH = $(other);
    const theirs = await import($(copy) + "/dist/index.js");
    const make = ({ Engine, Module, Store, Linker, Instance, Memory, Table, Global, Func }, file) => {
      const engine = new Engine(), module = Module.deserializeFile(engine, file), store = new Store(engine);
      const memory = new Memory(store, { initial: 1 }), table = new Table(store, { element: "funcref", initial: 1 });
      const global = new Global(store, { type: "i32" }), linker = new Linker(engine);
      const f = Func.wrap(store, { parameters: [], results: [] }, () => {});
      return { engine, module, store, memory, table, global, linker, f, instance: new Instance(store, module, { env: { memory, f } }), pre: undefined };
    };
    const a = make(ours, $(file)), b = make(theirs, $(file));
    const uses = {
      store: () => new ours.Store(b.engine),
      linker: () => new ours.Linker(b.engine),
      deserialize: () => ours.Module.deserializeFile(b.engine, $(file)),
      instanceStore: () => new ours.Instance(b.store, a.module, { env: a }),
      instanceModule: () => new ours.Instance(a.store, b.module, { env: a }),
      importMemory: () => new ours.Instance(a.store, a.module, { env: { ...a, memory: b.memory } }),
      importFunction: () => { const { exports } = new ours.Instance(a.store, a.module, { env: { ...a, f: b.f } }); exports.call(); return "called as a JavaScript function" },
      define: () => a.linker.define("env", "memory", b.memory),
      defineInstance: () => a.linker.defineInstance(a.store, "b", b.instance),
      defineModule: () => a.linker.defineModule(a.store, "b", b.module),
      instantiate: () => a.linker.instantiate(b.store, a.module),
      table: () => a.table.set(0, b.f),
      method: () => ours.Store.prototype.dispose.call(b.store),
      getter: () => Object.getOwnPropertyDescriptor(ours.Store.prototype, "fuel").get.call(b.store),
      wrap: () => ours.Func.wrap(b.store, { parameters: [], results: [] }, () => {}),
      memory: () => new ours.Memory(b.store, { initial: 1 }),
      run: () => ours.runSync(b.module),
    };
    const results = { variants: [ours.variant, theirs.variant] };
    for (const [name, use] of Object.entries(uses)) {
      try { results[name] = String(use()) } catch (error) { results[name] = error.constructor.name }
    }
    a.instance.exports.call(); b.instance.exports.call();
    console.log(JSON.stringify(results));`;
  const file = artifact(`(module (import "env" "memory" (memory 1)) (import "env" "f" (func $f)) (func (export "call") (call $f)))`);
  const other = api.variant === "full" ? "min" : "full";
  const { variants, importFunction, importMemory, ...results } = nodeJson(t, script, { values: { copy, file, other: addon(other) } });
  t.deepEqual(variants, [api.variant, other]);
  t.is(importFunction, "called as a JavaScript function");
  // To the facade it is no memory at all.
  t.is(importMemory, "LinkError");
  for (const [name, result] of Object.entries(results)) {
    t.is(result, name === "run" && !api.features.has("wasi") ? "FeatureUnavailableError" : "TypeError", name);
  }
});

const sources = readdirSync(join(root, "crates/node-api/src")).filter((name) => name.endsWith(".rs"));
const source = (name: string) => readFileSync(join(root, "crates/node-api/src", name), "utf8");

/** Functions with the attribute #[napi], their bodies without comments and line breaks. */
function* nativeFunctions(text: string): Iterable<[name: string, body: string]> {
  const plain = text.replace(/^\s*\/\/.*$/gm, "");
  for (const { index } of plain.matchAll(/#\[napi\b/g)) {
    const item = /^(?:#\[[^]*?\]\s*)+?pub (?:unsafe )?(fn|struct|const|enum|mod) (\w+)/.exec(plain.slice(index));
    const impl = /^#\[napi[^\]]*\]\s*impl\b/.test(plain.slice(index));
    if (impl || item?.[1] !== "fn") continue;
    const start = plain.indexOf("{", index + item[0].length);
    let depth = 0;
    let end = start;
    do {
      if (plain[end] === "{") depth++;
      if (plain[end] === "}") depth--;
    } while (depth > 0 && ++end < plain.length);
    yield [
      item[2]!,
      plain
        .slice(start + 1, end)
        .replace(/\s+/g, " ")
        .trim(),
    ];
  }
}

test("the body of every native function is one guard, so that a panic ends in an exception", (t) => {
  const unguarded: string[] = [];
  let functions = 0;
  for (const name of sources) {
    for (const [fn, body] of nativeFunctions(source(name))) {
      functions++;
      // What stands before the guard may not fail: names of what the guard needs, and statics.
      const rest = body.replace(/^(let env = [\w.]+(\(\))?; |static [^;]*; )*/, "");
      if (!/^(guard|(task::)?promise)\(\s*[\w.()]+, /.test(rest) || !/\)$/.test(rest) || /;/.test(rest.replace(/\{.*\}/, "")))
        unguarded.push(`${name}: ${fn}`);
    }
  }
  t.deepEqual(unguarded, []);
  t.true(functions > 60, String(functions));
  t.regex(source("task.rs"), /pub fn promise\([^{]*\{\s*guard\(/);
});

test("Cargo's features are read in lib.rs and features.rs only", (t) => {
  const reading = sources.filter((name) => /cfg(_attr)?!?\([^\n]*feature\s*=/.test(source(name)));
  t.deepEqual(reading.sort(), ["features.rs", "lib.rs"]);
});
