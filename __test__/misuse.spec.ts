// Every API against every misuse. The APIs and the types of their parameters come from the declarations (binding.ts), a good use
// of each from misuse-table.ts; what is wrong is derived from the two. Whatever is thrown must be typed, and what was misused
// must work afterwards.

import test from "ava";
import { constants } from "node:buffer";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import * as api from "../index.js";
import { type Api, type Value, accepts, classes, classesOf, membersOf, typeOfElements } from "./binding.js";
import { collect } from "./helper.js";
import { type World, makeWorld, objects, rows, use } from "./misuse-table.js";
import {
  type Expected,
  type Outcome,
  type Resizable,
  Trial,
  apis,
  buffers,
  detach,
  exported,
  files,
  fill,
  had,
  inside,
  isBytes,
  isPlain,
  lacks,
  native,
  ofEngine,
  ofStore,
  parties,
  resizable,
  same,
  throwing,
  traps,
  values,
  watched,
} from "./misuse.js";

/** What is not refused: napi's constructors make the object that they are called on, if it inherits from the class. */
const accepted: RegExp[] = [
  /^new \w+ \d, wrongReceivers: without new, on an? (Proxy of an object with the prototype|Proxy of the \w+|object with \w+'s prototype)$/,
  // A function that is called, and throws what it throws.
  /^run(Sync)? \d, wrongValues: options\.imports is class\{\}$/,
];
const isAccepted = (id: string) => accepted.some((each) => each.test(id));
const { features } = api;

/** A place in an argument, and how an argument is made that has something else there. */
interface Place {
  path: string;
  type: string;
  put: (value: unknown) => unknown;
}
function* places(type: string, base: any, path: string, put: Place["put"] = (value) => value): Iterable<Place> {
  yield { path, type, put };
  const element = typeOfElements(type);
  if (element !== undefined && Array.isArray(base)) {
    for (const [i, value] of base.entries()) yield* places(element, value, `${path}[${i}]`, (value) => put(base.with(i, value)));
  } else if (element !== undefined && isPlain(base)) {
    for (const key of Object.keys(base)) yield* places(element, base[key], `${path}.${key}`, (value) => put({ ...base, [key]: value }));
  } else if (base === undefined || isPlain(base)) {
    for (const { name, type: own, optional } of membersOf(type) ?? []) {
      const whole = optional ? `${own} | undefined` : own;
      yield* places(whole, base?.[name], `${path}.${name}`, (value) => put({ ...base, [name]: value }));
    }
  }
}
/** Where objects of ours may be told from others, and not refused like any object. */
const mayBeOurs = (type: string) => classesOf(type).length > 0 || /unknown|any\b|ValType|Record|Imports/.test(type);
/** What would make folders and files, and engines that take much of the address space. */
const costly = ({ path }: Place, { value }: Value) =>
  /^config\.(cache|pooling)|\.file$/.test(path) && !(/number|bigint/.test(typeof value) && !((value as number) >= 0 && (value as number) < 2 ** 53));

async function wrongValues(trial: Trial) {
  const all = values(trial.w, trial.fresh());
  for (const [i, { name, type, optional }] of trial.api.parameters.entries()) {
    const whole = optional ? `${type} | undefined` : type;
    for (const place of places(whole, trial.row.args(trial.w)[i], name)) {
      if (trial.row.alike && place.path !== name) continue;
      for (const given of all) {
        if (given.rare && !mayBeOurs(place.type)) continue;
        const accepted = accepts(place.type, given) || trial.row.converts?.includes(name);
        if (accepted && costly(place, given)) continue;
        const calling = trial.call({ [i]: place.put(given.value) });
        await trial.check(`${place.path} is ${given.label}`, accepted ? "typed" : "TypeError", calling, { given, parameter: name });
      }
    }
  }
  if (trial.api.parameters.length < 2) return;
  const context = { parameter: trial.row.converts?.[0] ?? "" };
  for (const given of all.filter(({ rare }) => !rare)) {
    const calling = trial.call(trial.api.parameters.map(() => given.value));
    await trial.check(`all are ${given.label}`, "typed", calling, { ...context, given });
  }
}

async function wrongCounts(trial: Trial) {
  const { parameters, kind } = trial.api;
  if (kind === "setter" || kind === "getter") return;
  for (let count = 0; count <= parameters.length + 3; count++) {
    const [on, args] = [trial.on(), [...trial.row.args(trial.w), Symbol("s"), throwing, null].slice(0, count)];
    const missing = parameters.slice(count).filter(({ name, type, optional }) => {
      return !optional && !trial.row.converts?.includes(name) && !accepts(type, { label: "", value: undefined });
    });
    const left = parameters.slice(count).find(({ name }) => trial.row.converts?.includes(name));
    const expected = missing.length > 0 ? "TypeError" : count < parameters.length ? "typed" : "fine";
    const given = { label: "undefined", value: undefined };
    await trial.check(`${count} arguments`, expected, () => use(trial.api, on, args), { given, parameter: left?.name ?? "" });
  }
}

/** Uses a member on any receiver. */
function useOn({ kind, owner, key }: Api, on: unknown, args: unknown[]): unknown {
  const { get, set, value } = Object.getOwnPropertyDescriptor(native[owner].prototype, key)!;
  return Reflect.apply(kind === "getter" ? get! : kind === "setter" ? set! : value, on, args);
}

async function wrongReceivers(trial: Trial) {
  const { api, w } = trial;
  if (api.kind === "static" || api.kind === "function") return;
  const { owner } = api;
  const { prototype } = native[owner];
  const strangers: Value[] = [
    ...values(w, w).filter(({ is }) => is !== owner),
    { label: "the prototype", value: prototype },
    { label: "a Proxy of an object with the prototype", value: new Proxy(Object.create(prototype), {}) },
  ];
  if (api.kind === "constructor") {
    const made = had(() => objects[owner]?.(w));
    for (const given of [...strangers, { label: "an object of the class", value: made }]) {
      const calling = () => Reflect.apply(native[owner], given.value, trial.row.args(trial.w));
      await trial.check(`without new, on ${given.label}`, "TypeError", calling, { given, receiver: true });
    }
    const targets: Record<string, Function> = {
      "another class": owner === "Memory" ? native["Table"] : native["Memory"],
      "a class of the caller's": class {},
      Object,
      "a Proxy whose traps throw": new Proxy(class {}, traps),
      "a function without a prototype": Object.defineProperty(function () {}, "prototype", { value: null }),
    };
    for (const [label, target] of Object.entries(targets)) {
      const calling = () => Reflect.construct(native[owner], trial.row.args(trial.w), target);
      await trial.check(`new.target is ${label}`, owner === "Exception" ? "typed" : "TypeError", calling, { receiver: true });
    }
    const derived = class extends native[owner] {};
    await trial.check("a derived class", "fine", () => Reflect.construct(derived, trial.row.args(trial.w)), { receiver: true });
    return;
  }
  if (lacks(api)) return;
  for (const given of [...strangers, { label: "an object with the prototype", value: Object.create(prototype) }]) {
    const calling = () => useOn(api, given.value, trial.row.args(trial.w));
    await trial.check(`on ${given.label}`, "TypeError", calling, { given, receiver: true });
  }
}

async function disposed(trial: Trial) {
  if (!trial.inStore) return;
  const calling = trial.call();
  trial.w.store.dispose();
  trial.w.metered.dispose();
  await trial.check("after dispose", trial.row.outlives === "always" ? "fine" : "ClosedError", calling);
}

async function ofOthers(trial: Trial) {
  const worlds: [string, World, string[]][] = [
    ["another store", trial.fresh(), ofStore],
    ["another engine", makeWorld(files, strange), ofEngine],
  ];
  for (const [label, other, bound] of worlds) {
    for (const [i, { name, type }] of trial.api.parameters.entries()) {
      const foreign = classesOf(type).some((name) => bound.includes(name)) || type === "SharedHandle";
      if (!foreign) continue;
      // A handle is of an engine.
      const alone = type === "SharedHandle" && bound === ofStore;
      const expected = alone || trial.row.compares || parties(trial.api, name, bound).length === 0 ? "typed" : "TypeError";
      await trial.check(`${name} of ${label}`, expected, trial.call({ [i]: trial.row.args(other)[i] }));
      other.store.dispose();
      const after = trial.row.args(other)[i];
      await trial.check(`${name} of ${label} that is disposed`, "typed", trial.call({ [i]: after }));
    }
  }
}
const strange = new api.Engine();

async function oddBuffers(trial: Trial) {
  for (const [i, { name, type }] of trial.api.parameters.entries()) {
    const sample = trial.row.args(trial.w)[i];
    if (!isBytes(type) || !ArrayBuffer.isView(sample)) continue;
    for (const given of buffers(trial.w, Buffer.isBuffer(sample) ? new Uint8Array(sample) : sample)) {
      await trial.check(`${name} is ${given.label}`, "typed", trial.call({ [i]: given.value }), { given, parameter: name });
    }
  }
}

/** User code that runs in the middle of a call. */
async function inBetween(trial: Trial) {
  for (const [i, { name }] of trial.api.parameters.entries()) {
    const converts = trial.row.converts?.includes(name) ?? false;
    const bytes = trial.api.parameters.findIndex(({ type }) => isBytes(type));
    /** Calls with `effect` at a step; without a step they are counted. */
    const run = async (what: string, expected: Expected, step: number, effect: (w: World, buffer: Resizable) => void) => {
      let steps = 0;
      const { w } = trial;
      const args = trial.row.args(w);
      const sample = args[bytes] as Uint8Array;
      const buffer = resizable(sample?.byteLength ?? 0);
      if (ArrayBuffer.isView(sample)) args[bytes] = same(sample, fill(buffer, sample));
      const given = watched(args[i], () => void (steps++ === step && effect(w, buffer)), converts);
      if (given === args[i]) return 0;
      const calling = trial.call({ [bytes]: args[bytes], [i]: given });
      await trial.check(`${what} at step ${step} of ${name}`, expected, calling);
      return steps;
    };
    const steps = await run("nothing", "fine", -1, () => {});
    for (let step = 0; step < Math.min(steps, 60); step++) {
      await run("a throw", "sentinel", step, throwing);
      if (trial.first) await run("garbage collection", "fine", step, collect);
      let inner: Promise<Outcome | undefined> | undefined;
      const nested = trial.call();
      await run("the same call", "typed", step, () => (inner = trial.check(`inside of ${name} at step ${step}`, "typed", nested)));
      await inner;
      if (trial.inStore) {
        const expected = trial.row.outlives ? "typed" : "ClosedError";
        await run("dispose", expected, step, (w) => (w.store.dispose(), w.metered.dispose()));
        await run("growth", "typed", step, (w) => void w.memory.grow(1));
      }
      if (bytes >= 0) {
        await run("detaching", "typed", step, (_, buffer) => detach(buffer));
        await run("shrinking", "typed", step, (_, buffer) => buffer.resize(0));
      }
    }
  }
}

let turn = 0;
/** The ways into JavaScript from a guest; in the pass that collects garbage at each of them, one in turn. */
function ways() {
  const all = Object.entries(inside);
  return process.env["CWASM_GC_STRESS"] === "1" ? [all[turn++ % all.length]!] : all;
}
async function insideOfGuests(trial: Trial) {
  for (const [label, enter] of ways()) {
    // One in which no call has waited: such a store defines no whole modules.
    trial.w = trial.fresh();
    const calling = trial.call();
    let inner: Promise<Outcome | undefined> | undefined;
    const body = () => {
      inner ??= trial.check(`in ${label}`, "typed", calling);
      return 1;
    };
    await trial.check(`around it, ${label}`, "fine", () => enter(trial.w, body), { api: exported });
    await inner;
    trial.w = trial.fresh();
  }
}

async function frozen(trial: Trial) {
  const [on, args] = [trial.on(), trial.row.args(trial.w)];
  for (const each of [on, ...args]) if (!ArrayBuffer.isView(each)) Object.freeze(each);
  await trial.check("all is frozen", "fine", () => use(trial.api, on, args));
}

const kinds = { wrongValues, wrongCounts, wrongReceivers, ofOthers, oddBuffers, inBetween, insideOfGuests, frozen, disposed };


test("there is a good use of each API, and no use of what is none", (t) => {
  t.deepEqual(Object.keys(rows).sort(), apis.map(({ name }) => name).sort());
  t.true(apis.length > 100, String(apis.length));
});

test("the declarations have every class, function and member that there is", (t) => {
  const names = new Set(apis.map(({ name }) => name.replace(/=$/, "")));
  const missing: string[] = [];
  for (const [name, value] of Object.entries(native)) {
    if (typeof value !== "function" || (value.prototype instanceof Error && name !== "Exception")) continue;
    if (!classes.includes(name)) {
      if (!names.has(name)) missing.push(name);
      continue;
    }
    const members = (object: object, separator: string) =>
      Reflect.ownKeys(object).map((key) => [`${name}${separator}${key === Symbol.dispose ? "Symbol.dispose" : String(key)}`, key] as const);
    for (const [member, key] of [...members(value.prototype, "#"), ...members(value, ".")]) {
      const { value: held, get } = Object.getOwnPropertyDescriptor(member.includes("#") ? value.prototype : value, key)!;
      if ((get || typeof held === "function") && key !== "constructor" && !names.has(member)) missing.push(member);
    }
  }
  t.deepEqual(missing, []);
});

for (const each of apis) {
  test.serial(`${each.name} is held against all misuse`, async (t) => {
    const problems: string[] = [];
    for (const [i, row] of [rows[each.name] ?? []].flat().entries()) {
      for (const [kind, attack] of Object.entries(kinds)) {
        const trial = new Trial(each, row, `${each.name} ${i}, ${kind}`, i === 0, isAccepted);
        if (had(() => trial.call()) === undefined) continue;
        await trial.check("good before", "fine", trial.call());
        await attack(trial);
        await trial.check("good after", "fine", trial.call());
        problems.push(...trial.problems);
      }
    }
    t.deepEqual(problems, []);
  });
}

/** A test of what no row says. */
function also(title: string, body: (trial: Trial) => unknown) {
  test.serial(title, async (t) => {
    const trial = new Trial(exported, { args: () => [], converts: ["value"] }, title, true, isAccepted);
    await body(trial);
    t.deepEqual(trial.problems, []);
  });
}

also("a class without a constructor is not made", async (trial) => {
  for (const name of classes.filter((name) => !apis.some((api) => api.name === `new ${name}`))) {
    for (const args of [[], [trial.w.engine], [trial.w.store, trial.w.module]]) {
      await trial.check(`new ${name}, ${args.length}`, "TypeError", () => new native[name](...args));
      await trial.check(`${name}, ${args.length}`, "TypeError", () => native[name](...args), { receiver: true });
      const forged = Object.create(native[name].prototype);
      await trial.check(`${name} on a forged object, ${args.length}`, "TypeError", () => native[name].apply(forged, args), { receiver: true });
    }
  }
});

also("what another store or engine has is no import", async (trial) => {
  for (const [label, other] of [
    ["another store", trial.fresh()],
    ["another engine", makeWorld(files, strange)],
  ] as const) {
    for (const name of Object.keys(trial.w.handles.env)) {
      const imports = (w: World) => ({ env: { ...w.handles.env, [name]: other.handles.env[name] } });
      await trial.check(`${name} of ${label}`, "TypeError", () => new api.Instance(trial.w.store, trial.w.importer, imports(trial.w)));
    }
  }
});

also("a store is not disposed from inside of it", async (trial) => {
  for (const [label, enter] of Object.entries(inside)) {
    for (const key of ["dispose", Symbol.dispose]) {
      const { w } = trial;
      let inner: Promise<unknown> | undefined;
      const body = () => ((inner = trial.check(`${label}, ${String(key)}`, "StoreBusyError", () => w.store[key]())), 1);
      await trial.check(`around it, ${label}, ${String(key)}`, "fine", () => enter(w, body));
      await inner;
      trial.w = trial.fresh();
    }
  }
});

for (const type of ["i32", "i64", "f32", "f64", "v128", "funcref", "externref", "anyref", "exnref", "i32 i64"]) {
  also(`what a host function returns for ${type} is converted or refused`, async (trial) => {
    const results = type.split(" ");
    if (/ext|any|exn/.test(type) && !features.has("gc")) return;
    for (const given of values(trial.w, trial.fresh())) {
      const fn = native["Func"].wrap(trial.w.store, { parameters: [], results }, () => given.value);
      await trial.check(`it returns ${given.label}`, results.length > 1 ? "TypeError" : "typed", fn, { given, parameter: "value" });
    }
  });
}

also("what a host function throws comes out as it is", async (trial) => {
  for (const { label, value } of values(trial.w, trial.fresh())) {
    for (const [way, enter] of ways()) {
      const body = () => {
        throw value;
      };
      const calling = () => {
        try {
          enter(trial.w, body);
        } catch (error) {
          if (Object.is(error, value)) return;
          throw error;
        }
        throw new Error("nothing came out");
      };
      await trial.check(`${label}, ${way}`, "fine", calling);
    }
  }
});

also("the arrays of a batch may go away in the middle of it", async (trial) => {
  const effects: Record<string, (buffer: Resizable) => void> = {
    "is detached": detach,
    "shrinks to nothing": (buffer) => buffer.resize(0),
    "shrinks": (buffer) => buffer.resize(8),
  };
  for (const [label, effect] of Object.entries(effects)) {
    for (const which of [0, 1]) {
      for (const fixed of [true, false]) {
        const buffers = [resizable(1 << 20), resizable(1 << 20)] as const;
        const [args, out] = buffers.map((buffer) => (fixed ? new Float64Array(buffer, 0, 1 << 10) : new Float64Array(buffer)));
        let calls = 0;
        trial.w.g = (x) => (calls++ === 5 && effect(buffers[which]!), x);
        const calling = () => api.callMany(trial.w.exports.apply, args!, out!);
        await trial.check(`array ${which} ${label}, ${fixed ? "fixed" : "tracking"}`, which === 0 ? "fine" : "TypeError", calling);
      }
    }
  }
});

also("handles that are none are refused", async (trial) => {
  const { w } = trial;
  const handles = { engine: w.engine.share(), module: w.module.share(), memory: had(() => w.shared.share()) };
  const takes: Record<string, (handle: any) => unknown> = {
    engine: (handle) => native["Engine"].fromShared(handle),
    module: (handle) => native["Module"].fromShared(handle),
    memory: (handle) => native["Memory"].fromShared(w.store, handle),
  };
  for (const [kind, take] of Object.entries(takes)) {
    for (const [other, handle] of Object.entries(handles)) {
      if (!handle) continue;
      const forgeries: Record<string, unknown> = {
        "another kind's": kind === other ? { ...handle, key: `${handle.key}0` } : handle,
        "of no key": { kind, key: "" },
        "of a longer key": { kind, key: handle.key + "\0" },
        "of another case": { kind, key: handle.key.toUpperCase().replace(/^[0-9]*$/, "A") },
        "of another kind's key": kind === other ? { kind, key: "0".repeat(32) } : { kind, key: handle.key },
        "of a boxed key": { kind, key: Object(handle.key) },
      };
      for (const [label, forged] of Object.entries(forgeries)) {
        await trial.check(`${kind}: ${label} (${other})`, "TypeError", () => take(forged));
      }
    }
    const handle = (handles as any)[kind];
    if (handle) await trial.check(`${kind}: a copy`, "fine", () => take(structuredClone(handle)));
  }
});

also("what does not fit into a string or a buffer is out of range", async (trial) => {
  const large = new api.Memory(trial.w.store, { initial: 8193, maximum: 8193 });
  for (const options of [undefined, { fatal: true }]) {
    await trial.check(`a string${options ? ", fatal" : ""}`, "typed", () => large.readString(0, 2 ** 29 + 1, options));
  }
  if (constants.MAX_LENGTH > 2 ** 32) return;
  const pages = BigInt(constants.MAX_LENGTH >> 16) + 1n;
  const wide = new api.Memory(trial.w.store, { initial: pages || 65537n, address: "i64" });
  await trial.check("a buffer", "typed", () => wide.read(0, constants.MAX_LENGTH + 1));
});

test.serial("objects of another thread are nothing here", async (t) => {
  const script = `
    const { parentPort, workerData: { table, declarations, files } } = require("node:worker_threads");
    parentPort.once("message", async (posted) => {
      const { makeWorld, objects, rows, use } = await import(table);
      const { apis, classesOf } = await import(declarations);
      const results = [];
      for (const api of apis) {
        for (const row of [rows[api.name] ?? []].flat()) {
          if (row.hidden) continue;
          for (const [i, { name, type }] of api.parameters.entries()) {
            for (const is of classesOf(type)) {
              if (!(is in posted)) continue;
              let error;
              try {
                const w = makeWorld(files), args = row.args(w);
                const on = row.on ? row.on(w) : objects[api.owner]?.(w);
                args[i] = posted[is];
                await use(api, on, args);
              } catch (thrown) { error = thrown }
              results.push([api.name + ": " + name, error?.code ?? String(error)]);
            }
          }
        }
      }
      parentPort.postMessage(results);
    });`;
  const at = (name: string) => new URL(`./${name}.js`, import.meta.url).href;
  const worker = new Worker(script, { eval: true, workerData: { table: at("misuse-table"), declarations: at("binding"), files } });
  const w = makeWorld(files);
  const posted: Record<string, unknown> = {};
  for (const [name, get] of Object.entries(objects)) {
    try {
      posted[name] = structuredClone(had(() => get(w)));
    } catch (error) {
      t.is((error as Error).name, "DataCloneError");
    }
  }
  worker.postMessage(posted);
  const [results] = (await once(worker, "message")) as [[string, string][]];
  await worker.terminate();
  t.true(results.length > 50, String(results.length));
  const allowed = ["ERR_INVALID_ARG_TYPE", "ERR_WASMTIME_FEATURE_UNAVAILABLE"];
  // Of what is in a guest with references.
  if (!features.has("gc")) allowed.push("ERR_WASMTIME_INCOMPATIBLE_MODULE");
  t.deepEqual(
    results.filter(([, code]) => !allowed.includes(code)),
    [],
  );
});
