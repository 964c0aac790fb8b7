// What a hostile guest can make the host hold: every way to ask for memory, through every way into a guest. It is refused, or
// ends with an error of ours, and the store works afterwards. Limits themselves are in limits.spec.ts.

import test, { type ExecutionContext } from "ava";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import {
  Engine,
  type Feature,
  Instance,
  LinkError,
  Linker,
  Memory,
  MemoryLimitError,
  Store,
  type StoreLimits,
  Table,
  Trap,
  WasmtimeError,
  callMany,
  run,
  runSync,
} from "../index.js";
import { artifact, engineOf, load, needing, rangeError, root } from "./helper.js";

const page = 65536;
const limits: StoreLimits = { memoryBytes: 16 * page, tableElements: 1000 };
/** A guest takes this as often as it gets it, in each call anew, and counts; more than `most` in all is a trap. */
interface Greed {
  most: number;
  declares?: string;
  /** Leaves whether it was given. */
  takes: string;
  needs?: "gc";
}
const grows = (memory: string) => `(func (export "take") (result i32) (memory.grow ${memory} (i32.const 1)))`;
const grown = (grow: string, type = "i32") => `(${type}.ne ${grow} (${type}.const -1))`;
/** Keeps what it makes in a list. */
const list = (field: string) => `(rec (type $list (struct (field ${field}) (field (ref null $list)))))
  (global $list (mut (ref null $list)) (ref.null $list))`;
const keep = (made: string) => `(global.set $list (struct.new $list ${made} (global.get $list))) (i32.const 1)`;
const greeds: Record<string, Greed> = {
  "memory.grow": { most: 16, declares: "(memory $m 0)", takes: grown("(memory.grow $m (i32.const 1))") },
  "memory.grow by much": { most: 0, declares: "(memory $m 0)", takes: grown("(memory.grow $m (i32.const 65536))") },
  "memory.grow of a 64-bit memory": { most: 16, declares: "(memory $m i64 0)", takes: grown("(memory.grow $m (i64.const 1))", "i64") },
  "memory.grow of a 64-bit memory by all there is": {
    most: 16,
    declares: "(memory $m i64 0)",
    takes: `(drop (memory.grow $m (i64.const -1))) ${grown("(memory.grow $m (i64.const 1))", "i64")}`,
  },
  "memory.grow of several memories": {
    most: 8,
    declares: "(memory $m 0) (memory $n 0)",
    takes: `(i32.and ${grown("(memory.grow $m (i32.const 1))")} ${grown("(memory.grow $n (i32.const 1))")})`,
  },
  "memory.grow by single bytes": { most: 16, declares: "(memory $m 0 (pagesize 1))", takes: grown("(memory.grow $m (i32.const 65536))") },
  "memory.grow, beside a memory that is asked for more than its type has": {
    most: 16,
    declares: "(memory $tiny 0 (pagesize 1)) (memory $m 0)",
    takes: `(drop (memory.grow $tiny (i32.const -1))) ${grown("(memory.grow $m (i32.const 1))")}`,
  },
  "table.grow": { most: 10, declares: "(table $t 0 funcref)", takes: grown("(table.grow $t (ref.null func) (i32.const 100))") },
  "table.grow of a 64-bit table": {
    most: 10,
    declares: "(table $t i64 0 externref)",
    takes: grown("(table.grow $t (ref.null extern) (i64.const 100))", "i64"),
    needs: "gc",
  },
  structs: { most: 32768, declares: list("i32"), takes: keep("(i32.const 1)"), needs: "gc" },
  arrays: {
    most: 16,
    declares: `(type $a (array i8)) ${list("(ref $a)")}`,
    takes: keep("(array.new $a (i32.const 1) (i32.const 65536))"),
    needs: "gc",
  },
  "one array": {
    most: 0,
    declares: `(type $a (array i64))`,
    takes: `(drop (array.new $a (i64.const 1) (i32.const 0x40000))) (i32.const 1)`,
    needs: "gc",
  },
  exceptions: {
    most: 16384,
    declares: `(tag $e) ${list("exnref")}`,
    takes: keep("(block $caught (result exnref) (try_table (catch_all_ref $caught) (throw $e)) (unreachable))"),
    needs: "gc",
  },
  "host objects": { most: 16384, declares: list("externref"), takes: keep("(call $object)"), needs: "gc" },
};
/** `enters` is one more way in. Nobody gives a command imports. */
const guest = ({ most, declares = "", takes }: Greed, enters = "") => `(module
  ${enters === command ? "" : imported(takes)} ${declares}
  (global $count (mut i32) (i32.const 0))
  (func $take (export "take") (result i32)
    (loop $again (if (block (result i32) ${takes}) (then
      (global.set $count (i32.add (global.get $count) (i32.const 1)))
      (if (i32.gt_u (global.get $count) (i32.const ${most})) (then (unreachable)))
      (br $again))))
    (global.get $count))
  (func (export "row") (param i32) (result i32) (call $take))
  (func (export "alive") (result i32) (i32.const 1))
  (func $enter (drop (call $take))) ${enters})`;
