// Runs where nothing but @cwasm/wasmtime-min is installed: bundles ./project with esbuild.cwasm.
const start = performance.now();
const { run } = await import("@cwasm/wasmtime-min");
const { exitCode, stdout } = await run("esbuild.cwasm", {
  precompiled: true,
  args: ["--bundle", "main.ts"],
  dirs: { "/": "project" },
  stdout: "capture",
});
const ms = performance.now() - start;
console.log(JSON.stringify({ ms, exitCode, bundle: stdout.toString() }));
