// A guest's stdio: files, functions and Node streams. What is captured, inherited or given as bytes is in wasi.spec.ts.

import type { EventEmitter } from "node:events";
import { createReadStream, createWriteStream, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough, Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as pause } from "node:timers/promises";
import { createGunzip, createGzip } from "node:zlib";
import { Linker, type RunOptions, Store, StoreBusyError, type WasiOptions, run, runSync } from "../index.js";
import { artifact, collect, folder, load, needing, nodeJson, thrown, typeError } from "./helper.js";
import { Wasi, cat, command, everything, hello } from "./wasi-guest.js";

const test = needing("wasi");

const precompiled = true as const;
const none = { stdin: "ignore", stdout: "ignore", stderr: "ignore" } as const;
const away = (wat: string, options: RunOptions) => run(artifact(wat), { precompiled, ...none, ...options });
const here = (wat: string, options: RunOptions) => runSync(artifact(wat), { precompiled, ...none, ...options });
const both: [string, (wat: string, options: RunOptions) => Promise<unknown>][] = [
  ["run", away],
  ["runSync", async (wat, options) => here(wat, options)],
];
/** Writes so many times 64 KiB of "x". */
const writer = (times: number) =>
  command(
    `(local $i i32) (memory.fill (i32.const 65536) (i32.const 120) (i32.const 65536))
    (loop (i32.store (i32.const 0) (i32.const 65536)) (i32.store (i32.const 4) (i32.const 65536))
      (loop $rest
        (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (then (call $proc_exit (i32.const 9))))
        (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.load (i32.const 8))))
        (i32.store (i32.const 4) (i32.sub (i32.load (i32.const 4)) (i32.load (i32.const 8))))
        (br_if $rest (i32.load (i32.const 4))))
      (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const ${times}))))`,
    { pages: 2 },
  );

for (const [name, go] of both) {
  test(`${name} reads a file and writes another, which it empties or appends to`, async (t) => {
    const dir = folder(t);
    const [from, to] = [join(dir, "from"), join(dir, "to")];
    writeFileSync(from, "contents\n");
    for (const append of [undefined, false, true]) {
      await go(cat, { stdin: { file: from }, stdout: { file: to, append } });
      t.is(readFileSync(to, "utf8"), "contents\n".repeat(append ? 2 : 1));
    }
    await go(hello, { stdout: { file: to }, stderr: { file: to, append: true } });
    t.is(readFileSync(to, "utf8").length, 8);
    await t.throwsAsync(go(cat, { stdin: { file: join(dir, "none") } }), { code: "ENOENT" });
    await t.throwsAsync(go(cat, { stdout: { file: join(dir, "none", "file") } }), { code: "ENOENT" });
    await t.throwsAsync(go(cat, { stdin: { file: from, append: true } as any }), typeError);
    await t.throwsAsync(go(cat, { stdin: { file: 5 } as any }), typeError);
  });

  test(`${name} calls functions with what the guest writes, in order`, async (t) => {
    const chunks: [string, unknown][] = [];
    const take = (name: string) => (chunk: Buffer) => void chunks.push([name, chunk]);
    await go(hello, { stdout: take("out"), stderr: take("err") });
    t.deepEqual(chunks.sort(), [["err", Buffer.from("err\n")], ["out", Buffer.from("out\n")]]);
    let bytes = 0;
    await go(writer(100), { stdout: (chunk) => void (bytes += chunk.filter((byte) => byte === 120).length) });
    t.is(bytes, 100 * 65536);
  });

  test(`${name} ends a guest whose output is not wanted, with what the function threw`, async (t) => {
    for (const error of [new Error("no more"), undefined, "text"]) {
      const ended = go(writer(1_000_000), { stdout: () => { throw error } });
      t.is(await ended.then(() => t.fail("it went on"), (reason) => reason), error);
    }
  });
}

