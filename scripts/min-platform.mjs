// npm run min-platform [-- --install --target=TARGET --configuration=NAME --no-build]: crates/min-platform built for x86_64-unknown-none and
// for aarch64-unknown-none, and its host run on guests that this checkout compiles: in four configurations, with the embedding as a
// shared object and linked statically, arm64 under QEMU. Where something is missing it says what and how to get it, and ends with
// status 3, or without arm64 if it is that alone and --target does not ask for it; with --install, as root on Debian, it installs
// that itself. With --no-build, on what `npm run build` has made last. The last line is `N passed, N failed`.

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, realpathSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fail, inRoot, node, output, run, say } from "./commands.mjs";
import { answer, arm64, forArm64, giveUp, install, lacking, rustFor } from "./toolchain.mjs";

const home = inRoot("crates", "min-platform");
const made = inRoot("target", "min-platform");
const artifacts = join(made, "artifacts");
/** Bytes that the shared object of x86_64-unknown-none with its default features may have. */
const limit = 400_000;
/** Names of build.sh, and what each runs. */
const configurations = {
  native: { profile: "embedded" },
  "native-signals": { profile: "embedded-signals" },
  pulley: { profile: "embedded", guests: "pulley64" },
  "pulley-signals": { profile: "embedded-signals", guests: "pulley64" },
};

const std = "core,alloc";
const compiler = {
  // Where it does not find a library it prints the mere name. Programs are linked statically, too.
  find: () => answer("gcc", ["-print-file-name=libc.a"]).startsWith("/") && answer("strip", ["--version"]),
  what: "gcc and binutils with a static C library",
  packages: ["gcc", "binutils", "libc6-dev"],
};
/** What each target takes on x64 Linux, and what runs its programs. */
const targets = {
  "x86_64-unknown-none": { needs: { compiler, rust: rustFor("x86_64-unknown-none", std) }, runner: () => [] },
  "aarch64-unknown-none": {
    needs: { ...forArm64, rust: rustFor("aarch64-unknown-none", std) },
    runner: () => [forArm64.qemu.find(), "-L", arm64.sysroot],
    // As a part of all tests, which are not to take much longer for it: what differs most from x64.
    enough: ["native-signals"],
  },
};
/** Where none of it can be done, whatever is installed. */
const elsewhere = process.platform !== "linux" || process.arch !== "x64";

/** Which targets lack what, after installing it if that is wished. */
function unready(wishes = {}) {
  const chosen = Object.entries(targets).filter(([target]) => (wishes.target ?? target) === target);
  return chosen.map(([target, { needs }]) => ({ target, missing: wishes.install ? install(needs) : lacking(needs) }));
}

/** Builds and runs configurations of targets, and returns how many checks passed and failed. */
function minPlatform(plan) {
  const total = { passed: 0, failed: 0 };
  const count = (holds, what) => {
    console.log(`${what}: ${holds ? "ok" : "FAILED"}`);
    total[holds ? "passed" : "failed"]++;
  };
  say("Checking the C headers of the embedding…");
  const headers = ["run", "--quiet", "--locked", "--manifest-path", join(home, "Cargo.toml"), "--target-dir", made, "--package", "cwasm-headers"];
  count(spawnSync("cargo", [...headers, "--", "--check"], { stdio: "inherit" }).status === 0, "the headers are as their source says");
  compileGuests();
  for (const [target, names] of plan) {
    const { needs, runner } = targets[target];
    const { cargo, env } = needs.rust.find();
    for (const name of names) {
      say(`Building the embedding for ${target}, ${name}…`);
      run(join(home, "build.sh"), [target, name], { env: { ...process.env, ...env, CARGO: cargo, CARGO_TARGET_DIR: made } });
      const out = join(home, "out", target, name);
      const library = join(out, "libembedding.so");
      if (target === "x86_64-unknown-none" && name === "native") {
        copyFileSync(library, join(home, "out", "libembedding.so"));
        count(statSync(library).size <= limit, `${statSync(library).size} bytes, of ${limit} at most`);
      }
      const { profile, guests = target } = configurations[name];
      const words = [artifacts, profile, guests];
      add(runHost([...runner(), join(out, "host"), ...words, library]), `${target} ${name}`);
      add(runHost([...runner(), join(out, "host-static"), ...words]), `${target} ${name}, linked statically`);
    }
  }
  return total;

  function add({ passed, failed }, what) {
    console.log(`${what}: ${passed} passed, ${failed} failed`);
    total.passed += passed;
    total.failed += failed;
  }
}

