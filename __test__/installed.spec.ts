// What a user gets: the packed package of the variant under test, installed with no network into a folder of its own.

import test from "ava";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { platforms } from "../lib/platforms.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const variant = process.env["CWASM_VARIANT"] ?? "full";
const name = variant === "min" ? "@cwasm/wasmtime-min" : "@cwasm/wasmtime";
const folder = mkdtempSync(join(tmpdir(), "cwasm-installed-"));
const installed = join(folder, "node_modules", ...name.split("/"));
const write = (file: string, content: string) => writeFileSync(join(folder, file), content);

test.before("pack and install", async (t) => {
  t.timeout(120_000);
  const { npm } = (await import(new URL("../../scripts/commands.mjs", import.meta.url).href)) as {
    npm(args: string[]): [string, string[]];
  };
  const packed = run(process.execPath, [join(root, "scripts", "pack.mjs"), join(folder, "packages")]);
  t.is(packed.status, 0, packed.stderr);
  const tarballs = readdirSync(join(folder, "packages")).filter(
    (file) => file.startsWith("cwasm-wasmtime-min-") === (variant === "min"),
  );
  write("package.json", '{ "private": true }');
  const install = run(
    ...npm([
      "install",
      "--offline",
      "--no-audit",
      "--no-fund",
      ...tarballs.map((file) => join(folder, "packages", file)),
    ]),
  );
  t.is(install.status, 0, install.stderr);
});

test.after.always("remove it", () => rmSync(folder, { recursive: true, force: true }));

test("the manifest names every platform package at its own version, and nothing of the checkout", (t) => {
  const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
  t.deepEqual(
    manifest.optionalDependencies,
    Object.fromEntries(platforms.map((platform) => [`${name}-${platform}`, manifest.version])),
  );
  for (const field of ["dependencies", "devDependencies", "scripts", "napi", "ava", "overrides"])
    t.is(manifest[field], undefined, field);
});

test("only what runs is packed", (t) => {
  t.deepEqual(readdirSync(join(installed, "dist")).sort(), ["cli", "index.d.ts", "index.js", "lib"]);
  for (const file of ["LICENSE", "dist/lib/binding.d.ts", "dist/lib/node-wasi.js", "dist/lib/node-wasi.d.ts", "dist/cli/cwasm.js"])
    t.true(existsSync(join(installed, file)), file);
});

test("import finds the package's own variant", (t) => {
  write("esm.mjs", `import { variant } from "${name}"; console.log(variant);`);
  t.is(run(process.execPath, ["esm.mjs"]).stdout.trim(), variant);
});

test("node-wasi is found too, and its types", (t) => {
  write("wasi.mts", `import { WASI, type WASIOptions } from "${name}/node-wasi";
    const options: WASIOptions = { version: "preview1" };
    const code: number = new WASI(options).start({ exports: {} });
    // @ts-expect-error
    new WASI({ version: 1 });
    console.log(code);`);
  write("wasi.json", JSON.stringify({ compilerOptions: { module: "nodenext", target: "es2022", strict: true, noEmit: true, lib: ["es2023", "esnext.disposable"], types: ["node"], typeRoots: [join(root, "node_modules", "@types")] }, files: ["wasi.mts"] }));
  const { status, stdout } = run(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "--project", "wasi.json"]);
  t.is(status, 0, stdout);
  write("wasi.cjs", `const { WASI } = require("${name}/node-wasi"); console.log(new WASI({ version: "preview1" }).getImportObject().wasi_snapshot_preview1 !== undefined);`);
  const ran = run(process.execPath, ["--no-warnings", "wasi.cjs"]);
  t.is(ran.stdout.trim(), "true", ran.stderr);
});

test("require() works from CommonJS", (t) => {
  write("cjs.cjs", `const { variant } = require("${name}"); console.log(variant);`);
  const { stdout, stderr } = run(process.execPath, ["--no-warnings", "cjs.cjs"]);
  t.is(stdout.trim(), variant, stderr);
});

// A wrong type has to be an error: types that are not found are `any`, and fit everywhere.
const use = `export const text: string = version;\n// @ts-expect-error\nexport const number: number = version;\n`;
const named = `import { version } from "${name}";\n${use}`;
const required = `import wasmtime = require("${name}");\nconst { version } = wasmtime;\n${use}`;
const resolutions: [resolution: string, module: string, file: string, source: string][] = [
  ["node16", "node16", "node16.mts", named],
  ["nodenext", "nodenext", "nodenext.mts", named],
  ["nodenext", "nodenext", "nodenext.cts", required],
  ["bundler", "esnext", "bundler.ts", named],
];
for (const [resolution, module, file, source] of resolutions) {
  test(`the types are found under ${resolution}, in ${file}`, (t) => {
    write(file, source);
    const options = {
      module,
      moduleResolution: resolution,
      target: "es2022",
      strict: true,
      noEmit: true,
      lib: ["es2023", "esnext.disposable"],
    };
    const reachable = { types: ["node"], typeRoots: [join(root, "node_modules", "@types")] };
    write(`${file}.json`, JSON.stringify({ compilerOptions: { ...options, ...reachable }, files: [file] }));
    const { status, stdout } = run(process.execPath, [
      join(root, "node_modules", "typescript", "bin", "tsc"),
      "--project",
      `${file}.json`,
    ]);
    t.is(status, 0, stdout);
  });
}

function run(command: string, args: string[]) {
  const { CWASM_VARIANT, CWASM_NATIVE_PATH, ...env } = process.env;
  return spawnSync(command, args, { cwd: folder, env, encoding: "utf8" });
}
