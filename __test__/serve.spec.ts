// examples/serve and examples/worker-pool, for real: what good and hostile requests and tasks end with, and that both go on.

import test, { type ExecutionContext } from "ava";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { Pool } from "../examples/worker-pool/pool.js";
import { artifact, engineOf, folder, heard, load, needing, root } from "./helper.js";

const text = (path: string) => readFileSync(join(root, "examples", path), "utf8");
/** A guest of the server that takes any body, and does this then. */
const guest = (handle: string, more = "") => `(module (memory (export "memory") 1) (func (export "alloc") (param i32) (result i32) (i32.const 0))
  (func (export "handle") (param i32 i32) (result i32 i32) ${handle}) ${more})`;

/** The server in a process of its own, with guests of these texts. */
async function serving(t: ExecutionContext, guests: Record<string, string>) {
  const at = folder(t);
  const files = Object.entries({ escape: text("serve/escape.wat"), ...guests }).map(([name, wat]) => {
    copyFileSync(artifact(wat, "sandbox"), join(at, `${name}.cwasm`));
    return join(at, `${name}.cwasm`);
  });
  const server = spawn(process.execPath, ["dist/examples/serve/serve.js", "--timeout=300", ...files], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  t.teardown(() => server.kill("SIGKILL"));
  let errors = "";
  server.stderr.on("data", (data) => (errors += data));
  const exited = once(server, "close");
  const [line] = await Promise.race([once(server.stdout, "data"), exited]);
  heard(errors);
  const url = String(line).trim();
  t.regex(url, /^http:/, errors);
  const post = async (name: string, body: string) => {
    const response = await fetch(`${url}/${name}`, { method: "POST", body });
    return [response.status, await response.text()] as const;
  };
  return { server, exited, url, port: Number(new URL(url).port), post, errors: () => errors };
}
/** What is sent is written as it is. Resolves with all that comes back until the connection is closed. */
async function raw(port: number, sent: string, { leave = false } = {}): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let got = "";
  socket.on("data", (data) => (got += data));
  socket.on("error", () => {});
  const closed = new Promise((done) => socket.once("close", done));
  socket.write(sent, () => leave && socket.resetAndDestroy());
  await closed;
  return got;
}

needing("pooling-allocator")("the server runs a guest for each request, and each of them anew", async (t) => {
  const count = guest(
    "(global.set $n (i32.add (global.get $n) (i32.const 1))) (i32.store8 (i32.const 9) (i32.add (i32.load8_u (i32.const 9)) (global.get $n))) (i32.const 9) (i32.const 1)",
    "(global $n (mut i32) (i32.const 48))",
  );
  const { post, url, errors } = await serving(t, { count });
  t.deepEqual(await post("escape", `<a href="x">&'é</a>`), [200, "&lt;a href=&quot;x&quot;&gt;&amp;&#39;é&lt;/a&gt;"]);
  t.deepEqual(await post("escape", ""), [200, ""]);
  const [status, answer] = await post("escape", '"'.repeat(100_000));
  t.true(status === 200 && answer === "&quot;".repeat(100_000));
  t.deepEqual(await post("escape", "x".repeat((1 << 20) + 1)), [413, "at most 1048576 bytes\n"]);
  for (let i = 0; i < 3; i++) t.deepEqual(await post("count", "x"), [200, "1"]);
  for (const name of ["", "nothing", "constructor", "__proto__", "escape/"]) t.is((await post(name, "x"))[0], 404, name);
  t.is((await fetch(`${url}/escape`)).status, 405);
  const all = await Promise.all(Array.from({ length: 200 }, (_, i) => post("escape", `<${i}>`)));
  t.deepEqual(all, all.map((_, i) => [200, `&lt;${i}&gt;`]));
  t.is(errors(), "");
});

const hostile: Record<string, [wat: string, status: number, answer: string]> = {
  spin: [guest("(loop (br 0)) unreachable"), 504, "ERR_WASMTIME_DEADLINE"],
  startSpins: [`(module (func $spin (loop (br 0))) (start $spin))`, 504, "ERR_WASMTIME_DEADLINE"],
  grow: [guest("(loop (drop (memory.grow (i32.const 16))) (br 0)) unreachable"), 507, "ERR_WASMTIME_MEMORY_LIMIT"],
  trap: [guest("unreachable"), 500, "ERR_WASMTIME_TRAP unreachableCodeReached"],
  deep: [guest("(call $deep) (i32.const 0) (i32.const 0)", "(func $deep (call $deep))"), 500, "ERR_WASMTIME_TRAP stackOverflow"],
  outside: [guest("(i32.const 65530) (i32.const 7)"), 502, "the guest's answer is none"],
  negative: [guest("(i32.const 0) (i32.const -1)"), 502, "the guest's answer is none"],
  nothing: ["(module)", 502, "the guest's answer is none"],
};
needing("pooling-allocator")("a request ends as its guest does, and the server goes on", async (t) => {
  const { post, errors } = await serving(t, Object.fromEntries(Object.entries(hostile).map(([name, [wat]]) => [name, wat])));
  const names = Object.keys(hostile);
  const expected = (name: string) => [hostile[name]![1], `${hostile[name]![2]}\n`] as const;
  for (const name of names) {
    t.deepEqual(await post(name, "x"), expected(name), name);
    t.deepEqual(await post("escape", "<"), [200, "&lt;"]);
  }
  const mixed = Array.from({ length: 64 }, (_, i) => (i % 2 ? "escape" : names[(i / 2) % names.length]!));
  const all = await Promise.all(mixed.map((name) => post(name, "<")));
  t.deepEqual(all, mixed.map((name) => (name === "escape" ? [200, "&lt;"] as const : expected(name))));
  t.is(errors(), "");
});

