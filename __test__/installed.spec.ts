// What a user gets: the packed package of the variant under test, installed with no network into a folder of its own.

import test from "ava";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type FeatureName, featureTable } from "../lib/features.js";
import { hostPlatform, packages, platforms } from "../lib/platforms.js";
import { features } from "../index.js";
import { artifact } from "./artifacts.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const variant = process.env["CWASM_VARIANT"] ?? "full";
/** The packages of a custom build (scripts/custom.mjs); none for those that are published. */
const custom = Object.hasOwn(packages, variant) ? undefined : join(root, "target", "custom", variant);
const name: string = custom === undefined ? packages[variant]! : JSON.parse(readFileSync(join(custom, "package.json"), "utf8")).name;
const folder = mkdtempSync(join(tmpdir(), "cwasm-installed-"));
const installed = join(folder, "node_modules", ...name.split("/"));
const write = (file: string, content: string) => writeFileSync(join(folder, file), content);

test.before("pack and install", async (t) => {
  t.timeout(120_000);
  const { npm } = (await import(new URL("../../scripts/commands.mjs", import.meta.url).href)) as {
    npm(args: string[]): [string, string[]];
  };
  const made = join(folder, "packages");
  mkdirSync(made);
  const packed =
    custom === undefined
      ? run(process.execPath, [join(root, "scripts", "pack.mjs"), made])
      : run(...npm(["pack", custom, join(custom, hostPlatform()), "--pack-destination", made]));
  t.is(packed.status, 0, packed.stderr);
  const tarballs = readdirSync(made).filter((file) => custom !== undefined || file.startsWith("cwasm-wasmtime-min-") === (variant === "min"));
  write("package.json", '{ "private": true }');
  const install = run(
    ...npm([
      "install",
      "--offline",
      "--no-audit",
      "--no-fund",
      ...tarballs.map((file) => join(folder, "packages", file)),
    ]),
  );
  t.is(install.status, 0, install.stderr);
});

test.after.always("remove it", () => rmSync(folder, { recursive: true, force: true }));

test("the manifest names each of its platform packages at its own version, and nothing of the checkout", (t) => {
  const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
  t.deepEqual(
    manifest.optionalDependencies,
    Object.fromEntries((custom === undefined ? platforms : [hostPlatform()]).map((platform) => [`${name}-${platform}`, manifest.version])),
  );
  for (const field of ["dependencies", "devDependencies", "scripts", "napi", "ava", "overrides"])
    t.is(manifest[field], undefined, field);
});

test("only what runs is packed", (t) => {
  t.deepEqual(readdirSync(join(installed, "dist")).sort(), ["cli", "index.d.ts", "index.js", "lib"]);
  for (const file of ["LICENSE", "dist/lib/binding.d.ts", "dist/lib/node-wasi.js", "dist/lib/node-wasi.d.ts", "dist/cli/cwasm.js"])
    t.true(existsSync(join(installed, file)), file);
});

test("import finds the package's own variant", (t) => {
  write("esm.mjs", `import { variant } from "${name}"; console.log(variant);`);
  t.is(run(process.execPath, ["esm.mjs"]).stdout.trim(), variant);
});

test("an artifact runs, and what the variant lacks throws what says so", (t) => {
  writeFileSync(join(folder, "add.cwasm"), readFileSync(artifact(`(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))`)));
  write(
    "guest.mjs",
    `import * as api from "${name}";
    const { Engine, Instance, Module, Store, features, requireFeature, version } = api;
    const engine = new Engine();
    const { add } = new Instance(new Store(engine), Module.deserializeFile(engine, "add.cwasm")).exports;
    const refused = ${JSON.stringify(Object.keys(featureTable))}.filter((name) => !features.has(name)).map((name) => {
      try { requireFeature(name) } catch ({ name: error, feature, variant, hint }) { return { error, feature, variant, hint } }
    });
    const uses = { cranelift: () => Module.compileSync(engine, ""), wasi: () => api.runSync("add.cwasm"), gc: () => Store.prototype.gc.call(undefined) };
    const thrown = Object.entries(uses).filter(([name]) => !features.has(name)).map(([name, use]) => {
      try { use() } catch (error) { return [name, error instanceof api.FeatureUnavailableError, error.feature] }
    });
    console.log(JSON.stringify({ sum: add(40, 2), version, features: [...features], refused, thrown }));`,
  );
  const { stdout, stderr } = run(process.execPath, ["guest.mjs"]);
  t.not(stdout, "", stderr);
  const found = JSON.parse(stdout);
  t.is(found.sum, 42);
  t.is(found.version, JSON.parse(readFileSync(join(installed, "package.json"), "utf8")).version);
  t.deepEqual(found.features, [...features]);
  const absent = (Object.keys(featureTable) as FeatureName[]).filter((feature) => !features.has(feature));
  t.deepEqual(found.refused.map(({ feature }: { feature: string }) => feature), absent);
  for (const { error, variant: of, hint, feature } of found.refused) {
    t.deepEqual([error, of], ["FeatureUnavailableError", variant]);
    t.is(hint.includes("npm run build:custom -- --features"), custom !== undefined);
    t.regex(hint, custom === undefined ? /./ : new RegExp(`--features [\\w,-]*\\b${feature}\\b`));
  }
  for (const [used, typed, feature] of found.thrown) t.deepEqual([typed, feature], [true, used]);
  t.deepEqual(found.thrown.length, ["cranelift", "wasi", "gc"].filter((feature) => absent.includes(feature as FeatureName)).length);
});

