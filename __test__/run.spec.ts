// run and runSync: a WASI command from a path, bytes or a module, and the rules of their arguments.

import always, { type ExecutionContext } from "ava";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  CompileError,
  LinkError,
  MemoryLimitError,
  OutOfFuelError,
  type ProfileName,
  type RunOptions,
  type RunResult,
  Trap,
  features,
  run,
  runSync,
} from "../index.js";
import { artifact, artifactBytes, folder, isAnyLacking, isUnavailable, load, needing, start, typeError, wasm } from "./helper.js";
import { cat, command, exit, hello, print, sleep, spin } from "./wasi-guest.js";

const test = needing("wasi");

type Source = Parameters<typeof run>[0];
const capture = { stdout: "capture", stderr: "capture", stdin: "ignore" } as const;
const said = { exitCode: 0, stdout: Buffer.from("out\n"), stderr: Buffer.from("err\n") };

/** Every test below is of both functions. */
function both(
  title: string,
  check: (t: ExecutionContext, go: (source: Source, options?: RunOptions) => Promise<RunResult>) => Promise<void>,
) {
  test(`run ${title}`, (t) => check(t, run));
  test(`runSync ${title}`, (t) => check(t, async (...args) => runSync(...args)));
}
/** A guest as an artifact, which every build runs. */
const made = (wat: string, profile?: ProfileName) => artifact(wat, profile);
const precompiled = true as const;

both("runs a command and tells its exit code", async (t, go) => {
  t.deepEqual(await go(made(hello), { precompiled, ...capture }), said);
  for (const code of [0, 1, 42, 125, 126, 255, -1]) t.deepEqual(await go(made(exit(code)), { precompiled, stdin: "ignore" }), { exitCode: code });
});

both("takes a path, a URL, bytes and a Module", async (t, go) => {
  const file = join(folder(t), "hello.wasm");
  writeFileSync(file, wasm(hello));
  t.deepEqual(await go(load(hello).module, capture), said);
  t.deepEqual(await go(pathToFileURL(made(hello)), { precompiled, ...capture }), said);
  t.deepEqual(await go(artifactBytes(hello), { precompiled, ...capture }), said);
  for (const source of [file, pathToFileURL(file), wasm(hello), Buffer.from(wasm(hello))]) {
    if (features.has("cranelift")) t.deepEqual(await go(source, capture), said);
    else isUnavailable(t, "cranelift", await t.throwsAsync(go(source, capture)));
  }
});

both("takes a string as a path, never as text", async (t, go) => {
  const error = (await t.throwsAsync(go(hello, capture))) as NodeJS.ErrnoException;
  t.regex(error.code!, /ENOENT|ENAMETOOLONG/);
});

both("takes an artifact only with precompiled", async (t, go) => {
  for (const source of [made(hello), artifactBytes(hello)]) {
    await t.throwsAsync(go(source, capture), { instanceOf: CompileError, code: "ERR_WASMTIME_COMPILE", message: /precompiled/ });
  }
});

both("makes the engine from the profile stamped in an artifact", async (t, go) => {
  for (const profile of ["default", "sandbox", "metered"] as const) {
    const { fuelConsumed, ...result } = await go(made(hello, profile), { precompiled, ...capture });
    t.deepEqual(result, said);
    t.is(typeof fuelConsumed, profile === "metered" ? "bigint" : "undefined");
  }
});

both("gives the guest its arguments, the file's base name before them", async (t, go) => {
  const words = async (source: Source, options: RunOptions) =>
    (await go(source, { ...capture, ...options })).stdout!.toString().split("\0").slice(0, -1);
  const file = join(folder(t), "höhe.cwasm");
  writeFileSync(file, artifactBytes(print("args")));
  t.deepEqual(await words(file, { precompiled, args: ["a", "", "b c"] }), ["höhe.cwasm", "a", "", "b c"]);
  t.deepEqual(await words(pathToFileURL(file), { precompiled }), ["höhe.cwasm"]);
  t.deepEqual(await words(file, { precompiled, argv0: "other", args: ["a"] }), ["other", "a"]);
  t.deepEqual(await words(load(print("args")).module, { args: ["a"] }), ["", "a"]);
});

both("gives the guest no environment but the one named", async (t, go) => {
  const variables = async (options: RunOptions) =>
    (await go(made(print("environ")), { precompiled, ...capture, ...options })).stdout!.toString();
  t.is(await variables({}), "");
  t.is(await variables({ env: { A: "1", B: "" } }), "A=1\0B=\0");
  t.regex(await variables({ env: "inherit" }), /(^|\0)PATH=/);
});

both("feeds the guest from text and bytes", async (t, go) => {
  const large = Buffer.alloc(1_000_000, "0123456789");
  for (const stdin of ["text ☃", Buffer.from([0, 255, 10]), large, ""]) {
    const { stdout } = await go(made(cat), { precompiled, ...capture, stdin });
    t.deepEqual(stdout, Buffer.from(stdin as string));
  }
});