needing("gc", "pooling-allocator")("a guest that throws, or fills its heap, ends its request alone", async (t) => {
  const throws = guest("(throw $t)", "(tag $t)");
  const heap = guest(
    "(local $l (ref null $list)) (loop (local.set $l (struct.new $list (array.new_default $bytes (i32.const 100000)) (local.get $l))) (br 0)) unreachable",
    "(type $bytes (array (mut i8))) (type $list (struct (field (ref $bytes)) (field (ref null $list))))",
  );
  const { post } = await serving(t, { throws, heap });
  for (let i = 0; i < 3; i++) {
    t.deepEqual(await post("throws", "x"), [500, "ERR_WASMTIME_EXCEPTION\n"]);
    t.deepEqual(await post("heap", "x"), [507, "ERR_WASMTIME_MEMORY_LIMIT\n"]);
    t.deepEqual(await post("escape", "<"), [200, "&lt;"]);
  }
});

needing("pooling-allocator")("clients that leave, and what is no HTTP, do not matter to others", async (t) => {
  const { server, exited, port, post, errors } = await serving(t, { spin: hostile["spin"]![0] });
  const head = (name: string, length: number) => `POST /${name} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${length}\r\n\r\n`;
  await Promise.all(Array.from({ length: 50 }, (_, i) => raw(port, head("spin", 100) + "x".repeat(i), { leave: true })));
  await Promise.all(Array.from({ length: 5 }, () => raw(port, `${head("spin", 1)}x`, { leave: true })));
  t.regex(await raw(port, "\0garbage\r\n\r\n"), /^HTTP\/1\.1 400 /);
  t.regex(await raw(port, `${head("escape", 1)}<`), /^HTTP\/1\.1 200 [^]*&lt;$/);
  // Who sends without end is cut off.
  t.is(await raw(port, head("escape", 1 << 30) + "x".repeat(20 << 20)), "");
  t.deepEqual(await post("escape", "<"), [200, "&lt;"]);
  t.is(errors(), "");
  if (process.platform === "win32") return;
  server.kill("SIGTERM");
  t.deepEqual(await exited, [0, null]);
});

test("examples/worker-pool prints what it says", async (t) => {
  const wat = text("worker-pool/gap.wat");
  const running = spawn(process.execPath, ["dist/examples/worker-pool/main.js", artifact(wat, "sandbox")], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  let printed = "";
  running.stdout.on("data", (data) => (printed += data));
  t.deepEqual(await once(running, "close"), [0, null]);
  const expected = [...text("worker-pool/main.ts").matchAll(/^\/\/ prints: (.*)$/gm)].map(([, line]) => line);
  t.deepEqual(printed.trimEnd().split("\n"), expected);
});

/** A pool whose guest does all that one may not. */
function pooled(t: ExecutionContext, threads: number) {
  const wat = `(module (memory 1) (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
    (func (export "trap") unreachable) (func $deep (export "deep") (call $deep)) (func (export "spin") (loop (br 0)))
    (global $n (mut i32) (i32.const 0)) (func (export "count") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))
    (func $f (export "self") (result funcref) (ref.func $f)))`;
  const pool = new Pool(load(wat, { engine: engineOf("sandbox") }).module, threads);
  t.teardown(() => pool.close());
  return pool;
}
/** How a task ends. */
const end = (task: Promise<unknown>) => task.catch((error) => error.trapCode ?? error.name);

test("a pool answers every task, whatever others do", async (t) => {
  const pool = pooled(t, 3);
  const tasks = Array.from({ length: 60 }, (_, i) => end(i % 12 ? (i % 4 ? pool.call("double", i) : pool.call("trap")) : pool.call(i ? "deep" : "spin")));
  tasks.push(end(pool.call("missing")), end(pool.call("double", () => 1)), end(pool.call("self")), end(pool.call("count")), end(pool.call("count")));
  const expected = Array.from({ length: 60 }, (_, i) => (i % 12 ? (i % 4 ? 2 * i : "unreachableCodeReached") : i ? "stackOverflow" : "interrupt"));
  t.deepEqual(await Promise.all(tasks), [...expected, "TypeError", "DataCloneError", "DataCloneError", 1, 1]);
});

test("a thread that ends takes its task with it, and the next task has another", async (t) => {
  const pool = new Pool(load(`(module (import "e" "f" (func)) (func (export "g")))`, { engine: engineOf("sandbox") }).module, 1);
  t.teardown(() => pool.close());
  const code = () => pool.call("g").catch((error) => error.code);
  t.deepEqual(await Promise.all([code(), code(), code()]), Array(3).fill("ERR_WASMTIME_LINK"));
  t.is(await code(), "ERR_WASMTIME_LINK");
});

test("a pool that is closed rejects what it has not done", async (t) => {
  const pool = pooled(t, 2);
  await pool.call("double", 1);
  const tasks = Array.from({ length: 5 }, () => t.throwsAsync(pool.call("spin")));
  await pool.close();
  await Promise.all(tasks);
  await t.throwsAsync(pool.call("double", 1), { message: "the pool is closed" });
});
