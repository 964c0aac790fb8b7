// Memory's read, write, readString and writeString for what is not large: bytes travel through a buffer that both sides have,
// which takes a fraction of the time of native methods. Whatever is unusual, wrong arguments included, is theirs.

import type { Memory } from "./binding.js";
import { Question, TRANSFER, copy, transfer } from "./call.js";
import { Extern } from "./host-table.js";

const bytes = Buffer.from(transfer);
const encoder = new TextEncoder();

// As they are now, and none that looks up another (`subarray` asks for a `constructor`): a script that replaces what is built
// in must not be given the buffer, which it could detach.
const call = Function.prototype.call;
const bound = <F extends (this: any, ...args: any[]) => any>(method: F) =>
  call.bind(method) as (self: ThisParameterType<F>, ...args: Parameters<F>) => ReturnType<F>;
const Bytes = Uint8Array;
const set = bound(Uint8Array.prototype.set);
const encodeInto = bound(TextEncoder.prototype.encodeInto);
const { utf8Slice } = Buffer.prototype as unknown as { utf8Slice(this: Uint8Array, start: number, end: number): string };
const decode = bound(utf8Slice);
const lengthOf = bound(Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), "length")!.get!) as (
  array: Uint8Array,
) => number;
const encode = Buffer.from as (text: string) => Buffer;
const allocate = Buffer.allocUnsafeSlow;
const { isView } = ArrayBuffer;

/** Whether a memory can be copied to or from like this, so many bytes at an offset. */
const isUsual = (memory: object, offset: unknown, length: unknown): boolean =>
  typeof offset === "number" && offset >>> 0 === offset && typeof length === "number" && length >>> 0 === length &&
  length <= TRANSFER && Extern.kind(memory) === "memory";

/** Has all that is native done by a memory's native object. */
export function complete(prototype: Memory): void {
  for (const [name, { get, value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (get) Object.defineProperty(prototype, name, { get: onWhole(get) });
    else if (typeof value === "function" && name !== "constructor") {
      const method = onWhole(value);
      for (const what of ["name", "length"] as const) Object.defineProperty(method, what, { value: value[what] });
      Object.defineProperty(prototype, name, { value: method });
    }
  }
}
function onWhole(native: Function): (...args: unknown[]) => unknown {
  return function (this: unknown, ...args) {
    return native.apply(Extern.whole(this), args);
  };
}

export function hasten(prototype: Memory): void {
  const { read, write, readString, writeString } = prototype;
  const usual = {
    read(this: Memory, offset: number, length: number) {
      if (!isUsual(this, offset, length)) return read.call(this, offset, length);
      copy(Extern.store(this), Question.read, Extern.number(this), offset, length);
      const copied = allocate(length);
      set(copied, new Bytes(transfer, 0, length));
      return copied;
    },
    write(this: Memory, offset: number, source: Uint8Array) {
      const length = isView(source) && source instanceof Bytes ? lengthOf(source) : 0;
      // None also of a view that is detached or outside of its buffer.
      if (length === 0 || !isUsual(this, offset, length)) return write.call(this, offset, source);
      set(bytes, source);
      copy(Extern.store(this), Question.write, Extern.number(this), offset, length);
    },
    readString(this: Memory, offset: number, length: number, options?: { fatal?: boolean }) {
      if (options !== undefined || !isUsual(this, offset, length)) return readString.call(this, offset, length, options);
      copy(Extern.store(this), Question.read, Extern.number(this), offset, length);
      return decode(bytes, 0, length);
    },
    writeString(this: Memory, offset: number, text: string) {
      if (typeof text !== "string") return writeString.call(this, offset, text);
      // A unit of UTF-16 takes three bytes at most.
      if (!isUsual(this, offset, text.length * 3)) {
        const encoded = encode(text);
        write.call(this, offset, encoded);
        return encoded.length;
      }
      const { written } = encodeInto(encoder, text, bytes);
      copy(Extern.store(this), Question.write, Extern.number(this), offset, written);
      return written;
    },
  };
  for (const [name, value] of Object.entries(usual)) Object.defineProperty(prototype, name, { value });
}
