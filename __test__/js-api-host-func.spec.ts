// Any function as a host function, and whatever it returns, as V8 does it.

import { createContext, runInContext } from "node:vm";
import type { Log } from "./v8.js";
import { agreeing, fail, host, many, nameless, noting, object, raise, symbol } from "./js-api.js";

// Their guests take and give externrefs.
const agree = agreeing("gc");

const context = createContext();
const functions: [what: string, make: (log: Log) => unknown][] = [
  ["an arrow function without parameters", () => () => 1],
  ["an arrow function with more parameters", (log) => (...got: unknown[]) => (log(got), 2)],
  ["a strict function", (log) => function (this: unknown, a: unknown, b = 5) { return log(this, arguments.length, a, b); }],
  [
    "a sloppy function",
    new Function("log", "return function (a) { log(this === globalThis, arguments.length); arguments[0] = 9; return a }") as (log: Log) => unknown,
  ],
  ["a function that asks for new.target", (log) => function () { return log(new.target); }],
  ["a method", (log) => ({ m(...got: unknown[]) { return log(this, got.length), 3; } }).m],
  ["a bound function", (log) => function (this: unknown, ...got: unknown[]) { return log(this, got), 4; }.bind(object, "first")],
  ["a proxy", (log) => new Proxy(host, { apply: (_, self, got) => (log(self, got), 5) })],
  ["a revoked proxy", () => { const { proxy, revoke } = Proxy.revocable(host, {}); return revoke(), proxy; }],
  ["a class", () => class {}],
  ["an async function", () => async () => 5],
  ["a generator", () => function* () {}],
  ["a function that throws", () => fail],
  ["a function of JavaScript's own", () => Math.max],
  ["a constructor of JavaScript's own", () => Number],
  ["Function.prototype.call", () => Function.prototype.call],
  ["a function of another realm", () => runInContext("(function () { return arguments.length })", context)],
  ["a strict function of another realm", () => runInContext("(function () { 'use strict'; return this === undefined ? 1 : 0 })", context)],
];
for (const [what, make] of functions) {
  agree(`${what} as a host function, called by wasm and as an export`, (w, log) => {
    const { call, f } = w.start(many, { env: { f: make(log) } });
    for (const fn of [call, f]) {
      log.of(() => fn(1.5, "2", 3, 4, object));
      log.of(() => fn("1", 2n, "3", 4, object, null));
      log.of(() => fn(1, 2n, 3, 4, 5, call, 7));
    }
  });
}

const several = `(module (import "env" "f" (func $f (result i32 i64)))
  (import "env" "f" (func $g (result externref externref externref))) (import "env" "f" (func $h)) (export "f" (func $f))
  (func (export "two") (result i32 i64) (call $f)) (func (export "three") (result externref externref externref) (call $g))
  (func (export "none") (call $h)))`;
type Result = { done?: boolean; value?: unknown } | undefined | number;
/** An iterable that says what is done with it. */
function iterable(log: Log, next: (i: number) => Result) {
  let i = 0;
  const iterator = { next: (...given: unknown[]) => (log("next", given), next(i++)), return: () => (log("return"), {}) };
  return { [Symbol.iterator]: () => (log("iterator"), iterator) };
}
const upTo = (count: number) => (i: number) => ({ value: i ? BigInt(i) : 0, done: i >= count });
const results: ((log: Log) => unknown)[] = [
  ...[() => undefined, () => null, () => 5, () => 5n, () => true, () => symbol, () => "ab", () => "1", () => "12", () => "1😀", () => "123"],
  ...[() => ({}), () => host, () => ({ length: 2, 0: 1, 1: 2n }), () => [], () => [1], () => [1, 2n], () => [1, 2n, 3], () => [, 2n]],
  ...[() => [1, ,], () => [, , ,], () => [1, "2"], () => [1, 2], () => [{ valueOf: fail }, 2n], () => [1, { valueOf: fail }]],
  ...[() => new Set([1, 2n]), () => new Map([[1, 1]]), () => new Int32Array(2), () => new BigInt64Array(2), () => Object("12")],
  ...[() => Promise.resolve([1, 2n]), () => new Proxy([1, 2n], {}), () => new Proxy([1, 2n], { get: fail }), () => ({ [Symbol.iterator]: 5 })],
  ...[() => ({ [Symbol.iterator]: null }), () => ({ [Symbol.iterator]: undefined }), () => ({ [Symbol.iterator]: () => 5 })],
  ...[() => ({ [Symbol.iterator]: () => ({}) }), () => ({ [Symbol.iterator]: fail }), () => ({ [Symbol.iterator]: raise(undefined) })],
  () => Object.assign([1, 2n], { [Symbol.iterator]: () => [7, 8n, 9].values() }),
  (log) => noting(log, {}, { [Symbol.iterator]: () => [1, 2n].values() }),
  (log) => [{ valueOf: () => (log("a"), 1) }, { valueOf: () => (log("b"), 2n) }],
  ...[0, 1, 2, 3, 5].map((count) => (log: Log) => iterable(log, upTo(count))),
  ...[0, 1, 2].map((at) => (log: Log) => iterable(log, (i) => (i === at ? fail() : upTo(2)(i)))),
  (log) => iterable(log, () => 5),
  (log) => iterable(log, (i) => (i ? undefined : { value: 1 })),
  (log) => iterable(log, (i) => noting(log, {}, { done: i > 1, value: i ? 2n : 1 })),
  ...[1, 2, 4].map((count) => (log: Log) =>
    (function* () {
      try {
        for (let i = 0; i < count; i++) yield upTo(9)(i).value;
        return 3;
      } finally {
        log("finally");
      }
    })(),
  ),
  (log) =>
    (function* () {
      try {
        yield { valueOf: fail };
        log("all are taken before the first is converted");
        yield 2n;
      } finally {
        log("finally");
      }
    })(),
];
for (const name of ["two", "three", "none", "f"]) {
  agree(`whatever a host function returns for several results or none (${name})`, (w, log) => {
    let make: (log: Log) => unknown;
    const exports = w.start(several, { env: { f: () => make(log) } });
    for (make of results) log.of(exports[name], nameless(make));
  });
}

agree("several results are a new plain array each time", (w, log) => {
  const { two } = w.start(several, { env: { f: () => [1, 2n] } });
  const found = two();
  log(Array.isArray(found), Object.getPrototypeOf(found) === Array.prototype, Object.isFrozen(found), found === two());
  log(JSON.stringify(Object.getOwnPropertyDescriptor(found, 0)), Object.keys(found));
});
