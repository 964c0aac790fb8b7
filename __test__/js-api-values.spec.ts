// What any value is converted to, and where, as V8 does it: arguments, results, globals, tables and imports.

import type { Log, World } from "./v8.js";
import { agree, agreeing, convert, fail, host, importing, many, nameless, noting, object, raise, symbol, types } from "./js-api.js";

const valueOf = (value: unknown) => ({ valueOf: () => value, toString: fail });

const zeros: Record<string, unknown> = { i64: 0n, externref: null, funcref: null };
const zero = (type: string) => (type in zeros ? zeros[type] : 0);

/** Each is made anew for each engine; its source is its name. */
const values: ((log: Log) => unknown)[] = [
  ...[() => undefined, () => null, () => true, () => false, () => symbol, () => Object(symbol), () => object, () => ({}), () => host],
  ...[() => "", () => " ", () => " 12 ", () => "\n7\t", () => "0x10", () => "0b11", () => "0o17", () => "-0x10", () => "1e3", () => "-5"],
  ...[() => "- 5", () => "1_0", () => "1n", () => "1.5", () => "-0", () => "Infinity", () => "12abc", () => "９"],
  ...[() => "9007199254740993", () => "99999999999999999999999", () => "²", () => "\u2028 3", () => "+4", () => ".5e1", () => "0x", () => "0b2"],
  ...[() => NaN, () => Infinity, () => -Infinity, () => 0, () => -0, () => 1, () => -1, () => 0.1, () => 1.9],
  ...[() => -1.9, () => -0.5, () => 2 ** 31 - 1, () => 2 ** 31, () => -(2 ** 31), () => -(2 ** 31) - 1, () => 2 ** 32 - 1, () => 2 ** 32],
  ...[() => 2 ** 32 + 5, () => -(2 ** 32) - 5, () => 2 ** 53 + 2, () => 2 ** 63, () => 2 ** 64, () => 2 ** 84 + 2 ** 40, () => 1e300],
  ...[() => -1e300, () => 1e-50, () => -1e-50, () => 5e-324, () => 16777217, () => 3.4028235677973362e38, () => 3.4028235677973366e38],
  ...[() => 2 ** -149, () => 2 ** -150, () => 0n, () => 5n, () => -5n, () => 2n ** 31n, () => 2n ** 63n - 1n, () => 2n ** 63n],
  ...[() => -(2n ** 63n), () => -(2n ** 63n) - 1n, () => 2n ** 64n, () => 2n ** 64n + 3n, () => -(2n ** 64n) - 3n, () => 2n ** 200n + 9n],
  ...[() => Object(5), () => Object(5n), () => Object("7"), () => Object(true), () => new Date(123456789012345), () => new Date(NaN)],
  ...[() => [], () => [5], () => ["0x10"], () => [1, 2], () => [[["3"]]], () => [5n], () => new Uint8Array([5]), () => new Uint8Array(15)],
  ...[() => class {}, () => /x/, () => new Map(), () => Promise.resolve(1), () => Math, () => Object.create(null), () => new Proxy({}, {})],
  ...[() => new Proxy([], {}), () => new Proxy(host, {}), () => valueOf(5), () => valueOf(5n), () => valueOf("6"), () => valueOf(null)],
  ...[() => valueOf(undefined), () => valueOf(symbol), () => valueOf(true), () => ({ valueOf: () => ({}), toString: () => "8" })],
  ...[() => ({ valueOf: () => ({}), toString: () => ({}) }), () => ({ valueOf: null, toString: () => 9n })],
  ...[() => ({ valueOf: 5, toString: 5 }), () => ({ [Symbol.toPrimitive]: () => ({}) })],
  ...[() => ({ valueOf: fail }), () => ({ toString: fail }), () => ({ valueOf: raise(5) }), () => ({ [Symbol.toPrimitive]: fail })],
  ...[() => ({ [Symbol.toPrimitive]: 5 }), () => ({ [Symbol.toPrimitive]: null, valueOf: () => 4 })],
  ...[() => ({ [Symbol.toPrimitive]: (hint: string) => hint }), () => ({ [Symbol.toPrimitive]: () => 3n })],
  () => ({
    get valueOf() {
      return fail();
    },
  }),
  (log) => ({ [Symbol.toPrimitive]: (...hints: unknown[]) => (log("toPrimitive", hints), 12n) }),
  (log) => noting(log, {}, { valueOf: () => (log("valueOf"), {}), toString: () => (log("toString"), "12"), [Symbol.toPrimitive]: undefined }),
  (log) => new Proxy({}, { get: (_, key) => (log("get", String(key)), key === "valueOf" ? () => 11 : undefined) }),
];

