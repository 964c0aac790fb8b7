// Calls of WASI's functions as tables: what is called how, and how that ends. And what makes each call, of a guest with files.

import type { ExecutionContext } from "ava";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Engine, type InstancePre, Linker, Store, WasiExit, type WasiOptions, WasmtimeError } from "../index.js";
import { load } from "./helper.js";
import { Wasi, everything } from "./wasi-guest.js";

/** WASI's error numbers by name: the place is the number. */
export const errnos =
  `SUCCESS 2BIG ACCES ADDRINUSE ADDRNOTAVAIL AFNOSUPPORT AGAIN ALREADY BADF BADMSG BUSY CANCELED CHILD CONNABORTED CONNREFUSED
  CONNRESET DEADLK DESTADDRREQ DOM DQUOT EXIST FAULT FBIG HOSTUNREACH IDRM ILSEQ INPROGRESS INTR INVAL IO ISCONN ISDIR LOOP MFILE MLINK
  MSGSIZE MULTIHOP NAMETOOLONG NETDOWN NETRESET NETUNREACH NFILE NOBUFS NODEV NOENT NOEXEC NOLCK NOLINK NOMEM NOMSG NOPROTOOPT NOSPC
  NOSYS NOTCONN NOTDIR NOTEMPTY NOTRECOVERABLE NOTSOCK NOTSUP NOTTY NXIO OVERFLOW OWNERDEAD PERM PIPE PROTO PROTONOSUPPORT PROTOTYPE
  RANGE ROFS SPIPE SRCH STALE TIMEDOUT TXTBSY XDEV NOTCAPABLE`.split(/\s+/);

export const fdflags = { APPEND: 1, DSYNC: 2, NONBLOCK: 4, RSYNC: 8, SYNC: 16 };
export const oflags = { CREAT: 1, DIRECTORY: 2, EXCL: 4, TRUNC: 8 };
export const fstflags = { ATIM: 1, ATIM_NOW: 2, MTIM: 4, MTIM_NOW: 8 };
export const rights = { READ: 1n << 1n, WRITE: 1n << 6n, BOTH: (1n << 1n) | (1n << 6n) };
export const filetypes = ["unknown", "block", "character", "directory", "file", "datagram", "stream", "symlink"];
export const FOLLOW = 1;

/** Descriptor numbers of a guest with files: what it is granted, then what is opened in it. */
export const fd = ((number) => {
  const names = "stdin stdout stderr dir ro file reader writer appender sub roFile roDir".split(" ");
  return Object.fromEntries(names.map((name) => [name, number(names.indexOf(name))]));
})((fd: number) => ({ fd })) as Record<
  "stdin" | "stdout" | "stderr" | "dir" | "ro" | "file" | "reader" | "writer" | "appender" | "sub" | "roFile" | "roDir",
  { fd: number }
>;

/** Where results go. Bytes that are read come to BUF and behind; what is given to the call lies between. */
export const OUT = 0;
export const OUT2 = 128;
export const BUF = 65536;
const given = 1024;
const end = 131072;

/** An argument in words: a string or bytes are an address and a length, pieces an address and their number. */
export type Argument =
  | number
  | bigint
  | string
  | Uint8Array
  | { fd: number }
  | { out: number; align?: number }
  | { pieces: (string | number | [address: number, length: number])[] }
  | { bytes: Uint8Array }
  | { slots: number[] };
export const out = { out: OUT };
export const out2 = { out: OUT2 };
/** A buffer, which may lie anywhere. */
export const buffer = { out: BUF, align: 1 };
/** Pieces of text to write, or of a length to read. */
export const pieces = (...list: (string | number)[]): Argument => ({ pieces: list });

/** An error's name; a trap, which the guest can't catch; or the status of an exit. */
export type Outcome = string;
export type Row = [
  situation: string,
  args: Argument[],
  outcome: Outcome,
  check?: (g: Guest, t: ExecutionContext) => void,
  prepare?: (g: Guest) => void,
];
export type Table = Record<string, Row[]>;

