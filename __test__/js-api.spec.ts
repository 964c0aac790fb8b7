// The semantics of JavaScript, where ours are not V8's: the table of deviations behind docs/js-api.md. That all else agrees is in the
// specs beside this one, js-api-*.spec.ts.

import { createContext, runInContext } from "node:vm";
import { needing } from "./needing.js";
import { type Steps, type World, ofCwasm, ofV8, outcome } from "./v8.js";
import { asks, convert, functionsOf, grower, host, many, noting, symbol, three, trapper } from "./js-api.js";

const context = createContext();

interface Deviation {
  what: string;
  why: string;
  steps: Steps;
  /** What V8 does; absent where that of Node 20 can't. */
  v8?: string[];
  ours: string[];
  needs?: "gc";
}
const once = (steps: (w: World) => unknown): Steps => (w, log) => log.of(() => steps(w));

const overflowing = (w: World) => trapper(w).deep();
const deviations: Deviation[] = [
  {
    what: "a v128 crosses, as 16 bytes",
    why: "the JS API has no value for it and refuses every call, which leaves JavaScript without a way to use SIMD at a boundary",
    steps(w, log) {
      const { exports, hosts } = convert(w);
      const bytes = (hosts.result = new Uint8Array(16));
      for (const name of ["id", "call", "two", "host"]) log.of(() => exports[`${name} v128`](bytes));
      log(hosts.got);
      log.of(() => w.global("v128", true).value);
    },
    v8: [...Array(4).fill("throws TypeError"), '"nothing"', "throws TypeError"],
    ours: ["returns Uint8Array", "returns Uint8Array", "returns [Uint8Array, Uint8Array]", "returns Uint8Array"].concat(
      ["Uint8Array", "returns Uint8Array"],
    ),
  },
  {
    what: "an exnref crosses, as an Exception",
    needs: "gc",
    why: "the JS API refuses every call, although it has the class",
    steps(w, log) {
      const wat = `(module (tag (export "t") (param i32)) (func (export "id") (param exnref) (result exnref) (local.get 0)))`;
      const { id, t } = w.start(wat);
      const exception = w.exception(t, [5]);
      log(id(exception) === exception, id(null));
    },
    ours: ["true null"],
  },
  {
    what: "a 64-bit memory takes numbers too",
    why: "sizes are read in one way everywhere; the JS API wants bigints here",
    steps(w, log) {
      const memory = w.memory({ initial: 1, address: "i64" });
      log(memory.grow(1), memory.grow(1n), memory.pages);
    },
    ours: ["1n 2n 3n"],
  },
  {
    what: "a space of imports that is missing or no object is a LinkError",
    why: "it names what is missing like any other import; the JS API has a TypeError",
    steps(w, log) {
      const wat = `(module (import "env" "f" (func)))`;
      for (const imports of [[], [undefined], [{}], [{ env: null }], [{ env: 5 }]]) log.of(() => w.start(wat, ...imports));
    },
    v8: Array(5).fill("throws TypeError"),
    ours: Array(5).fill("throws LinkError"),
  },
  {
    what: "imports are read up to the first that does not fit",
    why: "so the JS API says; V8 reads all before it looks at any",
    steps(w, log) {
      const [a, b] = [noting(log, {}, { x: 5 }, "a."), noting(log, {}, { y: host, z: 3 }, "b.")];
      log.of(() => w.start(asks, { a, b }));
    },
    v8: ['"b.y"', '"a.x"', '"b.z"', '"a.x"', '"b.y"', "throws LinkError"],
    ours: ['"b.y"', '"a.x"', "throws LinkError"],
  },
  {
    what: "a guest that grows its memory by nothing leaves the buffer",
    why: "Wasmtime does not tell; the JS API has a new buffer after each memory.grow",
    steps(w, log) {
      const { m, grow } = grower(w);
      const { buffer } = m;
      log(grow(0), buffer, m.buffer === buffer);
    },
    v8: ["1 0 bytes false"],
    ours: ["1 65536 bytes true"],
  },
  {
    what: "a stack overflow in wasm is a Trap",
    needs: "gc",
    why: "wasm has a stack of its own (maxWasmStack); the JS API lets engines choose",
    steps: once(overflowing),
    v8: ["throws RangeError"],
    ours: ["throws RuntimeError"],
  },
  {
    what: "errors are called as their classes are: Trap",
    why: "Trap is Wasmtime's name of it",
    steps(w, log) {
      try {
        overflowing({ ...w, start: () => ({ deep: w.start("(module (func (export \"trap\") unreachable))").trap }) });
      } catch (error: any) {
        log(error instanceof Error, error.name, Object.prototype.toString.call(error));
      }
    },
    v8: ['true "RuntimeError" "[object Error]"'],
    ours: ['true "Trap" "[object Error]"'],
  },
  {
    what: "an exported function has no own properties but length and name",
    why: "so the JS API says; V8's have arguments and caller too",
    steps: (w, log) => log(Reflect.ownKeys(functionsOf(w).h)),
    v8: ['["length", "name", "arguments", "caller"]'],
    ours: ['["length", "name"]'],
  },
  {
    what: "the text of an exported function is that of a JavaScript function",
    why: "it is one",
    steps: (w, log) => log(String(functionsOf(w).h).includes("[native code]")),
    v8: ["true"],
    ours: ["false"],
  },
  {
    what: "a sloppy host function of another realm has that realm's globalThis as this",
    needs: "gc",
    why: "so JavaScript says; V8 gives it the caller's",
    steps(w, log) {
      const f = runInContext("(function () { return this === globalThis })", context);
      log(w.start(many, { env: { f } }).call(1, 2n, 3, 4, 5, null));
    },
    v8: ["0"],
    ours: ["1"],
  },
  {
    what: "a global that is exported twice is one object",
    why: "so the JS API says, and so it is with V8's other objects",
    steps(w, log) {
      const { a, b } = w.start(`(module (global i32 (i32.const 1)) (export "a" (global 0)) (export "b" (global 0)))`);
      log(a === b);
    },
    v8: ["false"],
    ours: ["true"],
  },
  {
    what: "a global of externref without a value is undefined, one of anyfunc is null also where undefined is given",
    needs: "gc",
    why: "so the JS API says; V8 of Node 20 is older",
    steps(w, log) {
      log(w.global("externref", true).value);
      log.of(() => w.global("anyfunc", true, undefined).value);
    },
    v8: ["null", "throws TypeError"],
    ours: ["undefined", "returns null"],
  },
  {
    what: "descriptors are not converted: a maximum is no null, mutable a boolean, an element a string",
    why: "a mistake in them is told instead of guessed at",
    steps(w, log) {
      log.of(() => w.memory({ initial: 0, maximum: null }));
      log.of(() => w.table({ element: "anyfunc", initial: 0, maximum: null }));
      log.of(() => w.table({ element: ["externref"], initial: 0 }));
      for (const mutable of [1, "x", null, 0]) log.of(() => w.global("i32", mutable));
    },
    v8: ["returns Memory", "returns Table", "returns Table", ...Array(4).fill("returns Global")],
    ours: Array(7).fill("throws TypeError"),
  },
  {
    what: "members of a memory's descriptor are read in another order",
    why: "of no consequence",
    steps: (w, log) => w.memory(noting(log, {}, { initial: 1, maximum: 2, shared: false }, "")),
    v8: ['"initial"', '"maximum"', '"shared"'],
    ours: ['"shared"', '"initial"', '"maximum"'],
  },
  {
    what: "funcref is a name of a type too",
    why: "it is wasm's; the JS API has anyfunc only",
    steps: (w, log) => log.of(() => [w.table({ element: "funcref", initial: 0 }), w.global("funcref", true)]),
    v8: ["throws TypeError"],
    ours: ["returns [Table, Global]"],
  },
  {
    what: "exports are the instance's own property once they were asked for",
    why: "that spares a native call each time; they can't be written to before or after",
    steps(w, log) {
      const instance = w.instantiate(`(module (func (export "f")))`);
      log(Object.keys(instance), instance.exports.f, Object.keys(instance));
      const { writable, configurable } = Object.getOwnPropertyDescriptor(instance, "exports") ?? {};
      log(writable, configurable);
    },
    v8: ["[] a function []", "undefined undefined"],
    ours: ['[] a function ["exports"]', "false false"],
  },
  {
    what: "objects have the tag of their class for Object.prototype.toString",
    why: "it is no WebAssembly.Memory and so on",
    steps(w, log) {
      const made = [w.memory({ initial: 0 }), three(w, "anyfunc"), w.global("i32", false), w.instantiate("(module)")];
      for (const one of made) log(String(one));
    },
    v8: ["Memory", "Table", "Global", "Instance"].map((name) => `"[object WebAssembly.${name}]"`),
    ours: ["Memory", "Table", "Global", "Instance"].map((name) => `"[object ${name}]"`),
  },
  {
    what: "classes, methods and accessors say nothing of their parameters and names, and a class's prototype can be replaced",
    why: "Node-API makes them so",
    steps(w, log) {
      for (const name of ["Memory", "Table", "Global", "Instance", "Tag"]) {
        log(w.api[name].length, Object.getOwnPropertyDescriptor(w.api[name], "prototype")!.writable);
      }
      const { get } = Object.getOwnPropertyDescriptor(w.api.Memory.prototype, "buffer")!;
      log(w.api.Memory.prototype.grow.length, get!.name);
    },
    v8: [...Array(5).fill("1 false"), '1 "get buffer"'],
    ours: [...Array(5).fill("0 true"), '0 ""'],
  },
  {
    what: "a memory can be cloned, to an empty object",
    why: "Node-API's objects are ordinary ones to structuredClone",
    steps: once((w) => Object.keys(structuredClone(w.memory({ initial: 0 }))).length),
    v8: ["throws DOMException"],
    ours: ["returns 0"],
  },
  {
    what: "what belongs to another store is refused with a TypeError",
    needs: "gc",
    why: "the JS API has one store for all",
    steps(w, log) {
      const other = w.name === "V8" ? w : ofCwasm();
      for (const [kind, x] of Object.entries({ "memory 1": other.memory({ initial: 1 }), tag: other.tag(), func: functionsOf(other).x })) {
        log.of(() => w.start(`(module (import "m" "x" (${kind})))`, { m: { x } }));
      }
      log.of(() => three(w, "anyfunc").set(0, functionsOf(other).x));
    },
    v8: ["returns an object", "returns an object", "returns an object", "returns undefined"],
    ours: Array(4).fill("throws TypeError"),
  },
  {
    what: "an exception is an Error",
    needs: "gc",
    why: "it has a stack; all that is thrown here is one",
    steps(w, log) {
      const { t } = trapper(w);
      log(w.exception(t, [1, 2n, 3, 4]) instanceof Error, w.exception(w.tag(), []) instanceof Error);
    },
    v8: ["false false"],
    ours: ["true true"],
  },
  {
    what: "an exception has as many values as its tag, of any iterable",
    needs: "gc",
    why: "so the JS API says; V8 of Node 20 takes whatever has indices",
    steps(w, log) {
      const tag = w.tag("i32", "i32");
      for (const payload of [[1], [1, 2, 3], { length: 2 }, new Set([1, 2])]) log.of(() => w.exception(tag, payload));
      const values = w.exception(tag, new Set([1, 2]));
      log([0, 1].map((i) => values.getArg(tag, i)));
    },
    v8: [...Array(4).fill("returns Exception"), "[0, 0]"],
    ours: [...Array(3).fill("throws TypeError"), "returns Exception", "[1, 2]"],
  },
  {
    what: "the index of an exception's value is a number, and not converted to one",
    needs: "gc",
    why: "sizes and places are not converted from anything",
    steps(w, log) {
      const { t } = trapper(w);
      const exception = w.exception(t, [1, 2n, 3, 4]);
      for (const index of ["1", true, 1.5]) log.of(() => exception.getArg(t, index));
      for (const index of [undefined, NaN, -1, "x"]) log.of(() => exception.getArg(t, index));
    },
    v8: [...Array(3).fill("returns 2n"), ...Array(4).fill("throws TypeError")],
    ours: ["Type", "Type", "Range", "Type", "Range", "Range", "Type"].map((name) => `throws ${name}Error`),
  },
  {
    what: "the parameters of a tag are an array",
    needs: "gc",
    why: "as are those of functions; the JS API takes any iterable, but V8 of Node 20 does not",
    steps: once((w) => w.tagOf(new Set(["i32"]))),
    v8: ["throws TypeError"],
    ours: ["throws TypeError"],
  },
];
for (const { what, why, steps, v8, ours, needs } of deviations) {
  needing(...(needs ? [needs] : []))(`deviation: ${what}`, async (t) => {
    if (v8) t.deepEqual(outcome(await ofV8(), steps), v8, "V8");
    t.deepEqual(outcome(ofCwasm(), steps), ours, why);
  });
}

