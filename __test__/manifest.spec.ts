// Many modules for many machines: `cwasm compile -o DIR/`, and what is loaded from there.

import test, { type ExecutionContext } from "ava";
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { Engine, IncompatibleModuleError, Instance, type Manifest, SignatureError, Store, inspect, loadFrom } from "../index.js";
import { engineOf, folder, needing, root, thrown, typeError, wasm } from "./helper.js";

const wat = (n: number) => `(module (func (export "f") (result i32) (i32.const ${n})))`;
/** A folder of sources: two modules, text, and what is none. */
function sources(t: ExecutionContext): string {
  const at = folder(t);
  const files: Record<string, Uint8Array | string> = { "a.wasm": wasm(wat(1)), "deep/er/b.wasm": wasm(wat(2)), "deep/c.wat": wat(3), "deep/notes.txt": "no module" };
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(at, name)), { recursive: true });
    writeFileSync(join(at, name), content);
  }
  return at;
}
/** The command of the full build, on whichever this is tested: what it makes is loaded by both. */
function cwasm(cwd: string, ...args: string[]) {
  const { CWASM_NATIVE_PATH, ...env } = process.env;
  const result = spawnSync(process.execPath, [join(root, "dist/cli/cwasm.js"), ...args], { cwd, encoding: "utf8", env: { ...env, CWASM_VARIANT: "full" } });
  return { status: result.status, stdout: result.stdout, stderr: result.stderr };
}
const five = (engine: Engine, ...args: Parameters<typeof loadFrom> extends [any, ...infer R] ? R : never) =>
  new Instance(new Store(engine), loadFrom(engine, ...args)).exports.f();
const host = engineOf().target;
const files = (at: string): string[] =>
  readdirSync(at, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(at.length + 1))
    .sort();

test("a pattern and several targets make artifacts in a folder, and a manifest that says which is which", (t) => {
  const at = sources(t);
  const { status, stderr } = cwasm(at, "compile", "**/*.wasm", "--target", host, "--target", "pulley64", "-o", "out/");
  t.is(status, 0, stderr);
  t.is(stderr.trim().split("\n").length, 4);
  t.regex(stderr, /^\[4\/4\] \S+\.wasm for \S+$/m);
  const out = join(at, "out");
  t.deepEqual(files(out), ["a.pulley64.cwasm", `a.${host}.cwasm`, "cwasm.json", "deep/er/b.pulley64.cwasm", `deep/er/b.${host}.cwasm`].sort());
  const manifest: Manifest = JSON.parse(readFileSync(join(out, "cwasm.json"), "utf8"));
  t.deepEqual(Object.keys(manifest.modules), ["a.wasm", "deep/er/b.wasm"]);
  for (const { artifacts, sha256 } of Object.values(manifest.modules)) {
    t.deepEqual(artifacts.map(({ target }) => target), [host, "pulley64"]);
    for (const artifact of artifacts) {
      const info = inspect(join(out, artifact.file));
      t.deepEqual([info.sha256, info.bytes, info.wasm!.sha256, info.profile], [artifact.sha256, artifact.bytes, sha256, artifact.profile]);
    }
  }
});

needing("pulley")("loadFrom picks the artifact of a module for what the engine runs, by path or by hash", (t) => {
  const at = sources(t);
  t.is(cwasm(at, "compile", "{a,deep/er/?}.wasm", "deep/c.wat", "--target", host, "--target", "pulley64", "-o", "out/").status, 0);
  const manifest = join(at, "out", "cwasm.json");
  const pulley = new Engine({ target: "pulley64" });
  for (const engine of [engineOf(), pulley]) {
    t.is(five(engine, manifest, "a.wasm"), 1);
    t.is(five(engine, manifest, "deep/er/b.wasm"), 2);
    t.is(five(engine, pathToFileURL(manifest), "deep/c.wat"), 3);
    const { modules }: Manifest = JSON.parse(readFileSync(manifest, "utf8"));
    t.is(five(engine, manifest, modules["deep/er/b.wasm"]!.sha256), 2);
  }
});

