// The class `WASI` of `node:wasi`, for guests that run here.

import { fstatSync, opendirSync, realpathSync } from "node:fs";
import type { Instance, Memory, WasiOptions } from "./binding.js";
import { WasiExit, outOfRange, systemError, wrongType } from "./errors.js";
import { Extern } from "./host-table.js";
import { requireFeature } from "./load.js";
import type { Imports } from "./types.js";
import { importsWith } from "./wasi.js";
import type { OwnWasi } from "./wasi-imports.js";

/** What `new WASI` takes, as in `node:wasi`. What is not named is not granted, but for stdio, which is this process's own. */
export interface WASIOptions {
  /** Where the guest's imports are: `preview1` for `wasi_snapshot_preview1`, `unstable` for `wasi_unstable`. */
  version: "preview1" | "unstable";
  /** The command line, argv[0] first; what is no string is converted. Default none. */
  args?: readonly unknown[];
  /** The environment; values are converted, and `undefined` ones left out. Default none. */
  env?: object;
  /** Directories of the host by the path that the guest sees them under, which it may read and write. Default none. */
  preopens?: Record<string, string>;
  /** Whether `start` returns the code that the guest gives to `proc_exit`, or the process ends with it. Default true. */
  returnOnExit?: boolean;
  /** The guest's stdin, an open file of this process by its number (on Windows only its own: 0). Default 0. */
  stdin?: number;
  /** The same of stdout. Default 1. */
  stdout?: number;
  /** The same of stderr. Default 2. */
  stderr?: number;
}

const spaces = { preview1: "wasi_snapshot_preview1", unstable: "wasi_unstable" };

/**
 * WASI for one guest, as the class of that name in `node:wasi`: with the same options, methods and error codes, for instances of
 * this package. docs/from-node-wasi.md says what differs.
 *
 * @example
 * ```ts
 * import { WASI } from '@cwasm/wasmtime/node-wasi'
 *
 * const wasi = new WASI({ version: 'preview1', args: ['convert', 'in.png'], preopens: { '/': './pictures' } })
 * const instance = new Instance(new Store(engine), module, wasi.getImportObject())
 * const exitCode = wasi.start(instance)
 * ```
 */
export class WASI {
  /** WASI's functions, to be imported by instances of one store, and not to be called. Others may be put in their places. */
  wasiImport: Record<string, unknown>;
  readonly #space: string;
  #started = false;
  #exit: WasiExit | undefined;

