// Traps: every kind, with where it happened, and a store that can be used afterwards.

import test from "ava";
import { Engine, Func, Trap, features } from "../index.js";
import { artifact, needing, node, nodeJson, start, thrown } from "./helper.js";

const kinds: [trapCode: string, body: string][] = [
  ["unreachableCodeReached", "unreachable"],
  ["memoryOutOfBounds", "(drop (i32.load (i32.const 65536)))"],
  ["memoryOutOfBounds", "(drop (i32.load (i32.const -1)))"],
  ["memoryOutOfBounds", "(i64.store (i32.const 65529) (i64.const 1))"],
  ["memoryOutOfBounds", "(memory.fill (i32.const 65530) (i32.const 0) (i32.const 7))"],
  ["memoryOutOfBounds", "(memory.copy (i32.const 0) (i32.const 65530) (i32.const 7))"],
  ["tableOutOfBounds", "(drop (table.get $t (i32.const 5)))"],
  ["tableOutOfBounds", "(call_indirect $t (i32.const 5))"],
  ["indirectCallToNull", "(call_indirect $t (i32.const 0))"],
  ["badSignature", "(call_indirect $t (param i32) (i32.const 0) (i32.const 1))"],
  ["integerDivisionByZero", "(drop (i32.div_s (i32.const 1) (global.get $zero)))"],
  ["integerDivisionByZero", "(drop (i64.rem_u (i64.const 1) (i64.extend_i32_u (global.get $zero))))"],
  ["integerOverflow", "(drop (i32.div_s (i32.const 0x80000000) (i32.sub (global.get $zero) (i32.const 1))))"],
  ["integerOverflow", "(drop (i32.trunc_f64_s (f64.const 1e10)))"],
  ["badConversionToInteger", "(drop (i32.trunc_f64_s (f64.div (f64.const 0) (f64.const 0))))"],
  ["nullReference", "(drop (struct.get $s 0 (ref.null $s)))"],
  ["castFailure", "(drop (ref.cast (ref i31) (global.get $any)))"],
  ["arrayOutOfBounds", "(drop (array.get $a (array.new $a (i32.const 1) (i32.const 2)) (i32.const 2)))"],
  ["stackOverflow", "(call $deep)"],
];
const usesGc = (body: string) => /struct|array|i31/.test(body);
const guest = (gc: boolean) => `(module $traps (memory 1) (table $t 2 funcref) (elem (i32.const 1) $fine) (global $zero (mut i32) (i32.const 0))
  ${gc ? "(type $s (struct (field i32))) (type $a (array i32)) (global $any anyref (struct.new $s (i32.const 1)))" : ""}
  (func $fine (export "fine")) (func $deep (call $deep))
  ${kinds.map(([, body], i) => (gc || !usesGc(body) ? `(func $f${i} ${body}) (func $outer${i} (export "${i}") (call $f${i}))` : "")).join("\n")})`;
const wat = guest(features.has("gc"));

for (const [i, [trapCode, body]] of kinds.entries()) {
  needing(...(usesGc(body) ? ["gc" as const] : []))(`${body} traps with ${trapCode}`, (t) => {
    const { exports } = start(usesGc(body) ? guest(true) : wat);
    const error = t.throws(() => exports[i](), { instanceOf: Trap, code: "ERR_WASMTIME_TRAP" }) as Trap;
    t.is(error.trapCode, trapCode);
    t.regex(error.message, /^wasm trap: \S/);
    t.is(error.name, "Trap");
    t.notThrows(() => exports.fine(), "the store works on");
  });
}

test("frames say which functions were running, the innermost first", (t) => {
  const { exports } = start(wat);
  const { frames } = thrown(() => exports[0]()) as Trap;
  t.is(frames.length, 2);
  t.deepEqual(
    frames.map(({ funcName, moduleName, funcIndex }) => [funcName, moduleName, funcIndex]),
    [
      ["f0", "traps", 2],
      ["outer0", "traps", 3],
    ],
  );
  for (const { moduleOffset, funcOffset } of frames) {
    t.true(moduleOffset! > funcOffset! && funcOffset! > 0);
  }
  t.true(frames[1]!.moduleOffset! > frames[0]!.moduleOffset!);
});

test("functions without names have their index", (t) => {
  const { exports } = start(`(module (func (export "f") unreachable))`);
  const [frame] = (thrown(() => exports.f()) as Trap).frames;
  t.deepEqual([frame!.funcIndex, "funcName" in frame! && frame.funcName !== undefined, "moduleName" in frame!], [0, false, false]);
});

test("frames on both sides of a host function are there", (t) => {
  const { exports } = start(
    `(module (import "env" "f" (func $f)) (func $inner (export "inner") unreachable) (func $outer (export "outer") (call $f)))`,
    { env: { f: () => exports.inner() } },
  );
  const names = (thrown(() => exports.outer()) as Trap).frames.map(({ funcName }) => funcName);
  t.is(names[0], "inner");
});

test("a trap thrown again by a host function is the same object", (t) => {
  let seen: unknown;
  const { exports } = start(`(module (import "env" "f" (func $f)) (func (export "inner") unreachable) (func (export "outer") (call $f)))`, {
    env: {
      f() {
        seen = thrown(() => exports.inner());
        throw seen;
      },
    },
  });
  t.is(
    thrown(() => exports.outer()),
    seen,
  );
});

test("what was done before a trap stays done", (t) => {
  const { exports } = start(`(module (memory (export "m") 1) (func (export "f") (i32.store8 (i32.const 0) (i32.const 9)) unreachable))`);
  thrown(() => exports.f());
  t.is(exports.m.read(0, 1)[0], 9);
});