test("run copies from stream to stream, whatever the size of what comes", async (t) => {
  const chunks = Array.from({ length: 300 }, (_, i) => Buffer.alloc(i * 37 + 1, i));
  const stdout = new PassThrough();
  const [said] = await Promise.all([stdout.toArray(), away(cat, { stdin: Readable.from(chunks), stdout }).then(() => stdout.end())]);
  t.deepEqual(Buffer.concat(said), Buffer.concat(chunks));
});

test("run takes part in pipelines of Node", async (t) => {
  const dir = folder(t);
  const [from, to] = [join(dir, "from"), join(dir, "to.gz")];
  writeFileSync(from, "line\n".repeat(100_000));
  await away(cat, { stdin: "ignore" });
  const stdout = new PassThrough();
  await Promise.all([
    pipeline(stdout, createGzip(), createWriteStream(to)),
    away(cat, { stdin: createReadStream(from), stdout }).then(() => stdout.end()),
  ]);
  const back = await createReadStream(to).pipe(createGunzip()).toArray();
  t.deepEqual(Buffer.concat(back), readFileSync(from));
});

test("run reads strings of a stream with an encoding, and refuses objects", async (t) => {
  const stream = Readable.from(["höhe ", "☃"], { objectMode: true });
  t.deepEqual((await away(cat, { stdin: stream, stdout: "capture" })).stdout, Buffer.from("höhe ☃"));
  const encoded = new PassThrough({ encoding: "latin1" });
  encoded.end(Buffer.from([1, 200, 255]));
  t.deepEqual((await away(cat, { stdin: encoded, stdout: "capture" })).stdout, Buffer.from([1, 200, 255]));
  await t.throwsAsync(away(cat, { stdin: Readable.from([{ an: "object" }]) }), typeError);
});

test("what the guest has not read of a stream stays in it, for the next one", async (t) => {
  // Reads 4 bytes.
  const one = command(`(i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 4))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $print (i32.const 1) (i32.const 1024) (i32.load (i32.const 8)))`);
  const stdin = new PassThrough();
  stdin.end("oneotwothree");
  const said = [];
  for (let i = 0; i < 3; i++) said.push(String((await away(one, { stdin, stdout: "capture" })).stdout));
  t.deepEqual(said, ["oneo", "twot", "hree"]);
  const failing = new PassThrough();
  failing.write("abcdef");
  const trap = one.replace("(call $print", "(unreachable) (call $print");
  await t.throwsAsync(away(trap, { stdin: failing, stdout: "capture" }));
  t.is(String(failing.read()), "ef");
});

test("a guest waits for a stream that is slow, and no more than a little of what it writes is kept", async (t) => {
  let most = 0;
  let bytes = 0;
  const slow = new Writable({
    highWaterMark: 1,
    write(chunk: Buffer, _, done) {
      most = Math.max(most, chunk.length);
      bytes += chunk.length;
      setImmediate(done);
    },
  });
  await away(writer(300), { stdout: slow });
  t.is(bytes, 300 * 65536);
  t.true(most <= 65536, `${most}`);
  t.false(slow.writableEnded, "the stream is the caller's");
});

test("a gigabyte for a slow stream fills no memory", async (t) => {
  const script = `
    import { Writable } from "node:stream";
    import { run } from "@cwasm/wasmtime";
    let bytes = 0;
    const stdout = new Writable({ write(chunk, _, done) { bytes += chunk.length; setImmediate(done) } });
    const before = process.resourceUsage().maxRSS;
    await run($(file), { precompiled: true, stdin: "ignore", stdout });
    console.log(JSON.stringify({ bytes, megabytes: (process.resourceUsage().maxRSS - before) / 1024 }));`;
  const { bytes, megabytes } = nodeJson(t, script, { values: { file: artifact(writer(16384)) } });
  t.is(bytes, 2 ** 30);
  t.true(megabytes < 150, `${megabytes}`);
});

