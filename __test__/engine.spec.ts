// Engines: options, compiling ahead of time.

import test from "ava";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { CompileError, Engine, Instance, Module, Store, features, runSync } from "../index.js";
import { artifact, folder, isUnavailable, load, needing, needs, node, profiles, start, thrown, typeError, wasm } from "./helper.js";

const add = `(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))`;
const adds = (engine: Engine, module: Module) => new Instance(new Store(engine), module).exports.add(40, 2) === 42;

test("an engine has the default profile, and the target it runs on", (t) => {
  const engine = new Engine();
  t.is(engine.profile, "default");
  const arch = { x64: "x86_64", arm64: "aarch64" }[process.arch as string];
  t.true(engine.target.startsWith(`${arch}-`), engine.target);
  t.true(engine.target.includes({ darwin: "apple", win32: "windows" }[process.platform as string] ?? process.platform));
});

for (const profile of profiles) {
  test(`an engine of profile ${profile} runs modules`, (t) => {
    const engine = new Engine({ profile });
    t.is(engine.profile, profile);
    t.true(adds(engine, load(add, { engine }).module));
  });
}

const refused: [what: string, config: unknown, message: RegExp][] = [
  ["an option it does not know", { profil: "default" }, /'profil'.*profile/],
  ["a config that is no object", "default", /config/],
  ["a config of null", null, /config/],
  ["a profile it does not know", { profile: "fast" }, /profile.*'default', 'sandbox', 'metered', 'no-signals', 'small-address-space'.*'fast'/],
  ["a profile that is no string", { profile: 5 }, /profile.*string/],
  ["a stack that is no number", { maxWasmStack: "1" }, /maxWasmStack/],
  ["a stack of nothing", { maxWasmStack: 0 }, /stack/],
];
for (const [what, config, message] of refused) {
  test(`new Engine refuses ${what}`, (t) => {
    t.throws(() => new Engine(config as any), { ...typeError, message });
  });
}

test("a pool and a profile that sets no address space aside don't go together", (t) => {
  const config = (pooling: object | boolean) => ({ profile: "small-address-space", pooling }) as const;
  if (!features.has("pooling-allocator")) return isUnavailable(t, "pooling-allocator", thrown(() => new Engine(config(true))));
  for (const pooling of [true, { maxMemorySize: 1 << 20 }]) t.throws(() => new Engine(config(pooling)), { ...typeError, message: /small-address-space/ });
  t.notThrows(() => new Engine(config(false)));
});

test("new Engine refuses a stack of a wrong size", (t) => {
  for (const maxWasmStack of [-1, 0.5, NaN, 2 ** 40])
    t.throws(() => new Engine({ maxWasmStack }), { instanceOf: RangeError, code: "ERR_OUT_OF_RANGE" });
});

const groups: [feature: "cranelift" | "cache" | "pooling-allocator", name: string, right: unknown[], wrong: [unknown, RegExp][]][] = [
  [
    "cranelift",
    "compiler",
    [{}, { optLevel: "none" }, { optLevel: "speed-and-size", nanCanonicalization: true, parallel: false }],
    [
      [5, /compiler/],
      [{ opt: "none" }, /'opt'.*optLevel/],
      [{ optLevel: "max" }, /optLevel.*'speed'/],
      [{ parallel: 1 }, /parallel/],
    ],
  ],
  [
    "cache",
    "cache",
    [false],
    [
      [5, /cache/],
      ["dir", /cache/],
      [{ dir: "x" }, /'dir'.*directory/],
      [{ directory: 5 }, /directory/],
    ],
  ],
  [
    "pooling-allocator",
    "pooling",
    [true, false, { totalCoreInstances: 10, totalMemories: 10, totalTables: 10 }],
    [
      [5, /pooling/],
      [{ total: 5 }, /'total'/],
      [{ totalMemories: "5" }, /totalMemories/],
    ],
  ],
];
for (const [feature, name, right, wrong] of groups) {
  test(`config.${name} is read, or needs the feature ${feature}`, (t) => {
    const make = (value: unknown) => new Engine({ [name]: value } as any);
    needs(
      t,
      feature,
      () => make(right[0]),
      () => {
        for (const value of right) {
          const engine = make(value);
          t.true(adds(engine, Module.deserializeFile(engine, artifact(add))), JSON.stringify(value));
        }
        for (const [value, message] of wrong) t.throws(() => make(value), { ...typeError, message }, JSON.stringify(value));
      },
    );
  });
}

