// WASI preview 1: what a store grants its guests, and that nothing else is. What each function does is in wasi-calls.spec.ts.

import always from "ava";
import { join } from "node:path";
import { Linker, Store, WasiExit, WasmtimeError, type WasiOptions } from "../index.js";
import { artifact, engineOf, folder, load, needing, needs, node, start, thrown, typeError } from "./helper.js";
import { guest } from "./wasi-calls.js";
import { Wasi, everything, exit, hello, signatures } from "./wasi-guest.js";

const test = needing("wasi");

test("a guest has the arguments, environment and streams it is given", (t) => {
  const { store, wasi } = guest({
    argv0: "prog",
    args: ["a", "", "höhe ☃"],
    env: { K: "V", EMPTY: "" },
    stdin: "in",
    stdout: "capture",
    stderr: "capture",
  });
  t.deepEqual(wasi.list("args"), ["prog", "a", "", "höhe ☃"]);
  t.deepEqual(wasi.list("environ"), ["K=V", "EMPTY="]);
  t.is(wasi.read(0), "in");
  t.is(wasi.read(0), "");
  t.is(wasi.write(1, "to stdout"), 0);
  t.is(wasi.write(2, "to stderr"), 0);
  t.deepEqual(store.wasi, { stdout: Buffer.from("to stdout"), stderr: Buffer.from("to stderr") });
});

test("nothing of this process is in a store's WASI unless it is inherited", (t) => {
  const script = `
    import { Engine, Linker, Module, Store } from "@cwasm/wasmtime";
    const engine = new Engine(), module = Module.deserializeFile(engine, $(file));
    new Linker(engine).defineWasi().instantiate(new Store(engine, { wasi: $(wasi) }), module).exports._start();`;
  const run = (wasi: WasiOptions) => node(script, { values: { file: artifact(hello), wasi }, input: "from outside" });
  t.deepEqual([run({}).stdout, run({}).stderr], ["", ""]);
  const { stdout, stderr } = run({ stdout: "inherit", stderr: "inherit" });
  t.deepEqual([stdout, stderr], ["out\n", "err\n"]);
});

test("env: 'inherit' is this process's environment", (t) => {
  const { wasi } = guest({ env: "inherit" });
  t.true(wasi.list("environ").some((line) => line.startsWith("PATH=")));
});

test("stdin takes bytes with any content", (t) => {
  const bytes = Buffer.from([0, 255, 10, 13, 195]);
  const { wasi } = guest({ stdin: bytes });
  wasi.read(0);
  t.deepEqual(wasi.memory.read(1024, 5), bytes);
  t.is(wasi.u32(8), 5);
  t.is(guest({ stdin: "ignore" }).wasi.read(0), "");
  t.is(guest({ stdin: new Uint8Array(0) }).wasi.read(0), "");
});

test("what is captured is bounded by maxOutputBytes: the guest's write fails, and what was written before stays", (t) => {
  const { store, wasi } = guest({ stdout: "capture", stderr: "capture", maxOutputBytes: 100 });
  t.is(wasi.write(1, "x".repeat(60)), 0);
  t.is(wasi.write(1, "y".repeat(60)), 0);
  t.is(wasi.u32(8), 40, "as much as there was room for");
  t.is(wasi.write(1, "z"), 51, "ENOSPC");
  t.is(store.wasi!.stdout!.toString(), "x".repeat(60) + "y".repeat(40));
  t.is(wasi.write(2, "z".repeat(60)), 0, "each stream has its own bound");
});

test("proc_exit is a WasiExit outside of run, and the store can be used further", (t) => {
  const { wasi } = guest();
  for (const code of [0, 1, 42, 125, 126, 255, -1]) {
    const error = t.throws(() => wasi.exports.proc_exit(code), { instanceOf: WasiExit, code: "ERR_WASMTIME_WASI_EXIT" }) as WasiExit;
    t.is(error.exitCode, code);
    t.true(error.message.includes(String(code)));
  }
  t.deepEqual(wasi.list("environ"), []);
});

test("a guest that exits in its start function is a WasiExit of the instantiation", (t) => {
  const { engine, module } =
    load(`(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32))) (memory (export "memory") 1)
    (func $f (call $exit (i32.const 3))) (start $f))`);
  const error = thrown(() => new Linker(engine).defineWasi().instantiate(new Store(engine), module)) as WasiExit;
  t.true(error instanceof WasiExit, String(error));
  t.is(error.exitCode, 3);
});

test("one linker with WASI serves stores that grant different things", (t) => {
  const { engine, module } = load(everything);
  const pre = new Linker(engine).defineWasi().instantiatePre(module);
  const guests = ["a", "b"].map(
    (name) => new Wasi(pre.instantiate(new Store(engine, { wasi: { args: [name], stdout: "capture" } })).exports),
  );
  t.deepEqual(
    guests.map((each) => each.list("args")[1]),
    ["a", "b"],
  );
});

test("a clock can stand still, at a time of one's choice", (t) => {
  const time = (clock: number) => {
    t.is(wasi.exports.clock_time_get(clock, 0n, 16), 0);
    return wasi.memory.read(16, 8).readBigUInt64LE();
  };
  const { wasi } = guest({ clock: { nowMs: 1_234_567.5 } });
  for (let i = 0; i < 2; i++) t.deepEqual([time(0), time(1)], [1_234_567_500_000n, 0n]);
  t.deepEqual(wasi.sleep(1), [0, 1]);
  t.is(time(0), 1_234_567_500_000n);
  const system = guest({ clock: "system" }).wasi;
  t.is(system.exports.clock_time_get(0, 0n, 16), 0);
  t.true(Math.abs(Number(system.memory.read(16, 8).readBigUInt64LE() / 1_000_000n) - Date.now()) < 60_000);
  for (const nowMs of [-1, NaN, Infinity, 1e15]) t.throws(() => guest({ clock: { nowMs } }), { instanceOf: RangeError });
  for (const clock of ["now", {}, { nowMs: "0" }, 5] as any[]) t.throws(() => guest({ clock }), typeError);
});

