// Arguments that are wrong, odd, or run code of their own.

import { Thrown } from "./typed.js";
import type { Dice } from "./dice.js";

const { proxy: revoked, revoke } = Proxy.revocable(() => {}, {});
revoke();
const powers = [2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53, 2 ** 63, 2 ** 64, -(2 ** 31)];
const numbers = [0, -0, 1, -1, 1.5, NaN, Infinity, -Infinity, 5e-324, 255, 65535, 65536, ...powers];
const bigints = [0n, 1n, -1n, 2n ** 31n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n, -(2n ** 64n), 10n ** 30n];
const strings = [
  ...["", "x", "\0", "\ud800", "ä€😀".repeat(50), "/", "..", "12", "__proto__", "constructor", "length", "env", "f", "memory"],
  ...["i32", "i64", "v128", "externref", "funcref", "(ref any)", "(ref null"],
  ...["default", "metered", "native", "capture", "inherit", "ignore"],
];
const arrays: any[] = [Uint8Array, Int8Array, Uint16Array, Int32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array, DataView];
const others: (() => unknown)[] = [
  ...[undefined, null, true, false, Symbol("s"), Symbol.iterator, revoked].map((value) => () => value),
  ...[() => ({}), () => [], () => [undefined], () => () => {}, () => class {}, () => Object.create(null), () => new Date(NaN)],
  ...[() => new Map([["a", 1]]), () => new Set([1]), () => /x/, () => new Error("a value"), () => new WeakMap(), () => Promise.resolve(1)],
  ...[() => Object(1), () => Object(1n), () => Object("i32"), () => Object(Symbol("s")), () => new Proxy({}, {}), () => new Proxy([], {})],
  ...[() => new URL("file:///nowhere"), () => new URL("http://x"), () => globalThis, () => Math, () => new Proxy(() => {}, {})],
];

/** Bytes in the states that they can be in. */
function buffer(dice: Dice): unknown {
  const length = dice.pick([0, 1, 8, 16, 100, 4096, 65536]);
  const Numbers = dice.pick(arrays);
  const plain = new ArrayBuffer(length);
  const resizable: any = new (ArrayBuffer as any)(length, { maxByteLength: 1 << 17 });
  const growable: any = new (SharedArrayBuffer as any)(length, { maxByteLength: 1 << 17 });
  const over = (bytes: unknown) => (length % 8 === 0 ? new Numbers(bytes) : new Uint8Array(bytes as ArrayBuffer));
  switch (dice.below(7)) {
    case 0: {
      const view = over(plain);
      structuredClone(plain, { transfer: [plain] });
      return view;
    }
    case 1: {
      const view = over(resizable);
      resizable.resize(dice.pick([0, 1, 100, 1 << 17]));
      return view;
    }
    case 2: {
      const view = over(growable);
      growable.grow(1 << 17);
      return view;
    }
    case 3:
      return over(new SharedArrayBuffer(length));
    case 4:
      return dice.pick<unknown>([plain, resizable, growable]);
    case 5:
      return Object.defineProperties(over(plain), { length: { value: 2 ** 40 }, byteLength: { value: -1 }, byteOffset: { value: NaN } });
    default:
      return over(plain);
  }
}

/** What user code does when it is asked for something. */
export type Effect = () => void;

export class Hostile {
  constructor(
    private readonly dice: Dice,
    /** What belongs to guests and stores. */
    private readonly ours: () => unknown,
    private readonly effect: Effect,
  ) {}

  /** A value without a relation to what is asked for. */
  value(depth = 0): unknown {
    switch (this.dice.below(depth > 2 ? 6 : 9)) {
      case 0:
        return this.dice.pick(numbers);
      case 1:
        return this.dice.pick(bigints);
      case 2:
        return this.dice.pick(strings);
      case 3:
        return this.dice.pick(others)();
      case 4:
        return this.ours();
      case 5:
        return buffer(this.dice);
      case 6:
        return Array.from({ length: this.dice.below(4) }, () => this.value(depth + 1));
      case 7:
        return Object.fromEntries(Array.from({ length: this.dice.below(4) }, () => [this.dice.pick(strings), this.value(depth + 1)]));
      default:
        return this.alive(this.value(depth + 1));
    }
  }

  /** The same value, but user code runs wherever it is looked at: it has its effect once, and sometimes throws. */
  alive(value: unknown): unknown {
    const fatal = this.dice.onceIn(8);
    let left = this.dice.below(4);
    const touch = () => {
      if (left-- !== 0) return;
      this.effect();
      if (fatal) throw new Thrown();
    };
    if ((typeof value === "object" && value !== null) || typeof value === "function") {
      return this.dice.onceIn(2) ? proxied(value, touch) : withGetters(value, touch);
    }
    const convert = () => (touch(), value);
    return this.dice.onceIn(2) ? { [Symbol.toPrimitive]: convert } : { valueOf: convert, toString: convert };
  }

  /** A good argument in which something is otherwise. Mostly little: what is wrong at once is refused at once. */
  spoiled(value: unknown): unknown {
    const { dice } = this;
    if (dice.onceIn(8)) return this.value();
    if (dice.onceIn(2) && canLive(value)) return this.alive(value);
    if (Array.isArray(value) && value.length > 0) {
      const at = dice.below(value.length);
      return value.with(at, this.spoiled(value[at]));
    }
    if (isPlain(value)) {
      const keys = Object.keys(value);
      const key = keys.length === 0 || dice.onceIn(6) ? dice.pick(strings) : dice.pick(keys);
      return { ...value, [key]: this.spoiled(value[key]) };
    }
    if (typeof value === "number") return dice.onceIn(2) ? dice.below(20) : dice.pick(numbers);
    if (typeof value === "bigint") return dice.pick(bigints);
    if (typeof value === "string") return dice.pick(strings);
    if (ArrayBuffer.isView(value)) return dice.onceIn(2) ? buffer(dice) : new Uint8Array(resizable(value as Uint8Array));
    return dice.onceIn(2) ? this.ours() : this.value();
  }
}

/** What is still good when it runs code, as it is converted or read member by member. */
const canLive = (value: unknown) => ["number", "bigint", "function"].includes(typeof value) || Array.isArray(value) || isPlain(value);
/** The same bytes where they may go away. */
function resizable({ buffer, byteOffset, byteLength }: Uint8Array): ArrayBuffer {
  const copy = new (ArrayBuffer as any)(byteLength, { maxByteLength: byteLength + 1000 });
  new Uint8Array(copy).set(new Uint8Array(buffer, byteOffset, byteLength));
  return copy;
}
const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && [Object.prototype, null].includes(Object.getPrototypeOf(value));

/** Each thing that can be done with the object is a step. */
function proxied(value: object, touch: Effect): unknown {
  const trap = (name: string) => (...args: unknown[]) => (touch(), (Reflect as any)[name](...args));
  const names = Object.getOwnPropertyNames(Reflect);
  return new Proxy(value, Object.fromEntries(names.map((name) => [name, trap(name)])));
}
function withGetters(value: object, touch: Effect): unknown {
  const copy: object = Array.isArray(value) ? [] : {};
  for (const key of Reflect.ownKeys(value)) {
    if (key === "length") continue;
    const set = () => touch();
    Object.defineProperty(copy, key, { get: () => (touch(), (value as any)[key]), set, enumerable: true, configurable: true });
  }
  const iterator = () => (touch(), (value as any)[Symbol.iterator].bind(value));
  if (Symbol.iterator in value) Object.defineProperty(copy, Symbol.iterator, { get: iterator });
  return copy;
}
