// Finds and loads one addon.

import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { diagnose } from "./diagnosis.js";
import { NativeNotFoundError } from "./errors.js";
import { hostPlatform, packages, platforms } from "./platforms.js";

type Native = typeof import("./binding.js");

interface Manifest {
  name: string;
  version?: string;
  /** Of a custom build's package (scripts/custom.mjs). */
  cwasm?: { variant: string };
  optionalDependencies?: Record<string, string>;
}

// Not named `require`, and called with computed names only: bundlers leave both alone.
const load = createRequire(import.meta.url);
const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const manifest = ownManifest();
const own = manifest.cwasm?.variant ?? (manifest.name.endsWith("-min") ? "min" : "full");
/** In a checkout the build puts addons into the picture of the registry, and custom ones beside it. */
const checkout = existsSync(join(root, "npm"));
const customs = join(root, "target", "custom");
const tried: { path: string; error: string }[] = [];

/** The addon's own exports. lib/features.ts fills in what a build lacks. */
export const native: Native = find();

function find(): Native {
  for (const path of candidates()) {
    const found = attempt(path);
    if (found) return found;
  }
  const list = tried.map(({ path, error }) => `  ${path}\n    ${error}`).join("\n");
  const names = variants().flatMap((variant) => packageOf(variant) ?? []);
  const offered = manifest.cwasm ? Object.keys(manifest.optionalDependencies ?? {}).map((name) => name.slice(manifest.name.length + 1)) : platforms;
  const searched = load.resolve.paths("@cwasm/x") ?? [];
  const hints = diagnose({ tried, platform: hostPlatform(), offered, names, checkout, searched });
  const message = `No addon of ${manifest.name} could be loaded. Tried:\n${list}\n${hints.map((hint) => `- ${hint}`).join("\n")}`;
  throw new NativeNotFoundError(message, { tried });
}

function* candidates(): Iterable<string> {
  const { CWASM_NATIVE_PATH: file } = process.env;
  if (file) return yield file;
  const platform = hostPlatform();
  for (const variant of variants()) {
    const file = join(platform, `cwasm.${platform}.node`);
    const name = packageOf(variant);
    if (name !== undefined) yield `${name}-${platform}/cwasm.${platform}.node`;
    if (checkout) yield Object.hasOwn(packages, variant) ? join(root, "npm", name!.slice("@cwasm/".length), file) : join(customs, variant, file);
  }
}

/** Which to look for first: what the environment asks for, else what this package is. Of the two prebuilt ones the other serves too. A
 * custom build is what somebody has chosen, and nothing else takes its place. */
function variants(): string[] {
  const first = process.env["CWASM_VARIANT"] || own;
  if (Object.hasOwn(packages, first)) return [first, first === "full" ? "min" : "full"];
  const all = [...Object.keys(packages), ...(manifest.cwasm ? [own] : []), ...(checkout && existsSync(customs) ? readdirSync(customs) : [])];
  if (all.includes(first)) return [first];
  const list = all.map((name) => `"${name}"`).join(" or ");
  throw new TypeError(`CWASM_VARIANT is ${list}, not "${first}"`);
}

/** The facade's package, whose name those of the platforms begin with. */
function packageOf(variant: string): string | undefined {
  return manifest.cwasm && variant === own ? manifest.name : packages[variant];
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

/** The package this file belongs to. Bundled into another one it has neither name nor version, and takes any prebuilt addon it finds. */
function ownManifest(): Manifest {
  try {
    const found = load(join(root, "package.json")) as Manifest;
    if (Object.values(packages).includes(found.name) || typeof found.cwasm?.variant === "string") return found;
  } catch {
    // bundled
  }
  return { name: packages["full"]! };
}