const imported = (takes: string) => `${takes.includes("$object") ? `(import "env" "object" (func $object (result externref)))` : ""}
  (import "env" "again" (func $again (result i32))) (export "back" (func $again))`;
const [starts, command] = ["(start $enter)", `(export "_start" (func $enter))`];

/** The guest saw a refusal, or ended with an error that says so; it traps if it got too much. */
function isHeld(t: ExecutionContext, error: unknown) {
  const ours = error instanceof Trap || (error instanceof WasmtimeError && error.message.startsWith("GC heap out of memory"));
  t.true(error === undefined || ours, String(error));
  t.not((error as Trap | undefined)?.trapCode, "unreachableCodeReached", "the guest got more than it may have");
}
function holds(t: ExecutionContext, take: () => unknown) {
  let error: unknown;
  try {
    take();
  } catch (thrown) {
    error = thrown;
  }
  isHeld(t, error);
}
/** Takes through what `make` makes in a store with limits, and sees that the store lives. */
function inStore(t: ExecutionContext, wat: string, how: (exports: any) => unknown, engine = engineOf()) {
  const { module } = load(wat, { engine });
  const alive = load(`(module (func (export "alive") (result i32) (i32.const 1)))`, { engine }).module;
  for (const trapOnGrowFailure of [false, true]) {
    const store = new Store(engine, { limits: { ...limits, trapOnGrowFailure } });
    let exports: any;
    const imports = { env: { object: () => ({}), again: () => exports.take() } };
    holds(t, () => ({ exports } = new Instance(store, module, imports)));
    for (let i = 0; exports && i < 3; i++) holds(t, () => how(exports));
    if (exports) t.is(exports.alive(), 1);
    t.is(new Instance(store, alive).exports.alive(), 1);
  }
}
function inLinker(t: ExecutionContext, greed: Greed, how: (linker: Linker, wat: string, store: Store) => unknown) {
  const store = new Store(engineOf(), { limits });
  let taking: any;
  const linker = new Linker(engineOf())
    .defineFunc("env", "object", { parameters: [], results: ["externref"] }, () => ({}))
    .defineFunc("env", "again", { parameters: [], results: ["i32"] }, () => taking());
  holds(t, () => {
    taking = how(linker, guest(greed), store);
    for (let i = 0; i < 3; i++) taking();
  });
  store.limits = {};
  t.is(new Instance(store, load(`(module (func (export "alive") (result i32) (i32.const 1)))`).module).exports.alive(), 1);
}