test("a stream that fails ends the guest, and run rejects with its error", async (t) => {
  const error = new Error("disk on fire");
  const failing = () => new Writable({ write: (_, __, done) => void setImmediate(done, error) });
  t.is(await t.throwsAsync(away(writer(1_000_000), { stdout: failing() })), error);
  const destroyed = failing().destroy(error);
  t.is(await t.throwsAsync(away(writer(1_000_000), { stdout: destroyed })), error);
  const stdin = new Readable({ read() { this.destroy(error) } });
  t.is(await t.throwsAsync(away(cat, { stdin })), error);
  t.is((await t.throwsAsync(away(cat, { stdin: new PassThrough().destroy() }))) instanceof Error, true);
});

test("a stream that misbehaves harms only its run", async (t) => {
  const error = new Error("misbehaves");
  const throws = new Writable({ write() { throw error } });
  t.is(await t.throwsAsync(away(writer(10), { stdout: throws })), error);
  const unreadable = { read: () => null, on() {}, off() {}, once() {}, unshift() {} };
  await t.throwsAsync(away(cat, { stdin: unreadable as any }));
  const strange = new Proxy({}, { get() { throw error } });
  const [reason] = await away(writer(10), { stdout: () => { throw strange } }).then(() => [], (reason) => [reason]);
  t.true(reason === strange);
  // Says that it has failed, and its error event comes when the run has long ended.
  const late = new Writable({ write: (_, __, done) => done(error), destroy: (error, done) => void setTimeout(() => done(error), 30) });
  t.is(await t.throwsAsync(away(writer(10), { stdout: late })), error);
  await new Promise((resolve) => late.once("close", resolve));
  t.is(late.listenerCount("error"), 0);
});

test("a stream that is destroyed amid a write does not keep the guest waiting", async (t) => {
  for (const error of [undefined, new Error("gone")]) {
    // Node does not say how such a write went.
    const stuck = new PassThrough({ highWaterMark: 1 });
    const running = away(writer(1_000_000), { stdout: stuck });
    setTimeout(() => stuck.destroy(error), 50);
    if (error) t.is(await t.throwsAsync(running), error);
    else t.is((await running).exitCode, 9);
    t.is(stuck.listenerCount("error"), 0);
  }
});

test("one stream for stdout and stderr has what the guest writes in its order", async (t) => {
  const print = (fd: number, at: number) => `(call $print (i32.const ${fd}) (i32.const ${1024 + at}) (i32.const 1))`;
  const wat = command([1, 1, 2, 1, 2, 2, 1].map(print).join(" "), { data: "abcdefg" });
  let said = "";
  const both = new Writable({ write: (chunk, _, done) => void ((said += chunk), setImmediate(done)) });
  await away(wat, { stdout: both, stderr: both });
  t.is(said, "abcdefg");
});

test("what a guest writes to a function is not kept until it ends", (t) => {
  const script = `
    import { runSync } from "@cwasm/wasmtime";
    let bytes = 0;
    const before = process.resourceUsage().maxRSS;
    runSync($(file), { precompiled: true, stdin: "ignore", stdout: (chunk) => void (bytes += chunk.length) });
    console.log(JSON.stringify({ bytes, megabytes: (process.resourceUsage().maxRSS - before) / 1024 }));`;
  const { bytes, megabytes } = nodeJson(t, script, { values: { file: artifact(writer(8192)) } });
  t.is(bytes, 2 ** 29);
  t.true(megabytes < 250, `${megabytes}`);
});

test("text goes back into a stream with an encoding as text, and what is none waits for the next guest", async (t) => {
  const one = command(`(i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 1))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $print (i32.const 1) (i32.const 1024) (i32.load (i32.const 8)))`);
  for (const [encoding, bytes] of [["hex", Buffer.from([1, 2, 3])], ["utf8", Buffer.from("☃")], ["latin1", Buffer.from([200, 65, 66])]] as const) {
    const stdin = new PassThrough({ encoding });
    stdin.write(bytes);
    const read = [];
    for (let i = 0; i < bytes.length; i++) read.push((await away(one, { stdin, stdout: "capture" })).stdout!);
    t.deepEqual(Buffer.concat(read), bytes, encoding);
  }
});

