// Reading flags. They end at the first word that is none: what follows belongs to the guest, dashes too.

/** A command line that makes no sense. */
export class UsageError extends Error {}

/** For each flag, what to do with it. Those that take a value have one parameter. */
export type Flags = Record<string, (() => void) | ((value: string) => void)>;

/** Reads the flags at the start of `args` and returns the rest. */
export function readFlags(args: string[], flags: Flags): string[] {
  const rest = [...args];
  while (rest.length > 0 && rest[0]!.startsWith("-") && rest[0] !== "-") {
    const word = rest.shift()!;
    if (word === "--") break;
    const [name, inline] = split(word);
    const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (!flag) throw new UsageError(`unknown option '${name}'`);
    if (flag.length === 0) {
      if (inline !== undefined) throw new UsageError(`${name} takes no value`);
      (flag as () => void)();
      continue;
    }
    const value = inline ?? rest.shift();
    if (value === undefined) throw new UsageError(`${name} needs a value`);
    flag(value);
  }
  return rest;
}

/** `--name=value`, and `-Wfuel=1` as well as `-W fuel=1`. */
function split(word: string): [string, string | undefined] {
  if (!word.startsWith("--")) return word.length > 2 ? [word.slice(0, 2), word.slice(2)] : [word, undefined];
  const at = word.indexOf("=");
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

/** A whole number, such as the value of `fuel` in `-W fuel=1000`. */
export function wholeNumber(name: string, text: string): bigint {
  if (!/^\d+$/.test(text)) throw new UsageError(`${name} must be a whole number, got '${text}'`);
  return BigInt(text);
}

/** The FILE that a command is about. */
export function oneFile(args: string[]): string {
  if (args.length === 0) throw new UsageError("a FILE is missing");
  return args[0]!;
}
