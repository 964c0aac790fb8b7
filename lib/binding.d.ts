/* Made from crates/node-api by `npm run build`. Do not edit. */

import type { Readable, Writable } from 'node:stream'
import type { DeserializeOptions, ExportedFunction, ExportType, FieldType, FuncType, GlobalType, ImportType, Imports, MemoryType, ProfileName, SharedHandle, TableType, TagType, ValType } from './types.js'

/**
 * An array of a guest. The same array is the same object here, as long as JavaScript holds it.
 *
 * @example
 * ```ts
 * const bytes = RefType.array(engine, { type: 'i8', mutable: true })
 * const text = new ArrayRef(store, bytes, Buffer.from('hello'))
 * instance.exports.print(text)
 * ```
 */
export declare class ArrayRef {
  /**
   * Makes an array in `store`, of a type of its engine, with these elements.
   *
   * Throws `TypeError` for a type that is no array's and values that do not convert.
   */
  constructor(store: Store, type: RefType, elements: Iterable<unknown>)
  /** Its type: of references to it that are never null. */
  get type(): RefType
  /** The number of elements. */
  get length(): number
  /**
   * The value of an element. Packed ones (`i8`, `i16`) come without a sign.
   *
   * Throws `RangeError` outside of the array.
   */
  get(index: number): any
  /**
   * Sets an element, with the value converted as by a call.
   *
   * Throws `RangeError` outside of the array, `TypeError` for an array of constants and for a value that does not
   * convert.
   */
  set(index: number, value: unknown): void
}

/**
 * Settings, and the compiler where the build has one. Modules and stores are made with an engine and work together only
 * with the same one. One engine for a program is the usual way.
 *
 * @example
 * ```ts
 * const engine = new Engine({ profile: 'metered' })
 * const artifact = engine.precompileSync(wasm) // with the full package, in CI
 * const module = Module.deserialize(engine, artifact) // with either
 * ```
 */
export declare class Engine {
  /**
   * Makes an engine. Throws `TypeError` for unknown or wrong options, `FeatureUnavailableError` for a group of options
   * this build has no code for.
   */
  constructor(config?: Config)
  /** The name of the profile, which is also stamped into artifacts; what `epochs` and `fuel` have changed is in it. */
  get profile(): string
  /** The target triple that this engine runs: this machine's, or `pulley64`. */
  get target(): string
  /**
   * A handle to post to other threads of the process, where `Engine.fromShared` makes an engine of it that is the same:
   * modules and shared memories of one can be used with the other. Keep the engine until the other thread has it.
   */
  share(): SharedHandle
  /**
   * The engine that another thread has shared.
   *
   * Throws `TypeError` for what is no handle of an engine, or of one that is gone.
   */
  static fromShared(handle: SharedHandle): Engine
  /**
   * Compiles ahead of time, off the JavaScript thread: the result is an artifact (`.cwasm`) for `Module.deserialize` in an
   * engine of the same profile, in any build of this version.
   *
   * Rejects as `Module.compile` does.
   */
  precompile(source: Uint8Array | string, options?: PrecompileOptions): Promise<Buffer>
  /** Like `precompile`, on the JavaScript thread, which waits. */
  precompileSync(source: Uint8Array | string, options?: PrecompileOptions): Buffer
}

/** Functions of wasm are plain JavaScript functions; this is where host functions get a wasm type. */
export declare class Func {
  /**
   * The type of an exported function, as imports and exports describe it.
   *
   * Throws `TypeError` for any other value.
   */
  static type(fn: ExportedFunction): FuncType
  /**
   * Makes a wasm function of a JavaScript one: to be put into a table or a global, or passed as an import. The result is
   * an exported function of the store: it coerces its arguments by `type`, and `fn`'s result too.
   *
   * Throws `TypeError` for a type that is none.
   *
   * @example
   * ```ts
   * const double = Func.wrap(store, { parameters: ['i32'], results: ['i32'] }, x => x * 2)
   * table.set(0, double)
   * ```
   */
  static wrap(store: Store, type: FuncType, fn: (...args: any[]) => unknown): ExportedFunction
}

/**
 * A global variable that guests and JavaScript share.
 *
 * @example
 * ```ts
 * const counter = new Global(store, { type: 'i64', mutable: true }, 0n)
 * new Instance(store, module, { env: { counter } }).exports.count()
 * counter.value // 1n
 * ```
 */
export declare class Global {
  /**
   * Makes a global in `store`. Without a value it is 0 or null, and `undefined` for an externref.
   *
   * Throws `TypeError` for a type that is none and a value that does not convert.
   */
  constructor(store: Store, type: GlobalType, value?: unknown)
  /**
   * The value. Setting it converts as the JS API does.
   *
   * Setting throws `TypeError` for a constant and for a value that does not convert.
   */
  get value(): any
  set value(value: any)
  /** The value, as `value` has it. */
  valueOf(): any
  /** The type. */
  get type(): GlobalType
}

