// What a read-only directory refuses: every change, by every function, flag and descriptor, though the same directory is granted
// to be written under another name.

import { type ExecutionContext } from "ava";
import { existsSync, readFileSync, readdirSync, readlinkSync, statSync } from "node:fs";
import { folder, needing } from "./helper.js";
import { type Argument, FOLLOW, Guest, OUT, fd, fdflags, fstflags, guest, oflags, out, pieces, rights, tree } from "./wasi-calls.js";

const test = needing("wasi");

const { CREAT, DIRECTORY, EXCL, TRUNC } = oflags;
const { MTIM } = fstflags;

/** All that can be seen of a directory. */
const state = (g: Guest) =>
  readdirSync(g.inside, { recursive: true, withFileTypes: true }).map((each) => {
    const path = `${each.parentPath}/${each.name}`;
    if (each.isSymbolicLink()) return [path, readlinkSync(path)];
    const { mtimeNs, nlink } = statSync(path, { bigint: true });
    return [path, mtimeNs, nlink, each.isFile() && readFileSync(path, "utf8")];
  });
function unchanged(t: ExecutionContext, act: (g: Guest) => void) {
  const g = new Guest(tree(folder(t)));
  const before = state(g);
  act(g);
  t.deepEqual(state(g), before);
}

const { dir, ro, roDir, roFile } = fd;
/** Calls that would succeed in a directory that may be written; `inner` is in `roDir`. */
const refused: [what: string, name: string, args: Argument[]][] = [
  ["a directory is made", "path_create_directory", [ro, "new"]],
  ["a directory is made with a slash behind its name", "path_create_directory", [ro, "sub/new/"]],
  ["a directory is removed", "path_remove_directory", [ro, "sub"]],
  ["a file is removed", "path_unlink_file", [ro, "file"]],
  ["a link is removed", "path_unlink_file", [ro, "link"]],
  ["a file gets another time", "path_filestat_set_times", [ro, 0, "file", 1n, 1n, MTIM]],
  ["a link's file gets another time", "path_filestat_set_times", [ro, FOLLOW, "link", 1n, 1n, MTIM]],
  ["a link gets another time", "path_filestat_set_times", [ro, 0, "link", 1n, 1n, MTIM]],
  ["a directory gets another time", "path_filestat_set_times", [ro, 0, "sub", 1n, 1n, MTIM]],
  ["its own time is set", "path_filestat_set_times", [ro, 0, ".", 0n, 0n, fstflags.MTIM_NOW]],
  ["a link is made", "path_symlink", ["file", ro, "new"]],
  ["a hard link is made", "path_link", [ro, 0, "file", ro, "new"]],
  ["a hard link is made into a directory that may be written", "path_link", [ro, 0, "file", dir, "new"]],
  ["a hard link is made out of a directory that may be written", "path_link", [dir, 0, "file", ro, "new"]],
  ["a file is renamed", "path_rename", [ro, "file", ro, "new"]],
  ["a file is moved into a directory that may be written", "path_rename", [ro, "file", dir, "new"]],
  ["a file is moved out of a directory that may be written", "path_rename", [dir, "file", ro, "new"]],
  ["a directory is moved into one that may be written", "path_rename", [ro, "sub", dir, "new"]],
  ["a file is replaced by one that may be written", "path_rename", [dir, "file", ro, "full/inner"]],
  ["a file is removed by its directory's descriptor", "path_unlink_file", [roDir, "inner"]],
  ["a directory is made by a directory's descriptor", "path_create_directory", [roDir, "new"]],
  ["a link is made by a directory's descriptor", "path_symlink", ["inner", roDir, "new"]],
  ["a file is moved out by its directory's descriptor", "path_rename", [roDir, "inner", dir, "new"]],
  ["a file is moved in by a directory's descriptor", "path_rename", [dir, "file", roDir, "new"]],
  ["a hard link is made out by its directory's descriptor", "path_link", [roDir, 0, "inner", dir, "new"]],
  ["a file gets another time by its directory's descriptor", "path_filestat_set_times", [roDir, 0, "inner", 1n, 1n, MTIM]],
  ["an open file gets another time", "fd_filestat_set_times", [roFile, 1n, 1n, MTIM]],
  ["an open directory gets another time", "fd_filestat_set_times", [roDir, 1n, 1n, MTIM]],
  ["the directory itself gets another time", "fd_filestat_set_times", [ro, 1n, 1n, MTIM]],
  ["an open file is cut", "fd_filestat_set_size", [roFile, 0n]],
  ["an open file is made longer", "fd_filestat_set_size", [roFile, 100n]],
];
for (const [what, name, args] of refused) {
  test(`read-only: it is refused that ${what}`, (t) => unchanged(t, (g) => t.is(g.call(name, args), "PERM")));
}
const files: typeof refused = [
  ["written", "fd_write", [roFile, pieces("x"), out]],
  ["written at a place", "fd_pwrite", [roFile, pieces("x"), 0n, out]],
  ["given room", "fd_allocate", [roFile, 0n, 100n]],
];
for (const [what, name, args] of files) {
  test(`read-only: an open file can't be ${what}`, (t) => unchanged(t, (g) => t.regex(g.call(name, args), /^(BADF|NOTSUP)$/)));
}

