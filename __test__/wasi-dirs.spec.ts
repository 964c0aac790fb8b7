// WASI's directories: what is granted, how far, and that no path leads out.

import test, { type ExecutionContext } from "ava";
import { existsSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Linker, Store, type WasiOptions } from "../index.js";
import { engineOf, folder, load, thrown } from "./helper.js";
import { Wasi, everything } from "./wasi-guest.js";

function guest(wasi?: WasiOptions) {
  const { engine, module } = load(everything);
  const store = new Store(engine, { wasi });
  const linker = new Linker(engine).defineWasi();
  return { store, wasi: new Wasi(linker.instantiate(store, module).exports) };
}

test("a file is read and written at places, and asked about", (t) => {
  const inside = folder(t);
  writeFileSync(join(inside, "file"), "0123456789");
  const { wasi } = guest({ dirs: { "/": { host: inside, access: "read-write" } } });
  const fd = wasi.open("file", { write: true });
  t.is(wasi.exports.fd_seek(fd, 4n, 0, 0), 0);
  t.is(wasi.u32(0), 4);
  t.is(wasi.read(fd, 2), "45");
  t.is(wasi.exports.fd_tell(fd, 0), 0);
  t.is(wasi.u32(0), 6);
  t.is(wasi.write(fd, "xy"), 0);
  t.is(wasi.exports.fd_filestat_get(fd, 0), 0);
  t.is(wasi.u32(32), 10);
  wasi.memory.write(0, new Uint8Array(new Uint32Array([1024, 3]).buffer));
  t.is(wasi.exports.fd_pread(fd, 0, 1, 1n, 8), 0);
  t.is(wasi.memory.readString(1024, 3), "123");
  wasi.memory.writeString(1024, "ABC");
  t.is(wasi.exports.fd_pwrite(fd, 0, 1, 0n, 8), 0);
  t.is(wasi.exports.fd_filestat_set_size(fd, 9n), 0);
  t.is(wasi.exports.fd_sync(fd), 0);
  t.is(wasi.exports.fd_close(fd), 0);
  t.is(wasi.exports.fd_close(fd), 8);
  t.is(readFileSync(join(inside, "file"), "utf8"), "ABC345xy8");
  t.is(wasi.symlink("file", "link"), 0);
  t.is(wasi.readlink("link"), "file");
  t.is(wasi.on("path_create_directory", "dir"), 0);
  t.deepEqual(
    wasi.entries().filter((name) => !name.startsWith(".")),
    ["dir", "file", "link"],
  );
});

function tree(t: ExecutionContext) {
  const root = folder(t);
  const inside = join(root, "inside");
  mkdirSync(join(inside, "sub"), { recursive: true });
  writeFileSync(join(inside, "file"), "contents");
  writeFileSync(join(root, "secret"), "secret");
  return { root, inside };
}

for (const access of ["read", "bare string"]) {
  test(`a directory granted as ${access} can be read and not be written`, (t) => {
    const { inside } = tree(t);
    const { wasi } = guest({ dirs: { "/data": access === "read" ? { host: inside, access } : inside } });
    t.deepEqual(wasi.preopens(), ["/data"]);
    const fd = wasi.open("file");
    t.true(fd > 3);
    t.is(wasi.read(fd), "contents");
    t.is(wasi.open("nothing"), -44);
    const attempts: Record<string, () => number> = {
      create: () => Math.min(0, wasi.open("new", { create: true, write: true })),
      createToRead: () => Math.min(0, wasi.open("new", { create: true })),
      truncate: () => Math.min(0, wasi.open("file", { truncate: true })),
      truncateToWrite: () => Math.min(0, wasi.open("file", { truncate: true, write: true })),
      unlink: () => wasi.on("path_unlink_file", "file"),
      mkdir: () => wasi.on("path_create_directory", "new"),
      rmdir: () => wasi.on("path_remove_directory", "sub"),
      rename: () => wasi.rename("file", "new"),
      symlink: () => wasi.symlink("file", "new"),
      link: () => wasi.link("file", "new"),
      touch: () => wasi.touch("file"),
    };
    for (const [name, attempt] of Object.entries(attempts)) t.not(attempt(), 0, name);
    const writing = wasi.open("file", { write: true });
    if (writing > 0) t.not(wasi.write(writing, "changed"), 0);
    t.not(wasi.exports.fd_filestat_set_size(fd, 0n), 0);
    t.is(readFileSync(join(inside, "file"), "utf8"), "contents");
    t.false(existsSync(join(inside, "new")));
    t.true(existsSync(join(inside, "sub")));
  });
}

