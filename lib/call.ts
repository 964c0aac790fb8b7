// The functions through which calls travel, made once per signature. docs/design.md, section 4, has the whole picture.
//
// A call's arguments are coerced into locals first, so that whatever runs there (`valueOf`) runs before anything is
// written; then they are written into the slots, and `enter` is called without arguments. Nothing runs between the return
// of `enter` and the reading of the results.

import { wrongType } from "./errors.js";
import type { HostTable } from "./host-table.js";

/** As many as crates/node-api/src/env.rs says, and one for the header; behind them the place for answers. */
const SLOTS = 1002;
const ANSWERS = 256;
export const slots = new ArrayBuffer((SLOTS + ANSWERS) * 16);
/** Numbers that answer a question. */
export const answers = new Uint32Array(slots, SLOTS * 16);
const I32 = new Int32Array(slots);
const F32 = new Float32Array(slots);
const F64 = new Float64Array(slots);
const I64 = new BigInt64Array(slots);
const U8 = new Uint8Array(slots);

/** The native function that makes the call which the header names. */
let enter: () => unknown;
export function setEnter(native: () => unknown): void {
  enter = native;
}

/** Puts numbers into the first slots, NaN for what is none. */
export function setNumbers(...numbers: (number | undefined)[]): void {
  for (let i = 0; i < numbers.length; i++) F64[2 * i + 2] = numbers[i] ?? NaN;
}

/** What native code can be asked (crates/node-api/src/func.rs, `answer`). */
export const Question = {
  freed: 0,
  signature: -1,
  name: -2,
  object: -3,
  read: -4,
  write: -5,
  begin: -6,
  turn: -7,
  end: -8,
  extern: -9,
  exports: -10,
  shape: -11,
  names: -12,
} as const;

export function ask(store: number, question: (typeof Question)[keyof typeof Question], operand = 0): unknown {
  I32[0] = question;
  I32[1] = store;
  I32[2] = operand;
  return enter();
}

/** Begins a call that may wait, with what is in the slots: see lib/promising.ts. */
export function begin(store: number, func: number, flags: number, timeoutMs: number): unknown {
  F64[SLOTS * 2] = timeoutMs;
  I32[3] = flags;
  return ask(store, Question.begin, func);
}
/** The milliseconds that it has left, as native code has told, 0 where it has all the time. */
export const left = () => F64[SLOTS * 2]!;

/** What a guest waits for. */
export interface Promised {
  promise: unknown;
  outcome?: { value: unknown } | { error: unknown };
  /** Puts into the slots what it has become. */
  put(table: HostTable, value: unknown): void;
}
const isThenable = (value: any) =>
  value !== null && (typeof value === "object" || typeof value === "function") && typeof value.then === "function";
/** Tells native code that a host function has returned a promise. */
function promised(table: HostTable, promise: unknown, put: Promised["put"]): void {
  table.waiting = { promise, put };
  I32[3] = 2;
}

/** More bytes at once go another way than through the transfer buffer: as in crates/node-api/src/env.rs. */
export const TRANSFER = 64 << 10;
export const transfer = new ArrayBuffer(TRANSFER);

/** Copies bytes between a memory and the transfer buffer. Throws where they are outside of the memory. */
export function copy(store: number, question: -4 | -5, memory: number, offset: number, length: number): void {
  F64[2] = offset;
  I32[8] = length;
  ask(store, question, memory);
}

/** What stands for a reference in a slot: one of these, and a number. As in crates/node-api/src/val.rs. */
const Token = { null: 0, host: 1, i31: 2, object: 3, func: 4 } as const;

function putToken(slot: number, token: number, number: number): void {
  I32[slot * 4] = token;
  I32[slot * 4 + 1] = number;
}

/** How values of one type cross. `take` coerces as the JS API does; `put` and `get` are of a slot. */
interface Kind {
  take(value: any, table: HostTable): any;
  put(slot: number, value: any, table: HostTable): void;
  get(slot: number, table: HostTable): unknown;
  /** The same as text, where that is short: code of each signature's own, which V8 makes for the values that it sees there. */
  text?: { take(value: string): string; slot(slot: number): string };
}