const ways: Record<string, (t: ExecutionContext, greed: Greed) => unknown> = {
  "a call": (t, greed) => inStore(t, guest(greed), (exports) => exports.take()),
  "a host function that calls in again": (t, greed) => inStore(t, guest(greed), (exports) => exports.back()),
  callMany: (t, greed) => inStore(t, guest(greed), (exports) => callMany(exports.row, new Int32Array(3), new Int32Array(3))),
  "a start function": (t, greed) => inStore(t, guest(greed, starts), (exports) => exports.take()),
  instantiatePre: (t, greed) =>
    inLinker(t, greed, (linker, wat, store) => linker.instantiatePre(load(wat).module).instantiate(store).exports.take),
  defineModule: (t, greed) =>
    inLinker(t, greed, (linker, wat, store) => linker.defineModule(store, "a", load(wat).module).get(store, "a", "take")),
  "a pool": (t, greed) => {
    const pooling = { totalCoreInstances: 10, totalMemories: 10, maxMemoriesPerModule: 2, maxMemorySize: 64 << 20 };
    inStore(t, guest(greed), (exports) => exports.take(), new Engine({ pooling }));
  },
  runSync: (t, greed) => holds(t, () => runSync(load(guest(greed, command)).module, { stdin: "ignore", ...limits })),
  run: async (t, greed) =>
    isHeld(
      t,
      await run(load(guest(greed, command)).module, { stdin: "ignore", ...limits }).then(
        () => undefined,
        (error) => error,
      ),
    ),
  "cwasm run": (t, greed) => {
    const sizes = `max-memory-size=${limits.memoryBytes},max-table-elements=${limits.tableElements}`;
    const words = [join(root, "dist/cli/cwasm.js"), "run", "--precompiled", "-W", sizes, artifact(guest(greed, command))];
    const { status, stderr } = spawnSync(process.execPath, words, { encoding: "utf8", input: "" });
    t.notRegex(stderr, /unreachable|this build/);
    t.true(status === 0 || stderr.length > 0, `${status}`);
  },
};
for (const [way, takes] of Object.entries(ways)) {
  for (const [what, greed] of Object.entries(greeds)) {
    // A command has no host functions but WASI's.
    if (/run/i.test(way) && greed.takes.includes("$object")) continue;
    const needed = [...(/run/i.test(way) ? ["wasi" as const] : []), ...(way === "a pool" ? ["pooling-allocator" as const] : []), ...(greed.needs ? [greed.needs] : [])];
    needing(...needed)(`through ${way}, a guest gets no more than the limits allow of ${what}`, (t) => takes(t, greed));
  }
}

const needs: [what: string, declares: string, ...features: Feature[]][] = [
  ["a giant memory", "(memory 65536)"],
  ["a giant 64-bit memory", "(memory i64 0x1000000000000)"],
  ["many memories", "(memory 1)".repeat(17)],
  ["a giant table", "(table 10000000 funcref)"],
  ["a giant table among many", "(table 1 funcref)".repeat(50) + "(table 1001 externref)", "gc"],
  ["data behind the limit", `(memory 17) (data (i32.const ${16 * page}) "x")`],
  ["a giant shared memory", "(memory 17 65536 shared)", "threads"],
  ["a shared memory that may become a giant", "(memory 1 17 shared)", "threads"],
  ["shared memories that may be too much together", "(memory 1 8 shared) (memory 1 9 shared)", "threads"],
];
for (const [what, declares, ...features] of needs) {
  needing(...features)(`a module that begins with ${what} is not instantiated, and the store works afterwards`, (t) => {
    const { module } = load(`(module ${declares})`);
    for (const trapOnGrowFailure of [false, true]) {
      const store = new Store(engineOf(), { limits: { ...limits, trapOnGrowFailure } });
      for (let i = 0; i < 3; i++) t.throws(() => new Instance(store, module), { instanceOf: WasmtimeError });
      t.throws(() => new Linker(engineOf()).instantiatePre(module).instantiate(store), { instanceOf: WasmtimeError });
      t.notThrows(() => new Table(store, { element: "funcref", initial: 1000 }));
    }
  });
}

test("what JavaScript makes and grows has the limits of its store, in both kinds of memory", (t) => {
  for (const address of ["i32", "i64"] as const) {
    const store = new Store(engineOf(), { limits });
    const memory = new Memory(store, { initial: 1, address });
    for (let i = 0; i < 3; i++) t.throws(() => memory.grow(16), rangeError);
    memory.grow(15);
    t.throws(() => memory.grow(1), rangeError);
    t.throws(() => new Memory(store, { initial: 1, address }), rangeError);
    t.is(memory.byteLength, 16 * page);
  }
});

