// Profiles: what a guest can be stopped by, how it traps, and how much address space it takes.

import test from "ava";
import { spawnSync } from "node:child_process";
import { DeadlineError, Engine, Memory, OutOfFuelError, type ProfileName, Store, Trap, features, inspect } from "../index.js";
import { artifact, artifactBytes, engineOf, needing, needs, nodeJson, profiles, root, start, thrown, typeError } from "./helper.js";

const page = 65536;
const wat = `(module (memory (export "m") 1) (table $t 2 funcref) (type $v (func))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
  (func (export "div") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (export "trunc") (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
  (func (export "unreachable") unreachable)
  (func (export "indirect") (param i32) (call_indirect (type $v) (local.get 0)))
  (func $deep (export "deep") (call $deep))
  (func (export "spin") (loop $l (br $l))))`;

for (const profile of profiles) {
  test(`guests trap in the same way whatever their profile: ${profile}`, (t) => {
    const { exports } = start(wat, {}, { profile });
    const traps: [call: () => unknown, trapCode: string][] = [
      [() => exports.load(page), "memoryOutOfBounds"],
      [() => exports.load(page - 3), "memoryOutOfBounds"],
      [() => exports.store(-4, 1), "memoryOutOfBounds"],
      [() => exports.div(1, 0), "integerDivisionByZero"],
      [() => exports.div(-(2 ** 31), -1), "integerOverflow"],
      [() => exports.trunc(NaN), "badConversionToInteger"],
      [() => exports.unreachable(), "unreachableCodeReached"],
      [() => exports.indirect(0), "indirectCallToNull"],
      [() => exports.indirect(2), "tableOutOfBounds"],
      [() => exports.deep(), "stackOverflow"],
    ];
    for (let round = 0; round < 3; round++) {
      for (const [call, trapCode] of traps) {
        const error = thrown(call) as Trap;
        t.true(error instanceof Trap, String(error));
        t.is(error.trapCode, trapCode);
        t.true(error.frames.length > 0);
      }
      t.is(exports.load(page - 4), 0);
    }
    t.is(exports.grow(3), 1);
    exports.store(4 * page - 4, 7);
    t.is(exports.load(4 * page - 4), 7);
    t.is(exports.m.read(4 * page - 4, 4).readInt32LE(0), 7);
  });

  test(`timeoutMs and fuel work where the profile has them: ${profile}`, (t) => {
    // Debug information must stay right, and what has no operating system has no page for checks.
    const brake = !/^(debug|embedded|embedded-signals)(\+fuel)?$/.test(profile);
    const fuel = /fuel|metered/.test(profile);
    const timed = () => start(wat, {}, { profile, timeoutMs: 20 }).exports.spin();
    if (brake) t.throws(timed, { instanceOf: DeadlineError });
    else t.throws(timed, { code: "ERR_WASMTIME_INCOMPATIBLE_MODULE", message: (text) => text.includes(`'${profile}'`) });
    const counted = () => start(wat, {}, { profile, fuel: 10_000n }).exports.spin();
    if (fuel) t.throws(counted, { instanceOf: OutOfFuelError });
    else t.throws(counted, { ...typeError, message: /fuel/ });
  });
}

test("epochs and fuel are options too, and the profile's name says so", (t) => {
  const named = (config: object) => new Engine(config).profile;
  t.is(named({ epochs: true }), "sandbox");
  t.is(named({ epochs: true, fuel: true }), "metered");
  t.is(named({ profile: "sandbox", fuel: true }), "metered");
  t.is(named({ profile: "metered", fuel: false }), "sandbox");
  t.is(named({ profile: "sandbox", epochs: false }), "default");
  t.is(named({ profile: "no-signals", epochs: true }), "no-signals+epochs");
  t.is(named({ profile: "small-address-space+epochs", fuel: true }), "small-address-space+fuel+epochs");
  t.is(named({ profile: "no-signals+epochs+fuel" }), "no-signals+fuel+epochs");
  for (const wrong of [{ epochs: 1 }, { fuel: 1n }, { profile: "default+" }, { profile: "+epochs" }, { profile: "sandbox+signals" }])
    t.throws(() => new Engine(wrong as any), typeError);
});

