// Values of wasm as words of a command line, read and printed as `wasmtime run --invoke` does.

import { RefType, type ValType } from "../index.js";
import { UsageError } from "./flags.js";
import { shown } from "./text.js";

/** The value of a parameter; `what` says which one it is. */
export function parameter(type: ValType, word: string, what: string): number | bigint {
  if (type === "i32") return Number(integer(32, word, what));
  if (type === "i64") return integer(64, word, what);
  if (type === "f32" || type === "f64") return float(type, word, what);
  throw new UsageError(`${what} is of type ${String(type)}, which can't be given here`, "numbers can: i32, i64, f32, f64");
}

function integer(bits: number, word: string, what: string): bigint {
  const [, sign, digits] = /^([+-]?)(\d+|0x[\da-f]+)$/i.exec(word) ?? [];
  if (digits === undefined) throw new UsageError(`${what} must be a whole number such as 12, -5 or 0x1f, got '${shown(word)}'`);
  const number = sign === "-" ? -BigInt(digits) : BigInt(digits);
  const [least, most] = [-(1n << BigInt(bits - 1)), (1n << BigInt(bits - 1)) - 1n];
  if (number >= least && number <= most) return number;
  throw new UsageError(`${what} is out of range: an i${bits} is from ${least} to ${most}, got ${word}`);
}

function float(type: ValType, word: string, what: string): number {
  const [, sign, name] = /^([+-]?)(nan|inf|infinity)$/i.exec(word) ?? [];
  if (name !== undefined) return (sign === "-" ? -1 : 1) * (name.toLowerCase() === "nan" ? NaN : Infinity);
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word)) throw new UsageError(`${what} must be a number such as 1.5, -2e3, inf or nan, got '${shown(word)}'`);
  const number = type === "f32" ? Math.fround(Number(word)) : Number(word);
  if (Number.isFinite(number)) return number;
  throw new UsageError(`${what} is out of range of an ${type}, got ${word}`);
}

/** A result as one line. */
export function resultText(type: ValType, value: unknown): string {
  if (type === "i32" || type === "i64") return String(value);
  if (type === "f64") return plain(String(value), value as number);
  if (type === "f32") return plain(shortest(value as number), value as number);
  if (type === "v128") return BigInt(`0x${Buffer.from(value as Uint8Array).reverse().toString("hex")}`).toString();
  return `<${value === null || value === undefined ? "null " : ""}${family(type)}>`;
}

/** The fewest digits that only this f32 has. */
function shortest(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return text;
  }
  return value.toPrecision(9);
}

/** All digits in place of an exponent, as Rust prints numbers. */
function plain(text: string, value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value < 0 ? "-inf" : "inf";
  const [, sign, whole, part = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(Object.is(value, -0) ? "-0" : text)!;
  const digits = whole! + part;
  const point = whole!.length + Number(exponent);
  const left = point <= 0 ? "0" : digits.slice(0, point).padEnd(point, "0");
  const right = (point <= 0 ? "0".repeat(-point) + digits : digits.slice(point)).replace(/0+$/, "");
  return `${sign}${left}${right === "" ? "" : `.${right}`}`;
}

/** The name of the most general type of its kind, which is all that is printed of a reference. */
function family(type: ValType): string {
  const text = type instanceof RefType ? type.kind : String(type);
  return /extern/.test(text) ? "externref" : /func/.test(text) ? "funcref" : /exn/.test(text) ? "exnref" : "anyref";
}
