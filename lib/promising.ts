// Calls whose host functions may return promises. Native code (crates/node-api/src/call_async.rs) has the guest go on until it
// has ended or has to wait, which is a turn; here is decided when the next one is.

import type { Instance } from "./binding.js";
import { type Promised, Question, type Steps, ask, begin, left } from "./call.js";
import { DeadlineError, StoreBusyError, WasmtimeError, outOfRange, wrongType } from "./errors.js";
import { type HostTable, exportedFrom } from "./host-table.js";
import { need } from "./load.js";
import { onAbort } from "./abort.js";

/** How a call is made. */
export interface CallOptions {
  /** Ends the call when it is aborted, which then rejects with `signal.reason`: while the guest waits for a promise or in WASI, and
   * before it has begun. Guests that compute are ended on a thread of their own (`background`), and on this one where their profile has
   * epochs (`sandbox`, `metered`): others hold the event loop meanwhile, so that no signal fires. */
  signal?: AbortSignal;
  /** Milliseconds after which the guest ends with `DeadlineError`, whether it computes or waits. Guests that were
   * compiled without checks or epochs can't have one.
   * Default: the store's `timeoutMs`. */
  timeoutMs?: number;
  /** Whether the call waits until earlier ones of the same store have ended, instead of a `StoreBusyError`. */
  queue?: boolean;
  /** Where the guest runs: on the JavaScript thread (`js`, the default), in turns with everything else there; or beside it, on a
   * thread of its own (`background`). Host functions are called on the JavaScript thread either way. */
  thread?: "js" | "background";
}

/** What native code says of a turn. */
const Said = { done: 0, promise: 1, paused: 2, waits: 3, ended: 4, busy: 5 } as const;
/** What it says of a call that is to be ended. */
const Ends = { now: 0, byItself: 1, inATurn: 2 } as const;
/** How a call is to be done, in bits. */
const BACKGROUND = 1;
const LATER = 2;
const STOPPABLE = 4;
/** Milliseconds after which other things have their turn. */
const SLICE = 10;

/** A call that is under way. */
class Call {
  #open = true;
  #timer: NodeJS.Timeout | undefined;
  #ending: { reason: unknown } | undefined;
  #holds = false;
  #promised: Promised | undefined;
  /** Where somebody else says when its turns are: whether there is one. */
  ready = false;

  constructor(
    readonly table: HostTable,
    readonly finish: () => unknown,
    readonly ended: (outcome: Outcome) => void,
    readonly polled = false,
  ) {}

  get open(): boolean {
    return this.#open;
  }

  /** Does what native code is asked to, and what comes of it. */
  go(asked: () => unknown): void {
    let said, value;
    try {
      said = asked();
      // Nothing else has run since the results were written.
      if (said === Said.done) value = this.finish();
    } catch (error) {
      return this.#end({ error: this.#ending ? this.#ending.reason : error });
    }
    if (said === Said.done) return this.#end({ value });
    if (said === Said.ended) return this.#end({ error: this.#ending?.reason });
    // Something that was called on top of the guest is under way.
    if (said === Said.busy) return this.#later();
    this.#stopWaiting();
    this.#wait(said);
  }
  turn(): void {
    if (this.#open) this.go(() => ask(this.table.store, Question.turn));
  }
  #later(): void {
    if (this.polled) this.ready = true;
    else setImmediate(() => this.turn());
  }

