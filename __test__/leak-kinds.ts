// What comes and goes by the thousand and must leave nothing behind: a line for each kind. leak.ts runs them.

import {
  ArrayRef,
  DeadlineError,
  Engine,
  Exception,
  Func,
  Instance,
  Linker,
  Memory,
  Module,
  type ProfileName,
  RefType,
  Store,
  type StoreOptions,
  StructRef,
  Tag,
  callAsync,
  callInBackground,
  promising,
  run,
  runSync,
} from "../index.js";

/** The modules that kinds use; each comes as an artifact. */
export const guests = {
  guest: `(module (type $point (struct (field i32))) (type $list (array (mut externref)))
    (import "env" "f" (func $f (param i32) (result i32)))
    (tag $e (export "e") (param externref)) (memory (export "m") 1 100)
    (table (export "refs") 4 externref) (table (export "funcs") 4 funcref) (table (export "any") 4 anyref) (table $exn 4 exnref)
    (global (export "g") (mut externref) (ref.null extern))
    (func (export "call") (param i32) (result i32) (call $f (local.get 0)))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "trap") unreachable)
    (func (export "throw") (param externref) (throw $e (local.get 0)))
    (func (export "keep") (table.set $exn (i32.const 0) (block $caught (result exnref)
      (try_table (catch_all_ref $caught) (drop (call $f (i32.const 0)))) (ref.null exn))))
    (func (export "struct") (param i32) (result (ref $point)) (struct.new $point (local.get 0)))
    (func (export "array") (param externref) (result (ref $list)) (array.new $list (local.get 0) (i32.const 9))))`,
  small: `(module (memory (export "m") 1) (func (export "f") (param externref) (result externref) (local.get 0)))`,
  needy: `(module (import "a" "b" (func)) (memory 1))`,
  broken: `(module (memory 1) (func $start unreachable) (start $start))`,
  command: `(module (memory (export "memory") 1) (func (export "_start")))`,
  threads: `(module (import "a" "m" (memory 1 4 shared)) (func (export "f") (result i32) (i32.atomic.load (i32.const 0))))`,
  endless: `(module (memory (export "memory") 1) (func (export "_start") (loop (br 0))))`,
};
export type Guest = keyof typeof guests;
/** A guest that is to be stopped needs a brake. */
export const profileOf = (name: Guest): ProfileName => (name === "endless" ? "sandbox" : "default");

/** What a kind has: modules, their engine, and a store of it that stays. */
export interface Given {
  module(name: Guest, engine?: Engine): Module;
  engine: Engine;
  store: Store;
}
/** Makes the function that is one cycle; it may return a promise. */
export type Kind = (given: Given) => (i: number) => unknown;

const type = { parameters: [], results: [] };
const i32 = { parameters: ["i32"], results: ["i32"] };

