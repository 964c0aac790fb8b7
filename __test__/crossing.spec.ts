// Values that found a way past what was thought of: each was wrong once.

import test from "ava";
import { ArrayRef, Exception, Func, Instance, Memory, Module, RefType, Store, Table, Tag } from "../index.js";
import { engineOf, load, needing, node, rangeError, start, thrown, typeError, wrap } from "./helper.js";

needing("gc")("a type that contains itself many times has a short text", (t) => {
  const wide = Array(1000).fill("(ref null $s)").join(" ");
  const { module } = load(`(module (type $s (struct (field ${wide}))) (func (export "f") (param (ref null $s))))`);
  const [{ type }] = module.exports as any;
  t.true(String(type.parameters[0]).length < 2000);
  const { exports } = new Instance(new Store(engineOf()), module);
  const error = t.throws(() => exports.f(5), typeError);
  t.true(error!.message.length < 2500);
});

needing("gc")("an exception that JavaScript meets as an exnref first is an Exception, beside other results", (t) => {
  const { exports } = start(`(module (tag $t (export "t") (param i32 externref))
    (global $g (export "g") (mut exnref) (ref.null exn))
    (func $make (param $x externref) (result exnref)
      (block $h (result exnref) (try_table (catch_all_ref $h) (throw $t (i32.const 7) (local.get $x))) unreachable))
    (func (export "make") (param externref) (result i32 exnref i64 exnref)
      (global.set $g (call $make (local.get 0)))
      (i32.const 1) (global.get $g) (i64.const 2) (call $make (local.get 0))))`);
  const given = {};
  const [one, first, two, second] = exports.make(given);
  t.deepEqual([one, two], [1, 2n]);
  for (const exception of [first, second]) {
    t.true(exception instanceof Exception && exception.is(exports.t));
    t.deepEqual(exception.payload, [7, given]);
    t.is(exception.payload[1], given);
  }
  t.is(exports.g.value, first);
  t.not(first, second);
});

needing("gc")("what a host function returns and is not of the very type can be caught by catch_all", (t) => {
  const { exports } = start(
    `(module (import "env" "f" (func $f (result i31ref)))
      (func (export "try") (result i32)
        (block $h (try_table (catch_all $h) (drop (call $f))) (return (i32.const 0))) (i32.const 1))
      (func (export "call") (drop (call $f))))`,
    { env: { f: () => ({}) } },
  );
  t.is(exports.try(), 1);
  t.throws(() => exports.call(), typeError);
});

needing("gc")("an Exception of values that are not of the tag's very types is a TypeError", (t) => {
  const engine = engineOf();
  const store = new Store(engine);
  const struct = RefType.struct(engine, [{ type: "i32" }]);
  for (const type of ["i31ref", "structref", "eqref", struct, "nullref"]) {
    t.throws(() => new Exception(new Tag(store, { parameters: [type] }), [{}]), typeError, String(type));
    t.deepEqual(new Exception(new Tag(store, { parameters: [type] }), [null]).payload, [null]);
  }
});

needing("gc")("an element that is not given is null, whatever stands in the text of its type", (t) => {
  const engine = engineOf();
  const store = new Store(engine);
  const element = RefType.struct(engine, [{ type: "externref" }]);
  const table = new Table(store, { element, initial: 1 });
  table.set(0);
  t.is(table.get(0), null);
});

needing("gc")("odd objects that are thrown are caught like any other value, and none of their code runs", (t) => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const noting = new Proxy({}, { getPrototypeOf: () => t.fail() as never, has: () => t.fail() as never, get: () => t.fail() as never });
  let value: unknown;
  const { exports } = start(
    `(module (import "env" "f" (func $f))
      (func (export "try") (result i32) (block $h (try_table (catch_all $h) (call $f)) (return (i32.const 0))) (i32.const 1))
      (func (export "call") (call $f)))`,
    {
      env: {
        f() {
          throw value;
        },
      },
    },
  );
  for (value of [proxy, noting, Object.create(Exception.prototype), Object.create(Error.prototype)]) {
    t.is(exports.try(), 1);
    t.is(thrown(() => exports.call()), value);
  }
});