test("memories of profile small-address-space may move, so that they have no buffer, and everything else", (t) => {
  const { exports, store } = start(wat, {}, { profile: "small-address-space" });
  t.throws(() => exports.m.buffer, { ...typeError, message: /read and write/ });
  const memory = new Memory(store, { initial: 1 });
  memory.writeString(8, "moved");
  for (let i = 0; i < 40; i++) t.is(memory.grow(1), i + 1);
  t.is(memory.readString(8, 5), "moved");
});

/** What a script prints under a limit of so many KiB of address space. */
function limited(kib: number, script: string, values: Record<string, unknown>) {
  const text = script.replace(/\$\((\w+)\)/g, (_, name) => JSON.stringify(values[name]));
  const command = `ulimit -v ${kib} && exec "$0" --input-type=module --eval "$1"`;
  return spawnSync("sh", ["-c", command, process.execPath, text], { cwd: root, encoding: "utf8" });
}
const gc = features.has("gc");
const busy = `(module (memory (export "m") 1) ${gc ? "(table $t 64 externref)" : ""}
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "keep") ${gc ? "(param i32 externref) (table.set $t (local.get 0) (local.get 1))" : ""}))`;

if (process.platform === "linux") {
  needing("wasi")("2 GiB of address space are enough for hundreds of guests of profile small-address-space, in less than 256 MB", (t) => {
    const { status, signal, stdout, stderr } = limited(
      2 << 20,
      `import { Engine, Instance, Module, Store, run } from "@cwasm/wasmtime";
      import { readFileSync } from "node:fs";
      const engine = new Engine({ profile: "small-address-space" }), module = Module.deserializeFile(engine, $(file));
      const kept = [];
      for (let i = 0; i < 300; i++) {
        const store = new Store(engine), { exports } = new Instance(store, module);
        exports.keep(1, { i });
        if (exports.grow(4) !== 1) throw new Error("no growth");
        kept.push(exports);
      }
      const { exitCode } = await run($(command), { precompiled: true });
      const peak = Number(/VmHWM:\\s*(\\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]);
      console.log(JSON.stringify([kept.length, exitCode, peak < 256 << 10]));`,
      {
        file: artifact(busy, "small-address-space"),
        command: artifact(`(module (memory (export "memory") 1) (func (export "_start")))`, "small-address-space"),
      },
    );
    t.deepEqual([status, signal], [0, null], stderr);
    t.deepEqual(JSON.parse(stdout), [300, 0, true]);
  });

  test("where address space is scarce, memories of other profiles are an error that names the profile to use", (t) => {
    const { status, signal, stdout, stderr } = limited(
      2 << 20,
      `import { Engine, Instance, Memory, Module, Store, runSync } from "@cwasm/wasmtime";
      const engine = new Engine(), module = Module.deserializeFile(engine, $(file)), store = new Store(engine);
      const said = [];
      for (const use of [() => new Instance(store, module), () => new Memory(store, { initial: 1 }), () => runSync($(command), { precompiled: true })])
        try { use(); said.push("nothing"); } catch ({ constructor, message }) { said.push([constructor.name, message.includes("'small-address-space'")]); }
      console.log(JSON.stringify(said));`,
      { file: artifact(busy), command: artifact(`(module (memory (export "memory") 1) (func (export "_start")))`) },
    );
    t.deepEqual([status, signal], [0, null], stderr);
    t.deepEqual(JSON.parse(stdout), [
      ["WasmtimeError", true],
      ["RangeError", true],
      features.has("wasi") ? ["WasmtimeError", true] : ["FeatureUnavailableError", false],
    ]);
  });

  test("an engine of profile no-signals leaves the handlers of signals alone", (t) => {
    const script = `
      import { readFileSync } from "node:fs";
      const caught = () => /SigCgt:\\s*(\\w+)/.exec(readFileSync("/proc/self/status", "utf8"))[1];
      const { Engine, Instance, Module, Store } = await import("@cwasm/wasmtime");
      const before = caught();
      const engine = new Engine({ profile: "no-signals" });
      const { exports } = new Instance(new Store(engine), Module.deserializeFile(engine, $(file)));
      let trapCode;
      try { exports.div(1, 0); } catch (error) { trapCode = error.trapCode; }
      console.log(JSON.stringify([before === caught(), trapCode, (new Engine(), before === caught())]));`;
    const file = artifact(wat, "no-signals");
    t.deepEqual(nodeJson(t, script, { values: { file } }), [true, "integerDivisionByZero", false]);
  });
}

