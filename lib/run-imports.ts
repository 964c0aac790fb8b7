// The functions that the guest of a run may import, and its memory for them. Native code (crates/node-api/src/run_imports.rs) calls
// them by the number of the run.

import { coerce, several } from "./call.js";
import { wrongType } from "./errors.js";
import type { HostTable } from "./host-table.js";
import { native } from "./load.js";
import { runs } from "./runs.js";
import type { GuestMemory, Imports } from "./types.js";

type Function = (...args: unknown[]) => unknown;
/** With the results, or `null` if it has thrown. */
type Done = (results: unknown[] | null) => void;

export class RunImports {
  /** What one of them threw, which has ended the guest. */
  failure: { error: unknown } | undefined;
  /** For native code. */
  readonly names: [module: string, name: string][] = [];
  readonly #functions: Function[] = [];

  constructor(
    readonly number: number,
    imports: Imports | ((memory: GuestMemory) => Imports),
  ) {
    const given: unknown = typeof imports === "function" ? imports(memoryOf(number)) : imports;
    for (const [module, functions] of Object.entries(objectOf(given, "imports"))) {
      for (const [name, fn] of Object.entries(objectOf(functions, `imports.${module}`))) {
        if (typeof fn !== "function") throw wrongType(`imports.${module}.${name} must be a function, got ${typeof fn}: for other imports use a Store and an Instance`);
        this.names.push([module, name]);
        this.#functions.push(fn as Function);
      }
    }
    runs.imports.set(number, this);
  }
  close(): void {
    runs.imports.delete(this.number);
  }

  call(index: number, params: unknown[], kinds: string, done?: Done): unknown[] | undefined {
    const call = () => Reflect.apply(this.#functions[index]!, undefined, params);
    if (!done) return results(call(), kinds);
    const fail = (error: unknown) => {
      this.failure ??= { error };
      done(null);
    };
    try {
      const value = call();
      if (isThenable(value)) new Promise((resolve) => resolve(value)).then((value) => done(results(value, kinds))).catch(fail);
      else done(results(value, kinds));
    } catch (error) {
      fail(error);
    }
    return undefined;
  }
}

/** Called by native code. */
export function importCall(run: number, ...call: Parameters<RunImports["call"]>): unknown[] | undefined {
  const imports = runs.imports.get(run);
  if (imports) return imports.call(...call);
  // Nobody waits for it.
  call[3]?.(null);
  return undefined;
}

function results(value: unknown, kinds: string): unknown[] {
  const types = kinds === "" ? [] : kinds.split(",");
  if (isThenable(value)) throw wrongType("an import has returned a promise, which runSync can't wait for: use run");
  const list = types.length > 1 ? several(value, types.length) : types.length === 1 ? [value] : [];
  // There are no references among them, which a store would have to keep.
  return list.map((value, i) => coerce(types[i]!, value, undefined as unknown as HostTable));
}
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as PromiseLike<unknown>).then === "function";
}
function objectOf(value: unknown, what: string): object {
  if (typeof value === "object" && value !== null) return value;
  throw wrongType(`${what} must be an object, got ${value === null ? "null" : typeof value}`);
}

function memoryOf(number: number): GuestMemory {
  const read = (offset: number, length: number) => native.guestMemory(number, needed(offset), needed(length)) as Buffer;
  const write = (offset: number, bytes: Uint8Array) => void native.guestMemory(number, needed(offset), undefined, needed(bytes));
  return Object.freeze({
    get byteLength() {
      return native.guestMemory(number) as number;
    },
    read,
    write,
    readString: (offset: number, length: number, options: { fatal?: boolean } = {}) =>
      new TextDecoder("utf-8", { ignoreBOM: true, fatal: options.fatal ?? false }).decode(read(offset, length)),
    writeString(offset: number, text: string) {
      if (typeof text !== "string") throw wrongType("text must be a string");
      const bytes = Buffer.from(text);
      write(offset, bytes);
      return bytes.length;
    },
  });
}
/** Native code takes what is undefined for something else. */
function needed<T>(value: T): T {
  if (value === undefined) throw wrongType("an argument is missing");
  return value;
}
