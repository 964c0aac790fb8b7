// npm run sizes [-- ROW…]: how large the addon is, and why: the recipe for a small build step by step, what each feature costs on top of
// the smallest, and what is published. Writes the tables and the chart of docs/size.md; of rows that are named, by a part of their
// title, it only prints the tables.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { hostTriple } from "./build.mjs";
import { fail, inRoot, output, say } from "./commands.mjs";
import { install } from "./install.mjs";
import { chart } from "./sizes/chart.mjs";
import { contents } from "./sizes/contents.mjs";
import { build, measure } from "./sizes/measure.mjs";
import { markdown } from "./sizes/table.mjs";
import { rustFromSource, sourceHint } from "./toolchain.mjs";
import { only, variants } from "./variants.mjs";

/** What cargo does where a manifest says nothing; then one change a row, each on top of those before it. */
const plain = { OPT_LEVEL: "3", LTO: "false", CODEGEN_UNITS: "16", STRIP: "none", PANIC: "unwind" };
const recipe = cumulative([
  { name: "all features, as cargo builds for release", features: [], settings: plain },
  { name: "no features", features: only([]) },
  { name: '`opt-level = "s"`', settings: { OPT_LEVEL: "s" } },
  { name: '`lto = "fat"`', settings: { LTO: "fat" } },
  { name: "`codegen-units = 1`", settings: { CODEGEN_UNITS: "1" } },
  { name: "`strip = true`", settings: { STRIP: "symbols" } },
  { name: '`panic = "abort"`', settings: { PANIC: "abort" } },
  { name: "`-Zlocation-detail=none`", locations: false },
  { name: "Rust's standard library rebuilt for size", std: "std,panic_abort" },
]);

const words = process.argv.slice(2);
const chosen = ({ name }) => words.length === 0 || words.some((word) => name.includes(word));
const triple = hostTriple();
const hasSource = rustFromSource("std") !== undefined;
// Of what is committed; what is not makes a difference each time.
const inputs = ["crates/node-api", ".cargo", "Cargo.toml", "Cargo.lock", "scripts/sizes/measure.mjs"];
const changed = output("git", ["status", "--porcelain", "--", ...inputs]) === "" ? "" : Date.now();
const sources = [output("git", ["rev-parse", ...inputs.map((path) => `HEAD:${path}`)]), changed, output("rustc", ["-vV"]), process.version].join("\n");
install();
say("Building in target/sizes (half an hour the first time on two cores)…");
const steps = measured(recipe);
// Without the standard library's source the last step is left out, here and below.
const smallest = recipe.at(hasSource ? -1 : -2);
const costs = measured([{ ...smallest, name: "none" }, ...alone()]);
const builds = measured(published());
const tables = { steps: markdown("", steps), features: markdown("feature", costs), builds: markdown("build", builds), contents: contentsOfMin() };
if (words.length === 0) write();
else for (const table of Object.values(tables).filter((one) => one !== "")) console.log(`\n${table}`);

function cumulative(rows) {
  const all = [];
  for (const row of rows) {
    const before = all.at(-1) ?? {};
    all.push({ ...before, ...row, settings: { ...before.settings, ...row.settings } });
  }
  return all;
}

function measured(rows) {
  return rows.filter(chosen).flatMap((row) => {
    if (!row.std || hasSource) return kept(row, () => measure(row, triple));
    say(`${row.name}: left out, as here is no source of Rust's standard library (${sourceHint})`);
    return [];
  });
}

/** What was measured of the same sources by the same compilers before, so that a run which was ended goes on where it was. */
function kept(row, make) {
  const file = inRoot("target", "sizes", "rows.json");
  const rows = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
  const key = JSON.stringify([sources, row]);
  if (rows[key] === undefined) writeFileSync(file, JSON.stringify({ ...rows, [key]: make() }));
  return JSON.parse(readFileSync(file, "utf8"))[key];
}

/** The smallest build with one feature of min each. */
function alone() {
  return listed(variants.min).map((feature) => ({ ...smallest, name: `\`${feature}\``, features: only([feature]) }));
}

/** With `--rebuild-std`, too. */
function published() {
  const small = { profile: "min", features: variants.min.features };
  const withoutWasi = { profile: "min", features: only(listed(variants.min).filter((feature) => feature !== "wasi")) };
  const rebuilt = { std: "std,panic_unwind", locations: false };
  return [
    { name: "`@cwasm/wasmtime`", variant: "full" },
    { name: "`@cwasm/wasmtime-min`", variant: "min" },
    { name: "min, and the standard library rebuilt", ...small, ...rebuilt },
    { name: "min without `wasi`", ...withoutWasi },
    { name: "min without `wasi`, and the standard library rebuilt", ...withoutWasi, ...rebuilt },
  ];
}

function listed({ features }) {
  return features.at(-1).split(",");
}

function contentsOfMin() {
  const row = { name: "what min consists of", profile: "min", features: variants.min.features, settings: { STRIP: "none" } };
  if (!chosen(row)) return "";
  say(`${row.name}…`);
  return contents(build(row, triple));
}

function write() {
  const file = inRoot("docs", "size.md");
  let text = readFileSync(file, "utf8");
  const commit = output("git", ["describe", "--always", "--dirty"]).trim();
  const [rustc] = output("rustc", ["--version"]).split(" (");
  const source = hasSource ? `, the rows with a rebuilt standard library by ${rustFromSource("std").version}` : "";
  const made = `Made by \`npm run sizes\` of commit ${commit}, ${triple}, ${rustc}${source}, Node ${process.version}.`;
  for (const [name, content] of Object.entries({ ...tables, made })) {
    const place = new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- /${name} -->)`);
    if (!place.test(text)) fail(`docs/size.md has no place for ${name}: <!-- ${name} --> and <!-- /${name} -->`);
    text = text.replace(place, (_, start, end) => `${start}${content}\n${end}`);
  }
  writeFileSync(file, text);
  writeFileSync(inRoot("docs", "size.svg"), chart([...steps, ...builds]));
  say("docs/size.md and docs/size.svg are up to date.");
}
