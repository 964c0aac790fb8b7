// The public API as its declarations say it: lib/binding.d.ts, which Rust makes, and what tsc makes of the facade. Both are
// regular: one member to a line or to a semicolon.

import { Readable, Writable } from "node:stream";
import { KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export interface Parameter {
  name: string;
  type: string;
  optional: boolean;
}
export interface Api {
  /** `new Store`, `Engine.fromShared`, `Store#gc`, `Store#fuel`, `Store#fuel=`, or a function's name. */
  name: string;
  owner: string;
  key: string | symbol;
  kind: "constructor" | "static" | "method" | "getter" | "setter" | "function";
  parameters: Parameter[];
  returns: string;
}
/** A value as a test has it: `is` names the class it was made as, if it was made as one of ours. */
export interface Value {
  label: string;
  value: unknown;
  is?: string;
  /** It is tried only where it matters. */
  rare?: boolean;
}

const files = ["binding", "types", "features", "exception", "call-many", "promising", "sign", "source", "run", "wasi", "inspect", "manifest", "load"];
const text = files.map((name) => read(name)).join("\n");
function read(name: string): string {
  return readFileSync(fileURLToPath(new URL(`../lib/${name}.d.ts`, import.meta.url)), "utf8");
}

/** Classes, in the order they are declared in. */
export const classes: string[] = [];
export const apis: Api[] = [];
const interfaces = new Map<string, Parameter[]>();
const aliases = new Map<string, string>();

/** Splits where no bracket and no quote is open. */
function split(source: string, separator: string): string[] {
  const parts = [""];
  let depth = 0;
  for (const [, token] of source.matchAll(/('[^']*'|"[^"]*"|=>|[^])/g)) {
    if ("([{<".includes(token!)) depth++;
    if (")]}>".includes(token!)) depth--;
    if (depth === 0 && separator.includes(token!)) parts.push("");
    else parts[parts.length - 1] += token;
  }
  return parts.map((part) => part.trim()).filter(Boolean);
}

const field = /^(?:readonly )?(\w+)(\?)?: ([^]*)$/;
function parameter(source: string): Parameter {
  const [, name, optional, type] = field.exec(source.replace(/^\.\.\./, "")) ?? [];
  if (type === undefined) throw new Error(`binding.ts can't read '${source}'`);
  return { name: name!, type, optional: optional !== undefined };
}
/** What stands between the first bracket and its end, and what follows. */
function bracketed(source: string): [inside: string, rest: string] {
  let depth = 0;
  for (const { 0: token, index } of source.matchAll(/=>|[^]/g)) {
    if ("([{<".includes(token)) depth++;
    if (")]}>".includes(token) && --depth === 0) {
      const start = source.search(/[([{<]/) + 1;
      return [source.slice(start, index), source.slice(index + 1)];
    }
  }
  throw new Error(`binding.ts finds no end of '${source}'`);
}
/** Of an options object's type, and not of one that has methods. */
const members = (body: string) => split(body, ";\n,").filter((each) => field.test(each)).map(parameter);

function member(owner: string, source: string): Api | undefined {
  const [, fixed, accessor, key] = /^(static )?(?:(get|set) )?(\w+)(?:<[^(]*>)?\(/.exec(source) ?? [];
  if (key === undefined) return undefined;
  const [inside, rest] = bracketed(source.slice(source.indexOf("(")));
  const parameters = split(inside, ",").map(parameter);
  const returns = rest.replace(/^: /, "");
  const of = (kind: Api["kind"], name: string): Api => ({ name, owner, key, kind, parameters, returns });
  if (key === "constructor") return of("constructor", `new ${owner}`);
  if (fixed) return of("static", `${owner}.${key}`);
  if (accessor) return of(accessor === "get" ? "getter" : "setter", `${owner}#${key}${accessor === "set" ? "=" : ""}`);
  return of("method", `${owner}#${key}`);
}

for (const statement of split(text.replace(/\/\*[^]*?\*\//g, ""), ";\n")) {
  const [, what, name] = /^(?:export )?(?:declare )?(class|interface|type|function) (\w+)/.exec(statement) ?? [];
  if (what === "class") {
    classes.push(name!);
    for (const source of split(bracketed(statement.slice(statement.indexOf("{")))[0], ";\n")) {
      const found = member(name!, source);
      if (found) apis.push(found);
    }
  } else if (what === "interface") {
    const extended = /extends ([\w, ]+) \{/.exec(statement)?.[1]?.split(", ") ?? [];
    interfaces.set(name!, [...members(bracketed(statement)[0]), ...extended.flatMap((base) => interfaces.get(base)!)]);
  } else if (what === "type") {
    aliases.set(name!, statement.replace(/^[^=]*= */, ""));
  } else if (what === "function") {
    const found = member("", statement.slice(statement.indexOf(name!)))!;
    apis.push({ ...found, kind: "function", name: name! });
  }
}

/** The alternatives of a type. */
function union(type: string): string[] {
  return split(type, "|").flatMap((part) => {
    const alias = aliases.get(part);
    // What has its own case below, or is no type of an argument.
    if (alias === undefined || ["ExportedFunction", "ValType", "Imports", "FeatureName"].includes(part)) return [part];
    return union(alias);
  });
}
/** The members of an options object's type; none where it is something else. */
export function membersOf(type: string): Parameter[] | undefined {
  for (const part of union(type)) {
    const name = part.replace(/^Required<(\w+)>$/, "$1");
    const found = part.startsWith("{") ? members(bracketed(part)[0]) : interfaces.get(name);
    if (found) return found.map((each) => (name === part ? each : { ...each, optional: false }));
  }
  return undefined;
}
/** What an array, an iterable or a record holds. */
export function typeOfElements(type: string): string | undefined {
  const records = union(type === "Imports" ? aliases.get(type)! : type).map((part) => /^Record<string, ([^]*)>$/.exec(part)?.[1]);
  const lists = union(type).map((part) => /^(?:readonly )?(\w+)\[\]$/.exec(part)?.[1] ?? /^(?:Array|Iterable)<(.*)>$/.exec(part)?.[1]);
  return [...records, ...lists].find((found) => found !== undefined);
}
/** Which of our classes are alternatives of a type. */
export const classesOf = (type: string): string[] =>
  union(type).filter((part) => classes.includes(part) || part === "ExportedFunction");

const isObject = (value: unknown) => (typeof value === "object" && value !== null) || typeof value === "function";
const numbers = ["Int8Array", "Uint8Array", "Uint32Array", "Int32Array", "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array"];

/** Whether a value is one of a type; then an API may still refuse it, for what it is. */
export function accepts(type: string, given: Value): boolean {
  return union(type).some((part) => {
    try {
      return acceptsOne(part, given);
    } catch (error) {
      if ((error as Error).message.startsWith("binding.ts")) throw error;
      // The value itself throws wherever it is looked at.
      return false;
    }
  });
}
function acceptsOne(part: string, { value, is }: Value): boolean {
  if (/^(['"]).*\1$/.test(part)) return value === part.slice(1, -1);
  // Alternatives of strings, one after the other.
  if (part.startsWith("`")) {
    const pattern = part.slice(1, -1).replace(/\$\{([^}]*)\}/g, (_, choices: string) => `(${choices.replace(/[" ]/g, "")})`).replaceAll("+", "\\+");
    return typeof value === "string" && new RegExp(`^${pattern}$`).test(value);
  }
  if (["true", "false", "null", "undefined"].includes(part)) return String(value) === part && typeof value !== "string";
  // Whole numbers may be given as bigints everywhere.
  if (part === "number") return typeof value === "number" || typeof value === "bigint";
  if (["bigint", "string", "boolean"].includes(part)) return typeof value === part;
  // What a function takes is its own matter.
  if (part === "any" || part === "unknown" || part === "A") return true;
  if (classes.includes(part) || part === "ExportedFunction") return is === part;
  if (part === "ValType") return is === "RefType" || value === "i32";
  if (part === "FeatureName") return value === "gc";
  if (part === "URL") return value instanceof URL;
  if (part === "KeyObject") return value instanceof KeyObject;
  if (part === "Readable") return value instanceof Readable;
  if (part === "Writable") return value instanceof Writable;
  if (part === "AbortSignal") return value instanceof AbortSignal;
  if (numbers.includes(part)) return ArrayBuffer.isView(value) || value instanceof ArrayBuffer;
  if (/\[\]$|^Array</.test(part)) return Array.isArray(value);
  if (part.startsWith("Iterable<")) return typeof value === "string" || typeof (value as any)?.[Symbol.iterator] === "function";
  if (part === "(string & {})") return typeof value === "string";
  if (part.startsWith("(")) return typeof value === "function";
  if (part === "Imports" || part.startsWith("Record<")) return isObject(value);
  const found = membersOf(part);
  if (found) return isObject(value) && found.every(({ name, optional }) => optional || name in (value as object));
  throw new Error(`binding.ts does not know the type '${part}': teach it`);
}
