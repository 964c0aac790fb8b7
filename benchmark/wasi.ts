// What WASI moves in a second: a guest reads a file, writes one, and writes to its stdout, in blocks of 64 KiB, by cwasm and by Node
// itself. Files are in memory where the system has such a folder. Options: --mb=N, --rounds=N.

import { existsSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { WASI } from "node:wasi";
import { Engine, Linker, Module, Store, variant, version } from "@cwasm/wasmtime";
import { V8, markdown, median, ms, times } from "./measure.js";
import { wasm } from "./wasm.js";

const { values } = parseArgs({ options: { mb: { type: "string", default: "256" }, rounds: { type: "string", default: "9" } } });
const mb = Number(values.mb);
const rounds = Number(values.rounds);
if (!(mb > 0 && rounds > 0)) throw new Error("--mb and --rounds are numbers");

/** `read FD` and `write FD` move so many blocks of 64 KiB. */
const wat = `(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 4) (data (i32.const 1024) "file")
  (func (export "open") (param $rights i64) (result i32)
    (if (call $path_open (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 4) (i32.const 0) (local.get $rights) (local.get $rights) (i32.const 0) (i32.const 512))
      (then (unreachable)))
    (i32.load (i32.const 512)))
  (func (export "rewind") (param i32) (drop (call $fd_seek (local.get 0) (i64.const 0) (i32.const 0) (i32.const 520))))
  (func (export "read") (param $fd i32) (param $blocks i32) (result i64) (local $sum i64)
    (i32.store (i32.const 0) (i32.const 65536)) (i32.store (i32.const 4) (i32.const 65536))
    (loop
      (if (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)) (then (unreachable)))
      (local.set $sum (i64.add (local.get $sum) (i64.load32_u (i32.const 8))))
      (br_if 0 (local.tee $blocks (i32.sub (local.get $blocks) (i32.const 1)))))
    (local.get $sum))
  (func (export "write") (param $fd i32) (param $blocks i32) (result i64) (local $sum i64)
    (i32.store (i32.const 0) (i32.const 65536)) (i32.store (i32.const 4) (i32.const 65536))
    (loop
      (if (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)) (then (unreachable)))
      (local.set $sum (i64.add (local.get $sum) (i64.load32_u (i32.const 8))))
      (br_if 0 (local.tee $blocks (i32.sub (local.get $blocks) (i32.const 1)))))
    (local.get $sum)))`;

interface Guest {
  open(rights: bigint): number;
  rewind(fd: number): void;
  read(fd: number, blocks: number): bigint;
  write(fd: number, blocks: number): bigint;
}
const folder = "/dev/shm";
const dir = mkdtempSync(join(existsSync(folder) ? folder : tmpdir(), "cwasm-wasi-"));
const blocks = mb * 16;
for (const name of ["file", "out"]) writeFileSync(join(dir, name), Buffer.alloc(mb << 20, 1));
const stdout = join(dir, "out");
const bytes = wasm(wat);

function ours(): Guest {
  const engine = new Engine();
  const store = new Store(engine, { wasi: { dirs: { "/": { host: dir, access: "read-write" } }, stdout: { file: stdout } } });
  return new Linker(engine).defineWasi().instantiate(store, Module.deserialize(engine, engine.precompileSync(bytes))).exports;
}
function nodes(): Guest {
  const wasi = new WASI({ version: "preview1", preopens: { "/": dir }, stdout: openSync(stdout, "w") });
  const instance = new V8.Instance(new V8.Module(bytes), wasi.getImportObject() as any) as { exports: any };
  wasi.initialize(instance);
  return instance.exports;
}

const READ = 1n << 1n | 1n << 2n;
const WRITE = READ | 1n << 6n;
const names = ["`fd_read` of a file", "`fd_write` to a file", "`fd_write` to stdout, a file"] as const;
function cases(guest: Guest): (() => bigint)[] {
  const [input, output] = [guest.open(READ), guest.open(WRITE)];
  const from = (fd: number, act: () => bigint) => () => (guest.rewind(fd), act());
  return [from(input, () => guest.read(input, blocks)), from(output, () => guest.write(output, blocks)), () => (truncateSync(stdout), guest.write(1, blocks))];
}

try {
  const ways = { "`node:wasi`": cases(nodes()), cwasm: cases(ours()) };
  const taken = new Map<string, number[][]>(Object.keys(ways).map((way) => [way, names.map(() => [])]));
  for (let round = 0; round < rounds; round++) {
    for (const [i] of names.entries()) {
      for (const [way, list] of Object.entries(ways)) {
        const start = process.hrtime.bigint();
        const moved = list[i]!();
        taken.get(way)![i]!.push(Number(process.hrtime.bigint() - start));
        if (moved !== BigInt(mb) << 20n) throw new Error(`${way} moved ${moved} bytes`);
      }
    }
  }
  const { node, v8 } = process.versions;
  console.log(`Node ${node} (V8 ${v8}), cwasm ${version}, ${variant}, ${process.platform} ${process.arch}, median of ${rounds} rounds`);
  const of = (way: string, i: number) => median(taken.get(way)![i]!);
  const rows = names.map((name, i) => [name, ms(of("`node:wasi`", i)), ms(of("cwasm", i)), times(of("`node:wasi`", i) / of("cwasm", i))]);
  markdown(`${mb} MB in blocks of 64 KiB`, ["", "`node:wasi` ms", "cwasm ms", "node:wasi / cwasm"], rows);
} finally {
  rmSync(dir, { recursive: true });
}