test("node-wasi is found too, and its types", (t) => {
  write("wasi.mts", `import { WASI, type WASIOptions } from "${name}/node-wasi";
    const options: WASIOptions = { version: "preview1" };
    const code: number = new WASI(options).start({ exports: {} });
    // @ts-expect-error
    new WASI({ version: 1 });
    console.log(code);`);
  write("wasi.json", JSON.stringify({ compilerOptions: { module: "nodenext", target: "es2022", strict: true, noEmit: true, lib: ["es2023", "esnext.disposable"], types: ["node"], typeRoots: [join(root, "node_modules", "@types")] }, files: ["wasi.mts"] }));
  const { status, stdout } = run(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "--project", "wasi.json"]);
  t.is(status, 0, stdout);
  write("wasi.cjs", `const { WASI } = require("${name}/node-wasi"); console.log(new WASI({ version: "preview1" }).getImportObject().wasi_snapshot_preview1 !== undefined);`);
  const ran = run(process.execPath, ["--no-warnings", "wasi.cjs"]);
  if (features.has("wasi")) t.is(ran.stdout.trim(), "true", ran.stderr);
  else t.regex(ran.stderr, /ERR_WASMTIME_FEATURE_UNAVAILABLE/);
});

test("require() works from CommonJS", (t) => {
  write("cjs.cjs", `const { variant } = require("${name}"); console.log(variant);`);
  const { stdout, stderr } = run(process.execPath, ["--no-warnings", "cjs.cjs"]);
  t.is(stdout.trim(), variant, stderr);
});

// A wrong type has to be an error: types that are not found are `any`, and fit everywhere.
const use = `export const text: string = version;\n// @ts-expect-error\nexport const number: number = version;\n`;
const named = `import { version } from "${name}";\n${use}`;
const required = `import wasmtime = require("${name}");\nconst { version } = wasmtime;\n${use}`;
const resolutions: [resolution: string, module: string, file: string, source: string][] = [
  ["node16", "node16", "node16.mts", named],
  ["nodenext", "nodenext", "nodenext.mts", named],
  ["nodenext", "nodenext", "nodenext.cts", required],
  ["bundler", "esnext", "bundler.ts", named],
];
for (const [resolution, module, file, source] of resolutions) {
  test(`the types are found under ${resolution}, in ${file}`, (t) => {
    write(file, source);
    const options = {
      module,
      moduleResolution: resolution,
      target: "es2022",
      strict: true,
      noEmit: true,
      lib: ["es2023", "esnext.disposable"],
    };
    const reachable = { types: ["node"], typeRoots: [join(root, "node_modules", "@types")] };
    write(`${file}.json`, JSON.stringify({ compilerOptions: { ...options, ...reachable }, files: [file] }));
    const { status, stdout } = run(process.execPath, [
      join(root, "node_modules", "typescript", "bin", "tsc"),
      "--project",
      `${file}.json`,
    ]);
    t.is(status, 0, stdout);
  });
}

function run(command: string, args: string[]) {
  const { CWASM_VARIANT, CWASM_NATIVE_PATH, ...env } = process.env;
  return spawnSync(command, args, { cwd: folder, env, encoding: "utf8" });
}
