// Wasm's exceptions as JavaScript's. How they travel is in crates/node-api/src/exception.rs.

import type { Tag } from "./binding.js";
import { coerce } from "./call.js";
import { WasmtimeError, named, outOfRange, wrongType } from "./errors.js";
import { tagOf } from "./host-table.js";

/** In place of a tag: of an exception that ended a guest away from the JavaScript thread. */
const untold = Symbol("untold");

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
    if ((tag as unknown) === untold) {
      super("the guest threw an exception that nobody caught");
      this.#payload = Object.freeze([]);
      return;
    }
    const { table, kinds } = tagOf(tag);
    const values = table.list(payload);
    if (values.length !== kinds.length) {
      throw wrongType(`an exception of this tag has ${kinds.length} values, got ${values.length}`);
    }
    super(`an exception of wasm, with (${kinds.join(", ")})`);
    this.#tag = tag;
    this.#payload = Object.freeze(values.map((value, i) => coerce(kinds[i]!, value, table)));
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
    tagOf(tag);
    return this.#tag === tag;
  }
  /** One of the values it carries. Throws `TypeError` if it is of another tag, `RangeError` for an index it does not have. */
  getArg(tag: Tag, index: number): unknown {
    if (!this.is(tag)) throw wrongType("the exception is of another tag");
    if (!Number.isInteger(index) || index < 0 || index >= this.#payload.length) {
      throw outOfRange(`index must be a whole number below ${this.#payload.length}`);
    }
    return this.#payload[index];
  }

  /** For our own use: nothing of it can be replaced. */
  static parts(exception: Exception): { tag: Tag | undefined; payload: readonly unknown[] } {
    return { tag: exception.#tag, payload: exception.#payload };
  }
  static untold(): Exception {
    return new Exception(untold as never, []);
  }
}
