// Signals: what a guest does wrong is a trap and nothing else, whoever else in the process handles or sends signals; and what
// goes wrong elsewhere still ends the process as it should. Each script has so long: one that hangs is killed.

import test from "ava";
import { spawnSync } from "node:child_process";
import { cpSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { variant } from "../index.js";
import { packages } from "../lib/platforms.js";
import { artifact, folder, root, wasm } from "./helper.js";
import { scripts } from "./scripts.js";

const wat = `(module (import "env" "f" (func $f)) (memory 1) (table 1 funcref) (global $zero (mut i32) (i32.const 0))
  (func (export "bounds") (drop (i32.load (i32.const 65536))))
  (func (export "unreachable") unreachable)
  (func (export "division") (drop (i32.div_u (i32.const 1) (global.get $zero))))
  (func $deep (export "deep") (call $deep))
  (func (export "null") (call_indirect (i32.const 0)))
  (func (export "host") (call $f))
  (func (export "count") (param i32) (result i32) (local i32)
    (loop $l (local.set 1 (i32.add (local.get 1) (i32.const 3)))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 1)))`;
/** The exports that trap: how ours end, and V8's. */
const ends = {
  ours: {
    bounds: "memoryOutOfBounds",
    unreachable: "unreachableCodeReached",
    division: "integerDivisionByZero",
    deep: "stackOverflow",
    null: "indirectCallToNull",
  },
  v8: { bounds: "RuntimeError", unreachable: "RuntimeError", division: "RuntimeError", deep: "RangeError", null: "RuntimeError" },
};
type Side = keyof typeof ends;

/** What scripts and workers have: the guest in both engines, loaded when it is asked for, and how often each trap came. */
const library = `
  const guests = async (f = () => {}) => {
    const { Engine, Instance, Module, Store, Trap } = await import(data.entry);
    const engine = new Engine(), module = Module.deserializeFile(engine, data.file);
    const ours = new Instance(new Store(engine), module, { env: { f } }).exports;
    const v8 = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(data.wasm, "base64")), { env: { f } }).exports;
    const trap = (times, sides = { ours, v8 }) => {
      const counts = {};
      for (let i = 0; i < times; i++) for (const kind of data.kinds) for (const side in sides) {
        if (kind === "deep" && i % 10) continue; // takes V8 a hundred times as long as the others
        let end = "nothing";
        try { sides[side][kind]() } catch (error) { end = error instanceof Trap ? error.trapCode : error.constructor.name }
        const name = [side, kind, end].join(" ");
        counts[name] = (counts[name] ?? 0) + 1;
      }
      return counts;
    };
    return { ours, v8, trap };
  };
  /** The one thing that a worker of this body says. */
  const counted = async (body) => (await told(body))[0][0];`;
const data = {
  entry: pathToFileURL(join(root, "dist", "index.js")).href,
  file: artifact(wat),
  wasm: Buffer.from(wasm(wat)).toString("base64"),
  kinds: Object.keys(ends.ours),
};
const { text, run, json } = scripts(data, library);
/** Each trap so often, and nothing else. */
const each = (times: number, sides: Side[] = ["ours", "v8"]) => {
  const often = (kind: string) => (kind === "deep" ? Math.ceil(times / 10) : times);
  const counts = (side: Side) => Object.entries(ends[side]).map(([kind, end]) => [`${side} ${kind} ${end}`, often(kind)]);
  return Object.fromEntries(sides.flatMap(counts));
};
// Windows has other means for all of this, and no signals to send.
const unix = process.platform === "win32" ? test.skip : test;
const linux = process.platform === "linux" && process.arch === "x64" ? test : test.skip;

test("10,000 traps in this engine and in V8's, alternating, on five threads at once: none is lost", (t) => {
  const script = `
    const counting = Array.from({ length: 4 }, () => counted("say((await guests()).trap(2500))"));
    const { trap } = await guests();
    say([trap(2500), ...await Promise.all(counting)]);`;
  t.deepEqual(json(t, script, { timeout: 60_000 }), Array(5).fill(each(2500)));
});

test("200 workers that are terminated with live stores, some of them in a trap, leave both engines' traps in order", (t) => {
  const body = (after: string) => `
    const { Engine, Instance, Module, Store } = await import(data.entry), engine = new Engine();
    const module = Module.deserializeFile(engine, data.file);
    globalThis.kept = Array.from({ length: 5 }, () => new Instance(new Store(engine), module, { env: { f() {} } }));
    const { trap, ours } = await guests();
    trap(1);
    say("ready");
    ${after}`;
  const bodies = [body("setInterval(() => {}, 1000)"), body("for (;;) trap(1)"), body("for (;;) trap(1, { ours })")];
  const script = `
    const { once } = await import("node:events"), bodies = ${JSON.stringify(bodies)};
    let ended = 0;
    for (let i = 0; i < 100; i++) await Promise.all([0, 1].map(async (n) => {
      const worker = await thread(bodies[(i + n) % bodies.length]);
      const [message] = await once(worker, "message");
      if (message === "ready" && await worker.terminate() === 1) ended++;
    }));
    say([ended, (await guests()).trap(100)]);`;
  t.deepEqual(json(t, script, { timeout: 120_000 }), [200, each(100)]);
});

const faults = ["SIGSEGV", "SIGFPE", "SIGILL", "SIGBUS"] as const;
const sent = (signal: string) => `process.kill(process.pid, "${signal}"); for (let i = 0; i < 100 && !heard; i++) await wait(10);`;
// V8's own traps do not survive a listener of SIGSEGV in Node itself.
for (const signal of faults) {
  for (const [when, before, after] of [
    ["before the addon is loaded", `process.on("${signal}", hear);`, ""],
    ["after the addon is loaded", "", `process.on("${signal}", hear);`],
    ["in a guest's host function", "", `const host = await guests(() => process.on("${signal}", hear)); host.ours.host();`],
  ]) {
    unix(`a listener of ${signal} that comes ${when} hears what is sent, and guests trap`, (t) => {
      const script = `
        let heard = 0; const hear = () => heard++;
        ${before}
        const { ours, trap } = await guests();
        ${after}
        const first = trap(20, { ours });
        ${sent(signal)}
        const worker = counted("const { ours, trap } = await guests(); say(trap(20, { ours }))");
        say({ heard, traps: [first, trap(20, { ours }), await worker] });`;
      t.deepEqual(json(t, script), { heard: 1, traps: Array(3).fill(each(20, ["ours"])) });
    });
  }

  for (const [when, before, after] of [
    ["before the addon is loaded", `process.on("${signal}", hear);`, `process.off("${signal}", hear);`],
    ["after the addon is loaded", "", `process.on("${signal}", hear).off("${signal}", hear);`],
    ["by process.once, which has heard one", "", `process.once("${signal}", hear); ${sent(signal)}`],
  ]) {
    unix(`a listener of ${signal} that came ${when} and went leaves traps, and that signal ends the process again`, (t) => {
      const script = `
        let heard = 0; const hear = () => heard++;
        ${before}
        const { ours, trap } = await guests();
        ${after}
        say(trap(20, { ours }));
        say(await counted("const { ours, trap } = await guests(); say(trap(20, { ours }))"));
        process.kill(process.pid, "${signal}");
        await wait(1000);`;
      const { signal: by, stdout, stderr } = run(script);
      const traps = stdout
        .trim()
        .split("\n")
        .map((line) => line && JSON.parse(line));
      t.deepEqual([by, traps], [signal, Array(2).fill(each(20, ["ours"]))], stderr);
    });
  }
}

unix("listeners that come and go on this thread do not disturb traps in workers", (t) => {
  // The package looks after signals of the process where it is loaded on the main thread.
  const script = `
    await import(data.entry);
    const body = "const { ours, trap } = await guests(); say(trap(10_000, { ours }))";
    let working = true, rounds = 0;
    const traps = Promise.all([counted(body), counted(body)]).finally(() => (working = false));
    const hear = () => {};
    while (working) {
      for (const signal of ${JSON.stringify(faults)}) process.on(signal, hear);
      await wait(1);
      for (const signal of ${JSON.stringify(faults)}) process.off(signal, hear);
      await wait(rounds++ % 3);
    }
    say([await traps, rounds > 20]);`;
  t.deepEqual(json(t, script), [Array(2).fill(each(10_000, ["ours"])), true]);
});

test("a process that has trapped forks, and so do cluster's: all of them trap", (t) => {
  const file = join(folder(t), "main.mjs");
  const body = `
    import { fork } from "node:child_process";
    import cluster from "node:cluster";
    const { trap } = await guests();
    if (process.argv[2] || cluster.isWorker) { process.send(trap(300), () => process.disconnect()); }
    else {
      const heard = (child) => new Promise((done, fail) => {
        let counts;
        child.on("message", (message) => (counts = message)).on("exit", (code, by) => code === 0 ? done(counts) : fail(new Error([code, by].join())));
      });
      const before = trap(50);
      const children = [0, 1].map(() => heard(fork(process.argv[1], ["child"])));
      const workers = [0, 1].map(() => heard(cluster.fork()));
      const beside = trap(300);
      const others = await Promise.all([...children, ...workers]);
      say([before, beside, ...others, trap(50)]);
    }`;
  writeFileSync(file, text(body));
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: "utf8", timeout: 60_000, killSignal: "SIGKILL" });
  t.is(status, 0, stderr);
  t.deepEqual(JSON.parse(stdout), [each(50), ...Array(5).fill(each(300)), each(50)]);
});

