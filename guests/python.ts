// CPython, written in C: what it does with what it is granted. guests/python-limits.ts has what it is held by.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { PassThrough, Readable } from "node:stream";
import { type RunOptions, run } from "../index.js";
import { type Command, commands } from "./command.js";
import { type Test, artifactOf, load } from "./guest.js";
import limits from "./python-limits.js";

/** A script as its own argument, whose lines may be indented like what is around it. */
const script = (text: string) => ["-c", text.replace(/^\n/, "").replaceAll(/^ {6}/gm, "")];

const tree = script(`
      import os, shutil, zipfile
      os.makedirs('/w/a/b/c')
      open('/w/a/b/c/x.txt', 'w').write('x' * 10000)
      shutil.copytree('/w/a', '/w/copy')
      os.rename('/w/copy/b', '/w/copy/bb')
      shutil.rmtree('/w/a')
      print(sorted(os.path.join(at, name) for at, _, names in os.walk('/w') for name in names), os.path.getsize('/w/copy/bb/c/x.txt'))
      with zipfile.ZipFile('/w/x.zip', 'w', zipfile.ZIP_DEFLATED) as z: z.write('/w/copy/bb/c/x.txt', 'x.txt')
      with zipfile.ZipFile('/w/x.zip') as z: print(z.namelist(), len(z.read('x.txt')), z.testzip())
      with open('/w/given.txt', 'r+') as f:
          f.seek(6); print(f.read()); f.seek(5); f.truncate(); f.write('!')
      os.symlink('given.txt', '/w/link'); print(os.readlink('/w/link'), open('/w/link').read())`);

const list: Command[] = [
  {
    title: "computes, with modules of its library",
    args: script(`
      import sys, json, hashlib
      print(sys.version_info[:3], json.dumps({'a':[1,2]}), hashlib.sha256(b'abc').hexdigest()[:16], sum(range(10**5)))`),
    stdout: '(3, 11, 3) {"a": [1, 2]} ba7816bf8f01cfea 4999950000\n',
  },
  {
    title: "sees its folder, arguments, environment and stdin, and ends with its exit code",
    args: ["/w/t.py", "A", "B"],
    env: { K: "V" },
    stdin: "IN",
    dirs: {
      "/w": {
        "t.py": `import os,sys,zlib
print(sorted(os.listdir('/w')), zlib.crc32(b'hello'))
open('/w/out.txt','w').write('written')
print(sys.argv, os.environ.get('K'), sys.stdin.read())
print('to stderr', file=sys.stderr)
sys.exit(3)
`,
      },
    },
    stdout: "['t.py'] 907060870\n['/w/t.py', 'A', 'B'] V IN\n",
    stderr: "to stderr\n",
    exitCode: 3,
    after: { "/w/out.txt": "written" },
  },
  { title: "finds no file where no folder is granted", args: ["-c", "open('/etc/passwd')"], stderr: /FileNotFoundError/, exitCode: 1 },
  {
    title: "gets out of its folder by no path",
    args: script(`
      import os
      for path in '/w/../etc/passwd', '/w/../../etc/passwd', '/w/out':
          try: open(path)
          except OSError as error: print(type(error).__name__)
          if path == '/w/out': print(os.readlink(path))
          else: os.path.exists('/w/out') or os.path.islink('/w/out') or os.symlink('../etc/passwd', '/w/out')`),
    dirs: { "/w": {} },
    stdout: "PermissionError\nPermissionError\nPermissionError\n../etc/passwd\n",
  },
  {
    title: "makes, copies, renames, reads, changes and removes a tree of files",
    args: tree,
    dirs: { "/w": { "given.txt": "hello world" } },
    stdout: "['/w/copy/bb/c/x.txt', '/w/given.txt'] 10000\n['x.txt'] 10000 None\nworld\ngiven.txt hello!\n",
    after: { "/w/given.txt": "hello!", "/w/copy/bb/c/x.txt": "x".repeat(10_000), "/w/x.zip": /^PK/ },
  },
  {
    title: "imports a module from a folder, and leaves its bytecode there",
    args: ["-c", "import sys; sys.path.insert(0, '/w'); import pack.inner; print(pack.inner.answer, pack.inner.__cached__)"],
    dirs: { "/w": { "pack/__init__.py": "", "pack/inner.py": "answer = 42\n" } },
    stdout: "42 /w/pack/__pycache__/inner.cpython-311.pyc\n",
    after: { "/w/pack/__pycache__/inner.cpython-311.pyc": /answer/ },
  },
  {
    title: "imports most of its library",
    args: script(`
      import importlib, sys
      names = [name for name in sorted(sys.stdlib_module_names) if name[0] != '_' and name not in ('antigravity', 'this')]
      missing = []
      for name in names:
          try: importlib.import_module(name)
          except ImportError: missing.append(name)
      print(len(names) - len(missing) > 170, 'ctypes' in missing, 'ssl' in missing)`),
    stdout: "True True True\n",
  },
  {
    title: "uses what it brings written in C: sqlite3, zlib, bz2, decimal, struct, re, unicodedata",
    args: script(`
      import sqlite3, zlib, bz2, decimal, struct, re, unicodedata
      db = sqlite3.connect(':memory:')
      db.execute('create table t(a)')
      db.executemany('insert into t values (?)', ((i,) for i in range(1000)))
      text = b'hello ' * 10000
      print(db.execute('select sum(a) from t').fetchone(), zlib.decompress(zlib.compress(text)) == bz2.decompress(bz2.compress(text)))
      decimal.getcontext().prec = 50
      print(decimal.Decimal(2).sqrt(), struct.pack('<dq', 1.5, -1).hex())
      print(re.sub(r'(\\w+) (\\w+)', r'\\2 \\1', 'b a'), unicodedata.normalize('NFD', 'é').encode().hex(), 2 ** 200 % 10 ** 9 + 7)`),
    stdout: `(499500,) True
1.4142135623730950488016887242096980785696718753769 000000000000f83fffffffffffffffff
a b 65cc81 ${(2n ** 200n % 10n ** 9n) + 7n}\n`,
  },
  {
    title: "catches its own exceptions, and ends with 1 and a traceback for one that nobody catches",
    args: script(`
      def f(n): return 1 // n
      try: f(0)
      except ZeroDivisionError as error: print('caught', error)
      finally: print('finally')
      f(0)`),
    stdout: "caught integer division or modulo by zero\nfinally\n",
    stderr: /^Traceback [^]*ZeroDivisionError: integer division or modulo by zero\n$/,
    exitCode: 1,
  },
  { title: "ends with 1 and what it says last", args: ["-c", "import sys; sys.exit('bye')"], stderr: "bye\n", exitCode: 1 },
  { title: "ends at once with an exit code", args: ["-c", "import os, atexit; atexit.register(print, 'late'); os._exit(7)"], exitCode: 7 },
  {
    title: "starts no thread and no process",
    args: script(`
      import subprocess, threading
      for start in threading.Thread(target=print).start, lambda: subprocess.run(['ls']):
          try: start()
          except (RuntimeError, OSError) as error: print(error)`),
    stdout: "can't start new thread\n[Errno 58] wasi does not support processes.\n",
  },
  { title: "runs a script from stdin", args: ["-", "A"], stdin: "import sys\nprint(sys.argv, sys.stdin.isatty())\n", stdout: "['-', 'A'] False\n" },
];

