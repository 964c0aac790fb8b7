// What making an instance does, as V8 does it: imports of every kind and how they are looked up, start functions, segments.

import { features } from "../index.js";
import type { Log, World } from "./v8.js";
import { agree, agreeing, asks, fail, functionsOf, host, importing, nameless, noting, object, raise, sorry, symbol } from "./js-api.js";

// ---- imports

// Not here, as ours is wrong: heirs and proxies of a Memory or its like, which are no imports.
const kinds = ["(func)", "(memory 1)", "(table 1 funcref)", "(tag)", "(global i32)", "(global (mut i32))", "(global i64)", "(global f64)"];
kinds.push("(global externref)", "(global (mut externref))", "(func (param i64 f32 f64) (result i32 i32))");
const things: ((w: World) => unknown)[] = [() => undefined, () => null, () => 5, () => 1.5, () => "x", () => true, () => symbol, () => 1n];
things.push(() => [], () => ({}), () => host, () => class {});
things.push((w) => w.memory({ initial: 1 }), (w) => w.table({ element: "anyfunc", initial: 1 }));
things.push((w) => functionsOf(w).x, (w) => functionsOf(w).h, (w) => w.instantiate("(module)"));
for (const type of ["i32", "i64", "anyfunc"]) for (const mutable of [false, true]) things.push((w) => w.global(type, mutable));
if (features.has("gc")) things.push((w) => w.tag(), (w) => w.tag("i32"), (w) => w.global("externref", false), (w) => w.global("externref", true));
for (const kind of kinds) {
  agreeing(...(/tag|extern/.test(kind) ? ["gc" as const] : []))(`anything where ${kind} is imported`, (w, log) => {
    for (const thing of things) log.of(() => w.start(`(module (import "env" "x" ${kind}))`, { env: { x: thing(w) } }), nameless(thing));
  });
}

const limits = [{ initial: 0 }, { initial: 1 }, { initial: 1, maximum: 5 }, { initial: 2, maximum: 4 }, { initial: 2, maximum: 6 }];
agreeing("gc")("memories and tables are imported where their sizes and elements fit, as they are now", (w, log) => {
  for (const wanted of ["0", "1", "2", "3", "1 5", "1 1", "0 4"]) {
    for (const given of limits) {
      for (const by of [0, 1]) {
        const memory = w.memory(given);
        memory.grow(by);
        log.of(() => w.start(`(module (import "a" "m" (memory ${wanted})) (export "m" (memory 0)))`, { a: { m: memory } }).m === memory);
        for (const element of ["anyfunc", "externref"]) {
          const table = w.table({ element, ...given });
          table.grow(by);
          log.of(() => w.start(`(module (import "a" "t" (table ${wanted} funcref)) (export "t" (table 0)))`, { a: { t: table } }).t === table);
        }
      }
    }
  }
});

agree("a function of an instance is imported where its type is the same, anything else that can be called everywhere", (w, log) => {
  const { a, b } = w.start(`(module (func (export "a")) (func (export "b") (param i32) (result i32) (local.get 0)))`);
  const types = ["", "(param i32)", "(result i32)", "(param i32) (result i32)", "(param i32) (result i64)", "(param i32 i32) (result i32)"];
  for (const type of types) {
    for (const f of [a, b, b.bind(), new Proxy(b, {})]) log.of(() => w.start(`(module (import "m" "f" (func ${type})))`, { m: { f } }));
  }
});

agree("getters of imports run in the order of the imports, anew for each, and nothing else is asked", (w, log) => {
  const a = noting(log, {}, { x: host }, "a.");
  const b = noting(log, {}, { y: host, z: 3 }, "b.");
  w.start(asks, noting(log, {}, { a, b }, ""));
  const trap = (name: string, trap: string, args: [target: object, key: string]) => {
    log(name, trap, args[1]);
    return (Reflect as any)[trap](...args);
  };
  const traps = (name: string) => new Proxy({}, { get: (_, which) => (...args: any) => trap(name, String(which), args) });
  w.start(asks, new Proxy({ a: new Proxy(a, traps("a")), b: new Proxy(b, traps("b")) }, traps("imports")));
});

agree("what getters of imports throw comes out, whatever it is", (w, log) => {
  for (const thrown of [sorry, undefined, null, 5]) {
    const throwing = (name: string) => Object.defineProperty({ y: host, z: 3 }, name, { get: raise(thrown) });
    log.of(() => w.start(asks, { b: throwing("y") }));
    log.of(() => w.start(asks, throwing("b")));
    log.of(() => w.start(asks, { b: throwing("z"), a: { x: host } }));
  }
});

