// What a build can do, what it says of what it can't, and that everything public is documented.

import test from "ava";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import * as api from "../index.js";
import { type FeatureName, featureTable } from "../lib/features.js";
import { native } from "../lib/native.js";
import { packages } from "../lib/platforms.js";
import { isUnavailable, root, thrown } from "./helper.js";

const { features, requireFeature, variant, version, wasmtimeVersion } = api;
const names = Object.keys(featureTable) as FeatureName[];

test("a build says what it is", (t) => {
  t.is(variant, process.env["CWASM_VARIANT"] ?? "full");
  t.is(version, JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version);
  t.regex(wasmtimeVersion, /^\d+\.\d+\.\d+$/);
  t.is(version.split(".")[0], wasmtimeVersion.split(".")[0], "the major is Wasmtime's");
  t.true(readFileSync(join(root, "Cargo.lock"), "utf8").includes(`name = "wasmtime"\nversion = "${wasmtimeVersion}"`));
});

test("features are names of the table: all of them in full, no compiler in min, what was asked for in a custom build", (t) => {
  for (const feature of features) t.true(names.includes(feature), feature);
  if (variant === "full") t.deepEqual([...features].sort(), [...names].sort());
  if (!Object.hasOwn(packages, variant)) {
    const { cwasm } = JSON.parse(readFileSync(join(root, "target", "custom", variant, "package.json"), "utf8"));
    t.deepEqual({ variant, features: [...features].sort() }, cwasm);
  }
  if (variant === "min") {
    for (const feature of ["cranelift", "wat", "cache"] as const) t.false(features.has(feature), feature);
    for (const feature of ["gc", "async", "threads", "pooling-allocator", "wasi"] as const) t.true(features.has(feature), feature);
  }
});

for (const feature of names) {
  test(`requireFeature('${feature}') passes where it is there, and else says what to do`, (t) => {
    if (features.has(feature)) t.is(requireFeature(feature), undefined);
    else
      isUnavailable(
        t,
        feature,
        thrown(() => requireFeature(feature)),
      );
  });
}

for (const feature of names.filter((each) => featureTable[each].names.length > 0)) {
  test(`every name that '${feature}' brings is there: it works, or throws what says so`, async (t) => {
    for (const name of featureTable[feature].names as string[]) {
      const [, owner, separator, key] = /^(?:(\w+)([.#]))?(\w+)$/.exec(name)!;
      const place = owner === undefined ? native : separator === "#" ? (native as any)[owner].prototype : (native as any)[owner];
      const found = Object.getOwnPropertyDescriptor(place, key!)!;
      t.truthy(found, name);
      if (features.has(feature)) continue;
      isUnavailable(t, feature, await t.throwsAsync(async () => (found.get ?? found.value).call({})));
      t.false(found.enumerable);
    }
  });
}

test("requireFeature of a name that is no feature is an error", (t) => {
  t.throws(() => requireFeature("simd" as any));
});

test("absent features throw before anything else is looked at", async (t) => {
  for (const use of [(api.Module as any).compile, (api.Module as any).compileSync, (api.Module as any).validate]) {
    const error = await t.throwsAsync(async () => use(5, 5));
    if (features.has("cranelift")) t.true(error instanceof TypeError);
    else isUnavailable(t, "cranelift", error);
  }
});

const binding = readFileSync(join(root, "lib", "binding.d.ts"), "utf8");

test("binding.d.ts documents every public name", (t) => {
  const bare: string[] = [];
  let owner = "";
  let documented = false;
  let declarations = 0;
  for (const line of binding.split("\n")) {
    const declared = /^export (?:declare )?(?:class|interface|const|function|type) (\w+)/.exec(line);
    if (declared) owner = declared[1]!;
    // A setter is documented at its getter.
    const member = /^ {2}(?:static |get |readonly )*(\w+)\??[(:]/.exec(line);
    const name = declared ? owner : member && !line.startsWith("  set ") ? `${owner}.${member[1]}` : undefined;
    if (name) {
      declarations++;
      if (!documented) bare.push(name);
    }
    documented = / \*\/$|^ *\/\*\* .*\*\/$/.test(line);
  }
  t.deepEqual(bare, []);
  t.true(declarations > 100, String(declarations));
});

test("no comment of binding.d.ts shows Rust's own marks", (t) => {
  t.deepEqual(
    binding.split("\n").filter((line) => /r" |\[`|`\]/.test(line)),
    [],
  );
});

test("the facade documents every public name", (t) => {
  const bare: string[] = [];
  for (const file of ["errors.ts", "types.ts", "run.ts", "load.ts"]) {
    const lines = readFileSync(join(root, "lib", file), "utf8").split("\n");
    for (const [i, line] of lines.entries()) {
      const name = /^export (?:async )?(?:class|interface|const|function|type) (\w+)/.exec(line)?.[1];
      if (!name || !(name in api || /^(interface|type)/.test(line.slice(7))) || name === "native") continue;
      if (!/\*\/$/.test(lines[i - 1]!)) bare.push(`${file}: ${name}`);
    }
  }
  t.deepEqual(bare, []);
});

test("every class that native code has is public, and every name of the table is documented", (t) => {
  for (const name of ["Engine", "Func", "Global", "Instance", "InstancePre", "Linker", "Memory", "Module", "Store", "Table"]) {
    t.is((api as any)[name].prototype, (native as any)[name].prototype, name);
    t.regex(binding, new RegExp(`^export declare class ${name} `, "m"));
  }
  for (const { names } of Object.values(featureTable)) {
    for (const name of names as string[]) {
      const [owner, , key] = name.split(/([.#])/);
      if (key) t.regex(binding.split(`class ${owner} {`)[1]!.split("\n}")[0]!, new RegExp(`^ {2}(static |get )?${key}\\b`, "m"), name);
    }
  }
});

test("each file of the tests is of one concept, and none is left out on purpose", (t) => {
  const specs = readdirSync(join(root, "__test__")).filter((name) => name.endsWith(".spec.ts"));
  const marks = new RegExp(["skip", "only", "failing", "todo"].map((mark) => `test(\\.\\w+)*\\.${mark}\\(`).join("|"));
  for (const name of specs) t.notRegex(readFileSync(join(root, "__test__", name), "utf8"), marks, name);
});