needing("pulley")("what the manifest has none of is an IncompatibleModuleError that says what there is", (t) => {
  const at = sources(t);
  t.is(cwasm(at, "compile", "a.wasm", "--target", "pulley64", "-o", "out/").status, 0);
  const manifest = join(at, "out", "cwasm.json");
  const interpreting = new Engine({ target: "pulley64", profile: "sandbox" });
  const error = thrown(() => loadFrom(engineOf(), manifest, "a.wasm")) as IncompatibleModuleError;
  t.true(error instanceof IncompatibleModuleError, String(error));
  t.deepEqual([error.reason, error.found], ["missing", "pulley64 (default)"]);
  t.true(error.hint.includes(`--target ${host}`));
  t.is((thrown(() => loadFrom(interpreting, manifest, "a.wasm")) as IncompatibleModuleError).reason, "missing");
  for (const name of ["b.wasm", "", "toString", "__proto__"]) {
    t.is((thrown(() => loadFrom(engineOf(), manifest, name)) as IncompatibleModuleError).reason, "missing", name);
  }
  const module = (artifact: unknown) => JSON.stringify({ format: 1, modules: { "a.wasm": { sha256: "", artifacts: [artifact] } } });
  const artifact = { target: host, profile: "default", file: "a.pulley64.cwasm", sha256: "", bytes: 1 };
  const elsewhere = ["../out/a.cwasm", "/a.cwasm", "..", "a/../../b", "C:\\\\a.cwasm", "\\\\host\\a", "a\u0000b"].map((file) => module({ ...artifact, file }));
  const wrong = [null, 5, [], { ...artifact, target: 5 }, { ...artifact, file: undefined }].map(module);
  const shapes = ["", "{}", "[]", "null", '{"format":2,"modules":{}}', '{"format":1,"modules":null}', '{"format":1,"modules":[]}', '{"format":1,"modules":{"a":5}}'];
  for (const text of [...shapes, ...wrong, ...elsewhere]) {
    writeFileSync(manifest, text);
    t.is((thrown(() => loadFrom(engineOf(), manifest, "a.wasm")) as IncompatibleModuleError).reason, "notAnArtifact", text);
  }
  t.throws(() => loadFrom(engineOf(), join(at, "none.json"), "a.wasm"), { code: "ENOENT" });
  t.throws(() => loadFrom(engineOf(), manifest, "a.wasm", { verify: undefined }), typeError, "a key that was not found");
  for (const wrong of [undefined, null, 5, {}] as any[]) {
    t.throws(() => loadFrom(wrong, manifest, "a.wasm"), typeError);
    t.throws(() => loadFrom(engineOf(), wrong, "a.wasm"), typeError);
    t.throws(() => loadFrom(engineOf(), manifest, wrong), typeError);
  }
});

needing("gc", "threads")("a signed manifest vouches for its artifacts, and for no others", (t) => {
  const at = sources(t);
  for (const name of ["ours", "theirs"]) t.is(cwasm(at, "keygen", name).status, 0);
  t.is(cwasm(at, "compile", "**/*.wasm", "-o", "out/", "--sign", "ours.key").status, 0);
  const out = join(at, "out");
  const manifest = join(out, "cwasm.json");
  const [ours, theirs] = ["ours.pub", "theirs.pub"].map((name) => readFileSync(join(at, name))) as [Buffer, Buffer];
  t.is(five(engineOf(), manifest, "a.wasm", { verify: ours }), 1);
  t.is(five(engineOf(), manifest, "a.wasm", { verify: [theirs, ours] }), 1);
  for (const file of ["cwasm.json", `a.${host}.cwasm`]) t.is(cwasm(out, "verify", "--key", "../ours.pub", file).status, 0, file);
  // Keys change: what is there is signed again.
  t.is(cwasm(at, "sign", "--key", "theirs.key", "out/cwasm.json", join("out", `a.${host}.cwasm`)).status, 0);
  t.is(five(engineOf(), manifest, "a.wasm", { verify: theirs }), 1);
  t.is(cwasm(at, "sign", "out/cwasm.json", "--key", "ours.key", join("out", `a.${host}.cwasm`)).status, 0);
  const refused = (reason: string, verify = ours) => {
    const error = thrown(() => loadFrom(engineOf(), manifest, "a.wasm", { verify })) as SignatureError;
    t.true(error instanceof SignatureError, String(error));
    t.is(error.reason, reason as SignatureError["reason"]);
  };
  refused("unknownKey", theirs);
  // One signed artifact in the place of another.
  const [a, b] = [join(out, `a.${host}.cwasm`), join(out, `deep/er/b.${host}.cwasm`)];
  const kept = readFileSync(a);
  copyFileSync(b, a);
  refused("mismatch");
  t.is(cwasm(at, "verify", "--key", "ours.pub", "out/cwasm.json").status, 1, "it names what is not there");
  const both = cwasm(at, "verify", join("out/deep/er", `b.${host}.cwasm`), "out/cwasm.json", "--key", "ours.pub");
  t.is(both.status, 1, "all files count");
  writeFileSync(a, kept);
  // An artifact's signature is none of a manifest.
  const [signature, text] = [readFileSync(`${manifest}.sig`), readFileSync(manifest)];
  copyFileSync(`${a}.sig`, `${manifest}.sig`);
  refused("mismatch");
  writeFileSync(`${manifest}.sig`, signature);
  writeFileSync(manifest, `${text} `);
  refused("mismatch");
  writeFileSync(manifest, text);
  t.is(five(engineOf(), manifest, "a.wasm", { verify: ours }), 1);
  rmSync(`${manifest}.sig`);
  refused("missing");
});