test("random numbers can be the same each time", (t) => {
  const numbers = (randomSeed?: bigint) => {
    const { wasi } = guest({ randomSeed });
    t.is(wasi.exports.random_get(1024, 40), 0);
    const first = wasi.memory.read(1024, 40).toString("hex");
    t.is(wasi.exports.random_get(1024, 40), 0);
    t.not(wasi.memory.read(1024, 40).toString("hex"), first);
    return first;
  };
  const seeds = [0n, 1n, 2n ** 64n - 1n];
  t.deepEqual(seeds.map(numbers), seeds.map(numbers));
  t.is(new Set([...seeds, undefined, undefined].map(numbers)).size, 5);
  for (const seed of [-1n, 2n ** 64n]) t.throws(() => guest({ randomSeed: seed }), { instanceOf: RangeError });
  for (const seed of ["1", 1.5, {}] as any[]) t.throws(() => guest({ randomSeed: seed }));
});

test("every function of preview 1 is there, and answers nonsense with an error number", (t) => {
  const { wasi } = guest({ stdin: "in", dirs: { "/": folder(t) } });
  t.is(Object.keys(signatures).length + 1, 46);
  for (const [name, types] of Object.entries(signatures)) {
    for (const nonsense of [0, 1, 3, -1, 99, 131072, 2 ** 31 - 1]) {
      // Waiting for nothing, or forever, is what a guest may do.
      if (name === "poll_oneoff" && nonsense > 0 && nonsense < 4) continue;
      let outcome: unknown;
      try {
        outcome = wasi.exports[name](...types.map((type) => (type === "i64" ? BigInt(nonsense) : nonsense)));
      } catch (error) {
        outcome = error;
      }
      t.true(
        (typeof outcome === "number" && outcome >= 0 && outcome < 77) || outcome instanceof WasmtimeError,
        `${name}(${nonsense}): ${String(outcome)}`,
      );
    }
  }
  t.deepEqual(wasi.exports.sched_yield(), 0);
});

test("a WASI function that is called without a guest around it is an error, not a crash", (t) => {
  const { engine } = load("(module)");
  const store = new Store(engine, { wasi: {} });
  const write = new Linker(engine).defineWasi().get(store, "wasi_snapshot_preview1", "fd_write") as Function;
  t.throws(() => write(1, 0, 1, 8), { instanceOf: WasmtimeError });
});

const wrong: [what: string, options: unknown, message: RegExp][] = [
  ["an option it does not know", { arg: [] }, /'arg'.*args/],
  ["options that are no object", "inherit", /object/],
  ["args that are no array", { args: "a b" }, /args/],
  ["an argument that is no string", { args: ["a", 5] }, /args\[1\]/],
  ["an argument with NUL", { args: ["a\0b"] }, /args\[0\].*NUL/],
  ["an argv0 that is no string", { argv0: 5 }, /argv0/],
  ["an env that is no object", { env: 5 }, /env/],
  ["an env of another word", { env: "own" }, /'inherit'/],
  ["an environment value that is no string", { env: { K: 5 } }, /env\.K/],
  ["an environment name with =", { env: { "A=B": "c" } }, /A=B/],
  ["an environment value with NUL", { env: { A: "b\0" } }, /NUL/],
  ["a stdin that is no string or bytes", { stdin: true }, /stdin/],
  ["a stdout of another word", { stdout: "pipe" }, /stdout.*'capture'/],
  ["a stderr that is no string", { stderr: {} }, /stderr/],
  ["a maxOutputBytes that is no number", { maxOutputBytes: "1" }, /maxOutputBytes/],
  ["dirs that are no object", { dirs: "/" }, /dirs/],
  ["a directory that is neither", { dirs: { "/": 5 } }, /dirs\['\/'\]/],
  ["a directory without access", { dirs: { "/": { host: "/" } } }, /access/],
  ["an access of another word", { dirs: { "/": { host: "/", access: "write" } } }, /'read-write'/],
  ["a member of a directory it does not know", { dirs: { "/": { host: "/", access: "read", mode: 7 } } }, /mode/],
  ["a directory without host", { dirs: { "/": { access: "read" } } }, /host/],
];
for (const [what, options, message] of wrong) {
  test(`a store refuses ${what}`, (t) => {
    t.throws(() => new Store(engineOf(), { wasi: options as any }), { ...typeError, message });
  });
}

test("a directory that is not there is Node's own error", (t) => {
  const host = join(folder(t), "nothing");
  const error = thrown(() => new Store(engineOf(), { wasi: { dirs: { "/": host } } })) as NodeJS.ErrnoException;
  t.is(error.code, "ENOENT");
  t.is(error.path, host);
  t.true(error.message.startsWith("ENOENT: no such file or directory"));
});

always("an import of WASI that nobody defined is a LinkError like any other", (t) => {
  t.is((thrown(() => start(exit(1))) as any).code, "ERR_WASMTIME_LINK");
});

always("a build without WASI says so", (t) => {
  needs(
    t,
    "wasi",
    () => new Linker(engineOf()).defineWasi(),
    () => t.truthy(new Linker(engineOf()).defineWasi()),
  );
});
