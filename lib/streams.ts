// A guest's stdio that JavaScript has: functions and Node streams. Native code (crates/node-api/src/wasi/streams.rs) asks for them
// by the number of the run.

import { type Readable, type Writable, finished } from "node:stream";
import type { WasiOptions } from "./binding.js";
import { wrongType } from "./errors.js";

type Take = (chunk: Buffer) => unknown;
/** Says how it went: well, `false` if nobody takes any more, `true` if it failed. */
type Done = (closed?: boolean) => void;
/** `undefined` at the end, `null` if it failed. */
type Give = (chunk: Uint8Array | undefined | null) => void;

const names = ["stdin", "stdout", "stderr"] as const;
const runs = new Map<number, Stdio>();
const listening = new WeakMap<Readable | Writable, number>();
/** What guests have left of streams that are at their end, and take nothing back. */
const rests = new WeakMap<Readable, Buffer>();
const ignore = () => undefined;

/** What JavaScript has of one run's stdio. */
export class Stdio {
  /** What failed, and ended the guest. */
  failure: { error: unknown } | undefined;
  /** Which of the three, for native code. */
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
    for (const stream of this.#all()) listen(stream, 1);
    if (this.which !== 0) runs.set(number, this);
  }
  #all(): Set<Readable | Writable> {
    return new Set(Object.values(this.#streams).filter((stream) => typeof stream === "object") as Writable[]);
  }

  close(): void {
    this.#stopReading?.();
    for (const stream of this.#all()) listen(stream, -1);
    runs.delete(this.number);
  }

  output(fd: number, chunk: Buffer, done?: Done): void {
    const to = this.#streams[names[fd]!] as Take | Writable;
    if (!done) return void (to as Take)(chunk);
    const end = (error?: unknown, closed = error !== undefined) => {
      if (closed && !isClosing(error)) this.failure ??= { error };
      done(closed ? !isClosing(error) : undefined);
    };
    if (typeof to !== "function") return write(to, chunk, end);
    const taken = new Promise((resolve) => resolve(to(chunk)));
    taken.then(() => end(), (error) => end(error, true));
  }

  input(give: Give): void {
    const stdin = this.#streams.stdin as Readable;
    try {
      const chunk = (rests.get(stdin) ?? stdin.read()) as unknown;
      rests.delete(stdin);
      if (chunk !== null) return give(bytes(chunk, stdin));
    } catch (error) {
      return this.#fail(error, give);
    }
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
    if (stdin.destroyed || stdin.readableEnded) rests.set(stdin, chunk);
    else stdin.unshift(chunk);
  }
}

/** Called by native code. */
export const streams = {
  output(run: number, fd: number, chunk: Buffer, done?: Done): void {
    const stdio = runs.get(run);
    if (stdio) stdio.output(fd, chunk, done);
    else done?.(false);
  },
  input(run: number, give: Give): void {
    const stdio = runs.get(run);
    if (stdio) stdio.input(give);
    else give(undefined);
  },
  unread(run: number, chunk: Buffer): void {
    runs.get(run)?.unread(chunk);
  },
};

function write(to: Writable, chunk: Buffer, end: (error?: unknown, closed?: boolean) => void): void {
  // Writing to a stream that has ended is an error of the stream, which others would hear of.
  if (to.errored) return end(to.errored, true);
  if (to.destroyed || to.writableEnded) return end(closing, true);
  to.write(chunk, (error) => (error ? end(to.errored ?? error, true) : end()));
}
const closing = { code: "ERR_STREAM_DESTROYED" };
/** Whether a stream takes no more because its owner wants no more. */
function isClosing(error: unknown): boolean {
  return ["ERR_STREAM_DESTROYED", "ERR_STREAM_WRITE_AFTER_END"].includes((error as NodeJS.ErrnoException | undefined)?.code ?? "");
}

function bytes(chunk: unknown, from: Readable): Uint8Array {
  if (typeof chunk === "string") return Buffer.from(chunk, from.readableEncoding ?? "utf8");
  if (chunk instanceof Uint8Array) return chunk;
  throw wrongType(`stdin must be a stream of bytes, it has ${typeof chunk}s`);
}

/** A stream's error is the run's, and nobody's else: it would end the process if nobody listened. Once for all runs, as Node warns of
 * many listeners. */
function listen(stream: Readable | Writable, change: 1 | -1): void {
  const count = (listening.get(stream) ?? 0) + change;
  listening.set(stream, count);
  if (count === 0) stream.off("error", ignore);
  else if (count === 1 && change === 1) stream.on("error", ignore);
}

function has(value: unknown, ...methods: string[]): boolean {
  return typeof value === "object" && value !== null && methods.every((name) => typeof (value as Record<string, unknown>)[name] === "function");
}
const isReadable = (value: unknown): value is Readable => has(value, "read", "on", "unshift");
const isWritable = (value: unknown): value is Writable => has(value, "write", "on", "end");
