// npm run build [-- full min ts] [--target=TRIPLE] [--debug] [--rebuild-std]: both addons into npm/, then the TypeScript into dist/. With
// --debug they are built fast, and are slow: for working on the addon. With --rebuild-std Rust's standard library is compiled with them:
// for the smallest addons, where its source is there.

import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { fail, inRoot, node, output, root, say } from "./commands.mjs";
import { install } from "./install.mjs";
import { noLocations, rustFromSource, rustflags, sourceHint } from "./toolchain.mjs";
import { variants } from "./variants.mjs";

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const words = process.argv.slice(2);
  const parts = words.filter((word) => !word.startsWith("--"));
  const target = words.find((word) => word.startsWith("--target="))?.slice("--target=".length);
  const debug = words.includes("--debug");
  const rebuildStd = words.includes("--rebuild-std");
  const wanted = (part) => parts.length === 0 || parts.includes(part);

  install();
  for (const [variant, build] of Object.entries(variants)) if (wanted(variant)) addon(variant, build, { target, debug, rebuildStd });
  if (wanted("ts")) typescript();
}

/** napi build always passes --target to cargo, so a plain `cargo build` shares nothing with it: this is the one way to build addons. Returns
 * the platform it is for. */
export function addon(variant, { profile, features, platforms, firstBuild }, { target = hostTriple(), debug = false, rebuildStd = false }) {
  const std = rebuildStd ? withoutReports() : undefined;
  const made = inRoot("target", "addon", variant);
  const stamp = inRoot("target", "addon", `${variant}.stamp`);
  const inputs = fingerprint([target, debug, profile, features, std]);
  const file = () => existsSync(made) && readdirSync(made).find((name) => name.endsWith(".node"));
  const place = (name) => inRoot(platforms, name.split(".")[1], name);
  const before = file();
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === inputs && before && existsSync(place(before))) return before.split(".")[1];
  say(`Building the ${variant} addon (${firstBuild}, seconds when little changed)…`);
  rmSync(made, { recursive: true, force: true });
  const options = [
    "--manifest-path",
    "crates/node-api/Cargo.toml",
    "--target",
    target,
    "--output-dir",
    made,
  ];
  node(
    [
      "node_modules/@napi-rs/cli/dist/cli.js",
      "build",
      "--platform",
      "--no-js",
      "--dts",
      "binding.d.ts",
      ...options,
      ...(debug ? [] : profile),
      ...features,
      ...(std ? ["--", ...std.flags, ...rustflags(std.rustflags)] : []),
    ],
    {
      env: { ...process.env, ...std?.env, CARGO: std?.cargo ?? "cargo", CWASM_VARIANT_NAME: variant },
    },
  );
  replace(join(made, file()), place(file()));
  // One file of types for both: what min lacks is there too, and throws.
  if (variant === "full") replace(join(made, "binding.d.ts"), inRoot("lib", "binding.d.ts"));
  writeFileSync(stamp, inputs);
  return file().split(".")[1];
}

/** The standard library for size, with panics that unwind and say nothing of where they were: `panicked` in error.rs does not ask. */
function withoutReports() {
  const std = rustFromSource("std,panic_unwind");
  if (std === undefined) fail(`--rebuild-std takes the source of Rust's standard library: ${sourceHint}`);
  return { ...std, rustflags: [...std.rustflags, noLocations] };
}

/** All that an addon is made from. cargo would know, but napi's first build and its second differ in an environment variable
 * that makes cargo build the crate again. */
function fingerprint(settings) {
  const hash = createHash("sha256").update(JSON.stringify(settings));
  hash.update(output("rustc", ["-vV"]));
  const folders = ["crates/node-api", "crates/interrupt", ".cargo"].flatMap((folder) =>
    readdirSync(inRoot(folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name)),
  );
  const files = ["Cargo.toml", "Cargo.lock", "package.json", "scripts/build.mjs"].map((name) => inRoot(name));
  for (const file of [...folders.sort(), ...files]) hash.update(file.slice(root.length)).update(readFileSync(file));
  return hash.digest("hex");
}

function typescript() {
  say("Compiling the TypeScript…");
  dropOrphans("dist");
  node(["node_modules/typescript/bin/tsc", "--project", root]);
  // tsc copies no .d.ts files.
  replace(inRoot("lib", "binding.d.ts"), inRoot("dist", "lib", "binding.d.ts"));
}

/** What was compiled from a file that is gone would still be tested and packed. */
function dropOrphans(folder) {
  if (!existsSync(inRoot(folder))) return;
  for (const entry of readdirSync(inRoot(folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    const source = path.slice("dist/".length).replace(/(\.d\.ts|\.js)$/, "");
    if (entry.isDirectory()) dropOrphans(path);
    else if (/\.(js|d\.ts)$/.test(path) && !existsSync(inRoot(`${source}.ts`)) && !existsSync(inRoot(`${source}.d.ts`)))
      rmSync(inRoot(path));
  }
}

/** By rename, as a running process may have the old addon mapped; and only if it differs, so that nothing is rebuilt for it. */
function replace(from, to) {
  if (existsSync(to) && readFileSync(from).equals(readFileSync(to))) return;
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, `${to}.new`);
  renameSync(`${to}.new`, to);
}

export function hostTriple() {
  return /^host: (.*)$/m.exec(output("rustc", ["-vV"]))[1];
}
