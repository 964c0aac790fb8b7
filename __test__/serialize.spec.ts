// Artifacts: one build's compiler and the other's loader, and all the bytes that are none or do not fit.

import test from "ava";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  CompileError,
  Engine,
  IncompatibleModuleError,
  Instance,
  Module,
  Store,
  features,
  run,
  runSync,
  wasmtimeVersion,
} from "../index.js";
import { addon, artifact, artifactBytes, artifactFor, engineOf, folder, isAnyLacking, load, needing, needs, node, profiles, thrown, typeError, wasm } from "./helper.js";

const text = (reference: string) => `(module $named (import "env" "f" (func $f (param i32) (result i32))) (memory (export "m") 1)
  (table 2 funcref) (global (mut ${reference}ref) (ref.null ${reference})) (data (i32.const 8) "data")
  (func (export "g") (param i32) (result i32) (call $f (i32.load8_u (local.get 0)))))`;
const wat = text(features.has("gc") ? "extern" : "func");
/** A guest that the profile has all proposals for. */
const watFor = (profile: string) => (profile.startsWith("embedded") ? text("func") : wat);
const bytes = artifactBytes(wat);
const isIncompatible = { instanceOf: IncompatibleModuleError, code: "ERR_WASMTIME_INCOMPATIBLE_MODULE" };

function works(module: Module, engine: Engine): boolean {
  const { exports } = new Instance(new Store(engine), module, { env: { f: (x: number) => x + 1 } });
  return exports.g(8) === "d".charCodeAt(0) + 1;
}

for (const profile of profiles) {
  test(`an artifact of profile ${profile} that the full build made loads, from bytes and from a file`, (t) => {
    const engine = engineOf(profile);
    t.is(engine.profile, profile);
    t.true(works(Module.deserialize(engine, artifactBytes(watFor(profile), profile)), engine));
    t.true(works(Module.deserializeFile(engine, artifact(watFor(profile), profile)), engine));
  });

  test(`an artifact of profile ${profile} is refused by engines of other profiles, with both names`, (t) => {
    for (const other of profiles.filter((each) => each !== profile)) {
      const engine = engineOf(other);
      for (const use of [
        () => Module.deserialize(engine, artifactBytes(watFor(profile), profile)),
        () => Module.deserializeFile(engine, artifact(watFor(profile), profile)),
      ]) {
        const error = t.throws(use, isIncompatible) as IncompatibleModuleError;
        t.deepEqual([error.reason, error.setting, error.expected, error.found], ["profile", "profile", other, profile]);
        t.true(error.message.includes(profile) && error.message.includes(other));
        t.true(error.hint.includes(profile));
      }
    }
  });
}

test("what this build's compiler makes loads in the other build, and serialize makes the same kind", (t) => {
  needs(
    t,
    "cranelift",
    () => load(wat).module.serialize(),
    () => {
      const { engine, module } = load(wat);
      const serialized = module.serialize();
      t.true(Buffer.isBuffer(serialized));
      t.true(works(Module.deserialize(engine, serialized), engine));
      t.true(works(Module.deserialize(engine, engine.precompileSync(wasm(wat))), engine));
      const file = join(folder(t), "module.cwasm");
      writeFileSync(file, serialized);
      const script = `
        import { Engine, Module, variant } from "@cwasm/wasmtime";
        console.log(variant, Module.deserializeFile(new Engine(), $(file)).exports.length);`;
      for (const variant of ["full", "min"]) {
        const { stdout, stderr } = node(script, { values: { file }, env: { CWASM_VARIANT: variant } });
        t.is(stdout.trim(), `${variant} 2`, stderr);
      }
    },
  );
});

test("a module that was loaded says what it imports and exports", (t) => {
  const module = Module.deserialize(engineOf(), bytes);
  t.is(module.name, "named");
  t.deepEqual(module.imports, [{ module: "env", name: "f", kind: "function", type: { parameters: ["i32"], results: ["i32"] } }]);
  t.deepEqual(
    module.exports.map(({ name, kind }) => [name, kind]),
    [
      ["m", "memory"],
      ["g", "function"],
    ],
  );
});