const element = (type: string) => ({ element: type === "funcref" ? "anyfunc" : type });
const fixed = ["i32", "i64", "f32", "f64", "externref"];
const everywhere = (type: string) => types.includes(type);
const references = (type: string) => type.endsWith("ref");

/** Where a value of a type goes in; what comes out again, or is left behind. */
type Way = (world: World, type: string, log: Log) => (value: unknown) => unknown;
const ways: [where: string, of: (type: string) => boolean, way: Way][] = [
  ["an argument", everywhere, (w, type) => convert(w).exports[`id ${type}`]],
  [
    "one of several arguments",
    everywhere,
    (w, type) => {
      const swap = convert(w).exports[`swap ${type}`];
      return (value) => [...swap(value, zero(type)), ...swap(zero(type), value)];
    },
  ],
  [
    "an argument of a host function that is exported again",
    everywhere,
    (w, type, log) => {
      const { exports, hosts } = convert(w);
      return (value) => {
        [hosts.result, hosts.got] = [zero(type), "nothing"];
        log.of(() => exports[`host ${type}`](value));
        return hosts.got;
      };
    },
  ],
  ...["call", "host"].map((name): (typeof ways)[number] => [
    `the result of a host function that ${name === "call" ? "wasm" : "JavaScript"} calls`,
    everywhere,
    (w, type) => {
      const { exports, hosts } = convert(w);
      return (value) => ((hosts.result = value), exports[`${name} ${type}`](zero(type)));
    },
  ]),
  [
    "one of several results of a host function",
    everywhere,
    (w, type) => {
      const { exports, hosts } = convert(w);
      return (value) => ((hosts.result = value), exports[`two ${type}`]());
    },
  ],
  ["the first value of a global", (type) => fixed.includes(type), (w, type) => (value) => w.global(type, false, value).value],
  [
    // Not here, as ours is wrong: conversions that throw undefined or null.
    "what a global is set to",
    (type) => fixed.includes(type),
    (w, type, log) => {
      const global = w.global(type, true);
      return (value) => {
        log.of(() => (global.value = value) === value);
        return global.value;
      };
    },
  ],
  // Not here, as ours is wrong: what is no function for a funcref, which is a LinkError.
  ["a constant to import", (type) => type !== "funcref", (w, type) => (g) => w.start(importing(type), { env: { g } }).g.value],
  ["a variable to import", everywhere, (w, type) => (g) => w.start(importing(`(mut ${type})`), { env: { g } }).g.value],
  ["the first element of a table", references, (w, type) => (value) => w.table({ ...element(type), initial: 1 }, value).get(0)],
  [
    "an element that is set",
    references,
    (w, type, log) => {
      const table = w.table({ ...element(type), initial: 1 });
      return (value) => {
        log.of(() => table.set(0, value));
        return table.get(0);
      };
    },
  ],
  [
    "an element that a table grows by",
    references,
    (w, type, log) => {
      const table = w.table({ ...element(type), initial: 1 });
      return (value) => {
        log.of(() => typeof table.grow(1, value));
        return [table.length, table.get(table.length - 1)];
      };
    },
  ],
];
for (const [where, of, way] of ways) {
  for (const type of types.filter(of)) {
    agree(`any value as ${where} of type ${type} ends as it does in V8`, (w, log) => {
      const pass = way(w, type, log);
      for (const make of values) log.of(() => pass(make(log)), nameless(make));
    });
  }
}

agreeing("gc")("missing arguments are undefined, those too many are ignored, and this is", (w, log) => {
  const { call } = w.start(many, { env: { f: (...got: unknown[]) => (log(got), 1) } });
  const all = [1, 2n, 3, 4, undefined, null];
  for (let count = 0; count <= all.length; count++) log.of(() => call(...all.slice(0, count)));
  log.of(() => call(...all, 7, 8));
  log.of(() => call(1, 2n, 3, 4, undefined, undefined));
  log.of(() => call(1, 2n, 3, 4, undefined, call));
  log.of(() => call.apply(5, all));
  log.of(() => Reflect.apply(call, undefined, { length: 6, 1: 2n, 5: null }));
  log.of(() => call.bind({}, 1, 2n)(3, 4, 5, null));
});

agreeing("gc")("arguments are converted from left to right, all before the call, and what fails ends it", (w, log) => {
  const { call } = w.start(many, { env: { f: (...got: unknown[]) => (log("called", got), 1) } });
  const note = (name: string, value: unknown) => ({ valueOf: () => (log(name), value) });
  const [a, b, c, d] = [note("a", 1), note("b", 2n), note("c", 3), note("d", 4)];
  const thrower = { valueOf: raise(undefined) };
  for (const args of [[a, b, c, d, 0, null], [a, b, c, d, a, b], [a, a, c, d], [a], [a, b, { valueOf: fail }, d], [a, 1n, thrower]]) {
    log.of(() => call(...args));
  }
});
