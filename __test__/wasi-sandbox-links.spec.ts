// A hostile guest looks for a way out of its directory with links, those it finds and those it makes, and by moving what is open.

import { existsSync, readFileSync, readlinkSync, renameSync } from "node:fs";
import { join } from "node:path";
import { FOLLOW, OUT, fd, fstflags, oflags, out, rights } from "./wasi-calls.js";
import { type Call, all, follows, hostile, opens, others, refused, say, snapshot } from "./wasi-escape.js";
import { needing } from "./needing.js";

const test = needing("wasi");

/** Links that are the path's last name: what follows them is refused, what does not changes the link. */
for (const name of [
  "out",
  "outfile",
  "outdir",
  "up",
  "abs",
  "top",
  "proc",
  "chain",
  "chain1",
  "hidden",
  "back",
  "newfile",
  "newabs",
  "one",
  "sub/two",
  "sub/up",
]) {
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
    refused(
      t,
      () => [...opens("made"), ...follows("made"), ...opens("made/secret"), ...others("made/secret"), ...follows("made/secret")],
      host,
    );
  });
}
test("the guest makes no absolute links, not to what is there and not to what is not", (t) =>
  refused(t, (_, root) =>
    ["/", "/etc/passwd", root, join(root, "secret"), "/rw/file", "//x", "/nothing"].map((to): Call => [
      "path_symlink",
      [to, fd.dir, "stolen"],
    ]),
  ));
test("a link that leads inside from where it is made, and outside from where it is moved to, leads nowhere there", (t) => {
  const host = hostile(t);
  t.is(host.g.call("path_symlink", ["../secret", fd.dir, "sub/made"]), "SUCCESS");
  t.is(host.g.call("path_rename", [fd.dir, "sub/made", fd.dir, "made"]), "SUCCESS");
  refused(t, () => [...opens("made"), ...follows("made")], host);
});
test("a directory that is moved up while it is open leads no further than itself", (t) => {
  const host = hostile(t);
  const { g } = host;
  t.is(g.call("path_open", [fd.dir, 0, "sub/deep", oflags.DIRECTORY, rights.READ, 0n, 0, out]), "SUCCESS");
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
