// Artifacts of text, for builds without the compiler too: the full build makes them, once.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Config, Engine, type ProfileName, features, version } from "../index.js";
import { hostPlatform } from "../lib/platforms.js";

export const root = fileURLToPath(new URL("../../", import.meta.url));
/** The addon of a build. */
export const addon = (build: "full" | "min") =>
  join(root, "npm", build === "full" ? "wasmtime" : "wasmtime-min", hostPlatform(), `cwasm.${hostPlatform()}.node`);

/** Where this process is emulated: the Node that is not, whose full build compiles for it (scripts/emulated.mjs). */
const compiler = process.env["CWASM_COMPILER"];
const folder = join(root, "target", ...(compiler ? ["emulated", "artifacts"] : ["test-artifacts"]));

/** Every profile there is. */
export const profiles: readonly ProfileName[] = [
  "default",
  "sandbox",
  "metered",
  "default+fuel",
  ...(["no-signals", "small-address-space", "deterministic", "debug", "embedded", "embedded-signals"] as const).flatMap((name) => [name, `${name}+fuel`, `${name}+epochs`, `${name}+fuel+epochs`] as const),
];

/** Of this build: which artifacts load there. Only two features decide it. */
const bearing = (["gc", "threads"] as const).filter((feature) => features.has(feature));
const ownBuild = bearing.length === 2 ? {} : { features: bearing };

const engines = new Map<string, Engine>();
/** One engine per configuration, as programs have. */
export function engineWith(config: Config): Engine {
  const key = JSON.stringify(config);
  let engine = engines.get(key);
  if (!engine) engines.set(key, (engine = new Engine(config)));
  return engine;
}
export const engineOf = (profile: ProfileName = "default"): Engine => engineWith({ profile });

/** The path of the artifact of text, which is made if it is not there. */
export const artifact = (wat: string, profile: ProfileName = "default"): string => artifactWith(wat, { profile });
export const artifactBytes = (wat: string, profile?: ProfileName) => readFileSync(artifact(wat, profile));
/** The artifact of text for an engine that runs the target, and has what else the config says. */
export const artifactFor = (wat: string, config: Config) => readFileSync(artifactWith(wat, config));

export function artifactWith(wat: string, config: Config): string {
  const stamp = [version, JSON.stringify({ ...config, ...ownBuild }), statSync(addon("full"), { throwIfNoEntry: false })?.mtimeMs, wat].join("\n");
  const file = join(folder, `${createHash("sha256").update(stamp).digest("hex")}.cwasm`);
  if (!existsSync(file)) make(wat, config, file);
  return file;
}
function make(wat: string, config: Config, file: string) {
  if (features.has("cranelift")) return keep(file, engineWith(config).precompileSync(wat));
  const { CWASM_NATIVE_PATH, ...env } = process.env;
  const script = join(root, "dist", "__test__", "compile.js");
  const options = { ...ownBuild, ...(compiler && config.target === undefined && { target: engineWith(config).target }) };
  const { status, stdout, stderr } = spawnSync(compiler ?? process.execPath, [script, JSON.stringify(config), JSON.stringify(options)], {
    input: wat,
    env: { ...env, CWASM_VARIANT: "full" },
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`the full build did not compile this:\n${wat}\n${stderr}`);
  keep(file, stdout);
}
/** By rename, as other specs may be about to do the same. */
function keep(file: string, bytes: Uint8Array) {
  mkdirSync(join(file, ".."), { recursive: true });
  const draft = `${file}.${process.pid}.${Math.random()}`;
  writeFileSync(draft, bytes);
  renameSync(draft, file);
}