/** Whether the profile has what the guest needs. */
const compiles = (wat: string, profile: ProfileName) => {
  try {
    return artifactBytes(wat, profile).length > 0;
  } catch (error) {
    if (/CompileError/.test(String(error))) return false;
    throw error;
  }
};

test("the profile deterministic makes the same NaNs and relaxed results everywhere, and has no threads", (t) => {
  const wat = `(module (func (export "nan") (param f32 f32) (result i32) (i32.reinterpret_f32 (f32.div (local.get 0) (local.get 1))))
    (func (export "trunc") (param f32) (result i32) (i32x4.extract_lane 0 (i32x4.relaxed_trunc_f32x4_s (f32x4.splat (local.get 0))))))`;
  const { exports } = start(wat, {}, { profile: "deterministic" });
  t.is(exports.nan(0, 0), 0x7fc00000);
  // As the instruction that is not relaxed: not whatever the machine makes of it.
  t.deepEqual([exports.trunc(1e20), exports.trunc(NaN)], [2 ** 31 - 1, 0]);
  const shared = "(module (memory 1 1 shared))";
  t.deepEqual([compiles(shared, "deterministic"), compiles(shared, "default")], [false, true]);
  const options = { profile: "deterministic", compiler: { nanCanonicalization: false } } as const;
  needs(t, "cranelift", () => new Engine(options), () => t.throws(() => new Engine(options), { ...typeError, message: /'deterministic'/ }));
});

test("the profiles embedded and embedded-signals have no more proposals than a small runtime", (t) => {
  for (const [wat, there] of [
    ["(module (memory 1 1 shared))", false],
    ["(module (global externref (ref.null extern)))", false],
    ["(module (tag))", false],
    ["(module (type (struct)))", false],
    ["(module (table 1 funcref) (table 1 funcref) (memory 1) (memory 1) (func (result v128) (v128.const i64x2 0 0)))", true],
  ] as const) {
    t.deepEqual([compiles(wat, "embedded"), compiles(wat, "embedded-signals")], [there, there], wat);
  }
});

test("the profile debug has debug information, code that is not optimised, and lines of the source where the build can tell them", (t) => {
  const wat = `(module
    (func $inner
      unreachable)
    (func (export "outer")
      (call $inner)))`;
  const { sections, compiler } = inspect(artifactBytes(wat, "debug"));
  t.true(sections.some(({ name }) => name === ".debug_info"));
  t.is(compiler!.optLevel, "none");
  const { frames } = thrown(() => start(wat, {}, { profile: "debug" }).exports.outer()) as Trap;
  t.deepEqual(frames.map(({ line }) => line), features.has("addr2line") ? [3, 5] : [undefined, undefined]);
  if (features.has("addr2line")) t.regex(frames[0]!.file!, /\.wat$/);
});

test("with the profile debug everything compiles, whatever its debug information is", (t) => {
  for (const wat of ["(module (func) (func nop))", "(module (func (local i32)))", "(module)", '(module (@custom ".debug_info" "nonsense") (@custom ".debug_abbrev" "x") (func nop))']) {
    t.true(artifactBytes(wat, "debug").length > 0, wat);
  }
  const engine = engineOf("debug");
  needs(t, "cranelift", () => engine.precompileSync("(module)"), () => {
    for (const strip of ["names", "all"] as const) t.notThrows(() => engine.precompileSync("(module (func unreachable))", { strip }));
  });
});

test("one process has engines of every profile at once", (t) => {
  const all = profiles.map((profile: ProfileName) => start(wat, {}, { profile }).exports);
  for (let i = 0; i < 20; i++) for (const exports of all) t.is((thrown(() => exports.div(i, 0)) as Trap).trapCode, "integerDivisionByZero");
  t.notThrows(() => new Store(engineOf("no-signals")).dispose());
});
