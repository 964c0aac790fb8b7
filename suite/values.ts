// The suite's values as JavaScript's, and back: what is an argument, and what fits an expectation.

import { inspect } from "node:util";
import * as cwasm from "../index.js";
import type { Const, LaneType } from "./wast.js";

/** What one file has made of `ref.extern` and `ref.host`, and what became of its NaNs. */
export class Values {
  /** Results for which the suite asks for one exact NaN, and how many of them were it. JavaScript need not keep the bits. */
  readonly nans = { asked: 0, kept: 0 };
  private readonly hosts = new Map<string, object>();

  /** An argument. A type without a value is a null of it. */
  toJs(value: Const): unknown {
    switch (value.type) {
      case "i32":
        return Number(value.value);
      case "i64":
        return BigInt(value.value!);
      case "f32":
      case "f64":
        return decode(value.type, value.value!);
      case "v128":
        return bytes(value.lane_type, value.value);
      case "externref":
      case "anyref":
        return isNull(value.value) ? null : this.host(value.value!);
      case "either":
        throw new Error("either is no argument");
      default:
        if (isNull(value.value)) return null;
        throw new Error(`no argument is made of ${JSON.stringify(value)}`);
    }
  }

  /** Whether a result is what was expected. A reference type without a value is any of it that is not null. */
  fits(got: unknown, want: Const): boolean {
    switch (want.type) {
      case "i32":
        return got === Number(want.value);
      case "i64":
        return got === BigInt(want.value!);
      case "f32":
      case "f64":
        return typeof got === "number" && this.fitsFloat(got, want.type, want.value!);
      case "v128":
        return got instanceof Uint8Array && got.length === 16 && fitsLanes(got, want.lane_type, want.value);
      case "either":
        return want.values.some((one) => this.fits(got, one));
      case "nullref":
      case "nullfuncref":
      case "nullexternref":
      case "nullexnref":
      case "refnull":
        return got === null;
    }
    if (want.value === "null") return got === null;
    const any = want.value === undefined;
    if (want.type === "externref" || want.type === "anyref") return any ? got != null : got === this.host(want.value!);
    return any && isA[want.type](got);
  }

  private fitsFloat(got: number, type: "f32" | "f64", want: string): boolean {
    if (want.startsWith("nan:")) return Number.isNaN(got);
    const number = decode(type, want);
    if (!Number.isNaN(number)) return Object.is(got, number);
    if (!Number.isNaN(got)) return false;
    this.nans.asked++;
    if (encode(type, got) === BigInt(want)) this.nans.kept++;
    return true;
  }

  /** The object that stands for a number of the suite. It is the same on both sides of `any.convert_extern`. */
  private host(number: string): object {
    let host = this.hosts.get(number);
    if (!host) this.hosts.set(number, (host = Object.freeze({ host: number })));
    return host;
  }
}

const isNull = (value?: string) => value === undefined || value === "null";

/** By name, as not every build or version has these classes. */
const is = (name: string) => (value: unknown) => {
  const found = (cwasm as Record<string, unknown>)[name];
  return typeof found === "function" && value instanceof found;
};
export const isException = is("Exception");
const isStruct = is("StructRef");
const isArray = is("ArrayRef");
const isI31 = (value: unknown) => Number.isInteger(value);
const isA = {
  funcref: (value: unknown) => typeof value === "function",
  exnref: isException,
  eqref: (value: unknown) => isStruct(value) || isArray(value) || isI31(value),
  i31ref: isI31,
  structref: isStruct,
  arrayref: isArray,
};

const scratch = new DataView(new ArrayBuffer(8));

/** A number of bits. Through a typed array, as that is what keeps the most of a NaN. */
function decode(type: "f32" | "f64", bits: string): number {
  if (type === "f32") scratch.setUint32(0, Number(bits));
  else scratch.setBigUint64(0, BigInt(bits));
  return type === "f32" ? scratch.getFloat32(0) : scratch.getFloat64(0);
}
function encode(type: "f32" | "f64", value: number): bigint {
  if (type === "f32") scratch.setFloat32(0, value);
  else scratch.setFloat64(0, value);
  return type === "f32" ? BigInt(scratch.getUint32(0)) : scratch.getBigUint64(0);
}

const widths: Record<LaneType, number> = { i8: 1, i16: 2, i32: 4, i64: 8, f32: 4, f64: 8 };

function bytes(lane: LaneType, values: string[]): Uint8Array {
  const width = widths[lane];
  const made = new Uint8Array(16);
  for (const [i, value] of values.entries()) {
    const bits = BigInt(value);
    for (let at = 0; at < width; at++) made[i * width + at] = Number((bits >> BigInt(8 * at)) & 0xffn);
  }
  return made;
}

/** Lanes come as bytes, so their NaNs are whole, and compared so. */
function fitsLanes(got: Uint8Array, lane: LaneType, want: string[]): boolean {
  const width = widths[lane];
  return want.every((value, i) => {
    const here = got.subarray(i * width, (i + 1) * width);
    if (!value.startsWith("nan:")) return Buffer.compare(here, bytes(lane, [value]).subarray(0, width)) === 0;
    const bits = here.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    // The bits of the exponent and the first of the fraction; a canonical NaN has no others but the sign.
    const quiet = lane === "f32" ? 0x7fc0_0000n : 0x7ff8_0000_0000_0000n;
    const rest = lane === "f32" ? 0x7fff_ffffn : 0x7fff_ffff_ffff_ffffn;
    return value === "nan:canonical" ? (bits & rest) === quiet : (bits & quiet) === quiet;
  });
}

/** An expectation, for a reader. */
export function show(want: Const): string {
  if (want.type === "either") return want.values.map(show).join(" or ");
  if (want.type === "v128") return `v128 ${want.lane_type} [${want.value.join(" ")}]`;
  if (want.value === undefined) return want.type;
  const float = want.type === "f32" || want.type === "f64" ? want.type : undefined;
  if (!float || want.value.startsWith("nan:")) return `${want.type} ${want.value}`;
  return `${want.type} ${inspect(decode(float, want.value))} (0x${BigInt(want.value).toString(16)})`;
}
/** A result, or what was thrown, for a reader. */
export function showJs(value: unknown): string {
  if (value instanceof Error) {
    const { trapCode } = value as { trapCode?: string };
    return `${value.name}${trapCode ? ` (${trapCode})` : ""}: ${value.message.split("\n")[0]}`;
  }
  if (value instanceof Uint8Array) return `v128 ${Buffer.from(value).toString("hex")}`;
  return inspect(value, { depth: 1, breakLength: Infinity });
}
