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

/** The same, after installing them: as root on Debian. */
export function install(needs) {
  const missing = lacking(needs);
  if (missing.length === 0) return missing;
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
  const [, needed] = /^rust-version = "1\.(\d+)"/m.exec(readFileSync(inRoot("Cargo.toml"), "utf8"));
  for (const folder of ["", "/usr/bin/"]) {
    const [cargo, rustc] = [`${folder}cargo`, `${folder}rustc`];
    const [, found] = /^rustc 1\.(\d+)/.exec(answer(rustc, ["--version"])) ?? [];
    if (!(Number(found) >= Number(needed)) || !answer(cargo, ["--version"])) continue;
    // cargo looks for rustc in PATH.
    const env = { RUSTC: rustc };
    if (existsSync(answer(rustc, ["--print", "target-libdir", "--target", target]))) return { cargo, flags: [], env };
    if (!existsSync(join(answer(rustc, ["--print", "sysroot"]), "lib/rustlib/src/rust/library/Cargo.toml"))) continue;
    return { cargo, flags: [`-Zbuild-std=${std}`], env: { ...env, RUSTC_BOOTSTRAP: "1" } };
  }
  return undefined;
}

/** What a program prints, or nothing where there is no such program or it fails. */
export function answer(command, args) {
  const { status, stdout } = spawnSync(command, args, { encoding: "utf8" });
  return status === 0 ? stdout.trim() : "";
}
