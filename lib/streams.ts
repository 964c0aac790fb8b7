// A guest's stdio that JavaScript has: functions and Node streams. Native code (crates/node-api/src/wasi/streams.rs) asks for them
// by the number of the run.

import { type Readable, type Writable, finished } from "node:stream";
import type { WasiOptions } from "./binding.js";
import { wrongType } from "./errors.js";
import { runs } from "./runs.js";

type Take = (chunk: Buffer) => unknown;
/** Says how it went: well, `false` if nobody takes any more, `true` if it failed. */
type Done = (closed?: boolean) => void;
/** `undefined` at the end, `null` if it failed. */
type Give = (chunk: Uint8Array | undefined | null) => void;

const names = ["stdin", "stdout", "stderr"] as const;
const listening = new WeakMap<Readable | Writable, Listener>();
/** What guests have left of streams that can't take it back: they are at their end, or give text and it is none. */
const rests = new WeakMap<Readable, Buffer>();
const ignore = () => undefined;

/** What JavaScript has of one run's stdio. */
export class Stdio {
  /** What failed, and ended the guest. */
  failure: { error: unknown } | undefined;
  /** Which of the three, and whether stderr is the same as stdout, for native code (`Streamed`). */
  readonly which: number = 0;
  readonly #streams: Partial<Record<(typeof names)[number], unknown>> = {};
  #stopReading: (() => void) | undefined;

