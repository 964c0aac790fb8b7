// What the guests' files are made of: tests, which throw when a guest does not give what it must.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Engine, type Imports, Instance, Module, type ProfileName, Store } from "../index.js";

export interface Test {
  /** What the guest does. */
  title: string;
  run(): unknown;
}

export const root = fileURLToPath(new URL("../../", import.meta.url));
/** Where scripts/guests.mjs has put everything: guests/fetch.mjs knows the same places. */
const folder = join(root, "target", "guests");
export const wasmOf = (guest: string, module = guest) => join(folder, guest, `${module}.wasm`);
export const artifactOf = (guest: string, module = guest, profile: ProfileName = "default") => join(folder, guest, profile, `${module}.cwasm`);
/** A file of a package that is kept as it came. */
export const packaged = (name: string, ...path: string[]) => join(folder, "packages", name, ...path);

const engines = new Map<ProfileName, Engine>();
export function engineOf(profile: ProfileName): Engine {
  let engine = engines.get(profile);
  if (!engine) engines.set(profile, (engine = new Engine({ profile })));
  return engine;
}
export const load = (guest: string, module = guest, profile: ProfileName = "default") =>
  Module.deserializeFile(engineOf(profile), artifactOf(guest, module, profile));

/** An instance in a store of its own. */
export function start(module: Module, imports?: Imports) {
  const store = new Store(module.engine);
  return { store, exports: new Instance(store, module, imports).exports };
}

interface WebAssembly {
  compile(bytes: Uint8Array): Promise<object>;
  instantiate(module: object, imports: Imports): Promise<object>;
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: Imports) => object;
}
/** V8's, as a property: what a package's own JavaScript finds. */
export const global = globalThis as unknown as { WebAssembly: WebAssembly };
/** What stands in for it: a guest's modules are loaded from their artifacts. All others, as those that Node itself runs, stay V8's. */
export function standIn(guest: string, modules: string[], profile: ProfileName, onStart = () => {}): WebAssembly {
  const v8 = global.WebAssembly;
  const find = (bytes: Uint8Array) => {
    const wanted = Buffer.from(bytes);
    const found = modules.find((module) => readFileSync(wasmOf(guest, module)).equals(wanted));
    return found === undefined ? undefined : load(guest, found, profile);
  };
  const begin = (module: Module, imports: Imports) => {
    onStart();
    return start(module, imports);
  };
  return {
    compile: async (bytes) => find(bytes) ?? v8.compile(bytes),
    instantiate: async (module, imports) => (module instanceof Module ? begin(module, imports) : v8.instantiate(module, imports)),
    Module: function (bytes: Uint8Array) {
      return find(bytes) ?? new v8.Module(bytes);
    } as unknown as WebAssembly["Module"],
    Instance: function (module: object, imports: Imports) {
      return module instanceof Module ? begin(module, imports) : new v8.Instance(module, imports);
    } as unknown as WebAssembly["Instance"],
  };
}
