// Help, made of the tables that the flags are read by.

import type { Command, Flag, Setting } from "./flags.js";
import { paints, wrapped } from "./text.js";

const column = 28;
const width = () => Math.min(Math.max(process.stdout.columns || 100, 60), 120);

/** All about a command. */
export function helpOf({ name, usage, about, flags, details }: Command): string {
  const { bold } = paints(1);
  const parts = [`${bold(`cwasm ${name}${usage && ` ${usage}`}`)}: ${about}`];
  const options = flags.flatMap((flag) => [row(flag.names + (flag.value === undefined ? "" : ` ${flag.value}`), flag.help), ...(flag.settings ?? []).map((one) => setting(one))]);
  if (options.length > 0) parts.push(options.join("\n"));
  if (details !== undefined) parts.push(wrapped(details, width()));
  return parts.join("\n\n");
}

/** About one flag that has settings: `-W help`. */
export function settingsOf({ names, help, settings = [] }: Flag<any>): string {
  return [`${paints(1).bold(names)}: ${help}`, settings.map((one) => setting(one)).join("\n")].join("\n\n");
}

const setting = ({ key, value, help }: Setting<any>) => row(`  ${key}${value}`, help);

function row(title: string, help: string): string {
  const { bold } = paints(1);
  const start = `  ${title}`;
  const text = wrapped(help, width(), column);
  const gap = start.length + 2 > column ? `\n${" ".repeat(column)}` : " ".repeat(column - start.length);
  return `${bold(start)}${gap}${text}`;
}

/** About the command as a whole. */
export function overview(commands: readonly Command[]): string {
  const { bold } = paints(1);
  const lines = commands.map(({ name, usage, about }) => `  ${bold(`cwasm ${name} ${usage}`.trimEnd().padEnd(39))} ${about}`);
  return [bold("cwasm") + ": Wasmtime for Node.js", lines.join("\n"), "cwasm help COMMAND says more, cwasm --version which version this is."].join("\n\n");
}