both("waits while the guest waits", async (t, go) => {
  t.is(String((await go(made(sleep), { precompiled, ...capture })).stdout), "awake");
});

both("bounds what it captures by maxOutputBytes", async (t, go) => {
  const outcome = await go(made(cat), { precompiled, ...capture, stdin: "x".repeat(100_000), maxOutputBytes: 5000 }).catch(
    (error: unknown) => error,
  );
  if (isAnyLacking(outcome)) throw outcome;
  if (outcome instanceof Error) t.regex((outcome as Trap).code, /^ERR_WASMTIME_/);
  else t.true((outcome as RunResult).stdout!.length <= 5000 + 4096);
});

both("grants directories, read-only unless said otherwise", async (t, go) => {
  const root = folder(t);
  mkdirSync(join(root, "out"));
  const write = command(
    `(if (i32.eqz (call $path_open (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 3) (i32.const 9) (i64.const 64) (i64.const 64) (i32.const 0) (i32.const 16)))
      (then (call $print (i32.load (i32.const 16)) (i32.const 1024) (i32.const 3)))
      (else (call $proc_exit (i32.const 7))))`,
    { data: "new" },
  );
  t.is((await go(made(write), { precompiled, ...capture })).exitCode, 7);
  t.is((await go(made(write), { precompiled, ...capture, dirs: { "/": join(root, "out") } })).exitCode, 7);
  t.is((await go(made(write), { precompiled, ...capture, dirs: { "/": { host: join(root, "out"), access: "read-write" } } })).exitCode, 0);
  t.is(readFileSync(join(root, "out", "new"), "utf8"), "new");
});

both("ends with the Trap of a guest that traps", async (t, go) => {
  const traps: [body: string, code: string][] = [
    ["unreachable", "unreachableCodeReached"],
    ["(drop (i32.load (i32.const -1)))", "memoryOutOfBounds"],
    ["(drop (i32.div_s (i32.const 1) (i32.load (i32.const 512))))", "integerDivisionByZero"],
  ];
  for (const [body, code] of traps) {
    const error = (await t.throwsAsync(go(made(command(body)), { precompiled, ...capture }), {
      instanceOf: Trap,
      code: "ERR_WASMTIME_TRAP",
    })) as Trap;
    t.is(error.trapCode, code);
    t.true(error.frames.length > 0);
  }
  const overflow = command("(call $deep)", { extra: "" }).replace("(func (export", "(func $deep (call $deep)) (func (export");
  const error = (await t.throwsAsync(go(made(overflow), { precompiled, ...capture }), { instanceOf: Trap })) as Trap;
  t.is(error.trapCode, "stackOverflow");
});

both("counts fuel with the profile metered, and ends a guest that has used it up", async (t, go) => {
  const { fuelConsumed } = await go(made(spin(1000), "metered"), { precompiled, ...capture, fuel: 1_000_000n });
  t.true(fuelConsumed! > 1000n && fuelConsumed! < 100_000n, String(fuelConsumed));
  t.is(
    (await go(made(spin(1000), "metered"), { precompiled, ...capture })).fuelConsumed,
    fuelConsumed,
    "without a bound it is counted too",
  );
  await t.throwsAsync(go(made(spin(0), "metered"), { precompiled, ...capture, fuel: 100_000n }), {
    instanceOf: OutOfFuelError,
    code: "ERR_WASMTIME_OUT_OF_FUEL",
  });
  await t.throwsAsync(go(made(spin(5)), { precompiled, ...capture, fuel: 1000n }), { ...typeError, message: /metered.*default/ });
  await t.throwsAsync(go(load(spin(5)).module, { ...capture, fuel: 1000n }), { ...typeError, message: /metered/ });
  for (const fuel of [5, "5", -1n, 2n ** 64n] as any[]) {
    const error = await t.throwsAsync(go(made(spin(5), "metered"), { precompiled, ...capture, fuel }));
    t.true(error instanceof TypeError || error instanceof RangeError, String(fuel));
  }
});

both("takes a profile that can do what is asked, when it compiles", async (t, go) => {
  const source = wasm(spin(10));
  if (features.has("wasi") && !features.has("cranelift")) return isUnavailable(t, "cranelift", await t.throwsAsync(go(source, { fuel: 1000n })));
  t.is(typeof (await go(source, { ...capture, fuel: 1000n })).fuelConsumed, "bigint");
  t.is(typeof (await go(source, { ...capture, profile: "metered" })).fuelConsumed, "bigint");
  t.is((await go(source, { ...capture, profile: "sandbox" })).fuelConsumed, undefined);
  await t.throwsAsync(go(source, { ...capture, profile: "default", fuel: 5n }), typeError);
});

