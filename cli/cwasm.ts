#!/usr/bin/env node
// The `cwasm` command: one file per subcommand.

import { existsSync } from "node:fs";
import { compile } from "./compile.js";
import { features, versionText } from "./features.js";
import { type Command, UsageError, didYouMean, readArguments } from "./flags.js";
import { helpOf, overview, settingsOf } from "./help.js";
import { inspect } from "./inspect.js";
import { keygen } from "./keygen.js";
import { report } from "./report.js";
import { run } from "./run.js";
import { sign, verify } from "./sign.js";
import { shown } from "./text.js";

const commands: readonly Command[] = [run, compile, inspect, keygen, sign, verify, features];

async function main([name, ...args]: string[]): Promise<number> {
  if (name === "--version" || name === "-V") return say(versionText);
  if (name === undefined) return (console.error(overview(commands)), 2);
  if (["help", "--help", "-h"].includes(name)) return say(args[0] === undefined ? overview(commands) : helpOf(commandOf(args[0])));
  const command = commandOf(name);
  const asked = readArguments(command, args);
  if (asked.help) return say(asked.help === "all" ? helpOf(command) : settingsOf(asked.help));
  return command.main(asked.wishes, asked.words);
}

const say = (text: string) => (console.log(text), 0);

function commandOf(name: string): Command {
  const command = commands.find((one) => one.name === name);
  if (command) return command;
  const names = ["help", ...commands.map(({ name }) => name)];
  const hint = existsSync(name) ? `to run a file: cwasm run ${shown(name)}` : `${didYouMean(name, names)}see cwasm --help`;
  throw new UsageError(`there is no command '${shown(name)}'`, hint);
}

/** Node ignores SIGPIPE. A command whose reader has gone ends by it, and says nothing: libuv gives a signal back to the system with its
 * last listener. */
function endWithTheReader(): void {
  if (process.platform === "win32") return;
  const nobody = () => {};
  process.on("SIGPIPE", nobody).off("SIGPIPE", nobody);
}

endWithTheReader();
main(process.argv.slice(2)).then(
  (status) => void (process.exitCode = status),
  (error) => void (process.exitCode = report(error)),
);
