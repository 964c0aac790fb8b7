// cwasm run and signals: they end it as they end a native program, whatever the guest is at.

import { spawn } from "node:child_process";
import { once } from "node:events";
import test from "ava";
import { cwasm, guest } from "./command.js";
import { cat, command as program, hello } from "./wasi-guest.js";
import { needing } from "./needing.js";

/** Says what it was told to, then does something that has no end. */
const endless = (body: string) => program(`(call $print (i32.const 1) (i32.const 1024) (i32.const 5)) ${body}`, { data: "begun" });
const computing = endless("(loop (br 0))");
const sleeping = endless(`(i32.store (i32.const 2064) (i32.const 1)) (i64.store (i32.const 2072) (i64.const 600000000000))
  (drop (call $poll_oneoff (i32.const 2048) (i32.const 4096) (i32.const 1) (i32.const 16)))`);
const yes = program("(loop (call $print (i32.const 1) (i32.const 1024) (i32.const 2)) (br 0))", { data: "y\\0a" });

function start(args: string[]) {
  const child = spawn(process.execPath, [cwasm, ...args], { env: { ...process.env, NODE_OPTIONS: "", FORCE_COLOR: undefined } });
  const heard = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text) => (heard.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (heard.stderr += text));
  return { child, heard, ended: once(child, "close") as Promise<[code: number | null, signal: string | null]> };
}

for (const [doing, flags] of [
  ["computes", guest(computing)],
  ["computes towards a deadline", ["-W", "timeout=10m", ...guest(computing, "sandbox")]],
  ["computes in a function that was invoked", ["--invoke", "_start", ...guest(computing)]],
  ["sleeps", guest(sleeping)],
  ["sleeps towards a deadline", ["-W", "timeout=10m", ...guest(sleeping, "sandbox")]],
  ["sleeps in a function that was invoked", ["--invoke", "_start", ...guest(sleeping)]],
  ["waits for input", guest(cat)],
  ["waits for input in a function that was invoked", ["--invoke", "_start", ...guest(cat)]],
] as const) {
  needing("wasi")(`a guest that ${doing} is ended by SIGINT, SIGTERM and SIGHUP, keeps what it wrote, and nothing is added`, async (t) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      const { child, heard, ended } = start(["run", ...flags]);
      child.stdin.write("begun");
      while (heard.stdout !== "begun" && child.exitCode === null) await Promise.race([once(child.stdout, "data"), ended]);
      child.kill(signal);
      t.deepEqual([await ended, heard], [[null, signal], { stdout: "begun", stderr: "" }]);
    }
  });
}

needing("wasi")("a guest whose reader goes away ends by SIGPIPE and says nothing, like `yes | head -1`", async (t) => {
  for (const flags of [[], ["--invoke", "_start"]]) {
    const { child, heard, ended } = start(["run", ...flags, ...guest(yes)]);
    await Promise.race([once(child.stdout, "data"), ended]);
    child.stdout.destroy();
    t.deepEqual([await ended, heard.stderr], [[null, "SIGPIPE"], ""]);
  }
});

test("so does a command of ours", async (t) => {
  for (const args of [["features"], ["run", "--help"]]) {
    const { child, heard, ended } = start(args);
    child.stdout.destroy();
    t.deepEqual([await ended, heard.stderr], [[null, "SIGPIPE"], ""]);
  }
});

needing("wasi")("a stream that is closed is empty to the guest, and swallows what it writes", async (t) => {
  const shell = (redirected: string, text: string) => {
    const child = spawn("sh", ["-c", `exec "$@" ${redirected}`, "sh", process.execPath, cwasm, "run", ...guest(text)], { stdio: ["pipe", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (text) => (stdout += text));
    child.stderr.on("data", (text) => (stderr += text));
    return once(child, "close").then(([code]) => [code, stdout, stderr]);
  };
  t.deepEqual(await shell("<&-", cat), [0, "", ""]);
  t.deepEqual(await shell(">&-", hello), [0, "", "err\n"]);
  t.deepEqual(await shell("2>&-", hello), [0, "out\n", ""]);
});
