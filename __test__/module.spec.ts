// Modules: what they say of themselves, and compiling where the build can.

import test from "ava";
import { CompileError, Engine, Instance, Module, Store, features } from "../index.js";
import { artifactBytes, engineOf, isUnavailable, load, needing, needs, rangeError, start, thrown, wasm } from "./helper.js";

const add = `(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))`;
const isCompileError = { instanceOf: CompileError, code: "ERR_WASMTIME_COMPILE" };

test("a module is made and instantiated", (t) => {
  t.is(start(add).exports.add(1, 2), 3);
  t.true(load(add).module instanceof Module);
});

needing("gc")("imports and exports have names, kinds and types, in order", (t) => {
  const { module } = load(`(module $named
    (import "a" "f" (func (param i32 i64 f32 f64 v128) (result externref funcref)))
    (import "a" "m" (memory 1 2)) (import "b" "" (table 3 externref)) (import "b" "g" (global (mut i64)))
    (func (export "f") (param (ref null func)) (result i32 i32) (i32.const 1) (i32.const 2))
    (memory (export "m64") i64 1) (table (export "t") 1 2 funcref) (global (export "c") f64 (f64.const 1))
    (func (export "r") (param (ref extern))))`);
  t.is(module.name, "named");
  t.deepEqual(module.imports, [
    {
      module: "a",
      name: "f",
      kind: "function",
      type: { parameters: ["i32", "i64", "f32", "f64", "v128"], results: ["externref", "funcref"] },
    },
    { module: "a", name: "m", kind: "memory", type: { initial: 1, maximum: 2, address: "i32", shared: false, pageSize: 65536 } },
    { module: "b", name: "", kind: "table", type: { element: "externref", initial: 3, address: "i32" } },
    { module: "b", name: "g", kind: "global", type: { type: "i64", mutable: true } },
  ]);
  t.deepEqual(module.exports, [
    { name: "f", kind: "function", type: { parameters: ["funcref"], results: ["i32", "i32"] } },
    { name: "m64", kind: "memory", type: { initial: 1n, address: "i64", shared: false, pageSize: 65536 } },
    { name: "t", kind: "table", type: { element: "funcref", initial: 1, maximum: 2, address: "i32" } },
    { name: "c", kind: "global", type: { type: "f64", mutable: false } },
    { name: "r", kind: "function", type: { parameters: ["(ref extern)"], results: [] } },
  ]);
});

test("a module without names and imports has none", (t) => {
  const { module } = load("(module)");
  t.is(module.name ?? undefined, undefined);
  t.deepEqual([module.imports, module.exports], [[], []]);
});

needing("gc")("tags are described, and exported", (t) => {
  const { module, engine } = load(`(module (tag (export "t") (param i32)) (func (export "f") (result i32) (i32.const 1)))`);
  t.deepEqual(module.exports[0], { name: "t", kind: "tag", type: { parameters: ["i32"] } });
  const { exports } = new Instance(new Store(engine), module);
  t.is(exports.f(), 1);
  t.deepEqual(exports.t.type, { parameters: ["i32"] });
});

test("compiling is there, on this thread and off it, or says what to do instead", async (t) => {
  const engine = engineOf();
  if (!features.has("cranelift")) {
    for (const use of [Module.compile, Module.compileSync, Module.validate]) {
      isUnavailable(t, "cranelift", await t.throwsAsync(async () => use(engine, wasm(add))));
    }
    const error = thrown(() => Module.compileSync(engine, add)) as Error;
    return t.regex(error.message, /cwasm compile/);
  }
  for (const source of [add, wasm(add), Buffer.from(wasm(add))]) {
    for (const module of [Module.compileSync(engine, source), await Module.compile(engine, source)]) {
      t.is(new Instance(new Store(engine), module).exports.add(2, 3), 5);
    }
  }
  t.is(Module.validate(engine, wasm(add)), undefined);
});

const wrongBytes: [what: string, bytes: Uint8Array, offset: number | undefined, message: RegExp][] = [
  ["nothing", new Uint8Array(0), undefined, /./],
  ["a magic number alone", wasm("(module)").subarray(0, 4), undefined, /./],
  ["a cut section", Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 5), 9, /unexpected end/],
  ["another version", Uint8Array.of(0, 97, 115, 109, 2, 0, 0, 0), 4, /version/],
  ["text given as bytes", Buffer.from("no module"), 0, /no wasm/],
  ["a component", Uint8Array.of(0, 97, 115, 109, 13, 0, 1, 0), undefined, /component/],
  ["wrong types inside", wrongTypes(), wrongTypes().lastIndexOf(0x7c), /type mismatch/],
];
/** i64.add instead of i32.add. */
function wrongTypes(): Uint8Array {
  const bytes = Uint8Array.from(wasm(add));
  bytes[bytes.lastIndexOf(0x6a)] = 0x7c;
  return bytes;
}
for (const [what, bytes, offset, message] of wrongBytes) {
  test(`${what} is a CompileError, or the build says that it can't compile`, async (t) => {
    const engine = engineOf();
    const uses = [() => Module.compileSync(engine, bytes), () => Module.validate(engine, bytes), () => engine.precompileSync(bytes)];
    for (const use of uses) {
      needs(t, "cranelift", use, () => {
        const error = t.throws(use, { ...isCompileError, message }) as CompileError;
        if (offset !== undefined) t.is(error.offset, offset);
        t.notRegex(error.message, /\n.*\n/, "one line or two");
      });
    }
    if (features.has("cranelift")) await t.throwsAsync(Module.compile(engine, bytes), { ...isCompileError, message });
  });
}

