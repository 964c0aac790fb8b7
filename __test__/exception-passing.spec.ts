// Exceptions on their way through more than one guest: linkers, start functions, JavaScript in between, and other stores.

import { Exception, Instance, Linker, Store, Tag, Trap } from "../index.js";
import { load, needing, thrown, typeError, wrap } from "./helper.js";
import { engine, error, fresh, ordinary, show } from "./exception-guest.js";

const test = needing("gc");

test("a function of Func.wrap and one of a linker throw as imports do", (t) => {
  const { exports, store, module } = fresh();
  for (const value of [...ordinary, new Exception(exports.t, [1, 2])]) {
    const fail = () => {
      throw value;
    };
    const wrapped = wrap(store, [], [], fail);
    t.true(Object.is(thrown(wrapped), value), show(value));
    t.is(new Instance(store, module, { env: { f: wrapped, js: store.jsTag } }).exports.all(), 1);
    const linker = new Linker(engine)
      .define("env", "js", store.jsTag)
      .defineFunc("env", "f", { parameters: [], results: [] }, fail);
    const linked = linker.instantiate(store, module).exports;
    t.is(linked.all(), 1);
    t.true(Object.is(thrown(linked.again), value), show(value));
    t.true(Object.is(thrown(linker.get(store, "env", "f") as () => unknown), value));
  }
});

test("what a start function's import throws comes out of whatever instantiates, as itself", (t) => {
  const starts = load(`(module (import "env" "f" (func $f)) (start $f))`).module;
  const initialize = load(`(module (import "env" "f" (func $f)) (func (export "_initialize") (call $f)))`).module;
  const command = load(`(module (import "env" "f" (func $f)) (func (export "_start") (call $f)))`).module;
  const type = { parameters: [], results: [] };
  for (const make of [() => error, () => undefined, () => 5, (tag: Tag) => new Exception(tag, [1])]) {
    const store = new Store(engine);
    const value = make(new Tag(store, { parameters: ["i32"] }));
    const f = () => {
      throw value;
    };
    const linker = new Linker(engine).defineFunc("env", "f", type, f);
    const uses = [
      () => new Instance(store, starts, { env: { f } }),
      () => linker.instantiate(store, starts),
      () => new Linker(engine).defineFunc("env", "f", type, f).instantiatePre(starts).instantiate(store),
      () => linker.defineModule(store, "reactor", initialize),
      () =>
        (linker.allowShadowing = true) &&
        linker.defineModule(store, "command", command) &&
        (linker.get(store, "command", "_start") as Function)(),
    ];
    for (const use of uses) t.true(Object.is(thrown(use), value), `${show(value)} ${String(use)}`);
  }
});

test("an exception passes through JavaScript between guests, and finally runs on its way", (t) => {
  const { exports, what } = fresh();
  const order: string[] = [];
  what.run = () => {
    try {
      exports.throw(4, 5);
    } finally {
      order.push("finally");
    }
  };
  t.deepEqual(exports.payload(), [4, 5]);
  t.is(exports.which(), 1);
  const caught = thrown(() => exports.again()) as Exception;
  t.deepEqual([caught.tag === exports.t, caught.payload], [true, [4, 5]]);
  t.is(order.length, 3);
  what.run = () => exports.throwJs(error);
  t.is(exports.js(), error);
  let depth = 0;
  what.value = new Exception(exports.none, []);
  what.run = () => {
    if (depth++ < 20) exports.again();
    throw what.value;
  };
  t.is(
    thrown(() => exports.again()),
    what.value,
  );
  t.is(depth, 21);
  depth = 15;
  t.is(exports.which(), 3);
});

test("one guest catches what another one of its store throws, where they share the tag", (t) => {
  const { exports, store } = fresh();
  const user =
    load(`(module (import "a" "throw" (func $f (param i32 f64))) (import "a" "t" (tag $t (param i32 f64))) (import "a" "other" (tag $o (param i32 f64)))
    (export "t" (tag $t))
    (func (export "t2") (result i32 f64) (block $h (result i32 f64) (try_table (catch $o $h) (catch $t $h) (call $f (i32.const 1) (f64.const 2))) (unreachable)))
    (func (export "wrong") (result i32 f64) (block $h (result i32 f64) (try_table (catch $o $h) (call $f (i32.const 1) (f64.const 2))) (unreachable))))`);
  const instance = new Instance(store, user.module, { a: exports });
  t.is(instance.exports.t, exports.t);
  t.deepEqual(instance.exports.t2(), [1, 2]);
  t.is((thrown(() => instance.exports.wrong()) as Exception).tag, exports.t);
  const linked = new Linker(engine)
    .defineInstance(store, "a", new Instance(store, user.module, { a: exports }))
    .define("a", "other", exports.other);
  t.is(linked.get(store, "a", "t"), exports.t);
});

test("an exception of another store passes through as a value of JavaScript's", (t) => {
  const a = fresh();
  const b = fresh();
  const foreign = thrown(() => b.exports.throw(1, 2)) as Exception;
  const mine = new Exception(b.exports.t, [3, 4]);
  for (const value of [foreign, mine]) {
    a.what.value = value;
    t.is(a.exports.all(), 1);
    t.is(a.exports.js(), value);
    t.is(a.exports.which(), 4, "the tag is another store's");
    t.is(thrown(a.exports.again), value);
    t.throws(() => a.exports.id(value), { ...typeError, message: /another store/ });
  }
  a.what.run = () => b.exports.call();
  b.what.run = () => a.exports.throw(5, 6);
  t.deepEqual(a.exports.payload(), [5, 6], "through the other store and back");
  b.what.run = undefined;
  for (b.what.value of [error, undefined, new Exception(a.exports.t, [7, 8])])
    t.true(Object.is(thrown(a.exports.again), b.what.value));
  t.deepEqual(a.exports.payload(), [7, 8]);
  b.what.value = new Trap("mine");
  t.is(thrown(a.exports.all), b.what.value);
  b.store.dispose();
  a.what.run = undefined;
  a.what.value = mine;
  t.is(thrown(a.exports.again), mine, "after that store is gone");
  t.is(a.exports.all(), 1);
});
