// WASI's calls, as tables (wasi-calls.ts): what is done with a path. Paths that lead out are in wasi-sandbox.spec.ts, what a
// read-only directory refuses in wasi-read-only.spec.ts.

import { existsSync, lstatSync, readFileSync, readlinkSync, statSync } from "node:fs";
import {
  type Argument,
  BUF,
  FOLLOW,
  type Guest,
  OUT,
  type Outcome,
  type Row,
  type Table,
  buffer,
  fd,
  fdflags,
  filetypes,
  fstflags,
  oflags,
  out,
  pieces,
  rights,
} from "./wasi-calls.js";

const { CREAT, DIRECTORY, EXCL, TRUNC } = oflags;
const { dir, sub } = fd;
const time = 981173106000000007n;
const ns = (g: Guest, name: string, how = statSync) => (how(g.host(name), { bigint: true }) as any).mtimeNs as bigint;
const there =
  (...names: string[]): Row[3] =>
  (g, t) =>
    names.forEach((name) => t.true(existsSync(g.host(name)), name));
const gone =
  (...names: string[]): Row[3] =>
  (g, t) =>
    names.forEach((name) => t.false(existsSync(g.host(name)), name));
const contents =
  (name: string, text: string): Row[3] =>
  (g, t) =>
    t.is(readFileSync(g.host(name), "utf8"), text);
const both =
  (...checks: Row[3][]): Row[3] =>
  (g, t) =>
    checks.forEach((check) => check!(g, t));

/** path_open of a path; what is not said is to read, and not to follow links. */
const open = (path: string, { flags = 0, right = rights.READ, look = 0, fdflag = 0, from = dir } = {}): Argument[] => [
  from,
  look,
  path,
  flags,
  right,
  right,
  fdflag,
  out,
];
/** What the new descriptor reads. */
const reads =
  (text: string): Row[3] =>
  (g, t) => {
    t.is(g.call("fd_read", [{ fd: g.u32(OUT) }, pieces(100), out]), "SUCCESS");
    t.is(g.textAt(BUF, g.u32(OUT)), text);
  };
const is =
  (kind: string): Row[3] =>
  (g, t) => {
    t.is(g.call("fd_filestat_get", [{ fd: g.u32(OUT) }, out]), "SUCCESS");
    t.is(filetypes[g.u32(16) & 255], kind);
  };
const writes =
  (name: string, text: string): Row[3] =>
  (g, t) => {
    t.is(g.call("fd_write", [{ fd: g.u32(OUT) }, pieces("ab"), out]), "SUCCESS");
    t.is(readFileSync(g.host(name), "utf8"), text);
  };
const kind =
  (type: string): Row[3] =>
  (g, t) =>
    t.is(filetypes[g.u32(16) & 255], type);
const target =
  (text: string): Row[3] =>
  (g, t) =>
    t.deepEqual([g.u32(OUT), g.textAt(BUF, text.length + 1)], [text.length, `${text}\0`]);
const write = { right: rights.BOTH };

/** What is there already, by what it is. */
const taken = (call: (path: string) => Argument[], list: Record<string, Outcome>): Row[] =>
  Object.entries(list).map(([path, outcome]) => [`of ${path}`, call(path), outcome]);