/**
 * A module that runs in a store. Its exports are functions, memories, tables, globals and tags.
 *
 * @example
 * ```ts
 * const instance = new Instance(store, module, { env: { log: (x: number) => console.log(x) } })
 * instance.exports.main()
 * ```
 */
export declare class Instance {
  /**
   * Instantiates `module` in `store`; its start function runs. `imports` is an object of objects, as in the JS API:
   * functions may be JavaScript's or exported functions of the same store, and where a constant global is wanted a value
   * will do.
   *
   * Throws `LinkError` where an import is missing or of the wrong type, `TypeError` where one belongs to another store,
   * `Trap` and what host functions throw from the start function, `WasmtimeError` where a limit of the store forbids it.
   */
  constructor(store: Store, module: Module, imports?: Imports)
  /**
   * What the module exports, by name: functions are plain JavaScript functions, the rest objects of `Memory`, `Table`,
   * `Global` and `Tag`. The object is frozen and has no prototype.
   */
  get exports(): any
  /** Like the constructor, for start functions that call host functions which return promises. */
  static create(store: Store, module: Module, imports?: Imports): Promise<Instance>
}

/**
 * A module whose imports a linker has resolved: the fastest way to many instances.
 *
 * @example
 * ```ts
 * const pre = linker.instantiatePre(module)
 * function handle(request) {
 *   using store = new Store(engine, { limits: { memoryBytes: 16 << 20 } })
 *   return pre.instantiate(store).exports.handle(request)
 * }
 * ```
 */
export declare class InstancePre {
  /**
   * Instantiates in `store`.
   *
   * Throws as `new Instance` does, save for what was checked before.
   */
  instantiate(store: Store): Instance
  /** Like `instantiate`, for start functions that call host functions which return promises. */
  instantiateAsync(store: Store): Promise<Instance>
}

/**
 * A set of named imports for many modules and many stores.
 *
 * What is defined with `defineFunc` and `defineWasi` belongs to no store. What belongs to one (`define`, `defineInstance`,
 * `defineModule`) binds the linker to it.
 *
 * @example
 * ```ts
 * const linker = new Linker(engine)
 *   .defineWasi()
 *   .defineFunc('env', 'log', { parameters: ['i32'], results: [] }, x => console.log(x))
 * const pre = linker.instantiatePre(module)
 * const instance = pre.instantiate(new Store(engine)) // as often as you like
 * ```
 */
export declare class Linker {
  /** Makes an empty linker. */
  constructor(engine: Engine)
  /** Whether a name may be defined again; the last definition counts. Default false: then it is a `LinkError`. */
  get allowShadowing(): boolean
  set allowShadowing(allow: boolean)
  /** Defines an exported function, memory, table, global or tag, which binds the linker to its store. */
  define(module: string, name: string, value: ExportedFunction | Memory | Table | Global | Tag): this
  /**
   * Defines a JavaScript function with a wasm type. Arguments and result are converted by it as the JS API does; several
   * results are returned as an array.
   */
  defineFunc(module: string, name: string, type: FuncType, fn: (...args: any[]) => unknown): this
  /** Defines all exports of an instance under a module name. */
  defineInstance(store: Store, name: string, instance: Instance): this
  /**
   * Instantiates a module and defines its exports under a module name. A WASI command is instantiated anew for each call
   * of its exports, a reactor's `_initialize` is called once.
   */
  defineModule(store: Store, name: string, module: Module): this
  /** Gives a definition a second name. */
  alias(module: string, name: string, asModule: string, asName: string): this
  /** Defines every function import of `module` that has no definition yet as one that traps when it is called. */
  defineUnknownImportsAsTraps(module: Module): this
  /** What is defined under a name, for `store`; `undefined` if nothing is. */
  get(store: Store, module: string, name: string): ExportedFunction | Memory | Table | Global | Tag | undefined
  /**
   * Instantiates `module` in `store`, with what is defined here as its imports.
   *
   * Throws as `new Instance` does.
   */
  instantiate(store: Store, module: Module): Instance
  /**
   * Resolves and checks the imports of `module` once, to instantiate it in many stores.
   *
   * Throws `LinkError` where an import has no definition or one of another type.
   */
  instantiatePre(module: Module): InstancePre
  /**
   * Like `instantiate`, for start functions that call host functions which return promises. The store is in use until the
   * promise is settled.
   *
   * Rejects as `instantiate` throws, and with what a promise was rejected with.
   */
  instantiateAsync(store: Store, module: Module): Promise<Instance>
  /**
   * Defines WASI preview 1 (`wasi_snapshot_preview1`), and preview 0 (`wasi_unstable`) for guests of 2019. What it grants is
   * the store's matter: one made without the option `wasi` grants nothing.
   */
  defineWasi(): this
}