test("without V8's trap handler traps of both engines are what they were", (t) => {
  const script = `say([(await guests()).trap(200), await counted("say((await guests()).trap(200))")]);`;
  t.deepEqual(json(t, script, { flags: ["--disable-wasm-trap-handler"] }), [each(200), each(200)]);
});

/** A library that does one thing when it is loaded: these bytes of machine code. */
function library64(code: number[]): Buffer {
  const words = (...values: number[]) => Buffer.from(new BigUint64Array(values.map(BigInt)).buffer);
  const [dynamic, strings, init, size] = [232, 328, 360, 376];
  const segment = (type: number, flags: number, at: number, length: number) =>
    words(type + flags * 2 ** 32, at, at, at, length, length, type === 1 ? 4096 : 8);
  return Buffer.concat([
    Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 62, 0, 1, 0, 0, 0]),
    words(0, 64, 0),
    Buffer.from([0, 0, 0, 0, 64, 0, 56, 0, 3, 0, 64, 0, 0, 0, 0, 0]),
    segment(1, 7, 0, size), // all of it, to be run
    segment(2, 6, dynamic, strings - dynamic),
    segment(0x6474e551, 6, 0, 0), // no stack that can be run
    words(5, strings, 6, strings + 8, 10, 1, 11, 24, 12, init, 0, 0), // strings, symbols, their sizes, init
    Buffer.alloc(init - strings),
    Buffer.from(code.concat(Array(size - init - code.length).fill(0xc3))),
  ]);
}
const crashes: [signal: string, what: string, code: number[]][] = [
  ["SIGSEGV", "writes to address 0", [0x31, 0xc0, 0x89, 0x00]],
  ["SIGILL", "runs an undefined instruction", [0x0f, 0x0b]],
  ["SIGFPE", "divides by zero", [0x31, 0xc9, 0xf7, 0xf1]],
];
for (const [signal, what, code] of crashes) {
  for (const [where, body] of [
    ["", "crash();"],
    [", called from a guest", "host.ours.host();"],
    [", with a listener of that signal", `process.on("${signal}", () => {}); crash();`],
    [", in a worker", `await counted(${JSON.stringify(`(await guests()).trap(1); process.dlopen({ exports: {} }, data.so)`)});`],
  ]) {
    linux(`native code that ${what}${where} ends the process by ${signal}`, (t) => {
      const so = join(folder(t), "crash.so");
      writeFileSync(so, library64(code));
      const script = `data.so = ${JSON.stringify(so)};
        const crash = () => process.dlopen({ exports: {} }, data.so);
        const host = await guests(crash);
        host.trap(5); console.log("trapped"); ${body} await wait(1000);`;
      const { signal: by, stdout, stderr } = run(script);
      t.deepEqual([by, stdout], [signal, "trapped\n"], stderr);
    });
  }
}

