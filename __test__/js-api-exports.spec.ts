// Exported functions, the object that has all exports, and which of them are the same object, as V8 does it.

import { agree, agreeing, functionsOf, list } from "./js-api.js";

const flags = (values: unknown[]) => values.map(Number).join("");

// ---- exported functions

// Not here, as ours is wrong: host functions, called by their place among the functions that their module imports.
agree("the name of a function is its index, wherever it is met", (w, log) => {
  const { h, x, y, h2, get, table } = functionsOf(w);
  log([h, x, y, h2, get, table.get(0), table.get(2)].map((fn) => fn.name));
  const again = w.start(`(module (import "a" "a" (func)) (import "a" "x" (func)) (export "again" (func 1)))`, { a: { a() {}, x } }).again;
  log(again === x, again.name, x.bind().name);
});

// Not here, as ours is wrong: names that are first asked for through an heir, a proxy or a descriptor, or on a frozen function.
agree("name and length are properties like those of JavaScript's own functions", (w, log) => {
  for (const name of ["h", "x", "f", "table"]) {
    const fn = name === "table" ? functionsOf(w).table.get(2) : functionsOf(w)[name];
    if (name !== "f") log(fn.name);
    for (const key of name === "f" ? ["length"] : ["length", "name"]) log(JSON.stringify(Object.getOwnPropertyDescriptor(fn, key)));
    log(Object.keys(fn), Object.getPrototypeOf(fn) === Function.prototype, "prototype" in fn, Object.isExtensible(fn), typeof fn);
    log.of(() => (fn.length = 9));
    log.of(() => (fn.name = "new"));
    log(Object.prototype.toString.call(fn), fn.length, JSON.stringify(fn), delete fn.length, fn.length, delete fn.name, fn.name);
  }
  const { h } = functionsOf(w);
  log(Object.defineProperty(h, "name", { value: "defined" }).name, Object.create(h).length);
});

agree("exported functions are no constructors, have no prototype, and take properties of their own", (w, log) => {
  const { h, f, h2 } = functionsOf(w);
  for (const fn of [h, f]) {
    log.of(() => new fn());
    log.of(() => Reflect.construct(Object, [], fn));
    log.of(() => class extends fn {});
    log.of(() => ({}) instanceof fn);
    log(fn.prototype);
  }
  h.extra = 5;
  log(h2.extra, Object.keys(h));
});

agreeing("gc")("the same function is the same object through exports, tables, globals, results, imports and exports again", (w, log) => {
  const a = functionsOf(w);
  const { h, h2, g, f, y, get, table, global } = a;
  log(h === h2, get() === g, global.value === f, table.get(0) === y, table.get(1) === g, table.get(2) === table.get(2));
  const wat = `(module (import "a" "h" (func $h (param i64 f32 f64) (result i32 i32))) (import "a" "g" (func $g))
    (import "a" "table" (table 3 funcref))
    (export "h" (func $h)) (export "g" (func $g)) (func (export "get") (result funcref) (ref.func $h)) (elem declare func $h)
    (func (export "set") (table.set (i32.const 2) (ref.func $g))))`;
  const b = w.start(wat, { a });
  b.set();
  log(b.h === h, b.g === g, b.get() === h, table.get(2) === g, functionsOf(w).h === h, w.start(wat, { a }).get() === h);
  const external = w.start(`(module (func (export "id") (param externref) (result externref) (local.get 0)))`).id;
  log(external(h) === h, external(external) === external);
});

agree("a host function is wrapped anew for each import, and only an exported function itself is one", (w, log) => {
  const f = () => {};
  const wat = `(module (import "a" "a" (func $a)) (import "a" "b" (func $b))
    (export "a" (func $a)) (export "b" (func $b)) (export "c" (func $a)))`;
  const { a, b, c } = w.start(wat, { a: { a: f, b: f } });
  log(a === b, a === c, a === f);
  const again = w.start(wat, { a: { a, b: a } });
  log(again.a === a, again.b === a);
  for (const other of [a.bind(), new Proxy(a, {}), (...args: unknown[]) => a(...args)]) {
    log(w.start(wat, { a: { a: other, b: a } }).a === a);
    log.of(() => w.table({ element: "anyfunc", initial: 1 }).set(0, other));
    log.of(() => (w.global("anyfunc", true, null).value = other));
  }
});

agree("exported functions are used wherever JavaScript wants a function", (w, log) => {
  const { compare, square, increase } = w.start(`(module
    (func (export "compare") (param i32 i32) (result i32) (i32.sub (local.get 0) (local.get 1)))
    (func (export "square") (param f64) (result f64) (f64.mul (local.get 0) (local.get 0)))
    (func (export "increase") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))`);
  log([3, 1, 2].sort(compare), ["10", "9"].sort(compare), [1, 2, 3].map(square), [1, 2].reduce(increase));
  log("aXbX".replace(/X/g, square), `${{ toString: increase }}`, +{ [Symbol.toPrimitive]: increase });
  const both = Object.defineProperty({} as any, "p", { get: increase, set: increase });
  both.p = 5;
  log(both.p, Reflect.apply(increase, null, [4]));
});