const wrongTexts = ["(module", "(modul)", "", '(module (func (export "f") (result i32)))', "(module (func call 5))", "\0asm", "((((("];
for (const text of wrongTexts) {
  test(`the text ${JSON.stringify(text)} is a CompileError, or the build says that it can't compile`, async (t) => {
    const use = () => Module.compileSync(engineOf(), text);
    needs(t, "cranelift", use, () => t.throws(use, isCompileError));
    if (features.has("cranelift")) await t.throwsAsync(Module.compile(engineOf(), text), isCompileError);
  });
}

test("a binary cut short anywhere is a CompileError", (t) => {
  const bytes = wasm(
    `(module (import "a" "b" (func)) (memory 1) (func (export "f") (result i32) (i32.const 1)) (data (i32.const 0) "text"))`,
  );
  for (let cut = 0; cut < bytes.length; cut++) {
    if (cut === 8) continue; // an empty module
    const use = () => Module.compileSync(engineOf(), bytes.subarray(0, cut));
    // Between two sections it is a module, if a smaller one.
    needs(t, "cranelift", use, () => {
      try {
        use();
      } catch (error) {
        t.true(error instanceof CompileError, String(error));
      }
    });
  }
  t.pass();
});

test("text is never taken for a path, nor bytes for text", (t) => {
  const use = () => Module.compileSync(engineOf(), "package.json");
  needs(t, "cranelift", use, () => t.throws(use, isCompileError));
  const bytes = () => Module.compileSync(engineOf(), Buffer.from(add));
  needs(t, "cranelift", bytes, () => t.throws(bytes, isCompileError));
});

needing("threads")("proposals that are off are refused", (t) => {
  const shared = () => load(`(module (memory 1 1 shared) (func (param i32) (drop (i32.atomic.load (local.get 0)))))`);
  t.notThrows(shared, "threads are on");
  const switching = () => Module.compileSync(engineOf(), `(module (type $f (func)) (type $c (cont $f)))`);
  needs(t, "cranelift", switching, () => t.throws(switching, isCompileError));
});

test("the source may change as soon as compile has returned its promise", async (t) => {
  const bytes = wasm(add);
  const promise = (async () => Module.compile(engineOf(), bytes))();
  bytes.fill(0);
  if (features.has("cranelift")) t.is((await promise).exports.length, 1);
  else isUnavailable(t, "cranelift", await t.throwsAsync(promise));
});

test("wrong arguments are a TypeError", async (t) => {
  const engine = engineOf();
  const strangers = [undefined, null, {}, 5, Engine, load("(module)").module];
  const sources = [undefined, null, {}, 5, [0, 97, 115, 109], Symbol("s")];
  const pairs: [engine: any, source: any][] = [
    ...strangers.map((each) => [each, wasm(add)] as [any, any]),
    ...sources.map((each) => [engine, each] as [any, any]),
  ];
  for (const use of [Module.compileSync, Module.validate, Module.compile]) {
    for (const [engine, source] of pairs) {
      const error = (await t.throwsAsync(async () => use(engine, source))) as NodeJS.ErrnoException;
      if (!features.has("cranelift")) isUnavailable(t, "cranelift", error);
      else t.deepEqual([error.constructor, error.code], [TypeError, "ERR_INVALID_ARG_TYPE"]);
    }
  }
});

test("what returns a promise rejects, and does not throw, whatever is wrong", async (t) => {
  const engine = engineOf();
  const uses: (() => Promise<unknown>)[] = [
    () => Module.compile(engine, new Uint8Array(5)),
    () => Module.compile({} as any, wasm(add)),
    () => Module.compile(engine, 5 as any),
    () => engine.precompile(5 as any),
    () => engine.precompile(wasm(add), { cpu: "none" as any }),
  ];
  for (const use of uses) {
    let promise: Promise<unknown> | undefined;
    t.notThrows(() => (promise = use()), String(use));
    if (promise) await t.throwsAsync(promise);
  }
});

test("a detached buffer is no module and no artifact", (t) => {
  const bytes = Uint8Array.from(artifactBytes(add));
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  t.is((thrown(() => Module.deserialize(engineOf(), bytes)) as any).code, "ERR_WASMTIME_INCOMPATIBLE_MODULE");
  const use = () => Module.compileSync(engineOf(), bytes);
  needs(t, "cranelift", use, () => t.throws(use, isCompileError));
});

test("a module with a thousand functions and a long name is fine", (t) => {
  const name = "n".repeat(10_000);
  const { exports } = start(
    `(module ${Array.from({ length: 1000 }, (_, i) => `(func (export "${i === 500 ? name : i}") (result i32) (i32.const ${i}))`).join("\n")})`,
  );
  t.is(exports[999](), 999);
  t.is(exports[name](), 500);
});

needing("gc")("a module with the GC heap, SIMD and several memories works", (t) => {
  const { exports } = start(`(module (memory (export "a") 1) (memory (export "b") 1) (type $s (struct (field i32)))
    (func (export "sum") (result i32) (i32x4.extract_lane 0 (i32x4.splat (struct.get $s 0 (struct.new $s (i32.const 7)))))))`);
  t.is(exports.sum(), 7);
  t.throws(() => exports.a.read(65536, 1), rangeError);
});

test("a module knows its engine, and what an instance of it needs", async (t) => {
  const { engine, module } = load(`(module (memory 3 9) (table 7 funcref) (table 2 funcref))`);
  t.is(module.engine, engine);
  t.deepEqual(module.resources, { numMemories: 1, numTables: 2, maxInitialMemorySize: 3, maxInitialTableSize: 7 });
  t.deepEqual(load("(module)").module.resources, { numMemories: 0, numTables: 0 });
  if (features.has("cranelift")) t.is((await Module.compile(engine, "(module)")).engine, engine);
  else isUnavailable(t, "cranelift", await t.throwsAsync(async () => Module.compile(engine, "(module)")));
});
