// Exchange with stock Wasmtime, which is crates/upstream here: what it compares when it loads, what goes from one to the other with
// `moduleVersion: 'wasmtime'`, and that all else is a typed error.

import test, { type ExecutionContext } from "ava";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { type Config, Engine, IncompatibleModuleError, Instance, Module, Store, inspect, run, runSync, wasmtimeVersion } from "../index.js";
import { artifact, artifactFor, artifactWith, engineOf, engineWith, profiles, root, thrown, typeError } from "./helper.js";

const tool = join(root, "target", "debug", `cwasm-upstream${process.platform === "win32" ? ".exe" : ""}`);
const folder = mkdtempSync(join(tmpdir(), "cwasm-stock-"));
test.after.always(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
test.before((t) => {
  if (!existsSync(tool)) t.fail("stock Wasmtime is not built yet: node scripts/upstream.mjs");
});

const text = (type: string, same: string) => `(module $exchanged (memory 1) (data (i32.const 16) "\\2a") ${type}
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "same") (param i32) (result i32) ${same}))`;
const wat = text("(type $p (struct (field i32)))", "(struct.get $p 0 (struct.new $p (local.get 0)))");
/** A guest that the profile has all proposals for. */
const watFor = (profile: string) => (profile.startsWith("embedded") ? text("", "(local.get 0)") : wat);
/** What an engine has for exchange. */
const exchange: Config = { moduleVersion: "wasmtime" };
const major = wasmtimeVersion.split(".")[0]!;

/** Runs stock Wasmtime. */
function upstream(...args: string[]) {
  // It would be a setting.
  const { WASMTIME_BACKTRACE_DETAILS: _, ...env } = process.env;
  return spawnSync(tool, args, { cwd: folder, env, encoding: "utf8", maxBuffer: 1 << 26 });
}
/** What it prints when it ends well. */
function printed(t: ExecutionContext, ...args: string[]): string {
  const { status, stdout, stderr } = upstream(...args);
  t.is(status, 0, stderr);
  return stdout.trim();
}
/** The path of an artifact that stock Wasmtime makes, with settings of crates/upstream. */
function stock(settings?: string, guest = wat): string {
  const file = join(folder, `${settings ?? "plain"}.cwasm`);
  if (existsSync(file)) return file;
  writeFileSync(join(folder, "module.wat"), guest);
  const { status, stderr } = upstream("compile", "module.wat", file, ...(settings ? ["--settings", settings] : []));
  if (status !== 0) throw new Error(stderr);
  return file;
}
/** The same of another major version. */
function older(version: string): Buffer {
  const bytes = readFileSync(stock("exchange"));
  // The section comes first: a format, a length, and the version.
  if (bytes.toString("latin1", 0x40, 0x44) !== `\0\x02${major}`) throw new Error("the version is elsewhere");
  bytes.write(version, 0x42);
  return bytes;
}

/** That it loads in an engine, from bytes and from its file, and runs. */
function works(t: ExecutionContext, file: string, engine: Engine) {
  for (const module of [Module.deserialize(engine, readFileSync(file)), Module.deserializeFile(engine, file)]) {
    const { exports } = new Instance(new Store(engine), module);
    t.deepEqual([exports.add(2, 3), exports.load(16), exports.same(7)], [5, 42, 7]);
    t.throws(() => exports.load(-1), { code: "ERR_WASMTIME_TRAP" });
  }
}
/** The error that each way of loading an artifact throws. */
function refusal(t: ExecutionContext, file: string, engine: Engine): IncompatibleModuleError {
  const [error, other] = [() => Module.deserialize(engine, readFileSync(file)), () => Module.deserializeFile(engine, file)].map(thrown);
  if (!(error instanceof IncompatibleModuleError)) throw error;
  t.deepEqual(other, error);
  t.true(error.hint.length > 0 && error.message.length > 0);
  return error;
}

/** Settings that Wasmtime compares and that no build of ours can have other than as they are, so that no profile sets them. */
const constants: Record<string, string> = {
  debugGuest: "off, but for Config::guest_debug, which is not called",
  operatorCost: "Wasmtime's own costs, but for Config::operator_cost, which is not called",
  winchCallable: "Cranelift is the only compiler that any build has: the feature `winch` is in none",
  recording: "the feature `rr` is in no build",
  inliningSmallCalleeSize: "a number in Wasmtime's source, that only a flag of Cranelift changes, which is not set",
  inliningSumSizeThreshold: "the same",
};
const camel = (name: string) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());