/**
 * Linear memory: bytes that a guest works on.
 *
 * `read`, `write`, `readString` and `writeString` copy, with bounds checked. `buffer` is the memory itself.
 *
 * @example
 * ```ts
 * const memory = instance.exports.memory as Memory
 * const at = instance.exports.alloc(5)
 * memory.writeString(at, 'hello')
 * ```
 */
export declare class Memory {
  /**
   * Reads an integer atomically, as a guest's `i32.atomic.load` does.
   *
   * Throws `RangeError` for a place outside of the memory or not aligned to the type's size. So do the other atomic
   * methods, all of which are sequentially consistent and work on memories that are not shared too.
   */
  atomicLoad(type: 'i32' | 'i64', offset: number | bigint): number | bigint
  /** Writes an integer atomically, converted as by a call. */
  atomicStore(type: 'i32' | 'i64', offset: number | bigint, value: number | bigint): void
  /** Changes an integer atomically, and returns what it was. */
  atomicRmw(type: 'i32' | 'i64', operation: 'add' | 'sub' | 'and' | 'or' | 'xor' | 'xchg', offset: number | bigint, value: number | bigint): number | bigint
  /** Writes `replacement` if the integer is `expected`, atomically, and returns what it was. */
  atomicCompareExchange(type: 'i32' | 'i64', offset: number | bigint, expected: number | bigint, replacement: number | bigint): number | bigint
  /**
   * Makes a memory in `store`, to be imported. Sizes are in pages (64 KiB, or what `pageSize` says: 1). One that is
   * `shared` has a maximum, and can be given to other threads (`share`); its pages count for no store's limits.
   *
   * Throws `RangeError` for sizes that can't be, or that the store's limits forbid.
   */
  constructor(store: Store, type: MemoryType)
  /**
   * The memory itself, without a copy. It is detached (its length becomes 0) when the memory grows and when the store is
   * disposed; ask for it again then. The same object until then.
   *
   * Throws `TypeError` for a memory that may move when it grows (64-bit ones) or is shared, and in runtimes that allow no
   * such buffers (Electron): `read` and `write` work everywhere.
   */
  get buffer(): ArrayBuffer
  /** Size in bytes. */
  get byteLength(): number
  /** Size in pages; a bigint for a 64-bit memory. */
  get pages(): number | bigint
  /** The type, with the size it was made with. */
  get type(): MemoryType
  /**
   * Grows by so many pages, and returns the size before. `buffer` is detached.
   *
   * Throws `RangeError` beyond the maximum or a limit of the store.
   */
  grow(pages: number | bigint): number | bigint
  /**
   * Copies `length` bytes at `offset` out of the memory.
   *
   * Throws `RangeError` outside of it.
   */
  read(offset: number | bigint, length: number): Buffer
  /**
   * Copies bytes into the memory at `offset`.
   *
   * Throws `RangeError` where they would not fit; then nothing is written.
   */
  write(offset: number | bigint, bytes: Uint8Array): void
  /**
   * Decodes `length` bytes at `offset` as UTF-8, as `TextDecoder` does: wrong bytes become U+FFFD, or with
   * `{ fatal: true }` a `TypeError`. A byte order mark is kept.
   */
  readString(offset: number | bigint, length: number, options?: { fatal?: boolean }): string
  /**
   * Writes a string as UTF-8 at `offset`, without a NUL, and returns how many bytes that took. A lone surrogate becomes
   * U+FFFD.
   *
   * Throws `RangeError` where it would not fit; then nothing is written.
   */
  writeString(offset: number | bigint, text: string): number
  /**
   * A handle to post to other threads of the process, where `Memory.fromShared` gives the same memory to a store. Keep
   * the memory until the other thread has it.
   *
   * Throws `TypeError` for a memory that is not shared.
   */
  share(): SharedHandle
  /**
   * The memory that another thread has shared, in a store of the same engine (`Engine.fromShared`, `module.engine`).
   *
   * Throws `TypeError` for what is no handle of a memory, or of one that is gone, and for a store of another engine.
   */
  static fromShared(store: Store, handle: SharedHandle): Memory
  /**
   * Waits until another thread notifies this place of a shared memory, as a guest's `memory.atomic.wait` does: the thread
   * sleeps, and its event loop with it. Returns at once with `not-equal` where the value is not `expected`, and after
   * `timeoutMs` (default: never) with `timed-out`.
   *
   * Throws `TypeError` for a memory that is not shared, `RangeError` for a place outside of it or not aligned.
   */
  atomicWait(type: 'i32' | 'i64', offset: number | bigint, expected: number | bigint, timeoutMs?: number): 'ok' | 'not-equal' | 'timed-out'
  /**
   * Wakes up to `count` threads (default: all) that wait at this place, guests or `atomicWait`, and returns how many.
   *
   * Throws `RangeError` for a place outside of the memory or not aligned to 4 bytes.
   */
  atomicNotify(offset: number | bigint, count?: number): number
}