test("bytes of every kind of view are taken, from where it begins", (t) => {
  const engine = engineOf();
  const wide = new Uint8Array(bytes.length + 24);
  wide.set(bytes, 16);
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  const padded = wide.buffer.slice(16, 16 + bytes.length);
  for (const view of [
    bytes,
    wide.subarray(16, 16 + bytes.length),
    new DataView(wide.buffer, 16, bytes.length),
    padded,
    shared,
    new Int8Array(padded),
  ]) {
    t.true(works(Module.deserialize(engine, view as Uint8Array), engine), view.constructor.name);
  }
});

test("an artifact that is changed after it was loaded does not change the module", (t) => {
  const copy = Uint8Array.from(bytes);
  const module = Module.deserialize(engineOf(), copy);
  copy.fill(0);
  t.true(works(module, engineOf()));
});

// Every byte in the first part, where the headers are, and at the end; then some in between.
const cuts = Array.from({ length: bytes.length }, (_, i) => i).filter((i) => i < 130 || i > bytes.length - 70 || i % 251 === 0);
test(`an artifact cut short anywhere is an IncompatibleModuleError (${cuts.length} places)`, (t) => {
  const engine = engineOf();
  for (const cut of cuts) {
    const error = thrown(() => Module.deserialize(engine, bytes.subarray(0, cut))) as IncompatibleModuleError;
    t.true(error instanceof IncompatibleModuleError, `${cut}: ${String(error)}`);
    t.true(["notAnArtifact", "damaged"].includes(error.reason), `${cut}: ${error.reason}`);
    t.true(error.hint.length > 0 && error.message.length > 0);
  }
});

needing("wasi")("a file cut short is an IncompatibleModuleError too", (t) => {
  const file = join(folder(t), "cut.cwasm");
  for (const cut of [0, 1, 3, 4, 16, 63, 64, 500, 4096, bytes.length >> 1, bytes.length - 1]) {
    writeFileSync(file, bytes.subarray(0, cut));
    t.throws(() => Module.deserializeFile(engineOf(), file), isIncompatible, `${cut}`);
    t.throws(() => runSync(file, { precompiled: true }), isIncompatible, `${cut}`);
  }
});

test("headers with wrong numbers in them are an IncompatibleModuleError, not a crash", (t) => {
  // In a process of its own. What follows the headers is trusted: it is native code.
  const script = `
    import { Engine, IncompatibleModuleError, Module } from "@cwasm/wasmtime";
    import { readFileSync } from "node:fs";
    const engine = new Engine(), bytes = readFileSync($(file));
    const counts = {};
    for (let at = 0; at < 64; at++) for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
      const changed = Uint8Array.from(bytes);
      if (changed[at] === value) continue;
      changed[at] = value;
      let outcome = "loaded";
      try { Module.deserialize(engine, changed) } catch (error) { outcome = error.constructor.name }
      counts[outcome] = (counts[outcome] ?? 0) + 1;
    }
    console.log(Object.keys(counts).sort().join());`;
  const { status, signal, stdout, stderr } = node(script, { values: { file: artifact(wat) } });
  t.deepEqual([status, signal], [0, null], stderr);
  t.is(stdout.trim(), "IncompatibleModuleError");
});

const elf = readFileSync(addon("full")).subarray(0, 1 << 20);
const foreign: [what: string, bytes: Uint8Array][] = [
  ["nothing", new Uint8Array(0)],
  ["zeros", new Uint8Array(4096)],
  ["text", Buffer.from("no artifact at all\n".repeat(500))],
  ["an executable or library of this system", elf],
  ["random bytes", Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919 + 13) % 251)],
  ["random bytes behind the right start", Buffer.concat([bytes.subarray(0, 64), Buffer.alloc(5000, 0xa5)])],
  ["an artifact transferred as text", Buffer.from(bytes.toString("utf8"))],
  ["an artifact with something before it", Buffer.concat([Buffer.from("#!"), bytes])],
];
for (const [what, wrong] of foreign) {
  needing("wasi")(`${what} where an artifact is meant is an IncompatibleModuleError`, (t) => {
    const file = join(folder(t), "wrong.cwasm");
    writeFileSync(file, wrong);
    for (const use of [
      () => Module.deserialize(engineOf(), wrong),
      () => Module.deserializeFile(engineOf(), file),
      () => runSync(wrong, { precompiled: true }),
      () => runSync(file, { precompiled: true }),
    ]) {
      const error = t.throws(use, isIncompatible) as IncompatibleModuleError;
      t.is(error.reason, "notAnArtifact");
      t.true(error.hint.includes("cwasm compile"));
    }
  });
}

