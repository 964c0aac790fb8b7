// Compiling for other machines, and for the interpreter that every machine has.

import test from "ava";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  DeadlineError,
  Engine,
  type IncompatibleModuleError,
  Instance,
  Module,
  OutOfFuelError,
  type PrecompileOptions,
  Store,
  Trap,
  inspect,
  run,
  runSync,
} from "../index.js";
import { artifactFor, engineOf, engineWith, folder, needing, needs, root, thrown, typeError, wasm } from "./helper.js";

const wat = `(module (memory (export "m") 1) (data (i32.const 0) "data") (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "at") (param i32) (result i32) (i32.load8_u (local.get 0))))`;
const host = engineOf().target;
/** Triples, what their code is, and whether the bytes of its numbers are in the reverse order. */
const machines: [target: string, machine: number, big?: true][] = [
  ["x86_64-unknown-linux-gnu", 62],
  ["x86_64-unknown-linux-musl", 62],
  ["x86_64-apple-darwin", 62],
  ["x86_64-pc-windows-msvc", 62],
  ["aarch64-unknown-linux-gnu", 183],
  ["aarch64-apple-darwin", 183],
  ["aarch64-pc-windows-msvc", 183],
  ["riscv64gc-unknown-linux-gnu", 243],
  ["s390x-unknown-linux-gnu", 22, true],
];

for (const [target, machine, big] of machines) {
  test(`an artifact for ${target} says so, and loads there alone`, (t) => {
    const make = (options?: PrecompileOptions) => engineOf().precompileSync(wasm(wat), { target, ...options });
    needs(t, "cranelift", make, () => {
      const artifact = make();
      t.deepEqual([artifact[5], big ? artifact.readUInt16BE(18) : artifact.readUInt16LE(18)], [big ? 2 : 1, machine]);
      const { target: said, problem, cpu } = inspect(artifact);
      t.is(said, target);
      if (machine === 62) t.deepEqual(cpu!.features, ["sse3", "ssse3", "sse41", "sse42", "popcnt"]);
      else if (machine !== 243) t.deepEqual(cpu!.features, []);
      const here = (name: string) => name.replace(/-(gnu|musl|msvc)$/, "");
      if (here(target) === here(host)) {
        t.is(problem, undefined);
        t.is(new Instance(new Store(engineOf()), Module.deserialize(engineOf(), artifact)).exports.add(2, 3), 5);
      } else {
        const error = thrown(() => Module.deserialize(engineOf(), artifact)) as IncompatibleModuleError;
        t.deepEqual([error.reason, error.setting, error.expected, error.found], ["target", "target", host, target]);
        t.deepEqual([problem!.reason, problem!.message], ["target", error.message]);
        const file = join(folder(t), "other.cwasm");
        writeFileSync(file, artifact);
        t.is((thrown(() => Module.deserializeFile(engineOf(), file)) as IncompatibleModuleError).reason, "target");
        t.throws(() => make({ cpu: "native" }), typeError);
      }
    });
  });
}

test("hosts without an operating system get artifacts of the profile embedded, and of no other", (t) => {
  const make = (target: string, profile: "default" | "embedded" | "embedded-signals" | "small-address-space") =>
    new Engine({ profile }).precompileSync(wasm(wat), { target });
  needs(
    t,
    "cranelift",
    () => make("aarch64-unknown-none", "embedded"),
    () => {
      for (const target of ["x86_64-unknown-none", "aarch64-unknown-none", "riscv64gc-unknown-none-elf", "pulley32", "pulley64"]) {
        const { settings, profile } = inspect(make(target, "embedded"));
        t.deepEqual(
          ["signalsBasedTraps", "memoryInitCow", "memoryReservation", "memoryGuardSize", "gcHeapReservation", "collector"].map((name) => settings![name]),
          ["false", "false", "0", "0", "0", "none"],
        );
        t.is(profile, "embedded");
        if (target !== "pulley64") t.throws(() => make(target, "default"), { ...typeError, message: /'embedded'/ });
        if (target === "pulley32") continue;
        const { settings: signals, profile: other } = inspect(make(target, "embedded-signals"));
        t.is(other, "embedded-signals");
        // The interpreter traps by itself, and has no use for guard pages.
        const native = target !== "pulley64";
        t.deepEqual(
          ["signalsBasedTraps", "memoryInitCow", "memoryReservation", "memoryGuardSize", "collector"].map((name) => signals![name]),
          [`${native}`, "true", `${2 ** 32}`, native ? `${2 ** 25}` : "0", "none"],
        );
      }
      t.throws(() => make("pulley32", "embedded-signals"), { ...typeError, message: /address space/ });
      t.notThrows(() => make("pulley32", "small-address-space"));
    },
  );
});