needing("gc")("a function is of the type that it was declared with, not of another of the same parameters", (t) => {
  const { exports, store } = start(`(module (type $open (sub (func))) (type $closed (func))
    (func (export "take") (param (ref $open))) (func $o (export "o") (type $open)) (func (export "c") (type $closed)))`);
  exports.take(exports.o);
  t.throws(() => exports.take(exports.c), typeError);
  t.throws(() => exports.take(wrap(store, [], [], () => undefined)), typeError);
  t.deepEqual(Func.type(exports.o), { parameters: [], results: [] });
});

needing("gc")("a table has ten million elements at most, unless its store's limits say otherwise", (t) => {
  const store = new Store(engineOf());
  t.throws(() => new Table(store, { element: "externref", initial: 2 ** 31 }), rangeError);
  const { exports } = start(`(module (table $t 0 funcref) (func (export "grow") (param i32) (result i32)
    (table.grow $t (ref.null func) (local.get 0))))`);
  t.is(exports.grow(200_000_000), -1);
  t.is(exports.grow(1000), 0);
});

needing("gc")("large arrays of the guest are made at once", (t) => {
  const engine = engineOf();
  const list = Array.from({ length: 30_000 }, (_, i) => i);
  const array = new ArrayRef(new Store(engine), RefType.array(engine, { type: "i32" }), list);
  t.is(array.length, 30_000);
  for (const i of [0, 999, 1000, 1001, 29_999]) t.is(array.get(i), i);
});

test("a script that replaces what is built in is not given the buffer through which bytes of memories travel", (t) => {
  const { status, signal, stderr } = node(`
    import { Engine, Memory, Store } from "@cwasm/wasmtime";
    const memory = new Memory(new Store(new Engine()), { initial: 1 });
    const { transfer } = await import("./dist/lib/call.js");
    const Typed = Object.getPrototypeOf(Uint8Array);
    const bufferOf = Object.getOwnPropertyDescriptor(Typed.prototype, "buffer").get;
    const seen = [];
    for (const prototype of [Buffer.prototype, Uint8Array.prototype, Typed.prototype]) {
      for (const key of Reflect.ownKeys(prototype)) {
        const { configurable, get, value } = Object.getOwnPropertyDescriptor(prototype, key);
        const noting = function () { seen.push([key, this]); return get ? get.call(this) : value; };
        if (configurable) Object.defineProperty(prototype, key, { get: noting, configurable: true });
      }
    }
    const bytes = new Uint8Array([104, 105]);
    for (let i = 0; i < 2; i++) { memory.write(0, bytes); memory.read(0, 2); memory.readString(0, 2); memory.writeString(0, "ho"); }
    for (const [key, object] of seen) {
      if (ArrayBuffer.isView(object) && bufferOf.call(object) === transfer) throw new Error("given to " + String(key));
    }`);
  t.deepEqual([status, signal], [0, null], stderr);
});

test("a memory keeps what was written when a script meddles with a subclass", (t) => {
  class Liar extends Uint8Array {
    override get length(): number {
      return 100_000;
    }
    override slice(): never {
      throw new Error("used");
    }
  }
  const memory = new Memory(new Store(engineOf()), { initial: 1 });
  memory.write(0, new Liar([1, 2, 3]));
  t.deepEqual([...memory.read(0, 4)], [1, 2, 3, 0]);
});

test("a module is told by what it is, however it looks", (t) => {
  const { module } = load("(module)");
  t.throws(() => new Instance(new Store(engineOf()), Object.create(Module.prototype)), typeError);
  t.notThrows(() => new Instance(new Store(engineOf()), Object.setPrototypeOf(module, null)));
});