/**
 * Compiled code, ready to be instantiated any number of times, in any store of the same engine.
 *
 * @example
 * ```ts
 * const module = await Module.compile(engine, await readFile('plugin.wasm')) // needs the compiler
 * const same = Module.deserializeFile(engine, 'plugin.cwasm') // does not
 * ```
 */
export declare class Module {
  /**
   * Loads an artifact that `precompile`, `serialize` or `cwasm compile` made. It must be of the same Wasmtime version and
   * profile, for this machine's architecture, operating system and CPU.
   *
   * An artifact is native code: load only what you made yourself, or what somebody you trust has signed (`verify`, with the
   * `signature`). Throws `IncompatibleModuleError` with `reason` and `hint` for anything that does not fit, `SignatureError` for
   * what none of the keys has signed, before anything of it is used; `TypeError` for wrong arguments.
   */
  static deserialize(engine: Engine, bytes: Uint8Array, options?: DeserializeOptions): Module
  /**
   * Like `deserialize`, of a file, which is mapped into memory instead of read: pages are loaded when they are needed and
   * shared between processes. Replace such a file by renaming another over it, never in place. With `verify` it is read, as a
   * mapped file could change after the check, and its signature is looked for beside it, with `.sig` behind the name.
   *
   * Throws Node's own error (`ENOENT`, …) for a file that can't be read.
   */
  static deserializeFile(engine: Engine, path: string, options?: DeserializeOptions): Module
  /**
   * Copies of the custom sections of this name, in order. Those of debug information (`name`, `.debug_…`) are the compiler's and
   * not kept; an artifact of stock Wasmtime, or one that was compiled with `strip: 'all'`, has none.
   */
  customSections(name: string): Buffer[]
  /** The engine it was made with. */
  get engine(): Engine
  /** What an instance of the module needs, for instance to size a pool. */
  get resources(): ResourcesRequired
  /** The module's name, if its name section has one. */
  get name(): string | null
  /** What must be given to instantiate the module, in order. */
  get imports(): ImportType[]
  /** What an instance of the module has. */
  get exports(): ExportType[]
  /**
   * A handle to post to other threads of the process, where `Module.fromShared` makes a module of it: the same compiled
   * code, without a copy. Keep the module until the other thread has it.
   */
  share(): SharedHandle
  /**
   * The module that another thread has shared. Its `engine` is the one to make stores with.
   *
   * Throws `TypeError` for what is no handle of a module, or of one that is gone.
   */
  static fromShared(handle: SharedHandle): Module
  /**
   * Compiles off the JavaScript thread. `source` is binary wasm, or WAT as a string (never a path); text needs the feature
   * `wat`. The code is for this machine's CPU. As many modules are compiled at once as there are cores.
   *
   * Rejects with `CompileError` for what is no valid wasm, with `offset` in bytes where it is known. Compiling a hostile
   * module may take unbounded time and memory.
   */
  static compile(engine: Engine, source: Uint8Array | string, options?: CompileOptions): Promise<Module>
  /** Like `compile`, on the JavaScript thread, which waits. */
  static compileSync(engine: Engine, source: Uint8Array | string): Module
  /** Checks that bytes are valid wasm with the engine's proposals, without compiling. Throws `CompileError` if not. */
  static validate(engine: Engine, bytes: Uint8Array): void
  /** The module as an artifact: what `precompile` would have made of its source with `cpu: 'native'`. */
  serialize(): Buffer
}

/**
 * References to one type of struct, array, function or exception: where abstract types have names (`structref`), types
 * that a module defines are objects of this class. They are found in imports, exports and `StructRef.type`, can be made
 * here, and are used wherever the name of a type is. Types of the same structure are the same type.
 *
 * @example
 * ```ts
 * const point = RefType.struct(engine, [{ type: 'f64', mutable: true }, { type: 'f64', mutable: true }])
 * const origin = new StructRef(store, point, [0, 0])
 * String(point) // (ref null (struct (field (mut f64)) (field (mut f64))))
 * ```
 */
