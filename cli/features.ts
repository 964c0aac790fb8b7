// cwasm features

import { features as present, variant, version, wasmtimeVersion } from "../index.js";
import { featureTable } from "../lib/features.js";
import { type Command, UsageError } from "./flags.js";

interface Wishes {
  json?: true;
}

export const versionText = `cwasm ${version} (${variant}, Wasmtime ${wasmtimeVersion})`;

export const features: Command<Wishes> = {
  name: "features",
  usage: "[--json]",
  about: "what this build can do",
  flags: [{ names: "--json", help: "print it as JSON", read: (wishes) => void (wishes.json = true) }],
  begin: () => ({}),
  main({ json }, [word]) {
    if (word !== undefined) throw new UsageError(`features takes no FILE; what is '${word}'?`);
    if (json) {
      console.log(JSON.stringify({ version, wasmtimeVersion, variant, features: [...present] }));
      return 0;
    }
    console.log(versionText);
    for (const name of Object.keys(featureTable)) console.log(`  ${present.has(name as never) ? "yes" : "no "}  ${name}`);
    return 0;
  },
};
