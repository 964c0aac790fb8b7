import { execFile } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { promisify } from "node:util";
import test from "ava";
import { features } from "../index.js";

const root = new URL("../../", import.meta.url);
const exec = promisify(execFile);

for (const file of readdirSync(new URL("examples", root)).filter((name) => name.endsWith(".ts"))) {
  const expected = [...readFileSync(new URL(`examples/${file}`, root), "utf8").matchAll(/^\/\/ prints: (.*)$/gm)].map(([, line]) => line);

  test(`examples/${file} prints what it says`, async (t) => {
    const script = `dist/examples/${file.replace(/ts$/, "js")}`;
    const running = exec(process.execPath, [script], { cwd: root });
    if (features.has("cranelift")) {
      const { stdout } = await running;
      t.deepEqual(stdout.trimEnd().split("\n"), expected);
    } else {
      const { stderr } = (await t.throwsAsync(running)) as unknown as { stderr: string };
      t.regex(stderr, /FeatureUnavailableError.*'cranelift'/);
    }
  });
}
