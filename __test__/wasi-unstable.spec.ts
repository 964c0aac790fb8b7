// WASI preview 0, which compilers of 2019 made guests for: what differs from preview 1.

import { writeFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Linker, Store, type WasiOptions, run, runSync } from "../index.js";
import { artifact, folder, load, needing } from "./helper.js";
import { Wasi, everything, command } from "./wasi-guest.js";

const test = needing("wasi");

// Preview 0 has no sock_accept.
const unstable = everything
  .replaceAll('"wasi_snapshot_preview1"', '"wasi_unstable"')
  .replace('(import "wasi_unstable" "sock_accept" ', '(import "wasi_snapshot_preview1" "sock_accept" ');

function guest(wasi: WasiOptions) {
  const { engine, module } = load(unstable);
  return new Wasi(new Linker(engine).defineWasi().instantiate(new Store(engine, { wasi }), module).exports);
}

test("run takes commands of preview 0", async (t) => {
  const said = command("(call $print (i32.const 1) (i32.const 1024) (i32.const 5)) (call $proc_exit (i32.const 3))", { data: "hello", space: "wasi_unstable" });
  const file = artifact(said.replace(/\(import "wasi_unstable" "sock_accept".*\n/, ""));
  const options = { precompiled: true, stdout: "capture", stdin: "ignore" } as const;
  for (const result of [await run(file, options), runSync(file, options)]) t.deepEqual(result, { exitCode: 3, stdout: Buffer.from("hello") });
});

test("arguments, environment and files are as in preview 1", (t) => {
  const dir = folder(t);
  const wasi = guest({ args: ["a"], env: { K: "V" }, dirs: { "/": { host: dir, access: "read-write" } } });
  t.deepEqual(wasi.list("args"), ["", "a"]);
  t.deepEqual(wasi.list("environ"), ["K=V"]);
  const fd = wasi.open("file", { create: true, write: true });
  t.is(wasi.write(fd, "text"), 0);
  t.is(statSync(join(dir, "file")).size, 4);
});

test("fd_seek counts from the current place with 0, from the end with 1, from the start with 2", (t) => {
  const dir = folder(t);
  writeFileSync(join(dir, "file"), "0123456789");
  const wasi = guest({ dirs: { "/": dir } });
  const fd = wasi.open("file");
  const seek = (offset: bigint, whence: number) => wasi.exports.fd_seek(fd, offset, whence, 0) || [wasi.u32(0)];
  t.deepEqual(seek(4n, 2), [4]);
  t.deepEqual(seek(3n, 0), [7]);
  t.deepEqual(seek(-1n, 1), [9]);
  t.throws(() => seek(0n, 3), { message: /Invalid enum value Whence/ });
});

test("the status of a file has 56 bytes, and no more of memory is written", (t) => {
  const dir = folder(t);
  writeFileSync(join(dir, "file"), "0123456789");
  const wasi = guest({ dirs: { "/": dir } });
  const fd = wasi.open("file");
  const { mtimeMs } = statSync(join(dir, "file"));
  const inodes = new Set<bigint>();
  const end = wasi.memory.byteLength;
  for (const at of [4096, end - 56]) {
    const length = wasi.memory.writeString(1024, "file");
    for (const get of [() => wasi.exports.fd_filestat_get(fd, at), () => wasi.exports.path_filestat_get(3, 0, 1024, length, at)]) {
      wasi.memory.write(at, Buffer.alloc(56, 0xff));
      if (at + 64 <= end) wasi.memory.write(at + 56, Buffer.alloc(8, 0xff));
      t.is(get(), 0);
      const stat = wasi.memory.read(at, 56);
      inodes.add(stat.readBigUInt64LE(8));
      t.deepEqual([stat[16], stat.readUInt32LE(20), Number(stat.readBigUInt64LE(24))], [4, 1, 10]);
      t.is(Number(stat.readBigUInt64LE(40) / 1_000_000n), Math.floor(mtimeMs));
      if (at + 64 <= end) t.deepEqual(wasi.memory.read(at + 56, 8), Buffer.alloc(8, 0xff));
    }
  }
  t.is(inodes.size, 1);
  t.is(wasi.exports.fd_filestat_get(99, 4096), 8);
  t.throws(() => wasi.exports.fd_filestat_get(fd, end - 55));
  const missing = wasi.memory.writeString(1024, "none");
  t.is(wasi.exports.path_filestat_get(3, 0, 1024, missing, 4096), 44);
  t.is(wasi.exports.path_filestat_get(3, 0, 1024, 70_000, 4096), 37);
  t.throws(() => wasi.exports.path_filestat_get(3, 0, end - 2, 4, 4096));
});

test("subscriptions have 56 bytes, with an identifier before the clock", (t) => {
  const wasi = guest({ stdin: "text" });
  const subscription = (userdata: bigint, type: number, write: (view: DataView) => void) => {
    const view = new DataView(new ArrayBuffer(56));
    view.setBigUint64(0, userdata, true);
    view.setUint8(8, type);
    write(view);
    return Buffer.from(view.buffer);
  };
  const clock = (userdata: bigint, ms: number) =>
    subscription(userdata, 0, (view) => {
      view.setBigUint64(16, 0xffff_ffff_ffffn, true);
      view.setUint32(24, 1, true);
      view.setBigUint64(32, BigInt(ms) * 1_000_000n, true);
    });
  const read = (userdata: bigint, fd: number) => subscription(userdata, 1, (view) => view.setUint32(16, fd, true));
  const poll = (...subscriptions: Buffer[]) => {
    wasi.memory.write(1024, Buffer.concat(subscriptions));
    const error = wasi.exports.poll_oneoff(1024, 4096, subscriptions.length, 0);
    return error || Array.from({ length: wasi.u32(0) }, (_, i) => [wasi.u32(4096 + i * 32), wasi.memory.read(4096 + i * 32 + 10, 1)[0]]);
  };
  t.deepEqual(poll(clock(7n, 1)), [[7, 0]]);
  t.deepEqual(poll(clock(7n, 60_000), read(8n, 0)), [[8, 1]]);
  t.deepEqual(poll(clock(9n, 1), clock(10n, 60_000)), [[9, 0]]);
  t.is(poll(), 28);
  t.is(poll(read(8n, 77)), 8);
  t.is(wasi.exports.poll_oneoff(1024, 4096, 100_000, 0), 48);
});
