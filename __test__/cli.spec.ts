import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { features, variant, version, wasmtimeVersion } from "../index.js";
import { command } from "./command.js";
import { artifact, needing, wasm } from "./helper.js";

const compiles = features.has("cranelift");
const folder = mkdtempSync(join(tmpdir(), "cwasm-cli-"));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

/** A guest that prints its arguments, each with a space after it. */
const echo = `(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (local $i i32)
    (drop (call $sizes (i32.const 0) (i32.const 4)))
    (drop (call $args (i32.const 1024) (i32.const 4096)))
    (loop $next
      (if (i32.lt_u (local.get $i) (i32.load (i32.const 4)))
        (then
          (if (i32.eqz (i32.load8_u offset=4096 (local.get $i)))
            (then (i32.store8 offset=4096 (local.get $i) (i32.const 32))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $next))))
    (i32.store (i32.const 8) (i32.const 4096))
    (i32.store (i32.const 12) (i32.load (i32.const 4)))
    (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))))`;
const exit = (code: number) => `(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (call $exit (i32.const ${code}))))`;
const trap = `(module (memory (export "memory") 1) (func $boom unreachable) (func (export "_start") (call $boom)))`;
const endless = `(module (memory (export "memory") 1) (func (export "_start") (loop $l (br $l))))`;

/** A guest as a file that this build can run, with the flags that it takes. */
function guest(name: string, text: string, profile: "default" | "metered" = "default"): string[] {
  if (compiles) {
    const file = join(folder, `${name}.wasm`);
    writeFileSync(file, wasm(text));
    return [file];
  }
  return ["--precompiled", artifact(text, profile)];
}

needing("wasi")("runs a guest, and all after FILE is the guest's", async (t) => {
  const { status, stdout, stderr } = await command(["run", ...guest("echo", echo), "--dir", "-x", "--", "a b"]);
  t.deepEqual({ status, stderr }, { status: 0, stderr: "" });
  t.regex(stdout, /^\w+\.c?wasm /);
  t.true(stdout.endsWith(" --dir -x -- a b "), stdout);
});

needing("wasi")("takes the name that the guest sees from --argv0", async (t) => {
  const { stdout } = await command(["run", "--argv0", "me", ...guest("argv0", echo), "x"]);
  t.is(stdout, "me x ");
});

needing("wasi")("exits as the guest does", async (t) => {
  t.is((await command(["run", ...guest("exit3", exit(3))])).status, 3);
});

needing("wasi")("exits with 134 after a trap, with its frames on stderr", async (t) => {
  const { status, stdout, stderr } = await command(["run", ...guest("trap", trap)]);
  t.is(status, 134);
  t.is(stdout, "");
  t.regex(stderr, /^cwasm: Trap: wasm trap: wasm `unreachable` instruction executed\n {2}0: \S.* at 0x[0-9a-f]+\n {2}1: /);
});

needing("wasi")("stops a guest at its deadline", async (t) => {
  for (const time of ["timeout=50ms", "timeout=0.05", "timeout=50000us,fuel=9223372036854775807"]) {
    const { status, stderr } = await command(["run", "-W", time, ...guest("endless", endless, "metered")]);
    t.is(status, 134);
    t.regex(stderr, /interrupt/);
  }
});

needing("wasi")("stops a guest that has used up its fuel", async (t) => {
  const { status, stderr } = await command(["run", "-W", "fuel=10000", ...guest("endless", endless, "metered")]);
  t.is(status, 134);
  t.regex(stderr, /OutOfFuelError/);
});

needing("wasi")("refuses to run an artifact that is not said to be one", async (t) => {
  const file = artifact(exit(5));
  const refused = await command(["run", file]);
  t.is(refused.status, 1);
  t.regex(refused.stderr, /^cwasm: CompileError: .* is an artifact.*\n {2}hint: .* --precompiled\n$/);
  t.is((await command(["run", "--precompiled", file])).status, 5);
  t.is((await command(["run", "--allow-precompiled", file])).status, 5);
});

test("says what is wrong with a command line, and exits with 2", async (t) => {
  for (const [args, message] of [
    [["fly"], /no command 'fly'/],
    [["run"], /FILE is missing/],
    [["run", "--wings", "x.wasm"], /unknown option '--wings'/],
    [["run", "--dir"], /--dir needs a value/],
    [["run", "-W", "fuel=lots", "x.wasm"], /fuel must be a whole number, got 'lots'/],
    [["run", "-W", "timeout=soon", "x.wasm"], /timeout must be a time such as 100ms or 2s, got 'soon'/],
    [["run", "-W", "speed=9", "x.wasm"], /-W has no 'speed'/],
    [["compile", "a.wasm", "b.wasm"], /need a folder/],
    [["compile"], /FILE is missing/],
    [["inspect"], /FILE is missing/],
    [["inspect", "a", "b"], /what is .b./],
    [["run", "-W", "fuel", "x.wasm"], /fuel needs a value/],
    [["run", "-W", "fuel=99999999999999999999", "x.wasm"], /fuel must be below 2\^64/],
    [["run", "-O", "opt-level=9", "x.wasm"], /opt-level must be one of 0, 1, 2, s, got '9'/],
    [["run", "-S", "cli=n", "x.wasm"], /cli must be y/],
    [["run", "-O", "opt-level=0", "--precompiled", "x.cwasm"], /FILE is compiled/],
    [["run", "--env", "=x", "x.wasm"], /NAME is missing/],
    [["run", "--preload", "x.wasm"], /--preload must be NAME=FILE/],
    [["inspect", "--json=1", "x"], /--json takes no value/],
  ] as [string[], RegExp][]) {
    const { status, stderr } = await command(args);
    t.is(status, 2, args.join(" "));
    t.regex(stderr, message);
  }
});