  #wait(said: unknown): void {
    const { table } = this;
    this.#setTimer();
    if (said === Said.promise) {
      const waiting = (this.#promised = table.waiting!);
      const settled = (outcome: Outcome) => {
        if (!this.#open || table.waiting !== waiting) return;
        waiting.outcome = outcome;
        this.mayGoOn();
      };
      adopted(waiting.promise).then(
        (value) => settled({ value }),
        (error) => settled({ error }),
      );
    } else if (said === Said.paused) {
      if (!this.polled) spent = true;
      this.waitForTurn();
    } else {
      waiting.set(table.store, this);
      this.#holds = true;
      hold();
    }
  }
  #setTimer(): void {
    const ms = left();
    if (ms > 0) this.#timer = setTimeout(() => this.stop(late()), Math.min(ms, 2 ** 31 - 1));
  }
  /** It could go on at once, but for the others. */
  waitForTurn(): void {
    if (this.#timer === undefined) this.#setTimer();
    waiting.set(this.table.store, this);
    this.mayGoOn();
  }
  #stopWaiting(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (waiting.get(this.table.store) === this) waiting.delete(this.table.store);
    if (this.#holds) release();
    this.#holds = this.ready = false;
  }
  /** It is its turn: now, or when the event loop has turned where a guest has had all that it may have of this one. */
  mayGoOn(): void {
    if (this.polled) this.ready = true;
    else if (spent) schedule(this);
    else this.turn();
  }

  /** Ends the guest, wherever it is. */
  stop(reason: unknown): void {
    if (!this.#open || this.#ending) return;
    this.#ending = { reason };
    let ends: unknown = Ends.now;
    try {
      ends = ask(this.table.store, Question.end);
    } catch {
      // The store is gone.
    }
    if (ends === Ends.now) this.#end({ error: reason });
    if (ends === Ends.inATurn) setImmediate(() => this.turn());
  }
  #end(outcome: Outcome): void {
    this.#stopWaiting();
    this.#open = false;
    // A promise that nobody has come to wait for may still be rejected.
    const { waiting } = this.table;
    if (this.#ending && waiting && waiting !== this.#promised) adopted(waiting.promise).catch(() => undefined);
    if (this.#promised && this.table.waiting === this.#promised) this.table.waiting = undefined;
    this.ended(outcome);
  }
}
/** A promise that settles once, after `then` was called when nothing else runs, whatever that does. */
const adopted = (promise: unknown) => new Promise<unknown>((resolve) => resolve(promise));
type Outcome = { value: unknown } | { error: unknown };

/** Calls that native code or the event loop will have go on, by store. */
const waiting = new Map<number, Call>();
/** Called by native code when something has happened that a call waits for. */
export function wake(store: number): void {
  waiting.get(store)?.mayGoOn();
}

/** While a guest waits for something outside of JavaScript the process goes on. */
let held = 0;
let holder: NodeJS.Timeout | undefined;
function hold(): void {
  if (held++ === 0) holder = setInterval(() => undefined, 2 ** 30);
}
function release(): void {
  if (--held === 0) clearInterval(holder);
}

/** Whether a guest has used up this turn of the event loop. */
let spent = false;
let ready: Call[] = [];
function schedule(call: Call): void {
  if (ready.push(call) === 1) setImmediate(next);
}
function next(): void {
  spent = false;
  const end = performance.now() + SLICE;
  let done = 0;
  try {
    while (done < ready.length && !spent && performance.now() < end) ready[done++]!.turn();
  } finally {
    ready = ready.slice(done);
    if (ready.length > 0) setImmediate(next);
  }
}

function late(): DeadlineError {
  return new DeadlineError("wasm trap: interrupt", { trapCode: "interrupt", frames: [] });
}

/** The calls of a store: one is under way, others wait for it. */
class Line {
  #call: Call | undefined;
  #queue: (() => void)[] = [];
  #moves = false;
  static of(table: HostTable): Line {
    let line = lines.get(table);
    if (!line) lines.set(table, (line = new Line()));
    return line;
  }
  get busy(): boolean {
    return this.#call !== undefined || this.#queue.length > 0;
  }
  /** Begins now, or when those before have ended. What it returns gives the place up. */
  queue(start: () => void): () => void {
    this.#queue.push(start);
    return () => void (this.#queue = this.#queue.filter((other) => other !== start));
  }
  begin(call: Call): void {
    this.#call = call;
  }
  end(call: Call): void {
    if (this.#call === call) this.#call = undefined;
    // One that ends at once is followed by the next one here, and not inside of itself.
    if (this.#moves) return;
    this.#moves = true;
    while (!this.#call && this.#queue.length > 0) this.#queue.shift()!();
    this.#moves = false;
  }
}
const lines = new WeakMap<HostTable, Line>();

interface Plan {
  table: HostTable;
  number: number;
  steps: Steps;
}

interface Hearing {
  /** Told of the call before the guest runs. */
  begins(call: Call): void;
  ends(outcome: Outcome): void;
}

/** Begins a call with arguments that are converted. */
function start({ table, number, steps }: Plan, taken: unknown[], options: CallOptions, polled: boolean, hears: Hearing): void {
  const line = Line.of(table);
  const call: Call = new Call(
    table,
    () => steps.read(table),
    (outcome) => {
      hears.ends(outcome);
      line.end(call);
    },
    polled,
  );
  const { thread, signal, timeoutMs = 0, queue = false } = options;
  const how = thread === "background" ? BACKGROUND | (signal ? STOPPABLE : 0) : 0;
  steps.put(taken, table);
  // The first turn is taken at once, whatever others have had: what is called next finds the guest where it waits.
  if (queue || polled) {
    begin(table.store, number, how | LATER, timeoutMs);
    line.begin(call);
    hears.begins(call);
    if (polled) call.waitForTurn();
    else call.turn();
  } else {
    hears.begins(call);
    call.go(() => begin(table.store, number, how, timeoutMs));
    if (call.open) line.begin(call);
  }
}

/** Has a call that native code has begun go on: of a module's start function. */
export function follow(table: HostTable, made: (store: number) => Instance): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const line = Line.of(table);
    const call: Call = new Call(
      table,
      () => made(table.store),
      (outcome) => {
        settle(outcome, resolve, reject);
        line.end(call);
      },
    );
    line.begin(call);
    call.turn();
  });
}
function settle(outcome: Outcome, resolve: (value: any) => void, reject: (error: unknown) => void): void {
  if ("error" in outcome) reject(outcome.error);
  else resolve(outcome.value);
}

function checked(options: CallOptions): CallOptions {
  if (typeof options !== "object" || options === null) throw wrongType("options must be an object");
  const { signal, timeoutMs, queue, thread, ...rest } = options;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw wrongType(`options.${unknown} is not known: there are signal, timeoutMs, queue and thread`);
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw wrongType("options.signal must be an AbortSignal");
  if (timeoutMs !== undefined) {
    if (typeof timeoutMs !== "number") throw wrongType("options.timeoutMs must be a number");
    if (!(timeoutMs > 0 && timeoutMs <= Number.MAX_SAFE_INTEGER)) throw outOfRange("options.timeoutMs must be a number of milliseconds above 0");
  }
  if (queue !== undefined && typeof queue !== "boolean") throw wrongType("options.queue must be true or false");
  if (thread !== undefined && thread !== "js" && thread !== "background") throw wrongType("options.thread must be 'js' or 'background'");
  return { signal, timeoutMs, queue, thread };
}

/**
 * Makes of an exported function one that returns a promise, and may wait: host functions that it calls may return promises, and
 * the guest sleeps until they are settled, while the event loop goes on. Nothing has to be rebuilt for it. What a promise is
 * rejected with is thrown in the guest, as if the host function had thrown it.
 *
 * A guest that computes gives others their turn every 10 milliseconds where its profile has epochs (`sandbox`, `metered`);
 * one of another profile holds the event loop while it computes, but not while it waits.
 *
 * While the guest waits, its store can be used: functions called, memory read and written, modules instantiated. Host functions
 * that return promises to such calls return nothing that is waited for. While it computes (a turn is over, or it runs in the
 * background) everything else is a `StoreBusyError`, and so is a second call that may wait, unless it has `queue`.
 *
 * Rejects with what the function would throw, with `DeadlineError` and `signal.reason` by the options.
 *
 * Throws `TypeError` for what is no exported function, and for options that are unknown or of the wrong type; `RangeError` for a
 * `timeoutMs` that is not above 0. Needs the feature `async`.
 *
 * @example
 * ```ts
 * const { exports } = new Instance(store, module, { env: { fetch: async (id: number) => (await load(id)).length } })
 * const main = promising(exports.main, { signal: AbortSignal.timeout(1000) })
 * await main(1)
 * ```
 */
export function promising<A extends unknown[], R>(fn: (...args: A) => R, options: CallOptions = {}): (...args: A) => Promise<Awaited<R>> {
  need("async", "promising");
  const plan: Plan = exportedFrom(fn);
  const how = checked(options);
  return (...args) => call(plan, args, how) as Promise<Awaited<R>>;
}

function call(plan: Plan, args: unknown[], options: CallOptions): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const { signal, queue } = options;
    signal?.throwIfAborted();
    const taken = plan.steps.take(args, plan.table);
    const line = Line.of(plan.table);
    let begun: Call | undefined;
    let leave: (() => void) | undefined;
    const forget = signal && onAbort(signal, () => {
      if (begun) return begun.stop(signal.reason);
      leave?.();
      reject(signal.reason);
    });
    const hears = {
      begins: (call: Call) => void (begun = call),
      ends(outcome: Outcome) {
        forget?.();
        settle(outcome, resolve, reject);
      },
    };
    const begin = () => {
      leave = undefined;
      if (signal?.aborted) return;
      try {
        start(plan, taken, options, false, hears);
      } catch (error) {
        // What has called us from inside of the store is done when this thread has nothing else to do.
        if (queue && error instanceof StoreBusyError) return void setImmediate(attempt);
        forget?.();
        reject(error);
      }
    };
    const attempt = () => {
      if (signal?.aborted) return;
      if (queue && line.busy) leave = line.queue(begin);
      else begin();
    };
    attempt();
  });
}

/**
 * Calls an exported function whose host functions may return promises: `promising(fn)(...args)`.
 *
 * @example
 * ```ts
 * const sum = await callAsync(exports.add_later, 1, 2)
 * ```
 */
export async function callAsync<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): Promise<Awaited<R>> {
  return promising(fn)(...args);
}

