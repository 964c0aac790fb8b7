// cwasm run

import { basename } from "node:path";
import { LinkError, type Module, runSync } from "../index.js";
import * as elsewhere from "./elsewhere.js";
import { type Command, UsageError } from "./flags.js";
import { functionsOf, needsLinker, runLinked, some } from "./invoke.js";
import { loadMain } from "./load.js";
import { type Wishes, flags, noWishes } from "./run-flags.js";

function main(wishes: Wishes, [file, ...args]: string[]): number {
  if (file === undefined) throw new UsageError("a FILE is missing");
  const { loading, limits, dirs, env, inheritEnv, ignored, argv0 = basename(file) } = wishes;
  const { fuel, timeoutMs, precompiled, verify, config } = loading;
  if (config.compiler && (precompiled === "yes" || verify)) throw new UsageError("-O, -C and nan-canonicalization say how to compile, and FILE is compiled");
  const module = loadMain(file, loading);
  const stdio = (name: "stdin" | "stdout" | "stderr") => (ignored.has(name) ? "ignore" : "inherit");
  const wasi = {
    args,
    argv0,
    env: { ...(inheritEnv && process.env), ...Object.fromEntries(env) } as Record<string, string>,
    dirs: Object.fromEntries([...dirs].map(([guest, host]) => [guest, { host, access: "read-write" as const }])),
    stdin: stdio("stdin"),
    stdout: stdio("stdout"),
    stderr: stdio("stderr"),
  } as const;
  if (wishes.invoke === undefined && !isCommand(module)) throw noCommand(file, module);
  if (needsLinker(wishes)) return runLinked(file, module, wishes, wasi);
  return runSync(module, { ...wasi, ...limits, ...(fuel !== undefined && { fuel }), ...(timeoutMs !== undefined && { timeoutMs }) }).exitCode;
}

const isCommand = (module: Module) => functionsOf(module).includes("_start");
function noCommand(file: string, module: Module): LinkError {
  const names = functionsOf(module).filter((name) => name !== "_initialize");
  const hint = names.length === 0 ? "it exports no functions at all" : `--invoke NAME calls another function; it exports ${some(names)}`;
  return new LinkError(`${file} has no function '_start': it is no WASI command`, { name: "_start", hint });
}

export const run: Command<Wishes> = {
  name: "run",
  usage: "[OPTION…] FILE [ARG…]",
  about: "run a WASI command; all after FILE is the guest's",
  flags,
  guest: true,
  elsewhere: elsewhere.flags,
  details: `FILE is wasm, as binary or text, or an artifact (.cwasm); - is stdin.

The exit status is the guest's; 134 if it trapped, 1 if it could not be run.`,
  begin: noWishes,
  main,
};
