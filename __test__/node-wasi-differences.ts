// What Node's class WASI and ours do differently: the same steps, what comes out with Node's, and what with ours.

import { closeSync, openSync, symlinkSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Kit, driven, output, preview1, told } from "./node-wasi-cases.js";

type Difference = [steps: (kit: Kit) => unknown, node: unknown, ours: unknown];
const error = (name: string, code?: string) => (code ? { name, code } : { name });
const type = error("TypeError", "ERR_INVALID_ARG_TYPE");
const value = error("TypeError", "ERR_INVALID_ARG_VALUE");
function folders({ dir }: Kit): string {
  const root = join(dir, "root");
  mkdirSync(root);
  writeFileSync(join(dir, "secret"), "not for guests");
  return root;
}

export const differences: Record<string, Difference> = {
  "a link to a folder leads out of a directory in Node": [
    (kit) => {
      const root = folders(kit);
      symlinkSync("..", join(root, "up"));
      const wasi = driven(kit, { preopens: { "/": root } });
      return [wasi.symlink("..", "own"), ...["up/secret", "own/secret"].map((path) => wasi.open(path) > 0)];
    },
    [0, true, true],
    [0, false, false],
  ],
  "a guest that hands over memory it has not gets an error number in Node, and ends here": [
    (kit) => told(() => driven(kit, {}).exports.fd_write(1, 1 << 20, 1, 8)),
    { returned: 61 },
    error("WasmtimeError", "ERR_WASMTIME"),
  ],
  "WASI can be called before start here": [
    ({ WASI, make }) => told(() => make("everything", new WASI(preview1).getImportObject()).exports.fd_close(99)),
    error("Error", "ERR_WASI_NOT_STARTED"),
    { returned: 8 },
  ],
  "functions of WASI can be called by JavaScript in Node, and by guests alone here": [
    (kit) => {
      const wasi = new kit.WASI(preview1);
      const { fd_write } = wasi.wasiImport;
      const imports = { wasi_snapshot_preview1: { ...wasi.wasiImport, fd_write: (...args: number[]) => fd_write(...args.with(0, 99)) } };
      return told(() => wasi.start(kit.make("hello", imports)));
    },
    { returned: 0 },
    type,
  ],
  "one WASI may be imported by the instances of one store": [
    ({ WASI, make }) => {
      const wasi = new WASI(preview1);
      return [1, 2].map(() => told(() => typeof make("hello", wasi.getImportObject())));
    },
    [{ returned: "object" }, { returned: "object" }],
    [{ returned: "object" }, type],
  ],
  "no arguments are none in Node, and an empty argv[0] here": [(kit) => output(kit, "args"), [0, ""], [0, "\0"]],
  "NUL cuts text in Node, and is refused here": [
    (kit) => [told(() => output(kit, "args", { args: ["a\0b"] })), told(() => output(kit, "environ", { env: { A: "b\0c" } }))],
    [{ returned: [0, "a\0"] }, { returned: [0, "A=b\0"] }],
    [value, value],
  ],
  "names of the environment that are none are passed on in Node, and refused here": [
    (kit) => [told(() => output(kit, "environ", { env: { "A=B": "c" } })), told(() => output(kit, "environ", { env: { "": "c" } }))],
    [{ returned: [0, "A=B=c\0"] }, { returned: [0, "=c\0"] }],
    [value, value],
  ],
  "what is not there is an error of uvwasi in Node, and Node's own here": [
    ({ WASI, dir }) => {
      const file = join(dir, "file");
      writeFileSync(file, "");
      return [join(dir, "none"), file, ""].map((path) => told(() => new WASI({ ...preview1, preopens: { "/": path } })));
    },
    [error("Error", "UVWASI_ENOENT"), error("Error", "UVWASI_ENOTDIR"), error("Error", "UVWASI_ENOENT")],
    [error("Error", "ENOENT"), error("Error", "ENOTDIR"), error("Error", "ENOENT")],
  ],
  "so is a number of no open file": [
    ({ WASI }) => told(() => new WASI({ ...preview1, stdout: 9999 })),
    error("Error", "UVWASI_EBADF"),
    error("Error", "EBADF"),
  ],
  "a number stays the file that it was when the instance was made": [
    (kit) => {
      const [first, second] = ["first", "second"].map((name) => join(kit.dir, name)) as [string, string];
      for (let tries = 1; ; tries++) {
        const fd = openSync(first, "w");
        const wasi = driven(kit, { stdout: fd });
        closeSync(fd);
        const again = openSync(second, "w");
        // Another thread may have been faster.
        if (again !== fd && tries < 100) {
          closeSync(again);
          continue;
        }
        const written = [again === fd, wasi.write(1, "text")];
        closeSync(again);
        return [...written, wasi.write(1, "more")];
      }
    },
    [true, 0, 8],
    [true, 0, 0],
  ],
  "proc_exit of a reactor's function throws a symbol in Node, and WasiExit here": [
    ({ WASI, make, dir }) => {
      const wasi = new WASI({ ...preview1, stdout: openSync(join(dir, "out"), "w") });
      const instance = make("reactor", wasi.getImportObject());
      wasi.initialize(instance);
      try {
        return instance.exports.leave(3);
      } catch (error: any) {
        return [typeof error, error.exitCode];
      }
    },
    ["symbol", null],
    ["object", 3],
  ],
  "traps are RuntimeErrors in Node, and Traps here": [
    (kit) => told(() => output(kit, "trap")),
    error("RuntimeError"),
    error("Trap", "ERR_WASMTIME_TRAP"),
  ],
  "the rights of a descriptor hold a guest in Node, and are no more than a wish here": [
    (kit) => {
      const root = folders(kit);
      writeFileSync(join(root, "file"), "0123456789");
      const wasi = driven(kit, { preopens: { "/": root } });
      return wasi.exports.fd_seek(wasi.open("file"), 4n, 0, 0);
    },
    76,
    0,
  ],
  "version 'unstable' is preview 1 by another name in Node, and preview 0 here": [
    (kit) => {
      const root = folders(kit);
      writeFileSync(join(root, "file"), "0123456789");
      const wasi = driven(kit, { version: "unstable", preopens: { "/": root } }, "oldEverything");
      wasi.exports.path_open(3, 0, 1024, wasi.memory.writeString(1024, "file"), 0, 6n, 6n, 0, 0);
      // From the end in preview 1, from the start in preview 0.
      return [wasi.exports.fd_seek(wasi.u32(0), 4n, 2, 0), wasi.u32(0)];
    },
    [0, 14],
    [0, 4],
  ],
};