/**
 * Calls an exported function on another thread: `promising(fn, { thread: 'background' })(...args)`. Its host functions are called
 * on this one, and may return promises.
 *
 * @example
 * ```ts
 * const [a, b] = await Promise.all([callInBackground(one.exports.work), callInBackground(other.exports.work)]) // of two stores
 * ```
 */
export async function callInBackground<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): Promise<Awaited<R>> {
  return promising(fn, { thread: "background" })(...args);
}

/**
 * Begins a call that goes on when it is polled, and not by itself: for programs that have a loop of their own.
 *
 * Throws `TypeError` for what is no exported function, `StoreBusyError` where the store has a call under way.
 *
 * @example
 * ```ts
 * const call = startCall(exports.main)
 * while (!call.poll()) await tick()
 * console.log(call.result)
 * ```
 */
export function startCall<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): PendingCall<Awaited<R>> {
  need("async", "startCall");
  return pendingCall(exportedFrom(fn), args) as PendingCall<Awaited<R>>;
}

let beginning = false;
let pendingCall: (plan: Plan, args: unknown[]) => PendingCall;

/** A call that `startCall` has begun. */
export class PendingCall<R = unknown> {
  #call: Call | undefined;
  #outcome: Outcome | undefined;

  private constructor() {
    if (!beginning) throw wrongType("PendingCall has no constructor: use startCall");
  }
  static {
    pendingCall = (plan, args) => {
      beginning = true;
      const pending = new PendingCall();
      beginning = false;
      start(plan, plan.steps.take(args, plan.table), {}, true, {
        begins: (call) => void (pending.#call = call),
        ends: (outcome) => void (pending.#outcome = outcome),
      });
      return pending;
    };
  }

  /** Whether the call has ended. */
  get done(): boolean {
    return this.#outcome !== undefined;
  }
  /** Lets the guest go on if it can: until it has ended, has to wait for a promise, or has computed for 10 milliseconds (profiles
   * with epochs). Whether the call has ended. Promises are settled when the event loop has turned. */
  poll(): boolean {
    if (!this.done && this.#call!.ready) {
      spent = false;
      this.#call!.turn();
    }
    return this.done;
  }
  /** What the function has returned; what it has thrown is thrown. Throws `WasmtimeError` before the call has ended. */
  get result(): R {
    if (!this.#outcome) throw new WasmtimeError("the call has not ended yet: poll it");
    if ("error" in this.#outcome) throw this.#outcome.error;
    return this.#outcome.value as R;
  }
  /** Ends the call where it is, with this as what it has thrown. */
  cancel(reason: unknown = new WasmtimeError("the call was cancelled")): void {
    this.#call!.stop(reason);
  }
}
