// For misuse.spec.ts: values that are wrong nearly everywhere, and what may come out of an API that gets them.

import { types } from "node:util";
import * as api from "../index.js";
import { featureTable } from "../lib/features.js";
import { type Api, type Value, accepts, apis as declared, classesOf } from "./binding.js";
import { artifact, isAnyLacking } from "./helper.js";
import { type Files, type Row, type World, guests, makeWorld, objects, use } from "./misuse-table.js";

const { ClosedError, FeatureUnavailableError, InternalError, StoreBusyError, WasmtimeError, features } = api;
const { isPromise } = types;
export const native = api as Record<string, any>;
export const files = Object.fromEntries(
  Object.entries(guests).map(([name, wat]) => [name, artifact(wat)]),
) as Files;
const dispose: Api = { name: "Store#Symbol.dispose", owner: "Store", key: Symbol.dispose, kind: "method", parameters: [], returns: "void" };
export const exported: Api = {
  ...{ name: "exported", owner: "", key: "", kind: "function", returns: "any" },
  parameters: [{ name: "value", type: "unknown", optional: true }],
};
export const apis = [...declared.filter(({ kind, name, owner }) => (kind === "function" ? name : owner) in api), dispose, exported];

export const ofStore = ["Store", "Memory", "Table", "Global", "Tag", "Instance", "StructRef", "ArrayRef", "Exception", "ExportedFunction"];
export const ofEngine = [...ofStore, "Engine", "Module", "Linker", "InstancePre", "RefType"];
/** What of one store or engine takes part in a call, save for one parameter. */
export const parties = ({ name, owner, kind, parameters }: Api, except: string, of: string[]) => [
  ...(["method", "getter", "setter"].includes(kind) && of.includes(owner) ? ["this"] : []),
  ...(name === "exported" ? ["this"] : []),
  ...parameters.filter((each) => each.name !== except && classesOf(each.type).some((name) => of.includes(name))).map(({ name }) => name),
];

/** Thrown by user code. */
export const sentinel = new Error("thrown by user code");
export const throwing = () => {
  throw sentinel;
};
export const traps = Object.fromEntries(Object.getOwnPropertyNames(Reflect).map((name) => [name, throwing]));

/** Values of every kind, of which most are wrong anywhere. */
export function values(w: World, other: World): Value[] {
  const { proxy: revoked, revoke } = Proxy.revocable(() => {}, {});
  revoke();
  const plain: unknown[] = [
    ...[undefined, null, true, -1, 1.5, NaN, Infinity, 2 ** 32 - 1, 2 ** 53, 1n, -1n, 2n ** 64n, "", "x", "\0", "\ud800", Symbol("s")],
    ...[{}, [], [undefined], { length: 1 }, () => {}, class {}, Object.create(null), new Date(0), new Map(), /x/, new Proxy({}, {})],
    ...[Object(1), Object(1n), Object("i32"), Object(Symbol("s")), new Error("a value"), new Uint8Array(3), new Float64Array(3)],
    ...[new SharedArrayBuffer(8), new ArrayBuffer(8), new DataView(new ArrayBuffer(8)), new URL("file:///x"), new URL("http://x")],
  ];
  const list: Value[] = plain.map((value) => ({ label: label(value), value }));
  const hostile: Record<string, unknown> = {
    "a revoked Proxy": revoked,
    "a Proxy whose traps throw": new Proxy(() => {}, traps),
    "an object whose conversions throw": { valueOf: throwing, toString: throwing, [Symbol.toPrimitive]: throwing },
    "an object whose iterator throws": { [Symbol.iterator]: throwing },
    "an array whose elements throw": Object.defineProperty([], 0, { get: throwing, enumerable: true }),
    "an object whose members throw": Object.defineProperty({}, "x", { get: throwing, enumerable: true }),
  };
  for (const [label, value] of Object.entries(hostile)) list.push({ label, value });
  for (const [is, get] of Object.entries(objects)) {
    const [value, theirs] = [had(() => get(w)), had(() => get(other))];
    if (value === undefined) continue;
    const rare = is !== "Memory";
    list.push({ label: `the ${is}`, value, is }, { label: `another store's ${is}`, value: theirs, is, rare });
    list.push({ label: `a Proxy of the ${is}`, value: new Proxy(value, {}), rare });
    if (is in native) list.push({ label: `an object with ${is}'s prototype`, value: Object.create(native[is].prototype), rare });
  }
  return list;
}
function label(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value !== "object" || value === null) return String(value).replace(/\s+/g, "");
  return Object.prototype.toString.call(value) + (Array.isArray(value) ? value.length : "");
}
/** A thing of the world, if this build can make it. */
export function had<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (isUnavailable(error)) return undefined;
    throw error;
  }
}
const isUnavailable = (error: unknown) =>
  (error instanceof FeatureUnavailableError && !features.has(error.feature as api.Feature)) || (isAnyLacking(error) && !features.has("gc"));

