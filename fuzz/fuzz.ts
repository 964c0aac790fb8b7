// Runs cases on the builds, in batches, and on each core one. What full has compiled of a batch is what min runs.

import { mkdirSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type Outcome, type Variant, runAlone, runBatch } from "./child.js";
import type { Batch } from "./kind.js";
import { type KindName, folder, kinds } from "./kinds.js";

export interface Order {
  variants: Variant[];
  /** None: all. */
  kinds: string[];
  /** How many on each build, over all kinds. */
  cases: number;
  /** Or just these of each kind: the number of the first, and of the one behind the last. They run in one process. */
  only?: { from: number; to: number };
  seed: number;
}

/** A kind on a build. */
interface Tally {
  cases: number;
  failures: number;
  inconclusive: Map<string, number>;
  ms: number;
}

/** As many as are done in some seconds. */
const batchSize = 256;
/** More of one kind on one build are counted, and not looked into. */
const shownFailures = 20;

/** Runs them, and prints what fails and how many there were. A kind on a build counts as one. */
export async function runFuzz(order: Order): Promise<{ passed: number; failed: number }> {
  const start = performance.now();
  const tallies = new Map<string, Tally>();
  const batches = batchesOf(order);
  for (const name of ["artifacts", "failures"]) mkdirSync(join(folder, name), { recursive: true });
  const lane = async () => {
    for (let batch; (batch = batches.shift());) await runOn(batch);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));

  async function runOn(batch: Batch): Promise<void> {
    rmSync(batch.artifacts, { force: true });
    for (const variant of ["full", "min"] as const) {
      const wanted = order.variants.includes(variant);
      // Also for min alone full has to compile.
      if (!wanted && !(variant === "full" && kinds[batch.kind]!.compiles)) continue;
      const begun = performance.now();
      const outcome = await runBatch(variant, batch);
      if (wanted) await note(variant, batch, outcome, performance.now() - begun);
    }
    rmSync(batch.artifacts, { force: true });
  }

  async function note(variant: Variant, batch: Batch, { failures, inconclusive }: Outcome, ms: number): Promise<void> {
    const key = `${variant} ${batch.kind}`;
    const tally = tallies.get(key) ?? { cases: 0, failures: 0, inconclusive: new Map(), ms: 0 };
    tallies.set(key, tally);
    tally.cases += batch.to - batch.from;
    tally.ms += ms;
    for (const [why, count] of inconclusive) tally.inconclusive.set(why, (tally.inconclusive.get(why) ?? 0) + count);
    for (const { number, wrong } of failures) {
      if (tally.failures++ >= shownFailures) continue;
      const save = join(folder, "failures", `${batch.kind}-${batch.seed}-${number}`);
      const alone = await runAlone(variant, batch, number, save);
      const which = alone ? `--case=${number}` : `--case=${batch.from}-${number}`;
      const remark = alone ? "" : "\n    not when it is run alone: it takes what was before it";
      console.log(`✘ ${variant} ${batch.kind} ${number}: ${wrong}${remark}`);
      console.log(`    npm run fuzz -- ${batch.kind} --seed=${batch.seed} ${which} --variant=${variant}\n    its input: ${save}`);
    }
  }

  return summary(order.variants, tallies, performance.now() - start);
}

function batchesOf({ kinds: names, cases, only, seed }: Order): Batch[] {
  const wanted = (Object.keys(kinds) as KindName[]).filter((name) => names.length === 0 || names.includes(name));
  const whole = wanted.reduce((sum, name) => sum + kinds[name].share, 0);
  const batches = wanted.flatMap((kind) => {
    const artifacts = (from: number) => join(folder, "artifacts", `${kind}-${seed}-${from}`);
    const batch = (from: number, to: number): Batch => ({ kind, seed, from, to, artifacts: artifacts(from) });
    if (only) return [batch(only.from, only.to)];
    const end = Math.ceil((cases * kinds[kind].share) / whole);
    const count = Math.ceil(end / batchSize);
    return Array.from({ length: count }, (_, i) => batch(i * batchSize, Math.min((i + 1) * batchSize, end)));
  });
  // From all kinds at once, so that what ends early has seen something of each.
  return batches.sort((a, b) => a.from - b.from);
}

function summary(variants: Variant[], tallies: Map<string, Tally>, ms: number): { passed: number; failed: number } {
  const count = (number: number) => number.toLocaleString("en");
  for (const [key, { cases, failures, inconclusive, ms }] of [...tallies].sort()) {
    const each = `${(ms / cases).toFixed(2).padStart(6)} ms each`;
    console.log(`${key.padEnd(18)} ${count(cases).padStart(9)} cases, ${each}, ${count(failures)} failures`);
    for (const [why, times] of inconclusive) console.log(`${" ".repeat(19)}${count(times).padStart(9)} inconclusive: ${why}`);
  }
  const all = [...tallies.values()];
  const cases = variants.map((variant) => {
    const mine = [...tallies].filter(([key]) => key.startsWith(variant));
    return `${count(mine.reduce((sum, [, tally]) => sum + tally.cases, 0))}${variant === variants[0] ? " cases" : ""} on ${variant}`;
  });
  const failures = all.reduce((sum, tally) => sum + tally.failures, 0);
  const inconclusive = all.flatMap((tally) => [...tally.inconclusive.values()]).reduce((sum, times) => sum + times, 0);
  console.log(`fuzz: ${cases.join(", ")}, ${count(failures)} failures, ${count(inconclusive)} inconclusive, ${Math.round(ms / 1000)} s`);
  const failed = all.filter((tally) => tally.failures > 0).length;
  return { passed: all.length - failed, failed };
}
