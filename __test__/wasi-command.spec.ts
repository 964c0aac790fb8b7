// Commands and reactors: what WASI gives them as text, and how long they live.

import { Linker, Store, WasiExit, type WasiOptions, runSync } from "../index.js";
import { load, needing, thrown } from "./helper.js";
import { guest } from "./wasi-calls.js";
import { command, print } from "./wasi-guest.js";

const test = needing("wasi");

const texts: Record<string, string> = {
  nothing: "",
  "spaces and tabs": " \t a  b ",
  "ends of lines": "a\nb\r\nc\n",
  quotes: `"'\\$(x)\`*?`,
  "letters with accents": "höhe é",
  "letters with combining accents": "ho\u0308he e\u0301",
  "letters that are written from the right": "שלום مرحبا",
  "letters of three bytes": "日本語 ☃",
  "letters of four bytes": "𝒳 😀",
  "characters made of several": "👩‍🚀 🇸🇪 👍🏽",
  "control characters": "\x01\x1b[31m\x7f\x85",
  "characters that are none": "\ufffe\uffff\ufeff\u{10ffff}",
  "an equals sign": "=a=b=",
  "a dash": "--",
  "much text": "é".repeat(1000),
};
for (const [what, text] of Object.entries(texts)) {
  test(`an argument, a value and a name with ${what} arrive as they are`, (t) => {
    // A name can't be empty or have an equals sign.
    const name = text.replaceAll("=", "-") || "-";
    const options: WasiOptions = { argv0: text, args: [text, "last"], env: { [name]: text, LAST: "" }, stdin: "ignore", stdout: "capture" };
    t.deepEqual(guest(options).wasi.list("args"), [text, text, "last"]);
    t.deepEqual(guest(options).wasi.list("environ"), [`${name}=${text}`, "LAST="]);
    const run = (what: "args" | "environ") => runSync(load(print(what)).module, options).stdout!.toString();
    t.is(run("args"), `${text}\0${text}\0last\0`);
    t.is(run("environ"), `${name}=${text}\0LAST=\0`);
  });
}
test("half a character in an argument or the environment arrives as U+FFFD", (t) => {
  const { wasi } = guest({ args: ["a\ud83d"], env: { A: "\udc00b" } });
  t.deepEqual(wasi.list("args").slice(1), ["a\ufffd"]);
  t.deepEqual(wasi.list("environ"), ["A=\ufffdb"]);
});
test("a thousand arguments arrive in their order", (t) => {
  const args = Array.from({ length: 1000 }, (_, n) => `${n}`);
  t.deepEqual(
    runSync(load(print("args")).module, { args, stdin: "ignore", stdout: "capture" })
      .stdout!.toString()
      .split("\0")
      .slice(1, -1),
    args,
  );
});

/** Says "i" when it is initialized, and "c" when it is called, with how often that was. */
const reactor = (initialize = "") =>
  command(`(call $say (i32.const 1026))`, {
    data: "icx",
    extra: `(global $n (mut i32) (i32.const 0))
    (func $say (param i32) (call $print (i32.const 1) (local.get 0) (i32.const 1)))
    (func (export "call") (result i32)
      (call $say (i32.const 1025)) (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))
    (func (export "_initialize") (call $say (i32.const 1024)) ${initialize})`,
  }).replace(`(func (export "_start")`, `(func $start`);

test("a reactor is initialized once by its linker, and lives from call to call with its files and streams", (t) => {
  const { engine, module } = load(reactor());
  const store = new Store(engine, { wasi: { stdout: "capture" } });
  const linker = new Linker(engine).defineWasi().defineModule(store, "reactor", module);
  const call = linker.get(store, "reactor", "call") as Function;
  t.deepEqual([call(), call(), call()], [1, 2, 3]);
  t.is(store.wasi!.stdout!.toString(), "iccc");
});
test("a reactor that is instantiated is initialized by who made it", (t) => {
  const { engine, module } = load(reactor());
  const store = new Store(engine, { wasi: { stdout: "capture" } });
  const { exports } = new Linker(engine).defineWasi().instantiate(store, module);
  t.is(store.wasi!.stdout!.toString(), "");
  exports._initialize();
  t.deepEqual([exports.call(), exports.call()], [1, 2]);
  t.is(store.wasi!.stdout!.toString(), "icc");
});
test("a reactor that exits while it is initialized is a WasiExit of its definition", (t) => {
  const { engine, module } = load(reactor("(call $proc_exit (i32.const 7))"));
  const store = new Store(engine, { wasi: { stdout: "capture" } });
  const error = thrown(() => new Linker(engine).defineWasi().defineModule(store, "reactor", module)) as WasiExit;
  t.true(error instanceof WasiExit, String(error));
  t.is(error.exitCode, 7);
  t.is(store.wasi!.stdout!.toString(), "i");
});
test("a command that its linker defines begins anew with each call, in one store's WASI", (t) => {
  const { engine, module } = load(
    command(`(call $print (i32.const 1) (i32.const 1024) (i32.const 1)) (i32.store8 (i32.const 1024) (i32.const 66))`, { data: "A" }),
  );
  const store = new Store(engine, { wasi: { stdout: "capture" } });
  const linker = new Linker(engine).defineWasi().defineModule(store, "command", module);
  const start = linker.get(store, "command", "_start") as Function;
  for (let i = 0; i < 3; i++) start();
  t.is(store.wasi!.stdout!.toString(), "AAA");
});
needing("wasi")("a reactor is no command to run", (t) => {
  t.is((thrown(() => runSync(load(reactor()).module, { stdin: "ignore", stdout: "capture" })) as any).code, "ERR_WASMTIME_LINK");
});
for (const status of [0, 1, 125, 200]) {
  test(`a command that exits with ${status} ends run with that, and what it has written stays`, (t) => {
    const wat = command(`(call $print (i32.const 1) (i32.const 1024) (i32.const 2)) (call $proc_exit (i32.const ${status})) unreachable`, {
      data: "hi",
    });
    const { exitCode, stdout } = runSync(load(wat).module, { stdin: "ignore", stdout: "capture" });
    t.deepEqual([exitCode, stdout!.toString()], [status, "hi"]);
  });
}
