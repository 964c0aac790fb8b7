// What guests and their hosts do in the same way with the class WASI of Node and with ours.

import { closeSync, mkdirSync, openSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Wasi, cat, command, everything, exit, hello, print } from "./wasi-guest.js";

const quiet = (wat: string) => wat.replace('(func (export "_start")', "(func");
export const guests = {
  args: print("args"),
  environ: print("environ"),
  hello,
  cat,
  everything,
  both: command("", { extra: '(func (export "_initialize"))' }),
  reactor: quiet(command("", { data: "ran!", extra: `(func (export "_initialize") (call $print (i32.const 1) (i32.const 1024) (i32.const 4)))
    (func (export "leave") (param i32) (call $proc_exit (local.get 0)))` })),
  plain: quiet(command("")),
  noMemory: '(module (func (export "_start")))',
  noWasi: '(module (memory (export "memory") 1) (func (export "_start")))',
  hosted: command("(call $f)", { extra: '(import "env" "f" (func $f))' }).replace(/^(\(module)([^]*)(\(import "env" "f" \(func \$f\)\))/, "$1 $3 $2"),
  old: command("(call $proc_exit (i32.const 4))", { space: "wasi_unstable" }).replace(/^.*sock_accept.*$/m, ""),
  oldEverything: everything.replaceAll('"wasi_snapshot_preview1"', '"wasi_unstable"').replace(/^.*sock_accept.*$/gm, ""),
  trap: command("unreachable"),
  ...Object.fromEntries([0, 1, 7, 125, 126, 200, 255, -1].map((code) => [`exit ${code}`, exit(code)])),
} as Record<string, string>;

/** One of the two implementations. */
export interface Kit {
  WASI: any;
  /** An instance of a guest. */
  make(guest: string, imports: object): { exports: any };
  /** A memory as ours are used. */
  memory(memory: any): any;
  /** An empty folder. */
  dir: string;
}
export const preview1 = { version: "preview1" };

/** Runs a guest with its stdout in a file. */
export function output({ WASI, make, dir }: Kit, guest: string, options: object = {}): [code: number, text: string] {
  const file = join(dir, "stdout");
  const fd = openSync(file, "w");
  try {
    const wasi = new WASI({ ...preview1, stdout: fd, ...options });
    return [wasi.start(make(guest, wasi.getImportObject())), readFileSync(file, "utf8")];
  } finally {
    closeSync(fd);
  }
}
/** A guest whose functions are WASI's. */
export function driven({ WASI, make, memory }: Kit, options: object, guest = "everything"): Wasi {
  const wasi = new WASI({ ...preview1, ...options });
  const instance = make(guest, wasi.getImportObject());
  wasi.initialize(instance);
  return new Wasi({ ...instance.exports, memory: memory(instance.exports.memory) });
}
/** What kind of error. */
export function told(fn: () => unknown): unknown {
  try {
    return { returned: fn() };
  } catch (error: any) {
    return { name: error.name, code: error.code };
  }
}
const badOptions: Record<string, unknown[]> = {
  version: [undefined, null, 1, "x", "", "toString", "preview2"],
  args: [null, {}, "a", 5],
  env: [null, [], 5, "a", () => 1],
  preopens: [null, [], 5, "/", () => 1],
  returnOnExit: [null, 0, "true", {}],
  stdin: [null, "0", -1, 1.5, 2 ** 31, NaN, 0n, {}],
  stdout: [null, "inherit", -1],
  stderr: [null, [2], Infinity],
};
const noInstances = (kit: Kit): Record<string, unknown> => {
  const { exports } = kit.make("noWasi", {});
  const { memory, _start } = exports;
  return {
    undefined: undefined, null: null, "a number": 5, "an array": [], "a function": () => exports, "an empty object": {},
    "null exports": { exports: null }, "exports that are a function": { exports: () => 1 }, "no exports": { exports: {} },
    "no memory": { exports: { _start } }, "another memory": { exports: { memory: { buffer: new ArrayBuffer(65536) }, _start } },
    "no function": { exports: { memory } }, "no function, but a value": { exports: { memory, _start: 5 } }, "both functions": { exports: { memory, _start, _initialize: _start } },
    "another _initialize": { exports: { memory, _initialize: 5 } },
  };
};

export const cases: Record<string, (kit: Kit) => unknown> = {
  "arguments are the whole command line, as strings": (kit) => output(kit, "args", { args: ["name", 1, null, "höhe ☃", ""] }),
  "the environment has what is named, as strings, and nothing else": (kit) => [
    output(kit, "environ"),
    output(kit, "environ", { env: { A: 1, B: undefined, C: null, D: "x=y", E: "" } }),
  ],
  "stdin, stdout and stderr are files by number": (kit) => {
    const file = join(kit.dir, "in");
    writeFileSync(file, "from a file");
    const [stdin, stderr] = [openSync(file, "r"), openSync(join(kit.dir, "err"), "w")];
    const said = [output(kit, "cat", { stdin }), output(kit, "hello", { stderr }), readFileSync(join(kit.dir, "err"), "utf8")];
    for (const fd of [stdin, stderr]) closeSync(fd);
    return said;
  },
  ...Object.fromEntries(
    [0, 1, 125, 126, 200, 255, -1].map((code) => [`a guest that exits with ${code} makes start return that`, (kit: Kit) => output(kit, `exit ${code}`)]),
  ),
  "a guest of preview 0 has its imports under its own name": (kit) => {
    const wasi = new kit.WASI({ version: "unstable" });
    return [Object.keys(wasi.getImportObject()), wasi.start(kit.make("old", wasi.getImportObject()))];
  },
  "getImportObject has wasiImport, under its name": ({ WASI }) => {
    const wasi = new WASI(preview1);
    const imports = wasi.getImportObject();
    const same = imports.wasi_snapshot_preview1 === wasi.wasiImport && imports !== wasi.getImportObject();
    return [same, Object.keys(imports), Object.keys(wasi.wasiImport).sort(), Object.keys(wasi)];
  },
  "functions of one's own may be put among WASI's": (kit) => {
    const wasi = new kit.WASI(preview1);
    const lengths: string[] = [];
    wasi.wasiImport.fd_write = (...args: number[]) => (lengths.push(args.join()), 0);
    const code = wasi.start(kit.make("hello", { ...wasi.getImportObject() }));
    const other = new kit.WASI(preview1);
    const imports = { wasi_snapshot_preview1: { ...other.wasiImport, fd_write: (fd: number) => (lengths.push(`${fd}`), 0) } };
    return [code, other.start(kit.make("hello", imports)), lengths];
  },
  "what a function of one's own throws comes out of start": (kit) => {
    const wasi = new kit.WASI(preview1);
    return told(() => wasi.start(kit.make("hosted", { ...wasi.getImportObject(), env: { f: () => JSON.parse("{") } })));
  },
  "a directory is read and written": (kit) => {
    const root = join(kit.dir, "root");
    mkdirSync(root);
    writeFileSync(join(root, "file"), "contents");
    const wasi = driven(kit, { preopens: { "/root": root } });
    const seen = [wasi.preopens(), wasi.entries().filter((name) => !name.startsWith(".")), wasi.read(wasi.open("file"))];
    const made = wasi.write(wasi.open("new", { create: true, write: true }), "text");
    const done = [wasi.on("path_create_directory", "d"), wasi.rename("file", "d/file"), wasi.link("new", "hard"), wasi.symlink("new", "soft"), wasi.readlink("soft")];
    return [seen, made, done, wasi.read(wasi.open("soft")), wasi.on("path_unlink_file", "hard"), readdirSync(root).sort(), readdirSync(join(root, "d"))];
  },
  "several directories come in their order": (kit) => {
    for (const name of ["a", "b"]) mkdirSync(join(kit.dir, name));
    return driven(kit, { preopens: { "/z": join(kit.dir, "a"), "/a": join(kit.dir, "b") } }).preopens();
  },
  "without directories nothing can be opened": (kit) => {
    const wasi = driven(kit, {});
    return [wasi.preopens(), wasi.open("file"), wasi.open("/etc/passwd")];
  },
  "no path leads out of a directory": (kit) => {
    const root = join(kit.dir, "root");
    mkdirSync(root);
    writeFileSync(join(kit.dir, "secret"), "");
    const wasi = driven(kit, { preopens: { "/": root } });
    wasi.symlink("../secret", "out");
    return ["../secret", "a/../../secret", "out"].map((path) => wasi.open(path) < 0);
  },
  "a reactor is initialized, and its functions called": (kit) => {
    const fd = openSync(join(kit.dir, "out"), "w");
    const wasi = new kit.WASI({ ...preview1, stdout: fd });
    const { exports } = kit.make("reactor", wasi.getImportObject());
    const returned = wasi.initialize({ exports });
    closeSync(fd);
    return [String(returned), readFileSync(join(kit.dir, "out"), "utf8")];
  },
  "a reactor needs no _initialize": (kit) => {
    const wasi = new kit.WASI(preview1);
    return String(wasi.initialize(kit.make("plain", wasi.getImportObject())));
  },
  "a guest that uses no WASI is started": ({ WASI, make }) => new WASI(preview1).start(make("noWasi", {})),
  "start twice, initialize twice, or one after the other: ERR_WASI_ALREADY_STARTED": (kit) =>
    ["start", "initialize"].flatMap((first) =>
      ["start", "initialize"].map((second) => {
        const wasi = new kit.WASI(preview1);
        const instance = kit.make(first === "start" ? "noWasi" : "plain", wasi.getImportObject());
        return [told(() => wasi[first](instance)), told(() => wasi[second](instance)), told(() => wasi[second](undefined))];
      }),
    ),
  "start of what is no command uses the object up": (kit) =>
    [["start", "plain"], ["start", "both"], ["initialize", "noWasi"], ["initialize", "both"]].map(([method, guest]) => {
      const wasi = new kit.WASI(preview1);
      const instance = kit.make(guest!, wasi.getImportObject());
      return [told(() => wasi[method!](instance)), told(() => wasi[method!](instance))];
    }),
  "start and initialize refuse what is no instance, by the same errors": (kit) =>
    Object.entries(noInstances(kit)).map(([what, value]) => [
      what,
      told(() => new kit.WASI(preview1).start(value)),
      told(() => String(new kit.WASI(preview1).initialize(value))),
    ]),
  "an instance without a memory is refused": (kit) => told(() => new kit.WASI(preview1).start(kit.make("noMemory", {}))),
  "options of the wrong type and value are refused, by the same errors": ({ WASI }) =>
    Object.entries(badOptions).map(([name, values]) => values.map((value) => [name, told(() => new WASI({ ...preview1, [name]: value }))])),
  "options that are no object are refused": ({ WASI }) => [[], [undefined], [null], [5], [[]], [() => 1], ["preview1"]].map((args) => told(() => new WASI(...args))),
  "undefined options are as if they were not there": ({ WASI }) => {
    const none = Object.fromEntries(Object.keys(badOptions).map((name) => [name, undefined]));
    return told(() => typeof new WASI({ ...none, version: "unstable" }));
  },
  "what can't be a string is refused": ({ WASI }) => [
    told(() => new WASI({ ...preview1, env: { A: Symbol("s") } })),
    told(() => new WASI({ ...preview1, args: [Object.create(null)] })),
  ],
  "the class needs new": ({ WASI }) => told(() => WASI(preview1)),
};
const [major, minor] = process.versions.node.split(".").map(Number) as [number, number];
/** Node has `finalizeBindings` from then on, and an instance that is refused does not use the object up. */
if (major > 24 || (major === 24 && minor >= 4) || (major === 22 && minor >= 19)) {
  cases["finalizeBindings is for guests that are started otherwise"] = ({ WASI, make }) => {
    const wasi = new WASI(preview1);
    const { exports } = make("exit 7", wasi.getImportObject());
    return [
      String(wasi.finalizeBindings({ exports }, { memory: exports.memory })),
      told(() => wasi.start({ exports })),
      told(() => wasi.finalizeBindings({ exports })),
      [null, {}, 5].map((memory) => told(() => new WASI(preview1).finalizeBindings({ exports }, { memory }))),
      String(new WASI(preview1).finalizeBindings({ exports }, { memory: undefined })),
      told(() => new WASI(preview1).finalizeBindings()),
    ];
  };
  cases["after an instance that is refused another one can be started"] = ({ WASI, make }) => {
    const wasi = new WASI(preview1);
    return [told(() => wasi.start({ exports: {} })), wasi.start(make("noWasi", {}))];
  };
}