export declare class RefType {
  /**
   * References to structs with these fields.
   *
   * Throws `TypeError` for fields that are none, or don't fit the supertype.
   */
  static struct(engine: Engine, fields: readonly FieldType[], options?: RefTypeOptions): RefType
  /**
   * References to arrays of such elements.
   *
   * Throws `TypeError` for an element that is none, or does not fit the supertype.
   */
  static array(engine: Engine, element: FieldType, options?: RefTypeOptions): RefType
  /** References to functions of a type. */
  static func(engine: Engine, type: FuncType, options?: RefTypeOptions): RefType
  /** What it refers to. */
  get kind(): 'struct' | 'array' | 'function' | 'exn'
  /** Whether null is a value of it. */
  get nullable(): boolean
  /** The fields of a struct, or the one of an array's elements; absent for other kinds. */
  get fields(): FieldType[] | undefined
  /** The parameters of a function or an exception; absent for other kinds. */
  get parameters(): ValType[] | undefined
  /** The results of a function; absent for other kinds. */
  get results(): ValType[] | undefined
  /**
   * Whether every value of this type is one of `other`, which is of the same engine.
   *
   * Throws `TypeError` for what is no type.
   */
  matches(other: ValType): boolean
  /** The type as WAT writes it. */
  toString(): string
  /** The same, for `JSON.stringify`. */
  toJSON(): string
}

/**
 * Where guests live: instances, memories, tables, globals and functions belong to one store, and are freed with it.
 *
 * A store and all that belongs to it is bound to the thread it was made on. Objects of another store are refused with
 * `TypeError`. One store per request or task is the usual way: stores are cheap (microseconds), and what is in them is
 * freed only together.
 *
 * @example
 * ```ts
 * const store = new Store(engine, { limits: { memoryBytes: 64 << 20 } })
 * const instance = new Instance(store, module, { env: { log: console.log } })
 * instance.exports.run()
 * store.dispose()
 * ```
 */
export declare class Store {
  /**
   * Makes an empty store. `options.fuel` needs an engine with fuel (profile `metered`): without the option such a store
   * has as much fuel as there is.
   *
   * Throws `TypeError` for options that are unknown or of the wrong type, `FeatureUnavailableError` for `wasi` in a build
   * without it.
   */
  constructor(engine: Engine, options?: StoreOptions)
  /** The engine this store was made with. */
  get engine(): Engine
  /**
   * Fuel left. Each wasm instruction costs about one; at 0 the guest traps with `OutOfFuelError`. May be set at any time,
   * also by a host function.
   *
   * Throws `TypeError` where the engine's profile has no fuel.
   */
  get fuel(): bigint
  set fuel(fuel: bigint)
  /**
   * Milliseconds that each call from outside may last, or undefined: see `StoreOptions`. Holds for calls that begin after
   * it was set.
   *
   * Setting throws `RangeError` for what is not above 0.
   */
  get timeoutMs(): number | undefined
  set timeoutMs(timeout: number | undefined)
  /**
   * The limits in force: what was asked for, and Wasmtime's defaults for counts. Setting them replaces all; what exists
   * already stays.
   */
  get limits(): StoreLimits
  set limits(limits: StoreLimits)
  /**
   * Frees the store and all that belongs to it now, instead of when the garbage collector finds out. Memory views become
   * empty (detached), and later use throws `ClosedError`. Disposing twice does nothing.
   *
   * Throws `StoreBusyError` from inside a host function of this store.
   */
  dispose(): void
  /** Whether `dispose()` was called. */
  get disposed(): boolean
  /**
   * The tag of what JavaScript throws through wasm: a guest that imports it can catch that, and gets the value as its
   * `externref`. Guests that don't can still catch it with `catch_all`.
   */
  get jsTag(): Tag
  /** Collects garbage in the store now. It also happens by itself, when the guest's heap is full. */
  gc(): void
  /**
   * What the guest has written to captured streams so far, and what it gave to `proc_exit`; `undefined` for a store without
   * the option `wasi`.
   */
  get wasi(): { readonly stdout?: Buffer, readonly stderr?: Buffer, readonly exitCode?: number } | undefined
}

/**
 * A struct of a guest. The same struct is the same object here, as long as JavaScript holds it.
 *
 * @example
 * ```ts
 * const point = instance.exports.makePoint(1, 2) as StructRef
 * point.get(0) // 1
 * point.set(0, 5)
 * ```
 */
export declare class StructRef {
  /**
   * Makes a struct in `store`, of a type of its engine, with a value for each field.
   *
   * Throws `TypeError` for a type that is no struct's and values that do not convert, `RangeError` for too few or too
   * many.
   */
  constructor(store: Store, type: RefType, fields: Iterable<unknown>)
  /** Its type: of references to it that are never null. */
  get type(): RefType
  /** The number of fields. */
  get length(): number
  /**
   * The value of a field. Packed ones (`i8`, `i16`) come without a sign.
   *
   * Throws `RangeError` for a field that it does not have.
   */
  get(index: number): any
  /**
   * Sets a field, with the value converted as by a call.
   *
   * Throws `RangeError` for a field that it does not have, `TypeError` for a constant and for a value that does not
   * convert.
   */
  set(index: number, value: unknown): void
}

/**
 * A table of references: functions, or any JavaScript values (`externref`).
 *
 * @example
 * ```ts
 * const table = instance.exports.__indirect_function_table as Table
 * table.get(3)!(1, 2) // an exported function
 * ```
 */
