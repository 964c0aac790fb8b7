// The edges of a guest's stdio: odd pieces, readers that are slow, devices that are full, numbers that are used again.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, closeSync, constants, openSync, readFileSync, readSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Linker, Store, type WasiOptions, run, runSync } from "../index.js";
import { artifact, folder, load, needing, thrown } from "./helper.js";
import { cwasm, guest as file } from "./command.js";
import { Wasi, cat, command, everything } from "./wasi-guest.js";

const test = needing("wasi");

const precompiled = true as const;
const unix = process.platform !== "win32";
const onUnix = unix ? test : test.skip;
const onLinux = process.platform === "linux" ? test : test.skip;

/** The functions of WASI, and what they need. */
class Guest extends Wasi {
  readonly store: Store;
  constructor(options: WasiOptions, { pages = 2, space = "wasi_snapshot_preview1" } = {}) {
    const wat = everything.replace(`(memory (export "memory") 2)`, `(memory (export "memory") ${pages})`);
    const { engine, module } = load(space === "wasi_snapshot_preview1" ? wat : wat.replaceAll(/"wasi_snapshot_preview1" "(?!sock_accept)/g, `"${space}" "`));
    const store = new Store(engine, { wasi: options });
    super(new Linker(engine).defineWasi().instantiate(store, module).exports);
    this.store = store;
    this.memory.write(1024, Buffer.from("Hello, World"));
  }
  /** The error's number and how much was written of these pieces, which are at 0. */
  pieces(...pieces: [at: number, length: number][]): [errno: number, written: number] {
    this.memory.write(0, new Uint8Array(new Uint32Array(pieces.flat()).buffer));
    return [this.exports.fd_write(1, 0, pieces.length, 512), this.u32(512)];
  }
  get said(): string {
    return String(this.store.wasi!.stdout);
  }
}
const guest = () => new Guest({ stdout: "capture" });
const last = 2 * 65536;

test("a write of no piece, or of empty ones wherever they are, writes nothing and goes well", (t) => {
  const wasi = guest();
  t.deepEqual(wasi.pieces(), [0, 0]);
  t.deepEqual(wasi.pieces([1024, 0], [0xffff_fff0, 0]), [0, 0]);
  t.is(wasi.exports.fd_write(1, 0xffff_fff8, 0, 512), 0);
  t.deepEqual(wasi.pieces([0xffff_fff0, 0], [1024, 5]), [0, 5]);
  t.is(wasi.said, "Hello");
});

test("pieces may overlap, each other and themselves", (t) => {
  const wasi = guest();
  t.deepEqual(wasi.pieces([1024, 12], [1031, 5], [1024, 1]), [0, 18]);
  t.is(wasi.said, "Hello, WorldWorldH");
  t.deepEqual(wasi.pieces([0, 16], [0, 16]), [0, 32]);
});

test("how much was written may be put where it was written from", (t) => {
  const wasi = guest();
  wasi.memory.write(0, new Uint8Array(new Uint32Array([1024, 12]).buffer));
  for (const expected of ["Hello, World", "\f\0\0\0o, World"]) {
    const before = wasi.said.length;
    t.is(wasi.exports.fd_write(1, 0, 1, 1024), 0);
    t.deepEqual([wasi.u32(1024), wasi.said.slice(before)], [12, expected]);
  }
});

test("what is out of bounds or not aligned traps; what is to be written is written first", (t) => {
  const wasi = guest();
  const fails = (...args: number[]) => (thrown(() => wasi.exports.fd_write(1, ...args)) as { code: string }).code;
  t.regex(fails(1, 1, 512), /^ERR_WASMTIME/);
  t.regex(fails(last - 4, 1, 512), /^ERR_WASMTIME/);
  thrown(() => wasi.pieces([last - 4, 5]));
  t.is(wasi.said, "");
  wasi.pieces([1024, 5]);
  for (const result of [last, 513]) t.regex(fails(0, 1, result), /^ERR_WASMTIME/);
  t.is(wasi.said, "HelloHelloHello");
});

test("a piece that is out of bounds takes nothing from the ones before it, which are written", (t) => {
  for (const bad of [[last - 4, 1000], [0xffff_fff0, 0x1000]] as [number, number][]) {
    const wasi = guest();
    t.deepEqual(wasi.pieces([1024, 12], bad), [0, 12]);
    t.is(wasi.said, "Hello, World");
  }
  const wasi = guest();
  wasi.memory.write(last - 8, new Uint8Array(new Uint32Array([1024, 12]).buffer));
  t.is(wasi.exports.fd_write(1, last - 8, 2, 512), 0);
  t.is(wasi.said, "Hello, World");
});

test("a write of more pieces than a call may copy of: NOMEM, for stdout as for files", (t) => {
  const dirs = { "/": { host: folder(t), access: "read-write" as const } };
  const wasi = new Guest({ dirs }, { pages: 2100 });
  const fd = wasi.open("file", { create: true, write: true });
  for (const to of [fd, 1, 2]) t.is(wasi.exports.fd_write(to, 65536, (1 << 24) + 1, 512), 48, `${to}`);
});

test("no function is called for a write of nothing", (t) => {
  const chunks: number[] = [];
  const stdout = (chunk: Buffer) => void chunks.push(chunk.length);
  new Guest({ stdout }).pieces([1024, 0]);
  runSync(artifact(command("(call $print (i32.const 1) (i32.const 0) (i32.const 0))")), { precompiled, stdout, stdin: "ignore" });
  t.deepEqual(chunks, []);
});

test("no function is called from another thread for a write of nothing", async (t) => {
  const stdout = () => t.fail();
  t.is((await run(artifact(command("(call $print (i32.const 1) (i32.const 0) (i32.const 0))")), { precompiled, stdout, stdin: "ignore" })).exitCode, 0);
});

for (const [what, length, more] of [
  ["clocks", 900, { 16: 1, 24: 1000 }],
  ["streams", 1200, { 8: 2, 16: 1 }],
] as [string, number, Record<number, number>][]) {
  test(`a guest may wait for ${length} ${what} at once: how many descriptors it may have is another matter`, (t) => {
    const wasi = new Guest({}, { pages: 4 });
    const subscription = new DataView(new ArrayBuffer(48));
    for (const [at, value] of Object.entries(more)) subscription.setUint32(Number(at), value, true);
    for (let i = 0; i < length; i++) wasi.memory.write(65536 + i * 48, new Uint8Array(subscription.buffer));
    t.is(wasi.exports.poll_oneoff(65536, 131072, length, 0), 0);
    t.true(wasi.u32(0) > 0);
  });
}

test("preview 0 traps where a struct is not aligned, as preview 1 does", (t) => {
  for (const space of ["wasi_snapshot_preview1", "wasi_unstable"]) {
    const wasi = new Guest({}, { space });
    t.throws(() => wasi.exports.fd_filestat_get(1, 1025), undefined, space);
  }
});

/** Writes 4 MiB at once, and exits with how many times 64 KiB it wrote. */
const heap = command(
  `(memory.fill (i32.const 65536) (i32.const 120) (i32.const 0x400000)) (call $print (i32.const 1) (i32.const 65536) (i32.const 0x400000))
  (call $proc_exit (i32.shr_u (i32.load (i32.const 8)) (i32.const 16)))`,
  { pages: 66 },
);
/** A pipe by name, and who reads a page of it every few milliseconds. */
function slowly(dir: string): { fifo: string; reader: ChildProcess } {
  const fifo = join(dir, "fifo");
  execFileSync("mkfifo", [fifo]);
  const script = `const fd = require("fs").openSync(process.argv[1]);
    const next = () => require("fs").readSync(fd, Buffer.alloc(4096)) && setTimeout(next, 2); next();`;
  return { fifo, reader: spawn(process.execPath, ["-e", script, fifo], { stdio: "ignore" }) };
}
/** Writes 4 GiB at once. */
const all = command("(call $print (i32.const 1) (i32.const 16) (i32.const -16))", { pages: 65536 });
for (const [how, options, expected] of [
  ["timeoutMs", () => ({ timeoutMs: 100 }), "DeadlineError"],
  ["a signal", () => ({ signal: AbortSignal.timeout(100) }), "TimeoutError"],
] as const) {
  onUnix(`${how} ends a guest amid one large write to a device that always takes some more`, async (t) => {
    const ended = run(artifact(all, "sandbox"), { precompiled, stdin: "ignore", stdout: { file: "/dev/null" }, ...options() });
    const error = await t.throwsAsync(ended, { any: true });
    t.is((error as Error).name, expected, String(error));
  });
}

onUnix("one large write to a pipe that is read slowly is written whole", async (t) => {
  const { fifo, reader } = slowly(folder(t));
  t.teardown(() => reader.kill());
  t.is((await run(artifact(heap), { precompiled, stdin: "ignore", stdout: { file: fifo } })).exitCode, 64);
});

onLinux("a full device: NOSPC, also by another number", async (t) => {
  const exit = "(call $proc_exit (call $fd_write (i32.const N) (i32.const 0) (i32.const 1) (i32.const 16)))";
  const text = `(i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 5))`;
  const options = { precompiled, stdin: "ignore", stdout: { file: "/dev/full" }, stderr: "capture" } as const;
  for (const body of [exit.replace("N", "1"), `(drop (call $fd_renumber (i32.const 1) (i32.const 2))) ${exit.replace("N", "2")}`]) {
    const guest = artifact(command(text + body, { data: "hello" }));
    for (const ended of [await run(guest, options), runSync(guest, options)]) t.is(ended.exitCode, 51);
  }
});

onUnix("a directory as stdin: ISDIR, each time", async (t) => {
  const wasi = new Guest({ stdin: { file: folder(t) } });
  t.deepEqual([wasi.read(0), wasi.read(0)], [31, 31]);
});

test("a file as stdin goes on where it has grown after its end", (t) => {
  const path = join(folder(t), "file");
  writeFileSync(path, "first");
  const wasi = new Guest({ stdin: { file: path } });
  t.deepEqual([wasi.read(0), wasi.read(0)], ["first", ""]);
  appendFileSync(path, "second");
  t.deepEqual([wasi.read(0), wasi.read(0)], ["second", ""]);
});

/** `cwasm run` whose stdin or stdout is the one end of a pipe that does not block, and the other end. */
function nonBlocking(dir: string, wat: string, fd: 0 | 1) {
  const fifo = join(dir, "fifo");
  execFileSync("mkfifo", [fifo]);
  const reading = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const writing = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  const [own, other] = fd === 0 ? [reading, writing] : [writing, reading];
  // Node makes the first three of a child block, but not those behind them.
  const redirect = fd === 0 ? "<&3 3<&-" : ">&3 3>&-";
  const child = spawn("sh", ["-c", `exec "$0" "$@" ${redirect}`, process.execPath, cwasm, "run", ...file(wat)], {
    stdio: ["ignore", "pipe", "inherit", own],
  });
  closeSync(own);
  return { child, other };
}

onLinux("cwasm run writes all to a pipe that does not block and is full", async (t) => {
  t.is((await run(artifact(cat), { precompiled, stdin: "ignore" })).exitCode, 0);
  const { child, other } = nonBlocking(folder(t), heap, 1);
  const ended = once(child, "exit");
  let bytes = 0;
  for (;;) {
    await pause(1);
    try {
      const read = readSync(other, Buffer.alloc(1 << 16));
      if (read === 0 && child.exitCode !== null) break;
      bytes += read;
    } catch (error) {
      t.is((error as { code: string }).code, "EAGAIN");
    }
  }
  closeSync(other);
  t.is(bytes, 0x400000);
  await ended;
});

onLinux("cwasm run waits for a pipe that does not block and is empty", async (t) => {
  t.is((await run(artifact(cat), { precompiled, stdin: "ignore" })).exitCode, 0);
  const { child, other } = nonBlocking(folder(t), cat, 0);
  const said = child.stdout!.setEncoding("utf8").toArray();
  for (const text of ["one ", "two ", "three"]) {
    await pause(150);
    writeSync(other, text);
  }
  closeSync(other);
  t.is((await said).join(""), "one two three");
});

test("a number of stdio that a file has got is the file's", (t) => {
  const dir = folder(t);
  const wasi = new Guest({ stdout: "capture", stderr: "capture", dirs: { "/": { host: dir, access: "read-write" } } });
  for (const fd of [1, 2]) t.is(wasi.exports.fd_close(fd), 0);
  t.is(wasi.write(1, "nowhere"), 8);
  for (const [fd, name] of [[2, "b"], [1, "a"]] as const) {
    t.is(wasi.open(name, { create: true, write: true }), fd);
    t.is(wasi.write(fd, name), 0);
  }
  t.is(wasi.exports.fd_close(1), 0);
  t.is(wasi.write(1, "nowhere"), 8);
  t.deepEqual(["a", "b"].map((name) => readFileSync(join(dir, name), "utf8")), ["a", "b"]);
  t.deepEqual(wasi.store.wasi, { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) });
});

test("stdout stays itself where the guest renumbers it to itself, or fails to", (t) => {
  const wasi = guest();
  t.deepEqual([wasi.exports.fd_renumber(1, 1), wasi.exports.fd_renumber(99, 1), wasi.exports.fd_renumber(1, 99)], [0, 8, 8]);
  t.is(wasi.write(1, "still here"), 0);
  t.is(wasi.said, "still here");
});

test("stdio has no place, no size, no flags and no end: SPIPE, BADF and NOTSOCK", (t) => {
  const { exports } = guest();
  for (const fd of [0, 1, 2]) {
    t.deepEqual([exports.fd_seek(fd, 0n, 1, 512), exports.fd_tell(fd, 512)], [70, 70]);
    for (const flags of [0, 1, 4]) t.is(exports.fd_fdstat_set_flags(fd, flags), 8);
    t.deepEqual([exports.fd_sync(fd), exports.fd_allocate(fd, 0n, 1n), exports.fd_filestat_set_size(fd, 0n), exports.sock_shutdown(fd, 1)], [8, 8, 8, 57]);
  }
  t.deepEqual([exports.fd_pwrite(1, 0, 0, 0n, 512), exports.fd_pread(0, 0, 0, 0n, 512)], [70, 70]);
});

test("40 guests at once append to a file, and no line is torn", async (t) => {
  const path = join(folder(t), "file");
  const lines = command(
    `(local $i i32) (i64.store (i32.const 0) (i64.const 0x0000000500000400)) (i64.store (i32.const 8) (i64.const 0x0000000600000405))
    (loop (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 2) (i32.const 16)) (then (call $proc_exit (i32.const 1))))
      (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 200))))`,
    { data: "01234abcde\\0a" },
  );
  await Promise.all(Array.from({ length: 40 }, () => run(artifact(lines), { precompiled, stdin: "ignore", stdout: { file: path, append: true } })));
  t.is(readFileSync(path, "utf8"), "01234abcde\n".repeat(8000));
});
