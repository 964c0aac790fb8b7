// The functions through which calls travel, made once per signature. docs/design.md, section 4, has the whole picture.
//
// A call's arguments are coerced into locals first, so that whatever runs there (`valueOf`) runs before anything is
// written; then they are written into the slots, and `enter` is called without arguments. Nothing runs between the return
// of `enter` and the reading of the results.

import { wrongType } from "./errors.js";
import type { HostTable } from "./host-table.js";

/** As many as crates/node-api/src/env.rs says, and one for the header. */
export const slots = new ArrayBuffer(1002 * 16);
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

/** What native code can be asked (crates/node-api/src/func.rs, `answer`). */
export const Question = { freed: 0, signature: -1, name: -2, object: -3 } as const;

export function ask(store: number, question: (typeof Question)[keyof typeof Question], operand = 0): unknown {
  I32[0] = question;
  I32[1] = store;
  I32[2] = operand;
  return enter();
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
  },
  i64: {
    // Writing cuts a bigint to 64 bits; everything else must be one first.
    take: (value) => (typeof value === "bigint" ? value : BigInt.asIntN(64, value)),
    put: (slot, value) => void (I64[slot * 2] = value),
    get: (slot) => I64[slot * 2],
  },
  f32: {
    take: (value) => +value,
    put: (slot, value) => void (F32[slot * 4] = value),
    get: (slot) => F32[slot * 4],
  },
  f64: {
    take: (value) => +value,
    put: (slot, value) => void (F64[slot * 2] = value),
    get: (slot) => F64[slot * 2],
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
  for (const [i, type] of types.entries()) kindOf(type).put(i + 1, taken[i], table);
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
function several(value: any, count: number): unknown[] {
  const list = [...value];
  if (list.length !== count) throw wrongType(`the function must return ${count} values, it returned ${list.length}`);
  return list;
}

type MakeExport = (table: HostTable, store: number, number: number) => Function;
type MakeImport = (fn: Function) => (this: HostTable) => void;
interface Signature {
  export: MakeExport;
  import: MakeImport;
}

const signatures = new Map<string, Signature>();

/** What is made for a signature, such as `i32,externref:f64`. */
export function signature(text: string): Signature {
  let made = signatures.get(text);
  if (!made) {
    const [params, results] = text.split(":").map((list) => (list ? list.split(",") : [])) as [string[], string[]];
    made = make(params.map(kindOf), results.map(kindOf));
    signatures.set(text, made);
  }
  return made;
}

function make(params: Kind[], results: Kind[]): Signature {
  try {
    return compile(params, results);
  } catch (error) {
    // Where making functions from text is forbidden (--disallow-code-generation-from-strings, Electron's CSP).
    if (error instanceof EvalError) return interpret(params, results);
    throw error;
  }
}

/** Text in which each argument has its own calls, so that V8 inlines them. It contains nothing but names and numbers of ours. */
function compile(params: Kind[], results: Kind[]): Signature {
  const a = params.map((_, i) => `a${i}`);
  const each = (list: unknown[], text: (i: number) => string, between = "\n") => list.map((_, i) => text(i)).join(between);
  const names = (list: Kind[], side: string) =>
    each(list, (i) => `const ${side}take${i} = ${side}[${i}].take, ${side}put${i} = ${side}[${i}].put, ${side}get${i} = ${side}[${i}].get;`);
  const read = (side: string, list: Kind[], table: string) => each(list, (i) => `${side}get${i}(${i + 1}, ${table})`, ", ");
  const returned = results.length === 1 ? `return ${read("r", results, "table")};` : results.length ? `return [${read("r", results, "table")}];` : "";
  const source = `"use strict";
${names(params, "p")}
${names(results, "r")}
return {
  export: (table, store, number) => (${a.join(", ")}) => {
    ${each(params, (i) => `a${i} = ptake${i}(a${i}, table);`)}
    ${each(params, (i) => `pput${i}(${i + 1}, a${i}, table);`)}
    I32[0] = number;
    I32[1] = store;
    enter();
    ${returned}
  },
  import: (fn) => function () {
    ${results.length ? "const returned = " : ""}fn(${read("p", params, "this")});
    ${
      results.length === 1
        ? "rput0(1, rtake0(returned, this), this);"
        : results.length
          ? `const list = several(returned, ${results.length});
    ${each(results, (i) => `const v${i} = rtake${i}(list[${i}], this);`)}
    ${each(results, (i) => `rput${i}(${i + 1}, v${i}, this);`)}`
          : ""
    }
  },
};
//# sourceURL=cwasm:call`;
  return new Function("p", "r", "I32", "enter", "several", source)(params, results, I32, enter, several) as Signature;
}

/** The same without text: a little slower. */
function interpret(params: Kind[], results: Kind[]): Signature {
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
        const returned = fn(...params.map((kind, i) => kind.get(i + 1, this)));
        if (results.length === 0) return;
        const list = results.length === 1 ? [returned] : several(returned, results.length);
        const taken = results.map((kind, i) => kind.take(list[i], this));
        for (const [i, kind] of results.entries()) kind.put(i + 1, taken[i], this);
      },
  };
}
