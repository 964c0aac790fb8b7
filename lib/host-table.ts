// What a store's guests have of JavaScript. Native code holds only numbers and a weak reference to a HostTable, so every
// ownership edge is one that V8 sees: functions and handles point to the table, the table to imports and values.

import type { WasiOptions } from "./binding.js";
import { type MakeExport, type Promised, Question, type Signature, type Steps, answers, ask, coerce, give, giveAll, signature, take, takeAll, zero } from "./call.js";
import { InternalError, LinkError, isOurs, wrongType } from "./errors.js";
import { type Exception, madeOf, partsOf } from "./exception.js";
import { Stamp } from "./stamp.js";
import type { Imports } from "./types.js";
import { type OwnWasi, wasiFunction } from "./wasi-imports.js";

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

/** The numbers of an exported function and its store. Throws `TypeError` for any other value. */
export function exported(fn: unknown): { store: number; func: number } {
  const found = typeof fn === "function" ? Exported.of(fn) : undefined;
  if (!found) throw wrongType(`fn must be a function exported by wasm, got ${describe(fn)}`);
  return { store: found.table.store, func: found.number };
}

/** The same with how it is called in steps. */
export function exportedFrom(fn: unknown): { table: HostTable; number: number; steps: Steps } {
  exported(fn);
  const { table, number } = Exported.of(fn as object)!;
  return { table, number, steps: signature(ask(table.store, Question.signature, number) as string).steps };
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

/** Which of a store's guests' structs and arrays an object is. */
class Held extends Stamp {
  #table: HostTable;
  #number: number;
  constructor(object: object, table: HostTable, number: number) {
    super(object);
    this.#table = table;
    this.#number = number;
  }
  /** The number, 0 for an object that is none of the table's store's. */
  static numberOf(object: object, table: HostTable): number {
    return #table in object && object.#table === table ? object.#number : 0;
  }
}
/** The same of exceptions, which are values of JavaScript like any other where no exception is wanted. */
class HeldException extends Stamp {
  #table: HostTable;
  #number: number;
  constructor(object: object, table: HostTable, number: number) {
    super(object);
    this.#table = table;
    this.#number = number;
  }
  static numberOf(object: object, table: HostTable): number {
    return #table in object && object.#table === table ? object.#number : 0;
  }
}

/** What native code offers to us alone. */
export interface Hidden {
  Instance: { prototype: object };
  Memory: { prototype: object };
  wanted(module: object): [module: string, name: string, kind: string, kinds: string, plain: boolean][];
  tagKinds(tag: object): string;
  makeException(tag: object): number;
  keepException(exception: object, store: number, number: number): void;
  adoptWasi?(store: number, options: WasiOptions): void;
}
let native: Hidden;
export function setNative(hidden: Hidden): void {
  native = hidden;
}

/** Which memory, table, global or tag of which store an object is. Nobody can forge it, nor take it away. */
export class Extern extends Stamp {
  #kind: string;
  #store: number;
  #number: number;
  #whole: object | undefined;
  constructor(object: object, kind: string, store: number, number: number, whole: object | undefined) {
    super(object);
    this.#kind = kind;
    this.#store = store;
    this.#number = number;
    this.#whole = whole;
  }
  /** Its native object: itself, save for a memory that was made without one, which gets it when it is needed. */
  static whole(value: unknown): unknown {
    if (!isObject(value) || !(#kind in value)) return value;
    return (value.#whole ??= ask(value.#store, Question.extern, value.#number) as object);
  }
  static kind(value: unknown): string | undefined {
    return isObject(value) && #kind in value ? value.#kind : undefined;
  }
  /** Of an object that is one. */
  static store(object: object): number {
    return (object as Extern).#store;
  }
  static number(object: object): number {
    return (object as Extern).#number;
  }
}

type Trampoline = (this: HostTable) => void;

export class HostTable {
  /** Functions that wasm calls: the store's own first, then the lists of linkers it has instantiated from. */
  links: Trampoline[][] = [[]];
  /** What takes what the guests write. */
  stdout?: (chunk: Buffer) => void;
  stderr?: (chunk: Buffer) => void;
  /** What the guest waits for, of what a host function has returned. */
  waiting: Promised | undefined;
  /** The WASI that came with imports. */
  #adopted: OwnWasi | undefined;
  /** Values in the hands of the guest, by number from 1. */
  #values: unknown[] = [undefined];
  #free: number[] = [];
  #drainAt = 1024;
  /** Exported functions by number: the same wasm function is the same JavaScript function. */
  #funcs: Function[] = [];
  /** Memories, tables, globals and tags by number, which are the same objects each time too. */
  #externs: object[] = [];
  /** The guests' objects that JavaScript has, by number. */
  #objects: (WeakRef<object> | undefined)[] = [];

  constructor(
    readonly store: number,
    readonly engine: unknown,
  ) {}

  /** Gives a value a number. Numbers of values that the guest let go are used again. */
  hold(value: unknown): number {
    if (this.#free.length === 0 && this.#values.length >= this.#drainAt) this.#drain();
    const number = this.#free.pop() ?? this.#values.length;
    this.#values[number] = value;
    return number;
  }
  value(number: number): unknown {
    return this.#values[number];
  }
  #drain(): void {
    let count: number;
    do {
      count = ask(this.store, Question.freed) as number;
      // By index: this runs while slots are being written, and iterators of arrays can be replaced.
      for (let i = 0; i < count; i++) {
        const number = answers[i]!;
        this.#values[number] = undefined;
        this.#free.push(number);
      }
    } while (count === answers.length);
    this.#drainAt = Math.max(1024, 2 * (this.#values.length - this.#free.length));
  }

  /** The JavaScript function of a wasm function. */
  func(number: number, type?: Signature, named?: MakeExport): Function {
    const known = this.#funcs[number];
    if (known) return known;
    const make = named ?? (type ?? signature(ask(this.store, Question.signature, number) as string)).export;
    const made = make(this, this.store, number);
    new Exported(made, this, number);
    if (!named) Object.defineProperty(made, "name", { get: () => this.#nameOf(made, number), configurable: true });
    this.#funcs[number] = made;
    return made;
  }
  /** What the JS API calls a function: its index in its module. Most are never asked, so it is looked up then. */
  #nameOf(fn: Function, number: number): string {
    let value = "";
    try {
      value = ask(this.store, Question.name, number) as string;
    } catch {
      // The store is disposed.
    }
    if (Object.getOwnPropertyDescriptor(fn, "name")?.configurable) Object.defineProperty(fn, "name", { value });
    return value;
  }
  /** The number of an exported function of this store, 0 for null. */
  numberOf(value: unknown): number {
    if (value === null) return 0;
    const found = typeof value === "function" ? Exported.of(value) : undefined;
    if (!found) throw wrongType("a funcref must be null or a function exported by wasm: see Func.wrap");
    if (found.table !== this) throw wrongType("the function belongs to another store");
    return found.number;
  }

  take(type: string, value: unknown): void {
    take(type, value, this);
  }
  takeSome(kinds: string, values: unknown[], from: number): void {
    const types = listed(kinds);
    takeAll(types, values.slice(from, from + types.length), this);
  }
  give(type: string): unknown {
    return give(type, this);
  }
  zero(type: string): unknown {
    return zero(type);
  }
  list(values: Iterable<unknown>): unknown[] {
    if (!isObject(values) || typeof (values as Partial<Iterable<unknown>>)[Symbol.iterator] !== "function") {
      throw wrongType("the values must be an iterable");
    }
    return [...values];
  }

  /** The object of a memory, a table, a global or a tag, if there is one yet. */
  extern(number: number): object | undefined {
    return this.#externs[number];
  }
  /** The same, which is made if there is none. */
  externOf(number: number, kind: string): object {
    const known = this.#externs[number];
    if (known) return known;
    // One of the most that are made is never asked for more than its bytes (lib/memory.ts).
    const whole = kind === "memory" ? undefined : (ask(this.store, Question.extern, number) as object);
    const made = whole ?? Object.create(native.Memory.prototype);
    this.#adopt(made, kind, number, whole);
    return made;
  }
  /** Makes an object the one of such an extern. What it can give back or call lives as long as it does. */
  adopt(object: object, kind: string, number: number): void {
    // Native code sees that an object was made before where it has made it.
    if (Extern.kind(object)) throw wrongType("class Memory can't be called without 'new'");
    this.#adopt(object, kind, number, object);
  }
  #adopt(object: object, kind: string, number: number, whole: object | undefined): void {
    new Bound(object, this);
    new Extern(object, kind, this.store, number, whole);
    this.#externs[number] = object;
  }

  /** The object for one of a guest's. */
  object(number: number): object {
    return this.#objects[number]?.deref() ?? this.keep(ask(this.store, Question.object, number) as object, number);
  }
  keep(object: object, number: number): object {
    new Held(object, this, number);
    this.#objects[number] = new WeakRef(object);
    return object;
  }
  /** The number of a guest's object, 0 for any other. */
  numberOfObject(object: object): number {
    return Held.numberOf(object, this);
  }

  /** The exception that came out of wasm: the object that went in, or a new one, of what native code has put into slots. */
  exception(number: number, tag: object, kinds: string): object {
    const known = this.#objects[number]?.deref();
    if (known) return known;
    const types = listed(kinds);
    return this.#keepException(madeOf(tag as never, types, giveAll(types, this)), number);
  }
  #keepException(exception: Exception, number: number): Exception {
    native.keepException(exception, this.store, number);
    new HeldException(exception, this, number);
    this.#objects[number] = new WeakRef(exception);
    return exception;
  }
  /** The number of an exception, which may become the guest's right now. */
  numberOfException(exception: unknown): number {
    const parts = partsOf(exception);
    if (!parts) throw wrongType("an exnref must be null or an Exception");
    const known = HeldException.numberOf(exception as Exception, this);
    if (known !== 0) return known;
    const { tag, payload } = parts;
    if (!tag || Bound.of(tag) !== this) throw wrongType("the exception's tag belongs to another store");
    takeAll(tagOf(tag).kinds, payload, this);
    const number = native.makeException(tag);
    this.#keepException(exception as Exception, number);
    return number;
  }
  /** What is to be thrown in wasm for what JavaScript has thrown: see native code, `exception.rs`. */
  throwing(value: unknown): number {
    const parts = partsOf(value);
    if (parts?.tag && Bound.of(parts.tag) === this) return this.numberOfException(value);
    // Traps, exits and deadlines are not for guests to catch.
    if (!parts && isOurs(value)) return 0;
    take("externref", value, this);
    return -1;
  }

  output(fd: number, chunk: Buffer): void {
    const take = fd === 1 ? this.stdout : this.stderr;
    take?.(chunk);
  }

  /** Adds a function for wasm to call; returns its place. */
  import(sig: string, fn: Function): number {
    return this.links[0]!.push(signature(sig).import(fn)) - 1;
  }

  /** Called by native code in place of the host function whose promise is settled. */
  settle(): void {
    const { put, outcome } = this.waiting!;
    this.waiting = undefined;
    if (!outcome) throw new InternalError("a promise that is not settled");
    if ("error" in outcome) throw outcome.error;
    put(this, outcome.value);
  }

  /** Finds what a module imports: for each a number (a function of this store, or -1 - its place here), an object, or a plain
   * value for a constant global; for a function of WASI its module and name. */
  resolve(module: object, imports: Imports | undefined): unknown[] {
    return importsOf(module).map(([space, name, kind, kinds, plain]) => {
      const found = imports?.[space];
      const value = isObject(found) ? (found as Record<string, unknown>)[name] : undefined;
      if (kind !== "function") {
        if (Extern.kind(value) === kind || (plain && this.#isPlain(kinds, value))) return Extern.whole(value);
        throw linkError(space, name, kind, value);
      }
      if (typeof value !== "function") throw linkError(space, name, kind, value);
      const exported = Exported.of(value);
      const wasi = exported ? undefined : wasiFunction(value);
      if (wasi) return this.#wasi(wasi);
      if (!exported) return -1 - this.import(kinds, value);
      if (exported.table !== this) {
        throw wrongType(`imports.${space}.${name} is a function of another store`);
      }
      return exported.number;
    });
  }

  #wasi({ at, own }: NonNullable<ReturnType<typeof wasiFunction>>): [string, string] {
    if (own && own !== this.#adopted) {
      if (own.once === false) throw wrongType("these functions of WASI are for the instances of one store, which was another");
      native.adoptWasi!(this.store, own.options);
      if (own.once) own.once = false;
      this.#adopted = own;
    }
    return at;
  }

  /** Whether the JS API takes a value for a constant global of this kind. */
  #isPlain(kind: string, value: unknown): boolean {
    if (kind === "i64") return typeof value === "bigint";
    if (!kind.includes("ref")) return typeof value === "number";
    try {
      coerce(kind, value, this);
      return true;
    } catch {
      return false;
    }
  }

  /** When the store is disposed nothing can call or ask any more. */
  clear(): void {
    this.links = [[]];
    this.stdout = this.stderr = undefined;
    this.#values = [undefined];
    this.#free = [];
    this.#funcs = [];
    this.#externs = [];
    this.#objects = [];
  }
}

/** Which instance of which store an object is. */
export class Instantiated extends Stamp {
  #table: HostTable;
  #number: number;
  constructor(object: object, table: HostTable, number: number) {
    super(object);
    this.#table = table;
    this.#number = number;
  }
  static is(object: unknown): boolean {
    return isObject(object) && #table in object;
  }
  /** Of an object that is one. */
  static table(object: object): HostTable {
    return (object as Instantiated).#table;
  }
  static number(object: object): number {
    return (object as Instantiated).#number;
  }
}

/** The kinds that native code has joined. */
const listed = (kinds: string) => kinds.split(",").filter(Boolean);

/** The store's table of a tag, and the kinds of what its exceptions carry. */
export function tagOf(tag: object): { table: HostTable; kinds: string[] } {
  const kinds = listed(native.tagKinds(tag));
  return { table: Bound.of(tag) as HostTable, kinds };
}

const wanted = new WeakMap<object, ReturnType<Hidden["wanted"]>>();

/** What a module imports, asked of it once. */
function importsOf(module: object): ReturnType<Hidden["wanted"]> {
  let list = wanted.get(module);
  if (!list) wanted.set(module, (list = native.wanted(module)));
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
  return Extern.kind(value) ?? typeof value;
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
  /** Gives a store an edge to the functions of a linker. */
  link(table: HostTable, place: number, linker: object): void {
    table.links[place] = Bound.of(linker) as Trampoline[];
  },
  makeInstance(table: HostTable, number: number): object {
    return new Instantiated(Object.create(native.Instance.prototype), table, number);
  },
  adoptInstance(object: object, table: HostTable, number: number): void {
    if (Instantiated.is(object)) throw wrongType("class Instance can't be called without 'new'");
    new Instantiated(object, table, number);
  },
  instanceOf(object: object): [store: number, number: number] | undefined {
    return Instantiated.is(object) ? [Instantiated.table(object).store, Instantiated.number(object)] : undefined;
  },
  whole: (value: object) => Extern.whole(value),
  clear(table: HostTable): void {
    table.clear();
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
    const kind = Extern.kind(value);
    if (kind !== undefined) return [kind, 0, Extern.whole(value)];
    throw wrongType(`value must be an exported function, Memory, Table, Global or Tag, got ${describe(value)}`);
  },
};