for (const listener of ["", ", also with a listener"]) {
  linux(`an artifact that is cut off while it is mapped ends the process by SIGBUS${listener}`, (t) => {
    const file = join(folder(t), "cut.cwasm");
    writeFileSync(file, readFileSync(data.file));
    const script = `data.file = ${JSON.stringify(file)};
      const { ours, trap } = await guests();
      ${listener && `process.on("SIGBUS", () => {});`} trap(5); console.log("trapped");
      (await import("node:fs")).truncateSync(data.file, 0); ours.count(5); console.log("counted");`;
    const { signal, stdout, stderr } = run(script);
    t.deepEqual([signal, stdout], ["SIGBUS", "trapped\n"], stderr);
  });
}

for (const signal of [...faults, "SIGABRT"]) {
  unix(`${signal}, sent to a process whose guests have trapped, ends it`, (t) => {
    const script = `(await guests()).trap(5); console.log("trapped");
      ${signal === "SIGABRT" ? "process.abort()" : `process.kill(process.pid, "${signal}")`}; await wait(1000);`;
    const { signal: by, stdout, stderr } = run(script);
    t.deepEqual([by, stdout], [signal, "trapped\n"], stderr);
  });
}

linux("a crash leaves a core dump where the system makes them", (t) => {
  const dumped = (script: string) => {
    const cwd = folder(t);
    const shell = `ulimit -c unlimited && exec "$0" --input-type=module --eval "$1"`;
    const { signal } = spawnSync("sh", ["-c", shell, process.execPath, text(script)], { cwd, timeout: 20_000, killSignal: "SIGKILL" });
    return [signal, readdirSync(cwd).length];
  };
  const own = dumped("process.abort()");
  t.deepEqual(dumped("(await guests()).trap(5); process.abort()"), own);
  t.deepEqual(dumped(`(await guests()).trap(5); process.kill(process.pid, "SIGSEGV"); await wait(1000)`), ["SIGSEGV", own[1]]);
});

