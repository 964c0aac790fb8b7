// What a store's guests have of JavaScript. Native code holds only numbers and a weak reference to a HostTable, so every
// ownership edge is one that V8 sees: functions and handles point to the table, the table to imports and values.

import { ask, signature, toWasm, zero } from "./call.js";
import { LinkError, wrongType } from "./errors.js";
import type { ImportType, Imports } from "./types.js";

/** A base class that puts its private fields on whatever object it is given. */
const Stamp = function (object: object) {
  return object;
} as unknown as new (object: object) => object;

/** Which function of which store an exported function is. Nobody can forge or copy it. */
class Exported extends Stamp {
  #table: HostTable;
  #number: number;
  constructor(fn: object, table: HostTable, number: number) {
    super(fn);
    this.#table = table;
    this.#number = number;
  }
  static of(value: object): { table: HostTable; number: number } | undefined {
    return #table in value ? { table: value.#table, number: value.#number } : undefined;
  }
}

/** An edge from a native object to what must live as long as it does. */
class Bound extends Stamp {
  #to: unknown;
  constructor(object: object, to: unknown) {
    super(object);
    this.#to = to;
  }
  static of(object: object): unknown {
    return #to in object ? object.#to : undefined;
  }
}

type Trampoline = (this: HostTable) => void;

export class HostTable {
  /** Functions that wasm calls: the store's own first, then the lists of linkers it has instantiated from. */
  links: Trampoline[][] = [[]];
  /** Values in the hands of the guest, by number from 1. */
  #values: unknown[] = [undefined];
  #free: number[] = [];
  #drainAt = 1024;
  /** Exported functions by number: the same wasm function is the same JavaScript function. */
  #funcs: Function[] = [];

  constructor(
    readonly store: number,
    readonly engine: unknown,
  ) {}

  /** Gives a value a number, 0 for null. Numbers of values that the guest let go are used again. */
  hold(value: unknown): number {
    if (value === null) return 0;
    if (this.#free.length === 0 && this.#values.length >= this.#drainAt) this.#drain();
    const number = this.#free.pop() ?? this.#values.length;
    this.#values[number] = value;
    return number;
  }
  value(number: number): unknown {
    return number === 0 ? null : this.#values[number];
  }
  #drain(): void {
    const freed = ask(this.store, 0) as number[];
    // By index: this runs while slots are being written, and iterators of arrays can be replaced.
    for (let i = 0; i < freed.length; i++) {
      const number = freed[i]!;
      if (number === 0) continue;
      this.#values[number] = undefined;
      this.#free.push(number);
    }
    this.#drainAt = Math.max(1024, 2 * (this.#values.length - this.#free.length));
  }

  /** The JavaScript function of a wasm function, null for 0. */
  func(number: number): Function | null {
    if (number === 0) return null;
    const known = this.#funcs[number];
    if (known) return known;
    const made = signature(ask(this.store, -number) as string).export(this, this.store, number);
    new Exported(made, this, number);
    this.#funcs[number] = made;
    return made;
  }
  /** The number of an exported function of this store, 0 for null. */
  numberOf(value: unknown): number {
    if (value === null) return 0;
    const found = typeof value === "function" ? Exported.of(value) : undefined;
    if (!found) throw wrongType("a funcref must be null or a function exported by wasm: see Func.wrap");
    if (found.table !== this) throw wrongType("the function belongs to another store");
    return found.number;
  }

  toWasm(type: string, value: unknown): unknown {
    return toWasm(type, value, this);
  }
  zero(type: string): unknown {
    return zero(type);
  }

  /** Adds a function for wasm to call; returns its place. */
  import(sig: string, fn: Function): number {
    return this.links[0]!.push(signature(sig).import(fn)) - 1;
  }

