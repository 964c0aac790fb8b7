// The manifests agree with each other and with the tables they repeat.

import test from "ava";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { featureTable } from "../lib/features.js";
import { platforms } from "../lib/platforms.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const text = (path: string) => readFileSync(join(root, path), "utf8");
const json = (path: string) => JSON.parse(text(path));
const full = json("package.json");
const min = json("npm/wasmtime-min/package.json");
const cargoFeatures = [
  ...text("crates/node-api/Cargo.toml")
    .split("[features]")[1]!
    .split(/^\[/m)[0]!
    .matchAll(/^([\w-]+) *=/gm),
].map((found) => found[1]!);

const manifests = ["wasmtime", "wasmtime-min"].flatMap((name) =>
  platforms.map((platform) => ({ name, platform, manifest: json(`npm/${name}/${platform}/package.json`) })),
);

test("every manifest has the version of the workspace", (t) => {
  const version = /\[workspace\.package\][^[]*^version = "(.*)"/m.exec(text("Cargo.toml"))?.[1];
  t.is(full.version, version);
  t.is(min.version, version);
  t.is(json("package-lock.json").version, version);
  for (const { name, platform, manifest } of manifests) t.is(manifest.version, version, `${name}-${platform}`);
});

test("the folders of npm/ and the targets of the build are the platforms of the loader", (t) => {
  const folders = (name: string) =>
    readdirSync(join(root, "npm", name)).filter((entry) => existsSync(join(root, "npm", name, entry, "package.json")));
  t.deepEqual(folders("wasmtime").sort(), [...platforms].sort());
  t.deepEqual(folders("wasmtime-min").sort(), [...platforms].sort());
  t.deepEqual((full.napi.targets as string[]).map(ofTriple).sort(), [...platforms].sort());
});

test("a platform package is installed on its platform only, and holds its addon", (t) => {
  for (const { name, platform, manifest } of manifests) {
    const [os, cpu, abi] = platform.split("-");
    t.is(manifest.name, `@cwasm/${name}-${platform}`);
    t.deepEqual([manifest.os, manifest.cpu], [[os], [cpu]], platform);
    t.deepEqual(manifest.libc, os === "linux" ? [abi === "gnu" ? "glibc" : "musl"] : undefined, platform);
    t.is(manifest.main, `cwasm.${platform}.node`);
    t.deepEqual(manifest.files, [manifest.main]);
  }
});

test("both packages offer the same", (t) => {
  for (const field of ["type", "exports", "bin", "files", "engines", "license", "repository"])
    t.deepEqual(min[field], full[field], field);
  for (const { manifest } of manifests)
    for (const field of ["engines", "license", "repository"]) t.deepEqual(manifest[field], full[field], field);
});

test("every file that is exported is one that is compiled", (t) => {
  const files = Object.values(full.exports as Record<string, Record<string, string>>).flatMap((each) => (typeof each === "string" ? [each] : Object.values(each)));
  for (const file of files) t.true(existsSync(join(root, file)), file);
});

test("no package has a runtime dependency", (t) => {
  for (const manifest of [full, min, ...manifests.map((each) => each.manifest)]) {
    for (const field of ["dependencies", "peerDependencies", "bundleDependencies"])
      t.is(manifest[field], undefined, `${manifest.name} ${field}`);
  }
});

test("each feature of the crate has its row in the table, and the reverse", (t) => {
  const sets = ["default", "full"];
  t.deepEqual(Object.keys(featureTable).sort(), cargoFeatures.filter((feature) => !sets.includes(feature)).sort());
});

test("min is built from features that the crate has", async (t) => {
  const { variants } = await import(new URL("../../scripts/variants.mjs", import.meta.url).href);
  const { features } = variants.min;
  const chosen: string[] = features[features.indexOf("--features") + 1].split(",");
  t.deepEqual(
    chosen.filter((feature) => !cargoFeatures.includes(feature)),
    [],
  );
  t.false(chosen.includes("cranelift"));
});

test("crates/min-platform has the Wasmtime, the Rust and the version of the workspace that it is apart from", (t) => {
  const [ours, theirs] = ["Cargo.toml", "crates/min-platform/Cargo.toml"].map((path) => {
    const found = (pattern: RegExp) => pattern.exec(text(path))?.[1];
    const dependency = (name: string) => found(new RegExp(`^${name} = (?:\\{ version = )?"([^"]+)"`, "m"));
    return { wasmtime: dependency("wasmtime"), object: dependency("object"), version: dependency("version"), rust: dependency("rust-version"), edition: dependency("edition") };
  });
  t.deepEqual(theirs, ours);
  t.regex(ours!.wasmtime!, /^=/);
  const wasmtime = ours!.wasmtime!.slice(1);
  const locked = (path: string) => /^name = "wasmtime"\nversion = "(.*)"/m.exec(text(path))?.[1];
  t.deepEqual([locked("Cargo.lock"), locked("crates/min-platform/Cargo.lock")], [wasmtime, wasmtime]);
  // What it compares stamps with.
  t.is(/^pub const WASMTIME: &str = "(.*)";/m.exec(text("crates/min-platform/embedding/src/config.rs"))?.[1], wasmtime);
  // Its lints are the workspace's, but for what its panics do.
  const lints = (path: string) => text(path).match(/^(?:\w+) = "(?:warn|deny)"$/gm)!;
  t.deepEqual(lints("crates/min-platform/Cargo.toml").filter((lint) => !lints("Cargo.toml").includes(lint)), []);
});

test("the lock file names no registry", (t) => {
  t.notRegex(text("package-lock.json"), /"resolved"/);
});

/** aarch64-unknown-linux-musl is what Node calls linux-arm64-musl. */
function ofTriple(triple: string): string {
  const [cpu, , ...os] = triple.split("-");
  const arch = cpu === "x86_64" ? "x64" : "arm64";
  return { linux: `linux-${arch}-${os[1]}`, darwin: `darwin-${arch}`, windows: `win32-${arch}-${os[1]}` }[os[0]!]!;
}
