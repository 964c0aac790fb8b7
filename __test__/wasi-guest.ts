// Guests for the specs of WASI: one whose exports are WASI's functions, driven from JavaScript, and small commands.

import type { Memory } from "../index.js";

const i = "i32";
const I = "i64";
/** All functions of preview 1 but proc_exit. */
export const signatures: Record<string, string[]> = {
  args_get: [i, i],
  args_sizes_get: [i, i],
  environ_get: [i, i],
  environ_sizes_get: [i, i],
  clock_res_get: [i, i],
  clock_time_get: [i, I, i],
  fd_advise: [i, I, I, i],
  fd_allocate: [i, I, I],
  fd_close: [i],
  fd_datasync: [i],
  fd_fdstat_get: [i, i],
  fd_fdstat_set_flags: [i, i],
  fd_fdstat_set_rights: [i, I, I],
  fd_filestat_get: [i, i],
  fd_filestat_set_size: [i, I],
  fd_filestat_set_times: [i, I, I, i],
  fd_pread: [i, i, i, I, i],
  fd_prestat_get: [i, i],
  fd_prestat_dir_name: [i, i, i],
  fd_pwrite: [i, i, i, I, i],
  fd_read: [i, i, i, i],
  fd_readdir: [i, i, i, I, i],
  fd_renumber: [i, i],
  fd_seek: [i, I, i, i],
  fd_sync: [i],
  fd_tell: [i, i],
  fd_write: [i, i, i, i],
  path_create_directory: [i, i, i],
  path_filestat_get: [i, i, i, i, i],
  path_filestat_set_times: [i, i, i, i, I, I, i],
  path_link: [i, i, i, i, i, i, i],
  path_open: [i, i, i, i, i, I, I, i, i],
  path_readlink: [i, i, i, i, i, i],
  path_remove_directory: [i, i, i],
  path_rename: [i, i, i, i, i, i],
  path_symlink: [i, i, i, i, i],
  path_unlink_file: [i, i, i],
  poll_oneoff: [i, i, i, i],
  proc_raise: [i],
  random_get: [i, i],
  sched_yield: [],
  sock_accept: [i, i, i],
  sock_recv: [i, i, i, i, i, i],
  sock_send: [i, i, i, i, i],
  sock_shutdown: [i, i],
};
const each = (text: (name: string, types: string[]) => string) =>
  Object.entries(signatures)
    .map(([name, types]) => text(name, types))
    .join("\n");
const imported = (space: string) =>
  `${each((name, types) => `(import "${space}" "${name}" (func $${name} (param ${types.join(" ")}) (result i32)))`)}
  (import "${space}" "proc_exit" (func $proc_exit (param i32)))`;

/** Exports each function of WASI under its name; they need a memory of the guest that calls them. */
export const everything = `(module ${imported("wasi_snapshot_preview1")} (memory (export "memory") 2)
  ${each((name, types) => `(func (export "${name}") (param ${types.join(" ")}) (result i32) ${types.map((_, n) => `(local.get ${n})`).join(" ")} (call $${name}))`)}
  (func (export "proc_exit") (param i32) (call $proc_exit (local.get 0))))`;