function fails(body: () => unknown) {
  try {
    body();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
type Guesting = (store: Store, exports: any, i: number) => unknown;
/** A cycle of a store with the guest, whose host function captures its instance. */
const stores =
  (body: Guesting, f: (x: number, exports: any) => unknown = (x, exports) => x + exports.m.byteLength): Kind =>
  ({ engine, module }) => {
    const guest = module("guest");
    return (i) => {
      const store = new Store(engine);
      const { exports } = new Instance(store, guest, { env: { f: (x: number) => f(x, exports) } });
      return body(store, exports, i);
    };
  };
const throws = (error: unknown) => {
  throw error;
};
/** A cycle of an instantiation that fails. */
const failing =
  (name: Guest, options: StoreOptions = {}): Kind =>
  ({ engine, module }) => {
    const failing = module(name);
    return () => fails(() => new Instance(new Store(engine, options), failing, { env: { f() {} } }));
  };
const pools =
  (dispose: boolean): Kind =>
  ({ module }) => {
    const engine = new Engine({ pooling: { totalCoreInstances: 1000, totalMemories: 1000, maxMemorySize: 1 << 20 } });
    const small = module("small", engine);
    return () => {
      const store = new Store(engine);
      new Instance(store, small).exports.f(store);
      if (dispose) store.dispose();
    };
  };
const touch = (memory: Memory) => void (new Uint8Array(memory.buffer)[0] = 1);

export const kinds: Record<string, Kind> = {
  "closures that capture the instance, disposed": stores((store, exports) => (exports.call(1), store.dispose())),
  "closures that capture the instance, left": stores((_, exports) => exports.call(1)),
  "views, disposed": stores((store, exports) => (touch(exports.m), store.dispose())),
  "views, left": stores((_, exports) => (exports.call(1), touch(exports.m), (exports.g.value = exports))),
  "tables and globals that refer to their store": stores((store, exports) => (exports.refs.set(0, { store }), (exports.g.value = exports))),
  "a guest's functions that it holds itself": stores((_, exports) => exports.funcs.set(0, exports.call)),
  "host functions that the guest holds": stores((store, exports) => exports.funcs.set(0, Func.wrap(store, type, () => exports))),
  "structs and arrays that JavaScript holds": stores((_, exports) => [exports.struct(1), exports.array(exports)]),
  "structs that the guest holds": stores((_, exports) => exports.any.set(0, exports.struct(1))),
  "structs and arrays that JavaScript makes": ({ engine, store }) => {
    const [point, list] = [RefType.struct(engine, [{ type: "i32" }]), RefType.array(engine, { type: "externref" })];
    return (i) => [new StructRef(store, point, [i]), new ArrayRef(store, list, [{ i }])];
  },
  "exceptions that the guest throws": stores((_, exports) => fails(() => exports.throw(exports))),
  "exceptions that the guest keeps": stores((_, exports) => exports.keep(), (_, exports) => throws(new Exception(exports.e, [exports]))),
  "values of any kind that the guest catches": stores((_, exports) => exports.keep(), (_, exports) => throws({ exports })),
  "tags and exceptions of JavaScript's": stores((store, exports) => new Exception(new Tag(store, { parameters: ["externref"] }), [exports])),
  "calls that trap": stores((_, exports) => fails(() => exports.trap())),
  "calls that wait": stores((_, exports) => callAsync(exports.call, 1), async (x, exports) => x + exports.m.byteLength),
  "calls that wait for ever, left": stores((_, exports) => void callAsync(exports.call, 1), () => new Promise(() => undefined)),
  "calls that are aborted while they wait": stores(
    (_, exports) => {
      const control = new AbortController();
      const call = promising(exports.call, { signal: control.signal })(1);
      control.abort("enough");
      return (call as Promise<unknown>).catch((reason) => reason === "enough" || throws(reason));
    },
    () => new Promise(() => undefined),
  ),
  "calls in the background": stores((_, exports) => callInBackground(exports.call, 1), async (x) => x),
  "memories that grow": stores((_, exports) => (touch(exports.m), exports.grow(1), touch(exports.m), exports.m.grow(1))),
  "growth up to a limit": stores((store, exports) => ((store.limits = { memoryBytes: 1 << 17 }), [exports.grow(1), exports.grow(1)])),
  "memories and their views": ({ engine }) => () => new Memory(new Store(engine), { initial: 1 }).buffer,
  "shared memories": ({ engine, module }) => {
    const threads = module("threads");
    return () => {
      const [store, other] = [new Store(engine), new Store(engine)];
      const m = new Memory(store, { initial: 1, maximum: 4, shared: true });
      new Instance(other, threads, { a: { m: Memory.fromShared(other, m.share()) } }).exports.f();
    };
  },
  "modules that are loaded": ({ module }) => () => module("small"),
  "modules that are shared": ({ module }) => () => Module.fromShared(module("small").share()),
  engines: () => () => new Engine(),
  "engines that are shared": () => () => Engine.fromShared(new Engine().share()),
  "linkers with functions": ({ engine, module }) => {
    const guest = module("guest");
    return (i) => {
      const pre = new Linker(engine).defineFunc("env", "f", i32, () => [i, pre].length).instantiatePre(guest);
      pre.instantiate(new Store(engine)).exports.call(i);
    };
  },
  "linkers of one store": ({ engine, module }) => {
    const small = module("small");
    return () => {
      const store = new Store(engine);
      const linker = new Linker(engine).defineModule(store, "a", small).define("b", "f", Func.wrap(store, type, () => linker));
      linker.get(store, "b", "f");
    };
  },
  "instances of one InstancePre": ({ engine, module }) => {
    const pre = new Linker(engine).defineFunc("env", "f", i32, (x) => x).instantiatePre(module("guest"));
    return (i) => (pre.instantiate(new Store(engine)).exports.g.value = { i });
  },
  "instances of a pool, disposed": pools(true),
  "instances of a pool, left": pools(false),
  "wrapped functions of stores of a hundred": ({ engine }) => {
    let store = new Store(engine);
    return (i) => Func.wrap(i % 100 === 0 ? (store = new Store(engine)) : store, type, () => i)();
  },
  "values passed to one store": ({ store, module }) => {
    const { exports } = new Instance(store, module("small"));
    return (i) => exports.f({ i });
  },
  "misuse": ({ store, module }) => {
    const needy = module("needy");
    return () => [fails(() => new Instance(store, needy, 5 as any)), fails(() => new Store(5 as any))];
  },
  "instantiations without an import": failing("needy"),
  "instantiations with an import that throws": ({ engine, module }) => {
    const needy = module("needy");
    return () => fails(() => new Instance(new Store(engine), needy, { get a() { return throws("x") as any } }));
  },
  "instantiations beyond a limit of bytes": failing("guest", { limits: { memoryBytes: 5 } }),
  "instantiations beyond a limit of elements": failing("guest", { limits: { tableElements: 1 } }),
  "instantiations that end with a MemoryLimitError": failing("guest", { limits: { memoryBytes: 5, trapOnGrowFailure: true } }),
  "start functions that trap": failing("broken"),
  "commands that run": ({ module }) => {
    const command = module("command");
    return (i) => runSync(command, { stdin: "ignore", args: ["a", String(i)], stdout: "capture" });
  },
};

/** Those that wait for a deadline: there are fewer of them. */
export const slow: Record<string, Kind> = {
  "calls that end with their deadline": ({ module }) => {
    const endless = module("endless");
    return () => {
      const { exports } = new Instance(new Store(endless.engine, { timeoutMs: 1 }), endless);
      fails(() => exports._start());
    };
  },
  "commands that end with their deadline": ({ module }) => {
    const endless = module("endless");
    return async () => {
      const ended = await Promise.allSettled([1, 2, 3].map((timeoutMs) => run(endless, { timeoutMs, stdin: "ignore" })));
      for (const each of ended) if (each.status === "fulfilled" || !(each.reason instanceof DeadlineError)) throw each.status === "rejected" ? each.reason : new Error("it ended");
    };
  },
};