export const table: Table = {
  path_create_directory: [
    ["of a new name", [dir, "new"], "SUCCESS", (g, t) => t.true(statSync(g.host("new")).isDirectory())],
    ["with a slash behind it", [dir, "new/"], "SUCCESS", there("new")],
    ["in a directory that is a link", [dir, "dirlink/new"], "SUCCESS", there("full/new")],
    ["in a directory opened before", [sub, "new"], "SUCCESS", there("full/new")],
    ["of a name in any language", [dir, "ø☃👩‍🚀"], "SUCCESS", there("ø☃👩‍🚀")],
    ...taken((path) => [dir, path], {
      file: "EXIST",
      full: "EXIST",
      "full/": "EXIST",
      link: "EXIST",
      dangling: "EXIST",
      ".": "EXIST",
      "full/..": "EXIST",
    }),
  ],
  path_filestat_get: [
    [
      "of a file",
      [dir, 0, "file", out],
      "SUCCESS",
      (g, t) => t.deepEqual([filetypes[g.u32(16) & 255], g.u64(24), g.u64(32), g.u64(48)], ["file", 1n, 10n, ns(g, "file")]),
    ],
    ["of a directory", [dir, 0, "full", out], "SUCCESS", kind("directory")],
    ["of a link, followed", [dir, FOLLOW, "link", out], "SUCCESS", kind("file")],
    ["of a link, not followed", [dir, 0, "link", out], "SUCCESS", both(kind("symlink"), (g, t) => t.is(g.u64(32), 4n))],
    ["of a link to nothing, not followed", [dir, 0, "dangling", out], "SUCCESS", kind("symlink")],
    ["of a link to nothing, followed", [dir, FOLLOW, "dangling", out], "NOENT"],
    ["of a link to itself, followed", [dir, FOLLOW, "loop", out], "LOOP"],
    ["of nothing", [dir, 0, "nothing", out], "NOENT"],
    ["of a file with a slash behind it", [dir, 0, "file/", out], "SUCCESS", kind("file")], // POSIX: NOTDIR
    ["through a link in the middle", [dir, 0, "dirlink/inner", out], "SUCCESS", kind("file")],
    ["with flags that are none", [dir, 2, "file", out], "TRAP"],
  ],
  path_filestat_set_times: [
    ["of a file", [dir, 0, "file", time, time, fstflags.MTIM], "SUCCESS", (g, t) => t.is(ns(g, "file"), time)],
    ["to now", [dir, 0, "file", 0n, 0n, fstflags.MTIM_NOW | fstflags.ATIM_NOW], "SUCCESS", (g, t) => t.true(ns(g, "file") > time)],
    ["of a directory", [dir, 0, "sub", time, time, fstflags.MTIM], "SUCCESS", (g, t) => t.is(ns(g, "sub"), time)],
    ["of a link, followed", [dir, FOLLOW, "link", time, time, fstflags.MTIM], "SUCCESS", (g, t) => t.is(ns(g, "file"), time)],
    [
      "of a link, not followed",
      [dir, 0, "link", time, time, fstflags.MTIM],
      "SUCCESS",
      (g, t) => t.true(ns(g, "file") > time && ns(g, "link", lstatSync as any) === time),
    ],
    ["of nothing", [dir, 0, "nothing", time, time, fstflags.MTIM], "NOENT"],
    ["of a link to nothing, followed", [dir, FOLLOW, "dangling", time, time, fstflags.MTIM], "NOENT"],
    ["to one given and now", [dir, 0, "file", time, time, fstflags.MTIM | fstflags.MTIM_NOW], "INVAL"],
    ["with times that are none", [dir, 0, "file", time, time, 16], "TRAP"],
    ["with flags that are none", [dir, 2, "file", time, time, fstflags.MTIM], "TRAP"],
  ],
  path_link: [
    [
      "of a file: one file with two names",
      [dir, 0, "file", dir, "new"],
      "SUCCESS",
      both(contents("new", "0123456789"), (g, t) => t.is(statSync(g.host("new")).nlink, 2)),
    ],
    ["into a directory opened before", [dir, 0, "file", sub, "new"], "SUCCESS", there("full/new")],
    ["of a link, which is not followed", [dir, 0, "link", dir, "new"], "SUCCESS", (g, t) => t.is(readlinkSync(g.host("new")), "file")],
    ["of a link, to be followed", [dir, FOLLOW, "link", dir, "new"], "INVAL", gone("new")], // POSIX: a link to the file
    ["of a directory", [dir, 0, "full", dir, "new"], "PERM", gone("new")],
    ["of nothing", [dir, 0, "nothing", dir, "new"], "NOENT"],
    ["to a name with a slash behind it", [dir, 0, "file", dir, "new/"], "NOENT"],
    ...taken((path) => [dir, 0, "file", dir, path], { file: "EXIST", full: "EXIST", dangling: "EXIST" }),
    ["with flags that are none", [dir, 2, "file", dir, "new"], "TRAP"],
  ],
  path_open: [
    ["to read", open("file"), "SUCCESS", reads("0123456789")],
    ["to write", open("file", write), "SUCCESS", writes("file", "ab23456789")],
    ["to append", open("file", { ...write, fdflag: fdflags.APPEND }), "SUCCESS", writes("file", "0123456789ab")],
    ["without rights", open("file", { right: 0n }), "SUCCESS", is("file")],
    ["of a directory", open("full", { flags: DIRECTORY }), "SUCCESS", is("directory")],
    ["of a directory, not asked to be one", open("full"), "SUCCESS", is("directory")],
    ["of the directory itself", open("."), "SUCCESS", is("directory")],
    ["of a directory to write", open("full", write), "ISDIR"],
    ["of a directory with TRUNC", open("full", { flags: TRUNC }), "ISDIR"],
    ["of a directory with CREAT", open("full", { flags: CREAT }), "ISDIR"],
    ["of a directory with CREAT and EXCL", open("full", { flags: CREAT | EXCL }), "EXIST"],
    ["of a file as a directory", open("file", { flags: DIRECTORY }), "NOTDIR"],
    ["of a file with a slash behind it", open("file/"), "NOTDIR"],
    ["of nothing", open("nothing"), "NOENT"],
    ["of nothing as a directory", open("nothing", { flags: DIRECTORY }), "NOENT"],
    ["of a new name with CREAT", open("new", { ...write, flags: CREAT }), "SUCCESS", writes("new", "ab")],
    ["of a new name with CREAT and EXCL", open("new", { ...write, flags: CREAT | EXCL }), "SUCCESS", writes("new", "ab")],
    ["of a new name with a slash, with CREAT", open("new/", { ...write, flags: CREAT }), "ISDIR", gone("new")],
    ["of a file with CREAT, which keeps it", open("file", { ...write, flags: CREAT }), "SUCCESS", reads("0123456789")],
    ["of a file with CREAT and EXCL", open("file", { flags: CREAT | EXCL }), "EXIST"],
    ["of a link with CREAT and EXCL", open("link", { flags: CREAT | EXCL, look: FOLLOW }), "EXIST"],
    ["of a link to nothing with CREAT and EXCL", open("dangling", { flags: CREAT | EXCL, look: FOLLOW }), "EXIST", gone("nothing")],
    [
      "of a link to nothing with CREAT, followed",
      open("dangling", { ...write, flags: CREAT, look: FOLLOW }),
      "SUCCESS",
      writes("nothing", "ab"),
    ],
    ["of a link to nothing with CREAT, not followed", open("dangling", { ...write, flags: CREAT }), "LOOP", gone("nothing")],
    ["with TRUNC", open("file", { ...write, flags: TRUNC }), "SUCCESS", contents("file", "")],
    ["with TRUNC, to read", open("file", { flags: TRUNC }), "SUCCESS", contents("file", "")], // POSIX: undefined
    ["with DIRECTORY and CREAT", open("new", { flags: CREAT | DIRECTORY }), "INVAL", gone("new")],
    ["with DIRECTORY and TRUNC", open("full", { flags: TRUNC | DIRECTORY }), "INVAL"],
    ["with DIRECTORY and EXCL", open("full", { flags: EXCL | DIRECTORY }), "INVAL"],
    ["with EXCL alone", open("file", { flags: EXCL }), "SUCCESS", reads("0123456789")], // POSIX: undefined
    ...(["SYNC", "DSYNC", "RSYNC"] as const).map((flag): Row => [
      `with ${flag}`,
      open("file", { ...write, fdflag: fdflags[flag] }),
      "NOTSUP",
    ]), // WASI: as O_SYNC
    ["with NONBLOCK", open("file", { fdflag: fdflags.NONBLOCK }), "SUCCESS", reads("0123456789")],
    ["of a link, followed", open("link", { look: FOLLOW }), "SUCCESS", reads("0123456789")],
    ["of a link, not followed", open("link"), "LOOP"],
    ["of a link to a directory, not followed", open("dirlink", { flags: DIRECTORY }), "LOOP"], // POSIX: NOTDIR
    ["of a link to itself, followed", open("loop", { look: FOLLOW }), "LOOP"],
    ["through a link in the middle", open("dirlink/inner"), "SUCCESS", reads("inner")],
    ["from a directory opened before", open("inner", { from: sub }), "SUCCESS", reads("inner")],
    ["with empty components and dots", open(".//full/.././full//./inner"), "SUCCESS", reads("inner")],
    ["with flags of looking up that are none", open("file", { look: 2 }), "TRAP"],
    ["with flags of opening that are none", open("file", { flags: 16 }), "TRAP"],
    ["with flags of descriptors that are none", open("file", { fdflag: 32 }), "TRAP"],
    ["with rights that are none", open("file", { right: 1n << 40n }), "TRAP"],
  ],
  path_readlink: [
    ["of a link", [dir, "link", buffer, 100, out], "SUCCESS", target("file")],
    ["of a link to nothing", [dir, "dangling", buffer, 100, out], "SUCCESS", target("nothing")],
    ["of a link to the outside", [dir, "out", buffer, 100, out], "SUCCESS", target("../secret")],
    ["into too little room: what is there fills it", [dir, "dangling", buffer, 3, out], "SUCCESS", target("not")],
    ["into no room", [dir, "link", buffer, 0, out], "SUCCESS", target("")],
    ...taken((path) => [dir, path, buffer, 100, out], { file: "INVAL", full: "INVAL", nothing: "NOENT", "link/": "NOTDIR" }),
  ],
  path_remove_directory: [
    ["of an empty one", [dir, "sub"], "SUCCESS", gone("sub")],
    ["with a slash behind it", [dir, "sub/"], "INVAL", there("sub")], // POSIX: it goes
    ...taken((path) => [dir, path], {
      full: "NOTEMPTY",
      file: "NOTDIR",
      link: "NOTDIR",
      dirlink: "NOTDIR",
      nothing: "NOENT",
      "sub/.": "INVAL",
      ".": "INVAL",
    }),
  ],
  path_rename: [
    ["of a file", [dir, "file", dir, "new"], "SUCCESS", both(gone("file"), contents("new", "0123456789"))],
    ["into a directory opened before", [dir, "file", sub, "new"], "SUCCESS", both(gone("file"), there("full/new"))],
    ["of a file over a file", [dir, "file", dir, "full/inner"], "SUCCESS", contents("full/inner", "0123456789")],
    ["of a directory", [dir, "full", dir, "new"], "SUCCESS", there("new/inner")],
    ["of a directory with slashes behind its names", [dir, "full/", dir, "new/"], "SUCCESS", there("new/inner")],
    ["of a directory over an empty one", [dir, "full", dir, "sub"], "SUCCESS", there("sub/inner")],
    ["of a link, which is not followed", [dir, "link", dir, "new"], "SUCCESS", (g, t) => t.is(readlinkSync(g.host("new")), "file")],
    [
      "of a file over a link, which is replaced",
      [dir, "full/inner", dir, "link"],
      "SUCCESS",
      both(contents("link", "inner"), contents("file", "0123456789")),
    ],
    ["to itself", [dir, "file", dir, "file"], "SUCCESS", contents("file", "0123456789")],
    ["of nothing", [dir, "nothing", dir, "new"], "NOENT"],
    ["of a directory over one that is not empty", [dir, "sub", dir, "full"], "NOTEMPTY"],
    ["of a directory over a file", [dir, "sub", dir, "file"], "NOTDIR"],
    ["of a file over a directory", [dir, "file", dir, "sub"], "ISDIR"],
    ["of a directory into itself", [dir, "sub", dir, "sub/new"], "INVAL"],
    ["of a file with a slash behind it", [dir, "file/", dir, "new"], "NOTDIR"],
    ["of a file to a name with a slash behind it", [dir, "file", dir, "new/"], "NOTDIR"],
    ["of a directory to the one it is in", [dir, ".", dir, "new"], "BUSY"],
  ],
  path_symlink: [
    [
      "to a file",
      ["file", dir, "new"],
      "SUCCESS",
      both((g, t) => t.is(readlinkSync(g.host("new")), "file"), contents("new", "0123456789")),
    ],
    ["to nothing", ["☃", dir, "new"], "SUCCESS", (g, t) => t.is(readlinkSync(g.host("new")), "☃")],
    ["in a directory opened before", ["inner", sub, "new"], "SUCCESS", contents("full/new", "inner")],
    ...taken((path) => ["x", dir, path], { file: "EXIST", full: "EXIST", link: "EXIST", dangling: "EXIST" }),
    ["of a name with a slash behind it", ["file", dir, "new/"], "NOENT"],
  ],
  path_unlink_file: [
    ["of a file", [dir, "file"], "SUCCESS", gone("file")],
    ["of a link, which is not followed", [dir, "link"], "SUCCESS", both(gone("link"), there("file"))],
    ["of a link to a directory", [dir, "dirlink"], "SUCCESS", both(gone("dirlink"), there("full/inner"))],
    [
      "of a file that is open, which stays",
      [dir, "file"],
      "SUCCESS",
      (g, t) => (t.is(g.call("fd_read", [fd.file, pieces(9), out]), "SUCCESS"), t.is(g.textAt(BUF, 9), "012345678")),
    ],
    ...taken((path) => [dir, path], {
      full: "ISDIR",
      "full/": "ISDIR",
      ".": "ISDIR",
      nothing: "NOENT",
      "file/": "NOTDIR",
      "dirlink/": "ISDIR",
    }), // POSIX: NOTDIR of the link
  ],
};
