// cwasm run --invoke, --preload, and what else wasmtime run has.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { features } from "../index.js";
import { parameter, resultText } from "../cli/values.js";
import { command, guest } from "./command.js";
import { artifact, folder, needing } from "./helper.js";

const compiles = features.has("cranelift");
const wasi = "wasi_snapshot_preview1";
/** A reactor: what it exports sees what `_initialize` has set. */
const reactor = `(module
  (import "${wasi}" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1) (global $ready (mut i32) (i32.const 0)) (elem declare func $exit)
  (func (export "_initialize") (global.set $ready (i32.add (global.get $ready) (i32.const 1))))
  (func (export "ready") (result i32) (global.get $ready))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "same") (param i32 i64 f32 f64) (result i32 i64 f32 f64) (local.get 0) (local.get 1) (local.get 2) (local.get 3))
  (func (export "vector") (result v128) (v128.const i32x4 1 0 0 0x80000000))
  (func (export "takes a vector") (param v128))
  (func (export "takes a reference") (param externref))
  (func (export "references") (result externref funcref funcref) (ref.null extern) (ref.null func) (ref.func $exit))
  (func (export "exit") (param i32) (call $exit (local.get 0)))
  (func (export "boom") unreachable)
  (func (export "endless") (loop (br 0))))`;
const file = guest(reactor);
const metered = guest(reactor, "metered");

needing("gc")("--invoke calls an exported function of a reactor that is initialized, and prints its results line by line", async (t) => {
  for (const [args, printed] of [
    [["ready"], "1\n"],
    [["_initialize"], ""],
    [["add", "2", "40"], "42\n"],
    [["add", "0x7fffffff", "1"], "-2147483648\n"],
    [["same", "-1", "-9223372036854775808", "0.1", "1e21"], "-1\n-9223372036854775808\n0.1\n1000000000000000000000\n"],
    [["same", "-0x10", "0x7fffffffffffffff", "nan", "-inf"], "-16\n9223372036854775807\nNaN\n-inf\n"],
    [["vector"], `${(1n << 127n) + 1n}\n`],
    [["references"], "<null externref>\n<null funcref>\n<funcref>\n"],
  ] as [string[], string][]) {
    const [name, ...rest] = args as [string, ...string[]];
    t.deepEqual(await command(["run", "--invoke", name, ...file, ...rest]), { status: 0, stdout: printed, stderr: "" }, args.join(" "));
  }
});

