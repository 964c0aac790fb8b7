// What artifacts say of themselves, without being loaded.

import test from "ava";
import { createHash, generateKeyPairSync } from "node:crypto";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { crc32 } from "node:zlib";
import { spawnSync } from "node:child_process";
import { IncompatibleModuleError, Module, features, inspect, run, sign, version, wasmtimeVersion } from "../index.js";
import { artifact, artifactBytes, engineOf, folder, needing, root, thrown, typeError } from "./helper.js";

const wat = `(module $shown
  (import "env" "f" (func $f (param i32 i64) (result f64 externref))) (import "env" "m" (memory 1 3))
  (memory (export "own") 2 10 shared) (memory (export "wide") i64 1)
  (table (export "t") 3 9 funcref) (global (export "g") (mut v128) (v128.const i64x2 0 0)) (tag (export "x") (param i32))
  (type $pair (struct (field i32))) (func (export "made") (param (ref null $pair)))
  (func (export "f") (param f32) (result i32) (i32.const 1)) (export "again" (func $f))
  (@custom "manifest" "one") (@custom "other" "\\00\\ff") (@custom "manifest" "two"))`;
const file = artifact(wat);
const bytes = readFileSync(file);
const limits = { address: "i32" } as const;

needing("gc", "threads")("inspect says what an artifact was compiled from, with and for", (t) => {
  const info = inspect(bytes);
  t.is(info.kind, "module");
  t.is(info.name, "shown");
  t.is(info.stamp, `${wasmtimeVersion}+default`);
  t.deepEqual([info.wasmtimeVersion, info.packageVersion, info.profile], [wasmtimeVersion, version, "default"]);
  t.is(info.target, engineOf().target);
  t.deepEqual(info.compiler, { strategy: "cranelift", optLevel: "speed", nanCanonicalization: false });
  t.is(info.functions, 2);
  t.is(info.bytes, bytes.length);
  t.is(info.sha256, createHash("sha256").update(bytes).digest("hex"));
  t.regex(info.wasm!.sha256, /^[0-9a-f]{64}$/);
  t.true(info.wasm!.bytes > 100);
  t.is(info.settings!["epochInterruption"], "false");
  t.true(info.settings!["features"]!.includes("simd"));
  if (process.arch === "x64") t.deepEqual(info.cpu!.features.sort(), ["popcnt", "sse3", "sse41", "sse42", "ssse3"]);
  t.is(info.problem, undefined);
  t.is(info.signature, undefined);
});

needing("gc", "threads")("its imports and exports are as the module that is loaded has them", (t) => {
  const info = inspect(bytes);
  t.deepEqual(info.imports, [
    { module: "env", name: "f", kind: "function", type: { parameters: ["i32", "i64"], results: ["f64", "externref"] } },
    { module: "env", name: "m", kind: "memory", type: { initial: 1, maximum: 3, ...limits, shared: false, pageSize: 65536 } },
  ]);
  const module = Module.deserialize(engineOf(), bytes);
  // A type that the module defines is an object there, and sizes of 64-bit things are bigints.
  const plain = (value: unknown) => JSON.parse(JSON.stringify(value, (_, each) => (typeof each === "bigint" ? Number(each) : each)));
  t.deepEqual(plain(info.imports), plain(module.imports));
  const without = (list: { name: string }[]) => list.filter(({ name }) => name !== "made");
  t.deepEqual(plain(without(info.exports!)), plain(without(module.exports)));
  t.deepEqual(info.exports!.find(({ name }) => name === "made")!.type, { parameters: ["(ref null (struct …))"], results: [] });
});

test("the parts of the file are listed with their sizes, and so are custom sections", (t) => {
  const { sections, customSections } = inspect(bytes);
  t.true(sections.some(({ name, bytes }) => name === ".text" && bytes > 0));
  t.true(sections.reduce((sum, { bytes }) => sum + bytes, 0) <= bytes.length);
  t.deepEqual(customSections, [
    { name: "manifest", bytes: 3 },
    { name: "other", bytes: 2 },
    { name: "manifest", bytes: 3 },
  ]);
});

