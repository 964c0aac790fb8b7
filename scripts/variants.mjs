// The two builds of the one addon crate, and those that anybody else may want. What each feature brings and costs stands in crates/node-api/Cargo.toml.

import { output } from "./commands.mjs";

export const variants = {
  full: {
    package: "@cwasm/wasmtime",
    manifest: "package.json",
    platforms: "npm/wasmtime",
    profile: ["--release"],
    features: [],
    firstBuild: "about 5 minutes the first time",
  },
  min: {
    package: "@cwasm/wasmtime-min",
    manifest: "npm/wasmtime-min/package.json",
    platforms: "npm/wasmtime-min",
    profile: ["--profile", "min"],
    features: ["--no-default-features", "--features", "async,gc,pooling-allocator,pulley,threads,wasi"],
    firstBuild: "about 3 minutes the first time",
  },
};

/** What the crate can be built with, and what each of them brings, as its manifest has it. `default` and `full` are sets of these. */
export function crateFeatures() {
  const { packages } = JSON.parse(output("cargo", ["metadata", "--no-deps", "--format-version", "1", "--locked"]));
  const { default: _, full, ...features } = packages.find(({ name }) => name === "cwasm-node-api").features;
  return features;
}

/** A build with these features alone. */
export const only = (features) => ["--no-default-features", ...(features.length > 0 ? ["--features", features.join(",")] : [])];

/** A build of one's own, as an entry of the table above: `name` is `edge`, or `@acme/edge`. */
export function custom(name, features, profile) {
  const variant = name.split("/").at(-1);
  return {
    variant,
    package: name.startsWith("@") ? name : `@cwasm/wasmtime-${name}`,
    manifest: `target/custom/${variant}/package.json`,
    platforms: `target/custom/${variant}`,
    profile: profile === "release" ? ["--release"] : ["--profile", profile],
    features: only(features),
    firstBuild: "minutes the first time",
  };
}
