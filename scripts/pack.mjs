// npm run pack [-- FOLDER]: the tarballs that would be published, for both packages and this machine's platform, into
// target/packages/ or FOLDER.

import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fail, inRoot, npm, output, root, say } from "./commands.mjs";
import { variants } from "./variants.mjs";

if (!existsSync(inRoot("dist", "index.js"))) fail("There is nothing to pack yet. Run: npm run build");
const { hostPlatform, platforms } = await import("../dist/lib/platforms.js");
const { version } = readJson(inRoot("package.json"));
const host = hostPlatform();
const packages = process.argv[2] ? resolve(process.argv[2]) : inRoot("target", "packages");

say("Packing…");
mkdirSync(packages, { recursive: true });
for (const file of tarballs()) rmSync(join(packages, file));
for (const variant of Object.values(variants)) {
  facade(variant);
  addon(variant);
}
rmSync(join(packages, "stage"), { recursive: true });
for (const file of tarballs())
  console.log(`${(statSync(join(packages, file)).size / 1e6).toFixed(2).padStart(6)} MB  ${file}`);

/** The same compiled TypeScript in both packages; its manifest without what only a checkout needs, and with the platform packages. */
function facade({ package: name, manifest }) {
  const { scripts, ava, napi, devDependencies, overrides, ...published } = readJson(inRoot(manifest));
  // They stand here and not in the checkout's manifest: before a release no registry has them, and npm would look them up.
  published.optionalDependencies = Object.fromEntries(platforms.map((platform) => [`${name}-${platform}`, version]));
  const stage = staged(name, published);
  const compiled = (path) => !/dist.(__test__|examples|benchmark|suite|\.tsbuildinfo)/.test(path.slice(root.length));
  cpSync(inRoot("dist"), join(stage, "dist"), { recursive: true, filter: compiled });
  if (existsSync(inRoot("README.md"))) cpSync(inRoot("README.md"), join(stage, "README.md"));
  pack(stage);
}

function addon({ package: name, platforms }) {
  const folder = inRoot(platforms, host);
  const manifest = readJson(join(folder, "package.json"));
  if (!existsSync(join(folder, manifest.main)))
    fail(`${join(platforms, host, manifest.main)} is missing. Run: npm run build`);
  const stage = staged(`${name}-${host}`, manifest);
  cpSync(join(folder, manifest.main), join(stage, manifest.main));
  pack(stage);
}

function staged(name, manifest) {
  const stage = join(packages, "stage", name.slice("@cwasm/".length));
  mkdirSync(stage, { recursive: true });
  writeFileSync(join(stage, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  cpSync(inRoot("LICENSE"), join(stage, "LICENSE"));
  return stage;
}

function pack(stage) {
  output(...npm(["pack", stage, "--pack-destination", packages, "--loglevel=error"]));
}

function tarballs() {
  return readdirSync(packages).filter((file) => /^cwasm-wasmtime.*\.tgz$/.test(file));
}

function readJson(file) {
  return JSON.parse(readFileSync(file, "utf8"));
}