const shared = everything.replace(`(memory (export "memory") 2)`, `(memory (export "memory") 2 2 shared)`);
const made = new Map<string, { engine: Engine; pre: InstancePre }>();
/** A guest with all of WASI's functions, and nothing but what is granted. */
export function guest(wasi?: WasiOptions, text = everything) {
  if (!made.has(text)) {
    const { engine, module } = load(text);
    made.set(text, { engine, pre: new Linker(engine).defineWasi().instantiatePre(module) });
  }
  const { engine, pre } = made.get(text)!;
  const store = new Store(engine, { wasi });
  return { store, wasi: new Wasi(pre.instantiate(store).exports) };
}

/** A folder with another one inside, which guests are granted, and a secret beside that. */
export function tree(root: string): string {
  const inside = join(root, "inside");
  for (const name of ["sub", "full"]) mkdirSync(join(inside, name), { recursive: true });
  const files = { "inside/file": "0123456789", "inside/full/inner": "inner", secret: "secret" };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
  const links = { link: "file", dirlink: "full", dangling: "nothing", loop: "loop", out: "../secret" };
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(inside, name));
  return root;
}

/** A guest that has the same folder twice, to write (3) and to read (4), and some of it open. */
export class Guest extends Wasi {
  readonly inside: string;
  readonly store: Store;
  /** What the last call has thrown. */
  error: unknown;
  private next = given;
  constructor(
    readonly root: string,
    { sharedMemory = false, maxDescriptors }: { sharedMemory?: boolean; maxDescriptors?: number } = {},
  ) {
    const inside = join(root, "inside");
    const options: WasiOptions = {
      argv0: "prog",
      args: ["é", "", "👩‍🚀"],
      env: { KEY: "välue", EMPTY: "", "☃": "e\u0301" },
      stdin: "input",
      stdout: "capture",
      stderr: "capture",
      dirs: { "/rw": { host: inside, access: "read-write" }, "/ro": inside },
      maxDescriptors,
    };
    const { store, wasi } = guest(options, sharedMemory ? shared : everything);
    super(wasi.exports);
    this.store = store;
    this.inside = inside;
    this.opened("file", rights.BOTH);
    this.opened("file", rights.READ);
    this.opened("file", rights.WRITE);
    this.opened("file", rights.BOTH, fdflags.APPEND);
    this.opened("full", rights.READ);
    this.opened("file", rights.READ, 0, fd.ro);
    this.opened("full", rights.READ, 0, fd.ro);
  }
  private opened(path: string, right: bigint, flags = 0, from = fd.dir) {
    if (this.call("path_open", [from, 0, path, 0, right, right, flags, out]) !== "SUCCESS") throw new Error(path);
  }
  /** The host's path of a name. */
  host(name: string) {
    return join(this.inside, name);
  }
  u64(at: number) {
    return this.memory.read(at, 8).readBigUInt64LE();
  }
  textAt(at: number, length: number) {
    return this.memory.readString(at, length);
  }
  private put(bytes: Uint8Array): number {
    const at = this.next;
    this.memory.write(at, bytes);
    this.next = (at + bytes.length + 7) & ~7;
    return at;
  }
  private slots(argument: Argument): (number | bigint)[] {
    if (typeof argument === "number" || typeof argument === "bigint") return [argument];
    if (typeof argument === "string") argument = Buffer.from(argument);
    if (argument instanceof Uint8Array) return [this.put(argument), argument.length];
    if ("fd" in argument) return [argument.fd];
    if ("out" in argument) return [argument.out];
    if ("slots" in argument) return argument.slots;
    if ("bytes" in argument) return [this.put(argument.bytes)];
    let at = BUF;
    const list = argument.pieces.flatMap((piece) => {
      if (typeof piece === "object") return piece;
      if (typeof piece === "string") return [this.put(Buffer.from(piece)), Buffer.byteLength(piece)];
      at += piece;
      return [at - piece, piece];
    });
    return [this.put(new Uint8Array(new Uint32Array(list).buffer)), argument.pieces.length];
  }
  /** Calls a function, and says how that ended. */
  call(name: string, args: Argument[]): Outcome {
    this.next = given;
    try {
      return errnos[this.exports[name](...args.flatMap((argument) => this.slots(argument)))] ?? "no number of an error";
    } catch (error) {
      this.error = error;
      if (error instanceof WasiExit) return `EXIT ${error.exitCode}`;
      if (error instanceof WasmtimeError) return "TRAP";
      throw error;
    }
  }
}

