// A real program, esbuild, written in Go: from one artifact that scripts/test.mjs has had made. `npm run guests` runs more of them.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { artifactOf } from "../guests/guest.js";
import { type RunOptions, run, runSync } from "../index.js";
import { folder, needing, root } from "./helper.js";

const test = needing("wasi");

const artifact = artifactOf("esbuild");
test.before((t) => {
  if (!existsSync(artifact)) t.fail("esbuild is not there yet: npm run guests -- esbuild");
});

for (const [way, begin] of Object.entries({ run, runSync })) {
  const esbuild = async (options: RunOptions) => {
    const all: RunOptions = { precompiled: true, stdin: "ignore", stdout: "capture", stderr: "capture", ...options };
    const { exitCode, stdout, stderr } = await begin(artifact, all);
    return [exitCode, String(stdout), String(stderr)] as const;
  };
  test(`${way}: esbuild says its version`, async (t) => {
    t.deepEqual(await esbuild({ args: ["--version"] }), [0, "0.27.2\n", ""]);
  });
  test(`${way}: esbuild makes JavaScript of TypeScript from stdin`, async (t) => {
    const stdin = "let x: number = 1+2; console.log(x)\n";
    t.deepEqual(await esbuild({ args: ["--loader=ts", "--minify"], stdin }), [0, "let x=3;console.log(x);\n", ""]);
  });
  test(`${way}: esbuild bundles a folder into another one`, async (t) => {
    const out = folder(t);
    const args = ["--bundle", "/main.ts", "--outdir=/out", "--log-level=warning"];
    const dirs = { "/": join(root, "scripts", "quickstart", "project"), "/out": { host: out, access: "read-write" as const } };
    t.deepEqual(await esbuild({ args, dirs }), [0, "", ""]);
    const lines: string[] = [];
    new Function("console", readFileSync(join(out, "main.js"), "utf8"))({ log: (...words: unknown[]) => lines.push(words.join(" ")) });
    t.deepEqual(lines, ["area of the square: 4.00", "area of the circle: 3.14"]);
  });
  test(`${way}: esbuild ends with 1 and shows a mistake on stderr`, async (t) => {
    const [exitCode, stdout, stderr] = await esbuild({ args: ["--loader=ts"], stdin: "let x: = 1" });
    t.deepEqual([exitCode, stdout], [1, ""]);
    t.regex(stderr, /\[ERROR\] Unexpected "="\n\n    <stdin>:1:7:/);
  });
}

test("ten runs of esbuild at once give what each asks", async (t) => {
  const one = async (number: number) => {
    const options: RunOptions = { precompiled: true, args: ["--minify"], stdin: `f(${number} + 1)`, stdout: "capture" };
    return String((await run(artifact, options)).stdout);
  };
  const numbers = Array.from({ length: 10 }, (_, i) => i);
  t.deepEqual(await Promise.all(numbers.map(one)), numbers.map((number) => `f(${number + 1});\n`));
});
