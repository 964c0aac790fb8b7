// The tables in which commands declare their flags, and their one reader. Help is made of the same tables (help.ts).

import { shown } from "./text.js";

/** A command line that makes no sense. */
export class UsageError extends Error {
  constructor(message: string, readonly hint?: string) {
    super(message);
  }
}

/** What to do instead of a key that would switch on what is on anyway: nothing. */
export const alwaysOn = "it is always on here";

/** What a command is. `W` is what its flags ask for. */
export interface Command<W = any> {
  name: string;
  /** What follows its name, as `[OPTION…] FILE`. */
  usage: string;
  /** What it does, in a few words. */
  about: string;
  flags: readonly Flag<W>[];
  /** What else there is to say. */
  details?: string;
  /** Flags end at the first word that is none: what follows belongs to a guest, dashes too. Else they may stand anywhere. */
  guest?: true;
  /** Flags that the `wasmtime` command has and this one has not, with what to do instead if there is something. */
  elsewhere?: Readonly<Record<string, string>>;
  begin(): W;
  /** Does it, and returns the exit status. */
  main(wishes: W, words: string[]): number | Promise<number>;
}

export interface Flag<W> {
  /** As `-o, --output`. */
  names: string;
  /** What its value is called; one without takes none. */
  value?: string;
  help: string;
  read?(wishes: W, value: string): void;
  /** For `-W KEY=VALUE,…`: its keys, in place of `read`. */
  settings?: readonly Setting<W>[];
  /** Keys that `wasmtime` has and we have not, as `elsewhere`. */
  elsewhere?: Readonly<Record<string, string>>;
}

export interface Setting<W> {
  key: string;
  /** As `=N`. */
  value: string;
  help: string;
  /** `value` is absent where the key stands alone. */
  read(wishes: W, value: string | undefined): void;
}

/** What a command line asks for: help about all of a command or one of its flags, or that it be done. */
export type Asked<W> = { help: Flag<W> | "all" } | { help?: undefined; wishes: W; words: string[] };

export function readArguments<W>(command: Command<W>, args: readonly string[]): Asked<W> {
  const rest = [...args];
  const words: string[] = [];
  const wishes = command.begin();
  while (rest.length > 0) {
    const word = rest.shift()!;
    if (word === "--" || !word.startsWith("-") || word === "-") {
      if (word !== "--") words.push(word);
      if (word !== "--" && !command.guest) continue;
      words.push(...rest);
      break;
    }
    const [name, inline] = split(word);
    if (name === "--help" || name === "-h") return { help: "all" };
    const flag = command.flags.find(({ names }) => names.split(", ").includes(name));
    if (!flag) throw unknown(command, name);
    if (flag.value === undefined && inline !== undefined) throw new UsageError(`${name} takes no value`);
    const value = flag.value === undefined ? "" : (inline ?? rest.shift());
    if (value === undefined) throw new UsageError(`${name} needs a value: ${name} ${flag.value}`);
    if (flag.settings && (value === "help" || value === "help-long")) return { help: flag };
    if (flag.settings) readSettings(flag, wishes, name, value);
    else flag.read!(wishes, value);
  }
  return { wishes, words };
}

/** `--name=value`, and `-Wfuel=1` as well as `-W fuel=1`. */
function split(word: string): [string, string | undefined] {
  if (!word.startsWith("--")) return word.length > 2 ? [word.slice(0, 2), word.slice(2)] : [word, undefined];
  const at = word.indexOf("=");
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

function unknown<W>({ name: command, flags, elsewhere = {} }: Command<W>, name: string): UsageError {
  if (Object.hasOwn(elsewhere, name)) return new UsageError(`wasmtime has ${name}, cwasm has not`, elsewhere[name] || undefined);
  const names = ["--help", ...flags.flatMap(({ names }) => names.split(", "))];
  return new UsageError(`unknown option '${shown(name)}'`, `${didYouMean(name, names)}see cwasm ${command} --help`);
}

function readSettings<W>(flag: Flag<W>, wishes: W, name: string, list: string): void {
  for (const item of list.split(",")) {
    const at = item.indexOf("=");
    const [key, value] = at < 0 ? [item, undefined] : [item.slice(0, at), item.slice(at + 1)];
    const setting = flag.settings!.find((one) => one.key === key);
    if (setting) {
      setting.read(wishes, value);
      continue;
    }
    if (isOn(flag, key, value)) continue;
    const hint = flag.elsewhere && Object.hasOwn(flag.elsewhere, key) ? flag.elsewhere[key] : undefined;
    if (hint !== undefined) throw new UsageError(`wasmtime has ${name} ${key}, cwasm has not`, hint || undefined);
    const keys = flag.settings!.map(({ key }) => key);
    throw new UsageError(`${name} has no '${shown(key)}'`, `${didYouMean(key, keys)}it has ${keys.join(", ")}`);
  }
}

const isOn = ({ elsewhere = {} }: Flag<any>, key: string, value: string | undefined) =>
  Object.hasOwn(elsewhere, key) && elsewhere[key] === alwaysOn && [undefined, "y", "yes", "true"].includes(value);

/** Something to put before a hint, if one of the names is nearly this one. */
export function didYouMean(word: string, names: readonly string[]): string {
  const near = names
    .map((name) => ({ name, steps: distance(word, name) }))
    .filter(({ name, steps }) => steps <= Math.max(1, Math.floor(Math.min(word.length, name.length) / 3)))
    .sort((a, b) => a.steps - b.steps)[0];
  return near ? `did you mean '${near.name}'? ` : "";
}

/** How many letters are missing, too many, wrong, or swapped with the one beside them. */
function distance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => Array.from({ length: b.length + 1 }, (_, j) => i + j));
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      rows[i]![j] = Math.min(rows[i - 1]![j]! + 1, rows[i]![j - 1]! + 1, rows[i - 1]![j - 1]! + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) rows[i]![j] = Math.min(rows[i]![j]!, rows[i - 2]![j - 2]! + 1);
    }
  }
  return rows[a.length]![b.length]!;
}

/** The FILE that a command is about. */
export function oneFile(words: readonly string[]): string {
  const [file, ...others] = words;
  if (file === undefined) throw new UsageError("a FILE is missing");
  if (others.length > 0) throw new UsageError(`one FILE at a time; what is '${shown(others[0]!)}'?`);
  return file;
}
/** All of them. */
export function files(words: readonly string[]): readonly string[] {
  if (words.length === 0) throw new UsageError("a FILE is missing");
  return words;
}