/** With each profile for each target, and what must be refused. */
function compileGuests() {
  rmSync(artifacts, { recursive: true, force: true });
  const compile = (...words) => output(process.execPath, [inRoot("dist/cli/cwasm.js"), "compile", ...words]);
  const guests = "crates/min-platform/guests/*.wat";
  const x64 = ["--target", "x86_64-unknown-none"];
  for (const plain of ["embedded", "embedded-signals"]) {
    for (const profile of [plain, `${plain}+fuel+epochs`]) {
      const common = [guests, "--profile", profile, "-o", `${join(artifacts, profile)}/`];
      compile(...common, "--target", "pulley64", "--target", "aarch64-unknown-none");
      // Without an operating system the compiler expects nothing of a CPU, not even that it rounds floats.
      compile(...common, ...x64, "--cpu", "x86-64-v2");
    }
    const one = (name, ...words) =>
      compile("crates/min-platform/guests/round.wat", "--profile", plain, ...x64, ...words, "-o", join(artifacts, plain, `${name}.x86_64-unknown-none.cwasm`));
    one("round-baseline");
    one("round-unknown", "--cpu", "avx512bitalg");
  }
  mkdirSync(join(artifacts, "default"));
  compile("crates/min-platform/guests/add.wat", "--target", "x86_64-unknown-linux-gnu", "-o", join(artifacts, "default/add.x86_64-unknown-linux-gnu.cwasm"));
}

/** Its last line says how it went, whatever came before. */
function runHost([command, ...args]) {
  const { status, signal, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", timeout: 120_000 });
  const [, passed, failed] = /^(\d+) passed, (\d+) failed$/m.exec(stdout ?? "") ?? [, 0, 1];
  const counts = { passed: Number(passed), failed: Number(failed) };
  if (status === 0 && counts.failed === 0) return counts;
  console.log(`${stdout}${stderr}\nended with ${signal ?? status}`);
  return { ...counts, failed: Math.max(counts.failed, 1) };
}

/** As a part of all tests: what there is no tool for is said and left out. */
export function minPlatformIfPossible(wishes) {
  if (elsewhere) return skip("it takes x64 Linux");
  const states = unready(wishes);
  const ready = withoutMissing(states).map((target) => [target, targets[target].enough ?? Object.keys(configurations)]);
  return ready.length > 0 ? minPlatform(ready) : { passed: 0, failed: 0 };
}

/** Says what is left out, and returns the others. */
function withoutMissing(states) {
  for (const { target, missing } of states)
    if (missing.length > 0) skip(`for ${target} there is no ${missing.map(({ what }) => what).join(", no ")}`);
  return states.filter(({ missing }) => missing.length === 0).map(({ target }) => target);
}

function skip(why) {
  say(`Skipped of crates/min-platform: ${why}.`);
  return { passed: 0, failed: 0 };
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const words = process.argv.slice(2);
  const option = (name) => words.find((word) => word.startsWith(`--${name}=`))?.slice(`--${name}=`.length);
  const [target, name] = [option("target"), option("configuration")];
  if (elsewhere) fail("This takes x64 Linux.", 3);
  if (target !== undefined && !(target in targets)) fail(`--target is one of ${Object.keys(targets).join(", ")}, not '${target}'`);
  if (name !== undefined && !(name in configurations)) fail(`--configuration is one of ${Object.keys(configurations).join(", ")}, not '${name}'`);
  const states = unready({ target, install: words.includes("--install") });
  const required = states.filter((state) => state.target === (target ?? "x86_64-unknown-none"));
  if (required.some(({ missing }) => missing.length > 0)) giveUp(states.flatMap((state) => state.missing), "min-platform");
  if (!words.includes("--no-build")) node(["scripts/build.mjs", "full", "ts"]);
  const names = name === undefined ? Object.keys(configurations) : [name];
  const { passed, failed } = minPlatform(withoutMissing(states).map((target) => [target, names]));
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}