test("a directory granted as read-write can be written", (t) => {
  const { inside } = tree(t);
  const { wasi } = guest({ dirs: { ".": { host: inside, access: "read-write" } } });
  t.deepEqual(wasi.preopens(), ["."]);
  const fd = wasi.open("new", { create: true, write: true });
  t.true(fd > 3, String(fd));
  t.is(wasi.write(fd, "written"), 0);
  t.is(wasi.exports.fd_close(fd), 0);
  t.is(readFileSync(join(inside, "new"), "utf8"), "written");
  t.is(wasi.rename("new", "sub/moved"), 0);
  t.is(wasi.on("path_create_directory", "made"), 0);
  t.is(wasi.on("path_unlink_file", "file"), 0);
  t.true(existsSync(join(inside, "sub/moved")) && existsSync(join(inside, "made")));
  t.false(existsSync(join(inside, "file")));
});

test("directories are granted one by one, each with its own access", (t) => {
  const { inside } = tree(t);
  const { wasi } = guest({ dirs: { "/a": inside, "/b": { host: join(inside, "sub"), access: "read-write" } } });
  t.deepEqual(wasi.preopens(), ["/a", "/b"]);
  t.true(wasi.open("sub/new", { create: true, write: true }) < 0);
  t.true(wasi.open("new", { create: true, write: true, fd: 4 }) > 4);
});

test("no path leads out of a directory", (t) => {
  const { root, inside } = tree(t);
  symlinkSync(join(root, "secret"), join(inside, "absolute"));
  symlinkSync("../secret", join(inside, "relative"));
  symlinkSync("..", join(inside, "up"));
  symlinkSync("/", join(inside, "top"));
  symlinkSync("loop", join(inside, "loop"));
  const { wasi } = guest({ dirs: { "/data": { host: inside, access: "read-write" } } });
  const paths = [
    "../secret",
    "sub/../../secret",
    "./../secret",
    "sub/../../inside/../secret",
    join(root, "secret"),
    "/data/../secret",
    "/etc/passwd",
    "absolute",
    "relative",
    "up/secret",
    "up",
    "top/etc/passwd",
    "loop",
    "..",
    "../",
    "sub/../..",
    "file/../../secret",
    "../secret\0",
    "",
  ];
  for (const path of paths) {
    for (const options of [{}, { create: true, write: true }, { truncate: true, write: true }, { directory: true }]) {
      const fd = wasi.open(path, options);
      t.true(fd < 0, `${JSON.stringify(path)} ${JSON.stringify(options)}: ${fd}`);
    }
    t.not(wasi.stat(path), 0, path);
    // A link is replaced, not followed.
    if (path.includes("/") || path.startsWith(".")) t.not(wasi.rename("file", path), 0, path);
  }
  t.not(wasi.link("../secret", "stolen"), 0);
  // A link to the outside may be made, and leads nowhere.
  for (const target of ["../secret", join(root, "secret")]) {
    wasi.symlink(target, "made");
    t.true(wasi.open("made") < 0, target);
    wasi.on("path_unlink_file", "made");
  }
  t.is(wasi.rename("sub", "sub2"), 0);
  t.is(readFileSync(join(root, "secret"), "utf8"), "secret");
  t.is(readFileSync(join(inside, "file"), "utf8"), "contents");
});

test("a trailing slash does not make a read-only directory writable, nor a file a directory", (t) => {
  const { inside } = tree(t);
  const { wasi } = guest({ dirs: { "/data": inside } });
  for (const path of ["file/", "file/.", "new/", "sub/new/"])
    t.true(wasi.open(path, { create: true, write: true, truncate: true }) < 0, path);
  t.is(readFileSync(join(inside, "file"), "utf8"), "contents");
  linkSync(join(inside, "file"), join(inside, "hard"));
  t.true(wasi.open("hard", { truncate: true, write: true }) < 0);
});

test("a directory that is not there is Node's own error", (t) => {
  const host = join(folder(t), "nothing");
  const error = thrown(() => new Store(engineOf(), { wasi: { dirs: { "/": host } } })) as NodeJS.ErrnoException;
  t.is(error.code, "ENOENT");
  t.is(error.path, host);
  t.true(error.message.startsWith("ENOENT: no such file or directory"));
});
