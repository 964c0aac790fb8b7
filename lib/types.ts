// Types that Rust does not declare: the vocabulary of wasm types, and what needs a type parameter.

/** The name of a value's type; other references are written as in WAT, such as `(ref null any)`. */
export type ValType = "i32" | "i64" | "f32" | "f64" | "v128" | "funcref" | "externref" | (string & {});

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
  /** Bytes of a page; always 65536 where it is not given. */
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

/** A function that wasm exports: a plain JavaScript function. Several results are returned as an array. */
export type ExportedFunction = (...args: any[]) => any;
/** Imports by module and name. */
export type Imports = Record<string, Record<string, unknown>>;

/** A named set of the settings that decide whether an artifact loads. */
export type ProfileName = "default" | "sandbox" | "metered";
