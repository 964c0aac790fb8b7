// V8's own WebAssembly beside ours: the same steps run in a world of each, and what they have logged is compared.

import wabt from "wabt";
import * as ours from "../index.js";
import { engineOf, isAnyLacking, load } from "./helper.js";

/** V8's own WebAssembly, which Node's types leave to those of the web. */
export const V8: any = (globalThis as any).WebAssembly;

// Not awaited here: tests are declared before a module that awaits goes on.
const tools = wabt();
/** Each text is compiled once. */
const compiled = <M>(compile: (wat: string) => M) => {
  const known = new Map<string, M>();
  return (wat: string): M => {
    if (!known.has(wat)) known.set(wat, compile(wat));
    return known.get(wat)!;
  };
};
const ourModule = compiled((wat) => load(wat).module);
const v8Module = tools.then(({ parseWat }) =>
  compiled((wat) => new V8.Module(parseWat("test.wat", wat, { exceptions: true }).toBinary({}).buffer)),
);

/** One engine with nothing in it yet. What is called alike here is called differently there: see the deviations. */
export interface World {
  readonly name: "V8" | "cwasm";
  /** Where its classes are. */
  readonly api: any;
  instantiate(wat: string, ...imports: unknown[]): any;
  /** The exports of an instance. */
  start(wat: string, ...imports: unknown[]): any;
  memory(type: unknown): any;
  table(type: unknown, ...init: unknown[]): any;
  /** With V8's names of types. */
  global(type: unknown, mutable: unknown, ...value: unknown[]): any;
  tag(...parameters: unknown[]): any;
  tagOf(parameters: unknown): any;
  exception(tag: unknown, payload: unknown): any;
}

export async function ofV8(): Promise<World> {
  const module = await v8Module;
  const instantiate = (wat: string, ...imports: unknown[]) => new V8.Instance(module(wat), ...imports);
  return {
    name: "V8",
    api: V8,
    instantiate,
    start: (...args) => instantiate(...args).exports,
    memory: (type) => new V8.Memory(type),
    table: (type, ...init) => new V8.Table(type, ...init),
    global: (value, mutable, ...init) => new V8.Global({ value, mutable }, ...init),
    tag: (...parameters) => new V8.Tag({ parameters }),
    tagOf: (parameters) => new V8.Tag({ parameters }),
    exception: (tag, payload) => new V8.Exception(tag, payload),
  };
}

export function ofCwasm(): World {
  const store = new ours.Store(engineOf());
  const api = ours as any;
  const instantiate = (wat: string, ...imports: any[]) => new ours.Instance(store, ourModule(wat), ...imports);
  return {
    name: "cwasm",
    api,
    instantiate,
    start: (...args) => instantiate(...args).exports,
    memory: (type) => new api.Memory(store, type),
    table: (type, ...init) => new api.Table(store, type, ...init),
    global: (type, mutable, ...init) => new api.Global(store, { type, mutable }, ...init),
    tag: (...parameters) => new api.Tag(store, { parameters }),
    tagOf: (parameters) => new api.Tag(store, { parameters }),
    exception: (tag, payload) => new api.Exception(tag, payload),
  };
}

/** Notes values, in words that are the same for both. */
export interface Log {
  (...values: unknown[]): void;
  /** Notes what a function returns or throws. */
  of(fn: () => unknown, what?: string): void;
}
export type Steps = (world: World, log: Log) => unknown;

/** What the steps have logged. What they throw themselves is a mistake of theirs. */
export function outcome(world: World, steps: Steps): string[] {
  const lines: string[] = [];
  const note = (...values: unknown[]) => void lines.push(values.map(inWords).join(" "));
  const of = (fn: () => unknown, what = "") => {
    let end: string;
    try {
      end = `returns ${inWords(fn())}`;
    } catch (error) {
      // Nothing that V8 would do.
      if (isAnyLacking(error)) throw error;
      end = `throws ${inWords(error)}`;
    }
    lines.push(what ? `${what}: ${end}` : end);
  };
  steps(world, Object.assign(note, { of }));
  return lines;
}

const names = new Map<unknown, string>();
/** Gives an object a name in logs. Without one there is only its class. */
export function named<T extends object>(name: string, object: T): T {
  names.set(object, name);
  return object;
}

/** The classes that differ only in where they are. */
const classes: [name: string, ...classes: Function[]][] = [
  ["RuntimeError", ours.Trap, V8.RuntimeError],
  ["LinkError", ours.LinkError, V8.LinkError],
  ["Exception", ours.Exception, V8.Exception],
  ...(["Memory", "Table", "Global", "Tag", "Instance"] as const).map(
    (name) => [name, ours[name], V8[name]] as [string, ...Function[]],
  ),
];

function inWords(value: unknown): string {
  const name = names.get(value);
  if (name !== undefined) return name;
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map(inWords).join(", ")}]`;
  if (value instanceof ArrayBuffer) return `${value.byteLength} bytes`;
  const found = classes.find(([, ...list]) => list.some((one) => value instanceof one));
  return found?.[0] ?? value.constructor?.name ?? "an object";
}