needing("pulley")("targets that nobody compiles for are a TypeError", (t) => {
  for (const target of ["", "arm64", "i686-unknown-linux-gnu", "wasm32-wasip1", "x86_64", "sparc64-unknown-linux-gnu", "linux-arm64", "aarch64_be-unknown-linux-gnu", "riscv64imac-unknown-linux-gnu", "x86_64-unknown-uefi"]) {
    needs(t, "cranelift", () => engineOf().precompileSync(wasm(wat), { target }), () =>
      t.throws(() => engineOf().precompileSync(wasm(wat), { target }), { ...typeError, message: /options\.target must be a target triple/ }),
    );
    t.throws(() => new Engine({ target }), { ...typeError, message: /config\.target must be/ });
  }
  // They can be compiled for, and not run.
  const other = host.startsWith("aarch64") ? "x86_64-unknown-linux-gnu" : "aarch64-unknown-linux-gnu";
  for (const target of [other, "pulley32", "pulley64be"]) t.throws(() => new Engine({ target }), { ...typeError, message: /precompile/ });
  t.is(new Engine({ target: host }).target, host);
});

test("features of the CPU may be named one by one", (t) => {
  const make = (cpu: string[], target?: string) => engineOf().precompileSync(wasm(wat), { cpu, ...(target !== undefined && { target }) });
  needs(t, "cranelift", () => make([]), () => {
    const features = (cpu: string[], target: string) => inspect(make(cpu, target)).cpu!.features;
    t.deepEqual(features([], "x86_64-unknown-linux-gnu"), []);
    t.deepEqual(features(["avx", "sse3"], "x86_64-unknown-linux-gnu").sort(), ["avx", "sse3"]);
    t.deepEqual(features(["lse", "pauth"], "aarch64-unknown-linux-gnu").sort(), ["lse", "pauth"]);
    for (const wrong of [["lse"], ["mmx"], ["has_avx"], [""], ["avx avx2"]]) t.throws(() => make(wrong, "x86_64-unknown-linux-gnu"), typeError);
    for (const wrong of [[1], "avx", 5, {}] as any[]) t.throws(() => make(wrong), typeError);
    t.throws(() => engineOf().precompileSync(wasm(wat), { target: "aarch64-unknown-linux-gnu", cpu: "x86-64-v2" }), typeError);
    if (process.arch !== "x64") return;
    // No machine has all of them.
    const all = make(["avx_vnni", "avx512bitalg", "avx512vbmi", "avx512vnni", "cmpxchg16b"]);
    const { problem } = inspect(all);
    if (problem) {
      t.deepEqual([problem.reason, problem.setting], ["cpu", "cpu"]);
      t.is((thrown(() => Module.deserialize(engineOf(), all)) as Error).message, problem.message);
    } else t.notThrows(() => Module.deserialize(engineOf(), all));
  });
});

/** Made when it is used: a build without the interpreter throws. */
const pulley = () => engineWith({ target: "pulley64" });
const portable = artifactFor(wat, { target: "pulley64" });