test("all settings that Wasmtime compares are set by profiles, and nothing else is", (t) => {
  // With fuel, as it compares its costs only then.
  const { compared, free } = JSON.parse(printed(t, "--settings", "fuel", "compared", stock("fuel")));
  // The target is no setting of a profile, but stands in each artifact by itself.
  t.deepEqual(compared.map(camel).sort(), ["target", ...Object.keys(inspect(artifact(wat)).settings!), ...Object.keys(constants)].sort());
  t.true(free.includes("memory_reservation_for_growth") && free.includes("generate_address_map"));
});

test("each of them that differs is named when an artifact is refused", (t) => {
  const changed = join(folder, "changed");
  mkdirSync(changed);
  printed(t, "--settings", "exchange,fuel", "compared", stock("exchange,fuel"), changed);
  const engine = engineWith({ ...exchange, fuel: true });
  const errors = readdirSync(changed).map((file) => [file.replace(".cwasm", ""), refusal(t, join(changed, file), engine)] as const);
  t.true(errors.length > 20);
  for (const [name, { reason, setting }] of errors) t.deepEqual([reason, setting], [name === "target" ? "target" : "setting", camel(name)]);
  const values = (name: string) => {
    const [, { expected, found }] = errors.find((each) => each[0] === name)!;
    return [expected, found];
  };
  t.deepEqual(values("memory_reservation"), [`${2 ** 32}`, `${2 ** 32 + 1}`]);
  t.deepEqual(values("consume_fuel"), ["true", "false"]);
  t.deepEqual(values("concurrency_support"), ["false", "true"]);
  t.deepEqual(values("collector"), ["deferred-reference-counting", "null"]);
});

for (const profile of profiles) {
  test(`what stock Wasmtime compiles with the settings of profile ${profile} loads and runs here, and the other way round`, (t) => {
    const config: Config = { ...exchange, profile };
    const settings = `exchange,${profile.replace("sandbox", "epochs").replace("metered", "fuel+epochs").replaceAll("+", ",")}`;
    works(t, stock(settings, watFor(profile)), engineWith(config));
    const file = artifactWith(watFor(profile), config);
    works(t, file, engineWith(config));
    const run = (...args: string[]) => printed(t, "--settings", settings, "run", file, ...args);
    t.deepEqual([run("add", "2", "3"), run("load", "16"), run("same", "7")], ["5", "42", "7"]);
    t.is(inspect(file).problem, undefined);
    t.is(inspect(file).stamp, major);
  });
}

test("stock Wasmtime refuses what was not compiled for exchange", (t) => {
  const { status, stderr } = upstream("--settings", "exchange", "run", artifact(wat), "add", "2", "3");
  t.deepEqual([status, stderr.trim()], [1, `Module was compiled with incompatible version '${wasmtimeVersion}+default'`]);
});

test("without moduleVersion, what was compiled for exchange is refused with advice", (t) => {
  for (const [file, options] of [
    [stock(), ""],
    [stock("exchange"), ""],
    [artifactWith(wat, exchange), "profile: 'default', "],
  ] as const) {
    const { reason, setting, expected, found, hint } = refusal(t, file, engineOf());
    t.deepEqual([reason, setting, expected, found], ["version", "moduleVersion", `${wasmtimeVersion}+default`, major]);
    t.true(hint.includes(`new Engine({ ${options}moduleVersion: 'wasmtime' })`), hint);
  }
  for (const file of [stock(), stock("exchange")]) {
    t.is((thrown(() => runSync(file, { precompiled: true })) as IncompatibleModuleError).reason, "version");
  }
});

