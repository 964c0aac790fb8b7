// Another thread of the host puts a link to the outside in a directory's place and takes it away, again and again, while a guest
// uses paths through it: it gets what is inside or an error, and changes nothing outside.

import { type ExecutionContext } from "ava";
import { mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { folder, needing } from "./helper.js";
import { type Argument, BUF, FOLLOW, Guest, OUT, buffer, fd, fstflags, oflags, out, pieces, rights, tree } from "./wasi-calls.js";

const test = needing("wasi");

const { CREAT, DIRECTORY, TRUNC } = oflags;
const { dir } = fd;
const swap = `
  const { workerData } = require("node:worker_threads");
  const { renameSync } = require("node:fs");
  const counter = new Int32Array(workerData.shared), at = (name) => workerData.inside + "/" + name;
  while (Atomics.load(counter, 1) === 0) {
    for (const [from, to] of [["swapped", "spare"], ["trap", "swapped"], ["swapped", "trap"], ["spare", "swapped"]]) renameSync(at(from), at(to));
    Atomics.add(counter, 0, 1);
    Atomics.notify(counter, 0);
  }`;

/** Makes a call thousands of times, until both has happened often: that it was done, and that it was refused. */
async function race(t: ExecutionContext, use: (g: Guest) => string) {
  const root = tree(folder(t));
  const [inside, outside] = [join(root, "inside"), join(root, "outside")];
  mkdirSync(outside);
  mkdirSync(join(inside, "swapped"));
  mkdirSync(join(outside, "empty"));
  for (const [where, text] of Object.entries({ "outside/secret": "outside", "outside/only": "outside", "inside/swapped/secret": "inside" }))
    writeFileSync(join(root, where), text);
  symlinkSync("../outside", join(inside, "trap"));
  const told = () => [outside, join(outside, "secret"), join(outside, "empty")].map((path) => statSync(path, { bigint: true }));
  const state = () =>
    JSON.stringify([
      readdirSync(outside),
      readFileSync(join(outside, "secret"), "utf8"),
      told().map(({ mtimeNs, size, nlink }) => `${mtimeNs} ${size} ${nlink}`),
    ]);
  const before = state();
  const g = new Guest(root);
  const shared = new SharedArrayBuffer(8);
  const counter = new Int32Array(shared);
  const worker = new Worker(swap, { eval: true, workerData: { shared, inside } });
  const ended = once(worker, "exit");
  t.not(Atomics.wait(counter, 0, 0, 60_000), "timed-out");
  const seen: Record<string, number> = {};
  const enough = () => seen["done"]! > 0 && Object.keys(seen).length > 1 && counter[0]! > 200;
  for (let calls = 0; calls < 4000 || (!enough() && calls < 1_000_000); calls++) {
    const outcome = use(g);
    seen[outcome] = (seen[outcome] ?? 0) + 1;
  }
  Atomics.store(counter, 1, 1);
  t.deepEqual(await ended, [0]);
  t.is(state(), before, "outside is what it was");
  t.true(seen["done"]! > 0, JSON.stringify(seen));
  t.deepEqual(
    Object.keys(seen).filter((outcome) => !/^(done|[A-Z]{4,})$/.test(outcome)),
    [],
    JSON.stringify(seen),
  );
}
const done = (outcome: string) => (outcome === "SUCCESS" ? "done" : outcome);

for (const path of ["swapped/secret", "sub/../swapped/secret", "swapped/../swapped/secret", "./swapped/./secret"]) {
  test(`a file is read by '${path}' while its directory changes`, (t) =>
    race(t, (g) => {
      const outcome = g.call("path_open", [dir, FOLLOW, path, 0, rights.READ, 0n, 0, out]);
      if (outcome !== "SUCCESS") return outcome;
      const opened = { fd: g.u32(OUT) };
      g.call("fd_read", [opened, pieces(100), out]);
      const text = g.textAt(BUF, g.u32(OUT));
      g.call("fd_close", [opened]);
      return text === "inside" ? "done" : text;
    }));
}
test("a directory is listed by its name while it changes", (t) =>
  race(t, (g) => {
    const outcome = g.call("path_open", [dir, FOLLOW, "swapped", DIRECTORY, rights.READ, 0n, 0, out]);
    if (outcome !== "SUCCESS") return outcome;
    const opened = { fd: g.u32(OUT) };
    const listed = g.call("fd_readdir", [opened, buffer, 4096, 0n, out]);
    const text = g.memory.read(BUF, g.u32(OUT)).toString("latin1");
    g.call("fd_close", [opened]);
    return listed !== "SUCCESS" ? listed : text.includes("only") || !text.includes("secret") ? "listed what is outside" : "done";
  }));
test("a file is asked about while its directory changes", (t) =>
  race(t, (g) => {
    const outcome = g.call("path_filestat_get", [dir, FOLLOW, "swapped/secret", out]);
    return outcome === "SUCCESS" ? (g.u64(32) === 6n ? "done" : "told of what is outside") : outcome;
  }));
test("a file is written and cut while its directory changes", (t) =>
  race(t, (g) => {
    const outcome = g.call("path_open", [dir, FOLLOW, "swapped/secret", CREAT | TRUNC, rights.BOTH, 0n, 0, out]);
    if (outcome !== "SUCCESS") return outcome;
    const opened = { fd: g.u32(OUT) };
    const written = g.call("fd_write", [opened, pieces("inside"), out]);
    g.call("fd_close", [opened]);
    return done(written);
  }));

/** What is done, and what undoes it. */
const changes: Record<string, [string, Argument[]][]> = {
  "a directory is made and removed": [
    ["path_create_directory", [dir, "swapped/empty"]],
    ["path_remove_directory", [dir, "swapped/empty"]],
  ],
  "a link is made and removed": [
    ["path_symlink", ["x", dir, "swapped/link"]],
    ["path_unlink_file", [dir, "swapped/link"]],
  ],
  "a hard link is made into it and removed": [
    ["path_link", [dir, 0, "file", dir, "swapped/hard"]],
    ["path_unlink_file", [dir, "swapped/hard"]],
  ],
  "a hard link is made out of it and removed": [
    ["path_link", [dir, 0, "swapped/secret", dir, "stolen"]],
    ["path_unlink_file", [dir, "stolen"]],
  ],
  "a file is moved into it and out": [
    ["path_rename", [dir, "file", dir, "swapped/only"]],
    ["path_rename", [dir, "swapped/only", dir, "file"]],
  ],
  "a file's time is set": [["path_filestat_set_times", [dir, FOLLOW, "swapped/secret", 1n, 1n, fstflags.MTIM]]],
  "a file's time is set, and links are not followed": [["path_filestat_set_times", [dir, 0, "swapped/secret", 1n, 1n, fstflags.MTIM]]],
};
for (const [what, calls] of Object.entries(changes)) {
  test(`${what} while the directory changes`, (t) =>
    race(t, (g) => {
      const [first, ...rest] = calls.map(([name, args]) => g.call(name, args));
      return rest.every((outcome) => outcome === "SUCCESS") ? done(first!) : rest.find((outcome) => outcome !== "SUCCESS")!;
    }));
}
