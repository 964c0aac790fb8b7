// Compiling off the JavaScript thread: signals that end the wait, how many at once, and what can be left out of an artifact.

import { availableParallelism } from "node:os";
import test from "ava";
import { Engine, Instance, Module, type PrecompileOptions, Store, Trap, features, inspect } from "../index.js";
import { engineOf, isUnavailable, needs, thrown, typeError } from "./helper.js";

const wat = `(module $m (func $inner unreachable) (func (export "outer") (call $inner)) (@custom "own" "kept"))`;
const engine = engineOf();
/** Takes a while. */
const large = `(module ${Array.from({ length: 4000 }, (_, i) => `(func (param i32) (result i32) (i32.mul (i32.add (local.get 0) (i32.const ${i})) (i32.const 3)))`).join("")})`;
const compiles = features.has("cranelift");
const both: [what: string, compile: (options: { signal: AbortSignal }, source?: string) => Promise<unknown>][] = [
  ["Module.compile", (options, source = wat) => Module.compile(engine, source, options)],
  ["engine.precompile", (options, source = wat) => engine.precompile(source, options)],
];

for (const [what, compile] of both) {
  test(`${what} rejects at once when its signal is aborted, and with the signal's reason`, async (t) => {
    if (!compiles) return isUnavailable(t, "cranelift", await compile({ signal: AbortSignal.timeout(1) }).then(undefined, (error) => error));
    const reason = new Error("no longer wanted");
    for (const source of [wat, "no text", 5 as any]) await t.throwsAsync(compile({ signal: AbortSignal.abort(reason) }, source), { is: reason });
    const controller = new AbortController();
    let ended = false;
    const compiling = compile({ signal: controller.signal }, large).finally(() => (ended = true));
    setImmediate(() => controller.abort(reason));
    t.false(ended);
    await t.throwsAsync(compiling, { is: reason });
    // The thread finishes its work, and others go on.
    t.truthy(await compile({ signal: new AbortController().signal }));
  });

  test(`${what} takes no other signal than an AbortSignal`, async (t) => {
    if (!compiles) return void t.pass();
    for (const signal of [null, {}, 5, "now", new EventTarget()] as any[]) await t.throwsAsync(compile({ signal }), typeError);
  });
}

test("compilations that are aborted before they begin are not done", async (t) => {
  if (!compiles) return void t.pass();
  const cpu = async (work: () => Promise<unknown>) => {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  const one = await cpu(() => Module.compile(engine, large));
  const controller = new AbortController();
  const all = await cpu(async () => {
    const compiling = Array.from({ length: 50 * availableParallelism() }, () => Module.compile(engine, large, { signal: controller.signal }));
    controller.abort();
    for (const { status } of await Promise.allSettled(compiling)) t.is(status, "rejected");
    await Module.compile(engine, wat);
  });
  t.true(all < one * 20 * availableParallelism(), `${all} µs, one takes ${one}`);
});

test("what waits on the JavaScript thread takes no signal", (t) => {
  const { signal } = new AbortController();
  needs(t, "cranelift", () => engine.precompileSync(wat, { signal }), () => t.throws(() => engine.precompileSync(wat, { signal }), typeError));
});

test("many compilations at once are all done", async (t) => {
  if (!compiles) return void t.pass();
  const sources = Array.from({ length: 40 }, (_, i) => `(module (func (export "f") (result i32) (i32.const ${i})))`);
  const modules = await Promise.all(sources.map((source) => Module.compile(engine, source)));
  t.deepEqual(modules.map((module) => new Instance(new Store(engine), module).exports.f()), sources.map((_, i) => i));
});

test("names, offsets and custom sections are left out on request, and traps are still traps", (t) => {
  const make = (strip?: PrecompileOptions["strip"]) => engine.precompileSync(wat, strip ? { strip } : {});
  needs(t, "cranelift", make, () => {
    const frames = (artifact: Uint8Array) => {
      const module = Module.deserialize(engine, artifact);
      const error = thrown(() => new Instance(new Store(engine), module).exports.outer()) as Trap;
      t.is(error.trapCode, "unreachableCodeReached");
      return error.frames.map(({ funcIndex, funcName, moduleOffset }) => [funcIndex, funcName, typeof moduleOffset]);
    };
    const [none, names, all] = [make("none"), make("names"), make("all")] as [Buffer, Buffer, Buffer];
    t.deepEqual(make(), none);
    t.deepEqual(frames(none), [
      [0, "inner", "number"],
      [1, undefined, "number"],
    ]);
    t.deepEqual(frames(names), [
      [0, undefined, "number"],
      [1, undefined, "number"],
    ]);
    t.deepEqual(frames(all), [
      [0, undefined, "undefined"],
      [1, undefined, "undefined"],
    ]);
    t.true(names.length <= none.length && all.length <= names.length);
    t.deepEqual([none, names, all].map((artifact) => Module.deserialize(engine, artifact).customSections("own").length), [1, 1, 0]);
    // What it was compiled from is the whole of it.
    t.deepEqual(inspect(all).wasm, inspect(none).wasm);
    for (const strip of ["some", 5, null] as any[]) t.throws(() => engine.precompileSync(wat, { strip }), typeError);
  });
});

test("names are left out wherever the section stands, and however its length is written", (t) => {
  const section = (name: string, data: number[]) => [name.length, ...Buffer.from(name), ...data];
  const leb = (n: number, bytes: number) => Array.from({ length: bytes }, (_, i) => ((n >> (7 * i)) & 0x7f) | (i < bytes - 1 ? 0x80 : 0));
  const custom = (body: number[], padding: number) => [0, ...leb(body.length, padding), ...body];
  const head = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const make = (...parts: number[][]) => engine.precompileSync(Uint8Array.from([head, ...parts].flat()), { strip: "names" });
  needs(t, "cranelift", make, () => {
    const names = section("name", [0, 2, 1, 0x6d]);
    for (const padding of [1, 2, 3, 4, 5]) {
      const artifact = make(custom(section("a", [7]), 1), custom(names, padding), custom(section("b", [8, 9]), padding), custom(names, 1));
      const module = Module.deserialize(engine, artifact);
      t.is(module.name, null);
      t.deepEqual([...module.customSections("a"), ...module.customSections("b")], [Buffer.of(7), Buffer.of(8, 9)]);
    }
  });
});

test("compilations of other engines are not mixed up with this one's", async (t) => {
  if (!compiles) return void t.pass();
  const other = new Engine();
  const module = await Module.compile(other, wat);
  t.is(module.engine, other);
  t.throws(() => new Instance(new Store(engine), module), typeError);
});