test("with moduleVersion, what was not compiled for exchange is refused with advice", (t) => {
  const { reason, expected, found, hint } = refusal(t, artifact(wat, "sandbox"), engineWith(exchange));
  t.deepEqual([reason, expected, found], ["version", major, `${wasmtimeVersion}+sandbox`]);
  t.true(hint.includes("new Engine({ profile: 'sandbox' })"), hint);
});

test("of what stock Wasmtime compiles with other settings, the first that differs is named", (t) => {
  const { reason, setting, expected, found, hint } = refusal(t, stock(), engineWith(exchange));
  t.deepEqual([reason, setting, expected, found], ["setting", "collector", "deferred-reference-counting", "copying"]);
  t.true(hint.includes("docs/artifacts.md"));
  t.is(refusal(t, stock("exchange,fuel"), engineWith(exchange)).setting, "consumeFuel");
});

test("an artifact of ours for exchange is refused by engines of other profiles, with both names", (t) => {
  const { reason, expected, found, hint } = refusal(t, artifactWith(wat, { ...exchange, profile: "sandbox" }), engineWith(exchange));
  t.deepEqual([reason, expected, found], ["profile", "default", "sandbox"]);
  t.true(hint.includes("new Engine({ profile: 'sandbox', moduleVersion: 'wasmtime' })"), hint);
});

test("inspect says of a stock artifact what is known", (t) => {
  const info = inspect(stock("exchange"));
  t.deepEqual([info.kind, info.stamp, info.target], ["module", major, engineOf().target]);
  t.true(Array.isArray(info.cpu!.features));
  if (process.arch === "x64") t.true(info.cpu!.features.includes("sse3"));
  for (const name of ["profile", "wasmtimeVersion", "packageVersion", "settings", "imports", "exports", "wasm"]) t.false(name in info, name);
  t.is(info.problem!.message, refusal(t, stock("exchange"), engineOf()).message);
});

for (const version of ["46", "47", "49"]) {
  test(`a stock artifact of Wasmtime ${version} is refused by whatever engine`, (t) => {
    const file = join(folder, `${version}.cwasm`);
    writeFileSync(file, older(version));
    for (const config of [{}, exchange, { moduleVersion: version }] as const) {
      const { reason, expected, found, message } = refusal(t, file, engineWith(config));
      t.deepEqual([reason, expected, found], ["version", wasmtimeVersion, version]);
      t.true(message.includes(`Wasmtime ${version}`));
    }
    const info = inspect(file);
    t.deepEqual([info.kind, info.stamp, info.target, info.cpu, info.problem!.reason], ["module", version, undefined, undefined, "version"]);
    t.is((thrown(() => runSync(file, { precompiled: true })) as IncompatibleModuleError).reason, "version");
  });
}

test("a stock artifact cut short anywhere is a typed error", (t) => {
  const bytes = readFileSync(stock("exchange"));
  for (let cut = 0; cut < bytes.length; cut += cut < 100 || cut > bytes.length - 100 ? 1 : 61) {
    for (const use of [() => Module.deserialize(engineWith(exchange), bytes.subarray(0, cut)), () => inspect(bytes.subarray(0, cut))]) {
      t.is((thrown(use) as IncompatibleModuleError).reason, "notAnArtifact", `${cut}`);
    }
  }
});

test("a component is refused", (t) => {
  const file = join(folder, "component.cwasm");
  const bytes = readFileSync(stock("exchange"));
  // The flags of the ELF header.
  bytes.writeUInt32LE(2, 0x30);
  writeFileSync(file, bytes);
  const { reason, message } = refusal(t, file, engineWith(exchange));
  t.is(reason, "notAnArtifact");
  t.regex(message, /component/);
  t.is(inspect(file).kind, "component");
});