/** The feature that an API needs and this build lacks. */
export function lacks({ name, owner }: Api): string | undefined {
  const hidden: Record<string, string> = { run: "runCommand", runSync: "runCommandSync", wasiImports: "wasiFunctions", "new Exception": "tagKinds" };
  const found = Object.entries(featureTable).find(([, { names }]) =>
    (names as string[]).some((each) => [name, owner, hidden[name]].includes(each)),
  );
  return found && !features.has(found[0] as api.Feature) ? found[0] : undefined;
}

/** What is expected: no error; none or a typed one; an error of this kind. */
export type Expected = "fine" | "typed" | "TypeError" | "ClosedError" | "StoreBusyError" | "sentinel";
export type Outcome = { thrown: unknown; at?: "once" } | { returned: unknown };

async function outcome(calling: () => unknown): Promise<Outcome> {
  let returned: unknown;
  try {
    returned = calling();
  } catch (thrown) {
    return { thrown, at: "once" };
  }
  if (!isPromise(returned)) return { returned };
  return returned.then(
    (returned) => ({ returned }),
    (thrown) => ({ thrown }),
  );
}

/** V8's own words. */
const byV8 = {
  receiver: /^Illegal invocation$|^Class constructor \w+ cannot be invoked without 'new'$|private (member|field|name)|\(reading '#\w+'\)$|^Receiver must be/,
  revoked: /on a proxy that has been revoked$/,
};
/** What V8 says about a conversion of its own. */
function conversions(value: any): string[] {
  return [() => +value, () => value | 0, () => BigInt.asIntN(64, value), () => [...value]].flatMap((convert) => {
    try {
      return convert(), [];
    } catch (error) {
      return [String(error)];
    }
  });
}

interface Context {
  api: Api;
  row: Row;
  /** What was given, and the name of its parameter. */
  given?: Value;
  parameter?: string;
  /** Of the object, and not of an argument. */
  receiver?: boolean;
}
function isTyped(error: any, { row, given, parameter, receiver }: Context): boolean {
  if (error === sentinel) return true;
  if (error instanceof InternalError || !(error instanceof Error)) return false;
  if (error instanceof FeatureUnavailableError) return isUnavailable(error);
  const { code, message } = error as Error & { code?: string };
  if (error instanceof WasmtimeError) return /^ERR_WASMTIME/.test(code ?? "");
  if (error instanceof TypeError && code === "ERR_INVALID_ARG_TYPE") return true;
  if (error instanceof RangeError && code === "ERR_OUT_OF_RANGE") return true;
  if (row.path && /^E(NOENT|ISDIR|NOTDIR|IO)$|^ERR_INVALID_(ARG_VALUE|URL_SCHEME)$/.test(code ?? "")) return true;
  if (!(error instanceof TypeError || error instanceof SyntaxError) || code !== undefined) return false;
  if (row.hidden || (receiver && byV8.receiver.test(message))) return true;
  if (given?.label === "a revoked Proxy" && byV8.revoked.test(message)) return true;
  return row.converts?.includes(parameter!) === true && conversions(given!.value).includes(String(error));
}
/** What is wrong with an outcome. */
function fault(result: Outcome, expected: Expected, context: Context): string | undefined {
  const feature = lacks(context.api);
  if (feature !== undefined && !context.receiver) {
    const { thrown } = result as { thrown?: any };
    return isUnavailable(thrown) && thrown.feature === feature ? undefined : `is not unavailable: ${inspect(result)}`;
  }
  if ("returned" in result) return expected === "fine" || expected === "typed" ? undefined : `no ${expected}`;
  const { thrown, at } = result;
  if (at && context.api.returns.startsWith("Promise") && !context.receiver) return `throws, and does not reject: ${inspect(result)}`;
  if (isUnavailable(thrown)) return undefined;
  if (expected === "fine" || !isTyped(thrown, context)) return inspect(result);
  const right = {
    typed: () => true,
    TypeError: () => thrown instanceof TypeError || thrown === sentinel,
    ClosedError: () => thrown instanceof ClosedError,
    StoreBusyError: () => thrown instanceof StoreBusyError,
    sentinel: () => thrown === sentinel,
  }[expected]();
  return right ? undefined : `no ${expected}, but ${inspect(result)}`;
}
function inspect(result: Outcome): string {
  if ("returned" in result) return "nothing was thrown";
  const { name, code, message } = (result.thrown ?? {}) as any;
  return result.thrown instanceof Error ? `${name} ${code}: ${message}` : `a ${typeof result.thrown} was thrown`;
}

