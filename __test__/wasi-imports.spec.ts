// wasiImports: WASI for `new Instance`, alone and among functions of one's own.

import { Func, Instance, Linker, LinkError, Store, type WasiOptions, callMany, wasiImports } from "../index.js";
import { collect, load, needing, typeError } from "./helper.js";
import { Wasi, everything, signatures } from "./wasi-guest.js";

const test = needing("wasi");

const { engine, module } = load(everything);
const guest = (wasi: WasiOptions | undefined, imports = wasiImports()) => {
  const store = new Store(engine, { wasi });
  return { store, wasi: new Wasi(new Instance(store, module, imports).exports) };
};

test("it has every function of preview 1 and of preview 0, by name", (t) => {
  const { wasi_snapshot_preview1: now, wasi_unstable: then, ...rest } = wasiImports();
  t.deepEqual(rest, {});
  const all = [...Object.keys(signatures), "proc_exit"].sort();
  t.deepEqual(Object.keys(now!).sort(), all);
  t.deepEqual(Object.keys(then!).sort(), all.filter((name) => name !== "sock_accept"));
  for (const [name, fn] of Object.entries(now!)) t.is((fn as Function).name, name);
});

test("an instance has the WASI of its store", (t) => {
  const imports = wasiImports();
  collect();
  const guests = ["a", "b"].map((name) => guest({ args: [name], stdout: "capture" }, imports));
  for (const [i, { wasi, store }] of guests.entries()) {
    t.deepEqual(wasi.list("args"), ["", "ab"[i]!]);
    t.is(wasi.write(1, `text ${i}`), 0);
    t.is(String(store.wasi!.stdout), `text ${i}`);
  }
  t.deepEqual(guest(undefined, imports).wasi.preopens(), [], "a store without WASI grants nothing");
});

test("functions of one's own may stand in the place of some, and beside them", (t) => {
  const said: number[] = [];
  const { wasi_snapshot_preview1: all } = wasiImports();
  const mixed = { wasi_snapshot_preview1: { ...all, fd_close: (fd: number) => (said.push(fd), 76) } };
  const { wasi } = guest({ args: ["a"] }, mixed);
  t.is(wasi.exports.fd_close(5), 76);
  t.deepEqual(said, [5]);
  t.deepEqual(wasi.list("args"), ["", "a"]);
});

test("a function of WASI is none of JavaScript, nor of a store", (t) => {
  const { fd_close: fn } = wasiImports().wasi_snapshot_preview1 as any;
  t.throws(() => fn(1), typeError);
  t.throws(() => new fn(1), { instanceOf: TypeError });
  t.throws(() => Func.type(fn), typeError);
  t.throws(() => callMany(fn, new Int32Array(1), new Int32Array(1)), typeError);
  t.throws(() => new Linker(engine).define("a", "b", fn), typeError);
  // Copies of it are nothing.
  const copy = Object.assign(() => 5, fn);
  t.is(guest({}, { wasi_snapshot_preview1: { ...wasiImports().wasi_snapshot_preview1, fd_close: copy } }).wasi.exports.fd_close(9), 5);
});

test("it may be imported under any name, of its own type only", (t) => {
  const { engine, module } = load(`(module (import "env" "size" (func $size (param i32 i32) (result i32))) (memory (export "memory") 1)
    (func (export "f") (result i32) (call $size (i32.const 0) (i32.const 4))))`);
  const { args_sizes_get, fd_close } = wasiImports().wasi_snapshot_preview1 as any;
  t.is(new Instance(new Store(engine, { wasi: {} }), module, { env: { size: args_sizes_get } }).exports.f(), 0);
  const error = t.throws(() => new Instance(new Store(engine), module, { env: { size: fd_close } })) as LinkError;
  t.true(error instanceof LinkError, String(error));
});
