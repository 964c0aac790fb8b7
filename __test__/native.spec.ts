// The loader, in processes of its own: each test makes a node_modules folder and looks at what is found in it, or at what
// is said when nothing is.

import test, { type ExecutionContext } from "ava";
import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { variant } from "../index.js";
import { hostPlatform, platforms } from "../lib/platforms.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
const host = hostPlatform();
const built = (name: string) => join(root, "npm", name, host, `cwasm.${host}.node`);

interface Tree {
  /** The facade's name, without the scope if that is ours. */
  facade?: string;
  version?: string;
  /** More of the facade's manifest. */
  manifest?: object;
  /** Platform packages: a built addon for this machine, its own or one that is named, or bytes that are none. */
  addons?: Record<string, "built" | "rubbish" | "wasmtime" | "wasmtime-min">;
  env?: Record<string, string>;
  flags?: string[];
  /** Properties of `process` to replace before loading. */
  process?: Record<string, string>;
}
interface Outcome {
  variant?: string;
  name?: string;
  code?: string;
  message: string;
  tried: { path: string; error: string }[];
}

/** Loads lib/native.js in a new process, in a tree as described. */
function load(t: ExecutionContext, tree: Tree): Outcome {
  const folder = mkdtempSync(join(tmpdir(), "cwasm-native-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const scoped = (name: string) => (name.startsWith("@") ? name : `@cwasm/${name}`);
  const facade = join(folder, "node_modules", scoped(tree.facade ?? "wasmtime"));
  cpSync(join(root, "dist", "lib"), join(facade, "dist", "lib"), { recursive: true });
  writeFileSync(
    join(facade, "package.json"),
    JSON.stringify({ name: scoped(tree.facade ?? "wasmtime"), version: tree.version ?? version, type: "module", ...tree.manifest }),
  );
  for (const [name, content] of Object.entries(tree.addons ?? {})) {
    const platform = platforms.find((platform) => name.endsWith(`-${platform}`)) ?? "none";
    const file = join(folder, "node_modules", scoped(name), `cwasm.${platform}.node`);
    mkdirSync(dirname(file), { recursive: true });
    if (content === "rubbish") writeFileSync(file, "no addon".repeat(100));
    else linkOrCopy(built(content === "built" ? name.slice(0, -platform.length - 1) : content), file);
  }
  const script = `
    for (const [name, value] of Object.entries(${JSON.stringify(tree.process ?? {})})) Object.defineProperty(process, name, { value });
    import(${JSON.stringify(pathToFileURL(join(facade, "dist", "lib", "native.js")).href)}).then(
      ({ native }) => console.log(JSON.stringify({ variant: native.variant })),
      (error) => console.log(JSON.stringify({ name: error.constructor.name, code: error.code, message: error.message, tried: error.tried })),
    );`;
  const { CWASM_VARIANT, CWASM_NATIVE_PATH, ...env } = process.env;
  const child = spawnSync(process.execPath, [...(tree.flags ?? []), "--eval", script], {
    env: { ...env, ...tree.env },
    encoding: "utf8",
  });
  t.is(child.status, 0, child.stderr);
  return JSON.parse(child.stdout) as Outcome;
}

/** The full addon is large; a link serves where the temporary folder is on the same disk. */
function linkOrCopy(from: string, to: string) {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

const both = { [`wasmtime-${host}`]: "built", [`wasmtime-min-${host}`]: "built" } as const;

test("these tests run on the variant that was asked for", (t) => {
  t.is(variant, process.env["CWASM_VARIANT"] ?? "full");
});

test("a package takes the addon of its own variant first", (t) => {
  t.is(load(t, { facade: "wasmtime", addons: both }).variant, "full");
  t.is(load(t, { facade: "wasmtime-min", addons: both }).variant, "min");
});

test("CWASM_VARIANT steers where both are installed", (t) => {
  t.is(load(t, { addons: both, env: { CWASM_VARIANT: "min" } }).variant, "min");
  t.is(load(t, { facade: "wasmtime-min", addons: both, env: { CWASM_VARIANT: "full" } }).variant, "full");
});

test("the other variant serves where the wanted one is not installed", (t) => {
  const addons = { [`wasmtime-min-${host}`]: "built" } as const;
  t.is(load(t, { addons }).variant, "min");
  t.is(load(t, { addons, env: { CWASM_VARIANT: "full" } }).variant, "min");
});

test("a CWASM_VARIANT that does not exist is refused", (t) => {
  const { name, message } = load(t, { addons: both, env: { CWASM_VARIANT: "mini" } });
  t.is(name, "TypeError");
  t.regex(message, /"mini"/);
});

test("CWASM_NATIVE_PATH wins over everything", (t) => {
  t.is(
    load(t, { addons: both, env: { CWASM_VARIANT: "full", CWASM_NATIVE_PATH: built("wasmtime-min") } }).variant,
    "min",
  );
});

test("where CWASM_NATIVE_PATH names nothing, nothing else is tried", (t) => {
  const { name, code, tried, message } = load(t, {
    addons: both,
    env: { CWASM_NATIVE_PATH: join(root, "nowhere.node") },
  });
  t.is(name, "NativeNotFoundError");
  t.is(code, "ERR_WASMTIME_NATIVE_NOT_FOUND");
  t.deepEqual(
    tried.map(({ path }) => path),
    [join(root, "nowhere.node")],
  );
  t.regex(message, /CWASM_NATIVE_PATH is set/);
});

test("an addon of another version is passed over, and named", (t) => {
  const { name, message } = load(t, { version: "48.0.999", addons: both });
  t.is(name, "NativeNotFoundError");
  t.regex(message, new RegExp(`has version ${version}, @cwasm/wasmtime has 48\\.0\\.999`));
  t.regex(message, /Mixed versions/);
});

test("the error lists all that was tried, in order", (t) => {
  const { tried, message } = load(t, {});
  t.deepEqual(
    tried.map(({ path }) => path),
    [`@cwasm/wasmtime-${host}/cwasm.${host}.node`, `@cwasm/wasmtime-min-${host}/cwasm.${host}.node`],
  );
  for (const { path, error } of tried) t.true(message.includes(path) && message.includes(error));
});

test("bundled into another package, the loader takes what is installed", (t) => {
  t.is(load(t, { facade: "../app", addons: both }).variant, "full");
});

const edge = { facade: "@acme/edge", manifest: { cwasm: { variant: "edge" }, optionalDependencies: { [`@acme/edge-${host}`]: version } } } as const;
const own = { [`@acme/edge-${host}`]: "wasmtime-min" } as const;

test("a custom package takes the addon of its own name", (t) => {
  t.is(load(t, { ...edge, addons: { ...both, ...own } }).variant, "min");
  t.is(load(t, { ...edge, addons: { ...both, ...own }, env: { CWASM_VARIANT: "edge" } }).variant, "min");
});

test("no other addon takes its place unless that is asked for", (t) => {
  const { name, message, tried } = load(t, { ...edge, addons: both });
  t.is(name, "NativeNotFoundError");
  t.deepEqual(tried.map(({ path }) => path), [`@acme/edge-${host}/cwasm.${host}.node`]);
  t.regex(message, /No addon of @acme\/edge could be loaded/);
  t.regex(message, new RegExp(`The package for ${host} is not installed`));
  t.is(load(t, { ...edge, addons: both, env: { CWASM_VARIANT: "full" } }).variant, "full");
  t.regex(load(t, { ...edge, addons: both, env: { CWASM_VARIANT: "other" } }).message, /"full" or "min" or "edge", not "other"/);
});

test("a custom package's addon must be of its version, and for one of the platforms it names", (t) => {
  t.regex(load(t, { ...edge, addons: own, version: "48.0.999" }).message, new RegExp(`has version ${version}, @acme/edge has 48\\.0\\.999`));
  const elsewhere = { cwasm: { variant: "edge" }, optionalDependencies: { "@acme/edge-freebsd-x64": version } };
  t.regex(load(t, { ...edge, manifest: elsewhere }).message, new RegExp(`no prebuilt addon for ${host}, only for freebsd-x64`));
});

const linux = { platform: "linux", arch: "x64" };
const diagnoses: [cause: string, tree: Tree, said: RegExp][] = [
  ["optional dependencies left out", {}, /--no-optional, --omit=optional/],
  [
    "node_modules copied from another system",
    { process: linux, addons: { "wasmtime-win32-x64-msvc": "rubbish" } },
    /copied from another system/,
  ],
  [
    "glibc's package where Node uses musl",
    {
      process: { ...linux, execPath: executable("/lib/ld-musl-x86_64.so.1") },
      addons: { "wasmtime-linux-x64-gnu": "rubbish" },
    },
    /for linux-x64-gnu is installed, and this is linux-x64-musl\. glibc and musl differ/,
  ],
  [
    "musl's package where Node uses glibc",
    {
      process: { ...linux, execPath: executable("/lib64/ld-linux-x86-64.so.2") },
      addons: { "wasmtime-min-linux-x64-musl": "rubbish" },
    },
    /this is linux-x64-gnu\. glibc and musl differ/,
  ],
  [
    "Rosetta",
    { process: { platform: "darwin", arch: "x64" }, addons: { "wasmtime-darwin-arm64": "rubbish" } },
    /under Rosetta/,
  ],
  [
    "a platform without a prebuilt addon",
    { process: { platform: "freebsd", arch: "x64" } },
    /no prebuilt addon for freebsd-x64, only for linux-x64-gnu/,
  ],
  ["addons switched off", { flags: ["--no-addons"], addons: both }, /may not load native addons/],
  ["the permission model", { flags: permissionModel(), addons: both }, /--allow-addons/],
];
for (const [cause, tree, said] of diagnoses) {
  test(`the error diagnoses ${cause}`, (t) => {
    const { name, message } = load(t, tree);
    t.is(name, "NativeNotFoundError");
    t.regex(message, said);
  });
}

test("the error diagnoses a file that is no addon of this system", (t) => {
  const { message } = load(t, { addons: { [`wasmtime-${host}`]: "rubbish" } });
  t.regex(message, /built for another processor or system|the file is damaged/);
});

/** A file that begins as an executable linked to that dynamic loader would. */
function executable(interpreter: string): string {
  const file = join(mkdtempSync(join(tmpdir(), "cwasm-native-")), "node");
  writeFileSync(file, `\x7fELF\0${interpreter}\0`);
  process.once("exit", () => rmSync(dirname(file), { recursive: true, force: true }));
  return file;
}

/** It lost its prefix in Node 23.5. */
function permissionModel(): string[] {
  return [
    process.allowedNodeEnvironmentFlags.has("--permission") ? "--permission" : "--experimental-permission",
    "--allow-fs-read=*",
  ];
}
