// A command and what it must give, tested in each way that runs one: `run`, `runSync` and the `cwasm` command.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type RunOptions, run, runSync } from "../index.js";
import { type Test, artifactOf, root } from "./guest.js";

/** All of it, or what must be in it. */
type Text = string | RegExp;
/** A tree of files: their text by path. */
type Files = Record<string, string>;

export interface Command {
  title: string;
  args?: string[];
  env?: Record<string, string>;
  stdin?: string;
  /** Folders the guest may write to, by the path it sees them under, and what is in them when it begins. */
  dirs?: Record<string, Files>;
  /** Default: nothing. */
  stdout?: Text;
  stderr?: Text;
  /** Default 0. */
  exitCode?: number;
  /** What is in files when it has ended, by the guest's path. */
  after?: Record<string, Text>;
}
interface Outcome {
  exitCode: number | null;
  stdout?: Buffer;
  stderr?: Buffer;
}

export function commands(guest: string, list: Command[]): Test[] {
  const source = artifactOf(guest);
  const ways: Record<string, (command: Command, dirs: Record<string, string>) => Outcome | Promise<Outcome>> = {
    run: (command, dirs) => run(source, options(command, dirs)),
    runSync: (command, dirs) => runSync(source, options(command, dirs)),
    "cwasm run": ({ args = [], env = {}, stdin = "" }, dirs) => {
      const granted = Object.entries(dirs).flatMap(([path, host]) => ["--dir", `${host}::${path}`]);
      const named = Object.entries(env).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
      const line = ["dist/cli/cwasm.js", "run", "--precompiled", ...granted, ...named, source, ...args];
      const { status, stdout, stderr } = spawnSync(process.execPath, line, { cwd: root, input: stdin, maxBuffer: 1 << 26 });
      return { exitCode: status, stdout, stderr };
    },
  };
  return list.flatMap((command) =>
    Object.entries(ways).map(([way, begin]) => ({
      title: `${command.title}, by ${way}`,
      run: () => inFolders(command.dirs, async (dirs) => check(command, dirs, await begin(command, dirs))),
    })),
  );
}

function options({ args, env, stdin = "" }: Command, dirs: Record<string, string>): RunOptions {
  const granted = Object.fromEntries(Object.entries(dirs).map(([path, host]) => [path, { host, access: "read-write" as const }]));
  return { precompiled: true, args: args ?? [], env: env ?? {}, stdin, stdout: "capture", stderr: "capture", dirs: granted };
}

function check({ stdout = "", stderr = "", exitCode = 0, after = {} }: Command, dirs: Record<string, string>, outcome: Outcome) {
  is(String(outcome.stderr), stderr, "stderr");
  is(String(outcome.stdout), stdout, "stdout");
  assert.equal(outcome.exitCode, exitCode, "exit code");
  for (const [file, text] of Object.entries(after)) {
    // The longest name, as the guest's own library has it.
    const dir = Object.keys(dirs).filter((path) => file.startsWith(path)).sort((a, b) => b.length - a.length)[0]!;
    is(readFileSync(join(dirs[dir]!, file.slice(dir.length)), "utf8"), text, file);
  }
}
function is(got: string, expected: Text, what: string) {
  if (typeof expected === "string") assert.equal(got, expected, what);
  else assert.match(got, expected, what);
}

/** Makes the folders, and removes them afterwards. */
export async function inFolders<T>(trees: Record<string, Files> = {}, use: (dirs: Record<string, string>) => T | Promise<T>): Promise<T> {
  const scratch = mkdtempSync(join(tmpdir(), "cwasm-guests-"));
  try {
    const dirs = Object.entries(trees).map(([path, files], number) => {
      const host = join(scratch, String(number));
      mkdirSync(host);
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(host, name)), { recursive: true });
        writeFileSync(join(host, name), text);
      }
      return [path, host] as const;
    });
    return await use(Object.fromEntries(dirs));
  } finally {
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  }
}