test("says what to do with wasm on a build that compiles none", async (t) => {
  const file = join(folder, "needs-compiler.wasm");
  writeFileSync(file, wasm(exit(4)));
  const { status, stderr } = await command(["run", file]);
  if (compiles) return void t.is(status, 4);
  t.is(status, 1);
  t.regex(stderr, /^cwasm: FeatureUnavailableError: .*'cranelift'\n {2}hint: .*`cwasm compile FILE`.* --precompiled/);
});

needing("wasi")("refuses a profile that there is not, and limits that the artifact's has not", async (t) => {
  const file = join(folder, "any.wasm");
  writeFileSync(file, wasm(exit(0)));
  if (compiles) {
    const { status, stderr } = await command(["run", "--profile", "fast", file]);
    t.is(status, 1);
    t.regex(stderr, /^cwasm: .*profile must be one of 'default', .*, got 'fast'\n$/);
  }
  const { status, stderr } = await command(["run", "-W", "fuel=1", "--precompiled", artifact(exit(0))]);
  t.is(status, 1);
  t.regex(stderr, /^cwasm: fuel needs the profile 'metered', this module has 'default'\n$/);
});

test("says which file is not there, and exits with 1", async (t) => {
  const { status, stderr } = await command(["run", "nowhere.wasm"], { cwd: folder });
  t.is(status, 1);
  t.regex(stderr, /ENOENT.*nowhere\.wasm/);
});

needing("wasi")("grants the directories and variables that are named", async (t) => {
  const list = guest("environ", `(module
    (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start")
      (drop (call $sizes (i32.const 0) (i32.const 4)))
      (call $exit (i32.add (i32.load (i32.const 0)) (i32.mul (i32.const 10) (i32.eqz (call $prestat (i32.const 3) (i32.const 8))))))))`);
  t.is((await command(["run", ...list])).status, 0);
  t.is((await command(["run", "--env", "A=1", "--env", "PASSED_ON", ...list], { env: { PASSED_ON: "x" } })).status, 2);
  t.is((await command(["run", "--dir", `${folder}::/w`, ...list])).status, 10);
  t.is((await command(["run", "--env", "NOT_THERE_AT_ALL", ...list])).status, 0);
  t.true((await command(["run", "-S", "inherit-env", "--env", "A=1", ...list])).status > 1);
});

test("compiles wasm and text to an artifact", async (t) => {
  const source = join(folder, "compiled.wat");
  writeFileSync(source, exit(7));
  const { status, stderr } = await command(["compile", "--profile", "metered", source], { cwd: folder });
  if (!compiles) {
    t.is(status, 1);
    t.regex(stderr, /FeatureUnavailableError: .*'cranelift'/);
    return;
  }
  t.deepEqual({ status, stderr }, { status: 0, stderr: "" });
  t.is((await command(["run", "--precompiled", "compiled.cwasm"], { cwd: folder })).status, 7);
  t.is((await command(["compile", "--no-checks", source, "-o", "unchecked.cwasm"], { cwd: folder })).status, 0);
  t.is(JSON.parse((await command(["inspect", "--json", "unchecked.cwasm"], { cwd: folder })).stdout).interruption, "none");
  const untimed = await command(["run", "--precompiled", "-W", "timeout=1s", "unchecked.cwasm"], { cwd: folder });
  t.regex(untimed.stderr, /^cwasm: IncompatibleModuleError: .*\n  hint: .*interruptible/);
  const wrong = join(folder, "wrong.wasm");
  writeFileSync(wrong, "\0asmnot");
  const refused = await command(["compile", wrong, "-o", join(folder, "never.cwasm")]);
  t.is(refused.status, 1);
  t.regex(refused.stderr, /^cwasm: CompileError: /);
  t.throws(() => readFileSync(join(folder, "never.cwasm")), { code: "ENOENT" });
});

test("tells its features and its version", async (t) => {
  const { stdout } = await command(["features", "--json"]);
  t.deepEqual(JSON.parse(stdout), { version, wasmtimeVersion, variant, features: [...features] });
  t.regex((await command(["--version"])).stdout, new RegExp(`^cwasm ${version} `));
});
