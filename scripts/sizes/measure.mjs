// One row of the tables: builds an addon and measures it.

import { copyFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { inRoot, node, npm, output, run, say } from "../commands.mjs";
import { staged } from "../stage.mjs";
import { noLocations, rustFromSource, rustflags } from "../toolchain.mjs";
import { variants } from "../variants.mjs";

const made = inRoot("target", "sizes");
/** Processes that load it, one after the other. */
const loads = 25;

/** The row with `bytes`, `gzip` and `tarball` in bytes, `load` in ms and `resident` in bytes. */
export function measure(row, triple) {
  say(`${row.name}…`);
  const addon = row.variant ? asPublished(row.variant) : build(row, triple);
  const bytes = statSync(addon).size;
  const gzip = gzipSync(readFileSync(addon), { level: 9 }).length;
  const figures = { bytes, gzip, tarball: tarball(addon), ...loaded(addon) };
  console.log(`${bytes} bytes, gzip ${gzip}, tarball ${figures.tarball}, loads in ${figures.load.toFixed(2)} ms, resident ${figures.resident}`);
  return { ...row, ...figures };
}

/** Where the build puts it, from what it is made of now. */
function asPublished(variant) {
  node(["scripts/build.mjs", variant]);
  const folder = inRoot(variants[variant].platforms);
  return join(folder, readdirSync(folder, { recursive: true }).find((name) => name.endsWith(".node")));
}

/** The addon of a row, which the next one replaces. */
export function build({ features, settings = {}, profile = "release", locations = true, std }, triple) {
  const { cargo, flags, env, ...rust } = std ? rustFromSource(std) : { cargo: "cargo", flags: [], env: {}, rustflags: [] };
  const wishes = [...rust.rustflags, ...(locations ? [] : [noLocations])];
  const config = wishes.length > 0 ? rustflags(wishes) : [];
  const profiled = Object.entries(settings).map(([name, value]) => [`CARGO_PROFILE_${profile.toUpperCase()}_${name}`, value]);
  const options = ["--package", "cwasm-node-api", "--locked", "--target", triple, "--target-dir", made, "--profile", profile];
  run(cargo, ["build", "--quiet", ...options, ...features, ...flags, ...config], {
    // The options with -Z are of nightly Rust, which this makes a stable one be.
    env: { ...process.env, ...(wishes.length > 0 && { RUSTC_BOOTSTRAP: "1" }), ...env, ...Object.fromEntries(profiled), CWASM_VARIANT_NAME: "sizes" },
  });
  const folder = join(made, triple, profile);
  const library = readdirSync(folder).find((name) => /^(lib)?cwasm_node_api\.(so|dylib|dll)$/.test(name));
  const addon = join(made, "measured.node");
  rmSync(addon, { force: true });
  copyFileSync(join(folder, library), addon);
  return addon;
}

/** As the package of a platform has it. */
function tarball(addon) {
  const stage = mkdtempSync(join(tmpdir(), "cwasm-size-"));
  const main = "cwasm.node";
  staged(stage, { name: "cwasm-measured", version: "1.0.0", main, files: [main] });
  copyFileSync(addon, join(stage, main));
  const [{ size }] = JSON.parse(output(...npm(["pack", stage, "--dry-run", "--json", "--loglevel=error"])));
  rmSync(stage, { recursive: true });
  return size;
}

/** Medians over processes of their own: how long the system takes to load and start it, and how much more memory is resident then. */
function loaded(addon) {
  const code = `
    const module = { exports: {} };
    const before = process.memoryUsage.rss();
    const start = process.hrtime.bigint();
    process.dlopen(module, ${JSON.stringify(addon)});
    const load = Number(process.hrtime.bigint() - start) / 1e6;
    if (typeof module.exports.Engine !== "function") throw new Error("no Engine in it");
    console.log(JSON.stringify({ load, resident: process.memoryUsage.rss() - before }));`;
  const runs = Array.from({ length: loads }, () => JSON.parse(output(process.execPath, ["-e", code])));
  const median = (key) => runs.map((one) => one[key]).sort((a, b) => a - b)[loads >> 1];
  return { load: median("load"), resident: median("resident") };
}