needing("gc", "threads")("a module gives copies of its custom sections, compiled or loaded", (t) => {
  const modules = [Module.deserialize(engineOf(), bytes), Module.deserializeFile(engineOf(), file)];
  if (features.has("cranelift")) modules.push(Module.compileSync(engineOf(), wat));
  for (const module of modules) {
    t.deepEqual(module.customSections("manifest").map(String), ["one", "two"]);
    t.deepEqual(module.customSections("other"), [Buffer.of(0, 255)]);
    t.deepEqual(module.customSections("none"), []);
    module.customSections("manifest")[0]!.fill(0);
    t.is(String(module.customSections("manifest")[0]), "one");
    // Those of debug information are the compiler's.
    t.deepEqual(module.customSections("name"), []);
    const again = Module.fromShared(module.share());
    t.deepEqual(again.customSections("manifest").map(String), ["one", "two"]);
    if (features.has("cranelift")) t.deepEqual(inspect(module.serialize()).customSections, inspect(bytes).customSections);
  }
});

needing("gc", "threads")("what is loaded and serialized again is the same artifact", (t) => {
  if (!features.has("cranelift")) return void t.throws(() => Module.deserialize(engineOf(), bytes).serialize(), { code: "ERR_WASMTIME_FEATURE_UNAVAILABLE" });
  t.deepEqual(Module.deserialize(engineOf(), bytes).serialize(), bytes);
  t.deepEqual(Module.deserializeFile(engineOf(), file).serialize(), bytes);
});

test("a path and a URL will do, and a file that is not there is Node's own error", (t) => {
  t.deepEqual(inspect(file), inspect(bytes));
  t.deepEqual(inspect(pathToFileURL(file)), inspect(bytes));
  t.throws(() => inspect(join(folder(t), "none.cwasm")), { code: "ENOENT" });
  for (const wrong of [undefined, null, 5, {}] as any[]) t.throws(() => inspect(wrong), typeError);
});

test("a signature beside the file is told, and whether it is of this file", (t) => {
  const { privateKey } = generateKeyPairSync("ed25519");
  const [mine, other] = ["mine.cwasm", "other.cwasm"].map((name) => join(folder(t), name)) as [string, string];
  copyFileSync(file, mine);
  writeFileSync(other, artifactBytes("(module)"));
  for (const path of [mine, other]) writeFileSync(`${path}.sig`, sign(bytes, privateKey));
  const signatureOf = (path: string) => inspect(path).signature as { matches: boolean; key: string };
  t.is(signatureOf(mine).matches, true);
  t.is(signatureOf(other).matches, false);
  t.regex(signatureOf(mine).key, /^[0-9a-f]{64}$/);
  for (const text of ["no signature", "{}", "null", '{"statement":"{}","signature":""}']) {
    writeFileSync(`${mine}.sig`, text);
    t.is(inspect(mine).signature, "malformed", text);
  }
});

/** The artifact with another block, whose checksums are right. */
function withBlock(...entries: [kind: number, name: string, data: string][]): Buffer {
  const start = Number(bytes.readBigUInt64LE(bytes.length - 40));
  const block = Buffer.concat(
    entries.flatMap(([kind, name, data]) => {
      const head = Buffer.alloc(16);
      head.writeUInt32LE(kind, 0);
      head.writeUInt32LE(Buffer.byteLength(name), 4);
      head.writeBigUInt64LE(BigInt(Buffer.byteLength(data)), 8);
      return [head, Buffer.from(name), Buffer.from(data)];
    }),
  );
  const changed = Buffer.concat([bytes.subarray(0, start), block, bytes.subarray(bytes.length - 40)]);
  changed.writeBigUInt64LE(BigInt(block.length), changed.length - 32);
  changed.writeUInt32LE(crc32(block), changed.length - 24);
  return changed;
}

