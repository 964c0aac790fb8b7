// WASI's calls, as tables (wasi-calls.ts): reading and writing, and the names in a directory.

import { appendFileSync } from "node:fs";
import { BUF, type Guest, OUT, type Row, type Table, buffer, contents, fd, filetypes, of, out, pieces, rights } from "./wasi-calls.js";

const most = (1n << 63n) - 1n;
const read: Row[3] = (g, t) => t.deepEqual([g.u32(OUT), g.textAt(BUF, 5)], [4, "0123\0"]);
const wrote =
  (text: string, length: number): Row[3] =>
  (g, t) =>
    t.deepEqual([contents(g), g.u32(OUT)], [text, length]);
/** The names in what fd_readdir has written, with their kinds and the cookies behind them. */
function entries(g: Guest, length = g.u32(OUT)) {
  const list: [name: string, kind: string, next: bigint][] = [];
  for (let at = BUF; at + 24 <= BUF + length; at += 24 + g.u32(at + 16))
    list.push([g.textAt(at + 24, g.u32(at + 16)), filetypes[g.memory.read(at + 20, 1)[0]!]!, g.u64(at)]);
  return list;
}
const names = [".", "..", "dangling", "dirlink", "file", "full", "link", "loop", "out", "sub"];

export const table: Table = {
  fd_pread: [
    [
      "at a place, which does not move the descriptor's own",
      [fd.file, pieces(3), 4n, out],
      "SUCCESS",
      (g, t) => {
        t.deepEqual([g.u32(OUT), g.textAt(BUF, 4)], [3, "456\0"]);
        g.call("fd_tell", [fd.file, out]);
        t.is(g.u64(OUT), 0n);
      },
    ],
    ["across the end", [fd.file, pieces(8), 8n, out], "SUCCESS", (g, t) => t.deepEqual([g.u32(OUT), g.textAt(BUF, 3)], [2, "89\0"])],
    ["behind the end", [fd.file, pieces(8), 100n, out], "SUCCESS", (g, t) => t.is(g.u32(OUT), 0)],
    // POSIX: the rest goes into the second. Wasmtime fills one, which is a short read.
    ["into two pieces", [fd.file, pieces(2, 2), 0n, out], "SUCCESS", (g, t) => t.deepEqual([g.u32(OUT), g.textAt(BUF, 3)], [2, "01\0"])],
    ["at place 2^64-1", [fd.file, pieces(8), -1n, out], "INVAL"],
    ["into no bytes", [fd.file, pieces(), 0n, out], "SUCCESS", (g, t) => t.is(g.u32(OUT), 0)],
    ["of more pieces than there is memory for", [fd.file, { slots: [BUF, 1 << 28] }, 0n, out], "NOMEM"],
    ...of((of) => [of, pieces(8), 0n, out], { writer: "BADF", stdin: "SPIPE", stdout: "BADF", dir: "BADF" }), // POSIX: ISDIR
  ],
  fd_pwrite: [
    ["at a place", [fd.file, pieces("ab"), 4n, out], "SUCCESS", wrote("0123ab6789", 2)],
    ["behind the end, which fills with zeros", [fd.file, pieces("ab"), 11n, out], "SUCCESS", wrote("0123456789\0ab", 2)],
    ["of a file that appends, at its end", [fd.appender, pieces("ab"), 0n, out], "SUCCESS", wrote("0123456789ab", 2)], // as Linux; POSIX: at its place
    ["of two pieces", [fd.file, pieces("ab", "cd"), 0n, out], "SUCCESS", wrote("ab23456789", 2)], // the first: a short write
    ["of nothing", [fd.file, pieces(), 0n, out], "SUCCESS", wrote("0123456789", 0)],
    ["at place 2^64-1", [fd.file, pieces("ab"), -1n, out], "INVAL"],
    ["of more pieces than there is memory for", [fd.file, { slots: [BUF, 1 << 28] }, 0n, out], "NOMEM"],
    ...of((of) => [of, pieces("ab"), 0n, out], { reader: "BADF", roFile: "BADF", stdin: "BADF", stdout: "SPIPE", dir: "BADF" }),
  ],
  fd_read: [
    ["from a file", [fd.file, pieces(4), out], "SUCCESS", read],
    ["from a file that may not be written", [fd.roFile, pieces(4), out], "SUCCESS", read],
    ["from stdin", [fd.stdin, pieces(3), out], "SUCCESS", (g, t) => t.deepEqual([g.u32(OUT), g.textAt(BUF, 4)], [3, "inp\0"])],
    [
      "where the last ended",
      [fd.file, pieces(4), out],
      "SUCCESS",
      (g, t) => t.is(g.textAt(BUF, 4), "4567"),
      (g) => g.call("fd_read", [fd.file, pieces(4), out]),
    ],
    ["across the end", [fd.file, pieces(20), out], "SUCCESS", (g, t) => t.deepEqual([g.u32(OUT), g.textAt(BUF, 10)], [10, "0123456789"])],
    ["at the end", [fd.file, pieces(20), out], "SUCCESS", (g, t) => t.is(g.u32(OUT), 0), (g) => g.call("fd_seek", [fd.file, 0n, 2, out])],
    [
      "from stdin at its end",
      [fd.stdin, pieces(20), out],
      "SUCCESS",
      (g, t) => t.is(g.u32(OUT), 0),
      (g) => g.call("fd_read", [fd.stdin, pieces(20), out]),
    ],
    [
      "into the first piece that is not empty",
      [fd.file, pieces(0, 3, 3), out],
      "SUCCESS",
      (g, t) => t.deepEqual([g.u32(OUT), g.textAt(BUF, 4)], [3, "012\0"]),
    ],
    ["into no bytes", [fd.file, pieces(0, 0), out], "SUCCESS", (g, t) => t.is(g.u32(OUT), 0)],
    ["into no bytes, from stdin", [fd.stdin, pieces(), out], "INTR"], // POSIX: 0 bytes
    ["into more pieces than there is memory for", [fd.file, { slots: [BUF, 1 << 28] }, out], "NOMEM"],
    ...of((of) => [of, pieces(4), out], { writer: "BADF", stdout: "BADF", stderr: "BADF", dir: "BADF", sub: "BADF" }), // POSIX: ISDIR
  ],
  fd_write: [
    ["to a file", [fd.file, pieces("abc"), out], "SUCCESS", wrote("abc3456789", 3)],
    ["to a file open for writing alone", [fd.writer, pieces("abc"), out], "SUCCESS", wrote("abc3456789", 3)],
    [
      "to stdout",
      [fd.stdout, pieces("☃"), out],
      "SUCCESS",
      (g, t) => t.deepEqual([g.u32(OUT), g.store.wasi!.stdout!.toString()], [3, "☃"]),
    ],
    [
      "to stderr",
      [fd.stderr, pieces("☃"), out],
      "SUCCESS",
      (g, t) => t.deepEqual([g.u32(OUT), g.store.wasi!.stderr!.toString()], [3, "☃"]),
    ],
    ["of one piece that is not empty", [fd.file, pieces("", "ab", "cd"), out], "SUCCESS", wrote("ab23456789", 2)],
    ["of nothing", [fd.stdout, pieces(), out], "SUCCESS", (g, t) => t.is(g.u32(OUT), 0)],
    [
      "where the last ended",
      [fd.file, pieces("ab"), out],
      "SUCCESS",
      wrote("abab456789", 2),
      (g) => g.call("fd_write", [fd.file, pieces("ab"), out]),
    ],
    [
      "to a file that appends and that the host has made longer",
      [fd.appender, pieces("ab"), out],
      "SUCCESS",
      wrote("0123456789+ab", 2),
      (g) => appendFileSync(g.host("file"), "+"),
    ],
    [
      "behind the last place there is",
      [fd.file, pieces("ab"), out],
      "INVAL",
      undefined,
      (g) => g.call("fd_seek", [fd.file, most - 1n, 0, out]),
    ],
    ["of more pieces than there is memory for", [fd.file, { slots: [BUF, 1 << 28] }, out], "NOMEM"],
    ...of((of) => [of, pieces("ab"), out], { reader: "BADF", roFile: "BADF", stdin: "BADF", dir: "BADF", sub: "BADF" }),
  ],
  fd_readdir: [
    [
      "of all there is",
      [fd.dir, buffer, 4096, 0n, out],
      "SUCCESS",
      (g, t) => {
        const list = entries(g);
        t.deepEqual(list.map(([name]) => name).sort(), names);
        const kinds = Object.fromEntries(list);
        t.deepEqual(
          [kinds["file"], kinds["sub"], kinds["link"], kinds["."], kinds[".."]],
          ["file", "directory", "symlink", "directory", "directory"],
        );
      },
    ],
    [
      "of an empty directory",
      [fd.dir, buffer, 4096, 0n, out],
      "SUCCESS",
      (g, t) => {
        g.call("path_open", [fd.dir, 0, "sub", 2, rights.READ, 0n, 0, out]);
        g.call("fd_readdir", [{ fd: g.u32(OUT) }, buffer, 4096, 0n, out]);
        t.deepEqual(
          entries(g).map(([name]) => name),
          [".", ".."],
        );
      },
    ],
    [
      "into too little room: what is there fills it",
      [fd.dir, buffer, 40, 0n, out],
      "SUCCESS",
      (g, t) => t.deepEqual([g.u32(OUT), g.textAt(BUF + 40, 1)], [40, "\0"]),
    ],
    [
      "from each cookie: the rest",
      [fd.dir, buffer, 4096, 0n, out],
      "SUCCESS",
      (g, t) => {
        const all = entries(g);
        all.forEach(([, , next], n) => {
          t.is(g.call("fd_readdir", [fd.dir, buffer, 4096, next, out]), "SUCCESS");
          t.deepEqual(entries(g), all.slice(n + 1));
        });
      },
    ],
    ["from a cookie that was never given", [fd.dir, buffer, 4096, 1000n, out], "SUCCESS", (g, t) => t.is(g.u32(OUT), 0)],
    ["from cookie 2^64-1", [fd.dir, buffer, 4096, -1n, out], "SUCCESS", (g, t) => t.is(g.u32(OUT), 0)],
    ["into no room", [fd.dir, buffer, 0, 0n, out], "SUCCESS", (g, t) => t.is(g.u32(OUT), 0)],
    ...of((of) => [of, buffer, 100, 0n, out], { file: "BADF", stdin: "BADF" }), // POSIX: NOTDIR
  ],
};