export declare class Table {
  /**
   * Makes a table in `store`, all elements of it `init`. Not given, that is null, or `undefined` for externrefs.
   *
   * Throws `RangeError` for sizes that can't be, `TypeError` for an `init` that is no such element.
   */
  constructor(store: Store, type: TableType, init?: unknown)
  /** The number of elements; a bigint for a 64-bit table. */
  get length(): number
  /** The type, with the size it was made with. */
  get type(): TableType
  /**
   * The element at `index`: a function is the same JavaScript function each time.
   *
   * Throws `RangeError` outside of the table.
   */
  get(index: number | bigint): any
  /**
   * Sets the element at `index`. Not given, the value is null, or `undefined` for externrefs.
   *
   * Throws `RangeError` outside of the table, `TypeError` for what is no such element.
   */
  set(index: number | bigint, value?: unknown): void
  /**
   * Grows by so many elements, all of them `init` (as for the constructor), and returns the size before.
   *
   * Throws `RangeError` beyond the maximum or a limit of the store.
   */
  grow(delta: number | bigint, init?: unknown): number
}

/**
 * The identity of a kind of exception, and the types of what it carries.
 *
 * @example
 * ```ts
 * const failed = new Tag(store, { parameters: ['i32'] })
 * new Instance(store, module, { env: { failed, f() { throw new Exception(failed, [7]) } } })
 * ```
 */
export declare class Tag {
  /**
   * Makes a tag in `store`, to be imported.
   *
   * Throws `TypeError` for parameters that are no types.
   */
  constructor(store: Store, type: TagType)
  /** The types of what an exception of this kind carries. */
  get type(): TagType
}

/** Where compiled modules are kept. */
export interface CacheConfig {
  /** A directory, made if it is not there. What it holds is native code: nobody else may write to it. */
  directory?: string
}

/** How to wait for a compilation. */
export interface CompileOptions {
  /**
   * Rejects the promise with `signal.reason` when it is aborted. What has begun to be compiled is finished all the same,
   * what waits for a thread is not begun.
   */
  signal?: AbortSignal
}

/** How Cranelift compiles. None of this decides where an artifact loads. */
export interface CompilerConfig {
  /** `speed` (default), `speed-and-size`, or `none` to compile fast. */
  optLevel?: 'none' | 'speed' | 'speed-and-size'
  /**
   * Give every NaN that floating point operations make the same bits, so that runs agree between machines. Default
   * false.
   */
  nanCanonicalization?: boolean
  /** Compile the functions of a module on several threads. Default true. Needs the feature `parallel-compilation`. */
  parallel?: boolean
  /**
   * Put checks into the code of profiles that have neither epochs nor debug information, so that guests can be stopped:
   * `timeoutMs` and `signal` need it. They cost next to nothing (docs/limits.md). Default true, false with a `moduleVersion` of your
   * own and `wasmtime`, as other embedders know nothing of them.
   */
  interruptible?: boolean
}

/** How an engine compiles and runs. `profile` decides which artifacts it can load; the other members here do not. */
export interface Config {
  /**
   * A named set of all settings that decide whether a `.cwasm` loads: `default` (fastest), `sandbox` (with epochs, so
   * that guests which compute give others their turn), `metered` (with fuel and epochs), `no-signals` (guests trap by checks in their code, where
   * a program wants SIGSEGV and the like for itself), `small-address-space` (for hosts with little of it, such as
   * `ulimit -v`: memories take no more than they use, and have no zero-copy `buffer`), `deterministic` (the same results on
   * every machine: NaNs, relaxed SIMD, no threads), `debug` (native debug information, code that is not optimised),
   * `embedded` (for hosts without an operating system: no signals, no virtual memory, no GC and no threads) or
   * `embedded-signals` (the same for those that have virtual memory and tell of faults). All but the first three may be
   * followed by `+fuel`, `+epochs` or both. An artifact loads where the profile is the same. Default `default`.
   */
  profile?: ProfileName
  /**
   * Whether guests look at the engine's epoch, so that they give others their turn in `callAsync` (and can be stopped, which the
   * checks of other profiles are for too, at less cost). Part of the profile: `default` with epochs is `sandbox`. Default: as the profile says.
   */
  epochs?: boolean
  /** Whether guests use fuel. Part of the profile: `sandbox` with fuel is `metered`. Default: as the profile says. */
  fuel?: boolean
  /**
   * What the engine runs: `pulley64` for Wasmtime's interpreter, whose artifacts are the same for all machines (needs the
   * feature `pulley`), or the target triple of this machine, which is the default.
   */
  target?: string
  /**
   * What an artifact is stamped with, and must be stamped with to load. `exact` is the exact version of Wasmtime and the profile;
   * `wasmtime` the major version alone, as stock Wasmtime does, for exchange with `wasmtime compile` (docs/artifacts.md says
   * with which settings); anything else is a stamp of your own. Default `exact`.
   */
  moduleVersion?: 'exact' | 'wasmtime' | (string & {})
  /**
   * The oldest Wasmtime whose code is run, as `48.0.8`: a fix in the compiler does not reach artifacts that were made before
   * it. Default: the last version in which such a fix was made.
   */
  minimumCompilerVersion?: string
  /**
   * Bytes of stack that one call from outside may use, all wasm and host frames of it together. Beyond, the guest
   * traps with `stackOverflow`; where the thread has less left, the call is a `RangeError`. Default 524288, at most 4 MiB.
   */
  maxWasmStack?: number
  /** The compiler. Needs the feature `cranelift`. */
  compiler?: CompilerConfig
  /**
   * Keep compiled modules on disk and find them again: `true` for Wasmtime's default directory, or where to keep them.
   * Needs the feature `cache`.
   */
  cache?: boolean | CacheConfig
  /**
   * Instances in slots set aside in advance: instantiation takes half the time, and there is a ceiling for the whole
   * engine. `true` for Wasmtime's defaults. Needs the feature `pooling-allocator`, and another profile than
   * `small-address-space`.
   */
  pooling?: boolean | PoolingConfig
}

