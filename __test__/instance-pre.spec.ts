// InstancePre: a module whose imports are resolved, for many stores.

import test from "ava";
import { InstancePre, Linker, Store } from "../index.js";
import { collect, load, start, thrown, typeError } from "./helper.js";

const unary = { parameters: ["i32"], results: ["i32"] };
const wat = `(module (import "env" "f" (func $f (param i32) (result i32))) (memory (export "m") 1)
  (func (export "call") (param i32) (result i32) (call $f (local.get 0))))`;
const double = (x: number) => x * 2;

function made() {
  const { engine, module } = load(wat);
  return { engine, module, linker: new Linker(engine) };
}

test("instantiatePre checks the imports once, for many stores", (t) => {
  const { engine, module, linker } = made();
  const pre = linker.defineFunc("env", "f", unary, double).instantiatePre(module);
  t.true(pre instanceof (InstancePre as any));
  const calls = Array.from({ length: 50 }, () => pre.instantiate<{ call(x: number): number }>(new Store(engine)).exports.call);
  collect();
  for (const [i, call] of calls.entries()) t.is(call(i), 2 * i);
  const store = new Store(engine);
  t.not(pre.instantiate(store).exports.m, pre.instantiate(store).exports.m);
});

test("an InstancePre keeps the functions of its linker", (t) => {
  const { engine, module } = made();
  const pre = new Linker(engine).defineFunc("env", "f", unary, double).instantiatePre(module);
  for (let i = 0; i < 3; i++) collect();
  t.is(pre.instantiate(new Store(engine)).exports.call(4), 8);
});

test("what is defined later is not in an InstancePre made before", (t) => {
  const { engine, module, linker } = made();
  const pre = linker.defineFunc("env", "f", unary, double).instantiatePre(module);
  linker.allowShadowing = true;
  linker.defineFunc("env", "f", unary, (x) => x * 3);
  t.is(pre.instantiate(new Store(engine)).exports.call(1), 2);
  t.is(linker.instantiate(new Store(engine), module).exports.call(1), 3);
});

test("the start function runs at each instantiation, and what its host functions throw comes out as itself", (t) => {
  const { engine, module } = load(`(module (import "env" "f" (func $f)) (start $f))`);
  let runs = 0;
  const error = new Error("third");
  const pre = new Linker(engine)
    .defineFunc("env", "f", { parameters: [], results: [] }, () => {
      if (++runs === 3) throw error;
    })
    .instantiatePre(module);
  for (let i = 0; i < 2; i++) pre.instantiate(new Store(engine));
  t.is(
    thrown(() => pre.instantiate(new Store(engine))),
    error,
  );
  t.is(runs, 3);
});

test("a host function may instantiate what is being instantiated, in the same store", (t) => {
  const { engine, module } = load(`(module (import "env" "f" (func $f)) (start $f) (func (export "g") (result i32) (i32.const 5)))`);
  const linker = new Linker(engine);
  const store = new Store(engine);
  let depth = 0;
  linker.defineFunc("env", "f", { parameters: [], results: [] }, () => {
    if (depth++ < 3) t.is(pre.instantiate(store).exports.g(), 5);
  });
  const pre = linker.instantiatePre(module);
  t.is(pre.instantiate(store).exports.g(), 5);
  t.is(depth, 4);
});

test("what is no store is a TypeError", (t) => {
  const { linker, module, engine } = made();
  const pre = linker.defineFunc("env", "f", unary, double).instantiatePre(module);
  for (const wrong of [undefined, null, {}, 5, engine, module, start("(module)").instance] as any[])
    t.throws(() => pre.instantiate(wrong), typeError);
});