// ---- exports

const odd = ["", "__proto__", "constructor", "b", "a", "10", "9", "0", "-1", "01", "1.5", "-0", "1e3", "NaN", "4294967294", "4294967295"];
odd.push("4294967296", "9007199254740991", "then", "length", "name", "prototype", "höhe ☃", "😀", "\0", "a\0b", "é", "e\u0301");
odd.push("\ufeff", "\uffff", " ", "\n", '"', "\\", "z".repeat(5000));
const quoted = (name: string) => `"${[...Buffer.from(name)].map((byte) => `\\${byte.toString(16).padStart(2, "0")}`).join("")}"`;

agree("names of exports and imports are any strings, in the order of JavaScript's properties", (w, log) => {
  const wat = `(module ${list(odd, (name) => `(import ${quoted(name)} ${quoted(name)} (func (result i32)))`)}
    ${list([...odd.entries()], ([i, name]) => `(export ${quoted(name)} (func ${i}))`)})`;
  const own = (name: string, value: unknown) => Object.defineProperty({}, name, { value, enumerable: true });
  const imports = Object.fromEntries(odd.map((name, i) => [name, { value: own(name, () => i) }]));
  const exports = w.start(wat, Object.defineProperties({}, imports));
  for (const name of odd) log(name, exports[name](), Object.hasOwn(exports, name));
  const inherited = [];
  for (const name in exports) inherited.push(name);
  log(Object.keys(exports), inherited, Reflect.ownKeys(exports).length);
});

agree("the exports object is frozen, has no prototype, and is the same each time", (w, log) => {
  const instance = w.instantiate(`(module (func (export "f")) (func (export "2")) (func (export "__proto__")) (memory (export "1") 1))`);
  const { exports } = instance;
  log(exports === instance.exports, Object.getPrototypeOf(exports), Object.isFrozen(exports), exports.nothing);
  for (const key of Reflect.ownKeys(exports)) {
    const { value, ...rest } = Object.getOwnPropertyDescriptor(exports, key)!;
    log(String(key), value, JSON.stringify(rest));
  }
  log.of(() => (exports.f = 1));
  log.of(() => (exports.other = 1));
  log.of(() => delete exports.f);
  log.of(() => Object.setPrototypeOf(exports, {}));
  log.of(() => Object.setPrototypeOf(exports, null) === exports);
  log.of(() => Object.defineProperty(exports, "other", { value: 1 }));
  log.of(() => `${exports}`);
  log.of(() => (instance.exports = {}));
  log(exports.f === instance.exports.f, exports.then, Object.prototype.toString.call(exports));
  for (const change of [Object.freeze, Object.seal, Object.preventExtensions]) {
    log.of(() => Object.keys(change(w.instantiate(`(module (func (export "f")))`)).exports));
  }
});

agreeing("gc")("memories, tables, globals and tags are the same objects however they are exported and imported", (w, log) => {
  const wat = `(module (global (export "g") (mut i32) (i32.const 1)) (table (export "t") 1 funcref)
    (memory (export "m") 1) (tag (export "e") (param i32)) (export "t2" (table 0)) (export "m2" (memory 0)) (export "e2" (tag 0))
    (func (export "set") (param i32) (global.set 0 (local.get 0))))`;
  const [a, other] = [w.start(wat), w.start(wat)];
  log(a.t === a.t2, a.m === a.m2, a.e === a.e2, flags(["g", "t", "m", "e"].map((name) => a[name] === other[name])));
  const again = `(module (import "a" "g" (global (mut i32))) (import "a" "t" (table 1 funcref))
    (import "a" "m" (memory 1)) (import "a" "e" (tag (param i32)))
    (export "g" (global 0)) (export "t" (table 0)) (export "m" (memory 0)) (export "e" (tag 0)))`;
  const b = w.start(again, { a });
  log(flags(["g", "t", "m", "e"].map((name) => a[name] === b[name])));
  a.set(9);
  log(b.g.value);
  b.g.value = 3;
  a.g.extra = 5;
  log(a.g.value, b.g.extra);
  const [t, m] = [w.table({ element: "anyfunc", initial: 1 }), w.memory({ initial: 1 })];
  const made: any = { g: w.global("i32", true, 7), t, m, e: w.tag("i32") };
  const c = w.start(again, { a: made });
  log(flags(["g", "t", "m", "e"].map((name) => c[name] === made[name])), c.m.buffer === made.m.buffer);
});