needing("wasi")(".wasm where an artifact is meant is refused with advice", async (t) => {
  const file = join(folder(t), "module.cwasm");
  const source = wasm(wat);
  writeFileSync(file, source);
  const uses = [
    () => Module.deserialize(engineOf(), source),
    () => Module.deserializeFile(engineOf(), file),
    () => runSync(file, { precompiled: true }),
  ];
  for (const use of uses) {
    const error = t.throws(use, isIncompatible) as IncompatibleModuleError;
    t.is(error.reason, "wasm");
    t.regex(error.hint, /cwasm compile/);
  }
  await t.throwsAsync(run(file, { precompiled: true }), isIncompatible);
});

needing("wasi")("an artifact where .wasm is meant is refused with advice", async (t) => {
  const engine = engineOf();
  const isCompileError = { instanceOf: CompileError, code: "ERR_WASMTIME_COMPILE" };
  for (const use of [() => Module.compileSync(engine, bytes), () => Module.validate(engine, bytes), () => engine.precompileSync(bytes)]) {
    needs(t, "cranelift", use, () => t.throws(use, { ...isCompileError, message: /deserialize/ }));
  }
  if (features.has("cranelift")) await t.throwsAsync(Module.compile(engine, bytes), { ...isCompileError, message: /deserialize/ });
  for (const source of [bytes, artifact(wat)]) {
    t.throws(() => runSync(source), { ...isCompileError, message: /precompiled/ });
    await t.throwsAsync(run(source), { ...isCompileError, message: /precompiled/ });
  }
});

needing("wasi")("an artifact of another version of Wasmtime is refused with both versions", (t) => {
  const changed = Buffer.from(bytes);
  const at = changed.indexOf(`${wasmtimeVersion}+default`);
  t.true(at > 0);
  const other = wasmtimeVersion.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10));
  changed.write(other, at);
  const error = t.throws(() => Module.deserialize(engineOf(), changed), isIncompatible) as IncompatibleModuleError;
  t.deepEqual([error.reason, error.expected, error.found], ["version", wasmtimeVersion, other]);
  t.true(error.message.includes(other) && error.message.includes(wasmtimeVersion));
  t.throws(() => runSync(changed, { precompiled: true }), isIncompatible);
});

needing("wasi")("an artifact of a profile that this version does not know is refused", (t) => {
  const changed = Buffer.from(bytes);
  changed.write("defaul!", changed.indexOf(`${wasmtimeVersion}+default`) + wasmtimeVersion.length + 1);
  for (const use of [() => Module.deserialize(engineOf(), changed), () => runSync(changed, { precompiled: true })]) {
    const error = t.throws(use, isIncompatible) as IncompatibleModuleError;
    t.true(["profile", "damaged"].includes(error.reason), String(error));
  }
});

test("the CPU an artifact is for is chosen when it is made", (t) => {
  const engine = engineOf();
  needs(
    t,
    "cranelift",
    () => engine.precompileSync(wat, { cpu: "baseline" }),
    () => {
      const names = process.arch === "x64" ? (["baseline", "x86-64-v2", "native"] as const) : (["baseline", "native"] as const);
      for (const cpu of names) t.true(works(Module.deserialize(engine, engine.precompileSync(wat, { cpu })), engine), cpu);
      t.throws(() => engine.precompileSync(wat, { cpu: "pentium" as any }), { ...typeError, message: /baseline/ });
      t.throws(() => engine.precompileSync(wat, { cpus: "native" } as any), { ...typeError, message: /cpus/ });
    },
  );
});

needing("wasi")("a file that is not there is Node's own error", (t) => {
  const file = join(folder(t), "nowhere.cwasm");
  t.false(existsSync(file));
  const own = thrown(() => readFileSync(file)) as NodeJS.ErrnoException;
  for (const use of [() => Module.deserializeFile(engineOf(), file), () => runSync(file, { precompiled: true })]) {
    const error = thrown(use) as NodeJS.ErrnoException;
    if (isAnyLacking(error)) throw error;
    for (const key of ["code", "message", "errno", "syscall", "path"] as const) t.is(error[key], own[key], key);
    t.true(error instanceof Error);
  }
});