test("what is compiled is kept on disk where a cache is asked for", (t) => {
  // In a process of its own, as the cache writes in the background.
  const directory = join(folder(t), "cache");
  const script = `
    import { Engine, Module } from "@cwasm/wasmtime";
    for (let i = 0; i < 2; i++) console.log(Module.compileSync(new Engine({ cache: { directory: $(directory) } }), $(add)).exports.length);`;
  const use = () => new Engine({ cache: { directory } });
  needs(t, "cache", use, () => {
    const { stdout, stderr } = node(script, { values: { directory, add } });
    t.is(stdout, "1\n1\n", stderr);
    t.true(existsSync(directory) && readdirSync(directory).length > 0);
  });
});

test("compiling ahead of time gives an artifact, from text and from bytes", async (t) => {
  const engine = new Engine();
  if (!features.has("cranelift")) {
    isUnavailable(
      t,
      "cranelift",
      thrown(() => engine.precompileSync(wasm(add))),
    );
    return isUnavailable(t, "cranelift", await t.throwsAsync(async () => engine.precompile(wasm(add))));
  }
  for (const source of [add, wasm(add)]) {
    for (const artifact of [engine.precompileSync(source), await engine.precompile(source)]) {
      t.true(Buffer.isBuffer(artifact));
      t.true(adds(engine, Module.deserialize(engine, artifact)));
    }
  }
  await t.throwsAsync(engine.precompile("(module"), { instanceOf: CompileError });
  await t.throwsAsync(engine.precompile(new Uint8Array(8)), { instanceOf: CompileError });
  t.throws(() => engine.precompileSync("(modul)"), { instanceOf: CompileError, code: "ERR_WASMTIME_COMPILE" });
});

test("the same source makes the same artifact", (t) => {
  const engine = new Engine();
  needs(
    t,
    "cranelift",
    () => engine.precompileSync(add),
    () => {
      t.deepEqual(engine.precompileSync(add), new Engine().precompileSync(wasm(add)));
    },
  );
});

test("canonical NaNs are made where they are asked for", (t) => {
  needs(
    t,
    "cranelift",
    () => new Engine({ compiler: { nanCanonicalization: true } }),
    () => {
      const { exports } = start(
        `(module (func (export "f") (param i32) (result i32)
      (i32.reinterpret_f32 (f32.add (f32.reinterpret_i32 (local.get 0)) (f32.const 0)))))`,
        {},
        { engine: new Engine({ compiler: { nanCanonicalization: true } }) },
      );
      t.is(exports.f(0x7fc00123), 0x7fc00000);
    },
  );
});

test("many compilations run at once", async (t) => {
  const engine = new Engine();
  const text = (i: number) => wasm(i % 2 ? add : add.replace("i32.add", "i32.sub"));
  const modules = Promise.all(Array.from({ length: 30 }, async (_, i) => Module.compile(engine, text(i))));
  if (!features.has("cranelift")) return isUnavailable(t, "cranelift", await t.throwsAsync(modules));
  for (const [i, module] of (await modules).entries()) t.is(adds(engine, module), i % 2 === 1);
});

needing("wasi")("two engines of one process do not disturb each other", (t) => {
  const engines = [new Engine(), new Engine({ profile: "metered" }), new Engine({ maxWasmStack: 100_000 })];
  for (const engine of engines) t.true(adds(engine, load(add, { engine }).module));
  t.is(runSync(load(`(module (func (export "_start")))`).module, { stdin: "ignore" }).exitCode, 0);
});