/** What a guest can do with `everything`, in JavaScript's words. Numbers returned are WASI's error numbers, 0 for success. */
export class Wasi {
  constructor(readonly exports: any) {}
  get memory(): Memory {
    return this.exports.memory;
  }
  private text(at: number, text: string): [number, number] {
    return [at, this.memory.writeString(at, text)];
  }
  u32(at: number): number {
    return this.memory.read(at, 4).readUInt32LE();
  }
  /** Strings of args_get or environ_get. */
  list(what: "args" | "environ"): string[] {
    this.exports[`${what}_sizes_get`](0, 4);
    const [count, size] = [this.u32(0), this.u32(4)];
    this.exports[`${what}_get`](16, 4096);
    return this.memory.readString(4096, size).split("\0").slice(0, count);
  }
  write(fd: number, text: string): number {
    const [at, length] = this.text(1024, text);
    this.memory.write(0, new Uint8Array(new Uint32Array([at, length]).buffer));
    return this.exports.fd_write(fd, 0, 1, 8);
  }
  /** What is read, or the error's number. */
  read(fd: number, length = 1000): string | number {
    this.memory.write(0, new Uint8Array(new Uint32Array([1024, length]).buffer));
    return this.exports.fd_read(fd, 0, 1, 8) || this.memory.readString(1024, this.u32(8));
  }
  /** The names of the directories granted, which are fds 3, 4, … */
  preopens(): string[] {
    const names = [];
    for (let fd = 3; this.exports.fd_prestat_get(fd, 0) === 0; fd++) {
      const length = this.u32(4);
      this.exports.fd_prestat_dir_name(fd, 1024, length);
      names.push(this.memory.readString(1024, length));
    }
    return names;
  }
  /** A descriptor (from 4), or an error's number, negated. `rights` are reading and writing. */
  open(path: string, { create = false, truncate = false, directory = false, write = false, follow = true, fd = 3 } = {}): number {
    const flags = (create ? 1 : 0) | (directory ? 2 : 0) | (truncate ? 8 : 0);
    const rights = (1n << 1n) | (write ? 1n << 6n : 0n);
    return -this.exports.path_open(fd, follow ? 1 : 0, ...this.text(1024, path), flags, rights, rights, 0, 0) || this.u32(0);
  }
  on(name: "path_create_directory" | "path_remove_directory" | "path_unlink_file", path: string): number {
    return this.exports[name](3, ...this.text(1024, path));
  }
  rename(from: string, to: string): number {
    return this.exports.path_rename(3, ...this.text(1024, from), 3, ...this.text(2048, to));
  }
  symlink(target: string, path: string): number {
    return this.exports.path_symlink(...this.text(1024, target), 3, ...this.text(2048, path));
  }
  link(from: string, to: string): number {
    return this.exports.path_link(3, 0, ...this.text(1024, from), 3, ...this.text(2048, to));
  }
  stat(path: string, follow = true): number {
    return this.exports.path_filestat_get(3, follow ? 1 : 0, ...this.text(1024, path), 0);
  }
  readlink(path: string): string | number {
    return this.exports.path_readlink(3, ...this.text(1024, path), 2048, 1000, 0) || this.memory.readString(2048, this.u32(0));
  }
  /** The names in a directory. */
  entries(fd = 3): string[] {
    const names = [];
    const error = this.exports.fd_readdir(fd, 1024, 8192, 0n, 0);
    if (error) throw new Error(`readdir: ${error}`);
    for (let at = 1024, end = 1024 + this.u32(0); at + 24 <= end;) {
      const length = this.u32(at + 16);
      names.push(this.memory.readString(at + 24, length));
      at += 24 + length;
    }
    return names.sort();
  }
  /** Waits so long for the clock; the error's number and the number of events. */
  sleep(ms: number): [error: number, events: number] {
    const subscription = new DataView(new ArrayBuffer(48));
    subscription.setBigUint64(0, 77n, true);
    subscription.setUint32(16, 1, true);
    subscription.setBigUint64(24, BigInt(ms) * 1_000_000n, true);
    this.memory.write(1024, new Uint8Array(subscription.buffer));
    return [this.exports.poll_oneoff(1024, 2048, 1, 0), this.u32(0)];
  }
  touch(path: string): number {
    return this.exports.path_filestat_set_times(3, 1, ...this.text(1024, path), 0n, 0n, 8 | 2);
  }
}

/** A command; `body` may use `$print` (fd, address, length) and WASI's functions. Data begins at 1024. */
export const command = (body: string, { data = "", pages = 1, space = "wasi_snapshot_preview1", extra = "" } = {}) => `(module
  ${imported(space)} ${extra} (memory (export "memory") ${pages}) (data (i32.const 1024) "${data}")
  (func $print (param i32 i32 i32)
    (i32.store (i32.const 0) (local.get 1)) (i32.store (i32.const 4) (local.get 2))
    (drop (call $fd_write (local.get 0) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_start") ${body}))`;

/** Says "out" and "err" where they belong. */
export const hello = command(
  `(call $print (i32.const 1) (i32.const 1024) (i32.const 4)) (call $print (i32.const 2) (i32.const 1028) (i32.const 4))`,
  { data: "out\\0aerr\\0a" },
);
export const exit = (code: number) => command(`(call $proc_exit (i32.const ${code}))`);
/** Copies stdin to stdout. */
export const cat = command(`(loop
  (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 4096))
  (if (i32.eqz (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (then (if (i32.load (i32.const 8)) (then
      (call $print (i32.const 1) (i32.const 1024) (i32.load (i32.const 8)))
      (br 2))))))`);
/** Prints its arguments, or its environment, each with a NUL behind it. */
export const print = (what: "args" | "environ") =>
  command(`
  (drop (call $${what}_sizes_get (i32.const 16) (i32.const 20)))
  (drop (call $${what}_get (i32.const 1024) (i32.const 8192)))
  (call $print (i32.const 1) (i32.const 8192) (i32.load (i32.const 20)))`);
/** Sleeps for a moment, then says so. */
export const sleep = command(
  `(i32.store (i32.const 2064) (i32.const 1)) (i64.store (i32.const 2072) (i64.const 20000000))
  (drop (call $poll_oneoff (i32.const 2048) (i32.const 4096) (i32.const 1) (i32.const 16)))
  (call $print (i32.const 1) (i32.const 1024) (i32.const 5))`,
  { data: "awake" },
);
export const spin = (times: number) =>
  command(`(local i32) (local.set 0 (i32.const ${times}))
  (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))`);