both("bounds memory", async (t, go) => {
  const grow = made(command("(call $proc_exit (i32.lt_s (memory.grow (i32.const 10)) (i32.const 0)))"));
  t.is((await go(grow, { precompiled, ...capture })).exitCode, 0);
  t.is((await go(grow, { precompiled, ...capture, memoryBytes: 5 * 65536 })).exitCode, 1);
  await t.throwsAsync(go(grow, { precompiled, ...capture, memoryBytes: 5 * 65536, trapOnGrowFailure: true }), {
    instanceOf: MemoryLimitError,
    code: "ERR_WASMTIME_MEMORY_LIMIT",
  });
  const error = await t.throwsAsync(go(grow, { precompiled, ...capture, memoryBytes: 1000 }));
  t.regex((error as any).code, /^ERR_WASMTIME/);
});

both("refuses a module that is no command, or wants what is not WASI", async (t, go) => {
  const none = (await t.throwsAsync(go(made("(module)"), { precompiled }), { instanceOf: LinkError, message: /_start/ })) as LinkError;
  t.is(none.name, "_start");
  const other = (await t.throwsAsync(go(made(`(module (import "env" "f" (func)) (func (export "_start")))`), { precompiled }), {
    instanceOf: LinkError,
    code: "ERR_WASMTIME_LINK",
  })) as LinkError;
  t.deepEqual([other.module, other.name], ["env", "f"]);
  for (const start of [`(func (export "_start") (param i32))`, `(memory (export "_start") 1)`]) {
    await t.throwsAsync(go(made(`(module ${start})`), { precompiled }), { instanceOf: LinkError, message: /_start/ }, start);
  }
});

const { module } = load(hello);
const refused: [what: string, source: unknown, options: unknown, message: RegExp][] = [
  ["a Module with precompiled", module, { precompiled: true }, /precompiled/],
  ["a Module with a profile", module, { profile: "default" }, /profile/],
  ["precompiled with a profile", made(hello), { precompiled: true, profile: "default" }, /profile/],
  ["a precompiled that is not true", made(hello), { precompiled: false }, /precompiled/],
  ["a precompiled of another type", made(hello), { precompiled: "yes" }, /precompiled/],
  ["an option it does not know", module, { argv: [] }, /argv.*args/],
  ["a misspelt limit", module, { memoryByte: 5 }, /memoryByte/],
  ["options that are no object", module, 5, /object/],
  ["options of null", module, null, /object/],
  ["a limit of the wrong type", module, { memoryBytes: "1" }, /memoryBytes/],
  ["no source", undefined, {}, /source/],
  ["a source that is none", { path: "x" }, {}, /source/],
  ["a number", 5, {}, /source/],
  ["a URL that is no file's", new URL("https://example.com/x.cwasm"), { precompiled: true }, /file/],
  ["a profile that it does not know", wasm(hello), { profile: "fast" }, /profile/],
];
for (const [what, source, options, message] of refused) {
  both(`refuses ${what}`, async (t, go) => {
    const error = await t.throwsAsync(go(source as any, options as any));
    t.true(error instanceof TypeError, String(error));
    t.regex((error as any).code, /^ERR_INVALID_(ARG_TYPE|URL_SCHEME)$/);
    t.regex(error!.message, message);
  });
}

always("run rejects, and does not throw, whatever is wrong", (t) => {
  for (const args of [[], [5], [module, 5], ["nowhere.wasm"], [{}, {}]] as any[]) {
    const promise = (run as any)(...args);
    t.true(promise instanceof Promise);
    promise.catch(() => {});
  }
  t.pass();
});

test.serial("run leaves the JavaScript thread free, and runs many guests at once", async (t) => {
  t.is((await run(made(exit(0)), { precompiled, ...capture })).exitCode, 0);
  let turns = 0;
  let running = true;
  const turn = () => void (turns++, running && setImmediate(turn));
  setImmediate(turn);
  const busy = made(spin(300_000_000));
  const stdins = Array.from({ length: 20 }, (_, i) => `guest ${i}`);
  const guests = stdins.map((stdin) => run(made(cat), { precompiled, ...capture, stdin }));
  t.is((await run(busy, { precompiled, ...capture })).exitCode, 0);
  running = false;
  t.true(turns > 2, String(turns));
  t.deepEqual(
    (await Promise.all(guests)).map(({ stdout }) => String(stdout)),
    stdins,
  );
});

test("runSync works inside a host function of another store", (t) => {
  const { exports } = start(`(module (import "env" "f" (func $f (result i32))) (func (export "call") (result i32) (call $f)))`, {
    env: { f: () => runSync(made(exit(12)), { precompiled, stdin: "ignore" }).exitCode },
  });
  t.is(exports.call(), 12);
});