/** Sizes of the pool. All of it is address space at first; memory is taken when it is touched. */
export interface PoolingConfig {
  /** Instances alive at once. Default 1,000. */
  totalCoreInstances?: number
  /** Linear memories alive at once. Default 1,000. */
  totalMemories?: number
  /** Tables alive at once. Default 1,000. */
  totalTables?: number
  /** Calls that may wait and are under way at once, those inside of such calls too. Default 1,000. Needs the feature `async`. */
  totalStacks?: number
  /** Bytes that any one memory may grow to. Default 4 GiB. */
  maxMemorySize?: number
  /** Memories that one module may have. Default 1. */
  maxMemoriesPerModule?: number
  /** Tables that one module may have. Default 1. */
  maxTablesPerModule?: number
  /** Elements of any one table. Default 20,000. */
  tableElements?: number
  /** Bytes of Wasmtime's own data per instance. Default 1 MiB. */
  maxCoreInstanceSize?: number
  /** Slots that keep what they were used for, for a faster start of the same module. Default 100. */
  maxUnusedWarmSlots?: number
  /** Bytes of each memory that are zeroed and kept between uses instead of given back to the system. Default 0. */
  linearMemoryKeepResident?: number
  /** The same of each table. Default 0. */
  tableKeepResident?: number
}

/** What to compile for. */
export interface PrecompileOptions {
  /**
   * The target triple of the machine that will load the artifact, of x86_64, aarch64, riscv64gc or s390x (needs the feature
   * `all-arch`), or `pulley64` for an artifact that every 64-bit little-endian machine loads and interprets. Triples without an operating
   * system (`aarch64-unknown-none`) need the profile `embedded` or `embedded-signals`, `pulley32` `embedded` or
   * `small-address-space`. Default: what the engine runs.
   */
  target?: string
  /**
   * The CPU that the artifact needs: `baseline` is every one of the architecture, `native` this machine's, and a list names
   * features that it may use on top of the baseline, as Cranelift calls them (`['avx2', 'bmi1']`, `['lse']`). Default
   * `x86-64-v2` on x64 (any since 2009), `baseline` elsewhere.
   */
  cpu?: 'baseline' | 'x86-64-v2' | 'x86-64-v3' | 'native' | readonly string[]
  /**
   * What to leave out of the artifact: `names` are those of functions, without which frames of traps have indices alone; `all`
   * also the map of addresses, without which they have no offsets, and custom sections. Default `none`.
   */
  strip?: 'none' | 'names' | 'all'
  /**
   * The features of the build that will load the artifact, as its own `features` has them, where it may lack `gc` or `threads`: a
   * build loads nothing that was compiled with what it lacks, whether the guest uses that or not. Default: those of this build.
   */
  features?: readonly import('./features.js').FeatureName[]
  /**
   * Rejects the promise with `signal.reason` when it is aborted. What has begun to be compiled is finished all the same,
   * what waits for a thread is not begun.
   */
  signal?: AbortSignal
}

/** What a reference type is made with beside what it refers to. */
export interface RefTypeOptions {
  /** Whether null is a value of it. Default true, as for `funcref` and its like. */
  nullable?: boolean
  /** Whether it can have no subtypes. Default true. */
  final?: boolean
  /** A type of the same kind that is not final, and whose fields these begin with. */
  supertype?: RefType
}

/** What an instance of a module needs. */
export interface ResourcesRequired {
  /** How many memories. */
  numMemories: number
  /** Pages of the largest of them at the start; absent if there is none. */
  maxInitialMemorySize?: number
  /** How many tables. */
  numTables: number
  /** Elements of the largest of them at the start; absent if there is none. */
  maxInitialTableSize?: number
}