/** Whether the JS API makes an i31 of a value. */
const isI31 = (value: unknown): value is number =>
  typeof value === "number" && (value << 1) >> 1 === value && !Object.is(value, -0);

/** Any value of JavaScript: numbers that fit become i31, objects of the guest's are themselves, all else is held for it. */
const reference: Kind = {
  take: (value) => value,
  put: (slot, value, table) => {
    if (value === null) return putToken(slot, Token.null, 0);
    if (isI31(value)) return putToken(slot, Token.i31, value);
    const object = typeof value === "object" ? table.numberOfObject(value) : 0;
    if (object !== 0) return putToken(slot, Token.object, object);
    putToken(slot, Token.host, table.hold(value));
  },
  get: (slot, table) => {
    const number = I32[slot * 4 + 1]!;
    switch (I32[slot * 4]) {
      case Token.host:
        return table.value(number);
      case Token.i31:
        return number;
      case Token.object:
        return table.object(number);
      default:
        return null;
    }
  },
};
const funcref: Kind = {
  take: (value, table) => table.numberOf(value),
  put: (slot, value) => putToken(slot, value === 0 ? Token.null : Token.func, value),
  get: (slot, table) => (I32[slot * 4] === Token.func ? table.func(I32[slot * 4 + 1]!) : null),
};
const exnref: Kind = {
  take: (value, table) => (value === null ? 0 : table.numberOfException(value)),
  put: (slot, value) => putToken(slot, value === 0 ? Token.null : Token.object, value),
  get: reference.get,
};

const kinds: Record<string, Kind> = {
  i32: {
    take: (value) => value | 0,
    put: (slot, value) => void (I32[slot * 4] = value),
    get: (slot) => I32[slot * 4],
    text: { take: (value) => `${value} | 0`, slot: (slot) => `I32[${slot * 4}]` },
  },
  i64: {
    // Writing cuts a bigint to 64 bits; everything else must be one first.
    take: (value) => (typeof value === "bigint" ? value : BigInt.asIntN(64, value)),
    put: (slot, value) => void (I64[slot * 2] = value),
    get: (slot) => I64[slot * 2],
    text: {
      take: (value) => `typeof ${value} === "bigint" ? ${value} : BigInt.asIntN(64, ${value})`,
      slot: (slot) => `I64[${slot * 2}]`,
    },
  },
  f32: {
    take: (value) => +value,
    put: (slot, value) => void (F32[slot * 4] = value),
    get: (slot) => F32[slot * 4],
    text: { take: (value) => `+${value}`, slot: (slot) => `F32[${slot * 4}]` },
  },
  f64: {
    take: (value) => +value,
    put: (slot, value) => void (F64[slot * 2] = value),
    get: (slot) => F64[slot * 2],
    text: { take: (value) => `+${value}`, slot: (slot) => `F64[${slot * 2}]` },
  },
  v128: {
    take: bytes16,
    put: (slot, value) => copy16(value, 0, U8, slot * 16),
    get: (slot) => copy16(U8, slot * 16, new Uint8Array(16), 0),
  },
  externref: reference,
  anyref: reference,
  funcref,
  exnref,
  "(ref extern)": { ...reference, take: nonNull },
  "(ref any)": { ...reference, take: nonNull },
  "(ref func)": { ...funcref, take: (value, table) => funcref.take(nonNull(value), table) },
  "(ref exn)": { ...exnref, take: (value, table) => exnref.take(nonNull(value), table) },
};

/** A copy, so that nobody changes it while the other arguments are coerced. */
function bytes16(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length !== 16) throw wrongType("a v128 must be a Uint8Array of 16 bytes");
  return copy16(value, 0, new Uint8Array(16), 0);
}

/** Byte by byte: methods of typed arrays can be replaced, by a subclass or for all, and would be given the slots. */
function copy16(from: Uint8Array, start: number, to: Uint8Array, at: number): Uint8Array {
  for (let i = 0; i < 16; i++) to[at + i] = from[start + i]!;
  return to;
}

function nonNull(value: unknown): unknown {
  if (value === null) throw wrongType("null is no value of a type that is not nullable");
  return value;
}