test("where one module does not compile nothing is written, and all that is wrong is said", (t) => {
  const at = sources(t);
  t.is(cwasm(at, "compile", "**/*.wasm", "-o", "out/").status, 0);
  const before = files(join(at, "out")).map((file) => readFileSync(join(at, "out", file)));
  writeFileSync(join(at, "a.wasm"), wasm(wat(9)));
  writeFileSync(join(at, "broken.wasm"), "\0asm\u0001\0\0\0nonsense");
  const { status, stderr } = cwasm(at, "compile", "**/*.wasm", "--target", host, "--target", "pulley64", "-o", "out/");
  t.is(status, 1);
  t.is(stderr.match(/broken\.wasm for \S+:\ncwasm: CompileError/g)?.length, 2, stderr);
  t.deepEqual(files(join(at, "out")).map((file) => readFileSync(join(at, "out", file))), before);
});

test("patterns find what they say, below where they begin", (t) => {
  const at = sources(t);
  for (const [pattern, names] of [
    ["**/*.wasm", ["a.wasm", "deep/er/b.wasm"]],
    ["deep/**", ["c.wat", "er/b.wasm", "notes.txt"]],
    ["deep/*", ["c.wat", "notes.txt"]],
    ["de?p/er/*", ["deep/er/b.wasm"]],
    [join(at, "deep/**/[b].wasm"), []],
    ["./deep/{er/b.wasm,c.*}", ["c.wat", "er/b.wasm"]],
    ["{a,deep/er/?}.w*m", ["a.wasm", "deep/er/b.wasm"]],
    ["*.(wasm|wat)", []],
    ["deep/../a.wasm", ["a.wasm"]],
    [join(at, "deep/c.wat"), ["c.wat"]],
  ] as [string, string[]][]) {
    const script = `process.chdir(${JSON.stringify(at)}); const { glob } = await import(${JSON.stringify(pathToFileURL(join(root, "dist/cli/glob.js")))});
      const { base, files } = glob(${JSON.stringify(pattern)}); console.log(JSON.stringify(files));`;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8" });
    t.deepEqual(stdout && JSON.parse(stdout), names, pattern + stderr);
  }
});

test("files that would be one another's artifact, and patterns that nothing matches, are refused", (t) => {
  const at = sources(t);
  writeFileSync(join(at, "a.wat"), wat(4));
  for (const [args, message] of [
    [["a.wasm", "a.wat", "-o", "out/"], /would have the same artifact/],
    [["a.wasm", join(at, "deep", "a.wasm"), "-o", "out/"], /would both be 'a\.wasm'/],
    [["*.none", "-o", "out/"], /no file matches/],
    [["a.wasm", "deep/c.wat"], /need a folder/],
    [["a.wasm", "--target", host, "--target", "pulley64"], /need a folder/],
  ] as [string[], RegExp][]) {
    const { status, stderr } = cwasm(at, "compile", ...args);
    t.is(status, 2, stderr);
    t.regex(stderr, message);
  }
  t.false(existsSync(join(at, "out")));
});