  /**
   * Reads the options, and looks whether directories and files are there; they are opened when an instance is made.
   *
   * Throws `TypeError` with the code `ERR_INVALID_ARG_TYPE` for options of the wrong type, `ERR_INVALID_ARG_VALUE` for another
   * `version` and for text that a guest can't have, `RangeError` for numbers that are none of a file, Node's own error for a file or
   * directory that is not there, and `FeatureUnavailableError` in a build without WASI.
   */
  constructor(options: WASIOptions) {
    requireFeature("wasi");
    object(options, "options");
    const { version, args = [], env = {}, preopens = {}, stdin = 0, stdout = 1, stderr = 2, returnOnExit = true } = options;
    if (typeof version !== "string") throw mustBe("options.version", "a string", version);
    if (!Object.hasOwn(spaces, version)) throw badValue("options.version must be 'preview1' or 'unstable'");
    if (!Array.isArray(args)) throw mustBe("options.args", "an Array", args);
    const [argv0, ...rest] = args.map((arg) => text(String(arg), "options.args"));
    object(env, "options.env");
    object(preopens, "options.preopens");
    const given: WasiOptions = {
      argv0,
      args: rest,
      env: Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined).map(variable)),
      dirs: Object.fromEntries(Object.entries(preopens).map(directory)),
      stdin: descriptor(stdin, 0, "stdin"),
      stdout: descriptor(stdout, 1, "stdout"),
      stderr: descriptor(stderr, 2, "stderr"),
    };
    if (typeof returnOnExit !== "boolean") throw mustBe("options.returnOnExit", "a boolean", returnOnExit);
    this.#space = spaces[version];
    const own: OwnWasi = { options: given, once: true };
    this.wasiImport = importsWith(own)[this.#space] as Record<string, unknown>;
    // Not the store's, which has nobody to end the process for.
    this.wasiImport["proc_exit"] = (code: number) => {
      if (!returnOnExit) process.exit(code);
      throw (this.#exit = new WasiExit(`the guest has exited with ${code}`, { exitCode: code }));
    };
  }

  /** What an instance imports: `wasiImport` under the name that `version` says. */
  getImportObject(): Imports {
    return { [this.#space]: this.wasiImport } as Imports;
  }

  /**
   * Runs a command: calls its export `_start`, and returns the code that it gives to `proc_exit`, 0 if it returns.
   *
   * Throws an `Error` with the code `ERR_WASI_ALREADY_STARTED` the second time, `TypeError` for an instance that has no memory
   * `memory`, no function `_start`, or an `_initialize`, and what the guest ends with (`Trap`, …).
   */
  start(instance: Instance | { readonly exports: object }): number {
    const { _start, _initialize } = this.#bind(instance);
    if (typeof _start !== "function") throw mustBe("instance.exports._start", "a function", _start);
    if (_initialize !== undefined) throw mustBe("instance.exports._initialize", "undefined", _initialize);
    try {
      _start();
    } catch (error) {
      if (error !== this.#exit || !this.#exit) throw error;
      return this.#exit.exitCode;
    }
    return 0;
  }

  /**
   * Initializes a reactor: calls its export `_initialize`, if it has one. Its functions can then be called; one that calls
   * `proc_exit` throws `WasiExit`.
   *
   * Throws as `start` does, but here `_start` is what must not be there.
   */
  initialize(instance: Instance | { readonly exports: object }): void {
    const { _start, _initialize } = this.#bind(instance);
    if (_start !== undefined) throw mustBe("instance.exports._start", "undefined", _start);
    if (_initialize === undefined) return;
    if (typeof _initialize !== "function") throw mustBe("instance.exports._initialize", "a function", _initialize);
    _initialize();
  }

  /**
   * Does what `start` and `initialize` do first, for a guest that is started in another way: checks the instance, which no other
   * can follow. `memory` may only be the one that it exports as `memory`, as WASI's functions use no other.
   *
   * Throws as `start` does of memories and of the second time.
   */
  finalizeBindings(instance: Instance | { readonly exports: object }, options: { memory?: Memory } = {}): void {
    if (typeof options !== "object" || options === null) throw mustBe("options", "an object", options);
    this.#bind(instance, options);
  }

  #bind(instance: { readonly exports: object }, options: { memory?: unknown } = {}): Record<string, unknown> {
    if (this.#started) throw systemError("WASI instance has already started", { code: "ERR_WASI_ALREADY_STARTED" });
    object(instance, "instance");
    const exports = instance.exports as Record<string, unknown>;
    object(exports, "instance.exports");
    const { memory } = exports;
    const { memory: wanted = memory } = options;
    if (Extern.kind(memory) !== "memory") {
      const theirs = (globalThis as any).WebAssembly?.Memory;
      const is = theirs && memory instanceof theirs ? "a Memory of this package, as an Instance of it has" : "a Memory";
      throw mustBe("instance.exports.memory", is, memory);
    }
    if (wanted !== memory) throw mustBe("options.memory", "the one that the instance exports as 'memory'", wanted);
    this.#started = true;
    return exports;
  }
}

function mustBe(name: string, what: string, value: unknown): TypeError {
  return wrongType(`${name} must be ${what}, got ${value === null ? "null" : typeof value}`);
}
function badValue(message: string): TypeError {
  return Object.assign(wrongType(message), { code: "ERR_INVALID_ARG_VALUE" });
}
/** As Node has it: neither an array nor a function. */
function object(value: unknown, name: string): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw mustBe(name, "an object", value);
}
function text(text: string, name: string): string {
  if (text.includes("\0")) throw badValue(`${name} must not contain NUL`);
  return text;
}
function variable([name, value]: [string, unknown]): [string, string] {
  if (name === "" || name.includes("=")) throw badValue(`options.env: '${name}' can't be the name of an environment variable`);
  return [text(name, "options.env"), text(`${value}`, "options.env")];
}
/** Where it is now: neither a new working directory nor a new link changes it. */
function directory([guest, value]: [string, unknown]): [string, { host: string; access: "read-write" }] {
  const host = String(value);
  opendirSync(host).closeSync();
  return [text(guest, "options.preopens"), { host: realpathSync(host), access: "read-write" }];
}
function descriptor(value: unknown, own: number, name: string): number | "inherit" {
  if (typeof value !== "number") throw mustBe(`options.${name}`, "a number", value);
  if (!Number.isInteger(value) || value < 0 || value > 0x7fff_ffff) throw outOfRange(`options.${name} must be an integer from 0 to 2147483647, got ${value}`);
  if (value === own) return "inherit";
  if (process.platform === "win32") throw wrongType(`options.${name}: on Windows it can only be this process's own, ${own}`);
  fstatSync(value);
  return value;
}
