// The two builds of the one addon crate. What each feature brings and costs stands in crates/node-api/Cargo.toml.

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
