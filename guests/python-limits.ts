// What CPython is held by.

import assert from "node:assert/strict";
import { DeadlineError, MemoryLimitError, OutOfFuelError, type RunOptions, Trap, run, runSync } from "../index.js";
import { inFolders } from "./command.js";
import { type Test, artifactOf } from "./guest.js";

const quiet: RunOptions = { precompiled: true, stdin: "ignore", stdout: "capture", stderr: "capture" };
const python = (profile: "default" | "sandbox" | "metered", code: string, options: RunOptions = {}): [string, RunOptions] => [
  artifactOf("python", "python", profile),
  { ...quiet, args: ["-c", code], ...options },
];
/** That it has ended with an exception of its own. */
async function raises(name: string, begun: ReturnType<typeof python>) {
  for (const { exitCode, stderr } of [await run(...begun), runSync(...begun)]) {
    assert.match(String(stderr), new RegExp(`^${name}\\b[^]*$`, "m"));
    assert.notEqual(exitCode, 0);
  }
}
/** The same of an error of ours. */
async function fails(expected: new (...args: never[]) => Error, begun: ReturnType<typeof python>) {
  await assert.rejects(run(...begun), expected);
  assert.throws(() => runSync(...begun), expected);
}

const endless = "while True: pass";
/** It catches all that Python has to catch. */
const stubborn = "while True:\n  try:\n    while True: pass\n  except BaseException: pass";
const large = "x = bytearray(200 << 20)";
const memoryBytes = 64 << 20;

const limits: Test[] = [
  ...(["sandbox", "metered"] as const).map((profile) => ({
    title: `ends at a deadline in a loop without end, profile ${profile}`,
    async run() {
      await fails(DeadlineError, python(profile, endless, { timeoutMs: 100 }));
      await fails(DeadlineError, python(profile, stubborn, { timeoutMs: 100 }));
    },
  })),
  {
    title: "ends when it is aborted, with the reason",
    async run() {
      const controller = new AbortController();
      const reason = new Error("enough");
      const stdout = () => controller.abort(reason);
      const begun = run(...python("sandbox", `print('begun', flush=True)\n${stubborn}`, { stdout, signal: controller.signal }));
      await assert.rejects(begun, (error) => error === reason);
    },
  },
  { title: "ends with its fuel", run: () => fails(OutOfFuelError, python("metered", stubborn, { fuel: 500_000_000n })) },
  {
    title: "is the same each time, to the last instruction, with a clock and random numbers that are",
    async run() {
      const code = "import random, time, uuid; print(time.time(), random.random(), uuid.uuid4(), hash('a'), {'b', 'a', 'c'})";
      const once = () => run(...python("metered", code, { clock: { nowMs: 1e12 }, randomSeed: 7n }));
      const [first, second] = [await once(), await once()];
      assert.match(String(first.stdout), /^1000000000\.0 0\.\d+ /);
      assert.deepEqual([String(second.stdout), second.fuelConsumed], [String(first.stdout), first.fuelConsumed]);
    },
  },
  { title: "raises MemoryError beyond memoryBytes", run: () => raises("MemoryError", python("default", large, { memoryBytes })) },
  {
    title: "catches its MemoryError, and goes on",
    async run() {
      const code = `
x = []
try:
    while True: x.append('a' * 1000000)
except MemoryError: n = len(x); x = []; print(20 < n < 64, len(bytearray(20 << 20)))`;
      const { stdout, exitCode } = await run(...python("default", code, { memoryBytes }));
      assert.deepEqual([String(stdout), exitCode], [`True ${20 << 20}\n`, 0]);
    },
  },
  {
    title: "ends with MemoryLimitError where that is asked for",
    run: () => fails(MemoryLimitError, python("default", large, { memoryBytes, trapOnGrowFailure: true })),
  },
  { title: "raises RecursionError", run: () => raises("RecursionError", python("default", "def f(): f()\nf()")) },
  {
    title: "traps where it overflows the stack that it keeps in its memory",
    async run() {
      const code = "class A:\n  def __repr__(self): return repr(self)\nrepr(A())";
      await assert.rejects(run(...python("default", code)), (error: Trap) => error instanceof Trap && error.trapCode === "memoryOutOfBounds");
    },
  },
  {
    title: "traps where it aborts",
    async run() {
      const begun = run(...python("default", "import os; os.abort()"));
      await assert.rejects(begun, (error: Trap) => error instanceof Trap && error.trapCode === "unreachableCodeReached");
    },
  },
  {
    title: "raises OSError beyond maxOutputBytes, and what it wrote until then is kept",
    async run() {
      const begun = python("default", "while True: print('x' * 999)", { maxOutputBytes: 100_000 });
      await raises("OSError", begun);
      assert.equal((await run(...begun)).stdout!.length, 100_000);
    },
  },
  {
    title: "raises OSError beyond maxDescriptors, and goes on with fewer",
    run: () =>
      inFolders({ "/w": { x: "" } }, async (dirs) => {
        const code = `
f = []
try:
    while True: f.append(open('/w/x'))
except OSError: n = len(f); f = []; print(5 < n < 50, open('/w/x').read() == '')`;
        const { stdout, stderr } = await run(...python("default", code, { dirs, maxDescriptors: 50 }));
        assert.equal(String(stdout), "True True\n", String(stderr));
      }),
  },
  {
    title: "changes nothing in a folder that it may only read",
    run: () =>
      inFolders({ "/w": { x: "mine" } }, async (dirs) => {
        const code = `
from os import listdir, mkdir, remove, rename, truncate
changes = [(open, '/w/x', 'a'), (open, '/w/y', 'w'), (remove, '/w/x'), (rename, '/w/x', '/w/y'), (mkdir, '/w/z'), (truncate, '/w/x', 0)]
for change, *what in changes:
    try: change(*what); print('done')
    except PermissionError: pass
print(open('/w/x').read(), listdir('/w'))`;
        const { stdout, stderr } = await run(...python("default", code, { dirs }));
        assert.equal(String(stdout), "mine ['x']\n", String(stderr));
      }),
  },
];

export default limits;