function kindOf(type: string): Kind {
  return (
    kinds[type] ?? {
      take: () => refuse(type),
      put: () => refuse(type),
      get: () => refuse(type),
    }
  );
}
function refuse(type: string): never {
  throw wrongType(`values of type ${type} can't cross between JavaScript and wasm`);
}

/** Coerces a value and puts it into the first slot, from where native code takes it at once. */
export function take(type: string, value: unknown, table: HostTable): void {
  const kind = kindOf(type);
  kind.put(1, kind.take(value, table), table);
}
/** Coerces a value that stays in JavaScript. */
export function coerce(type: string, value: unknown, table: HostTable): unknown {
  const taken = kindOf(type).take(value, table);
  if (type === "f32") return Math.fround(taken);
  if (type === "i64") return BigInt.asIntN(64, taken);
  // Of functions and exceptions a number is taken.
  return type.includes("ref") ? value : taken;
}
/** The value that native code has put into the first slot. */
export function give(type: string, table: HostTable): unknown {
  return kindOf(type).get(1, table);
}
/** The same for several values. */
export function takeAll(types: string[], values: readonly unknown[], table: HostTable): void {
  const taken = types.map((type, i) => kindOf(type).take(values[i], table));
  for (let i = 0; i < types.length; i++) kindOf(types[i]!).put(i + 1, taken[i], table);
}
export function giveAll(types: string[], table: HostTable): unknown[] {
  return types.map((type, i) => kindOf(type).get(i + 1, table));
}

/** The value that a global or an element has when none is given. */
export function zero(type: string): unknown {
  if (type === "i64") return 0n;
  if (type === "v128") return new Uint8Array(16);
  return type.includes("ref") ? null : 0;
}

/** The results of a host function with several. */
export function several(value: any, count: number): unknown[] {
  const list = [...value];
  if (list.length !== count) throw wrongType(`the function must return ${count} values, it returned ${list.length}`);
  return list;
}

export type MakeExport = (table: HostTable, store: number, number: number) => Function;
type MakeImport = (fn: Function) => (this: HostTable) => void;
/** A call in steps. */
export interface Steps {
  take(args: unknown[], table: HostTable): unknown[];
  put(taken: unknown[], table: HostTable): void;
  read(table: HostTable): unknown;
}
export interface Signature {
  export: MakeExport;
  import: MakeImport;
  steps: Steps;
}

const signatures = new Map<string, Signature>();

/** What is made for a signature, such as `i32,externref:f64`. */
export function signature(text: string): Signature {
  let made = signatures.get(text);
  if (!made) {
    const [params, results] = text.split(":").map((list) => (list ? list.split(",") : [])) as [string[], string[]];
    made = make(params.map(kindOf), results.map(kindOf)) as Signature;
    made.steps = stepsOf(params.map(kindOf), results.map(kindOf));
    signatures.set(text, made);
  }
  return made;
}

function stepsOf(params: Kind[], results: Kind[]): Steps {
  return {
    take: (args, table) => params.map((kind, i) => kind.take(args[i], table)),
    put: (taken, table) => {
      for (let i = 0; i < params.length; i++) params[i]!.put(i + 1, taken[i], table);
    },
    read: (table) => {
      if (results.length === 1) return results[0]!.get(1, table);
      return results.length ? results.map((kind, i) => kind.get(i + 1, table)) : undefined;
    },
  };
}

const namedMakers = new Map<string, MakeExport>();

/** What makes functions of a signature that have a name from the start; none where there are too many, or no text may be run. */
export function named(text: string, name: string): MakeExport | undefined {
  const key = `${text} ${name}`;
  let made = namedMakers.get(key);
  if (made || namedMakers.size >= 1000) return made;
  const [params, results] = text.split(":").map((list) => (list ? list.split(",") : []).map(kindOf)) as [Kind[], Kind[]];
  try {
    made = compile(params, results, name).export;
    namedMakers.set(key, made);
  } catch (error) {
    if (!(error instanceof EvalError)) throw error;
  }
  return made;
}

function make(params: Kind[], results: Kind[]): Omit<Signature, "steps"> {
  try {
    return compile(params, results);
  } catch (error) {
    // Where making functions from text is forbidden (--disallow-code-generation-from-strings, Electron's CSP).
    if (error instanceof EvalError) return interpret(params, results);
    throw error;
  }
}