/** One API, used in one good way; what goes wrong is listed. */
export class Trial {
  readonly problems: string[] = [];
  w = this.fresh();
  constructor(
    readonly api: Api,
    readonly row: Row,
    readonly title: string,
    /** Whether it is the first way of several. */
    readonly first: boolean,
    readonly isOpen: (id: string) => boolean,
  ) {}
  fresh(): World {
    return makeWorld(files);
  }
  on(w = this.w): any {
    if (this.row.on) return this.row.on(w);
    return ["method", "getter", "setter"].includes(this.api.kind) ? objects[this.api.owner]!(w) : undefined;
  }
  /** Whether a store takes part. */
  get inStore(): boolean {
    return parties(this.api, "", ofStore).length > 0;
  }
  async check(what: string, expected: Expected, calling: () => unknown, context: Partial<Context> = {}): Promise<Outcome | undefined> {
    const id = `${this.title}: ${what}`;
    if (this.isOpen(id)) return undefined;
    const result = await outcome(calling);
    const wrong = fault(result, expected, { api: this.api, row: this.row, ...context });
    if (wrong) this.problems.push(`${id}: ${wrong}`);
    if (this.w.store.disposed || this.w.metered.disposed) this.w = this.fresh();
    else if (!this.works()) this.problems.push(`${id}: the store does not work any more`);
    return result;
  }
  private works(): boolean {
    try {
      return this.w.exports.add(1, 2) === 3;
    } catch (error) {
      // Of a call that goes on.
      if (!this.row.lasting || !(error instanceof api.StoreBusyError)) throw error;
      this.w = this.fresh();
      return true;
    }
  }
  /** A call that differs from the good one in an argument. */
  call(replace: Record<number, unknown> = {}, w = this.w): () => unknown {
    const [on, args] = [this.on(w), this.row.args(w)];
    for (const [i, value] of Object.entries(replace)) args[Number(i)] = value;
    return () => use(this.api, on, args);
  }
}

export const isPlain = (value: any): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && [Object.prototype, null].includes(Object.getPrototypeOf(value));

export const isBytes = (type: string) => accepts(type, { label: "", value: new Uint8Array(1) }) && !accepts(type, { label: "", value: {} });
export type Resizable = ArrayBuffer & { resize(length: number): void };
export const resizable = (length: number) => new (ArrayBuffer as any)(length, { maxByteLength: length }) as Resizable;
export const detach = (buffer: ArrayBuffer) => void structuredClone(buffer, { transfer: [buffer] });

export function fill<B extends ArrayBufferLike>(buffer: B, sample: Uint8Array): B {
  new Uint8Array(buffer).set(new Uint8Array(sample.buffer, sample.byteOffset, sample.byteLength));
  return buffer;
}
/** An array like another. */
export const same = (sample: any, buffer: ArrayBufferLike) => new (Buffer.isBuffer(sample) ? Uint8Array : sample.constructor)(buffer, 0, sample.length);

