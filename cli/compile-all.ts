// Many modules for many machines: what `cwasm compile -o DIR/` does.

import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Engine, type Manifest, inspect } from "../index.js";
import type { Wishes } from "./compile.js";
import { UsageError } from "./flags.js";
import { glob } from "./glob.js";
import { source } from "./load.js";
import { replaceAll } from "./replace.js";
import { report } from "./report.js";
import { signed } from "./sign.js";

interface Job {
  /** The path of the wasm from where its pattern begins: its name. */
  name: string;
  path: string;
  target: string;
}

/** Compiles them, and writes nothing unless all can be. Returns the exit status. */
export async function compileAll(patterns: string[], output: string, { config, targets, options, key }: Wishes): Promise<number> {
  const engine = new Engine(config);
  const wanted = targets.length > 0 ? [...new Set(targets)] : [engine.target];
  const jobs = jobsOf(patterns, wanted);
  const secret = key === undefined ? undefined : readFileSync(key);
  const written: [path: string, bytes: Uint8Array | string][] = [];
  const modules: Manifest["modules"] = Object.create(null);
  const manifest: Manifest = { format: 1, modules };
  const progress = new Progress(jobs.length);
  let status = 0;
  const compile = async ({ name, path, target }: Job) => {
    const artifact = await engine.precompile(source(readFileSync(path)), { ...options, target });
    const { sha256, bytes, wasm } = inspect(artifact);
    const file = `${stem(name)}.${target}.cwasm`;
    const { artifacts } = (modules[name] ??= { sha256: wasm!.sha256, artifacts: [] });
    artifacts.push({ target, profile: engine.profile, file, sha256, bytes });
    written.push([join(output, file), artifact]);
    if (secret) written.push([join(output, `${file}.sig`), signed(artifact, secret)]);
  };
  const work = async () => {
    for (let job = jobs.shift(); job; job = jobs.shift()) {
      try {
        await compile(job);
      } catch (error) {
        progress.clear();
        console.error(`cwasm: ${job.path} for ${job.target}:`);
        status = report(error);
      }
      progress.done(`${job.name} for ${job.target}`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  progress.clear();
  if (status !== 0) return status;
  const text = manifestText(manifest, wanted);
  written.push([join(output, "cwasm.json"), text]);
  if (secret) written.push([join(output, "cwasm.json.sig"), signed(Buffer.from(text), secret)]);
  replaceAll(written);
  return 0;
}

const stem = (name: string) => name.replace(/\.[^./]*$/, "");

function jobsOf(patterns: string[], targets: string[]): Job[] {
  const jobs = new Map<string, Job>();
  const add = (job: Job) => {
    const other = jobs.get(`${job.name} ${job.target}`);
    if (other && other.path !== job.path) throw new UsageError(`${other.path} and ${job.path} would both be '${job.name}': compile them from a folder of both`);
    jobs.set(`${job.name} ${job.target}`, job);
  };
  for (const pattern of patterns) {
    const { base, files } = glob(pattern);
    if (files.length === 0) throw new UsageError(`no file matches '${pattern}'`);
    for (const name of files) for (const target of targets) add({ name, path: join(base, name), target });
  }
  const outputs = new Map<string, string>();
  for (const { name } of jobs.values()) {
    const other = outputs.get(stem(name));
    if (other !== undefined && other !== name) throw new UsageError(`${other} and ${name} would have the same artifact`);
    outputs.set(stem(name), name);
  }
  return [...jobs.values()];
}

/** The same text for the same modules, in whatever order they were ready. */
function manifestText({ format, modules }: Manifest, targets: string[]): string {
  const sorted = Object.entries(modules).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [, { artifacts }] of sorted) artifacts.sort((a, b) => targets.indexOf(a.target) - targets.indexOf(b.target));
  return `${JSON.stringify({ format, modules: Object.fromEntries(sorted) }, null, 2)}\n`;
}

/** A bar on a terminal, a line for each elsewhere. */
class Progress {
  #done = 0;
  constructor(readonly total: number) {}
  done(what: string) {
    this.#done++;
    if (!process.stderr.isTTY) return void process.stderr.write(`[${this.#done}/${this.total}] ${what}\n`);
    const width = 24;
    const full = Math.round((width * this.#done) / this.total);
    const line = `[${"#".repeat(full)}${"-".repeat(width - full)}] ${this.#done}/${this.total} ${what}`;
    process.stderr.write(`\r\x1b[K${line.slice(0, (process.stderr.columns || 80) - 1)}`);
  }
  clear() {
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  }
}