  /** Finds what a module imports: for each a number (a function of this store, or -1 - its place here) or an object. */
  resolve(module: { imports: ImportType[] }, imports: Imports | undefined): unknown[] {
    return importsOf(module).map(({ module: space, name, kind, sig }) => {
      const found = imports?.[space];
      const value = isObject(found) ? (found as Record<string, unknown>)[name] : undefined;
      if (kind === "function" ? typeof value !== "function" : !(value instanceof classOf(kind))) {
        throw linkError(space, name, kind, value);
      }
      if (kind !== "function") return value;
      const exported = Exported.of(value as Function);
      if (!exported) return -1 - this.import(sig, value as Function);
      if (exported.table !== this) {
        throw wrongType(`imports.${space}.${name} is a function of another store`);
      }
      return exported.number;
    });
  }

  /** Makes an instance's exports, and puts them where its getter was. Numbers are functions. */
  exports(instance: object, names: string[], items: unknown[]): object {
    const exports = Object.create(null);
    for (const [i, name] of names.entries()) {
      const item = items[i];
      const value = typeof item === "number" ? this.func(item) : item;
      const absent = () => {
        throw wrongType(`the export '${name}' is of a kind that can't be used from JavaScript yet`);
      };
      Object.defineProperty(exports, name, value === undefined ? { get: absent } : { value, enumerable: true });
    }
    Object.freeze(exports);
    Object.defineProperty(instance, "exports", { value: exports, enumerable: true });
    return exports;
  }

  /** When the store is disposed nothing can call or ask any more. */
  clear(): void {
    this.links = [[]];
    this.#values = [undefined];
    this.#free = [];
    this.#funcs = [];
  }
}

/** The native classes that can be imported, by kind. */
let classes: Record<string, Function> = {};
export function setClasses(native: Record<string, Function>): void {
  classes = native;
}
function classOf(kind: string): Function {
  return classes[kind] ?? class {};
}

type Wanted = { module: string; name: string; kind: string; sig: string };
const wanted = new WeakMap<object, Wanted[]>();

/** What a module imports, asked of it once. */
function importsOf(module: { imports: ImportType[] }): Wanted[] {
  let list = wanted.get(module);
  if (!list) {
    list = module.imports.map(({ module: space, name, kind, type }) => {
      const sig = "results" in type ? `${type.parameters.join(",")}:${type.results.join(",")}` : "";
      return { module: space, name, kind, sig };
    });
    wanted.set(module, list);
  }
  return list;
}

function linkError(module: string, name: string, expected: string, value: unknown): LinkError {
  const found = describe(value);
  const what = value === undefined ? "is missing" : `must be a ${expected}, got ${found}`;
  const message = `the import '${module}'.'${name}' ${what}`;
  return new LinkError(message, { module, name, expected, found });
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  for (const [kind, native] of Object.entries(classes)) if (value instanceof native) return kind;
  return typeof value;
}

/** Called by native code (crates/node-api/src/env.rs, `EnvData::call`). */
export const facade = {
  bindStore(owner: object, number: number, engine: unknown): HostTable {
    const table = new HostTable(number, engine);
    new Bound(owner, table);
    return table;
  },
  bindLinker(linker: object): void {
    new Bound(linker, []);
  },
  bind(object: object, to: unknown): void {
    new Bound(object, to);
  },
  boundTo(object: object): unknown {
    return Bound.of(object);
  },
  addFunction(linker: object, sig: string, fn: Function): number {
    return (Bound.of(linker) as Trampoline[]).push(signature(sig).import(fn)) - 1;
  },
  /** What something given to `Linker.define` is: its kind, the number of its store, itself (functions: their number). */
  identify(value: unknown): [string, number, unknown] {
    if (typeof value === "function") {
      const exported = Exported.of(value);
      if (exported) return ["function", exported.table.store, exported.number];
      throw wrongType("a JavaScript function has no wasm type: use defineFunc");
    }
    for (const [kind, native] of Object.entries(classes)) if (value instanceof native) return [kind, 0, value];
    throw wrongType(`value must be an exported function, Memory, Table or Global, got ${describe(value)}`);
  },
};
