// cwasm features

import { features as present, variant, version, wasmtimeVersion } from "../index.js";
import { featureTable } from "../lib/features.js";
import type { Command } from "./cwasm.js";
import { readFlags } from "./flags.js";

const help = `cwasm features [--json]: what this build can do.`;

function main(args: string[]): number {
  let json = false;
  let short = false;
  readFlags(args, { "--json": () => void (json = true), "--version": () => void (short = true) });
  if (short) {
    console.log(`cwasm ${version} (${variant}, Wasmtime ${wasmtimeVersion})`);
  } else if (json) {
    console.log(JSON.stringify({ version, wasmtimeVersion, variant, features: [...present] }));
  } else {
    console.log(`cwasm ${version} (${variant}, Wasmtime ${wasmtimeVersion})`);
    for (const name of Object.keys(featureTable)) console.log(`  ${present.has(name as never) ? "yes" : "no "}  ${name}`);
  }
  return 0;
}

export const features: Command = { help, main };