const parts: [what: string, declares: string][] = [
  ["a second memory is refused", "(memory 10) (memory 10)"],
  ["its table is refused", "(memory 10) (table 1001 funcref)"],
];
for (const [what, declares] of parts) {
  test(`an instantiation of which ${what} leaves as much room as before`, (t) => {
    const store = new Store(engineOf(), { limits });
    t.throws(() => new Instance(store, load(`(module ${declares})`).module), { instanceOf: WasmtimeError });
    t.notThrows(() => new Memory(store, { initial: 16 }));
  });
}
test("a memory that the system has no room for leaves as much as before", (t) => {
  const store = new Store(engineOf(), { limits: { memoryBytes: 2 ** 50 } });
  const half = { initial: 1n << 33n, address: "i64" } as const;
  for (let i = 0; i < 3; i++) t.throws(() => new Memory(store, half), { ...rangeError, message: /mmap|memory/i });
  t.notThrows(() => new Memory(store, { initial: 1 }));
  t.throws(() => new Memory(store, half), { message: /mmap|reserve/ }, "the system refuses it, not the limit");
});
test("a growth that the system has no room for leaves as much as before", (t) => {
  const store = new Store(engineOf(), { limits: { memoryBytes: 2 ** 50 } });
  const memory = new Memory(store, { initial: 1, address: "i64" });
  for (let i = 0; i < 3; i++) t.throws(() => memory.grow(1n << 33n), rangeError);
  t.is(memory.grow(1), 1n);
});

needing("threads")("a shared memory of the guest's own counts as large as it may become, as its growth is asked of nobody", (t) => {
  const { module } = load(`(module (memory $m 1 16 shared) ${grows("$m")})`);
  const store = new Store(engineOf(), { limits });
  const { exports } = new Instance(store, module);
  t.is(exports.take(), 1);
  t.throws(() => new Memory(store, { initial: 1 }), rangeError);
  for (const make of [
    () => new Instance(store, module),
    () => new Linker(engineOf()).instantiate(store, module),
    () => new Linker(engineOf()).defineModule(store, "m", load(`(module (memory 1 16 shared) (func (export "_initialize")))`).module),
  ]) {
    t.throws(make, { instanceOf: MemoryLimitError, message: /may grow/ });
  }
  for (let pages = 2; pages < 16; pages++) t.is(exports.take(), pages);
  t.is(exports.take(), -1);
  // Without a limit nothing is counted, and an imported one is whoever made it's.
  t.notThrows(() => new Instance(new Store(engineOf()), load(`(module (memory 1 65536 shared))`).module));
  const imports = load(`(module (import "env" "m" (memory 1 65536 shared)))`).module;
  const memory = new Memory(store, { initial: 1, maximum: 65536, shared: true });
  t.notThrows(() => new Instance(store, imports, { env: { m: memory } }));
});

needing("threads")("what was reserved for a shared memory counts when a limit is set later, and where nothing is made it is given back", (t) => {
  const { module } = load(`(module (import "env" "f" (func)) (memory 1 10 shared) (func (export "_initialize")))`);
  const store = new Store(engineOf(), { limits });
  for (let i = 0; i < 5; i++) t.throws(() => new Linker(engineOf()).defineModule(store, "m", module), { instanceOf: LinkError });
  t.notThrows(() => new Memory(store, { initial: 16 }));
  const later = new Store(engineOf());
  new Instance(later, module, { env: { f() {} } });
  later.limits = limits;
  t.throws(() => new Memory(later, { initial: 7 }), rangeError);
  t.notThrows(() => new Memory(later, { initial: 6 }));
});

needing("threads")("a command with a shared memory, which is made anew for each call, is not defined where there is a limit", (t) => {
  const { module } = load(`(module (memory $m 1 2 shared) ${grows("$m")} (func (export "_start")))`);
  const linker = new Linker(engineOf());
  t.throws(() => linker.defineModule(new Store(engineOf(), { limits }), "m", module), { instanceOf: MemoryLimitError, message: /defineInstance/ });
  t.notThrows(() => new Linker(engineOf()).defineModule(new Store(engineOf()), "m", module));
});

needing("threads")("a command with a shared memory that may become too large is not run", async (t) => {
  const { module } = load(`(module (memory (export "memory") 1 17 shared) (func (export "_start")))`);
  t.throws(() => runSync(module, { ...limits, stdin: "ignore" }), { instanceOf: WasmtimeError });
  await t.throwsAsync(run(module, { ...limits, stdin: "ignore" }), { instanceOf: WasmtimeError });
  t.is((await run(module, { memoryBytes: 17 * page, stdin: "ignore" })).exitCode, 0);
});