/** Text in which each value has code of its own. It contains nothing but names and numbers of ours. */
function compile(params: Kind[], results: Kind[], name?: string): Omit<Signature, "steps"> {
  const a = params.map((_, i) => `a${i}`);
  const each = (list: Kind[], text: (kind: Kind, i: number) => string, between = "\n") => list.map(text).join(between);
  const names = (list: Kind[], side: string) =>
    each(list, (kind, i) =>
      kind.text ? "" : `const ${side}take${i} = ${side}[${i}].take, ${side}put${i} = ${side}[${i}].put, ${side}get${i} = ${side}[${i}].get;`,
    );
  const take = (side: string, value: (i: number) => string, table: string) => (kind: Kind, i: number) =>
    kind.text ? kind.text.take(value(i)) : `${side}take${i}(${value(i)}, ${table})`;
  const put = (side: string, value: (i: number) => string, table: string) => (kind: Kind, i: number) =>
    kind.text ? `${kind.text.slot(i + 1)} = ${value(i)};` : `${side}put${i}(${i + 1}, ${value(i)}, ${table});`;
  const read = (side: string, list: Kind[], table: string) =>
    each(list, (kind, i) => kind.text?.slot(i + 1) ?? `${side}get${i}(${i + 1}, ${table})`, ", ");
  const argument = (i: number) => `a${i}`;
  const result = (i: number) => `v${i}`;
  const returned = results.length === 1 ? `return ${read("r", results, "table")};` : results.length ? `return [${read("r", results, "table")}];` : "";
  const convert = (table: string) => `
    ${results.length > 1 ? `const list = several(returned, ${results.length});` : ""}
    ${each(results, (kind, i) => `const v${i} = ${take("r", (i) => (results.length === 1 ? "returned" : `list[${i}]`), table)(kind, i)};`)}
    ${each(results, put("r", result, table))}`;
  const source = `"use strict";
${names(params, "p")}
${names(results, "r")}
return {
  export: (table, store, number) => ${name === undefined ? "" : `({ "${name}": `}(${a.join(", ")}) => {
    ${each(params, (kind, i) => `a${i} = ${take("p", argument, "table")(kind, i)};`)}
    ${each(params, put("p", argument, "table"))}
    I32[0] = number;
    I32[1] = store;
    enter();
    ${returned}
  }${name === undefined ? "" : ` })["${name}"]`},
  import: (fn) => function () {
    const waits = I32[3];
    if (waits !== 0) I32[3] = 0;
    const returned = fn(${read("p", params, "this")});
    if (waits !== 0 && isThenable(returned)) return promised(this, returned, settle);
    ${convert("this")}
  },
};
function settle(table, returned) {
  ${convert("table")}
}
//# sourceURL=cwasm:call`;
  const given = { p: params, r: results, I32, I64, F32, F64, BigInt, enter, several, isThenable, promised };
  return new Function(...Object.keys(given), source)(...Object.values(given)) as Signature;
}

/** The same without text: a little slower. */
function interpret(params: Kind[], results: Kind[]): Omit<Signature, "steps"> {
  const settle = (table: HostTable, returned: unknown) => {
    if (results.length === 0) return;
    const list = results.length === 1 ? [returned] : several(returned, results.length);
    const taken = results.map((kind, i) => kind.take(list[i], table));
    for (const [i, kind] of results.entries()) kind.put(i + 1, taken[i], table);
  };
  return {
    export: (table, store, number) => {
      const call = (...args: unknown[]) => {
        const taken = params.map((kind, i) => kind.take(args[i], table));
        for (const [i, kind] of params.entries()) kind.put(i + 1, taken[i], table);
        I32[0] = number;
        I32[1] = store;
        enter();
        if (results.length === 1) return results[0]!.get(1, table);
        return results.length ? results.map((kind, i) => kind.get(i + 1, table)) : undefined;
      };
      return Object.defineProperty(call, "length", { value: params.length });
    },
    import: (fn) =>
      function () {
        const waits = I32[3];
        I32[3] = 0;
        const returned = fn(...params.map((kind, i) => kind.get(i + 1, this)));
        if (waits !== 0 && isThenable(returned)) return promised(this, returned, settle);
        settle(this, returned);
      },
  };
}
