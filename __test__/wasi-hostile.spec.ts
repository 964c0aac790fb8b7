// Guests that ask WASI for more than there is, or lie about where it is: an error number or an error of ours, and little memory.

import { readdirSync } from "node:fs";
import { Linker, Store, WasmtimeError, type WasiOptions, runSync } from "../index.js";
import { artifact, folder, load, needing, nodeJson, thrown } from "./helper.js";
import { command, everything } from "./wasi-guest.js";

const test = needing("wasi");

// Up to the last page, so that a size of nearly 4 GiB is not out of bounds.
const huge = everything.replace(`(memory (export "memory") 2)`, `(memory (export "memory") 65536)`);
const all = 0xffff_ffff;
const calls: [what: string, call: string][] = [
  ["random bytes for all of memory", `random_get(0, ${all})`],
  ["random bytes for a gigabyte", "random_get(0, 1 << 30)"],
  ["a write of all of memory", `fd_write(1, ...one(1024, ${all - 2048}))`],
  ["a write from out of bounds", `fd_write(1, ...one(${all - 255}, 512))`],
  ["a write of 2^32-1 pieces", `fd_write(1, 0, ${all}, 8)`],
  ["a write of the same gigabyte 64 times", "fd_write(1, ...same(64, 1 << 30))"],
  ["a read of 2^32-1 pieces", `fd_read(0, 0, ${all}, 8)`],
  ["a read into the same gigabyte 64 times", "fd_read(0, ...same(64, 1 << 30))"],
  ["a path of 4 GiB", `path_open(3, 0, 0, ${all}, 0, 0n, 0n, 0, 0)`],
  ["a path of a gigabyte", "path_open(3, 0, 0, 1 << 30, 0, 0n, 0n, 0, 0)"],
  ["a directory with a name of a gigabyte", "path_create_directory(3, 0, 1 << 30)"],
  ["a link between names of a gigabyte", "path_symlink(0, 1 << 30, 3, 0, 1 << 30)"],
  ["a file to remove with a name of 256 MiB", "path_unlink_file(3, 0, 1 << 28)"],
  ["a list of names for all of memory", `fd_readdir(3, 4096, ${all - 4096}, 0n, 8)`],
  ["a target of a link for all of memory", `path_readlink(3, 0, 5, 0, ${all}, 8)`],
  ["a name of a directory for all of memory", `fd_prestat_dir_name(3, 0, ${all})`],
  ["a wait for 2^32-1 events", `poll_oneoff(0, 0, ${all}, 8)`],
  ["a wait for 16 million events", "poll_oneoff(0, 1 << 30, 1 << 24, 8)"],
];
const script = `
  import { Engine, Linker, Module, Store } from "@cwasm/wasmtime";
  const engine = new Engine(), module = Module.deserializeFile(engine, $(file));
  const wasi = { stdout: "capture", maxOutputBytes: 1 << 20, stdin: "x".repeat(100), dirs: { "/": { host: $(host), access: "read-write" } } };
  const { exports } = new Linker(engine).defineWasi().instantiate(new Store(engine, { wasi }), module);
  const pieces = (...numbers) => void exports.memory.write(0, new Uint8Array(new Uint32Array(numbers).buffer));
  const one = (at, length) => (pieces(at, length), [0, 1, 65536]);
  const same = (count, length) => (pieces(...Array.from({ length: count }, () => [0, length]).flat()), [0, count, 65536]);
  const most = () => process.resourceUsage().maxRSS / 1024, before = most();
  let errno, error;
  try { errno = exports.CALL } catch (thrown) { error = thrown.code }
  console.log(JSON.stringify({ errno, error, megabytes: most() - before, alive: exports.sched_yield() }));`;
for (const [what, call] of calls) {
  test(`${what}: an error or a short answer, and no memory`, (t) => {
    const said = nodeJson(t, script.replace("CALL", call), { values: { file: artifact(huge), host: folder(t) } });
    t.true(said.errno >= 0 || /^ERR_WASMTIME/.test(said.error), JSON.stringify(said));
    t.is(said.alive, 0);
    t.true(said.megabytes < 200, JSON.stringify(said));
  });
}

function guest(wasi: WasiOptions) {
  const { engine, module } = load(everything);
  return new Linker(engine).defineWasi().instantiate(new Store(engine, { wasi }), module).exports;
}
const given: [what: string, wasi: WasiOptions, call: string][] = [
  ["arguments", { args: Array(100).fill("x".repeat(100_000)) }, "args_get"],
  ["an environment", { env: { A: "x".repeat(10_000_000) } }, "environ_get"],
];
for (const [what, wasi, call] of given) {
  test(`${what} larger than the guest's memory is an error of the call, and the guest lives`, (t) => {
    const exports = guest(wasi);
    t.true(thrown(() => exports[call](0, 65536)) instanceof WasmtimeError);
    t.is(exports.sched_yield(), 0);
  });
}

test("a guest that writes without end to a captured stream is refused, and no more is kept than it may write", (t) => {
  // It traps when a write succeeds for the 1000th time, and ends when one fails.
  const endless = command(
    `(local $n i32) (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 50000))
    (loop $more
      (if (i32.gt_u (local.get $n) (i32.const 1000)) (then (unreachable)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $more (i32.eqz (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))`,
  );
  const { exitCode, stdout } = runSync(load(endless).module, { stdin: "ignore", stdout: "capture", maxOutputBytes: 1 << 20 });
  t.is(exitCode, 0);
  t.true(stdout!.length > 900_000 && stdout!.length <= 1 << 20, String(stdout!.length));
});

for (const maxDescriptors of [undefined, 50]) {
  test(`a guest that opens files for ever gets no more than maxDescriptors (${maxDescriptors ?? "its default"}), and the host has its own`, (t) => {
    const host = folder(t);
    const exports = guest({ dirs: { "/": host }, maxDescriptors });
    exports.memory.writeString(1000, ".");
    let opened = 0;
    const open = () => exports.path_open(3, 0, 1000, 1, 0, 0n, 0n, 0, 8);
    let errno = 0;
    while (opened < 5000 && (errno = open()) === 0) opened++;
    t.is(errno, 33, "mfile");
    t.true(opened > 30 && opened <= (maxDescriptors ?? 1000), String(opened));
    t.deepEqual(readdirSync(host), []);
    t.is(exports.fd_close(exports.memory.read(8, 4).readUInt32LE(0)), 0);
    t.is(open(), 0);
  });
}