test("what somebody else has put into the metadata is told as what it is, and no more", (t) => {
  const { privateKey } = generateKeyPairSync("ed25519");
  for (const facts of ["null", "[]", "5", "{", '{"imports":5}', '{"exports":[null]}', '{"exports":[{"name":"x","kind":"function","type":null}]}', '{"wasm":1}']) {
    const forged = withBlock([2, "", facts]);
    for (const use of [() => inspect(forged), () => sign(forged, privateKey)]) t.throws(use, { instanceOf: IncompatibleModuleError }, facts);
  }
  const spoofed = withBlock([1, "", "target=first\ntarget=second\r\n"], [2, "", '{"kind":"component","stamp":"mine","target":"mine","signature":{"matches":true},"problem":1}']);
  const info = inspect(spoofed);
  t.deepEqual([info.kind, info.stamp, info.target, info.signature], ["module", `${wasmtimeVersion}+default`, "first", undefined]);
  t.true(info.problem instanceof IncompatibleModuleError);
  const loud = JSON.stringify({ exports: [{ name: "a\x1b[31m\nloads here       yes", kind: "function", type: { parameters: 5 } }] });
  const path = join(folder(t), "loud.cwasm");
  writeFileSync(path, withBlock([2, "", loud]));
  const { stdout, status } = cwasm("inspect", path);
  t.is(status, 0);
  t.false(/\x1b|^loads here +yes/m.test(stdout), stdout);
});

test("why an artifact does not load here is told, with the error that loading throws", (t) => {
  const other = Buffer.from(bytes);
  const at = other.indexOf(`${wasmtimeVersion}+default`);
  other.write("9", at + wasmtimeVersion.length - 1);
  const { problem, stamp, sections } = inspect(other);
  t.true(problem instanceof IncompatibleModuleError);
  t.is(problem!.reason, "version");
  t.is(problem!.message, (thrown(() => Module.deserialize(engineOf(), other)) as Error).message);
  t.not(stamp, `${wasmtimeVersion}+default`);
  t.true(sections.length > 3);
});

needing("wasi")("garbage of every kind gets a clear answer", async (t) => {
  const garbage = [Buffer.alloc(0), Buffer.alloc(100), Buffer.from("\0asm\x01\0\0\0"), Buffer.from("#!/bin/sh\n"), readFileSync(process.execPath).subarray(0, 1 << 20)];
  for (const wrong of garbage) {
    const error = t.throws(() => inspect(wrong), { instanceOf: IncompatibleModuleError }) as IncompatibleModuleError;
    t.true(error.hint.length > 0);
    await t.throwsAsync(run(wrong, { precompiled: true }), { instanceOf: IncompatibleModuleError });
  }
});

const cwasm = (...args: string[]) => spawnSync(process.execPath, [join(root, "dist", "cli", "cwasm.js"), ...args], { encoding: "utf8" });

needing("gc", "threads")("cwasm inspect prints all of it for people, and as JSON", (t) => {
  const { status, stdout, stderr } = cwasm("inspect", file);
  t.deepEqual([status, stderr], [0, ""]);
  for (const line of [/^kind +module 'shown'$/m, /^profile +default$/m, /^target +\S+-\S+$/m, /env\.f \(i32, i64\) -> \(f64, externref\)/, /^loads here +yes$/m]) {
    t.regex(stdout, line);
  }
  const json = cwasm("inspect", "--json", file);
  t.deepEqual([json.status, json.stderr], [0, ""]);
  t.deepEqual(JSON.parse(json.stdout), JSON.parse(JSON.stringify(inspect(file))));
  const wrong = cwasm("inspect", join(root, "package.json"));
  t.is(wrong.status, 1);
  t.regex(wrong.stderr, /^cwasm: IncompatibleModuleError: .*\n {2}hint: make a \.cwasm/);
});