test("a stamp of one's own is loaded by engines with the same", async (t) => {
  const [mine, other] = [{ moduleVersion: "mine" }, { moduleVersion: "other" }];
  const file = artifactWith(wat, mine);
  t.is(inspect(file).stamp, "mine");
  t.is(inspect(file).problem, undefined);
  works(t, file, engineWith(mine));
  for (const config of [{}, exchange, other]) {
    const { reason, found, hint } = refusal(t, file, engineWith(config));
    t.deepEqual([reason, found], ["version", "mine"]);
    t.true(hint.includes("new Engine({ profile: 'default', moduleVersion: 'mine' })"), hint);
  }
  for (const wrong of [artifact(wat), stock("exchange"), artifactWith(wat, other)]) {
    t.is(refusal(t, wrong, engineWith(mine)).reason, "version");
  }
  const command = artifactWith(`(module (memory (export "memory") 1) (func (export "_start")))`, mine);
  t.is((await run(command, { precompiled: true })).exitCode, 0);
  t.is(runSync(command, { precompiled: true }).exitCode, 0);
  t.notThrows(() => engineWith({ moduleVersion: "m".repeat(255) }));
  for (const wrong of ["", "a+b", "m".repeat(256), 48, null] as any[]) {
    t.throws(() => new Engine({ moduleVersion: wrong }), typeError, String(wrong));
  }
});

test("a stamp of one's own on what another major version has compiled is not enough", (t) => {
  const bytes = artifactFor(wat, { moduleVersion: "mine" });
  const footer = bytes.length - 40;
  const image = Number(bytes.readBigUInt64LE(footer));
  const at = bytes.indexOf(`wasmtime=${wasmtimeVersion}`, image);
  bytes.write("47", at + "wasmtime=".length);
  bytes.writeUInt32LE(crc32(bytes.subarray(image, footer)), footer + 16);
  const file = join(folder, "mine.cwasm");
  writeFileSync(file, bytes);
  const { reason, found } = refusal(t, file, engineWith({ moduleVersion: "mine" }));
  t.deepEqual([reason, found], ["version", wasmtimeVersion.replace(major, "47")]);
});

test("minimumCompilerVersion refuses what an older compiler has made, or one whose version is not known", (t) => {
  const [numbers, patch] = [wasmtimeVersion.split("."), Number(wasmtimeVersion.split(".")[2])];
  const newer = [...numbers.slice(0, 2), patch + 1].join(".");
  for (const accepted of [wasmtimeVersion, `${major}.0.0`, "1.2.3"]) {
    works(t, artifact(wat), engineWith({ minimumCompilerVersion: accepted }));
    works(t, artifactWith(wat, exchange), engineWith({ ...exchange, minimumCompilerVersion: accepted }));
  }
  for (const minimum of [newer, `${major}.1.0`, "100.0.0"]) {
    for (const [file, config] of [[artifact(wat), {}], [artifactWith(wat, exchange), exchange]] as const) {
      const { reason, setting, expected, found } = refusal(t, file, engineWith({ ...config, minimumCompilerVersion: minimum }));
      t.deepEqual([reason, setting, expected, found], ["compilerVersion", "minimumCompilerVersion", minimum, wasmtimeVersion]);
    }
  }
  works(t, stock("exchange"), engineWith({ ...exchange, minimumCompilerVersion: `${major}.0.0` }));
  for (const minimum of [`${major}.0.1`, wasmtimeVersion, newer]) {
    const { reason, found } = refusal(t, stock("exchange"), engineWith({ ...exchange, minimumCompilerVersion: minimum }));
    t.deepEqual([reason, found], ["compilerVersion", "an unknown version"]);
  }
  for (const wrong of ["", "48", "48.0", "48.0.8.1", "48.0.x", "48.0.-1", "+48.0.8", " 48.0.8", "48.0.99999999999", 48, null] as any[]) {
    t.throws(() => new Engine({ minimumCompilerVersion: wrong }), typeError, String(wrong));
  }
});