/** Bytes in all the states they can be in, as arrays like `sample`. */
export function* buffers(w: World, sample: any): Iterable<Value> {
  const Numbers = sample.constructor;
  const { byteLength } = sample;
  const filled = (buffer: ArrayBufferLike) => fill(buffer, sample);
  const over = (buffer: ArrayBufferLike, ...rest: number[]) => new Numbers(buffer, ...rest);
  const gone = over(new ArrayBuffer(byteLength));
  detach(gone.buffer);
  yield { label: "detached", value: gone };
  yield { label: "of a resizable buffer", value: over(filled(resizable(byteLength)), 0, sample.length) };
  yield { label: "tracking the length", value: over(filled(resizable(byteLength))) };
  for (const View of [Numbers, DataView]) {
    for (const left of [0, byteLength >> 1]) {
      const small = resizable(1 << 20);
      const [fixed, tracking, behind] = [new View(small, 0, 1 << 16), new View(small), new View(small, 1 << 19)];
      small.resize(left);
      yield { label: `${View.name} out of bounds, ${left}`, value: fixed };
      yield { label: `${View.name} tracking, ${left}`, value: tracking };
      yield { label: `${View.name} tracking from behind the end, ${left}`, value: behind };
    }
  }
  const shared = new SharedArrayBuffer(byteLength);
  yield { label: "shared", value: over(filled(shared)) };
  const growing = new (SharedArrayBuffer as any)(byteLength, { maxByteLength: byteLength + 65536 });
  const tracking = over(filled(growing));
  growing.grow(byteLength + 65536);
  yield { label: "shared and grown", value: tracking };
  yield { label: "huge", value: over(new ArrayBuffer(2 ** 32)) };
  yield { label: "the guest's memory", value: over(w.memory.buffer) };
  const stale = over(w.memory.buffer);
  w.memory.grow(1);
  yield { label: "the guest's memory before it grew", value: stale };
  yield { label: "of no length", value: new Numbers(0) };
  const liar = Object.defineProperties(new Numbers(sample), { length: { value: 2 ** 40 }, byteLength: { value: 2 ** 40 }, byteOffset: { value: 8 }, buffer: { value: w.memory.buffer } });
  yield { label: "lying about its length", value: liar };
  const throws = Object.fromEntries(["length", "byteLength", "byteOffset", "buffer", "constructor"].map((name) => [name, { get: throwing }]));
  yield { label: "with throwing members", value: Object.defineProperties(new Numbers(sample), throws) };
  yield { label: "a Proxy", value: new Proxy(sample, {}) };
  yield { label: "forged", value: Object.create(Numbers.prototype) };
  class Own extends Numbers {
    static get [Symbol.species]() {
      return throwing();
    }
    get length() {
      return throwing();
    }
  }
  yield { label: "of a derived class", value: Reflect.construct(Own, [sample]) };
}

/** The same argument, in which each step that user code can see is told of. */
export function watched(value: unknown, touch: () => void, converts: boolean): unknown {
  const next = (inner: unknown) => watched(inner, touch, converts);
  if (Array.isArray(value)) {
    const copy: unknown[] = [];
    for (const [i, element] of value.entries()) {
      Object.defineProperty(copy, i, { get: () => (touch(), next(element)), enumerable: true });
    }
    const iterator = {
      get: () => {
        touch();
        return function* () {
          touch();
          for (const element of value) {
            yield next(element);
            touch();
          }
        };
      },
    };
    return Object.defineProperty(copy, Symbol.iterator, iterator);
  }
  if (isPlain(value)) {
    const handler: ProxyHandler<object> = {
      get: (target, key) => (touch(), next(Reflect.get(target, key))),
      has: (target, key) => (touch(), Reflect.has(target, key)),
      ownKeys: (target) => (touch(), Reflect.ownKeys(target)),
      getOwnPropertyDescriptor: (target, key) => (touch(), Reflect.getOwnPropertyDescriptor(target, key)),
      getPrototypeOf: (target) => (touch(), Reflect.getPrototypeOf(target)),
    };
    return new Proxy({ ...value }, handler);
  }
  if (converts && ["number", "bigint"].includes(typeof value)) return { [Symbol.toPrimitive]: () => (touch(), value) };
  return value;
}

/** The ways into JavaScript from a running guest. */
export const inside: Record<string, (w: World, body: () => unknown) => unknown> = {
  "a host function": (w, body) => ((w.f = body), w.exports.call()),
  "a result's conversion": (w, body) => ((w.f = () => ({ valueOf: body })), w.exports.call()),
  "a start function": (w, body) => ((w.f = body), new api.Instance(w.store, w.starter, w.imports)),
  "a start function of a linker": (w, body) => ((w.f = body), w.linker.instantiate(w.store, w.starter)),
  "a module that is being defined": (w, body) => ((w.f = body), w.linker.defineModule(w.store, "s", w.starter)),
  "a batch": (w, body) => ((w.g = () => (body(), 1)), api.callMany(w.exports.apply, Float64Array.of(1, 2), new Float64Array(2))),
  "a wrapped function": (w, body) => native["Func"].wrap(w.store, { parameters: [], results: [] }, body)(),
};
