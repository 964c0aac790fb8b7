// npm run check: all that CI asks for. The last line is `N passed, N failed`.

import { spawnSync } from "node:child_process";
import { node, root, say } from "./commands.mjs";
import { crateFeatures, only, variants } from "./variants.mjs";

say("Checking the Rust…");
cargo("fmt", "--all", "--check");
cargo("lint");
// The lints of the other builds: min, none of the features, and each alone. Each has other files, and other dead code.
const builds = [variants.min.features, only([]), ...Object.keys(crateFeatures()).map((feature) => only([feature]))];
for (const features of builds) {
  console.log(`cargo clippy ${features.join(" ")}`);
  cargo("clippy", "--quiet", "--package", "cwasm-node-api", ...features, "--", "-D", "warnings");
}

// The workspace beside this one.
const apart = ["--manifest-path", "crates/min-platform/Cargo.toml"];
cargo("fmt", ...apart, "--all", "--check");
cargo("clippy", ...apart, "--target-dir", "target/min-platform", "--workspace", "--locked", "--", "-D", "warnings");

node(["scripts/test.mjs"]);

function cargo(...args) {
  const { status } = spawnSync("cargo", args, { cwd: root, stdio: "inherit" });
  if (status === 0) return;
  console.log(`\nfailed: cargo ${args.join(" ")}\n\n0 passed, 1 failed`);
  process.exit(1);
}
