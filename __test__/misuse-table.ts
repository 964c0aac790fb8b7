// For misuse.spec.ts: how each API is used well. A worker loads this file too, so it imports nothing of ava's.

import { generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { threadId } from "node:worker_threads";
import * as api from "../index.js";
import type { Api } from "./binding.js";

const { ArrayRef, Engine, Exception, Global, Instance, Linker, Memory, Module, RefType, Store, StructRef } = api as any;

const keys = generateKeyPairSync("ed25519");
const each = ["i32", "i64", "f32", "f64", "v128", "funcref"];
/** The guests, by name. */
export const guests = {
  main: `(module $guest (import "env" "f" (func $f (result i32))) (import "env" "g" (func $g (param f64) (result f64)))
    (memory (export "memory") 1 50) (table (export "table") 4 5000 funcref) (global (export "global") (mut i32) (i32.const 7))
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "mul") (param f64 f64) (result f64) (f64.mul (local.get 0) (local.get 1)))
    (func (export "call") (result i32) (call $f)) (func (export "apply") (param f64) (result f64) (call $g (local.get 0)))
    (func (export "pair") (param i32 f64) (result f64 i32) (local.get 1) (local.get 0))
    ${each.map((type) => `(func (export "${type}") (param ${type}) (result ${type}) (local.get 0))`).join("\n")})`,
  plain: `(module (memory (export "memory") 1) (func (export "f")))`,
  starter: `(module (import "env" "f" (func $f (result i32))) (start $s) (func $s (drop (call $f))) (func (export "e")))`,
  importer: `(module (import "env" "memory" (memory 1)) (import "env" "table" (table 1 funcref))
    (import "env" "global" (global (mut i32))) (import "env" "func" (func (param i32 i32) (result i32))))`,
  command: `(module (memory (export "memory") 1) (func (export "_start")))`,
  refs: `(module (tag (export "tag") (param i32)) (type $s (struct (field (mut i32)) (field (mut externref)))) (type $a (array (mut i32)))
    (table (export "externs") 4 5000 externref) (table (export "anys") 4 5000 anyref)
    (func (export "externref") (param externref) (result externref) (local.get 0))
    (func (export "anyref") (param anyref) (result anyref) (local.get 0))
    (func (export "exnref") (param exnref) (result exnref) (local.get 0))
    (func (export "struct") (result (ref $s)) (struct.new_default $s))
    (func (export "throw") (param i32) (throw 0 (local.get 0))))`,
};
export type Files = Record<keyof typeof guests, string>;

const modules = new WeakMap<object, Record<string, object>>();
/** An engine's module of a file, made once. */
function moduleOf(engine: object, file: string): object {
  let all = modules.get(engine);
  if (!all) modules.set(engine, (all = {}));
  return (all[file] ??= Module.deserializeFile(engine, file));
}

const another = (w: World) => new Instance(new Store(w.engine), w.module, w.imports).exports;

/** One engine per profile for all worlds. */
const engines = new Map<string, object>();
function engineOf(profile: string): object {
  let engine = engines.get(profile);
  if (!engine) engines.set(profile, (engine = new Engine({ profile }) as object));
  return engine;
}

const makers: Record<string, (w: World) => any> = {
  store: (w) => new Store(w.engine),
  metered: () => new Store(engineOf("metered"), { fuel: 1000n }),
  module: (w) => moduleOf(w.engine, w.files.main),
  plain: (w) => moduleOf(w.engine, w.files.plain),
  starter: (w) => moduleOf(w.engine, w.files.starter),
  importer: (w) => moduleOf(w.engine, w.files.importer),
  command: (w) => moduleOf(w.engine, w.files.command),
  imports: (w) => ({ env: { f: () => w.f(), g: (x: number) => w.g(x) } }),
  handles: (w) => ({ env: { memory: w.memory, table: w.table, global: w.global, func: w.exports.add } }),
  instance: (w) => new Instance(w.store, w.module, w.imports),
  exports: (w) => w.instance.exports,
  refs: (w) => new Instance(w.store, moduleOf(w.engine, w.files.refs)).exports,
  memory: (w) => w.exports.memory,
  shared: (w) => {
    const memory = new Memory(w.store, { initial: 1, maximum: 50, shared: true });
    // No value that is wrong is this one, so that nothing waits for ever.
    memory.atomicStore("i32", 16, 77);
    return memory;
  },
  wide: (w) => new Memory(w.store, { initial: 1n, maximum: 50n, address: "i64" }),
  table: (w) => w.exports.table,
  global: (w) => w.exports.global,
  tag: (w) => w.refs.tag,
  linker: (w) => {
    const linker = new Linker(w.engine);
    linker.allowShadowing = true;
    const type = (results: string[], parameters = results) => ({ parameters, results });
    linker.defineFunc("env", "f", type(["i32"], []), () => w.f());
    return linker.defineFunc("env", "g", type(["f64"]), (x: number) => w.g(x));
  },
  pre: (w) => w.linker.instantiatePre(w.module),
  structType: (w) => RefType.struct(w.engine, [{ type: "i32", mutable: true }, { type: "externref", mutable: true }]),
  arrayType: (w) => RefType.array(w.engine, { type: "i32", mutable: true }),
  open: (w) => RefType.struct(w.engine, [{ type: "i32" }], { final: false }),
  struct: (w) => new StructRef(w.store, w.structType, [1, "x"]),
  array: (w) => new ArrayRef(w.store, w.arrayType, [1, 2, 3]),
  exception: (w) => new Exception(w.tag, [7]),
  /** In a store of its own, which is busy then. */
  pending: (w) => api.startCall(another(w).add, 1, 2),
};

/** Things that belong together, each made when it is first asked for. */
export interface World {
  files: Files;
  engine: any;
  /** What the guest's imports do now. */
  f(): unknown;
  g(x: number): unknown;
  readonly [made: string]: any;
}

export function makeWorld(files: Files, engine = engineOf("default")): World {
  const world = { files, engine, f: () => 1, g: (x: number) => x };
  for (const [name, make] of Object.entries(makers)) {
    Object.defineProperty(world, name, {
      configurable: true,
      get() {
        const value = make(world);
        Object.defineProperty(world, name, { value });
        return value;
      },
    });
  }
  return world;
}

/** One object of each class, by the class, and a function. */
export const objects: Record<string, (w: World) => any> = {
  ArrayRef: (w) => w.array,
  Engine: (w) => w.engine,
  Global: (w) => w.global,
  Instance: (w) => w.instance,
  InstancePre: (w) => w.pre,
  Linker: (w) => w.linker,
  Memory: (w) => w.memory,
  Module: (w) => w.module,
  PendingCall: (w) => w.pending,
  RefType: (w) => w.structType,
  Store: (w) => w.store,
  StructRef: (w) => w.struct,
  Table: (w) => w.table,
  Tag: (w) => w.tag,
  Exception: (w) => w.exception,
  ExportedFunction: (w) => w.exports.add,
};

/** Uses an API. */
export function use({ kind, name, owner, key }: Api, on: any, args: unknown[]): unknown {
  const owners = api as any;
  if (kind === "constructor") return new owners[owner](...args);
  if (kind === "static") return owners[owner][key](...args);
  if (kind === "function") return name === "exported" ? on(...args) : owners[name](...args);
  if (kind === "getter") return on[key];
  if (kind === "setter") return (on[key] = args[0]);
  return on[key](...args);
}

/** A good use of an API. */
export interface Row {
  /** All arguments, also those that may be left out. */
  args: (w: World) => unknown[];
  /** Of which object; by default the world's of that class. */
  on?: (w: World) => any;
  /** Parameters whose values are converted as by a call, so that V8 refuses them in its own words. */
  converts?: string[];
  /** It works on what belongs to a disposed store, as it needs nothing of it; or only if it has begun before. */
  outlives?: "always" | "halfway";
  /** It takes objects of other stores or engines: it only compares. */
  compares?: true;
  /** A string names a file, and that there is none is said as Node says it. */
  path?: true;
  /** Another row has the same options, whose members are tried there. */
  alike?: true;
  /** It may leave a call in the store that goes on. */
  lasting?: true;
  /** The facade's own; anything V8 says will do. */
  hidden?: true;
}
const row = (args: Row["args"], rest: Omit<Row, "args"> = {}): Row => ({ args, ...rest });
const nothing = () => [];
const of = (on: Row["on"], args: Row["args"] = nothing, rest: Omit<Row, "args" | "on"> = {}): Row => ({ on: on!, args, ...rest });

const memories: NonNullable<Row["on"]>[] = [(w) => w.memory, (w) => w.shared, (w) => w.wide];
const inMemories = (args: Row["args"], rest: Omit<Row, "args" | "on"> = {}) => memories.map((on) => of(on, args, rest));
const value = { converts: ["args", "value", "expected", "replacement", "init", "fields", "elements", "payload"] };
const funcType = { parameters: ["i32", "f64"], results: ["i32"] };
const samples: Record<string, unknown> = {
  i32: 5,
  i64: 5n,
  f32: 1.5,
  f64: 1.5,
  v128: new Uint8Array(16),
  externref: "x",
  anyref: null,
  funcref: null,
  exnref: null,
};
const types = Object.keys(samples).filter((type) => api.features.has("gc") || !/ext|any|exn/.test(type));
const bytes = (w: World) => readFileSync(w.files.main);
// (module)
const wasm = () => Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);
const command = { precompiled: true, stdin: "ignore", stdout: "ignore", stderr: "ignore" };
const globals = (args: (type: string) => unknown[]) =>
  types.map((type) => of((w) => new Global(w.store, { type, mutable: true }), () => args(type), value));