unix("signals that arrive all the time while guests compute and trap disturb neither, and are heard", (t) => {
  const script = `
    const { spawn } = await import("node:child_process");
    const { ours, trap } = await guests(), signals = ["SIGUSR2", "SIGCHLD", "SIGALRM"], heard = {};
    for (const signal of signals) process.on(signal, () => (heard[signal] = (heard[signal] ?? 0) + 1));
    const kills = signals.map((signal) => "kill -" + signal.slice(3) + " " + process.pid).join(" && ");
    const shell = spawn("sh", ["-c", "while " + kills + "; do :; done"], { stdio: "ignore" });
    while (Object.keys(heard).length < 3) await wait(1);
    let wrong = 0;
    const traps = [];
    for (let i = 0; i < 20; i++) {
      const before = { ...heard };
      if (ours.count(20_000_000) !== 60_000_000) wrong++;
      traps.push(trap(10));
      while (signals.some((signal) => heard[signal] === before[signal])) await wait(1);
    }
    shell.kill("SIGKILL");
    say([wrong, traps]);`;
  t.deepEqual(json(t, script, { timeout: 60_000 }), [0, Array(20).fill(each(10))]);
});

for (const [what, flags, count] of [
  ["--cpu-prof", ["--cpu-prof", "--cpu-prof-interval=50"], (text: string) => JSON.parse(text).samples.length],
  ["--prof", ["--prof", "--prof-sampling-interval=50", "--no-logfile-per-isolate"], (text: string) => text.match(/^tick,/gm)?.length],
] as [string, string[], (text: string) => number][]) {
  test(`a profile may be taken while guests compute and trap: ${what}`, (t) => {
    const at = folder(t);
    const where = what === "--prof" ? `--logfile=${join(at, "v8.log")}` : `--cpu-prof-dir=${at}`;
    const script = `
      const worker = counted("say((await guests()).trap(500))");
      const { ours, trap } = await guests();
      const counts = [];
      for (let i = 0; i < 5; i++) { ours.count(20_000_000); counts.push(trap(100)); }
      say([counts, await worker]);`;
    t.deepEqual(json(t, script, { flags: [...flags, where], timeout: 60_000 }), [Array(5).fill(each(100)), each(500)]);
    t.true(readdirSync(at).some((name) => count(readFileSync(join(at, name), "utf8")) > 100));
  });
}