  /** Takes what is JavaScript's out of the options. Streams need a thread that is free to serve them. */
  constructor(
    readonly number: number,
    wasi: WasiOptions,
    away: boolean,
  ) {
    for (const [fd, name] of names.entries()) {
      const given = wasi[name];
      if (fd === 0 ? !isReadable(given) : typeof given !== "function" && !isWritable(given)) continue;
      if (typeof given === "object" && !away) throw wrongType(`${name}: in runSync the JavaScript thread is busy, which a stream needs: use run`);
      this.#streams[name] = given;
      this.which |= 1 << fd;
      delete wasi[name];
    }
    // One stream for both: in the order of the guest's writes.
    if (away && this.#streams.stdout !== undefined && this.#streams.stdout === this.#streams.stderr) this.which |= 8;
    for (const stream of this.#all()) listen(stream);
    if (this.which !== 0) runs.stdio.set(number, this);
  }
  #all(): Set<Readable | Writable> {
    return new Set(Object.values(this.#streams).filter((stream) => typeof stream === "object") as Writable[]);
  }

  close(): void {
    this.#stopReading?.();
    for (const stream of this.#all()) listening.get(stream)?.leave();
    runs.stdio.delete(this.number);
  }

  output(fd: number, chunk: Buffer, done?: Done): void {
    const to = this.#streams[names[fd]!] as Take | Writable;
    if (!done) return void (to as Take)(chunk);
    const end = (error?: unknown, closed = error !== undefined) => {
      const failed = closed && !isClosing(error);
      if (failed) this.failure ??= { error };
      done(closed ? failed : undefined);
    };
    if (typeof to !== "function") {
      try {
        return write(to, chunk, end);
      } catch (error) {
        return end(error, true);
      }
    }
    const taken = new Promise((resolve) => resolve(to(chunk)));
    taken.then(() => end(), (error) => end(error, true));
  }

  input(give: Give): void {
    const stdin = this.#streams.stdin as Readable;
    try {
      const chunk = (rests.get(stdin) ?? stdin.read()) as unknown;
      rests.delete(stdin);
      if (chunk !== null) return give(bytes(chunk, stdin));
      this.#await(stdin, give);
    } catch (error) {
      this.#fail(error, give);
    }
  }
  #await(stdin: Readable, give: Give): void {
    const again = () => {
      this.#stopReading?.();
      this.input(give);
    };
    const forget = finished(stdin, { writable: false }, (error) => {
      this.#stopReading?.();
      if (error) this.#fail(error, give);
      else give(undefined);
    });
    this.#stopReading = () => {
      this.#stopReading = undefined;
      stdin.off("readable", again);
      forget();
    };
    stdin.once("readable", again);
  }
  #fail(error: unknown, give: Give): void {
    this.failure ??= { error };
    give(null);
  }
  /** Puts back what the guest has not read. */
  unread(chunk: Buffer): void {
    const stdin = this.#streams.stdin as Readable;
    if (chunk.length === 0) return;
    // Among strings it would have to be one.
    const encoding = stdin.readableEncoding;
    const text = encoding && chunk.toString(encoding);
    const fits = !encoding || Buffer.from(text!, encoding).equals(chunk);
    if (stdin.destroyed || stdin.readableEnded || !fits) rests.set(stdin, chunk);
    else if (encoding) stdin.unshift(text, encoding);
    else stdin.unshift(chunk);
  }
}

/** Called by native code. */
export const streams = {
  output(run: number, fd: number, chunk: Buffer, done?: Done): void {
    const stdio = runs.stdio.get(run);
    if (stdio) stdio.output(fd, chunk, done);
    else done?.(false);
  },
  input(run: number, give: Give): void {
    const stdio = runs.stdio.get(run);
    if (stdio) stdio.input(give);
    else give(undefined);
  },
  unread(run: number, chunk: Buffer): void {
    runs.stdio.get(run)?.unread(chunk);
  },
};

function write(to: Writable, chunk: Buffer, end: (error?: unknown, closed?: boolean) => void): void {
  // Writing to a stream that has ended is an error of the stream, which others would hear of.
  if (to.errored) return end(to.errored, true);
  if (to.destroyed || to.writableEnded) return end(closing, true);
  // One that is destroyed meanwhile may never say how the write went.
  const { waiting } = listening.get(to)!;
  const gone = () => end(to.errored ?? closing, true);
  waiting.add(gone);
  try {
    to.write(chunk, (error) => {
      waiting.delete(gone);
      if (error) end(to.errored ?? error, true);
      else end();
    });
  } catch (error) {
    waiting.delete(gone);
    throw error;
  }
}
const closing = { code: "ERR_STREAM_DESTROYED" };
/** Whether a stream takes no more because its owner wants no more. */
function isClosing(error: unknown): boolean {
  try {
    return ["ERR_STREAM_DESTROYED", "ERR_STREAM_WRITE_AFTER_END"].includes((error as NodeJS.ErrnoException | undefined)?.code ?? "");
  } catch {
    // What was thrown has a getter that throws.
    return false;
  }
}

function bytes(chunk: unknown, from: Readable): Uint8Array {
  if (typeof chunk === "string") return Buffer.from(chunk, from.readableEncoding ?? "utf8");
  if (chunk instanceof Uint8Array) return chunk;
  throw wrongType(`stdin must be a stream of bytes, it has ${typeof chunk}s`);
}

/** A stream's error is the run's, and nobody's else: it would end the process if nobody listened. Once for all runs, as Node warns of
 * many listeners. */
class Listener {
  runs = 0;
  /** Writes that are under way. */
  readonly waiting = new Set<() => void>();
  constructor(readonly stream: Readable | Writable) {
    stream.on("error", ignore);
    stream.on("close", this.#end);
  }
  readonly #end = () => {
    for (const gone of [...this.waiting]) gone();
    this.waiting.clear();
    if (this.runs === 0) this.#forget();
  };
  /** The error of a stream that is being destroyed comes right before its `close`. */
  leave(): void {
    if (--this.runs === 0 && (!this.stream.destroyed || this.stream.closed)) this.#forget();
  }
  #forget(): void {
    this.stream.off("error", ignore);
    this.stream.off("close", this.#end);
    listening.delete(this.stream);
  }
}
function listen(stream: Readable | Writable): void {
  let listener = listening.get(stream);
  if (!listener) listening.set(stream, (listener = new Listener(stream)));
  listener.runs++;
}

function has(value: unknown, ...methods: string[]): boolean {
  return typeof value === "object" && value !== null && methods.every((name) => typeof (value as Record<string, unknown>)[name] === "function");
}
const isReadable = (value: unknown): value is Readable => has(value, "read", "on", "unshift");
const isWritable = (value: unknown): value is Writable => has(value, "write", "on", "end");