test("a folder where a file is meant is Node's own error", (t) => {
  const error = thrown(() => Module.deserializeFile(engineOf(), folder(t))) as NodeJS.ErrnoException;
  t.is(error.code, "EISDIR");
});

test("wrong arguments are a TypeError", (t) => {
  for (const wrong of [undefined, null, {}, 5, "engine", Engine] as any[]) {
    t.throws(() => Module.deserialize(wrong, bytes), typeError);
    t.throws(() => Module.deserializeFile(wrong, "x.cwasm"), typeError);
  }
  for (const wrong of [undefined, null, {}, 5, "text", [1, 2]] as any[]) t.throws(() => Module.deserialize(engineOf(), wrong), typeError);
  for (const wrong of [undefined, null, {}, 5, bytes, new URL("file:///x")] as any[])
    t.throws(() => Module.deserializeFile(engineOf(), wrong), typeError);
});

/** The section headers of an artifact: their places in it, and names. */
function sections(elf: Buffer) {
  const [table, size, count, names] = [Number(elf.readBigUInt64LE(0x28)), elf.readUInt16LE(0x3a), elf.readUInt16LE(0x3c), elf.readUInt16LE(0x3e)];
  const strings = Number(elf.readBigUInt64LE(table + names * size + 0x18));
  return Array.from({ length: count }, (_, i) => {
    const at = table + i * size;
    const start = strings + elf.readUInt32LE(at);
    return { at, name: elf.toString("latin1", start, elf.indexOf(0, start)) };
  });
}

test("an artifact whose stamp can't be read is refused with a hint, and so is one with two texts", (t) => {
  const damaged = Array.from({ length: 3 }, () => Buffer.from(bytes));
  // The section of the stamp comes first: a format, a length, and text.
  damaged[0]![0x40] = 1;
  damaged[1]![0x42] = 0xff;
  const [text, names] = [".text", ".shstrtab"].map((name) => sections(bytes).find((section) => section.name === name)!);
  damaged[2]!.writeUInt32LE(bytes.readUInt32LE(text!.at), names!.at);
  for (const artifact of damaged) {
    const error = t.throws(() => Module.deserialize(engineOf(), artifact), isIncompatible) as IncompatibleModuleError;
    t.is(error.reason, "notAnArtifact");
    t.truthy(error.hint);
  }
});

test("an image without our metadata over whose parts Wasmtime panics is an IncompatibleModuleError", (t) => {
  const whole = artifactFor(wat, { moduleVersion: "wasmtime" });
  const image = Buffer.from(whole.subarray(0, Number(whole.readBigUInt64LE(whole.length - 40))));
  const engine = new Engine({ moduleVersion: "wasmtime" });
  t.true(works(Module.deserialize(engine, image), engine));
  // The tables to unwind with, at a place where they can't be.
  const { at } = sections(image).find(({ name }) => name === ".eh_frame")!;
  image.writeBigUInt64LE(0x40n, at + 0x18);
  image.writeBigUInt64LE(1n, at + 0x30);
  const error = t.throws(() => Module.deserialize(engine, image), isIncompatible) as IncompatibleModuleError;
  t.is(error.reason, "notAnArtifact");
  t.true(works(Module.deserialize(engine, whole), engine));
});

test("an image without our metadata in which one part is where another is, is refused as damaged", (t) => {
  const whole = artifactFor(wat, { moduleVersion: "wasmtime" });
  const image = whole.subarray(0, Number(whole.readBigUInt64LE(whole.length - 40)));
  const engine = new Engine({ moduleVersion: "wasmtime" });
  const offset = (name: string) => sections(image).find((section) => section.name === name)!.at + 0x18;
  for (const [part, other] of [
    [".eh_frame", ".text"],
    [".eh_frame", ".rodata.wasm"],
    [".text", ".wasmtime.engine"],
    [".wasmtime.info", ".shstrtab"],
  ] as const) {
    const changed = Buffer.from(image);
    changed.writeBigUInt64LE(image.readBigUInt64LE(offset(other)), offset(part));
    const error = t.throws(() => Module.deserialize(engine, changed), isIncompatible) as IncompatibleModuleError;
    t.is(error.reason, "damaged", part);
  }
});