test("an engine that can't be made, as the first one, leaves traps to the next", (t) => {
  const script = `
    const { Engine } = await import(data.entry);
    const refused = [{ pooling: { totalMemories: 4294967295 } }, { maxWasmStack: 0 }].map((config) => { try { new Engine(config) } catch { return 1 } });
    say([refused, (await guests()).trap(20)]);`;
  t.deepEqual(json(t, script), [[1, 1], each(20)]);
});

for (const [when, before, after] of [
  ["before the package is loaded", `process.once("SIGFPE", hear);`, ""],
  ["before ours", "", `process.prependOnceListener("SIGFPE", hear);`],
] as const) {
  unix(`a listener of one signal, added ${when}, hears it, and the next one ends the process`, (t) => {
    const script = `
      const hear = () => say("heard");
      ${before}
      const { trap } = await guests();
      ${after}
      say(trap(5));
      process.kill(process.pid, "SIGFPE");
      await wait(300);
      say("alive");
      process.kill(process.pid, "SIGFPE");
      await wait(1000);`;
    const { signal, stdout } = run(script);
    t.deepEqual([signal, stdout.trim().split("\n").map((line) => JSON.parse(line))], ["SIGFPE", [each(5), "heard", "alive"]]);
  });
}

unix("signals of guests and others that come faster than they are heard hold up nothing", (t) => {
  const script = `
    const { trap } = await guests();
    let heard = 0;
    for (const signal of ["SIGFPE", "SIGUSR2"]) process.on(signal, () => heard++);
    const { spawn } = await import("node:child_process");
    const storm = spawn("sh", ["-c", 'i=0; while [ $i -lt 3000 ]; do kill -FPE $0; kill -USR2 $0; i=$((i+1)); done', String(process.pid)]);
    let over = false;
    storm.on("exit", () => (over = true));
    const traps = [];
    while (!over) { traps.push(trap(1)); await wait(0); }
    say([heard > 0, traps.every((each) => JSON.stringify(each) === JSON.stringify(traps[0])), trap(1)]);`;
  t.deepEqual(json(t, script), [true, true, each(1)]);
});

unix("two copies of the package share the signals, whoever listens", (t) => {
  const copy = folder(t);
  const custom = Object.hasOwn(packages, variant) ? [] : [`target/custom/${variant}`];
  for (const part of ["dist/index.js", "dist/lib", "npm", "package.json", ...custom]) cpSync(join(root, part), join(copy, part), { recursive: true });
  const script = `
    const first = await guests();
    const { Engine, Instance, Module, Store } = await import(${JSON.stringify(pathToFileURL(join(copy, "dist", "index.js")).href)});
    const engine = new Engine();
    const { exports } = new Instance(new Store(engine), Module.deserializeFile(engine, data.file), { env: { f() {} } });
    const second = () => first.trap(10, { ours: Object.assign({}, exports) });
    const counts = (trap) => Object.values(trap()).reduce((sum, n) => sum + n, 0);
    const both = () => [counts(() => first.trap(10)), counts(second)];
    let heard = 0;
    const hear = () => heard++;
    const said = [both()];
    for (const signal of ${JSON.stringify(faults)}) process.on(signal, hear);
    said.push(both());
    for (const signal of ${JSON.stringify(faults)}) process.kill(process.pid, signal);
    await wait(200);
    for (const signal of ${JSON.stringify(faults)}) process.off(signal, hear);
    said.push(both(), heard);
    say(said);
    process.kill(process.pid, "SIGFPE");
    await wait(1000);`;
  const { signal, stdout, stderr } = run(script);
  const [said] = stdout.trim().split("\n").map((line) => JSON.parse(line));
  t.deepEqual([signal, said], ["SIGFPE", [[82, 41], [82, 41], [82, 41], faults.length]], stderr);
});
