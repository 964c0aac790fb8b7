// How the scripts beside this file run other programs: in the root of the checkout, and stopping at the first that fails.

import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..");
export const inRoot = (...parts) => join(root, ...parts);

/** A line about what happens now. Empty lines around it keep it apart from what compilers print. */
export const say = (text) => console.log(`\n${text}`);

/** Says what went wrong and ends the script. */
export function fail(text, status = 1) {
  console.error(`\n${text}`);
  process.exit(status || 1);
}

/** Runs a program with its output on ours. */
export function run(command, args, options = {}) {
  const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: "inherit", ...options });
  if (error?.code === "ENOENT") fail(`${command} is not installed or not in PATH${missing[command] ?? ""}`);
  if (error) throw error;
  if (status !== 0) fail(`failed${signal ? ` by ${signal}` : ""}: ${command} ${args.join(" ")}`, status);
}

/** Runs a program and returns what it prints. */
export function output(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 1 << 26,
    ...options,
  });
  if (error?.code === "ENOENT") fail(`${command} is not installed or not in PATH${missing[command] ?? ""}`);
  if (error) throw error;
  if (status !== 0) fail(`failed: ${command} ${args.join(" ")}\n${stdout}${stderr}`, status);
  return stdout;
}

/** Runs a JavaScript file. */
export const node = (args, options) => run(process.execPath, args, options);

/** Where npm is: the one that runs us, if one does. On Windows the bare name is a batch file, which can't be run directly. */
export function npm(args) {
  const { npm_execpath: file } = process.env;
  if (file?.endsWith("npm-cli.js")) return [process.execPath, [file, ...args]];
  return process.platform === "win32" ? ["cmd.exe", ["/d", "/c", "npm", ...args]] : ["npm", args];
}

const missing = {
  rustc: ": the addons are written in Rust, see https://rustup.rs",
  cargo: ": the addons are written in Rust, see https://rustup.rs",
};
