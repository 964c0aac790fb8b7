// What crates/spec-suite writes: the commands of a .wast file, in the JSON of json-from-wast.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where it is written. */
export const folder = fileURLToPath(new URL("../../target/spec-suite/", import.meta.url));

/** A .wast file: its path without the ending, and whose column it counts in. */
export interface Entry {
  file: string;
  proposal: string;
}
export const readIndex = (): Entry[] => readJson("index.json");
export const readCommands = (file: string): Command[] => readJson<{ commands: Command[] }>(file, "commands.json").commands;

function readJson<T>(...path: string[]): T {
  return JSON.parse(readFileSync(join(folder, ...path), "utf8"));
}

/** A value that is given or expected. Numbers are decimal strings, floats those of their bits. */
export type Const =
  | { type: "i32" | "i64" | "f32" | "f64" | Reference; value?: string }
  | { type: "v128"; lane_type: LaneType; value: string[] }
  | { type: "either"; values: Const[] };
export type LaneType = "i8" | "i16" | "i32" | "i64" | "f32" | "f64";
type Reference =
  | "funcref"
  | "externref"
  | "anyref"
  | "exnref"
  | "eqref"
  | "i31ref"
  | "structref"
  | "arrayref"
  | "nullref"
  | "nullfuncref"
  | "nullexternref"
  | "nullexnref"
  | "refnull";

export interface Action {
  type: "invoke" | "get";
  module?: string;
  field: string;
  args: Const[];
}

/** A module in a file of its own. */
export interface Source {
  filename: string;
  module_type: "binary" | "text";
}

export type Command = { line: number } & (
  | ({ type: "module" | "module_definition"; name?: string } & Source)
  | { type: "module_instance"; instance?: string; module?: string }
  | { type: "register"; name?: string; as: string }
  | { type: "action" | "assert_exception"; action: Action }
  | { type: "assert_return"; action: Action; expected: Const[] }
  | { type: "assert_trap" | "assert_exhaustion"; action: Action; text: string }
  | ({ type: "assert_unlinkable" | "assert_uninstantiable"; text: string } & Source)
  | ({ type: "assert_malformed" | "assert_malformed_custom" | "assert_invalid" | "assert_invalid_custom"; text: string } & Source)
);
