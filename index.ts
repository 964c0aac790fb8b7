// The public list.

import type * as binding from "./lib/binding.js";
import { native } from "./lib/load.js";
import type { ExportedFunction, Imports } from "./lib/types.js";

export { features, requireFeature, variant, version, wasmtimeVersion } from "./lib/load.js";
export type { FeatureName as Feature } from "./lib/features.js";
export {
  ClosedError,
  CompileError,
  DeadlineError,
  FeatureUnavailableError,
  type Frame,
  IncompatibleModuleError,
  InternalError,
  LinkError,
  MemoryLimitError,
  NativeNotFoundError,
  OutOfFuelError,
  SignatureError,
  StoreBusyError,
  Trap,
  WasiExit,
  WasmtimeError,
} from "./lib/errors.js";
export { Exception } from "./lib/exception.js";
export { callMany, type Numbers } from "./lib/call-many.js";
export { inspect, type ArtifactInfo } from "./lib/inspect.js";
export { loadFrom, type LoadOptions, type Manifest, type ManifestArtifact } from "./lib/manifest.js";
export { PendingCall, callAsync, callInBackground, promising, startCall, type CallOptions } from "./lib/promising.js";
export { run, runSync, type RunOptions, type RunResult } from "./lib/run.js";
export { sign, verify } from "./lib/sign.js";
export { wasiImports } from "./lib/wasi.js";
export type * from "./lib/types.js";
export type {
  CacheConfig,
  CompileOptions,
  CompilerConfig,
  Config,
  PoolingConfig,
  PrecompileOptions,
  RefTypeOptions,
  ResourcesRequired,
  StoreLimits,
  StoreOptions,
  WasiClock,
  WasiDir,
  WasiFile,
  WasiOptions,
} from "./lib/binding.js";

export const Engine = native.Engine;
export type Engine = binding.Engine;
export const Module = native.Module;
export type Module = binding.Module;
export type Store = binding.Store & Disposable;
export const Store = native.Store as unknown as {
  prototype: Store;
  new (engine: Engine, options?: binding.StoreOptions): Store;
};
export const Func = native.Func;
export const Memory = native.Memory;
export type Memory = binding.Memory;
export const Table = native.Table;
export type Table = binding.Table;
export const Global = native.Global;
export type Global = binding.Global;
export const Tag = native.Tag;
export type Tag = binding.Tag;
export const RefType = native.RefType;
export type RefType = binding.RefType;
export const StructRef = native.StructRef;
export type StructRef = binding.StructRef;
export const ArrayRef = native.ArrayRef;
export type ArrayRef = binding.ArrayRef;

/** An instance whose exports have a known type. */
export type Instance<E = any> = Omit<binding.Instance, "exports"> & { readonly exports: E };
export const Instance = native.Instance as unknown as {
  prototype: Instance;
  new <E = any>(store: Store, module: Module, imports?: Imports): Instance<E>;
  create<E = any>(store: Store, module: Module, imports?: Imports): Promise<Instance<E>>;
};
export type InstancePre = Omit<binding.InstancePre, "instantiate" | "instantiateAsync"> & {
  instantiate<E = any>(store: Store): Instance<E>;
  instantiateAsync<E = any>(store: Store): Promise<Instance<E>>;
};
export const InstancePre = native.InstancePre as unknown as abstract new (...args: never) => InstancePre;
/** See {@link binding.Linker}; its instances have types here. */
export type Linker = Omit<binding.Linker, Chained | "instantiate" | "instantiateAsync" | "instantiatePre"> & {
  [name in Chained]: (...args: Parameters<binding.Linker[name]>) => Linker;
} & {
  instantiate<E = any>(store: Store, module: Module): Instance<E>;
  instantiateAsync<E = any>(store: Store, module: Module): Promise<Instance<E>>;
  instantiatePre(module: Module): InstancePre;
};
type Chained = {
  [name in keyof binding.Linker]: binding.Linker[name] extends (...args: any[]) => binding.Linker ? name : never;
}[keyof binding.Linker];
export const Linker = native.Linker as unknown as { prototype: Linker; new (engine: Engine): Linker };
export type { ExportedFunction };