needing("gc")("--invoke says what is wrong with the name or the arguments before anything runs, and exits with 2", async (t) => {
  for (const [args, message] of [
    [["ad"], /exports no function 'ad'\n {2}hint: did you mean 'add'\? it exports _initialize, ready, add, /],
    [["memory"], /^cwasm: 'memory' is no function of .*: it is a memory\n$/],
    [["add", "1"], /^cwasm: add\(i32, i32\) -> \(i32\) takes 2 arguments, got 1\n$/],
    [["add", "1", "2", "3"], /^cwasm: add\(i32, i32\) -> \(i32\) takes 2 arguments, got 3\n$/],
    [["add", "1", "two"], /^cwasm: argument 2 of add\(i32, i32\) -> \(i32\) must be a whole number such as .*, got 'two'\n$/],
    [["add", "1", "2147483648"], /^cwasm: argument 2 .* is out of range: an i32 is from -2147483648 to 2147483647, got 2147483648\n$/],
    [["same", "1", "0x8000000000000000", "0", "0"], /^cwasm: argument 2 .* is out of range: an i64 is from /],
    [["same", "1", "1", "1e39", "0"], /^cwasm: argument 3 .* is out of range of an f32, got 1e39\n$/],
    [["same", "1", "1", "one", "0"], /^cwasm: argument 3 .* must be a number such as /],
    [["takes a vector", "1"], /^cwasm: argument 1 of .* is of type v128, which can't be given here\n {2}hint: numbers can/],
    [["takes a reference", "1"], /is of type externref, which can't be given here/],
  ] as [string[], RegExp][]) {
    const [name, ...rest] = args as [string, ...string[]];
    const { status, stdout, stderr } = await command(["run", "--invoke", name, ...file, ...rest]);
    t.deepEqual([status, stdout], [2, ""], args.join(" "));
    t.regex(stderr, message);
  }
});

needing("gc")("a function that is invoked may exit, trap and run into limits as a command does", async (t) => {
  t.deepEqual(await command(["run", "--invoke", "exit", ...file, "9"]), { status: 9, stdout: "", stderr: "" });
  for (const [args, message] of [
    [["--invoke", "boom", ...file], /^cwasm: Trap: wasm trap: .*\n {2}0: /],
    [["--invoke", "endless", "-W", "timeout=50ms", ...metered], /^cwasm: DeadlineError: /],
    [["--invoke", "endless", "-W", "fuel=10000", ...metered], /^cwasm: OutOfFuelError: /],
  ] as [string[], RegExp][]) {
    const { status, stdout, stderr } = await command(["run", ...args]);
    t.deepEqual([status, stdout], [134, ""]);
    t.regex(stderr, message);
  }
  t.is((await command(["run", "--invoke", "ready", "-W", "max-memory-size=65535", ...file])).status, 1);
});

/** Copies stdin to stdout, then exits with the number of arguments, variables times 10 and directories times 100. */
const guestOfWasi = `(module
  (import "${wasi}" "args_sizes_get" (func $args (param i32 i32) (result i32)))
  (import "${wasi}" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "${wasi}" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
  (import "${wasi}" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "${wasi}" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "${wasi}" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func $see (result i32)
    (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 100))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (drop (call $args (i32.const 16) (i32.const 20)))
    (drop (call $environ (i32.const 24) (i32.const 28)))
    (i32.add (i32.load (i32.const 16)) (i32.add (i32.mul (i32.const 10) (i32.load (i32.const 24)))
      (i32.mul (i32.const 100) (i32.eqz (call $prestat (i32.const 3) (i32.const 32)))))))
  (func (export "see") (param i32) (result i32) (i32.add (i32.mul (i32.const 1000) (local.get 0)) (call $see))))`;

needing("wasi")("a function that is invoked has the streams, variables and directories that the flags grant, and its words as arguments", async (t) => {
  const see = guest(guestOfWasi);
  const args = (...flags: string[]) => ["run", "--invoke", "see", "--env", "A=1", "--dir", `${folder(t)}::/`, ...flags, ...see, "7", "more"];
  t.deepEqual(await command(args(), { input: "in\n" }), { status: 0, stdout: "in\n7113\n", stderr: "" });
  t.deepEqual(await command(args("-S", "inherit-stdin=n"), { input: "in\n" }), { status: 0, stdout: "7113\n", stderr: "" });
});

needing("gc")("a module without _start is no command: the message names what --invoke could call", async (t) => {
  const { status, stdout, stderr } = await command(["run", ...file]);
  t.deepEqual([status, stdout], [1, ""]);
  t.regex(stderr, /^cwasm: LinkError: .* has no function '_start': it is no WASI command\n {2}hint: --invoke NAME calls another function; it exports ready, add, /);
});

needing("wasi")("--preload gives a module's exports to FILE, which may be a command", async (t) => {
  const other = `(module (func (export "twice") (param i32) (result i32) (i32.mul (i32.const 2) (local.get 0))))`;
  const mainText = `(module (import "other" "twice" (func $twice (param i32) (result i32))) (import "${wasi}" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1) (func (export "_start") (call $exit (call $twice (i32.const 21)))) (func (export "four") (result i32) (call $twice (i32.const 2))))`;
  const main = guest(mainText);
  const preload = `other=${guest(other).at(-1)}`;
  t.deepEqual(await command(["run", "--preload", preload, ...main]), { status: 42, stdout: "", stderr: "" });
  t.is((await command(["run", "--preload", preload, "--invoke", "four", ...main])).stdout, "4\n");
  t.is((await command(["run", "--precompiled", "--preload", `other=${artifact(other)}`, "--invoke", "four", artifact(mainText)])).stdout, "4\n");
  const without = await command(["run", ...main]);
  t.is(without.status, 1);
  t.regex(without.stderr, /^cwasm: LinkError: the import 'other'\.'twice'/);
  const trapping = guest(`(module (import "other" "twice" (func $twice)) (func (export "_start")) (func (export "call") (call $twice)))`);
  t.is((await command(["run", "-W", "unknown-imports-trap", ...trapping])).status, 0);
  t.is((await command(["run", "-W", "unknown-imports-trap", "--invoke", "call", ...trapping])).status, 1);
});

needing("wasi")("FILE may be text, and may come from stdin", async (t) => {
  const text = `(module (func (export "one") (result i32) (i32.const 1)))`;
  const flags = compiles ? [] : ["--precompiled"];
  const path = join(folder(t), compiles ? "one.wat" : "one.cwasm");
  writeFileSync(path, compiles ? text : readFileSync(artifact(text)));
  t.is((await command(["run", ...flags, "--invoke", "one", path])).stdout, "1\n");
  if (compiles) t.is((await command(["run", "--invoke", "one", "-"], { input: text })).stdout, "1\n");
});

test("arguments and results are the words that wasmtime reads and prints", (t) => {
  for (const [type, word, value] of [
    ["i32", "+5", 5],
    ["i32", "-2147483648", -2147483648],
    ["i64", "0XfF", 255n],
    ["f64", ".5e1", 5],
    ["f64", "5.", 5],
    ["f64", "+Infinity", Infinity],
    ["f64", "-NaN", NaN],
    ["f32", "16777217", 16777216],
  ] as const) t.is(parameter(type, word, "it"), value, word);
  for (const word of ["", " 1", "1_0", "1e", "e1", ".", "0x1", "1f", "infinite"]) t.throws(() => parameter("f64", word, "it"), { message: /^it must be a number/ }, word);
  for (const word of ["", "0x", "1.0", "1n", "--1", "0b1", "0o7"]) t.throws(() => parameter("i32", word, "it"), { message: /^it must be a whole number/ }, word);
  for (const [type, value, text] of [
    ["f64", 1, "1"],
    ["f64", -0, "-0"],
    ["f64", 0.1, "0.1"],
    ["f64", 1.5e300, `15${"0".repeat(299)}`],
    ["f64", -1.25e-7, "-0.000000125"],
    ["f32", Math.fround(0.1), "0.1"],
    ["f32", Math.fround(3.4028234663852886e38), `34028235${"0".repeat(31)}`],
    ["f32", 16777216, "16777216"],
    ["f32", -Infinity, "-inf"],
    ["anyref", {}, "<anyref>"],
    ["exnref", null, "<null exnref>"],
  ] as const) t.is(resultText(type, value), text);
});
