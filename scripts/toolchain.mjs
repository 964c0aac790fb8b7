// What building for machines and platforms other than this one takes: how to find it, what to do where it is missing.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fail, inRoot, say } from "./commands.mjs";

/** Where Debian has what programs for arm64 are linked to, and what links them. */
export const arm64 = { sysroot: "/usr/aarch64-linux-gnu", linker: "aarch64-linux-gnu-gcc" };

/** What is needed for arm64: how to find it, what it is, and in which packages Debian has it. */
export const forArm64 = {
  qemu: {
    find: () => ["qemu-aarch64", "qemu-aarch64-static"].find((command) => answer(command, ["--version"])),
    what: "qemu-aarch64, which runs programs for arm64",
    packages: ["qemu-user"],
  },
  linker: {
    find: () => answer(arm64.linker, ["--version"]) && existsSync(join(arm64.sysroot, "lib/libc.so")),
    what: `${arm64.linker} with the C library for arm64`,
    packages: ["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"],
  },
};

/** The same of Rust for a target. */
export const rustFor = (target, std) => ({
  find: () => rust(target, std),
  what: `Rust's standard library for ${target} (\`rustup target add ${target}\`), or its source (\`rustup component add rust-src\`)`,
  packages: ["rustc-web", "cargo-web", "rust-web-src"],
});

/** Those that are not there. */
export const lacking = (needs) => Object.values(needs).filter(({ find }) => !find());

/** The same, after installing them, where that can be done: as root on Debian. */
export function install(needs) {
  const missing = lacking(needs);
  if (missing.length === 0 || process.getuid?.() !== 0 || !answer("apt-get", ["--version"])) return missing;
  say("Installing what is missing…");
  for (const order of [["update"], ["install", "--yes", "--no-install-recommends", ...packages(missing)]])
    spawnSync("apt-get", ["--quiet", ...order], { stdio: "inherit" });
  return lacking(needs);
}

/** Says what is missing and how to get it, and ends with status 3. */
export function giveUp(missing, command) {
  const list = [...new Set(missing.map(({ what }) => `  ${what}`))].join("\n");
  const debian = `On Debian, as root: apt-get install --no-install-recommends ${packages(missing).join(" ")}\n(\`npm run ${command} -- --install\` does that)`;
  fail(`This can't be done here, where there is no\n${list}\n\n${debian}`, 3);
}

const packages = (missing) => [...new Set(missing.flatMap(({ packages }) => packages))];

/** A Rust that is new enough and can compile for a target: the one in PATH or Debian's, with the target's standard library, or with its
 * source, from which the parts `std` of it are compiled too. */
export function rust(target, std) {
  for (const { cargo, rustc, env } of toolchains()) {
    if (existsSync(answer(rustc, ["--print", "target-libdir", "--target", target]))) return { cargo, flags: [], env };
    if (hasSource(rustc)) return { cargo, flags: [`-Zbuild-std=${std}`], env: { ...env, RUSTC_BOOTSTRAP: "1" } };
  }
  return undefined;
}

/** One that compiles the parts `std` of its standard library too, for this machine and for size: for the linker that Rust has by itself,
 * which Debian's lacks and the one in PATH may have. */
export function rustFromSource(std) {
  const { cargo, rustc, env } = toolchains().find(({ rustc }) => hasSource(rustc)) ?? {};
  if (cargo === undefined) return undefined;
  const linkers = toolchains().map(({ rustc }) => {
    const [, host] = /^host: (.*)$/m.exec(answer(rustc, ["-vV"]));
    return join(answer(rustc, ["--print", "sysroot"]), "lib/rustlib", host, "bin/gcc-ld");
  });
  const linker = process.platform === "linux" && linkers.find((folder) => existsSync(folder));
  return {
    cargo,
    version: answer(rustc, ["--version"]).split(" (")[0],
    flags: [`-Zbuild-std=${std}`, "-Zbuild-std-features=optimize_for_size"],
    rustflags: linker ? [`-Clink-arg=-B${linker}`, "-Clink-arg=-fuse-ld=lld"] : [],
    env: { ...env, RUSTC_BOOTSTRAP: "1" },
  };
}

export const sourceHint = "`rustup component add rust-src`, or Debian's rustc-web, cargo-web and rust-web-src";

/** Leaves out the file and the line of each place that may panic. */
export const noLocations = "-Zlocation-detail=none";

/** For cargo: these beside what .cargo/config.toml says for the target. */
export const rustflags = (flags) => ["--config", `target.'cfg(all())'.rustflags=${JSON.stringify(flags)}`];

/** Those that are new enough. */
function toolchains() {
  const [, needed] = /^rust-version = "1\.(\d+)"/m.exec(readFileSync(inRoot("Cargo.toml"), "utf8"));
  // cargo looks for rustc in PATH.
  const all = ["", "/usr/bin/"].map((folder) => ({ cargo: `${folder}cargo`, rustc: `${folder}rustc`, env: { RUSTC: `${folder}rustc` } }));
  return all.filter(({ cargo, rustc }) => {
    const [, found] = /^rustc 1\.(\d+)/.exec(answer(rustc, ["--version"])) ?? [];
    return Number(found) >= Number(needed) && answer(cargo, ["--version"]);
  });
}

const hasSource = (rustc) => existsSync(join(answer(rustc, ["--print", "sysroot"]), "lib/rustlib/src/rust/library/Cargo.toml"));

/** What a program prints, or nothing where there is no such program or it fails. */
export function answer(command, args) {
  const { status, stdout } = spawnSync(command, args, { encoding: "utf8" });
  return status === 0 ? stdout.trim() : "";
}