const source = artifactOf("python");
const piped: Test[] = [
  {
    title: "reads lines from a Node stream, as they come",
    async run() {
      const args = ["-c", "import sys\nfor line in sys.stdin: print(len(line), line[:5].strip())"];
      const stdin = Readable.from(["abc\n", "x".repeat(100_000), "y\nla", "st"]);
      const { stdout, exitCode } = await run(source, { precompiled: true, args, stdin, stdout: "capture" });
      assert.deepEqual([String(stdout), exitCode], ["4 abc\n100002 xxxxx\n4 last\n", 0]);
    },
  },
  {
    title: "sends megabytes through, from one Node stream to another",
    async run() {
      const piece = Buffer.from(Array.from({ length: 65_521 }, (_, i) => i % 251));
      const pieces = Array.from({ length: 128 }, () => piece);
      const stdout = new PassThrough();
      const got = createHash("sha256");
      const ended = (async () => {
        for await (const chunk of stdout) got.update(chunk);
      })();
      const args = ["-c", "import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer, 10000)"];
      const { exitCode } = await run(source, { precompiled: true, args, stdin: Readable.from(pieces), stdout });
      stdout.end();
      await ended;
      assert.deepEqual([got.digest("hex"), exitCode], [createHash("sha256").update(Buffer.concat(pieces)).digest("hex"), 0]);
    },
  },
  {
    title: "answers what it is asked, line by line",
    async run() {
      const stdin = new PassThrough();
      const answers: string[] = [];
      const args = ["-u", "-c", "import sys\nfor line in iter(sys.stdin.readline, ''): print(eval(line))"];
      const questions = ["6 * 7", "'x' * 3", "sum(range(100))"];
      const ask = () => (questions.length > 0 ? stdin.write(`${questions.shift()}\n`) : stdin.end());
      let line = "";
      const stdout = (chunk: Buffer) => {
        line += chunk;
        if (!line.endsWith("\n")) return;
        answers.push(line.trim());
        line = "";
        ask();
      };
      ask();
      const { exitCode } = await run(source, { precompiled: true, args, stdin, stdout });
      assert.deepEqual([answers, exitCode], [["42", "xxx", "4950"], 0]);
    },
  },
];

const hashing = script(`
      import sys, hashlib
      print(hashlib.sha256((sys.argv[1] + sys.stdin.read()).encode()).hexdigest())
      sys.exit(int(sys.argv[1]))`);
const many: Test[] = ["its file", "one module"].map((what) => ({
  title: `gives ten runs at once what each asks, from ${what}`,
  async run() {
    const module = what === "one module" ? load("python") : undefined;
    const one = async (number: number) => {
      const options: RunOptions = { args: [...hashing, `${number}`], stdin: `stdin ${number}`, stdout: "capture" };
      const { exitCode, stdout } = await (module ? run(module, options) : run(source, { ...options, precompiled: true }));
      return [String(stdout).trim(), exitCode];
    };
    const numbers = Array.from({ length: 10 }, (_, i) => i);
    const expected = numbers.map((number) => [createHash("sha256").update(`${number}stdin ${number}`).digest("hex"), number]);
    assert.deepEqual(await Promise.all(numbers.map(one)), expected);
  },
}));

export default [...commands("python", list), ...piped, ...many, ...limits];
