// Builds of one's own (scripts/custom.mjs): what that asks for and makes, and the artifacts for them.

import test from "ava";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CompileError, type Feature, IncompatibleModuleError, Instance, Module, Store, features, inspect, variant } from "../index.js";
import { featureTable } from "../lib/features.js";
import { hostPlatform, packages } from "../lib/platforms.js";
import { command } from "./command.js";
import { artifact, engineOf, folder, needs, root, typeError } from "./helper.js";

const all = Object.keys(featureTable);
const json = (...path: string[]) => JSON.parse(readFileSync(join(root, ...path), "utf8"));
const build = (...args: string[]) => spawnSync(process.execPath, [join(root, "scripts", "custom.mjs"), ...args], { cwd: root, encoding: "utf8" });

const refusals: [what: string, args: string[], said: RegExp][] = [
  ["no --features", ["--name", "edge"], /--features is missing: a list of .*npm run build:custom -- --features gc,wasi --name edge/s],
  ["a feature that there is not", ["--features", "gc,treads", "--name", "edge"], /no feature 'treads': did you mean 'threads'\? there are/],
  ["none and others", ["--features", "none,gc", "--name", "edge"], /either/],
  ["no --name", ["--features", "gc"], /--name is missing: .*edge/s],
  ["a name that is no package's", ["--features", "gc", "--name", "@acme/Edge"], /no name of a package: small letters/],
  ["a path as a name", ["--features", "gc", "--name", "../edge"], /no name of a package/],
  ["the name of a prebuilt build", ["--features", "gc", "--name", "min"], /--name min is taken: .*@cwasm\/wasmtime-min/],
  ["the package of a prebuilt build", ["--features", "gc", "--name", "@cwasm/wasmtime"], /--name @cwasm\/wasmtime is taken/],
  ["a name that ends as an addon's", ["--features", "gc", "--name", "edge-linux-x64-gnu"], /would be taken for an addon for linux-x64-gnu/],
  ["a profile that there is not", ["--features", "gc", "--name", "edge", "--profile", "fast"], /--profile is min .* or release .*, not 'fast'/],
  ["a platform that there is not", ["--features", "gc", "--name", "edge", "--platforms", "linux-x64"], /no platform 'linux-x64': .*linux-x64-gnu/],
  ["an option that there is not", ["--feature", "gc", "--name", "edge"], /--feature'.*npm run build:custom/s],
];
for (const [what, args, said] of refusals) {
  test(`build:custom refuses ${what}, and says what to write`, (t) => {
    const { status, stdout, stderr } = build(...args);
    t.is(status, 1, stdout);
    t.regex(stderr, said);
  });
}

test("build:custom lists every feature of the table where it needs one", (t) => {
  const { stderr } = build("--name", "edge");
  for (const feature of all) t.true(stderr.includes(feature), feature);
});

test("precompile leaves out what the build that loads the artifact lacks, and every build loads that", (t) => {
  const add = `(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))`;
  const engine = engineOf();
  needs(t, "cranelift", () => engine.precompileSync(add, { features: [] }), () => {
    const made = (features: Feature[], wat = add) => engine.precompileSync(wat, { features });
    const settings = (artifact: Uint8Array) => inspect(artifact).settings!;
    const [none, threads, all] = [made(["wasi"]), made(["threads"]), made(["gc", "threads"])].map(settings);
    t.deepEqual([none!["collector"], threads!["collector"]], ["none", "none"]);
    for (const proposal of ["threads", "gc_types", "exceptions"]) t.false(none!["features"]!.split(",").includes(proposal), proposal);
    t.true(threads!["features"]!.split(",").includes("threads"));
    t.deepEqual(all, settings(engine.precompileSync(add)));
    const { exports } = new Instance(new Store(engine), Module.deserialize(engine, made([])));
    t.is(exports.add(1, 2), 3);
    t.throws(() => made([], "(module (func (param externref)))"), { instanceOf: CompileError });
    t.throws(() => made([], "(module (memory 1 2 shared))"), { instanceOf: CompileError });
    t.throws(() => made(["simd" as Feature]), { ...typeError, message: /'simd', which is none of cranelift, wat/ });
    for (const wrong of ["gc", {}, 5, [5]] as any[]) t.throws(() => engine.precompileSync(add, { features: wrong }), typeError);
  });
});

test("cwasm compile --features makes what a build with these loads", async (t) => {
  const at = folder(t);
  writeFileSync(join(at, "a.wat"), "(module)");
  const { status, stderr } = await command(["compile", "a.wat", "--features", "none"], { cwd: at });
  if (!features.has("cranelift")) return t.regex(stderr, /cranelift/);
  t.is(status, 0, stderr);
  t.is(inspect(join(at, "a.cwasm")).settings!["collector"], "none");
  t.regex((await command(["compile", "a.wat", "--features", "gc,trheads"], { cwd: at })).stderr, /'trheads', which is none of/);
});

test("an artifact for builds with more is refused by its feature, with what to compile it with", (t) => {
  const [gc, threads] = [artifact("(module (func (param externref)))"), artifact("(module (memory 1 2 shared))")];
  for (const [feature, file] of [["gc", gc], ["threads", threads]] as const) {
    if (features.has(feature)) {
      t.truthy(Module.deserializeFile(engineOf(), file));
      continue;
    }
    const error = t.throws(() => Module.deserializeFile(engineOf(), file), { instanceOf: IncompatibleModuleError }) as IncompatibleModuleError;
    const has = ["gc", "threads"].filter((name) => features.has(name as Feature)).join(",") || "none";
    t.deepEqual([error.reason, error.setting, error.expected], ["feature", "features", has]);
    t.true(error.found!.split(",").includes(feature));
    t.true(error.message.includes(`'${feature}'`) && error.message.includes(`(${variant})`));
    t.true(error.hint.includes(`--features ${has},`));
    t.is(inspect(file).problem!.message, error.message);
  }
});

if (!Object.hasOwn(packages, variant)) {
  const folder = join("target", "custom", variant);
  const [facade, addon, full] = [json(folder, "package.json"), json(folder, hostPlatform(), "package.json"), json("package.json")];

  test("a custom facade is as the full one, but for its name and what it says of the build", (t) => {
    for (const field of ["version", "type", "exports", "bin", "files", "engines", "license", "repository"]) t.deepEqual(facade[field], full[field], field);
    t.deepEqual(facade.cwasm, { variant, features: all.filter((feature) => features.has(feature as never)).sort() });
    t.regex(facade.name, new RegExp(`\\b${variant}$`));
    t.deepEqual(facade.optionalDependencies, { [`${facade.name}-${hostPlatform()}`]: full.version });
    t.deepEqual(readdirSync(join(root, folder, "dist")).sort(), ["cli", "index.d.ts", "index.js", "lib"]);
  });

  test("a custom platform package is as the full one, but for its name and what it says of the build", (t) => {
    const { name, description, cwasm, ...rest } = addon;
    const { name: _, description: __, ...model } = json("npm", "wasmtime", hostPlatform(), "package.json");
    t.deepEqual(rest, model);
    t.deepEqual(cwasm, facade.cwasm);
    t.is(name, `${facade.name}-${hostPlatform()}`);
    t.regex(description, new RegExp(`of ${facade.name}$`));
    t.true(existsSync(join(root, folder, hostPlatform(), addon.main)));
  });
}