needing("pulley")("one portable artifact runs on every machine, in the interpreter", (t) => {
  t.is(pulley().target, "pulley64");
  const module = Module.deserialize(pulley(), portable);
  const { exports } = new Instance(new Store(pulley()), module);
  t.is(exports.add(2, 40), 42);
  t.is(exports.at(0), "d".charCodeAt(0));
  t.deepEqual([inspect(portable).target, inspect(portable).problem], ["pulley64", undefined]);
  const file = join(folder(t), "portable.cwasm");
  writeFileSync(file, portable);
  t.is(new Instance(new Store(pulley()), Module.deserializeFile(pulley(), file)).exports.add(1, 1), 2);
});

needing("pulley")("whatever else is in the interpreter's triple is left out", (t) => {
  const engine = new Engine({ target: "pulley64-unknown-linux-gnu" });
  t.is(engine.target, "pulley64");
  t.is(new Instance(new Store(engine), Module.deserialize(engine, portable)).exports.add(1, 2), 3);
});

needing("pulley")("an engine that interprets compiles for the machine too", (t) => {
  const interpreting = pulley();
  needs(t, "cranelift", () => interpreting.precompileSync(wat, { target: host }), () => {
    for (const cpu of ["native", "baseline"] as const) {
      const module = Module.deserialize(engineOf(), interpreting.precompileSync(wat, { target: host, cpu }));
      t.is(new Instance(new Store(engineOf()), module).exports.add(1, 2), 3);
    }
  });
});

needing("pulley")("the interpreter's artifacts and the machine's are not mixed up", (t) => {
  const native = artifactFor(wat, {});
  const interpreting = pulley();
  t.is((thrown(() => Module.deserialize(interpreting, native)) as IncompatibleModuleError).reason, "target");
  t.is((thrown(() => Module.deserialize(engineOf(), portable)) as IncompatibleModuleError).reason, "target");
  const module = Module.deserialize(pulley(), portable);
  t.throws(() => new Instance(new Store(engineOf()), module), typeError);
});

needing("pulley")("guests in the interpreter trap, are stopped and run out of fuel as others do", (t) => {
  const guest = `(module (memory 1) (func (export "read") (result i32) (i32.load (i32.const 65536))) (func (export "stop") (unreachable))
    (func (export "div") (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
    (func $deep (export "deep") (call $deep)) (func (export "spin") (loop (br 0))) (func (export "grow") (result i32) (memory.grow (i32.const 100))))`;
  const engine = new Engine({ target: "pulley64", profile: "metered" });
  const module = Module.deserialize(engine, artifactFor(guest, { target: "pulley64", profile: "metered" }));
  const exports = (options: object) => new Instance(new Store(engine, options), module).exports;
  const code = (fn: () => unknown) => (thrown(fn) as Trap).trapCode;
  const all = exports({ limits: { memoryBytes: 1 << 20 } });
  t.is(code(() => all.read()), "memoryOutOfBounds");
  t.is(code(() => all.stop()), "unreachableCodeReached");
  t.is(code(() => all.div(0)), "integerDivisionByZero");
  t.is(code(() => all.deep()), "stackOverflow");
  t.is(all.grow(), -1);
  t.true(thrown(() => exports({ timeoutMs: 20 }).spin()) instanceof DeadlineError);
  t.true(thrown(() => exports({ fuel: 10_000n }).spin()) instanceof OutOfFuelError);
});

const command = `(module (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32))) (memory (export "memory") 1)
  (data (i32.const 8) "\\10\\00\\00\\00\\06\\00\\00\\00hello\\n") (func (export "_start") (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 0)))))`;

needing("wasi")("run finds in an artifact that it is for the interpreter, and so does the command", async (t) => {
  const artifact = artifactFor(command, { target: "pulley64", profile: "sandbox" });
  const options = { precompiled: true, stdout: "capture", timeoutMs: 5000 } as const;
  t.is(String((await run(artifact, options)).stdout), "hello\n");
  t.is(String(runSync(artifact, options).stdout), "hello\n");
  const file = join(folder(t), "hello.cwasm");
  writeFileSync(file, artifact);
  const { stdout, stderr } = spawnSync(process.execPath, [join(root, "dist/cli/cwasm.js"), "run", "--precompiled", file], { encoding: "utf8" });
  t.deepEqual([stdout, stderr], ["hello\n", ""]);
});