/** A manifest that has one module, beside its artifact. */
function manifest({ files: { main }, engine }: World): string {
  const artifact = { target: engine.target, profile: engine.profile, file: basename(main), sha256: "", bytes: 0 };
  const file = join(dirname(main), `misuse-${process.pid}-${threadId}.json`);
  writeFileSync(file, JSON.stringify({ format: 1, modules: { main: { sha256: "", artifacts: [artifact] } } }));
  return file;
}
const path: Omit<Row, "args"> = { path: true };
const facades: Omit<Row, "args"> = { outlives: "always", hidden: true };
const runs = [
  row((w) => [w.files.command, command], path),
  row((w) => [readFileSync(w.files.command), command], { ...path, alike: true }),
  row((w) => [w.command, { stdin: "ignore", stdout: "capture", stderr: "capture" }], { ...path, alike: true }),
];

export const rows: Record<string, Row | Row[]> = {
  "new ArrayRef": row((w) => [w.store, w.arrayType, [1, 2]], value),
  "ArrayRef#type": row(nothing),
  "ArrayRef#length": row(nothing),
  "ArrayRef#get": row(() => [1]),
  "ArrayRef#set": row(() => [1, 5], value),
  "new Engine": row(() => [{ profile: "sandbox", maxWasmStack: 1 << 18 }]),
  "Engine#profile": row(nothing),
  "Engine#target": row(nothing),
  "Engine#share": row(nothing),
  "Engine.fromShared": row((w) => [w.engine.share()]),
  "Engine#precompile": row(() => [wasm(), { cpu: "native", strip: "names" }]),
  "Engine#precompileSync": row(() => [wasm(), { cpu: "native", strip: "names" }]),
  "Func.type": row((w) => [w.exports.add]),
  "Func.wrap": row((w) => [w.store, funcType, (x: number) => x]),
  "new Global": types.map((type) => row((w) => [w.store, { type, mutable: true }, samples[type]], value)),
  "Global#value": globals(nothing),
  "Global#value=": globals((type) => [samples[type]]),
  "Global#valueOf": globals(nothing),
  "Global#type": row(nothing),
  "new Instance": [row((w) => [w.store, w.module, w.imports]), row((w) => [w.store, w.importer, w.handles])],
  "Instance#exports": of((w) => new Instance(w.store, w.module, w.imports)),
  "InstancePre#instantiate": row((w) => [w.store]),
  "InstancePre#instantiateAsync": row((w) => [w.store]),
  "Instance.create": [row((w) => [w.store, w.module, w.imports]), row((w) => [w.store, w.importer, w.handles])],
  "new Linker": row((w) => [w.engine]),
  "Linker#allowShadowing": row(nothing),
  "Linker#allowShadowing=": row(() => [true]),
  "Linker#define": [
    row((w) => ["m", "n", w.exports.add]),
    row((w) => ["m", "n", w.memory]),
    row((w) => ["m", "n", w.shared]),
    row((w) => ["m", "n", w.table]),
    row((w) => ["m", "n", w.global]),
    row((w) => ["m", "n", w.tag]),
  ],
  "Linker#defineFunc": row(() => ["m", "n", funcType, (x: number) => x]),
  "Linker#defineInstance": row((w) => [w.store, "m", w.instance]),
  "Linker#defineModule": row((w) => [w.store, "m", w.plain]),
  "Linker#alias": row(() => ["env", "f", "m", "n"]),
  "Linker#defineUnknownImportsAsTraps": row((w) => [w.module]),
  "Linker#get": row((w) => [w.store, "env", "f"]),
  "Linker#instantiate": [row((w) => [w.store, w.module]), row((w) => [w.store, w.starter])],
  "Linker#instantiateAsync": [row((w) => [w.store, w.module]), row((w) => [w.store, w.starter])],
  "Linker#instantiatePre": row((w) => [w.module]),
  "Linker#defineWasi": row(nothing),
  "Memory#atomicLoad": inMemories(() => ["i64", 16]),
  "Memory#atomicStore": inMemories(() => ["i32", 16, 5], value),
  "Memory#atomicRmw": inMemories(() => ["i64", "add", 16, 5n], value),
  "Memory#atomicCompareExchange": inMemories(() => ["i32", 16, 1, 5], value),
  "new Memory": [
    row((w) => [w.store, { initial: 1, maximum: 2 }]),
    row((w) => [w.store, { initial: 1, maximum: 2, shared: true }]),
    row((w) => [w.store, { initial: 1n, maximum: 2n, address: "i64", pageSize: 1 }]),
  ],
  "Memory#buffer": of((w) => w.memory),
  "Memory#byteLength": inMemories(nothing),
  "Memory#pages": inMemories(nothing),
  "Memory#type": inMemories(nothing),
  "Memory#grow": inMemories(() => [1]),
  "Memory#read": inMemories(() => [0, 5]),
  "Memory#write": inMemories(() => [0, Uint8Array.of(1, 2)]),
  "Memory#readString": inMemories(() => [0, 5, { fatal: true }]),
  "Memory#writeString": inMemories(() => [0, "text"]),
  "Memory#share": of((w) => w.shared, nothing, { outlives: "always" }),
  "Memory.fromShared": row((w) => [w.store, w.shared.share()]),
  "Memory#atomicWait": of((w) => w.shared, () => ["i32", 16, 1, 0], value),
  "Memory#atomicNotify": inMemories(() => [16, 1]),
  "Module.deserialize": row((w) => [w.engine, bytes(w), {}]),
  "Module.deserializeFile": row((w) => [w.engine, w.files.main, {}], path),
  "Module#engine": row(nothing),
  "Module#resources": row(nothing),
  "Module#name": row(nothing),
  "Module#imports": row(nothing),
  "Module#exports": row(nothing),
  "Module#customSections": row(() => ["x"]),
  "Module#share": row(nothing),
  "Module.fromShared": row((w) => [w.module.share()]),
  "Module.compile": row((w) => [w.engine, wasm(), {}]),
  "Module.compileSync": row((w) => [w.engine, wasm()]),
  "Module.validate": row((w) => [w.engine, wasm()]),
  "Module#serialize": row(nothing),
  "RefType.struct": [
    row((w) => [w.engine, [{ type: "i32", mutable: true }, { type: "i8" }], { nullable: false }]),
    row((w) => [w.engine, [{ type: "i32" }, { type: w.arrayType }], { final: false, supertype: w.open }]),
  ],
  "RefType.array": row((w) => [w.engine, { type: "i16", mutable: true }, { final: true }]),
  "RefType.func": row((w) => [w.engine, funcType, { nullable: true }]),
  "RefType#kind": row(nothing),
  "RefType#nullable": row(nothing),
  "RefType#fields": row(nothing),
  "RefType#parameters": row(nothing),
  "RefType#results": row(nothing),
  "RefType#matches": [row(() => ["structref"]), row((w) => [w.arrayType])],
  "RefType#toString": row(nothing),
  "RefType#toJSON": row(nothing),
  "new Store": [
    row((w) => [w.engine, { limits: { memoryBytes: 1 << 20, trapOnGrowFailure: true } }], path),
    row((w) => [w.metered.engine, { fuel: 100n, timeoutMs: 5000 }], { ...path, alike: true }),
    row((w) => [w.engine, { wasi: { args: ["a"], env: { A: "b" }, stdin: "text", stdout: "capture", dirs: { "/": { host: ".", access: "read" } } } }], path),
  ],
  "Store#engine": row(nothing, { outlives: "always" }),
  "Store#timeoutMs": of((w) => w.metered),
  "Store#timeoutMs=": of((w) => w.metered, () => [5000]),
  "Store#fuel": of((w) => w.metered),
  "Store#fuel=": of((w) => w.metered, () => [500n]),
  "Store#limits": row(nothing),
  "Store#limits=": row(() => [{ memoryBytes: 1 << 24 }]),
  "Store#dispose": of((w) => new Store(w.engine), nothing, { outlives: "always" }),
  "Store#Symbol.dispose": of((w) => new Store(w.engine), nothing, { outlives: "always" }),
  "Store#disposed": row(nothing, { outlives: "always" }),
  "Store#jsTag": row(nothing),
  "Store#gc": row(nothing),
  "Store#wasi": row(nothing),
  "new StructRef": row((w) => [w.store, w.structType, [1, "x"]], value),
  "StructRef#type": row(nothing),
  "StructRef#length": row(nothing),
  "StructRef#get": row(() => [1]),
  "StructRef#set": [row(() => [0, 5], value), row(() => [1, "x"], value)],
  "new Table": [
    row((w) => [w.store, { element: "funcref", initial: 1, maximum: 5 }, w.exports.add], value),
    row((w) => [w.store, { element: "funcref", initial: 1n, address: "i64" }, null], value),
  ],
  "Table#length": row(nothing),
  "Table#type": row(nothing),
  "Table#get": row(() => [1]),
  "Table#set": [row((w) => [1, w.exports.add], value), of((w) => w.refs.externs, () => [1, "x"], value), of((w) => w.refs.anys, () => [1, 5], value)],
  "Table#grow": [row((w) => [1, w.exports.add], value), of((w) => w.refs.externs, () => [1, "x"], value)],
  "new Tag": row((w) => [w.store, { parameters: ["i32", "externref"] }]),
  "Tag#type": row(nothing),
  "new Exception": row((w) => [w.tag, [7]], { ...value, outlives: "halfway" }),
  "Exception#tag": row(nothing, { outlives: "always" }),
  "Exception#payload": row(nothing, { outlives: "always" }),
  "Exception#is": row((w) => [w.tag], { compares: true, outlives: "always" }),
  "Exception#getArg": row((w) => [w.tag, 0], { outlives: "always" }),
  callMany: [
    row((w) => [w.exports.mul, Float64Array.of(1, 2, 3, 4), new Float64Array(2)]),
    row((w) => [w.exports.i64, BigInt64Array.of(1n, 2n), new BigUint64Array(2)]),
  ],
  promising: row((w) => [w.exports.add, { queue: true, thread: "js" }], value),
  callAsync: row((w) => [w.exports.add, 1, 2], value),
  callInBackground: row((w) => [another(w).add, 1, 2], { ...value, lasting: true }),
  startCall: row((w) => [another(w).add, 1, 2], { ...value, lasting: true }),
  "PendingCall#done": row(nothing, facades),
  "PendingCall#poll": row(nothing, facades),
  "PendingCall#result": of((w) => (w.pending.poll(), w.pending), nothing, facades),
  "PendingCall#cancel": row(nothing, facades),
  sign: row((w) => [bytes(w), keys.privateKey]),
  wasiImports: row(nothing),
  inspect: [row((w) => [w.files.main], path), row((w) => [bytes(w)], { ...path, alike: true })],
  loadFrom: row((w) => [w.engine, manifest(w), "main", {}], path),
  verify: row((w) => [bytes(w), api.sign(bytes(w), keys.privateKey), keys.publicKey]),
  run: runs,
  runSync: runs,
  requireFeature: row(() => ["gc"]),
  // Functions of wasm, by what they take.
  exported: types.map((type) => ({ args: () => [samples[type]], on: (w) => w[type in w.exports ? "exports" : "refs"][type], ...value })),
};
