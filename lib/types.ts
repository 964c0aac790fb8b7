// Types that Rust does not declare: the vocabulary of wasm types, and what needs a type parameter.

import type { KeyObject } from "node:crypto";
import type { RefType } from "./binding.js";

/** The type of a value: its name, as in WAT (`(ref any)`), or an object for what a module defines. */
export type ValType =
  | "i32"
  | "i64"
  | "f32"
  | "f64"
  | "v128"
  | "funcref"
  | "externref"
  | "anyref"
  | "eqref"
  | "i31ref"
  | "structref"
  | "arrayref"
  | "exnref"
  | (string & {})
  | RefType;
/** The type of a struct's field or an array's elements; `i8` and `i16` are integers of so many bits. */
export interface FieldType {
  type: ValType | "i8" | "i16";
  mutable?: boolean;
}

/** The type of a function. */
export interface FuncType {
  parameters: readonly ValType[];
  results: readonly ValType[];
}
/** The type of a memory. Sizes are in pages. */
export interface MemoryType {
  initial: number | bigint;
  maximum?: number | bigint;
  shared?: boolean;
  address?: "i32" | "i64";
  /** Bytes of a page: 65536, which is the default, or 1. */
  pageSize?: number;
}
/** The type of a table. */
export interface TableType {
  element: ValType;
  initial: number | bigint;
  maximum?: number | bigint;
  address?: "i32" | "i64";
}
/** The type of a global. */
export interface GlobalType {
  type: ValType;
  mutable?: boolean;
}
/** The type of a tag. */
export interface TagType {
  parameters: readonly ValType[];
}

/** Kind and type of something imported or exported. */
export type ExternType =
  | { kind: "function"; type: FuncType }
  | { kind: "memory"; type: MemoryType }
  | { kind: "table"; type: TableType }
  | { kind: "global"; type: GlobalType }
  | { kind: "tag"; type: TagType };
/** What a module exports. */
export type ExportType = { name: string } & ExternType;
/** What a module imports. */
export type ImportType = { module: string; name: string } & ExternType;

/** What another thread of the process finds an engine, a module or a shared memory by. It can be posted and copied. */
export interface SharedHandle {
  readonly kind: "engine" | "module" | "memory";
  readonly key: string;
}

/** A function that wasm exports: a plain JavaScript function. Several results are returned as an array. */
export type ExportedFunction = (...args: any[]) => any;
/** Imports by module and name. */
export type Imports = Record<string, Record<string, unknown>>;

/** The memory that the guest of a run exports as `memory`: for its imports, while one of them is called and until what it has returned
 * is settled. At other times its members throw `StoreBusyError`. */
export interface GuestMemory {
  /** Its size in bytes. */
  readonly byteLength: number;
  /** A copy of bytes. Throws `RangeError` outside of the memory. */
  read(offset: number, length: number): Buffer;
  /** Copies bytes into the memory. Throws `RangeError` where they would not fit, and writes nothing then. */
  write(offset: number, bytes: Uint8Array): void;
  /** Bytes as UTF-8; wrong ones become U+FFFD, or with `fatal` a `TypeError`. */
  readString(offset: number, length: number, options?: { fatal?: boolean }): string;
  /** Writes a string as UTF-8; how many bytes. */
  writeString(offset: number, text: string): number;
}

/** A named set of the settings that decide whether an artifact loads. */
export type ProfileName =
  | "default"
  | "sandbox"
  | "metered"
  | "default+fuel"
  | `${"no-signals" | "small-address-space" | "deterministic" | "debug" | "embedded" | "embedded-signals"}${"" | "+fuel" | "+epochs" | "+fuel+epochs"}`;

/** An Ed25519 key: PEM, or what `node:crypto` makes of it. Where a public key is wanted its private one will do. */
export type Key = string | Uint8Array | KeyObject;
/** How an artifact is trusted. */
export interface DeserializeOptions {
  /** Keys of which one must have signed the artifact. */
  verify?: Key | readonly Key[];
  /** The signature: the content of `FILE.sig`, which `deserializeFile` finds beside the file. */
  signature?: string | Uint8Array;
}