/**
 * What the guests of one store may take, all together. Absent members: no limit on bytes, 10,000,000 elements of tables, 10,000
 * of each kind of thing. `memoryBytes` and 8 bytes for each of `tableElements` are what guests can make the host keep.
 */
export interface StoreLimits {
  /**
   * Bytes of all linear memories and of the GC heap together. A growth beyond it fails: `memory.grow` is -1 to the
   * guest, an instantiation throws.
   */
  memoryBytes?: number
  /** Elements of all tables together. Default 10,000,000. */
  tableElements?: number
  /** Instances in the store. */
  instances?: number
  /** Tables in the store. */
  tables?: number
  /** Linear memories in the store. */
  memories?: number
  /** Whether a guest that grows beyond a limit ends with `MemoryLimitError` instead of seeing -1. Default false. */
  trapOnGrowFailure?: boolean
}

/** What a store is made with. */
export interface StoreOptions {
  /** What its guests may take. */
  limits?: StoreLimits
  /** Fuel to start with; needs an engine with fuel (profile `metered`). Default: as much as there is. */
  fuel?: bigint
  /**
   * Milliseconds that each call from outside may last, all that happens inside of it included: host functions, what they
   * call, waiting in WASI; start functions too. Beyond, the guest ends with `DeadlineError`. What nothing can stop
   * (compiled with `compiler.interruptible: false`, the profiles `debug` and `embedded`, stock Wasmtime) throws
   * `IncompatibleModuleError` when it is instantiated. Default: no end.
   */
  timeoutMs?: number
  /** What WASI grants its guests. Default: nothing. */
  wasi?: WasiOptions
}

/** Which build this is. */
export declare const variant: string

/** Version of the package. */
export declare const version: string

/** A clock that stands still. */
export interface WasiClock {
  /** Milliseconds since 1970. */
  nowMs?: number
}

/** A directory that a guest sees. */
export interface WasiDir {
  /** Its path on the host. */
  host?: string
  /** Whether the guest may change what is in it. */
  access?: 'read' | 'read-write'
}

/** A file of the host that is a guest's stdin, stdout or stderr. The guest has no path to it. */
export interface WasiFile {
  /** Its path. */
  file: string
  /** Write behind what is in it. Default false. */
  append?: boolean
}

/** What WASI grants a guest. Nothing is granted that is not named here. */
export interface WasiOptions {
  /** Arguments after argv[0]. Default none. */
  args?: Array<string>
  /** argv[0], the program's own name. Default empty; `run` takes the base name of the file. */
  argv0?: string
  /** Environment variables, or `'inherit'` for those of this process. Default none. */
  env?: Record<string, string> | 'inherit'
  /**
   * What the guest reads: `'inherit'` (this process's stdin), `'ignore'` (nothing), bytes, any other string, which is given as
   * UTF-8, a file, an open file of this process by its number (not on Windows), or, in `run` alone, a Node stream. What the guest has not read of one stays in it.
   */
  stdin?: 'inherit' | 'ignore' | string | Uint8Array | number | Readable | { file: string }
  /**
   * Where the guest's output goes: `'inherit'`, `'ignore'`, `'capture'` to keep it, a file (which is emptied first, unless it is
   * to be appended to), an open file of this process by its number (not on Windows), a function that is called with each piece of it, or a Node stream, which is not ended. `run` calls and
   * writes on the JavaScript thread while the guest runs elsewhere, which waits where they are slow, and whose end they are if
   * they fail: `run` rejects with their error. In `runSync` and calls of a store the guest's thread is that one, and streams a
   * `TypeError`.
   */
  stdout?: 'inherit' | 'ignore' | 'capture' | number | WasiFile | ((chunk: Buffer) => void) | Writable
  /** The same for errors. */
  stderr?: 'inherit' | 'ignore' | 'capture' | number | WasiFile | ((chunk: Buffer) => void) | Writable
  /** Bytes of each captured stream that are kept; beyond, the guest's writes fail. Default 64 MiB. */
  maxOutputBytes?: number
  /** Files and directories that the guest may have open at once. Default 1,000. */
  maxDescriptors?: number
  /** Directories the guest sees, by the path it sees them under. A bare string is a host path and read-only. */
  dirs?: Record<string, string | Required<WasiDir>>
  /**
   * `'system'` (default), or a time at which the guest's clocks stand still, in milliseconds since 1970; the monotonic one
   * then stands at 0. Waiting takes the time that it takes.
   */
  clock?: 'system' | Required<WasiClock>
  /**
   * Makes the guest's random numbers the same each time: below 2^64. For tests, and never where they are to be secret. Default:
   * the system's random numbers.
   */
  randomSeed?: bigint
}

/** The exact Wasmtime version inside. */
export declare const wasmtimeVersion: string
