// Wasm's exceptions as JavaScript's. How they travel is in crates/node-api/src/exception.rs.

import type { Tag } from "./binding.js";
import { coerce } from "./call.js";
import { WasmtimeError, named, outOfRange, wrongType } from "./errors.js";
import { Extern, tagOf } from "./host-table.js";

/** In place of a tag, for an exception that is there already: it needs no conversion. */
class Made {
  constructor(readonly message: string) {}
}
const described = (kinds: string[]) => `an exception of wasm, with (${kinds.join(", ")})`;

/** What a real exception consists of, none of which can be replaced; nothing of any other value. */
export let partsOf: (value: unknown) => { tag: Tag | undefined; payload: readonly unknown[] } | undefined;
/** The exception that came out of wasm. */
export let madeOf: (tag: Tag, kinds: string[], payload: unknown[]) => Exception;

/**
 * An exception of wasm: what a guest threw and nobody there caught, or what JavaScript throws for a guest to catch. It comes
 * out as the same object that went in.
 *
 * @example
 * ```ts
 * try {
 *   instance.exports.parse()
 * } catch (error) {
 *   if (error instanceof Exception && error.is(syntaxError)) console.log(error.payload)
 *   else throw error
 * }
 * ```
 */
export class Exception extends WasmtimeError {
  override readonly code: string = "ERR_WASMTIME_EXCEPTION";
  #tag: Tag | undefined;
  #payload: readonly unknown[];
  static {
    named(this);
  }

  /**
   * Makes an exception to throw from a host function, or to give to a guest as an `exnref`. Values are converted by the
   * tag's types, as by a call.
   *
   * Throws `TypeError` for what is no tag, for too many or too few values and for one that does not convert.
   */
  constructor(tag: Tag, payload: Iterable<unknown>) {
    if ((tag as unknown) instanceof Made) {
      super((tag as unknown as Made).message);
      this.#payload = Object.freeze([]);
      return;
    }
    const { table, kinds } = tagOf(tag);
    const values = table.list(payload);
    if (values.length !== kinds.length) {
      throw wrongType(`an exception of this tag has ${kinds.length} values, got ${values.length}`);
    }
    super(described(kinds));
    this.#tag = tag;
    this.#payload = Object.freeze(values.map((value, i) => coerce(kinds[i]!, value, table)));
    // Whether references are of their very types is for native code to say.
    if (kinds.some((kind) => kind.includes("ref"))) table.numberOfException(this);
  }

  /** What kind it is; absent where `run` says how a guest on another thread ended. */
  get tag(): Tag | undefined {
    return this.#tag;
  }
  /** What it carries. */
  get payload(): readonly unknown[] {
    return this.#payload;
  }
  /** Whether it is of this tag. */
  is(tag: Tag): boolean {
    if (Extern.kind(tag) !== "tag") throw wrongType("tag must be a Tag");
    return this.#tag === tag;
  }
  /** One of the values it carries. Throws `TypeError` if it is of another tag, `RangeError` for an index it does not have. */
  getArg(tag: Tag, index: number): unknown {
    if (!partsOf(this)) throw wrongType("getArg is used on something else than an Exception");
    if (Extern.kind(tag) !== "tag" || this.#tag !== tag) throw wrongType("the exception is of another tag");
    if (typeof index !== "number") throw wrongType("index must be a number");
    if (!Number.isInteger(index) || index < 0 || index >= this.#payload.length) {
      throw outOfRange(`index must be a whole number below ${this.#payload.length}`);
    }
    return this.#payload[index];
  }

  static {
    partsOf = (value) => {
      const real = typeof value === "object" && value !== null && #payload in value;
      return real ? { tag: value.#tag, payload: value.#payload } : undefined;
    };
    madeOf = (tag, kinds, payload) => {
      const exception = new Exception(new Made(described(kinds)) as never, []);
      exception.#tag = tag;
      exception.#payload = Object.freeze(payload);
      return exception;
    };
  }
}

/** An exception that ended a guest away from the JavaScript thread. */
export const untold = () => new Exception(new Made("the guest threw an exception that nobody caught") as never, []);
