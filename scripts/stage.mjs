// What a published package holds, put into a folder: for the tarballs of pack.mjs, and for the packages of custom builds.

import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inRoot, root } from "./commands.mjs";

/** The same compiled TypeScript in every facade; its manifest without what only a checkout needs, and with the platform packages. */
export function stageFacade(stage, manifest, platforms) {
  const { scripts, ava, napi, devDependencies, overrides, ...published } = manifest;
  const { name, version } = published;
  // They stand here and not in the checkout's manifest: before a release no registry has them, and npm would look them up.
  published.optionalDependencies = Object.fromEntries(platforms.map((platform) => [`${name}-${platform}`, version]));
  staged(stage, published);
  const compiled = (path) => !/dist.(__test__|examples|benchmark|suite|fuzz|guests|\.tsbuildinfo)/.test(path.slice(root.length));
  cpSync(inRoot("dist"), join(stage, "dist"), { recursive: true, filter: compiled });
  if (existsSync(inRoot("README.md"))) cpSync(inRoot("README.md"), join(stage, "README.md"));
}

export function staged(stage, manifest) {
  mkdirSync(stage, { recursive: true });
  writeFileSync(join(stage, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  cpSync(inRoot("LICENSE"), join(stage, "LICENSE"));
}

export function readJson(file) {
  return JSON.parse(readFileSync(file, "utf8"));
}