test("a guest whose reader has gone gets an error of the write, as from a closed pipe", async (t) => {
  const gone = new PassThrough();
  gone.once("data", () => gone.destroy());
  t.like(await away(writer(1_000_000), { stdout: gone }), { exitCode: 9 });
  t.like(await away(writer(1_000_000), { stdout: new PassThrough().end() }), { exitCode: 9 });
});

test("one stream serves many guests at once, and none of them leaves a listener", async (t) => {
  let bytes = 0;
  const stdout = new Writable({ write: (chunk: Buffer, _, done) => void ((bytes += chunk.length), done()) });
  const warnings: Error[] = [];
  const warn = (warning: Error) => void warnings.push(warning);
  process.on("warning", warn);
  await Promise.all(Array.from({ length: 30 }, () => away(hello, { stdout, stderr: stdout })));
  await pause(0);
  process.off("warning", warn);
  t.deepEqual(warnings, []);
  t.is(bytes, 30 * 8);
  t.deepEqual(stdout.eventNames().flatMap((name) => (stdout as EventEmitter).listeners(name)), new Writable().eventNames());
});

for (const profile of ["default", "sandbox"] as const) test(`a guest that waits for a stream can be stopped, and the stream goes on: ${profile}`, async (t) => {
  const stdin = new PassThrough();
  const controller = new AbortController();
  const reason = new Error("enough");
  const stopped = (options: RunOptions) => run(artifact(cat, profile), { precompiled, ...none, ...options });
  const waiting = stopped({ stdin, signal: controller.signal });
  setTimeout(() => controller.abort(reason), 20);
  t.is(await t.throwsAsync(waiting), reason);
  await t.throwsAsync(stopped({ stdin, timeoutMs: 20 }), { code: "ERR_WASMTIME_DEADLINE" });
  const never = new Writable({ write: () => undefined });
  await t.throwsAsync(run(artifact(writer(100), profile), { precompiled, ...none, stdout: never, timeoutMs: 50 }), { code: "ERR_WASMTIME_DEADLINE" });
  stdin.end("still there");
  t.is(String((await stopped({ stdin, stdout: "capture" })).stdout), "still there");
  t.is(stdin.listenerCount("readable") + stdin.listenerCount("error"), 0);
});

test("streams need a thread that is free: TypeError in runSync, and for a store", (t) => {
  const streams: [keyof WasiOptions, unknown][] = [
    ["stdin", new PassThrough()],
    ["stdout", new PassThrough()],
    ["stderr", new PassThrough()],
  ];
  const { engine } = load(everything);
  for (const [name, stream] of streams) {
    t.throws(() => here(cat, { [name]: stream }), typeError);
    t.throws(() => new Store(engine, { wasi: { [name]: stream } }), typeError);
  }
});

function guest(wasi: WasiOptions) {
  const { engine, module } = load(everything);
  const store = new Store(engine, { wasi });
  return { store, wasi: new Wasi(new Linker(engine).defineWasi().instantiate(store, module).exports) };
}

test("a store calls functions with what its guests write", (t) => {
  const chunks: string[] = [];
  const { wasi } = guest({ stdout: (chunk) => void chunks.push(`1${chunk}`), stderr: (chunk) => void chunks.push(`2${chunk}`) });
  collect();
  for (const fd of [1, 2, 1]) t.is(wasi.write(fd, "text"), 0);
  t.deepEqual(chunks, ["1text", "2text", "1text"]);
  t.is(wasi.u32(8), 4);
});

test("what a store's function throws comes out of the call as itself, and the store can be used further", (t) => {
  const error = new Error("full");
  let full = true;
  const { wasi } = guest({
    stdout() {
      if (full) throw error;
    },
  });
  t.is(thrown(() => wasi.write(1, "x")), error);
  full = false;
  t.is(wasi.write(1, "x"), 0);
});

