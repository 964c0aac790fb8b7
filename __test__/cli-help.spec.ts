// What the command says to people: its help, and what is wrong with a command line.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import test from "ava";
import { compile } from "../cli/compile.js";
import { features } from "../cli/features.js";
import type { Command } from "../cli/flags.js";
import { inspect } from "../cli/inspect.js";
import { keygen } from "../cli/keygen.js";
import { run } from "../cli/run.js";
import { sign, verify } from "../cli/sign.js";
import { command, guest } from "./command.js";
import { needing } from "./needing.js";

const commands: Command[] = [run, compile, inspect, keygen, sign, verify, features];
const lines = (text: string) => text.split("\n").map((line) => line.trim());

for (const one of commands) {
  test(`the help of ${one.name} names every flag it takes, and every setting`, async (t) => {
    const { status, stdout, stderr } = await command([one.name, "--help"]);
    t.deepEqual({ status, stderr }, { status: 0, stderr: "" });
    t.true(stdout.startsWith(`cwasm ${one.name} ${one.usage}: ${one.about}`.slice(0, 60)), stdout);
    for (const { names, value, settings = [] } of one.flags) {
      const title = value === undefined ? names : `${names} ${value}`;
      t.true(lines(stdout).some((line) => line === title || line.startsWith(`${title} `)), title);
      for (const setting of settings) t.true(lines(stdout).some((line) => line.startsWith(setting.key + setting.value)), setting.key);
    }
    t.true(stdout.split("\n").every((line) => line.length <= 100), "lines are too long");
  });
}

test("help is told with --help, -h and help, before FILE only", async (t) => {
  const { stdout } = await command(["run", "--help"]);
  for (const args of [["help", "run"], ["run", "-h"], ["run", "--env", "A=1", "--help", "x.wasm"]]) t.is((await command(args)).stdout, stdout);
  const overview = await command(["--help"]);
  t.is(overview.status, 0);
  for (const { name } of commands) t.regex(overview.stdout, new RegExp(`cwasm ${name} `));
  for (const args of [["help"], ["-h"]]) t.is((await command(args)).stdout, overview.stdout);
  t.is((await command(["inspect", "x.cwasm", "--help"])).status, 0);
  const nothing = await command([]);
  t.deepEqual([nothing.status, nothing.stdout, nothing.stderr], [2, "", overview.stdout]);
});

test("-W help lists the settings of -W, as wasmtime's does", async (t) => {
  const { status, stdout } = await command(["run", "-W", "help"]);
  t.is(status, 0);
  t.regex(stdout, /^-W, --wasm: .*\n\n {4}fuel=N /);
  t.notRegex(stdout, /inherit-env|--dir/);
});

test("a command or flag that is misspelled is refused with the one that was meant", async (t) => {
  for (const [args, message] of [
    [["rnu"], "there is no command 'rnu'\n  hint: did you mean 'run'? see cwasm --help\n"],
    [["fly"], "there is no command 'fly'\n  hint: see cwasm --help\n"],
    [["help", "compil"], "there is no command 'compil'\n  hint: did you mean 'compile'? see cwasm --help\n"],
    [["run", "--prelaod", "x=y"], "unknown option '--prelaod'\n  hint: did you mean '--preload'? see cwasm run --help\n"],
    [["run", "--wings"], "unknown option '--wings'\n  hint: see cwasm run --help\n"],
    [["run", "-W", "max-memory-sise=1"], /^-W has no 'max-memory-sise'\n {2}hint: did you mean 'max-memory-size'\? it has fuel, /],
    [["package.json"], "there is no command 'package.json'\n  hint: to run a file: cwasm run package.json\n"],
  ] as [string[], string | RegExp][]) {
    const { status, stdout, stderr } = await command(args);
    t.deepEqual([status, stdout], [2, ""], args.join(" "));
    t.true(stderr.startsWith("cwasm: "));
    const said = stderr.slice("cwasm: ".length);
    if (typeof message === "string") t.is(said, message);
    else t.regex(said, message);
  }
});

needing("wasi")("a flag that wasmtime has and cwasm has not is refused as such", async (t) => {
  for (const args of [["-g", "1234"], ["--config", "x"], ["-D", "coredump=x"], ["-W", "wmemcheck"], ["-W", "simd=n"], ["-O", "pooling-allocator"], ["-C", "compiler=winch"], ["-S", "http"], ["--profile", "perfmap"]]) {
    const { status, stderr } = await command(["run", ...args, "x.wasm"]);
    t.is(status, 2);
    t.regex(stderr, /^cwasm: wasmtime has .*, cwasm has not\n/, args.join(" "));
  }
  t.is((await command(["run", "-W", "simd,gc=y", ...guest(`(module (func (export "_start")))`)])).status, 0);
});

test("colours are for terminals, and where FORCE_COLOR asks for them", async (t) => {
  const said = async (env: object) => (await command(["run", "--wings"], { env: { FORCE_COLOR: undefined, NO_COLOR: undefined, ...env } })).stderr;
  t.notRegex(await said({}), /\x1b/);
  t.regex(await said({ FORCE_COLOR: "1" }), /^\x1b\[1;31mcwasm: \x1b\[0munknown option '--wings'\n {2}\x1b\[1mhint:\x1b\[0m see cwasm run --help\n$/);
  t.notRegex(await said({ FORCE_COLOR: "0" }), /\x1b/);
  t.notRegex(await said({ NO_COLOR: "1" }), /\x1b/);
});

needing("wasi")("what a guest has written into a message is no command to the terminal", async (t) => {
  const { status, stderr } = await command(["run", ...guest(`(module (import "wasi_snapshot_preview1" "\\1b[2Jx" (func)) (func (export "_start")))`)]);
  t.is(status, 1);
  t.regex(stderr, /^cwasm: LinkError: .*\\u\{1b\}\[2Jx/);
  t.notRegex(stderr, /\x1b/);
});

needing("gc")("an exception that nobody caught ends a command as a trap does", async (t) => {
  const text = `(module (tag $t) (func (export "_start") (throw $t)))`;
  const { status, stderr } = await command(["run", ...guest(text)]);
  t.deepEqual([status, stderr], [134, "cwasm: Exception: the guest threw an exception that nobody caught\n"]);
});

test("no flag or setting is declared twice, or both here and elsewhere", (t) => {
  for (const { name, flags } of commands) {
    const names = flags.flatMap((flag) => [...flag.names.split(", "), ...(flag.settings ?? []).map(({ key }) => `${flag.names} ${key}`)]);
    t.is(new Set(names).size, names.length, name);
    for (const { names, settings = [], elsewhere = {} } of flags) for (const { key } of settings) t.false(Object.hasOwn(elsewhere, key), `${names} ${key}`);
  }
});

test("the README names every command", (t) => {
  const readme = readFileSync(fileURLToPath(new URL("../../README.md", import.meta.url)), "utf8");
  for (const { name } of commands) t.regex(readme, new RegExp(`cwasm .*\\b${name}\\b`));
});