/** Sizes and places: V8 converts to a number and cuts fractions off, what is then out of range is a TypeError. */
const [returns, typeError, rangeError] = ["returns undefined", "throws TypeError", "throws RangeError"] as const;
const numbers: [values: unknown[], v8: string, ours: string][] = [
  [[1, 0, -0], returns, returns],
  [[undefined, "x", {}, [1, 2], symbol, host], typeError, typeError],
  [[null, "1", "", true, [], [1], Object(1), { valueOf: () => 1 }], returns, typeError],
  [[1.5, 0.9], returns, rangeError],
  [[-1, -1.5, NaN, Infinity, -Infinity, 2 ** 32, 2 ** 53, -1n, 2n ** 64n], typeError, rangeError],
  [[1n, 0n], typeError, returns],
];
const numeric: Record<string, (w: World, value: any) => unknown> = {
  "the initial size of a memory": (w, initial) => w.memory({ initial }),
  "the pages a memory grows by": (w, pages) => w.memory({ initial: 1, maximum: 3 }).grow(pages),
  "the initial size of a table": (w, initial) => w.table({ element: "anyfunc", initial }),
  "the elements a table grows by": (w, delta) => three(w, "anyfunc").grow(delta),
  "the index of an element to get": (w, index) => three(w, "externref").get(index),
  "the index of an element to set": (w, index) => three(w, "externref").set(index, 1),
};
for (const [what, apply] of Object.entries(numeric)) {
  needing(...(what.includes("an element to") ? ["gc" as const] : []))(`deviation: ${what} is a whole number or bigint, and nothing is converted to one`, async (t) => {
    const given = numbers.flatMap(([values]) => values);
    const called = (value: unknown) => `${typeof value} '${String(value)}'`;
    const use = (world: World) => outcome(world, (w, log) => given.forEach((value) => log.of(() => void apply(w, value), called(value))));
    const expected = (which: 1 | 2) => numbers.flatMap((row) => row[0].map((value) => `${called(value)}: ${row[which]}`));
    t.deepEqual(use(await ofV8()), expected(1));
    t.deepEqual(use(ofCwasm()), expected(2));
  });
}
