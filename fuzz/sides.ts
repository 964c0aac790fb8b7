// Our WebAssembly and V8's, in the same words.

import { type ImportType, Instance, type Module, Store, Trap, type ValType } from "../index.js";
import { type Makers, importsOf, ours } from "./imports.js";
import { Thrown, fault } from "./typed.js";

const { WebAssembly } = globalThis as any;

/** How something ended that did not return. */
export type End = { error: string } | { trap: string } | { overflow: true };

export interface Side {
  /** What the module says of itself. */
  readonly shape: string[];
  /** Ours tells the types for both. */
  readonly module: Module;
  instantiate(func: Makers["func"], value: (type: ImportType & { kind: "global" }) => unknown): Record<string, any>;
  endOf(error: unknown): End;
}

const shape = (imports: any[], exports: any[]) => [
  ...imports.map(({ module, name, kind }) => `imports ${JSON.stringify([module, name, kind])}`),
  ...exports.map(({ name, kind }) => `exports ${JSON.stringify([name, kind])}`),
];
export const hasVector = (types: readonly ValType[]) => types.includes("v128");

export class Here implements Side {
  readonly store: Store;
  /** Where its traps were. */
  readonly places: string[] = [];
  readonly shape: string[];
  constructor(readonly module: Module) {
    this.store = new Store(module.engine);
    this.shape = shape(module.imports, module.exports);
  }
  instantiate(func: Makers["func"], value: (type: ImportType & { kind: "global" }) => unknown) {
    const makers = ours(this.store, withoutVectors(this.module, func), value);
    return new Instance(this.store, this.module, importsOf(this.module.imports, makers)).exports;
  }
  endOf(error: unknown): End {
    const wrong = fault(error);
    if (wrong !== undefined) return { error: wrong };
    if (error instanceof Thrown) return { error: error.message };
    if (error instanceof Trap) this.places.push(JSON.stringify(error.frames));
    if (!(error instanceof Trap)) return isStack(error) ? { overflow: true } : { error: nameOf(error) };
    return error.trapCode === "stackOverflow" ? { overflow: true } : { trap: error.trapCode };
  }
}
/** In V8 vectors can't cross: a function that has to do with them throws. One function may be imported as of several types. */
function withoutVectors({ imports }: Module, func: Makers["func"]): Makers["func"] {
  const vectors = imports.filter((type) => type.kind === "function" && hasVector([...type.type.parameters, ...type.type.results]));
  const refuse = () => {
    throw new TypeError();
  };
  return (type, index) => (vectors.some(({ module, name }) => module === type.module && name === type.name) ? refuse : func(type, index));
}
/** The class: on a LinkError `name` is the import's. */
const nameOf = (error: unknown) => (error as Error).constructor.name;
/** The thread's own stack. */
const isStack = (error: unknown) => error instanceof RangeError && /stack/.test(error.message);

/** A global that only a module can make: JavaScript has no value for it. */
function zeroVector(mutable: boolean): unknown {
  const global = [0x01, 0x7b, mutable ? 1 : 0, 0xfd, 0x0c, ...new Uint8Array(16), 0x0b];
  const exported = [0x01, 0x01, 0x67, 0x03, 0x00];
  const module = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 6, global.length, ...global, 7, exported.length, ...exported];
  return new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(module))).exports.g;
}

export class There implements Side {
  readonly shape: string[];
  constructor(
    readonly module: Module,
    private readonly compiled: unknown,
  ) {
    this.shape = shape(WebAssembly.Module.imports(compiled), WebAssembly.Module.exports(compiled));
  }
  instantiate(func: Makers["func"], value: (type: ImportType & { kind: "global" }) => unknown) {
    const element = (type: ValType) => (type === "funcref" ? "anyfunc" : type);
    const imports = importsOf(this.module.imports, {
      func: withoutVectors(this.module, func),
      memory: ({ type }) => new WebAssembly.Memory(type),
      table: ({ type }) =>
        type.element === "externref"
          ? new WebAssembly.Table({ ...type, element: "externref" }, "init")
          : new WebAssembly.Table({ ...type, element: element(type.element) }),
      global: (type) => {
        if (type.type.type === "v128") return zeroVector(type.type.mutable ?? false);
        return new WebAssembly.Global({ value: element(type.type.type), mutable: type.type.mutable }, value(type));
      },
    });
    return new WebAssembly.Instance(this.compiled, imports).exports;
  }
  endOf(error: unknown): End {
    if (error instanceof Thrown) return { error: error.message };
    if (error instanceof WebAssembly.RuntimeError) return { trap: (error as Error).message };
    if (isStack(error)) return { overflow: true };
    return { error: nameOf(error) };
  }
}
