// cwasm run in a terminal: lines as they are typed, keys that send signals, colours.

import test, { type ExecutionContext } from "ava";
import pty from "@lydell/node-pty";
import { command, cwasm, guest } from "./command.js";
import { cat, command as program } from "./wasi-guest.js";
import { heard, needing } from "./needing.js";

/** A program in a terminal of its own, and what that shows. */
class Terminal {
  screen = "";
  readonly ended: Promise<{ exitCode: number; signal?: number }>;
  readonly #pty: pty.IPty;
  #changed = () => {};
  constructor(t: ExecutionContext, file: string, args: string[], env: NodeJS.ProcessEnv = {}) {
    const { NO_COLOR: _, FORCE_COLOR: __, ...inherited } = process.env;
    this.#pty = pty.spawn(file, args, { env: { ...inherited, NODE_OPTIONS: "", TERM: "xterm", ...env }, cols: 200 });
    this.#pty.onData((text) => {
      this.screen += text;
      this.#changed();
    });
    this.ended = new Promise((resolve) => this.#pty.onExit(resolve));
    void this.ended.then(() => this.#changed());
    t.teardown(() => this.#pty.kill("SIGKILL"));
  }
  type(keys: string): void {
    this.#pty.write(keys);
  }
  /** Waits until it shows that, and no more. */
  async shows(text: string): Promise<void> {
    await this.until((screen) => screen === text, text);
  }
  async until(is: (screen: string) => boolean, text: string): Promise<void> {
    for (let over = false; !is(this.screen);) {
      if (over) heard(this.screen);
      if (over) throw new Error(`it ended with ${this.screen} instead of ${JSON.stringify(text)}`);
      const ended = this.ended.then(() => (over = true));
      await Promise.race([new Promise<void>((resolve) => (this.#changed = resolve)), ended]);
    }
  }
}
const run = (t: ExecutionContext, args: string[], env?: NodeJS.ProcessEnv) => new Terminal(t, process.execPath, [cwasm, "run", ...args], env);

/** Says that it is ready, then copies stdin to stdout. */
const ready = program(
  `(call $print (i32.const 1) (i32.const 1024) (i32.const 2))
  (loop
    (i32.store (i32.const 0) (i32.const 2048)) (i32.store (i32.const 4) (i32.const 4096))
    (if (i32.eqz (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
      (then (if (i32.load (i32.const 8)) (then
        (call $print (i32.const 1) (i32.const 2048) (i32.load (i32.const 8)))
        (br 2))))))`,
  { data: "> " },
);
/** Exits with a 1 in the place of each standard stream that is a character device. */
const devices = program(
  `(local $fd i32) (local $sum i32)
  (loop
    (drop (call $fd_fdstat_get (local.get $fd) (i32.const 16)))
    (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 2)) (i32.eq (i32.load8_u (i32.const 16)) (i32.const 2))))
    (br_if 0 (i32.lt_u (local.tee $fd (i32.add (local.get $fd) (i32.const 1))) (i32.const 3))))
  (call $proc_exit (local.get $sum))`,
);

for (const flags of [[], ["--invoke", "_start"]]) {
  const how = flags.length === 0 ? "a command" : "a function that was invoked";

  needing("wasi")(`${how} reads a terminal line by line, as they are typed, until ^D`, async (t) => {
    const terminal = run(t, [...flags, ...guest(ready)]);
    await terminal.shows("> ");
    terminal.type("one");
    await terminal.shows("> one");
    terminal.type("\x7fly\r");
    await terminal.shows("> one\b \bly\r\nonly\r\n");
    terminal.type("two\r");
    await terminal.shows("> one\b \bly\r\nonly\r\ntwo\r\ntwo\r\n");
    terminal.type("\x04");
    t.deepEqual(await terminal.ended, { exitCode: 0, signal: 0 });
  });

  needing("wasi")(`${how} that reads a terminal is ended by ^C, and adds nothing`, async (t) => {
    const terminal = run(t, [...flags, ...guest(ready)]);
    await terminal.shows("> ");
    terminal.type("half");
    await terminal.shows("> half");
    terminal.type("\x03");
    t.deepEqual(await terminal.ended, { exitCode: 0, signal: 2 });
    t.is(terminal.screen, "> half^C");
  });
}

needing("wasi")("a terminal is as it was when a guest was ended by ^C, and the shell has 130", async (t) => {
  const script = `trap : INT; stty -g; "$@"; echo $?; stty -g`;
  const terminal = new Terminal(t, "sh", ["-c", script, "sh", process.execPath, cwasm, "run", ...guest(ready)]);
  const begun = /^(\S+)\r\n> $/;
  await terminal.until((screen) => begun.test(screen), "> ");
  const [, before] = begun.exec(terminal.screen)!;
  terminal.type("\x03");
  t.is((await terminal.ended).exitCode, 0);
  t.is(terminal.screen, `${before}\r\n> ^C130\r\n${before}\r\n`);
});

needing("wasi")("the standard streams are character devices in a terminal, and only there", async (t) => {
  for (const args of [guest(devices), ["--invoke", "_start", ...guest(devices)]]) {
    const terminal = run(t, args);
    t.deepEqual(await terminal.ended, { exitCode: 7, signal: 0 }, terminal.screen);
  }
  t.is((await command(["run", ...guest(devices)])).status, 0);
});

test("messages have colours in a terminal, unless NO_COLOR is set", async (t) => {
  const plain = "cwasm: unknown option '--wings'\r\n  hint: see cwasm run --help\r\n";
  for (const [env, coloured] of [[{}, true], [{ NO_COLOR: "1" }, false], [{ TERM: "dumb" }, false], [{ FORCE_COLOR: "0" }, false]] as const) {
    const terminal = run(t, ["--wings"], env);
    t.is((await terminal.ended).exitCode, 2);
    t.is(terminal.screen.replace(/\x1b\[\d*(;\d+)?m/g, ""), plain);
    t.is(terminal.screen !== plain, coloured);
  }
});

needing("wasi")("input that was given from elsewhere is read as well", async (t) => {
  const terminal = new Terminal(t, "sh", ["-c", `printf 'from a pipe' | "$@"`, "sh", process.execPath, cwasm, "run", ...guest(cat)]);
  t.is((await terminal.ended).exitCode, 0, terminal.screen);
  t.is(terminal.screen, "from a pipe");
});
