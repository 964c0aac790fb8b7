// npm run pack [-- FOLDER]: the tarballs that would be published, for both packages and this machine's platform, into
// target/packages/ or FOLDER.

import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { fail, inRoot, npm, output, say } from "./commands.mjs";
import { readJson, stageFacade, staged } from "./stage.mjs";
import { variants } from "./variants.mjs";

if (!existsSync(inRoot("dist", "index.js"))) fail("There is nothing to pack yet. Run: npm run build");
const { hostPlatform, platforms } = await import("../dist/lib/platforms.js");
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

function facade({ package: name, manifest }) {
  const stage = stageOf(name);
  stageFacade(stage, readJson(inRoot(manifest)), platforms);
  pack(stage);
}

function addon({ package: name, platforms }) {
  const folder = inRoot(platforms, host);
  const manifest = readJson(join(folder, "package.json"));
  if (!existsSync(join(folder, manifest.main)))
    fail(`${join(platforms, host, manifest.main)} is missing. Run: npm run build`);
  const stage = stageOf(`${name}-${host}`);
  staged(stage, manifest);
  cpSync(join(folder, manifest.main), join(stage, manifest.main));
  pack(stage);
}

function stageOf(name) {
  return join(packages, "stage", name.slice("@cwasm/".length));
}

function pack(stage) {
  output(...npm(["pack", stage, "--pack-destination", packages, "--loglevel=error"]));
}

function tarballs() {
  return readdirSync(packages).filter((file) => /^cwasm-wasmtime.*\.tgz$/.test(file));
}