test("a guest that recurses without end traps a thousand times over", (t) => {
  const { exports } = start(`(module (func $f (export "f") (param i64 i64 i64 i64) (result i64)
    (i64.add (call $f (local.get 0) (local.get 1) (local.get 2) (local.get 3)) (local.get 3))))`);
  for (let i = 0; i < 1000; i++) t.is((thrown(() => exports.f(1n, 2n, 3n, 4n)) as Trap).trapCode, "stackOverflow");
});

test("a stack overflow deep inside of JavaScript is an exception too", (t) => {
  const { exports } = start(`(module (func $f (export "f") (call $f)))`);
  const deep = (n: number): unknown => (n > 0 ? [deep(n - 1)][0] : thrown(() => exports.f()));
  for (const depth of [100, 1000, 3000]) {
    const error = deep(depth);
    t.true((error instanceof Trap && error.trapCode === "stackOverflow") || error instanceof RangeError, String(error));
  }
});

test("a larger maxWasmStack lets a guest recurse deeper", (t) => {
  const recursion = `(module (func $f (export "f") (param i32) (result i32)
    (if (result i32) (local.get 0) (then (i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1))))) (else (i32.const 0)))))`;
  const limit = (maxWasmStack: number) => {
    const { exports } = start(recursion, {}, { engine: new Engine({ maxWasmStack }) });
    let depth = 1;
    while (depth < 1e7 && !(attempt(() => exports.f(depth)) instanceof Trap)) depth *= 2;
    return depth;
  };
  t.true(limit(64 << 10) < limit(512 << 10));
});
const attempt = (fn: () => unknown) => {
  try {
    return fn();
  } catch (error) {
    return error;
  }
};

// In processes of their own: what goes wrong here ends the process.
test("recursion through wasm and JavaScript at any depth of the stack does not end the process", (t) => {
  const file = artifact(`(module (import "env" "f" (func $f (param i32))) (func (export "call") (param i32) (call $f (local.get 0)))
    (func $deep (export "deep") (call $deep)))`);
  const script = `
    import { Engine, Instance, Module, Store } from "@cwasm/wasmtime";
    const engine = new Engine($(config)), module = Module.deserializeFile(engine, $(file));
    const kinds = new Set();
    const name = (fn) => { try { fn(); return "none" } catch (error) { return error.constructor.name + (error.trapCode ?? "") } };
    for (let pad = 0; pad < 200; pad++) {
      const { exports } = new Instance(new Store(engine), module, { env: { f: (n) => exports.call(n + 1) } });
      const down = (n) => n > 0 ? down(n - 1) + 0 : (kinds.add(name(() => exports.call(0))), kinds.add(name(() => exports.deep())), 0);
      try { down(pad * 60) } catch (error) { kinds.add(error.constructor.name) }
    }
    console.log(JSON.stringify([...kinds].sort()));`;
  for (const config of [{}, { maxWasmStack: 900 << 10 }, { maxWasmStack: 64 << 10 }]) {
    const kinds = nodeJson(t, script, { values: { file, config } });
    t.deepEqual(
      kinds.filter((kind: string) => !["RangeError", "TrapstackOverflow"].includes(kind)),
      [],
      JSON.stringify(config),
    );
    t.true(kinds.length > 0);
  }
});

test("V8's own traps and ours go on beside each other", (t) => {
  const file = artifact(wat);
  const script = `
    import { Engine, Instance, Module, Store } from "@cwasm/wasmtime";
    const engine = new Engine(), module = Module.deserializeFile(engine, $(file));
    const { exports } = new Instance(new Store(engine), module);
    // (module (memory 1) (func (export "f") (drop (i32.load (i32.const 65536)))))
    const own = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,5,3,1,0,1,7,5,1,1,102,0,0,10,12,1,10,0,65,128,128,4,40,2,0,26,11]))).exports;
    const traps = Object.keys(exports).filter((name) => name !== "fine");
    const counts = { ours: 0, v8: 0, other: 0 };
    for (let i = 0; i < 2000; i++) {
      try { exports[traps[i % traps.length]]() } catch (error) { error.trapCode ? counts.ours++ : counts.other++ }
      try { own.f() } catch (error) { error instanceof WebAssembly.RuntimeError ? counts.v8++ : counts.other++ }
    }
    console.log(JSON.stringify(counts));`;
  t.deepEqual(nodeJson(t, script, { values: { file } }), { ours: 2000, v8: 2000, other: 0 });
});

test("the process's own handlers of signals stay in force", (t) => {
  const script = `
    import { Engine, Instance, Module, Store } from "@cwasm/wasmtime";
    const engine = new Engine(), { exports } = new Instance(new Store(engine), Module.deserializeFile(engine, $(file)));
    try { exports[1]() } catch (error) { console.log(error.trapCode) }
    process.on("SIGTERM", () => { console.log("terminated"); process.exit(5) });
    process.kill(process.pid, "SIGTERM"); setTimeout(() => {}, 5000);`;
  const { status, stdout } = node(script, { values: { file: artifact(wat) } });
  t.deepEqual([status, stdout], [5, "memoryOutOfBounds\nterminated\n"]);
});

test("a trap in a wrapped function's caller leaves wrapped functions usable", (t) => {
  const { store, exports } = start(`(module (table (export "t") 1 funcref) (func (export "f") (call_indirect (i32.const 0)) unreachable))`);
  let calls = 0;
  exports.t.set(
    0,
    Func.wrap(store, { parameters: [], results: [] }, () => void calls++),
  );
  for (let i = 1; i <= 3; i++) {
    t.true(thrown(() => exports.f()) instanceof Trap);
    t.is(calls, i);
  }
});
