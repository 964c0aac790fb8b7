// A hostile guest's attempts to get out of its directory: every function that takes a path, called in every way.

import type { ExecutionContext } from "ava";
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { folder } from "./helper.js";
import { type Argument, FOLLOW, Guest, OUT, buffer, fd, fdflags, filetypes, fstflags, oflags, out, rights, tree } from "./wasi-calls.js";

const { CREAT, DIRECTORY, EXCL, TRUNC } = oflags;
type Path = string | Uint8Array;
export type Call = [name: string, args: Argument[]];

/** A guest whose directory lies in a folder with another one, and has links to all that is outside. */
export function hostile(t: ExecutionContext) {
  const root = tree(folder(t));
  for (const name of ["outside", "outside/empty", "inside/sub/deep"]) mkdirSync(join(root, name));
  writeFileSync(join(root, "outside/secret"), "secret");
  const links = {
    up: "..",
    upslash: "../",
    outdir: "../outside",
    outfile: "../outside/secret",
    "sub/up": "../..",
    abs: join(root, "outside"),
    top: "/",
    proc: "/proc/self",
    chain: "chain1",
    chain1: "sub/../chain2",
    chain2: "./../outside",
    hidden: "sub/up/outside",
    back: "../inside",
    newfile: "../new",
    newabs: join(root, "new"),
    "sub/one": "../one",
    one: "sub/two",
    "sub/two": "../../outside",
  };
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(root, "inside", name));
  const g = new Guest(root);
  return { root, g, outside: snapshot(root) };
}
/** All that is in a folder, but for what the guest may change. */
export function snapshot(root: string, path = "."): unknown[] {
  return readdirSync(join(root, path)).flatMap((name): unknown[] => {
    const here = join(path, name);
    if (here === "inside") return [];
    const stat = lstatSync(join(root, here), { bigint: true });
    const { mtimeNs, mode, nlink, size } = stat;
    const content = stat.isDirectory() ? snapshot(root, here) : stat.isFile() ? readFileSync(join(root, here), "utf8") : "";
    return [[here, mtimeNs, mode, nlink, size, content]];
  });
}

/** path_open in every way. */
export const opens = (path: Path, from = fd.dir): Call[] =>
  [0, FOLLOW].flatMap((look) =>
    [0, CREAT, CREAT | EXCL, TRUNC, CREAT | TRUNC, DIRECTORY].flatMap((flags) =>
      [rights.READ, rights.BOTH].map((right): Call => ["path_open", [from, look, path, flags, right, right, fdflags.APPEND, out]]),
    ),
  );
/** What else follows a link that is the path's last name. */
export const follows = (path: Path, from = fd.dir): Call[] => [
  ["path_filestat_get", [from, FOLLOW, path, out]],
  ["path_filestat_set_times", [from, FOLLOW, path, 1n, 1n, fstflags.ATIM | fstflags.MTIM]],
];
/** Everything else; it acts on the link, or makes something in its place. */
export const others = (path: Path, from = fd.dir): Call[] => [
  ["path_filestat_get", [from, 0, path, out]],
  ["path_filestat_set_times", [from, 0, path, 1n, 1n, fstflags.ATIM | fstflags.MTIM]],
  ["path_readlink", [from, path, buffer, 100, out]],
  ["path_link", [from, 0, path, fd.dir, "stolen"]],
  ["path_link", [fd.dir, 0, "file", from, path]],
  ["path_symlink", ["x", from, path]],
  ["path_create_directory", [from, path]],
  ["path_rename", [fd.dir, "sub/deep", from, path]],
  ["path_rename", [fd.dir, "file", from, path]],
  ["path_rename", [from, path, fd.dir, "stolen"]],
  ["path_unlink_file", [from, path]],
  ["path_remove_directory", [from, path]],
];
export const all = (path: Path, from = fd.dir) => [...opens(path, from), ...follows(path, from), ...others(path, from)];
export const say = ([name, args]: Call) =>
  `${name}(${args.map((each) => (typeof each === "object" && "fd" in each ? each.fd : String(each))).join(", ")})`;

/** Each call is refused, and outside is what was. */
export function refused(t: ExecutionContext, calls: (g: Guest, root: string) => Call[], host = hostile(t)) {
  const { g, root, outside } = host;
  for (const call of calls(g, root)) {
    const outcome = g.call(...call);
    // Behind a link that is not to be followed Wasmtime ignores a slash or a dot, and tells of the link itself.
    if (call[0] === "path_filestat_get" && /[^.][/.]+$/.test(String(call[1][2])) && outcome === "SUCCESS")
      t.is(filetypes[g.memory.read(OUT + 16, 1)[0]!], "symlink", say(call));
    else t.false(["SUCCESS", "TRAP"].includes(outcome), `${say(call)}: ${outcome}`);
  }
  t.deepEqual(snapshot(root), outside);
  t.false(existsSync(g.host("stolen")));
  t.is(readFileSync(g.host("file"), "utf8"), "0123456789");
  t.true(existsSync(g.host("sub/deep")));
}
