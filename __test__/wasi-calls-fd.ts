// WASI's calls, as tables (wasi-calls.ts): descriptors, and what is known of them.

import { statSync } from "node:fs";
import {
  BUF,
  type Guest,
  OUT,
  type Row,
  type Table,
  buffer,
  contents,
  fd,
  fdflags,
  filetypes,
  fstflags,
  of,
  out,
  pieces,
  rights,
} from "./wasi-calls.js";

type Kind = keyof typeof fd;
const stat = (g: Guest) => statSync(g.host("file"), { bigint: true });
const second = 1_000_000_000n;
/** 2001-02-03T04:05:06.000000007Z: a file's time keeps the nanoseconds. */
const time = 981173106000000007n;
const seeks = (from: bigint, whence: number, to: bigint, start: bigint): Row => [
  `by ${from} from the ${["start", "current place", "end"][whence]}`,
  [fd.file, from, whence, out],
  "SUCCESS",
  (g, t) => {
    t.is(g.u64(OUT), to);
    t.is(g.call("fd_tell", [fd.file, out]), "SUCCESS");
    t.is(g.u64(OUT), to);
  },
  (g) => g.call("fd_seek", [fd.file, start, 0, out]),
];

export const table: Table = {
  fd_advise: [
    ...[0, 1, 2, 3, 4, 5].map((advice): Row => [
      `with advice ${advice}`,
      [fd.file, 2n, 4n, advice],
      "SUCCESS",
      (g, t) => t.is(contents(g), "0123456789"),
    ]),
    ["to the end of the file", [fd.file, 0n, 0n, 0], "SUCCESS"],
    ["with no such advice", [fd.file, 0n, 0n, 6], "TRAP"], // WASI: INVAL, here and for all such numbers
    ...of((of) => [of, 0n, 4n, 0], { stdin: "BADF", dir: "BADF", sub: "BADF" }), // POSIX: SPIPE of a pipe
  ],
  // Wasmtime refuses it everywhere; WASI: as posix_fallocate.
  fd_allocate: [...of((of) => [of, 0n, 100n], { file: "NOTSUP", reader: "NOTSUP", roFile: "NOTSUP", stdin: "BADF", dir: "BADF" })],
  fd_close: [
    ["of a file, which can't be used further", [fd.file], "SUCCESS", (g, t) => t.is(g.call("fd_read", [fd.file, pieces(4), out]), "BADF")],
    ["of a granted directory", [fd.dir], "SUCCESS", (g, t) => t.is(g.call("fd_prestat_get", [fd.dir, out]), "BADF")],
    ["of stdout", [fd.stdout], "SUCCESS", (g, t) => t.is(g.call("fd_write", [fd.stdout, pieces("x"), out]), "BADF")],
    ["for the second time", [fd.file], "BADF", undefined, (g) => g.call("fd_close", [fd.file])],
    [
      "of a directory that an open file is in, which stays open",
      [fd.dir],
      "SUCCESS",
      (g, t) => t.is(g.call("fd_read", [fd.file, pieces(4), out]), "SUCCESS"),
    ],
  ],
  fd_datasync: of((of) => [of], { file: "SUCCESS", reader: "SUCCESS", roFile: "SUCCESS", stdin: "BADF", stdout: "BADF", dir: "BADF" }), // POSIX: INVAL of a pipe
  fd_sync: of((of) => [of], { file: "SUCCESS", reader: "SUCCESS", roFile: "SUCCESS", stdin: "BADF", stdout: "BADF", dir: "BADF" }),
  fd_fdstat_get: (
    [
      ["file", "file", 0, (right) => (right & rights.BOTH) === rights.BOTH],
      ["reader", "file", 0, (right) => (right & rights.BOTH) === rights.READ],
      ["writer", "file", 0, (right) => (right & rights.BOTH) === rights.WRITE],
      ["appender", "file", fdflags.APPEND, (right) => (right & rights.BOTH) === rights.BOTH],
      ["roFile", "file", 0, (right) => (right & rights.BOTH) === rights.READ],
      ["dir", "directory", 0, (right) => (right & (1n << 13n)) !== 0n],
      ["sub", "directory", 0, (right) => (right & (1n << 13n)) !== 0n],
      ["stdin", "unknown", 0, (right) => right === rights.READ],
      ["stdout", "unknown", 0, (right) => right === rights.WRITE],
    ] as [Kind, string, number, (rights: bigint) => boolean][]
  ).map(([kind, type, flags, has]): Row => [
    `of ${kind}`,
    [fd[kind], out],
    "SUCCESS",
    (g, t) => {
      const bytes = g.memory.read(OUT, 24);
      t.deepEqual([filetypes[bytes[0]!], bytes.readUInt16LE(2)], [type, flags]);
      t.true(has(bytes.readBigUInt64LE(8)), bytes.readBigUInt64LE(8).toString(2));
    },
  ]),
  fd_fdstat_set_flags: [
    [
      "to APPEND: what is written goes to the end",
      [fd.file, fdflags.APPEND],
      "SUCCESS",
      (g, t) => {
        t.is(g.call("fd_write", [fd.file, pieces("!"), out]), "SUCCESS");
        t.is(contents(g), "0123456789!");
      },
    ],
    [
      "to none",
      [fd.appender, 0],
      "SUCCESS",
      (g, t) => (g.call("fd_write", [fd.appender, pieces("!"), out]), t.is(contents(g), "!123456789")),
    ],
    [
      "to NONBLOCK",
      [fd.file, fdflags.NONBLOCK],
      "SUCCESS",
      (g, t) => (g.call("fd_fdstat_get", [fd.file, out]), t.is(g.u32(OUT) >>> 16, fdflags.NONBLOCK)),
    ],
    ...(["DSYNC", "SYNC", "RSYNC"] as const).map((flag): Row => [`to ${flag}`, [fd.file, fdflags[flag]], "INVAL"]),
    ["to flags that are none", [fd.file, 32], "TRAP"],
    ...of((of) => [of, 0], { stdin: "BADF", stdout: "BADF", dir: "BADF" }), // POSIX: of any descriptor
  ],
  // WASI: rights can be dropped. Wasmtime, as preview 1's last version says, has no rights.
  fd_fdstat_set_rights: [
    ...of((of) => [of, 0n, 0n], { file: "NOTSUP", dir: "NOTSUP", stdin: "BADF" }),
    ["to rights that are none", [fd.file, 1n << 60n, 0n], "TRAP"],
  ],
  fd_filestat_get: [
    [
      "of a file",
      [fd.file, out],
      "SUCCESS",
      (g, t) => {
        const { mtimeNs, atimeNs } = stat(g);
        t.deepEqual([filetypes[g.u32(16) & 255], g.u64(24), g.u64(32)], ["file", 1n, 10n]);
        t.deepEqual([g.u64(40), g.u64(48)], [atimeNs, mtimeNs]);
      },
    ],
    ["of a directory", [fd.sub, out], "SUCCESS", (g, t) => t.is(filetypes[g.u32(16) & 255], "directory")],
    ...(["stdin", "stdout", "stderr"] as const).map((kind): Row => [
      `of ${kind}, about which nothing is told`,
      [fd[kind], out],
      "SUCCESS",
      (g, t) =>
        t.deepEqual(
          [filetypes[g.u32(16) & 255], ...[0, 8, 24, 32, 40, 48, 56].map((at) => g.u64(at))],
          ["unknown", 0n, 0n, 0n, 0n, 0n, 0n, 0n],
        ),
      (g) => g.memory.write(OUT, Buffer.alloc(64, 255)),
    ]),
  ],
  fd_filestat_set_size: [
    ["to less", [fd.file, 4n], "SUCCESS", (g, t) => t.is(contents(g), "0123")],
    ["to more, which is zeros", [fd.file, 12n], "SUCCESS", (g, t) => t.is(contents(g), "0123456789\0\0")],
    ["to nothing", [fd.writer, 0n], "SUCCESS", (g, t) => t.is(contents(g), "")],
    ["to 2^64-1", [fd.file, -1n], "INVAL"],
    ...of((of) => [of, 0n], { reader: "INVAL", roFile: "PERM", stdin: "BADF", stdout: "BADF", dir: "BADF", sub: "BADF" }), // WASI: ROFS or NOTCAPABLE; POSIX: ISDIR
  ],
  fd_filestat_set_times: [
    [
      "to those given",
      [fd.file, time, time + second, fstflags.ATIM | fstflags.MTIM],
      "SUCCESS",
      (g, t) => t.deepEqual([stat(g).atimeNs, stat(g).mtimeNs], [time, time + second]),
    ],
    [
      "of reading alone",
      [fd.file, time, 1n, fstflags.ATIM],
      "SUCCESS",
      (g, t) => t.true(stat(g).atimeNs === time && stat(g).mtimeNs > time),
    ],
    ["to now", [fd.file, 0n, 0n, fstflags.ATIM_NOW | fstflags.MTIM_NOW], "SUCCESS", (g, t) => t.true(stat(g).mtimeNs > time)],
    ["of nothing", [fd.file, time, time, 0], "SUCCESS", (g, t) => t.true(stat(g).mtimeNs > time)],
    ["of a file open for reading", [fd.reader, time, time, fstflags.MTIM], "SUCCESS", (g, t) => t.is(stat(g).mtimeNs, time)],
    [
      "of a directory",
      [fd.sub, time, time, fstflags.MTIM],
      "SUCCESS",
      (g, t) => t.is(statSync(g.host("full"), { bigint: true }).mtimeNs, time),
    ],
    ["to one given and now", [fd.file, time, time, fstflags.ATIM | fstflags.ATIM_NOW], "INVAL"],
    ["to one given and now, of writing", [fd.file, time, time, fstflags.MTIM | fstflags.MTIM_NOW], "INVAL"],
    ["with flags that are none", [fd.file, time, time, 16], "TRAP"],
    ...of((of) => [of, time, time, fstflags.MTIM], { stdin: "BADF", roFile: "PERM", ro: "PERM", roDir: "PERM" }),
  ],
  fd_prestat_get: [
    ["of a granted directory", [fd.dir, out], "SUCCESS", (g, t) => t.deepEqual([g.u32(OUT), g.u32(4)], [0, 3])],
    ...of((of) => [of, out], { sub: "BADF", file: "BADF", stdin: "BADF" }), // WASI: NOTSUP of what was not granted
  ],
  fd_prestat_dir_name: [
    ["of a granted directory", [fd.ro, buffer, 3], "SUCCESS", (g, t) => t.is(g.textAt(BUF, 4), "/ro\0")],
    ["with room for more", [fd.ro, buffer, 30], "SUCCESS", (g, t) => t.is(g.textAt(BUF, 4), "/ro\0")],
    ["with too little room", [fd.ro, buffer, 2], "NAMETOOLONG", (g, t) => t.is(g.textAt(BUF, 1), "\0")],
    ...of((of) => [of, buffer, 3], { sub: "NOTDIR", file: "NOTDIR", stdin: "NOTDIR" }), // WASI: BADF
  ],
  fd_renumber: [
    [
      "over an open file, which is closed",
      [fd.sub, fd.file],
      "SUCCESS",
      (g, t) => {
        t.is(g.call("fd_readdir", [fd.file, buffer, 4096, 0n, out]), "SUCCESS");
        t.is(g.call("fd_close", [fd.sub]), "BADF");
      },
    ],
    [
      "of stdout to a file",
      [fd.file, fd.stdout],
      "SUCCESS",
      (g, t) => (g.call("fd_write", [fd.stdout, pieces("x"), out]), t.is(contents(g), "x123456789")),
    ],
    ["to itself", [fd.file, fd.file], "SUCCESS", (g, t) => t.is(g.call("fd_read", [fd.file, pieces(4), out]), "SUCCESS")],
    [
      "of a directory to a granted one's number",
      [fd.sub, fd.dir],
      "SUCCESS",
      (g, t) => t.is(g.call("path_open", [fd.dir, 0, "inner", 0, rights.READ, 0n, 0, out]), "SUCCESS"),
    ],
  ],
  fd_seek: [
    seeks(4n, 0, 4n, 1n),
    seeks(4n, 1, 6n, 2n),
    seeks(-2n, 1, 1n, 3n),
    seeks(-4n, 2, 6n, 0n),
    seeks(90n, 2, 100n, 0n),
    ["before the start", [fd.file, -1n, 0, out], "INVAL"],
    ["before the start, from the current place", [fd.file, -1n, 1, out], "INVAL"],
    ["before the start, from the end", [fd.file, -11n, 2, out], "INVAL"],
    ["with no such whence", [fd.file, 0n, 3, out], "TRAP"],
    ...of((of) => [of, 0n, 0, out], { stdin: "SPIPE", stdout: "SPIPE", stderr: "SPIPE", dir: "BADF", sub: "BADF" }), // WASI: NOTCAPABLE; POSIX: success
  ],
  fd_tell: [
    ["of a file", [fd.file, out], "SUCCESS", (g, t) => t.is(g.u64(OUT), 4n), (g) => g.call("fd_read", [fd.file, pieces(4), out])],
    ...of((of) => [of, out], { stdin: "SPIPE", stdout: "SPIPE", dir: "BADF", sub: "BADF" }),
  ],
};