/** A call of each of several descriptors. */
export const of = (call: (of: { fd: number }) => Argument[], outcomes: Partial<Record<keyof typeof fd, Outcome>>): Row[] =>
  Object.entries(outcomes).map(([kind, outcome]) => [`of ${kind}`, call(fd[kind as keyof typeof fd]), outcome]);
/** What the file has in the end. */
export const contents = (g: Guest) => readFileSync(g.host("file"), "utf8");

const paths: [situation: string, path: string | Uint8Array, outcome: Outcome][] = [
  ["that is no UTF-8", new Uint8Array([0x66, 0xff]), "ILSEQ"],
  ["that ends within a character", new Uint8Array([0x66, 0xe2, 0x98]), "ILSEQ"],
  ["with a surrogate", new Uint8Array([0xed, 0xa0, 0x80]), "ILSEQ"],
  ["with a NUL", "fi\0le", "INVAL"],
  ["that is empty", "", "NOENT"],
  ["with a name of 256 bytes", "x".repeat(256), "NAMETOOLONG"],
  ["of 5,000 bytes", "x/".repeat(2500), "NAMETOOLONG"],
  ["behind a file", "file/x", "NOTDIR"],
  ["behind nothing", "nothing/x", "NOENT"],
  ["behind a link to itself", "loop/x", "LOOP"],
];

/** From a row that says how a function is called well: rows with one argument wrong, in each way that it can be. */
export function wrongly(name: string, [, args, outcome]: Row): Row[] {
  return args.flatMap((argument, place) => {
    const wrong = (situation: string, argument: Argument, outcome: Outcome): Row => [
      `with argument ${place + 1} ${situation}`,
      args.map((each, n) => (n === place ? argument : each)),
      outcome,
    ];
    const pointers = (...list: [situation: string, argument: Argument][]) =>
      outcome === "SUCCESS" ? list.map(([situation, argument]) => wrong(situation, argument, "TRAP")) : [];
    if (typeof argument === "number" || typeof argument === "bigint") return [];
    if (typeof argument === "string" || argument instanceof Uint8Array) {
      // What a symbolic link leads to is any text.
      const target = name === "path_symlink" && place === 0;
      const rows = paths
        .filter(([situation, , outcome]) => !target || /ILSEQ|INVAL/.test(outcome) || /empty|5,000/.test(situation))
        .map(([situation, path, outcome]) => wrong(`a path ${situation}`, path, outcome));
      const behind = pointers(["a path behind the memory", { slots: [end, 1] }], ["a path of 4 GiB", { slots: [given, -1] }]);
      // A copy of it is not made.
      if (behind[1]) behind[1][2] = "NOMEM";
      return [...rows, ...behind];
    }
    if ("fd" in argument) {
      const rows = [wrong("a closed descriptor", { fd: 99 }, "BADF"), wrong("descriptor 2^32-1", { fd: -1 }, "BADF")];
      if (!name.startsWith("path_")) return rows;
      // WASI has NOTDIR for all functions.
      rows.push(wrong("a file", fd.file, name === "path_open" ? "NOTDIR" : "BADF"), wrong("stdin", fd.stdin, "BADF"));
      return rows;
    }
    if ("pieces" in argument)
      return pointers(
        ["pieces behind the memory", { slots: [end, 1] }],
        ["pieces that are not aligned", { slots: [BUF + 1, 1] }],
        ["a piece behind the memory", { pieces: [[end, 1]] }],
        ["a piece that ends behind the memory", { pieces: [[end - 1, 2]] }],
      );
    if ("bytes" in argument) return pointers(["a pointer behind the memory", { slots: [end] }]);
    if ("slots" in argument) return [];
    const rows = pointers(["a pointer behind the memory", { out: end }], ["a pointer to the last byte", { out: end - 1 }]);
    return argument.align === 1 ? rows : [...rows, ...pointers(["a pointer that is not aligned", { out: argument.out + 1 }])];
  });
}
