// What `npm run emulated` runs: guests that one machine has compiled, on another kind of machine. Artifacts go through a folder.
//
//   node dist/__test__/emulated.js FOLDER TARGET     compiles the guests, with the full build
//   node dist/__test__/emulated.js FOLDER            runs them on the target, with any build

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  DeadlineError,
  Exception,
  type Imports,
  IncompatibleModuleError,
  Instance,
  Module,
  OutOfFuelError,
  type ProfileName,
  Store,
  type StoreOptions,
  StructRef,
  Trap,
  callMany,
  runSync,
  variant,
} from "../index.js";
import { engineOf, profiles } from "./artifacts.js";
import { hello } from "./wasi-guest.js";

interface Guest {
  name: string;
  wat: string;
  profiles?: readonly ProfileName[];
  check(start: (imports?: Imports, options?: StoreOptions) => Record<string, any>, file: string): void;
}

const kinds = "i32 i64 f32 f64 v128 externref";
const traps: Record<string, string> = {
  unreachableCodeReached: "unreachable",
  memoryOutOfBounds: "(drop (i32.load (i32.const 65536)))",
  tableOutOfBounds: "(call_indirect (i32.const 5))",
  indirectCallToNull: "(call_indirect (i32.const 0))",
  integerDivisionByZero: "(drop (i32.div_s (i32.const 1) (global.get $zero)))",
  integerOverflow: "(drop (i32.div_s (i32.const 0x80000000) (i32.sub (global.get $zero) (i32.const 1))))",
  stackOverflow: "(call $stackOverflow)",
};
const named = ([name, body]: [string, string]) => `(func $${name} (export "${name}") ${body})`;