test("a store's function may use the store, and may dispose it", (t) => {
  const read: string[] = [];
  const { wasi, store } = guest({
    stdout(chunk) {
      read.push(wasi.memory.readString(1024, chunk.length));
      if (String(chunk) === "inner") return;
      wasi.write(1, "inner");
      if (String(chunk) === "last") store.dispose();
    },
  });
  t.is(wasi.write(1, "first"), 0);
  t.deepEqual(read, ["first", "inner"]);
  const error = thrown(() => wasi.write(1, "last"));
  t.true(error instanceof StoreBusyError || (error as { code: string }).code === "ERR_WASMTIME_CLOSED", String(error));
});

test("several pieces of a write arrive as one, and large ones in parts", (t) => {
  const chunks: Buffer[] = [];
  const { wasi } = guest({ stdout: (chunk) => void chunks.push(chunk) });
  const pieces = [[2000, 3], [3000, 0], [3000, 4]];
  wasi.memory.write(2000, Buffer.from("abc"));
  wasi.memory.write(3000, Buffer.from("defg"));
  wasi.memory.write(0, new Uint8Array(new Uint32Array(pieces.flat()).buffer));
  t.is(wasi.exports.fd_write(1, 0, 3, 500), 0);
  t.is(wasi.u32(500), 7);
  t.deepEqual(chunks.splice(0).map(String), ["abcdefg"]);
  wasi.memory.write(0, new Uint8Array(new Uint32Array([0, 100_000]).buffer));
  t.is(wasi.exports.fd_write(1, 0, 1, 100_004), 0);
  t.deepEqual([wasi.u32(100_004), chunks[0]!.length], [65536, 65536]);
});

test("stdout that the guest has made another descriptor of goes where it went", (t) => {
  const chunks: string[] = [];
  const { wasi, store } = guest({ stdout: (chunk) => void chunks.push(String(chunk)), stderr: "capture" });
  t.is(wasi.exports.fd_renumber(2, 1), 0);
  t.is(wasi.write(1, "to stderr now"), 0);
  t.is(wasi.write(2, "gone"), 8);
  t.is(String(store.wasi!.stderr), "to stderr now");
  t.deepEqual(chunks, []);
  const other = guest({ stdout: (chunk) => void chunks.push(String(chunk)) });
  t.is(other.wasi.exports.fd_renumber(1, 2), 0);
  t.is(other.wasi.write(2, "x".repeat(10_000).slice(0, 5000)), 0);
  t.is(chunks.join(""), "x".repeat(5000));
  t.is(other.wasi.exports.fd_close(2), 0);
  t.is(other.wasi.write(2, "x"), 8);
});

test("proc_exit's code can be asked of the store", (t) => {
  const { wasi, store } = guest({});
  t.deepEqual(store.wasi, {});
  thrown(() => wasi.exports.proc_exit(7));
  t.deepEqual(store.wasi, { exitCode: 7 });
});

test("no descriptor and no thread is left by runs with every kind of stdio", async (t) => {
  if (process.platform !== "linux") return void t.pass();
  const dir = folder(t);
  const file = join(dir, "file");
  writeFileSync(file, "text");
  const kinds: RunOptions[] = [
    { stdin: { file }, stdout: { file: join(dir, "out") } },
    { stdin: Readable.from(["a"]), stdout: new PassThrough().resume() },
    { stdin: "text", stdout: () => undefined, dirs: { "/": dir } },
  ];
  const all = () => kinds.map((options) => ({ ...options, ...(options.stdin instanceof Readable && { stdin: Readable.from(["a"]) }) }));
  const open = () => readdirSync("/proc/self/fd").length;
  await Promise.all(all().map((options) => away(cat, options)));
  const before = open();
  for (let i = 0; i < 100; i++) await Promise.all(all().map((options) => away(cat, options)));
  // Other specs of this process open and close files, too.
  t.true(open() < before + 30, `${before}, then ${open()}`);
});
