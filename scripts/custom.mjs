// npm run build:custom -- --features gc,wasi --name edge [--profile min|release] [--target=TRIPLE] [--platforms LIST] [--debug]
// [--rebuild-std]: an addon with these features alone (`none`: with none), and packages ready for `npm publish` in target/custom/edge: the facade there, and
// the addon's package in a folder of its platform. docs/custom-builds.md says more.

import { existsSync, readdirSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { addon } from "./build.mjs";
import { fail, inRoot, node, root, say } from "./commands.mjs";
import { install } from "./install.mjs";
import { readJson, stageFacade, staged } from "./stage.mjs";
import { crateFeatures, custom, variants } from "./variants.mjs";

const usage = "For example: npm run build:custom -- --features gc,wasi --name edge";
const brings = crateFeatures();
const all = Object.keys(brings);
const wishes = readWishes();
install();
const typescript = () => node(["scripts/build.mjs", "ts"]);
// What is asked for is looked at first, with the tables of what was compiled last, whenever that was.
if (!existsSync(inRoot("dist", "cli", "flags.js"))) typescript();
const { didYouMean } = await import("../dist/cli/flags.js");
const { platforms } = await import("../dist/lib/platforms.js");

const features = readFeatures(wishes.features);
const build = readBuild(wishes, features);
const named = readPlatforms(wishes.platforms);
typescript();
const folder = inRoot(build.platforms);
const platform = addon(build.variant, build, { target: wishes.target, debug: wishes.debug, rebuildStd: wishes["rebuild-std"] });
const { version } = readJson(inRoot("package.json"));
const cwasm = { variant: build.variant, features };
platformPackage();
const others = readdirSync(folder).filter((name) => platforms.includes(name) && name !== platform);
// Of another version, or other features under this name: what nobody should publish together.
for (const name of others) if (!isOfThisBuild(name)) rmSync(join(folder, name), { recursive: true });
rmSync(join(folder, "dist"), { recursive: true, force: true });
const offered = named ?? platforms.filter((name) => existsSync(join(folder, name)));
stageFacade(folder, facadeManifest(), offered);
report();

function readWishes() {
  const text = { type: "string" };
  const options = { features: text, name: text, profile: text, target: text, platforms: text, debug: { type: "boolean" }, "rebuild-std": { type: "boolean" } };
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return fail(`${error.message}\n${usage}`);
  }
}

/** Sorted as the crate has them: the same list for the same build. */
function readFeatures(list) {
  if (list === undefined) fail(`--features is missing: a list of ${all.join(", ")}, or none\n${usage}`);
  const words = list === "none" ? [] : list.split(",").map((word) => word.trim());
  const chosen = words.filter((word) => word !== "");
  for (const word of chosen) {
    if (word === "none") fail("--features has 'none' and others: it is either");
    if (!all.includes(word)) fail(`there is no feature '${word}': ${didYouMean(word, all)}there are ${all.join(", ")}`);
  }
  return all.filter((name) => chosen.includes(name));
}

function readBuild({ name, profile }) {
  if (name === undefined) fail(`--name is missing: what the build is called, such as edge, or @acme/edge to publish it in a scope of yours\n${usage}`);
  const valid = /^(@[a-z0-9][\w.-]*\/)?[a-z0-9][a-z0-9_-]{0,99}$/;
  if (!valid.test(name)) fail(`--name ${name} is no name of a package: small letters, digits, - and _, as in edge or @acme/edge`);
  const usual = features.some(needsCompiler) ? "release" : "min";
  const profiles = ["min", "release"];
  if (!profiles.includes(profile ?? usual))
    fail(`--profile is min (small) or release (fast, for builds with the compiler), not '${profile}'; --debug builds quickly what is slow`);
  const build = custom(name, features, profile ?? usual);
  const reserved = Object.keys(variants).includes(build.variant) || Object.values(variants).some((one) => one.package === build.package);
  const taken = platforms.find((platform) => build.package.endsWith(`-${platform}`) || build.variant === platform);
  if (reserved) fail(`--name ${name} is taken: full and min are the builds of ${Object.values(variants).map((one) => one.package).join(" and ")}`);
  if (taken) fail(`--name ${name} would be taken for an addon for ${taken}: choose one without the platform`);
  return build;
}

function needsCompiler(feature) {
  return feature === "cranelift" || (brings[feature] ?? []).some(needsCompiler);
}

function readPlatforms(list) {
  if (list === undefined) return undefined;
  const words = list.split(",");
  const unknown = words.find((word) => !platforms.includes(word));
  if (unknown !== undefined) fail(`there is no platform '${unknown}': ${didYouMean(unknown, platforms)}there are ${platforms.join(", ")}`);
  return words;
}

/** As the one of the full build's, but for its name. */
function platformPackage() {
  const model = join(variants.full.platforms, platform, "package.json");
  if (!existsSync(inRoot(model))) fail(`there is no package for ${platform}, only for ${platforms.join(", ")}`);
  const manifest = readJson(inRoot(model));
  const description = manifest.description.replace(variants.full.package, build.package);
  staged(join(folder, platform), { ...manifest, name: `${build.package}-${platform}`, description, cwasm });
}

function isOfThisBuild(name) {
  const file = join(folder, name, "package.json");
  const found = existsSync(file) ? readJson(file) : {};
  return found.name === `${build.package}-${name}` && found.version === version && JSON.stringify(found.cwasm) === JSON.stringify(cwasm);
}

/** `cwasm` is where the loader sees that this is a custom build, and which. */
function facadeManifest() {
  const manifest = readJson(inRoot(variants.full.manifest));
  const list = features.length > 0 ? `the features ${features.join(", ")}` : "no optional features";
  return { ...manifest, name: build.package, description: `Wasmtime for Node.js, a custom build with ${list}`, cwasm };
}

function report() {
  const place = relative(root, folder);
  say(`${build.package} ${version} with ${features.join(", ") || "no features"}, for ${offered.join(", ")}:`);
  console.log(`  npm publish ./${join(place, platform)} && npm publish ./${place}`);
  console.log(`  CWASM_VARIANT=${build.variant} has this checkout load it`);
}
