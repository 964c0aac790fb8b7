// Functions of WASI as imports: they stand for native ones, which an instance gets in their place.

import type { WasiOptions } from "./binding.js";
import { wrongType } from "./errors.js";
import { Stamp } from "./stamp.js";
import type { Imports } from "./types.js";

/** Which function of WASI a function stands for, and the WASI that it brings along, if it does. */
class WasiFunction extends Stamp {
  #at: [module: string, name: string];
  #own: OwnWasi | undefined;
  constructor(fn: object, at: [string, string], own?: OwnWasi) {
    super(fn);
    this.#at = at;
    this.#own = own;
  }
  static of(value: object): { at: [string, string]; own: OwnWasi | undefined } | undefined {
    return #at in value ? { at: value.#at, own: value.#own } : undefined;
  }
}

/** What a store is given with imports that bring their own WASI. */
export interface OwnWasi {
  readonly options: WasiOptions;
  /** For the first store alone, which makes it false. */
  once?: boolean;
}

export const wasiFunction = WasiFunction.of;

/** An object of objects with a function for each name. */
export function standIns(names: [module: string, name: string][], own?: OwnWasi): Imports {
  const imports: Imports = {};
  for (const [module, name] of names) {
    const fn = () => {
      throw wrongType(`${name} is WASI's: it can be imported by an instance, and not called`);
    };
    new WasiFunction(Object.defineProperty(fn, "name", { value: name }), [module, name], own);
    (imports[module] ??= {})[name] = fn;
  }
  return imports;
}