/** Each set of flags. */
const sets = (flags: number[]) => flags.reduce((sets, flag) => sets.concat(sets.map((set) => set | flag)), [0]);
for (const [what, from, path] of [
  ["a file", ro, "file"],
  ["a new name", ro, "new"],
  ["a link", ro, "link"],
  ["a link to nothing", ro, "dangling"],
  ["a directory", ro, "sub"],
  ["a file with a slash behind it", ro, "file/"],
  ["a file as a directory", ro, "file/."],
  ["a new name with a slash behind it", ro, "new/"],
  ["a new name in a directory", ro, "sub/new"],
  ["a file by its directory's descriptor", roDir, "inner"],
  ["a new name by a directory's descriptor", roDir, "new"],
] as const) {
  test(`read-only: ${what} is opened with every set of flags, and what comes of it can't be written`, (t) =>
    unchanged(t, (g) => {
      for (const flags of sets([CREAT, EXCL, TRUNC, DIRECTORY]))
        for (const right of [0n, rights.READ, rights.WRITE, rights.BOTH, (1n << 29n) - 1n])
          for (const fdflag of [0, fdflags.APPEND, fdflags.NONBLOCK])
            for (const look of [0, FOLLOW]) {
              const asked = `flags ${flags}, rights ${right}, fdflags ${fdflag}, lookup ${look}`;
              if (g.call("path_open", [from, look, path, flags, right, right, fdflag, out]) !== "SUCCESS") continue;
              t.is(flags & (CREAT | TRUNC), 0, asked);
              t.is(right & rights.WRITE, 0n, asked);
              const opened = { fd: g.u32(OUT) };
              g.call("fd_fdstat_set_flags", [opened, fdflags.APPEND]);
              const attempts: [string, Argument[]][] = [
                ["fd_write", [opened, pieces("x"), out]],
                ["fd_pwrite", [opened, pieces("x"), 0n, out]],
                ["fd_filestat_set_size", [opened, 0n]],
                ["fd_filestat_set_times", [opened, 1n, 1n, MTIM]],
                ["path_create_directory", [opened, "new"]],
              ];
              for (const [name, args] of attempts) t.not(g.call(name, args), "SUCCESS", `${name}: ${asked}`);
              g.call("fd_close", [opened]);
            }
    }));
}
test("read-only: a directory opened in it, and one opened in that, are so too", (t) =>
  unchanged(t, (g) => {
    const directory = (from: { fd: number }, path: string) => {
      t.is(g.call("path_open", [from, 0, path, DIRECTORY, rights.READ, -1n & ((1n << 29n) - 1n), 0, out]), "SUCCESS");
      return { fd: g.u32(OUT) };
    };
    const again = directory(directory(directory(ro, "."), "full"), ".");
    t.is(g.call("path_unlink_file", [again, "inner"]), "PERM");
    t.is(g.call("path_open", [again, 0, "inner", 0, rights.BOTH, 0n, 0, out]), "PERM");
    t.is(g.call("path_rename", [again, "inner", dir, "new"]), "PERM");
  }));
test("read-only: a directory stays so under the number of one that may be written", (t) =>
  unchanged(t, (g) => {
    t.is(g.call("fd_renumber", [ro, dir]), "SUCCESS");
    t.is(g.call("path_unlink_file", [dir, "file"]), "PERM");
    t.is(g.call("path_open", [dir, 0, "file", 0, rights.BOTH, 0n, 0, out]), "PERM");
  }));
test("read-only: a file stays so under the number of one that may be written", (t) =>
  unchanged(t, (g) => {
    t.is(g.call("fd_renumber", [roFile, fd.file]), "SUCCESS");
    t.is(g.call("fd_write", [fd.file, pieces("x"), out]), "BADF");
    t.is(g.call("fd_filestat_set_size", [fd.file, 0n]), "PERM");
  }));
test("a file that is opened to be read can't be written, in a directory that can", (t) =>
  unchanged(t, (g) => {
    g.call("fd_fdstat_set_flags", [fd.reader, fdflags.APPEND]);
    for (const [name, rest] of Object.entries({
      fd_write: [pieces("x"), out],
      fd_pwrite: [pieces("x"), 0n, out],
      fd_filestat_set_size: [0n],
      fd_allocate: [0n, 99n],
    }))
      t.not(g.call(name, [fd.reader, ...(rest as Argument[])]), "SUCCESS", name);
  }));

for (const access of ["read", "bare string"]) {
  test(`a directory granted as ${access} is read, and not written`, (t) => {
    const inside = `${tree(folder(t))}/inside`;
    const { wasi } = guest({ dirs: { "/data": access === "read" ? { host: inside, access } : inside } });
    t.deepEqual(wasi.preopens(), ["/data"]);
    t.is(wasi.read(wasi.open("file")), "0123456789");
    t.is(wasi.readlink("link"), "file");
    t.true(wasi.entries().includes("full"));
    t.is(wasi.open("file", { write: true }), -63);
    t.is(wasi.open("new", { create: true }), -63);
    t.false(existsSync(`${inside}/new`));
  });
}
test("directories are granted one by one, each with its own access", (t) => {
  const root = tree(folder(t));
  const { wasi } = guest({ dirs: { "/a": `${root}/inside`, "/b": { host: `${root}/inside/sub`, access: "read-write" }, ".": root } });
  t.deepEqual(wasi.preopens(), ["/a", "/b", "."]);
  t.true(wasi.open("sub/new", { create: true, write: true }) < 0);
  t.true(wasi.open("new", { create: true, write: true, fd: 4 }) > 5);
  t.true(existsSync(`${root}/inside/sub/new`));
  t.is(wasi.read(wasi.open("secret", { fd: 5 })), "secret");
});