agreeing("gc")("imports are objects of any kind, looked up in prototypes too, and once", (w, log) => {
  const wat = `(module (import "m" "f" (func $f)) (func (export "call") (call $f)))`;
  const f = function (this: unknown) {
    log("called", this);
  };
  const space = Object.assign(() => {}, { m: Object.assign(() => {}, { f }) });
  const inherited = Object.create({ m: new (class { f() { return log("inherited"); } })() });
  const bare = { __proto__: null, m: { __proto__: null, f } };
  const withStatic = { m: class { static f() { return log("static"); } } };
  for (const imports of [{ m: { f } }, space, inherited, bare, withStatic, new Proxy({}, { get: () => ({ f }) })]) {
    w.start(wat, imports).call();
  }
  w.start(`(module (import "0" "1" (func $f)) (func (export "call") (call $f)))`, [[0, f]]).call();
  const fromPrototypes = `(module (import "constructor" "name" (global externref)) (import "toString" "call" (func)) (export "g" (global 0)))`;
  log(w.start(fromPrototypes, {}).g.value);
  const changing: any = { m: { f } };
  const { call } = w.start(wat, changing);
  changing.m.f = fail;
  delete changing.m;
  call();
});

agree("imports that are no object are a TypeError, even where nothing is imported and they may be left out", (w, log) => {
  for (const imports of [null, 5, "env", true, 1n, symbol]) {
    log.of(() => w.start(`(module (import "m" "f" (func)))`, imports), String(imports));
    log.of(() => w.start("(module)", imports));
  }
  for (const imports of [[], [undefined], [{}], [host, 5]]) log.of(() => w.start("(module)", ...imports));
});

agreeing("gc")("null, exported functions and globals of the type are imported as constants of functions", (w, log) => {
  const { x, h } = functionsOf(w);
  for (const g of [null, undefined, x, h, w.global("anyfunc", false, h), w.global("anyfunc", true), w.global("externref", false)]) {
    log.of(() => [x, h, null].indexOf(w.start(importing("funcref"), { env: { g } }).g.value));
  }
});

agree("plain values make a constant of their own for each import", (w, log) => {
  const wat = `(module (import "m" "g" (global i32)) (import "m" "g" (global i32)) (export "a" (global 0)) (export "b" (global 1)))`;
  const { a, b } = w.start(wat, { m: { g: 5.9 } });
  log(a === b, a.value, b.value);
  log.of(() => (a.value = 5));
});

// ---- start functions and segments

agree("what is thrown in a start function comes out as itself, also through nested instantiations", (w, log) => {
  for (const thrown of [sorry, 5, "s", undefined, null, 0n, symbol, NaN, object, host]) {
    let depth = 3;
    const f = () => (depth-- ? w.start(`(module (import "m" "f" (func $f)) (start $f))`, { m: { f } }) : raise(thrown)());
    log.of(f);
  }
  log.of(() => w.start(`(module (func $f unreachable) (start $f))`));
});

const importsAll = `(import "m" "m" (memory 1)) (import "m" "t" (table 2 funcref)) (import "m" "g" (global $g (mut i32))) (import "m" "f" (func $f))`;
const leftBehind = (w: World, log: Log, rest: string, f: unknown = fail) => {
  const [m, t, g] = [w.memory({ initial: 1 }), w.table({ element: "anyfunc", initial: 2 }), w.global("i32", true, 1)];
  log.of(() => w.start(`(module ${importsAll} (func $e (result i32) (i32.const 77)) ${rest})`, { m: { m, t, g, f } }), rest);
  const bytes = new Uint8Array(m.buffer);
  log(bytes[0], bytes[1], bytes[65535], t.get(0), t.get(1)?.(), g.value);
};
agree("what a start function did before it failed stays", (w, log) => {
  for (const fails of ["(call $f)", "unreachable"]) {
    leftBehind(w, log, `(data (i32.const 0) "ab") (elem (i32.const 1) $e) (func $s (global.set $g (i32.const 5)) ${fails}) (start $s)`);
  }
});
agree("segments are written in order up to the first that does not fit, elements before data", (w, log) => {
  const data = (at: number, bytes: string) => `(data (i32.const ${at}) "${bytes}")`;
  const elem = (at: number, count = 1) => `(elem (i32.const ${at})${" $e".repeat(count)})`;
  const segments = [data(65535, "ab"), data(65536, ""), data(65537, ""), data(-1, "a"), data(0, "xy") + data(65536, "a")];
  segments.push(elem(2), elem(0) + elem(2), elem(0) + data(65536, "a"), data(0, "z") + elem(1, 2));
  for (const segment of segments) leftBehind(w, log, segment);
});
agree("an import that does not fit leaves nothing behind", (w, log) => {
  leftBehind(w, log, `(data (i32.const 0) "ab") (elem (i32.const 1) $e)`, 5);
});
