#!/usr/bin/env node
// The `cwasm` command: one file per subcommand.

import { compile } from "./compile.js";
import { features } from "./features.js";
import { UsageError } from "./flags.js";
import { inspect } from "./inspect.js";
import { keygen } from "./keygen.js";
import { report } from "./report.js";
import { run } from "./run.js";
import { sign, verify } from "./sign.js";

/** What a subcommand is: its help, and what it does. It returns the exit status. */
export interface Command {
  help: string;
  main(args: string[]): number | Promise<number>;
}

const commands: Record<string, Command> = { run, compile, inspect, keygen, sign, verify, features };

const help = `cwasm: Wasmtime for Node.js

  cwasm run [OPTION…] FILE [ARG…]      run a WASI command
  cwasm compile [OPTION…] FILE…        compile ahead of time
  cwasm inspect [--json] FILE          say what an artifact is
  cwasm keygen NAME                    make keys to sign with
  cwasm sign --key NAME.key FILE       sign an artifact
  cwasm verify --key NAME.pub FILE     check its signature
  cwasm features [--json]              what this build can do

cwasm COMMAND --help says more.`;

async function main([name, ...args]: string[]): Promise<number> {
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    console.log(help);
    return name === undefined ? 2 : 0;
  }
  if (name === "--version" || name === "-V") return features.main(["--version"]);
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new UsageError(`there is no command '${name}'; see cwasm --help`);
  if (args[0] === "--help" || args[0] === "-h") {
    console.log(command.help);
    return 0;
  }
  return command.main(args);
}

main(process.argv.slice(2)).then(
  (status) => void (process.exitCode = status),
  (error) => void (process.exitCode = report(error)),
);
