// What the `wasmtime run` of Wasmtime 48 takes and `cwasm run` does not, so that it can be told from a slip of the pen: by flag or key,
// with what to do instead if there is something.

import { alwaysOn } from "./flags.js";

type Hints = Readonly<Record<string, string>>;
const none = (keys: string): Hints => Object.fromEntries(keys.trim().split(/\s+/).map((key) => [key, ""]));
const all = (keys: string, hint: string): Hints => Object.fromEntries(keys.trim().split(/\s+/).map((key) => [key, hint]));

const components = "it runs core modules, components not yet";
const pooled = "a command has one instance: a pool is for programs that make many (Config.pooling)";
const memory = "how memories lie is the profile's: see --profile small-address-space";
const debugging = "to see more of a trap, --profile debug compiles with debug information";

export const flags: Hints = {
  ...all("-g --gdbstub -D --debug", debugging),
  ...none("--config -R --record"),
  "--target": "it runs this machine's code; cwasm compile --target makes artifacts for others",
};

export const optimize: Hints = {
  ...all(
    `memory-may-move memory-reservation memory-reservation-for-growth memory-guard-size guard-before-linear-memory
    dynamic-memory-guard-size static-memory-guard-size static-memory-forced static-memory-maximum-size
    dynamic-memory-reserved-for-growth`,
    memory,
  ),
  ...all(
    `pooling-allocator pooling-decommit-batch-size pooling-memory-keep-resident pooling-table-keep-resident
    pooling-memory-protection-keys pooling-max-memory-protection-keys pooling-total-core-instances
    pooling-total-component-instances pooling-total-memories pooling-total-tables pooling-total-stacks pooling-max-memory-size
    pooling-table-elements pooling-max-core-instance-size pooling-max-unused-warm-slots pooling-async-stack-keep-resident
    pooling-max-component-instance-size pooling-max-core-instances-per-component pooling-max-memories-per-component
    pooling-max-tables-per-component pooling-max-tables-per-module pooling-max-memories-per-module pooling-total-gc-heaps
    pooling-pagemap-scan`,
    pooled,
  ),
  "signals-based-traps": "say --profile no-signals",
  ...none(`regalloc-algorithm gc-heap-may-move gc-heap-reservation gc-heap-reservation-for-growth gc-heap-guard-size gc-heap-initial-size
    table-lazy-init memory-init-cow memory-guaranteed-dense-image-size`),
};

export const codegen: Hints = none(`compiler collector cranelift-debug-verifier cache-config native-unwind-info inlining
  metadata-for-internal-asserts metadata-for-gc-heap-corruption`);

export const wasm: Hints = {
  "epoch-interruption": "say --profile sandbox; timeout needs none, as guests have checks of their own",
  ...all("relaxed-simd-deterministic", "say --profile deterministic"),
  ...all(
    `all-proposals bulk-memory multi-memory multi-value reference-types simd relaxed-simd tail-call threads shared-memory memory64
    function-references gc custom-page-sizes wide-arithmetic extended-const exceptions gc-support`,
    alwaysOn,
  ),
  ...all(
    `component-model component-model-async component-model-more-async-builtins component-model-async-stackful component-model-threading
    component-model-error-context component-model-gc component-model-map component-model-memory64 component-model-fixed-length-lists
    component-model-implements`,
    components,
  ),
  ...none(`async-stack-size async-stack-zeroing unknown-exports-allow unknown-imports-default wmemcheck shared-everything-threads
    stack-switching branch-hinting concurrency-support`),
};

export const wasi: Hints = {
  common: "say -S cli",
  preview0: "guests of preview 0 are known by their imports",
  ...all(
    `cli-exit-with-code http http-outgoing-body-buffer-chunks http-outgoing-body-chunk-size config config-var keyvalue
    keyvalue-in-memory-data tls network-error-code max-http-fields-size max-component-handles max-resources p3 cwd`,
    components,
  ),
  ...none(`nn nn-graph threads listenfd tcplisten preview2 inherit-network allow-ip-name-lookup tcp udp hostcall-fuel
    max-random-size`),
};
