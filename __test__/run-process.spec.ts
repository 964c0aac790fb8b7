// run and runSync and the process they run in: its streams, and its end.

import { spawn } from "node:child_process";
import { once } from "node:events";
import type { RunOptions } from "../index.js";
import { artifact, needing, node, root } from "./helper.js";
import { cat, hello, spin } from "./wasi-guest.js";

const test = needing("wasi");

for (const name of ["run", "runSync"]) {
  test(`${name} inherits the streams of the process unless told otherwise`, (t) => {
    const script = `
      import { ${name} } from "@cwasm/wasmtime";
      const { exitCode, ...rest } = await ${name}($(file), { precompiled: true, ...$(options) });
      process.exitCode = exitCode + Object.keys(rest).length;`;
    const child = (file: string, options: RunOptions, input = "") => {
      const { status, stdout, stderr } = node(script, { values: { file, options }, input });
      return [status, stdout, stderr];
    };
    t.deepEqual(child(artifact(hello), {}), [0, "out\n", "err\n"]);
    t.deepEqual(child(artifact(hello), { stdout: "ignore" }), [0, "", "err\n"]);
    t.deepEqual(child(artifact(hello), { stdout: "capture", stderr: "ignore" }), [1, "", ""]);
    t.deepEqual(child(artifact(cat), {}, "from the pipe"), [0, "from the pipe", ""]);
    t.deepEqual(child(artifact(cat), { stdin: "ignore" }, "from the pipe"), [0, "", ""]);
  });
}

for (const name of ["run", "runSync"]) {
  test(`${name} waits for input that comes late`, async (t) => {
    const script = `import { ${name} } from "@cwasm/wasmtime"; await ${name}(${JSON.stringify(artifact(cat))}, { precompiled: true });`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script], { cwd: root, stdio: "pipe" });
    let [out, said] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text) => {
      out += text;
      if (out === "early") setTimeout(() => child.stdin.end("late"), 50);
    });
    child.stderr.setEncoding("utf8").on("data", (text) => (said += text));
    child.stdin.on("error", () => {});
    child.stdin.write("early");
    const [code] = await once(child, "close");
    t.deepEqual([code, out], [0, "earlylate"], said);
  });
}

test("a promise of run that is still open when the process ends does not keep it from ending well", (t) => {
  const script = `import { run } from "@cwasm/wasmtime"; run($(file), { precompiled: true }); setTimeout(() => process.exit(3), 50);`;
  t.is(node(script, { values: { file: artifact(spin(0)) } }).status, 3);
});
