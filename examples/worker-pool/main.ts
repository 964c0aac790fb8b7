// Guests on all cores, beside the event loop: pool.ts is the recipe.
//   npx cwasm compile examples/worker-pool/gap.wat --profile sandbox    with the full package, in CI
//   node dist/examples/worker-pool/main.js gap.cwasm                    with either
// prints: gap(10) = 2
// prints: gap(1000) = 5
// prints: gap(0): Trap integerDivisionByZero
// prints: gap(4000000000): DeadlineError interrupt
// prints: gap(20000) = 8

import { availableParallelism } from "node:os";
import { Engine, Module } from "@cwasm/wasmtime";
import { Pool } from "./pool.js";

const engine = new Engine({ profile: "sandbox" });
const pool = new Pool(Module.deserializeFile(engine, process.argv[2]!), availableParallelism());
const lines = [10, 1000, 0, 4_000_000_000, 20_000].map(async (n) => {
  try {
    return `gap(${n}) = ${await pool.call("gap", n)}`;
  } catch (error) {
    const { name, trapCode } = error as Error & { trapCode?: string };
    return `gap(${n}): ${name} ${trapCode}`;
  }
});
for (const line of await Promise.all(lines)) console.log(line);
await pool.close();
