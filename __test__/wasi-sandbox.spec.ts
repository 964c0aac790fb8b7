// A hostile guest looks for a way out of its directory: each attempt with every function that takes a path, and nothing outside
// is opened, told or changed. A directory that is read-only is in wasi-read-only.spec.ts, a race in wasi-race.spec.ts.

import test, { type ExecutionContext } from "ava";
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { WasiOptions } from "../index.js";
import { folder } from "./helper.js";
import { type Argument, BUF, FOLLOW, Guest, OUT, buffer, fd, fdflags, filetypes, fstflags, guest, oflags, out, pieces, rights, tree } from "./wasi-calls.js";

const { CREAT, DIRECTORY, EXCL, TRUNC } = oflags;
type Path = string | Uint8Array;
type Call = [name: string, args: Argument[]];

/** A guest whose directory lies in a folder with another one, and has links to all that is outside. */
function hostile(t: ExecutionContext) {
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
function snapshot(root: string, path = "."): unknown[] {
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
const opens = (path: Path, from = fd.dir): Call[] =>
  [0, FOLLOW].flatMap((look) =>
    [0, CREAT, CREAT | EXCL, TRUNC, CREAT | TRUNC, DIRECTORY].flatMap((flags) =>
      [rights.READ, rights.BOTH].map((right): Call => ["path_open", [from, look, path, flags, right, right, fdflags.APPEND, out]]),
    ),
  );
/** What else follows a link that is the path's last name. */
const follows = (path: Path, from = fd.dir): Call[] => [
  ["path_filestat_get", [from, FOLLOW, path, out]],
  ["path_filestat_set_times", [from, FOLLOW, path, 1n, 1n, fstflags.ATIM | fstflags.MTIM]],
];
/** Everything else; it acts on the link, or makes something in its place. */
const others = (path: Path, from = fd.dir): Call[] => [
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
const all = (path: Path, from = fd.dir) => [...opens(path, from), ...follows(path, from), ...others(path, from)];
const say = ([name, args]: Call) => `${name}(${args.map((each) => (typeof each === "object" && "fd" in each ? each.fd : String(each))).join(", ")})`;

/** Each call is refused, and outside is what was. */
function refused(t: ExecutionContext, calls: (g: Guest, root: string) => Call[], host = hostile(t)) {
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

const bytes = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const ways: Record<string, (string | Uint8Array)[]> = {
  "the parent": ["..", "../", "../.", "./..", "..//", ".//.."],
  "the parent of a directory's parent": ["sub/../..", "sub/../../", "sub/deep/../../..", "full/../sub/../.."],
  "a file of the parent": ["../secret", "./../secret", ".//..//secret", "..//secret", ".././secret"],
  "the parent by way of a directory": ["sub/../../secret", "sub/./.././../secret", "sub//..//..//secret", "sub/deep/../../../secret"],
  "the parent by way of a link that is inside": ["dirlink/../../secret", "dirlink/../../outside/secret"],
  "the parent by way of a file": ["file/../../secret", "file/../..", "link/../../secret"],
  "the parent by way of nothing": ["nothing/../../secret", "nothing/../.."],
  "the parents up to the root": ["../../../../../../../../etc/passwd", `${"../".repeat(1000)}etc/passwd`],
  "the parent at the end of a long path": [`${"sub/../".repeat(500)}../secret`, `${"./".repeat(2000)}../secret`, `${"sub//../".repeat(400)}..`],
  "the parent behind more than a path may have": [`${"./".repeat(3000)}../secret`, `${"../".repeat(3000)}etc/passwd`],
  "the parent and back": ["../inside/file", "../inside/../secret", "sub/../../inside/file", "../inside"],
  "an absolute path": ["/", "//", "/.", "/..", "/etc/passwd", "//etc/passwd", "///etc/../etc/passwd"],
  "its own directory's name as an absolute path": ["/rw/file", "/rw/../rw/file", "/ro/file", "/rw"],
  "what the system tells about this process": ["/proc/self/root/etc/passwd", "/proc/self/cwd", "/proc/self/environ", "/proc/self/fd/0", "/dev/null"],
  "a link up": ["up/secret", "up/", "up/.", "upslash/secret", "up/inside/file", "up/.."],
  "a link up from a deeper directory": ["sub/up/secret", "sub/up/outside/secret", "sub/up/inside/file"],
  "a link to a directory outside": ["outdir/secret", "outdir/new", "outdir/empty", "outdir/.", "outdir/..", "outdir/empty/../secret"],
  "an absolute link": ["abs/secret", "abs/new", "abs/empty", "abs/.", "abs/.."],
  "a link to the root": ["top/etc/passwd", "top/.", "top/proc/self/root/etc/passwd", "top/new"],
  "a link to this process": ["proc/root/etc/passwd", "proc/cwd/package.json", "proc/environ", "proc/fd/0"],
  "a chain of links": ["chain/secret", "chain1/secret", "chain2/secret", "chain/empty", "chain/.", "chain/.."],
  "links in turns between two directories": ["one/secret", "sub/one/secret", "sub/two/secret", "sub/one/empty"],
  "a link by way of a link": ["hidden/secret", "hidden/empty", "hidden/new", "hidden/."],
  "a link out and back": ["back/file", "back/.", "back/sub/deep", "back/new"],
  "a link to itself": ["loop/..", "loop/../secret", "loop/."],
  "a NUL that hides the rest": ["../secret\0", "file\0/../../secret", "\0../secret", "outfile\0", "../secret\0.txt", "/etc/passwd\0"],
  "dots that are not UTF-8": [bytes("\xc0\xae\xc0\xae/secret"), bytes("..\xc0\xafsecret"), bytes("../secret\xff"), bytes("\xff/../../secret")],
};
for (const [what, paths] of Object.entries(ways))
  test(`no way out: ${what}`, (t) => refused(t, () => paths.flatMap((path) => all(path))));

test("no way out: absolute paths of the host, to what is outside and to what is inside", (t) =>
  refused(t, (_, root) => ["secret", "outside", "outside/secret", "inside", "inside/file", "inside/new"].flatMap((name) => all(join(root, name)))));
test("no way out: every path from a directory inside, which is a root of its own", (t) =>
  refused(t, () => ["..", "../..", "../file", "../../secret", "../full/inner", "./../../secret", "/", "../full"].flatMap((path) => all(path, fd.sub))));
test("no way out: a file, stdin or nothing as the directory", (t) =>
  refused(t, () => [fd.file, fd.roFile, fd.stdin, { fd: 99 }, { fd: -1 }].flatMap((from) => ["..", "../secret", "", "."].flatMap((path) => all(path, from)))));
test("no way out: another directory of its own, by the name it has on the host", (t) => {
  const root = tree(folder(t));
  const dirs: WasiOptions["dirs"] = { "/a": join(root, "inside/sub"), "/b": { host: join(root, "inside/full"), access: "read-write" } };
  const { wasi } = guest({ dirs });
  for (const path of ["../full/inner", "../sub", "/b/inner", "/a"]) for (const from of [3, 4]) t.true(wasi.open(path, { fd: from }) < 0, path);
});

/** Links that are the path's last name: what follows them is refused, what does not changes the link. */
for (const name of ["out", "outfile", "outdir", "up", "abs", "top", "proc", "chain", "chain1", "hidden", "back", "newfile", "newabs", "one", "sub/two", "sub/up"]) {
  test(`a link to the outside as the last name (${name}) is not followed`, (t) => {
    const host = hostile(t);
    const target = readlinkSync(host.g.host(name));
    refused(t, () => [...opens(name), ...follows(name), ["path_link", [fd.dir, FOLLOW, name, fd.dir, "stolen"]]], host);
    refused(t, () => [`${name}/`, `${name}/.`].flatMap((path) => [...opens(path), ...follows(path)]), host);
    const { g, root, outside } = host;
    // One after the other: it is touched, linked, moved, replaced and removed itself.
    const own: Call[] = [
      ["path_filestat_get", [fd.dir, 0, name, out]],
      ["path_filestat_set_times", [fd.dir, 0, name, 1n, 1n, fstflags.MTIM]],
      ["path_link", [fd.dir, 0, name, fd.dir, "second"]],
      ["path_rename", [fd.dir, name, fd.dir, "third"]],
      ["path_rename", [fd.dir, "file", fd.dir, "third"]],
      ["path_unlink_file", [fd.dir, "second"]],
    ];
    for (const call of own) t.is(g.call(...call), "SUCCESS", say(call));
    t.is(readFileSync(g.host("third"), "utf8"), "0123456789");
    t.deepEqual(snapshot(root), outside);
    t.true(target.length > 0 && !existsSync(g.host("second")));
  });
}

const targets = ["../secret", "..", "sub/../../secret", "up/secret", "./../outside", "../inside/../secret"];
for (const target of targets) {
  test(`a link that the guest makes to '${target}' leads nowhere`, (t) => {
    const host = hostile(t);
    t.is(host.g.call("path_symlink", [target, fd.dir, "made"]), "SUCCESS");
    refused(t, () => [...opens("made"), ...follows("made"), ...opens("made/secret"), ...others("made/secret"), ...follows("made/secret")], host);
  });
}
test("the guest makes no absolute links, not to what is there and not to what is not", (t) =>
  refused(t, (_, root) => ["/", "/etc/passwd", root, join(root, "secret"), "/rw/file", "//x", "/nothing"].map((to): Call => ["path_symlink", [to, fd.dir, "stolen"]])));
test("a link that leads inside from where it is made, and outside from where it is moved to, leads nowhere there", (t) => {
  const host = hostile(t);
  t.is(host.g.call("path_symlink", ["../secret", fd.dir, "sub/made"]), "SUCCESS");
  t.is(host.g.call("path_rename", [fd.dir, "sub/made", fd.dir, "made"]), "SUCCESS");
  refused(t, () => [...opens("made"), ...follows("made")], host);
});
test("a directory that is moved up while it is open leads no further than itself", (t) => {
  const host = hostile(t);
  const { g } = host;
  t.is(g.call("path_open", [fd.dir, 0, "sub/deep", DIRECTORY, rights.READ, 0n, 0, out]), "SUCCESS");
  const deep = { fd: g.u32(OUT) };
  t.is(g.call("path_rename", [fd.dir, "sub/deep", fd.dir, "deep"]), "SUCCESS");
  const calls = ["..", "../..", "../../secret", "../file"].flatMap((path) => all(path, deep));
  for (const call of calls) t.not(g.call(...call), "SUCCESS", say(call));
  // And so if it is the host that moves it out.
  renameSync(g.host("deep"), join(host.root, "deep"));
  const outside = snapshot(host.root);
  for (const call of calls) t.not(g.call(...call), "SUCCESS", say(call));
  t.deepEqual(snapshot(host.root), outside);
  renameSync(join(host.root, "deep"), g.host("sub/deep"));
});
test("another directory under a granted one's number is what it was, and no more", (t) => {
  const host = hostile(t);
  t.is(host.g.call("fd_renumber", [fd.sub, fd.dir]), "SUCCESS");
  t.is(host.g.call("fd_prestat_get", [fd.dir, out]), "BADF");
  refused(t, () => ["..", "../file", "../../secret", "/", "../sub/deep"].flatMap((path) => all(path)), host);
  t.is(host.g.call("path_open", [fd.dir, 0, "file", 0, rights.READ, 0n, 0, out]), "NOENT");
  t.is(host.g.call("path_open", [fd.dir, 0, "inner", 0, rights.READ, 0n, 0, out]), "SUCCESS");
});
test("a granted directory's number that a file takes is no directory any more", (t) => {
  const host = hostile(t);
  t.is(host.g.call("fd_renumber", [fd.file, fd.dir]), "SUCCESS");
  for (const call of [...all("file"), ...all("../secret"), ...all(".")]) t.not(host.g.call(...call), "SUCCESS", say(call));
  t.deepEqual(snapshot(host.root), host.outside);
});

test("the granted directory itself can't be removed, replaced, moved or linked", (t) =>
  refused(t, () => [".", "./", "./.", "sub/..", "full/../", "sub/deep/../.."].flatMap((path) => others(path).filter(([name]) => !name.startsWith("path_filestat")))));
test("names that mean something elsewhere are names", (t) => {
  const { g, root, outside } = hostile(t);
  const names = ["...", "....", "..\\", "..\\secret", "\\..\\secret", "C:\\", "C:", "~", "$HOME", " ..", ".. ", "．．", "..%2fsecret", "..\n", "con", "-rf", "*", "..;"];
  for (const name of names) {
    t.is(g.call("path_open", [fd.dir, 0, name, CREAT | EXCL, rights.BOTH, 0n, 0, out]), "SUCCESS", name);
    t.is(g.call("fd_write", [{ fd: g.u32(OUT) }, pieces("mine"), out]), "SUCCESS");
    t.is(readFileSync(g.host(name), "utf8"), "mine", name);
  }
  for (const name of names) t.is(g.call("path_unlink_file", [fd.dir, name]), "SUCCESS", name);
  t.deepEqual(snapshot(root), outside);
});
test("a name in other letters is the file that the host has under it, or none", (t) => {
  const { g } = hostile(t);
  for (const name of ["FILE", "File", "SUB", "OUTDIR/secret", "Outfile", "ｆｉｌｅ"]) {
    const outcome = g.call("path_open", [fd.dir, FOLLOW, name, 0, rights.READ, 0n, 0, out]);
    t.is(outcome === "SUCCESS", !/out/i.test(name) && existsSync(g.host(name)), `${name}: ${outcome}`);
  }
});
test("the parent in a list of names is the directory itself", (t) => {
  const { g } = hostile(t);
  t.is(g.call("fd_readdir", [fd.dir, buffer, 4096, 0n, out]), "SUCCESS");
  t.deepEqual(g.memory.read(BUF + 8, 8), g.memory.read(BUF + 25 + 8, 8));
});
if (existsSync("/proc/self/root"))
  test("a system's own links in a directory that is granted are not followed", (t) => {
    const { wasi } = guest({ dirs: { "/proc": "/proc/self" } });
    for (const path of ["root/etc/passwd", "root", "cwd", "cwd/package.json", "exe", "fd/0", "../1/root", "task/../root"])
      t.true(wasi.open(path) < 0, path);
  });

for (const [what, options] of Object.entries({ "without the option wasi": undefined, "with an empty one": {} })) {
  test(`a store ${what} grants nothing`, (t) => {
    const { store, wasi } = guest(options);
    t.deepEqual([wasi.list("args").join(""), wasi.list("environ"), wasi.preopens()], ["", [], []]);
    t.is(wasi.read(0), "");
    t.is(wasi.write(1, "lost"), 0);
    for (let number = 0; number < 20; number++)
      for (const path of ["etc/passwd", "/etc/passwd", ".", "..", "/"]) t.is(wasi.open(path, { fd: number }), -8, path);
    t.deepEqual(store.wasi, options && {});
  });
}
