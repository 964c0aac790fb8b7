// What `cwasm run` can't leave to `run`: --invoke, --preload and imports that trap.

import { type ExportType, type FuncType, LinkError, Linker, type Module, Store, WasiExit, type WasiOptions } from "../index.js";
import { UsageError, didYouMean } from "./flags.js";
import { loadBeside } from "./load.js";
import type { Wishes } from "./run-flags.js";
import { shown, typeText } from "./text.js";
import { parameter, resultText } from "./values.js";

/** Whether the flags ask for any of that. */
export const needsLinker = ({ invoke, preloads, unknownImportsTrap }: Wishes) => invoke !== undefined || preloads.length > 0 || unknownImportsTrap;

/** Runs the module as `wasmtime run` does: what is preloaded first, then `_initialize` if it has one, then the function. */
export function runLinked(file: string, module: Module, wishes: Wishes, wasi: WasiOptions & { args: string[] }): number {
  const { loading, limits, invoke: name = "_start", preloads, unknownImportsTrap } = wishes;
  const type = typeOf(file, module, name);
  const args = wishes.invoke === undefined ? [] : parameters(name, type, wasi.args, module);
  if (wishes.invoke === undefined) takesNothing(name, type);
  const initialize = module.exports.find((one) => one.name === "_initialize" && one.kind === "function");
  if (initialize) takesNothing("_initialize", initialize.type as FuncType);
  const { fuel, timeoutMs } = loading;
  const store = new Store(module.engine, { wasi, limits, ...(fuel !== undefined && { fuel }), ...(timeoutMs !== undefined && { timeoutMs }) });
  // The time is for all of it.
  const end = timeoutMs === undefined ? undefined : performance.now() + timeoutMs;
  const timed = <T>(step: () => T): T => {
    if (end !== undefined) store.timeoutMs = Math.max(end - performance.now(), 0.001);
    return step();
  };
  try {
    const linker = new Linker(module.engine).defineWasi();
    for (const [as, path] of preloads) {
      const other = loadBeside(module, path, loading);
      timed(() => linker.defineModule(store, as, other));
    }
    if (unknownImportsTrap) linker.defineUnknownImportsAsTraps(module);
    const { exports } = timed(() => linker.instantiate(store, module));
    if (initialize && name !== "_initialize") timed(() => exports["_initialize"]());
    const result: unknown = timed(() => exports[name](...args));
    const results = type.results.length > 1 ? (result as unknown[]) : [result];
    type.results.forEach((kind, i) => console.log(resultText(kind, results[i])));
    return 0;
  } catch (error) {
    if (error instanceof WasiExit) return error.exitCode;
    throw error;
  }
}

function typeOf(file: string, module: Module, name: string): FuncType {
  const found = module.exports.find((one) => one.name === name);
  if (found?.kind === "function") return found.type;
  if (found) throw new UsageError(`'${shown(name)}' is no function of ${file}: it is a ${found.kind}`);
  const names = functionsOf(module);
  throw new UsageError(`${file} exports no function '${shown(name)}'`, `${didYouMean(name, names)}it exports ${some(names)}`);
}

/** The names of what can be called. */
export const functionsOf = (module: Module) => module.exports.filter(({ kind }) => kind === "function").map(({ name }) => name);
/** The first of them, in a line. */
export const some = (names: string[]) => (names.length === 0 ? "none" : `${names.slice(0, 8).join(", ")}${names.length > 8 ? ", …" : ""}`);

const signature = (name: string, type: FuncType) => `${shown(name)}${typeText({ name, kind: "function", type } as ExportType)}`;

function takesNothing(name: string, type: FuncType): void {
  if (type.parameters.length === 0 && type.results.length === 0) return;
  throw new LinkError(`the function '${name}' takes and returns nothing in WASI, this one is ${signature(name, type)}`, { name });
}

/** The arguments of the call. More than it has parameters are none too many where the guest can read them through WASI, as a main
 * function does. */
function parameters(name: string, type: FuncType, words: readonly string[], module: Module): unknown[] {
  const wanted = type.parameters.length;
  const readable = module.imports.some((one) => one.name === "args_get");
  if (words.length < wanted || (words.length > wanted && !readable)) {
    throw new UsageError(`${signature(name, type)} takes ${wanted} argument${wanted === 1 ? "" : "s"}, got ${words.length}`);
  }
  return type.parameters.map((kind, i) => parameter(kind, words[i]!, `argument ${i + 1} of ${signature(name, type)}`));
}
