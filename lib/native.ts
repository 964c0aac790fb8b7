// Finds and loads one addon.

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { diagnose } from "./diagnosis.js";
import { NativeNotFoundError } from "./errors.js";
import { hostPlatform } from "./platforms.js";

type Native = typeof import("./binding.js");

// Not named `require`, and called with computed names only: bundlers leave both alone.
const load = createRequire(import.meta.url);
const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const manifest = ownManifest();
const packages: Record<string, string> = { full: "wasmtime", min: "wasmtime-min" };
const tried: { path: string; error: string }[] = [];

/** The addon's own exports. lib/features.ts fills in what a build lacks. */
export const native: Native = find();

function find(): Native {
  for (const path of candidates()) {
    const found = attempt(path);
    if (found) return found;
  }
  const list = tried.map(({ path, error }) => `  ${path}\n    ${error}`).join("\n");
  const hints = diagnose({ tried, platform: hostPlatform(), root, searched: load.resolve.paths("@cwasm/x") ?? [] });
  const message = `No addon of ${manifest.name} could be loaded. Tried:\n${list}\n${hints.map((hint) => `- ${hint}`).join("\n")}`;
  throw new NativeNotFoundError(message, { tried });
}

function* candidates(): Iterable<string> {
  const { CWASM_NATIVE_PATH: file } = process.env;
  if (file) return yield file;
  const platform = hostPlatform();
  for (const variant of variants()) {
    const name = `${packages[variant]}-${platform}`;
    yield `@cwasm/${name}/cwasm.${platform}.node`;
    // A checkout, where the build puts addons into the picture of the registry.
    if (existsSync(join(root, "npm"))) yield join(root, "npm", packages[variant]!, platform, `cwasm.${platform}.node`);
  }
}

/** Which to look for first: what the environment asks for, else what this package is. The other one serves too. */
function variants(): string[] {
  const own = manifest.name.endsWith("-min") ? "min" : "full";
  const first = process.env["CWASM_VARIANT"] || own;
  if (!Object.hasOwn(packages, first)) throw new TypeError(`CWASM_VARIANT is "full" or "min", not "${first}"`);
  return [first, first === "full" ? "min" : "full"];
}

function attempt(path: string): Native | undefined {
  try {
    const found = load(path) as Native & { version: string };
    if (manifest.version === undefined || found.version === manifest.version) return found;
    tried.push({ path, error: `it has version ${found.version}, ${manifest.name} has ${manifest.version}` });
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException;
    tried.push({ path, error: `${message.split("\n")[0]}${code ? ` (${code})` : ""}` });
  }
  return undefined;
}

/** Name and version of the package this file belongs to. Bundled into another one it has neither, and takes any addon it finds. */
function ownManifest(): { name: string; version?: string } {
  try {
    const found = load(join(root, "package.json")) as { name: string; version: string };
    if (found.name.startsWith("@cwasm/wasmtime")) return found;
  } catch {
    // bundled
  }
  return { name: "@cwasm/wasmtime" };
}
