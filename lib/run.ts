// The short way: run a WASI command.

import { basename } from "node:path";
import type { StoreLimits, WasiOptions } from "./binding.js";
import { abortable } from "./abort.js";
import { wrongType } from "./errors.js";
import { type Request, native, need } from "./load.js";
import { type Own, type Source, loadCommand, loadCommandSync, path } from "./source.js";
import { RunImports } from "./run-imports.js";
import { nextRun } from "./runs.js";
import { Stdio } from "./streams.js";
import type { DeserializeOptions, GuestMemory, Imports, ProfileName } from "./types.js";

/** What `run` grants and allows. Standard input and output are this process's own unless named. */
export interface RunOptions extends WasiOptions, StoreLimits, DeserializeOptions {
  /** `source` is an artifact (`.cwasm`), which is native code: only what you made yourself. Its profile is found in it. With
   * `verify` it is one too, and has to be signed. */
  precompiled?: true;
  /** The profile to compile with. By default one that can do what the other options ask. */
  profile?: ProfileName;
  /** Fuel the guest may use; one instruction costs about one. Needs the profile `metered`. */
  fuel?: bigint;
  /** Milliseconds after which the guest ends with `DeadlineError`, whether it computes or waits. A
   * guest that was compiled without checks or epochs (`compiler.interruptible: false`, profiles `debug` and `embedded`) is refused. */
  timeoutMs?: number;
  /** Ends the guest when it is aborted, whether it computes or waits; checked every 10 milliseconds. `run` then rejects with
   * `signal.reason`, also before the guest has begun. What `timeoutMs` needs this does too. `runSync` reads it only before the guest
   * begins, as no signal fires while the JavaScript thread is busy: use `timeoutMs` there. */
  signal?: AbortSignal;
  /** Functions that the guest may import beside WASI's, or in their place: of numbers, vectors and nothing else. Or a function that
   * returns them, and has the guest's memory for them. They are called on the JavaScript thread, while the guest waits; those of
   * `run` may return promises. What one of them throws ends the guest, and comes out of `run` as itself. */
  imports?: Imports | ((memory: GuestMemory) => Imports);
}

/** How a command ended. */
export interface RunResult {
  /** What it gave to `proc_exit`, 0 if it returned. */
  exitCode: number;
  /** What it wrote, with `stdout: 'capture'`. */
  stdout?: Buffer;
  /** The same of errors. */
  stderr?: Buffer;
  /** With the profile `metered`. */
  fuelConsumed?: bigint;
}

const limitNames = ["memoryBytes", "tableElements", "instances", "tables", "memories", "trapOnGrowFailure"] as const;

/**
 * Runs a WASI command in a store of its own, off the JavaScript thread. `source` is a path (never text), wasm as bytes, or a
 * module; with `precompiled` it is an artifact.
 *
 * Rejects with `Trap` and its kind if the guest traps, `CompileError` or `IncompatibleModuleError` for what does not load,
 * `LinkError` for a module that is no command or imports what is neither WASI's nor in `imports`, `TypeError` for options that don't go together,
 * `SignatureError` for an artifact that no key of `verify` has signed, `signal.reason` when it is aborted, what a stream of the guest's stdio
 * failed with or a function threw, and Node's own error for a file that can't be read. An exit code other than 0 is no error.
 *
 * @example
 * ```ts
 * const { exitCode, stdout } = await run('esbuild.wasm', { args: ['--minify'], stdin: source, stdout: 'capture' })
 * ```
 */
export async function run(source: Source, options: RunOptions = {}): Promise<RunResult> {
  need("wasi", "run");
  const { own, wasi, limits } = split(source, options);
  const { signal } = own;
  signal?.throwIfAborted();
  const number = nextRun();
  const begin = async () => {
    const command = await loadCommand(source, own);
    signal?.throwIfAborted();
    const served = new Served(number, own, wasi, true);
    try {
      return (await native.runCommand(served.request(command, limits))) as RunResult;
    } catch (error) {
      const { failure } = served;
      throw failure ? failure.error : error;
    } finally {
      served.close();
    }
  };
  return signal ? abortable(begin(), signal, () => native.stopCommand(number)) : begin();
}

/** Like `run`, on the JavaScript thread, which waits until the guest ends. */
export function runSync(source: Source, options: RunOptions = {}): RunResult {
  need("wasi", "runSync");
  const { own, wasi, limits } = split(source, options);
  own.signal?.throwIfAborted();
  const command = loadCommandSync(source, own);
  const served = new Served(nextRun(), own, wasi, false);
  try {
    return native.runCommandSync(served.request(command, limits)) as RunResult;
  } finally {
    served.close();
  }
}

/** What a run has of JavaScript for as long as it lasts. */
class Served {
  readonly #stdio: Stdio;
  readonly #imports: RunImports | undefined;
  constructor(
    readonly number: number,
    readonly own: Own,
    readonly wasi: WasiOptions,
    readonly away: boolean,
  ) {
    // Who comes last may refuse what it is given, and the first would not be told.
    this.#stdio = new Stdio(number, wasi, away);
    try {
      this.#imports = own.imports && new RunImports(number, own.imports);
    } catch (error) {
      this.#stdio.close();
      throw error;
    }
  }
  request(source: Request["source"], limits: StoreLimits): Request {
    const { number, wasi, own: { fuel, timeoutMs, signal } } = this;
    const stoppable = this.away && signal !== undefined;
    return { source, wasi, limits, fuel, timeoutMs, number, stoppable, streamed: this.#stdio.which, imports: this.#imports?.names };
  }
  /** What ended the guest, if it was one of ours. */
  get failure(): { error: unknown } | undefined {
    return this.#imports?.failure ?? this.#stdio.failure;
  }
  close(): void {
    this.#imports?.close();
    this.#stdio.close();
  }
}

/** Sorts options by who reads them. What nobody knows goes to WASI's reader, which refuses it. */
function split(source: Source, options: RunOptions): { own: Own; wasi: WasiOptions; limits: StoreLimits } {
  if (typeof options !== "object" || options === null) throw wrongType("options must be an object");
  const { precompiled: given, verify, signature, profile, fuel, timeoutMs, signal, imports, ...rest } = options;
  const precompiled = verify === undefined ? given : true;
  // Without a prototype: an option `__proto__` would be one, and grant what nobody has named.
  const limits: Record<string, unknown> = Object.create(null);
  const wasi: Record<string, unknown> = Object.create(null);
  for (const [name, value] of Object.entries(rest)) {
    ((limitNames as readonly string[]).includes(name) ? limits : wasi)[name] = value;
  }
  if (given !== undefined && given !== true) throw wrongType("precompiled must be true, or not given");
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw wrongType("signal must be an AbortSignal");
  if (precompiled && profile !== undefined) {
    throw wrongType("an artifact has its profile in it: leave out profile, or compile it with that one");
  }
  if (source instanceof native.Module && (precompiled || profile !== undefined)) {
    throw wrongType("a Module is loaded, in an engine with a profile: precompiled, verify and profile don't go with it");
  }
  if (wasi["argv0"] === undefined && (typeof source === "string" || source instanceof URL)) {
    wasi["argv0"] = basename(path(source));
  }
  if (imports !== undefined && typeof imports !== "function" && (typeof imports !== "object" || imports === null)) {
    throw wrongType("imports must be an object or a function");
  }
  if (signature !== undefined && verify === undefined) throw wrongType("a signature is nothing without verify, the key to check it with");
  return { own: { precompiled, verify, signature, profile, fuel, timeoutMs, signal, imports } as Own, wasi, limits };
}