const guests: Guest[] = [
  {
    name: "values",
    wat: `(module (import "env" "f" (func $f (param ${kinds}) (result ${kinds})))
      (func (export "f") (param ${kinds}) (result ${kinds}) ${[0, 1, 2, 3, 4, 5].map((i) => `(local.get ${i})`).join("")} (call $f))
      (func (export "add") (param f32 f32) (result f32) (f32.add (local.get 0) (local.get 1))))`,
    check(start) {
      const values = [-5, 2n ** 63n - 1n, 1.5, Math.PI, Uint8Array.from({ length: 16 }, (_, i) => i * 17), {}];
      const { f, add } = start({ env: { f: (...given: unknown[]) => given } });
      assert.deepEqual(f(...values), values);
      assert.equal(f(...values)[5], values[5]);
      const results = new Float32Array(2);
      callMany(add, new Float32Array([0.5, 1, 1.5, 2]), results);
      assert.deepEqual([...results], [1.5, 3.5]);
    },
  },
  {
    name: "traps",
    profiles,
    wat: `(module (memory 1) (table 2 funcref) (global $zero (mut i32) (i32.const 0)) (func (export "seven") (result i32) (i32.const 7))
      ${Object.entries(traps).map(named).join("")})`,
    check(start) {
      const exports = start();
      for (const code of [...Object.keys(traps), ...Object.keys(traps)]) {
        const trap = thrown(exports[code], Trap);
        assert.deepEqual([trap.trapCode, trap.frames.at(-1)!.funcName], [code, code]);
        assert.equal(exports["seven"](), 7);
      }
    },
  },
  {
    name: "memory",
    profiles: ["default", "small-address-space"],
    wat: `(module (memory (export "memory") 1 9) (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
      (func (export "load") (param i32) (result i64) (i64.load (local.get 0))))`,
    check(start) {
      const { memory, grow, load } = start();
      assert.deepEqual([grow(8), grow(1)], [1, -1]);
      memory.write(9 * 65536 - 8, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
      assert.equal(load(9 * 65536 - 8), 0x0807060504030201n);
      assert.equal(thrown(() => load(9 * 65536 - 7), Trap).trapCode, "memoryOutOfBounds");
    },
  },
  {
    name: "atomics",
    wat: `(module (memory (export "memory") 1 1 shared)
      (func (export "add") (param i64) (result i64) (i64.atomic.rmw.add (i32.const 8) (local.get 0)))
      (func (export "wait") (result i32) (memory.atomic.wait32 (i32.const 8) (i32.const 0) (i64.const 1000))))`,
    check(start) {
      const { memory, add, wait } = start();
      assert.deepEqual([wait(), add(7n), memory.atomicRmw("i64", "add", 8, 5n), add(0n), wait()], [2, 0n, 7n, 12n, 1]);
    },
  },
  {
    name: "objects",
    wat: `(module (type $s (struct (field (mut i32)))) (tag $t (export "t") (param (ref $s))) (func $make (param i32) (result (ref $s)) (struct.new $s (local.get 0)))
      (func (export "make") (param i32) (result (ref $s)) (call $make (local.get 0)))
      (func (export "get") (param (ref $s)) (result i32) (struct.get $s 0 (local.get 0)))
      (func $throw (export "throw") (param i32) (throw $t (call $make (local.get 0))))
      (func (export "catch") (param i32) (result i32)
        (struct.get $s 0 (block $h (result (ref $s)) (try_table (catch $t $h) (call $throw (local.get 0))) (unreachable)))))`,
    check(start) {
      const exports = start();
      const made = Array.from({ length: 1000 }, (_, i) => exports["make"](i));
      assert.ok(made[0] instanceof StructRef);
      assert.deepEqual([exports["get"](made[999]), exports["catch"](5)], [999, 5]);
      thrown(() => exports["throw"](6), Exception);
    },
  },
  {
    name: "brakes",
    profiles: ["metered"],
    wat: '(module (func (export "spin") (loop $l (br $l))))',
    check(start) {
      thrown(start({}, { fuel: 1_000_000n })["spin"], OutOfFuelError);
      thrown(start({}, { fuel: 1n << 62n, timeoutMs: 200 })["spin"], DeadlineError);
    },
  },
  {
    name: "wasi",
    wat: hello,
    check(_, file) {
      const { exitCode, stdout } = runSync(file, { precompiled: true, stdout: "capture", stderr: "ignore" });
      assert.deepEqual([exitCode, String(stdout)], [0, "out\n"]);
    },
  },
];

/** What is thrown, which must be of the class. */
function thrown<T extends Error>(body: () => unknown, kind: abstract new (...args: any) => T): T {
  try {
    body();
  } catch (error) {
    assert.ok(error instanceof kind, String(error));
    return error;
  }
  return assert.fail(`no ${kind.name}`);
}

const [folder, target] = process.argv.slice(2);
if (folder === undefined) throw new TypeError("in which folder are the artifacts?");
/** Of the machine that compiles, which the other one must refuse. */
const foreign = join(folder, "foreign.cwasm");
const all = guests.flatMap(({ profiles = ["default"], ...guest }) =>
  profiles.map((profile) => ({ ...guest, profile, file: join(folder, `${guest.name}.${profile}.cwasm`) })),
);
if (target !== undefined) compile(target);
else run();

function compile(target: string) {
  mkdirSync(folder!, { recursive: true });
  writeFileSync(foreign, engineOf().precompileSync(hello));
  for (const { wat, profile, file } of all) writeFileSync(file, engineOf(profile).precompileSync(wat, { target }));
}

function run() {
  const counts = { passed: 0, failed: 0 };
  const attempt = (name: string, body: () => void) => {
    try {
      body();
      counts.passed++;
      console.log(`✔ ${name}`);
    } catch (error) {
      counts.failed++;
      console.log(`✘ ${name}\n`, error);
    }
  };
  console.log(`Node ${process.version} on ${process.arch}, ${variant} for ${engineOf().target}`);
  attempt("an artifact of another architecture is refused", () => {
    assert.equal(thrown(() => Module.deserializeFile(engineOf(), foreign), IncompatibleModuleError).reason, "target");
  });
  for (const { name, profile, file, check } of all) {
    const engine = engineOf(profile);
    const start = (imports?: Imports, options?: StoreOptions) =>
      new Instance(new Store(engine, options), Module.deserializeFile(engine, file), imports).exports;
    attempt(`${name}, ${profile}`, () => check(start, file));
  }
  console.log(`\n${counts.passed} passed, ${counts.failed} failed`);
  process.exitCode = counts.failed === 0 ? 0 : 1;
}
