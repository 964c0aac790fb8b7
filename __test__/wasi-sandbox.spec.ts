// A hostile guest looks for a way out of its directory: each attempt with every function that takes a path, and nothing outside
// is opened, told or changed. What it does with links is in wasi-sandbox-links.spec.ts, a directory that is read-only in
// wasi-read-only.spec.ts, a race in wasi-race.spec.ts.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { WasiOptions } from "../index.js";
import { folder, needing } from "./helper.js";
import { BUF, FOLLOW, OUT, buffer, fd, guest, oflags, out, pieces, rights, tree } from "./wasi-calls.js";
import { all, hostile, others, refused, snapshot } from "./wasi-escape.js";

const test = needing("wasi");

/** The root folder, by way of this process. */
const root = "/proc/self/root";
const { CREAT, EXCL } = oflags;
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
  "the parent at the end of a long path": [
    `${"sub/../".repeat(500)}../secret`,
    `${"./".repeat(2000)}../secret`,
    `${"sub//../".repeat(400)}..`,
  ],
  "the parent behind more than a path may have": [`${"./".repeat(3000)}../secret`, `${"../".repeat(3000)}etc/passwd`],
  "the parent and back": ["../inside/file", "../inside/../secret", "sub/../../inside/file", "../inside"],
  "an absolute path": ["/", "//", "/.", "/..", "/etc/passwd", "//etc/passwd", "///etc/../etc/passwd"],
  "its own directory's name as an absolute path": ["/rw/file", "/rw/../rw/file", "/ro/file", "/rw"],
  "what the system tells about this process": [
    `${root}/etc/passwd`,
    "/proc/self/cwd",
    "/proc/self/environ",
    "/proc/self/fd/0",
    "/dev/null",
  ],
  "a link up": ["up/secret", "up/", "up/.", "upslash/secret", "up/inside/file", "up/.."],
  "a link up from a deeper directory": ["sub/up/secret", "sub/up/outside/secret", "sub/up/inside/file"],
  "a link to a directory outside": ["outdir/secret", "outdir/new", "outdir/empty", "outdir/.", "outdir/..", "outdir/empty/../secret"],
  "an absolute link": ["abs/secret", "abs/new", "abs/empty", "abs/.", "abs/.."],
  "a link to the root": ["top/etc/passwd", "top/.", `top${root}/etc/passwd`, "top/new"],
  "a link to this process": [["proc", "root", "etc", "passwd"].join("/"), "proc/cwd/package.json", "proc/environ", "proc/fd/0"],
  "a chain of links": ["chain/secret", "chain1/secret", "chain2/secret", "chain/empty", "chain/.", "chain/.."],
  "links in turns between two directories": ["one/secret", "sub/one/secret", "sub/two/secret", "sub/one/empty"],
  "a link by way of a link": ["hidden/secret", "hidden/empty", "hidden/new", "hidden/."],
  "a link out and back": ["back/file", "back/.", "back/sub/deep", "back/new"],
  "a link to itself": ["loop/..", "loop/../secret", "loop/."],
  "a NUL that hides the rest": ["../secret\0", "file\0/../../secret", "\0../secret", "outfile\0", "../secret\0.txt", "/etc/passwd\0"],
  "dots that are not UTF-8": [
    bytes("\xc0\xae\xc0\xae/secret"),
    bytes("..\xc0\xafsecret"),
    bytes("../secret\xff"),
    bytes("\xff/../../secret"),
  ],
};
for (const [what, paths] of Object.entries(ways)) test(`no way out: ${what}`, (t) => refused(t, () => paths.flatMap((path) => all(path))));

test("no way out: absolute paths of the host, to what is outside and to what is inside", (t) =>
  refused(t, (_, root) =>
    ["secret", "outside", "outside/secret", "inside", "inside/file", "inside/new"].flatMap((name) => all(join(root, name))),
  ));
test("no way out: every path from a directory inside, which is a root of its own", (t) =>
  refused(t, () =>
    ["..", "../..", "../file", "../../secret", "../full/inner", "./../../secret", "/", "../full"].flatMap((path) => all(path, fd.sub)),
  ));
test("no way out: a file, stdin or nothing as the directory", (t) =>
  refused(t, () =>
    [fd.file, fd.roFile, fd.stdin, { fd: 99 }, { fd: -1 }].flatMap((from) =>
      ["..", "../secret", "", "."].flatMap((path) => all(path, from)),
    ),
  ));
test("no way out: another directory of its own, by the name it has on the host", (t) => {
  const root = tree(folder(t));
  const dirs: WasiOptions["dirs"] = { "/a": join(root, "inside/sub"), "/b": { host: join(root, "inside/full"), access: "read-write" } };
  const { wasi } = guest({ dirs });
  for (const path of ["../full/inner", "../sub", "/b/inner", "/a"])
    for (const from of [3, 4]) t.true(wasi.open(path, { fd: from }) < 0, path);
});
test("the granted directory itself can't be removed, replaced, moved or linked", (t) =>
  refused(t, () =>
    [".", "./", "./.", "sub/..", "full/../", "sub/deep/../.."].flatMap((path) =>
      others(path).filter(([name]) => !name.startsWith("path_filestat")),
    ),
  ));
test("names that mean something elsewhere are names", (t) => {
  const { g, root, outside } = hostile(t);
  const names = [
    "...",
    "....",
    "..\\",
    "..\\secret",
    "\\..\\secret",
    "C:\\",
    "C:",
    "~",
    "$HOME",
    " ..",
    ".. ",
    "．．",
    "..%2fsecret",
    "..\n",
    "con",
    "-rf",
    "*",
    "..;",
  ];
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
